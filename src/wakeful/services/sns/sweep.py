"""What SNS tidies by itself: identities and archived messages, once too old."""

from __future__ import annotations

from wakeful import limits
from wakeful.fabric.service import Again, Done, Node, Worker
from wakeful.services.sns import archive, fifo
from wakeful.store import work
from wakeful.store.tx import Tx

_SWEEP = "sns.sweep"


def first(tx: Tx) -> None:
    work.ensure(tx, _SWEEP, _SWEEP, {}, due=tx.now + limits.SNS_SWEEP_S)


async def _sweep(node: Node, item: work.Item) -> Done | Again:
    await node.store.write(_forget)
    return Again(node.clock.now() + limits.SNS_SWEEP_S)


def _forget(tx: Tx) -> None:
    fifo.forget_old(tx)
    archive.expire(tx)


worker = Worker(_SWEEP, _sweep, slots=1, is_lazy=True)
