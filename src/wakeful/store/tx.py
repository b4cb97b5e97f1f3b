"""What a transaction may do. Both engines offer exactly this; nothing above the store knows which one it is on.

A transaction is a plain function of `tx`: it touches only `tx`, locks what it changes before it changes it, and may be
run again. Nobody outside hears of what it did before that is on disk.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import lru_cache
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

Work = Callable[Concatenate["Tx", P], T]


class Row(Protocol):
    """One row of an answer, read by the name of the column."""

    def __getitem__(self, column: str) -> Any: ...

    def keys(self) -> Any: ...


class Tx(Protocol):
    """Never kept after the function that received it returns."""

    now: float
    """The node's time, epoch seconds, the same for the whole transaction."""

    parts: Any
    """What the node attached to its transactions: who accepts deliveries, which resource policies hold."""

    lane: int
    """Of a node's transactions that are under way at once no two have the same: who adds to a number that many add to
    does so in a row of its lane, and waits for nobody."""

    skip_locked: str
    """Ends a SELECT that claims rows: "" or "FOR UPDATE SKIP LOCKED", as the engine needs."""

    deliveries: int
    """How many deliveries this transaction has accepted so far."""

    depth: int
    """How many of them are causing one another at this moment."""

    def one(self, sql: str, *args: Any) -> Row | None:
        """The first row, or None."""

    def all(self, sql: str, *args: Any) -> list[Row]:
        """Every row."""

    def run(self, sql: str, *args: Any) -> int:
        """Carries out a statement; the number of rows it changed."""

    def columns(self, table: str) -> frozenset[str]:
        """The names of the table's columns; none where there is no such table."""

    def lock(self, *key: str) -> None:
        """Holds `key` until the transaction ends. `key[0]` is the owner: the tables whose names begin with it."""

    def wake(self, name: str) -> None:
        """After commit, whoever waits for `name` looks again. A hint: a lost one costs time, never work."""

    def note(self, note: Any) -> None:
        """After commit, `note` goes to telemetry."""

    def savepoint(self) -> AbstractContextManager[None]:
        """What happens inside is undone when an exception leaves it; rows, wakes and notes alike."""


class Store(Protocol):
    """Durable state. `write` returns after the change is on disk; `read` sees everything written before it."""

    async def write(self, work: Work[P, T], *args: P.args, **kwargs: P.kwargs) -> T: ...

    async def read(self, work: Work[P, T], *args: P.args, **kwargs: P.kwargs) -> T: ...

    async def close(self) -> None: ...


class Outbox:
    """What a transaction wants to have happen after its commit: wakes and notes, undone with their savepoint."""

    __slots__ = ("notes", "wakes")

    def __init__(self) -> None:
        self.wakes: list[str] = []
        self.notes: list[Any] = []

    @contextmanager
    def undone_on_error(self) -> Iterator[None]:
        wakes, notes = len(self.wakes), len(self.notes)
        try:
            yield
        except BaseException:
            del self.wakes[wakes:], self.notes[notes:]
            raise

    @contextmanager
    def savepoint(self, execute: Callable[[str], object]) -> Iterator[None]:
        """What happens inside is undone when an exception leaves it; `execute` runs SQL in the transaction."""
        execute("SAVEPOINT inner_part")
        try:
            with self.undone_on_error():
                yield
        except BaseException:
            execute("ROLLBACK TO inner_part")
            raise
        finally:
            execute("RELEASE inner_part")


class LockFirst(AssertionError):
    """A row was changed before its owner was locked. On a cluster this loses or doubles work."""


_CHANGES = re.compile(
    r"^\s*(?:UPDATE\s+(\w+)|DELETE\s+FROM\s+(\w+)|INSERT\s+INTO\s+(\w+).*\bON\s+CONFLICT\b.*\bDO\s+UPDATE\b)",
    re.IGNORECASE | re.DOTALL,
)


@lru_cache(4096)
def table_changed(sql: str) -> str | None:
    """The table whose existing rows this statement may change, or None where it changes none."""
    hit = _CHANGES.match(sql)
    return (hit[1] or hit[2] or hit[3]) if hit else None


def assert_locked(sql: str, owners: set[str]) -> None:
    """Raises LockFirst unless the owner of the table that `sql` changes is among the locked ones."""
    table = table_changed(sql)
    if table is not None and table.partition("_")[0] not in owners:
        raise LockFirst(f"lock {table.partition('_')[0]!r} first: {' '.join(sql.split())[:100]}")
