"""Event streams (application/vnd.amazon.eventstream): answers that come event by event, each framed and checksummed.

A handler answers an async iterator of events, {member of the union: its value}; each becomes one message as soon as it
is there. An AwsError that the iterator raises becomes the stream's last message.
"""

from __future__ import annotations

import logging
import struct
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing
from typing import Any
from zlib import crc32

import orjson

from wakeful import limits
from wakeful.wire import cbor_codec, json_codec, timestamps, xml_codec
from wakeful.wire.errors import AwsError, InternalFailure
from wakeful.wire.knots import Knots
from wakeful.wire.message import HttpRequest, HttpResponse
from wakeful.wire.model import OperationModel, Shape, members_of, wire_name
from wakeful.wire.target import Write

log = logging.getLogger(__name__)

CONTENT_TYPE = "application/vnd.amazon.eventstream"

Events = AsyncGenerator[Mapping[str, Any], None]
Frames = Callable[[Events], AsyncIterator[bytes]]
_ToBytes = Callable[[Any], bytes]

_PRELUDE = struct.Struct(">II")
_CRC = struct.Struct(">I")
_INTEGERS = {"byte": (2, struct.Struct(">b")), "short": (3, struct.Struct(">h")), "integer": (4, struct.Struct(">i"))}
_LONG = struct.Struct(">q")
_NAME_AND_TYPE = struct.Struct(">BH")


def message(headers: bytes, payload: bytes) -> bytes:
    """One message: its lengths and their checksum, headers, payload, and the checksum of it all."""
    prelude = _PRELUDE.pack(len(headers) + len(payload) + 16, len(headers))
    head = prelude + _CRC.pack(crc32(prelude)) + headers
    return b"".join((head, payload, _CRC.pack(crc32(payload, crc32(head)))))


def text_header(name: str, value: str) -> bytes:
    return _named(name) + _NAME_AND_TYPE.pack(7, len(encoded := value.encode())) + encoded


def stream_member(shape: Shape | None) -> str | None:
    """The member that is an event stream."""
    return next((name for name, each in members_of(shape).items() if each.serialization.get("eventstream")), None)


def compile_frames(operation: OperationModel, union: Shape, *, in_cbor: bool = False) -> Frames:
    """What makes messages of events."""
    writers = {
        name: _event_writer(operation, name, member, in_cbor=in_cbor)
        for name, member in members_of(union).items()
        if not member.metadata.get("exception")
    }
    exceptions = {
        member.name: (name, member) for name, member in members_of(union).items() if member.metadata.get("exception")
    }

    def failure(error: AwsError) -> bytes:
        if error.shape_name not in exceptions:
            return _unmodelled(error)
        name, shape = exceptions[error.shape_name]
        members = members_of(shape)
        said = {"Message" if "Message" in members else "message": error.message, **error.members}
        value = {member: each for member, each in said.items() if member in members}
        kind, write = _body_writer(operation, shape, in_cbor=in_cbor)
        headers = text_header(":message-type", "exception") + text_header(":exception-type", name)
        return message(headers + text_header(":content-type", kind), write(value))

    async def frames(events: Events) -> AsyncIterator[bytes]:
        try:
            async with aclosing(events):
                async for event in events:
                    ((name, value),) = event.items()
                    yield writers[name](value)
        except AwsError as error:
            yield failure(error)
        except Exception:
            log.exception("the event stream of %s broke off", operation.name)
            yield _unmodelled(InternalFailure())

    return frames


def compile_write(operation: OperationModel, *, in_cbor: bool = False) -> Write:
    """For the JSON protocols, where an initial-response comes first, with the members that are no stream."""
    shape = operation.output_shape
    member = stream_member(shape)
    assert shape is not None and member is not None
    frames = compile_frames(operation, shape.members[member], in_cbor=in_cbor)
    kind, write_body = _body_writer(operation, shape, without=frozenset({member}), in_cbor=in_cbor)
    headers = _event_headers("initial-response", kind)

    def write(value: Mapping[str, Any], request_id: str, http: HttpRequest) -> HttpResponse:
        response = HttpResponse(200, {"x-amzn-requestid": request_id, "content-type": CONTENT_TYPE})
        response.stream = _with_first(message(headers, write_body(value)), frames(value[member]))
        return response

    return write


