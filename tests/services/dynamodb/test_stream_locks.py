"""Writers of many items at once, on PostgreSQL: none of them ever waits for one that waits for it."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from tests.running_node import RunningNode, running_node
from tests.services.dynamodb.following import make_table, records_of

TABLES = ("one", "two")
WRITERS = 6
ROUNDS = 5


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
