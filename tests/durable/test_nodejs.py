"""AWS's durable execution SDK for JavaScript, unmodified, on this host's Node.js: the same scenarios, as on AWS."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from tests.durable.conftest import Durable
from tests.durable.executions import Execution, is_outline
from tests.functions import needs_node

pytestmark = [pytest.mark.slow, needs_node]


def test_hello_world(nodejs: Durable) -> None:
    execution = nodejs.run("hello-world", to="World")
    assert execution.result == "Hello, World!"
    is_outline(
        execution.outline(),
        """
        ExecutionStarted
        InvocationCompleted
        ExecutionSucceeded
        """,
    )


def test_step_basic(nodejs: Durable) -> None:
    execution = nodejs.run("step-basic")
    assert execution.result == "step completed"
    [event] = execution.events("StepSucceeded")
    assert event["Id"] == "c4ca4238a0b92382"  # as in the histories of AWS's examples
    assert event["StepSucceededDetails"]["Result"]["Payload"] == '"step completed"'


def test_step_with_retry(nodejs: Durable) -> None:
    execution = nodejs.run("step-with-retry", succeedsAt=3, attempts=3, delay_s=60)
    assert execution.result == "succeeded at 3"
    is_outline(
        execution.outline(),
        """
        ExecutionStarted
        StepStarted Step unreliable
        StepFailed Step unreliable
        InvocationCompleted
        StepStarted Step unreliable
        StepFailed Step unreliable
        InvocationCompleted
        StepStarted Step unreliable
        StepSucceeded Step unreliable
        InvocationCompleted
        ExecutionSucceeded
        """,
    )
    failed = [event["StepFailedDetails"] for event in execution.events("StepFailed")]
    assert [each["Error"]["Payload"]["ErrorMessage"] for each in failed] == ["attempt 1", "attempt 2"]
    assert failed[0]["RetryDetails"] == {"CurrentAttempt": 1, "NextAttemptDelaySeconds": 60}


def test_retries_that_are_exhausted(nodejs: Durable) -> None:
    execution = nodejs.run("step-with-retry", succeedsAt=9, attempts=2)
    assert execution.status == "FAILED"
    assert execution.error["ErrorMessage"] == "attempt 2"


def test_step_interrupted(nodejs: Durable) -> None:
    """Its process dies in each attempt; at most once for each means that each is a failure."""
    execution = nodejs.run("step-interrupted", semantics="AtMostOncePerRetry", attempts=2)
    assert "interruption" in execution.error["ErrorMessage"]
    is_outline(
        execution.outline(),
        """
        ExecutionStarted
        StepStarted Step flaky
        InvocationCompleted
        StepFailed Step flaky
        InvocationCompleted
        StepStarted Step flaky
        InvocationCompleted
        StepFailed Step flaky
        InvocationCompleted
        ExecutionFailed
        """,
    )


def test_wait(nodejs: Durable) -> None:
    execution = nodejs.start("wait", seconds=3600)
    nodejs.node.advance(3590)
    assert execution.status == "RUNNING"
    nodejs.node.advance(20)
    assert execution.result == "waited"
    is_outline(
        execution.outline(),
        """
        ExecutionStarted
        WaitStarted Wait
        InvocationCompleted
        WaitSucceeded Wait
        InvocationCompleted
        ExecutionSucceeded
        """,
    )


def test_multiple_waits(nodejs: Durable) -> None:
    execution = nodejs.run("multiple-waits")
    assert execution.result == "waited twice"
    assert [event["Name"] for event in execution.events("WaitSucceeded")] == ["wait-1", "wait-2"]


def test_a_wait_of_a_year(nodejs: Durable) -> None:
    execution = nodejs.start("long-wait")
    nodejs.node.advance(365 * 86_400 - 60)
    assert execution.status == "RUNNING"
    nodejs.node.advance(120)
    assert execution.result == ["before", "after"]


def test_wait_for_condition(nodejs: Durable) -> None:
    execution = nodejs.run("wait-for-condition", threshold=3)
    assert execution.result == 3
    polls = [event["StepSucceededDetails"] for event in execution.events("StepSucceeded")]
    assert [each["Result"]["Payload"] for each in polls] == ["1", "2", "3"]
    assert {event["SubType"] for event in execution.events("StepSucceeded")} == {"WaitForCondition"}


def test_create_callback_success(nodejs: Durable) -> None:
    execution = nodejs.start("create-callback", timeout_s=300)
    [started] = execution.events("CallbackStarted")
    assert started["CallbackStartedDetails"]["Timeout"] == 300
    execution.answer("yes")
    nodejs.node.settle()
    assert execution.result == '"yes"'
    is_outline(
        execution.outline(),
        """
        ExecutionStarted
        CallbackStarted Callback callback
        InvocationCompleted
        CallbackSucceeded Callback callback
        InvocationCompleted
        ExecutionSucceeded
        """,
    )


def test_create_callback_failure(nodejs: Durable) -> None:
    execution = nodejs.start("create-callback", caught=True)
    [callback_id] = execution.callbacks().values()
    error = {"ErrorType": "RejectedError", "ErrorMessage": "not approved"}
    nodejs.client.send_durable_execution_callback_failure(CallbackId=callback_id, Error=error)
    nodejs.node.settle()
    assert execution.result["kind"] == "CallbackExternalError"
    assert execution.result["message"] == "not approved"


def test_create_callback_timeout(nodejs: Durable) -> None:
    execution = nodejs.start("create-callback", timeout_s=120)
    nodejs.node.advance(130)
    assert execution.status == "FAILED"
    assert len(execution.events("CallbackTimedOut")) == 1


def test_create_callback_heartbeat(nodejs: Durable) -> None:
    execution = nodejs.start("create-callback", heartbeat_s=60, caught=True)
    [callback_id] = execution.callbacks().values()
    nodejs.node.advance(50)
    nodejs.client.send_durable_execution_callback_heartbeat(CallbackId=callback_id)
    nodejs.node.advance(50)
    assert execution.status == "RUNNING"
    nodejs.node.advance(20)
    assert execution.result["kind"] == "CallbackTimeoutError"


def test_create_callback_concurrent(nodejs: Durable) -> None:
    execution = nodejs.start("create-callback-concurrent")
    for name in ("api-2", "api-3", "api-1"):
        execution.answer(name, name)
        nodejs.node.settle()
    assert execution.result == ['"api-1"', '"api-2"', '"api-3"']


def test_wait_for_callback(nodejs: Durable) -> None:
    execution = nodejs.start("wait-for-callback")
    execution.answer("yes")
    nodejs.node.settle()
    assert execution.result == '"yes"'
    is_outline(
        execution.outline(),
        """
        ExecutionStarted
        ContextStarted WaitForCallback approval
          CallbackStarted Callback
          StepStarted Step
          StepSucceeded Step
        InvocationCompleted
          CallbackSucceeded Callback
        ContextSucceeded WaitForCallback approval
        InvocationCompleted
        ExecutionSucceeded
        """,
    )


def test_run_in_child_context(nodejs: Durable) -> None:
    execution = nodejs.run("run-in-child-context")
    assert execution.result == 10


def test_block_example(nodejs: Durable) -> None:
    """Ids, names and payloads as in the history of AWS's example."""
    execution = nodejs.run("block-example")
    assert execution.result == {"nestedStep": "nested step result", "nestedBlock": "nested block result"}
    found = [(event["EventType"], event["Id"], event.get("ParentId")) for event in with_ids(execution)]
    assert found == [
        ("ContextStarted", "c4ca4238a0b92382", None),
        ("StepStarted", "ea66c06c1e1c05fa", "c4ca4238a0b92382"),
        ("StepSucceeded", "ea66c06c1e1c05fa", "c4ca4238a0b92382"),
        ("ContextStarted", "98c6f2c2287f4c73", "c4ca4238a0b92382"),
        ("WaitStarted", "6151f5ab282d90e4", "98c6f2c2287f4c73"),
        ("WaitSucceeded", "6151f5ab282d90e4", "98c6f2c2287f4c73"),
        ("ContextSucceeded", "98c6f2c2287f4c73", "c4ca4238a0b92382"),
        ("ContextSucceeded", "c4ca4238a0b92382", None),
    ]


