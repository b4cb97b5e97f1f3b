"""AWS's durable execution SDK for Python, unmodified: contexts, batches, large results, chained invokes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.durable.conftest import Durable
from tests.durable.executions import Execution, is_outline
from tests.errors import refusal

pytestmark = pytest.mark.slow


def test_run_in_child_context(python: Durable) -> None:
    execution = python.run("run_in_child_context")
    assert execution.result == 10
    is_outline(
        execution.outline(),
        """
        ExecutionStarted
        ContextStarted RunInChildContext child
          StepStarted Step child-step
          StepSucceeded Step child-step
        ContextSucceeded RunInChildContext child
        InvocationCompleted
        ExecutionSucceeded
        """,
    )


def test_block_example(python: Durable) -> None:
    execution = python.run("block_example")
    assert execution.result == ["nested", "inner"]
    is_outline(
        execution.outline(),
        """
        ExecutionStarted
        ContextStarted RunInChildContext parent-block
          StepStarted Step nested-step
          StepSucceeded Step nested-step
          ContextStarted RunInChildContext nested-block
            WaitStarted Wait inner-wait
        InvocationCompleted
            WaitSucceeded Wait inner-wait
          ContextSucceeded RunInChildContext nested-block
        ContextSucceeded RunInChildContext parent-block
        InvocationCompleted
        ExecutionSucceeded
        """,
    )


def test_run_in_child_context_step_failure(python: Durable) -> None:
    execution = python.run("run_in_child_context_step_failure")
    assert execution.result["message"] == "Step failed in child context"
    assert execution.result["type"].endswith("StepError")
    is_outline(
        execution.outline(),
        """
        ExecutionStarted
        ContextStarted RunInChildContext child
          StepStarted Step failing-step
          StepFailed Step failing-step
        InvocationCompleted
          StepStarted Step failing-step
          StepFailed Step failing-step
        ContextFailed RunInChildContext child
        WaitStarted Wait after
        InvocationCompleted
        WaitSucceeded Wait after
        InvocationCompleted
        ExecutionSucceeded
        """,
    )


def test_run_in_child_context_large_data(python: Durable) -> None:
    """The context keeps a summary; its result is made again from what its children kept."""
    execution = python.run("run_in_child_context_large_data")
    assert execution.result == {"characters": 300_000, "whole": True}
    [context] = execution.events("ContextSucceeded")
    assert context["ContextSucceededDetails"]["Result"]["Payload"] == "300000 characters"
    assert len(execution.events("StepStarted")) == 7  # nothing ran twice


def test_map_large_results(python: Durable) -> None:
    execution = python.run("map_large_results", items=[1, 2, 3, 4, 5])
    assert execution.result == {"characters": [60_000] * 5, "reason": "ALL_COMPLETED"}
    assert len(execution.events("StepStarted")) == 5


def test_a_result_that_no_response_can_carry(python: Durable) -> None:
    """The SDK leaves some bytes for the envelope; what is longer but may be a result, it checkpoints."""
    characters = 6 * 1024 * 1024 - len('""')
    payload = json.dumps({"scenario": "large_result", "characters": characters})
    answer = python.client.invoke(FunctionName="short", Qualifier="$LATEST", Payload=payload)
    assert len(json.loads(answer["Payload"].read())) == characters


def test_a_result_that_is_too_large_for_whoever_does_not_wait(python: Durable) -> None:
    execution = python.run("large_result", characters=1024 * 1024)
    assert execution.error["ErrorMessage"] == (
        "Execution output payload size must be less than or equal to 1048576 bytes."
    )


def test_parallel(python: Durable) -> None:
    execution = python.run("parallel", max_concurrency=1)
    assert execution.result["results"] == ["task-1", "task-2"]
    is_outline(
        execution.outline(),
        """
        ExecutionStarted
        ContextStarted Parallel parallel
          ContextStarted ParallelBranch parallel-branch-0
            StepStarted Step step-1
            StepSucceeded Step step-1
          ContextSucceeded ParallelBranch parallel-branch-0
          ContextStarted ParallelBranch parallel-branch-1
            StepStarted Step step-2
            StepSucceeded Step step-2
          ContextSucceeded ParallelBranch parallel-branch-1
        ContextSucceeded Parallel parallel
        InvocationCompleted
        ExecutionSucceeded
        """,
    )


def test_parallel_branches_at_once(python: Durable) -> None:
    execution = python.run("parallel", branches=8, then_wait=True)
    assert execution.result == {
        "reason": "ALL_COMPLETED",
        "results": [f"task-{n}" for n in range(1, 9)],
        "failed": 0,
        "all": ["SUCCEEDED"] * 8,
    }
    assert len(execution.events("StepStarted")) == len(execution.events("StepSucceeded")) == 8


def test_parallel_with_max_concurrency(python: Durable) -> None:
    execution = python.run("parallel", branches=6, max_concurrency=2)
    assert execution.result["reason"] == "ALL_COMPLETED"
    under_way = most = 0
    for event in execution.events("ContextStarted", "ContextSucceeded"):
        if event["SubType"] == "ParallelBranch":
            under_way += 1 if event["EventType"] == "ContextStarted" else -1
            most = max(most, under_way)
    assert 1 <= most <= 2


@pytest.mark.parametrize(
    ("event", "reason", "statuses"),
    [
        ({"completion": {"min_successful": 1}}, "MIN_SUCCESSFUL_REACHED", ["FAILED", "SUCCEEDED"]),
        ({"completion": {"tolerated_failure_count": 1}}, "ALL_COMPLETED", ["FAILED", "SUCCEEDED", "SUCCEEDED"]),
        ({"completion": {"tolerated_failure_count": 0}}, "FAILURE_TOLERANCE_EXCEEDED", ["FAILED"]),
        ({"completion": {"tolerated_failure_percentage": 40}}, "ALL_COMPLETED", ["FAILED", "SUCCEEDED", "SUCCEEDED"]),
    ],
    ids=["min_successful", "tolerated_count", "exceeded", "tolerated_percentage"],
)
@pytest.mark.parametrize("then_wait", [False, True], ids=["at_once", "after_a_replay"])
def test_parallel_with_failure_tolerance(
    python: Durable, event: dict[str, Any], reason: str, statuses: list[str], then_wait: bool
) -> None:
    execution = python.run("parallel", branches=3, max_concurrency=1, failing=[1], then_wait=then_wait, **event)
    assert (execution.result["reason"], execution.result["all"]) == (reason, statuses)
    assert len(execution.events("StepFailed")) == 1


def test_parallel_fails_fast(python: Durable) -> None:
    execution = python.run("parallel_fails_fast")
    assert execution.result == {
        "reason": "FAILURE_TOLERANCE_EXCEEDED",
        "results": ["task-1"],
        "failed": 1,
        "all": ["SUCCEEDED", "FAILED"],
        "kind": "ChildContextError",
    }


def test_parallel_with_wait(python: Durable) -> None:
    """Each branch waits for itself; what is done is not done again when another one's time has come."""
    execution = python.start("parallel_with_wait")
    assert len(execution.events("WaitStarted")) == 3
    python.node.advance(100)
    assert [event["Name"] for event in execution.events("WaitSucceeded")] == ["wait-60"]
    python.node.advance(4000)
    assert execution.result == ["waited 3600", "waited 60", "waited 600"]
    ended = [event["Name"] for event in execution.events("WaitSucceeded")]
    assert ended == ["wait-60", "wait-600", "wait-3600"]


