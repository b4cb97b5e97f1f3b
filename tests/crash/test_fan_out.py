"""SIGKILL under load: one publish reaches two queues and a function, or none of them; what was acknowledged, always.

`CRASHES` says how often the node is killed; `make crash` does it fifty times.
"""

from __future__ import annotations

import json
import random
import time
from typing import Any

import pytest

from tests.crash.conftest import CRASHES
from tests.crash.load import Load
from tests.functions import deploy
from tests.node_process import NodeProcess


def queue(sqs: Any, name: str) -> tuple[str, str]:
    url = sqs.create_queue(QueueName=name, Attributes={"VisibilityTimeout": "600"})["QueueUrl"]
    return url, sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]


def drain(sqs: Any, url: str) -> list[str]:
    bodies: list[str] = []
    while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        bodies += [message["Body"] for message in messages]
        entries = [{"Id": str(n), "ReceiptHandle": each["ReceiptHandle"]} for n, each in enumerate(messages)]
        sqs.delete_message_batch(QueueUrl=url, Entries=entries)
    return bodies


@pytest.mark.slow
def test_nothing_acknowledged_is_lost_and_no_fan_out_is_uneven(node: NodeProcess, engine: str) -> None:
    node.start()
    sqs, sns = node.client("sqs"), node.client("sns")
    (url_a, arn_a), (url_b, arn_b), (url_done, arn_done) = (queue(sqs, name) for name in ("a", "b", "done"))
    client = node.client("lambda")
    function = deploy(client, Timeout=60)
    done: dict[str, Any] = {"OnSuccess": {"Destination": arn_done}}
    client.put_function_event_invoke_config(FunctionName="f", DestinationConfig=done)
    topic = sns.create_topic(Name="t")["TopicArn"]
    for protocol, endpoint in (("sqs", arn_a), ("sqs", arn_b), ("lambda", function)):
        attributes = {"RawMessageDelivery": "true"} if protocol == "sqs" else {}
        sns.subscribe(TopicArn=topic, Protocol=protocol, Endpoint=endpoint, Attributes=attributes)

    load = Load(node, "sns", lambda sns, number: sns.publish(TopicArn=topic, Message=f"message {number}"))
    for _ in range(CRASHES):
        load.run(random.uniform(0.1, 0.6))
        node.start()
    acknowledged = {f"message {number}" for number in load.acknowledged}
    assert len(acknowledged) > 10 * CRASHES, "there was no load to speak of"

    sqs = node.client("sqs")
    in_a, in_b = drain(sqs, url_a), drain(sqs, url_b)
    assert len(in_a) == len(set(in_a)), "a message stands twice in a queue"
    assert acknowledged - set(in_a) == set(), "acknowledged, and lost"
    assert set(in_a) ^ set(in_b) == set(), "one queue has what the other has not"

    forwarded: set[str] = set()
    deadline = time.monotonic() + 300
    while forwarded < set(in_a) and time.monotonic() < deadline:
        answer = sqs.receive_message(QueueUrl=url_done, MaxNumberOfMessages=10, WaitTimeSeconds=1)
        runs = [json.loads(message["Body"]) for message in answer.get("Messages", [])]
        forwarded |= {record["Sns"]["Message"] for run in runs for record in run["responsePayload"]["Records"]}
        if "Messages" not in answer:
            node.advance(60)  # whose run a kill cut short has its next try a minute later
    assert forwarded == set(in_a), "an event reached the queues and not the function"
    assert node.stop() == 0
    print(json.dumps({"engine": engine, "kills": CRASHES, "acknowledged": len(acknowledged), "delivered": len(in_a)}))
