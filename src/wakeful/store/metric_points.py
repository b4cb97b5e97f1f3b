"""Points of metrics on disk: what was measured in a second, a minute, five minutes or an hour; which metrics there are.

Points get fewer as they get older, as in CloudWatch: seconds are kept three hours, minutes fifteen days, five minutes
63 days, hours 455 days. Reading goes by age, not by what has been tidied up already.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import NamedTuple

import orjson

from wakeful import limits
from wakeful.store.distribution import Distribution
from wakeful.store.tx import Row, Tx

SCHEMA = """
CREATE TABLE IF NOT EXISTS telemetry_metrics(
    id         INTEGER PRIMARY KEY,
    account    TEXT NOT NULL,
    region     TEXT NOT NULL,
    namespace  TEXT NOT NULL,
    name       TEXT NOT NULL,
    dimensions TEXT NOT NULL,           -- [[name, value], …], by name
    last       INTEGER NOT NULL         -- the latest moment of which there is a point
);
CREATE UNIQUE INDEX IF NOT EXISTS telemetry_metrics_of
    ON telemetry_metrics(account, region, namespace, name, dimensions);
CREATE TABLE IF NOT EXISTS telemetry_metric_counts(
    account TEXT PRIMARY KEY,
    metrics INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS telemetry_metric_points(
    metric  INTEGER NOT NULL,
    period  INTEGER NOT NULL,
    at      INTEGER NOT NULL,
    unit    TEXT NOT NULL,
    samples REAL NOT NULL,
    total   REAL NOT NULL,
    least   REAL NOT NULL,
    most    REAL NOT NULL,
    buckets BLOB NOT NULL,
    PRIMARY KEY(metric, period, at, unit)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS telemetry_metric_points_age ON telemetry_metric_points(period, at)
"""

Dimensions = tuple[tuple[str, str], ...]
"""Pairs of name and value, by name."""

log = logging.getLogger(__name__)


class TooManyMetrics(Exception):
    """An account has as many metrics as it may have; the oldest go when nothing was measured for 455 days."""


class Metric(NamedTuple):
    """What has points. Different dimensions make different metrics."""

    account: str
    region: str
    namespace: str
    name: str
    dimensions: Dimensions


class PointKey(NamedTuple):
    """Which point: of a metric, beginning at `at` and `period_s` long, in one unit."""

    metric: Metric
    period_s: int
    at: int
    unit: str


class Listed(NamedTuple):
    """A metric, and the place of it in the order of listing."""

    id: int
    metric: Metric


def put(tx: Tx, points: Mapping[PointKey, Distribution]) -> None:
    """What was measured is added to what is known. Metrics that an account may not have are dropped, and told."""
    dropped = _put(tx, points)
    if dropped:
        log.warning("%d points of new metrics were dropped: accounts have at most %d", dropped, limits.METRICS_MAX)


def put_all(tx: Tx, points: Mapping[PointKey, Distribution]) -> None:
    """As `put`, but all of them. Raises TooManyMetrics."""
    if _put(tx, points):
        raise TooManyMetrics(f"an account has at most {limits.METRICS_MAX} metrics")


def _put(tx: Tx, points: Mapping[PointKey, Distribution]) -> int:
    if not points:
        return 0
    tx.lock("telemetry", "metrics")
    latest: dict[Metric, int] = {}
    for key in points:
        latest[key.metric] = max(key.at, latest.get(key.metric, key.at))
    ids = {metric: _id(tx, metric, at) for metric, at in latest.items()}
    dropped = 0
    for key, measured in points.items():
        metric = ids[key.metric]
        if metric is None:
            dropped += 1
        else:
            _add(tx, metric, key, measured)
    return dropped


def _id(tx: Tx, metric: Metric, at: int) -> int | None:
    """The metric's own number; a new one where it has none, or None where there are too many."""
    names = (metric.account, metric.region, metric.namespace, metric.name, _text(metric.dimensions))
    row = tx.one(
        "SELECT id, last FROM telemetry_metrics WHERE account = ? AND region = ? AND namespace = ? AND name = ?"
        " AND dimensions = ?",
        *names,
    )
    if row is not None:
        if row["last"] < at:
            tx.run("UPDATE telemetry_metrics SET last = ? WHERE id = ?", at, row["id"])
        return int(row["id"])
    counted = tx.one("SELECT metrics FROM telemetry_metric_counts WHERE account = ?", metric.account)
    if counted is not None and counted["metrics"] >= limits.METRICS_MAX:
        return None
    _count(tx, metric.account, 1)
    made = tx.one(
        "INSERT INTO telemetry_metrics(account, region, namespace, name, dimensions, last) VALUES (?, ?, ?, ?, ?, ?)"
        " RETURNING id",
        *(*names, at),
    )
    assert made is not None
    return int(made["id"])


def _count(tx: Tx, account: str, more: int) -> None:
    tx.run(
        "INSERT INTO telemetry_metric_counts AS known (account, metrics) VALUES (?, ?)"
        " ON CONFLICT(account) DO UPDATE SET metrics = known.metrics + excluded.metrics",
        *(account, more),
    )


def _add(tx: Tx, metric: int, key: PointKey, measured: Distribution) -> None:
    where = (metric, key.period_s, key.at, key.unit)
    row = tx.one(
        "SELECT samples, total, least, most, buckets FROM telemetry_metric_points"
        " WHERE metric = ? AND period = ? AND at = ? AND unit = ?",
        *where,
    )
    if row is not None:
        known = _distribution(row)
        known.merge(measured)
        measured = known
    tx.run(
        "INSERT INTO telemetry_metric_points(metric, period, at, unit, samples, total, least, most, buckets)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT(metric, period, at, unit) DO UPDATE SET"
        " samples = excluded.samples, total = excluded.total, least = excluded.least, most = excluded.most,"
        " buckets = excluded.buckets",
        *(*where, float(measured.count), float(measured.sum), float(measured.min), float(measured.max)),
        measured.packed(),
    )


# --- reading ---


def read(
    tx: Tx, metric: Metric, start: int, end: int, period_s: int, unit: str | None = None, since: int | None = None
) -> dict[tuple[int, str], Distribution]:
    """What was measured from `start` to before `end`, in steps of `period_s` from `start`, by step and unit.

    Steps that are too fine for their age have nothing, as in CloudWatch. `since`: only what was measured from then on.
    """
    horizon = int(tx.now - _kept_s(period_s))
    found: dict[tuple[int, str], Distribution] = {}
    for row in tx.all(
        "SELECT p.period, p.at, p.unit, p.samples, p.total, p.least, p.most, p.buckets"
        " FROM telemetry_metrics m JOIN telemetry_metric_points p ON p.metric = m.id"
        " WHERE m.account = ? AND m.region = ? AND m.namespace = ? AND m.name = ? AND m.dimensions = ?"
        " AND p.period <= ? AND p.at >= ? AND p.at < ? ORDER BY p.at",
        *(*metric[:4], _text(metric.dimensions), period_s, max(start, horizon, since or start), end),
    ):
        if period_s % row["period"] or (unit is not None and row["unit"] != unit):
            continue
        step = start + (row["at"] - start) // period_s * period_s
        known = found.setdefault((step, row["unit"]), Distribution())
        known.merge(_distribution(row))
    return found


def listed(
    tx: Tx, account: str, region: str, since: float, after: int, limit: int, namespace: str = "", name: str = ""
) -> list[Listed]:
    """Metrics that have a point since then, in the order in which they came up; "" is any namespace or name."""
    wanted = {"namespace": namespace, "name": name}
    given = {column: value for column, value in wanted.items() if value}
    where = "".join(f" AND {column} = ?" for column in given)
    rows = tx.all(
        "SELECT id, namespace, name, dimensions FROM telemetry_metrics"  # noqa: S608 - columns of ours only
        f" WHERE account = ? AND region = ? AND last >= ? AND id > ?{where} ORDER BY id LIMIT ?",
        *(account, region, since, after, *given.values(), limit),
    )
    return [
        Listed(row["id"], Metric(account, region, row["namespace"], row["name"], _dimensions(row["dimensions"])))
        for row in rows
    ]


def _kept_s(period_s: int) -> float:
    """For how long points of this length can be had."""
    return [kept_s for finest, kept_s in limits.METRIC_RETENTION if finest <= period_s][-1]


# --- getting older ---


def roll_up(tx: Tx, count_max: int) -> bool:
    """Points that are too old for their length are part of longer ones, or gone. Whether there may be more of them."""
    tx.lock("telemetry", "metrics")
    has_more = False
    longer = [*[period for period, _ in limits.METRIC_RETENTION[1:]], None]
    for (period, kept_s), into in zip(limits.METRIC_RETENTION, longer, strict=True):
        rows = tx.all(
            "SELECT metric, at, unit, samples, total, least, most, buckets FROM telemetry_metric_points"
            " WHERE period = ? AND at < ? ORDER BY at LIMIT ?",
            *(period, int(tx.now - kept_s), count_max),
        )
        has_more = has_more or len(rows) == count_max
        for row in rows:
            if into is not None:
                key = PointKey(_NO_METRIC, into, row["at"] // into * into, row["unit"])
                _add(tx, row["metric"], key, _distribution(row))
            tx.run(
                "DELETE FROM telemetry_metric_points WHERE metric = ? AND period = ? AND at = ? AND unit = ?",
                *(row["metric"], period, row["at"], row["unit"]),
            )
    for row in tx.all(
        "SELECT id, account FROM telemetry_metrics WHERE last < ? ORDER BY id LIMIT ?",
        *(int(tx.now - limits.METRIC_RETENTION[-1][1]), count_max),
    ):
        tx.run("DELETE FROM telemetry_metrics WHERE id = ?", row["id"])
        tx.run("DELETE FROM telemetry_metric_points WHERE metric = ?", row["id"])
        _count(tx, row["account"], -1)
    return has_more


_NO_METRIC = Metric("", "", "", "", ())


def _distribution(row: Row) -> Distribution:
    return Distribution.unpacked(row["samples"], row["total"], row["least"], row["most"], row["buckets"])


def _text(dimensions: Dimensions) -> str:
    return orjson.dumps(dimensions).decode()


def _dimensions(text: str) -> Dimensions:
    return tuple((name, value) for name, value in orjson.loads(text))
