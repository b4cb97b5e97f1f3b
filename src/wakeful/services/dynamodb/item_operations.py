"""PutItem, GetItem, UpdateItem and DeleteItem."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wakeful.fabric.service import Call, Node
from wakeful.services.dynamodb import item_rules, items, measuring, returned, throttling, writes
from wakeful.services.dynamodb.api import api
from wakeful.services.dynamodb.capacity import Meter
from wakeful.services.dynamodb.changes import Cause
from wakeful.services.dynamodb.known_tables import asked_of
from wakeful.services.dynamodb.values import answered, checked
from wakeful.services.dynamodb.writes import Outcome, Write
from wakeful.store.tx import Tx

if TYPE_CHECKING:
    from wakeful.shapes import dynamodb as shapes


@api.waits
async def put_item(call: Call, node: Node, request: shapes.PutItemInput) -> shapes.PutItemOutput:
    is_shown = returned.check_values(request)
    write = await writes.write_of(call, node, "Put", request)
    outcome, answer = await _written(call, node, "PutItem", write, request, must_know=is_shown)
    if is_shown and outcome.was is not None:
        answer["Attributes"] = answered(outcome.was.raw)
    return answer  # type: ignore[return-value] # put together member by member


@api.waits
async def delete_item(call: Call, node: Node, request: shapes.DeleteItemInput) -> shapes.DeleteItemOutput:
    is_shown = returned.check_values(request)
    write = await writes.write_of(call, node, "Delete", request)
    outcome, answer = await _written(call, node, "DeleteItem", write, request)
    if is_shown and outcome.was is not None:
        answer["Attributes"] = answered(outcome.was.raw)
    return answer  # type: ignore[return-value] # as above


@api.waits
async def update_item(call: Call, node: Node, request: shapes.UpdateItemInput) -> shapes.UpdateItemOutput:
    write = await writes.write_of(call, node, "Update", request)
    outcome, answer = await _written(call, node, "UpdateItem", write, request)
    paths = write.asked.update.paths() if write.asked is not None and write.asked.update is not None else ()
    shown = returned.updated(request.get("ReturnValues", "NONE"), outcome, paths)
    if shown is not None:
        answer["Attributes"] = shown
    return answer  # type: ignore[return-value] # as above


@api.looks
async def get_item(call: Call, node: Node, request: shapes.GetItemInput) -> shapes.GetItemOutput:
    key = checked(request["Key"])
    with measuring.operation(node, call, "GetItem", request["TableName"]):
        found, asked = await asked_of(call, node, "GetItem", request, request["TableName"])
        await throttling.admit(node, found, reads=True)
        stored = await node.store.read(items.stored, found.space, item_rules.key_of_key(found, key))
        meter = Meter(found, request.get("ReturnConsumedCapacity", "NONE"), request["TableName"])
        meter.read(0 if stored is None else stored.size, consistent=request.get("ConsistentRead", False))
        await throttling.spend(node, found, meter)
    answer: dict[str, Any] = {}
    if stored is not None:
        projection = None if asked is None else asked.projection
        answer["Item"] = answered(stored.raw) if projection is None else projection.of(stored.item)
    return _told(answer, meter)  # type: ignore[return-value] # as above


async def _written(
    call: Call, node: Node, operation: str, write: Write, request: Any, *, must_know: bool = False
) -> tuple[Outcome, dict[str, Any]]:
    """What became of it, and the members of the answer that all such operations have."""
    with measuring.operation(node, call, operation, request["TableName"]):
        await throttling.admit(node, write.table, reads=False)
        outcome, meter, collection = await node.store.write(_write, call, write, request, must_know)
        await throttling.spend(node, outcome.table, meter)
    answer: dict[str, Any] = {}
    if collection is not None:
        answer["ItemCollectionMetrics"] = collection
    return outcome, _told(answer, meter)


def _write(
    tx: Tx, call: Call, write: Write, request: Any, must_know: bool
) -> tuple[Outcome, Meter, shapes.ItemCollectionMetrics | None]:
    found, key = writes.hold(tx, write)
    meter = Meter(found, request.get("ReturnConsumedCapacity", "NONE"), request["TableName"])
    outcome = writes.carry_out(tx, write, Cause(call.effects), meter, found, key, must_know=must_know)
    wanted = request.get("ReturnItemCollectionMetrics", "NONE")
    return outcome, meter, returned.collection(tx, found, write.item) if wanted == "SIZE" else None


def _told(answer: dict[str, Any], meter: Meter) -> dict[str, Any]:
    consumed = meter.told()
    if consumed is not None:
        answer["ConsumedCapacity"] = consumed
    return answer
