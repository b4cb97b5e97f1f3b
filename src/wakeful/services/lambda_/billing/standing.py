"""What costs for as long as it is there: provisioned concurrency, and the snapshots of versions with SnapStart.

Each is a row from the moment at which it begins or changes until it changes again or ends, written in the transaction
that changes it. What a month has of it is worked out from the rows when somebody asks; nothing has to wake for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson

from wakeful import limits
from wakeful.services.lambda_.billing import metering, price
from wakeful.services.lambda_.references import of_arn
from wakeful.store.tx import Row, Tx
from wakeful.store.usage import DAY_S, Consumer, Sum

_DAY_MS = DAY_S * 1000
_PROVISIONED = {price.X86: price.PROVISIONED.name, price.ARM: price.PROVISIONED_ARM.name}


class _Key(NamedTuple):
    meter: str
    qualifier: str
    version: str


@dataclass(frozen=True, slots=True)
class Span:
    """Memory of one version that stood ready or was kept, and was the same from one moment to another."""

    consumer: Consumer
    meter: str
    memory_mb: int
    began_ms: int
    ended_ms: int | None

    def sums(self, now_ms: int, first_day: int, last_day: int) -> Iterator[Sum]:
        """Day by day what it came to by now."""
        ended_ms = now_ms if self.ended_ms is None else self.ended_ms
        begin = max(self.began_ms, first_day * _DAY_MS)
        while begin < min(ended_ms, (last_day + 1) * _DAY_MS):
            day = begin // _DAY_MS
            end = min(ended_ms, (day + 1) * _DAY_MS)
            yield Sum(self.consumer, day, self.meter, self.memory_mb * (end - begin))
            begin = end


def reckon(tx: Tx, function: str) -> None:
    """The rows say what stands now. To be called in every transaction that may have changed it for this function."""
    tx.lock("lambda", function)
    now_ms = round(tx.now * 1000)
    wanted = _wanted(tx, function)
    found = tx.one("SELECT tags FROM lambda_functions WHERE arn = ?", function)
    tags = "{}" if found is None else metering.tags_shown(orjson.loads(found["tags"]))
    still = {key[:2] for key in wanted}
    periods: dict[tuple[str, str], int] = {}
    for row in tx.all("SELECT * FROM lambda_standing WHERE function = ? AND ended_ms IS NULL ORDER BY id", function):
        key = _Key(row["meter"], row["qualifier"], row["version"])
        periods[key.meter, key.qualifier] = row["period_ms"]
        if wanted.get(key) == row["memory_mb"] and row["tags"] == tags:
            del wanted[key]
        else:
            _end(tx, row, now_ms, goes_on=key[:2] in still)
    for key, memory_mb in wanted.items():
        tx.run(
            "INSERT INTO lambda_standing(function, qualifier, version, meter, memory_mb, tags, period_ms, began_ms)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            *(function, key.qualifier, key.version, key.meter, memory_mb, tags),
            *(periods.get((key.meter, key.qualifier), now_ms), now_ms),
        )


def reckon_all(tx: Tx) -> None:
    """The same for every function: what stood before it was counted begins now."""
    for table in ("lambda_provisioned", "lambda_snapshots"):
        for row in tx.all(f"SELECT DISTINCT function FROM {table} ORDER BY function"):  # noqa: S608 - our own two names
            reckon(tx, row["function"])


def sums(tx: Tx, first_day: int, last_day: int, account: str | None = None) -> list[Sum]:
    """What stood on these days (since 1970-01-01, UTC; the last one included) came to by now."""
    rows = tx.all(
        "SELECT * FROM lambda_standing WHERE began_ms < ? AND (ended_ms IS NULL OR ended_ms > ?) ORDER BY id",
        *((last_day + 1) * _DAY_MS, first_day * _DAY_MS),
    )
    spans = [span for span in map(_span, rows) if account in (None, span.consumer.account)]
    return [each for span in spans for each in span.sums(round(tx.now * 1000), first_day, last_day)]


def forget(tx: Tx) -> None:
    """What ended longer ago than anybody asks for is gone."""
    tx.lock("lambda", "standing")
    before = round((tx.now - limits.USAGE_RETENTION_S) * 1000)
    tx.run("DELETE FROM lambda_standing WHERE ended_ms < ?", before)


def _wanted(tx: Tx, function: str) -> dict[_Key, int]:
    """What is to be paid for now: megabytes."""
    rows = tx.all("SELECT version, config FROM lambda_versions WHERE function = ? AND number > 0", function)
    configs = {row["version"]: orjson.loads(row["config"]) for row in rows}
    wanted: dict[_Key, int] = {}
    for row in tx.all("SELECT qualifier, requested FROM lambda_provisioned WHERE function = ?", function):
        for version, count in _shares(tx, function, row["qualifier"], row["requested"]):
            config = configs.get(version)
            if config is not None and count:
                meter = _PROVISIONED[config["Architectures"][0]]
                wanted[_Key(meter, row["qualifier"], version)] = count * config["MemorySize"]
    for row in tx.all("SELECT version FROM lambda_snapshots WHERE function = ?", function):
        config = configs.get(row["version"])
        if config is not None and metering.is_paid_snapshot(config["Runtime"]):
            wanted[_Key(price.SNAPSHOT.name, row["version"], row["version"])] = config["MemorySize"]
    return wanted


def _shares(tx: Tx, function: str, qualifier: str, requested: int) -> list[tuple[str, int]]:
    alias = tx.one("SELECT version, routing FROM lambda_aliases WHERE function = ? AND name = ?", function, qualifier)
    if alias is None:
        return [(qualifier, requested)]
    routing: Mapping[str, float] = orjson.loads(alias["routing"])
    others = [(version, round(requested * weight)) for version, weight in routing.items()]
    return [(alias["version"], requested - sum(count for _, count in others)), *others]


def _end(tx: Tx, row: Row, now_ms: int, *, goes_on: bool) -> None:
    """It was so until now; where nothing follows, until what is paid for at least."""
    ended_ms = now_ms
    if not goes_on and row["meter"] == price.SNAPSHOT.name:
        ended_ms = max(now_ms, row["period_ms"] + price.SNAPSHOT_LEAST_MS)
    elif not goes_on:
        steps = -(-(now_ms - row["period_ms"]) // price.PROVISIONED_STEP_MS)
        ended_ms = row["period_ms"] + max(1, steps) * price.PROVISIONED_STEP_MS
    tx.run("UPDATE lambda_standing SET ended_ms = ? WHERE id = ?", ended_ms, row["id"])


def _span(row: Any) -> Span:
    function = of_arn(row["function"])
    consumer = Consumer(function.account, function.region, function.name, row["version"], row["tags"])
    return Span(consumer, row["meter"], row["memory_mb"], row["began_ms"], row["ended_ms"])
