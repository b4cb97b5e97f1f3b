"""The store on one file: one writer thread, many waiting callers, one fsync for all of them.

write(fn) ──► queue ──► writer thread: BEGIN · fn₁ · fn₂ · … · COMMIT ──► every caller is answered, then woken
read(fn)  ──► a second connection on the event loop, which cannot change rows
"""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from wakeful import limits
from wakeful.store.tx import Outbox, Row, Tx, Work, assert_locked

P = ParamSpec("P")
T = TypeVar("T")


class SqliteTx:
    """A transaction on SQLite. It also asserts what only a cluster needs: that a row's owner is locked first."""

    __slots__ = ("_db", "_outbox", "_owners", "deliveries", "depth", "has_run", "now", "parts")

    lane = 0
    skip_locked = ""

    def __init__(self, db: sqlite3.Connection, now: float, parts: Any, outbox: Outbox) -> None:
        self.now = now
        self.parts = parts
        self.deliveries = 0
        self.depth = 0
        self.has_run = False
        """Whether there was a statement that is more than a question."""
        self._db = db
        self._outbox = outbox
        self._owners: set[str] = set()

    def one(self, sql: str, *args: Any) -> Row | None:
        row: Row | None = self._execute(sql, args).fetchone()
        return row

    def all(self, sql: str, *args: Any) -> list[Row]:
        rows: list[Row] = self._execute(sql, args).fetchall()
        return rows

    def run(self, sql: str, *args: Any) -> int:
        self.has_run = True
        return self._execute(sql, args).rowcount

    def insert(self, key: str, sql: str, *args: Any) -> int:
        self.has_run = True
        number = self._execute(sql, args).lastrowid  # without RETURNING, which costs SQLite half as much again
        assert number is not None
        return number

    def add(self, sql: str, keys: tuple[Any, ...], numbers: tuple[int, ...]) -> None:
        assert_locked(sql, self._owners)
        self._outbox.add(sql, keys, numbers)

    def known(self, table: str, find: Callable[[Tx, str], T | None], key: str) -> T | None:
        there = self._outbox.known.setdefault(table, {})
        found: T | None = there.get((find, key))
        if found is None:
            found = there[find, key] = find(self, key)
        return found

    def columns(self, table: str) -> frozenset[str]:
        return frozenset(row["name"] for row in self._db.execute("SELECT name FROM pragma_table_info(?)", (table,)))

    def lock(self, *key: str) -> None:
        self._owners.add(key[0])

    def wake(self, name: str) -> None:
        self._outbox.wakes.append(name)

    def note(self, note: Any) -> None:
        self._outbox.notes.append(note)

    def savepoint(self) -> AbstractContextManager[None]:
        return self._outbox.savepoint(self._db.execute)

    def _execute(self, sql: str, args: tuple[Any, ...]) -> sqlite3.Cursor:
        outbox = self._outbox
        if (changed := assert_locked(sql, self._owners)) is not None:
            outbox.known.pop(changed, None)
        if outbox.adding and any(table in sql for table in outbox.adding):
            outbox.add_up(self._db.execute)
        return self._db.execute(sql, args)


_How = Callable[..., None]
"""How one function of a batch is carried out."""


@dataclass(slots=True)
class _Job:
    work: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    done: asyncio.Future[Any]
    value: Any = None
    error: BaseException | None = None


class _Unclean(Exception):
    """A function failed that had changed something, and there was no savepoint to undo it alone."""


