"""Tables that are backed up, exported and replicated in tests, and what a client hears that is refused."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.running_node import RunningNode
from wakeful.services.dynamodb import table
from wakeful.services.dynamodb.values import parsed
from wakeful.store.tx import Tx

NAME = "orders"
ARN = f"arn:aws:dynamodb:us-east-1:000000000000:table/{NAME}"


def definitions(**types: str) -> list[dict[str, str]]:
    return [{"AttributeName": name, "AttributeType": kind} for name, kind in types.items()]


def keys(*names: str, sort: tuple[str, ...] = ()) -> list[dict[str, str]]:
    kinds = [*((name, "HASH") for name in names), *((name, "RANGE") for name in sort)]
    return [{"AttributeName": name, "KeyType": kind} for name, kind in kinds]


def index(name: str, schema: list[dict[str, str]], **more: Any) -> dict[str, Any]:
    return {"IndexName": name, "KeySchema": schema, "Projection": {"ProjectionType": "ALL"}, **more}


def plain(name: str, **more: Any) -> dict[str, Any]:
    """A table with the partition key `p`, as CreateTable is asked for it."""
    wanted = {"AttributeDefinitions": definitions(p="S"), "KeySchema": keys("p"), "BillingMode": "PAY_PER_REQUEST"}
    return {"TableName": name, **wanted, **more}


def refused(call: Any, **request: Any) -> tuple[str, str]:
    """With which code and message."""
    with pytest.raises(ClientError) as raised:
        call(**request)
    return raised.value.response["Error"]["Code"], raised.value.response["Error"]["Message"]


def put(dynamodb: Any, key: str, value: int, name: str = NAME) -> None:
    dynamodb.put_item(TableName=name, Item={"p": {"S": key}, "v": {"N": str(value)}})


def contents(node: RunningNode, name: str = NAME, region: str = "us-east-1") -> dict[str, int]:
    """What the table holds: values by keys, looked up in its rows."""

    def look(tx: Tx) -> dict[str, int]:
        found = table.get(tx, f"arn:aws:dynamodb:{region}:000000000000:table/{name}")
        assert found is not None
        rows = tx.all("SELECT item FROM dynamodb_items WHERE space = ?", found.space)
        known = [parsed(row["item"]) for row in rows]
        return {each["p"]["S"]: int(each["v"]["N"]) for each in known}

    held: dict[str, int] = node.run(node.node.store.read(look))
    return held
