"""What happened: notes (who caused what, and what it cost), log events, metrics, and what was used. A store of its own,
beside the ledger.

All are buffered in memory and written about ten times a second, so that watching never slows what is watched. A crash
may lose the last tenth of a second of it; `flush` is for those who must not.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import defaultdict, deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from wakeful import limits
from wakeful.clock import Clock
from wakeful.store import embedded_metrics, log_chunks, metric_batches, metric_points, recordings, usage
from wakeful.store.log_chunks import LogEvent, Page, Passage, StreamExtent
from wakeful.store.metric_batches import Measured
from wakeful.store.metrics import Metrics, Sample
from wakeful.store.recordings import Recorder, Recording, Room
from wakeful.store.tx import Row, Store, Tx
from wakeful.store.usage import Batch, Sum, Usage, Used

SCHEMA = (
    """
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
"""
    + log_chunks.SCHEMA
    + ";"
    + metric_batches.SCHEMA
    + ";"
    + metric_points.SCHEMA
    + ";"
    + usage.SCHEMA
    + ";"
    + recordings.SCHEMA
)

RECORDED = "recorded"
"""In the detail of a run's note: which chunk of recordings has its event and its answer."""


log = logging.getLogger(__name__)

_ONE_RUN = (
    "WHERE kind = 'run' AND name = ? AND at >= ? AND at < ? AND trace = (SELECT min(other.trace) FROM telemetry_notes"
    " other WHERE other.id = telemetry_notes.id AND other.at = telemetry_notes.at AND other.kind = 'run')"
)
"""A run of a batch is noted in the story of each of its messages."""