async def _with_first(first: bytes, others: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for other in others:
        yield other


# --- one event ---


def _event_writer(operation: OperationModel, name: str, shape: Shape, *, in_cbor: bool) -> _ToBytes:
    members = members_of(shape)
    headed = [(each, _header_writer(each, s)) for each, s in members.items() if s.serialization.get("eventheader")]
    payload = next((each for each, s in members.items() if s.serialization.get("eventpayload")), None)
    if payload is not None:
        kind, write_payload = _body_writer(operation, members[payload], in_cbor=in_cbor)
    else:
        others = frozenset(each for each, _ in headed)
        kind, write_members = _body_writer(operation, shape, without=others, in_cbor=in_cbor)
    has_body = payload is not None or len(members) > len(headed)
    fixed = _event_headers(name, kind if has_body else None)

    def write(value: Mapping[str, Any]) -> bytes:
        headers = fixed
        for each, write_header in headed:
            if value.get(each) is not None:
                headers += write_header(value[each])
        if payload is not None:
            return message(headers, write_payload(value[payload]) if value.get(payload) is not None else b"")
        return message(headers, write_members(value) if has_body else b"")

    return write


def _event_headers(name: str, kind: str | None) -> bytes:
    headers = text_header(":event-type", name)
    if kind is not None:
        headers += text_header(":content-type", kind)
    return headers + text_header(":message-type", "event")


def _unmodelled(error: AwsError) -> bytes:
    code, words = error.code or error.shape_name, error.message[: limits.EVENT_ERROR_CHARS_MAX]
    headers = text_header(":message-type", "error") + text_header(":error-code", code)
    return message(headers + text_header(":error-message", words), b"")


def _body_writer(
    operation: OperationModel, shape: Shape, without: frozenset[str] = frozenset(), *, in_cbor: bool
) -> tuple[str, _ToBytes]:
    """The payload's content type, and what writes a value as it, leaving some members out."""
    if shape.type_name == "blob":
        return "application/octet-stream", bytes
    if shape.type_name == "string":
        return "text/plain", str.encode
    protocol = operation.metadata["protocol"]
    write = _xml_writer(shape) if protocol == "rest-xml" else _json_writer(shape)
    kind = "application/json"
    if in_cbor:
        kind, write = cbor_codec.CONTENT_TYPE, cbor_codec.compile_body_writer(shape)
    elif protocol == "rest-xml":
        kind = "text/xml"
    elif protocol == "json":
        kind = f"application/x-amz-json-{operation.metadata['jsonVersion']}"
    if not without:
        return kind, write
    return kind, lambda value: write({name: each for name, each in value.items() if name not in without})


def _json_writer(shape: Shape) -> _ToBytes:
    convert = json_codec.compile_writer(shape, Knots())
    return lambda value: orjson.dumps(convert(value))


def _xml_writer(shape: Shape) -> _ToBytes:
    element = xml_codec.compile_writer(shape, wire_name(shape, shape.name), Knots(), timestamps.format_iso8601_ms)

    def write(value: Any) -> bytes:
        parts = [xml_codec.DECLARATION]
        element(value, parts.append)
        return "".join(parts).encode()

    return write


# --- headers that are members ---


def _header_writer(name: str, shape: Shape) -> _ToBytes:
    named, kind = _named(name), shape.type_name
    if kind == "boolean":
        return lambda value: named + (b"\0" if value else b"\1")
    if kind in _INTEGERS:
        number, form = _INTEGERS[kind]
        return lambda value: named + bytes((number,)) + form.pack(value)
    if kind == "long":
        return lambda value: named + b"\x05" + _LONG.pack(value)
    if kind == "timestamp":
        return lambda value: named + b"\x08" + _LONG.pack(round(value * 1000))
    number, to_bytes = (6, bytes) if kind == "blob" else (7, str.encode)
    return lambda value: named + _NAME_AND_TYPE.pack(number, len(encoded := to_bytes(value))) + encoded


def _named(name: str) -> bytes:
    encoded = name.encode()
    return bytes((len(encoded),)) + encoded
