"""Streams: made, set up, described, deleted."""

from __future__ import annotations

from typing import Any

import pytest

from tests.running_node import RunningNode
from tests.services.kinesis.conftest import arn, data_of, iterator, made, open_shards, refusal

DAY_S = 86_400


def summary(kinesis: Any, name: str) -> dict[str, Any]:
    found: dict[str, Any] = kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]
    return found


def test_a_stream_is_there_as_it_was_asked_for(kinesis: Any) -> None:
    name = made(kinesis, "asked", 3, Tags={"team": "blue"}, MaxRecordSizeInKiB=2048)
    kinesis.get_waiter("stream_exists").wait(StreamName=name)
    described = kinesis.describe_stream(StreamARN=arn(name), Limit=2)["StreamDescription"]
    assert (described["StreamName"], described["StreamStatus"], described["HasMoreShards"]) == (name, "ACTIVE", True)
    assert [each["ShardId"] for each in described["Shards"]] == ["shardId-000000000000", "shardId-000000000001"]
    assert (described["RetentionPeriodHours"], described["EncryptionType"]) == (24, "NONE")
    assert described["EnhancedMonitoring"] == [{"ShardLevelMetrics": []}]
    assert described["StreamModeDetails"] == {"StreamMode": "PROVISIONED"}
    found = summary(kinesis, name)
    assert (found["OpenShardCount"], found["ConsumerCount"], found["MaxRecordSizeInKiB"]) == (3, 0, 2048)
    assert kinesis.list_tags_for_stream(StreamName=name)["Tags"] == [{"Key": "team", "Value": "blue"}]
    message = f"Stream {name} under account 000000000000 already exists."
    assert refusal(made, kinesis=kinesis, name=name) == ("ResourceInUseException", message)


def test_without_a_word_about_shards_a_stream_is_on_demand_and_has_four(kinesis: Any) -> None:
    kinesis.create_stream(StreamName="demanded")
    found = summary(kinesis, "demanded")
    assert (found["StreamModeDetails"]["StreamMode"], found["OpenShardCount"]) == ("ON_DEMAND", 4)
    assert found["RecordDistributionStrategy"] == "USER_PARTITION_KEY"
    for call, more in (
        (kinesis.split_shard, {"ShardToSplit": "shardId-000000000000", "NewStartingHashKey": "17"}),
        (kinesis.update_shard_count, {"TargetShardCount": 8, "ScalingType": "UNIFORM_SCALING"}),
    ):
        code, message = refusal(call, StreamName="demanded", **more)
        assert (code, "is in On-Demand mode" in message) == ("ValidationException", True)


def test_modes_change_twice_a_day_and_keep_the_shards(shared_node: RunningNode, kinesis: Any) -> None:
    made(kinesis, "moody", 2)
    for mode in ("ON_DEMAND", "PROVISIONED"):
        kinesis.update_stream_mode(StreamARN=arn("moody"), StreamModeDetails={"StreamMode": mode})
        assert summary(kinesis, "moody")["StreamModeDetails"]["StreamMode"] == mode
    assert len(open_shards(kinesis, "moody")) == 2
    change = {"StreamARN": arn("moody"), "StreamModeDetails": {"StreamMode": "ON_DEMAND"}}
    assert refusal(kinesis.update_stream_mode, **change)[0] == "LimitExceededException"
    shared_node.advance(DAY_S + 1)
    kinesis.update_stream_mode(**change)


def test_a_stream_distributes_by_itself_where_it_is_told_to(kinesis: Any) -> None:
    kinesis.create_stream(StreamName="even", RecordDistributionStrategy="AUTO")
    kinesis.put_records(StreamName="even", Records=[{"Data": b"%d" % each} for each in range(200)])
    there = [data_of(kinesis, "even", each["ShardId"]) for each in open_shards(kinesis, "even")]
    assert sorted(int(each) for shard in there for each in shard) == list(range(200))
    assert all(there)
    change = {"StreamARN": arn("even"), "RecordDistributionStrategy": "USER_PARTITION_KEY"}
    kinesis.update_stream_record_distribution_strategy(**change)
    code, message = refusal(kinesis.put_record, StreamName="even", Data=b"x")
    assert (code, "'partitionKey' failed to satisfy constraint" in message) == ("ValidationException", True)
    made(kinesis, "by-key")
    change["StreamARN"] = arn("by-key")
    assert refusal(kinesis.update_stream_record_distribution_strategy, **change)[0] == "InvalidArgumentException"


