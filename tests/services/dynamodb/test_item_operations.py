"""PutItem, GetItem, UpdateItem and DeleteItem, as a client has them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3.dynamodb.types
import pytest
from botocore.exceptions import ClientError

from tests.running_node import RunningNode
from tests.services.dynamodb.tables import index, make_table, refused

INVALID = "One or more parameter values were invalid: "
EMPTY = "The AttributeValue for a key attribute cannot contain an empty string value."


@pytest.fixture(scope="module")
def node(shared_node: RunningNode) -> Iterator[RunningNode]:
    make_table(shared_node, "plain")
    make_table(
        shared_node,
        "full",
        "pk:S sk:N",
        attributes="g:S h:B l:S",
        GlobalSecondaryIndexes=[index("gsi", "g", "h", projection="INCLUDE", attributes=("shown",))],
        LocalSecondaryIndexes=[index("lsi", "pk", "l")],
    )
    yield shared_node


@pytest.fixture
def client(node: RunningNode) -> Any:
    return node.client("dynamodb")


def key(name: str) -> dict[str, Any]:
    return {"pk": {"S": name}}


def test_an_item_comes_back_as_it_was_put(client: Any) -> None:
    item = {
        **key("all"),
        "number": {"N": "-1.5"},
        "binary": {"B": b"\x00\xff"},
        "set": {"NS": ["1", "2"]},
        "nested": {"M": {"ranks": {"L": [{"NULL": True}, {"BOOL": False}, {"S": ""}, {"BS": [b"a", b"b"]}]}}},
    }
    client.put_item(TableName="plain", Item=item)
    assert client.get_item(TableName="plain", Key=key("all"))["Item"] == item
    some = client.get_item(TableName="plain", Key=key("all"), ProjectionExpression="nested.ranks[1], pk")["Item"]
    assert some == {**key("all"), "nested": {"M": {"ranks": {"L": [{"BOOL": False}]}}}}
    assert "Item" not in client.get_item(TableName="plain", Key=key("none"), ConsistentRead=True)


def test_a_number_comes_back_in_awss_one_form(client: Any) -> None:
    client.put_item(TableName="plain", Item={**key("forms"), "a": {"N": "1e2"}, "s": {"NS": ["3.0", "-1"]}})
    item = client.get_item(TableName="plain", Key=key("forms"))["Item"]
    assert (item["a"], item["s"]) == ({"N": "100"}, {"NS": ["-1", "3"]})
    python = boto3.dynamodb.types.TypeDeserializer().deserialize({"M": item})
    assert python["s"] == {-1, 3}


def test_a_put_shows_what_it_replaced(client: Any) -> None:
    assert "Attributes" not in client.put_item(TableName="plain", Item=key("old"), ReturnValues="ALL_OLD")
    second = client.put_item(TableName="plain", Item={**key("old"), "a": {"S": "x"}}, ReturnValues="ALL_OLD")
    assert second["Attributes"] == key("old")
    gone = client.delete_item(TableName="plain", Key=key("old"), ReturnValues="ALL_OLD")
    assert gone["Attributes"] == {**key("old"), "a": {"S": "x"}}
    assert "Attributes" not in client.delete_item(TableName="plain", Key=key("old"), ReturnValues="ALL_OLD")


@pytest.mark.parametrize(
    ("wanted", "shown"),
    [
        ("NONE", None),
        ("ALL_OLD", {"n": {"N": "1"}, "gone": {"S": "x"}, "m": {"M": {"a": {"S": "1"}, "b": {"S": "2"}}}}),
        ("ALL_NEW", {"n": {"N": "3"}, "m": {"M": {"a": {"S": "new"}, "b": {"S": "2"}}}}),
        ("UPDATED_OLD", {"n": {"N": "1"}, "gone": {"S": "x"}, "m": {"M": {"a": {"S": "1"}}}}),
        ("UPDATED_NEW", {"n": {"N": "3"}, "m": {"M": {"a": {"S": "new"}}}}),
    ],
)
def test_an_update_shows_what_is_asked_for(client: Any, wanted: str, shown: Any) -> None:
    before = {"n": {"N": "1"}, "gone": {"S": "x"}, "m": {"M": {"a": {"S": "1"}, "b": {"S": "2"}}}}
    client.put_item(TableName="plain", Item={**key(wanted), **before})
    answer = client.update_item(
        TableName="plain",
        Key=key(wanted),
        UpdateExpression="SET n = n + :two, m.a = :new REMOVE gone",
        ExpressionAttributeValues={":two": {"N": "2"}, ":new": {"S": "new"}},
        ReturnValues=wanted,
    )
    whole = shown if shown is None or wanted.startswith("UPDATED") else {**key(wanted), **shown}
    assert answer.get("Attributes") == whole


def test_an_update_of_nothing_makes_an_item(client: Any) -> None:
    client.update_item(TableName="plain", Key=key("bare"))
    assert client.get_item(TableName="plain", Key=key("bare"))["Item"] == key("bare")
    made = client.update_item(
        TableName="plain",
        Key=key("counted"),
        AttributeUpdates={"n": {"Action": "ADD", "Value": {"N": "5"}}},
        ReturnValues="ALL_NEW",
    )
    assert made["Attributes"] == {**key("counted"), "n": {"N": "5"}}


def test_a_condition_that_does_not_hold_changes_nothing_and_may_show_the_item(client: Any) -> None:
    client.put_item(TableName="plain", Item={**key("held"), "v": {"N": "1"}})
    change = {
        "TableName": "plain",
        "ConditionExpression": "v > :one",
        "ExpressionAttributeValues": {":one": {"N": "1"}},
    }
    asks: list[tuple[Any, dict[str, Any]]] = [
        (client.put_item, {"Item": {**key("held"), "v": {"N": "2"}}}),
        (client.delete_item, {"Key": key("held")}),
        (client.update_item, {"Key": key("held"), "UpdateExpression": "REMOVE v"}),
    ]
    for ask, more in asks:
        with pytest.raises(ClientError) as error:
            ask(**change, **more, ReturnValuesOnConditionCheckFailure="ALL_OLD")
        assert error.value.response["Error"]["Code"] == "ConditionalCheckFailedException"
        assert error.value.response["Error"]["Message"] == "The conditional request failed"
        assert error.value.response["Item"] == {**key("held"), "v": {"N": "1"}}
    with pytest.raises(ClientError) as silent:
        client.put_item(**change, Item=key("held"))
    assert "Item" not in silent.value.response
    assert client.get_item(TableName="plain", Key=key("held"))["Item"]["v"] == {"N": "1"}


FULL = {"pk": {"S": "a"}, "sk": {"N": "1"}}


@pytest.mark.parametrize(
    ("item", "said"),
    [
        ({"pk": {"S": "a"}}, f"{INVALID}Missing the key sk in the item"),
        ({**FULL, "pk": {"N": "1"}}, f"{INVALID}Type mismatch for key pk expected: S actual: N"),
        ({**FULL, "pk": {"S": ""}}, f"One or more parameter values are not valid. {EMPTY} Key: pk"),
        (
            {**FULL, "pk": {"S": "a" * 2049}},
            f"{INVALID}Size of hashkey has exceeded the maximum size limit of2048 bytes",
        ),
        ({**FULL, "g": {"N": "1"}}, f"{INVALID}Type mismatch for Index Key g Expected: S Actual: N IndexName: gsi"),
        (
            {**FULL, "l": {"S": ""}},
            "One or more parameter values are not valid. A value specified for a secondary index key is not supported."
            f" {EMPTY} IndexName: lsi, IndexKey: l",
        ),
        (
            {**FULL, "l": {"S": "a" * 1025}},
            f"{INVALID}Aggregated size of all range keys has exceeded the size limit of 1024 bytes",
        ),
        ({**FULL, "b": {"S": "a" * 409_600}}, "Item size has exceeded the maximum allowed size"),
        ({**FULL, "b": {"N": "x"}}, "The parameter cannot be converted to a numeric value: x"),
    ],
)
def test_an_item_that_may_not_lie_in_the_table_is_refused(client: Any, item: dict[str, Any], said: str) -> None:
    with refused("ValidationException", said):
        client.put_item(TableName="full", Item=item)


@pytest.mark.parametrize(
    ("named", "said"),
    [
        ({"pk": {"S": "a"}}, "The provided key element does not match the schema"),
        ({**FULL, "more": {"S": "a"}}, "The provided key element does not match the schema"),
        ({**FULL, "pk": {"L": []}}, "The provided key element does not match the schema"),
        ({**FULL, "pk": {"S": ""}}, f"One or more parameter values are not valid. {EMPTY} Key: pk"),
    ],
)
def test_a_key_that_is_none_is_refused(client: Any, named: dict[str, Any], said: str) -> None:
    for ask in (client.get_item, client.delete_item, client.update_item):
        with refused("ValidationException", said):
            ask(TableName="full", Key=named)


def test_an_update_may_not_make_what_no_put_could(client: Any) -> None:
    def update(expression: str, value: Any) -> None:
        client.update_item(
            TableName="full", Key=FULL, UpdateExpression=expression, ExpressionAttributeValues={":v": value}
        )

    client.put_item(TableName="full", Item={**FULL, "m": {"M": {}}})
    with refused("ValidationException", "Cannot update attribute sk. This attribute is part of the key"):
        update("SET sk = :v", {"N": "2"})
    with refused("ValidationException", "Type mismatch for Index Key g Expected: S Actual: N IndexName: gsi"):
        update("SET g = :v", {"N": "2"})
    with refused("ValidationException", "attempted to update a secondary index key to a value that is not supported"):
        update("SET g = :v", {"S": ""})
    with refused("ValidationException", "attempted to update the secondary index key to unsupported type"):
        update("SET g = sk, x = :v", {"S": "a"})
    for expression in ("SET g[0] = :v", "ADD g.x :v"):
        with refused("ValidationException", "list random access '[]' and map lookup '.' are not allowed: IndexKey: g"):
            update(expression, {"N": "2"})
    with refused("ValidationException", "Item size to update has exceeded the maximum allowed size"):
        update("SET big = :v", {"S": "a" * 409_600})
    deep: dict[str, Any] = {"S": "deep"}
    for _ in range(31):
        deep = {"L": [deep]}
    with refused("ValidationException", "Nesting Levels have exceeded supported limits"):
        update("SET m.deep = :v", deep)


def test_what_is_wrong_with_a_request_is_said_before_there_is_no_such_table(client: Any) -> None:
    with refused("ResourceNotFoundException", "Requested resource not found"):
        client.put_item(TableName="absent", Item=key("a"))
    with refused("ValidationException", "ReturnValues can only be ALL_OLD or NONE"):
        client.put_item(TableName="absent", Item=key("a"), ReturnValues="ALL_NEW")
    with refused("ValidationException", "Invalid ConditionExpression"):
        client.put_item(TableName="absent", Item=key("a"), ConditionExpression="no no")
    with refused("ValidationException", "ExpressionAttributeNames can only be specified when using expressions"):
        client.get_item(TableName="absent", Key=key("a"), ExpressionAttributeNames={"#a": "a"})


def test_a_write_consumes_units_of_the_table_and_of_the_indexes_that_change(client: Any) -> None:
    def put(**more: Any) -> Any:
        item = {"pk": {"S": "units"}, "sk": {"N": "1"}, **more}
        return client.put_item(TableName="full", Item=item, ReturnConsumedCapacity="INDEXES")["ConsumedCapacity"]

    def units(told: Any) -> tuple[Any, ...]:
        arms = ("GlobalSecondaryIndexes", "gsi"), ("LocalSecondaryIndexes", "lsi")
        indexes = (told.get(kind, {}).get(name, {}).get("CapacityUnits") for kind, name in arms)
        return (told["CapacityUnits"], told["Table"]["CapacityUnits"], *indexes)

    g, h, other = {"S": "g"}, {"B": b"h"}, {"S": "o"}
    assert units(put()) == (1, 1, None, None)
    assert units(put(g=g, h=h, l=other)) == (3, 1, 1, 1)
    assert units(put(g=g, h=h, l=other)) == (1, 1, None, None)
    assert units(put(g=other, h=h, l=other)) == (4, 1, 2, 1)
    assert units(put(g=other, h=h, l=other, hidden=other)) == (2, 1, None, 1)
    assert units(put(g=other, h=h, l=other, hidden={"S": "x" * 3000})) == (6, 3, None, 3)
    gone = client.delete_item(
        TableName="full", Key={"pk": {"S": "units"}, "sk": {"N": "1"}}, ReturnConsumedCapacity="TOTAL"
    )
    assert gone["ConsumedCapacity"] == {"TableName": "full", "CapacityUnits": 7.0}


def test_a_read_consumes_by_four_kilobytes_and_half_where_it_may_be_late(client: Any) -> None:
    client.put_item(TableName="plain", Item={**key("read"), "b": {"S": "x" * 4096}})

    def units(name: str, **more: Any) -> Any:
        told = client.get_item(TableName="plain", Key=key(name), ReturnConsumedCapacity="TOTAL", **more)
        return told["ConsumedCapacity"]["CapacityUnits"]

    assert units("read") == 1
    assert units("read", ConsistentRead=True) == 2
    assert units("missing") == 0.5


def test_a_table_with_a_local_index_tells_how_large_a_collection_is(client: Any) -> None:
    item = {"pk": {"S": "collected"}, "sk": {"N": "1"}, "l": {"S": "l"}}
    told = client.put_item(TableName="full", Item=item, ReturnItemCollectionMetrics="SIZE")["ItemCollectionMetrics"]
    assert told == {"ItemCollectionKey": {"pk": {"S": "collected"}}, "SizeEstimateRangeGB": [0.0, 1.0]}
    plain = client.put_item(TableName="plain", Item=key("alone"), ReturnItemCollectionMetrics="SIZE")
    assert "ItemCollectionMetrics" not in plain


def test_a_tables_counts_follow_its_items(node: RunningNode, client: Any) -> None:
    make_table(node, "counted")
    for size in (10, 500, 20):
        client.put_item(TableName="counted", Item={**key("a"), "b": {"S": "x" * size}})
    client.put_item(TableName="counted", Item=key("b"))
    client.delete_item(TableName="counted", Key=key("b"))
    client.delete_item(TableName="counted", Key=key("c"))
    table = client.describe_table(TableName="counted")["Table"]
    assert (table["ItemCount"], table["TableSizeBytes"]) == (1, len("pkab") + 20)


def test_an_indexs_counts_follow_what_it_shows(node: RunningNode, client: Any) -> None:
    indexes = [index("whole", "g"), index("keys", "g", projection="KEYS_ONLY")]
    make_table(node, "shown", attributes="g:S", GlobalSecondaryIndexes=indexes)

    def counts() -> dict[str, tuple[int, int]]:
        told = client.describe_table(TableName="shown")["Table"]["GlobalSecondaryIndexes"]
        return {each["IndexName"]: (each["ItemCount"], each["IndexSizeBytes"]) for each in told}

    for size in (500, 20):
        client.put_item(TableName="shown", Item={**key("a"), "g": {"S": "g"}, "b": {"S": "x" * size}})
        assert counts() == {"whole": (1, len("pkaggb") + size), "keys": (1, len("pkagg"))}
    moved = {
        "UpdateExpression": "SET g = :g, n = :n",
        "ExpressionAttributeValues": {":g": {"S": "gg"}, ":n": {"N": "1"}},
    }
    client.update_item(TableName="shown", Key=key("a"), **moved)
    assert counts() == {"whole": (1, len("pkagggbn") + 20 + 2), "keys": (1, len("pkaggg"))}
    client.update_item(TableName="shown", Key=key("a"), UpdateExpression="REMOVE g")
    assert counts() == {"whole": (0, 0), "keys": (0, 0)}
