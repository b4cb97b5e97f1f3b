"""CBOR, as the SDKs for Java speak to Kinesis: what they send is read, and what is answered is what they expect."""

from __future__ import annotations

from typing import Any

import cbor2
import pytest
from botocore.eventstream import EventStreamBuffer
from hypothesis import given
from hypothesis import strategies as some

from tests.examples import examples
from wakeful.wire import codec
from wakeful.wire.detect import Catalogue
from wakeful.wire.errors import AwsError, SerializationException
from wakeful.wire.message import HttpRequest
from wakeful.wire.target import Target

KIND = "application/x-amz-cbor-1.1"
CATALOGUE = Catalogue(("kinesis", "sqs"))


class ResourceNotFoundException(AwsError):
    """Stream s under account 000000000000 not found."""


def asked(operation: str, body: bytes) -> tuple[Target, HttpRequest]:
    http = HttpRequest("POST", "/", "", {"x-amz-target": f"Kinesis_20131202.{operation}", "content-type": KIND}, body)
    return CATALOGUE.identify(http), http


def read(operation: str, value: Any) -> dict[str, Any]:
    return codec.read(*asked(operation, cbor2.dumps(value)))


def written(operation: str, value: dict[str, Any]) -> Any:
    target, http = asked(operation, b"")
    response = codec.write(target, value, "id", http)
    assert response.headers["content-type"] == KIND
    return cbor2.loads(response.body, semantic_decoders={1: lambda millis, _: ("time", millis)})


@examples(50)
@given(some.binary(max_size=100), some.text(min_size=1, max_size=20))
def test_blobs_are_bytes_both_ways(data: bytes, key: str) -> None:
    assert read("PutRecord", {"Data": data, "PartitionKey": key}) == {"Data": data, "PartitionKey": key}
    record = {"Data": data, "PartitionKey": key, "SequenceNumber": "1"}
    assert written("GetRecords", {"Records": [record]}) == {"Records": [record]}


@examples(50)
@given(some.integers(0, 4_000_000_000_000))
def test_points_in_time_are_milliseconds(millis: int) -> None:
    for sent in (cbor2.CBORTag(1, millis), millis):
        assert read("GetShardIterator", {"Timestamp": sent})["Timestamp"] == pytest.approx(millis / 1000)
    answer = written("ListStreams", {"StreamSummaries": [{"StreamCreationTimestamp": millis / 1000}]})
    assert answer["StreamSummaries"][0]["StreamCreationTimestamp"] == ("time", millis)


def test_an_error_is_answered_in_the_form_of_its_request() -> None:
    target, http = asked("PutRecord", b"")
    response = codec.error(target, ResourceNotFoundException(), "id", http)
    assert (response.status, response.headers["content-type"]) == (400, KIND)
    said = {"__type": "ResourceNotFoundException", "message": "Stream s under account 000000000000 not found."}
    assert cbor2.loads(response.body) == said
    http.headers["content-type"] = "application/x-amz-json-1.1"
    assert codec.error(target, ResourceNotFoundException(), "id", http).body.startswith(b'{"__type"')


async def test_events_are_in_the_form_of_their_request() -> None:
    async def events() -> Any:
        yield {"SubscribeToShardEvent": {"Records": [], "MillisBehindLatest": 7}}
        raise ResourceNotFoundException

    target, http = asked("SubscribeToShard", b"")
    response = codec.write(target, {"EventStream": events()}, "id", http)
    buffer = EventStreamBuffer()
    assert response.stream is not None
    async for piece in response.stream:
        buffer.add_data(piece)
    first, event, last = buffer
    assert (first.headers[":event-type"], cbor2.loads(first.payload)) == ("initial-response", {})
    assert event.headers[":content-type"] == KIND
    assert cbor2.loads(event.payload) == {"Records": [], "MillisBehindLatest": 7}
    assert last.headers[":exception-type"] == "ResourceNotFoundException"
    assert "not found" in cbor2.loads(last.payload)["message"]


@pytest.mark.parametrize(
    "body",
    [
        b"\xff",
        b'{"StreamName": "s"}',
        b"\x81" * 1000,
        b"\x9b" + b"\xff" * 8,
        b"\x5b\x7f" + b"\xff" * 7,
        b"\xa1\x80\x01",
        b"\xc2\x5a\x00\xff\xff\xff",
        cbor2.dumps({"Data": "text", "PartitionKey": "a"}),
        cbor2.dumps({"Data": b"x", "PartitionKey": 7}),
        cbor2.dumps([1]),
        *(cbor2.dumps({"Data": cbor2.CBORTag(tag, "2020-01-01")}) for tag in (0, 2, 3, 4, 28, 29, 35, 37, 258, 999)),
    ],
)
def test_what_is_no_request_is_told_so(body: bytes) -> None:
    with pytest.raises(SerializationException):
        codec.read(*asked("PutRecord", body))


@examples(200)
@given(some.binary(max_size=60))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    try:
        assert isinstance(codec.read(*asked("PutRecord", body)), dict)
    except SerializationException:
        pass  # it is one of the two


def test_json_stays_what_other_services_and_other_clients_speak() -> None:
    target, http = asked("PutRecord", b'{"Data": "aGk=", "PartitionKey": "a"}')
    http.headers["content-type"] = "application/x-amz-json-1.1"
    assert codec.read(target, http) == {"Data": b"hi", "PartitionKey": "a"}
    http.headers["x-amz-target"], http.headers["content-type"] = "AmazonSQS.ListQueues", KIND
    http.body = cbor2.dumps({})
    with pytest.raises(SerializationException):
        codec.read(CATALOGUE.identify(http), http)