def test_warm_throughput_is_for_accounts_that_commit_themselves(shared_node: RunningNode, kinesis: Any) -> None:
    kinesis.create_stream(StreamName="warm")
    ask = {"StreamName": "warm", "WarmThroughputMiBps": 9}
    assert refusal(kinesis.update_stream_warm_throughput, **ask)[0] == "InvalidArgumentException"
    commit = {"MinimumThroughputBillingCommitment": {"Status": "ENABLED"}}
    told = kinesis.update_account_settings(**commit)["MinimumThroughputBillingCommitment"]
    assert (told["EarliestAllowedEndAt"] - told["StartedAt"]).total_seconds() == DAY_S
    answer = kinesis.update_stream_warm_throughput(**ask)
    assert answer["WarmThroughput"] == {"TargetMiBps": 9, "CurrentMiBps": 9}
    assert summary(kinesis, "warm")["WarmThroughput"] == answer["WarmThroughput"]
    assert len(open_shards(kinesis, "warm")) == 9
    told = kinesis.update_account_settings(MinimumThroughputBillingCommitment={"Status": "DISABLED"})
    assert told["MinimumThroughputBillingCommitment"]["Status"] == "ENABLED_UNTIL_EARLIEST_ALLOWED_END"
    shared_node.advance(DAY_S + 1)
    assert kinesis.describe_account_settings()["MinimumThroughputBillingCommitment"]["Status"] == "DISABLED"


def test_retention_grows_and_shrinks_and_brings_nothing_back(shared_node: RunningNode, kinesis: Any) -> None:
    name = made(kinesis, "kept")
    kinesis.put_record(StreamName=name, Data=b"old", PartitionKey="a")
    shared_node.advance(DAY_S - 60)
    kinesis.put_record(StreamName=name, Data=b"young", PartitionKey="a")
    assert data_of(kinesis, name) == [b"old", b"young"]
    shared_node.advance(90)
    assert data_of(kinesis, name) == [b"young"]
    kinesis.increase_stream_retention_period(StreamName=name, RetentionPeriodHours=8760)
    assert data_of(kinesis, name) == [b"young"]
    shared_node.advance(300 * DAY_S)
    assert data_of(kinesis, name) == [b"young"]
    kinesis.decrease_stream_retention_period(StreamName=name, RetentionPeriodHours=24)
    assert data_of(kinesis, name) == []
    for hours, words in ((23, "Minimum allowed retention period is 24 hours"), (8761, "too long"), (0, "too short")):
        code, message = refusal(kinesis.increase_stream_retention_period, StreamName=name, RetentionPeriodHours=hours)
        assert (code, words in message) == ("InvalidArgumentException", True)
    assert (
        "Use IncreaseRetentionPeriod API"
        in refusal(kinesis.decrease_stream_retention_period, StreamName=name, RetentionPeriodHours=25)[1]
    )


def test_records_that_are_too_old_leave_the_disk(shared_node: RunningNode, kinesis: Any) -> None:
    name = made(kinesis, "swept")
    kinesis.put_record(StreamName=name, Data=b"unique to this test", PartitionKey="a")
    shared_node.advance(2 * DAY_S)
    rows = shared_node.run(shared_node.node.store.read(lambda tx: tx.all("SELECT body FROM journal_entries")))
    assert not any(b"unique to this test" in bytes(row["body"]) for row in rows)


