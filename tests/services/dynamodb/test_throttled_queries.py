"""A node that minds throughput minds what queries, scans and statements read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.errors import refusal
from tests.running_node import running_node
from tests.services.dynamodb import scores

EXCEEDED = "ProvisionedThroughputExceededException"
PARTITION = {"KeyConditionExpression": "p = :p", "ExpressionAttributeValues": {":p": {"S": "a"}}}
BY_KEY = "SELECT * FROM {} WHERE p = 'a'"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    folder: Path = tmp_path_factory.mktemp("throttled")
    with running_node(folder / "data", throttle_tables=True) as node:
        yield node.client("dynamodb")


@pytest.fixture
def drained(client: Any, request: pytest.FixtureRequest) -> str:
    """A table of which so much was read that nothing is left for minutes."""
    name = str(request.node.name)
    units = {"ReadCapacityUnits": 1, "WriteCapacityUnits": 500}
    client.create_table(
        TableName=name,
        AttributeDefinitions=[{"AttributeName": "p", "AttributeType": "S"}],
        KeySchema=scores.schema(["p"], []),
        ProvisionedThroughput=units,
    )
    client.put_item(TableName=name, Item={"p": {"S": "a"}, "x": {"S": "x" * 390_000}})
    client.scan(TableName=name, ConsistentRead=True)  # 96 units, of one a second
    return name


def test_queries_and_scans_are_refused_when_nothing_is_left(client: Any, drained: str) -> None:
    assert refusal(client.scan, TableName=drained)[0] == EXCEEDED
    assert refusal(client.query, TableName=drained, **PARTITION)[0] == EXCEEDED


def test_statements_are_refused_each_in_its_way(client: Any, drained: str) -> None:
    statement = {"Statement": BY_KEY.format(f'"{drained}"')}
    assert refusal(client.execute_statement, **statement)[0] == EXCEEDED
    (answer,) = client.batch_execute_statement(Statements=[statement])["Responses"]
    assert answer["Error"]["Code"] == "ProvisionedThroughputExceeded"
    assert refusal(client.execute_transaction, TransactStatements=[statement])[0] == "TransactionCanceledException"
