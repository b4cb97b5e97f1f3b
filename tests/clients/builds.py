"""Functions built from the sources beside this file with the runtime clients that AWS and others publish.

Each is built once, in a folder of the user's that is named after what goes in, and used again by every later run.
"""

from __future__ import annotations

import fcntl
import hashlib
import inspect
import os
import re
import shutil
import subprocess
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from tests.functions import NODE_RUNTIME

SOURCES = Path(__file__).parent
BUILD_TIMEOUT_S = 600
NODE_WRAPPER = '#!/bin/sh\nexec "$1" /var/task/node_modules/aws-lambda-ric/bin/index.mjs "$_HANDLER"\n'
SHOWN_CHARACTERS = 300


@dataclass(frozen=True)
class Client:
    """One kind of function: what it is built of, with what, and what its client can do."""

    name: str
    tools: tuple[str, ...]
    """What must be on the PATH; the first one's version counts as a source."""

    build: Callable[[Path, Path], dict[str, Path]]
    """Builds in a folder, the sources' copy in the first; answers what is in the package."""

    runtime: str = "provided.al2023"
    handler: str = "bootstrap"
    streams: bool = True
    variables: tuple[tuple[str, str], ...] = ()


def package(client: Client) -> bytes:
    """The deployment package. Skips, loudly, where it cannot be built."""
    made = package_or_reason(client)
    if isinstance(made, str):
        pytest.skip(made)
    return made


@cache
def package_or_reason(client: Client) -> bytes | str:
    """The deployment package, or why there is none."""
    absent = [tool for tool in client.tools if shutil.which(tool) is None]
    place = _cache() / f"{client.name}-{_digest(client)}"
    packed = place / "package.zip"
    if absent and not packed.exists():
        return f"NO {', NO '.join(absent).upper()}: no function was tried on the {client.name} client"
    place.mkdir(parents=True, exist_ok=True)
    with (place / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # of tests that run side by side, one builds
        if not packed.exists():
            try:
                _build(client, place, packed)
            except (OSError, subprocess.SubprocessError) as error:
                return f"THE {client.name.upper()} CLIENT COULD NOT BE BUILT: {_words(error)}"
    return packed.read_bytes()


def _build(client: Client, place: Path, packed: Path) -> None:
    work = place / "work"
    shutil.rmtree(work, ignore_errors=True)
    shutil.copytree(SOURCES / client.name, work)
    beside = packed.with_suffix(".beside")
    with zipfile.ZipFile(beside, "w") as archive:
        for name, path in client.build(work, _cache()).items():
            archive.write(path, name)
    beside.rename(packed)
    shutil.rmtree(work)


def _cache() -> Path:
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home, "wakeful-tests", "clients")


def _digest(client: Client) -> str:
    """Of the sources, of how they are built, and of the compiler."""
    digest = hashlib.sha256(f"{inspect.getsource(client.build)}{NODE_WRAPPER}".encode())
    for path in sorted((SOURCES / client.name).rglob("*")):
        if path.is_file():
            digest.update(str(path.relative_to(SOURCES)).encode() + path.read_bytes())
    if shutil.which(client.tools[0]) is not None:
        argument = "version" if client.tools[0] == "go" else "--version"
        said = subprocess.run([client.tools[0], argument], capture_output=True, check=False)
        digest.update(said.stdout)
    return digest.hexdigest()[:16]


def _words(error: Exception) -> str:
    said = getattr(error, "stderr", None) or getattr(error, "stdout", None) or b""
    text = said.decode(errors="replace") if isinstance(said, bytes) else said
    return f"{error}: {' '.join(text.split())[-SHOWN_CHARACTERS:]}"


def _run(*command: str, cwd: Path, **variables: str) -> str:
    done = subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=True,
        text=True,
        timeout=BUILD_TIMEOUT_S,
    )
    return done.stdout


# --- one function for each client -------------------------------------------------------------------------------------


def _go(work: Path, shared: Path) -> dict[str, Path]:
    tags = ("-tags", "lambda.norpc", "-trimpath", "-ldflags", "-s -w")
    _run("go", "build", "-mod=readonly", *tags, "-o", "bootstrap", ".", cwd=work, CGO_ENABLED="0")
    return {"bootstrap": work / "bootstrap"}


def _rust(work: Path, shared: Path) -> dict[str, Path]:
    _name_registry(work)
    target = shared / "rust-target"  # dependencies are compiled once, however often our own source changes
    _run("cargo", "build", "--quiet", "--locked", cwd=work, CARGO_TARGET_DIR=str(target))
    return {"bootstrap": target / "debug" / "bootstrap"}


def _name_registry(work: Path) -> None:
    """The lock file pins versions and checksums, and does not say where from: that is cargo's configuration."""
    lock = work / "Cargo.lock"
    pinned = lock.read_text()
    lock.unlink()
    _run("cargo", "generate-lockfile", "--quiet", cwd=work)
    source = re.search(r'^source = ".*"$', lock.read_text(), re.MULTILINE)
    assert source is not None
    lock.write_text(re.sub(r"^checksum = ", f"{source[0]}\nchecksum = ", pinned, flags=re.MULTILINE))


def _nodejs(work: Path, shared: Path) -> dict[str, Path]:
    node = Path(os.path.realpath(shutil.which("node") or ""))
    headers = {"npm_config_nodedir": str(node.parents[1])} if (node.parents[1] / "include" / "node").is_dir() else {}
    _run("npm", "ci", "--no-audit", "--no-fund", cwd=work, MAKEFLAGS="-j2", **headers)
    client = work / "node_modules" / "aws-lambda-ric"
    wrapper = work / "wrapper"
    wrapper.write_text(NODE_WRAPPER)
    wrapper.chmod(0o755)
    kept = [client / "package.json", *(client / "bin").iterdir(), *(client / "dist").iterdir()]
    return {
        "index.mjs": work / "index.mjs",
        "wrapper": wrapper,
        **{str(path.relative_to(work)): path for path in kept},
    }


def _c(work: Path, shared: Path) -> dict[str, Path]:
    _run("gcc", "-Os", "-Wall", "-Wextra", "-o", "bootstrap", "bootstrap.c", cwd=work)
    return {"bootstrap": work / "bootstrap"}


def _shell(work: Path, shared: Path) -> dict[str, Path]:
    return {"bootstrap": work / "bootstrap"}


GO = Client("go", ("go",), _go)
RUST = Client("rust", ("cargo", "rustc", "cc"), _rust)
NODEJS = Client(
    "nodejs",
    ("node", "npm", "cmake", "autoreconf", "libtoolize", "make", "g++"),
    _nodejs,
    runtime=NODE_RUNTIME or "",
    handler="index.handler",
    variables=(("AWS_LAMBDA_EXEC_WRAPPER", "/var/task/wrapper"),),
)
C = Client("c", ("gcc",), _c)
SHELL = Client("shell", ("bash",), _shell, streams=False)

ALL = (GO, RUST, NODEJS, C, SHELL)
