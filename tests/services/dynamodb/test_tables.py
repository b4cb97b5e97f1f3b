"""CreateTable and its kind, through boto3 against a node."""

from __future__ import annotations

from typing import Any

import pytest

from tests.running_node import RunningNode
from tests.services.dynamodb.control import PROVISIONED, UNITS, asked, defined, index, keys, refused

INVALID = "One or more parameter values were invalid: "
THREE = {"AttributeDefinitions": defined(p="S", s="S", l="S"), "KeySchema": keys("p", sort=("s",))}
HELD = ("dynamodb_items", "dynamodb_spaces")


@pytest.fixture
def dynamodb(node: RunningNode) -> Any:
    return node.client("dynamodb")


@pytest.fixture(scope="module")
def unchanged(shared_node: RunningNode) -> Any:
    """For what is refused: a client that checks nothing itself."""
    return shared_node.client("dynamodb", config={"parameter_validation": False})


def local(*schema: dict[str, str], **more: Any) -> dict[str, Any]:
    return {**THREE, "LocalSecondaryIndexes": [{**index("lsi", list(schema) or keys("p", sort=("l",))), **more}]}


def over_all(*schema: dict[str, str], **more: Any) -> dict[str, Any]:
    return {**THREE, "GlobalSecondaryIndexes": [{**index("gsi", list(schema) or keys("l")), **more}]}


def projected(kind: str | None, *names: str) -> dict[str, Any]:
    made = {"ProjectionType": kind, "NonKeyAttributes": list(names)}
    return {"Projection": {name: value for name, value in made.items() if value}}


def test_a_table_is_creating_in_the_answer_and_active_for_whoever_looks_next(dynamodb: Any) -> None:
    answer = dynamodb.create_table(**asked("events"))["TableDescription"]
    assert answer["TableStatus"] == "CREATING"
    assert answer["TableArn"] == "arn:aws:dynamodb:us-east-1:000000000000:table/events"
    assert answer["BillingModeSummary"] == {"BillingMode": "PAY_PER_REQUEST"}
    assert "WarmThroughput" not in answer
    table = dynamodb.describe_table(TableName="events")["Table"]
    assert table["TableStatus"] == "ACTIVE"
    assert table["WarmThroughput"] == {"ReadUnitsPerSecond": 12000, "WriteUnitsPerSecond": 4000, "Status": "ACTIVE"}
    assert table["BillingModeSummary"]["LastUpdateToPayPerRequestDateTime"] == table["CreationDateTime"]
    assert dynamodb.describe_table(TableName=table["TableArn"])["Table"]["TableId"] == answer["TableId"]
    dynamodb.get_waiter("table_exists").wait(TableName="events")
    assert dynamodb.delete_table(TableName="events")["TableDescription"]["TableStatus"] == "DELETING"
    dynamodb.get_waiter("table_not_exists").wait(TableName="events")
    assert dynamodb.create_table(**asked("events"))["TableDescription"]["TableId"] != answer["TableId"]


