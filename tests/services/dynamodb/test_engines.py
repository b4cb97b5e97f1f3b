"""A table's whole life on each engine of the store: filled, indexed, expiring, deleted and swept."""

from __future__ import annotations

import asyncio
import threading
from typing import Any, cast

from tests.conftest import OpenStore
from tests.services.dynamodb.control import CALL, SCHEMA, UNITS, asked, defined, index, keys
from wakeful import limits
from wakeful.clock import Clock
from wakeful.fabric.parts import Parts
from wakeful.fabric.trace import Trace
from wakeful.services.dynamodb import changes, items, table
from wakeful.services.dynamodb.table import Table
from wakeful.services.dynamodb.tables import (
    backfill,
    description,
    expiries,
    making,
    policies,
    spaces,
    states,
    ttl,
    updates,
)
from wakeful.store import schema, work
from wakeful.store.tx import Store, Tx

ARN = "arn:aws:dynamodb:us-east-1:000000000000:table/events"
BY_G = index("by-g", keys("g"))


def make(tx: Tx) -> Table:
    found = making.insert(tx, ARN, making.definition_of(ARN, asked("events"), tx.now))
    states.later(tx, found, {"settled": True})
    return table.find(tx, ARN)


def write(tx: Tx, name: str, until: int, found: Table | None = None) -> None:
    item: Any = {"p": {"S": name}, "g": {"S": "x"}, "until": {"N": str(until)}}
    found = found or table.find(tx, ARN)
    key = found.keys.of(item)
    changes.locked(tx, found, key)
    changes.apply(tx, found, key, None, item, changes.Cause(Trace("t")))


def change(tx: Tx, /, **wanted: Any) -> dict[str, Any]:
    updates.check(wanted)
    table.lock(tx, ARN)
    return dict(updates.update(tx, table.find_any(tx, ARN), wanted))


def enable(tx: Tx) -> int:
    table.lock(tx, ARN)
    ttl.enable(tx, table.find(tx, ARN), "until")
    setting = expiries.setting(table.find(tx, ARN))
    assert setting is not None
    return int(setting["List"])


def left(tx: Tx) -> list[int]:
    """How many rows there are of each kind."""
    names = ("tables", "items", "counts", "spaces", "expiries", "policies")
    return [len(tx.all(f"SELECT * FROM dynamodb_{name}")) for name in names]


async def test_a_table_lives_and_dies_without_leaving_anything(open_store: OpenStore, clock: Clock) -> None:
    async with open_store(parts=Parts(cast(Any, None))) as store:
        await store.write(schema.apply, {"work": work.SCHEMA, "dynamodb": SCHEMA})
        await store.write(make)
        now = int(clock.now())
        for number in range(5):
            await store.write(write, str(number), now + (10 if number < 3 else 1000))
        await store.write(change, AttributeDefinitions=defined(g="S"), GlobalSecondaryIndexUpdates=[{"Create": BY_G}])
        number = await store.write(enable)
        await fill(store, clock)
        shown = await store.read(lambda tx: description.described(tx, table.find(tx, ARN)))
        assert (shown["ItemCount"], shown["GlobalSecondaryIndexes"][0]["ItemCount"]) == (5, 5)  # type: ignore[index]
        assert await store.read(work.next_due, expiries.KIND) == now + 10
        clock.advance(10)
        assert not await store.write(ttl.expire_some, ARN, number, Trace("t"))
        found = await store.read(table.find, ARN)
        for space in (found.space, found.indexes[0].space):
            assert (await store.read(items.counted, space))[0] == 2
        policy = '{"Version": "2012-10-17", "Statement": {"Effect": "Deny", "Principal": "*", "Action": "*",'
        await store.write(policies.put, CALL, ARN, policy + ' "Resource": "*"}}', expected=None, is_lockout_meant=True)
        await store.write(change, BillingMode="PROVISIONED", ProvisionedThroughput=UNITS, **units_of_index())
        assert (await store.read(table.find, ARN)).definition["BillingMode"] == "PROVISIONED"
        await store.write(remove)
        swept = [item.body["space"] for item in await store.write(work.claim, spaces.KIND, 10, "n")]
        assert len(swept) == 3
        for space in swept:
            assert not await store.write(spaces.delete_some, space)
            await store.write(spaces._forget, space)
        assert await store.read(left) == [0] * 6


async def test_an_index_has_what_was_being_written_when_it_was_made(open_store: OpenStore, clock: Clock) -> None:
    async with open_store(parts=Parts(cast(Any, None))) as store:
        await store.write(schema.apply, {"work": work.SCHEMA, "dynamodb": SCHEMA})
        await store.write(make)
        has_read, is_made = threading.Event(), threading.Event()

        def slowly(tx: Tx) -> None:
            found = table.find(tx, ARN)
            has_read.set()
            if tx.skip_locked:  # where many write at a time
                assert is_made.wait(20)
            write(tx, "slow", 0, found)

        writing = asyncio.ensure_future(store.write(slowly))
        await asyncio.to_thread(has_read.wait, 20)
        await store.write(change, AttributeDefinitions=defined(g="S"), GlobalSecondaryIndexUpdates=[{"Create": BY_G}])
        is_made.set()
        await writing
        await fill(store, clock)
        found = await store.read(table.find, ARN)
        assert found.indexes[0].status == table.ACTIVE
        assert (await store.read(items.counted, found.indexes[0].space))[0] == 1


async def fill(store: Store, clock: Clock) -> None:
    """What is there already is in the index and in the list of what expires, on an engine where that takes a while."""
    clock.advance(limits.DYNAMODB_SETTLING_S)
    for item in await store.write(work.claim, backfill.KIND, 1, "n"):
        assert await store.write(backfill.fill_some, item.body["arn"], item.body["space"], b"") is None
    for item in await store.write(work.claim, ttl.FILL, 1, "n"):
        assert await store.write(ttl.list_some, item.body["arn"], item.body["list"], b"") is None


def units_of_index() -> dict[str, Any]:
    return {"GlobalSecondaryIndexUpdates": [{"Update": {"IndexName": "by-g", "ProvisionedThroughput": UNITS}}]}


def remove(tx: Tx) -> None:
    table.lock(tx, ARN)
    states.remove(tx, table.find(tx, ARN))
