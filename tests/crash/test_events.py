"""SIGKILL while events wait, are run and are being retried: every one that was taken ends, and is told of once."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from tests.crash.conftest import CRASHES
from tests.crash.load import Load
from tests.crash.test_fan_out import drain, queue
from tests.functions import deploy
from tests.node_process import NodeProcess

CODE = """
def handler(event, context):
    if event % 10 == 0:
        raise ValueError("never")
    return event
"""


@pytest.mark.slow
def test_every_event_that_was_taken_ends_and_is_told_of_once(node: NodeProcess) -> None:
    node.start()
    (good, good_arn), (bad, bad_arn) = (queue(node.client("sqs"), name) for name in ("good", "bad"))
    client = node.client("lambda")
    deploy(client, code=CODE, Timeout=60)
    sides: dict[str, Any] = {"OnSuccess": {"Destination": good_arn}, "OnFailure": {"Destination": bad_arn}}
    client.put_function_event_invoke_config(FunctionName="f", DestinationConfig=sides)

    def ask(client: Any, number: int) -> None:
        client.invoke(FunctionName="f", InvocationType="Event", Payload=json.dumps(number).encode())

    load = Load(node, "lambda", ask)
    for _ in range(CRASHES):
        load.run(random.uniform(0.2, 1.0))
        node.start()
    assert len(load.acknowledged) > 10 * CRASHES, "there was no load to speak of"
    node.advance(600)

    sqs = node.client("sqs")
    records = [json.loads(body) for url in (good, bad) for body in drain(sqs, url)]
    told = [record["requestPayload"] for record in records]
    assert len(told) == len(set(told)), "an event ended twice"
    assert load.acknowledged - set(told) == set(), "taken, and lost"
    for record in records:
        context = record["requestContext"]
        assert context["condition"] == ("Success" if record["requestPayload"] % 10 else "RetriesExhausted")
        assert context["approximateInvokeCount"] == (1 if record["requestPayload"] % 10 else 3)
    assert node.stop() == 0
