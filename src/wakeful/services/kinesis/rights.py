"""Which rights a request to Kinesis needs."""

from __future__ import annotations

from collections.abc import Iterable

from wakeful.fabric.service import Call, Need, Request
from wakeful.services.kinesis import positions, shard_operations
from wakeful.services.kinesis import stream as streams

_OF_ACCOUNT = frozenset({"DescribeAccountSettings", "DescribeLimits", "ListStreams", "UpdateAccountSettings"})
_OWNERS = frozenset({"DeleteResourcePolicy", "GetResourcePolicy", "PutResourcePolicy"})


def needs(call: Call, operation: str, request: Request) -> Iterable[Need]:
    """The rights Kinesis asks for ("Actions, resources, and condition keys for Amazon Kinesis Data Streams")."""
    resource = "*" if operation in _OF_ACCOUNT else _resource(call, request)
    yield Need(f"kinesis:{operation}", resource, is_owners=operation in _OWNERS)
    if "Tags" in request and operation in ("CreateStream", "RegisterStreamConsumer"):
        yield Need("kinesis:TagResource", resource)


def _resource(call: Call, request: Request) -> str:
    for member in ("ConsumerARN", "ResourceARN"):
        if member in request:
            return str(request[member])
    if "ShardIterator" in request:
        position = positions.parse(request["ShardIterator"])
        return position.arn if position is not None else call.arn("kinesis", "*")
    if "StreamName" not in request and "StreamARN" not in request:
        listing = shard_operations.listing_of(request.get("NextToken", ""))
        return listing["journal"].rpartition("/")[0] if listing is not None else call.arn("kinesis", "*")
    return streams.arn_of(call, {**request})
