"""Reading one lane of a shard: what of it the filters let through, up to as much as makes a batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from wakeful import limits
from wakeful.fabric.batches import Filter
from wakeful.fabric.journal import Entry, Shard
from wakeful.fabric.stream import Stream
from wakeful.fabric.trace import Trace
from wakeful.services.lambda_ import measuring
from wakeful.services.lambda_.sources import rules
from wakeful.services.lambda_.sources.mappings import SourceMapping
from wakeful.services.lambda_.sources.streams.checkpoints import Checkpoint, LaneKey, Pending
from wakeful.store.metrics import Sample

EVENT_BYTES = 1024
"""Kept free in an event for what stands beside its records."""


@dataclass(frozen=True, slots=True)
class Piece:
    """One entry that the function shall have."""

    number: int
    at: float
    sequence: str
    record: bytes
    """Its JSON, as it stands among the event's Records."""

    trace: Trace


class Reader:
    """How records of one mapping look, and which of them its filters let through."""

    def __init__(self, stream: Stream, mapping: SourceMapping) -> None:
        """Raises InvalidEventPatternException."""
        self.mapping = mapping
        self.stream = stream
        patterns = rules.patterns_of(mapping.config)
        self._filter = Filter(patterns, stream.content) if patterns else None

    @property
    def is_filtered(self) -> bool:
        return self._filter is not None

    def piece(self, shard: Shard, entry: Entry, role_arn: str) -> Piece | None:
        """None where the filters do not want it."""
        record = self.stream.as_record(self.mapping.source, shard, entry, role_arn)
        if self._filter is not None and not self._filter.wants(self.stream.as_seen(record)):
            return None
        sequence = self.stream.sequence(shard, entry)
        # Nobody looks for loops on ways through streams.
        return Piece(entry.seq, entry.at, sequence, orjson.dumps(record), entry.trace.without_lineage())


@dataclass(slots=True)
class Lane:
    """What is in memory of one lane: its checkpoint, and what was read beyond it and is not run yet."""

    key: LaneKey
    shard: Shard | None
    checkpoint: Checkpoint
    until: int | None = None
    cursor: int = 0
    """Everything up to that number was looked at."""

    gathered: list[Piece] = field(default_factory=list)
    bytes: int = 0
    was_looked_at: bool = False
    """Since it was last at its checkpoint: else nothing is known of what comes next."""

    is_full: bool = False
    """Whether nothing more fits into the batch."""

    skipped: int = 0
    """Entries nobody wants since the checkpoint was written."""

    gather_until: float | None = None
    """When the batching window ends that began with the first that was gathered."""

    rests_until: float = 0.0
    """Not before then: what could not be run at all is tried again, and not counted."""

    refusals: int = 0
    has_more: bool = False
    """Whether there was more to read when it was last looked at."""

    is_busy: bool = False

    def __post_init__(self) -> None:
        self.again()

    def again(self) -> None:
        """It is read from its checkpoint."""
        self.cursor = self.checkpoint.position
        self.gathered = []
        self.bytes = EVENT_BYTES
        self.was_looked_at = False
        self.is_full = False
        self.has_more = False
        self.gather_until = None

    @property
    def known(self) -> Checkpoint:
        """Its checkpoint, as far as it may be moved by what was only looked at. What is in work is still to be done."""
        if self.is_busy and not self.checkpoint.pending:
            return replace(self.checkpoint, pending=(Pending(self.end),))
        if self.gathered or self.checkpoint.pending or self.cursor <= self.checkpoint.position:
            return self.checkpoint
        return replace(self.checkpoint, position=self.cursor)

    @property
    def end(self) -> int:
        """The last entry of what is gathered, with what comes behind it and nobody wants."""
        return self.checkpoint.pending[0].end if self.checkpoint.pending else self.cursor

    @property
    def is_read(self) -> bool:
        """Whether the shard has ended and everything in it was looked at."""
        return self.shard is not None and self.shard.ends is not None and self.cursor >= self.shard.ends

    def refuse(self, now: float) -> None:
        """What is next could not be run: after a pause it is read and tried again."""
        pause_s = limits.LAMBDA_MAPPING_THROTTLE_BACKOFF_S * 2 ** min(self.refusals, 16)
        self.rests_until = now + min(limits.LAMBDA_MAPPING_THROTTLE_BACKOFF_MAX_S, pause_s)
        self.refusals += 1
        self.again()

    def wants(self, batch_size: int, *, is_filtered: bool) -> int:
        """How many entries to read at once: hardly more than the batch has room for, but for those it goes by."""
        if self.checkpoint.pending:
            return limits.LAMBDA_STREAM_SCANNED
        room = (batch_size - len(self.gathered)) * self.key.lanes
        least = limits.BATCH_FIRST_SLICE if is_filtered or self.key.lanes > 1 else 1
        return min(max(room, least), limits.LAMBDA_STREAM_SCANNED)

    def last_to_read(self) -> int | None:
        """Up to which entry it may be read, where there is a bound."""
        if self.checkpoint.pending:
            return self.checkpoint.pending[0].end
        return self.until


