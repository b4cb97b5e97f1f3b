"""Event source mappings: what they draw, and give to functions that run."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.errors import refusal
from tests.functions import deploy
from tests.running_node import RunningNode
from wakeful.services.sqs.messages import QueueSource

pytestmark = pytest.mark.slow

COLLECT = """
import json, os

def handler(event, context):
    bodies = [record["body"] for record in event["Records"]]
    with open(os.environ["SEEN"], "a") as seen:
        seen.write(json.dumps(bodies) + "\\n")
    if "poison" in bodies:
        raise ValueError("poison")
    return {"batchItemFailures": [
        {"itemIdentifier": record["messageId"]} for record in event["Records"] if record["body"].startswith("bad")
    ]}
"""


class Scene:
    """A queue, a function that writes down what it gets, and a mapping between them."""

    def __init__(self, node: RunningNode, seen: Any) -> None:
        self.node = node
        self.client = node.client("lambda")
        self.sqs = node.client("sqs")
        self._seen = seen
        self.function = f"f-{uuid4().hex[:8]}"
        variables = {"Variables": {"SEEN": str(seen)}}
        deploy(self.client, self.function, COLLECT, Timeout=10, Environment=variables)
        self.url, self.arn = self.queue("q")

    def queue(self, name: str, **attributes: str) -> tuple[str, str]:
        """One of this scene's own."""
        url = self.sqs.create_queue(QueueName=f"{self.function}-{name}", Attributes=attributes)["QueueUrl"]
        asked = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        return url, asked["Attributes"]["QueueArn"]

    def map(self, **more: Any) -> str:
        request = {"EventSourceArn": self.arn, "FunctionName": self.function, **more}
        return str(self.client.create_event_source_mapping(**request)["UUID"])

    def send(self, *bodies: str) -> None:
        for body in bodies:
            self.sqs.send_message(QueueUrl=self.url, MessageBody=body)

    def batches(self) -> list[list[str]]:
        self.node.settle()
        return [json.loads(line) for line in self._seen.read_text().splitlines()] if self._seen.exists() else []

    def left(self, url: str | None = None) -> int:
        wanted = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        asked = self.sqs.get_queue_attributes(QueueUrl=url or self.url, AttributeNames=wanted)
        return sum(int(value) for value in asked["Attributes"].values())


@pytest.fixture
def scene(shared_node: RunningNode, tmp_path: Any) -> Iterator[Scene]:
    """Its mappings end with the test."""
    scene = Scene(shared_node, tmp_path / "seen")
    yield scene
    for each in scene.client.list_event_source_mappings()["EventSourceMappings"]:
        scene.client.delete_event_source_mapping(UUID=each["UUID"])
    shared_node.settle()


def test_what_is_in_the_queue_reaches_the_function_and_leaves_the_queue(scene: Scene) -> None:
    scene.map()
    scene.send(*"abcde")
    assert sorted(body for batch in scene.batches() for body in batch) == list("abcde")
    assert scene.left() == 0


def test_a_batch_has_at_most_its_size(scene: Scene) -> None:
    scene.send(*(str(number) for number in range(9)))
    scene.map(BatchSize=4)
    batches = scene.batches()
    assert sorted(body for batch in batches for body in batch) == [str(number) for number in range(9)]
    assert max(map(len, batches)) == 4


def test_a_window_gathers_what_comes_within_it(scene: Scene) -> None:
    scene.map(BatchSize=100, MaximumBatchingWindowInSeconds=20)
    scene.send("a")
    scene.node.wait_for_listener(scene.arn)
    scene.send("b", "c")
    clock = scene.node.node.clock
    begun = clock.now()
    scene.node.advance(21)
    assert clock.now() - begun < 31, "the clock waited for the window in the machine's time as well"
    assert scene.batches() == [["a", "b", "c"]]


