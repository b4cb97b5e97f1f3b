"""REST bindings: which member travels in the path, the query string, a header, the status line or the body."""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import quote

import orjson

from wakeful import names
from wakeful.wire import event_stream, json_codec, s3_xml, timestamps, xml_codec
from wakeful.wire.errors import AwsError, InvalidArgument, MalformedXML, SerializationException
from wakeful.wire.knots import Knots
from wakeful.wire.message import HttpRequest, HttpResponse
from wakeful.wire.model import OperationModel, Shape, members_of, streams_in, wire_name
from wakeful.wire.target import Read, Target, Write

FromText = Callable[[str], Any]
ToText = Callable[[Any], str]
ReadBody = Callable[[HttpRequest], dict[str, Any]]
WriteBody = Callable[[Mapping[str, Any], HttpResponse], None]

Location = Literal["uri", "querystring", "header"]

_UNPRINTABLE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


@dataclass(slots=True, frozen=True)
class _Place:
    """A member outside the body. `from_text` is missing where the text is the value."""

    member: str
    wire: str
    location: Location
    is_list: bool
    from_text: FromText | None


# --- a whole request ---


def compile_read(operation: OperationModel) -> Read:
    shape = operation.input_shape
    if shape is None:
        return lambda target, http: {}
    labels = _places(shape, "uri")
    queries = _places(shape, "querystring")
    headers = _places(shape, "header")
    prefixes = _prefixes(shape)
    plain_labels = all(place.from_text is None for place in labels)
    complaint = _json_complaint if operation.metadata["protocol"] == "rest-json" else _xml_complaint
    read_body = _body_reader(operation, shape)

    def read(target: Target, http: HttpRequest) -> dict[str, Any]:
        if plain_labels:
            request: dict[str, Any] = dict(target.labels)
        else:
            request = {place.member: _one(place, target.labels[place.member], complaint) for place in labels}
        if target.query:
            for place in queries:
                values = target.query.get(place.wire)
                if values is not None:
                    if place.is_list:
                        request[place.member] = [_one(place, value, complaint) for value in values]
                    else:
                        request[place.member] = _one(place, values[0], complaint)
        given = http.headers
        for place in headers:
            if place.wire in given:
                try:
                    request[place.member] = _of_header(place, given[place.wire], complaint)
                except AwsError:
                    # RFC 9110, 13.1: a condition whose date cannot be read is ignored.
                    if not place.wire.startswith("if-"):
                        raise
        for member, prefix in prefixes:
            found = {name[len(prefix) :]: value for name, value in given.items() if name.startswith(prefix)}
            if found:
                request[member] = found
        if read_body is not None:
            request |= read_body(http)
        if "x-amz-decoded-content-length" in given or "aws-chunked" in given.get("content-encoding", ""):
            _forget_framing(request, given)
        return request

    return read


def _forget_framing(request: dict[str, Any], headers: Mapping[str, str]) -> None:
    """What was said of the body's framing is not true of the body that a handler gets."""
    encodings = [name.strip() for name in request.pop("ContentEncoding", "").split(",")]
    kept = ",".join(name for name in encodings if name not in ("", "aws-chunked"))
    if kept:
        request["ContentEncoding"] = kept
    request.pop("ContentLength", None)
    decoded = headers.get("x-amz-decoded-content-length", "")
    if decoded.isascii() and decoded.isdigit():
        request["ContentLength"] = int(decoded)


def _places(shape: Shape, location: Location) -> list[_Place]:
    places = []
    for name, member in members_of(shape).items():
        if member.serialization.get("location") != location:
            continue
        wire = wire_name(member, name)
        is_list = member.type_name == "list"
        element: Shape = member.member if is_list else member
        from_text = _from_text(element, "rfc822" if location == "header" else "iso8601")
        places.append(_Place(name, wire.lower() if location == "header" else wire, location, is_list, from_text))
    return places


def _from_text(shape: Shape, timestamp_format: str) -> FromText | None:
    if shape.serialization.get("jsonvalue"):
        return lambda text: orjson.loads(b64decode(text))
    return xml_codec.text_reader(shape, timestamp_format)


def _prefixes(shape: Shape) -> list[tuple[str, str]]:
    return [
        (name, wire_name(member, name).lower())
        for name, member in members_of(shape).items()
        if member.serialization.get("location") == "headers"
    ]


def _one(place: _Place, text: str, complaint: Callable[[_Place, str], AwsError]) -> Any:
    if place.from_text is None:
        return text
    try:
        return place.from_text(text.strip())
    except (ValueError, Base64Error) as error:
        raise complaint(place, text) from error


def _of_header(place: _Place, text: str, complaint: Callable[[_Place, str], AwsError]) -> Any:
    if place.is_list:
        return [_one(place, item, complaint) for item in split_header(text)]
    return _one(place, text, complaint)


