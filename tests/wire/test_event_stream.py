"""Event streams: whatever a handler answers event by event, botocore's own parser reads as it was meant."""

from __future__ import annotations

import io
from collections.abc import AsyncGenerator, Iterator, Sequence
from typing import Any

import pytest
from botocore import eventstream, parsers
from botocore.awsrequest import HeadersDict
from botocore.exceptions import EventStreamError
from hypothesis import given
from hypothesis import strategies as some

from tests.wire.test_round_trip import REQUEST_ID, comparable
from tests.wire.theirs import their_operation
from tests.wire.values import Values
from wakeful.wire import codec, event_stream
from wakeful.wire.errors import AwsError
from wakeful.wire.message import HttpRequest, HttpResponse
from wakeful.wire.model import OperationModel, Shape, members_of, service_model

STREAMING = [
    service_model(service).operation_model(operation)
    for service, operation in (
        ("lambda", "InvokeWithResponseStream"),
        ("s3", "SelectObjectContent"),
        ("logs", "StartLiveTail"),
        ("kinesis", "SubscribeToShard"),
        ("bedrock-agent-runtime", "InvokeFlow"),
        ("lexv2-runtime", "StartConversation"),
    )
]
OPERATIONS = [pytest.param(operation, id=operation.name) for operation in STREAMING]
LAMBDA = STREAMING[0]

events = some.lists(
    some.one_of(
        some.builds(lambda payload: {"PayloadChunk": {"Payload": payload}}, some.binary(max_size=300)),
        some.builds(
            lambda value: {"InvokeComplete": value},
            some.dictionaries(
                some.sampled_from(("ErrorCode", "ErrorDetails", "LogResult")),
                some.text(max_size=50),
            ),
        ),
    ),
    max_size=8,
)


@given(events)
async def test_what_is_answered_event_by_event_is_read_event_by_event(given: list[dict[str, Any]]) -> None:
    response = await written(LAMBDA, {"StatusCode": 200}, given)
    assert read(LAMBDA, response) == given


@given(
    some.lists(
        some.tuples(some.text(some.characters(max_codepoint=127), min_size=1, max_size=9), some.text(max_size=9)),
        unique_by=lambda pair: pair[0],
    ),
    some.binary(max_size=99),
)
def test_any_headers_and_payload_make_a_message(headers: list[tuple[str, str]], payload: bytes) -> None:
    encoded = b"".join(event_stream.text_header(name, value) for name, value in headers)
    buffer = eventstream.EventStreamBuffer()
    buffer.add_data(event_stream.message(encoded, payload))
    (found,) = list(buffer)
    assert (found.headers, found.payload) == (dict(headers), payload)


@given(some.binary(max_size=40), some.data())
def test_one_wrong_byte_is_noticed(payload: bytes, data: some.DataObject) -> None:
    message = bytearray(event_stream.message(event_stream.text_header(":event-type", "a"), payload))
    at = data.draw(some.integers(4, len(message) - 1))  # a wrong length makes a reader wait
    message[at] ^= data.draw(some.integers(1, 255))
    buffer = eventstream.EventStreamBuffer()
    buffer.add_data(bytes(message))
    with pytest.raises((eventstream.ChecksumMismatch, eventstream.InvalidHeadersLength)):
        list(buffer)


@pytest.mark.parametrize("operation", OPERATIONS)
async def test_events_of_every_protocol_are_read_as_they_were_meant(operation: OperationModel) -> None:
    for seed in range(30):
        given = some_events(operation, f"{operation.name} {seed}")
        response = await written(operation, {"StatusCode": 200} if operation is LAMBDA else {}, given)
        assert response.headers["content-type"] == "application/vnd.amazon.eventstream"
        assert [comparable(event) for event in read(operation, response)] == [comparable(event) for event in given]


class LimitExceededException(AwsError):
    """Too many."""


class SessionTimeoutException(AwsError):
    """The session is over."""


async def test_an_error_of_the_model_ends_the_stream_by_its_name() -> None:
    operation = service_model("logs").operation_model("StartLiveTail")
    response = await written(operation, {}, [], SessionTimeoutException())
    with pytest.raises(EventStreamError, match=r"\(SessionTimeoutException\).*The session is over\."):
        read(operation, response)


