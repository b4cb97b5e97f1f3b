"""Tables with a stream that a node is killed on, and what such a stream has in the end."""

from __future__ import annotations

from typing import Any

from tests.node_process import NodeProcess


def make_table(node: NodeProcess, name: str, view: str) -> str:
    """The ARN of its stream."""
    made = node.client("dynamodb").create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "p", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "p", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": view},
    )
    return str(made["TableDescription"]["LatestStreamArn"])


def changes_in(node: NodeProcess, stream: str) -> list[dict[str, Any]]:
    """What every record says, shard by shard, parents before their children: those of an item in their order."""
    client, found = node.client("dynamodbstreams"), []
    for shard in client.describe_stream(StreamArn=stream)["StreamDescription"]["Shards"]:
        request = {"StreamArn": stream, "ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON"}
        at = client.get_shard_iterator(**request)["ShardIterator"]
        while at and (answer := client.get_records(ShardIterator=at))["Records"]:
            found += [record["dynamodb"] for record in answer["Records"]]
            at = answer.get("NextShardIterator")
    return found
