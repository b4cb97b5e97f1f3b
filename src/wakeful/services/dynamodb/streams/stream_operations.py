"""The operations of DynamoDB Streams."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Any

from wakeful import limits, names
from wakeful.fabric import journal
from wakeful.fabric.journal import Entry, Shard
from wakeful.fabric.service import Call, Node
from wakeful.fabric.turns import each_made
from wakeful.services.dynamodb.api import streams
from wakeful.services.dynamodb.errors import (
    ExpiredIteratorException,
    ResourceNotFoundException,
    TrimmedDataAccessException,
    ValidationException,
)
from wakeful.services.dynamodb.streams import stream_iterators, stream_measuring, stream_records, stream_settings
from wakeful.services.dynamodb.streams.stream_iterators import Iterator
from wakeful.services.dynamodb.streams.stream_settings import Stream
from wakeful.store.tx import Tx

if TYPE_CHECKING:
    from wakeful.shapes import dynamodbstreams as shapes

_INVALID = "One or more parameter values were invalid: "
_LISTED_MAX = limits.DYNAMODB_STREAMS_LISTED_MAX
_WITH_NUMBER = ("AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER")


@streams.reads
def list_streams(call: Call, tx: Tx, request: shapes.ListStreamsInput) -> shapes.ListStreamsOutput:
    count = request.get("Limit", _LISTED_MAX)
    if count > _LISTED_MAX:
        raise ValidationException(f"{_INVALID}Limit cannot be greater than the maximum allowed size: {_LISTED_MAX}")
    name = request.get("TableName")
    found = stream_settings.listed(tx, call.account, call.region, name and name.rpartition("/")[2])
    last = request.get("ExclusiveStartStreamArn")
    if last is not None:
        found = [each for each in found if (each.name, each.label) > _place(last)]
    answer: shapes.ListStreamsOutput = {
        "Streams": [
            {"StreamArn": each.arn, "TableName": each.name, "StreamLabel": each.label} for each in found[:count]
        ]
    }
    if len(found) > count:
        answer["LastEvaluatedStreamArn"] = found[count - 1].arn
    return answer


@streams.reads
def describe_stream(call: Call, tx: Tx, request: shapes.DescribeStreamInput) -> shapes.DescribeStreamOutput:
    count = request.get("Limit", _LISTED_MAX)
    if count > _LISTED_MAX:
        raise ValidationException(f"{_INVALID}Limit cannot be greater than the maximum: {_LISTED_MAX}")
    stream = stream_settings.find(tx, request["StreamArn"])
    found = stream_settings.shards(tx, stream.arn)
    wanted = request.get("ShardFilter")
    if wanted is not None:
        if "Type" not in wanted or "ShardId" not in wanted:
            raise ValidationException(f"{_INVALID}ShardFilter must have both Type and ShardId")
        found = [each for each in found if wanted["ShardId"] in each.parents]
    found = [each for each in found if each.name > request.get("ExclusiveStartShardId", "")]
    description = _described(stream)
    description["Shards"] = [_shown(each) for each in found[:count]]
    if len(found) > count:
        description["LastEvaluatedShardId"] = found[count - 1].name
    return {"StreamDescription": description}


@streams.reads
def get_shard_iterator(call: Call, tx: Tx, request: shapes.GetShardIteratorInput) -> shapes.GetShardIteratorOutput:
    kind = request["ShardIteratorType"]
    if "SequenceNumber" in request and kind not in _WITH_NUMBER:
        raise ValidationException(f"{_INVALID}SequenceNumber should not be passed for this iterator type")
    if "Timestamp" in request and kind != "AT_TIMESTAMP":
        raise ValidationException(f"{_INVALID}Timestamp should not be passed for this iterator type")
    stream = stream_settings.get(tx, request["StreamArn"])
    if stream is None:
        raise ResourceNotFoundException("Stream does not exist")
    name = request["ShardId"]
    shard = next((each for each in stream_settings.shards(tx, stream.arn) if each.name == name), None)
    if shard is None:
        raise ResourceNotFoundException("Shard does not exist")
    after = _position(tx, shard, kind, request)
    return {"ShardIterator": str(Iterator(stream.arn, shard.name, after, tx.now))}


@streams.looks
async def get_records(call: Call, node: Node, request: shapes.GetRecordsInput) -> shapes.GetRecordsOutput:
    count = request.get("Limit", limits.DYNAMODB_STREAM_RECORDS_MAX)
    if count > limits.DYNAMODB_STREAM_RECORDS_MAX:
        most = limits.DYNAMODB_STREAM_RECORDS_MAX
        raise ValidationException(f"{_INVALID}Limit should be less than or equal to {most}")
    begun = time.perf_counter()
    iterator = stream_iterators.read(request["ShardIterator"])
    found, further = await node.store.read(_read, iterator, count)
    answer: shapes.GetRecordsOutput = {"Records": await each_made(partial(stream_records.record, iterator.arn), found)}
    if further is not None:
        answer["NextShardIterator"] = str(further)
    took_ms = (time.perf_counter() - begun) * 1000
    now = node.clock.now()
    size = sum(each.size for each in found)
    node.telemetry.note(stream_measuring.answered(iterator.arn, now, len(found), size, took_ms))
    return answer


def _read(tx: Tx, iterator: Iterator, count: int) -> tuple[list[Entry], Iterator | None]:
    """What is at the iterator, and the next iterator, where there may be more."""
    stream = stream_settings.find(tx, iterator.arn)
    if iterator.has_expired(tx.now):
        raise ExpiredIteratorException()
    shard = journal.find_shard(tx, stream.arn, iterator.shard)
    if shard is None:
        raise TrimmedDataAccessException()
    found = journal.read(tx, shard, iterator.after, count, limits.DYNAMODB_STREAM_READ_BYTES_MAX)
    if found and found[0].at < stream_settings.oldest(tx):
        raise TrimmedDataAccessException()
    after = found[-1].seq if found else iterator.after
    is_over = shard.ends is not None and (not found or after >= shard.ends)
    return found, None if is_over else Iterator(stream.arn, shard.name, after, tx.now)


def _position(tx: Tx, shard: Shard, kind: str, request: shapes.GetShardIteratorInput) -> int:
    """The number of the last entry before what the iterator is asked for."""
    if kind == "LATEST":
        return journal.newest(tx, shard)
    if kind == "TRIM_HORIZON":
        return journal.before(tx, shard, stream_settings.oldest(tx))
    if kind == "AT_TIMESTAMP":
        return journal.before(tx, shard, max(_moment(tx, request), stream_settings.oldest(tx)))
    if "SequenceNumber" not in request:
        raise ValidationException(f"{_INVALID}Invalid SequenceNumber")
    number = stream_records.entry_number(request["SequenceNumber"])
    if number is None or number <= shard.starts:
        raise ValidationException("Invalid SequenceNumber for the shard")
    after = number - 1 if kind == "AT_SEQUENCE_NUMBER" else number
    if number < _first_kept(tx, shard):
        raise TrimmedDataAccessException()
    if number > max(journal.newest(tx, shard), shard.starts + 1):
        raise ValidationException("Invalid SequenceNumber for the shard")
    return after


def _first_kept(tx: Tx, shard: Shard) -> int:
    """No record with a smaller number can be read any more."""
    oldest = stream_settings.oldest(tx)
    if shard.opened >= oldest:
        return shard.starts + 1
    kept = journal.read(tx, shard, shard.starts, 1, since=oldest)
    return kept[0].seq if kept else journal.newest(tx, shard) + 1


def _moment(tx: Tx, request: shapes.GetShardIteratorInput) -> float:
    moment = request.get("Timestamp")
    if moment is None:
        raise ValidationException(f"{_INVALID}Timestamp must be provided for this iterator type")
    if moment > tx.now:
        raise ValidationException(f"{_INVALID}Timestamp cannot be in the future")
    return float(moment)


def _place(arn: str) -> tuple[str, str]:
    """The table's name and the stream's label, by which streams are listed."""
    resource = names.parse_arn(arn).resource if names.is_arn(arn) else arn
    parts = (*resource.split("/"), "", "", "")
    return parts[1], parts[3]


def _described(stream: Stream) -> Any:
    return {
        "StreamArn": stream.arn,
        "StreamLabel": stream.label,
        "StreamStatus": "ENABLED" if stream.disabled is None else "DISABLED",
        "StreamViewType": stream.view,
        "CreationRequestDateTime": stream.created,
        "TableName": stream.name,
        "KeySchema": stream.key_schema,
    }


def _shown(shard: Shard) -> shapes.Shard:
    numbers: shapes.SequenceNumberRange = {"StartingSequenceNumber": stream_records.sequence_number(shard.starts + 1)}
    if shard.ends is not None:
        numbers["EndingSequenceNumber"] = stream_records.sequence_number(max(shard.ends, shard.starts + 1))
    shown: shapes.Shard = {"ShardId": shard.name, "SequenceNumberRange": numbers}
    if shard.parents:
        shown["ParentShardId"] = shard.parents[0]
    return shown
