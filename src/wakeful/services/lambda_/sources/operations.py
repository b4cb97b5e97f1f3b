"""Lambda's API of event source mappings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wakeful import limits
from wakeful.fabric.service import Call, Node
from wakeful.services.lambda_ import destinations, functions, tags
from wakeful.services.lambda_.api import api
from wakeful.services.lambda_.durable import starts
from wakeful.services.lambda_.errors import (
    InvalidParameterValueException,
    ResourceConflictException,
    ResourceInUseException,
    ResourceNotFoundException,
)
from wakeful.services.lambda_.pages import marked, unmarked
from wakeful.services.lambda_.references import Reference, of_arn, reference
from wakeful.services.lambda_.sources import mappings, origins, rights, rules
from wakeful.services.lambda_.sources.mappings import SourceMapping
from wakeful.services.lambda_.sources.origins import Origin
from wakeful.services.lambda_.sources.streams import checkpoints
from wakeful.services.lambda_.sources.streams import rules as stream_rules
from wakeful.store.tx import Tx

if TYPE_CHECKING:
    from wakeful.shapes import lambda_ as shapes


@api.waits
async def create_event_source_mapping(
    call: Call, node: Node, request: shapes.CreateEventSourceMappingRequest
) -> shapes.EventSourceMappingConfiguration:
    """The mapping is there, and about to draw."""
    kind = rules.kind_of(request)
    source = request["EventSourceArn"]
    rules.config_of(kind, source, {}, request)  # what it says is looked at before what it names
    origin = origins.of(node, source)
    function = reference(call, request["FunctionName"])
    role = await node.store.read(_role, function)
    if role is not None:
        await rights.check(node, function, role, source)
        await _check_bucket(node, call, function, role, request)
    return mappings.described(await node.store.write(_create, call, function, origin, request))


@api.reads
def get_event_source_mapping(
    call: Call, tx: Tx, request: shapes.GetEventSourceMappingRequest
) -> shapes.EventSourceMappingConfiguration:
    return mappings.described(_find(tx, call, request["UUID"]))


@api.waits
async def update_event_source_mapping(
    call: Call, node: Node, request: shapes.UpdateEventSourceMappingRequest
) -> shapes.EventSourceMappingConfiguration:
    """What the request names is replaced. Raises ResourceInUseException while an earlier change is not complete."""
    before = await _settled(node, call, request["UUID"], "update")
    rules.config_of(rules.kind_of_source(before.source), before.source, before.config, request)
    function = reference(call, request["FunctionName"]) if "FunctionName" in request else None
    invoked = function or of_arn(before.function)
    role = await node.store.read(_role, invoked)
    if role is not None:
        if function is not None:
            await rights.check(node, function, role, before.source)
        await _check_bucket(node, call, invoked, role, request)
    changed = await node.store.write(_update, call, function, origins.of(node, before.source), request)
    is_still = changed.state == before.state == mappings.DISABLED
    return mappings.described(changed, state=mappings.UPDATING if is_still else None)


@api.waits
async def delete_event_source_mapping(
    call: Call, node: Node, request: shapes.DeleteEventSourceMappingRequest
) -> shapes.EventSourceMappingConfiguration:
    """The mapping is about to go: what it has in work ends first."""
    await _settled(node, call, request["UUID"], "delete")
    return mappings.described(await node.store.write(_delete, call, request["UUID"]))


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


# --- below -----------------------------------------------------------------------------------------------------------


async def _settled(node: Node, call: Call, uuid: str, change: str) -> SourceMapping:
    """The mapping, no longer on its way from one state to another, which takes milliseconds unless batches are in work.

    Raises what AWS answers at once where it takes longer, and where the mapping is about to go.
    """
    deadline = node.clock.now() + limits.LAMBDA_MAPPING_PATIENCE_S
    with node.wakes.listen(mappings.wake_name(uuid)) as listener:
        while True:
            mapping = await node.store.read(_find, call, uuid)
            if not mapping.is_in_transition:
                return mapping
            if mapping.state == mappings.DELETING or node.clock.now() >= deadline:
                raise _in_use(change)
            await listener.wait(deadline)


def _create(tx: Tx, call: Call, function: Reference, origin: Origin, request: Any) -> SourceMapping:
    source = request["EventSourceArn"]
    tags.check(request.get("Tags", {}))
    _check(tx, call, function, source, origin)
    made = mappings.create(tx, call.account, call.region, function.qualified, source, request)
    _check_stream(tx, made, request)
    if made.state != mappings.DISABLED:
        origin.begin(tx, made)
    if request.get("Tags"):
        tags.put_of_mapping(tx, made.arn, request["Tags"])
    return made


def _update(tx: Tx, call: Call, function: Reference | None, origin: Origin, request: Any) -> SourceMapping:
    tx.lock("lambda", request["UUID"])
    mapping = _find(tx, call, request["UUID"])
    if mapping.is_in_transition:
        raise _in_use("update")
    if function is not None:
        _check(tx, call, function, mapping.source, origin, but=mapping.uuid)
    changed = mappings.update(tx, mapping, None if function is None else function.qualified, request)
    _check_stream(tx, changed, request)
    if changed.state == mappings.ENABLING:
        origin.begin(tx, changed)
    return changed


def _delete(tx: Tx, call: Call, uuid: str) -> SourceMapping:
    tx.lock("lambda", uuid)
    mapping = _find(tx, call, uuid)
    if mapping.is_in_transition:
        raise _in_use("delete")
    return mappings.delete(tx, mapping)


def _check(tx: Tx, call: Call, function: Reference, source: str, origin: Origin, but: str = "") -> None:
    """Raises what Lambda answers where the function or the source is missing, or the two are mapped already."""
    version = _function(tx, function)
    if "TenancyConfig" in version.config:
        raise InvalidParameterValueException("Event source mappings cannot be used with tenant isolation.")
    tx.lock("lambda", source, function.qualified)
    same = [
        each
        for each in mappings.listed(tx, call.account, call.region, source, function.qualified, "", 2)
        if each.uuid != but
    ]
    if same:
        raise ResourceConflictException(origin.taken(source, function.name, same[0].uuid))
    complaint = origin.complaint(tx, source, version.config["Timeout"])
    if complaint is not None:
        raise InvalidParameterValueException(complaint)


def _check_stream(tx: Tx, mapping: SourceMapping, request: Any) -> None:
    """Raises where it shall begin in the future, or its failure destination, other than a bucket, takes nothing."""
    checkpoints.check_timestamp(tx, mapping.config)
    destination = stream_rules.failure_destination(request)
    if destination and not destinations.is_bucket(destination):
        function = of_arn(mapping.function)
        destinations.check(tx, function, functions.find(tx, function).config["Role"], destination)


async def _check_bucket(node: Node, call: Call, function: Reference, role: str, request: Any) -> None:
    destination = stream_rules.failure_destination(request)
    if destinations.is_bucket(destination):
        await destinations.check_bucket(node, call, function, role, destination, folder="aws/lambda/")


def _function(tx: Tx, function: Reference) -> functions.Version:
    try:
        return starts.check_mapping(tx, function)
    except ResourceNotFoundException as error:
        raise InvalidParameterValueException("Function does not exist") from error


def _role(tx: Tx, function: Reference) -> str | None:
    """The role of the function; None where there is no function, which is told in its turn."""
    try:
        return str(functions.find(tx, function).config["Role"])
    except ResourceNotFoundException:
        return None


def _find(tx: Tx, call: Call, uuid: str) -> SourceMapping:
    return mappings.find_of(tx, call.account, call.region, uuid)


def _in_use(change: str) -> ResourceInUseException:
    return ResourceInUseException(f"Cannot {change} the event source mapping because it is in use.")
