"""Tables that have streams, changes of their items, and reading on as followers do: parents before their children."""

from __future__ import annotations

from typing import Any

from tests.running_node import RunningNode
from wakeful.fabric.trace import Trace
from wakeful.services.dynamodb import changes, table
from wakeful.services.dynamodb.changes import Cause
from wakeful.services.dynamodb.values import Item, parsed
from wakeful.store.tx import Tx

TABLE = "arn:aws:dynamodb:us-east-1:000000000000:table/"


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


def change(
    node: RunningNode, name: str, wanted: dict[str, Item | None], identity: dict[str, str] | None = None
) -> None:
    """Whatever operation it is that makes of the items, in one transaction, what they are after."""

    def apply(tx: Tx) -> None:
        found = table.find(tx, TABLE + name)
        for p, after in wanted.items():
            key = found.keys.of({"p": {"S": p}})
            before = changes.locked(tx, found, key)
            was = None if before is None else parsed(before)
            changes.apply(tx, found, key, was, after, Cause(Trace("1-t"), identity))

    node.run(node.node.store.write(apply))


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
