"""Answers to requests that went wrong, in the envelope that the protocol's clients look into."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import orjson

from wakeful import names
from wakeful.wire import cbor_codec, dialects, json_codec, timestamps, xml_codec
from wakeful.wire.dialects import Name
from wakeful.wire.errors import AwsError
from wakeful.wire.knots import Knots
from wakeful.wire.message import HttpRequest, HttpResponse
from wakeful.wire.model import ServiceModel, Shape, members_of, wire_name
from wakeful.wire.rest import header_text, request_id_headers
from wakeful.wire.target import Protocol, Target


def write_error(target: Target, error: AwsError, request_id: str, http: HttpRequest) -> HttpResponse:
    """The answer to an operation that did not go well, or to a request that is for none."""
    shape = _shape_of(error, target.model)
    trait: Mapping[str, object] | None = shape.metadata.get("error", {}) if shape is not None else None
    name = dialects.name_of(error, target.service, target.protocol, trait)
    response = _WRITERS[target.protocol](target, error, name, shape, request_id, http)
    response.headers |= error.headers
    if http.method == "HEAD" or name.status == 304:
        response.body = b""
        response.headers.pop("content-type", None)
    return response


def _shape_of(error: AwsError, model: ServiceModel | None) -> Shape | None:
    if model is None or error.shape_name not in model.shape_names:
        return None
    shape = model.shape_for(error.shape_name)
    return shape if shape.metadata.get("exception") else None


def _json(
    target: Target, error: AwsError, name: Name, shape: Shape | None, request_id: str, http: HttpRequest
) -> HttpResponse:
    version = target.model.metadata["jsonVersion"] if target.model is not None else _version_in(http)
    kind = name.code
    if version == "1.0":
        namespace = dialects.NAMESPACES.get(target.service, "") if name.is_modelled else dialects.FRAMEWORK
        kind = namespace + kind
    body = {"__type": kind} | _json_members(error, shape, name)
    headers = {"x-amzn-requestid": request_id, "content-type": f"application/x-amz-json-{version}"}
    if target.model is not None and "awsQueryCompatible" in target.model.metadata:
        headers["x-amzn-query-error"] = f"{name.older or name.code};{_fault(name.status)}"
    if target.service in cbor_codec.SPOKEN_BY and cbor_codec.is_spoken(http):
        headers["content-type"] = cbor_codec.CONTENT_TYPE
        return HttpResponse(name.status, headers, cbor_codec.dumps(body))
    return HttpResponse(name.status, headers, orjson.dumps(body))


def _rest_json(
    target: Target, error: AwsError, name: Name, shape: Shape | None, request_id: str, http: HttpRequest
) -> HttpResponse:
    headers = {"x-amzn-requestid": request_id, "content-type": "application/json", "x-amzn-errortype": name.code}
    members = dict(error.members)
    for member, known in members_of(shape).items():
        if known.serialization.get("location") == "header" and members.get(member) is not None:
            headers[wire_name(known, member).lower()] = header_text(str(members.pop(member)))
    body = _json_members(error, shape, name)
    if shape is not None and "Type" in members_of(shape):
        body = {"Type": "User" if name.status < 500 else "Service"} | body
    return HttpResponse(name.status, headers, orjson.dumps(body))


def _query(
    target: Target, error: AwsError, name: Name, shape: Shape | None, request_id: str, http: HttpRequest
) -> HttpResponse:
    namespace = target.model.metadata["xmlNamespace"] if target.model is not None else ""
    parts = [
        f'<ErrorResponse xmlns="{namespace}">' if namespace else "<ErrorResponse>",
        f"<Error><Type>{_fault(name.status)}</Type>",
    ]
    _append_xml(parts, {"Code": name.code, "Message": error.message, **error.members}, shape)
    parts.append(f"</Error><RequestId>{xml_codec.escape(request_id)}</RequestId></ErrorResponse>")
    headers = {"x-amzn-requestid": request_id, "content-type": "text/xml"}
    return HttpResponse(name.status, headers, "".join(parts).encode())


def _rest_xml(
    target: Target, error: AwsError, name: Name, shape: Shape | None, request_id: str, http: HttpRequest
) -> HttpResponse:
    parts = [xml_codec.DECLARATION, "<Error>"]
    ids = {"RequestId": request_id, "HostId": names.host_id(request_id)}
    _append_xml(parts, {"Code": name.code, "Message": error.message, **error.members, **ids}, shape)
    parts.append("</Error>")
    headers = request_id_headers(request_id) | {"content-type": "application/xml"}
    return HttpResponse(name.status, headers, "".join(parts).encode())


_Writer = Callable[[Target, AwsError, Name, Shape | None, str, HttpRequest], HttpResponse]

_WRITERS: Mapping[Protocol, _Writer] = {
    "json": _json,
    "rest-json": _rest_json,
    "query": _query,
    "rest-xml": _rest_xml,
}


def _json_members(error: AwsError, shape: Shape | None, name: Name) -> dict[str, Any]:
    """The members of the error's shape; the message is called as the shape calls it."""
    body: dict[str, Any] = {}
    known = members_of(shape)
    for member, value in error.members.items():
        if value is not None and "location" not in (known[member].serialization if member in known else {}):
            body[member] = json_codec.compile_writer(known[member], Knots())(value) if member in known else value
    body["Message" if _says_it_loudly(known, name) else "message"] = error.message
    return body


def _says_it_loudly(known: Mapping[str, Shape], name: Name) -> bool:
    if "Message" in known or "message" in known:
        return "Message" in known
    return name.code in ("SerializationException", "AccessDeniedException")


def _append_xml(parts: list[str], members: Mapping[str, Any], shape: Shape | None) -> None:
    known = members_of(shape)
    for member, value in members.items():
        if value is None:
            continue
        if member in known:
            tag = wire_name(known[member], member)
            xml_codec.compile_writer(known[member], tag, Knots(), timestamps.format_iso8601)(value, parts.append)
        else:
            parts.append(f"<{member}>{xml_codec.escape(str(value))}</{member}>")


def _fault(status: int) -> str:
    return "Sender" if status < 500 else "Receiver"


def _version_in(http: HttpRequest) -> str:
    return "1.0" if http.headers.get("content-type", "").endswith("json-1.0") else "1.1"
