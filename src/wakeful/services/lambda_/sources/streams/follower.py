"""Following a stream for one mapping: every lane of every shard has one batch in work, and is where its row says.

It sleeps until something is appended, until a window or a pause ends, or until what it depends on changes.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from wakeful import limits, names
from wakeful.fabric import journal
from wakeful.fabric.journal import Entry, Shard
from wakeful.fabric.service import Node
from wakeful.fabric.stream import Stream
from wakeful.services.lambda_ import runs
from wakeful.services.lambda_.references import of_arn
from wakeful.services.lambda_.sources import mappings, rights
from wakeful.services.lambda_.sources.mappings import SourceMapping
from wakeful.services.lambda_.sources.streams import checkpoints, reading
from wakeful.services.lambda_.sources.streams.checkpoints import Checkpoint, Followed, LaneKey
from wakeful.services.lambda_.sources.streams.reading import Lane, Reader
from wakeful.services.lambda_.sources.streams.turn import Turn
from wakeful.services.lambda_.sources.tender import Moved, TakenOver, write_if_held
from wakeful.store import work
from wakeful.store.tx import Tx
from wakeful.store.wakes import Listener
from wakeful.wire.errors import AwsError

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class View:
    """What there is of a stream at one moment."""

    journal: str | None = None
    complaint: str | None = None
    found: Sequence[Followed] = ()
    is_ill_shaped: bool = False
    oldest: float = 0.0
    entries: Mapping[LaneKey, tuple[Sequence[Entry], bool]] = field(default_factory=dict)
    """What comes next in the lanes that can take more, and whether there may be more behind it."""

    is_cut: bool = False
    """Whether some of those were not read, because there was much in others."""


class Follower:
    """What follows a stream for one mapping, for as long as this node holds it."""

    def __init__(self, node: Node, item: work.Item, tasks: asyncio.TaskGroup) -> None:
        self._node = node
        self._item = item
        self._uuid: str = item.body["uuid"]
        self._tasks = tasks
        self._mapping: SourceMapping | None = None
        self._lanes: dict[LaneKey, Lane] | None = None
        self._in_hand: set[asyncio.Task[None]] = set()
        self._listener: Listener | None = None
        self._is_taken_over = False
        self._journal: str | None = None
        """What is watched; None where there is no such stream."""

    @property
    def has_in_hand(self) -> bool:
        return bool(self._in_hand)

    async def watched(self, mapping: SourceMapping) -> Sequence[str]:
        """Its journal, and its name: there a stream that is made anew wakes."""
        stream = self._stream_of(mapping)
        self._journal = await self._node.store.read(stream.journal, mapping.source)
        return [journal.wake_name(each) for each in (self._journal, mapping.source) if each is not None]

    async def until_one_ends(self, listener: Listener) -> None:
        self._listener = listener
        await listener.wait(None)

    async def go_on(self, mapping: SourceMapping, listener: Listener) -> None:
        """More batches are in work; or it has slept because there cannot be one yet."""
        if self._is_taken_over:
            raise TakenOver
        self._listener = listener
        self._adopt(mapping)
        role_arn = await self._role(mapping)
        if role_arn is None:
            await listener.wait(None)
            return
        view = await self._look(mapping)
        if view is None:
            return  # the lanes are others now
        if view.journal != self._journal:
            raise Moved
        if view.complaint is not None:
            await self._tell(f"PROBLEM: {view.complaint}")
            await listener.wait(None)
            return
        deadlines = [await self._advance(mapping, each, view, role_arn) for each in self._idle(view.found)]
        await asyncio.sleep(0)  # the batches have begun, and count as awake themselves
        idle = self._idle(view.found)
        if view.is_cut or any(lane.has_more and not lane.is_busy and not lane.is_full for lane in idle):
            return
        await listener.wait(min((each for each in deadlines if each is not None), default=None))

    def _stream_of(self, mapping: SourceMapping) -> Stream:
        return self._node.streams[names.parse_arn(mapping.source).service]

    def _adopt(self, mapping: SourceMapping) -> None:
        """What its rules say counts from now on: what was only gathered is gathered anew."""
        if mapping == self._mapping:
            return
        self._mapping = mapping
        self._reader = Reader(self._stream_of(mapping), mapping)
        for lane in (self._lanes or {}).values():
            if not lane.is_busy:
                lane.again()

    async def _role(self, mapping: SourceMapping) -> str | None:
        """The role of the function; None while it cannot be run, or may not read, which is told."""
        function = of_arn(mapping.function)
        try:
            role_arn = (await runs.target(self._node, function)).pick().role_arn
            if self._node.config.iam_mode == "enforce":
                await rights.check(self._node, function, role_arn, mapping.source)
        except AwsError as error:
            await self._tell(f"PROBLEM: {error.message}")
            return None
        return role_arn

    async def _tell(self, result: str) -> None:
        await self._node.store.write(mappings.processed, self._uuid, result)

    # --- what there is -----------------------------------------------------------------------------------------------

    async def _look(self, mapping: SourceMapping) -> View | None:
        """None where there were lanes to be made or to go."""
        if self._lanes is None:
            self._load(await self._node.store.read(checkpoints.of, self._uuid))
        assert self._lanes is not None
        now = self._node.clock.now()
        size, is_filtered = mapping.batch_size, self._reader.is_filtered
        cursors = {
            key: (lane.cursor, lane.wants(size, is_filtered=is_filtered))
            for key, lane in self._lanes.items()
            if self._can_take(lane, now)
        }
        known = {key: lane.known for key, lane in self._lanes.items()}
        stream, factor = self._stream_of(mapping), int(mapping.config["ParallelizationFactor"])
        view = await self._node.store.read(_view, stream, mapping.source, known, cursors, factor)
        if not view.is_ill_shaped:
            return view
        shaped = await write_if_held(self._node, self._item, _shaped, self._uuid, stream, mapping.source, known, factor)
        self._load(shaped)
        return None

    def _can_take(self, lane: Lane, now: float) -> bool:
        rests = max(lane.rests_until, lane.checkpoint.due) > now
        return not (lane.is_busy or lane.is_full or rests)

    def _load(self, rows: Mapping[LaneKey, Checkpoint]) -> None:
        """The lanes are those of the rows; one that is known stays as it is, further on."""
        before = self._lanes or {}
        self._lanes = {
            key: before.get(key) or Lane(key, None, checkpoint)  # who looks finds the shard
            for key, checkpoint in rows.items()
        }

    def _idle(self, found: Iterable[Followed]) -> list[Lane]:
        """The lanes that have nothing in work."""
        assert self._lanes is not None
        idle = []
        for each in found:
            for key in each.lanes:
                lane = self._lanes[key]
                lane.shard, lane.until = each.shard, each.until
                if not lane.is_busy:
                    idle.append(lane)
        return idle

    # --- what is to be done ------------------------------------------------------------------------------------------

    async def _advance(self, mapping: SourceMapping, lane: Lane, view: View, role_arn: str) -> float | None:
        """More is gathered, and the lane's turn is in work if there is one; else when there may be one."""
        if lane.key in view.entries:
            looked = reading.look(lane, *view.entries[lane.key], self._reader, role_arn, view.oldest)
            if mapping.counts_events and looked.polled:
                self._node.telemetry.note(looked.sample(mapping, self._node.clock.now()))
        if lane.skipped >= limits.LAMBDA_STREAM_SKIPPED and lane.known is not lane.checkpoint:
            await self._write_down(lane)
        now = self._node.clock.now()
        if not lane.was_looked_at:  # it rests; or it had no turn to be looked at, and has it now
            return max(lane.rests_until, lane.checkpoint.due)
        turn = Turn(self._node, self._item, mapping, lane, role_arn)
        deadline = turn.due(now, view.oldest)
        if deadline is None or deadline > now:
            return deadline
        lane.is_busy = True
        task = self._tasks.create_task(self._take(turn, lane, view.oldest))
        self._in_hand.add(task)
        return None

    async def _write_down(self, lane: Lane) -> None:
        """That nothing was wanted of much is not found out again by whoever follows next."""
        await write_if_held(self._node, self._item, checkpoints.put, self._uuid, lane.key, lane.known)
        lane.checkpoint = lane.known
        lane.skipped = 0

    async def _take(self, turn: Turn, lane: Lane, oldest: float) -> None:
        """A mistake of ours harms this lane alone, which begins again later."""
        task = asyncio.current_task()
        assert task is not None
        with self._node.wakes.busy():
            try:
                await turn.take(oldest)
            except TakenOver:
                self._is_taken_over = True
            except Exception:
                log.exception("mapping %s: a batch of %s was not settled", self._uuid, lane.key.shard)
                lane.refuse(self._node.clock.now())
            finally:
                lane.is_busy = False
                self._in_hand.discard(task)
                if self._listener is not None:
                    self._listener.notify()


