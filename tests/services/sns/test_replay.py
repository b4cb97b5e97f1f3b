"""Archives and replays: what is kept and for how long, who gets it again, in what order, and after a crash too."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.running_node import RunningNode, running_node
from tests.services.cloudwatch.test_of_services import totals
from tests.services.sink import Sink
from tests.services.sns.test_fifo import NAMES, fifo_sink, made
from tests.services.sns.test_topic import attributes, refusal
from wakeful import limits
from wakeful.services.sns import replay as replays
from wakeful.services.sns import replaying
from wakeful.store.tx import Tx

DAY_S = 86_400
SEVEN_DAYS = '{"MessageRetentionPeriod": "7"}'


@pytest.fixture(scope="module")
def node(shared_node: RunningNode) -> RunningNode:
    """Every test has topics and queues of its own."""
    return shared_node


@pytest.fixture(scope="module")
def sns(node: RunningNode) -> Any:
    return node.client("sns")


@pytest.fixture
def topic(sns: Any) -> str:
    return made(sns, ArchivePolicy=SEVEN_DAYS)


def publish(sns: Any, topic: str, *bodies: str, **more: Any) -> None:
    for body in bodies:
        identity = f"{body}-{next(NAMES)}"
        sns.publish(TopicArn=topic, Message=body, MessageGroupId="g", MessageDeduplicationId=identity, **more)


def moment(node: RunningNode) -> str:
    """Now, as the node has it."""
    return datetime.fromtimestamp(node.node.clock.now(), UTC).isoformat()


def policy(start: str, end: str | None = None) -> str:
    ending = {} if end is None else {"EndingPoint": end}
    return json.dumps({"PointType": "Timestamp", "StartingPoint": start, **ending})


def from_the_beginning(sns: Any, topic: str) -> str:
    return policy(attributes(sns, topic)["BeginningArchiveTime"])


def subscription_of(sns: Any, topic: str, queue: Sink) -> str:
    (arn,) = (
        each["SubscriptionArn"]
        for each in sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
        if each["Endpoint"] == queue.arn
    )
    return str(arn)


def replay(node: RunningNode, sns: Any, topic: str, queue: Sink, text: str) -> None:
    arn = subscription_of(sns, topic, queue)
    sns.set_subscription_attributes(SubscriptionArn=arn, AttributeName="ReplayPolicy", AttributeValue=text)
    node.settle()


def status(sns: Any, topic: str, queue: Sink) -> str | None:
    shown = sns.get_subscription_attributes(SubscriptionArn=subscription_of(sns, topic, queue))["Attributes"]
    return None if "ReplayStatus" not in shown else str(shown["ReplayStatus"])


def rows(node: RunningNode, topic: str) -> int:
    def count(tx: Tx) -> int:
        found = tx.one("SELECT count(*) AS found FROM sns_archive WHERE topic = ?", topic)
        assert found is not None
        return int(found["found"])

    return int(node.run(node.node.store.read(count)))


def in_store(node: RunningNode, change: Callable[[Tx], Any]) -> Any:
    return node.run(node.node.store.write(change))


# --- the archive -----------------------------------------------------------------------------------------------------


def test_an_archive_begins_when_its_policy_is_set_and_ends_with_it(node: RunningNode, sns: Any) -> None:
    topic = made(sns)
    publish(sns, topic, "before")
    change = {"TopicArn": topic, "AttributeName": "ArchivePolicy"}
    sns.set_topic_attributes(**change, AttributeValue=SEVEN_DAYS)
    shown = attributes(sns, topic)
    assert shown["ArchivePolicy"] == SEVEN_DAYS
    began = datetime.fromisoformat(shown["BeginningArchiveTime"]).timestamp()
    assert 0 <= node.node.clock.now() - began < 10
    publish(sns, topic, "archived")
    assert rows(node, topic) == 1
    assert refusal(sns.delete_topic, TopicArn=topic) == (
        "InvalidState",
        "Invalid state: Cannot delete a topic with an ArchivePolicy",
    )
    sns.set_topic_attributes(**change, AttributeValue="{}")
    node.settle()
    assert not attributes(sns, topic).keys() & {"ArchivePolicy", "BeginningArchiveTime"}
    assert rows(node, topic) == 0
    sns.delete_topic(TopicArn=topic)


def test_an_archive_holds_what_its_days_say_and_no_more(node: RunningNode, sns: Any) -> None:
    topic = made(sns, ArchivePolicy='{"MessageRetentionPeriod": 1}')
    publish(sns, topic, "old")
    node.advance(DAY_S / 2)
    publish(sns, topic, "young")
    node.advance(DAY_S / 2 + limits.SNS_SWEEP_S)
    node.settle()
    assert rows(node, topic) == 1
    queue = fifo_sink(node, sns, topic, ReplayPolicy=from_the_beginning(sns, topic))
    node.settle()
    assert queue.bodies() == ["young"]


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '{"MessageRetentionPeriod": "0"}',
        '{"MessageRetentionPeriod": 366}',
        '{"MessageRetentionPeriod": true}',
        '{"MessageRetentionPeriod": "1", "More": 1}',
    ],
)
def test_what_is_no_archive_policy_is_refused(sns: Any, topic: str, text: str) -> None:
    change = {"TopicArn": topic, "AttributeName": "ArchivePolicy", "AttributeValue": text}
    code, message = refusal(sns.set_topic_attributes, **change)
    assert (code, message.partition(" Reason")[0]) == ("InvalidParameter", "Invalid parameter: ArchivePolicy")


# --- replays ---------------------------------------------------------------------------------------------------------


def test_a_new_subscriber_gets_what_was_published_before_it_came(node: RunningNode, sns: Any, topic: str) -> None:
    publish(sns, topic, *"abc", MessageAttributes={"kind": {"DataType": "String", "StringValue": "x"}})
    queue = fifo_sink(node, sns, topic, RawMessageDelivery="false", ReplayPolicy=from_the_beginning(sns, topic))
    early = fifo_sink(node, sns, topic, RawMessageDelivery="false")
    node.settle()
    assert status(sns, topic, queue) == "Completed"
    replayed = queue.documents()
    assert [document["Message"] for document in replayed] == ["a", "b", "c"]
    assert {document["Replayed"] for document in replayed} == {"true"}
    assert early.documents() == []
    publish(sns, topic, "new")
    (new,), (same,) = queue.documents(), early.documents()
    assert "Replayed" not in new
    assert (new["MessageId"], new["SequenceNumber"]) == (same["MessageId"], same["SequenceNumber"])


def test_a_replayed_message_is_the_one_that_was_published(node: RunningNode, sns: Any, topic: str) -> None:
    queue = fifo_sink(node, sns, topic, RawMessageDelivery="false")
    publish(sns, topic, "m", Subject="s", MessageAttributes={"b": {"DataType": "Binary", "BinaryValue": b"\x01"}})
    (first,) = queue.documents()
    node.advance(3600)
    replay(node, sns, topic, queue, from_the_beginning(sns, topic))
    (again,) = queue.documents()
    assert again == {**first, "Replayed": "true"}


def test_a_raw_message_carries_that_it_is_replayed_as_an_attribute(node: RunningNode, sns: Any, topic: str) -> None:
    ten = {f"a{number}": {"DataType": "String", "StringValue": "x"} for number in range(10)}
    publish(sns, topic, "full", MessageAttributes=ten)
    publish(sns, topic, "plain")
    queue = fifo_sink(node, sns, topic, ReplayPolicy=from_the_beginning(sns, topic))
    node.settle()
    full, plain = queue.messages()
    assert full["MessageAttributes"] == ten
    assert plain["MessageAttributes"] == {"Replayed": {"DataType": "String", "StringValue": "true"}}


def test_a_replay_keeps_to_its_points_and_to_the_filter(node: RunningNode, sns: Any, topic: str) -> None:
    bounds: list[str] = []
    for body in "abcd":
        bounds.append(moment(node))
        kind = {"kind": {"DataType": "String", "StringValue": "x" if body != "c" else "y"}}
        publish(sns, topic, body, MessageAttributes=kind)
        node.advance(60)
    queue = fifo_sink(
        node,
        sns,
        topic,
        FilterPolicy='{"kind": ["x"]}',
        ReplayPolicy=policy(bounds[1], bounds[3]),
    )
    node.settle()
    assert queue.bodies() == ["b"]


def test_a_replay_has_the_message_whose_timestamp_ends_it(node: RunningNode, sns: Any, topic: str) -> None:
    first = fifo_sink(node, sns, topic, RawMessageDelivery="false")
    for body in "abc":
        publish(sns, topic, body)
        node.advance(1)
    at = first.documents()[1]["Timestamp"]
    again = fifo_sink(node, sns, topic, ReplayPolicy=policy(at, at))
    node.settle()
    assert again.bodies() == ["b"]


def test_what_is_published_during_a_replay_comes_behind_it(
    node: RunningNode, sns: Any, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The replay's rows lie still meanwhile, as they do where the node has much to do."""
    monkeypatch.setattr(limits, "SNS_REPLAY_BATCH", 2)
    publish(sns, topic, *"abcde")
    queue = fifo_sink(node, sns, topic)
    arn = subscription_of(sns, topic, queue)
    started = {"SubscriptionArn": arn, "AttributeName": "ReplayPolicy"}

    monkeypatch.setattr(replays, "WORK", "sns.replay.later")
    sns.set_subscription_attributes(**started, AttributeValue=from_the_beginning(sns, topic))
    assert status(sns, topic, queue) == "Pending"
    publish(sns, topic, "new-1")
    assert in_store(node, lambda tx: replaying.step(tx, arn))
    assert status(sns, topic, queue) == "In progress"
    publish(sns, topic, "new-2")
    while in_store(node, lambda tx: replaying.step(tx, arn)):
        pass
    assert status(sns, topic, queue) == "Completed"
    publish(sns, topic, "new-3")
    messages = queue.messages()
    assert [message["Body"] for message in messages] == [*"abcde", "new-1", "new-2", "new-3"]
    replayed = [message["Body"] for message in messages if "Replayed" in message.get("MessageAttributes", {})]
    assert replayed == list("abcde")


