"""SubscribeToShard as the SDKs for Java do it: over HTTP/2, in CBOR."""

from __future__ import annotations

import asyncio
from typing import Any

import cbor2
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.eventstream import EventStreamBuffer, EventStreamMessage
from h2.errors import ErrorCodes

from tests.gateway.test_http2 import Client
from tests.running_node import RunningNode
from tests.services.kinesis.conftest import FIRST, arn, made
from wakeful import limits
from wakeful.wire.cbor_codec import CONTENT_TYPE, loads


def asked(node: RunningNode, body: bytes) -> list[tuple[str, str]]:
    """The head of a request to subscribe."""
    headers = {"x-amz-target": "Kinesis_20131202.SubscribeToShard", "content-type": CONTENT_TYPE}
    request = AWSRequest("POST", f"{node.endpoint}/", data=body, headers=headers)
    SigV4Auth(Credentials("test", "test"), "kinesis", "us-east-1").add_auth(request)
    authority = node.endpoint.removeprefix("http://")
    head = [(":method", "POST"), (":scheme", "http"), (":authority", authority), (":path", "/")]
    return [*head, *((name.lower(), value) for name, value in request.headers.items())]


def messages(received: bytes) -> list[EventStreamMessage]:
    buffer = EventStreamBuffer()
    buffer.add_data(received)
    return list(buffer)


async def records(client: Client, number: int, count: int) -> list[bytes]:
    """What the first events of a subscription brought, once so many records have come."""
    while True:
        events = [
            each
            for each in messages(bytes(client.bodies.get(number, b"")))
            if each.headers[":event-type"] != "initial-response"
        ]
        found = [record["Data"] for each in events for record in loads(each.payload)["Records"]]
        if len(found) >= count:
            return found
        assert not client.is_closed
        await client.hear()


async def test_events_are_pushed_over_http_2_in_cbor(shared_node: RunningNode, kinesis: Any) -> None:
    name = made(kinesis, "over-http-2")
    consumer = kinesis.register_stream_consumer(StreamARN=arn(name), ConsumerName="c")["Consumer"]["ConsumerARN"]
    kinesis.put_record(StreamName=name, Data=b"\x00first", PartitionKey="a")
    host, port = shared_node.endpoint.removeprefix("http://").split(":")
    client = Client(*await asyncio.open_connection(host, int(port)))
    body = cbor2.dumps({"ConsumerARN": consumer, "ShardId": FIRST, "StartingPosition": {"Type": "TRIM_HORIZON"}})
    number = await client.ask(body, asked(shared_node, body))
    assert await records(client, number, 1) == [b"\x00first"]
    assert client.statuses[number] == 200
    await asyncio.to_thread(kinesis.put_record, StreamName=name, Data=b"second", PartitionKey="a")
    assert await records(client, number, 2) == [b"\x00first", b"second"]
    client._writer.close()


async def test_who_does_not_read_has_its_subscription_no_longer_than_others(
    shared_node: RunningNode, kinesis: Any
) -> None:
    name = made(kinesis, "unread")
    consumer = kinesis.register_stream_consumer(StreamARN=arn(name), ConsumerName="c")["Consumer"]["ConsumerARN"]
    kinesis.put_record(StreamName=name, Data=bytes(100_000), PartitionKey="a")
    host, port = shared_node.endpoint.removeprefix("http://").split(":")
    body = cbor2.dumps({"ConsumerARN": consumer, "ShardId": FIRST, "StartingPosition": {"Type": "TRIM_HORIZON"}})
    clients = [Client(*await asyncio.open_connection(host, int(port)), window=window) for window in (0, 50_000)]
    numbers = []
    for client in clients:  # the one does not even read how it began, the other half an event
        numbers.append(await client.ask(body, asked(shared_node, body)))
        while numbers[-1] not in client.statuses:
            await client.hear()
        await asyncio.to_thread(shared_node.advance, limits.KINESIS_SUBSCRIPTION_PAUSE_S + 1)
    await asyncio.to_thread(shared_node.advance, limits.KINESIS_SUBSCRIPTION_S)
    for client, number in zip(clients, numbers, strict=True):
        while number not in client.ended:
            await client.hear()
        assert client.resets == {number: ErrorCodes.CANCEL}
        client._writer.close()
    latest = {"Type": "LATEST"}
    kinesis.subscribe_to_shard(ConsumerARN=consumer, ShardId=FIRST, StartingPosition=latest)["EventStream"].close()