def _view(
    tx: Tx,
    stream: Stream,
    arn: str,
    known: Mapping[LaneKey, Checkpoint],
    cursors: Mapping[LaneKey, tuple[int, int]],
    factor: int,
) -> View:
    name, complaint = stream.journal(tx, arn), stream.complaint(tx, arn)
    if complaint is not None:
        return View(name, complaint)
    shards = _shards(tx, stream, arn)
    found = checkpoints.followed(shards, known, factor)
    if checkpoints.is_ill_shaped(shards, known, found):
        return View(name, is_ill_shaped=True)
    lanes = {key: each for each in found for key in each.lanes if key in cursors}
    entries = _entries(tx, lanes, cursors)
    is_cut = len(entries) < len(lanes)
    return View(name, None, found, oldest=stream.oldest(tx, arn), entries=entries, is_cut=is_cut)


def _entries(
    tx: Tx, lanes: Mapping[LaneKey, Followed], cursors: Mapping[LaneKey, tuple[int, int]]
) -> dict[LaneKey, tuple[Sequence[Entry], bool]]:
    """What comes next in those lanes, those first that are farthest behind; up to as much as is read at once."""
    entries: dict[LaneKey, tuple[Sequence[Entry], bool]] = {}
    size = 0
    for key in sorted(lanes, key=lambda key: cursors[key][0]):
        if size > limits.LAMBDA_STREAM_LOOKED_BYTES:
            break
        cursor, followed = cursors[key], lanes[key]
        if followed.holds(key, cursor[0]):
            entries[key] = [], False
        else:
            entries[key] = journal.portion(tx, followed.shard, *cursor, limits.LAMBDA_STREAM_SCANNED_BYTES)
        size += sum(entry.size for entry in entries[key][0])
    return entries


def _shards(tx: Tx, stream: Stream, arn: str) -> list[Shard]:
    name = stream.journal(tx, arn)
    return [] if name is None else journal.shards(tx, name)


def _shaped(
    tx: Tx, mapping: str, stream: Stream, arn: str, known: Mapping[LaneKey, Checkpoint], factor: int
) -> dict[LaneKey, Checkpoint]:
    return checkpoints.shaped(tx, mapping, _shards(tx, stream, arn), known, factor)
