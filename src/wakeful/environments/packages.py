"""Deployment packages on disk: checked as zips, and unpacked once into a folder that environments mount.

What is unpacked can always be unpacked again from its blob; it is a cache. It lies under a neutral path, because the
paths of mounted folders can be read from inside.
"""

from __future__ import annotations

import asyncio
import calendar
import hmac
import os
import secrets
import shutil
import stat
import zipfile
from io import BytesIO
from pathlib import Path, PurePosixPath

from wakeful import limits, names
from wakeful.store.blobs import Blobs

_COULD_NOT_UNZIP = "Could not unzip uploaded file. Please check your file, then try to upload again."


class Packages:
    def __init__(self, folder: Path, blobs: Blobs) -> None:
        self._folder = folder
        self._blobs = blobs
        self._unpacking: dict[str, asyncio.Lock] = {}
        self._secret = secrets.token_bytes(32)

    def ticket(self, key: str, until: float) -> str:
        """What lets its bearer have the package for some minutes, as the end of an address."""
        return f"{key}/{int(until)}/{self._seal(key, int(until))}"

    def admits(self, ticket: str, now: float) -> str | None:
        """The package that a ticket of ours is for; None for any other text, or after its time."""
        key, _, rest = ticket.partition("/")
        until, _, seal = rest.partition("/")
        if not until.isdigit() or int(until) < now:
            return None
        return key if hmac.compare_digest(seal, self._seal(key, int(until))) else None

    def _seal(self, key: str, until: int) -> str:
        return hmac.digest(self._secret, f"{key}/{until}".encode(), "sha256").hex()

    async def complaint(self, body: bytes) -> str | None:
        """What Lambda says against this as a deployment package; None where it can be unpacked."""
        return await asyncio.to_thread(_complaint, body)

    async def unpacked(self, key: str) -> Path:
        """The folder with the content of the package that this blob is. Raises FileNotFoundError without the blob."""
        final = self._folder / key
        async with self._unpacking.setdefault(key, asyncio.Lock()):
            if not final.exists():
                await asyncio.to_thread(_unpack, self._blobs.path(key), final)
        return final

    async def forget(self, key: str) -> None:
        """The unpacked content is gone. Environments that have it mounted keep what they opened."""
        self._unpacking.pop(key, None)
        await asyncio.to_thread(shutil.rmtree, self._folder / key, True)


def _complaint(body: bytes) -> str | None:
    try:
        with zipfile.ZipFile(BytesIO(body)) as package:
            entries = package.infolist()
            if not entries:
                return "Uploaded file must be a non-empty zip"
            if sum(entry.file_size for entry in entries) >= limits.LAMBDA_UNZIPPED_BYTES_MAX:
                return f"Unzipped size must be smaller than {limits.LAMBDA_UNZIPPED_BYTES_MAX} bytes"
            if any(_is_outside(entry.filename) or entry.flag_bits & 0x1 for entry in entries):
                return _COULD_NOT_UNZIP
            return _COULD_NOT_UNZIP if package.testzip() is not None else None
    except (zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError, EOFError, OSError, ValueError):
        return _COULD_NOT_UNZIP


def _is_outside(name: str) -> bool:
    path = PurePosixPath(name)
    return path.is_absolute() or ".." in path.parts or "\0" in name or "\\" in name


def _unpack(package: Path, final: Path) -> None:
    """All or nothing: unpacked beside its place, then renamed into it."""
    beside = final.with_name(f"{final.name}.{names.new_token(4)}")
    beside.mkdir(parents=True)
    try:
        with zipfile.ZipFile(package) as archive:
            links = [entry for entry in archive.infolist() if _is_link(entry)]
            for entry in archive.infolist():
                if entry not in links:
                    _place(archive, entry, beside)
            for entry in links:  # last, so that nothing is written through one
                _link(archive.read(entry).decode(), beside / entry.filename)
        beside.chmod(0o755)
        beside.rename(final)
    except OSError:
        shutil.rmtree(beside, ignore_errors=True)
        if not final.exists():  # another node of the same machine may have been faster
            raise


def _place(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, folder: Path) -> None:
    target = folder / entry.filename
    if entry.is_dir():
        target.mkdir(parents=True, exist_ok=True)
        target.chmod(0o755)
        return
    for parent in reversed(target.relative_to(folder).parents[:-1]):
        (folder / parent).mkdir(exist_ok=True)
        (folder / parent).chmod(0o755)
    with archive.open(entry) as source, target.open("wb") as file:
        shutil.copyfileobj(source, file)
    # Whoever zipped it may have had a strict umask; the sandbox's user must be able to read it all the same.
    executable = (entry.external_attr >> 16) & 0o111
    target.chmod(0o755 if executable else 0o644)
    changed = entry.date_time
    os.utime(target, (_epoch(changed), _epoch(changed)))


def _is_link(entry: zipfile.ZipInfo) -> bool:
    return stat.S_ISLNK(entry.external_attr >> 16)


def _link(points_to: str, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    target.symlink_to(points_to)


def _epoch(date_time: tuple[int, int, int, int, int, int]) -> float:
    return float(calendar.timegm((*date_time, 0, 0, 0)))
