"""Durable executions from beginning to end: results, retries, timeouts, names; all in the node's own time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ReadTimeoutError

from tests.errors import refusal
from tests.functions import deploy, wait_until_updated
from tests.running_node import RunningNode, running_node
from tests.services.lambda_.durable_functions import (
    Puppet,
    Waiting,
    begin,
    deploy_durable,
    history,
    status,
    step,
    told,
    wait,
)
from wakeful import limits

pytestmark = pytest.mark.slow

YEAR_S = 365 * 24 * 3600

STEPS = """
def run(durable, event, context):
    one = durable.step("1", lambda: event["a"] + 1)
    durable.wait("2", event["s"])
    return durable.step("3", lambda: one * 2)
"""


@pytest.fixture
def puppet(node: RunningNode, tmp_path: Path) -> Puppet:
    return Puppet(node, tmp_path / "puppet")


def test_an_execution_goes_through_steps_and_a_wait_of_a_year_to_its_result(node: RunningNode, client: Any) -> None:
    deploy_durable(client, STEPS, timeout_s=YEAR_S + 3600)
    arn = begin(client, {"a": 1, "s": YEAR_S})
    node.settle()
    assert status(client, arn) == "RUNNING"
    node.advance(YEAR_S - 60)
    assert told(client, arn) == ["ExecutionStarted", "StepSucceeded", "WaitStarted", "InvocationCompleted"]
    node.advance(120)
    found = client.get_durable_execution(DurableExecutionArn=arn)
    assert (found["Status"], json.loads(found["Result"])) == ("SUCCEEDED", 4)
    assert told(client, arn)[4:] == ["WaitSucceeded", "StepSucceeded", "InvocationCompleted", "ExecutionSucceeded"]
    assert [event["EventId"] for event in history(client, arn)] == [1, 2, 3, 4, 5, 6, 7, 8]
    started = history(client, arn)[0]
    assert (started["Id"], started["Name"]) == tuple(arn.split("/")[:1:-1])


@pytest.mark.parametrize(
    "error",
    ["no", ["no"], {"ErrorMessage": 5}, {"StackTrace": "here"}, {"StackTrace": [1]}, {"ErrorData": "x" * (1 << 20)}],
)
def test_an_error_that_is_none_ends_the_execution_all_the_same(puppet: Puppet, error: Any) -> None:
    puppet.begins()
    puppet.answers("FAILED", Error=error)
    assert (puppet.execution["Status"], puppet.execution["Error"]["ErrorMessage"]) == (
        "FAILED",
        "Invalid Error in invocation output.",
    )


def test_an_execution_outlives_its_version_until_it_would_run_again(node: RunningNode, client: Any) -> None:
    deploy_durable(client, STEPS)
    client.publish_version(FunctionName="f")
    arn = begin(client, {"a": 1, "s": 300}, Qualifier="1")
    node.settle()
    client.delete_function(FunctionName="f", Qualifier="1")
    assert status(client, arn) == "RUNNING"
    node.advance(301)
    found = client.get_durable_execution(DurableExecutionArn=arn)
    assert (found["Status"], found["Error"]["ErrorType"]) == ("FAILED", "ResourceNotFoundException")
    listed = client.list_durable_executions_by_function(FunctionName="f")["DurableExecutions"]
    assert [each["DurableExecutionArn"] for each in listed] == [arn]


def test_who_invokes_synchronously_waits_for_the_result(node: RunningNode, client: Any) -> None:
    deploy_durable(client, STEPS)
    waiting = Waiting(node, {"a": 1, "s": 300}, LogType="Tail")
    while not client.list_durable_executions_by_function(FunctionName="f")["DurableExecutions"]:
        pass
    node.settle()
    node.advance(301)
    result, answer = waiting.result()
    assert (result, answer["StatusCode"], answer["ExecutedVersion"]) == (4, 200, "$LATEST")
    assert "FunctionError" not in answer
    assert answer["LogResult"]
    assert status(client, answer["DurableExecutionArn"]) == "SUCCEEDED"


def test_an_execution_goes_on_when_nobody_waits_for_it_any_more(node: RunningNode, client: Any) -> None:
    deploy_durable(client, STEPS)
    ask = {"FunctionName": "f:$LATEST", "DurableExecutionName": "one", "Payload": b'{"a": 1, "s": 300}'}
    impatient = boto3.client(
        "lambda",
        endpoint_url=node.endpoint,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"max_attempts": 0}, read_timeout=1),
    )
    with pytest.raises(ReadTimeoutError):
        impatient.invoke(**ask)
    (begun,) = client.list_durable_executions_by_function(FunctionName="f")["DurableExecutions"]
    while "WaitStarted" not in told(client, begun["DurableExecutionArn"]):
        pass
    node.advance(301)
    (found,) = client.list_durable_executions_by_function(FunctionName="f")["DurableExecutions"]
    assert (found["DurableExecutionName"], found["Status"]) == ("one", "SUCCEEDED")
    answer = client.invoke(**ask)
    assert json.loads(answer["Payload"].read()) == 4


def test_who_waits_does_not_keep_the_node_from_stopping_and_may_ask_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "HTTP_SHUTDOWN_S", 0.5)
    ask = {"DurableExecutionName": "one"}
    with running_node(tmp_path / "data") as node:
        client = node.client("lambda")
        deploy_durable(client, STEPS)
        waiting = Waiting(node, {"a": 1, "s": 300}, **ask)
        while not client.list_durable_executions_by_function(FunctionName="f")["DurableExecutions"]:
            pass
        node.settle()
    with pytest.raises((BotoCoreError, ClientError)):
        waiting.result()
    with running_node(tmp_path / "data") as node:
        waiting = Waiting(node, {"a": 1, "s": 300}, **ask)
        node.advance(301)
        result, answer = waiting.result()
        assert (result, answer["StatusCode"]) == (4, 200)
        assert told(node.client("lambda"), answer["DurableExecutionArn"]).count("StepSucceeded") == 2


def test_what_fails_is_an_error_for_who_waits_for_it(client: Any) -> None:
    deploy_durable(client, "def run(durable, event, context):\n    raise ValueError('no luck')\n")
    answer = client.invoke(FunctionName="f:$LATEST", Payload=b"1")
    assert answer["FunctionError"] == "Unhandled"
    assert json.loads(answer["Payload"].read()) == {"errorType": "ValueError", "errorMessage": "no luck"}
    found = client.get_durable_execution(DurableExecutionArn=answer["DurableExecutionArn"])
    assert (found["Status"], found["Error"]) == ("FAILED", {"ErrorType": "ValueError", "ErrorMessage": "no luck"})


def test_a_version_stays_with_the_executions_that_it_began(node: RunningNode, client: Any) -> None:
    deploy_durable(client, STEPS)
    version = client.publish_version(FunctionName="f")["Version"]
    client.create_alias(FunctionName="f", Name="live", FunctionVersion=version)
    client.get_waiter("published_version_active").wait(
        FunctionName="f", Qualifier=version, WaiterConfig={"Delay": 0.02, "MaxAttempts": 500}
    )
    arn = begin(client, {"a": 1, "s": 60}, Qualifier="live")
    node.settle()
    assert f":function:f:{version}/durable-execution/" in arn
    client.update_function_configuration(FunctionName="f", Handler="index.none")
    wait_until_updated(client, "f")
    node.advance(61)
    found = client.get_durable_execution(DurableExecutionArn=arn)
    assert (found["Status"], found["Version"], found["FunctionArn"][-2:]) == ("SUCCEEDED", version, f":{version}")


# --- names -----------------------------------------------------------------------------------------------------------


def test_a_name_begins_one_execution_and_whoever_asks_again_is_told_of_it(puppet: Puppet) -> None:
    client = puppet.client
    puppet.begins({"a": 1}, DurableExecutionName="order-1")
    arn = puppet.arn
    assert arn.split("/")[2] == "order-1"
    assert begin(client, {"a": 1}, DurableExecutionName="order-1") == arn
    taken = {"FunctionName": "f:$LATEST", "DurableExecutionName": "order-1", "Payload": b'{"a": 2}'}
    already = ("DurableExecutionAlreadyStartedException", f"Execution already started: {arn}")
    assert refusal(client.invoke, InvocationType="Event", **taken) == already
    puppet.answers("SUCCEEDED", Result="5")
    answer = client.invoke(FunctionName="f:$LATEST", DurableExecutionName="order-1", Payload=b'{"a": 1}')
    assert (answer["DurableExecutionArn"], answer["Payload"].read()) == (arn, b"5")
    assert refusal(client.invoke, **taken) == already
    assert puppet.invocations == 1
    puppet.node.advance(15 * 24 * 3600)
    assert begin(client, {"a": 2}, DurableExecutionName="order-1") != arn
    puppet.invoked()
    puppet.answers("SUCCEEDED", Result="5")


def test_only_durable_functions_have_executions_and_they_are_called_by_a_version(puppet: Puppet) -> None:
    client = puppet.client
    deploy(client, "plain")
    invalid = "InvalidParameterValueException"
    code, _ = refusal(client.invoke, FunctionName="plain", DurableExecutionName="n", Payload=b"1")
    assert code == invalid
    unqualified = (invalid, "You cannot invoke a durable function using an unqualified ARN.")
    assert refusal(client.invoke, FunctionName="f", Payload=b"1") == unqualified
    assert refusal(client.invoke, FunctionName="f", InvocationType="DryRun") == unqualified
    assert client.invoke(FunctionName="f:$LATEST", InvocationType="DryRun")["StatusCode"] == 204
    streamed = refusal(client.invoke_with_response_stream, FunctionName="f:$LATEST", Payload=b"1")
    assert streamed == (invalid, "InvokeWithResponseStream is not supported for durable functions.")
    client.update_function_configuration(FunctionName="f", DurableConfig={"ExecutionTimeout": 901})
    wait_until_updated(client, "f")
    assert refusal(client.invoke, FunctionName="f:$LATEST", Payload=b"1") == (
        invalid,
        "You cannot synchronously invoke a durable function with an executionTimeout greater than 15 minutes.",
    )


# --- what goes wrong -------------------------------------------------------------------------------------------------


def test_an_invocation_that_crashes_is_tried_again_and_replays(puppet: Puppet) -> None:
    puppet.begins()
    puppet.checkpoint(step("1", "SUCCEED", Payload="1"))
    stale = puppet.token
    puppet.says("crash")
    event = puppet.after(6)
    assert [each["Id"] for each in event["InitialExecutionState"]["Operations"]][1:] == ["1"]
    assert puppet.token != stale
    puppet.answers("SUCCEEDED", Result="1")
    completed = [each for each in history(puppet.client, puppet.arn) if each["EventType"] == "InvocationCompleted"]
    assert completed[0]["InvocationCompletedDetails"]["Error"]["Payload"]["ErrorType"] == "Runtime.ExitError"
    assert "Error" not in completed[1]["InvocationCompletedDetails"]


def test_after_five_crashes_in_a_row_the_execution_has_failed(puppet: Puppet) -> None:
    puppet.begins()
    puppet.says("crash")
    for _ in range(4):
        assert puppet.execution["Status"] == "RUNNING"
        puppet.after(6)
        puppet.says("crash")
    found = puppet.execution
    assert (found["Status"], found["Error"]["ErrorType"]) == ("FAILED", "Runtime.ExitError")
    puppet.node.advance(3600)
    assert puppet.invocations == 5


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ({"Status": "DONE"}, "Invalid Status in invocation output."),
        (["SUCCEEDED"], "Invalid Status in invocation output."),
        ({"Status": "SUCCEEDED", "Error": {}}, "Cannot provide an Error for SUCCEEDED status."),
        ({"Status": "FAILED", "Result": "1"}, "Cannot provide a Result for FAILED status."),
        (
            {"Status": "SUCCEEDED", "Result": "x" * 1_048_577},
            "Execution output payload size must be less than or equal to 1048576 bytes.",
        ),
    ],
)
def test_an_answer_that_is_none_fails_the_execution(puppet: Puppet, answer: Any, message: str) -> None:
    puppet.begins()
    puppet.says(json.dumps(answer))
    error = {"ErrorType": "InvalidParameterValueException", "ErrorMessage": message}
    assert (puppet.execution["Status"], puppet.execution["Error"]) == ("FAILED", error)


def test_who_waits_for_nothing_is_asked_three_times(puppet: Puppet) -> None:
    puppet.begins()
    puppet.answers("PENDING")
    for _ in range(2):
        puppet.after(6)
        puppet.answers("PENDING")
    assert puppet.execution["Status"] == "FAILED"
    assert puppet.execution["Error"]["ErrorMessage"] == "Cannot return PENDING status with no pending operations."


def test_an_execution_that_takes_too_long_has_timed_out(puppet: Puppet) -> None:
    puppet.begins()
    puppet.checkpoint(wait("1", 700))
    puppet.answers()
    expected = puppet.execution["ExpectedExecutionTimeoutTimestamp"]
    assert (expected - puppet.execution["StartTimestamp"]).total_seconds() == 600
    puppet.node.advance(601)
    found = puppet.execution
    assert (found["Status"], found["Error"]) == (
        "TIMED_OUT",
        {"ErrorMessage": "Execution timed out after 600 seconds."},
    )
    assert puppet.told[-1] == "ExecutionTimedOut"
    assert "ExpectedExecutionTimeoutTimestamp" not in found
    puppet.node.advance(3600)
    assert puppet.invocations == 1


def test_an_execution_whose_function_has_gone_fails(puppet: Puppet) -> None:
    puppet.begins()
    puppet.checkpoint(wait("1", 10))
    puppet.answers()
    puppet.client.delete_function(FunctionName="f")
    puppet.node.advance(11)
    assert puppet.execution["Status"] == "FAILED"
    assert puppet.execution["Error"]["ErrorType"] == "ResourceNotFoundException"


def test_executions_outlive_the_node(tmp_path: Path) -> None:
    with running_node(tmp_path / "data") as node:
        client = node.client("lambda")
        deploy_durable(client, STEPS)
        arn = begin(client, {"a": 1, "s": 300})
        node.settle()
    with running_node(tmp_path / "data") as node:
        node.advance(301)
        assert json.loads(node.client("lambda").get_durable_execution(DurableExecutionArn=arn)["Result"]) == 4
