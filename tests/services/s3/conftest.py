"""What S3's tests share: a client with a bucket, and words for what they look for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.running_node import RunningNode

BUCKET = "bucket"


@pytest.fixture
def s3(node: RunningNode) -> Any:
    client = node.client("s3")
    client.create_bucket(Bucket=BUCKET)
    return client


@contextmanager
def refused(code: str, *, status: int | None = None, message: str = "", **members: str) -> Iterator[None]:
    """What is done inside is answered with this error, which says so and names these."""
    with pytest.raises(ClientError) as raised:
        yield
    error: dict[str, Any] = raised.value.response["Error"]
    assert error["Code"] == code, error
    assert message in error["Message"]
    assert {name: error.get(name) for name in members} == members
    if status is not None:
        assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == status


def body(answer: dict[str, Any]) -> bytes:
    content: bytes = answer["Body"].read()
    return content
