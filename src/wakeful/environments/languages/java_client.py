"""AWS's own runtime client for Java, which runs Java functions here as it does on Lambda: got once, and checked.

It is four jars of the Maven repository, and a fifth with a compiler, for our own few lines around it: a JVM need not
have one. A command of the node's administrator gets them; a node never does so by itself.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import platform
import shutil
import urllib.error
import urllib.request
import zipfile
from dataclasses import dataclass
from pathlib import Path

from wakeful import limits, names
from wakeful.environments.languages.language import CannotAdd

REPOSITORY_VARIABLE = "WAKEFUL_MAVEN_REPOSITORY"
"""Names another Maven repository with the same jars: a mirror."""

CENTRAL = "https://repo1.maven.org/maven2"
NATIVE_LIBRARY = "libaws-lambda-jni.so"


@dataclass(frozen=True, slots=True)
class Jar:
    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def name(self) -> str:
        return f"{self.artifact}-{self.version}.jar"

    @property
    def path(self) -> str:
        """In a Maven repository, a remote one or the one in the home directory."""
        return f"{self.group.replace('.', '/')}/{self.artifact}/{self.version}/{self.name}"


CLIENT = Jar(
    "com.amazonaws",
    "aws-lambda-java-runtime-interface-client",
    "2.9.0",
    "26568a5f63bf9e921567e77661be425650abc8972bae2aa0b7e99bab4e4239d9",
)
"""Its manifest names the others, which lie beside it."""

CORE = Jar(
    "com.amazonaws",
    "aws-lambda-java-core",
    "1.4.0",
    "575c24393cc1ad645e83e618956eabd89ffe8cc09efae2cb62bc6589154d68ed",
)
COMPILER = Jar("org.eclipse.jdt", "ecj", "3.33.0", "f7686c4960cf70c2ebc5c500a73a8cfc04541b730c18f1c5c21329889b137f45")
"""The last that runs on Java 11."""

JARS = (
    CLIENT,
    CORE,
    COMPILER,
    Jar(
        "com.amazonaws",
        "aws-lambda-java-serialization",
        "1.2.0",
        "1513c1f945a3213f916a4b2de1760c97b51d84d110f82bbbcf9cfac53d5651e7",
    ),
    Jar(
        "software.amazon.awssdk",
        "utils-lite",
        "2.34.0",
        "efaf784f07ae526f0b5c89d71ef21cf16636131c47d44616e3df9bedc3f4f89a",
    ),
)


class NotInstalled(CannotAdd):
    """The client could not be got; the message says which file and why."""


def installed(folder: Path) -> Path | None:
    """Where the jars and the native library are, in this folder; None where nobody has got them."""
    place = _place(folder)
    return place if place.is_dir() else None


async def install(folder: Path, repository: str | None = None) -> Path:
    """The folder with the jars and the native library, got where it was not there. Raises NotInstalled.

    Each jar is taken from the Maven repository in the home directory if it lies there, from `repository` otherwise,
    which is the one that WAKEFUL_MAVEN_REPOSITORY names, or Maven Central. Any other content than ours is refused.
    """
    place = _place(folder)
    if not place.is_dir():
        await asyncio.to_thread(_install, place, (repository or configured()).rstrip("/"))
    return place


def configured() -> str:
    """The Maven repository that is asked."""
    return os.environ.get(REPOSITORY_VARIABLE) or CENTRAL


def _place(folder: Path) -> Path:
    digest = hashlib.sha256("".join(jar.sha256 for jar in JARS).encode()).hexdigest()
    return folder / f"java-client-{CLIENT.version}-{digest[:8]}"


def _install(place: Path, repository: str) -> None:
    """All or nothing."""
    beside = place.with_name(f"{place.name}.{names.new_token(4)}")
    beside.mkdir(parents=True)
    try:
        for jar in JARS:
            (beside / jar.name).write_bytes(fetch(jar, repository))
        with zipfile.ZipFile(beside / CLIENT.name) as archive:
            (beside / NATIVE_LIBRARY).write_bytes(archive.read(f"jni/{_native_name()}"))
        beside.rename(place)
    except Exception:
        shutil.rmtree(beside, ignore_errors=True)
        if not place.is_dir():  # somebody else may have been faster
            raise


def fetch(jar: Jar, repository: str) -> bytes:
    """The jar, from the Maven repository in the home directory or else from this one. Raises NotInstalled."""
    at_home = Path("~/.m2/repository", jar.path).expanduser()
    if at_home.is_file():
        content = at_home.read_bytes()
        if hashlib.sha256(content).hexdigest() == jar.sha256:
            return content
    address = f"{repository}/{jar.path}"
    if not address.startswith(("https://", "http://")):
        raise NotInstalled(f"{REPOSITORY_VARIABLE} must begin with https:// or http://, and is {repository}")
    try:
        with urllib.request.urlopen(address, timeout=limits.RUNTIME_DOWNLOAD_S) as answer:
            content = bytes(answer.read(limits.RUNTIME_DOWNLOAD_BYTES_MAX))
    except (OSError, urllib.error.URLError) as error:
        raise NotInstalled(f"{address}: {error}") from error
    found = hashlib.sha256(content).hexdigest()
    if found != jar.sha256:
        raise NotInstalled(f"{address} is not what it should be: its SHA-256 is {found}, expected is {jar.sha256}")
    return content


def _native_name() -> str:
    """Of the library in the client's jar that suits this machine."""
    machine = "aarch_64" if platform.machine() in ("aarch64", "arm64") else "x86_64"
    has_glibc = platform.libc_ver()[0] == "glibc"
    return f"libaws-lambda-jni.{'linux' if has_glibc else 'linux_musl'}-{machine}.so"
