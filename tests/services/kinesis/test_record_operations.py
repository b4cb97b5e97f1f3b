"""Records: put and read."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.running_node import RunningNode, running_node
from tests.services.kinesis.conftest import arn, data_of, iterator, made, refusal, shards_of
from wakeful.fabric.journal import HASHES_MAX
from wakeful.fabric.trace import new_trace
from wakeful.services.kinesis import hashes, record_operations, records
from wakeful.services.kinesis import stream as streams
from wakeful.store.tx import Tx

FIRST, SECOND = "shardId-000000000000", "shardId-000000000001"
HALF = (HASHES_MAX + 1) // 2


def test_keys_say_which_shard_takes_a_record_and_order_stays(kinesis: Any) -> None:
    name = made(kinesis, "keyed", 2)
    keys = [f"key-{each % 7}" for each in range(60)]
    entries = [{"Data": b"%d" % at, "PartitionKey": key} for at, key in enumerate(keys)]
    answer = kinesis.put_records(StreamName=name, Records=entries)
    assert answer["FailedRecordCount"] == 0
    wanted = [FIRST if hashes.of(key.encode()) < HALF else SECOND for key in keys]
    assert [each["ShardId"] for each in answer["Records"]] == wanted
    for shard in (FIRST, SECOND):
        found = kinesis.get_records(ShardIterator=iterator(kinesis, name, shard))
        assert [int(each["Data"]) for each in found["Records"]] == [
            at for at, each in enumerate(wanted) if each == shard
        ]
        numbers = [int(each["SequenceNumber"]) for each in found["Records"]]
        assert numbers == sorted(set(numbers))
        told = [each["SequenceNumber"] for each in answer["Records"] if each["ShardId"] == shard]
        assert told == [each["SequenceNumber"] for each in found["Records"]]
        assert found["MillisBehindLatest"] == 0


def test_an_explicit_hash_overrides_the_key(kinesis: Any) -> None:
    name = made(kinesis, "explicit", 2)
    for explicit, shard in ((0, FIRST), (HALF - 1, FIRST), (HALF, SECOND), (HASHES_MAX, SECOND)):
        answer = kinesis.put_record(StreamName=name, Data=b"", PartitionKey="a", ExplicitHashKey=str(explicit))
        assert answer["ShardId"] == shard
    request = {"StreamName": name, "Data": b"", "PartitionKey": "a", "ExplicitHashKey": str(HASHES_MAX + 1)}
    assert refusal(kinesis.put_record, **request) == (
        "InvalidArgumentException",
        "Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. Specified value was"
        f" {HASHES_MAX + 1}",
    )


def test_every_starting_position_is_where_it_says(shared_node: RunningNode, kinesis: Any) -> None:
    name = made(kinesis, "placed")
    put = [kinesis.put_record(StreamName=name, Data=b"%d" % each, PartitionKey="a") for each in range(3)]
    between = shared_node.node.clock.now()
    shared_node.advance(10)
    put += [kinesis.put_record(StreamName=name, Data=b"%d" % each, PartitionKey="a") for each in range(3, 6)]
    numbers = [each["SequenceNumber"] for each in put]
    latest = iterator(kinesis, name, kind="LATEST")
    assert data_of(kinesis, name) == [b"0", b"1", b"2", b"3", b"4", b"5"]
    at = {"StartingSequenceNumber": numbers[3]}
    assert data_of(kinesis, name, kind="AT_SEQUENCE_NUMBER", **at) == [b"3", b"4", b"5"]
    assert data_of(kinesis, name, kind="AFTER_SEQUENCE_NUMBER", **at) == [b"4", b"5"]
    assert data_of(kinesis, name, kind="AT_TIMESTAMP", Timestamp=between + 5) == [b"3", b"4", b"5"]
    assert data_of(kinesis, name, kind="AT_TIMESTAMP", Timestamp=0) == [b"%d" % each for each in range(6)]
    starting = shards_of(kinesis, name)[0]["SequenceNumberRange"]["StartingSequenceNumber"]
    assert len(data_of(kinesis, name, kind="AT_SEQUENCE_NUMBER", StartingSequenceNumber=starting)) == 6
    kinesis.put_record(StreamName=name, Data=b"new", PartitionKey="a")
    assert [each["Data"] for each in kinesis.get_records(ShardIterator=latest)["Records"]] == [b"new"]


def test_the_first_shard_of_a_node_is_read_from_where_it_says_that_it_starts(node: RunningNode) -> None:
    kinesis = node.client("kinesis")
    name = made(kinesis, "first")
    starting = shards_of(kinesis, name)[0]["SequenceNumberRange"]["StartingSequenceNumber"]
    kinesis.put_record(StreamName=name, Data=b"a", PartitionKey="a")
    assert data_of(kinesis, name, kind="AT_SEQUENCE_NUMBER", StartingSequenceNumber=starting) == [b"a"]


def test_reading_goes_on_where_it_stopped_and_says_how_far_behind_it_is(shared_node: RunningNode, kinesis: Any) -> None:
    name = made(kinesis, "paged")
    kinesis.put_records(StreamName=name, Records=[{"Data": b"%d" % each, "PartitionKey": "a"} for each in range(5)])
    shared_node.advance(20)
    at, found, behind = iterator(kinesis, name), [], []
    for _ in range(3):
        answer = kinesis.get_records(ShardIterator=at, Limit=2)
        found += [int(each["Data"]) for each in answer["Records"]]
        behind.append(answer["MillisBehindLatest"] // 10_000)
        at = answer["NextShardIterator"]
    assert (found, behind) == ([0, 1, 2, 3, 4], [2, 2, 0])
    assert kinesis.get_records(ShardIterator=at)["Records"] == []


def test_an_iterator_is_good_for_five_minutes(shared_node: RunningNode, kinesis: Any) -> None:
    name = made(kinesis, "expiring")
    held = iterator(kinesis, name)
    shared_node.advance(301)
    code, message = refusal(kinesis.get_records, ShardIterator=held)
    assert code == "ExpiredIteratorException"
    assert message.startswith("Iterator expired. The iterator was created at time ")
    assert message.endswith("further in the future than the tolerated delay of 300000 milliseconds.")
    for bad in ("x", "AAAAAAAAAAE=", held[:-8], "é"):
        assert refusal(kinesis.get_records, ShardIterator=bad) == ("InvalidArgumentException", "Invalid ShardIterator.")


def test_positions_that_are_none_are_refused(kinesis: Any) -> None:
    name, other = made(kinesis, "nowhere", 2), made(kinesis, "elsewhere", 1)
    put = kinesis.put_record(StreamName=other, Data=b"x", PartitionKey="a")

    def refused(**more: Any) -> str:
        request = {"StreamName": name, "ShardId": FIRST, **more}
        code, message = refusal(kinesis.get_shard_iterator, **request)
        assert code == "InvalidArgumentException"
        return message

    assert refused(ShardIteratorType="AT_SEQUENCE_NUMBER").endswith("and no StartingSequenceNumber.")
    both = {"ShardIteratorType": "LATEST", "StartingSequenceNumber": put["SequenceNumber"]}
    assert refused(**both).endswith("Request specified LATEST and also a StartingSequenceNumber.")
    later = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=4000)
    assert "cannot be greater than the current" in refused(ShardIteratorType="AT_TIMESTAMP", Timestamp=later)
    assert "has no timestamp parameter" in refused(ShardIteratorType="AT_TIMESTAMP")
    wrong = {"ShardIteratorType": "AT_SEQUENCE_NUMBER", "StartingSequenceNumber": "17"}
    assert refused(**wrong).endswith("is invalid.")
    second = shards_of(kinesis, name)[1]["SequenceNumberRange"]["StartingSequenceNumber"]
    assert f"It encodes {SECOND}" in refused(**{**wrong, "StartingSequenceNumber": second})
    code, message = refusal(
        kinesis.get_shard_iterator, StreamName=name, ShardId="shardId-000000000009", ShardIteratorType="LATEST"
    )
    assert code == "ResourceNotFoundException"
    assert message == f"Shard shardId-000000000009 in stream {name} under account 000000000000 does not exist"


def test_a_number_of_another_stream_is_none_of_this_one(shared_node: RunningNode, kinesis: Any) -> None:
    made(kinesis, "older")
    put = kinesis.put_record(StreamName="older", Data=b"x", PartitionKey="a")
    shared_node.advance(2)
    made(kinesis, "newer")
    request = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "StartingSequenceNumber": put["SequenceNumber"]}
    code, message = refusal(kinesis.get_shard_iterator, StreamName="newer", ShardId=FIRST, **request)
    assert (code, message.endswith("is invalid because it did not come from this stream.")) == (
        "InvalidArgumentException",
        True,
    )


def test_records_are_as_large_as_their_stream_lets_them(kinesis: Any) -> None:
    name = made(kinesis, "large")
    kinesis.put_record(StreamName=name, Data=b"x" * (1024 * 1024 - 1), PartitionKey="a")
    code, message = refusal(kinesis.put_record, StreamName=name, Data=b"x" * 1024 * 1024, PartitionKey="a")
    assert (code, message.endswith("Member must have length less than or equal to 1048576")) == (
        "ValidationException",
        True,
    )
    entries = [{"Data": b"", "PartitionKey": "a"}, {"Data": b"x" * 1024 * 1024, "PartitionKey": "a"}]
    assert "'records.2.member.data'" in refusal(kinesis.put_records, StreamName=name, Records=entries)[1]
    kinesis.update_max_record_size(StreamARN=arn(name), MaxRecordSizeInKiB=10_240)
    kinesis.put_record(StreamName=name, Data=b"y" * 10_000_000, PartitionKey="a")
    entries = [{"Data": b"x" * 5_300_000, "PartitionKey": "a"}] * 2
    assert refusal(kinesis.put_records, StreamName=name, Records=entries) == (
        "InvalidArgumentException",
        "Records size exceeds 10 MB limit",
    )
    first = kinesis.get_records(ShardIterator=iterator(kinesis, name))
    assert [len(each["Data"]) for each in first["Records"]] == [1024 * 1024 - 1]
    second = kinesis.get_records(ShardIterator=first["NextShardIterator"])
    assert [len(each["Data"]) for each in second["Records"]] == [10_000_000]


def test_aggregated_records_are_left_whole(kinesis: Any) -> None:
    name, packed = made(kinesis, "packed"), b"\xf3\x89\x9a\xc2" + bytes(range(256)) * 4
    kinesis.put_record(StreamName=name, Data=packed, PartitionKey="a")
    assert data_of(kinesis, name) == [packed]


def test_the_number_before_is_looked_at(kinesis: Any) -> None:
    name = made(kinesis, "after-that")
    first = kinesis.put_record(StreamName=name, Data=b"1", PartitionKey="a")["SequenceNumber"]
    request = {"StreamName": name, "Data": b"2", "PartitionKey": "a"}
    second = kinesis.put_record(**request, SequenceNumberForOrdering=first)["SequenceNumber"]
    assert int(second) > int(first)
    code, message = refusal(kinesis.put_record, **request, SequenceNumberForOrdering="17")
    assert (code, message) == (
        "InvalidArgumentException",
        f"ExclusiveMinimumSequenceNumber 17 used in PutRecord on stream {name} under account 000000000000 is invalid.",
    )


def test_a_dry_run_says_whether_and_does_nothing(kinesis: Any) -> None:
    name = made(kinesis, "dry")
    entry = {"Data": b"x", "PartitionKey": "a"}
    for call, request in (
        (kinesis.put_record, {"StreamName": name, **entry}),
        (kinesis.put_records, {"StreamName": name, "Records": [entry]}),
        (kinesis.get_records, {"ShardIterator": iterator(kinesis, name)}),
        (kinesis.get_shard_iterator, {"StreamName": name, "ShardId": FIRST, "ShardIteratorType": "LATEST"}),
    ):
        assert refusal(call, **request, DryRun=True)[0] == "DryRunOperationException"
    assert data_of(kinesis, name) == []
    assert refusal(kinesis.put_record, StreamName="none", **entry, DryRun=True)[0] == "ResourceNotFoundException"


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder: Path = tmp_path_factory.mktemp("strict")
    with running_node(folder / "data", limit_shards=True) as node:
        yield node


def test_a_shard_takes_and_gives_so_much_a_second_where_that_is_asked_for(strict: RunningNode) -> None:
    kinesis = strict.client("kinesis")
    name = made(kinesis, "slow", 2)
    held = iterator(kinesis, name, SECOND)
    answer = kinesis.put_records(StreamName=name, Records=[{"Data": b"x" * 3000, "PartitionKey": "a"}] * 500)
    assert answer["FailedRecordCount"] == 500 - 1024 * 1024 // 3001
    last = answer["Records"][-1]
    assert last["ErrorCode"] == "ProvisionedThroughputExceededException"
    assert last["ErrorMessage"] == f"Rate exceeded for shard {FIRST} in stream {name} under account 000000000000."

    def in_one_moment(tx: Tx) -> list[int]:
        stream = streams.find(tx, arn(name))
        entry = records.given("a", b"x", str(HALF))
        puts = [records.put(tx, stream, [entry] * 400, new_trace(tx.now))[1] for _ in range(3)]
        large = records.given("a", b"x" * 2_000_000, str(HALF))
        puts.append(records.put(tx, stream, [large], new_trace(tx.now))[1])
        return [sum(each.sequence is not None for each in put) for put in puts]

    assert strict.run(strict.node.store.write(in_one_moment)) == [400, 400, 200, 0]

    def read_in_one_moment(tx: Tx) -> list[bool]:
        return [record_operations._get(tx, {"ShardIterator": held}).is_refused for _ in range(6)]

    assert strict.run(strict.node.store.read(read_in_one_moment)) == [False] * 5 + [True]
