"""From a topic to its subscribers: who gets which message, in which form, and where undeliverable ones end."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.running_node import RunningNode, running_node
from tests.services.sink import RECORDING, Sink, recorded, sink
from tests.services.sns.test_topic import refusal
from wakeful.fabric.deliver import Delivery, deliver
from wakeful.fabric.service import Call, Principal
from wakeful.fabric.trace import Trace
from wakeful.services.sns import subscription as subscriptions
from wakeful.services.sns import topic as topics
from wakeful.services.sqs import counts
from wakeful.services.sqs import queue as queues
from wakeful.store.tx import Tx

ATTRIBUTES = {
    "number": {"DataType": "Number", "StringValue": "99.12"},
    "bytes": {"DataType": "Binary", "BinaryValue": b"\x02\x03"},
}


@pytest.fixture
def sns(node: RunningNode) -> Any:
    return node.client("sns")


@pytest.fixture
def topic(sns: Any) -> str:
    return str(sns.create_topic(Name="t")["TopicArn"])


def subscribe(sns: Any, topic: str, endpoint: str, **attributes: str) -> str:
    protocol = endpoint.split(":")[2]
    made = sns.subscribe(TopicArn=topic, Protocol=protocol, Endpoint=endpoint, Attributes=attributes)
    return str(made["SubscriptionArn"])


def redrive(dead: Sink) -> str:
    return json.dumps({"deadLetterTargetArn": dead.arn})


def test_every_subscriber_gets_the_message_under_one_id(node: RunningNode, sns: Any, topic: str) -> None:
    sinks = [sink(node, f"q{number}") for number in range(3)]
    for each in sinks:
        subscribe(sns, topic, each.arn)
    published = sns.publish(TopicArn=topic, Message="m", Subject="s", MessageAttributes=ATTRIBUTES)
    for each in sinks:
        (message,) = each.messages()
        assert "MessageAttributes" not in message
        document = json.loads(message["Body"])
        assert (document["MessageId"], document["Message"], document["Subject"]) == (published["MessageId"], "m", "s")
        assert document["MessageAttributes"] == {
            "number": {"Type": "Number", "Value": "99.12"},
            "bytes": {"Type": "Binary", "Value": "AgM="},
        }


def test_a_raw_subscriber_gets_the_body_and_the_attributes_as_they_are(node: RunningNode, sns: Any, topic: str) -> None:
    queue = sink(node)
    subscribe(sns, topic, queue.arn, RawMessageDelivery="true")
    sns.publish(TopicArn=topic, Message="m", MessageAttributes=ATTRIBUTES)
    (message,) = queue.messages()
    assert message["Body"] == "m"
    assert message["MessageAttributes"] == ATTRIBUTES


def test_a_group_goes_on_to_queues(node: RunningNode, sns: Any, topic: str) -> None:
    queue = sink(node)
    subscribe(sns, topic, queue.arn)
    sns.publish(TopicArn=topic, Message="m", MessageGroupId="tenant-1")
    (message,) = queue.messages()
    assert message["Attributes"]["MessageGroupId"] == "tenant-1"


def test_each_protocol_gets_its_own_words(tmp_path: Path) -> None:
    with running_node(tmp_path, RECORDING) as node:
        sns, queue = node.client("sns"), sink(node)
        topic = sns.create_topic(Name="t")["TopicArn"]
        subscribe(sns, topic, queue.arn, RawMessageDelivery="true")
        function = "arn:aws:lambda:us-east-1:000000000000:function:f"
        arn = subscribe(sns, topic, function)
        body = json.dumps({"default": "d", "lambda": "for functions"})
        sns.publish(TopicArn=topic, Message=body, MessageStructure="json", MessageAttributes=ATTRIBUTES)
        assert queue.bodies() == ["d"]
        (event,) = recorded(node)
        assert (event["target"], event["principal"], event["source"]) == (function, "sns.amazonaws.com", topic)
        (record,) = json.loads(event["body"])["Records"]
        assert record["EventSubscriptionArn"] == arn
        assert record["Sns"]["Message"] == "for functions"
        assert record["Sns"]["MessageAttributes"]["bytes"] == {"Type": "Binary", "Value": "AgM="}


def test_a_filter_policy_on_attributes_lets_only_some_messages_through(node: RunningNode, sns: Any, topic: str) -> None:
    queue = sink(node)
    subscribe(sns, topic, queue.arn, RawMessageDelivery="true", FilterPolicy='{"price": [{"numeric": [">", 100]}]}')
    for price in ("99", "101"):
        attributes = {"price": {"DataType": "Number", "StringValue": price}}
        sns.publish(TopicArn=topic, Message=price, MessageAttributes=attributes)
    sns.publish(TopicArn=topic, Message="none")
    assert queue.bodies() == ["101"]


def test_a_filter_policy_on_the_body_reads_what_its_protocol_gets(node: RunningNode, sns: Any, topic: str) -> None:
    queue = sink(node)
    policy = {"FilterPolicy": '{"a": {"b": ["yes"]}}', "FilterPolicyScope": "MessageBody"}
    subscribe(sns, topic, queue.arn, RawMessageDelivery="true", **policy)
    wanted, unwanted = '{"a": {"b": "yes"}}', '{"a": {"b": "no"}}'
    for body in (wanted, unwanted, "no JSON", '["a"]'):
        sns.publish(TopicArn=topic, Message=body)
    both = json.dumps({"default": unwanted, "sqs": wanted})
    sns.publish(TopicArn=topic, Message=both, MessageStructure="json")
    assert queue.bodies() == [wanted, wanted]


def test_a_filter_policy_that_changes_counts_at_once(node: RunningNode, sns: Any, topic: str) -> None:
    queue = sink(node)
    arn = subscribe(sns, topic, queue.arn, RawMessageDelivery="true", FilterPolicy='{"k": ["a"]}')
    for value in ("a", "b"):
        policy = json.dumps({"k": [value]})
        sns.set_subscription_attributes(SubscriptionArn=arn, AttributeName="FilterPolicy", AttributeValue=policy)
        for sent in ("a", "b"):
            attributes = {"k": {"DataType": "String", "StringValue": sent}}
            sns.publish(TopicArn=topic, Message=f"{value}{sent}", MessageAttributes=attributes)
    assert queue.bodies() == ["aa", "bb"]


def test_what_a_missing_queue_cannot_take_is_in_the_dead_letter_queue_and_others_do_not_suffer(
    node: RunningNode, sns: Any, topic: str
) -> None:
    gone, kept, dead = sink(node, "gone"), sink(node, "kept"), sink(node, "dead")
    arn = subscribe(sns, topic, gone.arn, RedrivePolicy=redrive(dead))
    subscribe(sns, topic, kept.arn)
    gone.delete()
    published = sns.publish(TopicArn=topic, Message="m", MessageAttributes=ATTRIBUTES)
    (letter,) = dead.messages()
    assert "MessageAttributes" not in letter, "SNS does not say why"
    document = json.loads(letter["Body"])
    assert (document["MessageId"], document["Message"]) == (published["MessageId"], "m")
    assert document["UnsubscribeURL"].endswith(arn)
    assert len(kept.messages()) == 1


def test_a_raw_dead_letter_is_raw(node: RunningNode, sns: Any, topic: str) -> None:
    gone, dead = sink(node, "gone"), sink(node, "dead")
    subscribe(sns, topic, gone.arn, RawMessageDelivery="true", RedrivePolicy=redrive(dead))
    gone.delete()
    sns.publish(TopicArn=topic, Message="m", MessageAttributes=ATTRIBUTES)
    (letter,) = dead.messages()
    assert (letter["Body"], letter["MessageAttributes"]) == ("m", ATTRIBUTES)


def test_a_functions_dead_letter_is_the_message_and_not_the_event(tmp_path: Path) -> None:
    with running_node(tmp_path, RECORDING) as node:
        sns, dead = node.client("sns"), sink(node, "dead")
        topic = sns.create_topic(Name="t")["TopicArn"]
        missing = "arn:aws:lambda:us-east-1:000000000000:function:missing"
        subscribe(sns, topic, missing, RedrivePolicy=redrive(dead))
        sns.publish(TopicArn=topic, Message="m")
        (letter,) = dead.documents()
        assert (letter["Type"], letter["Message"]) == ("Notification", "m")


def test_a_raw_message_with_more_than_ten_attributes_is_a_dead_letter(node: RunningNode, sns: Any, topic: str) -> None:
    queue, dead, whole = sink(node), sink(node, "dead"), sink(node, "whole")
    subscribe(sns, topic, queue.arn, RawMessageDelivery="true", RedrivePolicy=redrive(dead))
    subscribe(sns, topic, whole.arn)
    attributes = {f"a{number}": {"DataType": "String", "StringValue": "v"} for number in range(11)}
    sns.publish(TopicArn=topic, Message="m", MessageAttributes=attributes)
    assert queue.messages() == []
    assert len(whole.documents()[0]["MessageAttributes"]) == 11
    (letter,) = dead.documents()
    assert len(letter["MessageAttributes"]) == 11


def test_without_a_dead_letter_queue_a_failed_delivery_is_noted(node: RunningNode, sns: Any, topic: str) -> None:
    gone = sink(node, "gone")
    subscribe(sns, topic, gone.arn)
    gone.delete()
    sns.publish(TopicArn=topic, Message="m")
    (note,) = node.run(node.node.telemetry.recent_notes(kind="event", limit=10))
    assert (note.name, note.resource, note.status) == ("Publish:t", gone.arn, "NO_RESOURCE")
    assert gone.arn in note.detail["reason"]


@pytest.mark.slow
def test_a_thousand_subscribers_all_have_the_message(node: RunningNode, sns: Any, topic: str) -> None:
    count = 1000
    node.run(node.node.store.write(_subscribe_many, topic, count))
    sns.publish(TopicArn=topic, Message="m")
    node.settle()
    assert node.run(node.node.store.read(_counts)) == {1: count}


def _subscribe_many(tx: Tx, topic: str, count: int) -> None:
    principal = Principal("root", "arn:aws:iam::000000000000:root", "000000000000")
    call = Call("000000000000", "us-east-1", principal, "r", Trace("t"), "http://x")
    for number in range(count):
        queue = queues.create(tx, call, f"q{number}", {}, {})
        subscriptions.create(tx, call, topics.find(tx, topic), "sqs", queue.arn, "000000000000", {})


def _counts(tx: Tx) -> dict[int, int]:
    """How many queues have how many messages."""
    return dict(Counter(counts.of(tx, queue).visible for queue in queues.every(tx)))


def test_a_publication_that_is_undone_has_reached_nobody(node: RunningNode, sns: Any, topic: str) -> None:
    queue = sink(node)
    subscribe(sns, topic, queue.arn, RawMessageDelivery="true")

    def deliver_and_fail(tx: Tx) -> None:
        assert deliver(tx, _delivery(topic, "undone"))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        node.run(node.node.store.write(deliver_and_fail))
    assert queue.messages() == []


# --- a topic as a target ---------------------------------------------------------------------------------------------


def _delivery(topic: str, body: str, **more: Any) -> Delivery:
    return Delivery(
        **{
            "target_arn": topic,
            "body": body,
            "source_arn": "arn:aws:s3:::bucket",
            "principal": "s3.amazonaws.com",
            "account": "000000000000",
            "trace": Trace("1-00000000-000000000000000000000000"),
            **more,
        }
    )


def test_what_is_delivered_to_a_topic_is_published(node: RunningNode, sns: Any, topic: str) -> None:
    queue = sink(node)
    subscribe(sns, topic, queue.arn)
    attributes = {"RequestID": {"DataType": "String", "StringValue": "r"}}
    delivery = _delivery(topic, "event", subject="Amazon S3 Notification", attributes=attributes)
    assert node.run(node.node.store.write(deliver, delivery))
    (document,) = queue.documents()
    assert (document["Message"], document["Subject"]) == ("event", "Amazon S3 Notification")
    assert document["MessageAttributes"] == {"RequestID": {"Type": "String", "Value": "r"}}


def test_a_missing_topic_and_one_that_takes_no_such_sizes_refuse(node: RunningNode, sns: Any, topic: str) -> None:
    assert not node.run(node.node.store.write(deliver, _delivery(f"{topic}x", "event")))
    assert not node.run(node.node.store.write(deliver, _delivery(topic, "x" * (256 * 1024 + 1))))


# --- sizes -----------------------------------------------------------------------------------------------------------


def test_a_message_may_be_as_large_as_its_topic_allows(sns: Any, topic: str) -> None:
    limit = 256 * 1024
    sns.publish(TopicArn=topic, Message="x" * limit)
    too_long = ("InvalidParameter", "Invalid parameter: Message too long")
    assert refusal(sns.publish, TopicArn=topic, Message="x" * (limit + 1)) == too_long
    attributes = {"a": {"DataType": "String", "StringValue": "v"}}
    assert refusal(sns.publish, TopicArn=topic, Message="x" * limit, MessageAttributes=attributes) == too_long
    sns.set_topic_attributes(TopicArn=topic, AttributeName="MaximumMessageSize", AttributeValue="1048576")
    sns.publish(TopicArn=topic, Message="x" * 1024 * 1024)
    assert refusal(sns.publish, TopicArn=topic, Message="x" * (1024 * 1024 + 1)) == too_long


# --- rights ----------------------------------------------------------------------------------------------------------


def let_in(queue: Sink, source: str, service: str = "sns.amazonaws.com") -> None:
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": service},
        "Action": "sqs:SendMessage",
        "Resource": queue.arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": source}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    queue.sqs.set_queue_attributes(QueueUrl=queue.url, Attributes={"Policy": policy})


def test_where_rights_are_enforced_a_queue_has_to_let_the_topic_in(tmp_path: Path) -> None:
    with running_node(tmp_path, iam="enforce") as node:
        sns = node.client("sns")
        topic = sns.create_topic(Name="t")["TopicArn"]
        closed, opened, dead = sink(node, "closed"), sink(node, "opened"), sink(node, "dead")
        let_in(opened, topic)
        let_in(dead, topic)
        subscribe(sns, topic, closed.arn, RedrivePolicy=redrive(dead))
        subscribe(sns, topic, opened.arn)
        sns.publish(TopicArn=topic, Message="m")
        assert closed.messages() == []
        assert [document["Message"] for document in opened.documents()] == ["m"]
        assert [document["Message"] for document in dead.documents()] == ["m"]


def test_where_rights_are_enforced_a_subscription_is_its_owners_and_the_topics(tmp_path: Path) -> None:
    """Whoever else could set its dead-letter queue would read along."""
    with running_node(tmp_path, iam="enforce") as node:
        sns, other, stranger = (node.client("sns", key=key) for key in ("test", "1" * 12, "2" * 12))
        topic = sns.create_topic(Name="t")["TopicArn"]
        sns.add_permission(TopicArn=topic, Label="l", AWSAccountId=["1" * 12], ActionName=["Subscribe"])
        theirs = sink(node, key="1" * 12)
        arn = other.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=theirs.arn)["SubscriptionArn"]
        setting = {"SubscriptionArn": arn, "AttributeName": "RedrivePolicy", "AttributeValue": redrive(sink(node))}
        assert refusal(stranger.set_subscription_attributes, **setting)[0] == "AuthorizationError"
        assert refusal(stranger.get_subscription_attributes, SubscriptionArn=arn)[0] == "AuthorizationError"
        for owner in (sns, other):
            owner.set_subscription_attributes(**setting)
            assert owner.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]["Owner"] == "1" * 12


def test_where_rights_are_enforced_a_topic_lets_in_whom_its_policy_names(tmp_path: Path) -> None:
    with running_node(tmp_path, iam="enforce") as node:
        sns = node.client("sns")
        topic = sns.create_topic(Name="t")["TopicArn"]
        queue = sink(node)
        let_in(queue, topic)
        subscribe(sns, topic, queue.arn, RawMessageDelivery="true")
        theirs = node.client("sns", key="111111111111")
        assert refusal(theirs.publish, TopicArn=topic, Message="too early")[0] == "AuthorizationError"
        assert not node.run(node.node.store.write(deliver, _delivery(topic, "too early")))
        sns.add_permission(TopicArn=topic, Label="l", AWSAccountId=["111111111111"], ActionName=["Publish"])
        theirs.publish(TopicArn=topic, Message="theirs")
        policy = json.loads(sns.get_topic_attributes(TopicArn=topic)["Attributes"]["Policy"])
        service = {"Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, "Action": "sns:Publish"}
        policy["Statement"].append({**service, "Sid": "s3", "Resource": topic})
        sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=json.dumps(policy))
        assert node.run(node.node.store.write(deliver, _delivery(topic, "the bucket's")))
        assert queue.bodies() == ["theirs", "the bucket's"]