def test_everything_that_was_asked_for_is_shown_as_it_stands(dynamodb: Any) -> None:
    asking = asked(
        "orders",
        AttributeDefinitions=defined(z="N", p="S", s="B", a="S"),
        KeySchema=keys("p", sort=("s",)),
        GlobalSecondaryIndexes=[
            index("by-z", keys("z", "a", sort=("p", "s")), ProvisionedThroughput=UNITS),
            {**index("by-a", keys("a"), ProvisionedThroughput=UNITS), **projected("INCLUDE", "y", "x")},
        ],
        LocalSecondaryIndexes=[index("local", keys("p", sort=("z",)))],
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
        SSESpecification={"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": "arn:aws:kms:us-east-1:1:key/k"},
        TableClass="STANDARD_INFREQUENT_ACCESS",
        DeletionProtectionEnabled=True,
        Tags=[{"Key": "team", "Value": "sales"}],
        **PROVISIONED,
    )
    dynamodb.create_table(**asking)
    table = dynamodb.describe_table(TableName="orders")["Table"]
    assert [each["AttributeName"] for each in table["AttributeDefinitions"]] == ["a", "p", "s", "z"]
    assert "BillingModeSummary" not in table
    assert table["ProvisionedThroughput"] == {**UNITS, "NumberOfDecreasesToday": 0}
    assert table["WarmThroughput"] == {"ReadUnitsPerSecond": 5, "WriteUnitsPerSecond": 5, "Status": "ACTIVE"}
    first, second = table["GlobalSecondaryIndexes"]
    assert [first["IndexName"], second["IndexName"]] == ["by-z", "by-a"]
    assert (first["KeySchema"], first["IndexStatus"]) == (keys("z", "a", sort=("p", "s")), "ACTIVE")
    assert first["IndexArn"] == f"{table['TableArn']}/index/by-z"
    assert second["Projection"] == {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["x", "y"]}
    assert "IndexStatus" not in table["LocalSecondaryIndexes"][0]
    assert table["StreamSpecification"] == {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}
    assert table["LatestStreamArn"] == f"{table['TableArn']}/stream/{table['LatestStreamLabel']}"
    assert table["SSEDescription"] == {
        "Status": "ENABLED",
        "SSEType": "KMS",
        "KMSMasterKeyArn": "arn:aws:kms:us-east-1:1:key/k",
    }
    assert table["TableClassSummary"]["TableClass"] == "STANDARD_INFREQUENT_ACCESS"
    assert dynamodb.list_tags_of_resource(ResourceArn=table["TableArn"])["Tags"] == asking["Tags"]
    assert refused(dynamodb.delete_table, TableName="orders") == (
        "ValidationException",
        "Resource cannot be deleted as it is currently protected against deletion. Disable deletion protection first.",
    )


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (
            {"TableName": "ab"},
            "'tableName' failed to satisfy constraint: Member must have length greater than or equal",
        ),
        ({"TableName": "a#b"}, "Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+"),
        ({"TableName": "arn:aws:dynamodb:eu-west-1:000000000000:table/abc"}, "Invalid AWS region in 'arn:aws:"),
        ({"KeySchema": None}, "Value null at 'keySchema' failed to satisfy constraint: Member must not be null"),
        ({"BillingMode": None}, f"{INVALID}ReadCapacityUnits and WriteCapacityUnits must both be specified when Billi"),
        ({"ProvisionedThroughput": UNITS}, f"{INVALID}Neither ReadCapacityUnits nor WriteCapacityUnits can be specif"),
        ({"OnDemandThroughput": {"MaxReadRequestUnits": 0}}, f"{INVALID}Requested MaxReadRequestUnits for OnDemandThr"),
        ({"WarmThroughput": {"ReadUnitsPerSecond": 1}}, f"{INVALID}Requested ReadUnitsPerSecond for WarmThroughput fo"),
        (
            {**PROVISIONED, "OnDemandThroughput": {"MaxReadRequestUnits": 9}},
            f"{INVALID}MaxReadRequestUnits for OnDemandThroughput cannot be specified when table BillingMode is PROVI",
        ),
        (
            {**PROVISIONED, "WarmThroughput": {"WriteUnitsPerSecond": 4}},
            f"{INVALID}Requested WriteUnitsPerSecond for WarmThroughput for table is lower than WriteCapacityUnits of",
        ),
        ({"AttributeDefinitions": defined(x="S")}, f"{INVALID}Some index key attributes are not defined in Attribute"),
        ({"AttributeDefinitions": []}, "Invalid KeySchema: Some index key attribute have no definition"),
        ({"AttributeDefinitions": defined(p="S") * 2}, "Attribute Name is duplicated: p"),
        ({"AttributeDefinitions": defined(p="S", x="S")}, f"{INVALID}Number of attributes in KeySchema does not exact"),
        ({"KeySchema": keys(sort=("p",))}, "Invalid KeySchema: The first KeySchemaElement is not a HASH key type"),
        ({**THREE, "KeySchema": keys("p", "s")}, "Invalid KeySchema: The second KeySchemaElement is not a RANGE key"),
        ({**THREE, "KeySchema": keys("p", sort=("p",))}, "Both the Hash Key and the Range Key element in the KeySchem"),
        (
            {**THREE, "KeySchema": keys("p", sort=("s", "l"))},
            "at 'keySchema' failed to satisfy constraint: Member must",
        ),
        ({"LocalSecondaryIndexes": []}, f"{INVALID}List of LocalSecondaryIndexes is empty"),
        ({"GlobalSecondaryIndexes": []}, f"{INVALID}List of GlobalSecondaryIndexes is empty"),
        ({**local(), "KeySchema": keys("p")}, f"{INVALID}Table KeySchema does not have a range key, which is required"),
        (local(*keys("l", sort=("s",))), f"{INVALID}Index KeySchema does not have the same leading hash key as table"),
        ({**local(*keys("p")), **over_all()}, f"{INVALID}Index KeySchema does not have a range key for index: lsi"),
        ({**local(), **over_all(IndexName="lsi")}, f"{INVALID}Duplicate index name: lsi"),
        (over_all(*keys("zz")), f"{INVALID}Some index key attributes are not defined in AttributeDefinitions. Keys: ["),
        (over_all(*keys("p")), f"{INVALID}Some AttributeDefinitions are not used. AttributeDefinitions: [p, s, l], ke"),
        (over_all(*keys("l"), *keys("l")), "The KeySchema contains multiple key attributes with the same name"),
        (
            over_all(*keys("l", sort=("s",)), *keys("p")),
            f"{INVALID}All HASH key attributes must precede RANGE key attributes in the KeySchema",
        ),
        (over_all(ProvisionedThroughput=UNITS), f"{INVALID}ProvisionedThroughput should not be specified for index: g"),
        ({**over_all(), **PROVISIONED}, f"{INVALID}ProvisionedThroughput is not specified for index: gsi"),
        (over_all(Projection={}), f"{INVALID}Unknown ProjectionType: null"),
        (over_all(**projected("INCLUDE")), f"{INVALID}ProjectionType is INCLUDE, but NonKeyAttributes is not specifie"),
        (over_all(**projected("ALL", "a")), f"{INVALID}ProjectionType is ALL, but NonKeyAttributes is specified"),
        (over_all(**projected("INCLUDE", "a", "a")), f"{INVALID}Duplicate element in NonKeyAttributes: a"),
        (
            {**THREE, "GlobalSecondaryIndexes": [index(f"gsi{number}", keys("l")) for number in range(21)]},
            f"{INVALID}GlobalSecondaryIndex count exceeds the per-table limit of 20",
        ),
        (
            {**THREE, "LocalSecondaryIndexes": [index(f"lsi{number}", keys("p", sort=("l",))) for number in range(6)]},
            f"{INVALID}Number of LocalSecondaryIndexes exceeds per-table limit of 5",
        ),
        ({"StreamSpecification": {"StreamEnabled": True}}, f"{INVALID}Table is being created with a stream enabled, U"),
        (
            {"StreamSpecification": {"StreamEnabled": False, "StreamViewType": "KEYS_ONLY"}},
            f"{INVALID}Table is being created with a stream disabled, UpdateViewType should not be specified",
        ),
        ({"SSESpecification": {"Enabled": True, "SSEType": "AES256"}}, f"{INVALID}SSEType AES256 is not supported"),
        ({"SSESpecification": {"KMSMasterKeyId": "k"}}, f"{INVALID}SSEType KMS is required if KMSMasterKeyId is speci"),
        ({"Tags": [{"Key": "aws:x", "Value": "1"}]}, "Tag Key cannot be prefixed with aws:, Key: aws:x"),
        ({"Tags": [{"Key": "a", "Value": "1"}] * 2}, "Duplicate Tag Keys provided as input: Duplicate Tag Key found a"),
    ],
)
def test_what_no_table_can_be_is_refused_in_dynamodbs_words(unchanged: Any, more: dict[str, Any], message: str) -> None:
    name = {"TableName": more["TableName"]} if "TableName" in more else {}
    code, told = refused(unchanged.create_table, **{**asked("wrong", **more), **name})
    assert (code, message in told) == ("ValidationException", True), told
    assert unchanged.list_tables()["TableNames"] == []


