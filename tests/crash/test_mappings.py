"""SIGKILL while mappings have batches in hand; two nodes on one state, of which one draws."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.functions import deploy
from tests.node_process import NodeProcess

pytestmark = pytest.mark.slow

NOTE = """
import json, os, time

def handler(event, context):
    began = time.time()
    time.sleep(float(os.environ.get("TAKES", "0")))
    while os.environ.get("GATE") and not os.path.exists(os.environ["GATE"]):
        time.sleep(0.01)
    with open(os.environ["SEEN"], "a") as seen:
        for record in event["Records"]:
            seen.write(json.dumps([record["body"], began, time.time()]) + "\\n")
"""
HERE = "us-east-1:000000000000"


class Story:
    """Functions that write down what they get, and queues that they are mapped on."""

    def __init__(self, node: NodeProcess, folder: Path) -> None:
        self.node = node
        self.folder = folder

    def map(self, name: str, *, takes: float = 0, gate: str = "", suffix: str = "", **more: Any) -> tuple[str, str]:
        """The queue's URL and the mapping's UUID."""
        variables = {"SEEN": str(self.folder / name), "TAKES": str(takes), "GATE": gate}
        deploy(self.node.client("lambda"), name, NOTE, Timeout=20, Environment={"Variables": variables})
        attributes = {"FifoQueue": "true", "ContentBasedDeduplication": "true"} if suffix else {}
        url = self.node.client("sqs").create_queue(QueueName=name + suffix, Attributes=attributes)["QueueUrl"]
        request = {"EventSourceArn": f"arn:aws:sqs:{HERE}:{name}{suffix}", "FunctionName": name, **more}
        return str(url), str(self.node.client("lambda").create_event_source_mapping(**request)["UUID"])

    def seen(self, name: str) -> list[tuple[str, float, float]]:
        path = self.folder / name
        return [tuple(json.loads(line)) for line in path.read_text().splitlines()] if path.exists() else []

    def bodies(self, name: str) -> list[str]:
        return [body for body, _, _ in self.seen(name)]


def until(holds: Callable[[], Any], what: str) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def state_of(node: NodeProcess, uuid: str) -> str:
    found = node.client("lambda").list_event_source_mappings()["EventSourceMappings"]
    return next((str(each["State"]) for each in found if each["UUID"] == uuid), "gone")


def test_a_killed_node_loses_nothing_that_its_mappings_had_in_hand(tmp_path: Path) -> None:
    node = NodeProcess(tmp_path / "data", "--isolation", "none")
    node.start()
    story = Story(node, tmp_path)
    gate = str(tmp_path / "gate")
    url, plain = story.map("plain", takes=0.02, BatchSize=1)
    fifo_url, _ = story.map("fifo", takes=0.02, suffix=".fifo", BatchSize=1)
    stopping = [story.map(name, gate=gate) for name in ("pausing", "leaving")]
    sqs = node.client("sqs")
    for begin in range(0, 30, 10):
        numbers = range(begin, begin + 10)
        entries = [{"Id": str(number), "MessageBody": str(number)} for number in numbers]
        sqs.send_message_batch(QueueUrl=url, Entries=entries)
        grouped = [{**each, "MessageGroupId": f"g{int(each['MessageBody']) % 2}"} for each in entries]
        sqs.send_message_batch(QueueUrl=fifo_url, Entries=grouped)
    for url_of_one, _ in stopping:
        sqs.send_message(QueueUrl=url_of_one, MessageBody="held")
    until(lambda: story.seen("plain") and story.seen("fifo"), "nothing was drawn")
    until(lambda: {state_of(node, uuid) for _, uuid in stopping} == {"Enabled"}, "they never were enabled")
    node.client("lambda").update_event_source_mapping(UUID=stopping[0][1], Enabled=False)
    node.client("lambda").delete_event_source_mapping(UUID=stopping[1][1])
    node.kill()
    Path(gate).touch()
    node.start()
    until(lambda: [state_of(node, uuid) for _, uuid in stopping] == ["Disabled", "gone"], "they never ended")
    assert state_of(node, plain) == "Enabled"
    node.advance(31)
    until(lambda: set(story.bodies("plain")) == set(map(str, range(30))), "a message was lost")
    until(lambda: set(story.bodies("fifo")) == set(map(str, range(30))), "a message of a group was lost")
    for group in (0, 1):
        first = list(dict.fromkeys(int(body) for body in story.bodies("fifo") if int(body) % 2 == group))
        assert first == sorted(first), "a group is out of order"
    assert sum(Counter(story.bodies("plain")).values()) <= 30 + 10, "more came twice than was in hand"
    assert node.stop() == 0


def test_a_node_that_is_stopped_ends_the_batches_it_has_in_hand_and_takes_no_more(tmp_path: Path) -> None:
    node = NodeProcess(tmp_path / "data", "--isolation", "none")
    node.start()
    story = Story(node, tmp_path)
    url, _ = story.map("f", takes=0.8, BatchSize=1)
    entries = [{"Id": str(number), "MessageBody": str(number)} for number in range(10)]
    node.client("sqs").send_message_batch(QueueUrl=url, Entries=entries)
    wanted = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]

    def left() -> list[int]:
        """How many wait, and how many are in hand."""
        shown = node.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=wanted)["Attributes"]
        return [int(shown[name]) for name in wanted]

    until(lambda: left()[1] >= 5, "nothing is in hand")
    assert node.stop() == 0
    assert 5 <= len(story.bodies("f")) < 10
    node.start()
    until(lambda: left() == [0, 0], "a message is hidden though nobody has it in hand")
    assert sorted(story.bodies("f")) == sorted(map(str, range(10))), "a message came twice"
    assert node.stop() == 0


def test_one_of_two_nodes_draws_for_a_mapping_and_the_other_takes_over(tmp_path: Path, database: str) -> None:
    (tmp_path / "blobs").mkdir()
    nodes = []
    for each in ("a", "b"):
        (tmp_path / each).mkdir()
        (tmp_path / each / "blobs").symlink_to(tmp_path / "blobs")
        nodes.append(NodeProcess(tmp_path / each, "--store", database, "--isolation", "none"))
    for node in nodes:
        node.start()
    a, b = nodes
    story = Story(a, tmp_path)
    url, uuid = story.map("f", takes=0.05, BatchSize=1, Enabled=False, ScalingConfig={"MaximumConcurrency": 2})
    for number in range(20):
        of_one = (a, b)[number % 2]
        of_one.client("sqs").send_message(QueueUrl=url.replace(a.endpoint, of_one.endpoint), MessageBody=str(number))
    b.client("lambda").update_event_source_mapping(UUID=uuid, Enabled=True)
    until(lambda: len(story.seen("f")) >= 20, "a message was not drawn")
    assert set(Counter(story.bodies("f")).values()) == {1}
    spans = [(began, ended) for _, began, ended in story.seen("f")]
    assert max(sum(1 for began, ended in spans if began <= moment < ended) for moment, _ in spans) <= 2
    a.kill()
    b.client("sqs").send_message(QueueUrl=url.replace(a.endpoint, b.endpoint), MessageBody="after")
    until(lambda: "after" in story.bodies("f"), "nobody took over")
    assert state_of(b, uuid) == "Enabled"
    assert b.stop() == 0
