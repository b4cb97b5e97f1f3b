"""Models as botocore ships them."""

from __future__ import annotations

import pytest
from botocore.loaders import Loader

from wakeful.wire.model import raw_model, service_model, snake, streams_in, undocumented

SERVICES = ("lambda", "s3", "sqs", "sns", "events", "logs", "iam", "sts")


@pytest.mark.parametrize("service", SERVICES)
def test_our_loader_finds_what_botocores_finds(service: str) -> None:
    theirs = Loader().load_service_model(service, "service-2")
    assert raw_model(service)["operations"] == theirs["operations"]
    assert service_model(service).metadata == theirs["metadata"]


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
