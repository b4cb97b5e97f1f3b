"""DynamoDB: puts, gets, queries, updates and transactions on tables of few and of very many items; beside peers."""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Callable, Iterator
from typing import Any

from bench import systems
from bench.subjects import SECONDS, load, or_told
from bench.systems import System

CONNECTIONS = (1, 16, 64)
ITEMS = tuple(int(number) for number in os.environ.get("BENCH_ITEMS", "10000,1000000").split(","))
FILL_S = float(os.environ.get("BENCH_TABLE_FILL_S", "90"))
"""How long a table is filled at most, through the API, 25 items at a time."""

PARTITION = 100
"""Items of one partition."""

PAYLOAD = "x" * 200
SEVERAL = 10_000
"""Different requests of a load."""

Body = dict[str, Any]


def table() -> None:
    """Durable writes and reads through HTTP, each request signed; and how they change with the table's size."""
    print("## DynamoDB (about 250 bytes an item; ours verifies each signature and answers when it is on disk)\n")
    print("| system | items | what | connections | p50 ms | p99 ms | each second | of the same at fewer items |")
    print("|---|---|---|---|---|---|---|---|")
    peers = (systems.ministack, systems.moto, systems.dynalite, systems.dynamodb_local)
    for start in (systems.strict_wakeful, *peers):
        with or_told(start) as system:
            if system is None:
                continue
            before: dict[tuple[str, int], float] = {}
            for items in ITEMS:
                for line in _lines(system, items, before):
                    print(f"| {system.name} | {items:,} | {line} |", flush=True)
    print()


def _lines(system: System, items: int, before: dict[tuple[str, int], float]) -> Iterator[str]:
    """Of a table with so many items. `before` has what the same came to with fewer, and gets what it comes to."""
    name = f"bench-{items}"
    _create(system, name)
    there, took = _filled(system, name, items)
    if there < items:
        yield f"could be filled with {there:,} within {took:.0f} s | | | | |"
        return
    yield f"fill, by 25 | 16 | | | {there / took:.0f} | |"
    pick = random.Random(items)
    for what, (operation, body) in _REQUESTS.items():
        bodies = [body(name, pick.randrange(items)) for _ in range(min(SEVERAL, items))]
        for connections in CONNECTIONS:
            found = _load(system, operation, bodies, connections)
            if found["errors"] >= found["requests"]:
                yield f"{what} | not answered | | | |"
                break
            earlier = before.get((what, connections))
            share = f"{found['per_s'] / earlier:.2f}" if earlier else ""
            before[what, connections] = found["per_s"]
            times = f"{found['p50_ms']:.3f} | {found['p99_ms']:.3f}"
            yield f"{what} | {connections} | {times} | {found['per_s']:.0f} | {share}"


def _create(system: System, name: str) -> None:
    client = system.client("dynamodb")
    client.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "p", "KeyType": "HASH"}, {"AttributeName": "s", "KeyType": "RANGE"}],
        AttributeDefinitions=[
            {"AttributeName": "p", "AttributeType": "S"},
            {"AttributeName": "s", "AttributeType": "N"},
        ],
        BillingMode="PAY_PER_REQUEST",
    )
    client.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 1})


def _filled(system: System, name: str, items: int) -> tuple[int, float]:
    """How many items are in the table now, and how long it took."""
    there, begun = 0, time.perf_counter()
    while there < items and time.perf_counter() - begun < FILL_S:
        some = range(there, min(items, there + 50_000))
        batches = [some[at : at + 25] for at in range(0, len(some), 25)]
        bodies = [
            {"RequestItems": {name: [{"PutRequest": {"Item": _item(number)}} for number in batch]}} for batch in batches
        ]
        found = _load(system, "BatchWriteItem", bodies, 16, FILL_S, kind="all")
        there += (found["requests"] - found["errors"]) * 25
        if found["requests"] < len(bodies):
            break
    return there, time.perf_counter() - begun


def _load(
    system: System,
    operation: str,
    bodies: list[Body],
    connections: int,
    seconds: float = SECONDS,
    kind: str = "several",
) -> dict[str, Any]:
    asked = {
        "key": system.access.key,
        "secret": system.access.secret,
        "service": "dynamodb",
        "target": f"DynamoDB_20120810.{operation}",
        "bodies": bodies,
    }
    return load(system, json.dumps(asked).encode(), connections, seconds, kind=kind)


def _key(number: int) -> Body:
    return {"p": {"S": f"partition-{number // PARTITION}"}, "s": {"N": str(number % PARTITION)}}


def _item(number: int) -> Body:
    return {**_key(number), "count": {"N": "1"}, "payload": {"S": PAYLOAD}}


def _query(name: str, number: int) -> Body:
    values = {":p": _key(number)["p"]}
    return {"TableName": name, "KeyConditionExpression": "p = :p", "ExpressionAttributeValues": values, "Limit": 10}


def _update(name: str, number: int) -> Body:
    return {
        "TableName": name,
        "Key": _key(number),
        "UpdateExpression": "SET #c = #c + :one",
        "ConditionExpression": "attribute_exists(payload) AND #c > :zero",
        "ExpressionAttributeNames": {"#c": "count"},
        "ExpressionAttributeValues": {":one": {"N": "1"}, ":zero": {"N": "0"}},
    }


def _transact(name: str, number: int) -> Body:
    """Two items that lie far apart."""
    puts = [{"Put": {"TableName": name, "Item": _item(each)}} for each in (number, number ^ PARTITION)]
    return {"TransactItems": puts}


_REQUESTS: dict[str, tuple[str, Callable[[str, int], Body]]] = {
    "put": ("PutItem", lambda name, number: {"TableName": name, "Item": _item(number)}),
    "get": ("GetItem", lambda name, number: {"TableName": name, "Key": _key(number)}),
    "query ten": ("Query", _query),
    "update on a condition": ("UpdateItem", _update),
    "transact two puts": ("TransactWriteItems", _transact),
}
