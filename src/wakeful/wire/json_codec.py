"""JSON bodies (json 1.0 and 1.1, rest-json): each shape becomes a closure once, and the closures call each other.

A reader gives the handler's form: members by AWS's names, blobs as bytes, timestamps as epoch seconds, nothing that is
null or that the model does not know. A value of the wrong type is a SerializationException in AWS's words. A writer
does the reverse, leaves out None, and raises TypeError or KeyError where a handler broke the model: that is our bug.
"""

from __future__ import annotations

from base64 import b64encode
from binascii import Error as Base64Error
from binascii import a2b_base64
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import orjson

from wakeful.wire import timestamps
from wakeful.wire.compression import unpacked
from wakeful.wire.errors import SerializationException
from wakeful.wire.knots import Knots
from wakeful.wire.message import HttpRequest, HttpResponse
from wakeful.wire.model import OperationModel, Shape, members_of, wire_name
from wakeful.wire.target import Read, Target, Write

Convert = Callable[[Any], Any]


class Form(NamedTuple):
    """What the values of JSON have their own way of: blobs and points in time. CBOR has another."""

    read_blob: Convert
    timestamp_reader: Callable[[Shape], Convert]
    write_blob: Convert
    timestamp_writer: Callable[[Shape], Convert]


_INT64_MAX = 2**63 - 1

_KINDS: dict[str, type] = {
    "string": str,
    "boolean": bool,
    "integer": int,
    "long": int,
    "float": float,
    "double": float,
    "character": str,
}
_JAVA = {
    "string": "String",
    "character": "String",
    "boolean": "Boolean",
    "integer": "Integer",
    "long": "Long",
    "float": "Float",
    "double": "Double",
    "timestamp": "Date",
}


# --- a whole request, a whole response ---


def compile_read(operation: OperationModel) -> Read:
    if operation.input_shape is None:
        return lambda target, http: {}
    read = compile_body(operation.input_shape)

    def read_json(target: Target, http: HttpRequest) -> dict[str, Any]:
        return read(http.body)

    def read_compressed(target: Target, http: HttpRequest) -> dict[str, Any]:
        return read(unpacked(http))

    return read_compressed if operation.may_be_compressed else read_json


def compile_write(operation: OperationModel) -> Write:
    content_type = f"application/x-amz-json-{operation.metadata['jsonVersion']}"
    write = compile_writer(operation.output_shape, Knots()) if operation.output_shape is not None else None

    def write_json(value: Mapping[str, Any], request_id: str, http: HttpRequest) -> HttpResponse:
        headers = {"x-amzn-requestid": request_id, "content-type": content_type}
        if write is None:
            return HttpResponse(200, headers)
        return HttpResponse(200, headers, orjson.dumps(write(value)))

    return write_json


def compile_body(shape: Shape) -> Callable[[bytes], dict[str, Any]]:
    """A reader of a whole body; no body is an empty structure. What it raises is SerializationException."""
    convert = compile_reader(shape, Knots())

    def read(body: bytes) -> dict[str, Any]:
        try:
            found: dict[str, Any] = convert(loads(body)) if body else {}
        except RecursionError as error:
            # Only a body that was made for this is nested so deeply, in a shape that may contain itself.
            raise SerializationException("The request is nested too deeply.") from error
        return found

    return read