def split_header(text: str) -> list[str]:
    """The items of a comma-separated header. An item with commas or quotes in it is quoted, quotes are escaped."""
    if '"' not in text:
        return [item.strip() for item in text.split(",") if item.strip()]
    return [
        quoted.replace('\\"', '"') if quoted else bare.strip()
        for quoted, bare in re.findall(r'"((?:[^"\\]|\\.)*)"|([^,"]+)', text)
        if quoted or bare.strip()
    ]


def _json_complaint(place: _Place, text: str) -> AwsError:
    return SerializationException(f"STRING_VALUE cannot be converted to the type of {place.wire}")


def _xml_complaint(place: _Place, text: str) -> AwsError:
    return InvalidArgument(
        f"Provided {place.wire} not an integer or within integer range"
        if place.from_text is not None and "integer" in place.from_text.__name__
        else f"Invalid value for {place.wire}",
        ArgumentName=place.wire,
        ArgumentValue=text,
    )


# --- the body of a request ---


def _body_reader(operation: OperationModel, shape: Shape) -> ReadBody | None:
    is_json = operation.metadata["protocol"] == "rest-json"
    payload = shape.serialization.get("payload")
    if payload is None:
        if all("location" in member.serialization for member in members_of(shape).values()):
            return None
        return _json_body(shape) if is_json else _xml_body(shape, wire_name(shape, shape.name))
    member = members_of(shape)[payload]
    if member.type_name == "blob":
        return _stream_body(payload) if streams_in(operation) else _blob_body(payload)
    if member.type_name == "string":
        return _string_body(payload)
    read = _json_body(member) if is_json else _xml_body(member, wire_name(member, member.name))
    return lambda http: {payload: read(http)} if http.body else {}


def _json_body(shape: Shape) -> ReadBody:
    read = json_codec.compile_body(shape)
    return lambda http: read(http.body)


def _xml_body(shape: Shape, root: str) -> ReadBody:
    convert = xml_codec.compile_reader(shape, Knots())

    def read(http: HttpRequest) -> dict[str, Any]:
        if not http.body:
            return {}
        element = xml_codec.parse(http.body)
        if xml_codec.local(element.tag) != root:
            raise MalformedXML
        try:
            found: dict[str, Any] = convert(element)
        except RecursionError as error:
            raise MalformedXML from error
        return found

    return read


def _stream_body(member: str) -> ReadBody:
    return lambda http: {member: http.stream if http.stream is not None else Whole(http.body)}


class Whole:
    """A complete body for a handler that wants it piece by piece."""

    def __init__(self, body: bytes) -> None:
        self.checksums: Mapping[str, str] = {}
        self._body = body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        if self._body:
            yield self._body


def _blob_body(member: str) -> ReadBody:
    return lambda http: {member: http.body} if http.body else {}


def _string_body(member: str) -> ReadBody:
    def read(http: HttpRequest) -> dict[str, Any]:
        try:
            return {member: http.body.decode()} if http.body else {}
        except UnicodeDecodeError as error:
            raise InvalidArgument(f"{member} is not UTF-8.") from error

    return read


# --- a whole response ---


def compile_write(operation: OperationModel) -> Write:
    shape = operation.output_shape
    members = members_of(shape)
    status = int(operation.http.get("responseCode", 200))
    name_of_status = next((n for n, m in members.items() if m.serialization.get("location") == "statusCode"), None)
    headers = [
        (name, wire_name(member, name).lower(), _header_writer(member))
        for name, member in members.items()
        if member.serialization.get("location") == "header"
    ]
    prefixes = _prefixes(shape) if shape is not None else []
    write_body = _body_writer(operation, shape) if shape is not None else None
    may_be_partial = "ContentRange" in members  # RFC 9110, 15.3.7: an answer that says which part it is has status 206
    identify = request_id_headers if operation.service_model.service_name == "s3" else _amzn_request_id

    def write(value: Mapping[str, Any], request_id: str, http: HttpRequest) -> HttpResponse:
        response = HttpResponse(status, identify(request_id))
        if may_be_partial and value.get("ContentRange") is not None:
            response.status = 206
        if name_of_status is not None and value.get(name_of_status) is not None:
            response.status = value[name_of_status]
        for name, header, to_text in headers:
            item = value.get(name)
            if item is not None:
                response.headers[header] = to_text(item)
        for name, prefix in prefixes:
            for key, item in (value.get(name) or {}).items():
                response.headers[prefix + key.lower()] = header_text(item)
        if write_body is not None and http.method != "HEAD":
            write_body(value, response)
        return response

    return write


def request_id_headers(request_id: str) -> dict[str, str]:
    """How S3 names a request: by two ids, the second of which is longer and says nothing more."""
    return {"x-amz-request-id": request_id, "x-amz-id-2": names.host_id(request_id)}


def _amzn_request_id(request_id: str) -> dict[str, str]:
    return {"x-amzn-requestid": request_id}


