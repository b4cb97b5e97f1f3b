"""The numbers of a queue's messages, kept by whoever changes them, are those of a count from scratch."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tests.conftest import OpenStore
from tests.examples import examples
from tests.services.sqs.test_queue_model import CALL, SCHEMA, opened
from wakeful import limits
from wakeful.fabric.source import Taken
from wakeful.fabric.trace import Trace
from wakeful.services.sqs import counts, emptied, messages, operations
from wakeful.services.sqs import queue as queues
from wakeful.services.sqs.queue import Queue
from wakeful.store import schema
from wakeful.store.tx import Tx

RETENTION_S = 100


class EveryPath(RuleBasedStateMachine):
    """Messages come, are received, die, are moved, purged and too old, in queues of both kinds."""

    def __init__(self) -> None:
        super().__init__()
        self.tx, call = opened()
        self.queues: list[Queue] = []
        for end, more in (("", {}), (".fifo", {"FifoQueue": "true", "ContentBasedDeduplication": "true"})):
            common = {"MessageRetentionPeriod": str(RETENTION_S), **more}
            grave = queues.create(self.tx, call, f"grave{end}", common, {})
            policy = json.dumps({"deadLetterTargetArn": grave.arn, "maxReceiveCount": 2})
            self.queues += [grave, queues.create(self.tx, call, f"q{end}", {**common, "RedrivePolicy": policy}, {})]
        self.sent = 0

    @rule(which=st.integers(0, 3), delay_s=st.sampled_from([None, 5]))
    def send(self, which: int, delay_s: int | None) -> None:
        self.sent += 1
        content: dict[str, Any] = {"trace": Trace("t"), "message_id": f"m{self.sent}", "attributes": {}}
        system = {"MessageGroupId": "gh"[self.sent % 2]}
        messages.put(self.tx, self.queues[which], f"b{self.sent}", **content, system=system, delay_s=delay_s)

    @rule(which=st.integers(0, 3), hide_s=st.sampled_from([0, 5, 1000]), is_deleted=st.booleans())
    def receive(self, which: int, hide_s: int, is_deleted: bool) -> None:
        for taken in messages.take(self.tx, self.queues[which], 2, hide_s):
            if is_deleted and hide_s:
                messages.forget(self.tx, self.queues[which], taken.facts["handle"])

    @rule(seconds=st.sampled_from([1, 10, RETENTION_S]))
    def wait(self, seconds: int) -> None:
        self.tx.now += seconds

    @rule()
    def sweep(self) -> None:
        messages.expire(self.tx)
        emptied.sweep(self.tx)

    @rule(which=st.integers(0, 3))
    def purge(self, which: int) -> None:
        queues.purge(self.tx, self.queues[which])
        self.queues[which] = queues.find(self.tx, self.queues[which].arn)

    @invariant()
    def they_are_those_of_a_count_from_scratch(self) -> None:
        for queue in self.queues:
            there = self.tx.all("SELECT * FROM sqs_messages WHERE queue = ?", queue.id)
            kept = [row for row in there if row["sent"] > self.tx.now - RETENTION_S]
            hidden = [row for row in kept if row["visible"] > self.tx.now]
            delayed = sum(row["receives"] == 0 for row in hidden)
            found = counts.of(self.tx, queue)
            assert found == counts.Counts(len(kept) - len(hidden), len(hidden) - delayed, delayed)
            received = sum(row["receives"] > 0 for row in there)
            number = self.tx.one("SELECT sum(received) AS number FROM sqs_counts WHERE queue = ?", queue.id)
            assert number is not None
            assert (number["number"] or 0) == received
            assert counts.in_flight(self.tx, queue) == found.in_flight
            assert counts.in_flight(self.tx, queue, few=received) == received


TestEveryPath = EveryPath.TestCase
TestEveryPath.settings = examples(30, stateful_step_count=25)


def test_a_store_of_an_earlier_version_gets_its_numbers() -> None:
    tx, call = opened()
    queue = queues.create(tx, call, "q", {}, {})
    for number in range(3):
        messages.put(tx, queue, "b", trace=Trace("t"), message_id=f"m{number}", attributes={}, system={})
    messages.take(tx, queue, 1)
    tx.run("DELETE FROM sqs_counts")
    counts.make(tx)
    assert counts.of(tx, queue) == counts.Counts(visible=2, in_flight=1, delayed=0)
    counts.make(tx)
    assert counts.of(tx, queue) == counts.Counts(visible=2, in_flight=1, delayed=0)


async def test_who_sends_receives_and_deletes_at_once_loses_no_count(open_store: OpenStore) -> None:
    async with open_store(tables="CREATE TABLE IF NOT EXISTS test_none(a INTEGER)") as store:
        await store.write(schema.apply, {"sqs": SCHEMA})
        queue = await store.write(lambda tx: queues.create(tx, CALL, "q", {}, {}))

        def send(tx: Tx, number: int) -> None:
            messages.put(tx, queue, "b", trace=Trace("t"), message_id=f"m{number}", attributes={}, system={})

        def receive(tx: Tx) -> list[Taken]:
            return messages.take(tx, queue, 2)

        def delete(tx: Tx, handle: str) -> None:
            messages.forget(tx, queue, handle)

        await asyncio.gather(*(store.write(send, number) for number in range(40)))
        taken = await asyncio.gather(*(store.write(receive) for _ in range(10)))
        handles = [each.facts["handle"] for few in taken for each in few]
        assert len(set(handles)) == 20
        ends = [store.write(delete, handle) for handle in handles[:5]]
        await asyncio.gather(*ends, *(store.write(send, number) for number in range(40, 60)))
        assert await store.read(counts.of, queue) == counts.Counts(visible=40, in_flight=15, delayed=0)


def test_what_is_too_old_is_deleted_in_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "SQS_EXPIRED_AT_ONCE", 2)
    tx, call = opened()
    queue = queues.create(tx, call, "q", {"MessageRetentionPeriod": str(RETENTION_S)}, {})
    for number in range(3):
        messages.put(tx, queue, "b", trace=Trace("t"), message_id=f"m{number}", attributes={}, system={})
    tx.now += RETENTION_S
    assert counts.of(tx, queue) == counts.Counts(visible=0, in_flight=0, delayed=0)
    other = queues.create(tx, call, "other", {"MessageRetentionPeriod": str(RETENTION_S)}, {})
    for number in range(2):
        messages.put(tx, other, "b", trace=Trace("t"), message_id=f"o{number}", attributes={}, system={})
    tx.now += RETENTION_S
    for left in (3, 1):
        assert messages.expire(tx)
        assert len(tx.all("SELECT seq FROM sqs_messages")) == left
    assert not messages.expire(tx)
    assert tx.all("SELECT seq FROM sqs_messages") == []


def test_what_is_counted_and_what_is_too_old_is_found_in_an_index() -> None:
    tx, call = opened()
    queue = queues.create(tx, call, "q", {"MessageRetentionPeriod": str(RETENTION_S)}, {})
    messages.put(tx, queue, "b", trace=Trace("t"), message_id="m", attributes={}, system={})
    tx.now += RETENTION_S
    statements: list[str] = []
    tx.watch(statements.append)
    counts.of(tx, queue)
    messages.expire(tx)
    tx.watch(None)
    plans = {sql: plan(tx, sql) for sql in statements if "sqs_messages" in sql}
    assert len(plans) == 5
    for sql, steps in plans.items():
        uses = "sqs_messages_sent" if "sent" in sql else "COVERING INDEX sqs_messages_due"
        assert any(uses in step for step in steps), (sql, steps)
        assert not any("SCAN" in step for step in steps), (sql, steps)


def test_settings_said_again_as_they_are_touch_no_message() -> None:
    """As a tool says them that sets all of them each time."""
    tx, call = opened()
    settings = {"FifoQueue": "true", "ContentBasedDeduplication": "true", "DelaySeconds": "5"}
    queue = queues.create(tx, call, "q.fifo", settings, {})
    asked: Any = {"QueueUrl": queue.url(call), "Attributes": {"DelaySeconds": "5", "VisibilityTimeout": "7"}}
    statements: list[str] = []
    tx.watch(statements.append)
    operations.set_queue_attributes(call, tx, asked)
    tx.watch(None)
    assert not any("sqs_messages" in sql for sql in statements)


def plan(tx: Tx, sql: str) -> list[str]:
    return [row["detail"] for row in tx.all(f"EXPLAIN QUERY PLAN {sql}")]


@pytest.mark.parametrize("name", ["q", "q.fifo"])
def test_what_is_done_to_a_message_costs_the_same_however_many_wait(name: str) -> None:
    """Every statement goes by an index to the rows that it wants; none looks through those that wait or are hidden."""
    tx, call = opened()
    kind = {"FifoQueue": "true", "ContentBasedDeduplication": "true"} if name.endswith(".fifo") else {}
    queue = queues.create(tx, call, name, kind, {})
    statements: list[str] = []
    tx.watch(statements.append)
    for number in range(4):
        system = {"MessageGroupId": f"g{number}"} if kind else {}
        messages.put(tx, queue, f"b{number}", trace=Trace("t"), message_id=f"m{number}", attributes={}, system=system)
    assert messages.has_visible(tx, queue)
    taken = messages.take(tx, queue, 4)
    assert len(taken) == 4
    messages.hide(tx, queue, taken[0].facts["handle"], 0)
    messages.forget(tx, queue, taken[1].facts["handle"])
    assert messages.next_visible(tx, queue) is not None
    assert counts.in_flight(tx, queue, few=10) == 4 - 1
    tx.watch(None)
    plans = {sql: plan(tx, sql) for sql in statements}
    assert len(plans) > 8
    for sql, steps in plans.items():
        assert not any("SCAN" in step or "TEMP B-TREE" in step or "messages_sent" in step for step in steps), (
            sql,
            steps,
        )
