"""What CloudWatch is told of streams."""

from __future__ import annotations

from typing import Any

from tests.running_node import RunningNode
from tests.services.cloudwatch.test_of_services import totals
from tests.services.kinesis.conftest import FIRST, arn, iterator, made


def test_a_stream_counts_what_goes_in_and_out(shared_node: RunningNode, kinesis: Any) -> None:
    name = made(kinesis, "counted")
    kinesis.put_record(StreamName=name, Data=b"123", PartitionKey="a")
    kinesis.put_records(StreamName=name, Records=[{"Data": b"45", "PartitionKey": "a"}] * 3)
    kinesis.get_records(ShardIterator=iterator(kinesis, name))
    told = totals(shared_node, "AWS/Kinesis", StreamName=name)
    assert told.pop("GetRecords.IteratorAgeMilliseconds") == 0
    assert told == {
        "IncomingBytes": 13,
        "IncomingRecords": 4,
        "PutRecord.Bytes": 4,
        "PutRecord.Success": 1,
        "PutRecords.Bytes": 9,
        "PutRecords.Records": 3,
        "PutRecords.Success": 1,
        "PutRecords.TotalRecords": 3,
        "PutRecords.SuccessfulRecords": 3,
        "PutRecords.FailedRecords": 0,
        "PutRecords.ThrottledRecords": 0,
        "GetRecords.Bytes": 13,
        "GetRecords.Records": 4,
        "GetRecords.Success": 1,
    }


def test_a_shard_counts_what_it_was_asked_to(shared_node: RunningNode, kinesis: Any) -> None:
    name = made(kinesis, "counted-shards", 2)
    wanted = ["IncomingRecords", "OutgoingBytes"]
    answer = kinesis.enable_enhanced_monitoring(StreamName=name, ShardLevelMetrics=wanted)
    assert (answer["CurrentShardLevelMetrics"], answer["DesiredShardLevelMetrics"]) == ([], wanted)
    kinesis.put_record(StreamName=name, Data=b"123", PartitionKey="a", ExplicitHashKey="0")
    kinesis.get_records(ShardIterator=iterator(kinesis, name))
    told = totals(shared_node, "AWS/Kinesis", StreamName=name, ShardId=FIRST)
    assert told == {"IncomingRecords": 1, "OutgoingBytes": 4}
    answer = kinesis.disable_enhanced_monitoring(StreamName=name, ShardLevelMetrics=["ALL"])
    assert (answer["CurrentShardLevelMetrics"], answer["DesiredShardLevelMetrics"]) == (wanted, [])


def test_a_subscription_counts_its_events(shared_node: RunningNode, kinesis: Any) -> None:
    name = made(kinesis, "counted-events")
    consumer = kinesis.register_stream_consumer(StreamARN=arn(name), ConsumerName="c")["Consumer"]["ConsumerARN"]
    kinesis.put_record(StreamName=name, Data=b"123", PartitionKey="a")
    position = {"Type": "TRIM_HORIZON"}
    stream = kinesis.subscribe_to_shard(ConsumerARN=consumer, ShardId=FIRST, StartingPosition=position)["EventStream"]
    next(iter(stream))
    stream.close()
    told = totals(shared_node, "AWS/Kinesis", StreamName=name, ConsumerName="c")
    assert told["SubscribeToShard.Success"] == 1
    assert told["SubscribeToShardEvent.Records"] == 1
    assert told["SubscribeToShardEvent.Bytes"] == 4
