"""PutResourcePolicy and its kind, on tables and on their streams."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wakeful import names
from wakeful.fabric.service import Call
from wakeful.services.dynamodb import table
from wakeful.services.dynamodb.api import api
from wakeful.services.dynamodb.errors import ResourceNotFoundException, ValidationException
from wakeful.services.dynamodb.table import Table
from wakeful.services.dynamodb.tables import policies, resources, updates
from wakeful.services.dynamodb.tables.definition import INVALID
from wakeful.store.tx import Tx

if TYPE_CHECKING:
    from wakeful.shapes import dynamodb as shapes


@api.writes
def put_resource_policy(call: Call, tx: Tx, request: shapes.PutResourcePolicyInput) -> shapes.PutResourcePolicyOutput:
    arn = request["ResourceArn"]
    _check_is_there(_find(call, tx, arn))
    revision = policies.put(
        tx,
        call,
        arn,
        request["Policy"],
        expected=request.get("ExpectedRevisionId"),
        is_lockout_meant=request.get("ConfirmRemoveSelfResourceAccess", False),
    )
    return {"RevisionId": revision}


@api.reads
def get_resource_policy(call: Call, tx: Tx, request: shapes.GetResourcePolicyInput) -> shapes.GetResourcePolicyOutput:
    _find(call, tx, request["ResourceArn"])
    policy, revision = policies.find(tx, request["ResourceArn"])
    return {"Policy": policy, "RevisionId": revision}


@api.writes
def delete_resource_policy(
    call: Call, tx: Tx, request: shapes.DeleteResourcePolicyInput
) -> shapes.DeleteResourcePolicyOutput:
    """There is none, as there may have been none before."""
    _check_is_there(_find(call, tx, request["ResourceArn"]))
    revision = policies.delete(tx, request["ResourceArn"], expected=request.get("ExpectedRevisionId"))
    return {} if revision is None else {"RevisionId": revision}


def _find(call: Call, tx: Tx, arn: str) -> Table:
    """The table, or that of the stream."""
    resources.check(call, arn, f"{INVALID}Invalid resource Arn:")
    if names.parse_arn(arn).account != call.account:
        raise ValidationException("This action is only supported by accounts that match the resource owner’s account.")  # noqa: RUF001 - AWS's own
    found = table.find_any(tx, resources.table_of(arn))
    label = arn.rpartition("/stream/")[2] if "/stream/" in arn else None
    if label is not None and (found.definition.get("Stream") or {}).get("Label") != label:
        raise ResourceNotFoundException(
            f"Requested resource not found: Stream: {label} not found for Table: {found.name}"
        )
    return found


def _check_is_there(found: Table) -> None:
    if found.status in (table.CREATING, table.DELETING):
        updates.check_is_idle(found)
