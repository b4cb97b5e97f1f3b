"""BatchWriteItem and BatchGetItem."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.running_node import RunningNode
from tests.services.dynamodb.tables import index, make_table, refused


@pytest.fixture(scope="module")
def node(shared_node: RunningNode) -> Iterator[RunningNode]:
    make_table(shared_node, "one")
    make_table(shared_node, "two", "pk:S sk:N", attributes="l:S", LocalSecondaryIndexes=[index("lsi", "pk", "l")])
    yield shared_node


@pytest.fixture
def client(node: RunningNode) -> Any:
    return node.client("dynamodb")


def key(name: str) -> dict[str, Any]:
    return {"pk": {"S": name}}


def put(name: str, **more: Any) -> dict[str, Any]:
    return {"PutRequest": {"Item": {**key(name), **more}}}


def delete(name: str) -> dict[str, Any]:
    return {"DeleteRequest": {"Key": key(name)}}


def test_a_batch_puts_and_deletes_in_several_tables(client: Any) -> None:
    client.put_item(TableName="one", Item=key("gone"))
    answer = client.batch_write_item(
        RequestItems={
            "one": [put("a", b={"S": "x" * 1500}), delete("gone"), delete("never")],
            "two": [put("a", sk={"N": "1.0"}, l={"S": "l"})],
        },
        ReturnConsumedCapacity="TOTAL",
        ReturnItemCollectionMetrics="SIZE",
    )
    assert answer["UnprocessedItems"] == {}
    units = {each["TableName"]: each["CapacityUnits"] for each in answer["ConsumedCapacity"]}
    assert units == {"one": 4.0, "two": 2.0}
    told = {"ItemCollectionKey": key("a"), "SizeEstimateRangeGB": [0.0, 1.0]}
    assert answer["ItemCollectionMetrics"] == {"two": [told]}
    got = client.batch_get_item(
        RequestItems={
            "one": {"Keys": [key("a"), key("gone")], "ProjectionExpression": "pk"},
            "two": {"Keys": [{**key("a"), "sk": {"N": "1"}}], "ConsistentRead": True},
        },
        ReturnConsumedCapacity="TOTAL",
    )
    assert got["Responses"] == {"one": [key("a")], "two": [{**key("a"), "sk": {"N": "1"}, "l": {"S": "l"}}]}
    assert got["UnprocessedKeys"] == {}
    assert {each["TableName"]: each["CapacityUnits"] for each in got["ConsumedCapacity"]} == {"one": 1.0, "two": 1.0}


MISMATCH = "The provided key element does not match the schema"


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({}, "Member must have length greater than or equal to 1"),
        ({"one": [put("a"), delete("a")]}, "Provided list of item keys contains duplicates"),
        ({"one": [{**put("a"), **delete("b")}]}, "Supplied AttributeValue has more than one datatypes set"),
        ({"one": [{"PutRequest": {"Item": {"pk": {"N": "5"}}}}]}, MISMATCH),
        ({"one": [{"PutRequest": {"Item": {"x": {"N": "5"}}}}]}, MISMATCH),
        ({"one": [{"DeleteRequest": {"Key": {"x": {"N": "5"}}}}]}, MISMATCH),
        ({"one": [put("a", b={"S": "x" * 409_600})]}, "Item size has exceeded the maximum allowed size"),
        ({"two": [put("a", sk={"N": "1"}, l={"N": "1"})]}, "Type mismatch for Index Key l Expected: S Actual: N"),
        ({"one": [put(f"{at}") for at in range(20)], "two": [put(f"{at}") for at in range(6)]}, "Too many items"),
    ],
)
def test_a_batch_of_writes_with_one_that_cannot_be_is_refused(client: Any, wanted: Any, said: str) -> None:
    with refused("ValidationException", said):
        client.batch_write_item(RequestItems=wanted)


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({}, "Member must have length greater than or equal to 1"),
        ({"one": {"Keys": [key("a"), key("a")]}}, "Provided list of item keys contains duplicates"),
        ({"one": {"Keys": [{"pk": {"N": "5"}}]}}, MISMATCH),
        (
            {name: {"Keys": [key(f"{at}") for at in range(60)]} for name in ("one", "two")},
            "Too many items requested for the BatchGetItem call",
        ),
        ({"one": {"Keys": [key("a")], "ProjectionExpression": "a, a"}}, "Invalid ProjectionExpression"),
    ],
)
def test_a_batch_of_reads_with_one_that_cannot_be_is_refused(client: Any, wanted: Any, said: str) -> None:
    with refused("ValidationException", said):
        client.batch_get_item(RequestItems=wanted)


def test_a_batch_names_tables_that_are_there(client: Any) -> None:
    with refused("ResourceNotFoundException", "Requested resource not found"):
        client.batch_write_item(RequestItems={"absent": [put("a")]})
    with refused("ResourceNotFoundException", "Requested resource not found"):
        client.batch_get_item(RequestItems={"absent": {"Keys": [key("a")]}})


def test_an_answer_ends_at_sixteen_megabytes_and_says_what_is_left(client: Any) -> None:
    names = [f"large-{at}" for at in range(42)]
    for at in range(0, 42, 21):
        client.batch_write_item(
            RequestItems={"one": [put(name, b={"S": "x" * 409_000}) for name in names[at : at + 21]]}
        )
    got = client.batch_get_item(RequestItems={"one": {"Keys": [key(name) for name in names], "ConsistentRead": True}})
    assert [item["pk"]["S"] for item in got["Responses"]["one"]] == names[:41]
    assert got["UnprocessedKeys"] == {"one": {"Keys": [key(names[41])], "ConsistentRead": True}}
