"""Checkpoints: tokens are good once, a batch is taken whole or not at all, and who repeats has the same answer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.errors import refusal
from tests.running_node import RunningNode
from tests.services.lambda_.durable_functions import Puppet, context, history, status_of, step, wait
from wakeful import limits

pytestmark = pytest.mark.slow

STALE = ("InvalidParameterValueException", "Invalid checkpoint token")


@pytest.fixture
def puppet(tidied_node_on_each: RunningNode, tmp_path: Path) -> Puppet:
    return Puppet(tidied_node_on_each, tmp_path / "puppet")


def refused(puppet: Puppet, *updates: dict[str, Any], **more: Any) -> tuple[str, str]:
    request = {"DurableExecutionArn": puppet.arn, "CheckpointToken": puppet.token, "Updates": list(updates), **more}
    return refusal(puppet.client.checkpoint_durable_execution, **request)


def test_the_event_says_which_execution_it_is_and_all_that_it_has_done(puppet: Puppet) -> None:
    event = puppet.begins({"a": 1})
    (root,) = event["InitialExecutionState"]["Operations"]
    assert (root["Type"], root["Status"]) == ("EXECUTION", "STARTED")
    assert json.loads(root["ExecutionDetails"]["InputPayload"]) == {"a": 1}
    assert root["StartTimestamp"] == pytest.approx(puppet.node.node.clock.now() * 1000, abs=60_000)
    assert event["InitialExecutionState"]["NextMarker"] == ""
    puppet.checkpoint(step("1", "SUCCEED", Payload="7", Name="one"), wait("2", 30))
    puppet.answers()
    again = puppet.after(31)
    states = {each["Id"]: each["Status"] for each in again["InitialExecutionState"]["Operations"]}
    assert states == {root["Id"]: "STARTED", "1": "SUCCEEDED", "2": "SUCCEEDED"}
    assert again["UpdatedOperationIds"] == ["2"]
    puppet.answers("SUCCEEDED", Result="7")
    assert puppet.execution["Result"] == "7"


def test_a_token_is_good_for_one_checkpoint_of_one_invocation(puppet: Puppet) -> None:
    puppet.begins()
    first = puppet.token
    puppet.checkpoint(step("1", "START"))
    assert refused(puppet, step("2", "START"), CheckpointToken=first) == STALE
    assert refused(puppet, step("2", "START"), CheckpointToken="bm9uZQ==") == STALE
    last = puppet.token
    puppet.checkpoint(wait("3", 10))
    puppet.answers()
    assert refused(puppet, step("2", "START")) == STALE
    puppet.after(11)
    assert refused(puppet, step("2", "START"), CheckpointToken=last) == STALE
    puppet.answers("SUCCEEDED", Result="1")
    assert refused(puppet, step("2", "START")) == STALE
    elsewhere = puppet.arn[:-1] + ("0" if puppet.arn[-1] != "0" else "1")
    assert refused(puppet, DurableExecutionArn=elsewhere) == (
        "InvalidParameterValueException",
        "Checkpoint token is not valid for the durable execution ARN",
    )


def test_who_repeats_a_checkpoint_with_its_client_token_has_the_same_answer(puppet: Puppet) -> None:
    puppet.begins()
    first = puppet.token
    news = puppet.checkpoint(step("1", "SUCCEED", Payload="7"), ClientToken="c")
    second = puppet.token
    puppet.token = first
    assert puppet.checkpoint(step("1", "SUCCEED", Payload="7"), ClientToken="c") == news
    assert puppet.token == second
    assert refused(puppet, step("1", "START"), CheckpointToken=first, ClientToken="d") == STALE
    puppet.checkpoint(step("2", "START"))
    assert refused(puppet, step("1", "SUCCEED", Payload="7"), CheckpointToken=first, ClientToken="c") == STALE
    puppet.answers("SUCCEEDED", Result="1")


def test_a_batch_is_taken_whole_or_not_at_all(puppet: Puppet) -> None:
    puppet.begins()
    before = puppet.told
    code, message = refused(puppet, step("1", "SUCCEED", Payload="7"), wait("2", 9), step("3", "START", ParentId="1"))
    assert (code, message) == ("InvalidParameterValueException", "Invalid parent operation id.")
    assert refused(puppet, wait("2", 9), step("1", "RETRY"))[1] == "Invalid StepOptions for the given action."
    assert puppet.told == before
    news = puppet.checkpoint(step("1", "START"))
    assert [each["Id"] for each in news if each["Type"] != "EXECUTION"] == ["1"]
    puppet.answers("SUCCEEDED", Result="1")
    assert "WaitStarted" not in puppet.told


def test_a_step_that_is_tried_again_is_ready_when_its_pause_is_over(puppet: Puppet) -> None:
    puppet.begins()
    error = {"ErrorType": "ValueError", "ErrorMessage": "no", "StackTrace": ["here"]}
    news = puppet.checkpoint(
        step("1", "START"), step("1", "RETRY", Error=error, StepOptions={"NextAttemptDelaySeconds": 5})
    )
    pending = next(each for each in news if each["Id"] == "1")
    assert (pending["Status"], pending["StepDetails"]["Attempt"], pending["StepDetails"]["Error"]) == (
        "PENDING",
        1,
        error,
    )
    assert refused(puppet, step("1", "START"))[1] == "Invalid current STEP state to start."
    puppet.answers()
    event = puppet.after(6)
    assert status_of(event["InitialExecutionState"]["Operations"], "1") == "READY"
    news = puppet.checkpoint(step("1", "START"), step("1", "SUCCEED", Payload="1"))
    done = next(each for each in news if each["Id"] == "1")
    assert (done["Status"], done["StepDetails"]) == ("SUCCEEDED", {"Attempt": 2, "Result": "1"})
    puppet.answers("SUCCEEDED", Result="1")
    failed = next(each for each in history(puppet.client, puppet.arn) if each["EventType"] == "StepFailed")
    assert failed["StepFailedDetails"]["RetryDetails"] == {"CurrentAttempt": 1, "NextAttemptDelaySeconds": 5}


def test_a_function_that_stays_hears_what_falls_due_meanwhile(puppet: Puppet) -> None:
    puppet.begins()
    puppet.checkpoint(wait("1", 10), wait("2", 100))
    assert puppet.checkpoint() == []
    puppet.moves(11)
    (waited,) = puppet.checkpoint()
    assert (waited["Id"], waited["Status"]) == ("1", "SUCCEEDED")
    assert puppet.checkpoint() == []
    assert [each["Status"] for each in puppet.checkpoint({"Id": "2", "Type": "WAIT", "Action": "CANCEL"})] == [
        "CANCELLED"
    ]
    puppet.answers("SUCCEEDED", Result="1")
    assert puppet.invocations == 1


def test_what_changed_unseen_while_the_function_ran_is_another_invocation(puppet: Puppet) -> None:
    puppet.begins()
    puppet.checkpoint(wait("1", 10))
    puppet.moves(11)
    puppet.answers()
    event = puppet.invoked()
    assert event["UpdatedOperationIds"] == ["1"]
    puppet.answers("SUCCEEDED", Result="1")


def test_the_end_may_be_checkpointed_and_nothing_follows_it(puppet: Puppet) -> None:
    puppet.begins()
    end = {"Id": "end", "Type": "EXECUTION", "Action": "SUCCEED", "Payload": json.dumps("x" * 100_000)}
    assert refused(puppet, {**end, "Error": {}})[1] == "Cannot provide an Error for SUCCEED action."
    too_large = {**end, "Payload": "x" * (limits.LAMBDA_DURABLE_PAYLOAD_BYTES_MAX + 1)}
    assert refused(puppet, too_large)[1] == "Execution output payload size must be less than or equal to 1048576 bytes."
    puppet.checkpoint(step("1", "SUCCEED"), end)
    assert puppet.token == ""
    assert puppet.execution["Status"] == "SUCCEEDED"
    puppet.answers("SUCCEEDED", Result="")
    assert len(puppet.execution["Result"]) == 100_002
    assert puppet.told[-2:] == ["ExecutionSucceeded", "InvocationCompleted"]


def test_what_is_inside_a_closed_context_is_not_shown_again_unless_it_was_asked_for(puppet: Puppet) -> None:
    puppet.begins()
    puppet.checkpoint(
        context("a", "START"),
        context("b", "START", ParentId="a"),
        step("c", "SUCCEED", ParentId="b"),
        context("d", "START"),
        step("e", "SUCCEED", ParentId="d"),
    )
    puppet.checkpoint(
        context("b", "SUCCEED", Payload="1"),
        context("a", "SUCCEED", Payload="1"),
        context("d", "SUCCEED", ContextOptions={"ReplayChildren": True}),
        wait("f", 5),
    )
    puppet.answers()
    shown = [each["Id"] for each in puppet.after(6)["InitialExecutionState"]["Operations"]]
    assert shown[1:] == ["a", "d", "e", "f"]
    puppet.answers("SUCCEEDED", Result="1")


def test_state_comes_in_pages_and_large_state_not_all_with_the_event(puppet: Puppet) -> None:
    puppet.begins()
    large = "x" * 1_000_000
    for number in range(6):
        puppet.checkpoint(step(str(number), "SUCCEED", Payload=large))
    puppet.checkpoint(wait("w", 5))
    puppet.answers()
    state = puppet.after(6)["InitialExecutionState"]
    ids = [each["Id"] for each in state["Operations"]]
    assert 1 < len(ids) < 8
    assert state["NextMarker"]
    ask = {"DurableExecutionArn": puppet.arn, "CheckpointToken": puppet.token}
    rest = puppet.client.get_durable_execution_state(**ask, Marker=state["NextMarker"])
    assert [*ids[1:], *(each["Id"] for each in rest["Operations"])] == ["0", "1", "2", "3", "4", "5", "w"]
    pages = list(puppet.client.get_paginator("get_durable_execution_state").paginate(**ask, MaxItems=1))
    assert [len(page["Operations"]) for page in pages] == [1] * 8
    invalid = ("InvalidParameterValueException", "Invalid Marker")
    assert refusal(puppet.client.get_durable_execution_state, **ask, Marker="none") == invalid
    stale = {**ask, "CheckpointToken": "bm9uZQ=="}
    assert refusal(puppet.client.get_durable_execution_state, **stale) == STALE
    puppet.answers("SUCCEEDED", Result="1")


def test_history_comes_in_pages_that_can_be_carried(puppet: Puppet) -> None:
    puppet.begins()
    for number in range(6):
        puppet.checkpoint(step(str(number), "SUCCEED", Payload="x" * 1_000_000))
    ask = {"DurableExecutionArn": puppet.arn, "IncludeExecutionData": True}
    for is_reversed in (False, True):
        pages = puppet.client.get_paginator("get_durable_execution_history").paginate(**ask, ReverseOrder=is_reversed)
        numbers = [[event["EventId"] for event in page["Events"]] for page in pages]
        assert len(numbers) == 2
        assert [each for page in numbers for each in page] == sorted(range(1, 8), reverse=is_reversed)
    puppet.answers("SUCCEEDED", Result="1")


def test_an_execution_has_so_many_operations_and_bytes_and_no_more(
    puppet: Puppet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "LAMBDA_DURABLE_OPERATIONS_MAX", 3)
    monkeypatch.setattr(limits, "LAMBDA_DURABLE_STORAGE_BYTES_MAX", 100)
    puppet.begins()
    puppet.checkpoint(step("1", "SUCCEED", Payload="x" * 90), step("2", "START"))
    assert "maximum of 3 operations" in refused(puppet, step("3", "START"))[1]
    assert "maximum of 100 bytes" in refused(puppet, step("2", "SUCCEED", Payload="x" * 11))[1]
    puppet.checkpoint(step("2", "SUCCEED", Payload="x" * 10))
    puppet.answers("SUCCEEDED", Result="1")
