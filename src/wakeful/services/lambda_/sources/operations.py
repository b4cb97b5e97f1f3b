"""Lambda's API of event source mappings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wakeful import limits, names
from wakeful.fabric.service import Call, Node
from wakeful.fabric.source import Source
from wakeful.services.lambda_ import functions, tags
from wakeful.services.lambda_.api import api
from wakeful.services.lambda_.durable import starts
from wakeful.services.lambda_.errors import (
    InvalidParameterValueException,
    ResourceConflictException,
    ResourceNotFoundException,
)
from wakeful.services.lambda_.pages import marked, unmarked
from wakeful.services.lambda_.references import Reference, reference
from wakeful.services.lambda_.sources import mappings
from wakeful.services.lambda_.sources.mappings import SourceMapping
from wakeful.store.tx import Tx

if TYPE_CHECKING:
    from wakeful.shapes import lambda_ as shapes


@api.waits
async def create_event_source_mapping(
    call: Call, node: Node, request: shapes.CreateEventSourceMappingRequest
) -> shapes.EventSourceMappingConfiguration:
    """The mapping draws from now on. The answer says Creating, as on AWS, where it takes its time."""
    source = request.get("EventSourceArn", "")
    if not names.is_arn(source):
        raise InvalidParameterValueException("Unrecognized event source.")
    service = names.parse_arn(source).service
    if service not in mappings.SOURCES:
        raise InvalidParameterValueException(
            f"Unrecognized event source, must be one of {', '.join(mappings.SOURCES)}: Wakeful cannot draw from"
            f" {service} yet."
        )
    function = reference(call, request["FunctionName"])
    made = await node.store.write(_create, call, function, source, node.sources[service], request)
    return mappings.described(made, state="Creating" if made.state == "Enabled" else made.state)


@api.reads
def get_event_source_mapping(
    call: Call, tx: Tx, request: shapes.GetEventSourceMappingRequest
) -> shapes.EventSourceMappingConfiguration:
    return mappings.described(_find(call, tx, request["UUID"]))


@api.writes
def update_event_source_mapping(
    call: Call, tx: Tx, request: shapes.UpdateEventSourceMappingRequest
) -> shapes.EventSourceMappingConfiguration:
    before = _find(call, tx, request["UUID"])
    function = None
    if "FunctionName" in request:
        wanted = reference(call, request["FunctionName"])
        _check_function(tx, wanted)
        function = wanted.qualified
    changed = mappings.update(tx, request["UUID"], function, request)
    if changed.state == before.state:
        return mappings.described(changed, state="Updating")
    return mappings.described(changed, state="Enabling" if changed.state == "Enabled" else "Disabling")


@api.writes
def delete_event_source_mapping(
    call: Call, tx: Tx, request: shapes.DeleteEventSourceMappingRequest
) -> shapes.EventSourceMappingConfiguration:
    uuid = _find(call, tx, request["UUID"]).uuid
    return mappings.described(mappings.delete(tx, uuid), state="Deleting")


@api.reads
def list_event_source_mappings(
    call: Call, tx: Tx, request: shapes.ListEventSourceMappingsRequest
) -> shapes.ListEventSourceMappingsResponse:
    limit = min(request.get("MaxItems", limits.LAMBDA_MAPPINGS_LIST_MAX), limits.LAMBDA_MAPPINGS_LIST_MAX)
    function = reference(call, request["FunctionName"]).qualified if "FunctionName" in request else None
    (after,) = unmarked(request.get("Marker"), [""])
    found = mappings.listed(tx, call.account, call.region, request.get("EventSourceArn"), function, after, limit + 1)
    answer: shapes.ListEventSourceMappingsResponse = {
        "EventSourceMappings": [mappings.described(each) for each in found[:limit]]
    }
    if len(found) > limit:
        answer["NextMarker"] = marked(found[limit - 1].uuid)
    return answer


def _create(tx: Tx, call: Call, function: Reference, source: str, drawn: Source, request: Any) -> SourceMapping:
    """Raises what Lambda answers where the function or the source is missing, or the two are mapped already."""
    version = _check_function(tx, function)
    tags.check(request.get("Tags", {}))
    if "TenancyConfig" in version.config:
        raise InvalidParameterValueException("Event source mappings cannot be used with tenant isolation.")
    tx.lock("lambda", source, function.qualified)
    same = mappings.listed(tx, call.account, call.region, source, function.qualified, "", 1)
    if same:
        raise ResourceConflictException(
            f'An event source mapping with SQS arn (" {source} ") and function (" {function.name} ") already exists.'
            f" Please update or delete the existing mapping with UUID {same[0].uuid}"
        )
    complaint = drawn.complaint(tx, source, version.config["Timeout"])
    if complaint is not None:
        raise InvalidParameterValueException(complaint)
    made = mappings.create(tx, call.account, call.region, function.qualified, source, request)
    if request.get("Tags"):
        tags.put_of_mapping(tx, made.arn, request["Tags"])
    return made


def _check_function(tx: Tx, function: Reference) -> functions.Version:
    try:
        return starts.check_mapping(tx, function)
    except ResourceNotFoundException as error:
        raise InvalidParameterValueException("Function does not exist") from error


def _find(call: Call, tx: Tx, uuid: str) -> SourceMapping:
    return mappings.find_of(tx, call.account, call.region, uuid)
