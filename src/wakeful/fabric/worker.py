"""Runs due work of one kind: claim, do, finish or do again later. Sleeps until a wake or the next due row."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from functools import partial

from wakeful import limits
from wakeful.fabric.patience import backoff_s, insist
from wakeful.fabric.processors import Processors
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
            if worker.slots_max:
                tasks.create_task(hands.watch())
            while True:
                try:
                    due = await _draw(node, hands, tasks)
                except Exception:
                    log.exception("%s: the store failed; it is asked again", worker.kind)
                    await asyncio.sleep(limits.WORK_BACKOFF_S)
                    # The claim may have been written, and only its answer lost.
                    await insist(f"{worker.kind} again", partial(_give_back, node, worker, hands.items))
                    continue
                if hands.are_full:
                    await hands.until_free()
                elif due is None or due > node.clock.now():
                    await listener.wait(due)


class _Hands:
    """What a worker is at, and how much more it may take.

    A worker whose slots may become more has claimed some work ahead, so that what is next is there when a slot is free,
    and writes what is over without keeping a slot for it: the disk is waited for beside the work. How many slots get
    the most done is looked at as long as work waits for one (`watch`).
    """

    def __init__(self, node: Node, worker: Worker) -> None:
        self.worker = worker
        self.settling = Settling(node.store)
        self._ahead = limits.WORK_AHEAD if worker.slots_max else 0
        self._slots = worker.slots
        self._in_hand: dict[asyncio.Task[None], int] = {}
        self._undone = 0
        """Of those in hand, those that are not done yet; the others are being written."""

        self._running = 0
        self._turns: deque[asyncio.Future[None]] = deque()
        self._one_done = asyncio.Event()
        self._crowded = asyncio.Event()
        self._progress = 0.0
        """When, in the loop's time, the last one was done, or there were last more slots."""

    @property
    def items(self) -> Collection[int]:
        return set(self._in_hand.values())

    @property
    def free(self) -> int:
        """How many more may be claimed."""
        return max(0, self._slots + self._ahead - self._undone)

    @property
    def are_full(self) -> bool:
        """Whether it is too early to look for more. What is claimed ahead is claimed by halves, not one by one."""
        return self.free <= self._ahead // 2

    def take(self, item: work.Item, task: asyncio.Task[None]) -> None:
        self._in_hand[task] = item.id
        self._undone += 1
        task.add_done_callback(self._end)

    def _end(self, task: asyncio.Task[None]) -> None:
        del self._in_hand[task]
        if len(self._in_hand) < self.worker.slots:
            self._slots = self.worker.slots

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """While it is open there is one slot less."""
        if self._running < self._slots:
            self._running += 1
        else:
            turn = asyncio.get_running_loop().create_future()
            self._turns.append(turn)
            self._crowded.set()
            await turn  # who lets it in counts it
        try:
            yield
        finally:
            self._running -= 1
            self._undone -= 1
            self._progress = asyncio.get_running_loop().time()
            self._one_done.set()
            self._let_in()

    def _let_in(self) -> None:
        while self._turns and self._running < self._slots:
            turn = self._turns.popleft()
            if not turn.done():  # else it was cancelled
                self._running += 1
                turn.set_result(None)

    async def until_free(self) -> None:
        """Returns when more may be claimed."""
        while self.are_full:
            self._one_done.clear()
            await self._one_done.wait()

    async def watch(self) -> None:
        """There are as many slots as get the most done, for ever."""
        processors = Processors()
        while True:
            await self._crowded.wait()
            processors.idle_share()  # from now on
            self._progress = asyncio.get_running_loop().time()
            while True:
                await asyncio.sleep(limits.WORK_LOOK_S)
                idle_share = processors.idle_share()
                if not self._turns:
                    break
                self._adjust(idle_share)
            self._crowded.clear()

    def _adjust(self, idle_share: float) -> None:
        """Twice as many slots where the processors have time left, as they have when the work only waits, or where
        nothing ends, as happens when it waits for other work of its kind; the more there are, the longer that is waited
        for. Half as many where the processors have none left: more at a time would get nothing done sooner.
        """
        now = asyncio.get_running_loop().time()
        patience_s = limits.WORK_STALLED_S * self._running / self.worker.slots
        if idle_share >= limits.WORK_IDLE_SHARE or now - self._progress >= patience_s:
            self._slots = min(self._running * 2, self.worker.slots_max)
            self._progress = now
            self._let_in()
            self._one_done.set()
        elif idle_share < limits.WORK_BUSY_SHARE:
            self._slots = max(self._slots // 2, self.worker.slots)


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
            async with hands.slot():
                outcome = await hands.worker.do(node, item)
            await hands.settling.settle(item, outcome)
        except Exception:  # a mistake of ours, or of the store: the row must neither be lost nor block the others
            due = node.clock.now() + backoff_s(item.attempts)
            log.exception("%s %d failed at attempt %d; again at %.0f", item.kind, item.id, item.attempts, due)
            await insist(f"putting off {item.kind} {item.id}", partial(node.store.write, work.again, item, due))
