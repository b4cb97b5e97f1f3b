"""Callbacks: somebody outside says what became of it, or says nothing for too long."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from tests.errors import refusal
from tests.running_node import RunningNode, running_node
from tests.services.lambda_.durable_functions import Puppet, callback, history
from tests.services.lambda_.test_events import role

pytestmark = pytest.mark.slow

CLOSED = ("CallbackTimeoutException", "The callback is either timed out or already completed")


@pytest.fixture
def puppet(tidied_node_on_each: RunningNode, tmp_path: Path) -> Puppet:
    return Puppet(tidied_node_on_each, tmp_path / "puppet")


def waits(puppet: Puppet, **options: int) -> str:
    """The id of a callback that an execution waits for."""
    puppet.begins()
    (operation,) = puppet.checkpoint(callback("1", **options))
    assert (operation["Type"], operation["Status"]) == ("CALLBACK", "STARTED")
    puppet.answers()
    return str(operation["CallbackDetails"]["CallbackId"])


def outcome(puppet: Puppet, event: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    operation = next(each for each in event["InitialExecutionState"]["Operations"] if each["Id"] == "1")
    details = operation["CallbackDetails"]
    puppet.answers("SUCCEEDED", Result="1")
    return operation["Status"], {name: value for name, value in details.items() if name != "CallbackId"}


def test_a_result_goes_to_the_function(puppet: Puppet) -> None:
    id = waits(puppet)
    puppet.client.send_durable_execution_callback_success(CallbackId=id, Result=b'{"ok": true}')
    assert outcome(puppet, puppet.invoked()) == ("SUCCEEDED", {"Result": '{"ok": true}'})
    assert refusal(puppet.client.send_durable_execution_callback_success, CallbackId=id) == CLOSED
    assert "CallbackSucceeded" in puppet.told


def test_a_failure_goes_to_the_function(puppet: Puppet) -> None:
    id = waits(puppet)
    error = {"ErrorType": "No", "ErrorMessage": "no luck", "ErrorData": "{}", "StackTrace": ["here"]}
    puppet.client.send_durable_execution_callback_failure(CallbackId=id, Error=error)
    assert outcome(puppet, puppet.invoked()) == ("FAILED", {"Error": error})
    assert refusal(puppet.client.send_durable_execution_callback_failure, CallbackId=id) == CLOSED


def test_a_callback_that_nobody_answers_times_out(puppet: Puppet) -> None:
    id = waits(puppet, TimeoutSeconds=60)
    assert outcome(puppet, puppet.after(61)) == (
        "TIMED_OUT",
        {"Error": {"ErrorType": "Callback.Timeout", "ErrorMessage": "Callback timed out"}},
    )
    assert refusal(puppet.client.send_durable_execution_callback_success, CallbackId=id) == CLOSED
    started = next(each for each in history(puppet.client, puppet.arn) if each["EventType"] == "CallbackStarted")
    assert started["CallbackStartedDetails"] == {"CallbackId": id, "Timeout": 60}


def test_heartbeats_keep_a_callback_open(puppet: Puppet) -> None:
    id = waits(puppet, HeartbeatTimeoutSeconds=30)
    for _ in range(3):
        puppet.node.advance(25)
        puppet.client.send_durable_execution_callback_heartbeat(CallbackId=id)
    assert puppet.invocations == 1
    assert outcome(puppet, puppet.after(31)) == (
        "TIMED_OUT",
        {"Error": {"ErrorType": "Callback.Heartbeat", "ErrorMessage": "Callback timed out on heartbeat"}},
    )
    assert refusal(puppet.client.send_durable_execution_callback_heartbeat, CallbackId=id) == CLOSED


def forged(*parts: Any) -> str:
    return base64.b64encode(json.dumps(parts).encode()).decode()


def test_who_completes_a_callback_needs_the_right_to_it_and_its_id(tmp_path: Path) -> None:
    with running_node(tmp_path / "data", iam="enforce") as node:
        role(node, allows="lambda:*")
        puppet = Puppet(node, tmp_path / "puppet", Role="arn:aws:iam::000000000000:role/r")
        iam = node.client("iam")
        iam.create_user(UserName="u")
        key = iam.create_access_key(UserName="u")["AccessKey"]
        user = node.client("lambda", key=key["AccessKeyId"], secret=key["SecretAccessKey"])
        id = waits(puppet)

        def allow(resource: str) -> None:
            statement = {"Effect": "Allow", "Action": "lambda:SendDurableExecutionCallback*", "Resource": resource}
            document = json.dumps({"Version": "2012-10-17", "Statement": statement})
            iam.put_user_policy(UserName="u", PolicyName="p", PolicyDocument=document)

        ask = {"CallbackId": id, "Result": b"1"}
        assert refusal(user.send_durable_execution_callback_success, **ask)[0] == "AccessDeniedException"
        allow("arn:aws:lambda:us-east-1:000000000000:function:g:*")
        assert refusal(user.send_durable_execution_callback_success, **ask)[0] == "AccessDeniedException"
        allow("arn:aws:lambda:us-east-1:000000000000:function:f:*")
        guessed = forged(puppet.arn, "1", "s")
        assert refusal(user.send_durable_execution_callback_success, CallbackId=guessed) == CLOSED
        user.send_durable_execution_callback_success(**ask)
        assert outcome(puppet, puppet.invoked()) == ("SUCCEEDED", {"Result": "1"})


def test_what_is_no_callback_is_refused(puppet: Puppet) -> None:
    invalid = ("InvalidParameterValueException", "Invalid callback id")
    for made_up in ("bm9uZQ==", forged(1, "1", "s"), forged("x", "1")):
        assert refusal(puppet.client.send_durable_execution_callback_success, CallbackId=made_up) == invalid
    for made_up in (forged("x", "1", "s"), forged("arn:aws:s3:::bucket", "1", "s")):
        assert refusal(puppet.client.send_durable_execution_callback_success, CallbackId=made_up) == CLOSED
    id = waits(puppet)
    puppet.client.stop_durable_execution(DurableExecutionArn=puppet.arn)
    assert refusal(puppet.client.send_durable_execution_callback_success, CallbackId=id, Result=b"1") == CLOSED
    not_text = refusal(puppet.client.send_durable_execution_callback_success, CallbackId=id, Result=b"\xff")
    assert not_text[0] == "InvalidParameterValueException"
