"""Deployment packages on disk: checked as zips, and unpacked once into a folder that environments mount.

What is unpacked can always be unpacked again from its blob; it is a cache. It lies under a neutral path, because the
paths of mounted folders can be read from inside.
"""

from __future__ import annotations

import asyncio
import calendar
import hmac
import lzma
import os
import secrets
import shutil
import stat
import struct
import zipfile
import zlib
from io import BytesIO
from pathlib import Path, PurePosixPath

from wakeful import limits, names
from wakeful.store.blobs import Blobs

_COULD_NOT_UNZIP = "Could not unzip uploaded file. Please check your file, then try to upload again."
_UNREADABLE = (
    *(zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError, EOFError),
    *(zlib.error, lzma.LZMAError, struct.error),
)
_ENCRYPTED = 0x1  # of a zip entry's flags
_ROOT = PurePosixPath()
_NAME_BYTES_MAX = 255
_PATH_BYTES_MAX = 3840  # the kernel's 4,096 less the folder it is unpacked into


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
            is_sound = (
                not any(entry.flag_bits & _ENCRYPTED for entry in entries)
                and not any(_is_outside(entry.filename) or _is_too_long(entry.filename) for entry in entries)
                and _is_tree(entries)
                and all(_is_path(package.read(entry)) for entry in entries if _is_link(entry))
                and package.testzip() is None
            )
            return None if is_sound else _COULD_NOT_UNZIP
    except (*_UNREADABLE, OSError, ValueError):
        return _COULD_NOT_UNZIP


def _is_outside(name: str) -> bool:
    path = PurePosixPath(name)
    return not name or path.is_absolute() or ".." in path.parts or "\0" in name or "\\" in name


def _is_too_long(name: str) -> bool:
    return len(name.encode()) > _PATH_BYTES_MAX or any(len(part.encode()) > _NAME_BYTES_MAX for part in name.split("/"))


def _is_tree(entries: list[zipfile.ZipInfo]) -> bool:
    """Nothing lies below a file or a link: what lies below a link would be written to where it leads."""
    leaves = {PurePosixPath(entry.filename) for entry in entries if not entry.is_dir()}
    folders = {PurePosixPath(entry.filename) for entry in entries if entry.is_dir()}
    folders.update(parent for path in (*leaves, *folders) for parent in path.parents)
    return folders.isdisjoint(leaves) and _ROOT not in leaves


def _unpack(package: Path, final: Path) -> None:
    """All or nothing: unpacked beside its place, then renamed into it."""
    beside = final.with_name(f"{final.name}.{names.new_token(4)}")
    beside.mkdir(parents=True)
    try:
        with zipfile.ZipFile(package) as archive:
            entries = archive.infolist()
            for entry in entries:
                if not _is_link(entry):
                    _place(archive, entry, beside)
            for entry in entries:  # links last, so that nothing is written through one
                if _is_link(entry):
                    _link(os.fsdecode(archive.read(entry)), beside / entry.filename)
        beside.chmod(0o755)
        beside.rename(final)
    except Exception:
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
    return stat.S_ISLNK(entry.external_attr >> 16) and not entry.is_dir()


def _is_path(content: bytes) -> bool:
    """A link can lead there, whether anything is there or not."""
    return 0 < len(content) <= _PATH_BYTES_MAX and b"\0" not in content


def _link(points_to: str, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    target.symlink_to(points_to)


def _epoch(date_time: tuple[int, int, int, int, int, int]) -> float:
    """Many tools leave the date out, which reads as the zeroth month of 1980."""
    year, month, *rest = date_time
    return float(calendar.timegm((year, min(max(month, 1), 12), *rest, 0, 0, 0)))