def test_parallel_with_named_branches(python: Durable) -> None:
    execution = python.run("parallel_with_named_branches")
    assert execution.result == ["task-1", "task-2"]
    assert [e["Name"] for e in execution.events("ContextStarted")] == ["named", "fetch", "store"]


def test_map_operations(python: Durable) -> None:
    execution = python.run("map_operations", items=[1, 2, 3, 4, 5])
    assert execution.result["results"] == [1, 4, 9, 16, 25]
    iterations = [event["Name"] for event in execution.events("ContextStarted") if event["SubType"] == "MapIteration"]
    assert sorted(iterations) == [f"map-item-{n}" for n in range(5)]


def test_map_with_max_concurrency_and_failure_tolerance(python: Durable) -> None:
    event = {"items": [1, 2, 3], "failing": [1, 2], "max_concurrency": 1}
    execution = python.run("map_operations", **event, completion={"tolerated_failure_percentage": 50})
    assert execution.result["reason"] == "FAILURE_TOLERANCE_EXCEEDED"
    is_outline(
        execution.outline(),
        """
        ExecutionStarted
        ContextStarted Map squares
          ContextStarted MapIteration map-item-0
            StepStarted Step square-0
            StepFailed Step square-0
          ContextFailed MapIteration map-item-0
          ContextStarted MapIteration map-item-1
            StepStarted Step square-1
            StepFailed Step square-1
          ContextFailed MapIteration map-item-1
        ContextSucceeded Map squares
        InvocationCompleted
        ExecutionSucceeded
        """,
    )


