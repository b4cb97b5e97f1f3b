"""Java functions for tests: compiled once, with the runtimes' client got once into a cache that outlives the tests."""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import os
import shutil
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

import pytest

from wakeful.environments.languages import java, java_client, java_folder
from wakeful.environments.languages.interpreters import discover
from wakeful.environments.languages.java_client import Jar
from wakeful.environments.runtimes import Runtimes

T = TypeVar("T")

HOOKS = Jar("org.crac", "crac", "1.4.0", "571d5b655c5a5a65129473d6d5a02ba101ec483665c7ac4a68a3f6a8c3d3564c")
"""The interface of SnapStart's hooks, which packages bring."""

EVENTS = Jar(
    "com.amazonaws",
    "aws-lambda-java-events",
    "3.16.1",
    "e090b3832e8b4decbde272b8b0e6dd248115fe20d05f17e00f32a00805892f05",
)
"""Classes of the events of AWS's services, which packages bring too."""

TIME = Jar("joda-time", "joda-time", "2.10.8", "da04572b431597f0a42e6a7f44973f2bdc975776c25ad3cdb2ba92d17c554a66")
"""What the classes of events want beside them."""

PACKAGED = (HOOKS, EVENTS, TIME)

SOURCES = Path(__file__).parent / "java"


def cache() -> Path:
    """Where what was got from the network stays."""
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "wakeful-tests"


def added() -> Path:
    """Where Runtimes with that cache look for the client."""
    return cache() / "added" / "java"


@lru_cache(1)
def _got() -> tuple[Path, Path] | str:
    """A JVM and the client's jars, or why there is none."""
    folder = cache()
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:  # several test processes begin at the same time
        fcntl.flock(lock, fcntl.LOCK_EX)
        found = asyncio.run(discover({"java": java.SEARCH}, folder))
        fit = [each for each in found if (each.version[0],) in java.RUNTIMES.values()]
        if not fit:
            return "NO JAVA WAS FOUND ON THIS MACHINE"
        try:
            client = asyncio.run(java_client.install(added()))
        except java_client.NotInstalled as error:
            return f"AWS'S RUNTIME CLIENT FOR JAVA COULD NOT BE HAD ({error})"
        return fit[0].path, client


def got() -> tuple[Path, Path]:
    """A JVM and the client's jars. Skips the test where there are none."""
    found = _in_thread(_got)
    if isinstance(found, str):
        pytest.skip(f"{found}: Java functions were not tried")
    return found


@lru_cache(1)
def classes() -> Path:
    """The folder with the compiled functions and a library beside them, as a deployment package has them."""
    found = got()
    return _in_thread(lambda: _compiled(*found))


def _compiled(jvm: Path, client: Path) -> Path:
    sources = sorted(SOURCES.glob("*.java"))
    digest = hashlib.sha256(b"".join(source.read_bytes() for source in (*sources, Path(__file__)))).hexdigest()[:16]
    final = cache() / f"functions-{digest}"
    with (cache() / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not final.exists():
            beside = final.with_name(f"{final.name}.new")
            shutil.rmtree(beside, ignore_errors=True)
            (beside / "lib").mkdir(parents=True)
            for jar in PACKAGED:
                (beside / "lib" / jar.name).write_bytes(java_client.fetch(jar, java_client.configured()))
            jars = [client / java_client.CORE.name, *(beside / "lib" / jar.name for jar in PACKAGED)]
            more = ("-cp", ":".join(map(str, jars)))
            asyncio.run(java_folder.compile_java(jvm, client, sources, beside, *more))
            (beside / "note.txt").write_text("beside the code")
            pack(beside / "library", beside / "lib" / "helper.jar")
            beside.rename(final)
    return final


def pack(folder: Path, jar: Path) -> Path:
    """The folder becomes a jar, and is gone."""
    jar.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(jar, "w") as archive:
        for path in sorted(folder.rglob("*.class")):
            archive.write(path, path.relative_to(folder.parent))
    shutil.rmtree(folder)
    return jar


@lru_cache(1)
def present() -> tuple[str, ...]:
    """The Java runtimes that this machine has."""
    got()
    listing = _in_thread(lambda: asyncio.run(Runtimes(cache()).listing()))
    return tuple(each.name for each in listing if each.name in java.RUNTIMES and not each.reason)


def _in_thread(work: Callable[[], T]) -> T:
    """Away from the loop of the test that asks."""
    with ThreadPoolExecutor(1) as threads:
        return threads.submit(work).result()
