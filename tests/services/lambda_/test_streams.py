"""Mappings on streams: what the function gets, and in which order. Only runs are made up."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from tests.services.dynamodb.following import make_table
from tests.services.lambda_.stream_stage import Failed, Stage, data_of, failing, letters, queue
from tests.services.lambda_.test_measuring import metric, total
from wakeful import limits
from wakeful.fabric import journal
from wakeful.services.kinesis.followed import Followed
from wakeful.services.lambda_.sources import mappings
from wakeful.services.lambda_.sources.streams.follower import Follower
from wakeful.services.lambda_.sources.streams.turn import Turn
from wakeful.store import work

pytestmark = pytest.mark.slow


def test_what_is_in_the_stream_and_what_comes_reaches_the_function_in_order_and_once(stage: Stage) -> None:
    stage.put("a", "b")
    uuid = stage.map(BatchSize=2)
    assert stage.batches() == [["a", "b"]]
    stage.put("c", "d", "e")
    assert stage.batches() == [["a", "b"], ["c", "d"], ["e"]]
    (record, *_) = stage.events[0]["Records"]
    assert record["invokeIdentityArn"].endswith(":role/function")
    assert stage.shown(uuid)["LastProcessingResult"] == "OK"
    assert stage.checkpoints(uuid)["s0", 0].position == stage.put("f")[0] - 1


@pytest.mark.parametrize(("position", "wanted"), [("TRIM_HORIZON", "abcd"), ("LATEST", "d"), ("AT_TIMESTAMP", "cd")])
def test_it_begins_where_it_is_told(stage: Stage, position: str, wanted: str) -> None:
    stage.put("a", "b")
    stage.node.advance(60)
    at = stage.node.node.clock.now()
    stage.put("c")
    more = {"StartingPositionTimestamp": at - 1} if position == "AT_TIMESTAMP" else {}
    stage.map(StartingPosition=position, **more)
    stage.put("d")
    assert "".join(each for batch in stage.batches() for each in batch) == wanted


def test_one_that_was_made_disabled_begins_when_it_is_enabled_and_goes_on_where_it_was(stage: Stage) -> None:
    uuid = stage.map(StartingPosition="LATEST", Enabled=False)
    stage.put("before")
    stage.client.update_event_source_mapping(UUID=uuid, Enabled=True)
    stage.put("a")
    assert stage.batches() == [["a"]]
    stage.client.update_event_source_mapping(UUID=uuid, Enabled=False)
    stage.node.settle()
    stage.put("b")
    assert (stage.shown(uuid)["State"], stage.batches()) == ("Disabled", [["a"]])
    stage.client.update_event_source_mapping(UUID=uuid, Enabled=True)
    assert stage.batches() == [["a"], ["b"]]
    stage.client.delete_event_source_mapping(UUID=uuid)
    stage.node.settle()
    assert stage.checkpoints(uuid) == {}


def test_a_window_gathers_what_comes_within_it(stage: Stage) -> None:
    stage.map(MaximumBatchingWindowInSeconds=20, BatchSize=10)
    stage.put("a")
    stage.node.settle()
    stage.node.advance(10)
    stage.put("b")
    assert stage.batches() == []
    stage.node.advance(11)
    assert stage.batches() == [["a", "b"]]
    stage.put(*map(str, range(10)))
    assert len(stage.batches()) == 2, "a batch that is full waits for no window"


def test_filters_let_go_by_what_they_do_not_want(stage: Stage) -> None:
    pattern = json.dumps({"data": {"kind": ["order"]}})
    uuid = stage.map(FilterCriteria={"Filters": [{"Pattern": pattern}, {"Pattern": '{"partitionKey": ["vip"]}'}]})
    order, noise = '{"kind": "order"}', '{"kind": "noise"}'
    stage.put(noise, "no json", order, noise, "vip|anything")
    assert stage.batches() == [[order, "anything"]]
    stage.put(noise)
    stage.client.update_event_source_mapping(UUID=uuid, FilterCriteria={})
    stage.put("last")
    assert stage.batches()[-1][-1] == "last"


def test_what_is_large_is_read_after_what_nobody_wants(stage: Stage) -> None:
    stage.map(FilterCriteria={"Filters": [{"Pattern": '{"data": {"kind": ["order"]}}'}]})
    large = json.dumps({"kind": "order", "text": "x" * limits.LAMBDA_STREAM_SCANNED_BYTES})
    stage.put("no json")
    stage.node.settle()
    stage.put("no json", large)
    assert stage.batches() == [[large]]


def test_another_stream_of_the_same_name_is_followed_from_its_beginning(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stage.node.node, "streams", {**stage.node.node.streams, "kinesis": Followed()})
    kinesis = stage.node.client("kinesis")
    kinesis.create_stream(StreamName=stage.name, ShardCount=1)
    uuid = stage.map()
    kinesis.put_record(StreamName=stage.name, Data=b"before", PartitionKey="k")
    assert stage.batches() == [["before"]]
    kinesis.delete_stream(StreamName=stage.name)
    stage.node.settle()
    assert stage.shown(uuid)["LastProcessingResult"] == f"PROBLEM: Stream not found: {stage.arn}"
    kinesis.create_stream(StreamName=stage.name, ShardCount=1)
    kinesis.put_record(StreamName=stage.name, Data=b"after", PartitionKey="k")
    assert stage.batches() == [["before"], ["after"]]


def test_a_batch_is_no_larger_than_an_event_and_what_no_event_holds_is_given_up(stage: Stage) -> None:
    url, arn = queue(stage)
    stage.put(*(f"{number}" + " " * 2_000_000 for number in range(3)), "L" * 6_000_000, "after")
    stage.map(DestinationConfig={"OnFailure": {"Destination": arn}})
    assert [[data.strip() for data in batch] for batch in stage.batches()] == [["0", "1"], ["2"], ["after"]]
    (letter,) = letters(stage, url)
    assert (letter["KinesisBatchInfo"]["batchSize"], "responseContext" in letter) == (1, False)


# --- shards and lanes ------------------------------------------------------------------------------------------------


def test_children_are_read_when_their_parents_have_been(stage: Stage) -> None:
    stage.write(journal.open_shard, stage.arn, "s1")
    stage.close()
    uuid = stage.map(BatchSize=1)
    stage.put("a1", "a2")
    stage.put("b1", shard="s1")
    stage.until(lambda: stage.running == 2)
    stage.merge("s0", "s1", into="s2")
    stage.put("c1", shard="s2")
    stage.open()
    stage.node.settle()
    assert stage.batches()[-1] == ["c1"]
    assert sorted(stage.batches()) == [["a1"], ["a2"], ["b1"], ["c1"]]
    stage.merge("s2", into="s3")
    stage.put("d1", shard="s3")
    assert stage.batches()[-1] == ["d1"]
    assert {shard for shard, _ in stage.checkpoints(uuid)} == {"s0", "s1", "s2", "s3"}


def test_a_stream_that_is_deleted_and_made_again_is_followed_again(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def made() -> None:
        kinesis.create_stream(StreamName=stage.name, ShardCount=1)
        stage.node.settle()

    def put(data: str) -> list[list[str]]:
        kinesis.put_record(StreamName=stage.name, Data=data, PartitionKey="k")
        return stage.batches()

    monkeypatch.setattr(stage.node.node, "streams", {**stage.node.node.streams, "kinesis": Followed()})
    kinesis = stage.node.client("kinesis")
    made()
    uuid = stage.map()
    assert put("a") == [["a"]]
    kinesis.delete_stream(StreamName=stage.name)
    stage.node.settle()
    assert stage.shown(uuid)["LastProcessingResult"] == f"PROBLEM: Stream not found: {stage.arn}"
    made()
    assert put("b") == [["a"], ["b"]]
    assert put("c") == [["a"], ["b"], ["c"]]


def test_lanes_run_beside_one_another_and_a_key_keeps_its_order(stage: Stage) -> None:
    stage.close()
    stage.map(ParallelizationFactor=4, BatchSize=1)
    keys = [f"key{number}" for number in range(12)]
    stage.put(*(f"{key}|{key}:{number}" for number in range(3) for key in keys))
    stage.until(lambda: stage.running == 4)
    stage.open()
    seen = [data for batch in stage.batches() for data in batch]
    assert stage.most == 4
    assert len(seen) == 36
    for key in keys:
        assert [data for data in seen if data.startswith(f"{key}:")] == [f"{key}:{number}" for number in range(3)]


def test_another_number_of_lanes_is_taken_when_all_have_come_equally_far(stage: Stage) -> None:
    stage.answer = failing("bad")
    uuid = stage.map(ParallelizationFactor=3, BatchSize=2)
    stage.put("k|bad", "k|behind", *(f"key{number}|{number}" for number in range(8)))
    stage.node.settle()
    stage.client.update_event_source_mapping(UUID=uuid, ParallelizationFactor=2)
    stage.put("k|last")
    stage.node.settle()
    assert {lane for _, lane in stage.checkpoints(uuid)} == {0, 1, 2}
    stage.answer = lambda event: None
    stage.node.advance(40)
    assert {lane for _, lane in stage.checkpoints(uuid)} == {0, 1}
    seen = [data for batch in stage.batches() for data in batch]
    assert seen[-1] == "last"
    assert set(seen) == {"bad", "behind", "last", *map(str, range(8))}


def test_another_number_of_lanes_waits_for_the_batch_that_is_in_work(stage: Stage) -> None:
    def lanes(shard: str) -> set[int]:
        return {lane for name, lane in stage.checkpoints(uuid) if name == shard}

    stage.close()
    stage.write(journal.open_shard, stage.arn, "s1")
    uuid = stage.map(BatchSize=4)
    stage.put("1", "2", "3", "4")
    stage.until(lambda: stage.running == 1)
    stage.client.update_event_source_mapping(UUID=uuid, ParallelizationFactor=2)
    stage.put("last")
    stage.put("other", shard="s1")
    stage.until(lambda: stage.running == 2)
    assert (lanes("s0"), lanes("s1")) == ({0}, {0, 1})
    stage.open()
    assert stage.batches() == [["1", "2", "3", "4"], ["other"], ["last"]]
    assert lanes("s0") == {0, 1}


# --- tumbling windows ------------------------------------------------------------------------------------------------


def summing(event: dict[str, Any]) -> Any:
    """What the documentation's example does: the state is how much there is of each."""
    state = dict(event["state"])
    for data in data_of(event):
        state[data] = state.get(data, 0) + 1
    return {"state": state}


