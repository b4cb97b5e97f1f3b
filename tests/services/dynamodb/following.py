"""Reading a table's stream as its followers do: every shard, parents before their children."""

from __future__ import annotations

from typing import Any

from tests.running_node import RunningNode


def make_table(node: RunningNode, name: str = "tab", view: str | None = "NEW_AND_OLD_IMAGES", **more: Any) -> str:
    """A table with the key `p`; the ARN of its stream, or "" where it has none."""
    if view is not None:
        more["StreamSpecification"] = {"StreamEnabled": True, "StreamViewType": view}
    made = node.client("dynamodb").create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "p", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "p", "AttributeType": "S"}],
        **{"BillingMode": "PAY_PER_REQUEST", **more},
    )
    return str(made["TableDescription"].get("LatestStreamArn", ""))


def shards_of(node: RunningNode, arn: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    last: dict[str, str] = {}
    while True:
        answer = node.client("dynamodbstreams").describe_stream(StreamArn=arn, **last)["StreamDescription"]
        found += answer["Shards"]
        if "LastEvaluatedShardId" not in answer:
            return found
        last = {"ExclusiveStartShardId": answer["LastEvaluatedShardId"]}


def iterator(node: RunningNode, arn: str, shard: str, kind: str = "TRIM_HORIZON", **more: Any) -> str:
    client = node.client("dynamodbstreams")
    request = {"StreamArn": arn, "ShardId": shard, "ShardIteratorType": kind, **more}
    return str(client.get_shard_iterator(**request)["ShardIterator"])


def read_on(node: RunningNode, at: str, **more: Any) -> tuple[list[dict[str, Any]], str | None]:
    """The records there, and where to read on, where the shard may have more."""
    answer = node.client("dynamodbstreams").get_records(ShardIterator=at, **more)
    return answer["Records"], answer.get("NextShardIterator")


def records_of_shard(node: RunningNode, arn: str, shard: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    at: str | None = iterator(node, arn, shard)
    while at is not None:
        more, at = read_on(node, at)
        if not more:
            break
        found += more
    return found


def records_of(node: RunningNode, arn: str) -> list[dict[str, Any]]:
    """All there are; those of an item in their order."""
    return [record for shard in shards_of(node, arn) for record in records_of_shard(node, arn, shard["ShardId"])]
