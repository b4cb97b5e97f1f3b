"""Regions of a global table that are written to at once, on PostgreSQL: none waits for one that waits for it."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from tests.running_node import RunningNode, running_node
from tests.services.dynamodb.kept import NAME, contents, plain

REGIONS = ("us-east-1", "eu-west-1", "ap-southeast-2")
WRITERS = 6
ROUNDS = 8


@pytest.mark.slow
def test_regions_that_change_the_same_items_never_wait_for_each_other_in_a_circle(
    tmp_path: Path, postgres_dsn: str
) -> None:
    with psycopg.connect(postgres_dsn, autocommit=True) as db:
        db.execute("CREATE DATABASE regions")
    store = postgres_dsn.rpartition("/")[0] + "/regions"
    with running_node(tmp_path / "data", store=store, rehearse=False) as node:
        first = node.client("dynamodb", region=REGIONS[0])
        first.create_table(**plain(NAME))
        for region in REGIONS[1:]:
            first.update_table(TableName=NAME, ReplicaUpdates=[{"Create": {"RegionName": region}}])
            first.get_waiter("table_exists").wait(TableName=NAME, WaiterConfig={"Delay": 1})
        with ThreadPoolExecutor(WRITERS) as writers:
            list(writers.map(lambda seed: write(node, random.Random(seed)), range(WRITERS)))
        held = [contents(node, region=region) for region in REGIONS]
        assert held[0]
        assert held.count(held[0]) == len(REGIONS), "they never differ"
    with psycopg.connect(store) as db:
        row = db.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = 'regions'").fetchone()
    assert row == (0,)


def write(node: RunningNode, chance: random.Random) -> None:
    """Changes of one item and of several, of a few that everybody changes, in any of the regions."""
    clients = [node.new_client("dynamodb", region=region) for region in REGIONS]
    for number in range(ROUNDS):
        client = chance.choice(clients)
        puts = [
            {"Item": {"p": {"S": f"item {place}"}, "v": {"N": str(chance.randrange(1000))}}}
            for place in chance.sample(range(10), 5)
        ]
        if number % 3 == 0:
            client.transact_write_items(TransactItems=[{"Put": {"TableName": NAME, **put}} for put in puts])
        elif number % 3 == 1:
            client.batch_write_item(RequestItems={NAME: [{"PutRequest": put} for put in puts]})
        else:
            client.put_item(TableName=NAME, **puts[0])