def loads(body: bytes) -> Any:
    """Raises SerializationException."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise SerializationException("The request body is not valid JSON.") from error


# --- reading ---


def compile_reader(shape: Shape, knots: Knots[Convert], form: Form | None = None) -> Convert:
    """A closure from what JSON has to what a handler gets. `knots` ties the knot of shapes that contain themselves."""
    form = form or JSON
    kind = shape.type_name
    if shape.is_as_sent:
        return _as_sent
    if kind == "structure":
        return knots.tie(shape.name, lambda: _structure_reader(shape, knots, form))
    if kind == "list":
        return _list_reader(shape, knots, form)
    if kind == "map":
        return _map_reader(shape, knots, form)
    return _scalar_reader(shape, form)


def _as_sent(value: Any) -> Any:
    return value


def _structure_reader(shape: Shape, knots: Knots[Convert], form: Form) -> Convert:
    members = {}
    for name, member in members_of(shape).items():
        if "location" not in member.serialization:
            # What already has this type needs no call. Integers do: JSON's may be too large for anything below us.
            exact = _KINDS.get(member.type_name) if not _is_special(member) else None
            exact = None if exact is int else exact
            members[wire_name(member, name)] = (name, exact, compile_reader(member, knots, form))
    find = members.get

    def read(value: Any) -> dict[str, Any]:
        if type(value) is not dict:
            raise _mistyped(value, shape)
        found = {}
        for key, item in value.items():
            known = find(key)
            if known is not None and item is not None:
                name, exact, convert = known
                found[name] = item if type(item) is exact else convert(item)
        return found

    return read


def _list_reader(shape: Shape, knots: Knots[Convert], form: Form) -> Convert:
    member: Shape = shape.member
    convert = compile_reader(member, knots, form)

    def read(value: Any) -> list[Any]:
        if type(value) is not list:
            raise _mistyped(value, shape)
        # A null in a list stays: it is the checks' to say which one it was.
        return [None if item is None else convert(item) for item in value]

    return read


def _map_reader(shape: Shape, knots: Knots[Convert], form: Form) -> Convert:
    convert = compile_reader(shape.value, knots, form)

    def read(value: Any) -> dict[str, Any]:
        if type(value) is not dict:
            raise _mistyped(value, shape)
        if convert is _as_sent:
            return value
        return {key: None if item is None else convert(item) for key, item in value.items()}

    return read


def _scalar_reader(shape: Shape, form: Form) -> Convert:
    kind = shape.type_name
    if kind == "blob":
        return form.read_blob
    if kind == "timestamp":
        return form.timestamp_reader(shape)
    if kind in ("integer", "long"):
        return _integer_reader(shape)
    if kind == "boolean":
        return _read_boolean
    if _is_special(shape):
        return _read_json_value

    def read(value: Any) -> Any:
        if type(value) is exact:
            return value
        if exact is float and type(value) is int:
            return value
        raise _mistyped(value, shape)

    exact = _KINDS[kind]
    return read


def _integer_reader(shape: Shape) -> Convert:
    def read(value: Any) -> int:
        if type(value) is float and abs(value) <= _INT64_MAX:
            value = int(value)  # AWS truncates: 5.0 and 5.7 are 5
        if type(value) is not int:
            raise _mistyped(value, shape)
        if not -_INT64_MAX <= value <= _INT64_MAX:
            raise SerializationException(f"NUMBER_VALUE cannot be converted to {_JAVA[shape.type_name]}")
        return value

    return read


def _read_boolean(value: Any) -> bool:
    if type(value) is bool:
        return value
    if type(value) is str and value.lower() in ("true", "false"):
        return value.lower() == "true"
    if type(value) is str:
        raise SerializationException("Unexpected token received from parser")
    raise SerializationException(_complaint(value, "Boolean"))


def read_blob(value: Any) -> bytes:
    if type(value) is not str:
        if isinstance(value, dict | list):
            raise SerializationException(_complaint(value, "ByteBuffer"))
        raise SerializationException("only base-64-encoded strings are convertible to bytes")
    try:
        return a2b_base64(value, strict_mode=True)
    except (Base64Error, ValueError) as error:
        if len(value) % 4:
            message = f"Base64 encoded length is expected a multiple of 4 bytes but found: {len(value)}"
        else:
            message = "Invalid Base64 character in a blob"
        raise SerializationException(message) from error


def _timestamp_reader(shape: Shape) -> Convert:
    def read(value: Any) -> timestamps.Seconds:
        if type(value) is str:
            try:
                return timestamps.parse_any(value)
            except ValueError as error:
                raise SerializationException("STRING_VALUE cannot be converted to Date") from error
        if type(value) not in (int, float):
            raise _mistyped(value, shape)
        if not timestamps.EARLIEST_S <= value <= timestamps.LATEST_S:
            raise SerializationException("NUMBER_VALUE cannot be converted to Date")
        seconds: timestamps.Seconds = value
        return seconds

    return read


def _read_json_value(value: Any) -> Any:
    if type(value) is not str:
        raise SerializationException(_complaint(value, "String"))
    return loads(value.encode())


def _mistyped(value: Any, shape: Shape) -> SerializationException:
    return SerializationException(_complaint(value, _JAVA.get(shape.type_name, "")))


def _complaint(value: Any, java: str) -> str:
    """What AWS's JSON reader says to a value that is not of the type it expects, by that type's name in Java."""
    if type(value) is dict:
        return "Start of structure or map found where not expected"
    if type(value) is list:
        return (
            f"Unrecognized collection type class java.lang.{java}" if java else "Start of list found where not expected"
        )
    if not java:
        return "Unexpected field type"
    if type(value) is str:
        return f"STRING_VALUE cannot be converted to {java}"
    if type(value) is bool:
        return f"{str(value).upper()}_VALUE cannot be converted to {java}"
    if type(value) is float:
        return f"DECIMAL_VALUE cannot be converted to {java}"
    return f"NUMBER_VALUE cannot be converted to {java}"


def _is_special(shape: Shape) -> bool:
    """A string on the wire that is something else to the handler."""
    return bool(shape.serialization.get("jsonvalue"))


# --- writing ---


def compile_writer(shape: Shape, knots: Knots[Convert], form: Form | None = None) -> Convert:
    """A closure from what a handler answers to what JSON has."""
    form = form or JSON
    kind = shape.type_name
    if shape.is_as_sent:
        return _as_sent
    if kind == "structure":
        return knots.tie(shape.name, lambda: _structure_writer(shape, knots, form))
    if kind == "list":
        return _list_writer(shape, knots, form)
    if kind == "map":
        return _map_writer(shape, knots, form)
    return _scalar_writer(shape, form)


def _structure_writer(shape: Shape, knots: Knots[Convert], form: Form) -> Convert:
    members = {}
    for name, member in members_of(shape).items():
        if "location" not in member.serialization:
            exact = _KINDS.get(member.type_name) if not _is_special(member) else None
            members[name] = (wire_name(member, name), exact, compile_writer(member, knots, form))

    def write(value: Mapping[str, Any]) -> dict[str, Any]:
        written = {}
        for key, item in value.items():
            if item is not None:
                name, exact, convert = members[key]
                written[name] = item if type(item) is exact else convert(item)
        return written

    return write


def _list_writer(shape: Shape, knots: Knots[Convert], form: Form) -> Convert:
    convert = compile_writer(shape.member, knots, form)
    return lambda value: [convert(item) for item in value]


def _map_writer(shape: Shape, knots: Knots[Convert], form: Form) -> Convert:
    convert = compile_writer(shape.value, knots, form)
    if convert is _as_sent:
        return _as_sent  # a whole item: it may be a fragment of JSON that is ready
    return lambda value: {key: convert(item) for key, item in value.items()}


def _scalar_writer(shape: Shape, form: Form) -> Convert:
    kind = shape.type_name
    if kind == "blob":
        return form.write_blob
    if kind == "timestamp":
        return form.timestamp_writer(shape)
    if _is_special(shape):
        return lambda value: orjson.dumps(value).decode()
    exact = _KINDS[kind]

    def write(value: Any) -> Any:
        if type(value) is exact:
            return value
        if exact is str and isinstance(value, str):
            return str(value)  # an enum member, perhaps
        if exact is float and type(value) is int:
            return value
        raise TypeError(f"{shape.name} is a {kind}, not a {type(value).__name__}")

    return write


def write_blob(value: bytes) -> str:
    return b64encode(value).decode("ascii")


def _timestamp_writer(shape: Shape) -> Convert:
    form = shape.serialization.get("timestampFormat")
    if form == "iso8601":
        return timestamps.format_iso8601_ms
    if form == "rfc822":
        return timestamps.format_rfc822
    return timestamps.format_epoch


JSON = Form(read_blob, _timestamp_reader, write_blob, _timestamp_writer)
