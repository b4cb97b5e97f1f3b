"""Backups: a table at one moment, and the same again as another one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.running_node import RunningNode

NAME = "orders"


@pytest.fixture
def dynamodb(node: RunningNode) -> Any:
    return node.client("dynamodb")


def refusal(call: Any, **request: Any) -> tuple[str, str]:
    """What it is answered that may not be."""
    with pytest.raises(ClientError) as caught:
        call(**request)
    return caught.value.response["Error"]["Code"], caught.value.response["Error"]["Message"]


def make(dynamodb: Any, name: str = NAME, **more: Any) -> str:
    """A table with a partition key `p`; its ARN."""
    wanted = {
        "TableName": name,
        "KeySchema": [{"AttributeName": "p", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": "p", "AttributeType": "S"}],
        "BillingMode": "PAY_PER_REQUEST",
        **more,
    }
    arn = dynamodb.create_table(**wanted)["TableDescription"]["TableArn"]
    until(lambda: dynamodb.describe_table(TableName=name)["Table"]["TableStatus"] == "ACTIVE")
    return str(arn)


def until(holds: Any) -> None:
    import time
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end, "it never came to hold"
        time.sleep(0.005)


def put(dynamodb: Any, *values: tuple[str, int], table: str = NAME) -> None:
    for key, value in values:
        dynamodb.put_item(TableName=table, Item={"p": {"S": key}, "v": {"N": str(value)}})


def test_a(dynamodb, node):
    make(dynamodb)
    put(dynamodb, ("a", 1), ("b", 2))
    b = dynamodb.create_backup(TableName=NAME, BackupName="first")["BackupDetails"]
    print(b)
    put(dynamodb, ("a", 3))
    until(lambda: dynamodb.describe_backup(BackupArn=b["BackupArn"])["BackupDescription"]["BackupDetails"]["BackupStatus"] == "AVAILABLE")
    print(dynamodb.describe_backup(BackupArn=b["BackupArn"]))
    print(dynamodb.list_backups())
    print(dynamodb.restore_table_from_backup(TargetTableName="again", BackupArn=b["BackupArn"]))
    until(lambda: dynamodb.describe_table(TableName="again")["Table"]["TableStatus"] == "ACTIVE")
    print(dynamodb.get_item(TableName="again", Key={"p": {"S": "a"}}))
    print(dynamodb.update_continuous_backups(TableName=NAME, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}))
    put(dynamodb, ("a", 4))
    s3 = node.client("s3"); s3.create_bucket(Bucket="out")
    arn = dynamodb.describe_table(TableName=NAME)["Table"]["TableArn"]
    e = dynamodb.export_table_to_point_in_time(TableArn=arn, S3Bucket="out", S3Prefix="x/y")["ExportDescription"]
    until(lambda: dynamodb.describe_export(ExportArn=e["ExportArn"])["ExportDescription"]["ExportStatus"] != "IN_PROGRESS")
    print(dynamodb.describe_export(ExportArn=e["ExportArn"]))
    for o in s3.list_objects_v2(Bucket="out")["Contents"]:
        print(o["Key"], s3.get_object(Bucket="out", Key=o["Key"])["Body"].read()[:600])
    pre = [o["Key"] for o in s3.list_objects_v2(Bucket="out")["Contents"] if "/data/" in o["Key"]][0].rpartition("/")[0]
    i = dynamodb.import_table(S3BucketSource={"S3Bucket": "out", "S3KeyPrefix": pre}, InputFormat="DYNAMODB_JSON", InputCompressionType="GZIP", TableCreationParameters={"TableName": "imp", "KeySchema": [{"AttributeName": "p", "KeyType": "HASH"}], "AttributeDefinitions": [{"AttributeName": "p", "AttributeType": "S"}], "BillingMode": "PAY_PER_REQUEST"})["ImportTableDescription"]
    until(lambda: dynamodb.describe_import(ImportArn=i["ImportArn"])["ImportTableDescription"]["ImportStatus"] != "IN_PROGRESS")
    print(dynamodb.describe_import(ImportArn=i["ImportArn"]))
    print(dynamodb.get_item(TableName="imp", Key={"p": {"S": "a"}}))
    print(dynamodb.list_imports(), dynamodb.list_exports())
    assert 0