def test_a_tumbling_window_carries_its_state_to_its_end(stage: Stage) -> None:
    stage.answer = summing
    clock = stage.node.node.clock
    stage.node.advance(120 - clock.now() % 120 + 1)  # a window has just begun
    stage.map(TumblingWindowInSeconds=120, BatchSize=2)
    stage.put("a", "b", "a")
    stage.node.settle()
    stage.node.advance(125)
    stage.put("c")
    stage.node.settle()
    first, second, last, next_one = stage.events
    assert [data_of(each) for each in stage.events] == [["a", "b"], ["a"], [], ["c"]]
    assert [each["state"] for each in stage.events] == [{}, {"a": 1, "b": 1}, {"a": 2, "b": 1}, {}]
    assert [each["isFinalInvokeForWindow"] for each in stage.events] == [False, False, True, False]
    assert first["window"] == second["window"] == last["window"] != next_one["window"]
    assert (first["shardId"], first["eventSourceARN"]) == ("s0", stage.arn)


def test_a_window_whose_function_says_no_state_has_failed_and_one_too_large_ends_early(stage: Stage) -> None:
    stage.answer = lambda event: {}
    clock = stage.node.node.clock
    stage.node.advance(600 - clock.now() % 600 + 1)
    uuid = stage.map(TumblingWindowInSeconds=600)
    stage.put("a")
    stage.node.settle()
    assert stage.shown(uuid)["LastProcessingResult"] == "PROBLEM: Function call failed"
    stage.answer = lambda event: {"state": {"x": "y" * 1_100_000}} if event["Records"] else None
    stage.node.advance(40)
    again, early = stage.events[-2:]
    assert (data_of(again), again["isWindowTerminatedEarly"]) == (["a"], False)
    assert (early["Records"], early["isWindowTerminatedEarly"], early["isFinalInvokeForWindow"]) == ([], True, False)
    stage.answer = summing
    stage.put("b")
    stage.node.settle()
    assert (stage.events[-1]["state"], stage.events[-1]["window"]) == ({}, early["window"])


