"""Backups: a table as it was at one moment, whatever others do to it meanwhile, and the same again as another table."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from tests.running_node import RunningNode, running_node
from tests.services.dynamodb.kept import ARN, NAME, contents, definitions, index, keys, plain, put, refused
from wakeful import limits
from wakeful.services.dynamodb import table
from wakeful.services.dynamodb.copies import backups
from wakeful.store import work
from wakeful.store.tx import Tx


@pytest.fixture
def dynamodb(node: RunningNode) -> Any:
    return node.client("dynamodb")


def test_a_backup_is_of_one_moment_however_the_table_changes_while_it_is_copied(
    node: RunningNode, dynamodb: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "DYNAMODB_COPIED_AT_ONCE", 3)
    dynamodb.create_table(**plain(NAME))
    for number in range(12):
        put(dynamodb, f"key-{number}", number)
    expected = contents(node)

    body = node.run(node.node.store.write(_begin_in_hand, "first"))
    for step in range(100):
        low = node.run(node.node.store.write(backups._copy_some, body))
        node.run(node.node.store.write(backups._copy_some, body))  # after a crash it is done again
        if low is None:
            break
        body["low"] = low.hex()
        put(dynamodb, f"key-{step}", 1000 + step)
        put(dynamodb, f"new-{step}", step)
        dynamodb.delete_item(TableName=NAME, Key={"p": {"S": f"key-{11 - step}"}})
        put(dynamodb, f"key-{11 - step}", 2000 + step)
    assert step > 3
    node.run(node.node.store.write(backups._available, body))
    assert contents(node) != expected
    dynamodb.restore_table_from_backup(TargetTableName="again", BackupArn=body["arn"])
    node.settle()
    assert contents(node, "again") == expected
    counted = dynamodb.describe_table(TableName="again")["Table"]
    assert (counted["ItemCount"], counted["TableSizeBytes"]) == (12, sum(_size(*each) for each in expected.items()))
    left = node.run(node.node.store.read(lambda tx: tx.one("SELECT count(*) AS rows FROM dynamodb_history")))
    assert left["rows"] == 0, "nobody needs to know any more"


def _size(key: str, value: int) -> int:
    return len("p") + len(key) + len("v") + (len(str(value).strip("0")) + 1) // 2 + 1


def test_a_backup_is_described_listed_and_deleted(node: RunningNode, dynamodb: Any) -> None:
    dynamodb.create_table(**plain(NAME, StreamSpecification={"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"}))
    dynamodb.create_table(**plain("others"))
    put(dynamodb, "a", 1)
    made = [dynamodb.create_backup(TableName=NAME, BackupName=f"b-{each}")["BackupDetails"] for each in range(3)]
    made.append(dynamodb.create_backup(TableName="others", BackupName="b-0")["BackupDetails"])
    assert made[0]["BackupStatus"] == "CREATING"
    assert made[0]["BackupArn"].startswith(f"{ARN}/backup/0")
    node.settle()
    told = dynamodb.describe_backup(BackupArn=made[0]["BackupArn"])["BackupDescription"]
    assert told["BackupDetails"]["BackupStatus"] == "AVAILABLE"
    assert told["BackupDetails"]["BackupType"] == "USER"
    assert told["SourceTableDetails"]["ItemCount"] == 1
    assert told["SourceTableDetails"]["BillingMode"] == "PAY_PER_REQUEST"
    assert told["SourceTableFeatureDetails"]["StreamDescription"]["StreamViewType"] == "KEYS_ONLY"
    arns = [each["BackupArn"] for each in made]
    assert [each["BackupArn"] for each in dynamodb.list_backups()["BackupSummaries"]] == sorted(arns, key=_when)
    first = dynamodb.list_backups(TableName=NAME, Limit=2)
    assert len(first["BackupSummaries"]) == 2
    rest = dynamodb.list_backups(TableName=NAME, ExclusiveStartBackupArn=first["LastEvaluatedBackupArn"])
    assert "LastEvaluatedBackupArn" not in rest
    both = [*first["BackupSummaries"], *rest["BackupSummaries"]]
    assert {each["BackupArn"] for each in both} == set(arns[:3])
    assert dynamodb.list_backups(BackupType="SYSTEM")["BackupSummaries"] == []
    gone = dynamodb.delete_backup(BackupArn=arns[0])["BackupDescription"]
    assert gone["BackupDetails"]["BackupStatus"] == "DELETED"
    assert refused(dynamodb.describe_backup, BackupArn=arns[0]) == (
        "BackupNotFoundException",
        f"Backup not found: {arns[0]}",
    )
    assert refused(dynamodb.create_backup, TableName="missing", BackupName="b-0") == (
        "TableNotFoundException",
        "Table not found: missing",
    )


def _when(arn: str) -> str:
    return arn.rpartition("/")[2]


def test_a_table_is_restored_without_what_nobody_asked_for(node: RunningNode, dynamodb: Any) -> None:
    wanted = {
        "AttributeDefinitions": definitions(p="S", g="S", h="S"),
        "GlobalSecondaryIndexes": [index("by-g", keys("g")), index("by-h", keys("h"))],
        "StreamSpecification": {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
        "Tags": [{"Key": "a", "Value": "b"}],
        "DeletionProtectionEnabled": False,
        "TableClass": "STANDARD_INFREQUENT_ACCESS",
    }
    dynamodb.create_table(**plain(NAME, **wanted))
    for number in range(3):
        item = {"p": {"S": str(number)}, "g": {"S": "same"}, "v": {"N": str(number)}}
        dynamodb.put_item(TableName=NAME, Item=item)
    arn = dynamodb.create_backup(TableName=NAME, BackupName="first")["BackupDetails"]["BackupArn"]
    node.settle()
    dynamodb.delete_table(TableName=NAME)
    answer = dynamodb.restore_table_from_backup(
        TargetTableName="again",
        BackupArn=arn,
        GlobalSecondaryIndexOverride=[index("by-g", keys("g"), ProvisionedThroughput=_UNITS)],
        BillingModeOverride="PROVISIONED",
        ProvisionedThroughputOverride=_UNITS,
    )["TableDescription"]
    assert answer["TableStatus"] == "CREATING"
    assert answer["RestoreSummary"]["SourceBackupArn"] == arn
    assert answer["RestoreSummary"]["RestoreInProgress"]
    node.settle()
    restored = dynamodb.describe_table(TableName="again")["Table"]
    assert restored["TableStatus"] == "ACTIVE"
    assert not restored["RestoreSummary"]["RestoreInProgress"]
    assert restored["RestoreSummary"]["SourceTableArn"] == ARN
    assert not {"LatestStreamArn", "TableClassSummary"} & set(restored)
    assert restored["ProvisionedThroughput"]["WriteCapacityUnits"] == 7
    assert [each["IndexName"] for each in restored["GlobalSecondaryIndexes"]] == ["by-g"]
    assert restored["GlobalSecondaryIndexes"][0]["IndexStatus"] == "ACTIVE"
    assert restored["GlobalSecondaryIndexes"][0]["ItemCount"] == 3
    assert [each["AttributeName"] for each in restored["AttributeDefinitions"]] == ["g", "p"]
    assert node.run(node.node.store.read(table.get, restored["TableArn"])).tags == {}
    assert contents(node, "again") == {"0": 0, "1": 1, "2": 2}
    put(dynamodb, "0", 5, "again")
    assert contents(node, "again")["0"] == 5


_UNITS = {"ReadCapacityUnits": 5, "WriteCapacityUnits": 7}


def test_what_cannot_be_restored_is_refused(node: RunningNode, dynamodb: Any) -> None:
    dynamodb.create_table(**plain(NAME))
    arn = dynamodb.create_backup(TableName=NAME, BackupName="first")["BackupDetails"]["BackupArn"]
    node.settle()
    restore = dynamodb.restore_table_from_backup
    assert refused(restore, TargetTableName=NAME, BackupArn=arn) == (
        "TableAlreadyExistsException",
        f"Table already exists: {NAME}",
    )
    missing = f"{ARN}/backup/01489602797149-73d8d5bc"
    assert refused(restore, TargetTableName="again", BackupArn=missing)[0] == "BackupNotFoundException"
    other = [index("by-v", keys("v"))]
    code, message = refused(restore, TargetTableName="again", BackupArn=arn, GlobalSecondaryIndexOverride=other)
    assert code == "ValidationException"
    assert "by-v" in message


def test_a_table_is_restored_in_any_region_and_its_backups_are_of_one(node: RunningNode, dynamodb: Any) -> None:
    elsewhere = node.client("dynamodb", region="eu-west-1")
    dynamodb.create_table(**plain(NAME))
    put(dynamodb, "a", 1)
    arn = dynamodb.create_backup(TableName=NAME, BackupName="first")["BackupDetails"]["BackupArn"]
    switch = {"PointInTimeRecoveryEnabled": True}
    dynamodb.update_continuous_backups(TableName=NAME, PointInTimeRecoverySpecification=switch)
    node.settle()
    elsewhere.restore_table_from_backup(TargetTableName="of-backup", BackupArn=arn)
    elsewhere.restore_table_to_point_in_time(
        TargetTableName="of-table", SourceTableArn=ARN, UseLatestRestorableTime=True
    )
    node.settle()
    for name in ("of-backup", "of-table"):
        assert contents(node, name, "eu-west-1") == {"a": 1}
    for call in (elsewhere.describe_backup, elsewhere.delete_backup):
        assert refused(call, BackupArn=arn)[0] == "BackupNotFoundException"
    assert refused(elsewhere.list_backups, ExclusiveStartBackupArn=arn)[0] == "BackupNotFoundException"


def test_every_second_of_a_table_can_be_had_back(node: RunningNode, dynamodb: Any) -> None:
    dynamodb.create_table(**plain(NAME))
    put(dynamodb, "before", 0)
    assert _recovery(dynamodb)["PointInTimeRecoveryStatus"] == "DISABLED"
    restore = dynamodb.restore_table_to_point_in_time
    asked = {"SourceTableName": NAME, "TargetTableName": "again"}
    assert refused(restore, **asked, UseLatestRestorableTime=True) == (
        "PointInTimeRecoveryUnavailableException",
        f"Point in time recovery is not enabled for table '{NAME}'",
    )
    dynamodb.update_continuous_backups(
        TableName=NAME, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
    )
    told = _recovery(dynamodb)
    assert told["PointInTimeRecoveryStatus"] == "ENABLED"
    assert told["RecoveryPeriodInDays"] == 35
    expected: dict[int, dict[str, int]] = {}
    for step in range(4):
        put(dynamodb, f"key-{step}", step)
        put(dynamodb, "before", step)
        if step:
            dynamodb.delete_item(TableName=NAME, Key={"p": {"S": f"key-{step - 1}"}})
        node.advance(2)
        expected[int(node.node.clock.now()) - 1] = contents(node)
    for number, (second, held) in enumerate(expected.items()):
        restore(SourceTableName=NAME, TargetTableName=f"again-{number}", RestoreDateTime=second)
        node.settle()
        assert contents(node, f"again-{number}") == held
    restore(SourceTableArn=ARN, TargetTableName="latest", UseLatestRestorableTime=True)
    node.settle()
    assert contents(node, "latest") == contents(node)
    summary = dynamodb.describe_table(TableName="latest")["Table"]["RestoreSummary"]
    assert summary["SourceTableArn"] == ARN
    assert "SourceBackupArn" not in summary
    for moment in (min(expected) - 3600, max(expected) + 3600):
        assert refused(restore, **asked, RestoreDateTime=moment)[0] == "InvalidRestoreTimeException"
    assert refused(restore, **asked)[0] == "ValidationException"
    node.advance(36 * 86400)
    assert _history(node) == 0, "what nobody may ask for any more is forgotten"
    put(dynamodb, "before", 9)
    assert _history(node) == 1
    dynamodb.update_continuous_backups(
        TableName=NAME, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": False}
    )
    node.settle()
    assert _history(node) == 0
    put(dynamodb, "before", 10)
    assert _history(node) == 0, "it costs nothing where it is off"


def test_what_was_forgotten_is_never_offered_again(node: RunningNode, dynamodb: Any) -> None:
    dynamodb.create_table(**plain(NAME))
    _keep(dynamodb, 35)
    put(dynamodb, "a", 1)
    node.advance(3 * 86400)
    put(dynamodb, "a", 2)
    _keep(dynamodb, 1)
    node.advance(86400 + 2 * limits.SWEEP_S)
    _keep(dynamodb, 35)
    earliest = _recovery(dynamodb)["EarliestRestorableDateTime"].timestamp()
    assert earliest >= int(node.node.clock.now()) - 86400
    asked = {"SourceTableName": NAME, "TargetTableName": "again", "RestoreDateTime": earliest - 86400}
    assert refused(dynamodb.restore_table_to_point_in_time, **asked)[0] == "InvalidRestoreTimeException"


def _keep(dynamodb: Any, days: int) -> None:
    wanted = {"PointInTimeRecoveryEnabled": True, "RecoveryPeriodInDays": days}
    dynamodb.update_continuous_backups(TableName=NAME, PointInTimeRecoverySpecification=wanted)


def test_a_copy_that_goes_on_knows_the_past_of_a_table_that_is_gone(
    node: RunningNode, dynamodb: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "DYNAMODB_COPIED_AT_ONCE", 1)
    dynamodb.create_table(**plain(NAME))
    put(dynamodb, "a", 1)
    bodies = [node.run(node.node.store.write(_begin_in_hand, f"backup-{number}")) for number in range(2)]
    put(dynamodb, "a", 2)
    dynamodb.delete_table(TableName=NAME)
    for body in bodies:  # the first is over before the second has begun
        low: bytes | None = b""
        while low is not None:
            body["low"] = low.hex()
            low = node.run(node.node.store.write(backups._copy_some, body))
        node.run(node.node.store.write(backups._available, body))
        node.settle()
    for number, body in enumerate(bodies):
        dynamodb.restore_table_from_backup(TargetTableName=f"again-{number}", BackupArn=body["arn"])
        node.settle()
        assert contents(node, f"again-{number}") == {"a": 1}
    node.advance(2 * limits.DYNAMODB_SPACE_RESTS_S)
    assert _history(node) == 0, "the table's items are gone, and with them what they were"


def _begin_in_hand(tx: Tx, name: str) -> dict[str, Any]:
    """A backup whose steps the test takes itself."""
    table.lock(tx, ARN)
    found = table.find(tx, ARN)
    backup = backups.create(tx, found, name)
    work.drop(tx, f"{backups.KIND} {backup.arn}")
    return {"arn": backup.arn, "table": ARN, "space": found.space, "low": ""}


def _recovery(dynamodb: Any) -> Any:
    told = dynamodb.describe_continuous_backups(TableName=NAME)["ContinuousBackupsDescription"]
    assert told["ContinuousBackupsStatus"] == "ENABLED"
    return told["PointInTimeRecoveryDescription"]


def _history(node: RunningNode) -> int:
    row = node.run(node.node.store.read(lambda tx: tx.one("SELECT count(*) AS rows FROM dynamodb_history")))
    return int(row["rows"])


def test_a_deleted_table_that_could_be_had_back_stays_for_thirty_five_days(node: RunningNode, dynamodb: Any) -> None:
    dynamodb.create_table(**plain(NAME))
    put(dynamodb, "a", 1)
    dynamodb.update_continuous_backups(
        TableName=NAME, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
    )
    put(dynamodb, "b", 2)
    dynamodb.delete_table(TableName=NAME)
    node.advance(2 * limits.DYNAMODB_SPACE_RESTS_S)
    (kept,) = dynamodb.list_backups(BackupType="SYSTEM")["BackupSummaries"]
    assert kept["BackupName"] == f"{NAME}$DeletedTableBackup"
    days = (kept["BackupExpiryDateTime"] - kept["BackupCreationDateTime"]).total_seconds() / 86400
    assert days == 35
    dynamodb.create_table(**plain(NAME))  # another one of the name
    dynamodb.restore_table_from_backup(TargetTableName="again", BackupArn=kept["BackupArn"])
    node.settle()
    assert contents(node, "again") == {"a": 1, "b": 2}
    node.advance(36 * 86400)
    node.advance(2 * limits.DYNAMODB_SPACE_RESTS_S)
    assert dynamodb.list_backups()["BackupSummaries"] == []
    rows = node.run(node.node.store.read(lambda tx: tx.one("SELECT count(*) AS rows FROM dynamodb_items")))
    assert rows["rows"] == 2, "those of the restored one"
    assert _history(node) == 0


@pytest.mark.slow
def test_on_postgresql_a_backup_is_of_one_moment_too_while_many_write(
    tmp_path: Path, postgres_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "DYNAMODB_COPIED_AT_ONCE", 5)
    with running_node(tmp_path / "data", store=postgres_dsn) as node:
        dynamodb = node.client("dynamodb")
        dynamodb.create_table(**plain(NAME))
        switch = {"PointInTimeRecoveryEnabled": True}
        dynamodb.update_continuous_backups(TableName=NAME, PointInTimeRecoverySpecification=switch)

        def move(number: int) -> None:
            """Two items have the same value, always."""
            writes = [
                {"Put": {"TableName": NAME, "Item": {"p": {"S": f"{side}-{number % 20}"}, "v": {"N": str(number)}}}}
                for side in ("a", "z")
            ]
            dynamodb.transact_write_items(TransactItems=writes)

        for number in range(20):
            move(number)
        made = dynamodb.create_backup(TableName=NAME, BackupName="first")["BackupDetails"]["BackupArn"]
        number = 20
        end = time.monotonic() + 60
        while _status(dynamodb, made) != "AVAILABLE":
            move(number)
            number += 1
            assert time.monotonic() < end, "the backup was never made"
        dynamodb.restore_table_from_backup(TargetTableName="again", BackupArn=made)
        dynamodb.delete_item(TableName=NAME, Key={"p": {"S": "a-0"}})
        dynamodb.restore_table_to_point_in_time(
            SourceTableName=NAME, TargetTableName="latest", UseLatestRestorableTime=True
        )
        dynamodb.get_waiter("table_exists").wait(TableName="again", WaiterConfig={"Delay": 1})
        dynamodb.get_waiter("table_exists").wait(TableName="latest", WaiterConfig={"Delay": 1})
        held = contents(node, "again")
        assert len(held) == 40
        assert all(held[f"a-{each}"] == held[f"z-{each}"] for each in range(20))
        latest = contents(node)
        assert "a-0" not in latest
        assert contents(node, "latest") == latest


def _status(dynamodb: Any, arn: str) -> str:
    told = dynamodb.describe_backup(BackupArn=arn)["BackupDescription"]["BackupDetails"]
    return str(told["BackupStatus"])
