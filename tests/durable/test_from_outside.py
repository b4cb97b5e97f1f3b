"""What somebody does to an execution from outside, on either SDK: stop it, pause it, let it go on."""

from __future__ import annotations

import pytest

from tests.durable.conftest import Durable
from tests.durable.executions import start
from tests.functions import needs_node

pytestmark = pytest.mark.slow


@pytest.fixture(params=["python", pytest.param("nodejs", marks=needs_node)])
def durable(request: pytest.FixtureRequest) -> Durable:
    made: Durable = request.getfixturevalue(request.param)
    return made


def test_stop(durable: Durable) -> None:
    execution = durable.start("wait", seconds=3600)
    error = {"ErrorType": "Enough", "ErrorMessage": "not needed any more"}
    answer = durable.client.stop_durable_execution(DurableExecutionArn=execution.arn, Error=error)
    durable.node.advance(4000)
    state = execution.state
    assert (state["Status"], state["EndTimestamp"]) == ("STOPPED", answer["StopTimestamp"])
    assert {key: state["Error"][key] for key in error} == error
    kinds = [event["EventType"] for event in execution.events()]
    assert kinds[:3] == ["ExecutionStarted", "WaitStarted", "InvocationCompleted"]
    assert kinds[-1] == "ExecutionStopped"
    assert "WaitSucceeded" not in kinds


def test_pause_and_resume(durable: Durable) -> None:
    """What falls due while it is paused happens, and the function hears of it when it goes on."""
    execution = durable.start("wait", seconds=3600)
    durable.client.pause_durable_execution(DurableExecutionArn=execution.arn, Reason="a look")
    durable.node.advance(8000)
    assert len(execution.events("InvocationCompleted")) == 1
    assert execution.status == "PAUSED"
    durable.client.resume_durable_execution(DurableExecutionArn=execution.arn)
    durable.node.settle()
    assert execution.result == "waited"
    kinds = [event["EventType"] for event in execution.events()]
    assert kinds.index("ExecutionPaused") < kinds.index("ExecutionResumed") < kinds.index("ExecutionSucceeded")


def test_stop_in_the_middle_of_a_step(durable: Durable) -> None:
    """The step goes on to its end, and nobody hears of it."""
    execution = start(durable.client, durable.function, "held")
    while not execution.events("StepStarted"):
        pass
    durable.client.stop_durable_execution(DurableExecutionArn=execution.arn)
    durable.node.settle()
    assert execution.status == "STOPPED"
    assert execution.events("StepSucceeded") == []


def test_pause_in_the_middle_of_a_step(python: Durable) -> None:
    """The step goes on to its end, which is kept; its checkpoint is the last, and the SDK ends the invocation.

    That for JavaScript goes on with the token it has used, and fails the execution over the answer, on AWS too
    (issues 917 and 918 of aws/aws-durable-execution-sdk-js).
    """
    execution = start(python.client, python.function, "held")
    while not execution.events("StepStarted"):
        pass
    python.client.pause_durable_execution(DurableExecutionArn=execution.arn)
    assert execution.status == "PAUSING"
    python.node.settle()
    assert execution.status == "PAUSED"
    assert len(execution.events("StepSucceeded")) == 1
    python.client.resume_durable_execution(DurableExecutionArn=execution.arn)
    python.node.settle()
    assert execution.result == ["held", "after"]
    assert [event["Name"] for event in execution.events("StepStarted")] == ["hold", "after"]
