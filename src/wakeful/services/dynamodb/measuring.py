"""DynamoDB's metrics, of what requests do to tables ("DynamoDB metrics and dimensions")."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

from wakeful import limits, names
from wakeful.fabric.service import Call, Node
from wakeful.services.dynamodb.capacity import Meter
from wakeful.services.dynamodb.errors import (
    ConditionalCheckFailedException,
    ProvisionedThroughputExceededException,
    ThrottlingException,
    TransactionCanceledException,
)
from wakeful.services.dynamodb.table import Table
from wakeful.store.metrics import Family, Sample, family, measures
from wakeful.wire.errors import AwsError

_READ = measures(("ConsumedReadCapacityUnits", "Count"))
_WRITTEN = measures(("ConsumedWriteCapacityUnits", "Count"))
_LATENCY = measures(("SuccessfulRequestLatency", "Milliseconds"))
_CONDITIONS = measures(("ConditionalCheckFailedRequests", "Count"))
_USER_ERRORS = measures(("UserErrors", "Count"))
_THROTTLED = measures(("ThrottledRequests", "Count"))
_READ_THROTTLED = measures(("ReadThrottleEvents", "Count"))
_WRITE_THROTTLED = measures(("WriteThrottleEvents", "Count"))
_RETURNED = measures(("ReturnedItemCount", "Count"))
_EXPIRED = measures(("TimeToLiveDeletedItemCount", "Count"))

NAMESPACE = "AWS/DynamoDB"


@contextmanager
def operation(node: Node, call: Call, name: str, of: str) -> Iterator[None]:
    """What happens inside is one request: how long it took counts when it succeeds, else what it failed with."""
    begun = time.perf_counter()
    try:
        yield
    except AwsError as error:
        _failed(node, call, name, of, error)
        raise
    took_ms = (time.perf_counter() - begun) * 1000
    of_operation = _operation(call.account, call.region, _short(of), name)
    node.telemetry.note(Sample(of_operation, _LATENCY, node.clock.now(), (took_ms,)))


def consumed(table: Table, meter: Meter, now: float) -> Iterator[Sample]:
    """What the meter says was consumed of the table, and of each of its indexes."""
    of_indexes = 0.0
    for name, units in meter.by_index.items():
        index = table.index(name)
        if index is not None and index.is_global:
            of_indexes += units
            yield Sample(_index(table.arn, name), _READ if meter.reads else _WRITTEN, now, (units,))
    if meter.reads:
        yield Sample(_table(table.arn), _READ, now, (meter.reads - of_indexes,))
    if meter.writes:
        yield Sample(_table(table.arn), _WRITTEN, now, (meter.writes - of_indexes,))


def throttled(node: Node, table: Table, index: str | None, *, reads: bool) -> None:
    """A table or one of its global indexes had not the units left that a request needed."""
    of = _table(table.arn) if index is None else _index(table.arn, index)
    node.telemetry.note(Sample(of, _READ_THROTTLED if reads else _WRITE_THROTTLED, node.clock.now(), (1,)))


def returned_items(arn: str, operation: str, count: int, now: float) -> Sample:
    """So many items were answered by one Query or Scan."""
    table = names.parse_arn(arn)
    return Sample(
        _operation(table.account, table.region, table.resource.removeprefix("table/"), operation),
        *(_RETURNED, now, (count,)),
    )


def expired(arn: str, now: float) -> Sample:
    """Time to live has deleted an item."""
    return Sample(_table(arn), _EXPIRED, now, (1,))


def _failed(node: Node, call: Call, name: str, of: str, error: AwsError) -> None:
    now = node.clock.now()
    if isinstance(error, ConditionalCheckFailedException):
        table = family(call.account, call.region, NAMESPACE, (("TableName", _short(of)),))
        node.telemetry.note(Sample(table, _CONDITIONS, now, (1,)))
    elif isinstance(error, ProvisionedThroughputExceededException | ThrottlingException):
        of_operation = _operation(call.account, call.region, _short(of), name)
        node.telemetry.note(Sample(of_operation, _THROTTLED, now, (1,)))
    elif not isinstance(error, TransactionCanceledException):
        node.telemetry.note(Sample(family(call.account, call.region, NAMESPACE, ()), _USER_ERRORS, now, (1,)))


def _short(name: str) -> str:
    return name.rpartition("/")[2] if names.is_arn(name) else name


@lru_cache(limits.METRIC_FAMILIES_KEPT)
def _table(arn: str) -> Family:
    table = names.parse_arn(arn)
    name = table.resource.removeprefix("table/")
    return family(table.account, table.region, NAMESPACE, (("TableName", name),))


@lru_cache(limits.METRIC_FAMILIES_KEPT)
def _index(arn: str, index: str) -> Family:
    table = names.parse_arn(arn)
    name = table.resource.removeprefix("table/")
    return family(table.account, table.region, NAMESPACE, (("TableName", name), ("GlobalSecondaryIndexName", index)))


@lru_cache(limits.METRIC_FAMILIES_KEPT)
def _operation(account: str, region: str, table: str, operation: str) -> Family:
    return family(account, region, NAMESPACE, (("TableName", table), ("Operation", operation)))
