"""AWS's durable execution SDK for Python, unmodified: callbacks, as on AWS."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.durable.conftest import Durable
from tests.durable.executions import Execution, is_outline
from tests.errors import refusal

pytestmark = pytest.mark.slow

TIMED_OUT = """
    ExecutionStarted
    CallbackStarted Callback example-callback
    InvocationCompleted
    CallbackTimedOut Callback example-callback
    InvocationCompleted
    ExecutionSucceeded
"""


def failed(execution: Execution, **error: Any) -> None:
    """The callback that is open has failed."""
    [callback_id] = execution.callbacks().values()
    execution.client.send_durable_execution_callback_failure(CallbackId=callback_id, Error=error)


def test_callback_success(python: Durable) -> None:
    execution = python.start("callback", timeout_s=120, heartbeat_s=60)
    [started] = execution.events("CallbackStarted")
    details = started["CallbackStartedDetails"]
    assert (details["Timeout"], details["HeartbeatTimeout"]) == (120, 60)
    execution.answer({"approved": True})
    python.node.settle()
    assert execution.result == '{"approved": true}'  # as it came, unless the function says how to read it
    is_outline(
        execution.outline(),
        """
        ExecutionStarted
        CallbackStarted Callback example-callback
        InvocationCompleted
        CallbackSucceeded Callback example-callback
        InvocationCompleted
        ExecutionSucceeded
        """,
    )
    [succeeded] = execution.events("CallbackSucceeded")
    assert succeeded["CallbackSucceededDetails"]["Result"]["Payload"] == '{"approved": true}'


def test_callback_success_without_a_result(python: Durable) -> None:
    execution = python.start("callback")
    [callback_id] = execution.callbacks().values()
    execution.client.send_durable_execution_callback_success(CallbackId=callback_id)
    python.node.settle()
    assert execution.result is None


def test_callback_failure(python: Durable) -> None:
    execution = python.start("callback")
    failed(execution, ErrorType="RejectedError", ErrorMessage="not approved", ErrorData="why")
    python.node.settle()
    assert (execution.result["kind"], execution.result["message"]) == ("CallbackExternalError", "not approved")
    [event] = execution.events("CallbackFailed")
    payload = event["CallbackFailedDetails"]["Error"]["Payload"]
    assert payload == {"ErrorType": "RejectedError", "ErrorMessage": "not approved", "ErrorData": "why"}


def test_callback_timeout(python: Durable) -> None:
    execution = python.start("callback", timeout_s=120)
    python.node.advance(100)
    assert execution.status == "RUNNING"
    python.node.advance(30)
    assert execution.result["kind"] == "CallbackTimeoutError"
    is_outline(execution.outline(), TIMED_OUT)
    [event] = execution.events("CallbackTimedOut")
    assert event["CallbackTimedOutDetails"]["Error"]["Payload"]["ErrorType"] == "Callback.Timeout"


def test_callback_heartbeat(python: Durable) -> None:
    """Each sign of life gives it as long again."""
    execution = python.start("callback", heartbeat_s=60)
    [callback_id] = execution.callbacks().values()
    for _ in range(3):
        python.node.advance(50)
        python.client.send_durable_execution_callback_heartbeat(CallbackId=callback_id)
    python.node.advance(50)
    assert execution.status == "RUNNING"
    execution.answer("alive")
    python.node.settle()
    assert execution.result == '"alive"'


def test_callback_without_a_heartbeat(python: Durable) -> None:
    execution = python.start("callback", heartbeat_s=60, timeout_s=3600)
    python.node.advance(70)
    assert execution.result["kind"] == "CallbackTimeoutError"
    is_outline(execution.outline(), TIMED_OUT)
    [event] = execution.events("CallbackTimedOut")
    assert event["CallbackTimedOutDetails"]["Error"]["Payload"]["ErrorType"] == "Callback.Heartbeat"


def test_a_callback_that_fails_uncaught_fails_the_execution(python: Durable) -> None:
    execution = python.start("callback", caught=False)
    failed(execution, ErrorType="RejectedError", ErrorMessage="not approved")
    python.node.settle()
    assert execution.error["ErrorMessage"] == "not approved"
    assert execution.status == "FAILED"


def test_an_answered_callback_takes_no_second_answer(python: Durable) -> None:
    execution = python.start("callback")
    [callback_id] = execution.callbacks().values()
    execution.answer("first")
    python.node.settle()
    send = python.client.send_durable_execution_callback_success
    assert refusal(send, CallbackId=callback_id, Result=b'"second"')[0] == "CallbackTimeoutException"
    assert execution.result == '"first"'


def test_callback_mixed_ops(python: Durable) -> None:
    execution = python.start("callback_mixed_ops")
    execution.answer({"processed": True})
    python.node.advance(10)
    assert execution.result == [{"user": 123}, '{"processed": true}']
    kinds = [line.split()[0] for line in execution.outline(invocations=False).splitlines()]
    assert kinds == [
        "ExecutionStarted",
        "StepStarted",
        "StepSucceeded",
        "CallbackStarted",
        "WaitStarted",
        "CallbackSucceeded",
        "WaitSucceeded",
        "ExecutionSucceeded",
    ]


def test_callback_concurrency(python: Durable) -> None:
    execution = python.start("callback_concurrency")
    for name in ("api-3", "api-1", "api-2"):
        waiting = {e["Name"]: e["CallbackStartedDetails"]["CallbackId"] for e in execution.events("CallbackStarted")}
        python.client.send_durable_execution_callback_success(CallbackId=waiting[name], Result=f'"{name}"'.encode())
        python.node.settle()
    assert execution.result == ['"api-1"', '"api-2"', '"api-3"']


def test_callback_serdes(python: Durable) -> None:
    execution = python.run("callback_serdes", answer="aloud")
    assert execution.result == '"ALOUD"'


def test_wait_for_callback_success(python: Durable) -> None:
    execution = python.start("wait_for_callback", run="approval", timeout_s=3600)
    s3 = python.node.client("s3")
    [submitted] = s3.list_objects_v2(Bucket="effects", Prefix="approval/submitted")["Contents"]
    callback_id = s3.get_object(Bucket="effects", Key=submitted["Key"])["Body"].read().decode()
    assert list(execution.callbacks().values()) == [callback_id]
    python.client.send_durable_execution_callback_success(CallbackId=callback_id, Result=b'"yes"')
    python.node.settle()
    assert execution.result == '"yes"'
    is_outline(
        execution.outline(),
        """
        ExecutionStarted
        ContextStarted WaitForCallback approval
          CallbackStarted Callback approval create callback id
          StepStarted Step approval submitter
          StepSucceeded Step approval submitter
        InvocationCompleted
          CallbackSucceeded Callback approval create callback id
        ContextSucceeded WaitForCallback approval
        InvocationCompleted
        ExecutionSucceeded
        """,
    )


def test_wait_for_callback_failure(python: Durable) -> None:
    execution = python.start("wait_for_callback", run="refused")
    failed(execution, ErrorType="RejectedError", ErrorMessage="no")
    python.node.settle()
    assert execution.error["ErrorMessage"] == "no"
    is_outline(
        execution.outline(),
        """
        ExecutionStarted
        ContextStarted WaitForCallback approval
          CallbackStarted Callback approval create callback id
          StepStarted Step approval submitter
          StepSucceeded Step approval submitter
        InvocationCompleted
          CallbackFailed Callback approval create callback id
        ContextFailed WaitForCallback approval
        InvocationCompleted
        ExecutionFailed
        """,
    )


def test_wait_for_callback_timeout(python: Durable) -> None:
    execution = python.start("wait_for_callback", run="late", timeout_s=86_400)
    python.node.advance(86_410)
    assert execution.error["ErrorType"].endswith("CallbackTimeoutError")
    [started], [ended] = execution.events("CallbackStarted"), execution.events("CallbackTimedOut")
    assert timedelta(days=1) <= ended["EventTimestamp"] - started["EventTimestamp"] < timedelta(days=1, seconds=5)


def test_wait_for_callback_heartbeat(python: Durable) -> None:
    execution = python.start("wait_for_callback", run="beats", heartbeat_s=300, timeout_s=3600)
    [callback_id] = execution.callbacks().values()
    python.node.advance(200)
    python.client.send_durable_execution_callback_heartbeat(CallbackId=callback_id)
    python.node.advance(200)
    assert execution.status == "RUNNING"
    python.node.advance(200)
    assert execution.error["ErrorType"].endswith("CallbackTimeoutError")


def test_wait_for_callback_submitter_failure_catchable(python: Durable) -> None:
    execution = python.run("wait_for_callback_submitter_failure_catchable")
    assert execution.result == {"message": "nobody takes it"}
    is_outline(
        execution.outline(),
        """
        ExecutionStarted
        ContextStarted WaitForCallback failing-submitter
          CallbackStarted Callback failing-submitter create callback id
          StepStarted Step failing-submitter submitter
          StepFailed Step failing-submitter submitter
        InvocationCompleted
          StepStarted Step failing-submitter submitter
          StepFailed Step failing-submitter submitter
        ContextFailed WaitForCallback failing-submitter
        InvocationCompleted
        ExecutionSucceeded
        """,
    )


def test_wait_for_callback_child(python: Durable) -> None:
    execution = python.run("wait_for_callback_child", answer="ok")
    assert execution.result == ['"ok"', '"ok"']
    depths = {line.split()[-1]: len(line) - len(line.lstrip()) for line in execution.outline().splitlines()}
    assert (depths["parent-callback"], depths["child-callback"]) == (0, 2)


def test_wait_for_callback_multiple_invocations(python: Durable) -> None:
    execution = python.run("wait_for_callback_multiple_invocations", answer="ok")
    assert execution.result == ['"ok"', "processed", '"ok"']
    assert len(execution.events("InvocationCompleted")) == 5


def test_wait_for_callback_mixed_ops(python: Durable) -> None:
    execution = python.run("wait_for_callback_mixed_ops", answer="ok")
    assert execution.result == [{"user": 1}, '"ok"', "finalized"]
    assert len(execution.events("InvocationCompleted")) == 4