def test_the_last_of_a_window_is_run_again_until_it_goes_well_and_a_shard_that_ends_ends_its_window(
    stage: Stage,
) -> None:
    def answer(event: dict[str, Any]) -> Any:
        finals.extend([event] if event["isFinalInvokeForWindow"] else [])
        if event["isFinalInvokeForWindow"] and len(finals) < 3:
            raise Failed
        return summing(event)

    finals: list[dict[str, Any]] = []
    stage.answer = answer
    stage.map(TumblingWindowInSeconds=900)
    stage.put("a")
    stage.node.settle()
    stage.merge("s0", into="s1")
    stage.put("b", shard="s1")
    stage.node.settle()
    stage.node.advance(5)
    assert [each["state"] for each in finals] == [{"a": 1}] * 3
    assert data_of(stage.events[-1]) == ["b"]
    assert (stage.events[-1]["shardId"], stage.events[-1]["state"]) == ("s1", {})


# --- what is told, and tables ----------------------------------------------------------------------------------------


def test_it_is_counted_what_becomes_of_entries_and_how_old_they_were(stage: Stage) -> None:
    url, arn = queue(stage)
    stage.answer = failing("bad")
    pattern = json.dumps({"partitionKey": [{"anything-but": "noise"}]})
    uuid = stage.map(
        MaximumRetryAttempts=0,
        MetricsConfig={"Metrics": ["EventCount"]},
        FilterCriteria={"Filters": [{"Pattern": pattern}]},
        BatchSize=1,
        Enabled=False,
    )
    stage.put("good", "noise|x", "bad", "well")
    stage.client.update_event_source_mapping(UUID=uuid, Enabled=True)
    stage.node.settle()
    stage.client.update_event_source_mapping(UUID=uuid, DestinationConfig={"OnFailure": {"Destination": arn}})
    stage.put("bad")
    stage.node.settle()
    names = (
        *("PolledEventCount", "FilteredOutEventCount", "InvokedEventCount", "FailedInvokeEventCount"),
        *("DroppedEventCount", "OnFailureDestinationDeliveredEventCount"),
    )
    assert [total(stage.node, name, EventSourceMappingUUID=uuid) for name in names] == [5, 1, 4, 2, 1, 1]
    (age,) = metric(stage.node, "IteratorAge", "SampleCount", FunctionName=stage.name)
    assert age == 4
    assert len(letters(stage, url)) == 1


