"""A durable workflow survives SIGKILL of its process, and of its node, before and after every checkpoint it makes."""

from __future__ import annotations

import json
import os
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError

from tests.durable import sdks
from tests.durable.conftest import BUCKET, deploy_python
from tests.durable.executions import Execution, carry_on, start
from tests.node_process import NodeProcess
from tests.running_node import RunningNode, running_node

pytestmark = pytest.mark.slow

RESULT = {
    "steps": ["charge", "ship", "note"],
    "both": ["left", "right"],
    "approved": '"yes"',
    "billed": ["invoice", "send"],
}
AT_MOST_ONCE = {"charge", "note", "invoice"}
AT_LEAST_ONCE = {"ship", "left", "right", "send"}
ACTIONS = {"Started": "START", "Succeeded": "SUCCEED"}
ENDED_BY_THE_SERVICE = {"Wait", "Callback", "ChainedInvoke"}
SIDES = ("before", "after")

EVERY_KILL = "CRASHES" in os.environ
DAILY_NODE_KILLS = 4
AT_ONCE = 8
ATTEMPTS_MAX = 3


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningNode]:
    with running_node(tmp_path_factory.mktemp("crashes") / "data", isolation="auto", rehearse=False) as started:
        deploy_workflow(started)
        yield started


def deploy_workflow(node: RunningNode | NodeProcess) -> None:
    bill = "arn:aws:lambda:us-east-1:000000000000:function:order:$LATEST"
    deploy_python(node.client("lambda"), node.client("s3"), only="order", handler="scenarios.crash.handler", BILL=bill)


@pytest.fixture(scope="module")
def calm(node: RunningNode) -> Execution:
    """The workflow when nobody is killed."""
    execution = begin(node.client("lambda"), "calm")
    carry_on([execution], node.advance, "yes")
    return execution


def test_the_workflow_without_a_crash(node: RunningNode, calm: Execution) -> None:
    assert calm.result == RESULT
    once = {f"{name}-1": 1 for name in AT_MOST_ONCE | AT_LEAST_ONCE} | {"submitted": 1}
    assert effects(node, "calm") == Counter(once)
    assert errors(calm) == []


def test_the_environment_is_killed_at_every_checkpoint(node: RunningNode, calm: Execution) -> None:
    """On both sides of each in `make crash`, on one of them every day."""
    client = node.client("lambda")
    found = updates(calm)
    assert len(found) == 31, found
    kills = [(when, each) for each in found for when in SIDES]
    if not EVERY_KILL:
        kills = [(SIDES[number % 2], each) for number, each in enumerate(found)]
    for first in range(0, len(kills), AT_ONCE):
        runs = {f"{when}-{each}".replace(" ", "-"): (when, each) for when, each in kills[first : first + AT_ONCE]}
        begun = {run: begin(client, run, when=when, update=each) for run, (when, each) in runs.items()}
        carry_on(list(begun.values()), node.advance, "yes")
        for run, execution in begun.items():
            survived(execution, calm, effects(node, run))
            assert interrupted(execution, *runs[run])
            assert errors(execution) == ["Runtime.ExitError"]


