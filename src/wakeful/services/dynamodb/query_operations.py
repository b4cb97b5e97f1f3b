"""Query and Scan."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from wakeful.fabric.service import Call, Node
from wakeful.services.dynamodb import keys, measuring, pages, reading, start_keys, table, throttling
from wakeful.services.dynamodb.api import api
from wakeful.services.dynamodb.capacity import Meter
from wakeful.services.dynamodb.errors import ValidationException
from wakeful.services.dynamodb.expressions import requests
from wakeful.services.dynamodb.expressions.requests import Asked
from wakeful.services.dynamodb.known_tables import known
from wakeful.services.dynamodb.pages import Page, Range
from wakeful.services.dynamodb.reading import Reading
from wakeful.services.dynamodb.table import Index, Table
from wakeful.store.tx import Tx

if TYPE_CHECKING:
    from wakeful.shapes import dynamodb as shapes

_WHOLE = Range(b"", b"\xff" * (keys.HASH_BYTES + 1))


@api.looks
async def query(call: Call, node: Node, request: shapes.QueryInput) -> shapes.QueryOutput:
    return await _looked(call, node, "Query", _query, request)  # type: ignore[no-any-return] # put together by members


@api.looks
async def scan(call: Call, node: Node, request: shapes.ScanInput) -> shapes.ScanOutput:
    return await _looked(call, node, "Scan", _scan, request)  # type: ignore[no-any-return] # as above


async def _looked(call: Call, node: Node, operation: str, work: Callable[..., Page], request: Any) -> Any:
    with measuring.operation(node, call, operation, request["TableName"]):
        _check_segment(request)
        await _admit(call, node, request)
        page = await node.store.read(work, table.arn_of(call, request["TableName"]), request)
        await page.rest(node)
        found = page.reading.table
        meter = Meter(found, request.get("ReturnConsumedCapacity", "NONE"), request["TableName"])
        page.measure(meter)
        await throttling.spend(node, found, meter)
        node.telemetry.note(measuring.returned_items(found.arn, operation, page.count, node.clock.now()))
    return _answer(page, meter)


async def _admit(call: Call, node: Node, request: Mapping[str, Any]) -> None:
    """Raises ProvisionedThroughputExceededException, or ThrottlingException, where nothing is left."""
    if node.config.throttle_tables:
        found = await known(call, node, request["TableName"])
        index = found.index(request.get("IndexName", ""))
        await throttling.admit(node, found, reads=True, index=index.name if index and index.is_global else "")


def _query(tx: Tx, arn: str, request: Mapping[str, Any]) -> Page:
    found = table.find(tx, arn)
    index = _index(found, request)
    schema = index.keys if index is not None else found.keys
    asked = requests.asked("Query", request, schema, found)
    _check_select(request)
    assert asked.key_condition is not None, "a query without one is refused"
    if asked.filter is not None:
        reading.check_filtered(index, sorted(asked.filter.attributes()))
    wanted = _reading(request, asked, found, index)
    within = Range(asked.key_condition.low, asked.key_condition.high)
    backwards = request.get("ScanIndexForward") is False
    if "ExclusiveStartKey" in request:
        partition = schema.partition_of(
            {each.name: value for each, value in zip(schema.partition, asked.key_condition.values, strict=True)}
        )
        begun = start_keys.of_query(found, index, within, partition, request["ExclusiveStartKey"])
        within = within.behind(begun, backwards=backwards)
    coming = pages.in_range(wanted, within, backwards=backwards)
    return Page(wanted, coming, request.get("Limit")).begun(tx)


def _scan(tx: Tx, arn: str, request: Mapping[str, Any]) -> Page:
    found = table.find(tx, arn)
    index = _index(found, request)
    asked = requests.asked("Scan", request, index.keys if index is not None else found.keys, found)
    _check_select(request)
    wanted = _reading(request, asked, found, index)
    within = _segment(request)
    if "ExclusiveStartKey" in request:
        begun = start_keys.of_scan(found, index, request["ExclusiveStartKey"])
        if not within.has(begun):
            raise ValidationException(
                "The provided starting key is invalid: Invalid ExclusiveStartKey. Please use ExclusiveStartKey with"
                f" correct Segment. TotalSegments: {request['TotalSegments']} Segment: {request['Segment']}"
            )
        within = within.behind(begun, backwards=False)
    return Page(wanted, pages.in_range(wanted, within, backwards=False), request.get("Limit")).begun(tx)


def _answer(page: Page, meter: Meter) -> dict[str, Any]:
    answer: dict[str, Any] = {"Count": page.count, "ScannedCount": page.rows}
    if not page.reading.counts_only:
        answer["Items"] = page.items
    if page.is_cut:
        assert page.last is not None, "a page that is cut has rows"
        answer["LastEvaluatedKey"] = start_keys.last_key(page.reading.table, page.reading.index, page.last)
    consumed = meter.told()
    if consumed is not None:
        answer["ConsumedCapacity"] = consumed
    return answer


def _index(found: Table, request: Mapping[str, Any]) -> Index | None:
    """The index that is asked for; None for the table itself. Raises ValidationException."""
    name = request.get("IndexName")
    if name is None:
        return None
    index = reading.index_of(found, name)
    if index is None:
        raise ValidationException(f"The table does not have the specified index: {name}")
    if index.is_global and request.get("ConsistentRead"):
        raise ValidationException("Consistent reads are not supported on global secondary indexes")
    return index


def _reading(request: Mapping[str, Any], asked: Asked, found: Table, index: Index | None) -> Reading:
    select = request.get("Select")
    wants_all = select == "ALL_ATTRIBUTES" and index is not None and index.attributes is not None
    if wants_all and index is not None and index.is_global:
        raise ValidationException(
            "One or more parameter values were invalid: Select type ALL_ATTRIBUTES is not supported for global"
            f" secondary index {index.name} because its projection type is not ALL"
        )
    named = sorted(asked.projection.attributes()) if asked.projection is not None else []
    fetches = reading.check_shown(index, named) or wants_all
    return Reading(
        found,
        index,
        filter=asked.filter,
        projection=asked.projection,
        fetches=fetches,
        counts_only=select == "COUNT",
        consistent=bool(request.get("ConsistentRead")),
    )


def _check_select(request: Mapping[str, Any]) -> None:
    """Select goes together with what is named. Raises ValidationException."""
    named = next((each for each in ("AttributesToGet", "ProjectionExpression") if each in request), None)
    select = request.get("Select")
    if select == "ALL_PROJECTED_ATTRIBUTES" and "IndexName" not in request:
        raise ValidationException("ALL_PROJECTED_ATTRIBUTES can be used only when Querying using an IndexName")
    if select == "SPECIFIC_ATTRIBUTES" and named is None:
        raise ValidationException(
            "Must specify the AttributesToGet or ProjectionExpression when choosing to get SPECIFIC_ATTRIBUTES"
        )
    if named is not None and select in ("ALL_ATTRIBUTES", "ALL_PROJECTED_ATTRIBUTES", "COUNT"):
        wanted = "only the Count" if select == "COUNT" else select
        raise ValidationException(f"Cannot specify the {named} when choosing to get {wanted}")


def _check_segment(request: Mapping[str, Any]) -> None:
    segment, total = request.get("Segment"), request.get("TotalSegments")
    if segment is not None and total is None:
        raise ValidationException(
            "The TotalSegments parameter is required but was not present in the request"
            " when Segment parameter is present"
        )
    if segment is None and total is not None:
        raise ValidationException(
            "The Segment parameter is required but was not present in the request"
            " when parameter TotalSegments is present"
        )
    if segment is not None and segment >= total:
        raise ValidationException(
            "The Segment parameter is zero-based and must be less than parameter TotalSegments:"
            f" Segment: {segment} is not less than TotalSegments: {total}"
        )


def _segment(request: Mapping[str, Any]) -> Range:
    if "TotalSegments" not in request:
        return _WHOLE
    return Range(*keys.segment(request["Segment"], request["TotalSegments"]))
