"""SIGKILL between the steps of durable executions: each goes on where it was, and ends once."""

from __future__ import annotations

import json
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.node_process import NodeProcess
from tests.services.lambda_.durable_functions import begin, deploy_durable

pytestmark = pytest.mark.slow

STEPS = 3
YEAR_S = 365 * 24 * 3600

CODE = """
import os, time

def run(durable, event, context):
    def note(number):
        with open(event["place"] + "/done", "a") as file:
            file.write(f"{number}\\n")
        return number
    for number in range(3):
        durable.step(str(number), lambda: note(number))
        door = f"{event['place']}/{number}"
        open(door + ".reached", "w").close()
        while not os.path.exists(door + ".open"):
            time.sleep(0.005)
    durable.wait("w", 365 * 24 * 3600)
    return durable.step("end", lambda: "done")
"""


def advance(node: NodeProcess, seconds: float) -> None:
    """The node's time is later, and everything that fell due has been done."""
    body = json.dumps({"advance_s": seconds}).encode()
    urllib.request.urlopen(urllib.request.Request(f"{node.endpoint}/_wakeful/clock", body, method="POST"), timeout=60)


def until(holds: Any) -> None:
    deadline = time.monotonic() + 120
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_an_execution_survives_a_kill_after_every_step_and_a_wait_of_a_year(tmp_path: Path) -> None:
    node = NodeProcess(tmp_path / "data", "--isolation", "none")  # what it does shows in files of ours
    place = tmp_path / "place"
    place.mkdir()
    node.start()
    deploy_durable(node.client("lambda"), CODE, timeout_s=YEAR_S + 86_400, Timeout=60)
    arn = begin(node.client("lambda"), {"place": str(place)}, DurableExecutionName="one")
    for number in range(STEPS):
        until((place / f"{number}.reached").exists)
        node.kill()
        (place / f"{number}.open").touch()
        node.start()
    client = node.client("lambda")
    until(lambda: types(client, arn).count("InvocationCompleted") == STEPS + 1)  # the last has come to the wait
    node.kill()
    node.start()
    advance(node, YEAR_S + 60)
    found = node.client("lambda").get_durable_execution(DurableExecutionArn=arn)
    assert (found["Status"], found["Result"]) == ("SUCCEEDED", '"done"')
    told = types(node.client("lambda"), arn)
    assert told.count("StepSucceeded") == STEPS + 1
    assert told.count("ExecutionSucceeded") == 1
    assert told.count("InvocationCompleted") == STEPS + 2, "one for each kill, one up to the wait, one after it"
    assert (place / "done").read_text().split() == [str(number) for number in range(STEPS)]
    assert node.stop() == 0


def types(client: Any, arn: str) -> list[str]:
    return [each["EventType"] for each in client.get_durable_execution_history(DurableExecutionArn=arn)["Events"]]
