"""A durable workflow survives SIGKILL of its process, and of its node, before and after every checkpoint it makes."""

from __future__ import annotations

import json
import os
import urllib.request
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError

from tests.durable import sdks
from tests.durable.conftest import BUCKET, deploy_nodejs, deploy_python
from tests.durable.executions import Execution, carry_on, start
from tests.functions import needs_node
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
DAILY = {"python": 1, "nodejs": 3}
"""Every so many-th checkpoint is one that the environment is killed at every day; one SDK shows all of the engine's."""

AT_ONCE = 8
APART = 8
"""Checkpoints between two at which the same execution is killed; fewer than five in a row are no failure of it."""
CHECKPOINTS_MIN = 31
ATTEMPTS_MAX = 3


@dataclass(frozen=True)
class Shop:
    """A node with the workflow on it, and an execution of it in which nobody was killed."""

    language: str
    node: RunningNode
    calm: Execution


@pytest.fixture(scope="module", params=["python", pytest.param("nodejs", marks=needs_node)])
def shop(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with running_node(tmp_path_factory.mktemp("crashes") / "data", isolation="auto", rehearse=False) as node:
        deploy_workflow(node, request.param)
        calm = begin(node.client("lambda"), "calm")
        carry_on([calm], node.advance, "yes")
        yield Shop(request.param, node, calm)


def deploy_workflow(node: RunningNode | NodeProcess, language: str) -> None:
    bill = "arn:aws:lambda:us-east-1:000000000000:function:order:$LATEST"
    lambda_, s3 = node.client("lambda"), node.client("s3")
    if language == "python":
        deploy_python(lambda_, s3, only="order", handler="scenarios.crash.handler", BILL=bill)
    else:
        s3.create_bucket(Bucket=BUCKET)
        deploy_nodejs(lambda_, "order", source="crash.js", variables={"EFFECTS": BUCKET, "BILL": bill})


def test_the_workflow_without_a_crash(shop: Shop) -> None:
    assert shop.calm.result == RESULT
    once = {f"{name}-1": 1 for name in AT_MOST_ONCE | AT_LEAST_ONCE} | {"submitted": 1}
    assert effects(shop.node, "calm") == Counter(once)
    assert errors(shop.calm) == []


def test_the_environment_is_killed_at_every_checkpoint(shop: Shop) -> None:
    """On both sides of each and one in each execution in `make crash`; on one side of each, or of some, every day.

    There an execution is killed several times then, so far apart that no step has to do with two of them.
    """
    client = shop.node.client("lambda")
    found = updates(shop.calm)
    assert len(found) >= CHECKPOINTS_MIN, found
    if EVERY_KILL:
        plans = [[(when, each)] for each in found for when in SIDES]
    else:
        kills = {number: (SIDES[number % 2], each) for number, each in enumerate(found)}
        daily = range(0, len(found), DAILY[shop.language])
        plans = [[kills[number] for number in daily if number % APART == first] for first in range(APART)]
    for first in range(0, len(plans), AT_ONCE):
        runs = {f"run-{first + number}": plan for number, plan in enumerate(plans[first : first + AT_ONCE])}
        begun = {run: begin(client, run, *plan) for run, plan in runs.items()}
        carry_on(list(begun.values()), shop.node.advance, "yes")
        for run, execution in begun.items():
            survived(execution, shop.calm, effects(shop.node, run), runs[run])
            assert errors(execution) == ["Runtime.ExitError"] * len(runs[run])


@pytest.mark.parametrize("language", ["python", pytest.param("nodejs", marks=needs_node)])
def test_the_node_is_killed_at_checkpoints(tmp_path: Path, language: str) -> None:
    """At every one in `make crash`, at one of them every day; each time it starts again on the same data."""
    sdks.layer(sdks.PYTHON if language == "python" else sdks.NODEJS)
    node = NodeProcess(tmp_path / "data", "--isolation", "none")
    node.start()
    deploy_workflow(node, language)
    client = node.client("lambda")
    calm = begin(client, "calm")
    carry_on_across_crashes(node, calm)
    kills = [(when, each) for each in updates(calm) for when in SIDES]
    for number, kill in enumerate(kills if EVERY_KILL else kills[3 :: len(kills)]):
        execution = begin(client, f"run-{number}", kill, node=node.pid)
        carry_on_across_crashes(node, execution)
        survived(execution, calm, effects(node, f"run-{number}"), [kill])
        lost = [len(own_errors(each)) for each in (execution, child(execution))]  # both, where both were under way
        assert max(lost) == 1, "the history tells of the invocation that was lost"
    assert node.stop() == 0


Kill = tuple[str, str]
"""Before or after, and which checkpoint: the action and the name of the operation."""


def begin(client: Any, run: str, *kills: Kill, **more: Any) -> Execution:
    planned = [{"when": when, "update": update, **more} for when, update in kills]
    return start(client, "order", "order", run=run, kills=planned)


def updates(calm: Execution) -> list[str]:
    """What the SDK checkpoints in the workflow, in the order of a calm run's history; its child's last."""
    found: dict[str, None] = {}
    for event in [*calm.events(), *child(calm).events()]:
        for suffix, action in ACTIONS.items():
            operation = event["EventType"].removesuffix(suffix)
            is_sent = "SubType" in event and (action == "START" or operation not in ENDED_BY_THE_SERVICE)
            if event["EventType"].endswith(suffix) and is_sent:
                found[f"{action} {event.get('Name') or event['SubType']}"] = None
    return list(found)


def child(execution: Execution) -> Execution:
    [started] = execution.events("ChainedInvokeStarted")
    return Execution(execution.client, started["ChainedInvokeStartedDetails"]["DurableExecutionArn"])


def survived(execution: Execution, calm: Execution, did: Counter[str], kills: Sequence[Kill]) -> None:
    """It ended as if nothing had happened, and did what its steps promise."""
    assert execution.result == RESULT, execution.outline()
    for number in range(len(kills)):
        assert did.pop(f"killed-{number}") == 1, kills[number]
    assert interrupted(execution, kills)
    assert 1 <= did.pop("submitted") <= 2
    for name in AT_MOST_ONCE:
        times = [did.pop(f"{name}-{attempt}", 0) for attempt in range(1, ATTEMPTS_MAX + 1)]
        assert max(times) == 1 and sum(times) in {1, 2}, (name, times)
    for name in AT_LEAST_ONCE:
        assert 1 <= did.pop(f"{name}-1") <= 2, name
    assert not did
    for mine, theirs in ((execution, calm), (child(execution), child(calm))):
        assert settled(mine) == settled(theirs), mine.outline()


def interrupted(execution: Execution, kills: Sequence[Kill]) -> bool:
    """Of a step that runs at most once and was killed between its two checkpoints, the history says so; of no other."""
    failed = [event for each in (execution, child(execution)) for event in each.events("StepFailed")]
    kinds = {event["StepFailedDetails"]["Error"]["Payload"]["ErrorType"].rpartition(".")[2] for event in failed}
    names = [event["Name"] for event in failed]
    between = {("after", "START"), ("before", "SUCCEED")}
    certain = {
        name for when, update in kills for action, _, name in [update.partition(" ")] if (when, action) in between
    }
    return (
        len(names) == len(set(names)) <= len(kills)
        and certain & AT_MOST_ONCE <= set(names) <= AT_MOST_ONCE
        and kinds <= {"StepInterruptedError"}
    )


def settled(execution: Execution) -> Counter[tuple[str, str]]:
    """Which operation succeeded, and how often: once."""
    return Counter(
        (event["Id"], event["EventType"])
        for event in execution.events()
        if event.get("SubType") and event["EventType"].endswith("Succeeded")
    )


def errors(execution: Execution) -> list[str]:
    """What the invocations of it and of its child failed with."""
    return own_errors(execution) + own_errors(child(execution))


def own_errors(execution: Execution) -> list[str]:
    details = [
        event["InvocationCompletedDetails"].get("Error", {}).get("Payload")
        for event in execution.events("InvocationCompleted")
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