@dataclass(frozen=True, slots=True)
class Note:
    """One thing that happened: a `call` of an operation, an `event` that reached a target, a `run` of a function,
    a `denial` that IAM only watched, what `chaos` did.

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


__all__ = ["LogEvent", "Note", "Page", "Passage", "Recording", "Room", "StreamExtent", "Telemetry"]


class Telemetry:
    def __init__(self, store: Store, clock: Clock, room: Room | None = None) -> None:
        """`room` is for recordings."""
        self._store = store
        self._clock = clock
        self._notes: deque[Note] = deque()
        self._logs: defaultdict[tuple[str, str], list[LogEvent]] = defaultdict(list)
        self._log_events = 0
        self._log_bytes = 0
        """Of the log events that are not written yet, those that are on their way included."""

        self._dropped_notes = 0
        self._dropped_events = 0
        self._failures = 0
        self._flushing = asyncio.Lock()
        self.metrics = Metrics(store, clock)
        self.usage = Usage()
        self.recorder = Recorder(room or Room())

    @property
    def has_room(self) -> bool:
        """Whether log events are written as fast as they come."""
        return self._log_bytes < limits.LOG_BUFFER_BYTES_MAX

    def note(self, note: Note | Sample | Used) -> None:
        """It will be found within about a tenth of a second; what was measured or used counts in metrics or sums."""
        if isinstance(note, Sample):
            self.metrics.add(*note)
            return
        if isinstance(note, Used):
            self.usage.add(*note)
            return
        if len(self._notes) >= limits.NOTE_BUFFER_MAX:
            self._notes.popleft()
            self._dropped_notes += 1
        self._notes.append(note)

    def log(self, log_name: str, stream: str, events: Collection[LogEvent]) -> None:
        """The events will be found in `stream` of `log_name` within about a tenth of a second."""
        if self._log_events + len(events) > limits.LOG_BUFFER_EVENTS_MAX:
            self._dropped_events += len(events)
            return
        self._hold(log_name, stream, events)
        self._read_metrics(log_name, events)

    def _hold(self, log_name: str, stream: str, events: Collection[LogEvent]) -> None:
        self._log_events += len(events)
        self._log_bytes += sum(len(event.message) + limits.LOG_EVENT_MEMORY_BYTES for event in events)
        self._logs[log_name, stream].extend(events)

    def _read_metrics(self, log_name: str, events: Iterable[LogEvent]) -> None:
        for event in events:
            if embedded_metrics.may_have(event.message):
                self.metrics.read_line(log_name, event.timestamp_ms, event.message)

    async def run(self) -> None:
        """Writes what has come together, ten times a second, until cancelled."""
        add_up_at = 0.0
        while True:
            await asyncio.sleep(limits.TELEMETRY_PAUSE_S if self._failures else limits.TELEMETRY_FLUSH_S)
            if self._notes or self._logs or self.metrics.has_news or self.usage.has_news:
                try:
                    await self.flush()
                    if time.monotonic() >= add_up_at:
                        await self.metrics.add_up()
                        add_up_at = time.monotonic() + limits.METRIC_ADD_UP_S
                except Exception:
                    log.exception("notes and logs cannot be written now; they are kept, and tried again")

    async def flush_metrics(self) -> None:
        """Everything that was measured before the call is found in the points of its metrics."""
        await self.flush()
        await self.metrics.add_up()

    async def flush(self) -> None:
        """Everything handed in before the call is on its way to the disk and found by every reader.

        Raises what the store raises; then it is kept for the next time.
        """
        async with self._flushing:
            self._tell_dropped()
            notes, self._notes = self._notes, deque()
            logs, self._logs = self._logs, defaultdict(list)
            log_bytes, self._log_events = self._log_bytes, 0
            measured = self.metrics.take()
            used = self.usage.take()
            taken = self.recorder.take()
            if not (notes or logs or measured or used or taken):
                return
            flush = _Flush(list(notes), dict(logs), measured, self.usage.writer, used, taken, self.recorder.room)
            try:
                await self._store.write(_put, flush)
                self._log_bytes -= log_bytes
                self.usage.written(used)
            except Exception:
                self._log_bytes -= log_bytes
                self._failures += 1
                if self._failures < limits.TELEMETRY_TRIES_MAX:
                    self._keep(notes, logs)
                    self.metrics.keep(measured)
                    self.recorder.keep(taken)
                    raise
                log.exception(
                    "%d notes, the lines of %d logs and %d measurements could not be written at all",
                    *(len(notes), len(logs), len(measured)),
                )
            self._failures = 0

    def _keep(self, notes: deque[Note], logs: Mapping[tuple[str, str], list[LogEvent]]) -> None:
        """What was taken out is back, before what has come since, as far as there is room."""
        later, self._notes = self._notes, notes
        for note in later:
            self.note(note)
        since, self._logs = self._logs, defaultdict(list)
        self._log_events = self._log_bytes = 0
        for part in (logs, since):
            for (log_name, stream), events in part.items():
                if self._log_events + len(events) > limits.LOG_BUFFER_EVENTS_MAX:
                    self._dropped_events += len(events)
                else:
                    self._hold(log_name, stream, events)  # the metrics in them have been read

    def _tell_dropped(self) -> None:
        for dropped, what in ((self._dropped_notes, "notes"), (self._dropped_events, "lines of logs")):
            if dropped:
                log.warning("%d %s came faster than they could be written and were dropped", dropped, what)
        self._dropped_notes = self._dropped_events = 0

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

    async def runs_of(self, name: str, first: float, end: float, *, account: str | None, limit: int) -> list[Note]:
        """Runs of functions of that name that began between the moments, newest first; in many stories or one, once."""
        await self.flush()
        where = _ONE_RUN + ("" if account is None else " AND account = ?") + " ORDER BY at DESC, id LIMIT ?"
        accounts = () if account is None else (account,)
        return await self._store.read(_notes, where, name, first, end, *accounts, limit)

    async def forget_notes(self, before: float, count_max: int) -> None:
        """Notes from before then are gone, and of the others all but about the latest `count_max`."""
        await self._store.write(_forget_notes, before, count_max)

    # --- what is to be paid for ---

    async def used(self, first_day: int, last_day: int, account: str | None = None) -> list[Sum]:
        """What was used on these days (since 1970-01-01, UTC; the last one included): by one account, or by all."""
        await self.flush()
        return await self._store.read(usage.read, first_day, last_day, account)

    async def forget_usage(self) -> None:
        """What was used longer ago than anybody asks for is gone."""
        await self._store.write(usage.forget, self._clock.now())

    # --- recordings ---

    async def attempts_of(self, request_id: str) -> list[Note]:
        """The notes of the runs of one event, newest first: an event that failed may have been tried again."""
        await self.flush()
        where = "WHERE id = ? AND kind = 'run' ORDER BY at DESC, trace"
        notes = await self._store.read(_notes, where, request_id)
        return list({note.at: note for note in reversed(notes)}.values())[::-1]

    async def recording(self, run: Note) -> Recording | None:
        """What that run was given and answered; None where that was not recorded, or is not kept any more."""
        chunk = run.detail.get(RECORDED)
        if chunk is None or run.at < self._oldest:
            return None
        return await self._store.read(recordings.find, chunk, run.id)

    async def recorded(self, function: str, since: float, count: int, *, failed: bool) -> list[Recording]:
        """The latest invocations of a function, newest first, without their events; or those that failed."""
        await self.flush()
        since = max(since, self._oldest)
        return await self._store.read(recordings.of_function, function, since, count, failed=failed)

    async def still_recorded(self, notes: Iterable[Note]) -> set[str]:
        """Of these runs those whose events are still there, by request id."""
        places = {
            note.id: note.detail[RECORDED] for note in notes if RECORDED in note.detail and note.at > self._oldest
        }
        kept = await self._store.read(recordings.kept, list(places.values()))
        return {request_id for request_id, chunk in places.items() if chunk in kept}

    async def forget_recordings(self) -> None:
        """What is too old is gone; everything, where nothing is to be recorded."""
        if self.recorder.is_on:
            await self._store.write(recordings.forget_older, self._oldest)
        else:
            await self._store.write(recordings.forget_all)

    @property
    def _oldest(self) -> float:
        return self._clock.now() - self.recorder.room.age_s

    # --- logs ---

    async def put_events(self, log_name: str, stream: str, events: Sequence[LogEvent]) -> None:
        """The events are on disk. For those who promise that; `log` is for everyone else."""
        await self._store.write(log_chunks.put, {(log_name, stream): events})
        self._read_metrics(log_name, events)

    async def page(self, passage: Passage, *, count: int, bytes_max: int = limits.LOG_PAGE_BYTES_MAX) -> Page:
        """The next up to `count` events of the passage, or about as many as `bytes_max` have room for."""
        await self.flush()
        return await self._store.read(log_chunks.read, passage, count, bytes_max)

    async def extents(self, log_name: str) -> list[StreamExtent]:
        """For each stream that has events, how far it reaches."""
        await self.flush()
        return await self._store.read(log_chunks.extents, log_name)

    async def extents_of(self, log_name: str, streams: Iterable[str]) -> dict[str, StreamExtent]:
        """How far each of these streams reaches; those without events are missing."""
        await self.flush()
        return await self._store.read(log_chunks.extents_of, log_name, streams)

    async def stored_bytes(self, log_names: Iterable[str]) -> dict[str, int]:
        """How much is stored of each of these logs."""
        await self.flush()
        return await self._store.read(log_chunks.stored_bytes, log_names)

    async def log_names(self) -> list[str]:
        """Every log that has events."""
        await self.flush()
        return await self._store.read(log_chunks.names)

    async def forget_log(self, log_name: str) -> None:
        """Nothing of the log is left."""
        await self.flush()
        await self._store.write(log_chunks.forget, log_name)

    async def forget_stream(self, log_name: str, stream: str) -> None:
        """Nothing of the stream is left."""
        await self.flush()
        await self._store.write(log_chunks.forget_stream, log_name, stream)

    async def forget_older(self, log_name: str, before_ms: int) -> None:
        """Events before the moment are gone, but for some that were stored together with later ones."""
        await self._store.write(log_chunks.forget_older, log_name, before_ms)

    async def forget_put_before(self, log_name: str, put_ms: int) -> None:
        """Nothing is left that was written before the moment, whatever its own time."""
        if await self._store.read(log_chunks.extents, log_name):
            await self._store.write(log_chunks.forget_put_before, log_name, put_ms)


@dataclass(frozen=True, slots=True)
class _Flush:
    """What is written at once: a tenth of a second, or what could not be written before."""

    notes: list[Note]
    logs: dict[tuple[str, str], list[LogEvent]]
    measured: Sequence[Measured]
    writer: str
    used: Sequence[Batch]
    taken: Mapping[str, Sequence[Recording]]
    room: Room


def _put(tx: Tx, flush: _Flush) -> None:
    places = recordings.put(tx, flush.taken, flush.room)
    for n in flush.notes:
        tx.run(
            "INSERT INTO telemetry_notes(id, trace, cause, hops, kind, name, resource, account, at, duration_ms,"
            " status, detail) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            *(n.id, n.trace, n.cause, n.hops, n.kind, n.name, _writable(n.resource), n.account, n.at, n.duration_ms),
            n.status,
            orjson.dumps({**n.detail, RECORDED: places[n.id]} if n.kind == "run" and n.id in places else n.detail),
        )
    log_chunks.put(tx, flush.logs)
    metric_batches.put(tx, flush.measured)
    usage.put(tx, flush.writer, flush.used)


def _writable(name: str) -> str:
    # PostgreSQL takes no NUL in a text, and a client may have asked for a resource with one in its name.
    return name.replace("\0", "\N{REPLACEMENT CHARACTER}")


def _notes(tx: Tx, where: str, *args: Any) -> list[Note]:
    # `where` is one of the constants above, never something that was sent to us.
    return [_note(row) for row in tx.all(f"SELECT * FROM telemetry_notes {where}", *args)]  # noqa: S608


def _note(row: Row) -> Note:
    columns = {name: row[name] for name in row.keys()}  # noqa: SIM118 - a row is not a dict
    return Note(**{**columns, "detail": orjson.loads(row["detail"])})


def _forget_notes(tx: Tx, before: float, count_max: int) -> None:
    tx.lock("telemetry", "notes")
    tx.run("DELETE FROM telemetry_notes WHERE at < ?", before)
    surplus = tx.one("SELECT at FROM telemetry_notes ORDER BY at DESC LIMIT 1 OFFSET ?", count_max)
    if surplus is not None:
        tx.run("DELETE FROM telemetry_notes WHERE at <= ?", surplus["at"])
