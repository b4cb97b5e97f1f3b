"""How mappings draw: how much at once, what is held back and tried again. Only the functions' runs are made up."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import orjson
import pytest

from tests.functions import deploy
from tests.running_node import RunningNode
from tests.services.lambda_.outcomes import outcome
from wakeful import limits
from wakeful.environments.version import Invocation, Outcome, Throttled, Version
from wakeful.services.lambda_.sources import batch, poller, tender
from wakeful.services.lambda_.sources.scale import Scale
from wakeful.services.sqs.messages import QueueSource
from wakeful.store import work

pytestmark = pytest.mark.slow

HERE = "us-east-1:000000000000"


class Stage:
    """A queue and a function whose runs are `answer`: it says what the function answers, or raises.

    While the gate is closed runs do not end.
    """

    def __init__(self, shared: RunningNode) -> None:
        self.node = shared
        self.client, self.sqs = shared.client("lambda"), shared.client("sqs")
        self.name = f"f-{uuid4().hex[:8]}"
        self.gate = asyncio.Event()
        self.gate.set()
        self.events: list[list[str]] = []
        """The bodies of every event that was run."""
        self.running = self.most = self.tries = 0
        self.answer: Callable[[list[dict[str, Any]]], Any] = lambda records: None
        deploy(self.client, self.name, Timeout=10)
        self.url, self.arn = self.queue("q")

    async def invoke(self, version: Version, invocation: Invocation) -> Outcome:
        self.tries += 1
        records = orjson.loads(invocation.payload)["Records"]
        answer = self.answer(records)
        self.events.append([record["body"] for record in records])
        self.running += 1
        self.most = max(self.most, self.running)
        await self.gate.wait()
        self.running -= 1
        failed = isinstance(answer, Exception)
        return outcome(answer, has_failed=failed, now=self.node.node.clock.now())

    def queue(self, name: str, **attributes: str) -> tuple[str, str]:
        url = self.sqs.create_queue(QueueName=f"{self.name}-{name}", Attributes=attributes)["QueueUrl"]
        return url, f"arn:aws:sqs:{HERE}:{self.name}-{name}"

    def map(self, **more: Any) -> str:
        request = {"EventSourceArn": self.arn, "FunctionName": self.name, **more}
        return str(self.client.create_event_source_mapping(**request)["UUID"])

    def send(self, *bodies: str, url: str = "", **more: str) -> None:
        for begin in range(0, len(bodies), 10):
            entries = [
                {"Id": str(number), "MessageBody": body, **more}
                for number, body in enumerate(bodies[begin : begin + 10])
            ]
            self.sqs.send_message_batch(QueueUrl=url or self.url, Entries=entries)

    def open(self) -> None:
        self.node.run(self._set(self.gate.set))

    def close(self) -> None:
        self.node.run(self._set(self.gate.clear))

    async def _set(self, change: Callable[[], None]) -> None:
        change()

    def until(self, holds: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 20
        while not holds():
            assert time.monotonic() < deadline, f"{self.events}, {self.running} running"
            time.sleep(0.002)

    def bodies(self) -> list[str]:
        self.node.settle()
        return [body for event in self.events for body in event]

    def left(self, url: str = "") -> tuple[int, int]:
        """How many messages are visible, and how many hidden."""
        wanted = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        asked = self.sqs.get_queue_attributes(QueueUrl=url or self.url, AttributeNames=wanted)["Attributes"]
        return int(asked[wanted[0]]), int(asked[wanted[1]])

    def shown(self, uuid: str) -> dict[str, Any]:
        return dict(self.client.get_event_source_mapping(UUID=uuid))


@pytest.fixture
def stage(shared_node: RunningNode, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    """Its mappings end with the test."""
    made = Stage(shared_node)
    monkeypatch.setattr(shared_node.node.environments, "invoke", made.invoke)
    yield made
    made.open()
    for each in made.client.list_event_source_mappings()["EventSourceMappings"]:
        made.client.delete_event_source_mapping(UUID=each["UUID"])
    shared_node.settle()


def test_no_more_batches_run_at_once_than_the_mapping_says_and_all_come(stage: Stage) -> None:
    stage.close()
    stage.send(*map(str, range(20)))
    stage.map(BatchSize=1, ScalingConfig={"MaximumConcurrency": 3})
    stage.until(lambda: stage.running == 3)
    stage.send("20")
    stage.open()
    assert sorted(map(int, stage.bodies())) == list(range(21))
    assert stage.most == 3


def test_a_batch_that_is_being_settled_keeps_no_place_and_the_mapping_in_work(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def settle(self: Any, *what: Any) -> None:
        waiting.append(self)
        await settling.wait()
        await really(self, *what)

    waiting: list[Any] = []
    settling = asyncio.Event()
    really = batch.Batch._settle
    monkeypatch.setattr(batch.Batch, "_settle", settle)
    uuid = stage.map(BatchSize=1, ScalingConfig={"MaximumConcurrency": 2})
    stage.send(*map(str, range(5)))
    stage.until(lambda: len(waiting) == 5)
    assert stage.most <= 2
    stage.client.update_event_source_mapping(UUID=uuid, Enabled=False)
    assert (stage.shown(uuid)["State"], stage.left()) == ("Disabling", (0, 5))
    stage.node.run(stage._set(settling.set))
    stage.node.settle()
    assert (stage.shown(uuid)["State"], stage.left()) == ("Disabled", (0, 0))


def test_it_begins_with_five_at_once_and_has_more_while_they_do_not_suffice(stage: Stage) -> None:
    stage.close()
    stage.send(*map(str, range(20)))
    stage.map(BatchSize=1)
    stage.until(lambda: stage.running == 5)
    begun = time.monotonic()
    stage.until(lambda: stage.running >= 8)
    assert time.monotonic() - begun >= 0.3, "it grows by five a second"
    stage.open()
    assert len(stage.bodies()) == 20


@pytest.mark.parametrize(("types", "slows"), [([], True), (["ReportBatchItemFailures"], False)])
def test_what_fails_slows_a_mapping_that_does_not_hear_which_items_failed(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, types: list[str], slows: bool
) -> None:
    slowed: list[float] = []
    monkeypatch.setattr(Scale, "failed", lambda self, now: slowed.append(now))
    stage.answer = lambda records: ValueError()
    uuid = stage.map(FunctionResponseTypes=types)
    stage.send("m")
    assert stage.bodies() == ["m"]
    assert (bool(slowed), stage.left()) == (slows, (0, 1))
    assert stage.shown(uuid)["LastProcessingResult"] == "PROBLEM: Function call failed"


def test_changed_rules_count_what_is_in_work_already(stage: Stage) -> None:
    stage.close()
    uuid = stage.map(BatchSize=1, ScalingConfig={"MaximumConcurrency": 4})
    stage.send(*map(str, range(9)))
    stage.until(lambda: stage.running == 4)
    stage.client.update_event_source_mapping(UUID=uuid, ScalingConfig={"MaximumConcurrency": 2})
    stage.until(lambda: stage.shown(uuid)["State"] == "Enabled")
    stage.send("9")
    assert stage.running == 4
    stage.open()
    assert (len(stage.bodies()), stage.most) == (10, 4)


def test_who_is_paused_ends_what_is_in_hand_and_goes_on_when_resumed(stage: Stage) -> None:
    stage.close()
    uuid = stage.map(BatchSize=1)
    stage.send("in hand")
    stage.until(lambda: stage.running == 1)
    assert stage.client.update_event_source_mapping(UUID=uuid, Enabled=False)["State"] == "Disabling"
    stage.send("waits")
    assert stage.shown(uuid)["State"] == "Disabling"
    stage.open()
    stage.until(lambda: stage.shown(uuid)["State"] == "Disabled")
    assert (stage.bodies(), stage.left()) == (["in hand"], (1, 0))
    stage.client.update_event_source_mapping(UUID=uuid, Enabled=True)
    stage.until(lambda: stage.shown(uuid)["State"] == "Enabled")
    assert stage.bodies() == ["in hand", "waits"]


def test_a_throttled_batch_is_tried_again_and_not_received_again(stage: Stage) -> None:
    def throttled_thrice(records: list[dict[str, Any]]) -> None:
        received.append(records[0]["attributes"]["ApproximateReceiveCount"])
        if len(received) < 4:
            raise Throttled("ReservedFunctionConcurrentInvocationLimitExceeded", "Rate Exceeded.")

    received: list[str] = []
    stage.answer = throttled_thrice
    uuid = stage.map()
    stage.send("m")
    stage.node.settle()
    while len(received) < 4:
        stage.node.advance(1)
    assert (received, stage.bodies(), stage.left()) == (["1"] * 4, ["m"], (0, 0))
    assert stage.shown(uuid)["LastProcessingResult"] == "OK"


def test_what_is_throttled_until_its_visibility_ends_goes_back_and_at_last_to_the_dead_letters(stage: Stage) -> None:
    dead_url, dead_arn = stage.queue("dead")
    policy = json.dumps({"deadLetterTargetArn": dead_arn, "maxReceiveCount": 2})
    stage.sqs.set_queue_attributes(QueueUrl=stage.url, Attributes={"RedrivePolicy": policy})
    stage.client.put_function_concurrency(FunctionName=stage.name, ReservedConcurrentExecutions=0)

    def throttled(records: list[dict[str, Any]]) -> None:
        received.add(records[0]["attributes"]["ApproximateReceiveCount"])
        raise Throttled("ReservedFunctionConcurrentInvocationLimitExceeded", "Rate Exceeded.")

    received: set[str] = set()
    stage.answer = throttled
    uuid = stage.map()
    stage.send("m")
    stage.node.settle()
    stage.node.advance(29)
    assert received == {"1"}
    assert stage.tries >= 8, "it was not tried again in the meantime"
    stage.node.advance(62)
    assert (received, stage.left(), stage.left(dead_url)) == ({"1", "2"}, (0, 0), (1, 0))
    assert stage.shown(uuid)["LastProcessingResult"] == "PROBLEM: Rate Exceeded."


def test_what_a_window_gathered_is_hidden_for_its_whole_visibility_after_it(stage: Stage) -> None:
    """A window that is longer than the queue's visibility: no message comes twice into one batch."""
    stage.map(BatchSize=100, MaximumBatchingWindowInSeconds=70)
    stage.send("a")
    stage.node.settle()
    stage.node.advance(40)
    stage.send("b")
    assert stage.bodies() == []
    stage.node.advance(31)
    assert stage.events == [["a", "b"]]


