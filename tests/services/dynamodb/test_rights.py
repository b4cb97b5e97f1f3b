"""The rights that requests need, as the Service Authorization Reference has them, and what conditions see of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.running_node import RunningNode, running_node
from tests.services.dynamodb.control import CALL, asked, defined, index, keys, made, opened, refused
from wakeful.services.dynamodb import rights, service, streams, table

ARN = "arn:aws:dynamodb:us-east-1:000000000000:table/tab"
BACKUP = f"{ARN}/backup/1"
T = {"TableName": "tab"}
ITEMS = ("BatchWriteItem", "DeleteItem", "GetItem", "PutItem", "Query", "Scan", "UpdateItem")
KINESIS = "arn:aws:kinesis:us-east-1:000000000000:stream/s"


def needed(operation: str, request: dict[str, Any]) -> list[tuple[str, str]]:
    return [(need.action.removeprefix("dynamodb:"), need.resource) for need in rights.needs(CALL, operation, request)]


@pytest.mark.parametrize(
    ("operation", "request_", "expected"),
    [
        ("ListTables", {}, [("ListTables", "*")]),
        ("DescribeTable", {"TableName": ARN}, [("DescribeTable", ARN)]),
        ("DeleteTable", T, [("DeleteTable", ARN)]),
        ("CreateTable", {**T, "Tags": [{"Key": "a", "Value": "b"}]}, [("CreateTable", ARN), ("TagResource", ARN)]),
        ("CreateTable", {**T, "ResourcePolicy": "{}"}, [("CreateTable", ARN), ("PutResourcePolicy", ARN)]),
        (
            "UpdateTable",
            {**T, "ReplicaUpdates": [{"Create": {"RegionName": "eu-west-1"}}]},
            [("UpdateTable", ARN), ("CreateTableReplica", ARN.replace("us-east-1", "eu-west-1"))],
        ),
        (
            "UpdateTable",
            {**T, "ReplicaUpdates": [{"Disassociate": {"RegionName": "us-east-1"}}]},
            [("UpdateTable", ARN), ("DisassociateTableReplica", ARN)],
        ),
        ("TagResource", {"ResourceArn": ARN, "Tags": []}, [("TagResource", ARN)]),
        ("GetItem", {**T, "Key": {}}, [("GetItem", ARN)]),
        ("Query", {**T, "IndexName": "i"}, [("Query", f"{ARN}/index/i")]),
        ("Scan", T, [("Scan", ARN)]),
        (
            "BatchWriteItem",
            {"RequestItems": {"tab": [{"PutRequest": {"Item": {}}}], "tau": [{"DeleteRequest": {"Key": {}}}]}},
            [("BatchWriteItem", ARN), ("BatchWriteItem", f"{ARN[:-1]}u")],
        ),
        (
            "TransactWriteItems",
            {"TransactItems": [{"Put": {**T, "Item": {}}}, {"ConditionCheck": {**T, "Key": {}}}]},
            [("PutItem", ARN), ("ConditionCheckItem", ARN)],
        ),
        ("TransactGetItems", {"TransactItems": [{"Get": {**T, "Key": {}}}]}, [("GetItem", ARN)]),
        (
            "ExecuteStatement",
            {"Statement": 'SELECT * FROM "tab"."i" WHERE a = 1'},
            [("PartiQLSelect", f"{ARN}/index/i")],
        ),
        ("ExecuteStatement", {"Statement": "insert into tab value {'p': 1}"}, [("PartiQLInsert", ARN)]),
        ("ExecuteStatement", {"Statement": 'UPDATE "tab" SET a = 1'}, [("PartiQLUpdate", ARN)]),
        ("ExecuteStatement", {"Statement": "nonsense"}, [("ExecuteStatement", "*")]),
        (
            "BatchExecuteStatement",
            {"Statements": [{"Statement": "DELETE FROM tab WHERE p = 1"}, {"Statement": "SELECT p FROM tab"}]},
            [("PartiQLDelete", ARN), ("PartiQLSelect", ARN)],
        ),
        ("CreateBackup", {**T, "BackupName": "b"}, [("CreateBackup", ARN)]),
        ("DeleteBackup", {"BackupArn": BACKUP}, [("DeleteBackup", BACKUP)]),
        (
            "RestoreTableFromBackup",
            {"BackupArn": BACKUP, "TargetTableName": "tab"},
            [("RestoreTableFromBackup", BACKUP), *((each, ARN) for each in ("RestoreTableFromBackup", *ITEMS))],
        ),
        ("ExportTableToPointInTime", {"TableArn": ARN, "S3Bucket": "b"}, [("ExportTableToPointInTime", ARN)]),
        ("ImportTable", {"TableCreationParameters": T}, [("ImportTable", ARN)]),
        (
            "EnableKinesisStreamingDestination",
            {**T, "StreamArn": KINESIS},
            [
                ("EnableKinesisStreamingDestination", ARN),
                *((f"kinesis:{each}", KINESIS) for each in ("DescribeStream", "PutRecord", "PutRecords")),
            ],
        ),
    ],
)
def test_a_request_needs_these_rights(
    operation: str, request_: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    assert needed(operation, request_) == expected


def test_streams_ask_for_rights_on_streams() -> None:
    stream = f"{ARN}/stream/2026-01-01T00:00:00.000"
    for operation, request, resource in (
        ("ListStreams", {}, "*"),
        ("ListStreams", T, f"{ARN}/stream/*"),
        ("DescribeStream", {"StreamArn": stream}, stream),
        ("GetShardIterator", {"StreamArn": stream}, stream),
        ("GetRecords", {"ShardIterator": f"{stream}|1|AAAA"}, stream),
    ):
        (need,) = rights.stream_needs(CALL, operation, request)
        assert (need.action, need.resource) == (f"dynamodb:{operation}", resource)


def test_every_operation_has_its_rights() -> None:
    minimal = {
        "TableName": "tab",
        "TransactItems": [],
        "RequestItems": {},
        "Statement": "SELECT * FROM tab",
        "TargetTableName": "tab",
        "BackupArn": BACKUP,
        "TableCreationParameters": T,
        "Statements": [],
        "TransactStatements": [],
        **dict.fromkeys(("ResourceArn", "ExportArn", "ImportArn", "TableArn", "BulkOperationArn", "StreamArn"), ARN),
    }
    for operation in service.operations.model.operation_names:
        for need in rights.needs(CALL, operation, minimal):
            assert need.resource == "*" or need.resource.startswith("arn:aws:"), operation
    for operation in streams.operations.model.operation_names:
        assert list(rights.stream_needs(CALL, operation, {**minimal, "ShardIterator": "x"}))


def test_conditions_see_what_a_request_reads_and_writes() -> None:
    tx = opened()
    found = made(
        tx,
        AttributeDefinitions=defined(p="S", g="S"),
        GlobalSecondaryIndexes=[index("by-g", keys("g"))],
    )
    table.lock(tx, found.arn)
    table.save(tx, found, tags={"team": "a"})

    def seen(operation: str, **request: Any) -> dict[str, Any]:
        (need,) = rights.needs(CALL, operation, {"TableName": "events", **request})
        assert need.known is not None
        return {key.partition(":")[2]: value for key, value in need.known(tx).items()}

    one = {"Key": {"p": {"S": "1"}}}
    assert seen("GetItem", **one) == {
        "Attributes": ["p"],
        "Select": "ALL_ATTRIBUTES",
        "ReturnConsumedCapacity": "NONE",
        "LeadingKeys": ["1"],
        "ResourceTag/team": "a",
    }
    read = seen("GetItem", **one, ProjectionExpression="a, #b[0].c", ExpressionAttributeNames={"#b": "beta"})
    assert (read["Attributes"], read["Select"]) == (["a", "beta", "p"], "SPECIFIC_ATTRIBUTES")
    written = seen(
        "UpdateItem",
        **one,
        UpdateExpression="SET a = if_not_exists(c, :one), e.f = :one REMOVE d",
        ConditionExpression="attribute_exists(p) AND size(h) > :one",
        ExpressionAttributeValues={":one": {"N": "1"}},
        ReturnValues="ALL_NEW",
    )
    assert (written["Attributes"], written["ReturnValues"]) == (["a", "c", "d", "e", "h", "p"], "ALL_NEW")
    values = {":g": {"S": "x"}}
    queried = seen("Query", IndexName="by-g", KeyConditionExpression="g = :g", ExpressionAttributeValues=values)
    assert (queried["LeadingKeys"], queried["Select"]) == (["x"], "ALL_PROJECTED_ATTRIBUTES")
    older = {"p": {"ComparisonOperator": "EQ", "AttributeValueList": [{"S": "2"}]}}
    assert seen("Query", KeyConditions=older, Select="COUNT")["LeadingKeys"] == ["2"]


@pytest.mark.parametrize(
    "text", ["p = :v", ":v = p", "#1 = :v", "(p) = :v", "p = (:v)", "((#1) = :v)", "p=:v AND begins_with(s, :v)"]
)
def test_conditions_see_the_key_of_a_query_however_it_is_written(text: str) -> None:
    tx = opened()
    made(tx, AttributeDefinitions=defined(p="S", s="S"), KeySchema=keys("p", sort=("s",)))
    names = {"ExpressionAttributeNames": {"#1": "p"}} if "#1" in text else {}
    request = {"TableName": "events", "KeyConditionExpression": text, "ExpressionAttributeValues": {":v": {"S": "1"}}}
    (need,) = rights.needs(CALL, "Query", {**request, **names})
    assert need.known is not None
    seen = need.known(tx)
    assert (seen["dynamodb:LeadingKeys"], seen["dynamodb:Attributes"]) == (["1"], ["p", "s"] if "(s" in text else ["p"])


def test_conditions_see_keys_as_they_are_looked_for() -> None:
    tx = opened()
    made(tx, AttributeDefinitions=defined(p="N"))

    def leading(operation: str, **request: Any) -> object:
        (need,) = rights.needs(CALL, operation, {"TableName": "events", **request})
        assert need.known is not None
        return need.known(tx).get("dynamodb:LeadingKeys")

    for value in ({"N": "7"}, {"N": "07.0"}, {"N": "70e-1"}, {"S": None, "N": "7"}, {"Z": "1", "N": "7"}):
        assert leading("GetItem", Key={"p": dict(value)}) == ["7"]
        asked_for = {"ComparisonOperator": "EQ", "AttributeValueList": [dict(value)]}
        assert leading("Query", KeyConditions={"p": asked_for}) == ["7"]
    for refused_value in ({"N": "x"}, {}, None, "7"):
        assert leading("GetItem", Key={"p": refused_value}) is None


def test_conditions_see_attributes_behind_any_placeholder() -> None:
    tx = opened()
    made(tx)
    request = {"TableName": "events", "ExpressionAttributeNames": {"#1": "secret"}}
    (need,) = rights.needs(CALL, "Scan", {**request, "ProjectionExpression": "a,#1.b"})
    assert need.known is not None
    assert need.known(tx)["dynamodb:Attributes"] == ["a", "secret"]


# --- enforced --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def strict_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningNode]:
    with running_node(tmp_path_factory.mktemp("strict"), iam="enforce") as started:
        yield started


def user(node: RunningNode, name: str, *statements: dict[str, Any]) -> Any:
    """A client of a new user that may do this and nothing else."""
    iam = node.client("iam")
    iam.create_user(UserName=name)
    document = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **each} for each in statements]})
    iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=document)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return node.client("dynamodb", key=key["AccessKeyId"], secret=key["SecretAccessKey"])


def test_a_user_has_his_own_items_only(strict_node: RunningNode) -> None:
    root = strict_node.client("dynamodb")
    root.create_table(**asked("games"))
    everything = "arn:aws:dynamodb:us-east-1:000000000000:table/games"
    alice = user(
        strict_node,
        "alice",
        {
            "Action": ["dynamodb:GetItem", "dynamodb:PutItem"],
            "Resource": everything,
            "Condition": {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["${aws:username}"]}},
        },
    )
    alice.put_item(TableName="games", Item={"p": {"S": "alice"}, "score": {"N": "1"}})
    assert alice.get_item(TableName="games", Key={"p": {"S": "alice"}})["Item"]["score"] == {"N": "1"}
    code, message = refused(alice.get_item, TableName="games", Key={"p": {"S": "bob"}})
    assert (code, "is not authorized to perform: dynamodb:GetItem on resource" in message) == (
        "AccessDeniedException",
        True,
    )
    assert refused(alice.put_item, TableName="games", Item={"p": {"S": "bob"}})[0] == "AccessDeniedException"
    assert refused(alice.delete_table, TableName="games")[0] == "AccessDeniedException"


def test_another_account_comes_in_where_the_tables_policy_and_its_own_let_it(strict_node: RunningNode) -> None:
    root = strict_node.client("dynamodb")
    arn = root.create_table(**asked("shared"))["TableDescription"]["TableArn"]
    stranger = strict_node.client("dynamodb", key="111122223333")
    assert refused(stranger.get_item, TableName=arn, Key={"p": {"S": "1"}})[0] == "AccessDeniedException"
    allows = {"Effect": "Allow", "Principal": {"AWS": "111122223333"}, "Action": "dynamodb:GetItem", "Resource": arn}
    text = json.dumps({"Version": "2012-10-17", "Statement": allows})
    root.put_resource_policy(ResourceArn=arn, Policy=text)
    root.put_item(TableName="shared", Item={"p": {"S": "1"}})
    assert stranger.get_item(TableName=arn, Key={"p": {"S": "1"}})["Item"] == {"p": {"S": "1"}}
    root.delete_resource_policy(ResourceArn=arn)
    assert refused(stranger.get_item, TableName=arn, Key={"p": {"S": "1"}})[0] == "AccessDeniedException"


def test_what_is_kept_of_a_table_is_its_own_accounts_whatever_its_policy_says(strict_node: RunningNode) -> None:
    root, stranger = strict_node.client("dynamodb"), strict_node.client("dynamodb", key="111122223333")
    arn = root.create_table(**asked("kept"))["TableDescription"]["TableArn"]
    resources = [arn, f"{arn}/*"]
    allows = {"Effect": "Allow", "Principal": {"AWS": "111122223333"}, "Action": "dynamodb:*", "Resource": resources}
    root.put_resource_policy(ResourceArn=arn, Policy=json.dumps({"Version": "2012-10-17", "Statement": allows}))
    assert stranger.describe_table(TableName=arn)["Table"]["TableArn"] == arn
    backup = root.create_backup(TableName="kept", BackupName="first")["BackupDetails"]["BackupArn"]
    for call, request in (
        (stranger.describe_backup, {"BackupArn": backup}),
        (stranger.delete_backup, {"BackupArn": backup}),
        (stranger.restore_table_from_backup, {"BackupArn": backup, "TargetTableName": "taken"}),
        (stranger.create_backup, {"TableName": arn, "BackupName": "second"}),
        (stranger.describe_time_to_live, {"TableName": arn}),
        (stranger.describe_continuous_backups, {"TableName": arn}),
        (stranger.execute_statement, {"Statement": f'SELECT * FROM "{arn}"'}),
        (stranger.create_table, asked(f"{arn}-too")),
    ):
        assert refused(call, **request)[0] == "AccessDeniedException"


def test_tags_of_a_table_say_who_may(strict_node: RunningNode) -> None:
    root = strict_node.client("dynamodb")
    for name, team in (("ours", "a"), ("theirs", "b")):
        root.create_table(**asked(name, Tags=[{"Key": "team", "Value": team}]))
    own = user(
        strict_node,
        "tagged",
        {
            "Action": "dynamodb:DescribeTable",
            "Resource": "*",
            "Condition": {"StringEquals": {"aws:ResourceTag/team": "a"}},
        },
    )
    assert own.describe_table(TableName="ours")["Table"]["TableName"] == "ours"
    assert refused(own.describe_table, TableName="theirs")[0] == "AccessDeniedException"
