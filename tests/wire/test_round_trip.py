"""What botocore writes we read, and what we write botocore reads: for every operation of every service we have."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import datetime
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore import handlers, parsers, serialize
from botocore.awsrequest import HeadersDict, create_request_object, prepare_request_dict

from tests.wire.theirs import their_operation
from tests.wire.values import Values
from wakeful.wire import codec, sqs_query
from wakeful.wire.detect import Catalogue
from wakeful.wire.message import HttpRequest, HttpResponse
from wakeful.wire.model import OperationModel, ServiceModel, Shape, members_of, query_model, service_model
from wakeful.wire.target import Target

SERVICES = ("lambda", "s3", "sqs", "sns", "events", "logs", "iam", "sts", "cloudwatch")
REQUEST_ID = "4fe4b2ac-0c3e-4b2a-8b5b-2f4c1a3d5e6f"

# GetBucketNotification and its kin are older names for the same requests as their successors.
SHADOWED = {
    "GetBucketLifecycle": "GetBucketLifecycleConfiguration",
    "GetBucketNotification": "GetBucketNotificationConfiguration",
    "PutBucketLifecycle": "PutBucketLifecycleConfiguration",
    "PutBucketNotification": "PutBucketNotificationConfiguration",
    "ListDirectoryBuckets": "ListBuckets",
}

# "Event" is a string and a list of strings in these, and nobody can tell which was meant.
HAVE_TWO_MEMBERS_OF_ONE_NAME = ("GetBucketNotification", "PutBucketNotification")

CATALOGUE = Catalogue(SERVICES)


def models() -> Iterator[ServiceModel]:
    for service in SERVICES:
        yield service_model(service)
    yield sqs_query.model()
    also = query_model("cloudwatch")
    assert also is not None
    yield also


def operations(model: ServiceModel) -> Iterator[OperationModel]:
    for name in model.operation_names:
        operation = model.operation_model(name)
        if not operation.has_event_stream_output and name not in HAVE_TWO_MEMBERS_OF_ONE_NAME:
            yield operation


MODELS = [pytest.param(model, id=f"{model.service_name}-{model.protocol}") for model in models()]


@pytest.mark.parametrize("model", MODELS)
def test_what_botocore_writes_is_read_as_it_was_meant(model: ServiceModel) -> None:
    for operation in operations(model):
        read_back(operation, "first")


@pytest.mark.parametrize("model", MODELS)
def test_what_is_written_botocore_reads_as_it_was_meant(model: ServiceModel) -> None:
    for operation in operations(model):
        parse_back(operation, "first")


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
def test_many_requests_and_answers_of_every_operation_survive(model: ServiceModel) -> None:
    for operation in operations(model):
        for seed in range(25):
            read_back(operation, f"{seed}")
            parse_back(operation, f"{seed}")


def read_back(operation: OperationModel, seed: str) -> None:
    asked = Values(f"in {operation.name} {seed}").structure(operation.input_shape) if operation.input_shape else {}
    http = request_of(operation, asked)
    target = CATALOGUE.identify(http)
    assert target.name == SHADOWED.get(operation.name, operation.name)
    if target.name != operation.name:
        target = with_operation(target, operation)
    expected = as_read(operation, asked)
    given = codec.read(target, http)
    if operation.has_streaming_input and operation.service_model.service_name == "s3":
        payload = payload_of(operation)
        assert hasattr(given.pop(payload), "__aiter__")
        assert http.body == expected.pop(payload, b"")
    if "ContentLength" not in asked:
        given.pop("ContentLength", None)  # the client's own header
    assert given == expected


def parse_back(operation: OperationModel, seed: str) -> None:
    value = Values(f"out {operation.name} {seed}").structure(operation.output_shape) if operation.output_shape else {}
    protocol = operation.service_model.protocol
    target = Target(operation.service_model.service_name, protocol, operation.name)  # type: ignore[arg-type]
    http = HttpRequest(operation.http["method"], "/", "", {})
    response = codec.write(with_operation(target, operation), value, REQUEST_ID, http)
    parsed = parse(operation, response)
    if "content-type" in response.headers and "ContentType" not in value:
        parsed.pop("ContentType", None)  # we say what it is even if the handler does not
    assert parsed.pop("ResponseMetadata")["RequestId"] == REQUEST_ID
    assert comparable(parsed) == comparable(value)


def with_operation(target: Target, operation: OperationModel) -> Target:
    model = operation.service_model
    made = codec.operation(model.service_name, model.protocol, operation)  # type: ignore[arg-type]
    return Target(
        target.service, target.protocol, operation.name, model, made, None, target.labels, target.query, target.form
    )


def request_of(operation: OperationModel, asked: dict[str, Any]) -> HttpRequest:
    """The request that botocore makes, as a server sees it."""
    serializer = serialize.create_serializer(operation.service_model.protocol, include_validation=False)
    request = serializer.serialize_to_request(asked, their_operation(operation))
    if operation.service_model.service_name == "s3" and isinstance(asked.get(payload_of(operation)), dict):
        handlers.escape_xml_payload(request)  # what a client of S3 does as well
    prepare_request_dict(request, endpoint_url="http://127.0.0.1:4566", user_agent="x")
    prepared = create_request_object(request).prepare()
    parts = urlsplit(prepared.url)
    headers = {
        name.lower(): value if isinstance(value, str) else value.decode() for name, value in prepared.headers.items()
    }
    headers["host"] = "127.0.0.1:4566"
    scope = f"AKIDEXAMPLE/20250101/us-east-1/{operation.service_model.signing_name}/aws4_request"
    headers["authorization"] = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=00"
    body = prepared.body or b""
    return HttpRequest(
        prepared.method, parts.path, parts.query, headers, body.encode() if isinstance(body, str) else body
    )


def payload_of(operation: OperationModel) -> str:
    shape = operation.input_shape
    return str(shape.serialization.get("payload", "")) if shape is not None else ""


def parse(operation: OperationModel, response: HttpResponse) -> dict[str, Any]:
    """What botocore's client makes of the answer."""
    parser = parsers.create_parser(operation.service_model.protocol)
    is_stream = operation.has_streaming_output and response.status < 300
    body: Any = io.BytesIO(response.body) if is_stream else response.body
    given = {"status_code": response.status, "headers": HeadersDict(response.headers), "body": body, "context": {}}
    parsed: dict[str, Any] = parser.parse(given, their_operation(operation).output_shape)
    if operation.name == "GetBucketLocation":
        handlers.parse_get_bucket_location(parsed, SimpleNamespace(content=response.body, raw=True))
    return parsed


