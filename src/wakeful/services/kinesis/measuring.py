"""Streams' metrics ("Monitor the Amazon Kinesis Data Streams service with Amazon CloudWatch"). Those of shards are
measured where EnhancedMonitoring asks for them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache

from wakeful import limits
from wakeful.services.kinesis.records import Given, Put
from wakeful.services.kinesis.stream import Stream
from wakeful.store.metrics import Family, Measures, Sample, family, measures

_INCOMING = measures(("IncomingBytes", "Bytes"), ("IncomingRecords", "Count"))
_REFUSED = measures(("WriteProvisionedThroughputExceeded", "Count"))
_PUT_RECORD = measures(("PutRecord.Bytes", "Bytes"), ("PutRecord.Success", "Count"))
_PUT_RECORDS = measures(
    ("PutRecords.Bytes", "Bytes"),
    ("PutRecords.Records", "Count"),
    ("PutRecords.Success", "Count"),
    ("PutRecords.TotalRecords", "Count"),
    ("PutRecords.SuccessfulRecords", "Count"),
    ("PutRecords.FailedRecords", "Count"),
    ("PutRecords.ThrottledRecords", "Count"),
)
_GET_RECORDS = measures(
    ("GetRecords.Bytes", "Bytes"),
    ("GetRecords.Records", "Count"),
    ("GetRecords.Success", "Count"),
    ("GetRecords.IteratorAgeMilliseconds", "Milliseconds"),
)
_READ_REFUSED = measures(("ReadProvisionedThroughputExceeded", "Count"))
_SUBSCRIBED = measures(("SubscribeToShard.Success", "Count"))
_EVENT = measures(
    ("SubscribeToShardEvent.Bytes", "Bytes"),
    ("SubscribeToShardEvent.Records", "Count"),
    ("SubscribeToShardEvent.MillisBehindLatest", "Milliseconds"),
    ("SubscribeToShardEvent.Success", "Count"),
)
_OF_SHARDS = {
    "IncomingBytes": "Bytes",
    "IncomingRecords": "Count",
    "IteratorAgeMilliseconds": "Milliseconds",
    "OutgoingBytes": "Bytes",
    "OutgoingRecords": "Count",
    "ReadProvisionedThroughputExceeded": "Count",
    "WriteProvisionedThroughputExceeded": "Count",
}


def put(stream: Stream, now: float, given: list[Given], there: list[Put], *, is_single: bool) -> Iterator[Sample]:
    """Of what came, and what of it is in its shards."""
    of_it = _of(stream)
    taken = [each.size for each, where in zip(given, there, strict=True) if where.sequence is not None]
    size, refused = sum(taken), len(given) - len(taken)
    if taken:
        yield Sample(of_it, _INCOMING, now, (size, len(taken)))
    if refused:
        yield Sample(of_it, _REFUSED, now, (refused,))
    if is_single:
        yield Sample(of_it, _PUT_RECORD, now, (size, len(taken)))
    else:
        success = 1 if taken else 0
        counts = (size, len(taken), success, len(given), len(taken), 0, refused)
        yield Sample(of_it, _PUT_RECORDS, now, counts)
    if stream.definition.monitoring:
        yield from _put_by_shard(stream, now, given, there)


def got(stream: Stream, shard: str, now: float, sizes: list[int], age_ms: float) -> Iterator[Sample]:
    """GetRecords has answered records of these sizes, the last of which is so old."""
    yield Sample(_of(stream), _GET_RECORDS, now, (sum(sizes), len(sizes), 1, age_ms))
    said = {"OutgoingBytes": sum(sizes), "OutgoingRecords": len(sizes), "IteratorAgeMilliseconds": age_ms}
    yield from _of_shard(stream, shard, now, said)


def read_refused(stream: Stream, shard: str, now: float) -> Iterator[Sample]:
    yield Sample(_of(stream), _READ_REFUSED, now, (1,))
    yield from _of_shard(stream, shard, now, {"ReadProvisionedThroughputExceeded": 1})


def subscribed(stream: Stream, consumer: str, now: float) -> Sample:
    return Sample(_of_consumer(stream, consumer), _SUBSCRIBED, now, (1,))


def event(stream: Stream, consumer: str, now: float, sizes: Iterable[int], behind_ms: int) -> Sample:
    """A subscriber was given an event."""
    sizes = list(sizes)
    return Sample(_of_consumer(stream, consumer), _EVENT, now, (sum(sizes), len(sizes), behind_ms, 1))


def _put_by_shard(stream: Stream, now: float, given: list[Given], there: list[Put]) -> Iterator[Sample]:
    said: dict[str, dict[str, float]] = {}
    for each, (shard, sequence) in zip(given, there, strict=True):
        of_shard = said.setdefault(shard.name, {})
        values = {"WriteProvisionedThroughputExceeded": 1.0}
        if sequence is not None:
            values = {"IncomingBytes": float(each.size), "IncomingRecords": 1.0}
        for name, value in values.items():
            of_shard[name] = of_shard.get(name, 0.0) + value
    for name, values in said.items():
        yield from _of_shard(stream, name, now, values)


def _of_shard(stream: Stream, shard: str, now: float, said: dict[str, float]) -> Iterator[Sample]:
    asked = {name: value for name, value in said.items() if name in stream.definition.monitoring}
    if asked:
        yield Sample(_of(stream, ("ShardId", shard)), _named(tuple(asked)), now, tuple(asked.values()))


def _of_consumer(stream: Stream, consumer: str) -> Family:
    return _of(stream, ("ConsumerName", consumer))


@lru_cache(limits.METRIC_FAMILIES_KEPT)
def _named(of: tuple[str, ...]) -> Measures:
    return measures(*((name, _OF_SHARDS[name]) for name in of))


def _of(stream: Stream, *more: tuple[str, str]) -> Family:
    return _family(stream.account, stream.region, stream.name, more)


@lru_cache(limits.METRIC_FAMILIES_KEPT)
def _family(account: str, region: str, name: str, more: tuple[tuple[str, str], ...]) -> Family:
    return family(account, region, "AWS/Kinesis", (("StreamName", name), *more))
