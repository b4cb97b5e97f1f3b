"""How far a mapping has come in each shard: rows, so that whoever follows it next goes on exactly there.

A shard is followed in lanes, as many as the mapping's ParallelizationFactor says; an entry belongs to the lane that the
hash of its key says, so what has the same key stays in order. A lane has one batch at a time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any
from zlib import crc32

import orjson

from wakeful.fabric import journal
from wakeful.fabric.journal import Shard
from wakeful.fabric.stream import Stream
from wakeful.services.lambda_.errors import InvalidParameterValueException
from wakeful.services.lambda_.sources.streams import rules
from wakeful.store.tx import Row, Tx


@dataclass(frozen=True, slots=True)
class Response:
    """What the function answered last to a batch."""

    request_id: str
    version: str
    error: str | None


@dataclass(frozen=True, slots=True)
class Pending:
    """A batch that failed, or a part of one: what it has begins after the checkpoint's position, and ends here."""

    end: int
    attempts: int = 0
    """How often it was run that counts: splitting it does not."""

    response: Response | None = None


@dataclass(frozen=True, slots=True)
class Window:
    """A tumbling window that is open: moments in epoch seconds, and what the function made of it so far."""

    start: float
    end: float
    state: Any
    attempts: int = 0
    """How often its last invocation failed."""

    is_too_large: bool = False
    """Whether its state is larger than one may be: it ends early."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """One lane's row. Every entry of the lane with a number up to `position` is done with."""

    position: int
    pending: tuple[Pending, ...] = ()
    """What failed and is to be run again, in the order of the shard, before anything else is."""

    due: float = 0.0
    """Not before then."""

    window: Window | None = None

    @property
    def is_clear(self) -> bool:
        """Whether there is nothing but the position."""
        return not self.pending and self.window is None


@dataclass(frozen=True, slots=True)
class LaneKey:
    """Which lane of a shard, by the shard's name, and of how many."""

    shard: str
    lane: int
    lanes: int

    def has(self, key: str) -> bool:
        """Whether entries of that partition key are this lane's."""
        return crc32(key.encode()) % self.lanes == self.lane


def of(tx: Tx, mapping: str) -> dict[LaneKey, Checkpoint]:
    rows = tx.all("SELECT * FROM lambda_lanes WHERE mapping = ? ORDER BY shard, lane", mapping)
    return {LaneKey(row["shard"], row["lane"], row["lanes"]): _checkpoint(row) for row in rows}


def put(tx: Tx, mapping: str, key: LaneKey, checkpoint: Checkpoint) -> None:
    """This is where the lane stands."""
    tx.lock("lambda", mapping)
    rest = {"pending": [asdict(each) for each in checkpoint.pending], "window": _or_none(checkpoint.window)}
    tx.run(
        "INSERT INTO lambda_lanes(mapping, shard, lane, lanes, position, due, rest) VALUES (?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT(mapping, shard, lane) DO UPDATE SET lanes = excluded.lanes, position = excluded.position,"
        " due = excluded.due, rest = excluded.rest",
        *(mapping, key.shard, key.lane, key.lanes, checkpoint.position, checkpoint.due),
        None if checkpoint.is_clear else orjson.dumps(rest),
    )


def forget(tx: Tx, mapping: str, shard: str | None = None) -> None:
    """Nothing is remembered of the mapping's shards, or of that one."""
    tx.lock("lambda", mapping)
    tx.run("DELETE FROM lambda_lanes WHERE mapping = ? AND (? = '' OR shard = ?)", mapping, shard or "", shard or "")


# --- where a mapping begins ------------------------------------------------------------------------------------------


def start(tx: Tx, stream: Stream, mapping: str, arn: str, config: Mapping[str, Any]) -> None:
    """Every shard there is has its checkpoint, unless the mapping began before; what comes later is read whole.

    In the transaction that turns the mapping on: what is appended after its answer is not overlooked.
    """
    if tx.one("SELECT 1 FROM lambda_lanes WHERE mapping = ? LIMIT 1", mapping) is not None:
        return
    name = stream.journal(tx, arn)
    for shard in journal.shards(tx, name) if name is not None else ():
        position = _first_position(tx, shard, config)
        _open(tx, mapping, shard, position, config["ParallelizationFactor"])


