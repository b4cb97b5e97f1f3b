"""How deep queues are, told once a minute."""

from __future__ import annotations

from typing import Any

import pytest

from tests.running_node import RunningNode
from tests.services.cloudwatch.test_of_services import totals
from tests.services.sqs.test_flight import make

HOUR_S = 3600


@pytest.fixture(scope="module")
def sqs(shared_node: RunningNode) -> Any:
    return shared_node.client("sqs")


def told(node: RunningNode, name: str) -> dict[str, float]:
    """The latest minute's depth of a queue; empty where nothing was told."""
    before = totals(node, "AWS/SQS", QueueName=name)
    node.advance(61)
    after = totals(node, "AWS/SQS", QueueName=name)
    return {
        key.removeprefix("Approximate"): value - before.get(key, 0.0)
        for key, value in after.items()
        if key.startswith("Approximate")
    }


def test_a_queue_tells_what_is_visible_in_flight_and_delayed_and_how_old_it_is(
    shared_node: RunningNode, sqs: Any
) -> None:
    url = make(sqs, "deep", 3, VisibilityTimeout="600")
    sqs.send_message(QueueUrl=url, MessageBody="later", DelaySeconds=900)
    sqs.receive_message(QueueUrl=url)
    shared_node.advance(100)
    shown = told(shared_node, "deep")
    assert 161 <= shown.pop("AgeOfOldestMessage") < 170
    assert shown == {"NumberOfMessagesVisible": 2, "NumberOfMessagesNotVisible": 1, "NumberOfMessagesDelayed": 1}


def test_an_empty_queue_tells_so_for_six_hours(shared_node: RunningNode, sqs: Any) -> None:
    make(sqs, "idle")
    nothing = {"NumberOfMessagesVisible": 0, "NumberOfMessagesNotVisible": 0, "NumberOfMessagesDelayed": 0}
    assert told(shared_node, "idle") == nothing
    shared_node.advance(6 * HOUR_S)
    before = samples(shared_node, "idle")
    shared_node.advance(61)
    assert samples(shared_node, "idle") == before


def samples(node: RunningNode, name: str) -> int:
    """How often the queue's depth was told lately."""
    client = node.client("cloudwatch")
    now = node.node.clock.now()
    found = client.get_metric_statistics(
        Namespace="AWS/SQS",
        MetricName="ApproximateNumberOfMessagesVisible",
        Dimensions=[{"Name": "QueueName", "Value": name}],
        StartTime=now - 7 * HOUR_S,
        EndTime=now + HOUR_S,
        Period=86_400,
        Statistics=["SampleCount"],
    )
    return sum(int(each["SampleCount"]) for each in found["Datapoints"])


def test_a_fifo_queue_tells_in_how_many_groups_messages_are_in_flight_and_what_was_sent_twice(
    shared_node: RunningNode, sqs: Any
) -> None:
    url = make(sqs, "deep.fifo", 4, FifoQueue="true", VisibilityTimeout="600")
    sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=3)
    sqs.send_message(QueueUrl=url, MessageBody="0", MessageGroupId="0", MessageDeduplicationId="0")
    assert told(shared_node, "deep.fifo")["NumberOfGroupsWithInflightMessages"] == 3
    assert totals(shared_node, "AWS/SQS", QueueName="deep.fifo")["NumberOfDeduplicatedSentMessages"] == 1


def test_a_dead_letter_is_as_old_as_it_is_dead_and_poison_does_not_count(shared_node: RunningNode, sqs: Any) -> None:
    letters = make(sqs, "morgue")
    arn = sqs.get_queue_attributes(QueueUrl=letters, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    policy = f'{{"deadLetterTargetArn": "{arn}", "maxReceiveCount": 4}}'
    url = make(sqs, "poisoned", 1, RedrivePolicy=policy, VisibilityTimeout="0")
    for _ in range(3):
        sqs.receive_message(QueueUrl=url)
    assert "AgeOfOldestMessage" not in told(shared_node, "poisoned")
    shared_node.advance(HOUR_S)
    for _ in range(2):
        sqs.receive_message(QueueUrl=url)
    assert told(shared_node, "morgue")["AgeOfOldestMessage"] < 70
