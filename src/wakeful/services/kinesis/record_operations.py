"""Putting records into streams, and reading them shard by shard."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from wakeful import limits
from wakeful.fabric.journal import Entry, Shard
from wakeful.fabric.parts import kept, parts_of
from wakeful.fabric.service import Call, Node, Request
from wakeful.fabric.turns import each_made
from wakeful.services.kinesis import measuring, positions, records, sequences, shards
from wakeful.services.kinesis import stream as streams
from wakeful.services.kinesis.api import api
from wakeful.services.kinesis.errors import (
    DryRunOperationException,
    InvalidArgumentException,
    ProvisionedThroughputExceededException,
)
from wakeful.services.kinesis.records import Given, Put
from wakeful.services.kinesis.stream import Stream
from wakeful.store.tx import Tx

if TYPE_CHECKING:
    from wakeful.shapes import kinesis as shapes


@api.writes
def put_record(call: Call, tx: Tx, request: shapes.PutRecordInput) -> shapes.PutRecordOutput:
    stream = streams.find(tx, streams.arn_of(call, dict(request)))
    given = _given(request)
    records.check(stream, given)
    _check_ordering(stream, request.get("SequenceNumberForOrdering"), tx.now)
    _end_dry_run(dict(request))
    stream, (there,) = _put(call, tx, stream, [given], is_single=True)
    if there.sequence is None:
        raise ProvisionedThroughputExceededException(_exceeded(stream, there.shard))
    return {"ShardId": there.shard.name, "SequenceNumber": there.sequence, "EncryptionType": _encryption(stream)}


@api.writes
def put_records(call: Call, tx: Tx, request: shapes.PutRecordsInput) -> shapes.PutRecordsOutput:
    """All records that their shards take, each in its place of the answer."""
    stream = streams.find(tx, streams.arn_of(call, dict(request)))
    given = [_given(entry) for entry in request["Records"]]
    for number, each in enumerate(given, 1):
        records.check(stream, each, f"records.{number}.member.")
    if sum(each.size for each in given) > limits.KINESIS_PUT_BYTES_MAX:
        raise InvalidArgumentException(f"Records size exceeds {limits.KINESIS_PUT_BYTES_MAX >> 20} MB limit")
    _end_dry_run(dict(request))
    stream, there = _put(call, tx, stream, given, is_single=False)
    return {
        "FailedRecordCount": sum(each.sequence is None for each in there),
        "Records": [_result(stream, each) for each in there],
        "EncryptionType": _encryption(stream),
    }


@api.reads
def get_shard_iterator(call: Call, tx: Tx, request: shapes.GetShardIteratorInput) -> shapes.GetShardIteratorOutput:
    stream = streams.find(tx, streams.arn_of(call, dict(request)))
    shard = shards.find(tx, stream, request["ShardId"])
    after = positions.start(
        *(tx, stream, shard, request["ShardIteratorType"]),
        sequence=request.get("StartingSequenceNumber"),
        at=request.get("Timestamp"),
    )
    _end_dry_run(dict(request))
    return {"ShardIterator": positions.token(stream, shard, after, tx.now)}


@api.waits_and_notes
async def get_records(call: Call, node: Node, request: shapes.GetRecordsInput) -> shapes.GetRecordsOutput:
    read = await node.store.read(_get, request)
    while read.goes_on:
        await asyncio.sleep(0)  # others have their turn
        read = await node.store.read(_get, request, read.entries)
    age_ms = read.behind_ms if read.entries else 0
    sizes = [entry.size for entry in read.entries]
    if read.is_refused:
        samples = measuring.read_refused(read.stream, read.shard.name, node.clock.now())
    else:
        samples = measuring.got(read.stream, read.shard.name, node.clock.now(), sizes, age_ms)
    for sample in samples:
        node.telemetry.note(sample)
    if read.is_refused:
        raise ProvisionedThroughputExceededException(_exceeded(read.stream, read.shard))
    answer: shapes.GetRecordsOutput = {
        "Records": await each_made(partial(records.answered, read.shard), read.entries),  # type: ignore[arg-type]
        "MillisBehindLatest": read.behind_ms,
        "NextShardIterator": read.further,
    }
    if read.children is not None:
        answer["ChildShards"] = read.children  # type: ignore[typeddict-item]
    return answer


class _Read(NamedTuple):
    stream: Stream
    shard: Shard
    entries: Sequence[Entry]
    behind_ms: int = 0
    further: str | None = None
    children: list[dict[str, Any]] | None = None
    """Where the shard has ended."""
    is_refused: bool = False
    goes_on: bool = False
    """There is more to read for the same answer."""


class _Rates:
    """How often, and how much, was read of shards in this second, on this node."""

    def __init__(self) -> None:
        self._second = 0
        self._reads: dict[int, tuple[int, int]] = {}

    def takes(self, shard: int, now: float) -> bool:
        if int(now) != self._second:
            self._second = int(now)
            self._reads.clear()
        reads, size = self._reads.get(shard, (0, 0))
        return reads < limits.KINESIS_SHARD_READS_MAX and size < limits.KINESIS_SHARD_READ_BYTES_MAX

    def add(self, shard: int, reads: int, size: int) -> None:
        reads_before, size_before = self._reads.get(shard, (0, 0))
        self._reads[shard] = reads_before + reads, size_before + size


def _get(tx: Tx, request: shapes.GetRecordsInput, before: Sequence[Entry] = ()) -> _Read:
    """What is at the iterator, of which so much was read `before`, or the next portion more."""
    stream, shard, iterator = positions.place(tx, request["ShardIterator"])
    if "StreamARN" in request and request["StreamARN"] != stream.arn:
        raise InvalidArgumentException("The ShardIterator is not one of the stream with this StreamARN.")
    _end_dry_run(dict(request))
    if not before and parts_of(tx).limits_shards and not kept(tx, _Rates).takes(shard.id, tx.now):
        return _Read(stream, shard, (), is_refused=True)
    left = request.get("Limit", limits.KINESIS_GET_RECORDS_MAX) - len(before)
    room = limits.KINESIS_GET_BYTES_MAX - sum(entry.size for entry in before)
    portion = min(left, limits.JOURNAL_SLICE)
    found = positions.read(tx, stream, shard, before[-1].seq if before else iterator.after, portion, room)
    if before and found and found[0].size > room:
        found = []
    if parts_of(tx).limits_shards:
        kept(tx, _Rates).add(shard.id, 0 if before else 1, sum(entry.size for entry in found))
    entries = [*before, *found]
    if len(found) == portion < left:
        return _Read(stream, shard, entries, goes_on=True)
    if positions.is_at_end(shard, entries):
        return _Read(stream, shard, entries, 0, None, shards.told_children(tx, stream, shard))
    after = entries[-1].seq if entries else iterator.after
    behind = positions.behind_ms(tx, shard, entries)
    return _Read(stream, shard, entries, behind, positions.token(stream, shard, after, tx.now))


def _put(call: Call, tx: Tx, stream: Stream, given: list[Given], *, is_single: bool) -> tuple[Stream, list[Put]]:
    stream, there = records.put(tx, stream, given, call.effects)
    for sample in measuring.put(stream, tx.now, given, there, is_single=is_single):
        tx.note(sample)
    return stream, there


def _given(entry: Mapping[str, Any]) -> Given:
    return records.given(entry.get("PartitionKey"), entry["Data"], entry.get("ExplicitHashKey"))


def _result(stream: Stream, put: Put) -> shapes.PutRecordsResultEntry:
    if put.sequence is None:
        error = ProvisionedThroughputExceededException(_exceeded(stream, put.shard))
        return {"ErrorCode": error.shape_name, "ErrorMessage": error.message}
    return {"ShardId": put.shard.name, "SequenceNumber": put.sequence}


def _exceeded(stream: Stream, shard: Shard) -> str:
    return f"Rate exceeded for shard {shard.name} in stream {stream.under}."


def _encryption(stream: Stream) -> str | None:
    return "KMS" if stream.definition.key is not None else None


def _check_ordering(stream: Stream, number: str | None, now: float) -> None:
    """Numbers grow in any case: what was answered is only looked at."""
    if number is None:
        return
    said = sequences.parse(number)
    if said is None or said.at_s > now + 1:
        raise InvalidArgumentException(
            f"ExclusiveMinimumSequenceNumber {number} used in PutRecord on stream {stream.under} is invalid."
        )


def _end_dry_run(request: Request) -> None:
    """Raises where nothing was to be done but to look whether it could be."""
    if request.get("DryRun"):
        raise DryRunOperationException
