"""Looking after durable executions: lists, history, stop, pause and resume, delete."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.errors import refusal
from tests.running_node import RunningNode
from tests.services.lambda_.durable_functions import Puppet, history, step, wait

pytestmark = pytest.mark.slow

DAY_S = 24 * 3600


@pytest.fixture
def puppet(node: RunningNode, tmp_path: Path) -> Puppet:
    return Puppet(node, tmp_path / "puppet")


def test_an_execution_is_described_with_its_data_or_without(puppet: Puppet) -> None:
    puppet.begins({"a": 1}, DurableExecutionName="one")
    puppet.answers("SUCCEEDED", Result="5")
    found = puppet.execution
    assert found["DurableExecutionName"] == "one"
    assert (found["InputPayload"], found["Result"], found["ExecutionDataIncluded"]) == ('{"a": 1}', "5", True)
    assert found["DurableConfig"] == {"ExecutionTimeout": 600, "RetentionPeriodInDays": 14}
    assert found["TraceHeader"]["XAmznTraceId"].startswith("Root=1-")
    assert found["EndTimestamp"] >= found["StartTimestamp"]
    bare = puppet.client.get_durable_execution(DurableExecutionArn=puppet.arn, IncludeExecutionData=False)
    assert not {"InputPayload", "Result", "Error"} & bare.keys()
    assert bare["ExecutionDataIncluded"] is False


def test_what_is_not_there_is_not_found(puppet: Puppet) -> None:
    arn = "arn:aws:lambda:us-east-1:000000000000:function:f:$LATEST/durable-execution/none/none"
    missing = ("ResourceNotFoundException", "Durable Execution does not exist")
    client = puppet.client
    for operation in (
        *(client.get_durable_execution, client.get_durable_execution_history, client.stop_durable_execution),
        *(client.pause_durable_execution, client.resume_durable_execution, client.delete_durable_execution),
    ):
        assert refusal(operation, DurableExecutionArn=arn) == missing
    assert refusal(client.list_durable_executions_by_function, FunctionName="none")[0] == "ResourceNotFoundException"
    assert refusal(client.get_durable_execution, DurableExecutionArn="arn:none")[0] == "ValidationException"


def test_history_comes_in_pages_either_way_and_without_what_was_said(puppet: Puppet) -> None:
    puppet.begins({"a": 1})
    puppet.checkpoint(step("1", "SUCCEED", Payload="secret", Name="one", SubType="Step"))
    puppet.answers("FAILED", Error={"ErrorMessage": "secret"})
    client, ask = puppet.client, {"DurableExecutionArn": puppet.arn}
    events = history(client, puppet.arn)
    assert [each["EventType"] for each in events] == [
        *("ExecutionStarted", "StepSucceeded", "InvocationCompleted", "ExecutionFailed")
    ]
    assert (events[1]["Id"], events[1]["Name"], events[1]["SubType"]) == ("1", "one", "Step")
    assert "secret" not in str(history(client, puppet.arn, IncludeExecutionData=False))
    assert history(client, puppet.arn, IncludeExecutionData=False)[1]["StepSucceededDetails"]["Result"] == {
        "Truncated": True
    }
    pages = client.get_paginator("get_durable_execution_history").paginate(**ask, MaxItems=3)
    assert [[each["EventId"] for each in page["Events"]] for page in pages] == [[1, 2, 3], [4]]
    back = client.get_paginator("get_durable_execution_history").paginate(**ask, MaxItems=3, ReverseOrder=True)
    assert [[each["EventId"] for each in page["Events"]] for page in back] == [[4, 3, 2], [1]]
    invalid = ("InvalidParameterValueException", "Invalid Marker")
    assert refusal(client.get_durable_execution_history, **ask, Marker="none") == invalid


def test_a_functions_executions_are_listed_the_latest_first(node: RunningNode, puppet: Puppet) -> None:
    arns = []
    for number in range(3):
        puppet.begins(number, DurableExecutionName=f"n{number}")
        puppet.checkpoint(wait("1", 500))
        puppet.answers("SUCCEEDED" if number else "PENDING")
        arns.append(puppet.arn)
        puppet.moves(10)
    client = puppet.client

    def listed(**more: Any) -> list[str]:
        pages = client.get_paginator("list_durable_executions_by_function").paginate(FunctionName="f", **more)
        return [each["DurableExecutionArn"] for page in pages for each in page["DurableExecutions"]]

    assert listed() == arns[::-1]
    assert listed(MaxItems=1) == arns[::-1]
    assert listed(MaxItems=2, ReverseOrder=True) == arns
    assert listed(Statuses=["RUNNING"]) == arns[:1]
    assert listed(DurableExecutionName="n1") == arns[1:2]
    assert listed(Qualifier="$LATEST") == arns[::-1]
    began = client.get_durable_execution(DurableExecutionArn=arns[1])["StartTimestamp"]
    assert listed(StartedAfter=began + timedelta(seconds=2)) == arns[2:]
    assert listed(StartedBefore=began - timedelta(seconds=2)) == arns[:1]
    assert listed(StartedAfter=datetime(2100, 1, 1, tzinfo=UTC)) == []
    two = ("InvalidParameterValueException", "Cannot filter by more than one status")
    ask = {"FunctionName": "f", "Statuses": ["RUNNING", "FAILED"]}
    assert refusal(client.list_durable_executions_by_function, **ask) == two


def test_who_is_stopped_learns_it_at_its_next_checkpoint(puppet: Puppet) -> None:
    puppet.begins()
    puppet.checkpoint(step("1", "START"))
    error = {"ErrorType": "Enough", "ErrorMessage": "enough"}
    stopped = puppet.client.stop_durable_execution(DurableExecutionArn=puppet.arn, Error=error)
    code, message = refusal(
        puppet.client.checkpoint_durable_execution, DurableExecutionArn=puppet.arn, CheckpointToken=puppet.token
    )
    assert (code, message) == ("InvalidParameterValueException", "Invalid checkpoint token")
    puppet.answers("SUCCEEDED", Result="1")
    found = puppet.execution
    assert (found["Status"], found["Error"], found["EndTimestamp"]) == ("STOPPED", error, stopped["StopTimestamp"])
    again = puppet.client.stop_durable_execution(DurableExecutionArn=puppet.arn)
    assert again["StopTimestamp"] == stopped["StopTimestamp"]
    assert puppet.told == ["ExecutionStarted", "StepStarted", "ExecutionStopped", "InvocationCompleted"]


def test_a_paused_execution_keeps_what_happens_until_it_is_resumed(puppet: Puppet) -> None:
    puppet.begins()
    puppet.checkpoint(wait("1", 60))
    puppet.answers()
    client, ask = puppet.client, {"DurableExecutionArn": puppet.arn}
    client.pause_durable_execution(**ask, Reason="lunch", ClientToken="p")
    client.pause_durable_execution(**ask, Reason="lunch", ClientToken="p")
    found = puppet.execution
    assert (found["Status"], found["PauseDetails"]["Reason"]) == ("PAUSED", "lunch")
    assert (found["ExpectedExecutionTimeoutTimestamp"] - found["StartTimestamp"]).days == 366
    assert refusal(client.pause_durable_execution, **ask, ClientToken="q")[0] == "ResourceConflictException"
    puppet.node.advance(3600)
    assert puppet.told[-1] == "WaitSucceeded"
    assert puppet.invocations == 1
    client.resume_durable_execution(**ask, Reason="back", ClientToken="r")
    client.resume_durable_execution(**ask, Reason="back", ClientToken="r")
    assert puppet.invoked()["UpdatedOperationIds"] == ["1"]
    assert refusal(client.resume_durable_execution, **ask, ClientToken="s")[0] == "ResourceConflictException"
    left = puppet.execution["ExpectedExecutionTimeoutTimestamp"] - found["StartTimestamp"]
    assert left.total_seconds() == pytest.approx(4200, abs=30)
    puppet.answers("SUCCEEDED", Result="1")
    paused, resumed = (
        each for each in history(client, puppet.arn) if each["EventType"].endswith(("Paused", "Resumed"))
    )
    assert paused["ExecutionPausedDetails"]["Reason"] == {"Payload": "lunch", "Truncated": False}
    assert resumed["ExecutionResumedDetails"]["Reason"] == {"Payload": "back", "Truncated": False}


def test_an_invocation_that_is_paused_ends_at_its_next_checkpoint_and_comes_again(puppet: Puppet) -> None:
    puppet.begins()
    client, ask = puppet.client, {"DurableExecutionArn": puppet.arn}
    client.pause_durable_execution(**ask, ExecutionTimeoutPaused=False)
    assert puppet.execution["Status"] == "PAUSING"
    assert puppet.checkpoint(step("1", "SUCCEED", Payload="1")) == []
    assert (puppet.token, puppet.execution["Status"]) == ("", "PAUSED")
    puppet.answers("PENDING")
    puppet.node.settle()
    assert (puppet.execution["Status"], puppet.invocations) == ("PAUSED", 1)
    client.resume_durable_execution(**ask)
    event = puppet.invoked()
    assert [each["Id"] for each in event["InitialExecutionState"]["Operations"]][1:] == ["1"]
    puppet.answers("SUCCEEDED", Result="1")
    assert puppet.execution["Status"] == "SUCCEEDED"


def test_a_pause_may_be_cancelled_before_it_holds_and_times_out_like_any(puppet: Puppet) -> None:
    puppet.begins()
    client, ask = puppet.client, {"DurableExecutionArn": puppet.arn}
    client.pause_durable_execution(**ask)
    client.resume_durable_execution(**ask)
    puppet.checkpoint(step("1", "SUCCEED", Payload="1"), wait("2", 3000))
    assert puppet.token
    puppet.answers()
    client.pause_durable_execution(**ask, ExecutionTimeoutPaused=False)
    puppet.node.advance(601)
    assert puppet.execution["Status"] == "TIMED_OUT"


def test_what_is_over_is_kept_as_long_as_the_function_says_and_may_be_deleted_before(
    node: RunningNode, tmp_path: Path, puppet: Puppet
) -> None:
    client = puppet.client
    puppet.begins()
    kept = puppet.arn
    ask = {"DurableExecutionArn": kept}
    assert refusal(client.delete_durable_execution, **ask)[0] == "ResourceConflictException"
    puppet.answers("SUCCEEDED", Result="1")
    puppet.begins()
    puppet.answers("SUCCEEDED", Result="1")
    answer = client.delete_durable_execution(DurableExecutionArn=puppet.arn)
    assert answer["DeletionRequestTimestamp"]
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 202
    node.settle()
    missing = ("ResourceNotFoundException", "Durable Execution does not exist")
    assert refusal(client.get_durable_execution, DurableExecutionArn=puppet.arn) == missing
    node.advance(14 * DAY_S - 60)
    assert client.get_durable_execution(**ask)["Status"] == "SUCCEEDED"
    node.advance(120)
    assert refusal(client.get_durable_execution, **ask) == missing
    left = node.run(node.node.store.read(_rows_left))
    assert left == 0


def _rows_left(tx: Any) -> int:
    tables = ("executions", "operations", "events")
    return sum(tx.one(f"SELECT count(*) AS n FROM lambda_durable_{table}")["n"] for table in tables)
