"""Writers of many items at once, on PostgreSQL: none of them ever waits for one that waits for it."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from tests.running_node import RunningNode, running_node
from tests.services.dynamodb.following import make_table, records_of
from wakeful import limits
from wakeful.fabric import journal
from wakeful.services.dynamodb.streams.stream_settings import disable, tend
from wakeful.store.tx import Tx

TABLES = ("one", "two")
WRITERS = 6
ROUNDS = 5
Change = Callable[[Tx, str], object]
_WAITS = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"


@pytest.mark.slow
def test_batches_and_transactions_on_streams_never_wait_for_each_other_in_a_circle(
    tmp_path: Path, postgres_dsn: str
) -> None:
    with psycopg.connect(postgres_dsn, autocommit=True) as db:
        db.execute("CREATE DATABASE circles")
    store = postgres_dsn.rpartition("/")[0] + "/circles"
    with running_node(tmp_path / "data", store=store, rehearse=False) as node:
        arns = [make_table(node, name) for name in TABLES]
        with ThreadPoolExecutor(WRITERS) as writers:
            counts = list(writers.map(lambda seed: write(node, random.Random(seed)), range(WRITERS)))
        assert sum(len(records_of(node, arn)) for arn in arns) == sum(counts)
    with psycopg.connect(store) as db:
        row = db.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = 'circles'").fetchone()
    assert row == (0,)


def write(node: RunningNode, chance: random.Random) -> int:
    """Batches and transactions of random items in random order; how many changes they make."""
    client = node.new_client("dynamodb")
    changes = 0
    for number in range(ROUNDS):
        wanted = chance.sample([(name, f"item {place}") for name in TABLES for place in range(20)], 8)
        changes += len(wanted)
        puts = [(name, {"Item": {"p": {"S": p}, "n": {"N": str(chance.random())}}}) for name, p in wanted]
        if number % 2:
            client.transact_write_items(TransactItems=[{"Put": {"TableName": name, **put}} for name, put in puts])
        else:
            batch = {name: [{"PutRequest": put} for of, put in puts if of == name] for name in TABLES}
            client.batch_write_item(RequestItems={name: requests for name, requests in batch.items() if requests})
    return changes


@pytest.mark.slow
def test_a_stream_that_is_disabled_while_it_rolls_has_no_open_shard(tmp_path: Path, postgres_dsn: str) -> None:
    """Whichever comes first: the other waits for it, and must not go by what it saw before."""
    with psycopg.connect(postgres_dsn, autocommit=True) as db:
        db.execute("CREATE DATABASE rolling")
    store = postgres_dsn.rpartition("/")[0] + "/rolling"
    with running_node(tmp_path / "data", store=store, rehearse=False) as node, psycopg.connect(store) as db:

        async def at_once(arn: str, one: Change, other: Change) -> None:
            has_changed = asyncio.Event()
            loop = asyncio.get_running_loop()

            def first(tx: Tx) -> None:
                one(tx, arn)
                loop.call_soon_threadsafe(has_changed.set)
                deadline = time.monotonic() + 20
                while not db.execute(_WAITS).fetchone():
                    assert time.monotonic() < deadline, "nobody waits"

            async def second() -> None:
                await has_changed.wait()
                await node.node.store.write(other, arn)

            await asyncio.gather(node.node.store.write(first), second())

        for name, changes in (("rolls", (tend, disable)), ("ends", (disable, tend))):
            arn = make_table(node, name)
            node.node.clock.advance(limits.DYNAMODB_STREAM_ROLL_S + 1)
            node.run(at_once(arn, *changes))
            assert node.run(node.node.store.read(journal.open_shards, arn)) == ()