def header_text(text: str) -> str:
    """A header's value. Line breaks would make a header of it, so they go; not Latin-1 is written as in RFC 2047."""
    if text.isprintable() and text.isascii():
        return text
    text = _UNPRINTABLE.sub(" ", text)
    try:
        text.encode("latin-1")
    except UnicodeEncodeError:
        return "=?UTF-8?Q?" + quote(text, safe=" ").replace("%", "=").replace(" ", "_") + "?="
    return text


def _header_writer(shape: Shape) -> ToText:
    if shape.type_name == "list":
        write_item = _header_writer(shape.member)
        return lambda value: ",".join(_quoted(write_item(item)) for item in value)
    if shape.serialization.get("jsonvalue"):
        return lambda value: b64encode(orjson.dumps(value)).decode("ascii")
    if shape.type_name == "string":
        return header_text
    if shape.type_name == "timestamp" and "timestampFormat" not in shape.serialization:
        return timestamps.format_rfc822
    return xml_codec.text_writer(shape, timestamps.format_iso8601_ms)


def _quoted(item: str) -> str:
    return '"' + item.replace('"', '\\"') + '"' if '"' in item or "," in item else item


# --- the body of a response ---


def _body_writer(operation: OperationModel, shape: Shape) -> WriteBody | None:
    is_json = operation.metadata["protocol"] == "rest-json"
    payload = shape.serialization.get("payload")
    located = frozenset(name for name, member in members_of(shape).items() if "location" in member.serialization)
    if payload is None:
        if len(located) == len(members_of(shape)):
            return _no_body(shape, located)
        if s3_xml.is_bare_text(operation):
            return _write_location
        inner = _json_writer(shape) if is_json else _xml_writer(shape, s3_xml.root_of(shape.name), s3_xml.NAMESPACE)

        def write_members(value: Mapping[str, Any], response: HttpResponse) -> None:
            inner({name: item for name, item in value.items() if name not in located}, response)

        return write_members
    member = members_of(shape)[payload]
    if member.serialization.get("eventstream"):
        return _events_writer(payload, event_stream.compile_frames(operation, member))
    if member.type_name in ("blob", "string"):
        return _payload_writer(payload, "application/json" if is_json else "binary/octet-stream")
    root = wire_name(member, member.name)
    inner = _json_writer(member) if is_json else _xml_writer(member, root, s3_xml.NAMESPACE)

    def write_payload(value: Mapping[str, Any], response: HttpResponse) -> None:
        if value.get(payload) is not None:
            inner(value[payload], response)

    return write_payload


def _no_body(shape: Shape, located: frozenset[str]) -> WriteBody:
    def write(value: Mapping[str, Any], response: HttpResponse) -> None:
        if not value.keys() <= located:
            raise KeyError(f"{shape.name} has no member {sorted(value.keys() - located)}")

    return write


def _json_writer(shape: Shape) -> WriteBody:
    convert = json_codec.compile_writer(shape, Knots())

    def write(value: Mapping[str, Any], response: HttpResponse) -> None:
        response.headers["content-type"] = "application/json"
        response.body = orjson.dumps(convert(value))

    return write


def _xml_writer(shape: Shape, root: str, namespace: str) -> WriteBody:
    attributes = "" if shape.serialization.get("xmlNamespace") else f' xmlns="{namespace}"'
    write_element = xml_codec.compile_writer(shape, root, Knots(), timestamps.format_iso8601_ms, attributes)

    def write(value: Mapping[str, Any], response: HttpResponse) -> None:
        parts = [xml_codec.DECLARATION]
        write_element(value, parts.append)
        response.headers["content-type"] = "application/xml"
        response.body = "".join(parts).encode()

    return write


def _write_location(value: Mapping[str, Any], response: HttpResponse) -> None:
    text = xml_codec.escape(value.get("LocationConstraint") or "")
    element = f'<LocationConstraint xmlns="{s3_xml.NAMESPACE}">{text}</LocationConstraint>'
    response.headers["content-type"] = "application/xml"
    response.body = (xml_codec.DECLARATION + element).encode()


def _events_writer(member: str, frames: event_stream.Frames) -> WriteBody:
    def write(value: Mapping[str, Any], response: HttpResponse) -> None:
        if value.get(member) is not None:
            response.headers["content-type"] = event_stream.CONTENT_TYPE
            response.stream = frames(value[member])

    return write


def _payload_writer(member: str, content_type: str) -> WriteBody:
    def write(value: Mapping[str, Any], response: HttpResponse) -> None:
        body = value.get(member)
        if body is None:
            return
        response.headers.setdefault("content-type", content_type)
        if isinstance(body, str):
            response.body = body.encode()
        elif isinstance(body, bytes | bytearray | memoryview):
            response.body = bytes(body)
        else:
            response.stream = body

    return write
