"""How many messages may be in flight, and for how long."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from tests.running_node import RunningNode
from tests.services.sqs.test_messages import bodies, depth
from tests.services.sqs.test_queue import refusal
from wakeful import limits
from wakeful.services.sqs import counts


@pytest.fixture(scope="module")
def sqs(shared_node: RunningNode) -> Any:
    return shared_node.client("sqs")


def make(sqs: Any, name: str, count: int = 0, **attributes: str) -> str:
    """A queue with so many messages."""
    url = str(sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"])
    is_fifo = name.endswith(".fifo")
    for each in range(count):
        group = {"MessageGroupId": str(each), "MessageDeduplicationId": str(each)} if is_fifo else {}
        sqs.send_message(QueueUrl=url, MessageBody=str(each), **group)
    return url


@pytest.fixture
def five_in_flight(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "SQS_IN_FLIGHT_MAX", 5)


@pytest.mark.usefixtures("five_in_flight")
def test_a_short_poll_is_told_that_too_many_messages_are_in_flight(sqs: Any) -> None:
    url = make(sqs, "short", 8)
    received = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    assert len(received) == 5
    assert refusal(sqs.receive_message, QueueUrl=url)[0] == "OverLimit"
    sqs.delete_message(QueueUrl=url, ReceiptHandle=received[0]["ReceiptHandle"])
    assert len(sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]) == 1
    assert refusal(sqs.receive_message, QueueUrl=url)[0] == "OverLimit"
    empty = make(sqs, "empty")
    assert bodies(sqs.receive_message(QueueUrl=empty)) == []


@pytest.mark.usefixtures("five_in_flight")
def test_who_waits_is_told_nothing_and_gets_a_message_once_there_is_room(shared_node: RunningNode, sqs: Any) -> None:
    url = make(sqs, "long", 6)
    received = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    assert len(received) == 5
    answers: list[Any] = []
    waiting = threading.Thread(
        target=lambda: answers.append(shared_node.client("sqs").receive_message(QueueUrl=url, WaitTimeSeconds=20))
    )
    waiting.start()
    shared_node.wait_for_listener("arn:aws:sqs:us-east-1:000000000000:long")
    shared_node.advance(3)
    assert answers == []
    sqs.delete_message(QueueUrl=url, ReceiptHandle=received[0]["ReceiptHandle"])
    shared_node.advance(2)
    waiting.join(10)
    assert [len(bodies(answer)) for answer in answers] == [1]


@pytest.mark.usefixtures("five_in_flight")
def test_a_fifo_queue_gives_nothing_more_and_no_error(shared_node: RunningNode, sqs: Any) -> None:
    url = make(sqs, "full.fifo", 6, FifoQueue="true")
    assert len(sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]) == 5
    assert bodies(sqs.receive_message(QueueUrl=url)) == []
    shared_node.advance(31)
    assert len(sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]) == 5


def test_messages_in_flight_are_not_counted_at_every_receive(sqs: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, counted = [], []
    really, really_counted = counts.in_flight, counts.of

    def ask(tx: Any, queue: Any, *, few: int = 0) -> int:
        asked.append(queue)
        return really(tx, queue, few=few)

    def count(tx: Any, queue: Any) -> counts.Counts:
        counted.append(queue)
        return really_counted(tx, queue)

    monkeypatch.setattr(counts, "in_flight", ask)
    monkeypatch.setattr(counts, "of", count)
    monkeypatch.setattr(limits, "SQS_IN_FLIGHT_UNCOUNTED_MAX", 1000)
    url = make(sqs, "counted", 20)
    for _ in range(20):
        assert len(bodies(sqs.receive_message(QueueUrl=url))) == 1
    assert (len(asked), len(counted)) == (1, 0)  # fewer were ever handed out than may be in flight


def test_a_message_is_hidden_for_twelve_hours_at_most_since_it_was_received(shared_node: RunningNode, sqs: Any) -> None:
    url = make(sqs, "hours", 1)
    (message,) = sqs.receive_message(QueueUrl=url, VisibilityTimeout=7200)["Messages"]
    asked = {"QueueUrl": url, "ReceiptHandle": message["ReceiptHandle"]}
    shared_node.advance(3600)
    code, text = refusal(sqs.change_message_visibility, **asked, VisibilityTimeout=43_200)
    assert code == "InvalidParameterValue"
    assert "Total VisibilityTimeout for the message is beyond the limit [43200 seconds]" in text
    entries = [
        {"Id": "0", "ReceiptHandle": message["ReceiptHandle"], "VisibilityTimeout": 43_200},
        {"Id": "1", "ReceiptHandle": message["ReceiptHandle"], "VisibilityTimeout": 39_000},
    ]
    answer = sqs.change_message_visibility_batch(QueueUrl=url, Entries=entries)
    assert [each["Id"] for each in answer["Successful"]] == ["1"]
    assert [each["Code"] for each in answer["Failed"]] == ["InvalidParameterValue"]
    shared_node.advance(39_100)
    (again,) = sqs.receive_message(QueueUrl=url)["Messages"]
    sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=again["ReceiptHandle"], VisibilityTimeout=43_000)


def test_a_handle_whose_time_is_over_changes_nothing_and_is_no_error_in_a_standard_queue(
    shared_node: RunningNode, sqs: Any
) -> None:
    url = make(sqs, "over", 1)
    (message,) = sqs.receive_message(QueueUrl=url)["Messages"]
    shared_node.advance(31)
    asked = {"QueueUrl": url, "ReceiptHandle": message["ReceiptHandle"], "VisibilityTimeout": 60}
    sqs.change_message_visibility(**asked)
    assert depth(sqs, url) == (1, 0, 0)
    sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    code, text = refusal(sqs.change_message_visibility, **asked)
    assert code == "InvalidParameterValue"
    assert "Message does not exist or is not available for visibility timeout change." in text


def test_a_dead_letter_of_a_fifo_queue_is_as_old_as_it_is_there(shared_node: RunningNode, sqs: Any) -> None:
    """One of a standard queue is as old as it was: `test_queue_model.py` has both."""
    letters = make(sqs, "letters.fifo", FifoQueue="true", MessageRetentionPeriod="120")
    arn = sqs.get_queue_attributes(QueueUrl=letters, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    policy = f'{{"deadLetterTargetArn": "{arn}", "maxReceiveCount": 1}}'
    url = make(sqs, "mortal.fifo", 1, FifoQueue="true", RedrivePolicy=policy, VisibilityTimeout="0")
    sqs.receive_message(QueueUrl=url)
    shared_node.advance(100)
    assert bodies(sqs.receive_message(QueueUrl=url)) == []
    shared_node.advance(100)
    assert depth(sqs, letters) == (1, 0, 0)
    shared_node.advance(30)
    assert depth(sqs, letters) == (0, 0, 0)


def test_a_new_delay_counts_for_what_is_in_a_fifo_queue_and_not_for_what_is_in_a_standard_one(sqs: Any) -> None:
    standard, fifo = make(sqs, "slow", 1, DelaySeconds="600"), make(sqs, "slow.fifo", 1, FifoQueue="true")
    sqs.set_queue_attributes(QueueUrl=standard, Attributes={"DelaySeconds": "0"})
    assert depth(sqs, standard) == (0, 0, 1)
    sqs.set_queue_attributes(QueueUrl=fifo, Attributes={"DelaySeconds": "600"})
    assert depth(sqs, fifo) == (0, 0, 1)
    sqs.set_queue_attributes(QueueUrl=fifo, Attributes={"DelaySeconds": "0"})
    assert bodies(sqs.receive_message(QueueUrl=fifo)) == ["0"]


def test_a_zero_delay_of_a_message_does_not_undo_that_of_its_fifo_queue(sqs: Any) -> None:
    url = make(sqs, "zero.fifo", FifoQueue="true", DelaySeconds="600")
    told = {"MessageGroupId": "g", "MessageDeduplicationId": "d", "DelaySeconds": 0}
    sqs.send_message(QueueUrl=url, MessageBody="m", **told)
    assert depth(sqs, url) == (0, 0, 1)
