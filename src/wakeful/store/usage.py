"""What was used, to be paid for: whole numbers by consumer, day and meter, added up for good.

A run's own figures are in its note, and notes are dropped in time; these sums stay. Both are written in one
transaction, so that at every moment the sum of what the notes tell equals what was added here. A batch whose writing
failed is written again under its number, and counts once, whatever became of it the first time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from wakeful import limits, names
from wakeful.store.tx import Row, Tx

SCHEMA = """
CREATE TABLE IF NOT EXISTS telemetry_usage(
    account  TEXT NOT NULL,
    day      INTEGER NOT NULL,           -- since 1970-01-01, UTC
    region   TEXT NOT NULL,
    function TEXT NOT NULL,              -- its name
    version  TEXT NOT NULL,
    tags     TEXT NOT NULL,              -- JSON, sorted by name: what the function was tagged with when it used this
    meter    TEXT NOT NULL,
    units    INTEGER NOT NULL,
    PRIMARY KEY(account, day, region, function, version, tags, meter)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS telemetry_usage_writers(
    writer TEXT PRIMARY KEY,
    batch  INTEGER NOT NULL,             -- the last one that is in the sums
    at     REAL NOT NULL
) WITHOUT ROWID;
"""

DAY_S = 86_400


class Consumer(NamedTuple):
    """Who pays for it: one version of a function, and how the function was tagged then."""

    account: str
    region: str
    function: str
    version: str
    tags: str
    """JSON of an object, sorted by name."""


class Used(NamedTuple):
    """Something that was used: given to `tx.note` it counts when the transaction is on disk."""

    consumer: Consumer
    at: float
    units: Mapping[str, int]
    """By meter."""


class Sum(NamedTuple):
    """What a consumer used in a day by one meter."""

    consumer: Consumer
    day: int
    meter: str
    units: int


Sums = dict[tuple[Consumer, int], dict[str, int]]


@dataclass(frozen=True, slots=True)
class Batch:
    """What was used between two writings."""

    number: int
    sums: Sums


class Usage:
    """What was used and is not on disk yet. One for each node, in its telemetry; nothing of it is ever dropped."""

    def __init__(self) -> None:
        self.writer = names.new_token()
        self._number = 0
        self._sums: Sums = {}
        self._batches: list[Batch] = []

    @property
    def has_news(self) -> bool:
        return bool(self._sums or self._batches)

    def add(self, consumer: Consumer, at: float, units: Mapping[str, int]) -> None:
        """It counts for the day of that moment."""
        key = (consumer, int(at // DAY_S))
        sums = self._sums.get(key)
        if sums is None:
            self._sums[key] = dict(units)
            return
        for meter, count in units.items():
            sums[meter] = sums.get(meter, 0) + count

    def take(self) -> list[Batch]:
        """Everything that is to be written: what could not be written before, and what has come since."""
        if self._sums:
            self._number += 1
            self._batches.append(Batch(self._number, self._sums))
            self._sums = {}
        if len(self._batches) > limits.USAGE_BATCHES_MAX:
            # Nobody wonders any more whether one of so many failures was none: refused so often, it is not there.
            *rest, last, latest = self._batches
            self._batches = [*rest, Batch(latest.number, _together(last.sums, latest.sums))]
        return list(self._batches)

    def written(self, batches: Sequence[Batch]) -> None:
        """They are on disk."""
        last = batches[-1].number if batches else 0
        self._batches = [batch for batch in self._batches if batch.number > last]


def put(tx: Tx, writer: str, batches: Sequence[Batch]) -> None:
    """They are in the sums, each once."""
    if not batches:
        return
    tx.lock("telemetry", "usage")
    known = tx.one("SELECT batch FROM telemetry_usage_writers WHERE writer = ?", writer)
    for batch in batches:
        if known is None or batch.number > known["batch"]:
            for (consumer, day), sums in batch.sums.items():
                for meter, units in sums.items():
                    _add(tx, Sum(consumer, day, meter, units))
    tx.run(
        "INSERT INTO telemetry_usage_writers(writer, batch, at) VALUES (?, ?, ?)"
        " ON CONFLICT(writer) DO UPDATE SET batch = excluded.batch, at = excluded.at",
        *(writer, batches[-1].number, tx.now),
    )


def read(tx: Tx, first_day: int, last_day: int, account: str | None = None) -> list[Sum]:
    """What was used on these days, the last one included: by one account, or by all."""
    rows = tx.all(
        "SELECT * FROM telemetry_usage WHERE day >= ? AND day <= ? AND (? = '' OR account = ?)"
        " ORDER BY account, day, region, function, version, tags, meter",
        *(first_day, last_day, account or "", account or ""),
    )
    return [_sum(row) for row in rows]


def forget(tx: Tx, now: float) -> None:
    """What is older than anybody asks for is gone."""
    tx.lock("telemetry", "usage")
    tx.run("DELETE FROM telemetry_usage WHERE day < ?", int((now - limits.USAGE_RETENTION_S) // DAY_S))
    tx.run("DELETE FROM telemetry_usage_writers WHERE at < ?", now - limits.NOTE_RETENTION_S)


def _add(tx: Tx, used: Sum) -> None:
    account, region, function, version, tags = used.consumer
    tx.run(
        "INSERT INTO telemetry_usage(account, day, region, function, version, tags, meter, units)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT(account, day, region, function, version, tags, meter)"
        " DO UPDATE SET units = telemetry_usage.units + excluded.units",
        *(account, used.day, region, function, version, tags, used.meter, used.units),
    )


def _sum(row: Row) -> Sum:
    consumer = Consumer(row["account"], row["region"], row["function"], row["version"], row["tags"])
    return Sum(consumer, row["day"], row["meter"], row["units"])


def _together(*parts: Sums) -> Sums:
    sums: Sums = {}
    for part in parts:
        for key, units in part.items():
            whole = sums.setdefault(key, {})
            for meter, count in units.items():
                whole[meter] = whole.get(meter, 0) + count
    return sums