def test_map_with_min_successful(python: Durable) -> None:
    event = {"items": [1, 2, 3, 4], "max_concurrency": 1, "completion": {"min_successful": 2}}
    execution = python.run("map_operations", **event, then_wait=True)
    assert (execution.result["reason"], execution.result["results"]) == ("MIN_SUCCESSFUL_REACHED", [1, 4])


def test_map_operations_flat(python: Durable) -> None:
    execution = python.run("map_operations_flat")
    assert execution.result == [2, 4]
    is_outline(
        execution.outline(),
        """
        ExecutionStarted
        ContextStarted Map flat
          StepStarted Step double
          StepSucceeded Step double
          StepStarted Step double
          StepSucceeded Step double
        ContextSucceeded Map flat
        InvocationCompleted
        ExecutionSucceeded
        """,
    )


def test_map_with_item_namer(python: Durable) -> None:
    execution = python.run("map_with_item_namer")
    assert execution.result == ["A", "B"]
    assert [event["Name"] for event in execution.events("ContextStarted")] == ["named", "0-a", "1-b"]


def test_comprehensive_operations(python: Durable) -> None:
    execution = python.run("comprehensive_operations")
    assert execution.result == {
        "step1": "Step 1 completed successfully",
        "numbers": [1, 2, 3, 4, 5],
        "fruits": ["apple", "banana", "orange"],
    }
    kinds = [event["EventType"] for event in execution.events()]
    assert {kind: kinds.count(kind) for kind in sorted(set(kinds))} == {
        "ContextStarted": 10,
        "ContextSucceeded": 10,
        "ExecutionStarted": 1,
        "ExecutionSucceeded": 1,
        "InvocationCompleted": 2,
        "StepStarted": 9,
        "StepSucceeded": 9,
        "WaitStarted": 1,
        "WaitSucceeded": 1,
    }


# --- chained invokes --------------------------------------------------------------------------------------------------

INVOKED = """
    ExecutionStarted
    ChainedInvokeStarted ChainedInvoke invoke
    ChainedInvoke{} ChainedInvoke invoke
    ExecutionSucceeded
"""


def child_of(execution: Execution) -> Execution:
    """The execution that it started."""
    [started] = execution.events("ChainedInvokeStarted")
    return Execution(execution.client, started["ChainedInvokeStartedDetails"]["DurableExecutionArn"])


def test_invoke_of_a_plain_function(python: Durable) -> None:
    execution = python.run("invoke", target="PLAIN", payload={"number": 21}, then_wait=True)
    assert execution.result == {"doubled": 42}
    [started], [succeeded] = execution.events("ChainedInvokeStarted"), execution.events("ChainedInvokeSucceeded")
    details = started["ChainedInvokeStartedDetails"]
    assert details["FunctionName"] == "arn:aws:lambda:us-east-1:000000000000:function:plain"
    assert json.loads(details["Input"]["Payload"]) == {"number": 21}
    assert json.loads(succeeded["ChainedInvokeSucceededDetails"]["Result"]["Payload"]) == {"doubled": 42}