def test_every_change_of_a_table_reaches_the_function_in_the_order_of_its_item(stage: Stage) -> None:
    arn = make_table(stage.node, stage.name)
    pattern = json.dumps({"eventName": ["INSERT", "MODIFY"], "dynamodb": {"Keys": {"p": {"S": [{"prefix": "i"}]}}}})
    url, failed = queue(stage)
    stage.map(
        EventSourceArn=arn,
        ParallelizationFactor=2,
        FilterCriteria={"Filters": [{"Pattern": pattern}]},
        DestinationConfig={"OnFailure": {"Destination": failed}},
        MaximumRetryAttempts=0,
    )
    table = stage.node.client("dynamodb")
    for number in range(5):
        for item in ("i1", "i2", "other"):
            table.put_item(TableName=stage.name, Item={"p": {"S": item}, "n": {"N": str(number)}})
    stage.node.settle()
    images = [each["dynamodb"]["NewImage"] for event in stage.events for each in event["Records"]]
    for item in ("i1", "i2"):
        assert [int(image["n"]["N"]) for image in images if image["p"]["S"] == item] == list(range(5))
    assert {image["p"]["S"] for image in images} == {"i1", "i2"}
    assert all(each["eventSourceARN"] == arn for event in stage.events for each in event["Records"])
    stage.answer = lambda event: raised()
    table.put_item(TableName=stage.name, Item={"p": {"S": "i1"}, "n": {"N": "9"}})
    (letter,) = letters(stage, url)
    told = letter["DDBStreamBatchInfo"]
    sequence = stage.events[-1]["Records"][0]["dynamodb"]["SequenceNumber"]
    assert (told["startSequenceNumber"], told["endSequenceNumber"], told["streamArn"]) == (sequence, sequence, arn)
    assert len(told["approximateArrivalOfFirstRecord"]) == len("2019-11-14T00:13:19Z")


