"""What purged and deleted queues held is nobody's at once, and deleted little by little."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.conftest import OpenStore
from tests.services.sqs.test_queue_model import CALL, SCHEMA, WatchedTx, opened
from wakeful import limits
from wakeful.fabric.trace import Trace
from wakeful.services.sqs import counts, emptied, fifo, messages
from wakeful.services.sqs import queue as queues
from wakeful.services.sqs.queue import Queue
from wakeful.store import schema
from wakeful.store.tx import Tx

FIFO = {"FifoQueue": "true", "ContentBasedDeduplication": "true"}
NOTHING = counts.Counts(visible=0, in_flight=0, delayed=0)


def send(tx: Tx, queue: Queue, body: str) -> str:
    system = {"MessageGroupId": f"group of {body}"}
    return messages.put(tx, queue, body, trace=Trace("t"), message_id=body, attributes={}, system=system)[0]


def purged(tx: Tx, queue: Queue) -> Queue:
    queues.purge(tx, queue)
    return queues.find(tx, queue.arn)


def left(tx: Tx) -> dict[str, int]:
    """How many rows there are of what belongs to queues."""
    tables = ("sqs_messages", "sqs_groups", "sqs_tenants", "sqs_counts", "sqs_fairness", "sqs_emptied")
    found = {table: len(tx.all(f"SELECT * FROM {table}")) for table in tables}
    return {table: number for table, number in found.items() if number}


@pytest.mark.parametrize("is_deleted", [False, True])
@pytest.mark.parametrize("name", ["q", "q.fifo"])
def test_to_empty_a_queue_touches_none_of_its_messages(
    monkeypatch: pytest.MonkeyPatch, name: str, *, is_deleted: bool
) -> None:
    monkeypatch.setattr(limits, "SQS_EMPTIED_AT_ONCE", 2)
    tx, call = opened()
    queue = queues.create(tx, call, name, FIFO if name.endswith(".fifo") else {}, {})
    for number in range(3):
        send(tx, queue, f"b{number}")
    statements: list[str] = []
    tx.watch(statements.append)
    (queues.delete if is_deleted else queues.purge)(tx, queue)
    tx.watch(None)
    assert not any("sqs_messages" in each for each in statements)
    (due,) = tx.all("SELECT kind FROM work_items")
    assert due["kind"] == emptied.KIND
    assert emptied.delete_some(tx, queue.id)
    assert len(tx.all("SELECT * FROM sqs_messages")) == 1
    assert not emptied.delete_some(tx, queue.id)
    assert left(tx) == {"sqs_emptied": 1}
    tx.now += limits.SQS_DEDUPLICATION_S
    assert not emptied.sweep(tx)
    assert left(tx) == {}


@pytest.mark.parametrize("name", ["q", "q.fifo"])
def test_a_purged_queue_has_nothing_and_forgets_nothing_that_senders_and_receivers_may_still_say(name: str) -> None:
    tx, call = opened()
    queue = queues.create(tx, call, name, FIFO if name.endswith(".fifo") else {}, {})
    send(tx, queue, "a")
    send(tx, queue, "b")
    (received,) = messages.take(tx, queue, 1)
    for _ in range(2):
        queue = purged(tx, queue)
        assert counts.of(tx, queue) == NOTHING
        assert messages.take(tx, queue, 10) == []
        assert not messages.has_visible(tx, queue)
    messages.forget(tx, queue, received.facts["handle"])
    assert counts.of(tx, queue) == NOTHING
    send(tx, queue, "a")
    assert messages.has_visible(tx, queue) == (not queue.is_fifo)  # it was sent within the last five minutes
    assert send(tx, queue, "c") == "c"
    assert messages.take(tx, queue, 10)[-1].body == "c"


def test_a_new_queue_has_nothing_of_one_that_was_deleted() -> None:
    tx, call = opened()
    queue = queues.create(tx, call, "q", {}, {})
    send(tx, queue, "a")
    queues.delete(tx, queue)
    other = queues.create(tx, call, "other", {}, {})
    assert counts.of(tx, other) == NOTHING
    assert messages.take(tx, other, 10) == []


def test_what_is_added_by_somebody_who_saw_the_queue_before_has_the_same_end() -> None:
    tx, call = opened()
    before = queues.create(tx, call, "q", {}, {})
    queue = purged(tx, before)
    assert not emptied.delete_some(tx, before.id)
    send(tx, before, "late")
    assert counts.of(tx, queue) == NOTHING
    tx.now += limits.SQS_DEDUPLICATION_S
    assert not emptied.sweep(tx)
    assert left(tx) == {}


def test_identities_that_are_too_old_are_forgotten_in_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "SQS_EXPIRED_AT_ONCE", 2)
    tx, call = opened()
    queue = queues.create(tx, call, "q.fifo", FIFO, {})
    for number in range(3):
        send(tx, queue, f"b{number}")
    tx.now += limits.SQS_DEDUPLICATION_S
    assert fifo.forget_old(tx)
    assert not fifo.forget_old(tx)
    assert tx.all("SELECT * FROM sqs_deduplications") == []


def test_what_is_emptied_is_found_in_an_index() -> None:
    tx, call = opened()
    queue = queues.create(tx, call, "q", {}, {})
    statements: list[str] = []
    tx.watch(statements.append)
    emptied.delete_some(tx, queue.id)
    fifo.forget_old(tx)
    tx.watch(None)
    assert len(statements) == 7
    for sql in statements:
        assert not any("SCAN" in step for step in plan(tx, sql)), sql


def plan(tx: WatchedTx, sql: str) -> list[str]:
    return [row["detail"] for row in tx.all(f"EXPLAIN QUERY PLAN {sql}")]


async def test_who_sends_receives_and_purges_at_once_loses_no_count(open_store: OpenStore) -> None:
    async with open_store(tables="CREATE TABLE IF NOT EXISTS test_none(a INTEGER)") as store:
        await store.write(schema.apply, {"sqs": SCHEMA})
        arn = (await store.write(lambda tx: queues.create(tx, CALL, "q", {}, {}))).arn

        def send_one(tx: Tx, number: int) -> None:
            send(tx, queues.find(tx, arn), f"m{number}")

        def receive(tx: Tx) -> int:
            return len(messages.take(tx, queues.locked(tx, arn), 2, 0))

        def purge(tx: Tx) -> None:
            queues.purge(tx, queues.locked(tx, arn))

        def check(tx: Tx) -> Any:
            queue = queues.find(tx, arn)
            rows = tx.all("SELECT receives FROM sqs_messages WHERE queue = ?", queue.id)
            numbers = tx.one("SELECT sum(there) AS there, sum(received) AS r FROM sqs_counts WHERE queue = ?", queue.id)
            assert numbers is not None
            return (len(rows), sum(row["receives"] > 0 for row in rows)), (numbers["there"] or 0, numbers["r"] or 0)

        for _ in range(5):
            doing: list[Any] = [store.write(send_one, number) for number in range(30)]
            doing[10:10] = [store.write(purge), store.write(receive)]
            doing[25:25] = [store.write(purge), store.write(receive)]
            await asyncio.gather(*doing)
            there, counted = await store.read(check)
            assert there == counted