@pytest.mark.parametrize(
    ("error", "words"),
    [(LimitExceededException("Fewer! ü"), r"\(LimitExceededException\).*Fewer! ü"), (ValueError(), "InternalFailure")],
)
async def test_any_other_error_ends_the_stream_too(error: Exception, words: str) -> None:
    first = {"PayloadChunk": {"Payload": b"a"}}
    response = await written(LAMBDA, {}, [first], error)
    found = iterate(LAMBDA, response)
    assert next(found) == first
    with pytest.raises(EventStreamError, match=words):
        next(found)


async def test_each_event_is_written_when_it_is_there() -> None:
    written_so_far: list[str] = []

    async def come() -> AsyncGenerator[dict[str, Any], None]:
        for name in ("first", "second"):
            written_so_far.append(name)
            yield {"PayloadChunk": {"Payload": name.encode()}}

    stream = respond(LAMBDA, {"EventStream": come()}).stream
    assert stream is not None
    assert b"first" in await anext(stream)
    assert written_so_far == ["first"]


async def test_without_a_stream_there_is_no_body() -> None:
    response = respond(LAMBDA, {"StatusCode": 204})
    assert (response.status, response.stream, response.body) == (204, None, b"")


async def test_headers_of_every_kind_are_read_back() -> None:
    kinds = ("boolean", "byte", "short", "integer", "long", "blob", "string", "timestamp")
    values = (True, -3, 300, -70_000, 2**40, b"\0\1", "ü", 1_700_000_000.25)
    shapes = [Shape(kind, {"type": kind}, LAMBDA.service_model) for kind in kinds]
    headers = b"".join(
        event_stream._header_writer(kind, shape)(value)
        for kind, shape, value in zip(kinds, shapes, values, strict=True)
    )
    buffer = eventstream.EventStreamBuffer()
    buffer.add_data(event_stream.message(headers, b""))
    (found,) = list(buffer)
    assert found.headers == dict(zip(kinds, (*values[:-1], 1_700_000_000_250), strict=True))


# --- below -----------------------------------------------------------------------------------------------------------


def respond(operation: OperationModel, value: dict[str, Any]) -> HttpResponse:
    service, protocol = operation.service_model.service_name, operation.service_model.protocol
    made = codec.operation(service, protocol, operation)  # type: ignore[arg-type]
    return made.write(value, REQUEST_ID, HttpRequest("POST", "/", "", {}))


async def written(
    operation: OperationModel, value: dict[str, Any], given: Sequence[dict[str, Any]], error: Exception | None = None
) -> HttpResponse:
    """The answer, with its whole body."""

    async def come() -> AsyncGenerator[dict[str, Any], None]:
        for event in given:
            yield event
        if error is not None:
            raise error

    response = respond(operation, {**value, str(event_stream.stream_member(operation.output_shape)): come()})
    assert response.stream is not None
    response.body = b"".join([piece async for piece in response.stream])
    return response


class Raw(io.BytesIO):
    """As urllib3's response."""

    def stream(self) -> Iterator[bytes]:
        while piece := self.read(7):
            yield piece


def iterate(operation: OperationModel, response: HttpResponse) -> Iterator[dict[str, Any]]:
    parser = parsers.create_parser(operation.service_model.protocol)
    given = {
        "status_code": response.status,
        "headers": HeadersDict(response.headers),
        "body": Raw(response.body),
        "context": {"operation_name": operation.name},
    }
    shape = their_operation(operation).output_shape
    parsed = parser.parse(given, shape)
    assert parsed.get("ResponseMetadata", {}).get("RequestId", REQUEST_ID) == REQUEST_ID
    yield from parsed[str(event_stream.stream_member(operation.output_shape))]


def read(operation: OperationModel, response: HttpResponse) -> list[dict[str, Any]]:
    return list(iterate(operation, response))


def some_events(operation: OperationModel, seed: str) -> list[dict[str, Any]]:
    values = Values(seed)
    shape = operation.output_shape
    assert shape is not None
    union = shape.members[str(event_stream.stream_member(shape))]
    kinds = {name: member for name, member in members_of(union).items() if not member.metadata.get("exception")}
    return [{name: values.value(kinds[name])} for name in values.random.choices(list(kinds), k=3)]
