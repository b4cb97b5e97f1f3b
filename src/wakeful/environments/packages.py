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
import struct
import zipfile
import zlib
from collections.abc import Sequence
from io import BytesIO
from itertools import takewhile
from pathlib import Path, PurePosixPath
from typing import Any

from wakeful import limits, names
from wakeful.environments import signed_package
from wakeful.environments.version import BadPackage
from wakeful.store.blobs import Blobs

_COULD_NOT_UNZIP = "Could not unzip uploaded file. Please check your file, then try to upload again."
_UNREADABLE = (
    *(zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError, EOFError),
    *(zlib.error, struct.error),
)
_ENCRYPTED = 0x1  # of a zip entry's flags
_ENTRY = b"PK\x01\x02"
"""What each entry of a zip's directory begins with."""
_TOO_MANY = f"A package has at most {limits.LAMBDA_PACKAGE_FILES_MAX} files and folders"
_METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
"""How an entry may be packed. Of others, some kilobytes are gigabytes at once, whatever the entry says of its size."""
_NAME_BYTES_MAX = 255
_PATH_BYTES_MAX = 3840  # the kernel's 4,096 less the folder it is unpacked into


_MERGED = "merged"
_KEY_CHARS = 16  # of a blob's key, in the name of what was merged from it


ROOTS = "signing-roots"
"""The folder of certificates, in PEM or DER, that are trusted beside AWS Signer's."""


class Packages:
    def __init__(self, folder: Path, blobs: Blobs, roots: Path) -> None:
        self._folder = folder
        self._roots = roots
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

    async def unzipped_bytes(self, body: bytes) -> int:
        """How large the package is when it is unpacked. Raises BadPackage where it cannot be."""
        return await asyncio.to_thread(_unzipped_bytes, body)

    async def seal(self, body: bytes) -> dict[str, Any]:
        """What is known of the package's signature; nothing where it has none."""
        return await asyncio.to_thread(signed_package.seal, body, self._roots)

    async def unpacked(self, key: str) -> Path:
        """The folder with the content of the package that this blob is. Raises FileNotFoundError without the blob."""
        final = self._folder / key
        async with self._unpacking.setdefault(key, asyncio.Lock()):
            if not final.exists():
                await asyncio.to_thread(_unpack, self._blobs.path(key), final)
        return final

    async def merged(self, keys: Sequence[str]) -> Path | None:
        """The folder with the content of several packages, of which a later one covers an earlier; None for none."""
        folders = [await self.unpacked(key) for key in keys]
        if len(folders) < 2:
            return folders[0] if folders else None
        final = self._folder / "-".join([_MERGED, *(key[:_KEY_CHARS] for key in keys)])
        async with self._unpacking.setdefault(final.name, asyncio.Lock()):
            if not final.exists():
                await asyncio.to_thread(_merge, folders, final)
        return final

    async def forget(self, key: str) -> None:
        """The unpacked content is gone, and whatever was merged from it."""
        for folder in (self._folder / key, *self._folder.glob(f"{_MERGED}-*{key[:_KEY_CHARS]}*")):
            self._unpacking.pop(folder.name, None)
            await asyncio.to_thread(shutil.rmtree, folder, True)


def _unzipped_bytes(body: bytes) -> int:
    if body.count(_ENTRY) > limits.LAMBDA_PACKAGE_FILES_MAX:  # before each of them is an object
        raise BadPackage(_TOO_MANY)
    try:
        with zipfile.ZipFile(BytesIO(body)) as package:
            entries = package.infolist()
            size = sum(entry.file_size for entry in entries)
            if not entries:
                raise BadPackage("Uploaded file must be a non-empty zip")
            if size >= limits.LAMBDA_UNZIPPED_BYTES_MAX:
                raise BadPackage(f"Unzipped size must be smaller than {limits.LAMBDA_UNZIPPED_BYTES_MAX} bytes")
            is_sound = (
                not any(entry.flag_bits & _ENCRYPTED or entry.compress_type not in _METHODS for entry in entries)
                and not any(is_outside(entry.filename) or _is_too_long(entry.filename) for entry in entries)
                and _is_tree(entries)
                and all(_is_path(_beginning(package, entry)) for entry in entries if _is_link(entry))
                and package.testzip() is None
            )
    except (*_UNREADABLE, OSError, ValueError) as error:
        raise BadPackage(_COULD_NOT_UNZIP) from error
    if not is_sound:
        raise BadPackage(_COULD_NOT_UNZIP)
    return size


def is_outside(name: str) -> bool:
    """No file of a package can be called so."""
    path = PurePosixPath(name)
    return not name or path.is_absolute() or ".." in path.parts or "\0" in name or "\\" in name


def _is_too_long(name: str) -> bool:
    return len(name.encode()) > _PATH_BYTES_MAX or any(len(part.encode()) > _NAME_BYTES_MAX for part in name.split("/"))


def _is_tree(entries: list[zipfile.ZipInfo]) -> bool:
    """Nothing lies below a file or a link: what lies below a link would be written to where it leads.

    Raises BadPackage where there are more files and folders than a package may have, with those that are only named on
    the way to others.
    """
    above: tuple[str, ...] = ()
    is_above_leaf, count = False, 0
    for parts, is_leaf in sorted((PurePosixPath(entry.filename).parts, not entry.is_dir()) for entry in entries):
        shared = _shared(above, parts)
        if is_leaf != is_above_leaf if parts == above else is_above_leaf and shared == len(above):
            return False
        count += len(parts) - shared
        if count > limits.LAMBDA_PACKAGE_FILES_MAX:
            raise BadPackage(_TOO_MANY)
        above, is_above_leaf = parts, is_leaf
    return True


def _shared(one: Sequence[str], other: Sequence[str]) -> int:
    """How many names both paths begin with."""
    return sum(1 for _ in takewhile(lambda both: both[0] == both[1], zip(one, other, strict=False)))


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
                    _link(os.fsdecode(_beginning(archive, entry)), beside / entry.filename)
        beside.chmod(0o755)
        beside.rename(final)
    except Exception:
        shutil.rmtree(beside, ignore_errors=True)
        if not final.exists():  # another node of the same machine may have been faster
            raise


def _merge(folders: Sequence[Path], final: Path) -> None:
    beside = final.with_name(f"{final.name}.{names.new_token(4)}")
    beside.mkdir()
    try:
        for folder in folders:
            _cover(folder, beside)
        beside.chmod(0o755)
        beside.rename(final)
    except OSError:
        shutil.rmtree(beside, ignore_errors=True)
        if not final.exists():
            raise


def _cover(folder: Path, merged: Path) -> None:
    """All that is in the folder is in `merged` too. Nothing is ever written through a link of an earlier layer."""
    for entry in os.scandir(folder):
        target = merged / entry.name
        is_folder = entry.is_dir(follow_symlinks=False)
        if target.is_symlink() or target.is_file():
            target.unlink()
        elif target.is_dir() and not is_folder:
            shutil.rmtree(target)
        if is_folder:
            target.mkdir(exist_ok=True)
            target.chmod(0o755)
            _cover(Path(entry.path), target)
        else:
            os.link(entry.path, target, follow_symlinks=False)


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


def _beginning(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    """As much of the entry as may be a path, and an octet more; what an entry says of its size may not be so."""
    with archive.open(entry) as file:
        return file.read(_PATH_BYTES_MAX + 1)


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
