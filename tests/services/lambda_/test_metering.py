"""What a run uses: exactly what its REPORT line says, and as long as the function itself says."""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.functions import call, deploy
from tests.running_node import RunningNode
from wakeful.environments.version import Invocation, Outcome, Version
from wakeful.services.lambda_.billing import metering, price
from wakeful.store.telemetry import Note

ARN = "arn:aws:lambda:us-east-1:000000000000:function:f"
VERSION = Version(
    ARN, "f", "1", "000000000000", "us-east-1", "r", "python3.12", "i.h", Path("/"), "role", memory_mb=256
)
INVOCATION = Invocation("id", b"{}", ARN)
OUTCOME = Outcome(
    *(b"", None, None, "success", True, 12.5, 100.2, 113, 256, 40, b"", 0.0, "e", "s"),
)

CLOCK = """
import os, time
if "INIT" in os.environ:
    time.sleep(float(os.environ["INIT"]))
def handler(event, context):
    begun = time.monotonic_ns()
    if event == "crash":
        os._exit(3)
    if event == "forever":
        time.sleep(60)
    if isinstance(event, float):
        time.sleep(event)
    if event == "fail":
        raise ValueError("no")
    return (time.monotonic_ns() - begun) / 1e6
"""

OVERHEAD_MS = 250.0
"""What a billed millisecond may be beside the handler's own: the event's way in and the answer's way out, on a machine
that does other things. Alone it is under one."""


def used(version: Version = VERSION, invocation: Invocation = INVOCATION, **outcome: Any) -> dict[str, int]:
    return metering.units(version, invocation, replace(OUTCOME, **outcome))


def test_a_run_is_a_request_and_its_milliseconds_weighted_by_memory() -> None:
    assert used() == {"Request": 1, "Lambda-GB-Second": 113 * 256, "Billed-Duration": 113}
    assert used(replace(VERSION, architecture="arm64")) == {
        "Request-ARM": 1,
        "Lambda-GB-Second-ARM": 113 * 256,
        "Billed-Duration": 113,
    }


def test_with_provisioned_concurrency_another_meter_runs() -> None:
    assert used(is_provisioned=True) == {
        "Request": 1,
        "Lambda-Provisioned-GB-Second": 113 * 256,
        "Billed-Duration": 113,
    }


def test_storage_beyond_what_every_function_has_is_metered() -> None:
    assert used(replace(VERSION, tmp_mb=1024))["Lambda-Storage-GB-Second"] == 113 * 512
    assert "Lambda-Storage-GB-Second" not in used(replace(VERSION, tmp_mb=512))


def test_of_a_streamed_response_the_first_6_mb_are_free() -> None:
    assert used(streamed_bytes=6 * 1024**2 + 5)["Lambda-Streaming-Response-Processed-Bytes"] == 5
    assert "Lambda-Streaming-Response-Processed-Bytes" not in used(streamed_bytes=6 * 1024**2)


def test_restoring_is_metered_but_for_java() -> None:
    assert used(restore_ms=3.0)["Lambda-SnapStart-Restored-GB"] == 256
    assert "Lambda-SnapStart-Restored-GB" not in used(replace(VERSION, runtime="java21"), restore_ms=3.0)


def test_on_managed_instances_the_request_is_all() -> None:
    assert used(is_shared=True, billed_ms=0) == {"Request": 1}


def test_a_new_environment_of_a_tenant_is_metered_by_its_memory() -> None:
    of_tenant = replace(VERSION, tenant="blue", is_per_tenant=True)
    assert used(of_tenant)["Lambda-Tenant-Isolation-GB"] == 256
    assert "Lambda-Tenant-Isolation-GB" not in used(of_tenant, cold=False)


@pytest.mark.parametrize(
    ("size", "count"), [(0, 1), (262_144, 1), (262_145, 2), (327_680, 2), (327_681, 3), (1_048_576, 13)]
)
def test_a_large_asynchronous_event_is_several_requests(size: int, count: int) -> None:
    assert metering.requests(size) == count
    assert used(invocation=replace(INVOCATION, payload=b" " * size, kind="Event"))["Request"] == count
    assert used(invocation=replace(INVOCATION, payload=b" " * size))["Request"] == 1


def test_durable_operations_and_what_they_wrote_are_metered() -> None:
    of = metering.durable(ARN, "1", {"b": "2", "a": "1"}, 5.0, 3, 1000)
    assert of.consumer == metering.consumer(replace(VERSION, tags='{"a":"1","b":"2"}'))
    assert (of.at, of.units) == (5.0, {price.DURABLE_OPERATION.name: 3, price.DURABLE_WRITTEN.name: 1000})
    assert metering.durable(ARN, "1", {}, 5.0, 1, 0).units == {price.DURABLE_OPERATION.name: 1}


# --- real functions --------------------------------------------------------------------------------------------------


def took_ms(note: Note) -> float:
    assert note.duration_ms is not None
    return note.duration_ms


def runs(node: RunningNode) -> list[Note]:
    """Oldest first."""
    found: list[Note] = node.run(node.node.telemetry.recent_notes(kind="run", limit=1000))
    return found[::-1]