@dataclass(frozen=True, slots=True)
class Looked:
    """What one look at a lane has found."""

    polled: int
    filtered: int
    expired: int
    """Entries that are older than the stream keeps them."""

    def sample(self, mapping: SourceMapping, now: float) -> Sample:
        return measuring.followed(mapping, now, polled=self.polled, filtered=self.filtered, dropped=self.expired)


def look(lane: Lane, entries: Sequence[Entry], is_cut: bool, reader: Reader, role_arn: str, oldest: float) -> Looked:
    """What stands next in the shard is gathered, as far as the batch has room and it is this lane's.

    `entries` are what was read of it; it is cut where there may be more behind them.
    """
    assert lane.shard is not None
    lane.was_looked_at = True
    bound, size_max = lane.last_to_read(), _size_max(lane, reader.mapping.config)
    polled = filtered = expired = 0
    for entry in entries:
        if bound is not None and entry.seq > bound:
            lane.has_more = False
            return Looked(polled, filtered, expired)
        if lane.key.lanes > 1 and not lane.key.has(reader.stream.key(entry)):
            lane.cursor, lane.skipped = entry.seq, lane.skipped + 1
            continue
        if entry.at < oldest and not lane.checkpoint.pending:
            lane.cursor = entry.seq
            polled, expired = polled + 1, expired + 1
            continue
        piece = reader.piece(lane.shard, entry, role_arn)
        if piece is None:
            lane.cursor = entry.seq
            polled, filtered, lane.skipped = polled + 1, filtered + 1, lane.skipped + 1
            continue
        if _is_beyond(lane, piece, size_max, reader.mapping.config):
            lane.is_full = True
            return Looked(polled, filtered, expired)
        lane.cursor = entry.seq
        polled += 1
        lane.gathered.append(piece)
        lane.bytes += len(piece.record) + 1
    lane.is_full = lane.is_full or len(lane.gathered) >= size_max
    is_short = bool(lane.checkpoint.pending and entries) and bound is not None and lane.cursor < bound
    lane.has_more = is_cut or is_short
    return Looked(polled, filtered, expired)


def _size_max(lane: Lane, config: Mapping[str, Any]) -> int:
    return limits.LAMBDA_BATCH_MAX + 1 if lane.checkpoint.pending else int(config["BatchSize"])


def _is_beyond(lane: Lane, piece: Piece, size_max: int, config: Mapping[str, Any]) -> bool:
    """Whether the next piece is another batch's: there are enough, they are too large, or it is of a later window."""
    if not lane.gathered or lane.checkpoint.pending:
        return False  # what failed comes again as it was
    length_s = config["TumblingWindowInSeconds"]
    state_bytes = limits.LAMBDA_WINDOW_STATE_BYTES_MAX if length_s else 0
    size = lane.bytes + len(piece.record) + 1 + state_bytes
    if len(lane.gathered) >= size_max or size > limits.LAMBDA_SYNCHRONOUS_BYTES_MAX:
        return True
    return bool(length_s) and piece.at // length_s != lane.gathered[0].at // length_s
