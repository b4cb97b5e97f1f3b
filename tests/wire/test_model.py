"""Models as botocore ships them."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from botocore.loaders import Loader

from tests.wire.theirs import their_service
from wakeful.wire.model import SPOKEN, Shape, raw_model, service_model, snake, streams_in, undocumented

SERVICES = ("lambda", "s3", "sqs", "sns", "events", "logs", "iam", "sts", "cloudwatch")


@pytest.mark.parametrize("service", SERVICES)
def test_our_loader_finds_what_botocores_finds(service: str) -> None:
    theirs = Loader().load_service_model(service, "service-2")
    assert raw_model(service)["operations"] == theirs["operations"]
    spoken = next(each for each in theirs["metadata"]["protocols"] if each in SPOKEN)
    assert service_model(service).metadata == {**theirs["metadata"], "protocol": spoken}


@pytest.mark.parametrize("service", SERVICES)
def test_our_classes_say_what_botocores_say(service: str) -> None:
    ours = service_model(service)
    theirs = their_service(ours)
    assert ours.signing_name == theirs.signing_name
    assert (ours.api_version, ours.endpoint_prefix) == (theirs.api_version, theirs.endpoint_prefix)
    assert list(ours.operation_names) == list(theirs.operation_names)
    for name in ours.operation_names:
        mine, other = ours.operation_model(name), theirs.operation_model(name)
        assert (mine.http, mine.deprecated) == (other.http, other.deprecated)
        assert mine.has_streaming_input == other.has_streaming_input
        assert mine.has_streaming_output == other.has_streaming_output
        assert mine.has_event_stream_output == other.has_event_stream_output
        for shape, other_shape in ((mine.input_shape, other.input_shape), (mine.output_shape, other.output_shape)):
            assert (shape is None) == (other_shape is None)
            if shape is not None and other_shape is not None:
                alike(shape, other_shape, 0)


def alike(shape: Shape, other: Any, depth: int) -> None:
    assert (shape.name, shape.type_name) == (other.name, other.type_name)
    assert shape.serialization == {key: value for key, value in other.serialization.items() if key != "queryName"}
    known = ("enum", "min", "max", "pattern", "required", "sensitive", "error", "exception", "union")
    assert {key: shape.metadata.get(key) for key in known} == {key: other.metadata.get(key) for key in known}
    if depth > 3:
        return
    if shape.type_name == "structure":
        assert shape.required_members == other.required_members
        assert list(shape.members) == list(other.members)
        for name, member in shape.members.items():
            alike(member, other.members[name], depth + 1)
    elif shape.type_name == "list":
        alike(shape.member, other.member, depth + 1)
    elif shape.type_name == "map":
        alike(shape.key, other.key, depth + 1)
        alike(shape.value, other.value, depth + 1)


def test_nothing_of_botocore_is_imported_with_the_wire() -> None:
    code = "import sys; from wakeful.wire import chunked, detect; sys.exit('botocore' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, env={"PYTHONPATH": "src"}).returncode == 0


def test_what_s3_is_given_as_expires_is_text() -> None:
    assert service_model("s3").shape_for("Expires").type_name == "string"


def test_texts_are_dropped_but_not_members_of_that_name() -> None:
    shape = {"documentation": "<p>x</p>", "members": {"documentation": {"shape": "String", "documentation": "y"}}}
    assert undocumented(shape) == {"members": {"documentation": {"shape": "String"}}}


def test_a_service_that_there_is_not_is_named() -> None:
    with pytest.raises(LookupError, match="nonsense"):
        raw_model("nonsense")


@pytest.mark.parametrize(
    ("operation", "handler"),
    [
        ("PutObject", "put_object"),
        ("ListObjectsV2", "list_objects_v2"),
        ("GetMFADevice", "get_mfa_device"),
        ("TagQueue", "tag_queue"),
    ],
)
def test_a_handler_is_called_like_its_operation(operation: str, handler: str) -> None:
    assert snake(operation) == handler


def test_s3_takes_bodies_piece_by_piece_and_lambda_does_not() -> None:
    assert streams_in(service_model("s3").operation_model("PutObject"))
    assert not streams_in(service_model("s3").operation_model("PutBucketPolicy"))
    assert not streams_in(service_model("lambda").operation_model("Invoke"))