def test_an_account_has_bounds(dynamodb: Any) -> None:
    wide = {"ReadCapacityUnits": 40_001, "WriteCapacityUnits": 1}
    code, message = refused(dynamodb.create_table, **asked("wide", BillingMode=None, ProvisionedThroughput=wide))
    assert (code, "above the per table maximum for the account in us-east-1" in message) == (
        "LimitExceededException",
        True,
    )
    most = {"ReadCapacityUnits": 40_000, "WriteCapacityUnits": 1}
    for name in ("one", "two"):
        dynamodb.create_table(**asked(name, BillingMode=None, ProvisionedThroughput=most))
    code, message = refused(dynamodb.create_table, **asked("three", BillingMode=None, ProvisionedThroughput=UNITS))
    assert code == "LimitExceededException"
    assert "Current ReadCapacityUnits reserved by the account: 80000. Limit: 80000. Requested: 5." in message
    told = dynamodb.describe_limits()
    assert (told["AccountMaxReadCapacityUnits"], told["TableMaxWriteCapacityUnits"]) == (80_000, 40_000)


def test_what_is_not_there_and_what_is_there_already_are_named(dynamodb: Any) -> None:
    missing = ("ResourceNotFoundException", "Requested resource not found: Table: nobody not found")
    assert refused(dynamodb.describe_table, TableName="nobody") == missing
    assert refused(dynamodb.delete_table, TableName="nobody") == missing
    assert refused(dynamodb.describe_table, TableName="arn:aws:dynamodb:us-east-1:000000000000:table/nobody") == missing
    dynamodb.create_table(**asked("here"))
    assert refused(dynamodb.create_table, **asked("here")) == ("ResourceInUseException", "Table already exists: here")
    dynamodb.create_table(**asked("Here"))