# --- what may differ on the way ---


def as_read(operation: OperationModel, asked: dict[str, Any]) -> dict[str, Any]:
    """Timestamps are seconds; in a form, an empty structure or map is the same as none; headers lose outer spaces."""
    shape = operation.input_shape
    members = members_of(shape)
    is_form = operation.service_model.protocol == "query"
    found = {name: as_seconds(members[name], value, is_form) for name, value in asked.items()}
    payload = shape.serialization.get("payload") if shape is not None else None
    if payload is not None and found.get(payload) in (b"", "") and payload != "Body":
        del found[payload]
    if payload is not None and operation.name in ("SendDurableExecutionCallbackFailure", "StopDurableExecution"):
        found.setdefault(payload, {})  # botocore sends "{}" for a JSON structure that was not given
    return {name: value for name, value in found.items() if not (is_form and value == {})}


def as_seconds(shape: Shape, value: Any, is_form: bool) -> Any:
    if isinstance(value, datetime):
        return value.timestamp()
    if isinstance(value, list):
        return [as_seconds(shape.member, item, is_form) for item in value]
    if isinstance(value, dict) and shape.type_name == "map":
        return {key: as_seconds(shape.value, item, is_form) for key, item in value.items()}
    if isinstance(value, dict) and shape.type_name == "structure":
        found = {name: as_seconds(members_of(shape)[name], item, is_form) for name, item in value.items()}
        return {name: item for name, item in found.items() if not (is_form and item == {})}
    return value


def comparable(value: Any) -> Any:
    """Timestamps as seconds, streams as their bytes; what is empty may as well be missing."""
    if isinstance(value, datetime):
        return value.timestamp()
    if isinstance(value, io.BytesIO):
        return value.read()
    if isinstance(value, list):
        return [comparable(item) for item in value]
    if isinstance(value, dict):
        found = {key: comparable(item) for key, item in value.items()}
        return {key: item for key, item in found.items() if item not in ({}, b"")}
    return value
