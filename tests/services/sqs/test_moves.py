"""Message move tasks: dead letters go back to their queues, or to another one."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Iterator
from typing import Any

import pytest

from tests.running_node import RunningNode
from tests.services.sqs.test_queue import arn_of, refusal


@pytest.fixture
def sqs(node: RunningNode) -> Any:
    return node.client("sqs")


class Queues:
    """A queue whose messages are dead letters after one receive, and its dead-letter queue."""

    def __init__(self, sqs: Any) -> None:
        self.sqs = sqs
        self.letters = sqs.create_queue(QueueName="letters")["QueueUrl"]
        self.letters_arn = arn_of(sqs, self.letters)
        self.orders = self.with_letters("orders")

    def with_letters(self, name: str) -> str:
        policy = json.dumps({"deadLetterTargetArn": self.letters_arn, "maxReceiveCount": 1})
        settings = {"RedrivePolicy": policy, "VisibilityTimeout": "0"}
        return str(self.sqs.create_queue(QueueName=name, Attributes=settings)["QueueUrl"])

    def die(self, url: str, *bodies: str) -> None:
        """These messages were in the queue and are dead letters now."""
        for body in bodies:
            self.sqs.send_message(QueueUrl=url, MessageBody=body)
            assert self.bodies(url) == [body]
        assert self.bodies(url) == []

    def bodies(self, url: str) -> list[str]:
        got = self.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0)
        return sorted(each["Body"] for each in got.get("Messages", ()))

    def latest(self) -> dict[str, Any]:
        (found,) = self.sqs.list_message_move_tasks(SourceArn=self.letters_arn)["Results"]
        return dict(found)


@pytest.fixture
def queues(sqs: Any) -> Iterator[Queues]:
    yield Queues(sqs)


def ended(node: RunningNode, queues: Queues) -> dict[str, Any]:
    node.settle()
    return queues.latest()


def test_dead_letters_go_back_to_where_they_came_from_as_new_messages(node: RunningNode, queues: Queues) -> None:
    others = queues.with_letters("others")
    queues.die(queues.orders, "a", "b")
    queues.die(others, "c")
    queues.sqs.start_message_move_task(SourceArn=queues.letters_arn)
    task = ended(node, queues)
    assert (task["Status"], task["ApproximateNumberOfMessagesMoved"]) == ("COMPLETED", 3)
    assert "TaskHandle" not in task
    got = queues.sqs.receive_message(QueueUrl=others, AttributeNames=["All"])["Messages"][0]
    assert (got["Body"], got["Attributes"]["ApproximateReceiveCount"]) == ("c", "1")
    assert "DeadLetterQueueSourceArn" not in got["Attributes"]
    assert queues.bodies(queues.orders) == ["a", "b"]
    assert queues.bodies(queues.letters) == []


def test_dead_letters_go_where_they_are_told(node: RunningNode, queues: Queues) -> None:
    queues.die(queues.orders, "a", "b")
    queues.sqs.send_message(QueueUrl=queues.letters, MessageBody="sent here by hand")
    elsewhere = queues.sqs.create_queue(QueueName="elsewhere")["QueueUrl"]
    queues.sqs.start_message_move_task(SourceArn=queues.letters_arn, DestinationArn=arn_of(queues.sqs, elsewhere))
    assert ended(node, queues)["Status"] == "COMPLETED"
    assert queues.bodies(elsewhere) == ["a", "b", "sent here by hand"]


def test_what_was_never_anywhere_else_cannot_go_back(node: RunningNode, queues: Queues) -> None:
    queues.sqs.send_message(QueueUrl=queues.letters, MessageBody="sent here by hand")
    queues.sqs.start_message_move_task(SourceArn=queues.letters_arn)
    task = ended(node, queues)
    assert (task["Status"], task["FailureReason"]) == ("FAILED", "CouldNotDetermineMessageSource")
    assert queues.bodies(queues.letters) == ["sent here by hand"]


def test_a_task_keeps_its_rate_and_can_be_cancelled(node: RunningNode, queues: Queues) -> None:
    queues.die(queues.orders, "a", "b", "c")
    handle = queues.sqs.start_message_move_task(SourceArn=queues.letters_arn, MaxNumberOfMessagesPerSecond=1)[
        "TaskHandle"
    ]
    node.settle()
    running = queues.latest()
    assert (running["TaskHandle"], running["ApproximateNumberOfMessagesToMove"]) == (handle, 3)
    assert running["MaxNumberOfMessagesPerSecond"] == 1
    code, words = refusal(queues.sqs.start_message_move_task, SourceArn=queues.letters_arn)
    assert (code, "already a task running" in words) == ("AWS.SimpleQueueService.UnsupportedOperation", True)
    other = {**json.loads(b64decode(handle)), "sourceArn": arn_of(queues.sqs, queues.orders)}
    code, _ = refusal(queues.sqs.cancel_message_move_task, TaskHandle=b64encode(json.dumps(other).encode()).decode())
    assert code == "ResourceNotFoundException"  # its caller has rights on another queue
    moved = queues.sqs.cancel_message_move_task(TaskHandle=handle)["ApproximateNumberOfMessagesMoved"]
    node.advance(60)
    assert queues.latest()["Status"] == "CANCELLED"
    assert len(queues.bodies(queues.letters)) == 3 - moved > 0
    code, words = refusal(queues.sqs.cancel_message_move_task, TaskHandle=handle)
    assert words == "Only active tasks can be cancelled."


def test_a_task_with_a_rate_goes_on_in_its_time(node: RunningNode, queues: Queues) -> None:
    queues.die(queues.orders, *"abcde")
    queues.sqs.start_message_move_task(SourceArn=queues.letters_arn, MaxNumberOfMessagesPerSecond=2)
    node.advance(10)
    assert ended(node, queues)["ApproximateNumberOfMessagesMoved"] == 5


def test_what_dies_again_meanwhile_is_not_moved_again(node: RunningNode, queues: Queues) -> None:
    queues.die(queues.orders, "a", "b")
    queues.sqs.start_message_move_task(SourceArn=queues.letters_arn, MaxNumberOfMessagesPerSecond=1)
    node.settle()
    assert queues.bodies(queues.orders) == ["a"]
    assert queues.bodies(queues.orders) == []
    node.advance(10)
    task = queues.latest()
    assert (task["Status"], task["ApproximateNumberOfMessagesMoved"]) == ("COMPLETED", 2)
    assert queues.bodies(queues.letters) == ["a"]


def test_the_latest_tasks_are_listed_and_no_more(node: RunningNode, queues: Queues) -> None:
    for _ in range(12):
        queues.sqs.start_message_move_task(SourceArn=queues.letters_arn)
        ended(node, queues)
    listed = queues.sqs.list_message_move_tasks(SourceArn=queues.letters_arn, MaxResults=10)["Results"]
    times = [each["StartedTimestamp"] for each in listed]
    assert len(times) == 10
    assert times == sorted(times, reverse=True)


def test_what_cannot_be_moved_is_refused(queues: Queues) -> None:
    sqs, missing = queues.sqs, queues.letters_arn.replace("letters", "missing")
    code, _ = refusal(sqs.start_message_move_task, SourceArn=missing)
    assert code == "ResourceNotFoundException"
    code, _ = refusal(sqs.list_message_move_tasks, SourceArn=missing)
    assert code == "ResourceNotFoundException"
    code, words = refusal(sqs.start_message_move_task, SourceArn=arn_of(sqs, queues.orders))
    assert words == "Source queue must be configured as a Dead Letter Queue."
    code, _ = refusal(sqs.start_message_move_task, SourceArn=queues.letters_arn, DestinationArn=missing)
    assert code == "ResourceNotFoundException"
    code, _ = refusal(sqs.start_message_move_task, SourceArn=queues.letters_arn, DestinationArn=queues.letters_arn)
    assert code == "InvalidParameterValue"
    code, _ = refusal(sqs.start_message_move_task, SourceArn=queues.letters_arn, MaxNumberOfMessagesPerSecond=501)
    assert code == "InvalidParameterValue"
    code, _ = refusal(sqs.cancel_message_move_task, TaskHandle="none of ours")
    assert code == "InvalidParameterValue"


def test_letters_of_a_group_go_back_in_their_order_whoever_has_looked_at_one(node: RunningNode, sqs: Any) -> None:
    fifo = {"FifoQueue": "true", "ContentBasedDeduplication": "true", "VisibilityTimeout": "5"}
    letters = sqs.create_queue(QueueName="letters.fifo", Attributes=fifo)["QueueUrl"]
    policy = json.dumps({"deadLetterTargetArn": arn_of(sqs, letters), "maxReceiveCount": 1})
    orders = sqs.create_queue(QueueName="orders.fifo", Attributes={**fifo, "RedrivePolicy": policy})["QueueUrl"]
    for body, group in (("a", "g"), ("b", "g"), ("c", "h"), ("d", "g"), ("e", "h")):
        sqs.send_message(QueueUrl=letters, MessageBody=body, MessageGroupId=group)
    looked_at = sqs.receive_message(QueueUrl=letters)["Messages"]
    assert [each["Body"] for each in looked_at] == ["a"]
    node.advance(6)
    sqs.start_message_move_task(
        SourceArn=arn_of(sqs, letters), DestinationArn=arn_of(sqs, orders), MaxNumberOfMessagesPerSecond=2
    )
    node.advance(10)
    got = sqs.receive_message(QueueUrl=orders, MaxNumberOfMessages=10, AttributeNames=["All"])["Messages"]
    assert sorted(each["Body"] for each in got) == list("abcde")
    for group in "gh":
        of_it = [each["Body"] for each in got if each["Attributes"]["MessageGroupId"] == group]
        assert of_it == sorted(of_it)


def test_what_died_since_takes_the_place_of_no_other(node: RunningNode, queues: Queues) -> None:
    queues.die(queues.orders, "a", "b", "c")
    queues.sqs.start_message_move_task(SourceArn=queues.letters_arn, MaxNumberOfMessagesPerSecond=1)
    node.settle()
    assert queues.bodies(queues.orders) == ["a"]
    assert queues.bodies(queues.orders) == []
    for each in queues.sqs.receive_message(QueueUrl=queues.letters, MaxNumberOfMessages=10)["Messages"]:
        if each["Body"] == "c":
            queues.sqs.delete_message(QueueUrl=queues.letters, ReceiptHandle=each["ReceiptHandle"])
        else:
            queues.sqs.change_message_visibility(
                QueueUrl=queues.letters, ReceiptHandle=each["ReceiptHandle"], VisibilityTimeout=0
            )
    node.advance(10)
    task = queues.latest()
    assert (task["Status"], task["ApproximateNumberOfMessagesMoved"]) == ("COMPLETED", 2)
    assert queues.bodies(queues.orders) == ["b"]
    assert queues.bodies(queues.letters) == ["a"]


def test_a_queue_of_the_same_name_has_no_tasks_of_its_predecessor(node: RunningNode, queues: Queues) -> None:
    queues.die(queues.orders, "a", "b")
    queues.sqs.start_message_move_task(SourceArn=queues.letters_arn, MaxNumberOfMessagesPerSecond=1)
    queues.sqs.delete_queue(QueueUrl=queues.letters)
    node.advance(61)
    queues.sqs.create_queue(QueueName="letters")
    assert queues.sqs.list_message_move_tasks(SourceArn=queues.letters_arn)["Results"] == []
    queues.die(queues.with_letters("others"), "c")  # the first letter may have been back among the orders already
    queues.sqs.start_message_move_task(SourceArn=queues.letters_arn)
    assert ended(node, queues)["ApproximateNumberOfMessagesMoved"] == 1