def with_ids(execution: Execution) -> list[dict[str, Any]]:
    """The events of operations."""
    return [event for event in execution.events() if "SubType" in event]


def test_large_result_checkpointing(nodejs: Durable) -> None:
    execution = nodejs.run("large-result-checkpointing")
    assert execution.result == {"characters": 300_000, "last": "5"}
    assert len(execution.events("StepStarted")) == 6


@pytest.mark.parametrize(
    ("event", "reason", "failed"),
    [
        ({}, "ALL_COMPLETED", 0),
        ({"failing": [1], "completion": {"minSuccessful": 1}}, "MIN_SUCCESSFUL_REACHED", 1),
        ({"failing": [1], "completion": {"toleratedFailureCount": 1}}, "ALL_COMPLETED", 1),
        ({"failing": [1], "completion": {"toleratedFailureCount": 0}}, "FAILURE_TOLERANCE_EXCEEDED", 1),
    ],
    ids=["basic", "min_successful", "tolerated", "exceeded"],
)
def test_parallel_basic(nodejs: Durable, event: dict[str, Any], reason: str, failed: int) -> None:
    execution = nodejs.run("parallel-basic", branches=3, maxConcurrency=1, **event)
    assert (execution.result["reason"], execution.result["failed"]) == (reason, failed)