def test_a_batch_that_is_larger_than_an_event_may_be_comes_in_parts(scene: Scene) -> None:
    scene.send(*(f"{number}" + " " * 1_000_000 for number in range(7)))
    scene.map()
    assert [[body.strip() for body in batch] for batch in scene.batches()] == [["0", "1", "2", "3", "4", "5"], ["6"]]
    assert scene.left() == 0


def test_a_failed_batch_comes_again_after_its_visibility_and_ends_as_dead_letters(scene: Scene) -> None:
    """The poison message: received, failed, hidden, received again, and at last buried."""
    dead_url, dead_arn = scene.queue("dead")
    policy = json.dumps({"deadLetterTargetArn": dead_arn, "maxReceiveCount": 2})
    scene.sqs.set_queue_attributes(QueueUrl=scene.url, Attributes={"RedrivePolicy": policy})
    scene.map()
    scene.send("poison")
    assert scene.batches() == [["poison"]]
    assert (scene.left(), scene.left(dead_url)) == (1, 0)
    scene.node.advance(31)
    assert scene.batches() == [["poison"], ["poison"]]
    scene.node.advance(31)
    assert len(scene.batches()) == 2
    assert (scene.left(), scene.left(dead_url)) == (0, 1)
    (mapping,) = scene.client.list_event_source_mappings(FunctionName=scene.function)["EventSourceMappings"]
    assert mapping["LastProcessingResult"] == "PROBLEM: Function call failed"


def test_a_group_waits_for_its_failed_batch_and_other_groups_do_not(scene: Scene) -> None:
    url, arn = scene.queue("q.fifo", FifoQueue="true", ContentBasedDeduplication="true")
    scene.map(EventSourceArn=arn, BatchSize=1)
    for group, bodies in (("g", ("poison", "after")), ("h", ("x", "y", "z"))):
        for body in bodies:
            scene.sqs.send_message(QueueUrl=url, MessageBody=body, MessageGroupId=group)
    seen = [body for batch in scene.batches() for body in batch]
    assert [body for body in seen if body in "xyz"] == ["x", "y", "z"]
    assert "after" not in seen


def test_only_what_the_function_reported_as_failed_comes_again(scene: Scene) -> None:
    scene.send("good", "bad", "fine")
    scene.map(FunctionResponseTypes=["ReportBatchItemFailures"])
    assert sorted(body for batch in scene.batches() for body in batch) == ["bad", "fine", "good"]
    assert scene.left() == 1
    scene.node.advance(31)
    assert scene.batches()[-1] == ["bad"]


def test_what_the_filter_does_not_want_leaves_the_queue_unseen(scene: Scene) -> None:
    scene.map(FilterCriteria={"Filters": [{"Pattern": '{"body": {"kind": ["order"]}}'}]})
    scene.send('{"kind": "order", "n": 1}', '{"kind": "noise"}', "no json")
    assert [body for batch in scene.batches() for body in batch] == ['{"kind": "order", "n": 1}']
    assert scene.left() == 0


def test_a_disabled_mapping_draws_nothing_until_it_is_enabled(scene: Scene) -> None:
    uuid = scene.map(Enabled=False)
    scene.send("a")
    assert scene.batches() == []
    assert scene.client.get_event_source_mapping(UUID=uuid)["State"] == "Disabled"
    scene.client.update_event_source_mapping(UUID=uuid, Enabled=True)
    assert scene.batches() == [["a"]]
    scene.client.update_event_source_mapping(UUID=uuid, Enabled=False)
    scene.node.settle()
    scene.send("b")
    assert scene.batches() == [["a"]]


def test_a_deleted_mapping_draws_no_more(scene: Scene) -> None:
    uuid = scene.map()
    assert scene.client.delete_event_source_mapping(UUID=uuid)["State"] == "Deleting"
    scene.node.settle()
    scene.send("a")
    assert scene.batches() == []
    assert refusal(scene.client.get_event_source_mapping, UUID=uuid)[0] == "ResourceNotFoundException"