def check_timestamp(tx: Tx, config: Mapping[str, Any]) -> None:
    """Raises where a mapping shall begin in the future."""
    if config.get("StartingPositionTimestamp", 0) > tx.now:
        raise InvalidParameterValueException("StartingPositionTimestamp cannot be in the future.")


def _first_position(tx: Tx, shard: Shard, config: Mapping[str, Any]) -> int:
    if config["StartingPosition"] == rules.LATEST:
        return journal.newest(tx, shard)
    if config["StartingPosition"] == rules.AT_TIMESTAMP:
        return journal.before(tx, shard, config["StartingPositionTimestamp"])
    return shard.starts


def _open(tx: Tx, mapping: str, shard: Shard, position: int, factor: int) -> None:
    for lane in range(factor):
        put(tx, mapping, LaneKey(shard.name, lane, factor), Checkpoint(position))


# --- which lanes there are -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Followed:
    """One shard with its lanes as they are. `until` bounds how far they may go, where there shall be another number of
    them: all must have come equally far."""

    shard: Shard
    lanes: Mapping[LaneKey, Checkpoint]
    until: int | None = None

    @property
    def has_come_so_far(self) -> bool:
        """Whether all its lanes have done what is up to `until`."""
        return all(each.is_clear and each.position >= (self.until or 0) for each in self.lanes.values())

    def holds(self, key: LaneKey, cursor: int) -> bool:
        """Whether that lane may not be read beyond the cursor."""
        return self.until is not None and cursor >= self.until and not self.lanes[key].pending


def followed(shards: Sequence[Shard], lanes: Mapping[LaneKey, Checkpoint], factor: int) -> list[Followed]:
    """The shards that may be read now: those whose parents have been read to their end, and are not so themselves.

    `lanes` are the mapping's, each as far as it is known to have come.
    """
    by_shard: dict[str, dict[LaneKey, Checkpoint]] = {shard.name: {} for shard in shards}
    for key, checkpoint in lanes.items():
        by_shard.setdefault(key.shard, {})[key] = checkpoint
    unread = {shard.name for shard in shards if not _is_read(shard, by_shard[shard.name])}
    found = []
    for shard in shards:
        if shard.name not in unread or unread.intersection(shard.parents):
            continue
        mine = by_shard[shard.name]
        changes = any(key.lanes != factor for key in mine)
        found.append(Followed(shard, mine, max(each.position for each in mine.values()) if changes else None))
    return found


def shaped(
    tx: Tx, mapping: str, shards: Sequence[Shard], lanes: Mapping[LaneKey, Checkpoint], factor: int
) -> dict[LaneKey, Checkpoint]:
    """The lanes as they are now: those of shards that are new are there, as many as there shall be; those of shards
    that have gone are not; and where there shall be another number and all have come equally far, there is.
    """
    for gone in {key.shard for key in lanes} - {shard.name for shard in shards}:
        forget(tx, mapping, gone)
    for each in followed(shards, lanes, factor):
        if not each.lanes:
            _open(tx, mapping, each.shard, each.shard.starts, factor)
        elif each.until is not None and each.has_come_so_far:
            forget(tx, mapping, each.shard.name)
            _open(tx, mapping, each.shard, each.until, factor)
    return of(tx, mapping)


def is_ill_shaped(shards: Sequence[Shard], lanes: Mapping[LaneKey, Checkpoint], found: Sequence[Followed]) -> bool:
    """Whether `shaped` would change something."""
    if not {key.shard for key in lanes} <= {shard.name for shard in shards}:
        return True
    return any(not each.lanes or (each.until is not None and each.has_come_so_far) for each in found)


def _is_read(shard: Shard, lanes: Mapping[LaneKey, Checkpoint]) -> bool:
    """Whether it has ended, and everything in it is done with."""
    return (
        shard.ends is not None
        and bool(lanes)
        and all(each.is_clear and each.position >= shard.ends for each in lanes.values())
    )


# --- below -----------------------------------------------------------------------------------------------------------


def _or_none(window: Window | None) -> dict[str, Any] | None:
    return None if window is None else asdict(window)


def _checkpoint(row: Row) -> Checkpoint:
    rest = {"pending": [], "window": None} if row["rest"] is None else orjson.loads(row["rest"])
    pending = [
        Pending(each["end"], each["attempts"], None if each["response"] is None else Response(**each["response"]))
        for each in rest["pending"]
    ]
    window = None if rest["window"] is None else Window(**rest["window"])
    return Checkpoint(row["position"], tuple(pending), row["due"], window)
