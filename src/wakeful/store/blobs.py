"""Bytes by content hash: written and synced before any row names them, removed when no row names them any more.

How many rows name a blob is itself a row (`blob_refs`), changed in the transaction that changes the naming row.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import threading
from collections.abc import AsyncIterator, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol, TypeVar

from wakeful import limits, names
from wakeful.store import work
from wakeful.store.tx import Tx

T = TypeVar("T")

SCHEMA = """
CREATE TABLE IF NOT EXISTS blob_refs(
    key  TEXT PRIMARY KEY,
    refs INTEGER NOT NULL
) WITHOUT ROWID
"""

SWEEP = "blob.sweep"
"""The kind of work row that looks whether a blob may go."""


class Hasher(Protocol):
    """What runs over the bytes while they are written."""

    def update(self, piece: bytes, /) -> None: ...


@dataclass(frozen=True, slots=True)
class Blob:
    """Bytes that are on disk. `key` is their SHA-256 in hexadecimal, `md5` likewise."""

    key: str
    size: int
    md5: str


class Blobs:
    """A folder of blobs. Disk work runs on threads of its own; nothing here touches a transaction."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._incoming = folder / "incoming"
        self._incoming.mkdir(parents=True, exist_ok=True)
        for left_over in self._incoming.iterdir():
            left_over.unlink()
        self._threads = ThreadPoolExecutor(4, "blobs")
        self._renewing = threading.Lock()  # a blob is not removed in the very moment in which it is saved again

    async def save(
        self,
        body: bytes | AsyncIterator[bytes],
        *,
        also: Iterable[Hasher] = (),
        accept: Callable[[], None] | None = None,
    ) -> Blob:
        """The bytes are on disk, synced. `also` hashers have seen them all.

        `accept` is called, on a thread, when everything was read and before anything is kept; what it raises undoes
        the saving.
        """
        incoming = _Incoming(self._incoming / names.new_token(), tuple(also))
        try:
            if isinstance(body, bytes):
                return await self._off_loop(self._finish, incoming, body, accept)
            async for piece in body:
                await self._off_loop(incoming.write, piece)
            return await self._off_loop(self._finish, incoming, b"", accept)
        except BaseException:
            incoming.discard()
            raise

    async def read(self, key: str) -> bytes:
        """The whole of it. Raises FileNotFoundError where there is none."""
        return await self._off_loop(self._path(key).read_bytes)

    async def pieces(self, key: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """The bytes from `start` up to, not including, `end`, piece by piece."""
        file: IO[bytes] = await self._off_loop(self._path(key).open, "rb")
        try:
            left = (os.fstat(file.fileno()).st_size if end is None else end) - start
            file.seek(start)
            while left > 0:
                piece = await self._off_loop(file.read, min(left, limits.BLOB_PIECE_BYTES))
                if not piece:
                    raise OSError(f"blob {key} ends early")
                left -= len(piece)
                yield piece
        finally:
            file.close()

    def path(self, key: str) -> Path:
        """Where the bytes lie; for those who hand the file itself on, and never write to it."""
        return self._path(key)

    async def remove(self, key: str, *, wall: float) -> bool:
        """Whether the file is gone. One that was saved or re-saved within the grace time stays."""
        return await self._off_loop(self._remove_if_old, self._path(key), wall)

    async def close(self) -> None:
        await asyncio.get_running_loop().run_in_executor(None, self._threads.shutdown)

    def _path(self, key: str) -> Path:
        return self._folder / key[:2] / key[2:]

    def _finish(self, incoming: _Incoming, body: bytes, accept: Callable[[], None] | None) -> Blob:
        incoming.write(body)
        if accept is not None:
            accept()
        with self._renewing:
            return incoming.keep(self._path)

    def _remove_if_old(self, path: Path, wall: float) -> bool:
        with self._renewing:
            try:
                age_s = wall - path.stat().st_mtime
            except FileNotFoundError:
                return True
            if age_s < limits.BLOB_GRACE_S:
                return False
            path.unlink()
            return True

    async def _off_loop(self, job: Callable[..., T], *args: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, job, *args)


def keep(tx: Tx, key: str) -> None:
    """One more row names this blob."""
    tx.lock("blob", key)
    tx.run(
        "INSERT INTO blob_refs(key, refs) VALUES (?, 1) ON CONFLICT(key) DO UPDATE SET refs = blob_refs.refs + 1", key
    )


def release(tx: Tx, key: str) -> None:
    """One row fewer names this blob. With the last one it is due for removal after the grace time."""
    tx.lock("blob", key)
    row = tx.one("UPDATE blob_refs SET refs = refs - 1 WHERE key = ? RETURNING refs", key)
    if row is not None and row["refs"] <= 0:
        tx.run("DELETE FROM blob_refs WHERE key = ?", key)
        work.put(tx, SWEEP, {"key": key}, due=tx.now + limits.BLOB_GRACE_S, name=f"{SWEEP} {key}")


def is_named(tx: Tx, key: str) -> bool:
    return tx.one("SELECT 1 FROM blob_refs WHERE key = ?", key) is not None


class _Incoming:
    """A blob on its way in: its temporary file and the hashes so far."""

    def __init__(self, path: Path, also: tuple[Hasher, ...]) -> None:
        self._path = path
        self._also = also
        self._file = path.open("wb")
        self._sha256 = hashlib.sha256()
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._size = 0

    def write(self, piece: bytes) -> None:
        self._file.write(piece)
        self._size += len(piece)
        for hasher in (self._sha256, self._md5, *self._also):
            hasher.update(piece)

    def keep(self, path_of: Callable[[str], Path]) -> Blob:
        blob = Blob(self._sha256.hexdigest(), self._size, self._md5.hexdigest())
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        final = path_of(blob.key)
        if not final.parent.exists():
            final.parent.mkdir(exist_ok=True)
            _sync_folder(final.parent.parent)
        self._path.replace(final)  # the same bytes if it was there; its age begins anew, so no sweep takes it now
        _sync_folder(final.parent)
        return blob

    def discard(self) -> None:
        self._file.close()
        self._path.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
