"""What the node tidies by itself: blobs nobody names any more, notes and recordings that are too old."""

from __future__ import annotations

from wakeful import limits
from wakeful.fabric.service import Again, Done, Node, Worker
from wakeful.store import blobs, work
from wakeful.store.tx import Tx

_NOTES = "fabric.notes"


def first(tx: Tx) -> None:
    work.ensure(tx, _NOTES, _NOTES, {}, due=tx.now + limits.NOTES_SWEEP_S)


async def _remove_blob(node: Node, item: work.Item) -> Done | Again:
    """A blob that a row names again stays; a young one waits, since somebody may just have saved it to name it."""
    key = item.body["key"]
    if await node.store.read(blobs.is_named, key):
        return Done()
    if await node.blobs.remove(key, wall=node.clock.wall()):
        await node.packages.forget(key)
        return Done()
    return Again(node.clock.now() + limits.BLOB_GRACE_S)


async def _forget_notes(node: Node, item: work.Item) -> Done | Again:
    await node.telemetry.forget_notes(node.clock.now() - limits.NOTE_RETENTION_S, limits.NOTES_MAX)
    await node.telemetry.forget_usage()
    await node.telemetry.forget_recordings()
    return Again(node.clock.now() + limits.NOTES_SWEEP_S)


workers = (
    Worker(blobs.SWEEP, _remove_blob, slots=4, is_lazy=True),
    Worker(_NOTES, _forget_notes, slots=1, is_lazy=True),
)