def test_a_window_stays_open_when_another_mapping_is_made(stage: Stage) -> None:
    stage.map(BatchSize=100, MaximumBatchingWindowInSeconds=60)
    stage.send("a")
    stage.node.settle()
    stage.map(EventSourceArn=stage.queue("other")[1])
    stage.node.settle()
    stage.send("b")
    assert stage.bodies() == []
    stage.node.advance(61)
    assert stage.events == [["a", "b"]]


def test_what_waits_is_taken_at_once_for_as_many_batches_as_may_run(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.close()
    uuid = stage.map(BatchSize=2, Enabled=False)
    stage.send(*map(str, range(7)))
    stage.node.settle()

    def noted(*what: Any) -> list[list[Any]]:
        takings.append(take_each(*what))
        return takings[-1]

    takings: list[list[list[Any]]] = []
    take_each = poller._take_each
    monkeypatch.setattr(poller, "_take_each", noted)
    stage.client.update_event_source_mapping(UUID=uuid, Enabled=True)
    stage.until(lambda: stage.running == 4)
    assert [len(batch) for batch in takings[-1]] == [2, 2, 2, 1]
    stage.open()
    stage.node.settle()
    assert sorted(stage.events) == [["0", "1"], ["2", "3"], ["4", "5"], ["6"]]


def test_what_failed_after_a_window_that_ended_early_comes_again_when_its_visibility_ends(stage: Stage) -> None:
    stage.answer = lambda records: ValueError()
    stage.map(BatchSize=2, MaximumBatchingWindowInSeconds=300)
    stage.send("a", "b")
    stage.node.settle()
    assert stage.events == [["a", "b"]]
    stage.node.advance(31)
    assert stage.events == [["a", "b"]] * 2


def test_a_batch_that_the_store_does_not_settle_at_once_is_not_run_again(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full_at_first(*what: Any) -> None:
        tries.append(what)
        if len(tries) == 1:
            raise OSError("the disk is full")
        settle(*what)

    tries: list[Any] = []
    settle = batch._settle
    monkeypatch.setattr(limits, "WORK_BACKOFF_S", 0.01)
    monkeypatch.setattr(stage.node.node.store, "_rehearse", False)
    monkeypatch.setattr(batch, "_settle", full_at_first)
    stage.map()
    stage.send("m")
    assert (stage.bodies(), stage.left()) == (["m"], (0, 0))
    stage.node.advance(31)
    assert stage.bodies() == ["m"]


def test_a_window_ends_when_an_event_is_full(stage: Stage) -> None:
    stage.map(BatchSize=10_000, MaximumBatchingWindowInSeconds=300)
    for number in range(7):
        stage.send(f"{number}" + " " * 1_000_000)
    stage.until(lambda: stage.events != [])
    assert [body.strip() for body in stage.events[0]] == ["0", "1", "2", "3", "4", "5"]


def test_a_thousand_messages_are_one_batch(stage: Stage) -> None:
    stage.send(*map(str, range(1000)))
    stage.map(BatchSize=1000, MaximumBatchingWindowInSeconds=1)
    assert len(stage.bodies()) == 1000
    assert len(stage.events) == 1


def test_after_a_failed_part_nothing_of_its_group_is_run(stage: Stage) -> None:
    """A batch too large for one event is two; the second has the rest of a group whose order counts."""
    url, arn = stage.queue("q.fifo", FifoQueue="true", ContentBasedDeduplication="true")
    stage.answer = lambda records: ValueError() if stage.tries == 1 else None
    for body, group in (*((f"{number}" + " " * 1_000_000, "g") for number in range(7)), ("other", "h")):
        stage.send(body, url=url, MessageGroupId=group)
    stage.map(EventSourceArn=arn)
    stage.until(lambda: stage.tries >= 2)
    seen = [[body.strip() for body in event] for event in stage.events]
    assert seen[0] == ["0", "1", "2", "3", "4", "5"]
    assert "6" not in [body for event in seen for body in event]
    assert "other" in [body for event in seen for body in event]
    stage.node.advance(31)
    after = [body.strip() for body in stage.bodies()]
    assert [body for body in after if body.isdigit()] == [*"012345", *"0123456"]


def test_groups_are_in_order_and_one_batch_of_each_is_in_work(stage: Stage) -> None:
    def note(records: list[dict[str, Any]]) -> None:
        for record in records:
            seen.setdefault(record["attributes"]["MessageGroupId"], []).append(record["body"])

    seen: dict[str, list[str]] = {}
    stage.answer = note
    url, arn = stage.queue("q.fifo", FifoQueue="true", ContentBasedDeduplication="true")
    stage.close()
    stage.map(EventSourceArn=arn, BatchSize=2)
    for group in "gh":
        stage.send(*(f"{group}{number}" for number in range(7)), url=url, MessageGroupId=group)
    stage.until(lambda: stage.running == 2)
    assert stage.left(url)[1] <= 4
    stage.open()
    stage.node.settle()
    assert seen == {group: [f"{group}{number}" for number in range(7)] for group in "gh"}
    assert stage.most == 2


def test_a_deleted_queue_is_told_of_and_drawn_from_when_it_is_back(stage: Stage) -> None:
    uuid = stage.map()
    stage.node.settle()
    stage.sqs.delete_queue(QueueUrl=stage.url)
    stage.node.settle()
    assert stage.shown(uuid)["LastProcessingResult"].startswith(
        "PROBLEM: Error occurred while ReceiveMessage. SQS Error Code: AWS.SimpleQueueService.NonExistentQueue."
    )
    stage.node.advance(61)
    stage.queue("q")
    stage.send("back")
    assert stage.bodies() == ["back"]
    assert stage.shown(uuid)["LastProcessingResult"] == "OK"


def test_a_mapping_that_went_on_after_a_failure_is_as_patient_as_before(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(self: Any, *how: Any) -> Any:
        if is_broken.is_set():
            raise OSError("the disk is full")
        return take(self, *how)

    def pause(attempts: int) -> float:
        told.append(attempts)
        return 1.0

    is_broken, take = asyncio.Event(), QueueSource.take
    told: list[int] = []
    monkeypatch.setattr(QueueSource, "take", failing)
    monkeypatch.setattr(tender, "backoff_s", pause)
    stage.map()
    for body in ("a", "b"):
        stage.node.run(stage._set(is_broken.set))
        stage.send(body)
        stage.node.settle()
        stage.node.run(stage._set(is_broken.clear))
        stage.node.advance(2)
    assert (stage.bodies(), told) == (["a", "b"], [1, 1])


def test_an_alias_is_followed_where_it_points(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[str] = []

    async def invoke(version: Version, invocation: Invocation) -> Outcome:
        ran.append(version.version)
        return await stage.invoke(version, invocation)

    monkeypatch.setattr(stage.node.node.environments, "invoke", invoke)
    stage.client.publish_version(FunctionName=stage.name)
    stage.client.create_alias(FunctionName=stage.name, Name="live", FunctionVersion="1")
    stage.map(FunctionName=f"{stage.name}:live")
    stage.send("a")
    stage.node.settle()
    stage.client.update_alias(FunctionName=stage.name, Name="live", FunctionVersion="$LATEST")
    stage.send("b")
    stage.node.settle()
    assert ran == ["1", "$LATEST"]


def test_who_was_taken_for_dead_draws_no_more(stage: Stage) -> None:
    def given_to_another(tx: Any) -> None:
        tx.lock("work", name)
        tx.run("UPDATE work_items SET attempts = attempts + 1, holder = 'another' WHERE name = ?", name)

    name = f"lambda.mapping {stage.map()}"
    stage.node.settle()
    store = stage.node.node.store
    stage.node.run(store.write(given_to_another))
    stage.send("m")
    assert (stage.bodies(), stage.left()) == ([], (1, 0))
    stage.node.run(store.write(work.re_enter, [stage.node.node.id]))
    assert stage.bodies() == ["m"]


def test_provisioned_pollers_are_counted(stage: Stage) -> None:
    stage.map(ProvisionedPollerConfig={"MinimumPollers": 2, "MaximumPollers": 4}, BatchSize=1)
    stage.close()
    stage.send(*map(str, range(30)))
    stage.until(lambda: stage.running >= 20)
    stage.open()
    assert len(stage.bodies()) == 30
    stage.node.advance(60)
    now = stage.node.node.clock.now()
    (mapping,) = stage.client.list_event_source_mappings()["EventSourceMappings"]
    told = stage.node.client("cloudwatch").get_metric_statistics(
        Namespace="AWS/Lambda",
        MetricName="ProvisionedPollers",
        Dimensions=[{"Name": "EventSourceMappingUUID", "Value": mapping["UUID"]}],
        StartTime=now - 600,
        EndTime=now + 60,
        Period=600,
        Statistics=["Minimum", "Maximum"],
    )["Datapoints"]
    assert {each["Minimum"] for each in told} == {2.0}
    assert all(2.0 <= each["Maximum"] <= 4.0 for each in told)


def test_of_two_hundred_mappings_only_the_one_that_has_something_to_draw_is_awake(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def counted(tx: Any, source: Any, arn: str) -> Any:
        looks.append(arn)
        return look(tx, source, arn)

    looks: list[str] = []
    look = poller._look
    for number in range(200):
        stage.map(EventSourceArn=stage.queue(f"idle-{number}")[1])
    stage.node.settle()
    monkeypatch.setattr(poller, "_look", counted)
    url, arn = stage.queue("idle-7")
    stage.send("m", url=url)
    assert (stage.bodies(), set(looks)) == (["m"], {arn})
    assert len(looks) <= 5