@pytest.mark.parametrize("ends_archive", [False, True])
def test_a_replay_that_is_stopped_owes_only_what_was_published_meanwhile(
    node: RunningNode, sns: Any, topic: str, monkeypatch: pytest.MonkeyPatch, ends_archive: bool
) -> None:
    publish(sns, topic, *"abc")
    queue = fifo_sink(node, sns, topic)
    arn = subscription_of(sns, topic, queue)
    monkeypatch.setattr(replays, "WORK", "sns.replay.later")
    change = {"SubscriptionArn": arn, "AttributeName": "ReplayPolicy"}
    sns.set_subscription_attributes(**change, AttributeValue=from_the_beginning(sns, topic))
    publish(sns, topic, "new-1")
    if ends_archive:
        sns.set_topic_attributes(TopicArn=topic, AttributeName="ArchivePolicy", AttributeValue="")
    else:
        sns.set_subscription_attributes(**change, AttributeValue="{}")
    publish(sns, topic, "new-2")
    while in_store(node, lambda tx: replaying.step(tx, arn)):
        pass
    publish(sns, topic, "new-3")
    assert queue.bodies() == ["new-1", "new-2", "new-3"]
    assert status(sns, topic, queue) == ("Failed" if ends_archive else None)
    node.settle()
    assert rows(node, topic) == (0 if ends_archive else 6)


