"""What an object consists of: one blob, or the parts of a multipart upload, which are a blob each.

Bytes reach the disk before a row names them, and every naming is counted in the transaction that writes the row. So at
every moment, and after every crash, what a row names is there; what no row names is at most litter.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass

from wakeful import limits
from wakeful.fabric.service import Again, Done, Node, Worker
from wakeful.services.s3.checksums import Checksum
from wakeful.services.s3.ranges import Extent, Span, extents
from wakeful.store import blobs, work
from wakeful.store.tx import Row, Tx

_DISCARD = "s3.discard"


@dataclass(frozen=True, slots=True)
class Content:
    """Some bytes. Either `blob` names them all, or `upload` is the upload whose `parts` they are."""

    size: int
    etag: str
    checksum: Checksum
    blob: str | None = None
    upload: str | None = None
    parts: int | None = None


def hold(tx: Tx, content: Content) -> None:
    """One more object consists of this. Parts are held by the upload already, and never by two objects."""
    if content.blob is not None:
        blobs.keep(tx, content.blob)


def let_go(tx: Tx, content: Content) -> None:
    """One object fewer consists of this. The parts of an upload, up to ten thousand, go by and by."""
    if content.blob is not None:
        blobs.release(tx, content.blob)
    if content.upload is not None:
        discard(tx, content.upload)


def discard(tx: Tx, upload: str) -> None:
    """Whatever was uploaded there will be let go."""
    work.put(tx, _DISCARD, {"upload": upload}, name=f"{_DISCARD} {upload}")


def places(tx: Tx, content: Content, span: Span) -> list[Extent]:
    """Where these of its bytes lie."""
    if content.blob is not None:
        return list(extents([(content.blob, content.size)], span))
    rows = tx.all(
        "SELECT blob, size, start FROM s3_parts WHERE upload = ? AND start < ? AND start + size > ? ORDER BY number",
        *(content.upload, span.end, span.start),
    )
    if not rows:
        return []
    first = rows[0]["start"]
    within = Span(span.start - first, span.end - first)
    return list(extents([(row["blob"], row["size"]) for row in rows], within))


def part(tx: Tx, content: Content, place: int) -> Row:
    """One part of an object that was uploaded in parts, counted from one: the uploader may have left numbers out."""
    row = tx.one("SELECT * FROM s3_parts WHERE upload = ? ORDER BY number LIMIT 1 OFFSET ?", content.upload, place - 1)
    assert row is not None, "an object has as many parts as its row says"
    return row


def parts_after(tx: Tx, upload: str, number: int, count: int) -> list[Row]:
    return tx.all(
        "SELECT * FROM s3_parts WHERE upload = ? AND number > ? ORDER BY number LIMIT ?", upload, number, count
    )


async def stream(node: Node, where: Iterable[Extent]) -> AsyncIterator[bytes]:
    """The bytes that lie there, piece by piece. What was let go meanwhile stays on disk for the grace time."""
    for extent in where:
        async for piece in node.blobs.pieces(extent.blob, extent.start, extent.end):
            yield piece


async def _discard(node: Node, item: work.Item) -> Done | Again:
    """Lets some parts go in each transaction: nobody waits for them, but everybody waits for a transaction."""
    while await node.store.write(_discard_some, item.body["upload"]):
        pass
    return Done()


def _discard_some(tx: Tx, upload: str) -> bool:
    """Whether there may be more."""
    tx.lock("s3", "upload", upload)
    rows = tx.all(
        "SELECT number, blob FROM s3_parts WHERE upload = ? ORDER BY number LIMIT ?", upload, limits.S3_DISCARD_BATCH
    )
    for row in rows:
        blobs.release(tx, row["blob"])
    if rows:
        tx.run("DELETE FROM s3_parts WHERE upload = ? AND number <= ?", upload, rows[-1]["number"])
    return len(rows) == limits.S3_DISCARD_BATCH


worker = Worker(_DISCARD, _discard, slots=1)
