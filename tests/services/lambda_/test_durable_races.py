"""Two things at once: of each pair one is first, and nothing is lost, done twice or forgotten. On both engines."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.errors import refusal
from tests.running_node import RunningNode
from tests.services.lambda_.durable_functions import Puppet, callback, chained, deploy_durable, step, wait
from wakeful.fabric.service import Done
from wakeful.services.lambda_.durable import executions, invocations, timers
from wakeful.store import work

pytestmark = pytest.mark.slow

AT_ONCE = 8
STALE = ("InvalidParameterValueException", "Invalid checkpoint token")


@pytest.fixture
def puppet(node_on_each: RunningNode, tmp_path: Path) -> Puppet:
    return Puppet(node_on_each, tmp_path / "puppet", Timeout=300)


def at_once(count: int, does: Any) -> Counter[str]:
    """How often each thing was answered to callers who all ask at the same time; "" is success."""

    def ask(number: int) -> str:
        try:
            does(number)
        except ClientError as error:
            return str(error.response["Error"]["Code"])
        return ""

    with ThreadPoolExecutor(count) as pool:
        return Counter(pool.map(ask, range(count)))


def test_a_callback_is_completed_once_whoever_tries(puppet: Puppet) -> None:
    puppet.begins()
    (operation,) = puppet.checkpoint(callback("1", TimeoutSeconds=60))
    id = operation["CallbackDetails"]["CallbackId"]
    puppet.answers()

    def complete(number: int) -> None:
        if number % 2:
            puppet.client.send_durable_execution_callback_success(CallbackId=id, Result=str(number).encode())
        else:
            puppet.client.send_durable_execution_callback_failure(CallbackId=id, Error={"ErrorMessage": str(number)})

    assert at_once(AT_ONCE, complete) == {"": 1, "CallbackTimeoutException": AT_ONCE - 1}
    puppet.invoked()
    puppet.answers("SUCCEEDED", Result="1")
    puppet.node.advance(100)
    ends = [each for each in puppet.told if each in ("CallbackSucceeded", "CallbackFailed", "CallbackTimedOut")]
    assert len(ends) == 1
    assert puppet.invocations == 2


def test_a_callback_at_the_moment_of_its_timeout_has_timed_out(puppet: Puppet) -> None:
    puppet.begins()
    (operation,) = puppet.checkpoint(callback("1", TimeoutSeconds=60))
    puppet.answers()
    puppet.after(60)
    ask = {"CallbackId": operation["CallbackDetails"]["CallbackId"]}
    assert refusal(puppet.client.send_durable_execution_callback_success, **ask)[0] == "CallbackTimeoutException"
    puppet.answers("SUCCEEDED", Result="1")
    assert puppet.told.count("CallbackTimedOut") == 1


def test_a_name_begins_one_execution_however_many_ask_at_once(node_on_each: RunningNode) -> None:
    client = node_on_each.client("lambda")
    deploy_durable(client, "def run(durable, event, context):\n    durable.wait('1', 100)\n")
    found: set[str] = set()

    def invoke(number: int) -> None:
        ask = {"FunctionName": "f:$LATEST", "InvocationType": "Event", "DurableExecutionName": "one"}
        found.add(client.invoke(**ask, Payload=str(number % 2).encode())["DurableExecutionArn"])

    half = AT_ONCE // 2
    assert at_once(AT_ONCE, invoke) == {"": half, "DurableExecutionAlreadyStartedException": half}
    (arn,) = found
    listed = client.list_durable_executions_by_function(FunctionName="f")["DurableExecutions"]
    assert [each["DurableExecutionArn"] for each in listed] == [arn]


def test_of_checkpoints_with_one_token_one_is_taken(puppet: Puppet) -> None:
    puppet.begins()
    ask = {"DurableExecutionArn": puppet.arn, "CheckpointToken": puppet.token}

    def checkpoint(number: int) -> None:
        puppet.client.checkpoint_durable_execution(**ask, Updates=[step(str(number), "SUCCEED")])

    assert at_once(AT_ONCE, checkpoint) == {"": 1, "InvalidParameterValueException": AT_ONCE - 1}
    puppet.answers("SUCCEEDED", Result="1")
    assert puppet.told.count("StepSucceeded") == 1


def test_who_stops_an_execution_while_it_checkpoints_ends_it_once(puppet: Puppet) -> None:
    puppet.begins()
    ask = {"DurableExecutionArn": puppet.arn, "CheckpointToken": puppet.token}
    updates = [step("1", "SUCCEED"), {"Id": "end", "Type": "EXECUTION", "Action": "SUCCEED"}]

    def either(number: int) -> None:
        if number % 2:
            puppet.client.stop_durable_execution(DurableExecutionArn=puppet.arn)
        else:
            puppet.client.checkpoint_durable_execution(**ask, Updates=updates)

    at_once(AT_ONCE, either)
    puppet.answers("SUCCEEDED", Result="1")
    assert [each for each in puppet.told if each in ("ExecutionSucceeded", "ExecutionStopped")] == [
        f"Execution{puppet.execution['Status'].title()}"
    ]
    assert refusal(puppet.client.checkpoint_durable_execution, **ask) == STALE


def test_what_an_invocation_says_after_its_crash_is_not_heard(puppet: Puppet) -> None:
    puppet.begins()
    stale = {"DurableExecutionArn": puppet.arn, "CheckpointToken": puppet.token}
    puppet.says("crash")
    assert refusal(puppet.client.checkpoint_durable_execution, **stale, Updates=[step("1", "SUCCEED")]) == STALE
    puppet.after(6)
    assert refusal(puppet.client.checkpoint_durable_execution, **stale, Updates=[step("1", "SUCCEED")]) == STALE
    assert refusal(puppet.client.get_durable_execution_state, **stale) == STALE
    puppet.answers("SUCCEEDED", Result="1")
    assert "StepSucceeded" not in puppet.told


def test_parents_that_begin_children_while_children_end(puppet: Puppet) -> None:
    """Whoever ends tells its parent, then is counted; whoever begins is counted while its parent is locked."""
    deploy_durable(puppet.client, "def run(durable, event, context):\n    return event\n", "g")
    puppet.begins()
    for number in range(5):
        puppet.checkpoint(chained(f"a{number}", "g:$LATEST", "1"), chained(f"b{number}", "g:$LATEST", "2"))
    while puppet.told.count("ChainedInvokeSucceeded") < 10:
        puppet.checkpoint()
    puppet.answers("SUCCEEDED", Result="1")
    assert puppet.told.count("ChainedInvokeSucceeded") == 10


def test_a_timer_that_comes_when_the_execution_has_just_ended_leaves_it_there(puppet: Puppet) -> None:
    puppet.begins()
    puppet.checkpoint(wait("1", 5))
    puppet.answers("SUCCEEDED", Result="7")
    puppet.node.run(puppet.node.node.store.write(timers.fall_due, puppet.arn))
    assert puppet.execution["Result"] == "7"
    puppet.node.advance(14 * 86_400 + 1)
    assert (
        refusal(puppet.client.get_durable_execution, DurableExecutionArn=puppet.arn)[0] == "ResourceNotFoundException"
    )


def test_who_resumes_while_the_worker_turns_away_from_the_pause_is_not_forgotten(puppet: Puppet) -> None:
    puppet.begins()
    (operation,) = puppet.checkpoint(callback("1"))
    puppet.answers()
    puppet.client.pause_durable_execution(DurableExecutionArn=puppet.arn)
    id = operation["CallbackDetails"]["CallbackId"]
    puppet.client.send_durable_execution_callback_success(CallbackId=id)
    node, name = puppet.node.node, f"{executions.RUN} {puppet.arn}"
    body = {"execution": puppet.arn}
    far = node.clock.now() + 1e6
    item = work.Item(0, executions.RUN, name, 0.0, 1, body)
    outcome = puppet.node.run(invocations.carry_out(node, item))
    assert isinstance(outcome, Done)
    puppet.node.run(node.store.write(lambda tx: work.put(tx, executions.RUN, body, due=far, name=name)))
    puppet.client.resume_durable_execution(DurableExecutionArn=puppet.arn)  # the worker's row is still there

    def turn_away(tx: Any) -> None:
        work.drop(tx, name)
        assert outcome.also is not None
        outcome.also(tx)

    puppet.node.run(node.store.write(turn_away))
    assert puppet.invoked()["UpdatedOperationIds"] == ["1"]
    puppet.answers("SUCCEEDED", Result="1")


def test_a_wait_begun_by_the_checkpoint_that_pauses_ends_at_its_time(puppet: Puppet) -> None:
    puppet.begins()
    puppet.client.pause_durable_execution(DurableExecutionArn=puppet.arn)
    assert puppet.checkpoint(wait("1", 10)) == []
    puppet.answers()
    puppet.node.advance(11)
    assert (puppet.execution["Status"], puppet.told[-1]) == ("PAUSED", "WaitSucceeded")
    puppet.client.resume_durable_execution(DurableExecutionArn=puppet.arn)
    puppet.invoked()
    puppet.answers("SUCCEEDED", Result="1")