def test_an_archive_that_was_given_up_goes_with_the_last_who_waits_for_it(
    node: RunningNode, sns: Any, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replays, "WORK", "sns.replay.later")
    publish(sns, topic, "old")
    queue = fifo_sink(node, sns, topic, ReplayPolicy=from_the_beginning(sns, topic))
    sns.set_topic_attributes(TopicArn=topic, AttributeName="ArchivePolicy", AttributeValue="")
    publish(sns, topic, "new")
    assert rows(node, topic) == 2
    sns.unsubscribe(SubscriptionArn=subscription_of(sns, topic, queue))
    node.settle()
    assert rows(node, topic) == 0


def test_a_replay_takes_the_place_of_the_one_before(node: RunningNode, sns: Any, topic: str) -> None:
    queue = fifo_sink(node, sns, topic)
    name = topic.rpartition(":")[2]
    publish(sns, topic, *"ab")
    for _ in range(2):
        node.advance(limits.SQS_DEDUPLICATION_S)
        replay(node, sns, topic, queue, from_the_beginning(sns, topic))
    assert queue.bodies() == ["a", "b"] * 3
    counted = totals(node, "AWS/SNS", TopicName=name)
    assert (counted["NumberOfNotificationsDelivered"], counted["NumberOfReplayedNotificationsDelivered"]) == (2, 4)


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '{"PointType": "Offset", "StartingPoint": "2026-01-01T00:00:00Z"}',
        '{"PointType": "Timestamp"}',
        '{"PointType": "Timestamp", "StartingPoint": "yesterday"}',
        '{"PointType": "Timestamp", "StartingPoint": "2026-01-02T00:00:00Z", "EndingPoint": "2026-01-01T00:00:00Z"}',
        policy("2999-01-01T00:00:00Z"),
    ],
)
def test_what_is_no_replay_policy_is_refused(node: RunningNode, sns: Any, topic: str, text: str) -> None:
    request = {"TopicArn": topic, "Protocol": "sqs", "Endpoint": f"arn:aws:sqs:us-east-1:000000000000:q{next(NAMES)}"}
    code, message = refusal(sns.subscribe, **request, Attributes={"ReplayPolicy": text})
    assert (code, message[:52]) == ("InvalidParameter", "Invalid parameter: Attributes Reason: ReplayPolicy: ")
    assert sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"] == []


