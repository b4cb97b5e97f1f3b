"""SIGKILL while a function follows a table: every change reaches it, those of an item in order, and retries go on."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.crash.load import Load
from tests.crash.tables import changes_in, make_table
from tests.functions import deploy
from tests.node_process import NodeProcess

pytestmark = pytest.mark.slow

NOTE = """
import json, os

def handler(event, context):
    keys = [record["dynamodb"]["Keys"]["p"]["S"] for record in event["Records"]]
    with open(os.environ["SEEN"], "a") as seen:
        for record in event["Records"]:
            image = record["dynamodb"]["NewImage"]
            seen.write(json.dumps([image["p"]["S"], int(image["n"]["N"])]) + "\\n")
    if "poison" in keys:
        raise ValueError("it never goes well")
"""
ITEMS = 5


def until(holds: Callable[[], Any], what: str) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def test_a_killed_node_has_every_change_reach_its_follower_in_the_order_of_its_item(tmp_path: Path) -> None:
    node, seen = NodeProcess(tmp_path / "data", "--isolation", "none"), tmp_path / "seen"
    node.start()
    stream = make_table(node, "tab", "NEW_IMAGE")
    deploy(node.client("lambda"), "f", NOTE, Timeout=20, Environment={"Variables": {"SEEN": str(seen)}})
    request = {"EventSourceArn": stream, "FunctionName": "f", "StartingPosition": "TRIM_HORIZON"}
    node.client("lambda").create_event_source_mapping(**request, BatchSize=20, ParallelizationFactor=2)

    def put(client: Any, number: int) -> None:
        item = {"p": {"S": f"item{number % ITEMS}"}, "n": {"N": str(number)}}
        client.put_item(TableName="tab", Item=item)

    def told() -> list[tuple[str, int]]:
        return [tuple(json.loads(line)) for line in seen.read_text().splitlines()] if seen.exists() else []

    load = Load(node, "dynamodb", put)
    for kill in range(2):
        load.run(0.2 + 0.1 * kill)
        node.start()
    until(lambda: load.acknowledged <= {number for _, number in told()}, "a change was lost")
    images = [each["NewImage"] for each in changes_in(node, stream)]
    changes = [(image["p"]["S"], int(image["n"]["N"])) for image in images]
    for item in (f"item{each}" for each in range(ITEMS)):
        wanted = [number for name, number in changes if name == item]
        first = list(dict.fromkeys(number for name, number in told() if name == item))
        assert len(wanted) == len(set(wanted)), "a change is in the stream twice"
        assert first == wanted, "an item's changes came in another order than they were made in"
    assert node.stop() == 0


def test_what_fails_is_remembered_with_its_attempts_and_given_up_once(tmp_path: Path) -> None:
    node, seen = NodeProcess(tmp_path / "data", "--isolation", "none"), tmp_path / "seen"
    node.start()
    stream = make_table(node, "tab", "NEW_IMAGE")
    deploy(node.client("lambda"), "f", NOTE, Timeout=20, Environment={"Variables": {"SEEN": str(seen)}})
    url = node.client("sqs").create_queue(QueueName="failed")["QueueUrl"]
    made = node.client("lambda").create_event_source_mapping(
        EventSourceArn=stream,
        FunctionName="f",
        StartingPosition="LATEST",
        MaximumRetryAttempts=5,
        DestinationConfig={"OnFailure": {"Destination": "arn:aws:sqs:us-east-1:000000000000:failed"}},
    )
    node.client("dynamodb").put_item(TableName="tab", Item={"p": {"S": "poison"}, "n": {"N": "1"}})

    def runs() -> int:
        return len(seen.read_text().splitlines()) if seen.exists() else 0

    until(lambda: runs() >= 3, "it is not tried again")
    node.kill()
    before = runs()
    node.start()
    node.advance(20)
    until(lambda: letter(node, url) is not None, "it is never given up")
    assert before < runs() <= 6 + 1, "but for the run that was cut off, none is forgotten"
    assert node.client("lambda").get_event_source_mapping(UUID=made["UUID"])["State"] == "Enabled"
    assert node.stop() == 0


def letter(node: NodeProcess, url: str) -> Any:
    """It is there once, with all attempts."""
    found = node.client("sqs").receive_message(QueueUrl=url, VisibilityTimeout=0).get("Messages", [])
    if not found:
        return None
    told = json.loads(found[0]["Body"])
    assert told["requestContext"]["approximateInvokeCount"] == 6
    assert told["requestContext"]["condition"] == "RetryAttemptsExhausted"
    return told
