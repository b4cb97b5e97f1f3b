"""Chained invokes: an execution waits for another function, durable or not, and hears what became of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.errors import refusal
from tests.functions import deploy
from tests.running_node import RunningNode, running_node
from tests.services.lambda_.durable_functions import Puppet, chained, deploy_durable, history, wait
from tests.services.lambda_.test_events import role

pytestmark = pytest.mark.slow


@pytest.fixture
def puppet(node: RunningNode, tmp_path: Path) -> Puppet:
    return Puppet(node, tmp_path / "puppet")


def outcome(puppet: Puppet, event: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    operation = next(each for each in event["InitialExecutionState"]["Operations"] if each["Id"] == "1")
    puppet.answers("SUCCEEDED", Result="1")
    return operation["Status"], operation["ChainedInvokeDetails"]


def test_a_plain_function_answers(puppet: Puppet) -> None:
    deploy(puppet.client, "g", "def handler(event, context):\n    return {'had': event}\n")
    puppet.begins()
    (started,) = puppet.checkpoint(chained("1", "g", '{"a": 1}'))
    assert started["Status"] == "STARTED"
    puppet.answers()
    status, details = outcome(puppet, puppet.invoked())
    assert (status, json.loads(details["Result"])) == ("SUCCEEDED", {"had": {"a": 1}})
    told = next(each for each in history(puppet.client, puppet.arn) if each["EventType"] == "ChainedInvokeStarted")
    assert told["ChainedInvokeStartedDetails"] == {
        "FunctionName": "g",
        "ExecutedVersion": "$LATEST",
        "Input": {"Payload": '{"a": 1}', "Truncated": False},
    }


def test_a_plain_function_that_fails_fails_the_operation(puppet: Puppet) -> None:
    deploy(puppet.client, "g", "def handler(event, context):\n    raise ValueError('no luck')\n")
    puppet.begins()
    puppet.checkpoint(chained("1", "g"))
    puppet.answers()
    status, details = outcome(puppet, puppet.invoked())
    assert (status, details["Error"]["ErrorType"], details["Error"]["ErrorMessage"]) == (
        "FAILED",
        "ValueError",
        "no luck",
    )


@pytest.mark.parametrize(
    ("body", "seconds", "expected"),
    [
        ("return durable.step('1', lambda: event + 1)", 0, ("SUCCEEDED", {"Result": "42"})),
        (
            "raise ValueError('no luck')",
            0,
            ("FAILED", {"Error": {"ErrorType": "ValueError", "ErrorMessage": "no luck"}}),
        ),
        (
            "durable.wait('1', 1000)",
            61,
            (
                "TIMED_OUT",
                {
                    "Error": {
                        "ErrorType": "ChainedInvoke.Timeout",
                        "ErrorMessage": "CHAINED_INVOKE timed out after 60 seconds.",
                    }
                },
            ),
        ),
    ],
)
def test_a_durable_function_is_an_execution_of_its_own(
    puppet: Puppet, body: str, seconds: int, expected: tuple[str, dict[str, Any]]
) -> None:
    deploy_durable(puppet.client, f"def run(durable, event, context):\n    {body}\n", "g", timeout_s=60)
    puppet.begins()
    puppet.checkpoint(chained("1", "g:$LATEST", "41"))
    puppet.answers()
    assert outcome(puppet, puppet.after(seconds)) == expected
    told = next(each for each in history(puppet.client, puppet.arn) if each["EventType"] == "ChainedInvokeStarted")
    child = puppet.client.get_durable_execution(
        DurableExecutionArn=told["ChainedInvokeStartedDetails"]["DurableExecutionArn"]
    )
    assert (child["Status"], child["InputPayload"]) == (expected[0], "41")


def test_a_child_that_is_stopped_tells_its_parent(puppet: Puppet) -> None:
    deploy_durable(puppet.client, "def run(durable, event, context):\n    durable.wait('1', 100)\n", "g")
    puppet.begins()
    puppet.checkpoint(chained("1", "g:$LATEST"))
    puppet.answers()
    (child,) = puppet.client.list_durable_executions_by_function(FunctionName="g")["DurableExecutions"]
    error = {"ErrorMessage": "enough"}
    puppet.client.stop_durable_execution(DurableExecutionArn=child["DurableExecutionArn"], Error=error)
    assert outcome(puppet, puppet.invoked()) == ("STOPPED", {"Error": error})


def test_what_cannot_be_invoked_has_failed_at_once(puppet: Puppet) -> None:
    puppet.begins()
    missing, unqualified = puppet.checkpoint(chained("1", "none"), chained("2", "f"))
    assert (missing["Status"], missing["ChainedInvokeDetails"]["Error"]) == (
        "FAILED",
        {
            "ErrorType": "ResourceNotFoundException",
            "ErrorMessage": "Function not found: arn:aws:lambda:us-east-1:000000000000:function:none:$LATEST",
        },
    )
    error = unqualified["ChainedInvokeDetails"]["Error"]
    assert error["ErrorMessage"] == "You cannot invoke a durable function using an unqualified ARN."
    ask = {"DurableExecutionArn": puppet.arn, "CheckpointToken": puppet.token}
    for place, name in (
        ("another account", "111111111111:function:g"),
        ("another region", "arn:aws:lambda:eu-west-1:000000000000:function:g"),
    ):
        code, message = refusal(puppet.client.checkpoint_durable_execution, **ask, Updates=[chained("3", name)])
        assert code == "InvalidParameterValueException"
        assert message == f"Cannot start a CHAINED_INVOKE on a function in {place}."
    puppet.answers("SUCCEEDED", Result="1")


def test_a_target_has_the_trace_of_its_parent_or_the_one_it_was_given(puppet: Puppet) -> None:
    deploy_durable(puppet.client, "def run(durable, event, context):\n    return event\n", "g")
    puppet.begins()
    given = chained("2", "g:$LATEST")
    root = "1-67891233-abcdef012345678912345678"
    given["ChainedInvokeOptions"]["XAmznTraceId"] = f"Root={root};Parent=53995c3f42cd8ad8;Sampled=1"
    puppet.checkpoint(chained("1", "g:$LATEST"), given)
    puppet.answers("SUCCEEDED", Result="1")
    puppet.node.settle()
    traces = [
        puppet.client.get_durable_execution(DurableExecutionArn=each["DurableExecutionArn"])["TraceHeader"]
        for each in puppet.client.list_durable_executions_by_function(FunctionName="g")["DurableExecutions"]
    ]
    roots = {trace["XAmznTraceId"].split(";")[0] for trace in traces}
    assert roots == {f"Root={root}", puppet.execution["TraceHeader"]["XAmznTraceId"].split(";")[0]}


def test_an_outcome_for_an_execution_that_is_over_changes_nothing(puppet: Puppet) -> None:
    deploy_durable(puppet.client, "def run(durable, event, context):\n    durable.wait('1', 100)\n", "g")
    puppet.begins()
    puppet.checkpoint(chained("1", "g:$LATEST"), wait("2", 10))
    puppet.answers("SUCCEEDED", Result="1")
    puppet.node.advance(200)
    assert puppet.execution["Status"] == "SUCCEEDED"
    assert puppet.told[-1] == "ExecutionSucceeded"


def test_the_executions_role_may_checkpoint_and_invoke_only_what_it_is_allowed(tmp_path: Path) -> None:
    body = """
def run(durable, event, context):
    update = {"Id": "1", "Type": "CHAINED_INVOKE", "Action": "START", "ChainedInvokeOptions": {"FunctionName": "g"}}
    durable.checkpoint(update)
    return durable.known["1"]["ChainedInvokeDetails"]["Error"]["ErrorType"]
"""
    with running_node(tmp_path, iam="enforce") as node:
        role(node, allows="lambda:CheckpointDurableExecution")
        client = node.client("lambda")
        arn = "arn:aws:iam::000000000000:role/r"
        deploy(client, "g", Role=arn)
        deploy_durable(client, body, Role=arn)
        answer = client.invoke(FunctionName="f:$LATEST", Payload=b"1")
        assert json.loads(answer["Payload"].read()) == "AccessDeniedException"
        node.client("iam").delete_role_policy(RoleName="r", PolicyName="p")
        answer = client.invoke(FunctionName="f:$LATEST", Payload=b"1")
        assert json.loads(answer["Payload"].read())["errorType"] == "ClientError"
