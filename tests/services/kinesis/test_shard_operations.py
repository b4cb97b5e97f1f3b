"""Shards: listed, split, merged, counted; who reads them goes from parents to children."""

from __future__ import annotations

from typing import Any

from tests.running_node import RunningNode
from tests.services.kinesis.conftest import FIRST, arn, data_of, iterator, made, open_shards, refusal, shards_of
from wakeful.fabric.journal import HASHES_MAX

HALF = (HASHES_MAX + 1) // 2
DAY_S = 86_400


def ids(shards: list[dict[str, Any]]) -> list[int]:
    return [int(each["ShardId"].removeprefix("shardId-")) for each in shards]


def ranges(shards: list[dict[str, Any]]) -> list[tuple[int, int]]:
    found = (each["HashKeyRange"] for each in shards)
    return sorted((int(each["StartingHashKey"]), int(each["EndingHashKey"])) for each in found)


def covers(shards: list[dict[str, Any]]) -> bool:
    there = ranges(shards)
    return [0, *(last + 1 for _, last in there)] == [*(first for first, _ in there), HASHES_MAX + 1]


def test_a_split_shard_is_read_to_its_end_and_then_its_children(kinesis: Any) -> None:
    name = made(kinesis, "cut")
    held = iterator(kinesis, name)
    for each in (b"0", b"1"):
        kinesis.put_record(StreamName=name, Data=each, PartitionKey="a")
    kinesis.split_shard(StreamName=name, ShardToSplit=FIRST, NewStartingHashKey=str(HALF))
    kinesis.put_record(StreamName=name, Data=b"2", PartitionKey="a", ExplicitHashKey="0")
    kinesis.put_record(StreamName=name, Data=b"3", PartitionKey="a", ExplicitHashKey=str(HALF))
    page = kinesis.get_records(ShardIterator=held, Limit=1)
    assert "ChildShards" not in page
    last = kinesis.get_records(ShardIterator=page["NextShardIterator"])
    assert ([each["Data"] for each in last["Records"]], "NextShardIterator" in last) == ([b"1"], False)
    children = last["ChildShards"]
    assert [each["ParentShards"] for each in children] == [[FIRST], [FIRST]]
    assert ranges(children) == [(0, HALF - 1), (HALF, HASHES_MAX)]
    assert [data_of(kinesis, name, each["ShardId"]) for each in children] == [[b"2"], [b"3"]]
    parent, *others = shards_of(kinesis, name)
    ending = parent["SequenceNumberRange"]["EndingSequenceNumber"]
    assert int(ending) < min(int(each["SequenceNumberRange"]["StartingSequenceNumber"]) for each in others)
    for kind in ("AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER"):
        assert data_of(kinesis, name, FIRST, kind, StartingSequenceNumber=ending) == []


def test_a_closed_shard_ends_though_its_last_records_are_too_old(shared_node: RunningNode, kinesis: Any) -> None:
    name = made(kinesis, "emptied")
    kinesis.put_record(StreamName=name, Data=b"x", PartitionKey="a")
    shared_node.advance(DAY_S / 2)
    kinesis.split_shard(StreamName=name, ShardToSplit=FIRST, NewStartingHashKey=str(HALF))
    shared_node.advance(DAY_S / 2 + 60)
    answer = kinesis.get_records(ShardIterator=iterator(kinesis, name))
    assert (answer["Records"], "NextShardIterator" in answer, len(answer["ChildShards"])) == ([], False, 2)


def test_two_neighbours_become_one_with_both_as_parents(kinesis: Any) -> None:
    name = made(kinesis, "joined", 3)
    first, second, third = (each["ShardId"] for each in shards_of(kinesis, name))
    request = {"StreamName": name, "ShardToMerge": first}
    assert refusal(kinesis.merge_shards, **request, AdjacentShardToMerge=third) == (
        "InvalidArgumentException",
        f"Shards {first} and {third} in stream {name} under account 000000000000 are not an adjacent pair of shards"
        " eligible for merging",
    )
    kinesis.merge_shards(**request, AdjacentShardToMerge=second)
    made_one = shards_of(kinesis, name)[-1]
    assert (made_one["ParentShardId"], made_one["AdjacentParentShardId"]) == (first, second)
    assert covers(open_shards(kinesis, name))
    code, message = refusal(kinesis.merge_shards, **request, AdjacentShardToMerge=second)
    assert (code, "has already been merged or split" in message) == ("InvalidArgumentException", True)


def test_splits_that_cannot_be_are_refused(kinesis: Any) -> None:
    name = made(kinesis, "uncut")
    for at in (0, 1, HASHES_MAX, HASHES_MAX + 1):
        request = {"StreamName": name, "ShardToSplit": FIRST, "NewStartingHashKey": str(at)}
        code, message = refusal(kinesis.split_shard, **request)
        assert (code, f"NewStartingHashKey {at} used in SplitShard() on shard" in message) == (
            "InvalidArgumentException",
            True,
        )
    code, message = refusal(kinesis.split_shard, StreamName=name, ShardToSplit="x", NewStartingHashKey="5")
    assert (code, message) == (
        "ResourceNotFoundException",
        f"Could not find shard x in stream {name} under account 000000000000.",
    )


