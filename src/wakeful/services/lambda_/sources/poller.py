"""The poller: every mapping that draws is tended by the one node that holds its work row; and how it draws from queues.

Nobody asks a source again and again: a tender sleeps until something comes in, until what is hidden shows itself, or
until what it depends on changes.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

from wakeful import limits
from wakeful.fabric import batches
from wakeful.fabric.batches import Filter
from wakeful.fabric.patience import insist
from wakeful.fabric.service import Node
from wakeful.fabric.source import Source, Taken
from wakeful.services.lambda_ import runs
from wakeful.services.lambda_.references import of_arn
from wakeful.services.lambda_.sources import mappings, rights, rules
from wakeful.services.lambda_.sources.batch import Batch
from wakeful.services.lambda_.sources.mappings import SourceMapping
from wakeful.services.lambda_.sources.scale import Bounds, Scale, bounds_of
from wakeful.services.lambda_.sources.streams.follower import Follower
from wakeful.services.lambda_.sources.tender import Drawer, Tender, read, write_if_held
from wakeful.store import work
from wakeful.store.tx import Tx
from wakeful.store.wakes import Listener
from wakeful.wire.errors import AwsError

T = TypeVar("T")

log = logging.getLogger(__name__)


async def run(node: Node) -> None:
    """Tends every mapping that this node can claim, until cancelled."""
    held: dict[asyncio.Task[None], int] = {}
    with node.wakes.listen(work.wake_name(mappings.KIND)) as listener:
        async with asyncio.TaskGroup() as tasks:
            while True:
                try:
                    due = await node.store.read(work.next_due, mappings.KIND)
                    if due is None or due > node.clock.now():
                        await listener.wait(due)
                        continue
                    items = await node.store.write(work.claim, mappings.KIND, limits.LAMBDA_MAPPINGS_CLAIMED, node.id)
                except Exception:
                    log.exception("the store failed; it is asked for mappings again")
                    await asyncio.sleep(limits.WORK_BACKOFF_S)
                    # The claim may have been written, and only its answer lost.
                    kept = set(held.values())
                    give_back = partial(node.store.write, work.give_back, mappings.KIND, node.id, kept)
                    await insist("giving back mappings", give_back)
                    continue
                for item in items:
                    task = tasks.create_task(Tender(node, item, partial(_drawer_of, node, item, tasks)).tend())
                    held[task] = item.id
                    task.add_done_callback(held.pop)
                await asyncio.sleep(0)  # the tenders have begun, and count as awake themselves


def _drawer_of(node: Node, item: work.Item, tasks: asyncio.TaskGroup, mapping: SourceMapping) -> Drawer:
    if rules.kind_of_source(mapping.source).is_stream:
        return Follower(node, item, tasks)
    return _QueueDrawer(node, item, tasks)


class _QueueDrawer:
    """What draws from a queue for one mapping, for as long as this node holds it."""

    def __init__(self, node: Node, item: work.Item, tasks: asyncio.TaskGroup) -> None:
        self._node = node
        self._item = item
        self._uuid: str = item.body["uuid"]
        self._tasks = tasks
        self._in_hand: set[asyncio.Task[None]] = set()
        """The batches that are not settled yet."""

        self._running: set[Batch] = set()
        """Those of them that keep a place: the disk is waited for beside the runs."""

        self._awaits_end: Listener | None = None
        """Its listener, while it is the end of a batch that it sleeps for, too."""

        self._mapping: SourceMapping | None = None
        self._bounds: Bounds | None = None
        self._has_more = False
        """Whether there was more to take than it could begin with."""

    @property
    def has_in_hand(self) -> bool:
        return bool(self._in_hand)

    async def watched(self, mapping: SourceMapping) -> Sequence[str]:
        return [self._source_of(mapping).wake_name(mapping.source)]

    async def until_one_ends(self, listener: Listener) -> None:
        await self._until_one_ends(listener, None)

    async def go_on(self, mapping: SourceMapping, listener: Listener) -> None:
        """More batches are in work; or it has slept because there cannot be one yet."""
        self._adopt(mapping)
        await self._go_on(mapping, self._source_of(mapping), listener)

    def _source_of(self, mapping: SourceMapping) -> Source:
        return self._node.sources[rules.kind_of_source(mapping.source).name]

    def _adopt(self, mapping: SourceMapping) -> None:
        """What its rules say counts from now on. What is in work stays in the count."""
        if mapping == self._mapping:
            return
        self._mapping = mapping
        self._filter = Filter(rules.patterns_of(mapping.config), self._source_of(mapping).content)
        bounds = bounds_of(mapping.config)
        if bounds != self._bounds:
            self._bounds, self._scale = bounds, Scale(bounds)

    async def _go_on(self, mapping: SourceMapping, source: Source, listener: Listener) -> None:
        if self._has_more and len(self._running) >= self._scale.limit:
            self._scale.crowded(self._node.clock.now())
            if len(self._running) >= self._scale.limit:
                await self._until_one_ends(listener, self._scale.grows_at())
                return
        due = await self._next_due(mapping, source)
        self._has_more = due is not None and due <= self._node.clock.now()
        if not self._has_more:
            self._scale.calm(len(self._running))
            await listener.wait(due)
        elif len(self._running) < self._scale.limit:
            try:
                await self._draw(mapping, source, listener)
            except AwsError as error:  # the source went away in this very moment; the next look says so
                log.info("mapping %s: %s", self._uuid, error)

    async def _next_due(self, mapping: SourceMapping, source: Source) -> float | None:
        """When there may be something to take; None while it cannot be taken, or nothing run, which is told."""
        function = of_arn(mapping.function)
        try:
            target = await runs.target(self._node, function)
            if self._node.config.iam_mode == "enforce":
                await rights.check(self._node, function, target.pick().role_arn, mapping.source)
            due, complaint = await self._node.store.read(_look, source, mapping.source)
        except AwsError as error:
            due, complaint = None, error.message
        if complaint is not None:
            await self._node.store.write(mappings.processed, self._uuid, f"PROBLEM: {complaint}")
        return due

    async def _draw(self, mapping: SourceMapping, source: Source, listener: Listener) -> None:
        """Batches of what is there are in work; or the one that a window gathers."""
        now = self._node.clock.now()
        window_ends = now + mapping.window_s
        most = min(self._scale.limit - len(self._running), limits.BATCH_FIRST_SLICE // mapping.batch_size)
        if mapping.window_s or most < 2:
            gathered = [await self._gather(mapping, source, listener, window_ends)]
        else:
            gathered = await self._take(_take_each, source, mapping, min(most, limits.LAMBDA_BATCHES_AT_ONCE))
        ours_from = min(window_ends, self._node.clock.now())
        for taken in filter(None, gathered):
            batch = Batch(self._node, mapping, source, self._filter, self._scale, taken, ours_from)
            self._running.add(batch)
            task = self._tasks.create_task(batch.handle(self._ran))
            self._in_hand.add(task)
            task.add_done_callback(partial(self._ended, batch))
        await asyncio.sleep(0)  # the batches have begun, and count as awake themselves

    async def _until_one_ends(self, listener: Listener, deadline: float | None) -> None:
        self._awaits_end = listener
        await listener.wait(deadline)
        self._awaits_end = None

    def _ran(self, batch: Batch) -> None:
        self._running.discard(batch)
        if self._awaits_end is not None:
            self._awaits_end.notify()

    def _ended(self, batch: Batch, task: asyncio.Task[None]) -> None:
        self._in_hand.discard(task)
        self._ran(batch)  # also where it failed before that

    async def _gather(
        self, mapping: SourceMapping, source: Source, listener: Listener, window_ends: float
    ) -> list[Taken]:
        """A batch: what is there, and what comes within the window, up to the batch's size and that of an event.

        It waits with the tender's own listener: meanwhile it is asleep, and the clock can be moved to the window's end.
        """
        bytes_max = limits.LAMBDA_SYNCHRONOUS_BYTES_MAX
        batch: list[Taken] = []
        while wanted := batches.next_slice(mapping.batch_size - len(batch), batch, bytes_max):
            now = self._node.clock.now()
            more = await self._take(_take, source, mapping, wanted, window_ends - now)
            batch += more
            if not batch or (now >= window_ends and len(more) < wanted):
                break
            if len(more) < wanted and not await self._more_comes(mapping, source, listener, window_ends):
                break
        return batch

    async def _take(self, take: Callable[..., list[T]], *args: Any) -> list[T]:
        """What `take` takes. Raises TakenOver where it is no longer ours to take."""
        return await write_if_held(self._node, self._item, take, *args)

    async def _more_comes(self, mapping: SourceMapping, source: Source, listener: Listener, until: float) -> bool:
        """Whether there is more to take before the window ends, and the mapping still is as it was."""
        while True:
            is_over = self._node.clock.now() >= until or self._node.is_stopping
            if is_over or (await read(self._node, self._uuid)) != self._mapping:
                return False
            due = await self._node.store.read(source.next_due, mapping.source)
            if due is not None and due <= self._node.clock.now():
                return True
            await listener.wait(until if due is None else min(due, until))


def _look(tx: Tx, source: Source, arn: str) -> tuple[float | None, str | None]:
    """When there may be something to take, and else what is wrong with the source, where something is."""
    due = source.next_due(tx, arn)
    return due, source.complaint(tx, arn, 0) if due is None else None


def _take(tx: Tx, source: Source, mapping: SourceMapping, count: int, longer_s: float) -> list[Taken]:
    return source.take(tx, mapping.source, mapping.uuid, count, max(0.0, longer_s))


def _take_each(tx: Tx, source: Source, mapping: SourceMapping, most: int) -> list[list[Taken]]:
    """Up to so many batches of what is there, taken one after the other: no two have messages of the same group."""
    batches: list[list[Taken]] = []
    while len(batches) < most:
        batches.append(source.take(tx, mapping.source, mapping.uuid, mapping.batch_size))
        if len(batches[-1]) < mapping.batch_size:
            break
    return batches
