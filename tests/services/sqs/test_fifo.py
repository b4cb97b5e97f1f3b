"""FIFO queues: order in a group, one batch of it at a time, and no message twice within five minutes."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from tests.running_node import RunningNode
from tests.services.sqs.test_messages import bodies, depth
from tests.services.sqs.test_queue import arn_of, refusal


@pytest.fixture
def sqs(node: RunningNode) -> Any:
    return node.client("sqs")


def make(sqs: Any, name: str = "orders.fifo", **attributes: str) -> str:
    settings = {"FifoQueue": "true", **attributes}
    return str(sqs.create_queue(QueueName=name, Attributes=settings)["QueueUrl"])


def send(sqs: Any, url: str, body: str, group: str = "g", identity: str | None = None) -> dict[str, Any]:
    told = {"MessageGroupId": group, "MessageDeduplicationId": identity or f"{group}-{body}"}
    return dict(sqs.send_message(QueueUrl=url, MessageBody=body, **told))


def receive(sqs: Any, url: str, count: int = 10, **settings: Any) -> list[dict[str, Any]]:
    return list(sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=count, **settings).get("Messages", ()))


def test_messages_of_a_group_come_in_order_and_no_more_of_it_until_they_are_settled(
    node: RunningNode, sqs: Any
) -> None:
    url = make(sqs, VisibilityTimeout="30")
    for body in "abc":
        send(sqs, url, body)
    send(sqs, url, "x", group="h")
    first, second = receive(sqs, url, 2)
    assert [first["Body"], second["Body"]] == ["a", "b"]
    assert [each["Body"] for each in receive(sqs, url)] == ["x"]
    sqs.delete_message(QueueUrl=url, ReceiptHandle=first["ReceiptHandle"])
    assert receive(sqs, url) == []  # "b" is still in flight
    sqs.delete_message(QueueUrl=url, ReceiptHandle=second["ReceiptHandle"])
    assert [each["Body"] for each in receive(sqs, url)] == ["c"]
    node.advance(31)
    assert sorted(each["Body"] for each in receive(sqs, url)) == ["c", "x"]


def test_a_message_says_its_group_its_identity_and_its_number(sqs: Any) -> None:
    url = make(sqs)
    sent = [send(sqs, url, body) for body in "ab"]
    got = receive(sqs, url, AttributeNames=["All"])
    numbers = [each["Attributes"]["SequenceNumber"] for each in got]
    assert numbers == [each["SequenceNumber"] for each in sent] == sorted(numbers)
    assert all(len(number) == 20 for number in numbers)
    assert got[0]["Attributes"]["MessageGroupId"] == "g"
    assert got[0]["Attributes"]["MessageDeduplicationId"] == "g-a"


def test_numbers_grow_even_where_the_messages_before_are_gone(sqs: Any) -> None:
    url = make(sqs)
    numbers = []
    for body in "abc":
        numbers.append(send(sqs, url, body)["SequenceNumber"])
        (got,) = receive(sqs, url)
        sqs.delete_message(QueueUrl=url, ReceiptHandle=got["ReceiptHandle"])
    assert numbers == sorted(set(numbers))


def test_the_same_identity_is_taken_once_in_five_minutes_even_after_it_was_deleted(node: RunningNode, sqs: Any) -> None:
    url = make(sqs)
    first = send(sqs, url, "a", identity="one")
    (message,) = receive(sqs, url)
    sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    again = send(sqs, url, "another body", identity="one")
    assert (again["MessageId"], again["SequenceNumber"]) == (first["MessageId"], first["SequenceNumber"])
    assert receive(sqs, url) == []
    node.advance(301)
    assert send(sqs, url, "a", identity="one")["MessageId"] != first["MessageId"]
    assert depth(sqs, url) == (1, 0, 0)


def test_an_identity_may_be_the_contents_own_and_may_count_by_group(sqs: Any) -> None:
    url = make(sqs, ContentBasedDeduplication="true", DeduplicationScope="messageGroup")
    for group in "ggh":
        sqs.send_message(QueueUrl=url, MessageBody="same", MessageGroupId=group)
    got = receive(sqs, url, AttributeNames=["All"])
    assert [each["Attributes"]["MessageGroupId"] for each in got] == ["g", "h"]
    assert got[0]["Attributes"]["MessageDeduplicationId"] == hashlib.sha256(b"same").hexdigest()


def test_a_batch_tells_each_ones_number_and_what_is_wrong_with_it(sqs: Any) -> None:
    url = make(sqs)
    entries = [
        {"Id": "1", "MessageBody": "a", "MessageGroupId": "g", "MessageDeduplicationId": "1"},
        {"Id": "2", "MessageBody": "b", "MessageDeduplicationId": "2"},
        {"Id": "3", "MessageBody": "c", "MessageGroupId": "g"},
        {"Id": "4", "MessageBody": "d", "MessageGroupId": "g", "MessageDeduplicationId": "4", "DelaySeconds": 5},
    ]
    answer = sqs.send_message_batch(QueueUrl=url, Entries=entries)
    assert [(each["Id"], len(each["SequenceNumber"])) for each in answer["Successful"]] == [("1", 20)]
    failed = {each["Id"]: (each["Code"], each["Message"]) for each in answer["Failed"]}
    assert failed["2"] == ("MissingParameter", "The request must contain the parameter MessageGroupId.")
    assert failed["3"][0] == "InvalidParameterValue"
    assert "ContentBasedDeduplication enabled or MessageDeduplicationId" in failed["3"][1]
    assert "not valid for this queue type" in failed["4"][1]


def test_a_spent_message_makes_way_for_its_group_and_lies_in_a_fifo_queue(sqs: Any) -> None:
    letters = make(sqs, "letters.fifo")
    policy = {"deadLetterTargetArn": arn_of(sqs, letters), "maxReceiveCount": 1}
    url = make(sqs, RedrivePolicy=json.dumps(policy), VisibilityTimeout="0")
    send(sqs, url, "a")
    send(sqs, url, "b")
    assert [each["Body"] for each in receive(sqs, url, 1)] == ["a"]
    assert [each["Body"] for each in receive(sqs, url, 1)] == ["b"]
    assert receive(sqs, url) == []
    assert bodies(sqs.receive_message(QueueUrl=letters, MaxNumberOfMessages=10)) == ["a", "b"]


def test_dead_letters_of_a_group_go_back_in_order(node: RunningNode, sqs: Any) -> None:
    letters = make(sqs, "letters.fifo")
    policy = {"deadLetterTargetArn": arn_of(sqs, letters), "maxReceiveCount": 1}
    url = make(sqs, RedrivePolicy=json.dumps(policy), VisibilityTimeout="0")
    for body in "abc":
        send(sqs, url, body)
    receive(sqs, url)
    receive(sqs, url)
    seen = sqs.receive_message(QueueUrl=letters, VisibilityTimeout=0, AttributeNames=["All"])["Messages"][0]
    assert seen["Attributes"]["MessageDeduplicationId"] == seen["MessageId"]
    sqs.start_message_move_task(SourceArn=arn_of(sqs, letters))
    node.settle()
    assert receive(sqs, letters) == []
    assert [each["Body"] for each in receive(sqs, url)] == ["a", "b", "c"]


def test_a_handle_counts_as_long_as_its_message_is_hidden(node: RunningNode, sqs: Any) -> None:
    url = make(sqs, VisibilityTimeout="10")
    send(sqs, url, "a")
    (message,) = receive(sqs, url)
    node.advance(11)
    code, words = refusal(sqs.delete_message, QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    assert (code, "The receipt handle has expired." in words) == ("InvalidParameterValue", True)
    (message,) = receive(sqs, url)
    handle = {"QueueUrl": url, "ReceiptHandle": message["ReceiptHandle"]}
    sqs.change_message_visibility(**handle, VisibilityTimeout=60)
    node.advance(30)
    assert receive(sqs, url) == []
    sqs.change_message_visibility(**handle, VisibilityTimeout=0)
    assert [each["Body"] for each in receive(sqs, url)] == ["a"]


def test_a_receive_can_be_asked_for_again(node: RunningNode, sqs: Any) -> None:
    url = make(sqs, VisibilityTimeout="30")
    for body in "abc":
        send(sqs, url, body)
    first = receive(sqs, url, 2, ReceiveRequestAttemptId="attempt")
    node.advance(20)
    assert receive(sqs, url, 2, ReceiveRequestAttemptId="attempt") == first
    node.advance(20)  # and their time began anew
    assert receive(sqs, url) == []
    sqs.delete_message(QueueUrl=url, ReceiptHandle=first[0]["ReceiptHandle"])
    assert receive(sqs, url, 2, ReceiveRequestAttemptId="attempt") == []
    node.advance(31)
    assert [each["Body"] for each in receive(sqs, url, ReceiveRequestAttemptId="attempt")] == ["b", "c"]


def test_a_queues_delay_holds_its_group_back(node: RunningNode, sqs: Any) -> None:
    url = make(sqs, DelaySeconds="60")
    send(sqs, url, "a")
    assert (receive(sqs, url), depth(sqs, url)) == ([], (0, 0, 1))
    node.advance(61)
    assert [each["Body"] for each in receive(sqs, url)] == ["a"]


def test_what_is_too_old_no_longer_blocks_its_group(node: RunningNode, sqs: Any) -> None:
    url = make(sqs, MessageRetentionPeriod="60")
    send(sqs, url, "a")
    node.advance(50)
    send(sqs, url, "b")
    node.advance(20)
    assert [each["Body"] for each in receive(sqs, url)] == ["b"]
    node.advance(3600)
    assert depth(sqs, url) == (0, 0, 0)
    send(sqs, url, "c")
    assert [each["Body"] for each in receive(sqs, url)] == ["c"]


def test_a_purged_queue_begins_anew(sqs: Any) -> None:
    url = make(sqs)
    send(sqs, url, "a")
    receive(sqs, url)
    sqs.purge_queue(QueueUrl=url)
    send(sqs, url, "b")
    assert [each["Body"] for each in receive(sqs, url)] == ["b"]


def test_its_settings_are_shown_and_its_kind_stays(sqs: Any) -> None:
    url = make(sqs)
    shown = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    kept = ("FifoQueue", "ContentBasedDeduplication", "DeduplicationScope", "FifoThroughputLimit")
    assert [shown[name] for name in kept] == ["true", "false", "queue", "perQueue"]
    code, words = refusal(
        sqs.set_queue_attributes, QueueUrl=url, Attributes={"FifoThroughputLimit": "perMessageGroupId"}
    )
    assert (code, "only when the value for DeduplicationScope is messageGroup" in words) == (
        "InvalidAttributeValue",
        True,
    )
    high = {"DeduplicationScope": "messageGroup", "FifoThroughputLimit": "perMessageGroupId"}
    sqs.set_queue_attributes(QueueUrl=url, Attributes=high)
    code, _ = refusal(sqs.set_queue_attributes, QueueUrl=url, Attributes={"FifoQueue": "false"})
    assert code == "InvalidAttributeValue"


def test_queues_of_two_kinds_do_not_take_each_others_dead_letters(sqs: Any) -> None:
    plain = sqs.create_queue(QueueName="plain")["QueueUrl"]
    policy = json.dumps({"deadLetterTargetArn": arn_of(sqs, plain), "maxReceiveCount": 1})
    code, words = refusal(
        sqs.create_queue, QueueName="q.fifo", Attributes={"FifoQueue": "true", "RedrivePolicy": policy}
    )
    assert (code, "must be same type" in words) == ("InvalidParameterValue", True)
    code, _ = refusal(sqs.create_queue, QueueName="q.fifo")
    assert code == "InvalidParameterValue"
