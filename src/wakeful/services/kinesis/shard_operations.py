"""Shards: listed, split, merged, and as many as one wants."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any

import orjson

from wakeful import limits
from wakeful.fabric.journal import Shard
from wakeful.fabric.service import Call, Request
from wakeful.services.kinesis import accounts, shards
from wakeful.services.kinesis import stream as streams
from wakeful.services.kinesis.api import api
from wakeful.services.kinesis.errors import (
    ExpiredNextTokenException,
    InvalidArgumentException,
    LimitExceededException,
    ResourceNotFoundException,
    ValidationException,
)
from wakeful.services.kinesis.stream import Stream
from wakeful.store.tx import Tx

if TYPE_CHECKING:
    from wakeful.shapes import kinesis as shapes


@api.reads
def list_shards(call: Call, tx: Tx, request: shapes.ListShardsInput) -> shapes.ListShardsOutput:
    stream, shard_filter, after = _listing(call, tx, dict(request))
    count = min(request.get("MaxResults", limits.KINESIS_SHARDS_LISTED), limits.KINESIS_SHARDS_LISTED)
    there = [each for each in _filtered(tx, stream, shard_filter) if each.name > after]
    answer: shapes.ListShardsOutput = {
        "Shards": [shards.described(each) for each in there[:count]]  # type: ignore[misc]
    }
    if len(there) > count:
        token = {"journal": stream.journal, "filter": shard_filter, "after": there[count - 1].name, "made": tx.now}
        answer["NextToken"] = base64.b64encode(orjson.dumps(token)).decode()
    return answer


@api.writes
def split_shard(call: Call, tx: Tx, request: shapes.SplitShardInput) -> None:
    stream = _locked(call, tx, dict(request))
    shard = _of(tx, stream, request["ShardToSplit"])
    tx.lock("kinesis", call.account, call.region)
    accounts.check_room(tx, call, stream.definition.mode, 1)
    shards.split(tx, stream, shard, int(request["NewStartingHashKey"]))


@api.writes
def merge_shards(call: Call, tx: Tx, request: shapes.MergeShardsInput) -> None:
    stream = _locked(call, tx, dict(request))
    one, other = (_of(tx, stream, request[name]) for name in ("ShardToMerge", "AdjacentShardToMerge"))
    shards.merge(tx, stream, one, other)


@api.writes
def update_shard_count(call: Call, tx: Tx, request: shapes.UpdateShardCountInput) -> shapes.UpdateShardCountOutput:
    stream, target = _locked(call, tx, dict(request)), request["TargetShardCount"]
    now = len(shards.layout(tx, stream).shards)
    tx.lock("kinesis", call.account, call.region)
    _check_target(tx, call, stream, now, target)
    lately = tuple(each for each in stream.definition.resized if each > tx.now - limits.KINESIS_DAY_S)
    if len(lately) >= limits.KINESIS_RESIZED_MAX:
        raise LimitExceededException(
            f"Stream {stream.under} was resized {limits.KINESIS_RESIZED_MAX} times within 24 hours, which is the most"
            " that UpdateShardCount does."
        )
    shards.resize(tx, streams.change(tx, stream, resized=(*lately, tx.now)), target)
    return {
        "StreamName": stream.name,
        "StreamARN": stream.arn,
        "CurrentShardCount": now,
        "TargetShardCount": target,
    }


def _check_target(tx: Tx, call: Call, stream: Stream, now: int, target: int) -> None:
    counts = f"Current open shard count: {now}, Target shard count: {target}"
    most = limits.KINESIS_SHARDS_OF_STREAM_MAX
    if target > most:
        raise LimitExceededException(
            f"Target shard count or number of open shards cannot be greater than {most}. {counts}"
        )
    if target > now * 2:
        raise LimitExceededException(
            f"UpdateShardCount cannot scale up over double your current open shard count. {counts}"
        )
    if target < now / 2:
        raise LimitExceededException(
            f"UpdateShardCount cannot scale down below half your current open shard count. {counts}"
        )
    if target > now:
        accounts.check_room(tx, call, stream.definition.mode, target - now)


def _locked(call: Call, tx: Tx, request: Request) -> Stream:
    """A stream whose shards are its owner's to change."""
    stream = streams.locked(tx, streams.arn_of(call, request))
    if stream.is_on_demand:
        raise ValidationException(f"Request is invalid. Stream {stream.under} is in On-Demand mode.")
    return stream


