"""TransactWriteItems and TransactGetItems."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, Any, cast

import orjson

from wakeful import limits
from wakeful.fabric.service import Call, Node
from wakeful.fabric.turns import Turn
from wakeful.services.dynamodb import (
    item_rules,
    items,
    measuring,
    reading,
    returned,
    table,
    throttling,
    transactions,
    writes,
)
from wakeful.services.dynamodb.api import api
from wakeful.services.dynamodb.changes import Cause
from wakeful.services.dynamodb.errors import ValidationException
from wakeful.services.dynamodb.items import Stored
from wakeful.services.dynamodb.known_tables import asked_of
from wakeful.services.dynamodb.sizes import item_size
from wakeful.services.dynamodb.table import Table
from wakeful.services.dynamodb.transactions import Meters
from wakeful.services.dynamodb.values import checked
from wakeful.services.dynamodb.writes import Kind, Outcome, Write
from wakeful.store.tx import Tx
from wakeful.wire.errors import AwsError

if TYPE_CHECKING:
    from wakeful.services.dynamodb.expressions.requests import Asked
    from wakeful.shapes import dynamodb as shapes

_KINDS: tuple[Kind, ...] = ("ConditionCheck", "Put", "Update", "Delete")


@api.waits
async def transact_write_items(
    call: Call, node: Node, request: shapes.TransactWriteItemsInput
) -> shapes.TransactWriteItemsOutput:
    meters = Meters(request.get("ReturnConsumedCapacity", "NONE"), transactional=True)
    several: list[Write] = []
    faults: dict[int, AwsError] = {}
    turn = Turn()
    for each in request["TransactItems"]:
        await turn.passed_on()
        kind, wanted = _only(cast("dict[str, Any]", each))
        try:
            write = await writes.write_of(call, node, kind, wanted)
        except ValidationException as error:
            if item_rules.KEY_STAYS not in error.message:
                raise
            faults[len(several)] = error
            without = {name: value for name, value in wanted.items() if name in ("TableName", "Key")}
            write = await writes.write_of(call, node, kind, without)
        if kind == "Put":
            item_rules.check_size(item_size(write.item))
        meters.name(write.table.arn, wanted["TableName"])
        several.append(write)
    _check_size(several, request)
    asked = blake2b(orjson.dumps(request["TransactItems"], option=orjson.OPT_SORT_KEYS), digest_size=32).digest()
    with measuring.operation(node, call, "TransactWriteItems", several[0].table.arn):
        await transactions.admit(node, [write.table for write in several], reads=False)
        collections = await node.store.write(_write, call, several, faults, meters, request, asked)
        for of, meter in meters.all():
            await throttling.spend(node, of, meter)
    return _answer(meters, ItemCollectionMetrics=collections)  # type: ignore[return-value] # put together by members


@api.looks
async def transact_get_items(
    call: Call, node: Node, request: shapes.TransactGetItemsInput
) -> shapes.TransactGetItemsOutput:
    meters = Meters(request.get("ReturnConsumedCapacity", "NONE"), transactional=True)
    wanted: list[tuple[Table, Any, Asked | None]] = []
    for each in request["TransactItems"]:
        get = each["Get"]
        key = checked(get["Key"])
        found, asked = await asked_of(call, node, "Get", get, get["TableName"])
        meters.name(found.arn, get["TableName"])
        wanted.append((found, key, asked))
    with measuring.operation(node, call, "TransactGetItems", wanted[0][0].arn):
        await transactions.admit(node, [found for found, _, _ in wanted], reads=True)
        responses = await _shown(await node.store.read(_read, wanted, meters), wanted)
        for of, meter in meters.all():
            await throttling.spend(node, of, meter)
    return _answer(meters, Responses=responses)  # type: ignore[return-value] # as above


def _write(
    tx: Tx, call: Call, several: list[Write], faults: dict[int, AwsError], meters: Meters, request: Any, asked: bytes
) -> dict[str, list[shapes.ItemCollectionMetrics]] | None:
    meters.begin()
    token = request.get("ClientRequestToken")
    if token is not None and transactions.was_done(tx, call, token, asked):
        _look_again(tx, several, meters)
        return None
    outcomes = transactions.carry_out(tx, several, Cause(call.effects), meters, faults)
    if request.get("ReturnItemCollectionMetrics", "NONE") == "NONE":
        return None
    return _collections(tx, several, outcomes, meters)


def _look_again(tx: Tx, several: list[Write], meters: Meters) -> None:
    """It was done before: what a repeated request costs is to read all of it."""
    for write in several:
        found = table.find(tx, write.table.arn)
        meters.of(found).read(items.size(tx, found.space, writes.key_of(found, write)) or 0)


def _collections(
    tx: Tx, several: list[Write], outcomes: list[Outcome], meters: Meters
) -> dict[str, list[shapes.ItemCollectionMetrics]]:
    told: dict[str, list[shapes.ItemCollectionMetrics]] = {}
    for write, outcome in zip(several, outcomes, strict=True):
        of = returned.collection(tx, outcome.table, write.item)
        if of is not None:
            told.setdefault(meters.name_of(outcome.table), []).append(of)
    return told


def _read(tx: Tx, wanted: list[tuple[Table, Any, Asked | None]], meters: Meters) -> list[Stored | None]:
    """All of it as it is at one moment."""
    tables = [table.find(tx, known.arn) for known, _, _ in wanted]
    keys: list[bytes] = []
    reasons: list[transactions.Reason] = []
    for found, (_, key, _) in zip(tables, wanted, strict=True):
        try:
            keys.append(item_rules.key_of_key(found, key))
            reasons.append({"Code": "None"})
        except ValidationException as error:
            if item_rules.EMPTY_KEY in error.message:
                raise
            reasons.append(transactions.reason(error))
    transactions.refuse(reasons)
    transactions.refuse_twice([(found.space, key) for found, key in zip(tables, keys, strict=True)])
    there = [items.stored(tx, found.space, place) for found, place in zip(tables, keys, strict=True)]
    for found, stored in zip(tables, there, strict=True):
        meters.of(found).read(0 if stored is None else stored.size)
    return there


async def _shown(
    there: list[Stored | None], wanted: list[tuple[Table, Any, Asked | None]]
) -> list[shapes.ItemResponse]:
    turn = Turn()
    responses: list[shapes.ItemResponse] = []
    for stored, (_, _, asked) in zip(there, wanted, strict=True):
        projection = None if asked is None else asked.projection
        shown = {} if stored is None else {"Item": await reading.shown(turn, stored, projection)}
        responses.append(cast("Any", shown))
    return responses


def _only(each: dict[str, Any]) -> tuple[Kind, dict[str, Any]]:
    """The one thing that an entry asks for."""
    found = [(kind, each[kind]) for kind in _KINDS if kind in each]
    if len(found) > 1:
        raise ValidationException("TransactItems can only contain one of Check, Put, Update or Delete")
    if not found:
        raise ValidationException(
            "Invalid Request: TransactWriteRequest should contain Delete or Put or Update request"
        )
    return found[0]


def _check_size(several: list[Write], request: Any) -> None:
    """Raises ValidationException for more than a transaction may bring."""
    size = sum(item_size(write.item) for write in several)
    for each in request["TransactItems"]:
        for wanted in each.values():
            size += item_size(wanted.get("ExpressionAttributeValues", {}))
    if size > limits.DYNAMODB_TRANSACTION_BYTES_MAX:
        raise ValidationException(f"Transaction payload size cannot exceed 4MB. Payload Size: {size}")


def _answer(meters: Meters, **members: Any) -> dict[str, Any]:
    consumed = meters.told()
    found = members if consumed is None else {"ConsumedCapacity": consumed, **members}
    return {name: value for name, value in found.items() if value is not None}
