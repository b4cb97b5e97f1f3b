"""What is too old, or of streams that are gone, is deleted little by little. Nobody is given any of it before."""

from __future__ import annotations

from wakeful import limits
from wakeful.fabric import journal as journals
from wakeful.fabric.service import Again, Done, Node, Worker
from wakeful.services.kinesis import stream as streams
from wakeful.services.kinesis.stream import Stream
from wakeful.store import work
from wakeful.store.tx import Tx

_EXPIRE = "kinesis.expire"
_DROP = "kinesis.drop"


def first(tx: Tx) -> None:
    work.ensure(tx, _EXPIRE, _EXPIRE, {}, due=tx.now + limits.SWEEP_S)


def drop(tx: Tx, stream: Stream) -> None:
    """What the stream held goes."""
    work.put(tx, _DROP, {"journal": stream.journal})


async def _expire(node: Node, item: work.Item) -> Done | Again:
    for stream in await node.store.read(streams.every):
        while await node.store.write(_expire_some, stream.arn):
            pass  # portions, so that others can write between
    return Again(node.clock.now() + limits.SWEEP_S)


def _expire_some(tx: Tx, arn: str) -> bool:
    stream = streams.fresh(tx, arn)
    return stream is not None and journals.expire(tx, stream.journal, stream.oldest(tx.now))


async def _drop(node: Node, item: work.Item) -> Done | Again:
    while await node.store.write(journals.drop, item.body["journal"]):
        pass  # likewise
    return Done()


workers = (
    Worker(_EXPIRE, _expire, slots=1, is_lazy=True),
    Worker(_DROP, _drop, slots=1, is_lazy=True),
)
