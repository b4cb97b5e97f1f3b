"""BatchWriteItem and BatchGetItem."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from wakeful import limits
from wakeful.fabric.service import Call, Node
from wakeful.fabric.turns import Turn
from wakeful.services.dynamodb import (
    changes,
    item_rules,
    items,
    measuring,
    reading,
    returned,
    table,
    throttling,
    writes,
)
from wakeful.services.dynamodb.api import api
from wakeful.services.dynamodb.changes import Cause
from wakeful.services.dynamodb.errors import (
    ProvisionedThroughputExceededException,
    ThrottlingException,
    ValidationException,
)
from wakeful.services.dynamodb.items import Stored
from wakeful.services.dynamodb.known_tables import asked_of, known
from wakeful.services.dynamodb.sizes import item_size
from wakeful.services.dynamodb.table import Table
from wakeful.services.dynamodb.transactions import Meters
from wakeful.services.dynamodb.values import Item, checked
from wakeful.services.dynamodb.writes import Write
from wakeful.store.tx import Tx

if TYPE_CHECKING:
    from wakeful.services.dynamodb.expressions.requests import Asked
    from wakeful.shapes import dynamodb as shapes

_TWICE = "Provided list of item keys contains duplicates"


@api.waits
async def batch_write_item(call: Call, node: Node, request: shapes.BatchWriteItemInput) -> shapes.BatchWriteItemOutput:
    wanted = request["RequestItems"]
    meters = Meters(request.get("ReturnConsumedCapacity", "NONE"))
    several: list[Write] = []
    turn = Turn()
    for name, asked in wanted.items():
        found = await known(call, node, name)
        meters.name(found.arn, name)
        for each in asked:
            several.append(_write_of(found, each))
            await turn.passed_on()
    if len(several) > limits.DYNAMODB_BATCH_WRITES_MAX:
        raise ValidationException("Too many items requested for the BatchWriteItem call")
    with measuring.operation(node, call, "BatchWriteItem", several[0].table.arn):
        throttled = await _throttled(node, {meters.name_of(write.table): write.table for write in several}, reads=False)
        is_sized = request.get("ReturnItemCollectionMetrics", "NONE") == "SIZE"
        collections = await node.store.write(_write, call, several, throttled, meters, is_sized)
        for found, meter in meters.all():
            await throttling.spend(node, found, meter)
    left = {name: wanted[name] for name in throttled}
    answer: dict[str, Any] = {"UnprocessedItems": left, "ConsumedCapacity": meters.told()}
    if collections:
        answer["ItemCollectionMetrics"] = collections
    return _said(answer)  # type: ignore[return-value] # put together member by member


@api.looks
async def batch_get_item(call: Call, node: Node, request: shapes.BatchGetItemInput) -> shapes.BatchGetItemOutput:
    wanted = request["RequestItems"]
    meters = Meters(request.get("ReturnConsumedCapacity", "NONE"))
    several: dict[str, tuple[Table, Any, Asked | None]] = {}
    for name, asked in wanted.items():
        for key in asked["Keys"]:
            checked(key)
        of, expressions = await asked_of(call, node, "BatchGetItem", asked, name)
        meters.name(of.arn, name)
        several[name] = (of, asked, expressions)
    if sum(len(asked["Keys"]) for _, asked, _ in several.values()) > limits.DYNAMODB_BATCH_READS_MAX:
        raise ValidationException("Too many items requested for the BatchGetItem call")
    with measuring.operation(node, call, "BatchGetItem", next(iter(several.values()))[0].arn):
        throttled = await _throttled(node, {name: of for name, (of, _, _) in several.items()}, reads=True)
        there, left = await node.store.read(_read, several, throttled, meters)
        responses = {name: await _shown(rows, several[name][2]) for name, rows in there.items()}
        for found, meter in meters.all():
            await throttling.spend(node, found, meter)
    answer = {"Responses": responses, "UnprocessedKeys": left, "ConsumedCapacity": meters.told()}
    return _said(answer)  # type: ignore[return-value] # as above


async def _throttled(node: Node, tables: Mapping[str, Table], *, reads: bool) -> set[str]:
    """The names of those that are throttled. Raises what one of them says where all are."""
    throttled: set[str] = set()
    for name, found in tables.items():
        try:
            await throttling.admit(node, found, reads=reads)
        except (ProvisionedThroughputExceededException, ThrottlingException):
            throttled.add(name)
            if len(throttled) == len(tables):
                raise
    return throttled


def _write_of(found: Table, each: Mapping[str, Any]) -> Write:
    put, delete = each.get("PutRequest"), each.get("DeleteRequest")
    if (put is None) == (delete is None):
        # That is what AWS says, of a request that has nothing to do with values.
        raise ValidationException(
            "Supplied AttributeValue has more than one datatypes set,"
            " must contain exactly one of the supported datatypes"
        )
    if put is None:
        assert delete is not None
        return Write("Delete", found, checked(delete["Key"]))
    item = checked(put["Item"])
    item_rules.check_size(item_size(item))
    return Write("Put", found, item)


def _write(
    tx: Tx, call: Call, several: list[Write], throttled: Collection[str], meters: Meters, is_sized: bool
) -> dict[str, list[shapes.ItemCollectionMetrics]]:
    """All of it is true but for throttled tables; DynamoDB promises less."""
    meters.begin()
    places = []
    for write in several:
        found = table.find(tx, write.table.arn)
        places.append((*changes.place(found, _key(found, write)), found, write))
    if len({place[:2] for place in places}) != len(places):
        raise ValidationException(_TWICE)
    cause = Cause(call.effects)
    told: dict[str, list[shapes.ItemCollectionMetrics]] = {}
    places.sort(key=lambda place: place[:2])
    # All of them, before the first shard of a stream is held.
    tables = changes.hold(tx, ((found, key) for _, key, found, _ in places))
    for arn, key, _, write in places:
        found = tables[arn]
        if meters.name_of(found) in throttled:
            continue
        writes.carry_out(tx, write, cause, meters.of(found), found, key)
        of = returned.collection(tx, found, write.item) if is_sized else None
        if of is not None:
            told.setdefault(meters.name_of(found), []).append(of)
    return told


def _key(found: Table, write: Write) -> bytes:
    """As `writes.key_of`; but an item that lacks its key is told what a key would be told."""
    if write.kind == "Put" and found.keys.find(write.item) is None:
        raise ValidationException(item_rules.SCHEMA_MISMATCH)
    return writes.key_of(found, write)


def _read(
    tx: Tx, several: Mapping[str, tuple[Table, Any, Asked | None]], throttled: Collection[str], meters: Meters
) -> tuple[dict[str, list[Stored]], dict[str, Any]]:
    """The items, and what of the request is still to be asked for once the answer is as large as it may be."""
    places: list[tuple[str, Table, list[bytes]]] = []
    for name, (of, asked, _) in several.items():
        found = table.find(tx, of.arn)
        keys = [item_rules.key_of_key(found, key) for key in asked["Keys"]]
        if len(set(keys)) != len(keys):
            raise ValidationException(_TWICE)
        places.append((name, found, keys))
    there: dict[str, list[Stored]] = {}
    left: dict[str, Any] = {}
    room = limits.DYNAMODB_BATCH_READ_BYTES_MAX
    for name, found, keys in places:
        _, asked, _ = several[name]
        if name in throttled:
            left[name] = asked
            continue
        there[name] = []
        meter = meters.of(found)
        for at, key in enumerate(keys):
            stored = items.stored(tx, found.space, key) if room >= 0 else None
            room -= stored.size if stored is not None else 0
            if room < 0:
                left[name] = {**asked, "Keys": asked["Keys"][at:]}
                break
            meter.read(0 if stored is None else stored.size, consistent=asked.get("ConsistentRead", False))
            if stored is not None:
                there[name].append(stored)
    return there, left


async def _shown(rows: Sequence[Stored], expressions: Asked | None) -> list[Item]:
    turn = Turn()
    projection = None if expressions is None else expressions.projection
    return [await reading.shown(turn, row, projection) for row in rows]


def _said(answer: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in answer.items() if value is not None}
