"""Consumers with enhanced fan-out, and their subscriptions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wakeful import limits
from wakeful.fabric.service import Call, Node, Request
from wakeful.services.kinesis import consumers, subscriptions, tags
from wakeful.services.kinesis import stream as streams
from wakeful.services.kinesis.api import api
from wakeful.services.kinesis.consumers import Consumer
from wakeful.services.kinesis.errors import InvalidArgumentException, ResourceNotFoundException
from wakeful.store.tx import Tx

if TYPE_CHECKING:
    from wakeful.shapes import kinesis as shapes


@api.writes
def register_stream_consumer(
    call: Call, tx: Tx, request: shapes.RegisterStreamConsumerInput
) -> shapes.RegisterStreamConsumerOutput:
    stream = streams.locked(tx, streams.arn_of(call, dict(request)))
    tags.check(request.get("Tags", {}))
    made = consumers.register(tx, stream, request["ConsumerName"], request.get("Tags", {}))
    return {"Consumer": made.described}  # type: ignore[typeddict-item]


@api.writes
def deregister_stream_consumer(call: Call, tx: Tx, request: shapes.DeregisterStreamConsumerInput) -> None:
    consumers.forget(tx, _named(call, tx, dict(request)))


@api.reads
def describe_stream_consumer(
    call: Call, tx: Tx, request: shapes.DescribeStreamConsumerInput
) -> shapes.DescribeStreamConsumerOutput:
    found = _named(call, tx, dict(request))
    return {"ConsumerDescription": {**found.described, "StreamARN": found.stream}}  # type: ignore[typeddict-item]


@api.reads
def list_stream_consumers(
    call: Call, tx: Tx, request: shapes.ListStreamConsumersInput
) -> shapes.ListStreamConsumersOutput:
    """By name; a token is the name of the last one."""
    stream = streams.find(tx, streams.arn_of(call, dict(request)))
    created = request.get("StreamCreationTimestamp")
    if created is not None and int(created) != int(stream.created):
        raise ResourceNotFoundException(f"Stream {stream.under} with this creation timestamp not found.")
    after = request.get("NextToken", "")
    count = min(request.get("MaxResults", limits.KINESIS_LISTED), limits.KINESIS_LISTED)
    found = [each for each in consumers.of(tx, stream) if each.name > after]
    return {
        "Consumers": [each.described for each in found[:count]],  # type: ignore[misc]
        "NextToken": found[count - 1].name if len(found) > count else None,
    }


@api.waits_and_notes
async def subscribe_to_shard(
    call: Call, node: Node, request: shapes.SubscribeToShardInput
) -> shapes.SubscribeToShardOutput:
    """Events of the shard's records, for five minutes."""
    if "StreamId" in request:
        streams.arn_of(call, dict(request))
    subscription = await node.store.write(subscriptions.begin, dict(request))
    call.ends_at(subscription.until)  # who does not read would not be told that the time is over
    return {"EventStream": subscriptions.events(call, node, subscription)}


def _named(call: Call, tx: Tx, request: Request) -> Consumer:
    """The consumer that the request names, by its ARN or by its stream and name."""
    arn, name = request.get("ConsumerARN"), request.get("ConsumerName")
    if arn is None:
        if name is None or "StreamARN" not in request:
            raise InvalidArgumentException("Either ConsumerARN or both StreamARN and ConsumerName should be provided.")
        return consumers.find_named(tx, streams.find(tx, streams.arn_of(call, request)), name)
    if "StreamId" in request:
        streams.arn_of(call, request)
    found = consumers.find(tx, arn)
    if (name or found.name) != found.name or request.get("StreamARN", found.stream) != found.stream:
        raise InvalidArgumentException(f"ConsumerARN {arn} does not match the StreamARN or the ConsumerName.")
    return found
