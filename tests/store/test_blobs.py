"""Blobs: on disk before they are named, kept while they are named, gone when nobody names them any more."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.conftest import OpenStore
from wakeful import limits
from wakeful.store import blobs, work
from wakeful.store.blobs import Blobs


@pytest.fixture
async def folder(tmp_path: Path) -> AsyncIterator[Blobs]:
    kept = Blobs(tmp_path / "blobs")
    yield kept
    await kept.close()


async def in_pieces(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


async def test_bytes_come_back_by_the_hash_of_their_content(folder: Blobs) -> None:
    body = os.urandom(100_000)
    blob = await folder.save(body)
    assert blob.key == hashlib.sha256(body).hexdigest()
    assert blob.md5 == hashlib.md5(body, usedforsecurity=False).hexdigest()
    assert blob.size == len(body)
    assert await folder.read(blob.key) == body


async def test_a_stream_and_its_bytes_are_the_same_blob(folder: Blobs) -> None:
    whole = await folder.save(b"one two three")
    streamed = await folder.save(in_pieces(b"one ", b"", b"two ", b"three"))
    assert streamed == whole


async def test_any_part_of_a_blob_can_be_read(folder: Blobs) -> None:
    body = os.urandom(limits.BLOB_PIECE_BYTES * 2 + 100)
    blob = await folder.save(body)
    for start, end in ((0, None), (0, 1), (5, 5), (limits.BLOB_PIECE_BYTES - 1, limits.BLOB_PIECE_BYTES + 1)):
        pieces = [piece async for piece in folder.pieces(blob.key, start, end)]
        assert b"".join(pieces) == body[start:end]
        assert all(len(piece) <= limits.BLOB_PIECE_BYTES for piece in pieces)


async def test_a_saving_that_is_not_accepted_leaves_nothing(folder: Blobs, tmp_path: Path) -> None:
    def refuse() -> None:
        raise ValueError("the digest is another")

    with pytest.raises(ValueError, match="digest"):
        await folder.save(in_pieces(b"abc"), accept=refuse)
    assert [path for path in (tmp_path / "blobs").rglob("*") if path.is_file()] == []


async def test_a_stream_that_breaks_off_leaves_nothing(folder: Blobs, tmp_path: Path) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"abc"
        raise ConnectionError

    with pytest.raises(ConnectionError):
        await folder.save(broken())
    assert [path for path in (tmp_path / "blobs").rglob("*") if path.is_file()] == []


async def test_other_hashers_see_every_byte(folder: Blobs) -> None:
    digest = hashlib.sha1(usedforsecurity=False)
    await folder.save(in_pieces(b"ab", b"c"), also=[digest])
    assert digest.hexdigest() == hashlib.sha1(b"abc", usedforsecurity=False).hexdigest()


async def test_many_savings_of_the_same_bytes_at_once_are_one_blob(folder: Blobs) -> None:
    saved = await asyncio.gather(*(folder.save(b"same") for _ in range(20)))
    assert len(set(saved)) == 1
    assert await folder.read(saved[0].key) == b"same"


async def test_a_young_blob_is_not_removed_and_saving_again_makes_it_young(folder: Blobs) -> None:
    blob = await folder.save(b"abc")
    now = folder.path(blob.key).stat().st_mtime
    assert not await folder.remove(blob.key, wall=now + limits.BLOB_GRACE_S - 1)
    os.utime(folder.path(blob.key), (0, 0))
    await folder.save(b"abc")
    assert not await folder.remove(blob.key, wall=now + limits.BLOB_GRACE_S - 1)
    assert await folder.remove(blob.key, wall=now + limits.BLOB_GRACE_S + 60)
    assert await folder.remove(blob.key, wall=now), "one that is gone is gone"
    with pytest.raises(FileNotFoundError):
        await folder.read(blob.key)


async def test_what_was_coming_in_when_the_node_died_is_cleared_away(tmp_path: Path) -> None:
    (tmp_path / "incoming").mkdir(parents=True)
    (tmp_path / "incoming" / "half").write_bytes(b"half")
    await Blobs(tmp_path).close()
    assert list((tmp_path / "incoming").iterdir()) == []


async def test_a_blob_is_due_for_removal_with_the_last_row_that_names_it(open_store: OpenStore) -> None:
    async with open_store() as store:
        for _ in range(2):
            await store.write(blobs.keep, "k")
        await store.write(blobs.release, "k")
        assert await store.read(blobs.is_named, "k")
        assert await store.read(work.next_due, blobs.SWEEP) is None
        await store.write(blobs.release, "k")
        assert not await store.read(blobs.is_named, "k")
        assert await store.read(work.next_due, blobs.SWEEP) is not None
