"""PutItem, GetItem and their kind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wakeful.fabric.service import Call
from wakeful.services.dynamodb import changes, items, table
from wakeful.services.dynamodb.api import api
from wakeful.services.dynamodb.changes import Cause
from wakeful.services.dynamodb.values import answered, parsed
from wakeful.store.tx import Tx

if TYPE_CHECKING:
    from wakeful.shapes import dynamodb as shapes


@api.writes
def put_item(call: Call, tx: Tx, request: shapes.PutItemInput) -> shapes.PutItemOutput:
    found = table.find(tx, table.arn_of(call, request["TableName"]))
    key = found.keys.of(request["Item"])
    before = changes.locked(tx, found, key)
    changes.apply(tx, found, key, parsed(before) if before is not None else None, request["Item"], Cause(call.effects))
    return {}


@api.reads
def get_item(call: Call, tx: Tx, request: shapes.GetItemInput) -> shapes.GetItemOutput:
    found = table.find(tx, table.arn_of(call, request["TableName"]))
    raw = items.get(tx, found.space, found.keys.of(request["Key"]))
    return {} if raw is None else {"Item": answered(raw)}
