"""CreateBackup, UpdateContinuousBackups and their kind, and the two restores."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from wakeful import limits, names
from wakeful.fabric.service import Call
from wakeful.services.dynamodb import table
from wakeful.services.dynamodb.api import api
from wakeful.services.dynamodb.copies import backups, recovery, restoring
from wakeful.services.dynamodb.copies.recovery import Window
from wakeful.services.dynamodb.copies.restoring import Source
from wakeful.services.dynamodb.errors import (
    BackupInUseException,
    InvalidRestoreTimeException,
    PointInTimeRecoveryUnavailableException,
    TableAlreadyExistsException,
    TableInUseException,
    TableNotFoundException,
    ValidationException,
)
from wakeful.services.dynamodb.table import Table
from wakeful.services.dynamodb.tables import description
from wakeful.store.tx import Tx

if TYPE_CHECKING:
    from wakeful.shapes import dynamodb as shapes


@api.writes
def create_backup(call: Call, tx: Tx, request: shapes.CreateBackupInput) -> shapes.CreateBackupOutput:
    """What the table holds at this moment is kept."""
    found = source_table(tx, table.arn_of(call, request["TableName"]))
    tx.lock("dynamodb", found.arn)
    if found.status not in (table.ACTIVE, table.UPDATING):
        raise TableInUseException(f"Table is not in a state that allows backups: {found.name}")
    return {"BackupDetails": backups.create(tx, found, request["BackupName"]).details}  # type: ignore[typeddict-item]


@api.reads
def describe_backup(call: Call, tx: Tx, request: shapes.DescribeBackupInput) -> shapes.DescribeBackupOutput:
    return {"BackupDescription": _described(backups.find_here(tx, call, request["BackupArn"]))}  # type: ignore[typeddict-item]


@api.writes
def delete_backup(call: Call, tx: Tx, request: shapes.DeleteBackupInput) -> shapes.DeleteBackupOutput:
    backup = backups.find_here(tx, call, request["BackupArn"])
    gone = _described(backups.delete(tx, backup.arn))
    gone["BackupDetails"]["BackupStatus"] = backups.DELETED
    return {"BackupDescription": gone}  # type: ignore[typeddict-item]


@api.reads
def list_backups(call: Call, tx: Tx, request: shapes.ListBackupsInput) -> shapes.ListBackupsOutput:
    """A page of them, the oldest first; of USER and SYSTEM where nobody says otherwise."""
    wanted = request.get("BackupType", "ALL")
    low, high = request.get("TimeRangeLowerBound", 0.0), request.get("TimeRangeUpperBound", float("inf"))
    arn = table.arn_of(call, request["TableName"]) if "TableName" in request else None
    found = [
        each
        for each in backups.every(tx, call.account, call.region)
        if wanted in ("ALL", each.type) and low <= each.created < high and arn in (None, each.table_arn)
    ]
    if "ExclusiveStartBackupArn" in request:
        start = backups.find_here(tx, call, request["ExclusiveStartBackupArn"])
        found = [each for each in found if (each.created, each.arn) > (start.created, start.arn)]
    limit = request.get("Limit", limits.DYNAMODB_BACKUPS_LISTED)
    answer: dict[str, Any] = {"BackupSummaries": [each.summary for each in found[:limit]]}
    if len(found) > limit:
        answer["LastEvaluatedBackupArn"] = found[limit - 1].arn
    return answer  # type: ignore[return-value]


@api.writes
def restore_table_from_backup(
    call: Call, tx: Tx, request: shapes.RestoreTableFromBackupInput
) -> shapes.RestoreTableFromBackupOutput:
    """The table of the backup is there under another name, or under its own where that is free; in this region,
    whichever the backup is of ("Restoring a DynamoDB table from a backup").
    """
    backup = backups.find(tx, request["BackupArn"])
    tx.lock("dynamodb", backup.arn)
    if backup.status == backups.CREATING:
        raise BackupInUseException(f"Backup is being created: {backup.arn}")
    _check_target(tx, call, request["TargetTableName"])
    source = Source(backup.space, backup.source["Definition"], backup.table_arn, backup_arn=backup.arn)
    return _restored(tx, call, dict(request), source)  # type: ignore[return-value]


@api.reads
def describe_continuous_backups(
    call: Call, tx: Tx, request: shapes.DescribeContinuousBackupsInput
) -> shapes.DescribeContinuousBackupsOutput:
    found = source_table(tx, table.arn_of(call, request["TableName"]))
    return {"ContinuousBackupsDescription": _continuous(recovery.window(tx, found))}  # type: ignore[typeddict-item]


@api.writes
def update_continuous_backups(
    call: Call, tx: Tx, request: shapes.UpdateContinuousBackupsInput
) -> shapes.UpdateContinuousBackupsOutput:
    wanted = request["PointInTimeRecoverySpecification"]
    on = wanted["PointInTimeRecoveryEnabled"]
    if not on and "RecoveryPeriodInDays" in wanted:
        raise ValidationException(
            "One or more parameter values were invalid: RecoveryPeriodInDays can only be specified when"
            " PointInTimeRecoveryEnabled is true"
        )
    found = source_table(tx, table.arn_of(call, request["TableName"]))
    tx.lock("dynamodb", found.arn)
    recovery.switch(tx, found, on=on, days=wanted.get("RecoveryPeriodInDays", limits.DYNAMODB_RECOVERY_DAYS))
    return {"ContinuousBackupsDescription": _continuous(recovery.window(tx, found))}  # type: ignore[typeddict-item]


@api.writes
def restore_table_to_point_in_time(
    call: Call, tx: Tx, request: shapes.RestoreTableToPointInTimeInput
) -> shapes.RestoreTableToPointInTimeOutput:
    """What the table held at a moment is in another one, of this region, whichever its own is."""
    found = source_table(tx, _source_arn(call, request))
    _check_target(tx, call, request["TargetTableName"])
    window = recovery.window(tx, found)
    if window is None:
        raise PointInTimeRecoveryUnavailableException(f"Point in time recovery is not enabled for table '{found.name}'")
    source = Source(found.space, found.definition, found.arn, at=_moment(request, window), of_table=found)
    return _restored(tx, call, dict(request), source)  # type: ignore[return-value]


def source_table(tx: Tx, arn: str) -> Table:
    """Raises TableNotFoundException."""
    found = table.get(tx, arn)
    if found is None:
        raise TableNotFoundException(f"Table not found: {names.parse_arn(arn).name}")
    return found


# --- below -----------------------------------------------------------------------------------------------------------


def _source_arn(call: Call, request: shapes.RestoreTableToPointInTimeInput) -> str:
    by_arn, by_name = request.get("SourceTableArn"), request.get("SourceTableName")
    if (by_arn is None) == (by_name is None):
        raise ValidationException("You must specify exactly one of the following: SourceTableName, SourceTableArn")
    if by_arn is not None and names.is_arn(by_arn):
        call = replace(call, region=names.parse_arn(by_arn).region)
    return table.arn_of(call, by_arn or by_name or "")


def _moment(request: shapes.RestoreTableToPointInTimeInput, window: Window) -> float:
    """SDKs say whole seconds: the one in which recovery was switched on means the moment at which it was."""
    latest = request.get("UseLatestRestorableTime", False)
    if latest == ("RestoreDateTime" in request):
        raise ValidationException(
            "You must specify exactly one of the following: RestoreDateTime, UseLatestRestorableTime"
        )
    if latest:
        return window.latest
    wanted = request["RestoreDateTime"]
    if not int(window.earliest) <= wanted <= window.latest:
        raise InvalidRestoreTimeException
    return max(wanted, window.earliest)


def _check_target(tx: Tx, call: Call, name: str) -> None:
    there = table.get(tx, table.arn_of(call, name))
    if there is not None and there.status == table.DELETING:
        raise TableInUseException(f"Table is being deleted: {name}")
    if there is not None:
        raise TableAlreadyExistsException(f"Table already exists: {name}")


def _restored(tx: Tx, call: Call, request: dict[str, Any], source: Source) -> dict[str, Any]:
    made = restoring.begin(tx, call, request, source)
    return {"TableDescription": description.described(tx, made)}


def _continuous(window: Window | None) -> dict[str, Any]:
    """Continuous backups are always there; whether every moment can be had back is another thing."""
    if window is None:
        told: dict[str, Any] = {"PointInTimeRecoveryStatus": "DISABLED"}
    else:
        told = {
            "PointInTimeRecoveryStatus": "ENABLED",
            "RecoveryPeriodInDays": window.days,
            "EarliestRestorableDateTime": window.earliest,
            "LatestRestorableDateTime": window.latest,
        }
    return {"ContinuousBackupsStatus": "ENABLED", "PointInTimeRecoveryDescription": told}


def _described(backup: backups.Backup) -> dict[str, Any]:
    about = backup.source
    return {
        "BackupDetails": backup.details,
        "SourceTableDetails": about["SourceTableDetails"],
        "SourceTableFeatureDetails": about["SourceTableFeatureDetails"],
    }
