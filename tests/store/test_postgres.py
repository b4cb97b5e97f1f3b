"""What only PostgreSQL can do to us: go away and come back, with another node on the same state meanwhile."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack

import psycopg
import pytest

from wakeful.clock import Clock
from wakeful.store import lease, schema, work
from wakeful.store.postgres import PostgresStore
from wakeful.store.tx import Outbox, Tx

pytestmark = pytest.mark.slow

TABLES = {"work": work.SCHEMA, "lease": lease.SCHEMA}
Open = Callable[..., PostgresStore]


@pytest.fixture
async def open_one(postgres_dsn: str) -> AsyncIterator[Open]:
    name = f"t{uuid.uuid4().hex[:12]}"
    async with AsyncExitStack() as stack:

        def opened(
            on_commit: Callable[[Outbox], None] = lambda outbox: None, on_missed: Callable[[], None] = lambda: None
        ) -> PostgresStore:
            clock = Clock()
            store = PostgresStore(
                postgres_dsn, clock=clock.now, on_commit=on_commit, on_missed=on_missed, schema=name, connections=4
            )
            stack.push_async_callback(store.close)
            return store

        yield opened


def cut(dsn: str) -> None:
    """Every connection ends, as when the server is started again."""
    with psycopg.connect(dsn, autocommit=True) as db:
        db.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")


async def test_connections_that_were_cut_are_made_anew_and_nobody_notices(open_one: Open, postgres_dsn: str) -> None:
    store = open_one()
    await store.write(schema.apply, TABLES)
    for number in range(3):
        cut(postgres_dsn)
        await asyncio.gather(*(store.write(work.put, "k", [number, each]) for each in range(8)))
        cut(postgres_dsn)
        rows = await store.read(lambda tx: tx.all("SELECT id FROM work_items"))
        assert len(rows) == 8 * (number + 1)


async def test_wakes_are_heard_again_and_that_some_may_be_missing_is_told(open_one: Open, postgres_dsn: str) -> None:
    heard, missed = asyncio.Event(), asyncio.Event()
    other = open_one()
    await other.write(schema.apply, TABLES)
    open_one(lambda outbox: heard.set(), missed.set)
    cut(postgres_dsn)
    await asyncio.wait_for(missed.wait(), 20)
    heard.clear()
    await other.write(lambda tx: tx.wake("x"))
    await asyncio.wait_for(heard.wait(), 20)


async def test_where_there_is_no_server_that_is_said() -> None:
    with pytest.raises(ConnectionError, match=r"PostgreSQL: .*refused"):
        PostgresStore("postgresql://x@127.0.0.1:1/x", clock=Clock().now, on_commit=lambda outbox: None)


async def test_work_that_another_was_given_meanwhile_is_not_taken_from_it(open_one: Open) -> None:
    store = open_one()
    await store.write(schema.apply, TABLES)
    await store.write(work.put, "k", "a")
    (of_a,) = await store.write(work.claim, "k", 1, "a")
    await store.write(work.re_enter, ())
    (of_b,) = await store.write(work.claim, "k", 1, "b")
    assert of_b.id == of_a.id
    await store.write(work.again, of_a, 0.0)
    assert await store.write(work.claim, "k", 1, "c") == []


def held(tx: Tx) -> list[str]:
    return [row["name"] for row in tx.all("SELECT name FROM lease_holders")]


async def test_leases_that_lapsed_long_ago_are_forgotten(open_one: Open) -> None:
    store = open_one()
    await store.write(schema.apply, TABLES)
    await store.write(lease.hold, "node/old", "old", wall=100.0, for_s=10)
    await store.write(lease.hold, "node/new", "new", wall=200.0, for_s=10)
    await store.write(lease.forget_lapsed, "node/", before=150.0)
    assert await store.read(held) == ["node/new"]