def test_a_stream_is_resized_and_loses_nothing(shared_node: RunningNode, kinesis: Any) -> None:
    name = made(kinesis, "resized", 2)
    put: dict[str, list[int]] = {}
    for at, target in enumerate((3, 5, 10, 7, 4)):
        for key in "abcdefgh":
            put.setdefault(key, []).append(at)
            kinesis.put_record(StreamName=name, Data=f"{key}{at}".encode(), PartitionKey=key)
        answer = kinesis.update_shard_count(StreamName=name, TargetShardCount=target, ScalingType="UNIFORM_SCALING")
        assert answer["TargetShardCount"] == target
        there = open_shards(kinesis, name)
        assert (len(there), covers(there)) == (target, True)
    every = shards_of(kinesis, name)
    assert ids(every) == list(range(len(every)))
    read: dict[str, list[int]] = {}
    for shard in every:  # parents come before their children
        for data in data_of(kinesis, name, shard["ShardId"]):
            read.setdefault(chr(data[0]), []).append(int(data[1:]))
    assert read == put


def test_resizing_has_its_bounds(shared_node: RunningNode, kinesis: Any) -> None:
    name = made(kinesis, "bounded", 2)
    resize = {"StreamName": name, "ScalingType": "UNIFORM_SCALING"}
    code, message = refusal(kinesis.update_shard_count, **resize, TargetShardCount=5)
    assert (code, message) == (
        "LimitExceededException",
        "UpdateShardCount cannot scale up over double your current open shard count. Current open shard count: 2,"
        " Target shard count: 5",
    )
    for target in (3, 4) * 5:
        kinesis.update_shard_count(**resize, TargetShardCount=target)
    assert "below half" in refusal(kinesis.update_shard_count, **resize, TargetShardCount=1)[1]
    assert "within 24 hours" in refusal(kinesis.update_shard_count, **resize, TargetShardCount=3)[1]
    shared_node.advance(DAY_S + 1)
    kinesis.update_shard_count(**resize, TargetShardCount=3)


def test_shards_are_listed_as_a_filter_wants_them(shared_node: RunningNode, kinesis: Any) -> None:
    name = made(kinesis, "filtered")
    shared_node.advance(3600)
    kinesis.split_shard(StreamName=name, ShardToSplit=FIRST, NewStartingHashKey=str(HALF))
    split = shared_node.node.clock.now()
    shared_node.advance(3600)

    def listed(**shard_filter: Any) -> list[int]:
        return ids(kinesis.list_shards(StreamName=name, ShardFilter=shard_filter)["Shards"])

    assert listed(Type="AT_LATEST") == [1, 2]
    assert listed(Type="AT_TRIM_HORIZON") == [0]
    assert listed(Type="FROM_TRIM_HORIZON") == [0, 1, 2]
    assert listed(Type="AT_TIMESTAMP", Timestamp=split - 60) == [0]
    assert listed(Type="AT_TIMESTAMP", Timestamp=split + 60) == [1, 2]
    assert listed(Type="FROM_TIMESTAMP", Timestamp=split - 60) == [0, 1, 2]
    assert listed(Type="FROM_TIMESTAMP", Timestamp=split + 60) == [1, 2]
    assert listed(Type="AFTER_SHARD_ID", ShardId="shardId-000000000001") == [2]
    shared_node.advance(DAY_S)
    assert ids(shards_of(kinesis, name)) == [1, 2]
    request = {"StreamName": name, "ShardId": FIRST, "ShardIteratorType": "TRIM_HORIZON"}
    assert refusal(kinesis.get_shard_iterator, **request)[0] == "ResourceNotFoundException"


def test_long_lists_come_in_pages(shared_node: RunningNode, kinesis: Any) -> None:
    name = made(kinesis, "long", 5)
    first = kinesis.list_shards(StreamARN=arn(name), MaxResults=3)
    second = kinesis.list_shards(NextToken=first["NextToken"])
    assert ids(first["Shards"]) + ids(second["Shards"]) == [0, 1, 2, 3, 4]
    assert "NextToken" not in second
    both = refusal(kinesis.list_shards, StreamName=name, NextToken=first["NextToken"])
    assert both == ("InvalidArgumentException", "NextToken and StreamName cannot be provided together.")
    for token in ("x", "e30=", "bnVsbA=="):
        assert refusal(kinesis.list_shards, NextToken=token)[0] == "InvalidArgumentException"
    shared_node.advance(301)
    assert refusal(kinesis.list_shards, NextToken=first["NextToken"])[0] == "ExpiredNextTokenException"
