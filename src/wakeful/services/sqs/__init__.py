"""SQS: queues, messages, dead letters."""

from __future__ import annotations

from pathlib import Path

from wakeful import limits
from wakeful.fabric.service import Again, Done, Node, Service, Worker
from wakeful.services.sqs import (
    counts,
    depths,
    emptied,
    fair,
    fifo,
    messages,
    move_operations,
    moves,
    operations,
    queue,
    rights,
)
from wakeful.services.sqs.api import api
from wakeful.store import work
from wakeful.store.tx import Tx

_SWEEP = "sqs.expire"


async def _sweep(node: Node, item: work.Item) -> Done | Again:
    for sweep in (messages.expire, fifo.forget_old, emptied.sweep):
        while await node.store.write(sweep):
            pass  # portions, so that others can write between
    await node.store.write(_forget)
    return Again(node.clock.now() + limits.SWEEP_S)


def _forget(tx: Tx) -> None:
    queue.forget_deleted(tx)
    fair.forget_idle(tx)


def _first(tx: Tx) -> None:
    counts.make(tx)
    work.ensure(tx, _SWEEP, _SWEEP, {}, due=tx.now + limits.SWEEP_S)
    depths.first(tx)


service = Service(
    operations=api,
    schema=(Path(__file__).parent / "schema.sql").read_text(),
    accept=messages.accept,
    source=messages.QueueSource(),
    holds={"queue": "SELECT count(*) AS n FROM sqs_queues"},
    needs=rights.needs,
    policy=queue.policy,
    workers=(Worker(_SWEEP, _sweep, slots=1, is_lazy=True), moves.worker, emptied.worker, depths.worker),
    first=_first,
)

__all__ = ["move_operations", "operations", "service"]