WAIT_FOR_A_FILE = """
import os, time

def handler(event, context):
    open(os.environ["SEEN"] + ".begun", "w").close()
    while not os.path.exists(os.environ["SEEN"] + ".go"):
        time.sleep(0.01)
"""


def test_a_queue_deleted_while_its_batch_runs_harms_nobody(scene: Scene, tmp_path: Any) -> None:
    seen, begun, go = (tmp_path / name for name in ("seen", "seen.begun", "seen.go"))
    deploy(scene.client, name="slow", code=WAIT_FOR_A_FILE, Timeout=20, Environment={"Variables": {"SEEN": str(seen)}})
    url, arn = scene.queue("passing")
    scene.map(EventSourceArn=arn, FunctionName="slow", BatchSize=1)
    scene.sqs.send_message(QueueUrl=url, MessageBody="m")
    wait_for_file(begun)
    scene.sqs.delete_queue(QueueUrl=url)
    go.touch()
    scene.map()
    scene.send("still drawn")
    assert scene.batches() == [["still drawn"]]


def wait_for_file(path: Path) -> None:
    """Returns once a function has made it."""
    deadline = time.monotonic() + 20
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} never came"
        time.sleep(0.005)


def test_while_the_function_is_gone_nothing_is_taken_and_nothing_counts_as_received(scene: Scene) -> None:
    scene.map()
    scene.node.settle()
    scene.client.delete_function(FunctionName=scene.function)
    scene.node.settle()
    scene.send("a")
    scene.node.settle()
    (message,) = scene.sqs.receive_message(QueueUrl=scene.url, AttributeNames=["All"])["Messages"]
    assert message["Attributes"]["ApproximateReceiveCount"] == "1"
    (mapping,) = scene.client.list_event_source_mappings()["EventSourceMappings"]
    assert mapping["LastProcessingResult"].startswith("PROBLEM: Function not found: arn:aws:lambda")


def test_the_record_is_as_lambda_shows_it(scene: Scene, tmp_path: Any) -> None:
    code = "import json, os\ndef handler(event, context):\n    open(os.environ['SEEN'], 'w').write(json.dumps(event))\n"
    seen = tmp_path / "event"
    deploy(scene.client, "shows", code, Environment={"Variables": {"SEEN": str(seen)}})
    attributes = {
        "text": {"DataType": "String", "StringValue": "v"},
        "bytes": {"DataType": "Binary", "BinaryValue": b"\x01"},
    }
    sent = scene.sqs.send_message(QueueUrl=scene.url, MessageBody="m", MessageAttributes=attributes)
    scene.map(FunctionName="shows")
    scene.node.settle()
    (record,) = json.loads(seen.read_text())["Records"]
    assert record["messageId"] == sent["MessageId"]
    assert record["md5OfBody"] == sent["MD5OfMessageBody"]
    assert (record["eventSource"], record["eventSourceARN"], record["awsRegion"]) == ("aws:sqs", scene.arn, "us-east-1")
    assert record["attributes"]["ApproximateReceiveCount"] == "1"
    assert record["messageAttributes"]["text"] == {
        "stringValue": "v",
        "stringListValues": [],
        "binaryListValues": [],
        "dataType": "String",
    }
    assert record["messageAttributes"]["bytes"]["binaryValue"] == "AQ=="


def test_a_mistake_in_one_mapping_is_told_and_the_others_go_on(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def mistaken(self: Any, tx: Any, arn: str, *how: Any) -> Any:
        if arn == broken:
            raise RuntimeError("a mistake")
        return take(self, tx, arn, *how)

    take = QueueSource.take
    url, broken = scene.queue("broken")
    monkeypatch.setattr(QueueSource, "take", mistaken)
    scene.map(EventSourceArn=broken)
    scene.map()
    scene.sqs.send_message(QueueUrl=url, MessageBody="m")
    scene.send("well")
    assert scene.batches() == [["well"]]
    assert "a mistake" in caplog.text
    monkeypatch.undo()
    scene.node.advance(60)
    assert scene.batches() == [["well"], ["m"]]
