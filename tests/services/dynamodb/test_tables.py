"""CreateTable and its kind, through boto3 against a node."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.running_node import RunningNode

ON_DEMAND = {"BillingMode": "PAY_PER_REQUEST"}
UNITS = {"ReadCapacityUnits": 5, "WriteCapacityUnits": 5}


def definitions(**types: str) -> list[dict[str, str]]:
    return [{"AttributeName": name, "AttributeType": kind} for name, kind in types.items()]


def keys(*names: str, sort: tuple[str, ...] = ()) -> list[dict[str, str]]:
    kinds = [*((name, "HASH") for name in names), *((name, "RANGE") for name in sort)]
    return [{"AttributeName": name, "KeyType": kind} for name, kind in kinds]


def index(name: str, schema: list[dict[str, str]], **more: Any) -> dict[str, Any]:
    return {"IndexName": name, "KeySchema": schema, "Projection": {"ProjectionType": "ALL"}, **more}


def plain(name: str, **more: Any) -> dict[str, Any]:
    """A table with a partition key."""
    wanted = {"AttributeDefinitions": definitions(p="S"), "KeySchema": keys("p"), **ON_DEMAND, **more}
    return {"TableName": name, **{member: value for member, value in wanted.items() if value is not None}}


def refused(call: Any, **request: Any) -> tuple[str, str]:
    """With which code and message."""
    with pytest.raises(ClientError) as raised:
        call(**request)
    return raised.value.response["Error"]["Code"], raised.value.response["Error"]["Message"]


@pytest.fixture
def dynamodb(node: RunningNode) -> Any:
    return node.client("dynamodb")


def test_a_table_is_creating_in_the_answer_and_active_for_whoever_looks_next(dynamodb: Any) -> None:
    answer = dynamodb.create_table(**plain("events"))["TableDescription"]
    assert answer["TableStatus"] == "CREATING"
    assert answer["TableArn"] == "arn:aws:dynamodb:us-east-1:000000000000:table/events"
    assert answer["BillingModeSummary"] == {"BillingMode": "PAY_PER_REQUEST"}
    table = dynamodb.describe_table(TableName="events")["Table"]
    assert table["TableStatus"] == "ACTIVE"
    assert table["TableId"] == answer["TableId"]
    assert table["WarmThroughput"] == {"ReadUnitsPerSecond": 12000, "WriteUnitsPerSecond": 4000, "Status": "ACTIVE"}
    assert dynamodb.describe_table(TableName=table["TableArn"])["Table"]["TableId"] == answer["TableId"]
    dynamodb.get_waiter("table_exists").wait(TableName="events")
    assert dynamodb.delete_table(TableName="events")["TableDescription"]["TableStatus"] == "DELETING"
    dynamodb.get_waiter("table_not_exists").wait(TableName="events")
    assert dynamodb.create_table(**plain("events"))["TableDescription"]["TableId"] != answer["TableId"]
