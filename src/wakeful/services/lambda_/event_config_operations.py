"""Lambda's API of what is configured of asynchronous invocations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from wakeful import limits
from wakeful.fabric.service import Call, Node
from wakeful.services.lambda_ import destinations, event_configs
from wakeful.services.lambda_.api import api
from wakeful.services.lambda_.errors import InvalidParameterValueException
from wakeful.services.lambda_.event_configs import EventConfig
from wakeful.services.lambda_.pages import marked, unmarked
from wakeful.services.lambda_.references import Reference, reference
from wakeful.store.tx import Tx

if TYPE_CHECKING:
    from wakeful.shapes import lambda_ as shapes


@api.waits
async def put_function_event_invoke_config(
    call: Call, node: Node, request: shapes.PutFunctionEventInvokeConfigRequest
) -> shapes.FunctionEventInvokeConfig:
    """This and nothing else is configured."""
    return await _configure(call, node, request, is_update=False)


@api.waits
async def update_function_event_invoke_config(
    call: Call, node: Node, request: shapes.UpdateFunctionEventInvokeConfigRequest
) -> shapes.FunctionEventInvokeConfig:
    """What the request names is replaced; a side without destination is taken away."""
    return await _configure(call, node, request, is_update=True)


@api.reads
def get_function_event_invoke_config(
    call: Call, tx: Tx, request: shapes.GetFunctionEventInvokeConfigRequest
) -> shapes.FunctionEventInvokeConfig:
    return _described(event_configs.find(tx, _of(call, request)))


@api.writes
def delete_function_event_invoke_config(
    call: Call, tx: Tx, request: shapes.DeleteFunctionEventInvokeConfigRequest
) -> None:
    event_configs.delete(tx, _of(call, request))


@api.reads
def list_function_event_invoke_configs(
    call: Call, tx: Tx, request: shapes.ListFunctionEventInvokeConfigsRequest
) -> shapes.ListFunctionEventInvokeConfigsResponse:
    function = reference(call, request["FunctionName"])
    if function.qualifier:
        raise InvalidParameterValueException("The function name must not include a version number or alias.")
    limit = min(request.get("MaxItems", limits.LAMBDA_LIST_MAX), limits.LAMBDA_LIST_MAX)
    (after,) = unmarked(request.get("Marker"), [""])
    found = event_configs.listed(tx, function, after, limit + 1)
    answer: shapes.ListFunctionEventInvokeConfigsResponse = {
        "FunctionEventInvokeConfigs": [_described(config) for config in found[:limit]]
    }
    if len(found) > limit:
        answer["NextMarker"] = marked(found[limit - 1].qualifier)
    return answer


async def _configure(
    call: Call, node: Node, request: Mapping[str, Any], *, is_update: bool
) -> shapes.FunctionEventInvokeConfig:
    wanted = _of(call, request)
    said = _said(request)
    if not said:
        raise InvalidParameterValueException("You must specify at least one of error handling or destination setting.")
    destinations.check_kinds(wanted, said.get("on_success", ""), said.get("on_failure", ""))
    version = await node.store.read(event_configs.target, wanted)
    if is_update:
        await node.store.read(event_configs.find, wanted)
    for arn in (said.get("on_success"), said.get("on_failure")):
        if arn and destinations.is_bucket(arn):
            await destinations.check_bucket(node, call, wanted, version.config["Role"], arn)
    return await node.store.write(_write, wanted, said, is_update)


def _write(tx: Tx, wanted: Reference, said: Mapping[str, Any], is_update: bool) -> shapes.FunctionEventInvokeConfig:
    tx.lock("lambda", wanted.arn)
    role = event_configs.target(tx, wanted).config["Role"]
    before = (
        event_configs.find(tx, wanted) if is_update else EventConfig(wanted.arn, event_configs.qualifier_of(wanted))
    )
    config = replace(before, **said, modified=tx.now)
    for arn in (said.get("on_success"), said.get("on_failure")):
        if arn and not destinations.is_bucket(arn):
            destinations.check(tx, wanted, role, arn)
    event_configs.put(tx, config)
    return _described(config)


def _said(request: Mapping[str, Any]) -> dict[str, Any]:
    """What the request says, in the names of EventConfig."""
    said: dict[str, Any] = {}
    for member, name in (("MaximumRetryAttempts", "retries"), ("MaximumEventAgeInSeconds", "age_s")):
        if request.get(member) is not None:
            said[name] = request[member]
    config = request.get("DestinationConfig") or {}
    for side, name in (("OnSuccess", "on_success"), ("OnFailure", "on_failure")):
        if config.get(side) is not None:
            said[name] = config[side].get("Destination") or ""
    return said


def _of(call: Call, request: Mapping[str, Any]) -> Reference:
    return reference(call, request["FunctionName"], request.get("Qualifier"))


def _described(config: EventConfig) -> shapes.FunctionEventInvokeConfig:
    return cast("shapes.FunctionEventInvokeConfig", event_configs.described(config))