def test_parallel_wait(nodejs: Durable) -> None:
    execution = nodejs.start("parallel-wait")
    nodejs.node.advance(100)
    assert [event["Name"] for event in execution.events("WaitSucceeded")] == ["wait-60"]
    nodejs.node.advance(4000)
    assert execution.result == ["waited 3600", "waited 60", "waited 600"]


def test_map_basic(nodejs: Durable) -> None:
    execution = nodejs.run("map-basic", items=[1, 2, 3, 4])
    assert execution.result["results"] == [1, 4, 9, 16]
    names = [event["SubType"] for event in execution.events("ContextStarted")]
    assert names == ["Map"] + ["MapIteration"] * 4


def test_promise_all(nodejs: Durable) -> None:
    assert nodejs.run("promise-all").result == [1, 2, 3]


def test_invoke_simple(nodejs: Durable) -> None:
    execution = nodejs.run("invoke-simple", target="PLAIN", payload={"number": 21})
    assert execution.result == {"doubled": 42}


def test_invoke_simple_non_durable_failure(nodejs: Durable) -> None:
    execution = nodejs.run("invoke-simple", target="PLAIN", payload={"error": "This is a failure"})
    assert execution.result["kind"] == "InvokeError"
    assert execution.result["message"] == "This is a failure"


def test_invoke_simple_of_a_durable_function(nodejs: Durable) -> None:
    execution = nodejs.start("invoke-simple", target="DURABLE", payload={"scenario": "wait", "seconds": 60})
    assert execution.status == "RUNNING"
    nodejs.node.advance(70)
    assert execution.result == "waited"
    is_outline(
        execution.outline(invocations=False),
        """
        ExecutionStarted
        ChainedInvokeStarted ChainedInvoke invoke
        ChainedInvokeSucceeded ChainedInvoke invoke
        ExecutionSucceeded
        """,
    )


def test_invoke_simple_child_failure(nodejs: Durable) -> None:
    execution = nodejs.run("invoke-simple", target="DURABLE", payload={"scenario": "handler-error"})
    assert execution.result["message"] == "Intentional handler failure"


def test_handler_error(nodejs: Durable) -> None:
    execution = nodejs.run("handler-error")
    assert execution.status == "FAILED"
    assert (execution.error["ErrorType"], execution.error["ErrorMessage"]) == ("Error", "Intentional handler failure")


def test_step_error_determinism(nodejs: Durable) -> None:
    execution = nodejs.run("step-error-determinism")
    assert (execution.result["kind"], execution.result["message"]) == ("StepError", "no such order")


def test_undefined_results(nodejs: Durable) -> None:
    assert nodejs.run("undefined-results").result is True


def test_logger(nodejs: Durable) -> None:
    """Lines of a replay are not written again."""
    execution = nodejs.logging.run("logger", to="somebody")
    assert execution.result == "done"
    said = nodejs.logging.lines("for somebody", last="ends for somebody")
    assert [line["message"] for line in said] == [f"{word} for somebody" for word in ("begins", "works", "ends")]
    assert {line["executionArn"] for line in said} == {execution.arn}


def test_not_deterministic(nodejs: Durable) -> None:
    execution = nodejs.run("not-deterministic")
    assert execution.status == "FAILED"
    assert "deterministic" in json.dumps(execution.error).lower()


def test_comprehensive_operations(nodejs: Durable) -> None:
    execution = nodejs.run("comprehensive-operations")
    assert execution.result == {
        "step1": "Step 1 completed successfully",
        "numbers": [1, 2, 3, 4, 5],
        "fruits": ["apple", "banana", "orange"],
    }
    ids = {event["Id"] for event in with_ids(execution)}
    assert {"c4ca4238a0b92382", "c81e728d9d4c2f63", "eccbc87e4b5ce2fe", "c9e6e7b69f98f516", "284ee898088b7efd"} <= ids
    assert len(ids) == 20


def test_it_lasts_as_long_as_it_waited(nodejs: Durable) -> None:
    execution = nodejs.run("multiple-waits")
    state = execution.state
    assert state["EndTimestamp"] - state["StartTimestamp"] >= timedelta(seconds=305)