def test_invoke_of_a_plain_function_that_fails(python: Durable) -> None:
    execution = python.run("invoke", target="PLAIN", payload={"error": "no such number"})
    assert execution.result == {"kind": "InvokeError", "type": "ValueError", "message": "no such number"}
    is_outline(execution.outline(invocations=False), INVOKED.format("Failed"))


def test_invoke_of_a_durable_function(python: Durable) -> None:
    """It has an execution of its own, and its caller sleeps as long as it does."""
    execution = python.start("invoke", target="DURABLE", payload={"scenario": "wait", "seconds": 7200})
    child = child_of(execution)
    python.node.advance(7000)
    assert (execution.status, child.status) == ("RUNNING", "RUNNING")
    assert len(execution.events("InvocationCompleted")) == 1
    python.node.advance(300)
    assert (execution.result, child.result) == ("waited", "waited")
    is_outline(execution.outline(invocations=False), INVOKED.format("Succeeded"))


def test_invoke_of_a_durable_function_that_fails(python: Durable) -> None:
    execution = python.run("invoke", target="DURABLE", payload={"scenario": "handler_error"})
    assert execution.result["message"] == "Intentional handler failure"
    assert child_of(execution).status == "FAILED"
    is_outline(execution.outline(invocations=False), INVOKED.format("Failed"))


def test_invoke_of_a_durable_function_that_is_stopped(python: Durable) -> None:
    execution = python.start("invoke", target="DURABLE", payload={"scenario": "wait", "seconds": 7200})
    error = {"ErrorType": "Enough", "ErrorMessage": "stopped by hand"}
    python.client.stop_durable_execution(DurableExecutionArn=child_of(execution).arn, Error=error)
    python.node.settle()
    assert execution.result["message"] == "stopped by hand"
    is_outline(execution.outline(invocations=False), INVOKED.format("Stopped"))


def test_invoke_of_a_durable_function_that_times_out(python: Durable) -> None:
    execution = python.start("invoke", target="DURABLE_SHORT", payload={"scenario": "wait", "seconds": 7200})
    python.node.advance(4000)
    assert child_of(execution).status == "TIMED_OUT"
    assert execution.status == "SUCCEEDED"
    is_outline(execution.outline(invocations=False), INVOKED.format("TimedOut"))


def test_invoke_of_a_function_that_does_not_exist(python: Durable) -> None:
    execution = python.run("invoke", target="MISSING", payload={})
    assert execution.status in {"SUCCEEDED", "FAILED"}
    said = execution.result if execution.status == "SUCCEEDED" else execution.error
    assert "missing" in json.dumps(said).lower()


def test_concurrent_invokes(python: Durable) -> None:
    execution = python.run("concurrent_invokes", payloads=[{"number": n} for n in range(4)])
    assert execution.result == [{"doubled": n * 2} for n in range(4)]


# --- from outside -----------------------------------------------------------------------------------------------------


def test_an_execution_that_lasts_too_long(python: Durable) -> None:
    execution = python.start("invoke", target="DURABLE_SHORT", payload={"scenario": "callback"})
    child = child_of(execution)
    python.node.advance(4000)
    assert child.status == "TIMED_OUT"
    kinds = [event["EventType"] for event in child.events()]
    assert kinds[:3] == ["ExecutionStarted", "CallbackStarted", "InvocationCompleted"]
    assert kinds[-1] == "ExecutionTimedOut"


def test_the_same_name_with_another_input_is_refused(python: Durable) -> None:
    def invoke(scenario: str) -> Any:
        return python.client.invoke(
            FunctionName=python.function,
            Qualifier="$LATEST",
            InvocationType="Event",
            DurableExecutionName="only-once",
            Payload=json.dumps({"scenario": scenario}),
        )

    arn = invoke("step")["DurableExecutionArn"]
    python.node.settle()
    assert invoke("step")["DurableExecutionArn"] == arn
    code, _ = refusal(lambda: invoke("handler_error"))
    assert code == "DurableExecutionAlreadyStartedException"
    assert len(Execution(python.client, arn).events("ExecutionStarted")) == 1