class SqliteStore:
    """See `store.tx.Store`. `rehearse` runs every write twice, the first time undone: tests find what breaks."""

    def __init__(
        self,
        path: Path,
        *,
        clock: Callable[[], float],
        on_commit: Callable[[Outbox], None],
        parts: Any = None,
        synchronous: str = "FULL",
        rehearse: bool = False,
    ) -> None:
        self.parts = parts
        self.commit_count = 0
        self._path = path
        self._clock = clock
        self._on_commit = on_commit
        self._synchronous = synchronous
        self._rehearse = rehearse
        self._loop = asyncio.get_running_loop()
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._is_closed = False
        writer = self._connect()
        self._reader = self._connect()
        self._reader.execute("PRAGMA query_only=ON")
        self._thread = threading.Thread(target=self._write_forever, args=(writer,), name="store-writer", daemon=True)
        self._thread.start()

    async def write(self, work: Work[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What `work` returned, once what it did is on disk. Raises what it raised, and then nothing of it happened."""
        if self._is_closed:
            raise RuntimeError("the store is closed")
        job = _Job(work, args, kwargs, self._loop.create_future())
        self._jobs.put(job)
        result: T = await job.done
        return result

    async def read(self, work: Work[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What `work` returns on one consistent view that holds everything written before the call.

        It runs on the event loop: a page of rows costs less than handing the question to a thread.
        """
        self._reader.execute("BEGIN")
        try:
            return work(SqliteTx(self._reader, self._clock(), self.parts, Outbox()), *args, **kwargs)
        finally:
            self._reader.execute("COMMIT")

    async def close(self) -> None:
        """Everything handed in before is on disk; nothing can be handed in any more."""
        if self._is_closed:
            return
        self._is_closed = True
        self._jobs.put(None)
        await self._loop.run_in_executor(None, self._thread.join)
        self._reader.close()

    def _connect(self) -> sqlite3.Connection:
        db = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False, cached_statements=1024)
        db.row_factory = sqlite3.Row
        for pragma in (
            f"page_size={limits.SQLITE_PAGE_BYTES}",
            "journal_mode=WAL",
            f"synchronous={self._synchronous}",
            f"mmap_size={limits.SQLITE_MMAP_BYTES}",
            f"cache_size=-{limits.SQLITE_CACHE_KIB}",
            f"wal_autocheckpoint={limits.SQLITE_CHECKPOINT_PAGES}",
            "foreign_keys=ON",
        ):
            db.execute(f"PRAGMA {pragma}")
        return db

    def _write_forever(self, db: sqlite3.Connection) -> None:
        is_open = True
        while is_open:
            batch: list[_Job] = []
            job = self._jobs.get()
            while job is not None:
                batch.append(job)
                if len(batch) == limits.WRITES_PER_COMMIT_MAX:
                    break
                try:
                    job = self._jobs.get_nowait()
                except queue.Empty:
                    break
            else:
                is_open = False
            if batch:
                outbox = self._commit(db, batch)
                self._loop.call_soon_threadsafe(self._publish, batch, outbox)
        db.close()

    def _commit(self, db: sqlite3.Connection, batch: list[_Job]) -> Outbox:
        now = self._clock()
        try:
            try:
                outbox = self._carry_out(db, batch, now, self._rehearsed if self._rehearse else self._bare)
            except _Unclean:
                if db.in_transaction:  # else SQLite has undone it by itself, as where the disk is full
                    db.execute("ROLLBACK")
                outbox = self._carry_out(db, batch, now, self._guarded)
        except BaseException as failure:  # noqa: BLE001 - a full disk is every caller's answer, not the thread's end
            if db.in_transaction:
                db.execute("ROLLBACK")
            for job in batch:
                job.error = job.error or failure
            return Outbox()
        self.commit_count += 1
        return outbox

    def _carry_out(self, db: sqlite3.Connection, batch: list[_Job], now: float, how: _How) -> Outbox:
        outbox = Outbox()
        db.execute("BEGIN IMMEDIATE")
        for job in batch:
            how(db, job, now, outbox)
        outbox.add_up(db.execute)
        db.execute("COMMIT")
        return outbox

    def _bare(self, db: sqlite3.Connection, job: _Job, now: float, outbox: Outbox) -> None:
        """Without a savepoint, which nearly nobody needs: who fails has mostly changed nothing yet."""
        changes = db.total_changes
        tx = self._perform(db, job, now, outbox)
        if job.error is not None and (tx.has_run or db.total_changes != changes or not db.in_transaction):
            raise _Unclean

    def _rehearsed(self, db: sqlite3.Connection, job: _Job, now: float, outbox: Outbox) -> None:
        self._guarded(db, job, now, Outbox(), keep=False)
        self._guarded(db, job, now, outbox)

    def _guarded(self, db: sqlite3.Connection, job: _Job, now: float, outbox: Outbox, *, keep: bool = True) -> None:
        db.execute("SAVEPOINT one_write")
        self._perform(db, job, now, outbox)
        keep = keep and job.error is None
        if not keep:
            db.execute("ROLLBACK TO one_write")
        db.execute("RELEASE one_write")

    def _perform(self, db: sqlite3.Connection, job: _Job, now: float, outbox: Outbox) -> SqliteTx:
        job.value = job.error = None
        tx = SqliteTx(db, now, self.parts, outbox)
        mark = outbox.mark()
        try:
            job.value = job.work(tx, *job.args, **job.kwargs)
        except BaseException as error:  # noqa: BLE001 - the caller gets it, whatever it is; the others go on
            job.error = error
            outbox.back_to(mark)
        return tx

    def _publish(self, batch: list[_Job], outbox: Outbox) -> None:
        for job in batch:
            if job.done.done():
                continue  # its caller went away; the write stands all the same
            if job.error is not None:
                job.done.set_exception(job.error)
            else:
                job.done.set_result(job.value)
        if outbox.wakes or outbox.notes:
            self._on_commit(outbox)
