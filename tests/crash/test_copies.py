"""SIGKILL while tables are copied and written: imports, backups and restores go on, and lose and double nothing."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.crash.conftest import CRASHES
from tests.crash.load import Load
from tests.node_process import NodeProcess

pytestmark = pytest.mark.slow

ITEMS = 1000
TABLE: dict[str, Any] = {
    "KeySchema": [{"AttributeName": "p", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "p", "AttributeType": "S"}],
    "BillingMode": "PAY_PER_REQUEST",
}


def item(number: int, value: int) -> dict[str, Any]:
    return {"p": {"S": f"item {number}"}, "v": {"N": str(value)}}


class Story:
    """Two items, far from one another, have the same value, always; now and then somebody makes a backup."""

    def __init__(self) -> None:
        self.backups: list[str] = []

    def go_on(self, client: Any, number: int) -> None:
        if number % 15 == 1:
            made = client.create_backup(TableName="copied", BackupName=f"backup-{number}")
            self.backups.append(made["BackupDetails"]["BackupArn"])
            return
        pair = number % (ITEMS // 2)
        puts = [item(place, ITEMS + number) for place in (pair, ITEMS - 1 - pair)]
        client.transact_write_items(TransactItems=[{"Put": {"TableName": "copied", "Item": each}} for each in puts])


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 120
    while not holds():
        assert time.monotonic() < end, "it never came to hold"
        time.sleep(0.02)


def held(client: Any, name: str) -> dict[str, int]:
    found = {}
    for first in range(0, ITEMS, 100):
        keys = [{"p": {"S": f"item {number}"}} for number in range(first, first + 100)]
        told = client.batch_get_item(RequestItems={name: {"Keys": keys}})["Responses"][name]
        found.update({each["p"]["S"]: int(each["v"]["N"]) for each in told})
    return found


def test_copies_that_were_broken_off_are_whole_in_the_end(node: NodeProcess) -> None:
    node.start()
    lines = [json.dumps({"Item": item(number, min(number, ITEMS - 1 - number))}) for number in range(ITEMS)]
    s3 = node.client("s3")
    s3.create_bucket(Bucket="source")
    s3.put_object(Bucket="source", Key="items.json", Body="\n".join(lines).encode())
    begun = node.client("dynamodb").import_table(
        S3BucketSource={"S3Bucket": "source"},
        InputFormat="DYNAMODB_JSON",
        TableCreationParameters={"TableName": "copied", **TABLE},
    )["ImportTableDescription"]["ImportArn"]
    node.kill()
    node.start()

    def imported() -> dict[str, Any]:
        told: dict[str, Any] = node.client("dynamodb").describe_import(ImportArn=begun)["ImportTableDescription"]
        return told

    until(lambda: imported()["ImportStatus"] == "COMPLETED")
    assert imported()["ImportedItemCount"] == ITEMS
    story = Story()
    load = Load(node, "dynamodb", story.go_on)
    for _ in range(max(1, CRASHES - 2)):  # of the others one comes in an import, one in a restore
        load.run(0.2)
        node.start()
    client = node.client("dynamodb")
    assert story.backups
    for arn in story.backups:
        until(lambda arn=arn: _is_there(client, arn))  # type: ignore[misc]
    arns = story.backups
    client.restore_table_from_backup(TargetTableName="again", BackupArn=arns[-1])
    node.kill()
    node.start()
    client = node.client("dynamodb")
    until(lambda: client.describe_table(TableName="again")["Table"]["TableStatus"] == "ACTIVE")
    assert client.describe_table(TableName="again")["Table"]["ItemCount"] == ITEMS
    found = held(client, "again")
    assert len(found) == ITEMS
    assert all(found[f"item {number}"] == found[f"item {ITEMS - 1 - number}"] for number in range(ITEMS))


def _is_there(client: Any, arn: str) -> bool:
    told = client.describe_backup(BackupArn=arn)["BackupDescription"]["BackupDetails"]
    return bool(told["BackupStatus"] == "AVAILABLE")
