"""FIFO topics: what they want to hear, what they answer, once and in order; and what becomes of the rest."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.examples import examples
from tests.running_node import RunningNode, running_node
from tests.services.sink import Sink, sink
from tests.services.sns.test_topic import attributes, refusal
from wakeful.fabric.deliver import Delivery, deliver
from wakeful.fabric.service import Call, Principal
from wakeful.fabric.trace import Trace
from wakeful.services.sns import fifo
from wakeful.services.sns import topic as topics
from wakeful.services.sns.message import Message
from wakeful.store import schema
from wakeful.store.sqlite import SqliteTx
from wakeful.store.tx import Outbox

ARN = "arn:aws:sns:us-east-1:000000000000"
SCHEMA = (Path(topics.__file__).parent / "schema.sql").read_text()
FIVE_MINUTES_S = 300


@pytest.fixture(scope="module")
def node(shared_node: RunningNode) -> RunningNode:
    """Every test has topics and queues of its own."""
    return shared_node


@pytest.fixture(scope="module")
def sns(node: RunningNode) -> Any:
    return node.client("sns")


NAMES = count()


@pytest.fixture
def topic(sns: Any) -> str:
    return made(sns)


def made(sns: Any, **more: str) -> str:
    name = f"t{next(NAMES)}.fifo"
    return str(sns.create_topic(Name=name, Attributes={"FifoTopic": "true", **more})["TopicArn"])


def fifo_sink(node: RunningNode, sns: Any, topic: str, **subscription: str) -> Sink:
    """A FIFO queue that is subscribed to the topic, raw where nothing else is said."""
    sqs, name = node.client("sqs"), f"q{next(NAMES)}.fifo"
    url = sqs.create_queue(QueueName=name, Attributes={"FifoQueue": "true"})["QueueUrl"]
    found = Sink(sqs, url, f"arn:aws:sqs:us-east-1:000000000000:{name}")
    wanted = {"RawMessageDelivery": "true", **subscription}
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=found.arn, Attributes=wanted)
    return found


# --- what a topic is -------------------------------------------------------------------------------------------------


def test_a_fifo_topic_shows_what_aws_shows(sns: Any, topic: str) -> None:
    shown = attributes(sns, topic)
    assert (shown["FifoTopic"], shown["ContentBasedDeduplication"]) == ("true", "false")
    assert not shown.keys() & {"FifoThroughputScope", "ArchivePolicy", "BeginningArchiveTime"}
    sns.set_topic_attributes(TopicArn=topic, AttributeName="ContentBasedDeduplication", AttributeValue="TRUE")
    sns.set_topic_attributes(TopicArn=topic, AttributeName="FifoThroughputScope", AttributeValue="MessageGroup")
    shown = attributes(sns, topic)
    assert (shown["ContentBasedDeduplication"], shown["FifoThroughputScope"]) == ("true", "MessageGroup")


@pytest.mark.parametrize(
    ("name", "is_fifo"),
    [("t.fifo", ""), ("t.fifo", "false"), ("t", "true"), (".fifo", "true"), ("a.b.fifo", "true"), ("x" * 252, "true")],
)
def test_the_name_and_the_attribute_agree(sns: Any, name: str, is_fifo: str) -> None:
    request = {"Name": name, "Attributes": {"FifoTopic": is_fifo} if is_fifo else {}}
    assert refusal(sns.create_topic, **request) == ("InvalidParameter", "Invalid parameter: Topic Name")


def test_making_a_fifo_topic_again_answers_the_same_one_unless_it_would_be_another(sns: Any) -> None:
    request = {"Name": f"t{next(NAMES)}.fifo", "Attributes": {"FifoTopic": "true", "FifoThroughputScope": "Topic"}}
    assert sns.create_topic(**request)["TopicArn"] == sns.create_topic(**request)["TopicArn"]
    again = {**request, "Attributes": {"FifoTopic": "True", "ContentBasedDeduplication": "False"}}
    assert sns.create_topic(**again)["TopicArn"] == f"{ARN}:{request['Name']}"
    other = {**request, "Attributes": {"FifoTopic": "true", "ContentBasedDeduplication": "true"}}
    assert "different attributes" in refusal(sns.create_topic, **other)[1]


def test_what_is_for_fifo_topics_is_for_no_other(sns: Any) -> None:
    standard = sns.create_topic(Name=f"t{next(NAMES)}", Attributes={"ContentBasedDeduplication": "false"})["TopicArn"]
    assert "ContentBasedDeduplication" not in attributes(sns, standard)
    for name, value in (
        ("ContentBasedDeduplication", "true"),
        ("FifoThroughputScope", "Topic"),
        ("ArchivePolicy", '{"MessageRetentionPeriod": "1"}'),
    ):
        wanted = {"Name": f"t{next(NAMES)}", "Attributes": {name: value}}
        assert refusal(sns.create_topic, **wanted)[0] == "InvalidParameter"
        change = {"TopicArn": standard, "AttributeName": name, "AttributeValue": value}
        assert refusal(sns.set_topic_attributes, **change) == (
            "InvalidParameter",
            "Invalid parameter: AttributeName",
        )


@pytest.mark.parametrize(("name", "value"), [("ContentBasedDeduplication", "maybe"), ("FifoThroughputScope", "Queue")])
def test_a_value_that_an_attribute_may_not_have_is_refused(sns: Any, topic: str, name: str, value: str) -> None:
    change = {"TopicArn": topic, "AttributeName": name, "AttributeValue": value}
    assert refusal(sns.set_topic_attributes, **change)[0] == "InvalidParameter"


# --- publishing ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({}, "Invalid parameter: The MessageGroupId parameter is required for FIFO topics"),
        (
            {"MessageGroupId": "g"},
            "Invalid parameter: The topic should either have ContentBasedDeduplication enabled or"
            " MessageDeduplicationId provided explicitly",
        ),
        ({"MessageGroupId": "g", "MessageDeduplicationId": "ü"}, "Invalid parameter: MessageDeduplicationId"),
        ({"MessageGroupId": "x" * 129, "MessageDeduplicationId": "d"}, "Invalid parameter: MessageGroupId"),
    ],
)
def test_a_message_says_its_group_and_its_identity(
    sns: Any, topic: str, request_: dict[str, str], message: str
) -> None:
    assert refusal(sns.publish, TopicArn=topic, Message="m", **request_) == ("InvalidParameter", message)
    batch = [{"Id": "1", "Message": "m", **request_}]
    assert refusal(sns.publish_batch, TopicArn=topic, PublishBatchRequestEntries=batch)[1] == message


def test_a_standard_topic_takes_a_group_and_no_identity(sns: Any) -> None:
    standard = sns.create_topic(Name=f"t{next(NAMES)}")["TopicArn"]
    assert "SequenceNumber" not in sns.publish(TopicArn=standard, Message="m", MessageGroupId="g")
    code, message = refusal(sns.publish, TopicArn=standard, Message="m", MessageDeduplicationId="d")
    assert (code, message) == (
        "InvalidParameter",
        "Invalid parameter: MessageDeduplicationId Reason: The request includes MessageDeduplicationId parameter that"
        " is not valid for this topic type",
    )


def test_queues_get_group_identity_and_number_in_the_order_of_publishing(
    node: RunningNode, sns: Any, topic: str
) -> None:
    raw, whole = fifo_sink(node, sns, topic), fifo_sink(node, sns, topic, RawMessageDelivery="false")
    standard = sink(node, f"q{next(NAMES)}")
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=standard.arn, Attributes={"RawMessageDelivery": "true"})
    entries = [
        {"Id": str(number), "Message": str(number), "MessageGroupId": "g", "MessageDeduplicationId": f"d{number}"}
        for number in range(10)
    ]
    answers = sns.publish_batch(TopicArn=topic, PublishBatchRequestEntries=entries)["Successful"]
    last = sns.publish(TopicArn=topic, Message="10", MessageGroupId="g", MessageDeduplicationId="d10")
    numbers = [each["SequenceNumber"] for each in answers] + [last["SequenceNumber"]]
    assert all(len(number) == 20 for number in numbers)
    assert numbers == sorted(set(numbers))
    bodies = [str(number) for number in range(11)]
    received = raw.messages()
    assert [message["Body"] for message in received] == bodies
    assert {message["Attributes"]["MessageGroupId"] for message in received} == {"g"}
    assert [message["Attributes"]["MessageDeduplicationId"] for message in received] == [f"d{n}" for n in range(11)]
    documents = whole.documents()
    assert [document["SequenceNumber"] for document in documents] == numbers
    assert list(documents[0])[:4] == ["Type", "MessageId", "SequenceNumber", "TopicArn"]
    assert standard.bodies() == bodies


def test_a_message_comes_but_once_in_five_minutes(node: RunningNode, sns: Any, topic: str) -> None:
    queue = fifo_sink(node, sns, topic)
    request = {"TopicArn": topic, "MessageGroupId": "g", "MessageDeduplicationId": "d"}
    first = sns.publish(Message="first", **request)
    node.advance(FIVE_MINUTES_S - 1)
    again = sns.publish(Message="again", **{**request, "MessageGroupId": "another"})
    assert (again["MessageId"], again["SequenceNumber"]) == (first["MessageId"], first["SequenceNumber"])
    assert queue.bodies() == ["first"]
    node.advance(1)
    later = sns.publish(Message="later", **request)
    assert later["SequenceNumber"] > first["SequenceNumber"]
    assert queue.bodies() == ["later"]


def test_the_body_is_the_identity_where_the_topic_says_so(node: RunningNode, sns: Any) -> None:
    topic = made(sns, ContentBasedDeduplication="true")
    queue = fifo_sink(node, sns, topic)
    text = {"a": {"DataType": "String", "StringValue": "1"}}
    batch = [
        {"Id": "1", "Message": "same", "MessageGroupId": "g"},
        {"Id": "2", "Message": "same", "MessageGroupId": "g", "MessageAttributes": text},
        {"Id": "3", "Message": "same", "MessageGroupId": "g", "MessageDeduplicationId": "own"},
    ]
    one, two, three = sns.publish_batch(TopicArn=topic, PublishBatchRequestEntries=batch)["Successful"]
    assert one["MessageId"] == two["MessageId"] != three["MessageId"]
    first, _ = queue.messages()
    assert first["Attributes"]["MessageDeduplicationId"] == (
        "0967115f2813a3541eaef77de9d9d5773f1c0c04314b0bbfe4ff3b3b1c55b5d5"
    )
    structured = {"MessageStructure": "json", "MessageGroupId": "g", "TopicArn": topic}
    for sqs in "ab":
        sns.publish(Message=json.dumps({"default": "d", "sqs": sqs}), **structured)
    assert queue.bodies() == ["a", "b"]


def test_the_scope_of_an_identity_may_be_its_group(node: RunningNode, sns: Any) -> None:
    topic = made(sns, FifoThroughputScope="MessageGroup")
    # A queue's own deduplication is of the whole queue; a standard queue has none.
    queue = sink(node, f"q{next(NAMES)}")
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue.arn, Attributes={"RawMessageDelivery": "true"})
    for group, body in (("a", "1"), ("b", "2"), ("a", "3")):
        sns.publish(TopicArn=topic, Message=body, MessageGroupId=group, MessageDeduplicationId="d")
    assert queue.bodies() == ["1", "2"]


def test_a_dead_letter_keeps_its_group_and_its_identity(node: RunningNode, sns: Any, topic: str) -> None:
    dead = fifo_sink(node, sns, made(sns))
    gone = fifo_sink(node, sns, topic, RedrivePolicy=json.dumps({"deadLetterTargetArn": dead.arn}))
    gone.delete()
    for number in range(3):
        sns.publish(TopicArn=topic, Message=str(number), MessageGroupId="g", MessageDeduplicationId=f"d{number}")
    letters = dead.messages()
    assert [letter["Body"] for letter in letters] == ["0", "1", "2"]
    assert [letter["Attributes"]["MessageDeduplicationId"] for letter in letters] == ["d0", "d1", "d2"]


def test_what_others_deliver_to_a_fifo_topic_has_a_group_and_an_identity(
    node: RunningNode, sns: Any, topic: str
) -> None:
    queue = fifo_sink(node, sns, topic)

    def given(**more: Any) -> bool:
        delivery = Delivery(topic, "m", "arn:aws:x:::y", "x.amazonaws.com", "000000000000", Trace("t"), **more)
        return bool(node.run(node.node.store.write(deliver, delivery)))

    assert not given()
    assert not given(group_id="g")
    assert not given(deduplication_id="d")
    assert given(group_id="g", deduplication_id="d")
    assert queue.bodies() == ["m"]


def test_a_topic_made_again_has_forgotten_what_was_published(node: RunningNode, sns: Any, topic: str) -> None:
    request = {"TopicArn": topic, "Message": "m", "MessageGroupId": "g", "MessageDeduplicationId": "d"}
    first = sns.publish(**request)
    sns.delete_topic(TopicArn=topic)
    sns.create_topic(Name=topic.rpartition(":")[2], Attributes={"FifoTopic": "true"})
    assert sns.publish(**request)["SequenceNumber"] > first["SequenceNumber"]


# --- who may subscribe -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", ["lambda", "firehose", "http", "https", "email", "email-json", "sms"])
def test_only_queues_subscribe_to_a_fifo_topic(sns: Any, topic: str, protocol: str) -> None:
    request = {"TopicArn": topic, "Protocol": protocol, "Endpoint": "arn:aws:lambda:us-east-1:000000000000:function:f"}
    assert refusal(sns.subscribe, **request) == (
        "InvalidParameter",
        f"Invalid parameter: Invalid protocol type: {protocol}",
    )


def test_a_fifo_topic_has_a_hundred_subscribers_and_each_gets_every_message_in_order(
    node: RunningNode, sns: Any, topic: str
) -> None:
    sinks = [fifo_sink(node, sns, topic) for _ in range(3)]
    for number in range(97):
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=f"{sinks[0].arn[:-5]}-{number}.fifo")
    one_more = {"TopicArn": topic, "Protocol": "sqs", "Endpoint": f"{sinks[0].arn[:-5]}-more.fifo"}
    assert refusal(sns.subscribe, **one_more)[0] == "SubscriptionLimitExceeded"
    entries = [
        {"Id": str(number), "Message": str(number), "MessageGroupId": "g", "MessageDeduplicationId": f"d{number}"}
        for number in range(5)
    ]
    sns.publish_batch(TopicArn=topic, PublishBatchRequestEntries=entries)
    # More deliveries than one transaction takes of a standard topic, and none of them is put off.
    assert [each.bodies() for each in sinks] == [list("01234")] * 3


# --- the rule against a model ----------------------------------------------------------------------------------------

STEPS = st.lists(
    st.tuples(st.sampled_from("ab"), st.sampled_from("xyz"), st.sampled_from([0, 1, 100, 299, 300])), max_size=25
)


@pytest.fixture
def tx() -> Iterator[SqliteTx]:
    db = sqlite3.connect(":memory:", isolation_level=None)
    db.row_factory = sqlite3.Row
    made = SqliteTx(db, 1_000_000.0, None, Outbox())
    schema.apply(made, {"sns": SCHEMA})
    yield made
    db.close()


@given(steps=STEPS, by_group=st.booleans())
@examples(60, keeps_fixtures=True)
def test_what_is_new_and_what_is_known_is_as_the_model_has_it(
    tx: SqliteTx, steps: list[tuple[str, str, int]], by_group: bool
) -> None:
    root = Principal("root", "arn:aws:iam::000000000000:root", "000000000000")
    call = Call("000000000000", "us-east-1", root, "r", Trace("t"), "http://localhost")
    wanted = {"FifoTopic": "true", "FifoThroughputScope": "MessageGroup" if by_group else "Topic"}
    topic = topics.create(tx, call, f"t{next(NAMES)}.fifo", wanted, None)
    seen: dict[tuple[str, str], tuple[float, str]] = {}
    last = 0
    for group, identity, later_s in steps:
        tx.now += later_s
        message = Message("body", group_id=group, deduplication_id=identity)
        (known,), fresh = fifo.admit(tx, topic, [message])
        key = (group if by_group else "", identity)
        until, earlier = seen.get(key, (0.0, ""))
        if until > tx.now:
            assert (fresh, known.id) == ([], earlier)
        else:
            seen[key] = (tx.now + FIVE_MINUTES_S, message.id)
            assert [each.id for each in fresh] == [message.id]
            assert known.sequence is not None
            assert known.sequence > last
            last = known.sequence
        fifo.forget_old(tx)


def test_numbers_and_identities_outlive_the_node(tmp_path: Path) -> None:
    request = {"Message": "m", "MessageGroupId": "g", "MessageDeduplicationId": "d"}
    with running_node(tmp_path) as node:
        sns = node.client("sns")
        topic = made(sns)
        first = sns.publish(TopicArn=topic, **request)
    with running_node(tmp_path) as node:
        sns = node.client("sns")
        again = sns.publish(TopicArn=topic, **request)
        other = sns.publish(TopicArn=topic, **{**request, "MessageDeduplicationId": "e"})
    assert again["MessageId"] == first["MessageId"]
    assert other["SequenceNumber"] > first["SequenceNumber"]
