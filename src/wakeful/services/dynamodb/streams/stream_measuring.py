"""Metrics of tables' streams, of what GetRecords answers ("DynamoDB metrics and dimensions")."""

from __future__ import annotations

from functools import lru_cache

from wakeful import limits, names
from wakeful.services.dynamodb.measuring import NAMESPACE
from wakeful.store.metrics import Family, Sample, family, measures

_RETURNED = measures(
    ("ReturnedRecordsCount", "Count"), ("ReturnedBytes", "Bytes"), ("SuccessfulRequestLatency", "Milliseconds")
)


def answered(arn: str, now: float, count: int, size: int, took_ms: float) -> Sample:
    """So many records of the stream, and so many bytes, were answered in that time."""
    return Sample(_stream(arn), _RETURNED, now, (count, size, took_ms))


@lru_cache(limits.METRIC_FAMILIES_KEPT)
def _stream(arn: str) -> Family:
    stream = names.parse_arn(arn)
    table, _, label = stream.resource.removeprefix("table/").partition("/stream/")
    dimensions = (("TableName", table), ("StreamLabel", label), ("Operation", "GetRecords"))
    return family(stream.account, stream.region, NAMESPACE, dimensions)
