"""/var/runtime of the Python runtimes: our runtime client and the AWS SDK, compiled for each version of Python.

Without compiled files every cold import of boto3 would cost a second. One folder serves all versions, because Python
keeps compiled files of different versions side by side; it is named after its content, so it is never changed.
"""

from __future__ import annotations

import asyncio
import hashlib
import importlib.metadata
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from wakeful import limits, names
from wakeful.environments.languages.interpreters import Interpreter

CLIENT = Path(__file__).parents[1] / "bootstrap" / "python"
JAIL = Path(__file__).parents[1] / "jail"
WALLS = ("__init__.py", "entry.py", "linux.py")
"""Of the jail, what a stem needs to send cells behind their walls."""

SDK = ("boto3", "botocore", "s3transfer", "jmespath", "python-dateutil", "six", "urllib3")
"""As AWS puts them into its runtimes; a package or a layer can bring its own, which then comes first."""

OLDER_SDKS: Mapping[str, str] = {"3.9": "boto3==1.42.97"}
"""The last one for a version of Python that today's does not run on any more."""


class RuntimeFolder:
    """Makes the folder when it is first asked for."""

    def __init__(self, cache: Path, added: Path) -> None:
        self._cache = cache
        self._added = added
        self._making = asyncio.Lock()
        self._made: dict[tuple[str, ...], Path] = {}

    async def path(self, interpreter: Interpreter) -> Path:
        """The folder for this interpreter. One too old for today's SDK gets that which was added for it, or none."""
        sdk, place = self._sdk(interpreter)
        async with self._making:
            if sdk not in self._made:
                self._made[sdk] = await asyncio.to_thread(_make, self._cache, sdk, place)
            return self._made[sdk]

    def sdk(self, interpreter: Interpreter) -> str | None:
        """Which SDK functions find."""
        distributions, _ = self._sdk(interpreter)
        return distributions[0] if distributions else None

    def _sdk(self, interpreter: Interpreter) -> tuple[tuple[str, ...], Path | None]:
        """Its distributions with their versions, boto3 first; and where it is, if it is not the one beside us."""
        if _suits_sdk(interpreter):
            return tuple(f"{name} {importlib.metadata.version(name)}" for name in SDK), None
        place = self._added / "sdk-{}.{}".format(*interpreter.version)
        found = importlib.metadata.distributions(path=[str(place)])
        return tuple(sorted(f"{each.name} {each.version}" for each in found)), place

    async def compile(self, interpreter: Interpreter) -> None:
        """Its compiled files are there."""
        folder = await self.path(interpreter)
        major, minor, _ = interpreter.version
        done = folder.with_name(f"{folder.name}.compiled-{major}.{minor}")
        async with self._making:
            if done.exists():
                return
            process = await asyncio.create_subprocess_exec(
                interpreter.path,
                *("-I", "-m", "compileall", "-q", "-j", "1", "--invalidation-mode", "unchecked-hash", folder),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
            )
            try:
                async with asyncio.timeout(limits.SDK_COMPILE_S):
                    await process.wait()
            except TimeoutError:
                process.kill()
                await process.wait()
                return  # functions run without; only their imports are slower
            done.touch()


def _suits_sdk(interpreter: Interpreter) -> bool:
    """Whether the SDK that is installed beside us says that it runs on this Python."""
    for name in SDK:
        wanted = importlib.metadata.metadata(name).json.get("requires_python") or ""
        least = re.search(r">=\s*(\d+)\.(\d+)", str(wanted))
        if least is not None and interpreter.version[:2] < (int(least[1]), int(least[2])):
            return False
    return True


def _make(cache: Path, sdk: tuple[str, ...], place: Path | None) -> Path:
    files = [(path, path.relative_to(CLIENT)) for path in sorted(CLIENT.rglob("*.py"))]
    files += [(JAIL / name, Path("wakeful_runtime", "jail", name)) for name in WALLS]
    digest = hashlib.sha256()
    for path, _ in files:
        digest.update(path.read_bytes())
    for distribution in sdk:
        digest.update(distribution.encode())
    files += _sdk_files() if place is None else _files_of(place)
    final = cache / f"python-{digest.hexdigest()[:16]}"
    if final.exists():
        return final
    beside = final.with_name(f"{final.name}.{names.new_token(4)}")
    for source, target in files:
        place = beside / target
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, place)
    try:
        beside.rename(final)
    except OSError:
        shutil.rmtree(beside, ignore_errors=True)
        if not final.exists():  # another node of the same machine may have been faster
            raise
    return final


def _sdk_files() -> Iterator[tuple[Path, Path]]:
    for name in SDK:
        for file in importlib.metadata.files(name) or ():
            target = Path(file)
            if ".." not in target.parts and "__pycache__" not in target.parts:
                source = Path(os.fspath(file.locate()))
                if source.is_file():
                    yield source, target


def _files_of(place: Path) -> Iterator[tuple[Path, Path]]:
    for source in sorted(place.rglob("*")):
        target = source.relative_to(place)
        if source.is_file() and "__pycache__" not in target.parts and target.parts[0] != "bin":
            yield source, target
