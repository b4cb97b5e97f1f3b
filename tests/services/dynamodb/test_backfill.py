"""An index that is filled while its table is used is the index that was there from the beginning."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.examples import examples
from tests.running_node import RunningNode, running_node
from tests.services.dynamodb.control import MovableTx, asked, defined, index, keys, made, opened
from wakeful import limits
from wakeful.fabric.trace import Trace
from wakeful.services.dynamodb import changes, items, table
from wakeful.services.dynamodb.table import Table
from wakeful.services.dynamodb.tables import backfill, making, spaces, states, updates
from wakeful.services.dynamodb.values import parsed

BY_G = {**index("by-g", keys("g", sort=("h",))), "Projection": {"ProjectionType": "KEYS_ONLY"}}
CREATE = {"AttributeDefinitions": defined(g="S", h="N"), "GlobalSecondaryIndexUpdates": [{"Create": BY_G}]}

mostly = st.sampled_from((True, True, True, False))
writes = st.tuples(st.integers(0, 9), mostly, st.sampled_from((None, "x", "x", "y")), st.integers(0, 2), mostly)
steps = st.lists(st.one_of(writes, st.just("fill")), max_size=25)


def write(tx: MovableTx, found: Table, what: tuple[int, bool, str | None, int, bool]) -> None:
    """An item comes, changes or goes; some lack the index's partition key, some have another type in its sort key."""
    name, is_there, g, h, is_number = what
    item: Any = {"p": {"S": str(name)}, "h": {"N" if is_number else "S": str(h)}}
    if g is not None:
        item["g"] = {"S": g}
    key = found.keys.of(item)
    before = changes.locked(tx, found, key)
    old = parsed(before) if before is not None else None
    changes.apply(tx, found, key, old, item if is_there else None, changes.Cause(Trace("t")))


def rows(tx: MovableTx, space: int) -> list[tuple[bytes, Any]]:
    return [(each.key, each.item) for each in items.between(tx, space, b"", b"\xff" * 64, 1000)]


@given(st.lists(writes, min_size=5, max_size=15), steps)
@examples(40)
def test_whatever_is_written_meanwhile_the_index_has_what_it_should(before: Any, meanwhile: Any) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(limits, "DYNAMODB_BACKFILL_ITEMS", 2)
        tx = opened()
        found = made(tx)
        for each in before:
            write(tx, found, each)
        updates.update(tx, found, CREATE)
        found = table.find(tx, found.arn)
        (new,) = found.indexes
        pending = tx.one("SELECT body FROM work_items WHERE kind = ?", backfill.KIND)
        reached = bytes.fromhex(orjson.loads(pending["body"])["after"]) if pending is not None else None
        for each in meanwhile:
            if each != "fill":
                write(tx, table.find(tx, found.arn), each)
            elif reached is not None:
                reached = backfill.fill_some(tx, found.arn, new.space, reached)
        while reached is not None:
            reached = backfill.fill_some(tx, found.arn, new.space, reached)
        found = table.find(tx, found.arn)
        assert found.indexes[0].status == table.ACTIVE
        fresh = made_beside(tx, [item for _, item in rows(tx, found.space)])
        assert rows(tx, new.space) == rows(tx, fresh.indexes[0].space)
        assert items.counted(tx, new.space) == items.counted(tx, fresh.indexes[0].space)


def made_beside(tx: MovableTx, content: list[Any]) -> Table:
    """A table that had the index from the beginning, with the same items."""
    arn = "arn:aws:dynamodb:us-east-1:000000000000:table/fresh"
    wanted = asked("fresh", AttributeDefinitions=defined(p="S", g="S", h="N"), GlobalSecondaryIndexes=[BY_G])
    states.later(tx, making.insert(tx, arn, making.definition_of(arn, wanted, tx.now)), {"settled": True})
    found = table.find(tx, arn)
    for item in content:
        changes.apply(tx, found, found.keys.of(item), None, item, changes.Cause(Trace("t")))
    return found


def test_a_large_table_is_filled_by_a_worker_which_a_new_index_does_not_meet(
    node: RunningNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "DYNAMODB_BACKFILL_ITEMS", 3)
    monkeypatch.setattr(limits, "DYNAMODB_BACKFILL_TURN", 2)
    dynamodb = node.client("dynamodb")
    dynamodb.create_table(**asked("large"))
    for number in range(40):
        dynamodb.put_item(TableName="large", Item={"p": {"S": str(number)}, "g": {"S": "x"}, "h": {"N": "1"}})
    dynamodb.update_table(TableName="large", **CREATE)
    node.settle()
    (filled,) = dynamodb.describe_table(TableName="large")["Table"]["GlobalSecondaryIndexes"]
    assert (filled["IndexStatus"], filled["ItemCount"]) == ("ACTIVE", 40)


def test_what_nobody_owns_any_more_goes_in_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "DYNAMODB_SPACE_SWEPT_AT_ONCE", 2)
    tx = opened()
    found = made(tx)
    for number in range(3):
        write(tx, found, (number, True, "x", 1, True))
    statements: list[str] = []
    tx._db.set_trace_callback(statements.append)
    table.lock(tx, found.arn)
    states.remove(tx, found)
    tx._db.set_trace_callback(None)
    assert not any("dynamodb_items" in each for each in statements)
    assert table.get(tx, found.arn) is None
    assert spaces.delete_some(tx, found.space)
    assert len(rows(tx, found.space)) == 1
    assert not spaces.delete_some(tx, found.space)
    assert rows(tx, found.space) == []


@pytest.mark.slow
def test_on_postgresql_too_an_index_has_whatever_is_written_while_it_is_made(tmp_path: Path, postgres_dsn: str) -> None:
    stop = threading.Event()
    with running_node(tmp_path / "data", store=postgres_dsn, rehearse=False) as node, ThreadPoolExecutor(6) as writers:
        dynamodb = node.client("dynamodb")
        dynamodb.create_table(**asked("events"))

        def write(number: int) -> None:
            client, step = node.new_client("dynamodb"), 0
            while not stop.is_set():
                step += 1
                item = {"p": {"S": f"{number} {step % 40}"}, "g": {"S": str(step)}}
                client.put_item(TableName="events", Item=item)

        def held(**index: str) -> list[str]:
            pages = dynamodb.get_paginator("scan").paginate(TableName="events", **index)
            return sorted(f"{each['p']['S']} {each['g']['S']}" for page in pages for each in page["Items"])

        def make(name: str) -> None:
            create = [{"Create": index(name, keys("g"))}]
            dynamodb.update_table(
                TableName="events", AttributeDefinitions=defined(g="S"), GlobalSecondaryIndexUpdates=create
            )
            status = "CREATING"
            while status != "ACTIVE":
                found = dynamodb.describe_table(TableName="events")["Table"]["GlobalSecondaryIndexes"]
                (status,) = [each["IndexStatus"] for each in found if each["IndexName"] == name]

        writing = [writers.submit(write, number) for number in range(6)]
        try:
            for number in range(3):
                make(f"by-g-{number}")
        finally:
            stop.set()
        for each in writing:
            each.result()
        for number in range(3):
            assert held(IndexName=f"by-g-{number}") == held()
