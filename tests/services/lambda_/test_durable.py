"""Durable executions from beginning to end: steps, waits, replays, results; all in the node's own time."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.running_node import RunningNode
from tests.services.lambda_.durable_functions import begin, deploy_durable, history, status, told

pytestmark = pytest.mark.slow

STEPS = """
def run(durable, event, context):
    one = durable.step("1", lambda: event["a"] + 1)
    durable.wait("2", 60)
    return durable.step("3", lambda: one * 2)
"""


def test_an_execution_goes_through_steps_and_a_wait_to_its_result(node: RunningNode, client: Any) -> None:
    deploy_durable(client, STEPS)
    arn = begin(client, {"a": 1})
    node.settle()
    assert status(client, arn) == "RUNNING"
    node.advance(61)
    found = client.get_durable_execution(DurableExecutionArn=arn)
    assert (found["Status"], json.loads(found["Result"])) == ("SUCCEEDED", 4)
    assert told(client, arn) == [
        *("ExecutionStarted", "StepSucceeded", "WaitStarted", "InvocationCompleted"),
        *("WaitSucceeded", "StepSucceeded", "InvocationCompleted", "ExecutionSucceeded"),
    ]
    assert [event["EventId"] for event in history(client, arn)] == [1, 2, 3, 4, 5, 6, 7, 8]


def test_who_invokes_synchronously_has_the_result(client: Any) -> None:
    deploy_durable(client, "def run(durable, event, context):\n    return durable.step('1', lambda: event + 1)\n")
    answer = client.invoke(FunctionName="f", Qualifier="$LATEST", Payload=b"41")
    assert json.loads(answer["Payload"].read()) == 42
    assert status(client, answer["DurableExecutionArn"]) == "SUCCEEDED"
    assert "FunctionError" not in answer
