"""ExportTableToPointInTime and its kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from wakeful import limits, names
from wakeful.fabric.service import Call
from wakeful.services.dynamodb import table
from wakeful.services.dynamodb.api import api
from wakeful.services.dynamodb.copies import exports, recovery, transfers
from wakeful.services.dynamodb.copies.backup_operations import source_table
from wakeful.services.dynamodb.copies.recovery import Window
from wakeful.services.dynamodb.copies.transfers import Transfer
from wakeful.services.dynamodb.errors import (
    ExportConflictException,
    ExportNotFoundException,
    InvalidExportTimeException,
    LimitExceededException,
    PointInTimeRecoveryUnavailableException,
    ValidationException,
)
from wakeful.store.tx import Tx
from wakeful.wire.errors import NotImplementedHere

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wakeful.shapes import dynamodb as shapes


@api.writes
def export_table_to_point_in_time(
    call: Call, tx: Tx, request: shapes.ExportTableToPointInTimeInput
) -> shapes.ExportTableToPointInTimeOutput:
    """The table as it was at a moment, or what changed between two, is being written to the bucket."""
    if "FilterSpecification" in request:
        raise NotImplementedHere("Wakeful does not have FilterSpecification of exports yet.")
    if request.get("S3SseAlgorithm") == "KMS" or "S3SseKmsKeyId" in request:
        raise NotImplementedHere("Wakeful does not have keys of KMS (S3SseAlgorithm KMS, S3SseKmsKeyId) yet.")
    token = request.get("ClientToken") or names.new_uuid()
    tx.lock("dynamodb", exports.EXPORT, call.account, call.region)
    asked = {name: value for name, value in request.items() if name != "ClientToken"}
    same = transfers.with_token(tx, exports.EXPORT, call.account, call.region, token)
    if same is not None:
        if orjson.dumps(same.request, option=orjson.OPT_SORT_KEYS) != orjson.dumps(asked, option=orjson.OPT_SORT_KEYS):
            raise ExportConflictException("Duplicate request detected with different parameters.")
        return {"ExportDescription": _described(same)}  # type: ignore[typeddict-item]
    found = source_table(tx, table.arn_of(call, request["TableArn"]))
    window = recovery.window(tx, found)
    if window is None:
        raise PointInTimeRecoveryUnavailableException(f"Point in time recovery is not enabled for table '{found.name}'")
    if transfers.under_way(tx, exports.EXPORT, call.account, call.region) >= limits.DYNAMODB_EXPORTS_AT_A_TIME:
        raise LimitExceededException(
            f"Subscriber limit exceeded: There is a limit of {limits.DYNAMODB_EXPORTS_AT_A_TIME} concurrent exports"
        )
    since, until = _moments(request, window)
    return {"ExportDescription": _described(exports.begin(tx, call, found, asked, token, until, since))}  # type: ignore[typeddict-item]


@api.reads
def describe_export(call: Call, tx: Tx, request: shapes.DescribeExportInput) -> shapes.DescribeExportOutput:
    arn = request["ExportArn"]
    if "/export/" not in arn:
        raise ValidationException("Invalid Export ARN")
    found = transfers.get_here(tx, call, exports.EXPORT, arn)
    if found is None:
        raise ExportNotFoundException(f"Export not found: {arn}")
    return {"ExportDescription": _described(found)}  # type: ignore[typeddict-item]


@api.reads
def list_exports(call: Call, tx: Tx, request: shapes.ListExportsInput) -> shapes.ListExportsOutput:
    """A page of them, the newest first."""
    found = transfers.every(tx, exports.EXPORT, call.account, call.region, request.get("TableArn"))
    shown, token = page(found, request.get("NextToken"), request.get("MaxResults"), "ListExports")
    answer: dict[str, Any] = {
        "ExportSummaries": [
            {
                "ExportArn": each.arn,
                "ExportStatus": each.status,
                "ExportType": each.request.get("ExportType", exports.FULL),
            }
            for each in shown
        ]
    }
    if token is not None:
        answer["NextToken"] = token
    return answer  # type: ignore[return-value]


def page(
    found: list[Transfer], token: str | None, count: int | None, operation: str
) -> tuple[list[Transfer], str | None]:
    """A page of what was found, and the token of the next one: its last ARN in hexadecimal, to a whole number of
    sixteens.
    """
    if token is not None:
        try:
            last = bytes.fromhex(token).rstrip(b" ").decode()
        except ValueError:
            last = ""
        at = next((number for number, each in enumerate(found) if each.arn == last), None)
        if at is None:
            raise ValidationException(f"Invalid NextToken for {operation}")
        found = found[at + 1 :]
    shown = found[: count or limits.DYNAMODB_TRANSFERS_LISTED]
    if len(found) == len(shown):
        return shown, None
    arn = shown[-1].arn.encode()
    return shown, arn.ljust(-(-max(len(arn), 56) // 8) * 8).hex()


# --- below -----------------------------------------------------------------------------------------------------------


def _moments(request: shapes.ExportTableToPointInTimeInput, window: Window) -> tuple[float | None, float]:
    """Since when (None: from the beginning) and until when. Raises what DynamoDB answers where it cannot be."""
    wanted: Mapping[str, Any] = request.get("IncrementalExportSpecification", {})
    if request.get("ExportType", exports.FULL) == exports.FULL:
        if wanted:
            raise ValidationException("IncrementalExportSpecification must not be specified for FULL_EXPORT")
        until = request.get("ExportTime", window.latest)
        _check_within(until, window, "ExportTime")
        return None, max(until, window.earliest)
    if "ExportTime" in request:
        raise ValidationException("ExportTime must not be specified for INCREMENTAL_EXPORT")
    if "ExportFromTime" not in wanted:
        raise ValidationException("ExportFromTime must be specified for INCREMENTAL_EXPORT")
    since, until = wanted["ExportFromTime"], wanted.get("ExportToTime", window.latest)
    _check_within(since, window, "ExportFromTime")
    _check_within(until, window, "ExportToTime")
    if not limits.DYNAMODB_INCREMENT_S_MIN <= until - since <= limits.DYNAMODB_INCREMENT_S_MAX:
        raise InvalidExportTimeException(
            "Difference between export period from time and to time must be at least 15 minutes and at most 24 hours"
        )
    return max(since, window.earliest), until


def _check_within(moment: float, window: Window, what: str) -> None:
    if not int(window.earliest) <= moment <= window.latest:
        raise InvalidExportTimeException(f"{what} is outside of the point in time recovery window")


def _described(export: Transfer) -> dict[str, Any]:
    told: dict[str, Any] = {
        "ExportFormat": "DYNAMODB_JSON",
        "S3SseAlgorithm": "AES256",
        **export.request,
        **export.result,
        "ExportArn": export.arn,
        "ExportStatus": export.status,
        "StartTime": export.started,
        "TableArn": export.table_arn,
        "ClientToken": export.token,
    }
    return told if export.ended is None else {**told, "EndTime": export.ended}
