"""Consumers with enhanced fan-out: registered, and given what comes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from typing import Any

import pytest
from botocore.exceptions import EventStreamError

from tests.running_node import RunningNode
from tests.services.kinesis.conftest import FIRST, arn, made, refusal
from wakeful.fabric.journal import HASHES_MAX

Subscribe = Callable[..., Any]


def registered(kinesis: Any, stream: str, name: str = "c") -> str:
    return str(kinesis.register_stream_consumer(StreamARN=arn(stream), ConsumerName=name)["Consumer"]["ConsumerARN"])


@pytest.fixture
def subscribed(kinesis: Any) -> Iterator[Subscribe]:
    """Subscribes; what is open at the end of the test is closed."""
    with ExitStack() as stack:

        def subscribe(consumer: str, shard: str = FIRST, kind: str = "TRIM_HORIZON", **more: Any) -> Any:
            position = {"Type": kind, **more}
            answer = kinesis.subscribe_to_shard(ConsumerARN=consumer, ShardId=shard, StartingPosition=position)
            return stack.enter_context(closing(answer["EventStream"]))

        yield subscribe


def events(stream: Any) -> Iterator[dict[str, Any]]:
    for event in stream:
        yield event["SubscribeToShardEvent"]


def data_from(stream: Iterator[dict[str, Any]], count: int) -> list[bytes]:
    found: list[bytes] = []
    while len(found) < count:
        found += [record["Data"] for record in next(stream)["Records"]]
    return found


def test_consumers_are_registered_found_listed_and_gone(shared_node: RunningNode, kinesis: Any) -> None:
    name = made(kinesis, "watched")
    first, second = registered(kinesis, name, "one"), registered(kinesis, name, "two")
    assert first.startswith(f"{arn(name)}/consumer/one:")
    again = {"StreamARN": arn(name), "ConsumerName": "one"}
    assert refusal(kinesis.register_stream_consumer, **again)[0] == "ResourceInUseException"
    listed = kinesis.list_stream_consumers(StreamARN=arn(name), MaxResults=1)
    assert [each["ConsumerName"] for each in listed["Consumers"]] == ["one"]
    listed = kinesis.list_stream_consumers(StreamARN=arn(name), NextToken=listed["NextToken"])
    assert [each["ConsumerARN"] for each in listed["Consumers"]] == [second]
    by_name = kinesis.describe_stream_consumer(StreamARN=arn(name), ConsumerName="one")["ConsumerDescription"]
    by_arn = kinesis.describe_stream_consumer(ConsumerARN=first)["ConsumerDescription"]
    assert by_name == by_arn
    assert (by_arn["ConsumerStatus"], by_arn["StreamARN"]) == ("ACTIVE", arn(name))
    kinesis.deregister_stream_consumer(StreamARN=arn(name), ConsumerName="one")
    code, message = refusal(kinesis.describe_stream_consumer, ConsumerARN=first)
    assert (code, message.endswith(f"under stream {name}, account 000000000000 not found.")) == (
        "ResourceNotFoundException",
        True,
    )
    shared_node.advance(2)
    assert registered(kinesis, name, "one") != first


def test_a_stream_has_twenty_consumers_at_most(kinesis: Any) -> None:
    name = made(kinesis, "popular")
    for each in range(20):
        registered(kinesis, name, f"c{each}")
    request = {"StreamARN": arn(name), "ConsumerName": "one-more"}
    assert refusal(kinesis.register_stream_consumer, **request)[0] == "LimitExceededException"


def test_a_subscriber_has_what_is_there_and_what_comes(kinesis: Any, subscribed: Subscribe) -> None:
    name = made(kinesis, "pushed")
    kinesis.put_record(StreamName=name, Data=b"0", PartitionKey="a")
    stream = events(subscribed(registered(kinesis, name)))
    first = next(stream)
    assert [record["Data"] for record in first["Records"]] == [b"0"]
    assert first["ContinuationSequenceNumber"] == first["Records"][0]["SequenceNumber"]
    assert first["MillisBehindLatest"] == 0
    for each in (b"1", b"2"):
        kinesis.put_record(StreamName=name, Data=each, PartitionKey="a")
    assert data_from(stream, 2) == [b"1", b"2"]


def test_a_subscription_goes_on_behind_what_the_last_one_said(
    shared_node: RunningNode, kinesis: Any, subscribed: Subscribe
) -> None:
    name = made(kinesis, "resumed")
    consumer = registered(kinesis, name)
    kinesis.put_record(StreamName=name, Data=b"0", PartitionKey="a")
    first = subscribed(consumer)
    at = next(events(first))["ContinuationSequenceNumber"]
    first.close()
    kinesis.put_record(StreamName=name, Data=b"1", PartitionKey="a")
    shared_node.advance(6)
    again = events(subscribed(consumer, kind="AFTER_SEQUENCE_NUMBER", SequenceNumber=at))
    assert data_from(again, 1) == [b"1"]


def test_the_end_of_a_shard_ends_its_subscription_with_its_children(kinesis: Any, subscribed: Subscribe) -> None:
    name = made(kinesis, "ending")
    kinesis.put_record(StreamName=name, Data=b"0", PartitionKey="a")
    stream = events(subscribed(registered(kinesis, name)))
    assert data_from(stream, 1) == [b"0"]
    kinesis.split_shard(StreamName=name, ShardToSplit=FIRST, NewStartingHashKey=str(HASHES_MAX // 2))
    last = list(stream)[-1]
    assert [each["ParentShards"] for each in last["ChildShards"]] == [[FIRST], [FIRST]]
    assert "ContinuationSequenceNumber" not in last


def test_a_subscription_lasts_five_minutes_and_tells_that_it_lives(
    shared_node: RunningNode, kinesis: Any, subscribed: Subscribe
) -> None:
    name = made(kinesis, "timed")
    stream = events(subscribed(registered(kinesis, name), kind="LATEST"))
    empty = next(stream)
    assert (empty["Records"], empty["MillisBehindLatest"]) == ([], 0)
    assert int(empty["ContinuationSequenceNumber"]) > 0
    shared_node.advance(5)
    assert next(stream)["Records"] == []
    shared_node.advance(300)
    assert all(each["Records"] == [] for each in stream)  # and then it has ended
    kinesis.put_record(StreamName=name, Data=b"late", PartitionKey="a")


def test_a_second_subscriber_takes_over_after_five_seconds(
    shared_node: RunningNode, kinesis: Any, subscribed: Subscribe
) -> None:
    name = made(kinesis, "contested")
    consumer = registered(kinesis, name)
    first = events(subscribed(consumer, kind="LATEST"))
    next(first)
    request = {"ConsumerARN": consumer, "ShardId": FIRST, "StartingPosition": {"Type": "LATEST"}}
    code, message = refusal(kinesis.subscribe_to_shard, **request)
    assert (code, message.startswith("Another active subscription exists for this consumer: 000000000000:")) == (
        "ResourceInUseException",
        True,
    )
    shared_node.advance(6)
    second = events(subscribed(consumer, kind="LATEST"))
    next(second)
    with pytest.raises(EventStreamError, match="ResourceInUseException"):
        list(first)
    kinesis.put_record(StreamName=name, Data=b"x", PartitionKey="a")
    assert data_from(second, 1) == [b"x"]
    kinesis.deregister_stream_consumer(ConsumerARN=consumer)
    with pytest.raises(EventStreamError, match="ResourceNotFoundException"):
        list(second)


def test_subscriptions_that_cannot_be_are_refused(kinesis: Any) -> None:
    name = made(kinesis, "refusing")
    consumer = registered(kinesis, name)
    request = {"ConsumerARN": consumer, "ShardId": FIRST, "StartingPosition": {"Type": "LATEST"}}
    assert refusal(kinesis.subscribe_to_shard, **request, DryRun=True)[0] == "DryRunOperationException"
    missing = {**request, "ConsumerARN": f"{arn(name)}/consumer/none:1"}
    assert refusal(kinesis.subscribe_to_shard, **missing)[0] == "ResourceNotFoundException"
    missing = {**request, "ShardId": "shardId-000000000007"}
    assert refusal(kinesis.subscribe_to_shard, **missing)[0] == "ResourceNotFoundException"
    nowhere = {**request, "StartingPosition": {"Type": "AT_SEQUENCE_NUMBER"}}
    assert refusal(kinesis.subscribe_to_shard, **nowhere)[0] == "InvalidArgumentException"


def test_who_has_left_holds_nothing(shared_node: RunningNode, kinesis: Any, subscribed: Subscribe) -> None:
    name = made(kinesis, "left")
    consumer = registered(kinesis, name)
    stream = subscribed(consumer, kind="LATEST")
    next(events(stream))
    stream.close()
    wake = threading.Event()
    for _ in range(100):
        shared_node.advance(6)
        rows = shared_node.run(
            shared_node.node.store.read(
                lambda tx: tx.all("SELECT 1 FROM kinesis_subscriptions WHERE consumer = ?", consumer)
            )
        )
        if not rows:
            break
        wake.wait(0.05)
    assert rows == []
