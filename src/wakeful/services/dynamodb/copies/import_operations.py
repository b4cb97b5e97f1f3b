"""ImportTable and its kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from wakeful import limits, names
from wakeful.fabric.service import Call
from wakeful.services.dynamodb.api import api
from wakeful.services.dynamodb.copies import imports, transfers, unpacking
from wakeful.services.dynamodb.copies.export_operations import page
from wakeful.services.dynamodb.copies.transfers import Transfer
from wakeful.services.dynamodb.errors import (
    ImportConflictException,
    ImportNotFoundException,
    LimitExceededException,
    ValidationException,
)
from wakeful.store.tx import Tx
from wakeful.wire.errors import NotImplementedHere

if TYPE_CHECKING:
    from wakeful.shapes import dynamodb as shapes


@api.writes
def import_table(call: Call, tx: Tx, request: shapes.ImportTableInput) -> shapes.ImportTableOutput:
    """A new table is being filled with what lies in the bucket."""
    if "VectorIndexes" in request["TableCreationParameters"]:
        raise NotImplementedHere("Wakeful does not have VectorIndexes yet.")
    unpacking.check_compression(request.get("InputCompressionType", "NONE"))
    if "InputFormatOptions" in request and request["InputFormat"] != "CSV":
        raise ValidationException("InputFormatOptions can only be specified with InputFormat CSV")
    token = request.get("ClientToken") or names.new_uuid()
    tx.lock("dynamodb", imports.IMPORT, call.account, call.region)
    asked = {name: value for name, value in request.items() if name != "ClientToken"}
    same = transfers.with_token(tx, imports.IMPORT, call.account, call.region, token)
    if same is not None:
        if orjson.dumps(same.request, option=orjson.OPT_SORT_KEYS) != orjson.dumps(asked, option=orjson.OPT_SORT_KEYS):
            raise ImportConflictException("Duplicate request detected with different parameters.")
        return {"ImportTableDescription": _described(same)}
    if transfers.under_way(tx, imports.IMPORT, call.account, call.region) >= limits.DYNAMODB_IMPORTS_AT_A_TIME:
        raise LimitExceededException(
            f"Subscriber limit exceeded: There is a limit of {limits.DYNAMODB_IMPORTS_AT_A_TIME} concurrent imports"
        )
    return {"ImportTableDescription": _described(imports.begin(tx, call, asked, token))}


@api.reads
def describe_import(call: Call, tx: Tx, request: shapes.DescribeImportInput) -> shapes.DescribeImportOutput:
    arn = request["ImportArn"]
    found = transfers.get_here(tx, call, imports.IMPORT, arn)
    if found is None:
        raise ImportNotFoundException(f"Import not found: {arn}")
    return {"ImportTableDescription": _described(found)}


@api.reads
def list_imports(call: Call, tx: Tx, request: shapes.ListImportsInput) -> shapes.ListImportsOutput:
    """A page of them, the newest first."""
    found = transfers.every(tx, imports.IMPORT, call.account, call.region, request.get("TableArn"))
    shown, token = page(found, request.get("NextToken"), request.get("PageSize"), "ListImports")
    summaries: list[Any] = [
        {name: value for name, value in _described(each).items() if name in _SUMMARY} for each in shown
    ]
    return {"ImportSummaryList": summaries} if token is None else {"ImportSummaryList": summaries, "NextToken": token}


# --- below -----------------------------------------------------------------------------------------------------------

_SUMMARY = (
    *("ImportArn", "ImportStatus", "TableArn", "S3BucketSource", "CloudWatchLogGroupArn", "InputFormat"),
    *("StartTime", "EndTime"),
)


def _described(found: Transfer) -> Any:
    told: dict[str, Any] = {
        "InputCompressionType": "NONE",
        **found.request,
        **{name: value for name, value in found.result.items() if not name.startswith("_")},
        "ImportArn": found.arn,
        "ImportStatus": found.status,
        "TableArn": found.table_arn,
        "ClientToken": found.token,
        "StartTime": found.started,
    }
    return told if found.ended is None else {**told, "EndTime": found.ended}
