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

    A worker whose slots may become more has claimed some work ahead, and writes what is over without keeping a slot for
    it: the disk is waited for beside the work. There are twice as many slots each time, up to `slots_max`, where all
    are taken and either the processors and the node have time left, as they have when the work only waits; or nothing
    ends at all, as happens when it waits for other work of its kind. Otherwise more at a time would get nothing done
    sooner.
    """

    def __init__(self, node: Node, worker: Worker) -> None:
        self.worker = worker
        self.settling = Settling(node.store)
        self._slots = worker.slots
        self._in_hand: dict[asyncio.Task[None], int] = {}
        self._running = 0
        self._turns: deque[asyncio.Future[None]] = deque()
        self._one_ended = asyncio.Event()
        self._processors = Processors()
        self._looked: float | None = None
        """When, in the loop's time, it was last seen how idle they are; None while there are slots."""

    @property
    def items(self) -> Collection[int]:
        return set(self._in_hand.values())

    @property
    def free(self) -> int:
        """How many more may be claimed."""
        ahead = limits.WORK_AHEAD if self.worker.slots_max else 1
        return self._slots * ahead - len(self._in_hand)

    @property
    def are_full(self) -> bool:
        """Whether there is no use in looking for more before something has ended."""
        return self.free <= 0 or bool(self._turns)

    def take(self, item: work.Item, task: asyncio.Task[None]) -> None:
        self._in_hand[task] = item.id
        task.add_done_callback(self._end)

    def _end(self, task: asyncio.Task[None]) -> None:
        del self._in_hand[task]
        self._one_ended.set()
        if len(self._in_hand) < self.worker.slots:
            self._slots = self.worker.slots
            self._looked = None

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """While it is open there is one slot less."""
        if self._running < self._slots:
            self._running += 1
        else:
            turn = asyncio.get_running_loop().create_future()
            self._turns.append(turn)
            await turn  # who lets it in counts it
        try:
            yield
        finally:
            self._running -= 1
            self._let_in()

    def _let_in(self) -> None:
        while self._turns and self._running < self._slots:
            turn = self._turns.popleft()
            if not turn.done():  # else it was cancelled
                self._running += 1
                turn.set_result(None)

    async def until_free(self) -> None:
        """Returns when something has ended, or when there are more slots."""
        self._one_ended.clear()
        may_grow = self._slots < self.worker.slots_max
        if may_grow and self._are_processors_idle():
            self._grow()
            return
        try:
            async with asyncio.timeout(limits.WORK_STALLED_S if may_grow else None):
                await self._one_ended.wait()
        except TimeoutError:
            self._grow()

    def _grow(self) -> None:
        self._slots = min(self._slots * 2, self.worker.slots_max)
        self._let_in()

    def _are_processors_idle(self) -> bool:
        """Whether they were, all the time that the slots have been taken; asked no more often than is worth it."""
        now = asyncio.get_running_loop().time()
        if self._looked is not None and now - self._looked < limits.WORK_LOOK_S:
            return False
        share = self._processors.idle_share()
        is_first, self._looked = self._looked is None, now
        return not is_first and share >= limits.WORK_IDLE_SHARE


async def _draw(node: Node, hands: _Hands, tasks: asyncio.TaskGroup) -> float | None:
    """What is due and has a slot is in hand; when the next row was due before that."""
    kind = hands.worker.kind
    due = await node.store.read(work.next_due, kind)
    if due is None or due > node.clock.now():
        return due
    with node.wakes.busy():
        for item in await node.store.write(work.claim, kind, max(0, hands.free), node.id):
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