def test_a_mistake_of_ours_in_one_lane_is_told_and_the_entries_come_again(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(self: Any, *what: Any) -> Any:
        monkeypatch.setattr(Turn, "take", really)
        raise ValueError("a mistake")

    really = Turn.take
    monkeypatch.setattr(Turn, "take", broken)
    stage.map()
    stage.put("a")
    stage.node.settle()
    stage.node.advance(1)
    assert stage.batches() == [["a"]]
    assert "was not settled" in caplog.text


def test_a_batch_whose_pause_ends_while_others_are_looked_at_is_not_taken_for_nothing(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def slow(self: Any, mapping: Any) -> Any:
        view = await really(self, mapping)
        while any(lane.is_busy for lane in (self._lanes or {}).values()):  # noqa: ASYNC110 - nobody tells us
            await asyncio.sleep(0)
        stage.node.node.clock.advance(0.15)
        return view

    really = Follower._look
    monkeypatch.setattr(Follower, "_look", slow)
    stage.answer = failing("bad")
    uuid = stage.map()
    stage.put("bad")
    stage.until(lambda: stage.tries >= 3)
    assert stage.checkpoints(uuid)["s0", 0].pending
    stage.answer = lambda event: None
    stage.until(lambda: not stage.checkpoints(uuid)["s0", 0].pending)
    assert stage.shown(uuid)["LastProcessingResult"] == "OK"
    assert stage.events[-1]["Records"]


def test_lanes_that_are_far_behind_are_not_all_read_at_once(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    async def looked(self: Any, mapping: Any) -> Any:
        view = await really(self, mapping)
        if view is not None:
            read.append(sum(entry.size for entries, _ in view.entries.values() for entry in entries))
        return view

    read: list[int] = []
    really = Follower._look
    monkeypatch.setattr(Follower, "_look", looked)
    monkeypatch.setattr(limits, "LAMBDA_STREAM_LOOKED_BYTES", 1500)
    for shard in ("s1", "s2", "s3"):
        stage.write(journal.open_shard, stage.arn, shard)
    for shard in ("s0", "s1", "s2", "s3"):
        stage.put("noise" * 200, shard=shard)
    stage.put("wanted|last", shard="s3")
    stage.map(FilterCriteria={"Filters": [{"Pattern": '{"partitionKey": ["wanted"]}'}]})
    assert stage.batches() == [["last"]]
    assert max(read) < 2500


def test_who_was_taken_for_dead_follows_no_more(stage: Stage) -> None:
    def given_to_another(tx: Any) -> None:
        tx.lock("work", uuid)
        tx.run("UPDATE work_items SET attempts = attempts + 1 WHERE name = ?", f"{mappings.KIND} {uuid}")

    uuid = stage.map()
    stage.put("a")
    assert stage.batches() == [["a"]]
    stage.write(given_to_another)
    stage.put("b")
    before = stage.checkpoints(uuid)
    assert stage.batches() == [["a"], ["b"]], "it finds out when it settles"
    stage.put("c")
    assert stage.batches() == [["a"], ["b"]]
    assert stage.checkpoints(uuid) == before

    def free(tx: Any) -> None:
        tx.lock("work", uuid)
        tx.run("UPDATE work_items SET holder = NULL WHERE name = ?", f"{mappings.KIND} {uuid}")
        tx.wake(work.wake_name(mappings.KIND))

    stage.write(free)
    stage.until(lambda: stage.batches() == [["a"], ["b"], ["b", "c"]])


def raised() -> None:
    raise Failed
