"""Runs due work of one kind: claim, do, finish or do again later. Sleeps until a wake or the next due row."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from functools import partial

from wakeful import limits
from wakeful.fabric.patience import backoff_s, insist
from wakeful.fabric.service import Again, Done, Node, Worker
from wakeful.store import work
from wakeful.store.tx import Tx

log = logging.getLogger(__name__)


async def run(node: Node, worker: Worker) -> None:
    """Carries out what is due, at most `worker.slots` at a time, until cancelled.

    Cancelling leaves rows claimed; they are re-entered when the node starts again, or by another node once this one's
    lease has lapsed.
    """
    in_hand: dict[asyncio.Task[None], int] = {}
    with node.wakes.listen(work.wake_name(worker.kind), is_lazy=worker.is_lazy) as listener:
        async with asyncio.TaskGroup() as tasks:
            while True:
                try:
                    due = await _draw(node, worker, in_hand, tasks)
                except Exception:
                    log.exception("%s: the store failed; it is asked again", worker.kind)
                    await asyncio.sleep(limits.WORK_BACKOFF_S)
                    # The claim may have been written, and only its answer lost.
                    await insist(f"{worker.kind} again", partial(_give_back, node, worker, in_hand))
                    continue
                if len(in_hand) >= worker.slots:
                    await asyncio.wait(in_hand, return_when=asyncio.FIRST_COMPLETED)
                elif due is None or due > node.clock.now():
                    await listener.wait(due)


async def _draw(
    node: Node, worker: Worker, in_hand: dict[asyncio.Task[None], int], tasks: asyncio.TaskGroup
) -> float | None:
    """What is due and has a slot is in hand; when the next row was due before that."""
    due = await node.store.read(work.next_due, worker.kind)
    if due is None or due > node.clock.now():
        return due
    with node.wakes.busy():
        for item in await node.store.write(work.claim, worker.kind, worker.slots - len(in_hand), node.id):
            task = tasks.create_task(_carry_out(node, worker, item))
            in_hand[task] = item.id
            task.add_done_callback(in_hand.pop)
        await asyncio.sleep(0)  # the tasks have begun, and count as busy themselves
    return due


async def _give_back(node: Node, worker: Worker, in_hand: Mapping[asyncio.Task[None], int]) -> None:
    await node.store.write(work.give_back, worker.kind, node.id, set(in_hand.values()))


async def _carry_out(node: Node, worker: Worker, item: work.Item) -> None:
    with node.wakes.busy():
        try:
            await node.store.write(_settle, item, await worker.do(node, item))
        except Exception:  # a mistake of ours, or of the store: the row must neither be lost nor block the others
            due = node.clock.now() + backoff_s(item.attempts)
            log.exception("%s %d failed at attempt %d; again at %.0f", item.kind, item.id, item.attempts, due)
            await insist(f"putting off {item.kind} {item.id}", partial(node.store.write, work.again, item, due))


def _settle(tx: Tx, item: work.Item, outcome: Done | Again) -> None:
    if isinstance(outcome, Again):
        work.again(tx, item, outcome.due, outcome.body)
        return
    work.finish(tx, item)
    if outcome.also is not None:
        outcome.also(tx)
