"""Long work on the node's loop lets others go first."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.running_node import RunningNode
from tests.services.dynamodb.control import CALL, asked
from wakeful import limits
from wakeful.fabric.turns import Turn, each_made


async def test_a_turn_that_is_not_over_is_not_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    asyncio.get_running_loop().call_soon(seen.append, "another")
    monkeypatch.setattr(limits, "TURN_S", 3600.0)
    await Turn().passed_on()
    assert await each_made(str, range(100)) == [str(number) for number in range(100)]
    assert seen == []
    monkeypatch.setattr(limits, "TURN_S", 0.0)
    await Turn().passed_on()
    assert seen == ["another"]


def test_others_have_their_turn_while_many_records_are_answered(
    node: RunningNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    kinesis, dynamodb, streams = (node.client(name) for name in ("kinesis", "dynamodb", "dynamodbstreams"))
    kinesis.create_stream(StreamName="s", ShardCount=1)
    kinesis.put_records(StreamName="s", Records=[{"Data": b"x", "PartitionKey": "k"}] * 500)
    shard = kinesis.list_shards(StreamName="s")["Shards"][0]["ShardId"]
    wanted: Any = {"StreamName": "s", "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON"}
    of_stream = kinesis.get_shard_iterator(**wanted)["ShardIterator"]

    view = {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}
    arn = dynamodb.create_table(**asked("events"), StreamSpecification=view)["TableDescription"]["LatestStreamArn"]
    for number in range(200):
        dynamodb.put_item(TableName="events", Item={"p": {"S": "p"}, "n": {"N": str(number)}})
    shards = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]
    of_tables = [
        streams.get_shard_iterator(StreamArn=arn, ShardId=each["ShardId"], ShardIteratorType="TRIM_HORIZON")
        for each in shards
    ]
    monkeypatch.setattr(limits, "TURN_S", 0.0)
    monkeypatch.setattr(limits, "JOURNAL_SLICE", 5)
    assert node.run(turns(node, "kinesis", of_stream)) == (500, True)
    with monkeypatch.context() as patch:
        patch.setattr(limits, "KINESIS_GET_BYTES_MAX", 20)
        assert node.run(turns(node, "kinesis", of_stream)) == (10, True)
    counts = [node.run(turns(node, "dynamodbstreams", each["ShardIterator"])) for each in of_tables]
    assert (200, True) in counts


async def turns(node: RunningNode, service: str, iterator: str) -> tuple[int, bool]:
    """How many records there are, and whether somebody else was on at least once for twenty of them."""
    asking = asyncio.ensure_future(node.node.call(CALL, service, "GetRecords", {"ShardIterator": iterator}))
    count = 0
    while not asking.done():
        count += 1
        await asyncio.sleep(0)
    records = len((await asking)["Records"])
    return records, count >= records // 20