def _of(tx: Tx, stream: Stream, name: str) -> Shard:
    """As `shards.find`, in the words that resharding has for it."""
    try:
        return shards.find(tx, stream, name)
    except ResourceNotFoundException:
        raise ResourceNotFoundException(f"Could not find shard {name} in stream {stream.under}.") from None


def _listing(call: Call, tx: Tx, request: Request) -> tuple[Stream, dict[str, Any], str]:
    """Of which stream shards are listed, which, and after which name."""
    token = request.get("NextToken")
    if token is None:
        if "StreamName" not in request and "StreamARN" not in request:
            raise InvalidArgumentException("Either NextToken or StreamName should be provided.")
        stream = streams.find(tx, streams.arn_of(call, request))
        created = request.get("StreamCreationTimestamp")
        if created is not None and int(created) != int(stream.created):
            raise ResourceNotFoundException(f"Stream {stream.under} with this creation timestamp not found.")
        return stream, request.get("ShardFilter", {}), request.get("ExclusiveStartShardId", "")
    for member in ("StreamName", "StreamARN", "StreamCreationTimestamp", "ExclusiveStartShardId", "ShardFilter"):
        if member in request:
            raise InvalidArgumentException(f"NextToken and {member} cannot be provided together.")
    found = listing_of(token)
    if found is None:
        raise InvalidArgumentException("NextToken is invalid.")
    if tx.now - found["made"] > limits.KINESIS_ITERATOR_S:
        raise ExpiredNextTokenException
    stream = streams.find(tx, found["journal"].rpartition("/")[0])
    if stream.journal != found["journal"]:
        raise ResourceNotFoundException(f"Stream {stream.under} not found.")
    return stream, found["filter"], found["after"]


def listing_of(token: str) -> dict[str, Any] | None:
    """What a token of ListShards says; None for what is none."""
    try:
        found = orjson.loads(base64.b64decode(token, validate=True))
    except (binascii.Error, ValueError):
        return None
    kinds = {"journal": str, "filter": dict, "after": str, "made": float}
    if not isinstance(found, dict) or not all(isinstance(found.get(name), kind) for name, kind in kinds.items()):
        return None
    return found if found["journal"].startswith("arn:aws:kinesis:") and found["journal"].count("/") == 2 else None


def _filtered(tx: Tx, stream: Stream, shard_filter: dict[str, Any]) -> list[Shard]:
    """The stream's shards that a ShardFilter wants."""
    there, kind = shards.every(tx, stream), shard_filter.get("Type", "FROM_TRIM_HORIZON")
    if kind == "AFTER_SHARD_ID":
        if "ShardId" not in shard_filter:
            raise InvalidArgumentException("ShardFilter of type AFTER_SHARD_ID needs a ShardId.")
        return [each for each in there if each.name > shard_filter["ShardId"]]
    if kind == "FROM_TRIM_HORIZON":
        return there
    if kind == "AT_LATEST":
        return [each for each in there if each.is_open]
    at = max(stream.oldest(tx.now), stream.created)
    if kind != "AT_TRIM_HORIZON":
        if "Timestamp" not in shard_filter:
            raise InvalidArgumentException(f"ShardFilter of type {kind} needs a Timestamp.")
        at = max(at, shard_filter["Timestamp"])
    if kind == "FROM_TIMESTAMP":
        return [each for each in there if each.closed is None or each.closed >= at]
    return [each for each in there if each.opened <= at and (each.closed is None or each.closed > at)]
