"""UpdateTable: what may be changed together, what becomes of it, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from tests.running_node import RunningNode
from tests.services.dynamodb.control import NOW, PROVISIONED, UNITS, asked, defined, index, keys, made, opened, refused
from wakeful.services.dynamodb import table
from wakeful.services.dynamodb.errors import LimitExceededException
from wakeful.services.dynamodb.tables import throughput, updates

INVALID = "One or more parameter values were invalid: "
STREAM = {"StreamSpecification": {"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"}}
BY_G = {**index("by-g", keys("g")), "Projection": {"ProjectionType": "KEYS_ONLY"}}
CREATE = {"AttributeDefinitions": defined(g="S"), "GlobalSecondaryIndexUpdates": [{"Create": BY_G}]}
TWO = {"ReadCapacityUnits": 2, "WriteCapacityUnits": 2}


@pytest.fixture
def dynamodb(node: RunningNode) -> Any:
    return node.client("dynamodb")


@pytest.fixture(scope="module")
def both(shared_node: RunningNode) -> Any:
    """For what is refused, on a table of each billing mode."""
    client = shared_node.client("dynamodb", config={"parameter_validation": False})
    more = {
        "AttributeDefinitions": defined(p="S", s="S", g="S"),
        "KeySchema": keys("p", sort=("s",)),
        "LocalSecondaryIndexes": [index("local", keys("p", sort=("g",)))],
    }
    client.create_table(**asked("demand", GlobalSecondaryIndexes=[BY_G], **more))
    client.create_table(
        **asked("units", GlobalSecondaryIndexes=[{**BY_G, "ProvisionedThroughput": UNITS}], **more, **PROVISIONED)
    )
    return client


def shown(client: Any, name: str = "events") -> Any:
    return client.describe_table(TableName=name)["Table"]


def changes(kind: str, **more: Any) -> dict[str, Any]:
    return {"GlobalSecondaryIndexUpdates": [{kind: {"IndexName": "by-g", **more}}]}


@pytest.mark.parametrize(
    ("name", "more", "message"),
    [
        ("demand", {}, "At least one of ProvisionedThroughput, BillingMode, UpdateStreamEnabled, GlobalSecondaryIndex"),
        ("demand", {"GlobalSecondaryIndexUpdates": []}, "At least one of ProvisionedThroughput, BillingMode, UpdateSt"),
        (
            "demand",
            {"GlobalSecondaryIndexUpdates": [], "BillingMode": "PAY_PER_REQUEST"},
            f"{INVALID}List of GlobalSecondaryIndexUpdates is empty",
        ),
        (
            "demand",
            {**STREAM, "DeletionProtectionEnabled": True},
            f"{INVALID}DeletionProtection modification must be t",
        ),
        ("demand", {"TableClass": "STANDARD", "DeletionProtectionEnabled": True}, f"{INVALID}TableClass modification"),
        ("demand", {**CREATE, "SSESpecification": {"Enabled": True}}, f"{INVALID}Server-Side Encryption modification "),
        ("demand", {**STREAM, "WarmThroughput": {"ReadUnitsPerSecond": 13_000}}, f"{INVALID}WarmThroughput must be th"),
        ("demand", {**STREAM, "OnDemandThroughput": {"MaxReadRequestUnits": 9}}, f"{INVALID}OnDemandThroughput can on"),
        (
            "demand",
            {**CREATE, "WarmThroughput": {"ReadUnitsPerSecond": 13_000}},
            f"{INVALID}Create global secondary index cannot be specified when updating WarmThroughput",
        ),
        ("units", {**STREAM, "ProvisionedThroughput": TWO}, f"{INVALID}You cannot modify stream status while updating"),
        ("units", {**CREATE, "ProvisionedThroughput": TWO}, f"{INVALID}You cannot create or delete index while updati"),
        ("units", {**CREATE, **STREAM}, f"{INVALID}You cannot create or delete index while changing stream status"),
        ("demand", {"BillingMode": "PROVISIONED"}, f"{INVALID}ProvisionedThroughput must be specified when BillingMod"),
        ("demand", PROVISIONED, f"{INVALID}ProvisionedThroughput must be specified for index: by-g"),
        ("demand", {"ProvisionedThroughput": TWO}, f"{INVALID}Neither ReadCapacityUnits nor WriteCapacityUnits can be"),
        (
            "units",
            {"BillingMode": "PAY_PER_REQUEST", "ProvisionedThroughput": TWO},
            f"{INVALID}ProvisionedThroughput cannot be specified when BillingMode is PAY_PER_REQUEST",
        ),
        (
            "units",
            {"ProvisionedThroughput": UNITS},
            "The provisioned throughput for the table will not change. The requested value equals the current value. Cu"
            "rrent ReadCapacityUnits provisioned for the table: 5. Requested ReadCapacityUnits: 5. Current WriteCapacit"
            "yUnits provisioned for the table: 5. Requested WriteCapacityUnits: 5. Refer to the Amazon DynamoDB Develop"
            "er Guide for current limits and how to request higher limits.",
        ),
        (
            "units",
            changes("Update", ProvisionedThroughput=UNITS),
            "The provisioned throughput for the index by-g will ",
        ),
        (
            "units",
            {"OnDemandThroughput": {"MaxReadRequestUnits": 9}},
            f"{INVALID}MaxReadRequestUnits for OnDemandThrou",
        ),
        (
            "demand",
            {"OnDemandThroughput": {"MaxReadRequestUnits": -2}},
            f"{INVALID}Requested MaxReadRequestUnits for O",
        ),
        (
            "demand",
            {"WarmThroughput": {"ReadUnitsPerSecond": 9}},
            f"{INVALID}Requested ReadUnitsPerSecond for WarmThro",
        ),
        (
            "demand",
            changes("Update", ProvisionedThroughput=TWO),
            f"{INVALID}The only Updates for index: by-g when Tabl",
        ),
        (
            "demand",
            changes("Update", WarmThroughput={}),
            f"{INVALID}WarmThroughput must have at least one of ReadUnits",
        ),
        ("demand", {"SSESpecification": {"Enabled": False}}, f"{INVALID}Table is already encrypted by default"),
        (
            "demand",
            {"StreamSpecification": {"StreamEnabled": False}},
            "Table has no stream to disable: TableName: dema",
        ),
        (
            "demand",
            {"StreamSpecification": {"StreamEnabled": True}},
            f"{INVALID}If stream is being enabled then Update",
        ),
        (
            "demand",
            {"GlobalSecondaryIndexUpdates": [{}]},
            f"{INVALID}One of GlobalSecondaryIndexUpdate.Update, GlobalS",
        ),
        (
            "demand",
            {"GlobalSecondaryIndexUpdates": [{"Create": BY_G, "Delete": {"IndexName": "by-g"}}]},
            f"{INVALID}Only one global secondary index action is allowed per GlobalSecondaryIndexUpdate object",
        ),
        (
            "demand",
            {"GlobalSecondaryIndexUpdates": [{"Delete": {"IndexName": "by-g"}}] * 2},
            f"{INVALID}Only one global secondary index update per index is allowed simultaneously. Index: by-g",
        ),
        ("demand", CREATE, "Attempting to create an index which already exists"),
        (
            "demand",
            {"GlobalSecondaryIndexUpdates": [{"Create": {**BY_G, "IndexName": "more"}}]},
            f"{INVALID}AttributeDefinitions is not specified for index: more",
        ),
        (
            "demand",
            {"GlobalSecondaryIndexUpdates": [{"Delete": {"IndexName": "local"}}]},
            "Cannot delete an index that is not a GlobalSecondaryIndex: local",
        ),
        (
            "demand",
            {"GlobalSecondaryIndexUpdates": [{"Update": {"IndexName": "local", "ProvisionedThroughput": TWO}}]},
            "Cannot update an index that is not a GlobalSecondaryIndex: local",
        ),
    ],
)
def test_what_cannot_be_changed_is_refused_and_nothing_is(
    both: Any, name: str, more: dict[str, Any], message: str
) -> None:
    before = shown(both, name)
    code, told = refused(both.update_table, TableName=name, **more)
    assert (code, message in told) == ("ValidationException", True), told
    assert shown(both, name) == before


def test_an_index_that_is_not_there_is_not_found(both: Any) -> None:
    missing = ("ResourceNotFoundException", "Requested resource not found: Index ghost for table demand")
    caps = {"IndexName": "ghost", "OnDemandThroughput": {"MaxReadRequestUnits": 9}}
    for action in ({"Delete": {"IndexName": "ghost"}}, {"Update": caps}):
        assert refused(both.update_table, TableName="demand", GlobalSecondaryIndexUpdates=[action]) == missing


def test_one_index_comes_or_goes_at_a_time(both: Any) -> None:
    more = [{"Create": {**BY_G, "IndexName": name}} for name in ("one", "two")]
    assert refused(
        both.update_table, TableName="demand", AttributeDefinitions=defined(g="S"), GlobalSecondaryIndexUpdates=more
    ) == (
        "LimitExceededException",
        "Subscriber limit exceeded: Only 1 online index can be created or deleted simultaneously per table",
    )


def test_a_table_says_updating_once_and_has_its_units_next(dynamodb: Any) -> None:
    dynamodb.create_table(**asked("events", **PROVISIONED))
    answer = dynamodb.update_table(TableName="events", ProvisionedThroughput=TWO)["TableDescription"]
    assert answer["TableStatus"] == "UPDATING"
    assert answer["ProvisionedThroughput"]["ReadCapacityUnits"] == 5
    after = shown(dynamodb)
    assert after["TableStatus"] == "ACTIVE"
    units = after["ProvisionedThroughput"]
    assert (units["ReadCapacityUnits"], units["NumberOfDecreasesToday"]) == (2, 1)
    assert units["LastDecreaseDateTime"] >= after["CreationDateTime"]
    assert after["WarmThroughput"]["ReadUnitsPerSecond"] == 5, "what is warm stays so"


def test_a_table_goes_from_one_billing_mode_to_the_other_and_back(dynamodb: Any) -> None:
    indexes = [{**BY_G, "ProvisionedThroughput": UNITS}]
    dynamodb.create_table(
        **asked("events", AttributeDefinitions=defined(p="S", g="S"), GlobalSecondaryIndexes=indexes, **PROVISIONED)
    )
    answer = dynamodb.update_table(
        TableName="events", BillingMode="PAY_PER_REQUEST", OnDemandThroughput={"MaxReadRequestUnits": 100}
    )["TableDescription"]
    assert answer["BillingModeSummary"] == {"BillingMode": "PAY_PER_REQUEST"}
    on_demand = shown(dynamodb)
    assert on_demand["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    assert on_demand["ProvisionedThroughput"]["ReadCapacityUnits"] == 0
    assert on_demand["OnDemandThroughput"] == {"MaxReadRequestUnits": 100}
    assert on_demand["GlobalSecondaryIndexes"][0]["ProvisionedThroughput"]["WriteCapacityUnits"] == 0
    assert on_demand["WarmThroughput"]["WriteUnitsPerSecond"] == 4000
    again = dynamodb.update_table(TableName="events", BillingMode="PAY_PER_REQUEST")["TableDescription"]
    assert again["TableStatus"] == "UPDATING"
    dynamodb.update_table(TableName="events", **PROVISIONED, **changes("Update", ProvisionedThroughput=TWO))
    back = shown(dynamodb)
    assert back["BillingModeSummary"]["BillingMode"] == "PROVISIONED"
    assert back["ProvisionedThroughput"]["ReadCapacityUnits"] == 5
    assert back["GlobalSecondaryIndexes"][0]["ProvisionedThroughput"]["WriteCapacityUnits"] == 2
    assert back["GlobalSecondaryIndexes"][0]["IndexStatus"] == "ACTIVE"
    assert "OnDemandThroughput" not in back
    assert back["WarmThroughput"]["ReadUnitsPerSecond"] == 12_000


def test_caps_are_set_one_by_one_and_taken_away_by_minus_one(dynamodb: Any) -> None:
    dynamodb.create_table(**asked("events"))
    for wanted, left in (
        (
            {"MaxReadRequestUnits": 10, "MaxWriteRequestUnits": 5},
            {"MaxReadRequestUnits": 10, "MaxWriteRequestUnits": 5},
        ),
        ({"MaxReadRequestUnits": 20}, {"MaxReadRequestUnits": 20, "MaxWriteRequestUnits": 5}),
        ({"MaxReadRequestUnits": -1}, {"MaxWriteRequestUnits": 5}),
        ({"MaxWriteRequestUnits": -1}, None),
    ):
        dynamodb.update_table(TableName="events", OnDemandThroughput=wanted)
        assert shown(dynamodb).get("OnDemandThroughput") == left
    code, message = refused(
        dynamodb.update_table, TableName="events", OnDemandThroughput={"MaxReadRequestUnits": 40_001}
    )
    assert (code, "exceeds TableMaxReadCapacityUnits of the account in region us-east-1" in message) == (
        "LimitExceededException",
        True,
    )
    dynamodb.update_table(TableName="events", WarmThroughput={"ReadUnitsPerSecond": 13_000})
    assert shown(dynamodb)["WarmThroughput"] == {
        "ReadUnitsPerSecond": 13_000,
        "WriteUnitsPerSecond": 4_000,
        "Status": "ACTIVE",
    }


def test_a_stream_is_another_one_each_time_it_is_enabled(dynamodb: Any) -> None:
    dynamodb.create_table(**asked("events"))
    assert "LatestStreamArn" not in shown(dynamodb)
    dynamodb.update_table(TableName="events", **STREAM)
    first = shown(dynamodb)
    assert refused(dynamodb.update_table, TableName="events", **STREAM) == (
        "ValidationException",
        "Table already has an enabled stream: TableName: events",
    )
    dynamodb.update_table(TableName="events", StreamSpecification={"StreamEnabled": False})
    off = shown(dynamodb)
    assert "StreamSpecification" not in off
    assert off["LatestStreamArn"] == first["LatestStreamArn"]
    dynamodb.update_table(TableName="events", **STREAM)
    assert shown(dynamodb)["LatestStreamLabel"] > first["LatestStreamLabel"]


def test_protection_encryption_and_class_are_changed_by_themselves(dynamodb: Any, node: RunningNode) -> None:
    dynamodb.create_table(**asked("events"))
    dynamodb.update_table(TableName="events", DeletionProtectionEnabled=True)
    assert shown(dynamodb)["DeletionProtectionEnabled"] is True
    answer = dynamodb.update_table(TableName="events", SSESpecification={"Enabled": True})["TableDescription"]
    assert (answer["TableStatus"], answer["SSEDescription"]["Status"]) == ("ACTIVE", "UPDATING")
    arn = shown(dynamodb)["SSEDescription"]["KMSMasterKeyArn"]
    same = {"SSEType": "KMS", "KMSMasterKeyId": arn}
    assert (
        "already encrypted with given" in refused(dynamodb.update_table, TableName="events", SSESpecification=same)[1]
    )
    dynamodb.update_table(TableName="events", SSESpecification={"Enabled": False})
    assert "SSEDescription" not in shown(dynamodb)
    rare = "STANDARD_INFREQUENT_ACCESS"
    dynamodb.update_table(TableName="events", TableClass=rare)
    assert shown(dynamodb)["TableClassSummary"]["TableClass"] == rare
    dynamodb.update_table(TableName="events", TableClass="STANDARD")
    assert refused(dynamodb.update_table, TableName="events", TableClass=rare) == (
        "LimitExceededException",
        "Subscriber limit exceeded: Updates to TableClass are limited to 2 times in 30 day(s).",
    )
    node.advance(30 * 86_400)
    dynamodb.update_table(TableName="events", TableClass=rare)
    dynamodb.update_table(TableName="events", DeletionProtectionEnabled=False)
    dynamodb.delete_table(TableName="events")


def test_an_index_comes_with_its_attributes_and_goes_with_them(dynamodb: Any) -> None:
    dynamodb.create_table(**asked("events"))
    dynamodb.put_item(TableName="events", Item={"p": {"S": "1"}, "g": {"S": "x"}, "v": {"S": "y"}})
    stale = {**CREATE, "AttributeDefinitions": defined(g="S", unused="N", p="B")}
    answer = dynamodb.update_table(TableName="events", **stale)["TableDescription"]
    (new,) = answer["GlobalSecondaryIndexes"]
    assert (answer["TableStatus"], new["IndexStatus"], new["Backfilling"]) == ("UPDATING", "CREATING", False)
    after = shown(dynamodb)
    assert after["AttributeDefinitions"] == defined(g="S", p="S")
    (filled,) = after["GlobalSecondaryIndexes"]
    assert (filled["IndexStatus"], filled["ItemCount"]) == ("ACTIVE", 1)
    assert "Backfilling" not in filled
    gone = dynamodb.update_table(TableName="events", **changes("Delete"))["TableDescription"]
    assert gone["GlobalSecondaryIndexes"][0]["IndexStatus"] == "DELETING"
    after = shown(dynamodb)
    assert "GlobalSecondaryIndexes" not in after
    assert after["AttributeDefinitions"] == defined(p="S")


def test_units_are_decreased_four_times_a_day_and_then_once_an_hour() -> None:
    tx = opened()
    made(tx, **{**PROVISIONED, "ProvisionedThroughput": {"ReadCapacityUnits": 90, "WriteCapacityUnits": 90}})
    arn = "arn:aws:dynamodb:us-east-1:000000000000:table/events"

    def decrease(units: int) -> None:
        wanted = {"ProvisionedThroughput": {"ReadCapacityUnits": units, "WriteCapacityUnits": 90}}
        updates.update(tx, table.find(tx, arn), wanted)

    for units in (80, 70, 60, 50):
        decrease(units)
    with pytest.raises(LimitExceededException) as raised:
        decrease(40)
    assert "Number of decreases today: 4. Last decrease at Tuesday, November 14, 2023 at 10:13:20 PM" in str(
        raised.value
    )
    assert "Next decrease can be made at Tuesday, November 14, 2023 at 11:13:20 PM Coord" in str(raised.value)
    updates.update(
        tx, table.find(tx, arn), {"ProvisionedThroughput": {"ReadCapacityUnits": 51, "WriteCapacityUnits": 91}}
    )
    tx.at(NOW + 3600)
    decrease(40)
    tomorrow = NOW + 2 * 3600
    tx.at(tomorrow)
    assert throughput.decreases_today(table.find(tx, arn).definition["ProvisionedThroughput"], tomorrow) == 0
    decrease(30)
    assert table.find(tx, arn).definition["ProvisionedThroughput"]["NumberOfDecreasesToday"] == 1
