"""What AWS publishes for programs, fetched once, unmodified: the durable execution SDKs, as layers for functions.

Each lies in a folder of the user's that is named after what was pinned, and is used again by every later run.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

HERE = Path(__file__).parent
FETCH_TIMEOUT_S = 300
SHOWN_CHARACTERS = 300
_NOT_RUN = (".d.ts", ".d.ts.map", ".js.map", ".mjs.map", ".md")
"""What is for people and compilers only."""


@dataclass(frozen=True)
class Sdk:
    """One SDK: what pins it, and how it is fetched into a folder that is a layer's content."""

    name: str
    pins: tuple[Path, ...]
    fetch: Callable[[Path], None]


def layer(sdk: Sdk) -> bytes:
    """The layer's content. Skips, loudly, where it cannot be had."""
    made = layer_or_reason(sdk)
    if isinstance(made, str):
        pytest.skip(made)
    return made


@cache
def layer_or_reason(sdk: Sdk) -> bytes | str:
    """The layer's content, or why there is none."""
    place = _cache() / f"{sdk.name}-{_digest(sdk)}"
    packed = place / "layer.zip"
    place.mkdir(parents=True, exist_ok=True)
    with (place / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # of tests that run side by side, one fetches
        if not packed.exists():
            try:
                _pack(sdk, place, packed)
            except (OSError, subprocess.SubprocessError) as error:
                return f"THE SDK {sdk.name.upper()} COULD NOT BE FETCHED: {_words(error)}"
    return packed.read_bytes()


def _pack(sdk: Sdk, place: Path, packed: Path) -> None:
    work = place / "work"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    sdk.fetch(work)
    beside = packed.with_suffix(".beside")
    with zipfile.ZipFile(beside, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(work.rglob("*")):
            if path.is_file() and not path.name.endswith(_NOT_RUN):
                archive.write(path, path.relative_to(work))
    beside.rename(packed)
    shutil.rmtree(work)


def _cache() -> Path:
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home, "wakeful-tests", "durable")


def _digest(sdk: Sdk) -> str:
    digest = hashlib.sha256()
    for path in sdk.pins:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _words(error: Exception) -> str:
    said = getattr(error, "stderr", None) or getattr(error, "stdout", None) or ""
    return f"{error}: {' '.join(said.split())[-SHOWN_CHARACTERS:]}"


def _run(*command: str, cwd: Path) -> None:
    subprocess.run(
        command,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=True,
        text=True,
        timeout=FETCH_TIMEOUT_S,
    )


def _python(work: Path) -> None:
    """Without its dependencies: Lambda's Python runtimes have boto3, and so have ours."""
    options = ("--no-deps", "--no-compile", "--require-hashes", "--only-binary=:all:", "--disable-pip-version-check")
    pip = (sys.executable, "-m", "pip", "install", "--quiet", *options)
    _run(*pip, "-r", str(PYTHON.pins[0]), "--target", str(work / "python"), cwd=work)


def npm(pins: tuple[Path, ...]) -> Callable[[Path], None]:
    """Fetches what a package.json and its lock name, with all that belongs to it."""

    def fetch(work: Path) -> None:
        folder = work / "nodejs"
        folder.mkdir()
        for pin in pins:
            shutil.copy(pin, folder)
        _run("npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", cwd=folder)

    return fetch


PYTHON = Sdk("python", (HERE / "requirements.txt",), _python)
_NODEJS = (HERE / "nodejs" / "package.json", HERE / "nodejs" / "package-lock.json")
NODEJS = Sdk("nodejs", _NODEJS, npm(_NODEJS))
"""With its client for Lambda, as its documentation packages it."""
