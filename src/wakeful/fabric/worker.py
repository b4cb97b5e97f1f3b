"""Runs due work of one kind: claim, do, finish or do again later. Sleeps until a wake or the next due row."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Collection
from functools import partial

from wakeful import limits
from wakeful.fabric.patience import backoff_s, insist
from wakeful.fabric.service import Node, Worker
from wakeful.fabric.settling import Settling
from wakeful.store import work

log = logging.getLogger(__name__)


async def run(node: Node, worker: Worker) -> None:
    """Carries out what is due, at most as many at a time as it has slots, until cancelled.

    Cancelling leaves rows claimed; they are re-entered when the node starts again, or by another node once this one's
    lease has lapsed.
    """
    hands = _Hands(node, worker)
    with node.wakes.listen(work.wake_name(worker.kind), is_lazy=worker.is_lazy) as listener:
        async with asyncio.TaskGroup() as tasks:
            while True:
                try:
                    due = await _draw(node, hands, tasks)
                except Exception:
                    log.exception("%s: the store failed; it is asked again", worker.kind)
                    await asyncio.sleep(limits.WORK_BACKOFF_S)
                    # The claim may have been written, and only its answer lost.
                    await insist(f"{worker.kind} again", partial(_give_back, node, worker, hands.items))
                    continue
                if not hands.free:
                    await hands.until_free()
                elif due is None or due > node.clock.now():
                    await listener.wait(due)


class _Hands:
    """What a worker is at, and how much more it may take.

    Work that waits for other work of its kind would never end if it had all the slots: where nothing ends for a while,
    there are more of them, up to `slots_max`.
    """

    def __init__(self, node: Node, worker: Worker) -> None:
        self.worker = worker
        self.settling = Settling(node.store)
        self._slots = worker.slots
        self._in_hand: dict[asyncio.Task[None], int] = {}
        self._one_ended = asyncio.Event()

    @property
    def items(self) -> Collection[int]:
        return set(self._in_hand.values())

    @property
    def free(self) -> int:
        return self._slots - len(self._in_hand)

    def take(self, item: work.Item, task: asyncio.Task[None]) -> None:
        self._in_hand[task] = item.id
        task.add_done_callback(self._end)

    def _end(self, task: asyncio.Task[None]) -> None:
        del self._in_hand[task]
        self._one_ended.set()
        if len(self._in_hand) < self.worker.slots:
            self._slots = self.worker.slots

    async def until_free(self) -> None:
        """Returns when something has ended, or when nothing has for a while and so there is one more slot at least."""
        self._one_ended.clear()
        more = min(self._slots + self.worker.slots, max(self.worker.slots_max, self.worker.slots))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limits.WORK_STALLED_S if more > self._slots else None):
                await self._one_ended.wait()
                return
        self._slots = more


async def _draw(node: Node, hands: _Hands, tasks: asyncio.TaskGroup) -> float | None:
    """What is due and has a slot is in hand; when the next row was due before that."""
    kind = hands.worker.kind
    due = await node.store.read(work.next_due, kind)
    if due is None or due > node.clock.now():
        return due
    with node.wakes.busy():
        for item in await node.store.write(work.claim, kind, hands.free, node.id):
            hands.take(item, tasks.create_task(_carry_out(node, hands, item)))
        await asyncio.sleep(0)  # the tasks have begun, and count as busy themselves
    return due


async def _give_back(node: Node, worker: Worker, but: Collection[int]) -> None:
    await node.store.write(work.give_back, worker.kind, node.id, but)


async def _carry_out(node: Node, hands: _Hands, item: work.Item) -> None:
    with node.wakes.busy():
        try:
            await hands.settling.settle(item, await hands.worker.do(node, item))
        except Exception:  # a mistake of ours, or of the store: the row must neither be lost nor block the others
            due = node.clock.now() + backoff_s(item.attempts)
            log.exception("%s %d failed at attempt %d; again at %.0f", item.kind, item.id, item.attempts, due)
            await insist(f"putting off {item.kind} {item.id}", partial(node.store.write, work.again, item, due))
