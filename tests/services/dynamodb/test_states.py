"""A node that was told to take its time: what tables are meanwhile, and what they are asked meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.running_node import RunningNode, running_node
from tests.services.dynamodb.control import PROVISIONED, UNITS, asked, defined, index, keys, refused

IN_USE = "Attempt to change a resource which is still in use: "
TWO = {"ReadCapacityUnits": 2, "WriteCapacityUnits": 2}
BY_G = index("by-g", keys("g"))
CREATE = {"AttributeDefinitions": defined(g="S"), "GlobalSecondaryIndexUpdates": [{"Create": BY_G}]}
STREAM = {"StreamSpecification": {"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"}}


@pytest.fixture(scope="module")
def slow_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningNode]:
    path: Path = tmp_path_factory.mktemp("slow")
    with running_node(path, table_delay_s=5.0) as started:
        yield started


@pytest.fixture
def dynamodb(slow_node: RunningNode) -> Any:
    return slow_node.client("dynamodb")


def status(client: Any, name: str) -> str:
    return str(client.describe_table(TableName=name)["Table"]["TableStatus"])


def in_use(what: str) -> tuple[str, str]:
    return "ResourceInUseException", IN_USE + what


def test_a_table_is_made_and_deleted_by_the_clock(dynamodb: Any, slow_node: RunningNode) -> None:
    dynamodb.create_table(**asked("made", AttributeDefinitions=defined(p="S", g="S"), GlobalSecondaryIndexes=[BY_G]))
    slow_node.advance(4)
    table = dynamodb.describe_table(TableName="made")["Table"]
    assert (table["TableStatus"], table["GlobalSecondaryIndexes"][0]["IndexStatus"]) == ("CREATING", "CREATING")
    being_made = in_use("Table is being created: made")
    assert refused(dynamodb.create_table, **asked("made")) == being_made
    assert refused(dynamodb.delete_table, TableName="made") == being_made
    assert refused(dynamodb.update_table, TableName="made", DeletionProtectionEnabled=True) == being_made
    put = {"TableName": "made", "Item": {"p": {"S": "1"}}}
    assert refused(dynamodb.put_item, **put) == ("ResourceNotFoundException", "Requested resource not found")
    expiry = {"Enabled": True, "AttributeName": "t"}
    assert refused(dynamodb.update_time_to_live, TableName="made", TimeToLiveSpecification=expiry) == in_use(
        "Table made is being created"
    )
    assert refused(dynamodb.describe_time_to_live, TableName="made")[1] == (
        "Cannot describe time to live while table is in CREATING state: Current table state is CREATING"
    )
    slow_node.advance(2)
    table = dynamodb.describe_table(TableName="made")["Table"]
    assert (table["TableStatus"], table["GlobalSecondaryIndexes"][0]["IndexStatus"]) == ("ACTIVE", "ACTIVE")
    dynamodb.put_item(**put)
    dynamodb.delete_table(TableName="made")
    assert status(dynamodb, "made") == "DELETING"
    assert refused(dynamodb.delete_table, TableName="made") == in_use("Table is being deleted: made")
    assert refused(dynamodb.create_table, **asked("made")) == ("ResourceInUseException", "Table already exists: made")
    assert "made" in dynamodb.list_tables()["TableNames"]
    assert dynamodb.get_item(TableName="made", Key={"p": {"S": "1"}})["Item"] == put["Item"]
    slow_node.advance(6)
    assert refused(dynamodb.describe_table, TableName="made")[0] == "ResourceNotFoundException"


def test_while_one_change_is_under_way_others_wait(dynamodb: Any, slow_node: RunningNode) -> None:
    dynamodb.create_table(**asked("busy", **PROVISIONED))
    slow_node.advance(6)
    dynamodb.update_table(TableName="busy", ProvisionedThroughput=TWO)
    assert status(dynamodb, "busy") == "UPDATING"
    busy = in_use("Table: busy is in the process of being updated.")
    assert refused(dynamodb.update_table, TableName="busy", ProvisionedThroughput=UNITS) == busy
    assert refused(dynamodb.update_table, TableName="busy", **STREAM) == busy
    assert refused(dynamodb.delete_table, TableName="busy") == busy
    dynamodb.update_table(TableName="busy", DeletionProtectionEnabled=True)
    dynamodb.update_time_to_live(TableName="busy", TimeToLiveSpecification={"Enabled": True, "AttributeName": "t"})
    slow_node.advance(6)
    table = dynamodb.describe_table(TableName="busy")["Table"]
    assert (table["TableStatus"], table["ProvisionedThroughput"]["ReadCapacityUnits"]) == ("ACTIVE", 2)
    assert table["DeletionProtectionEnabled"] is True
    assert dynamodb.describe_time_to_live(TableName="busy")["TimeToLiveDescription"]["AttributeName"] == "t"


def test_an_index_is_allocated_first_and_its_table_cannot_go(dynamodb: Any, slow_node: RunningNode) -> None:
    dynamodb.create_table(**asked("indexed"))
    slow_node.advance(6)
    dynamodb.put_item(TableName="indexed", Item={"p": {"S": "1"}, "g": {"S": "x"}})
    dynamodb.update_table(TableName="indexed", **CREATE)
    table = dynamodb.describe_table(TableName="indexed")["Table"]
    (new,) = table["GlobalSecondaryIndexes"]
    assert (table["TableStatus"], new["IndexStatus"], new["Backfilling"]) == ("UPDATING", "CREATING", False)
    dynamodb.put_item(TableName="indexed", Item={"p": {"S": "2"}, "g": {"S": "x"}})
    delete = [{"Delete": {"IndexName": "by-g"}}]
    assert refused(dynamodb.update_table, TableName="indexed", GlobalSecondaryIndexUpdates=delete)[0] == (
        "ResourceInUseException"
    )
    assert refused(dynamodb.delete_table, TableName="indexed")[0] == "ResourceInUseException"
    slow_node.advance(6)
    table = dynamodb.describe_table(TableName="indexed")["Table"]
    (filled,) = table["GlobalSecondaryIndexes"]
    assert (table["TableStatus"], filled["IndexStatus"], filled["ItemCount"]) == ("ACTIVE", "ACTIVE", 2)
    dynamodb.update_table(TableName="indexed", GlobalSecondaryIndexUpdates=delete)
    assert refused(dynamodb.delete_table, TableName="indexed")[0] == "ResourceInUseException"
    slow_node.advance(6)
    assert "GlobalSecondaryIndexes" not in dynamodb.describe_table(TableName="indexed")["Table"]
    dynamodb.delete_table(TableName="indexed")
