"""/var/runtime of the Java runtimes: AWS's runtime client, and our own small program around it, compiled once.

The folder is named after its content, so it is never changed. What a JVM shares of its classes between processes (its
class data archive) is made once for each JVM, and lies in a folder beside it.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import zipfile
from collections.abc import Sequence
from pathlib import Path

from wakeful import limits, names
from wakeful.environments.languages import java_client, native_library

SOURCE = Path(__file__).parents[1] / "bootstrap" / "java"

CELL_JAR = "wakeful-cell.jar"
LOG_JAR = "wakeful-log.jar"
"""Our place for the client's log, and by its manifest the client: all that the class path has to name."""


class NotCompiled(Exception):
    """What the compiler said."""


class RuntimeFolder:
    """Makes the folder when it is first asked for."""

    def __init__(self, cache: Path) -> None:
        self._cache = cache
        self._making = asyncio.Lock()

    async def path(self, client: Path, java: Path) -> Path:
        """The folder with this client. `java` runs the compiler where that is still to be done. Raises NotCompiled."""
        digest = hashlib.sha256(client.name.encode() + native_library.library())
        for source in (*_sources("cell"), *_sources("log"), Path(__file__)):
            digest.update(source.read_bytes())
        final = self._cache / f"java-{digest.hexdigest()[:16]}"
        async with self._making:
            if not final.exists():
                await self._make(final, client, java)
        return final

    async def _make(self, final: Path, client: Path, java: Path) -> None:
        """All or nothing."""
        beside = final.with_name(f"{final.name}.{names.new_token(4)}")
        try:
            shutil.copytree(client, beside / "lib", ignore=shutil.ignore_patterns(java_client.COMPILER.name))
            (beside / "lib" / "libwakeful-cell.so").write_bytes(native_library.library())
            await compile_java(java, client, _sources("cell"), beside / "cell")
            await compile_java(java, client, _sources("log"), beside / "log", "-cp", _class_path(client))
            _pack(beside / "cell", beside / "lib" / CELL_JAR)
            _pack(beside / "log", beside / "lib" / LOG_JAR)
            beside.rename(final)
        except OSError:
            if not final.exists():  # another node of the same machine may have been faster
                raise
        finally:
            shutil.rmtree(beside, ignore_errors=True)


def _sources(part: str) -> list[Path]:
    return sorted((SOURCE / part).rglob("*.java"))


def _class_path(client: Path) -> str:
    return os.pathsep.join(str(client / jar.name) for jar in java_client.JARS)


def _pack(folder: Path, jar: Path) -> None:
    """The classes are in the jar, and the folder is gone."""
    with zipfile.ZipFile(jar, "w") as archive:
        archive.writestr("META-INF/MANIFEST.MF", f"Manifest-Version: 1.0\nClass-Path: {java_client.CLIENT.name}\n")
        for path in sorted(folder.rglob("*.class")):
            archive.write(path, path.relative_to(folder))
    shutil.rmtree(folder)


async def compile_java(java: Path, client: Path, sources: Sequence[Path], folder: Path, *more: str) -> None:
    """Their classes are in the folder, for Java 11 and everything newer. Raises NotCompiled."""
    words = ["-11", "-proc:none", "-nowarn", "-encoding", "UTF-8", *more, "-d", str(folder)]
    compiler = str(client / java_client.COMPILER.name)
    said = await run([str(java), "-jar", compiler, *words, *map(str, sources)], limits.JAVA_COMPILE_S)
    if said is not None:
        raise NotCompiled(f"{java} could not compile {sources[0].name} and others: {said}")


async def run(command: Sequence[str], timeout_s: float) -> str | None:
    """None where it ended well; what it said where it did not."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={"PATH": os.defpath},
    )
    try:
        async with asyncio.timeout(timeout_s):
            said, _ = await process.communicate()
    except BaseException as error:
        process.kill()
        await process.wait()
        if isinstance(error, TimeoutError):
            return f"it was not done after {timeout_s:g} seconds"
        raise
    return None if process.returncode == 0 else said.decode(errors="replace").strip()
