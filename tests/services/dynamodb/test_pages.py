"""Pages that are read in parts: the same pages, and others have their turn between the parts."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.running_node import RunningNode
from tests.services.dynamodb import scores
from tests.services.dynamodb.control import CALL, asked
from tests.services.dynamodb.scores import TABLE
from wakeful import limits
from wakeful.services.dynamodb import query_operations, table
from wakeful.services.dynamodb.errors import ResourceNotFoundException
from wakeful.store.tx import Tx

OF_P1 = {"KeyConditionExpression": "player = :p", "ExpressionAttributeValues": {":p": {"S": "p1"}}}
SILVER = {"FilterExpression": "medal = :m", "ExpressionAttributeValues": {":m": {"S": "silver"}}}
IN = "SELECT * FROM scores WHERE player IN ('p2', 'p0', 'p3')"

REQUESTS: list[tuple[str, dict[str, Any]]] = [
    ("scan", {}),
    ("scan", {"Limit": 7}),
    ("scan", {"Select": "COUNT"}),
    ("scan", {**SILVER, "Limit": 17}),
    ("scan", {"IndexName": "leagues"}),
    ("scan", {"Segment": 1, "TotalSegments": 2}),
    ("query", OF_P1),
    ("query", {**OF_P1, "ScanIndexForward": False, "Limit": 4}),
    ("query", {**OF_P1, "IndexName": "by-score", "ProjectionExpression": "note"}),
    ("execute_statement", {"Statement": "SELECT * FROM scores"}),
    ("execute_statement", {"Statement": IN, "Limit": 8}),
    ("execute_statement", {"Statement": f"{IN} ORDER BY game DESC", "Limit": 11}),
]


@pytest.fixture(scope="module")
def client(shared_node: RunningNode) -> Any:
    return scores.make(shared_node)


def pages(client: Any, operation: str, request: dict[str, Any]) -> list[dict[str, Any]]:
    """All answers, until there is nothing more; of tokens only whether there is one."""
    of = {"ReturnConsumedCapacity": "INDEXES", **({} if operation == "execute_statement" else {"TableName": TABLE})}
    found: list[dict[str, Any]] = []
    request = {**of, **request}
    while len(found) < 50:
        answer = getattr(client, operation)(**request)
        del answer["ResponseMetadata"]
        token, key = answer.pop("NextToken", None), answer.get("LastEvaluatedKey")
        found.append(answer)
        if token is None and key is None:
            return found
        request |= {"NextToken": token} if token is not None else {"ExclusiveStartKey": key}
    raise AssertionError("there is always another page")


@pytest.mark.parametrize(("operation", "request_"), REQUESTS)
def test_in_however_many_parts_it_is_read_a_page_is_the_same(
    client: Any, monkeypatch: pytest.MonkeyPatch, operation: str, request_: dict[str, Any]
) -> None:
    monkeypatch.setattr(limits, "DYNAMODB_PAGE_BYTES", 250)  # some items of the table
    monkeypatch.setattr(limits, "TURN_S", 3600.0)
    whole = pages(client, operation, request_)
    monkeypatch.setattr(limits, "TURN_S", 0.0)
    for name in ("FIRST", "MAX", "LOOKED_AT"):
        monkeypatch.setattr(limits, f"DYNAMODB_PAGE_ROWS_{name}", 1)
    assert pages(client, operation, request_) == whole
    assert sum(each["Count"] if "Count" in each else len(each["Items"]) for each in whole) > 1


@pytest.fixture
def small(node: RunningNode, monkeypatch: pytest.MonkeyPatch) -> RunningNode:
    """A node with a table of small items, where every turn is over when its first rows are read."""
    dynamodb = node.client("dynamodb")
    dynamodb.create_table(**asked("small"))
    for number in range(40):
        dynamodb.put_item(TableName="small", Item={"p": {"S": str(number)}})
    monkeypatch.setattr(limits, "TURN_S", 0.0)
    monkeypatch.setattr(limits, "DYNAMODB_PAGE_ROWS_FIRST", 1)
    return node


@pytest.mark.parametrize(
    ("operation", "request_"),
    [("Scan", {"TableName": "small"}), ("ExecuteStatement", {"Statement": "SELECT * FROM small"})],
)
def test_others_have_their_turn_while_a_long_page_is_read(
    small: RunningNode, operation: str, request_: dict[str, Any]
) -> None:
    count, answer = small.run(turns(small, operation, request_))
    assert len(answer["Items"]) == 40
    assert count > 30


async def turns(node: RunningNode, operation: str, request: dict[str, Any]) -> tuple[int, Any]:
    """How often somebody else was on meanwhile, and the answer."""
    asking = asyncio.ensure_future(node.node.call(CALL, "dynamodb", operation, request))
    count = 0
    while not asking.done():
        count += 1
        await asyncio.sleep(0)
    return count, await asking


def test_a_table_that_goes_while_it_is_read_is_not_found(small: RunningNode) -> None:
    def forget(tx: Tx) -> None:
        tx.lock("dynamodb")
        tx.run("DELETE FROM dynamodb_tables")

    async def read() -> None:
        arn = table.arn_of(CALL, "small")
        page = await small.node.store.read(query_operations._scan, arn, {"TableName": "small"})
        assert not page.is_whole
        await small.node.store.write(forget)
        await page.rest(small.node)

    with pytest.raises(ResourceNotFoundException):
        small.run(read())


SELECTS = [{"Statement": f"SELECT p FROM small WHERE p = '{number}'"} for number in range(25)]
KEYS = [{"p": {"S": str(number)}} for number in range(25)]


@pytest.mark.parametrize(
    ("operation", "request_"),
    [
        ("BatchGetItem", {"RequestItems": {"small": {"Keys": KEYS, "ProjectionExpression": "p"}}}),
        ("TransactGetItems", {"TransactItems": [{"Get": {"TableName": "small", "Key": key}} for key in KEYS]}),
        ("BatchExecuteStatement", {"Statements": SELECTS}),
        ("ExecuteTransaction", {"TransactStatements": SELECTS}),
    ],
)
def test_others_have_their_turn_while_many_items_are_looked_at(
    small: RunningNode, operation: str, request_: dict[str, Any]
) -> None:
    count, _ = small.run(turns(small, operation, request_))
    assert count > 25
