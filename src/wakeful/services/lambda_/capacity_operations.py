"""Lambda's API of capacity providers, and of how many environments a function has on one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from wakeful import limits
from wakeful.fabric.service import Call, Node
from wakeful.services.lambda_ import capacity, scaling, settings
from wakeful.services.lambda_.api import api
from wakeful.services.lambda_.pages import marked, unmarked
from wakeful.services.lambda_.references import Reference, reference
from wakeful.services.lambda_.scaling import Scaling
from wakeful.store.tx import Tx

if TYPE_CHECKING:
    from wakeful.shapes import lambda_ as shapes

_NOT_YET = {
    "KmsKeyArn": "KMS keys",
    "TelemetryConfig": "logs of capacity providers",
}


@api.writes
def create_capacity_provider(
    call: Call, tx: Tx, request: shapes.CreateCapacityProviderRequest
) -> shapes.CreateCapacityProviderResponse:
    """Functions can run on it once it is Active."""
    _check_supported(request)
    made = capacity.create(tx, call, _arn(call, request), request)
    return {"CapacityProvider": capacity.described(made)}


@api.reads
def get_capacity_provider(
    call: Call, tx: Tx, request: shapes.GetCapacityProviderRequest
) -> shapes.GetCapacityProviderResponse:
    return {"CapacityProvider": capacity.described(capacity.find(tx, _arn(call, request)))}


@api.writes
def update_capacity_provider(
    call: Call, tx: Tx, request: shapes.UpdateCapacityProviderRequest
) -> shapes.UpdateCapacityProviderResponse:
    _check_supported(request)
    changed = capacity.update(tx, _arn(call, request), request.get("CapacityProviderScalingConfig"))
    return {"CapacityProvider": capacity.described(changed)}


@api.writes
def delete_capacity_provider(
    call: Call, tx: Tx, request: shapes.DeleteCapacityProviderRequest
) -> shapes.DeleteCapacityProviderResponse:
    """Refused as long as a function's version runs on it."""
    deleted = capacity.delete(tx, _arn(call, request))
    return {"CapacityProvider": capacity.described(deleted)}


@api.reads
def list_capacity_providers(
    call: Call, tx: Tx, request: shapes.ListCapacityProvidersRequest
) -> shapes.ListCapacityProvidersResponse:
    limit = min(request.get("MaxItems", limits.LAMBDA_LIST_MAX), limits.LAMBDA_LIST_MAX)
    (after,) = unmarked(request.get("Marker"), [""])
    found = capacity.listed(tx, call.account, call.region, request.get("State"), after, limit + 1)
    answer: shapes.ListCapacityProvidersResponse = {
        "CapacityProviders": [capacity.described(each) for each in found[:limit]]
    }
    if len(found) > limit:
        answer["NextMarker"] = marked(found[limit - 1].arn)
    return answer


@api.reads
def list_function_versions_by_capacity_provider(
    call: Call, tx: Tx, request: shapes.ListFunctionVersionsByCapacityProviderRequest
) -> shapes.ListFunctionVersionsByCapacityProviderResponse:
    """Published versions, with their states."""
    arn = capacity.find(tx, _arn(call, request)).arn
    limit = min(request.get("MaxItems", limits.LAMBDA_LIST_MAX), limits.LAMBDA_LIST_MAX)
    function, number = unmarked(request.get("Marker"), ["", -2])
    found = capacity.versions_on(tx, arn, function, number, limit + 1)
    answer = {
        "CapacityProviderArn": arn,
        "FunctionVersions": [
            {"FunctionArn": f"{name}:{version}", "State": state} for name, version, state, _ in found[:limit]
        ],
    }
    if len(found) > limit:
        answer["NextMarker"] = marked(found[limit - 1][0], found[limit - 1][3])
    return cast("shapes.ListFunctionVersionsByCapacityProviderResponse", answer)


@api.writes
def put_function_scaling_config(
    call: Call, tx: Tx, request: shapes.PutFunctionScalingConfigRequest
) -> shapes.PutFunctionScalingConfigResponse:
    """So many environments of the version stand ready at least, and there are never more than so many.

    With none at most it is Deactivated. Without a configuration the default is back.
    """
    wanted = _published(call, request)
    state = scaling.put(tx, wanted, cast("Mapping[str, int] | None", request.get("FunctionScalingConfig")))
    return cast("shapes.PutFunctionScalingConfigResponse", {"FunctionState": state})


@api.waits
async def get_function_scaling_config(
    call: Call, node: Node, request: shapes.GetFunctionScalingConfigRequest
) -> shapes.GetFunctionScalingConfigResponse:
    """What was asked for, and what is in effect on this node."""
    wanted = _published(call, request)
    requested = await node.store.read(scaling.requested, wanted)
    applied = node.environments.crews.staffing(wanted.arn, wanted.qualifier)
    answer = {
        "FunctionArn": wanted.arn,
        "AppliedFunctionScalingConfig": {} if applied is None else Scaling(*applied).shown(),
        "RequestedFunctionScalingConfig": requested.shown(),
    }
    return cast("shapes.GetFunctionScalingConfigResponse", answer)


def _arn(call: Call, request: Mapping[str, Any]) -> str:
    return capacity.arn_of(call, request["CapacityProviderName"])


def _published(call: Call, request: Mapping[str, Any]) -> Reference:
    return reference(call, request["FunctionName"], request["Qualifier"])


def _check_supported(request: Mapping[str, Any]) -> None:
    for member, what in _NOT_YET.items():
        if request.get(member):
            raise settings.NotSupported(f"Wakeful does not have {what} yet ({member}).")
    if (request.get("PropagateTags") or {}).get("Mode", "None") != "None":
        raise settings.NotSupported("Wakeful has no instances that tags could be propagated to (PropagateTags).")
