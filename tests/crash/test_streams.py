"""SIGKILL while items change: every change is in the table's stream exactly once, and in order for each item."""

from __future__ import annotations

from typing import Any

import pytest

from tests.crash.conftest import CRASHES
from tests.crash.load import Load
from tests.node_process import NodeProcess

pytestmark = pytest.mark.slow

ITEMS = 12
FOUR_HOURS = 4 * 3600 + 1
Image = dict[str, Any] | None


def make_table(node: NodeProcess) -> str:
    made = node.client("dynamodb").create_table(
        TableName="story",
        KeySchema=[{"AttributeName": "p", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "p", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    )
    return str(made["TableDescription"]["LatestStreamArn"])


def put(client: Any, number: int) -> None:
    item = {"p": {"S": f"item {number % ITEMS}"}, "number": {"N": str(number)}}
    client.put_item(TableName="story", Item=item)


def changes(node: NodeProcess, arn: str) -> list[dict[str, Any]]:
    """What every record says, shard by shard, parents before their children."""
    client = node.client("dynamodbstreams")
    found = []
    for shard in client.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]:
        request = {"StreamArn": arn, "ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON"}
        at = client.get_shard_iterator(**request)["ShardIterator"]
        while at:
            answer = client.get_records(ShardIterator=at)
            if not answer["Records"]:
                break
            found += answer["Records"]
            at = answer.get("NextShardIterator")
    return [record["dynamodb"] for record in found]


def test_every_change_is_in_the_stream_once_and_in_order(node: NodeProcess) -> None:
    node.start()
    arn = make_table(node)
    load = Load(node, "dynamodb", put)
    for crash in range(CRASHES):
        load.run(0.2 + 0.1 * (crash % 3))
        node.start()
        if crash < 5:  # a day is six times as long
            node.advance(FOUR_HOURS)
    copy: dict[str, Image] = {}
    written: list[int] = []
    for change in changes(node, arn):
        key = change["Keys"]["p"]["S"]
        assert copy.get(key) == change.get("OldImage"), "a change is missing, doubled or out of order"
        copy[key] = change["NewImage"]
        written.append(int(change["NewImage"]["number"]["N"]))
    assert len(set(written)) == len(written), "a change is in the stream twice"
    assert load.acknowledged <= set(written), "a change that was acknowledged is not in the stream"
    client = node.client("dynamodb")
    for number in range(ITEMS):
        key = f"item {number}"
        assert client.get_item(TableName="story", Key={"p": {"S": key}}).get("Item") == copy.get(key)
    assert node.stop() == 0
