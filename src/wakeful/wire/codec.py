"""Reads requests and writes answers of every protocol. What an operation needs is compiled when it is first used."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from wakeful.wire import cbor_codec, checks, event_stream, faults, json_codec, query_codec, rest
from wakeful.wire.errors import AwsError
from wakeful.wire.message import HttpRequest, HttpResponse
from wakeful.wire.model import OperationModel, streams_in
from wakeful.wire.target import Operation, Protocol, Read, Target, Write

_READ: dict[Protocol, Callable[[OperationModel], Read]] = {
    "json": json_codec.compile_read,
    "query": query_codec.compile_read,
    "rest-json": rest.compile_read,
    "rest-xml": rest.compile_read,
}
_WRITE: dict[Protocol, Callable[[OperationModel], Write]] = {
    "json": json_codec.compile_write,
    "query": query_codec.compile_write,
    "rest-json": rest.compile_write,
    "rest-xml": rest.compile_write,
}


def read(target: Target, http: HttpRequest) -> dict[str, Any]:
    """What the client asks, in AWS's member names. Raises the target's own error, and errors of what cannot be read."""
    if target.operation is None:
        assert target.error is not None
        raise target.error
    return target.operation.read(target, http)


def write(target: Target, value: Mapping[str, Any] | None, request_id: str, http: HttpRequest) -> HttpResponse:
    """The answer to an operation that went well."""
    assert target.operation is not None
    return target.operation.write(value or {}, request_id, http)


def error(target: Target, error: AwsError, request_id: str, http: HttpRequest) -> HttpResponse:
    """The answer to one that did not, or to a request for nothing that there is."""
    return faults.write_error(target, error, request_id, http)


def operation(service: str, protocol: Protocol, model: OperationModel) -> Operation:
    """An operation that compiles its parts on first use and then is nothing but them."""

    in_cbor = service in cbor_codec.SPOKEN_BY and protocol == "json"

    def first_read(target: Target, http: HttpRequest) -> dict[str, Any]:
        read = _READ[protocol](model)
        made.read = cbor_codec.or_json_read(model, read) if in_cbor else read
        return made.read(target, http)

    def first_write(value: Mapping[str, Any], request_id: str, http: HttpRequest) -> HttpResponse:
        has_initial_response = protocol == "json" and model.has_event_stream_output
        write = event_stream.compile_write(model) if has_initial_response else _WRITE[protocol](model)
        made.write = _or_cbor(model, write) if in_cbor else write
        return made.write(value, request_id, http)

    def first_check(request: dict[str, Any]) -> None:
        made.check = checks.compile_check(service, model)
        made.check(request)

    has_checksum = "requestAlgorithmMember" in model.http_checksum
    made = Operation(
        service, model.name, protocol, model, streams_in(model), has_checksum, first_read, first_write, first_check
    )
    return made


def _or_cbor(model: OperationModel, write_json: Write) -> Write:
    """Answers in the form in which it was asked."""
    made: list[Write] = []

    def write(value: Mapping[str, Any], request_id: str, http: HttpRequest) -> HttpResponse:
        if not cbor_codec.is_spoken(http):
            return write_json(value, request_id, http)
        if not made:
            has_events = model.has_event_stream_output
            made.append(
                event_stream.compile_write(model, in_cbor=True) if has_events else cbor_codec.compile_write(model)
            )
        return made[0](value, request_id, http)

    return write
