"""What S3's tests share: a client with a bucket, and words for what they look for."""

from __future__ import annotations

import hashlib
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


def in_parts(s3: Any, key: str, sizes: list[int], **settings: Any) -> bytes:
    """An object is there that was uploaded in parts of these sizes; its bytes."""
    upload = s3.create_multipart_upload(Bucket=BUCKET, Key=key, **settings)["UploadId"]
    there = {"Bucket": BUCKET, "Key": key, "UploadId": upload}
    contents = [hashlib.shake_128(f"{key} {number}".encode()).digest(size) for number, size in enumerate(sizes)]
    parts = []
    for number, content in enumerate(contents, start=1):
        part = s3.upload_part(**there, PartNumber=number, Body=content)
        parts.append({"PartNumber": number, "ETag": part["ETag"]})
    s3.complete_multipart_upload(**there, MultipartUpload={"Parts": parts})
    return b"".join(contents)
