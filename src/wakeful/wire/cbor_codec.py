"""JSON's protocols in CBOR (application/x-amz-cbor-1.1), as the SDKs for Java speak to Kinesis.

Blobs are byte strings, points in time are milliseconds under tag 1; all else is as in JSON, the answer to an error too.
Only plain values are read: no other tag means anything in a request, and some would cost much to decode.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NoReturn

from wakeful import limits
from wakeful.wire import json_codec, timestamps
from wakeful.wire.errors import SerializationException
from wakeful.wire.json_codec import Convert, Form
from wakeful.wire.knots import Knots
from wakeful.wire.message import HttpRequest, HttpResponse
from wakeful.wire.model import OperationModel, Shape
from wakeful.wire.target import Read, Target, Write

if TYPE_CHECKING:
    from types import ModuleType

CONTENT_TYPE = "application/x-amz-cbor-1.1"

SPOKEN_BY = frozenset({"kinesis"})
"""The services whose clients speak it."""

_TIME = 1
_TAGS = (0, 2, 3, 4, 5, 25, 28, 29, 30, 35, 36, 37, 100, 256, 258, 260, 261, 1004, 43000, 55799)
"""Those that the library would make something of."""


def is_spoken(http: HttpRequest) -> bool:
    return http.headers.get("content-type", "").startswith("application/x-amz-cbor")


def or_json_read(operation: OperationModel, read_json: Read) -> Read:
    """Reads a request in the form it came in."""
    made: list[Convert] = []

    def read(target: Target, http: HttpRequest) -> dict[str, Any]:
        if not is_spoken(http):
            return read_json(target, http)
        if operation.input_shape is None or not http.body:
            return {}
        if not made:
            made.append(json_codec.compile_reader(operation.input_shape, Knots(), CBOR))
        found: dict[str, Any] = made[0](loads(http.body))
        return found

    return read


def compile_write(operation: OperationModel) -> Write:
    write = compile_body_writer(operation.output_shape) if operation.output_shape is not None else None

    def write_cbor(value: Mapping[str, Any], request_id: str, http: HttpRequest) -> HttpResponse:
        headers = {"x-amzn-requestid": request_id, "content-type": CONTENT_TYPE}
        return HttpResponse(200, headers, write(value) if write is not None else b"")

    return write_cbor


def compile_body_writer(shape: Shape) -> Callable[[Any], bytes]:
    """What writes a value as a whole body, or as the payload of an event."""
    convert = json_codec.compile_writer(shape, Knots(), CBOR)
    return lambda value: dumps(convert(value))


def dumps(value: Any) -> bytes:
    encoded: bytes = _library().dumps(value)
    return encoded


def loads(body: bytes) -> Any:
    """Raises SerializationException."""
    cbor2 = _library()
    try:
        return cbor2.loads(
            body,
            semantic_decoders=_DECODERS,
            tag_hook=_refuse,
            max_depth=limits.CBOR_DEPTH_MAX,
            strict_hashable_types=True,
        )
    except (cbor2.CBORError, ValueError, OverflowError) as error:
        raise SerializationException("The request body is not valid CBOR.") from error


def _read_blob(value: Any) -> bytes:
    if type(value) is not bytes:
        raise SerializationException("only byte strings are convertible to bytes")
    return value


def _timestamp_reader(shape: Shape) -> Convert:
    def read(value: Any) -> timestamps.Seconds:
        if type(value) not in (int, float) or not timestamps.EARLIEST_S <= value / 1000 <= timestamps.LATEST_S:
            raise SerializationException("The value cannot be converted to Date")
        return float(value / 1000)

    return read


def _timestamp_writer(shape: Shape) -> Convert:
    tag = _library().CBORTag
    return lambda value: tag(_TIME, round(timestamps.epoch(value) * 1000))


CBOR = Form(_read_blob, _timestamp_reader, bytes, _timestamp_writer)


def _library() -> ModuleType:
    import cbor2

    return cbor2


def _refuse(value: Any, immutable: bool) -> NoReturn:
    raise ValueError("a tag that no request has")


def _untagged(value: Any, immutable: bool) -> Any:
    return value


_DECODERS = {**dict.fromkeys(_TAGS, _refuse), _TIME: _untagged}
