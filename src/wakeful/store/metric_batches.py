"""What was measured in a tenth of a second, on disk as a row or some, until it is added to the points of metrics.

Adding up costs a read and a write for each point; done every second, and before anybody reads, it costs a tenth of what
it would in every batch.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import orjson

from wakeful import limits
from wakeful.store import metric_points
from wakeful.store.distribution import Distribution
from wakeful.store.metric_points import Dimensions, Metric, PointKey
from wakeful.store.tx import Tx

SCHEMA = """
CREATE TABLE IF NOT EXISTS telemetry_metric_batches(
    id       INTEGER PRIMARY KEY,
    measured BLOB NOT NULL             -- [Measured, …]
)
"""


class Measured(NamedTuple):
    """Values of one metric under each of some sets of dimensions, of one period of time and in one unit."""

    account: str
    region: str
    namespace: str
    dimension_sets: tuple[Dimensions, ...]
    name: str
    unit: str
    period_s: int
    at: int
    values: Distribution


def put(tx: Tx, measured: Sequence[Measured]) -> None:
    """It is there, to be added up: in one batch, or in some where it is very much."""
    for batch in _batches(measured):
        rows = [
            [*each[:-1], each.values.count, each.values.sum, each.values.min, each.values.max, each.values.listed()]
            for each in batch
        ]
        tx.run("INSERT INTO telemetry_metric_batches(measured) VALUES (?)", orjson.dumps(rows))


def _batches(measured: Sequence[Measured]) -> Iterator[list[Measured]]:
    batch: list[Measured] = []
    points = 0
    for each in measured:
        batch.append(each)
        points += len(each.dimension_sets)
        if points >= limits.METRIC_BATCH_POINTS:
            yield batch
            batch, points = [], 0
    if batch:
        yield batch


def are_there(tx: Tx) -> bool:
    """Whether something is to be added up."""
    return tx.one("SELECT id FROM telemetry_metric_batches LIMIT 1") is not None


def add_up(tx: Tx, count_max: int) -> None:
    """The oldest batches are part of the points."""
    tx.lock("telemetry", "metrics")
    points: dict[PointKey, Distribution] = {}
    rows = tx.all("SELECT id, measured FROM telemetry_metric_batches ORDER BY id LIMIT ?", count_max)
    for row in rows:
        for each in orjson.loads(row["measured"]):
            account, region, namespace, sets, name, unit, period_s, at, count, total, least, most, buckets = each
            values = Distribution.from_list(count, total, least, most, buckets)
            for pairs in sets:
                metric = Metric(account, region, namespace, name, tuple((key, value) for key, value in pairs))
                points.setdefault(PointKey(metric, period_s, at, unit), Distribution()).merge(values)
    metric_points.put(tx, points)
    for row in rows:
        tx.run("DELETE FROM telemetry_metric_batches WHERE id = ?", row["id"])
