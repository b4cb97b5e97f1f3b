"""What the tests of Kinesis share: an unmodified client, and streams of their own on one node."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.running_node import RunningNode

FIRST = "shardId-000000000000"


@pytest.fixture(scope="module")
def kinesis(shared_node: RunningNode) -> Any:
    return shared_node.client("kinesis")


def arn(name: str) -> str:
    return f"arn:aws:kinesis:us-east-1:000000000000:stream/{name}"


def made(kinesis: Any, name: str, shards: int = 1, **more: Any) -> str:
    """A stream of that name; its name."""
    kinesis.create_stream(StreamName=name, ShardCount=shards, **more)
    return name


def refusal(call: Any, **request: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as refused:
        call(**request)
    error = refused.value.response["Error"]
    return error["Code"], error["Message"]


def shards_of(kinesis: Any, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = kinesis.list_shards(StreamName=name)["Shards"]
    return found


def open_shards(kinesis: Any, name: str) -> list[dict[str, Any]]:
    return [each for each in shards_of(kinesis, name) if "EndingSequenceNumber" not in each["SequenceNumberRange"]]


def iterator(kinesis: Any, name: str, shard: str = FIRST, kind: str = "TRIM_HORIZON", **more: Any) -> str:
    answer = kinesis.get_shard_iterator(StreamName=name, ShardId=shard, ShardIteratorType=kind, **more)
    return str(answer["ShardIterator"])


def data_of(kinesis: Any, name: str, shard: str = FIRST, kind: str = "TRIM_HORIZON", **more: Any) -> list[bytes]:
    """What is read of a shard at once."""
    answer = kinesis.get_records(ShardIterator=iterator(kinesis, name, shard, kind, **more))
    return [record["Data"] for record in answer["Records"]]