def test_tables_are_listed_by_their_bytes_page_by_page(dynamodb: Any, node: RunningNode) -> None:
    for name in ("b.b", "a-a", "Zzz", "a_a"):
        dynamodb.create_table(**asked(name))
    node.client("dynamodb", region="eu-west-1").create_table(**asked("elsewhere"))
    pages = list(dynamodb.get_paginator("list_tables").paginate(PaginationConfig={"PageSize": 3}))
    assert [page["TableNames"] for page in pages] == [["Zzz", "a-a", "a_a"], ["b.b"]]
    assert pages[0]["LastEvaluatedTableName"] == "a_a"
    assert dynamodb.list_tables(ExclusiveStartTableName="a-zzz")["TableNames"] == ["a_a", "b.b"]


def test_a_deleted_table_comes_back_empty(dynamodb: Any, node: RunningNode) -> None:
    asking = asked(
        "shop", AttributeDefinitions=defined(p="S", g="S"), GlobalSecondaryIndexes=[index("by-g", keys("g"))]
    )
    dynamodb.create_table(**asking)
    for number in range(3):
        dynamodb.put_item(TableName="shop", Item={"p": {"S": str(number)}, "g": {"S": "x"}})
    told = dynamodb.describe_table(TableName="shop")["Table"]
    assert (told["ItemCount"], told["GlobalSecondaryIndexes"][0]["ItemCount"]) == (3, 3)
    assert told["TableSizeBytes"] == 3 * 4
    dynamodb.delete_table(TableName="shop")
    dynamodb.create_table(**asking)
    assert dynamodb.describe_table(TableName="shop")["Table"]["ItemCount"] == 0
    assert "Item" not in dynamodb.get_item(TableName="shop", Key={"p": {"S": "1"}})
    node.advance(120)
    kept = node.run(node.node.store.read(lambda tx: [len(tx.all(f"SELECT * FROM {each}")) for each in HELD]))
    assert kept == [0, 2]


def test_the_endpoint_is_where_the_client_is(dynamodb: Any, node: RunningNode) -> None:
    (endpoint,) = dynamodb.describe_endpoints()["Endpoints"]
    assert f"http://{endpoint['Address']}" == node.endpoint
