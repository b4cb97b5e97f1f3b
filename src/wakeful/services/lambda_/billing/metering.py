"""What one run uses of every meter: whole numbers, from what its REPORT line says and its function's configuration."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import orjson

from wakeful import limits
from wakeful.environments.version import Invocation, Outcome, Version
from wakeful.services.lambda_.billing import price
from wakeful.services.lambda_.references import of_arn
from wakeful.store.usage import Consumer, Used

_FIRST_CHUNK_BYTES = 256 * 1024
_CHUNK_BYTES = 64 * 1024

_BILLED = price.BILLED.name
_RESTORED = price.RESTORED.name


class _Meters(NamedTuple):
    """Names of those of an architecture."""

    request: str
    duration: str
    provisioned: str
    storage: str
    streamed: str
    tenant: str


_BY_ARCHITECTURE = {
    price.X86: _Meters(
        *(price.REQUEST.name, price.DURATION.name, price.PROVISIONED_DURATION.name, price.STORAGE.name),
        *(price.STREAMED.name, price.TENANT.name),
    ),
    price.ARM: _Meters(
        *(price.REQUEST_ARM.name, price.DURATION_ARM.name, price.PROVISIONED_DURATION_ARM.name),
        *(price.STORAGE_ARM.name, price.STREAMED_ARM.name, price.TENANT_ARM.name),
    ),
}


def units(version: Version, invocation: Invocation, outcome: Outcome) -> dict[str, int]:
    """By meter: the billed milliseconds, weighted by memory and storage as configured, whatever was used of them.

    With provisioned concurrency they are another meter's; that it stands ready is counted by `standing.py`. On managed
    instances only the request counts: the instances are paid for as long as they are there, whatever runs on them.
    """
    meters = _BY_ARCHITECTURE[version.architecture]
    billed_ms, memory_mb = outcome.billed_ms, outcome.memory_mb
    used = {meters.request: requests(len(invocation.payload)) if invocation.kind == "Event" else 1}
    if not outcome.is_shared:
        used[meters.provisioned if outcome.is_provisioned else meters.duration] = billed_ms * memory_mb
        used[_BILLED] = billed_ms
        if version.tmp_mb > price.FREE_STORAGE_MB:
            used[meters.storage] = billed_ms * (version.tmp_mb - price.FREE_STORAGE_MB)
        if outcome.restore_ms is not None and is_paid_snapshot(version.runtime):
            used[_RESTORED] = memory_mb
        if outcome.cold and version.tenant is not None:
            used[meters.tenant] = memory_mb
    if outcome.streamed_bytes > price.FREE_STREAMED_BYTES:
        used[meters.streamed] = outcome.streamed_bytes - price.FREE_STREAMED_BYTES
    return used


def requests(event_bytes: int) -> int:
    """How many requests an asynchronous event counts as: one for 256 KB, one more for each further 64 KB."""
    return 1 + max(0, -(-(event_bytes - _FIRST_CHUNK_BYTES) // _CHUNK_BYTES))


def is_paid_snapshot(runtime: str) -> bool:
    """Java's snapshots cost nothing ("Improving startup performance with Lambda SnapStart")."""
    return not runtime.startswith("java")


def consumer(version: Version) -> Consumer:
    return _consumer(version.arn, version.version, version.tags)


def durable(function_arn: str, version: str, tags: Mapping[str, Any], at: float, operations: int, written: int) -> Used:
    """Operations that a durable execution made, and the bytes they wrote, to be given to `tx.note`."""
    counts = {price.DURABLE_OPERATION.name: operations, price.DURABLE_WRITTEN.name: written}
    return Used(
        _consumer(function_arn, version, tags_shown(tags)),
        at,
        {meter: count for meter, count in counts.items() if count},
    )


def tags_shown(tags: Mapping[str, Any]) -> str:
    """As a consumer has them: the same text for the same tags."""
    return orjson.dumps(dict(tags), option=orjson.OPT_SORT_KEYS).decode()


@lru_cache(limits.METRIC_FAMILIES_KEPT)
def _consumer(function_arn: str, version: str, tags: str) -> Consumer:
    function = of_arn(function_arn)
    return Consumer(function.account, function.region, function.name, version, tags)
