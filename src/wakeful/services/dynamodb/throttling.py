"""What a table can do in a second, where a node was told to mind it ("Throttling issues for DynamoDB tables").

A table, and each of its global indexes, has a bucket for reads and one for writes, which what it has provisioned (or
the cap it has on demand) fills, up to what comes in five minutes. Who finds something in it is let in, whatever that
costs: the bucket may be overdrawn, and then the next ones are refused until it has filled.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wakeful import limits
from wakeful.fabric.service import Node
from wakeful.services.dynamodb import measuring, table
from wakeful.services.dynamodb.capacity import Meter
from wakeful.services.dynamodb.errors import ProvisionedThroughputExceededException, ThrottlingException
from wakeful.services.dynamodb.table import Table

_UNITS = {True: ("ReadCapacityUnits", "MaxReadRequestUnits"), False: ("WriteCapacityUnits", "MaxWriteRequestUnits")}


class Bucket:
    """So many units, and so many more in every second."""

    __slots__ = ("at", "level", "rate")

    def __init__(self, rate: float, now: float) -> None:
        self.rate = rate
        self.level = rate
        self.at = now

    def is_empty(self, now: float) -> bool:
        most = self.rate * limits.DYNAMODB_BURST_S
        self.level = min(most, self.level + max(0.0, now - self.at) * self.rate)
        self.at = max(self.at, now)
        return self.level <= 0


Buckets = dict[tuple[str, bool], Bucket]
"""By index ("" is the table itself), and whether it is for reads. What has none is not bounded."""


async def admit(node: Node, found: Table, *, reads: bool, index: str = "") -> None:
    """Raises ProvisionedThroughputExceededException, or ThrottlingException on demand, where nothing is left.

    A write needs something left in every global index, which it may have to change.
    """
    if not node.config.throttle_tables:
        return
    now = node.clock.now()
    buckets = await _buckets(node, found)
    names = [index] if reads else ["", *(each.name for each in found.indexes if each.is_global)]
    for name in names:
        bucket = buckets.get((name, reads))
        if bucket is not None and bucket.is_empty(now):
            measuring.throttled(node, found, name or None, reads=reads)
            if found.definition.get("BillingMode") == "PAY_PER_REQUEST":
                raise ThrottlingException(
                    "Throughput exceeds the maximum OnDemandThroughput configured on table or index"
                )
            raise ProvisionedThroughputExceededException(
                "The level of configured provisioned throughput for one or more global secondary indexes of the table"
                " was exceeded. Consider increasing your provisioning level for the under-provisioned global secondary"
                " indexes with the UpdateTable API"
                if name
                else None
            )


async def spend(node: Node, found: Table, meter: Meter) -> None:
    """What was consumed is gone from the buckets; and counts in the metrics, minded or not."""
    for sample in measuring.consumed(found, meter, node.clock.now()):
        node.telemetry.note(sample)
    if not node.config.throttle_tables:
        return
    buckets = await _buckets(node, found)
    rest = meter.reads + meter.writes
    for name, units in meter.by_index.items():
        index = found.index(name)
        if index is not None and index.is_global:
            rest -= units
            _spend(buckets, name, units, reads=meter.reads > 0)
    _spend(buckets, "", rest, reads=meter.reads > 0)


def _spend(buckets: Buckets, name: str, units: float, *, reads: bool) -> None:
    bucket = buckets.get((name, reads))
    if bucket is not None:
        bucket.level -= units


async def _buckets(node: Node, found: Table) -> Buckets:
    """They are as new, with what comes in one second, when any table has been changed."""

    async def make() -> Buckets:
        now = node.clock.now()
        indexes: list[Mapping[str, Any]] = found.definition.get("GlobalSecondaryIndexes") or []
        several = [("", found.definition), *((each["IndexName"], each) for each in indexes)]
        return {
            (name, reads): Bucket(rate, now)
            for name, of in several
            for reads in (True, False)
            if (rate := _rate(of, reads=reads)) > 0
        }

    return await node.caches.get(table.CHANGED, ("buckets", found.arn), make)


def _rate(of: Mapping[str, Any], *, reads: bool) -> float:
    """Units a second; none where it has no bound."""
    provisioned, cap = _UNITS[reads]
    units = (of.get("ProvisionedThroughput") or {}).get(provisioned, 0)
    return float(units or (of.get("OnDemandThroughput") or {}).get(cap, 0))
