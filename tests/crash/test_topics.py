"""SIGKILL while a FIFO topic is published to and while it replays: all that was acknowledged, once and in order."""

from __future__ import annotations

import json
import random
import time
from typing import Any

import pytest

from tests.crash.conftest import CRASHES
from tests.crash.load import Load
from tests.node_process import NodeProcess

GROUPS = 5


def queue(sqs: Any, name: str) -> tuple[str, str]:
    wanted = {"FifoQueue": "true", "VisibilityTimeout": "600"}
    url = sqs.create_queue(QueueName=name, Attributes=wanted)["QueueUrl"]
    return url, sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]


def drain(sqs: Any, url: str) -> list[dict[str, Any]]:
    """What the topic's envelopes say, in the order in which the queue hands them out."""
    found: list[dict[str, Any]] = []
    while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        found += [json.loads(message["Body"]) for message in messages]
        entries = [{"Id": str(n), "ReceiptHandle": each["ReceiptHandle"]} for n, each in enumerate(messages)]
        sqs.delete_message_batch(QueueUrl=url, Entries=entries)
    return found


def check_order(documents: list[dict[str, Any]]) -> None:
    """Each number came once; a group's messages come as the topic has numbered them."""
    bodies = [document["Message"] for document in documents]
    assert len(bodies) == len(set(bodies)), "a message came twice"
    for group in range(GROUPS):
        of_group = [each["SequenceNumber"] for each in documents if int(each["Message"]) % GROUPS == group]
        assert of_group == sorted(of_group), "a group's messages are out of order"


@pytest.mark.slow
def test_a_fifo_topic_loses_doubles_and_mixes_up_nothing(node: NodeProcess, engine: str) -> None:
    node.start()
    sqs, sns = node.client("sqs"), node.client("sns")
    url, arn = queue(sqs, "live.fifo")
    archived = {"FifoTopic": "true", "ArchivePolicy": '{"MessageRetentionPeriod": "1"}'}
    topic = sns.create_topic(Name="t.fifo", Attributes=archived)["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)

    def publish(sns: Any, number: int) -> str:
        identity = {"MessageGroupId": f"g{number % GROUPS}", "MessageDeduplicationId": f"d{number}"}
        return str(sns.publish(TopicArn=topic, Message=str(number), **identity)["SequenceNumber"])

    def twice(sns: Any, number: int) -> None:
        assert publish(sns, number) == publish(sns, number)

    publish(sns, 0)  # what the node does but once is done
    load = Load(node, "sns", twice)
    for _ in range(max(1, CRASHES - 1)):
        load.run(random.uniform(0.2, 0.8))
        node.start()
    acknowledged = set(load.acknowledged)
    assert len(acknowledged) > 5 * CRASHES, "there was no load to speak of"

    sqs, sns = node.client("sqs"), node.client("sns")
    unheard = [number for number in range(1, max(acknowledged) + 1) if number not in acknowledged]
    for number in unheard:
        publish(sns, number)  # as a publisher does that has had no answer
    live = drain(sqs, url)
    check_order(live)
    assert {int(document["Message"]) for document in live} >= acknowledged | set(unheard), "acknowledged, and lost"

    again_url, again = queue(sqs, "again.fifo")
    start = sns.get_topic_attributes(TopicArn=topic)["Attributes"]["BeginningArchiveTime"]
    policy = json.dumps({"PointType": "Timestamp", "StartingPoint": start})
    wanted = {"ReplayPolicy": policy}
    subscription = sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=again, Attributes=wanted)["SubscriptionArn"]
    node.kill()
    node.start()
    sqs, sns = node.client("sqs"), node.client("sns")
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        shown = sns.get_subscription_attributes(SubscriptionArn=subscription)["Attributes"]
        if shown["ReplayStatus"] == "Completed":
            break
        time.sleep(0.05)  # another process tells nobody how far it is
    replayed = drain(sqs, again_url)
    check_order(replayed)
    assert {document["MessageId"] for document in replayed} == {document["MessageId"] for document in live}
    assert node.stop() == 0
    print(json.dumps({"engine": engine, "kills": CRASHES, "delivered": len(live), "replayed": len(replayed)}))
