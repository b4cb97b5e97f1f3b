"""What a transaction may do. Both engines offer exactly this; nothing above the store knows which one it is on.

A transaction is a plain function of `tx`: it touches only `tx`, locks what it changes before it changes it, and may be
run again. Nobody outside hears of what it did before that is on disk.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import lru_cache
from operator import add
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

    def insert(self, key: str, sql: str, *args: Any) -> int:
        """Inserts one row: the number that its column `key`, the table's INTEGER PRIMARY KEY, was given."""

    def add(self, sql: str, keys: tuple[Any, ...], numbers: tuple[int, ...]) -> None:
        """Carries out `sql`, which adds numbers in the row of those keys.

        What transactions that share a commit add there may be added up first; whoever looks finds it all the same.
        """

    def known(self, table: str, find: Callable[[Tx, str], T | None], key: str) -> T | None:
        """What `find` answers from rows of `table`, which must not be one that is changed by a cascade.

        Transactions that share a commit may find it once, for as long as nobody changes the table.
        """

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
    """What transactions want to have happen with their commit or after it, undone with their savepoint.

    Wakes and notes come after it. Sums are added with it, or before somebody looks: `added` of them are already, the
    rest is of the tables `adding`. What is `known` was found since the transaction began.
    """

    __slots__ = ("added", "adding", "known", "notes", "sums", "wakes")

    def __init__(self) -> None:
        self.wakes: list[str] = []
        self.notes: list[Any] = []
        self.sums: list[tuple[str, tuple[Any, ...], tuple[int, ...]]] = []
        self.added = 0
        self.adding: set[str] = set()
        self.known: dict[str, dict[Any, Any]] = {}

    def mark(self) -> tuple[int, int, int, int]:
        """How far it has come."""
        return len(self.wakes), len(self.notes), len(self.sums), self.added

    def back_to(self, mark: tuple[int, int, int, int]) -> None:
        """What has come since is undone, as the rows are."""
        wakes, notes, sums, self.added = mark
        del self.wakes[wakes:], self.notes[notes:], self.sums[sums:]
        self.adding = {_table_added_to(sql) for sql, _, _ in self.sums[self.added :]}
        self.known.clear()

    def add(self, sql: str, keys: tuple[Any, ...], numbers: tuple[int, ...]) -> None:
        self.sums.append((sql, keys, numbers))
        self.adding.add(_table_added_to(sql))

    def add_up(self, execute: Callable[[str, tuple[Any, ...]], object]) -> None:
        """Every sum is added, each row's at once."""
        totals: dict[tuple[str, tuple[Any, ...]], tuple[int, ...]] = {}
        for sql, keys, numbers in self.sums[self.added :]:
            total = totals.get((sql, keys))
            totals[sql, keys] = numbers if total is None else tuple(map(add, total, numbers))
        for (sql, keys), total in totals.items():
            execute(sql, (*keys, *total))
        self.added = len(self.sums)
        self.adding.clear()

    @contextmanager
    def undone_on_error(self) -> Iterator[None]:
        mark = self.mark()
        try:
            yield
        except BaseException:
            self.back_to(mark)
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


def _table_added_to(sql: str) -> str:
    table = table_changed(sql)
    assert table is not None, f"it adds to no row that is there: {sql}"
    return table


def assert_locked(sql: str, owners: set[str]) -> str | None:
    """The table whose rows `sql` may change. Raises LockFirst unless its owner is among the locked ones."""
    table = table_changed(sql)
    if table is not None and table.partition("_")[0] not in owners:
        raise LockFirst(f"lock {table.partition('_')[0]!r} first: {' '.join(sql.split())[:100]}")
    return table
