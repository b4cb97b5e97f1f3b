"""Bodies that are larger than what their service takes."""

from __future__ import annotations

import json
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest

from tests.running_node import RunningNode

MIB = 1024 * 1024


@pytest.mark.parametrize(
    ("target", "bytes_max"),
    [
        ("DynamoDB_20120810.PutItem", 16 * MIB),
        ("DynamoDBStreams_20120810.GetRecords", 16 * MIB),
        ("Kinesis_20131202.PutRecords", 14 * MIB),
        ("AmazonSQS.SendMessage", 80 * MIB),
    ],
)
def test_a_body_larger_than_its_service_takes_is_413_and_nobody_looks_into_it(
    node: RunningNode, target: str, bytes_max: int
) -> None:
    at_most = 17 * MIB  # a test sends no more
    assert asked(node, target, min(bytes_max, at_most))[0] == 400
    if bytes_max < at_most:
        assert asked(node, target, bytes_max + 1) == (413, b"")


def asked(node: RunningNode, target: str, size: int) -> tuple[int, bytes]:
    """What is answered to a body of that size, which is no JSON."""
    connection = HTTPConnection(urlsplit(node.endpoint).netloc, timeout=30)
    scope = "test/20260101/us-east-1/x/aws4_request"
    signed = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"
    headers = {"x-amz-target": target, "content-type": "application/x-amz-json-1.0", "authorization": signed}
    try:
        connection.request("POST", "/", b"x" * size, headers)
        answer = connection.getresponse()
        said = answer.read()
    finally:
        connection.close()
    if answer.status == 400:
        assert json.loads(said)["__type"].endswith("SerializationException")
    return answer.status, said
