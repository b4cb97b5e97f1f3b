"""On PostgreSQL, writers that waited for an item while their table got an index."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.running_node import RunningNode, running_node
from tests.services.dynamodb.control import asked, defined, index, keys
from wakeful.fabric.trace import Trace
from wakeful.services.dynamodb import changes, table
from wakeful.store.tx import Tx

ARN = "arn:aws:dynamodb:us-east-1:000000000000:table/events"


def item(name: str, g: str) -> Any:
    return {"p": {"S": name}, "g": {"S": g}}


WRITES: dict[str, Any] = {
    "put": lambda client: client.put_item(TableName="events", Item=item("put", "late")),
    "update": lambda client: client.update_item(
        TableName="events",
        Key={"p": {"S": "update"}},
        UpdateExpression="SET g = :g",
        ExpressionAttributeValues={":g": {"S": "late"}},
    ),
    "batch": lambda client: client.batch_write_item(
        RequestItems={"events": [{"PutRequest": {"Item": item("batch", "late")}}]}
    ),
    "transaction": lambda client: client.transact_write_items(
        TransactItems=[{"Put": {"TableName": "events", "Item": item("transaction", "late")}}]
    ),
    "statement": lambda client: client.execute_statement(
        Statement="UPDATE events SET g = 'late' WHERE p = 'statement'"
    ),
    "statements": lambda client: client.batch_execute_statement(
        Statements=[{"Statement": "UPDATE events SET g = 'late' WHERE p = 'statements'"}]
    ),
}
"""Each of one item, which has its name."""


@pytest.mark.slow
def test_who_waited_for_an_item_knows_of_the_index_that_was_made_meanwhile(tmp_path: Path, postgres_dsn: str) -> None:
    with psycopg.connect(postgres_dsn, autocommit=True) as db:
        db.execute("CREATE DATABASE late")
    store = postgres_dsn.rpartition("/")[0] + "/late"
    holds, goes_on = threading.Event(), threading.Event()

    def write_first(tx: Tx) -> None:
        """It has the items before the others, and writes them when it knows of the index."""
        for name in sorted(WRITES):
            changes.lock(tx, table.find(tx, ARN), key_of(tx, name))
        holds.set()
        assert goes_on.wait(60)
        for name in sorted(WRITES):
            key = key_of(tx, name)
            before = changes.locked(tx, table.find(tx, ARN), key)
            assert before is not None
            changes.apply(tx, table.find(tx, ARN), key, item(name, "old"), item(name, "early"), CAUSE)

    with running_node(tmp_path / "data", store=store, rehearse=False) as node, ThreadPoolExecutor(8) as writers:
        dynamodb = node.client("dynamodb")
        dynamodb.create_table(**asked("events"))
        for name in WRITES:
            dynamodb.put_item(TableName="events", Item=item(name, "old"))
        try:
            first = writers.submit(lambda: node.run(node.node.store.write(write_first)))
            assert holds.wait(60)
            late = [writers.submit(write, node.new_client("dynamodb")) for write in WRITES.values()]
            wait_for_waiting(store, len(late))
            create = [{"Create": index("by-g", keys("g"))}]
            dynamodb.update_table(
                TableName="events", AttributeDefinitions=defined(g="S"), GlobalSecondaryIndexUpdates=create
            )
        finally:
            goes_on.set()
        for each in (first, *late):
            each.result(60)
        assert shown(node) == sorted(f"{name} late" for name in WRITES)


CAUSE = changes.Cause(Trace("t"))


def key_of(tx: Tx, name: str) -> bytes:
    return table.find(tx, ARN).keys.of(item(name, ""))


def wait_for_waiting(store: str, count: int) -> None:
    """Returns when so many transactions wait for what another holds."""
    sql = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    until = time.monotonic() + 60
    with psycopg.connect(store, autocommit=True) as db:
        while db.execute(sql).fetchone() != (count,):
            assert time.monotonic() < until


def shown(node: RunningNode) -> list[str]:
    """What the index shows when it has everything."""
    dynamodb = node.client("dynamodb")
    node.advance(60)
    (found,) = dynamodb.describe_table(TableName="events")["Table"]["GlobalSecondaryIndexes"]
    assert found["IndexStatus"] == "ACTIVE"
    items = dynamodb.scan(TableName="events", IndexName="by-g")["Items"]
    return sorted(f"{each['p']['S']} {each['g']['S']}" for each in items)
