"""A stream of which a test decides everything, and a function whose runs are made up, for mappings on streams."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from uuid import uuid4

import orjson

from tests.functions import deploy
from tests.running_node import RunningNode
from tests.services.lambda_.outcomes import outcome
from wakeful.environments.version import Invocation, Outcome, Version
from wakeful.fabric import journal
from wakeful.fabric.journal import HASHES_MAX, Entry, Shard
from wakeful.fabric.trace import new_trace
from wakeful.services.kinesis.followed import Followed
from wakeful.services.lambda_.sources.streams import checkpoints
from wakeful.store.tx import Tx

HERE = "us-east-1:000000000000"
KEPT_S = 7 * 24 * 3600


class Failed(Exception):
    """What the function raises."""


class Journals:
    """Streams in Kinesis's form, on journals alone. An entry is its key, a bar and its data."""

    content = "data"
    bytes_max = 10 * 1024 * 1024

    def __init__(self) -> None:
        self.is_gone = False

    def journal(self, tx: Tx, arn: str) -> str | None:
        return None if self.is_gone else arn

    def complaint(self, tx: Tx, arn: str) -> str | None:
        return f"Stream not found: {arn}" if self.is_gone or arn.endswith("/none") else None

    def oldest(self, tx: Tx, arn: str) -> float:
        return tx.now - KEPT_S

    def as_record(self, arn: str, shard: Shard, entry: Entry, role_arn: str | None = None) -> dict[str, Any]:
        key, _, data = entry.body.partition(b"|")
        kept = {
            "partitionKey": key.decode(),
            "sequenceNumber": str(entry.seq),
            "data": base64.b64encode(data).decode(),
            "approximateArrivalTimestamp": entry.at,
        }
        return {"kinesis": kept, "eventSource": "aws:kinesis", "eventSourceARN": arn, "invokeIdentityArn": role_arn}

    def as_seen(self, record: dict[str, Any]) -> dict[str, Any]:
        return Followed().as_seen(record)

    def sequence(self, shard: Shard, entry: Entry) -> str:
        return str(entry.seq)

    def key(self, entry: Entry) -> str:
        return entry.body.partition(b"|")[0].decode()


class Stage:
    """A stream with shard `s0` and a function whose runs are `answer`: it says what the function answers, or raises.

    While the gate is closed runs do not end.
    """

    def __init__(self, shared: RunningNode) -> None:
        self.node = shared
        self.client = shared.client("lambda")
        self.name = f"f-{uuid4().hex[:8]}"
        self.arn = f"arn:aws:kinesis:{HERE}:stream/{self.name}"
        self.journals = Journals()
        self.gate = asyncio.Event()
        self.gate.set()
        self.events: list[dict[str, Any]] = []
        """Every event that was run."""

        self.running = self.most = self.tries = 0
        self.answer: Callable[[dict[str, Any]], Any] = lambda event: None
        deploy(self.client, self.name, Timeout=10)
        self.write(journal.open_shard, self.arn, "s0")

    async def invoke(self, version: Version, invocation: Invocation) -> Outcome:
        self.tries += 1
        event = orjson.loads(invocation.payload)
        has_failed, answer = False, None
        try:
            answer = self.answer(event)
        except Failed:
            has_failed = True
        self.events.append(event)
        self.running += 1
        self.most = max(self.most, self.running)
        await self.gate.wait()
        self.running -= 1
        return outcome(answer, has_failed=has_failed, now=self.node.node.clock.now())

    def map(self, **more: Any) -> str:
        request = {
            "EventSourceArn": self.arn,
            "FunctionName": self.name,
            "StartingPosition": "TRIM_HORIZON",
            **more,
        }
        return str(self.client.create_event_source_mapping(**request)["UUID"])

    def write(self, change: Any, *args: Any, **more: Any) -> Any:
        return self.node.run(self.node.node.store.write(lambda tx: change(tx, *args, **more)))

    def shard(self, name: str = "s0") -> Shard:
        found = self.node.run(self.node.node.store.read(journal.find_shard, self.arn, name))
        assert found is not None
        return found  # type: ignore[no-any-return]

    def put(self, *data: str, key: str = "k", shard: str = "s0", hops: int = 0) -> list[int]:
        """Entries stand in the shard; a data's own key stands before a bar. Their numbers."""
        bodies = [each if "|" in each else f"{key}|{each}" for each in data]

        def append(tx: Tx) -> list[int]:
            found = journal.find_shard(tx, self.arn, shard)
            assert found is not None
            tx.lock("journal", "shard", str(found.id))
            trace = replace(new_trace(tx.now), hops=hops)
            return [journal.append(tx, journal.Place(found), b.encode(), trace, size=len(b)) for b in bodies]

        return self.write(append)  # type: ignore[no-any-return]

    def merge(self, *parents: str, into: str) -> None:
        """Those shards are closed, and have a child."""

        def change(tx: Tx) -> None:
            for name in parents:
                found = journal.find_shard(tx, self.arn, name)
                assert found is not None
                journal.close_shard(tx, found)
            journal.open_shard(tx, self.arn, into, parents=parents, hashes=(0, HASHES_MAX))

        self.write(change)

    def batches(self) -> list[list[str]]:
        """The data of every event that was run, once all is quiet."""
        self.node.settle()
        return [data_of(event) for event in self.events]

    def checkpoints(self, uuid: str) -> dict[tuple[str, int], checkpoints.Checkpoint]:
        found = self.node.run(self.node.node.store.read(checkpoints.of, uuid))
        return {(key.shard, key.lane): checkpoint for key, checkpoint in found.items()}

    def shown(self, uuid: str) -> dict[str, Any]:
        return dict(self.client.get_event_source_mapping(UUID=uuid))

    def until(self, holds: Callable[[], Any]) -> None:
        deadline = time.monotonic() + 20
        while not holds():
            assert time.monotonic() < deadline, f"{self.events}, {self.running} running"
            time.sleep(0.002)

    def open(self) -> None:
        self.node.run(self._set(self.gate.set))

    def close(self) -> None:
        self.node.run(self._set(self.gate.clear))

    async def _set(self, change: Callable[[], None]) -> None:
        change()


def data_of(event: dict[str, Any]) -> list[str]:
    return [base64.b64decode(each["kinesis"]["data"]).decode() for each in event["Records"]]


def numbers_of(event: dict[str, Any]) -> list[str]:
    return [each["kinesis"]["sequenceNumber"] for each in event["Records"]]


def failing(*poison: str) -> Callable[[dict[str, Any]], None]:
    """A function that fails as a whole where it gets any of these."""

    def answer(event: dict[str, Any]) -> None:
        if set(poison) & set(data_of(event)):
            raise Failed

    return answer


def queue(stage: Stage) -> tuple[str, str]:
    url = stage.node.client("sqs").create_queue(QueueName=f"{stage.name}-failed")["QueueUrl"]
    return url, f"arn:aws:sqs:{HERE}:{stage.name}-failed"


def letters(stage: Stage, url: str) -> list[dict[str, Any]]:
    stage.node.settle()
    found = stage.node.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
    return [json.loads(each["Body"]) for each in found]
