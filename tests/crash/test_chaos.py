"""SIGKILL under load and chaos: what was acknowledged comes, and comes to an end; and the experiment goes on."""

from __future__ import annotations

import random
from typing import Any

import pytest

from tests.crash.conftest import CRASHES
from tests.crash.load import Load
from tests.experiments import ask, begun
from tests.node_process import NodeProcess

FAULTS: dict[str, Any] = {
    "duplicate": {"rate": 0.3, "copies": 2, "apart_s": [0, 60]},
    "delay": {"rate": 0.3, "s": [0, 60]},
    "reorder": {"rate": 0.3, "window": 5},
    "redeliver": {"rate": 0.3},
}


def drain(node: NodeProcess, sqs: Any, url: str) -> list[str]:
    """All that comes until nothing is left, deleted at once."""
    bodies: list[str] = []
    while True:
        while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            bodies += [message["Body"] for message in messages]
            entries = [{"Id": str(n), "ReceiptHandle": each["ReceiptHandle"]} for n, each in enumerate(messages)]
            sqs.delete_message_batch(QueueUrl=url, Entries=entries)
        counts = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        if all(counts[name] == "0" for name in counts if name.startswith("ApproximateNumberOf")):
            return bodies
        node.advance(130)


@pytest.mark.slow
def test_a_killed_node_goes_on_with_its_chaos_and_has_lost_nothing(node: NodeProcess) -> None:
    node.start()
    url = node.client("sqs").create_queue(QueueName="q")["QueueUrl"]
    which = begun(node.endpoint, "q", **FAULTS)["id"]
    load = Load(node, "sqs", lambda sqs, number: sqs.send_message(QueueUrl=url, MessageBody=str(number)))
    for _ in range(CRASHES):
        load.run(random.uniform(0.2, 0.8))
        node.start()
    told = ask(node.endpoint, "GET", f"/{which}")[1]
    assert told["is_running"]
    assert told["counts"]["duplicate"]["occasions"] >= len(load.acknowledged) > 10 * CRASHES
    came = drain(node, node.client("sqs"), url)
    assert {str(number) for number in load.acknowledged} - set(came) == set(), "acknowledged, and lost"
    assert len(came) > len(set(came)), "there was no chaos"
    assert node.stop() == 0
