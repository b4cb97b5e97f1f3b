"""Expressions as a client sends them to the operations."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.running_node import RunningNode
from tests.services.dynamodb.tables import make_table

TABLE = "expressions"


@pytest.fixture(scope="module")
def node(shared_node: RunningNode) -> Iterator[RunningNode]:
    make_table(shared_node, TABLE)
    yield shared_node


@pytest.fixture
def client(node: RunningNode) -> Any:
    return node.client("dynamodb")


def key(name: str) -> dict[str, Any]:
    return {"pk": {"S": name}}


def test_a_counter_counts_while_its_condition_holds(client: Any) -> None:
    answers = []
    for _ in range(4):
        try:
            answer = client.update_item(
                TableName=TABLE,
                Key=key("counter"),
                UpdateExpression="SET #n = if_not_exists(#n, :zero) + :one",
                ConditionExpression="attribute_not_exists(#n) OR #n < :most",
                ExpressionAttributeNames={"#n": "count"},
                ExpressionAttributeValues={":zero": {"N": "0"}, ":one": {"N": "1"}, ":most": {"N": "3"}},
                ReturnValues="UPDATED_NEW",
            )
            answers.append(answer["Attributes"]["count"]["N"])
        except client.exceptions.ConditionalCheckFailedException:
            answers.append("no more")
    assert answers == ["1", "2", "3", "no more"]


def test_a_mistake_is_told_by_its_code_and_message(client: Any) -> None:
    with pytest.raises(ClientError) as caught:
        client.update_item(TableName=TABLE, Key=key("any"), UpdateExpression="SET name = :a")
    assert caught.value.response["Error"] == {
        "Code": "ValidationException",
        "Message": "Invalid UpdateExpression: Attribute name is a reserved keyword; reserved keyword: name",
    }


@pytest.mark.parametrize(
    "update",
    [
        {"UpdateExpression": "REMOVE x.y, z"},
        {"UpdateExpression": "DELETE x :set", "ExpressionAttributeValues": {":set": {"SS": ["a"]}}},
        {"AttributeUpdates": {"x": {"Action": "DELETE"}}},
    ],
)
def test_an_update_that_only_takes_away_makes_no_item(client: Any, update: dict[str, Any]) -> None:
    answer = client.update_item(TableName=TABLE, Key=key("nothing"), ReturnValues="ALL_NEW", **update)
    assert "Attributes" not in answer
    assert "Item" not in client.get_item(TableName=TABLE, Key=key("nothing"), ConsistentRead=True)


def test_binaries_compare_as_what_they_hold(client: Any) -> None:
    client.put_item(TableName=TABLE, Item={**key("binary"), "b": {"B": b"\x7f\xff"}})
    shown = client.put_item(
        TableName=TABLE,
        Item=key("binary"),
        ConditionExpression="b < :b AND begins_with(b, :begin) AND size(b) = :two",
        ExpressionAttributeValues={":b": {"B": b"\x80"}, ":begin": {"B": b"\x7f"}, ":two": {"N": "2"}},
        ReturnValues="ALL_OLD",
    )
    assert shown["Attributes"]["b"] == {"B": b"\x7f\xff"}
