"""Log events on disk: chunks of what came in together, and how far each stream reaches.

A chunk is small and spans little time, so that a page of a long log reads only the chunks that the page lies in.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import orjson

from wakeful import limits
from wakeful.store.tx import Row, Tx

SCHEMA = """
CREATE TABLE IF NOT EXISTS telemetry_log_chunks(
    id       INTEGER PRIMARY KEY,
    log      TEXT NOT NULL,
    stream   TEXT NOT NULL,
    first_ms INTEGER NOT NULL,
    last_ms  INTEGER NOT NULL,
    put_ms   INTEGER NOT NULL,
    bytes    INTEGER NOT NULL,
    events   BLOB NOT NULL             -- [[timestamp_ms, message], …] as they came
);
CREATE INDEX IF NOT EXISTS telemetry_log_chunks_first ON telemetry_log_chunks(log, first_ms, id);
CREATE INDEX IF NOT EXISTS telemetry_log_chunks_last ON telemetry_log_chunks(log, last_ms, id);
CREATE INDEX IF NOT EXISTS telemetry_log_chunks_stream_first ON telemetry_log_chunks(log, stream, first_ms, id);
CREATE INDEX IF NOT EXISTS telemetry_log_chunks_stream_last ON telemetry_log_chunks(log, stream, last_ms, id);
CREATE TABLE IF NOT EXISTS telemetry_log_streams(
    log      TEXT NOT NULL,
    stream   TEXT NOT NULL,
    first_ms INTEGER NOT NULL,
    last_ms  INTEGER NOT NULL,
    put_ms   INTEGER NOT NULL,
    bytes    INTEGER NOT NULL,
    PRIMARY KEY(log, stream)
) WITHOUT ROWID
"""

EVENT_OVERHEAD_BYTES = 26
"""CloudWatch Logs counts so many bytes for each event besides its message."""

END_MS = 1 << 62
"""Later than every event."""


class LogEvent(NamedTuple):
    timestamp_ms: int
    message: str


class Place(NamedTuple):
    """Where in the order of reading something stands; no two events have the same. By time, then by arrival."""

    timestamp_ms: int
    chunk: int
    number: int


class StoredEvent(NamedTuple):
    """A log event as it is read."""

    place: Place
    stream: str
    put_ms: int
    message: str

    @property
    def timestamp_ms(self) -> int:
        return self.place.timestamp_ms

    @property
    def size(self) -> int:
        return size_of(self.message)


class StreamExtent(NamedTuple):
    """How far one log stream reaches."""

    stream: str
    first_ms: int
    last_ms: int
    put_ms: int
    stored_bytes: int


@dataclass(frozen=True, slots=True)
class Passage:
    """Which events to read: of these streams (None: all), with `start_ms` <= timestamp < `end_ms`, and beyond a place.

    `backward` reads from the latest to the earliest.
    """

    log: str
    streams: Collection[str] | None = None
    start_ms: int = 0
    end_ms: int = END_MS
    beyond: Place | None = None
    backward: bool = False

    @property
    def times_ms(self) -> tuple[int, int]:
        """Between which moments there may be events still to be read: from, and to but without."""
        if self.beyond is None:
            return self.start_ms, self.end_ms
        if self.backward:
            return self.start_ms, min(self.end_ms, self.beyond.timestamp_ms + 1)
        return max(self.start_ms, self.beyond.timestamp_ms), self.end_ms

    def has(self, event: StoredEvent) -> bool:
        if not self.start_ms <= event.timestamp_ms < self.end_ms:
            return False
        if self.beyond is None:
            return True
        return event.place < self.beyond if self.backward else event.place > self.beyond


class Page(NamedTuple):
    """Events in the order in which they were asked for. `is_last` says that there are no more."""

    events: list[StoredEvent]
    is_last: bool


def size_of(message: str) -> int:
    return len(message.encode()) + EVENT_OVERHEAD_BYTES


def put(tx: Tx, logs: Mapping[tuple[str, str], Sequence[LogEvent]]) -> None:
    """The events are there, by (log, stream)."""
    put_ms = int(tx.now * 1000)
    for log, stream in sorted(logs):
        for events in _chunks_of(logs[log, stream]):
            times = [event.timestamp_ms for event in events]
            extent = (min(times), max(times), put_ms, sum(size_of(event.message) for event in events))
            tx.run(
                "INSERT INTO telemetry_log_chunks(log, stream, first_ms, last_ms, put_ms, bytes, events)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                *(log, stream, *extent, orjson.dumps([tuple(event) for event in events])),
            )
            _extend(tx, log, stream, extent)


def read(tx: Tx, passage: Passage, count: int, bytes_max: int) -> Page:
    """The next up to `count` events of the passage, or as many as have together about `bytes_max`; at least one."""
    if passage.streams is not None and not passage.streams:
        return Page([], is_last=True)
    found: list[StoredEvent] = []
    waiting: list[StoredEvent] = []  # read already, but something that was not may come before them
    size = 0
    for events, horizon in _batches(tx, passage):
        waiting += filter(passage.has, events)
        if horizon is None:
            settled, waiting = waiting, []
        elif passage.backward:
            settled = [event for event in waiting if event.timestamp_ms > horizon]
            waiting = [event for event in waiting if event.timestamp_ms <= horizon]
        else:
            settled = [event for event in waiting if event.timestamp_ms < horizon]
            waiting = [event for event in waiting if event.timestamp_ms >= horizon]
        settled.sort(reverse=passage.backward)
        for number, event in enumerate(settled):
            size += event.size
            if found and size > bytes_max:
                return Page(found, is_last=False)
            found.append(event)
            if len(found) == count:
                is_last = horizon is None and number == len(settled) - 1
                return Page(found, is_last)
    return Page(found, is_last=True)


def extents(tx: Tx, log: str) -> list[StreamExtent]:
    """For each stream that has events, how far it reaches."""
    rows = tx.all(
        "SELECT stream, first_ms, last_ms, put_ms, bytes FROM telemetry_log_streams WHERE log = ? ORDER BY stream", log
    )
    return [_extent(row) for row in rows]


def extents_of(tx: Tx, log: str, streams: Iterable[str]) -> dict[str, StreamExtent]:
    """How far each of these streams reaches; those without events are missing."""
    found = {}
    for stream in streams:
        row = tx.one(
            "SELECT stream, first_ms, last_ms, put_ms, bytes FROM telemetry_log_streams WHERE log = ? AND stream = ?",
            *(log, stream),
        )
        if row is not None:
            found[stream] = _extent(row)
    return found


def stored_bytes(tx: Tx, logs: Iterable[str]) -> dict[str, int]:
    """How much is stored of each of these logs."""
    sizes = {}
    for log in logs:
        row = tx.one("SELECT coalesce(sum(bytes), 0) AS bytes FROM telemetry_log_streams WHERE log = ?", log)
        sizes[log] = int(row["bytes"]) if row is not None else 0
    return sizes


def names(tx: Tx) -> list[str]:
    """Every log that has events."""
    return [row["log"] for row in tx.all("SELECT DISTINCT log FROM telemetry_log_streams ORDER BY log")]


def forget(tx: Tx, log: str) -> None:
    """Nothing of the log is left."""
    tx.lock("telemetry", "log", log)
    tx.run("DELETE FROM telemetry_log_chunks WHERE log = ?", log)
    tx.run("DELETE FROM telemetry_log_streams WHERE log = ?", log)


def forget_stream(tx: Tx, log: str, stream: str) -> None:
    """Nothing of the stream is left."""
    tx.lock("telemetry", "log", log)
    tx.run("DELETE FROM telemetry_log_chunks WHERE log = ? AND stream = ?", log, stream)
    tx.run("DELETE FROM telemetry_log_streams WHERE log = ? AND stream = ?", log, stream)


def forget_older(tx: Tx, log: str, before_ms: int) -> None:
    """No chunk is left that ends before the moment."""
    tx.lock("telemetry", "log", log)
    tx.run("DELETE FROM telemetry_log_chunks WHERE log = ? AND last_ms < ?", log, before_ms)
    _measure_again(tx, log, "first_ms < ?", before_ms)


def forget_put_before(tx: Tx, log: str, put_ms: int) -> None:
    """Nothing is left that came in before the moment, whatever its own time."""
    tx.lock("telemetry", "log", log)
    tx.run("DELETE FROM telemetry_log_chunks WHERE log = ? AND put_ms < ?", log, put_ms)
    _measure_again(tx, log, "1 = 1")


def _chunks_of(events: Sequence[LogEvent]) -> Iterator[list[LogEvent]]:
    chunk: list[LogEvent] = []
    first = last = size = 0
    for event in events:
        first, last = min(first, event.timestamp_ms), max(last, event.timestamp_ms)
        size += size_of(event.message)
        if chunk and (size > limits.LOG_CHUNK_BYTES_MAX or last - first > limits.LOG_CHUNK_SPAN_MAX_MS):
            yield chunk
            chunk = []
        if not chunk:
            first = last = event.timestamp_ms
            size = size_of(event.message)
        chunk.append(event)
    if chunk:
        yield chunk


def _extend(tx: Tx, log: str, stream: str, extent: tuple[int, int, int, int]) -> None:
    tx.lock("telemetry", "log", log)
    tx.run(
        "INSERT INTO telemetry_log_streams AS known (log, stream, first_ms, last_ms, put_ms, bytes)"
        " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT(log, stream) DO UPDATE SET"
        " first_ms = CASE WHEN excluded.first_ms < known.first_ms THEN excluded.first_ms ELSE known.first_ms END,"
        " last_ms = CASE WHEN excluded.last_ms > known.last_ms THEN excluded.last_ms ELSE known.last_ms END,"
        " put_ms = excluded.put_ms, bytes = known.bytes + excluded.bytes",
        *(log, stream, *extent),
    )


def _measure_again(tx: Tx, log: str, which: str, *args: int) -> None:
    # `which` is one of the conditions above, never something that was sent to us.
    for row in tx.all(f"SELECT stream FROM telemetry_log_streams WHERE log = ? AND {which}", log, *args):  # noqa: S608
        measured = tx.one(
            "SELECT min(first_ms) AS first_ms, max(last_ms) AS last_ms, max(put_ms) AS put_ms, sum(bytes) AS bytes"
            " FROM telemetry_log_chunks WHERE log = ? AND stream = ?",
            *(log, row["stream"]),
        )
        if measured is None or measured["bytes"] is None:
            tx.run("DELETE FROM telemetry_log_streams WHERE log = ? AND stream = ?", log, row["stream"])
            continue
        tx.run(
            "UPDATE telemetry_log_streams SET first_ms = ?, last_ms = ?, put_ms = ?, bytes = ?"
            " WHERE log = ? AND stream = ?",
            *(measured["first_ms"], measured["last_ms"], measured["put_ms"], int(measured["bytes"])),
            *(log, row["stream"]),
        )


# --- reading chunk by chunk ------------------------------------------------------------------------------------------


def _batches(tx: Tx, passage: Passage) -> Iterator[tuple[list[StoredEvent], int | None]]:
    """Events of some chunks, and a horizon: whatever is still unread lies at or beyond it. None once all is read."""
    edge = "last_ms" if passage.backward else "first_ms"
    rows: list[Row] = []
    cursor = _start_of(passage)
    is_exhausted = False
    while True:
        if len(rows) < limits.LOG_CHUNKS_AT_ONCE and not is_exhausted:
            more = _next_chunks(tx, passage, cursor)
            rows += more
            is_exhausted = len(more) < limits.LOG_CHUNKS_AT_ONCE
            if more:
                cursor = (more[-1][edge], more[-1]["id"])
        batch = _worth_reading(rows)
        rows = rows[len(batch) :]
        horizon = rows[0][edge] if rows else None if is_exhausted else cursor[0]
        wanted = passage.streams
        chosen = batch if wanted is None else [row for row in batch if row["stream"] in wanted]
        yield [event for row in chosen for event in _events_in(tx, row)], horizon
        if horizon is None:
            return


def _start_of(passage: Passage) -> tuple[int, int]:
    """A cursor before every chunk that may have events of the passage."""
    start_ms, end_ms = passage.times_ms
    if passage.backward:
        return min(end_ms + limits.LOG_CHUNK_SPAN_MAX_MS, END_MS), END_MS
    return start_ms - limits.LOG_CHUNK_SPAN_MAX_MS, -1


_FORWARD = (
    "SELECT id, stream, first_ms, last_ms, put_ms, bytes FROM telemetry_log_chunks WHERE log = ?"
    " AND (first_ms, id) > (?, ?) AND last_ms >= ? AND first_ms < ?{streams} ORDER BY first_ms, id LIMIT ?"
)
_BACKWARD = (
    "SELECT id, stream, first_ms, last_ms, put_ms, bytes FROM telemetry_log_chunks WHERE log = ?"
    " AND (last_ms, id) < (?, ?) AND last_ms >= ? AND first_ms < ?{streams} ORDER BY last_ms DESC, id DESC LIMIT ?"
)


def _next_chunks(tx: Tx, passage: Passage, cursor: tuple[int, int]) -> list[Row]:
    """The chunks after the cursor that may have events of the passage."""
    streams = tuple(passage.streams or ())
    if len(streams) > limits.LOG_STREAMS_ASKED_MAX:
        streams = ()  # those of other streams are left out when it comes to reading
    # Only the number of streams makes the statements differ, never their names.
    clause = f" AND stream IN ({', '.join('?' * len(streams))})" if streams else ""
    sql = (_BACKWARD if passage.backward else _FORWARD).format(streams=clause)
    return tx.all(sql, passage.log, *cursor, *passage.times_ms, *streams, limits.LOG_CHUNKS_AT_ONCE)


def _worth_reading(rows: list[Row]) -> list[Row]:
    size = 0
    batch: list[Row] = []
    for row in rows:
        size += row["bytes"]
        if batch and size > limits.LOG_BYTES_AT_ONCE:
            break
        batch.append(row)
    return batch


def _events_in(tx: Tx, row: Row) -> Iterator[StoredEvent]:
    chunk = tx.one("SELECT events FROM telemetry_log_chunks WHERE id = ?", row["id"])
    if chunk is None:
        return
    for number, (timestamp_ms, message) in enumerate(orjson.loads(chunk["events"])):
        yield StoredEvent(Place(timestamp_ms, row["id"], number), row["stream"], row["put_ms"], message)


def _extent(row: Row) -> StreamExtent:
    return StreamExtent(row["stream"], row["first_ms"], row["last_ms"], row["put_ms"], int(row["bytes"]))