def test_the_node_is_killed_at_checkpoints(tmp_path: Path) -> None:
    """At every one in `make crash`, at some of them every day; each time it starts again on the same data."""
    sdks.layer(sdks.PYTHON)
    node = NodeProcess(tmp_path / "data", "--isolation", "none")
    node.start()
    deploy_workflow(node)
    client = node.client("lambda")
    calm = begin(client, "calm")
    carry_on_across_crashes(node, calm)
    kills = [(when, each) for each in updates(calm) for when in SIDES]
    for number, (when, each) in enumerate(kills if EVERY_KILL else kills[3 :: len(kills) // DAILY_NODE_KILLS]):
        execution = begin(client, f"run-{number}", when=when, update=each, node=node.pid)
        carry_on_across_crashes(node, execution)
        survived(execution, calm, effects(node, f"run-{number}"))
        assert interrupted(execution, when, each)
        assert len(errors(execution)) == 1, "the history tells of the invocation that was lost"
    assert node.stop() == 0


def begin(client: Any, run: str, **kill: Any) -> Execution:
    return start(client, "order", "order", run=run, kill=kill or None)


def updates(calm: Execution) -> list[str]:
    """What the SDK checkpoints in the course of the workflow, found in the history of a calm run and of its child."""
    found = set()
    for event in [*calm.events(), *child(calm).events()]:
        for suffix, action in ACTIONS.items():
            operation = event["EventType"].removesuffix(suffix)
            is_sent = "SubType" in event and (action == "START" or operation not in ENDED_BY_THE_SERVICE)
            if event["EventType"].endswith(suffix) and is_sent:
                found.add(f"{action} {event.get('Name') or event['SubType']}")
    return sorted(found)


def child(execution: Execution) -> Execution:
    [started] = execution.events("ChainedInvokeStarted")
    return Execution(execution.client, started["ChainedInvokeStartedDetails"]["DurableExecutionArn"])


def survived(execution: Execution, calm: Execution, did: Counter[str]) -> None:
    """It ended as if nothing had happened, and did what its steps promise."""
    assert execution.result == RESULT, execution.outline()
    assert did.pop("killed") == 1
    assert 1 <= did.pop("submitted") <= 2
    for name in AT_MOST_ONCE:
        times = [did.pop(f"{name}-{attempt}", 0) for attempt in range(1, ATTEMPTS_MAX + 1)]
        assert max(times) == 1 and sum(times) in {1, 2}, (name, times)
    for name in AT_LEAST_ONCE:
        assert 1 <= did.pop(f"{name}-1") <= 2, name
    assert not did
    for mine, theirs in ((execution, calm), (child(execution), child(calm))):
        assert settled(mine) == settled(theirs), mine.outline()


def interrupted(execution: Execution, when: str, update: str) -> bool:
    """Of a step that runs at most once and was killed between its two checkpoints, the history says so; of no other."""
    failed = [event for each in (execution, child(execution)) for event in each.events("StepFailed")]
    kinds = {event["StepFailedDetails"]["Error"]["Payload"]["ErrorType"].rpartition(".")[2] for event in failed}
    names = [event["Name"] for event in failed]
    action, _, name = update.partition(" ")
    if name in AT_MOST_ONCE and (when, action) in {("after", "START"), ("before", "SUCCEED")}:
        return names == [name] and kinds == {"StepInterruptedError"}
    return len(names) <= 1 and set(names) <= AT_MOST_ONCE and kinds <= {"StepInterruptedError"}


def settled(execution: Execution) -> Counter[tuple[str, str]]:
    """Which operation succeeded, and how often: once."""
    return Counter(
        (event["Id"], event["EventType"])
        for event in execution.events()
        if event.get("SubType") and event["EventType"].endswith("Succeeded")
    )


def errors(execution: Execution) -> list[str]:
    """What the invocations of it and of its child failed with."""
    details = [
        event["InvocationCompletedDetails"].get("Error", {}).get("Payload")
        for each in (execution, child(execution))
        for event in each.events("InvocationCompleted")
    ]
    return [each["ErrorType"] for each in details if each]


def effects(node: RunningNode | NodeProcess, run: str) -> Counter[str]:
    """How often each thing was really done."""
    found = node.client("s3").list_objects_v2(Bucket=BUCKET, Prefix=f"{run}/").get("Contents", [])
    return Counter(each["Key"].split("/")[1] for each in found)


def carry_on_across_crashes(node: NodeProcess, execution: Execution) -> None:
    """It has ended, and the node was started again whenever it was killed."""

    def advance(seconds: float) -> None:
        body = json.dumps({"advance_s": seconds}).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(f"{node.endpoint}/_wakeful/clock", body, headers)
        with urllib.request.urlopen(request, timeout=60):
            pass

    for _ in range(3):
        try:
            carry_on([execution], advance, "yes")
        except (OSError, BotoCoreError):
            node.ended()
            node.start()
        else:
            return
    raise AssertionError("it was killed more than once")
