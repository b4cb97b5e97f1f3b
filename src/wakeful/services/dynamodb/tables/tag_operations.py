"""TagResource and its kind. A table's tags are told with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wakeful.fabric.service import Call
from wakeful.services.dynamodb import table
from wakeful.services.dynamodb.api import api
from wakeful.services.dynamodb.errors import ResourceNotFoundException, ValidationException
from wakeful.services.dynamodb.table import Table
from wakeful.services.dynamodb.tables import resources, tags, updates
from wakeful.store.tx import Tx

if TYPE_CHECKING:
    from wakeful.shapes import dynamodb as shapes


@api.writes
def tag_resource(call: Call, tx: Tx, request: shapes.TagResourceInput) -> None:
    if not request["Tags"]:
        raise ValidationException("Atleast one Tag needs to be provided as Input.")
    more = tags.of_new_table(request["Tags"])
    found = _locked(call, tx, request["ResourceArn"])
    together = {**found.tags, **more}
    tags.check_number(together)
    table.save(tx, found, tags=together)


@api.writes
def untag_resource(call: Call, tx: Tx, request: shapes.UntagResourceInput) -> None:
    if not request["TagKeys"]:
        raise ValidationException("Atleast one Tag Key needs to be provided as Input.")
    for key in request["TagKeys"]:
        tags.check_key(key)
    tags.check_number(request["TagKeys"])
    found = _locked(call, tx, request["ResourceArn"])
    table.save(tx, found, tags={key: value for key, value in found.tags.items() if key not in request["TagKeys"]})


@api.reads
def list_tags_of_resource(
    call: Call, tx: Tx, request: shapes.ListTagsOfResourceInput
) -> shapes.ListTagsOfResourceOutput:
    """All of them at once; a token that nobody was given begins anew, as it does at AWS."""
    found = _find(call, tx, request["ResourceArn"])
    return {"Tags": [{"Key": key, "Value": value} for key, value in found.tags.items()]}


def _locked(call: Call, tx: Tx, arn: str) -> Table:
    table.lock(tx, arn)
    found = _find(call, tx, arn)
    if found.status in (table.CREATING, table.DELETING):
        updates.check_is_idle(found)
    return found


def _find(call: Call, tx: Tx, arn: str) -> Table:
    resources.check(call, arn, "Invalid TableArn: Invalid ResourceArn provided as input")
    found = table.get(tx, arn)
    if found is None:
        raise ResourceNotFoundException(f"Requested resource not found: ResourceArn: {arn} not found")
    return found