def test_nothing_is_replayed_of_a_topic_without_an_archive(sns: Any) -> None:
    for topic in (made(sns), sns.create_topic(Name=f"t{next(NAMES)}")["TopicArn"]):
        request = {"TopicArn": topic, "Protocol": "sqs", "Endpoint": "arn:aws:sqs:us-east-1:000000000000:q"}
        wanted = {"ReplayPolicy": policy("2026-01-01T00:00:00Z")}
        assert "has no ArchivePolicy" in refusal(sns.subscribe, **request, Attributes=wanted)[1]


def test_a_replay_goes_on_where_it_was_when_the_node_comes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "SNS_REPLAY_BATCH", 2)
    with running_node(tmp_path) as node:
        sns = node.client("sns")
        topic = made(sns, ArchivePolicy=SEVEN_DAYS)
        publish(sns, topic, *"abcde")
        queue = fifo_sink(node, sns, topic)
        arn = subscription_of(sns, topic, queue)
        # The row is due when the node is gone already.
        with monkeypatch.context() as later:
            later.setattr(replays, "WORK", "sns.replay.later")
            change = {"SubscriptionArn": arn, "AttributeName": "ReplayPolicy"}
            sns.set_subscription_attributes(**change, AttributeValue=from_the_beginning(sns, topic))
        in_store(node, lambda tx: replaying.step(tx, arn))

        def back(tx: Tx) -> None:
            tx.lock("work", "test")
            tx.run("UPDATE work_items SET kind = 'sns.replay' WHERE kind = 'sns.replay.later'")

        in_store(node, back)
        name = queue.url.rpartition("/")[2]
    with running_node(tmp_path) as node:
        node.settle()
        sqs = node.client("sqs")
        again = Sink(sqs, sqs.get_queue_url(QueueName=name)["QueueUrl"], queue.arn)
        assert again.bodies() == list("abcde")
