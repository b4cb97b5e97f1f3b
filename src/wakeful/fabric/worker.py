"""Runs due work of one kind: claim, do, finish or do again later. Sleeps until a wake or the next due row."""

from __future__ import annotations

import asyncio
import logging

from wakeful import limits
from wakeful.fabric.service import Again, Done, Node, Worker
from wakeful.store import work
from wakeful.store.tx import Tx

log = logging.getLogger(__name__)


async def run(node: Node, worker: Worker) -> None:
    """Carries out what is due, at most `worker.slots` at a time, until cancelled.

    Cancelling leaves rows claimed; they are re-entered when the node starts again, or by another node once this one's
    lease has lapsed.
    """
    running: set[asyncio.Task[None]] = set()
    with node.wakes.listen(work.wake_name(worker.kind), is_lazy=worker.is_lazy) as listener:
        async with asyncio.TaskGroup() as tasks:
            while True:
                if len(running) >= worker.slots:
                    await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                    continue
                due = await node.store.read(work.next_due, worker.kind)
                if due is None or due > node.clock.now():
                    await listener.wait(due)
                    continue
                with node.wakes.busy():
                    for item in await node.store.write(work.claim, worker.kind, worker.slots - len(running), node.id):
                        task = tasks.create_task(_carry_out(node, worker, item))
                        running.add(task)
                        task.add_done_callback(running.discard)
                    await asyncio.sleep(0)  # the tasks have begun, and count as busy themselves


async def _carry_out(node: Node, worker: Worker, item: work.Item) -> None:
    with node.wakes.busy():
        try:
            await node.store.write(_settle, item, await worker.do(node, item))
        except Exception:  # a mistake of ours: the row must neither be lost nor block the others
            due = node.clock.now() + backoff_s(item.attempts)
            log.exception("%s %d failed at attempt %d; again at %.0f", item.kind, item.id, item.attempts, due)
            await node.store.write(work.again, item, due)


def backoff_s(attempts: int) -> float:
    """How long to wait after so many attempts at a thing that should have worked: doubling, up to a bound."""
    return float(min(limits.WORK_BACKOFF_MAX_S, limits.WORK_BACKOFF_S * 2 ** min(attempts - 1, 16)))


def _settle(tx: Tx, item: work.Item, outcome: Done | Again) -> None:
    if isinstance(outcome, Again):
        work.again(tx, item, outcome.due, outcome.body)
        return
    work.finish(tx, item)
    if outcome.also is not None:
        outcome.also(tx)