def reported(log: str) -> tuple[float, int, int]:
    """Duration, billed and memory of the REPORT line."""
    told = re.search(r"\tDuration: ([\d.]+) ms\tBilled Duration: (\d+) ms\tMemory Size: (\d+) MB", log)
    assert told is not None, log
    return float(told[1]), int(told[2]), int(told[3])


def in_all(node: RunningNode) -> Counter[str]:
    """The bill: what was used by everybody, by meter."""
    sums: Counter[str] = Counter()
    for each in node.run(node.node.telemetry.used(0, 10**6)):
        sums[each.meter] += each.units
    return sums


def of_notes(notes: list[Note]) -> Counter[str]:
    sums: Counter[str] = Counter()
    for each in notes:
        sums.update(each.detail["units"])
    return sums


@pytest.mark.slow
def test_a_function_that_times_itself_is_billed_what_it_took(node: RunningNode, client: Any) -> None:
    deploy(client, code=CLOCK, MemorySize=512, Timeout=20)
    call(client)
    shares = []
    for seconds in (0.0, 0.001, 0.0137, 0.05, 0.0505, 0.2):
        answer = call(client, event=seconds)
        duration_ms, billed_ms, memory_mb = reported(answer.log)
        note = runs(node)[-1]
        own_ms = answer.payload
        assert own_ms <= took_ms(note) <= billed_ms < took_ms(note) + 1
        assert billed_ms == note.detail["billed_ms"] == math.ceil(round(took_ms(note), 3))
        assert duration_ms == pytest.approx(note.duration_ms, abs=0.006)  # it is written with two decimals
        assert (note.detail["memory_mb"], memory_mb) == (512, 512)
        assert note.detail["units"] == {"Request": 1, "Lambda-GB-Second": billed_ms * 512, "Billed-Duration": billed_ms}
        shares.append(took_ms(note) - own_ms)
    assert min(shares) < 5  # what is not the handler's own, when nobody else wants the processor
    assert max(shares) < OVERHEAD_MS
    assert in_all(node) == of_notes(runs(node))


@pytest.mark.slow
def test_init_crashes_timeouts_and_errors_are_billed_as_they_are_reported(node: RunningNode, client: Any) -> None:
    deploy(client, code=CLOCK, Timeout=1, Environment={"Variables": {"INIT": "0.05"}})
    billed = []
    for event in (None, "fail", "crash", "forever", None):
        answer = call(client, event=event)
        note = runs(node)[-1]
        billed.append(reported(answer.log)[1])
        assert note.detail["billed_ms"] == billed[-1], event
        init_ms = note.detail["init_ms"] or 0.0
        assert billed[-1] == math.ceil(round(took_ms(note) + init_ms, 3)), event
    assert billed[0] >= 50
    assert billed[3] >= 1000  # the whole timeout
    assert billed[4] >= 50  # INIT again, because the timeout ended the environment
    assert in_all(node) == of_notes(runs(node))
    assert in_all(node)["Billed-Duration"] == sum(billed)
    assert in_all(node)["Request"] == 5


@pytest.mark.slow
def test_an_init_that_fails_is_billed_within_the_invocation(node: RunningNode, client: Any) -> None:
    deploy(client, code="import time\ntime.sleep(0.05)\nraise ValueError('no')\n", Timeout=5)
    answer = call(client)
    (note,) = runs(node)
    duration_ms, billed_ms, _ = reported(answer.log)
    assert answer.error == "Unhandled"
    assert 50 <= duration_ms <= billed_ms == note.detail["billed_ms"]
    assert in_all(node) == Counter({"Request": 1, "Lambda-GB-Second": billed_ms * 128, "Billed-Duration": billed_ms})


@pytest.mark.slow
def test_a_batch_is_billed_once_in_however_many_stories_it_is_told(node: RunningNode, client: Any) -> None:
    deploy(client)
    sqs = node.client("sqs")
    url = sqs.create_queue(QueueName="q")["QueueUrl"]
    for number in range(3):
        sqs.send_message(QueueUrl=url, MessageBody=str(number))
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    client.create_event_source_mapping(FunctionName="f", EventSourceArn=arn, BatchSize=10)
    node.settle()
    notes = runs(node)
    assert len(notes) == 3
    assert len({note.id for note in notes}) == in_all(node)["Request"] == 1
    (kept,) = node.run(node.node.telemetry.runs_of("f", 0.0, 1e12, account="000000000000", limit=10))
    assert kept.id == notes[0].id
    assert in_all(node) == Counter(kept.detail["units"])


@pytest.mark.slow
def test_what_runs_is_on_the_bill_of_the_tags_of_then(node: RunningNode, client: Any) -> None:
    arn = deploy(client, Tags={"team": "blue"})
    call(client)
    client.tag_resource(Resource=arn, Tags={"team": "red"})
    call(client)
    call(client)
    client.untag_resource(Resource=arn, TagKeys=["team"])
    call(client)
    found = node.run(node.node.telemetry.used(0, 10**6))
    requests = {each.consumer.tags: each.units for each in found if each.meter == "Request"}
    assert requests == {'{"team":"blue"}': 1, '{"team":"red"}': 2, "{}": 1}
