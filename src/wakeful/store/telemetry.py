"""What happened: notes (who caused what, and what it cost) and log events. A store of its own, beside the ledger.

Both are buffered in memory and written about ten times a second, so that watching never slows what is watched. A crash
may lose the last tenth of a second of it; `flush` is for those who must not.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson

from wakeful import limits
from wakeful.clock import Clock
from wakeful.store.tx import Row, Store, Tx

SCHEMA = """
CREATE TABLE IF NOT EXISTS telemetry_notes(
    id          TEXT NOT NULL,
    trace       TEXT NOT NULL,
    cause       TEXT,
    hops        INTEGER NOT NULL,
    kind        TEXT NOT NULL,
    name        TEXT NOT NULL,
    resource    TEXT NOT NULL,
    account     TEXT NOT NULL,
    at          REAL NOT NULL,
    duration_ms REAL,
    status      TEXT NOT NULL,
    detail      BLOB NOT NULL,
    PRIMARY KEY(trace, at, id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS telemetry_notes_id ON telemetry_notes(id);
CREATE INDEX IF NOT EXISTS telemetry_notes_at ON telemetry_notes(at);
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
CREATE INDEX IF NOT EXISTS telemetry_log_chunks_stream ON telemetry_log_chunks(log, stream, last_ms)
"""

EVENT_OVERHEAD_BYTES = 26
"""CloudWatch Logs counts so many bytes for each event besides its message."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Note:
    """One thing that happened: a `call` of an operation, an `event` that reached a target, a `run` of a function.

    `at` is in epoch seconds of the node's clock; `status` is "ok" or the error's code; `detail` is what this kind of
    note has to tell (a run: cold, init_ms, billed_ms, memory_mb, …).
    """

    id: str
    trace: str
    cause: str | None
    hops: int
    kind: str
    name: str
    resource: str
    account: str
    at: float
    duration_ms: float | None = None
    status: str = "ok"
    detail: dict[str, Any] = field(default_factory=dict)


class LogEvent(NamedTuple):
    timestamp_ms: int
    message: str


class StoredEvent(NamedTuple):
    """A log event as it is read. (`timestamp_ms`, `chunk`, `place`) is unique and the order of reading."""

    timestamp_ms: int
    chunk: int
    place: int
    stream: str
    put_ms: int
    message: str


class StreamExtent(NamedTuple):
    """How far one log stream reaches."""

    stream: str
    first_ms: int
    last_ms: int
    put_ms: int
    stored_bytes: int


class Telemetry:
    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._notes: deque[Note] = deque(maxlen=limits.NOTE_BUFFER_MAX)
        self._dropped = 0
        self._logs: defaultdict[tuple[str, str], list[LogEvent]] = defaultdict(list)
        self._flushing = asyncio.Lock()

    def note(self, note: Note) -> None:
        if len(self._notes) == limits.NOTE_BUFFER_MAX:
            self._dropped += 1
        self._notes.append(note)

    def log(self, log_name: str, stream: str, events: Iterable[LogEvent]) -> None:
        """The events will be found in `stream` of `log_name` within about a tenth of a second."""
        self._logs[log_name, stream].extend(events)

    async def run(self) -> None:
        """Writes what has come together, ten times a second, until cancelled."""
        while True:
            await asyncio.sleep(limits.TELEMETRY_FLUSH_S)
            if self._notes or self._logs:
                await self.flush()

    async def flush(self) -> None:
        """Everything handed in before the call is on its way to the disk and found by every reader."""
        async with self._flushing:
            notes, self._notes = self._notes, deque(maxlen=limits.NOTE_BUFFER_MAX)
            logs, self._logs = self._logs, defaultdict(list)
            if self._dropped:
                log.warning("%d notes came faster than they could be written and were dropped", self._dropped)
                self._dropped = 0
            if notes or logs:
                await self._store.write(_put, list(notes), dict(logs))

    # --- notes ---

    async def notes_of(self, trace: str) -> list[Note]:
        """The whole story, in order of time."""
        await self.flush()
        return await self._store.read(_notes, "WHERE trace = ? ORDER BY at, id", trace)

    async def note_by_id(self, note_id: str) -> Note | None:
        await self.flush()
        found = await self._store.read(_notes, "WHERE id = ? LIMIT 1", note_id)
        return found[0] if found else None

    async def recent_notes(
        self, *, account: str | None = None, kind: str | None = None, name: str | None = None, limit: int
    ) -> list[Note]:
        """The latest notes, newest first: of one account, kind or name where given."""
        await self.flush()
        wanted = {"account": account, "kind": kind, "name": name}
        given = {column: value for column, value in wanted.items() if value is not None}
        where = " AND ".join(f"{column} = ?" for column in given) or "1 = 1"
        return await self._store.read(_notes, f"WHERE {where} ORDER BY at DESC LIMIT ?", *given.values(), limit)

    async def forget_notes(self, before: float) -> None:
        await self._store.write(_forget_notes, before)

    # --- logs ---

    async def events(
        self, log_name: str, streams: Sequence[str] | None, start_ms: int | None, end_ms: int | None
    ) -> list[StoredEvent]:
        """The events of these streams (None: all) with `start_ms` <= timestamp < `end_ms`, in reading order."""
        await self.flush()
        return await self._store.read(_events, log_name, streams, start_ms, end_ms)

    async def extents(self, log_name: str) -> list[StreamExtent]:
        """For each stream that has events, how far it reaches."""
        await self.flush()
        return await self._store.read(_extents, log_name)

    async def forget_events(self, log_name: str, *, stream: str | None = None, before_ms: int | None = None) -> None:
        """No event of the log (of that stream only, older than `before_ms` only) is left."""
        await self.flush()
        await self._store.write(_forget_events, log_name, stream, before_ms)


def _put(tx: Tx, notes: list[Note], logs: dict[tuple[str, str], list[LogEvent]]) -> None:
    for n in notes:
        tx.run(
            "INSERT INTO telemetry_notes(id, trace, cause, hops, kind, name, resource, account, at, duration_ms,"
            " status, detail) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            *(n.id, n.trace, n.cause, n.hops, n.kind, n.name, n.resource, n.account, n.at, n.duration_ms, n.status),
            orjson.dumps(n.detail),
        )
    put_ms = int(tx.now * 1000)
    for (log_name, stream), events in logs.items():
        tx.run(
            "INSERT INTO telemetry_log_chunks(log, stream, first_ms, last_ms, put_ms, bytes, events)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            log_name,
            stream,
            min(event.timestamp_ms for event in events),
            max(event.timestamp_ms for event in events),
            put_ms,
            sum(len(event.message.encode()) + EVENT_OVERHEAD_BYTES for event in events),
            orjson.dumps([tuple(event) for event in events]),
        )


def _notes(tx: Tx, where: str, *args: Any) -> list[Note]:
    # `where` is one of the constants above, never something that was sent to us.
    return [_note(row) for row in tx.all(f"SELECT * FROM telemetry_notes {where}", *args)]  # noqa: S608


def _note(row: Row) -> Note:
    columns = {name: row[name] for name in row.keys()}  # noqa: SIM118 - a row is not a dict
    return Note(**{**columns, "detail": orjson.loads(row["detail"])})


def _forget_notes(tx: Tx, before: float) -> None:
    tx.lock("telemetry", "notes")
    tx.run("DELETE FROM telemetry_notes WHERE at < ?", before)


def _events(
    tx: Tx, log_name: str, streams: Sequence[str] | None, start_ms: int | None, end_ms: int | None
) -> list[StoredEvent]:
    start = start_ms if start_ms is not None else 0
    end = end_ms if end_ms is not None else 1 << 62
    rows = tx.all(
        "SELECT id, stream, put_ms, events FROM telemetry_log_chunks WHERE log = ? AND last_ms >= ? AND first_ms < ?",
        log_name,
        start,
        end,
    )
    wanted = None if streams is None else set(streams)
    return sorted(
        StoredEvent(timestamp_ms, row["id"], place, row["stream"], row["put_ms"], message)
        for row in rows
        if wanted is None or row["stream"] in wanted
        for place, (timestamp_ms, message) in enumerate(orjson.loads(row["events"]))
        if start <= timestamp_ms < end
    )


def _extents(tx: Tx, log_name: str) -> list[StreamExtent]:
    rows = tx.all(
        "SELECT stream, min(first_ms) AS first_ms, max(last_ms) AS last_ms, max(put_ms) AS put_ms, sum(bytes) AS bytes"
        " FROM telemetry_log_chunks WHERE log = ? GROUP BY stream ORDER BY stream",
        log_name,
    )
    return [
        StreamExtent(row["stream"], row["first_ms"], row["last_ms"], row["put_ms"], int(row["bytes"])) for row in rows
    ]


def _forget_events(tx: Tx, log_name: str, stream: str | None, before_ms: int | None) -> None:
    tx.lock("telemetry", log_name)
    where = "log = ?"
    args: list[Any] = [log_name]
    if stream is not None:
        where, args = f"{where} AND stream = ?", [*args, stream]
    if before_ms is not None:
        where, args = f"{where} AND last_ms < ?", [*args, before_ms]
    tx.run(f"DELETE FROM telemetry_log_chunks WHERE {where}", *args)  # noqa: S608 - constants of ours