def test_encryption_is_shown_and_told_of_each_record(kinesis: Any) -> None:
    name = made(kinesis, "sealed")
    kinesis.put_record(StreamName=name, Data=b"plain", PartitionKey="a")
    kinesis.start_stream_encryption(StreamName=name, EncryptionType="KMS", KeyId="alias/aws/kinesis")
    assert kinesis.put_record(StreamName=name, Data=b"x", PartitionKey="a")["EncryptionType"] == "KMS"
    described = kinesis.describe_stream(StreamName=name)["StreamDescription"]
    assert (described["EncryptionType"], described["KeyId"]) == ("KMS", "alias/aws/kinesis")
    kinesis.stop_stream_encryption(StreamName=name, EncryptionType="KMS", KeyId="alias/aws/kinesis")
    found = kinesis.get_records(ShardIterator=iterator(kinesis, name))["Records"]
    assert [each.get("EncryptionType") for each in found] == [None, "KMS"]
    assert summary(kinesis, name)["EncryptionType"] == "NONE"


def test_a_stream_goes_with_its_records_and_one_of_its_name_is_another(shared_node: RunningNode, kinesis: Any) -> None:
    name = made(kinesis, "gone")
    kinesis.put_record(StreamName=name, Data=b"x", PartitionKey="a")
    held = iterator(kinesis, name)
    kinesis.register_stream_consumer(StreamARN=arn(name), ConsumerName="c")
    assert refusal(kinesis.delete_stream, StreamName=name)[0] == "ResourceInUseException"
    kinesis.delete_stream(StreamName=name, EnforceConsumerDeletion=True)
    kinesis.get_waiter("stream_not_exists").wait(StreamName=name)
    missing = ("ResourceNotFoundException", f"Stream {name} under account 000000000000 not found.")
    assert refusal(kinesis.put_record, StreamName=name, Data=b"x", PartitionKey="a") == missing
    assert refusal(kinesis.describe_stream, StreamName=name) == missing
    made(kinesis, name)
    assert data_of(kinesis, name) == []
    assert refusal(kinesis.get_records, ShardIterator=held)[0] == "ResourceNotFoundException"
    assert kinesis.list_stream_consumers(StreamARN=arn(name))["Consumers"] == []
    shared_node.settle()
    rows = shared_node.run(shared_node.node.store.read(lambda tx: tx.all("SELECT journal FROM journal_shards")))
    assert sum(row["journal"].startswith(f"{arn(name)}/") for row in rows) == 1


def test_streams_are_listed_by_name_and_counted(kinesis: Any) -> None:
    for each in ("list-a", "list-b", "list-c"):
        made(kinesis, each, 2)
    first = kinesis.list_streams(ExclusiveStartStreamName="list-", Limit=2)
    assert (first["StreamNames"], first["HasMoreStreams"]) == (["list-a", "list-b"], True)
    assert [each["StreamARN"] for each in first["StreamSummaries"]] == [arn("list-a"), arn("list-b")]
    assert kinesis.list_streams(NextToken=first["NextToken"], Limit=1)["StreamNames"] == ["list-c"]
    told = kinesis.describe_limits()
    assert told["ShardLimit"] == 20_000
    assert told["OpenShardCount"] >= 6
    code, message = refusal(kinesis.create_stream, StreamName="vast", ShardCount=20_000)
    assert (code, "would exceed the shard limit" in message) == ("LimitExceededException", True)


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        ({}, "Either StreamName or StreamARN should be provided."),
        ({"StreamName": "a", "StreamARN": arn("b")}, "does not match"),
    ],
)
def test_a_request_names_one_stream(kinesis: Any, request_: dict[str, str], words: str) -> None:
    code, message = refusal(kinesis.describe_stream, **request_)
    assert (code, words in message) == ("InvalidArgumentException", True)


def test_what_is_not_here_is_refused_by_name(kinesis: Any) -> None:
    queue = {"QueueName": "q", "StreamConfigurationList": [{"StreamARN": arn("s")}]}
    assert refusal(kinesis.create_queue, **queue) == (
        "NotImplemented",
        "Wakeful does not have kinesis:CreateQueue yet.",
    )
