"""Two nodes on one PostgreSQL: what one accepted and did not finish, the other does; nothing is handed out twice."""

from __future__ import annotations

import json
import os
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.crash.load import Load
from tests.crash.tables import changes_in, make_table
from tests.functions import deploy
from tests.node_process import NodeProcess

pytestmark = pytest.mark.slow

SLOW = """
import boto3, os, time

def handler(event, context):
    sqs = boto3.client("sqs")
    sqs.send_message(QueueUrl=os.environ["BEGUN"], MessageBody=event["n"])
    time.sleep(event["s"])
    sqs.send_message(QueueUrl=os.environ["DONE"], MessageBody=event["n"])
"""

FOLLOW = """
import json, os

def handler(event, context):
    with open(os.environ["SEEN"], "a") as seen:
        for record in event["Records"]:
            image = record["dynamodb"]["NewImage"]
            seen.write(json.dumps([image["p"]["S"], int(image["n"]["N"])]) + "\\n")
"""


@pytest.fixture
def nodes(tmp_path: Path, database: str) -> Iterator[tuple[NodeProcess, NodeProcess]]:
    """Two nodes on one state; what both need of the disk, the blobs, is on one disk."""
    (tmp_path / "blobs").mkdir()
    made = []
    for each in ("a", "b"):
        (tmp_path / each).mkdir()
        (tmp_path / each / "blobs").symlink_to(tmp_path / "blobs")
        made.append(NodeProcess(tmp_path / each, "--store", database, "--isolation", "none"))
    for node in made:
        node.start()
    yield made[0], made[1]
    for node in made:
        if node.is_running:
            assert node.stop() == 0


def received(sqs: Any, url: str, count: int, patience_s: float) -> Counter[str]:
    """What comes out of the queue until there were `count` different ones."""
    bodies: Counter[str] = Counter()
    deadline = time.monotonic() + patience_s
    while len(bodies) < count and time.monotonic() < deadline:
        for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1).get("Messages", []):
            bodies[message["Body"]] += 1
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return bodies


def test_what_a_killed_node_had_in_hand_is_done_by_the_other(nodes: tuple[NodeProcess, NodeProcess]) -> None:
    a, b = nodes
    sqs_b = b.client("sqs")
    begun, done = (a.client("sqs").create_queue(QueueName=name)["QueueUrl"] for name in ("begun", "done"))
    urls = {name: url.replace(a.endpoint, "http://localhost") for name, url in (("BEGUN", begun), ("DONE", done))}
    deploy(a.client("lambda"), code=SLOW, Timeout=60, Environment={"Variables": urls})
    wanted = {str(number) for number in range(12)}
    for number in sorted(wanted):
        payload = f'{{"n": "{number}", "s": 3}}'
        a.client("lambda").invoke(FunctionName="f", InvocationType="Event", Payload=payload)
    assert set(received(sqs_b, begun.replace(a.endpoint, b.endpoint), 12, 30)) == wanted
    a.kill()
    assert set(received(sqs_b, done.replace(a.endpoint, b.endpoint), 12, 60)) == wanted


def test_no_message_is_handed_out_twice_within_its_visibility(nodes: tuple[NodeProcess, NodeProcess]) -> None:
    a, b = nodes
    url = a.client("sqs").create_queue(QueueName="q", Attributes={"VisibilityTimeout": "600"})["QueueUrl"]
    got: Counter[str] = Counter()
    lock = threading.Lock()

    def send(node: NodeProcess, name: str) -> None:
        sqs = node.client("sqs")
        for number in range(10):
            entries = [{"Id": str(each), "MessageBody": f"{name} {number} {each}"} for each in range(10)]
            sqs.send_message_batch(QueueUrl=url, Entries=entries)

    def receive(node: NodeProcess) -> None:
        sqs = node.client("sqs")
        while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=7, WaitTimeSeconds=2).get("Messages"):
            with lock:
                got.update(message["Body"] for message in messages)

    threads = [threading.Thread(target=send, args=(node, f"{n}")) for n, node in enumerate((a, b))]
    threads += [threading.Thread(target=receive, args=(node,)) for node in (a, b) * 3]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 200
    assert set(got.values()) == {1}


@pytest.mark.skipif("CRASHES" not in os.environ, reason="it waits for a lease to lapse: `make crash` tries it")
def test_a_stream_that_a_killed_node_followed_is_followed_by_the_other(
    nodes: tuple[NodeProcess, NodeProcess], tmp_path: Path
) -> None:
    a, b = nodes
    a.kill()  # so it is the other who follows
    stream, log = make_table(b, "tab", "NEW_IMAGE"), tmp_path / "seen"
    deploy(b.client("lambda"), code=FOLLOW, Environment={"Variables": {"SEEN": str(log)}})
    request = {"EventSourceArn": stream, "FunctionName": "f", "StartingPosition": "TRIM_HORIZON", "BatchSize": 5}
    b.client("lambda").create_event_source_mapping(**request)
    a.start()

    def seen() -> list[list[Any]]:
        return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []

    def put(client: Any, number: int) -> None:
        client.put_item(TableName="tab", Item={"p": {"S": f"item{number % 5}"}, "n": {"N": str(number)}})

    load = Load(b, "dynamodb", put)
    load.run(0.5)
    assert seen(), "it was killed before it followed"
    before = len(seen())
    put(a.client("dynamodb"), 0)
    deadline = time.monotonic() + 60
    while not {0, *load.acknowledged} <= {number for _, number in seen()}:
        assert time.monotonic() < deadline, "a change was lost"
        time.sleep(0.02)
    images = [each["NewImage"] for each in changes_in(a, stream)]
    for item in {image["p"]["S"] for image in images}:
        changes = [int(image["n"]["N"]) for image in images if image["p"]["S"] == item]
        assert list(dict.fromkeys(number for name, number in seen() if name == item)) == changes
    assert len(seen()) - len(images) <= 4 * 5, "more came twice than was in hand"
    assert before < len(images), "there was nothing left to take over"
