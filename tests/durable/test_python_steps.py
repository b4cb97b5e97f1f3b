"""AWS's durable execution SDK for Python, unmodified: steps, waits, conditions, logs and errors, as on AWS."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from tests.durable.conftest import Durable
from tests.durable.executions import is_outline

pytestmark = pytest.mark.slow

YEAR_S = 365 * 86_400


def test_hello_world(python: Durable) -> None:
    execution = python.run("hello_world", to="World")
    assert execution.result == "Hello, World!"
    is_outline(
        execution.outline(),
        """
        ExecutionStarted
        InvocationCompleted
        ExecutionSucceeded
        """,
    )


def test_whoever_waits_gets_the_result_of_the_whole_execution(python: Durable) -> None:
    payload = json.dumps({"scenario": "step"})
    answer = python.client.invoke(FunctionName="short", Qualifier="$LATEST", Payload=payload)
    assert (answer["StatusCode"], json.loads(answer["Payload"].read())) == (200, 8)
    state = python.client.get_durable_execution(DurableExecutionArn=answer["DurableExecutionArn"])
    assert state["Status"] == "SUCCEEDED"


def test_step(python: Durable) -> None:
    execution = python.run("step")
    assert execution.result == 8
    is_outline(
        execution.outline(),
        """
        ExecutionStarted
        StepStarted Step add
        StepSucceeded Step add
        InvocationCompleted
        ExecutionSucceeded
        """,
    )
    started, _, succeeded, completed, _ = execution.events()
    assert [event["EventId"] for event in execution.events()] == [1, 2, 3, 4, 5]
    assert json.loads(started["ExecutionStartedDetails"]["Input"]["Payload"]) == {"scenario": "step"}
    assert succeeded["StepSucceededDetails"]["Result"]["Payload"] == "8"
    assert completed["InvocationCompletedDetails"]["RequestId"]
    assert completed["InvocationCompletedDetails"].get("Error", {}) == {}


def test_step_with_name(python: Durable) -> None:
    execution = python.run("step_with_name")
    assert execution.result == "a name of its own"
    assert [event["Name"] for event in execution.events("StepStarted")] == ["custom_step"]


def test_step_with_retry(python: Durable) -> None:
    execution = python.run("step_with_retry", succeeds_at=2, attempts=3)
    assert execution.result == "succeeded at 2"
    is_outline(
        execution.outline(),
        """
        ExecutionStarted
        StepStarted Step
        StepFailed Step
        InvocationCompleted
        StepStarted Step
        StepSucceeded Step
        InvocationCompleted
        ExecutionSucceeded
        """,
    )
    [failed] = execution.events("StepFailed")
    assert failed["StepFailedDetails"]["RetryDetails"] == {"CurrentAttempt": 1, "NextAttemptDelaySeconds": 1}
    error = failed["StepFailedDetails"]["Error"]["Payload"]
    assert (error["ErrorType"], error["ErrorMessage"]) == ("ConnectionError", "attempt 1")
    [succeeded] = execution.events("StepSucceeded")
    assert succeeded["StepSucceededDetails"]["RetryDetails"]["CurrentAttempt"] == 2


def test_retries_come_when_their_strategy_says(python: Durable) -> None:
    execution = python.run("step_with_retry", succeeds_at=4, attempts=4, delay_s=60, rate=3)
    assert execution.result == "succeeded at 4"
    at = [event["EventTimestamp"] for event in execution.events("StepFailed", "StepSucceeded")]
    for delay_s, earlier, later in zip((60, 180, 300), at, at[1:], strict=False):  # no delay is above five minutes
        assert timedelta(seconds=delay_s) <= later - earlier < timedelta(seconds=delay_s + 5)


def test_retries_that_are_exhausted_fail_the_execution(python: Durable) -> None:
    execution = python.run("step_with_retry", succeeds_at=9, attempts=4)
    assert execution.error["ErrorMessage"] == "attempt 4"
    assert execution.error["ErrorType"].endswith("StepError")
    is_outline(
        execution.outline(),
        """
        ExecutionStarted
        StepStarted Step
        StepFailed Step
        InvocationCompleted
        StepStarted Step
        StepFailed Step
        InvocationCompleted
        StepStarted Step
        StepFailed Step
        InvocationCompleted
        StepStarted Step
        StepFailed Step
        InvocationCompleted
        ExecutionFailed
        """,
    )
    retries = [event["StepFailedDetails"]["RetryDetails"] for event in execution.events("StepFailed")]
    assert [each["CurrentAttempt"] for each in retries] == [1, 2, 3, 4]
    assert [each.get("NextAttemptDelaySeconds") for each in retries] == [1, 1, 1, None]


def test_steps_with_retry(python: Durable) -> None:
    execution = python.run("steps_with_retry")
    assert execution.result == [0, 1, 2]
    is_outline(
        execution.outline(),
        """
        ExecutionStarted
        StepStarted Step look-0
        StepSucceeded Step look-0
        WaitStarted Wait pause-0
        InvocationCompleted
        WaitSucceeded Wait pause-0
        StepStarted Step look-1
        StepFailed Step look-1
        InvocationCompleted
        StepStarted Step look-1
        StepSucceeded Step look-1
        WaitStarted Wait pause-1
        InvocationCompleted
        WaitSucceeded Wait pause-1
        StepStarted Step look-2
        StepSucceeded Step look-2
        WaitStarted Wait pause-2
        InvocationCompleted
        WaitSucceeded Wait pause-2
        InvocationCompleted
        ExecutionSucceeded
        """,
    )


def test_none_results(python: Durable) -> None:
    execution = python.run("none_results")
    assert execution.result == [None, None]
    is_outline(
        execution.outline(),
        """
        ExecutionStarted
        StepStarted Step nothing
        StepSucceeded Step nothing
        ContextStarted RunInChildContext nothing-inside
        ContextSucceeded RunInChildContext nothing-inside
        WaitStarted Wait wait
        InvocationCompleted
        WaitSucceeded Wait wait
        InvocationCompleted
        ExecutionSucceeded
        """,
    )


def test_no_replay_execution(python: Durable) -> None:
    execution = python.run("no_replay_execution")
    assert execution.result == ["user 1", "user 2"]
    assert len(execution.events("InvocationCompleted")) == 1


def test_many_operations(python: Durable) -> None:
    """More than a page of the state that is handed to an invocation, and of the history."""
    execution = python.run("many_operations", steps=120)
    assert execution.result == sum(range(120))
    assert [event["Name"] for event in execution.events("StepSucceeded")] == [f"count-{n}" for n in range(120)]


def test_handler_error(python: Durable) -> None:
    execution = python.run("handler_error")
    assert execution.status == "FAILED"
    assert (execution.error["ErrorType"], execution.error["ErrorMessage"]) == (
        "RuntimeError",
        "Intentional handler failure",
    )
    is_outline(
        execution.outline(),
        """
        ExecutionStarted
        InvocationCompleted
        ExecutionFailed
        """,
    )


def test_catch_typed_step_error(python: Durable) -> None:
    execution = python.run("catch_typed_step_error")
    assert execution.result == {"type": "ValueError", "message": "no such order"}
    is_outline(
        execution.outline(),
        """
        ExecutionStarted
        StepStarted Step
        StepFailed Step
        WaitStarted Wait replay
        InvocationCompleted
        WaitSucceeded Wait replay
        InvocationCompleted
        ExecutionSucceeded
        """,
    )


@pytest.mark.parametrize(
    ("semantics", "attempts", "result", "effects", "outline"),
    [
        (
            "AT_LEAST_ONCE_PER_RETRY",
            1,
            "attempt 1",
            {"flaky-1": 2},
            """
            ExecutionStarted
            InvocationCompleted
            StepStarted Step flaky
            StepSucceeded Step flaky
            InvocationCompleted
            ExecutionSucceeded
            """,
        ),
        (
            "AT_MOST_ONCE_PER_RETRY",
            2,
            "attempt 2",
            {"flaky-1": 1, "flaky-2": 1},
            """
            ExecutionStarted
            StepStarted Step flaky
            InvocationCompleted
            StepFailed Step flaky
            InvocationCompleted
            StepStarted Step flaky
            StepSucceeded Step flaky
            InvocationCompleted
            ExecutionSucceeded
            """,
        ),
        (
            "AT_MOST_ONCE_PER_RETRY",
            1,
            None,
            {"flaky-1": 1},
            """
            ExecutionStarted
            StepStarted Step flaky
            InvocationCompleted
            StepFailed Step flaky
            InvocationCompleted
            ExecutionFailed
            """,
        ),
    ],
    ids=["at_least_once", "at_most_once_with_retry", "at_most_once"],
)
def test_step_interrupted(
    python: Durable, semantics: str, attempts: int, result: str | None, effects: dict[str, int], outline: str
) -> None:
    run = f"interrupted-{semantics}-{attempts}"
    execution = python.run("step_interrupted", run=run, semantics=semantics, attempts=attempts)
    started, died, done = "StepStarted Step flaky\n", "InvocationCompleted\n", "StepSucceeded"
    found = execution.outline().replace(started + died + done, died + started + done)  # the SDK need not have sent it
    is_outline(found, outline)
    if result is None:
        assert "interrupted" in execution.error["ErrorMessage"]
    else:
        assert execution.result == result
    assert counted(python, run) == effects
    first = execution.events("InvocationCompleted")[0]["InvocationCompletedDetails"]["Error"]["Payload"]
    assert first["ErrorType"] == "Runtime.ExitError"


def counted(python: Durable, run: str) -> dict[str, int]:
    """How often each effect of a run happened."""
    found: dict[str, int] = {}
    for each in python.node.client("s3").list_objects_v2(Bucket="effects", Prefix=f"{run}/").get("Contents", []):
        what = each["Key"].split("/")[1]
        found[what] = found.get(what, 0) + 1
    return found


def test_wait(python: Durable) -> None:
    execution = python.start("wait", seconds=3600)
    is_outline(
        execution.outline(),
        """
        ExecutionStarted
        WaitStarted Wait
        InvocationCompleted
        """,
    )
    python.node.advance(3590)
    assert execution.status == "RUNNING"
    python.node.advance(20)
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
    [started] = execution.events("WaitStarted")
    [succeeded] = execution.events("WaitSucceeded")
    assert (started["WaitStartedDetails"]["Duration"], succeeded["WaitSucceededDetails"]["Duration"]) == (3600, 3600)
    ends = started["WaitStartedDetails"]["ScheduledEndTimestamp"]
    assert ends <= succeeded["EventTimestamp"] < ends + timedelta(seconds=5)


def test_multiple_wait(python: Durable) -> None:
    execution = python.run("multiple_wait")
    assert execution.result == "waited twice"
    assert [event["Name"] for event in execution.events("WaitSucceeded")] == ["wait-1", "wait-2"]
    assert len(execution.events("InvocationCompleted")) == 3


def test_a_wait_of_a_year(python: Durable) -> None:
    execution = python.start("long_wait")
    python.node.advance(YEAR_S - 60)
    assert execution.status == "RUNNING"
    python.node.advance(120)
    assert execution.result == ["before", "after"]
    started, ended = execution.events("WaitStarted", "WaitSucceeded")
    assert ended["EventTimestamp"] - started["EventTimestamp"] >= timedelta(days=365)
    assert execution.state["EndTimestamp"] - execution.state["StartTimestamp"] >= timedelta(days=365)


def test_wait_for_condition(python: Durable) -> None:
    execution = python.run("wait_for_condition", threshold=3)
    assert execution.result == 3
    is_outline(
        execution.outline(),
        """
        ExecutionStarted
        StepStarted WaitForCondition count
        StepSucceeded WaitForCondition count
        InvocationCompleted
        StepStarted WaitForCondition count
        StepSucceeded WaitForCondition count
        InvocationCompleted
        StepStarted WaitForCondition count
        StepSucceeded WaitForCondition count
        InvocationCompleted
        ExecutionSucceeded
        """,
    )
    polls = [event["StepSucceededDetails"] for event in execution.events("StepSucceeded")]
    assert [each["Result"]["Payload"] for each in polls] == ["1", "2", "3"]
    assert [each["RetryDetails"].get("NextAttemptDelaySeconds") for each in polls] == [10, 20, None]


def test_a_condition_that_is_never_met(python: Durable) -> None:
    execution = python.run("wait_for_condition", threshold=9, attempts=2)
    assert execution.error["ErrorType"].endswith("WaitForConditionError")
    assert len(execution.events("StepFailed")) == 1


def test_logger_example(python: Durable) -> None:
    """Lines of a replay are not written again, and each says what it belongs to."""
    execution = python.logging.run("logger_example", to="somebody")
    assert execution.result == "done"
    said = python.logging.lines("for somebody", last="ends for somebody")
    assert [line["message"] for line in said] == [f"{word} for somebody" for word in ("begins", "works", "ends")]
    assert {line["executionArn"] for line in said} == {execution.arn}
    assert (said[1]["operationName"], said[1]["attempt"]) == ("work", 1)


def test_not_deterministic(python: Durable) -> None:
    """The SDK's own refusal: where a wait was, there is a step."""
    execution = python.run("not_deterministic")
    assert execution.error["ErrorType"].endswith("NonDeterministicExecutionError")
    assert "type checkpoint='WAIT' current='STEP'" in execution.error["ErrorMessage"]
    is_outline(
        execution.outline(),
        """
        ExecutionStarted
        WaitStarted Wait identity-slot
        InvocationCompleted
        WaitSucceeded Wait identity-slot
        InvocationCompleted
        ExecutionFailed
        """,
    )


def test_two_executions_of_one_function_have_the_same_operations(python: Durable) -> None:
    one, other = (python.run("steps_with_retry") for _ in range(2))
    assert one.arn != other.arn
    ids = [[(e["EventType"], e["Id"]) for e in each.events() if e.get("SubType")] for each in (one, other)]
    assert ids[0] == ids[1]
