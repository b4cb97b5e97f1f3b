"""TransactWriteItems and TransactGetItems: all of it or nothing, and why not."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from tests.examples import examples
from tests.running_node import RunningNode, running_node
from tests.services.dynamodb.tables import index, make_table, refused

FAILED = {"Code": "ConditionalCheckFailed", "Message": "The conditional request failed"}
NONE = {"Code": "None"}
EMPTY = "The AttributeValue for a key attribute cannot contain an empty string value."


@pytest.fixture(scope="module")
def node(shared_node: RunningNode) -> Iterator[RunningNode]:
    make_table(shared_node, "one")
    make_table(shared_node, "two", attributes="g:S", GlobalSecondaryIndexes=[index("gsi", "g")])
    yield shared_node


@pytest.fixture
def client(node: RunningNode) -> Any:
    return node.client("dynamodb")


def key(name: str) -> dict[str, Any]:
    return {"pk": {"S": name}}


def put(name: str, table: str = "one", **more: Any) -> dict[str, Any]:
    values = more.pop("item", {})
    return {"Put": {"TableName": table, "Item": {**key(name), **values}, **more}}


def update(name: str, expression: str, table: str = "one", **values: Any) -> dict[str, Any]:
    named = {f":{each}": value for each, value in values.items()}
    wanted = {"TableName": table, "Key": key(name), "UpdateExpression": expression}
    return {"Update": {**wanted, **({"ExpressionAttributeValues": named} if named else {})}}


def cancelled(client: Any, *several: dict[str, Any]) -> list[dict[str, Any]]:
    """The reasons for which the transaction was not carried out."""
    with pytest.raises(ClientError) as error:
        client.transact_write_items(TransactItems=list(several))
    response: dict[str, Any] = error.value.response
    reasons: list[dict[str, Any]] = response["CancellationReasons"]
    codes = ", ".join(each["Code"] for each in reasons)
    assert response["Error"] == {
        "Code": "TransactionCanceledException",
        "Message": f"Transaction cancelled, please refer cancellation reasons for specific reasons [{codes}]",
    }
    return reasons


def there(client: Any, *names: str) -> list[dict[str, Any] | None]:
    return [client.get_item(TableName="one", Key=key(name)).get("Item") for name in names]


def test_writes_of_several_tables_become_true_together(client: Any) -> None:
    client.put_item(TableName="one", Item={**key("a"), "n": {"N": "1"}})
    client.put_item(TableName="one", Item=key("b"))
    client.put_item(TableName="one", Item=key("c"))
    client.transact_write_items(
        TransactItems=[
            update("a", "SET n = n + :one", one={"N": "1"}),
            {"Delete": {"TableName": "one", "Key": key("b")}},
            put("d", "two", item={"g": {"S": "x"}}),
            {"ConditionCheck": {"TableName": "one", "Key": key("c"), "ConditionExpression": "attribute_exists(pk)"}},
        ]
    )
    assert there(client, "a", "b", "c") == [{**key("a"), "n": {"N": "2"}}, None, key("c")]
    assert client.get_item(TableName="two", Key=key("d"))["Item"] == {**key("d"), "g": {"S": "x"}}


def test_each_write_has_its_reason_in_order_and_nothing_has_changed(client: Any) -> None:
    client.put_item(TableName="one", Item={**key("old"), "s": {"S": "text"}})
    reasons = cancelled(
        client,
        put("new"),
        put("old", ConditionExpression="attribute_not_exists(pk)", ReturnValuesOnConditionCheckFailure="ALL_OLD"),
        {"ConditionCheck": {"TableName": "one", "Key": key("x"), "ConditionExpression": "attribute_exists(pk)"}},
        update("y", "SET a = absent + :one", one={"N": "1"}),
        update("z", "SET g = :n", "two", n={"N": "1"}),
        update("k", "SET pk = :n", n={"S": "1"}),
        {"Put": {"TableName": "one", "Item": {"pk": {"N": "1"}}}},
        {"Delete": {"TableName": "one", "Key": {"pk": {"L": []}}}},
    )
    invalid = "One or more parameter values were invalid: "
    assert reasons == [
        NONE,
        {**FAILED, "Item": {**key("old"), "s": {"S": "text"}}},
        FAILED,
        {
            "Code": "ValidationError",
            "Message": "The provided expression refers to an attribute that does not exist in the item",
        },
        {
            "Code": "ValidationError",
            "Message": f"{invalid}Type mismatch for Index Key g Expected: S Actual: N IndexName: gsi",
        },
        {
            "Code": "ValidationError",
            "Message": f"{invalid}Cannot update attribute pk. This attribute is part of the key",
        },
        {"Code": "ValidationError", "Message": f"{invalid}Type mismatch for key pk expected: S actual: N"},
        {"Code": "ValidationError", "Message": "The provided key element does not match the schema"},
    ]
    assert there(client, "new", "y", "k") == [None, None, None]


@pytest.mark.parametrize(
    ("several", "code", "said"),
    [
        ([put("a"), put("a")], "ValidationException", "cannot include multiple operations on one item"),
        ([put("a"), put("a", "absent")], "ResourceNotFoundException", "Requested resource not found"),
        ([{**put("a"), **update("b", "REMOVE c")}], "ValidationException", "only contain one of Check, Put, Update"),
        ([{}], "ValidationException", "should contain Delete or Put or Update request"),
        ([put("")], "ValidationException", f"{EMPTY} Key: pk"),
        ([put("a", "two", item={"g": {"S": ""}})], "ValidationException", EMPTY),
        ([update("a", "SET g = :v", "two", v={"S": ""})], "ValidationException", EMPTY),
        ([put("a", item={"n": {"N": "x"}})], "ValidationException", "cannot be converted to a numeric value: x"),
        ([put("a", ConditionExpression="no no")], "ValidationException", "Invalid ConditionExpression"),
        (
            [put(f"{at}", item={"b": {"S": "x" * 400_000}}) for at in range(11)],
            "ValidationException",
            "Transaction payload size cannot exceed 4MB",
        ),
    ],
)
def test_what_is_wrong_with_the_whole_is_no_reason_of_one(client: Any, several: Any, code: str, said: str) -> None:
    with refused(code, said):
        client.transact_write_items(TransactItems=several)


def test_a_token_keeps_a_transaction_from_being_carried_out_twice(lent_node: RunningNode) -> None:
    make_table(lent_node, "one")
    client = lent_node.client("dynamodb")

    def add(amount: str, **more: Any) -> Any:
        return client.transact_write_items(
            TransactItems=[update("n", "ADD n :a", a={"N": amount})],
            ClientRequestToken="token",
            ReturnConsumedCapacity="TOTAL",
        )["ConsumedCapacity"]

    assert add("1") == [{"TableName": "one", "CapacityUnits": 2.0, "WriteCapacityUnits": 2.0}]
    assert add("1.0") == [{"TableName": "one", "CapacityUnits": 2.0, "ReadCapacityUnits": 2.0}]
    with refused("IdempotentParameterMismatchException", ""):
        add("2")
    with refused("TransactionCanceledException", "ConditionalCheckFailed"):  # keeps no token
        client.transact_write_items(
            TransactItems=[put("n", ConditionExpression="attribute_not_exists(pk)")], ClientRequestToken="other"
        )
    client.transact_write_items(TransactItems=[put("m")], ClientRequestToken="other")
    assert there(client, "n") == [{**key("n"), "n": {"N": "1"}}]
    lent_node.advance(601)
    add("2")
    assert there(client, "n") == [{**key("n"), "n": {"N": "3"}}]
    lent_node.advance(1201)
    left = lent_node.run(lent_node.node.store.read(lambda tx: tx.all("SELECT token FROM dynamodb_tokens")))
    assert left == []


def test_reads_are_of_one_moment_and_in_the_order_asked_for(client: Any) -> None:
    client.put_item(TableName="one", Item={**key("r"), "a": {"S": "x"}, "b": {"S": "y"}})
    client.put_item(TableName="two", Item=key("r"))
    answer = client.transact_get_items(
        TransactItems=[
            {"Get": {"TableName": "two", "Key": key("r")}},
            {"Get": {"TableName": "one", "Key": key("missing")}},
            {"Get": {"TableName": "one", "Key": key("r"), "ProjectionExpression": "b"}},
        ],
        ReturnConsumedCapacity="INDEXES",
    )
    assert answer["Responses"] == [{"Item": key("r")}, {}, {"Item": {"b": {"S": "y"}}}]
    both = {"CapacityUnits": 4.0, "ReadCapacityUnits": 4.0}
    half = {"CapacityUnits": 2.0, "ReadCapacityUnits": 2.0}
    assert answer["ConsumedCapacity"] == [
        {"TableName": "two", **half, "Table": half},
        {"TableName": "one", **both, "Table": both},
    ]


def test_a_read_that_cannot_be_is_cancelled_or_refused(client: Any) -> None:
    def get(*keys: dict[str, Any]) -> None:
        client.transact_get_items(TransactItems=[{"Get": {"TableName": "one", "Key": each}} for each in keys])

    with pytest.raises(ClientError) as error:
        get(key("a"), {"pk": {"N": "1"}})
    response: dict[str, Any] = error.value.response
    assert response["Error"]["Code"] == "TransactionCanceledException"
    mismatch = {"Code": "ValidationError", "Message": "The provided key element does not match the schema"}
    assert response["CancellationReasons"] == [NONE, mismatch]
    with refused("ValidationException", "cannot include multiple operations on one item"):
        get(key("a"), key("a"))


moves = st.lists(
    st.tuples(st.sampled_from("abcd"), st.integers(-3, 3)), min_size=1, max_size=4, unique_by=lambda m: m[0]
)


@given(several=st.lists(moves, max_size=6))
@examples(30, keeps_fixtures=True)
def test_what_transactions_leave_is_what_those_did_that_went_well(client: Any, several: list[Any]) -> None:
    """Accounts that may not be overdrawn: the model adds up, or does nothing."""
    model = dict.fromkeys("abcd", 2)
    for name in model:
        client.put_item(TableName="one", Item={**key(name), "n": {"N": "2"}})
    for wanted in several:
        asked = [
            {
                "Update": {
                    "TableName": "one",
                    "Key": key(name),
                    "UpdateExpression": "SET n = n + :by",
                    "ConditionExpression": "n >= :least",
                    "ExpressionAttributeValues": {":by": {"N": str(by)}, ":least": {"N": str(-by)}},
                }
            }
            for name, by in wanted
        ]
        lacking = [model[name] + by < 0 for name, by in wanted]
        if any(lacking):
            assert cancelled(client, *asked) == [FAILED if lacks else NONE for lacks in lacking]
        else:
            client.transact_write_items(TransactItems=asked)
            model.update({name: model[name] + by for name, by in wanted})
    assert [item and item["n"]["N"] for item in there(client, *"abcd")] == [str(model[name]) for name in "abcd"]


def test_transactions_that_cross_lose_nothing(engine: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """Money goes round in circles, from several at once; on neither engine is anybody told of a conflict."""
    store = None
    if engine == "postgres":
        dsn = request.getfixturevalue("postgres_dsn")
        with psycopg.connect(dsn, autocommit=True) as admin:
            admin.execute("CREATE DATABASE crossing")
        store = urlsplit(dsn)._replace(path="/crossing").geturl()
    names = "abcd"
    with running_node(tmp_path / "data", store=store) as node:
        make_table(node, "one")
        client = node.client("dynamodb")
        for name in names:
            client.put_item(TableName="one", Item={**key(name), "n": {"N": "100"}})

        def go_round(step: int) -> None:
            for at in range(12):
                giver, taker = names[at % 4], names[(at + step) % 4]
                one = {"N": "1"}
                client.transact_write_items(
                    TransactItems=[
                        update(giver, "SET n = n - :one", one=one),
                        update(taker, "SET n = n + :one", one=one),
                    ]
                )

        with ThreadPoolExecutor(3) as threads:
            list(threads.map(go_round, (1, 2, 3)))
        assert sum(int(item["n"]["N"]) for item in there(client, *names) if item is not None) == 400
        assert client.describe_table(TableName="one")["Table"]["ItemCount"] == 4
