"""Chaos in runs of functions: throttled, run twice, failed or crashed when they had run; and the example."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.experiments import ask, chaos, report
from tests.functions import deploy
from tests.running_node import RunningNode
from wakeful.cli import timeline

pytestmark = pytest.mark.slow

EXAMPLES = Path(__file__).parent.parent.parent / "examples"

REMEMBER = """
import json, os

runs = []

def handler(event, context):
    runs.append(1)
    is_batch = isinstance(event, dict) and "Records" in event
    came = [each.get("body") or each["kinesis"]["partitionKey"] for each in event["Records"]] if is_batch else event
    with open(os.environ["SEEN"], "a") as seen:
        seen.write(json.dumps(came) + "\\n")
    return len(runs)
"""


class Scene:
    """A function that writes down what it gets, and queues that are mapped to it."""

    def __init__(self, node: RunningNode, seen: Path) -> None:
        self.node, self.at, self.seen = node, node.endpoint, seen
        self.client, self.sqs = node.client("lambda"), node.client("sqs")
        self.function = deploy(self.client, code=REMEMBER, Timeout=10, Environment={"Variables": {"SEEN": str(seen)}})

    def map(self, name: str, **attributes: str) -> tuple[str, str]:
        """A new queue's URL, and its mapping's id."""
        url = self.sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
        arn = f"arn:aws:sqs:us-east-1:000000000000:{name}"
        mapping = self.client.create_event_source_mapping(EventSourceArn=arn, FunctionName="f")
        return url, str(mapping["UUID"])

    def came(self) -> list[Any]:
        """What the function got since somebody last asked."""
        self.node.settle()
        lines = self.seen.read_text().splitlines() if self.seen.exists() else []
        self.seen.write_text("")
        return [json.loads(line) for line in lines]

    def invoke(self, event: Any, **more: Any) -> Any:
        return self.client.invoke(FunctionName="f", Payload=json.dumps(event).encode(), **more)


@pytest.fixture(scope="module")
def scene(shared_node: RunningNode, tmp_path_factory: pytest.TempPathFactory) -> Scene:
    return Scene(shared_node, tmp_path_factory.mktemp("scene") / "seen")


@pytest.fixture(autouse=True)
def no_chaos_left(scene: Scene) -> Iterator[None]:
    scene.came()
    yield
    ask(scene.at, "DELETE")


def test_a_mapping_runs_a_batch_twice_or_again_and_may_not_always(scene: Scene) -> None:
    url, mapping = scene.map("batches")
    with chaos(scene.at, mapping, duplicate=1) as which:
        sent = scene.sqs.send_message(QueueUrl=url, MessageBody="twice")
        assert scene.came() == [["twice"], ["twice"]]
        assert report(scene.at, which)["counts"]["duplicate"] == {"occasions": 1, "times": 1}
    with chaos(scene.at, mapping, redeliver=1) as which:
        sent = scene.sqs.send_message(QueueUrl=url, MessageBody="again")
        assert scene.came() == [["again"]]
        assert report(scene.at, which)["did"][0]["subject"] == sent["MessageId"]
        scene.node.advance(31)
        assert scene.came() == [["again"]]
        scene.node.advance(31)
        assert scene.came() == [], "once"
    with chaos(scene.at, mapping, delay={"s": [10, 10]}) as which:
        scene.sqs.send_message(QueueUrl=url, MessageBody="late")
        assert scene.came() == []
        scene.node.advance(10)
        assert scene.came() == [["late"]]
        assert report(scene.at, which)["counts"]["delay"] == {"occasions": 1, "times": 1}
    with chaos(scene.at, mapping, throttle={"rate": 1, "times": 1}):
        scene.sqs.send_message(QueueUrl=url, MessageBody="patience")
        assert scene.came() == []
        scene.node.advance(31)
        assert scene.came() == [["patience"]]


def test_a_batch_that_ran_and_failed_comes_again(scene: Scene) -> None:
    url, mapping = scene.map("failing")
    for fault in ("fail", "crash"):
        dose: dict[str, Any] = {fault: {"rate": 1, "times": 1}}
        with chaos(scene.at, mapping, **dose):
            scene.sqs.send_message(QueueUrl=url, MessageBody=fault)
            assert scene.came() == [[fault]]
            said = scene.client.get_event_source_mapping(UUID=mapping)["LastProcessingResult"]
            assert said == "PROBLEM: Function call failed"
            scene.node.advance(31)
            assert scene.came() == [[fault]]


def test_a_batch_of_a_stream_comes_again_before_what_is_behind_it(scene: Scene) -> None:
    kinesis = scene.node.client("kinesis")
    kinesis.create_stream(StreamName="clicks", ShardCount=1)
    arn = "arn:aws:kinesis:us-east-1:000000000000:stream/clicks"
    mapping = str(
        scene.client.create_event_source_mapping(
            EventSourceArn=arn, FunctionName="f", StartingPosition="TRIM_HORIZON", BatchSize=1
        )["UUID"]
    )
    for fault, times in (("duplicate", 2), ("fail", 2), ("crash", 2), ("throttle", 1)):
        once: dict[str, Any] = {fault: {"rate": 1, "times": 1}}
        with chaos(scene.at, mapping, **once):
            kinesis.put_records(
                StreamName="clicks", Records=[{"Data": b"x", "PartitionKey": key} for key in (fault, "behind")]
            )
            scene.node.advance(31)
            assert scene.came() == [[fault]] * times + [["behind"]]
    for fault, dose in (("delay", {"s": [1, 1]}), ("reorder", {}), ("redeliver", {})):
        status, told = ask(scene.at, "POST", "", {"target": mapping, "faults": {fault: dose}})
        assert (status, "does not draw from a queue" in told["message"]) == (400, True)


def test_a_fifo_batch_that_comes_again_is_still_in_order(scene: Scene) -> None:
    url, mapping = scene.map("line.fifo", FifoQueue="true", ContentBasedDeduplication="true")
    status, told = ask(scene.at, "POST", "", {"target": mapping, "faults": {"duplicate": {}}})
    assert (status, "redeliver is what may happen there" in told["message"]) == (400, True)
    with chaos(scene.at, mapping, redeliver=1):
        entries = [{"Id": body, "MessageBody": body, "MessageGroupId": "g"} for body in "abc"]
        scene.sqs.send_message_batch(QueueUrl=url, Entries=entries)
        assert [body for batch in scene.came() for body in batch] == list("abc")
        scene.sqs.send_message(QueueUrl=url, MessageBody="d", MessageGroupId="g")
        scene.node.advance(100)
    bodies = [body for batch in scene.came() for body in batch]
    assert bodies[:4] == list("abcd"), "d had to wait"


def test_a_function_is_throttled_fails_or_crashes_when_it_has_run(scene: Scene) -> None:
    with chaos(scene.at, "f", throttle={"rate": 1, "times": 1}), pytest.raises(ClientError) as refused:
        scene.invoke(1)
    assert refused.value.response["Error"]["Code"] == "TooManyRequestsException"
    assert scene.came() == []
    before = json.loads(scene.invoke(2)["Payload"].read())
    with chaos(scene.at, scene.function, fail={"rate": 1, "times": 1}) as which:
        answer = scene.invoke(3)
        assert (answer["FunctionError"], which in answer["Payload"].read().decode()) == ("Unhandled", True)
        assert json.loads(scene.invoke(4)["Payload"].read()) == before + 2, "the same environment"
    with chaos(scene.at, scene.function, crash={"rate": 1, "times": 1}):
        answer = scene.invoke(5)
        assert json.loads(answer["Payload"].read())["errorType"] == "Runtime.ExitError"
        assert json.loads(scene.invoke(6)["Payload"].read()) == 1, "another environment"
    assert scene.came() == [2, 3, 4, 5, 6]


def test_an_asynchronous_event_comes_twice_and_a_synchronous_one_never(scene: Scene) -> None:
    with chaos(scene.at, "f", duplicate=1):
        scene.invoke("now")
        scene.invoke("later", InvocationType="Event")
        assert scene.came() == ["now", "later", "later"]
    with chaos(scene.at, "f", throttle={"rate": 1, "times": 1}), pytest.raises(ClientError, match="Rate Exceeded"):
        scene.client.invoke_with_response_stream(FunctionName="f", Payload=b"1")
    with chaos(scene.at, "f", fail={"rate": 1, "times": 1}):
        scene.invoke("tried again", InvocationType="Event")
        assert scene.came() == ["tried again"]
        scene.node.advance(61)
        assert scene.came() == ["tried again"]


def test_what_a_mapping_of_a_durable_function_does_not_see_is_refused(scene: Scene) -> None:
    deploy(scene.client, "durable", Timeout=10, DurableConfig={"ExecutionTimeout": 10})
    url = scene.sqs.create_queue(QueueName="executions")["QueueUrl"]
    arn = "arn:aws:sqs:us-east-1:000000000000:executions"
    mapping = scene.client.create_event_source_mapping(
        EventSourceArn=arn, FunctionName="durable:$LATEST", Enabled=False
    )
    status, told = ask(scene.at, "POST", "", {"target": mapping["UUID"], "faults": {"fail": {}}})
    assert (status, "name the function" in told["message"]) == (400, True)
    with chaos(scene.at, mapping["UUID"], redeliver=1), chaos(scene.at, "durable", fail=1):
        scene.sqs.delete_queue(QueueUrl=url)


def test_what_happened_to_a_run_is_in_its_story(scene: Scene) -> None:
    url, mapping = scene.map("told")
    with chaos(scene.at, mapping, fail={"rate": 1, "times": 1}) as which:
        scene.sqs.send_message(QueueUrl=url, MessageBody="a")
        scene.came()
        (deed,) = report(scene.at, which)["did"]
        scene.node.run(scene.node.node.telemetry.flush())
        notes = scene.node.run(scene.node.node.telemetry.notes_of(deed["trace"]))
        run, told = (next(note for note in notes if note.kind == kind) for kind in ("run", "chaos"))
        assert (run.id, told.cause, told.name) == (deed["subject"], run.id, "fail")
        shown = timeline.lines([{name: getattr(note, name) for name in note.__slots__} for note in notes])
        assert "fail at sqs told → lambda f" in {line.what for line in shown}
        scene.node.advance(31)
        assert scene.came() == [["a"]]


def example(path: str, scene: Scene, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A module of the examples, whose clients reach the node of the scene."""
    given = {"AWS_ENDPOINT_URL": scene.at, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    for variable, value in {**given, "AWS_DEFAULT_REGION": "us-east-1"}.items():
        monkeypatch.setenv(variable, value)
    name = Path(path).stem
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, name, module)
    spec.loader.exec_module(module)
    return module


def test_the_example_tells_a_careless_consumer_from_a_careful_one(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    check = example("idempotency/check.py", scene, monkeypatch)
    folder = EXAMPLES / "idempotency"
    assert check.charges(folder / "careless.py") > check.ORDERS
    assert check.charges(folder / "careful.py") == check.ORDERS


def test_the_examples_totals_are_right_although_batches_of_its_tables_stream_come_twice(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert example("carts/shop.py", scene, monkeypatch).totals() == {"ann": "47.75", "bob": "38"}
    experiments = ask(scene.at, "GET")[1]["experiments"]
    assert any(each["counts"]["duplicate"]["times"] for each in experiments if "duplicate" in each["counts"])
