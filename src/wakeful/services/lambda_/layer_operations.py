"""Lambda's API of layers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from wakeful import limits
from wakeful.fabric.service import Call, Node
from wakeful.services.lambda_ import layers, permissions, storage
from wakeful.services.lambda_.api import api
from wakeful.services.lambda_.errors import (
    InvalidParameterValueException,
    ResourceNotFoundException,
    ValidationException,
)
from wakeful.services.lambda_.functions import Package, time_shown
from wakeful.services.lambda_.layers import LayerVersion, Name
from wakeful.services.lambda_.packages import package_of
from wakeful.services.lambda_.pages import marked, unmarked
from wakeful.store.tx import Tx

if TYPE_CHECKING:
    from wakeful.shapes import lambda_ as shapes

_SAID = ("Description", "CompatibleRuntimes", "LicenseInfo", "CompatibleArchitectures")
_EVERY = 1 << 62


@api.waits
async def publish_layer_version(
    call: Call, node: Node, request: shapes.PublishLayerVersionRequest
) -> shapes.PublishLayerVersionResponse:
    """One more version of the layer, for good; the layer itself begins with its first."""
    layer = _name(call, request["LayerName"])
    if layer.account != call.account or layer.region != call.region:
        raise InvalidParameterValueException("A layer is published in the account and region of the caller.")
    _check_runtimes(request)
    package = await package_of(call, node, request["Content"], "PublishLayerVersion")
    config = {"Description": "", **{member: request[member] for member in _SAID if member in request}}  # type: ignore[literal-required]
    made = await node.store.write(_publish, layer, config, package)
    return _with_content(call, node, made)


@api.waits
async def get_layer_version(
    call: Call, node: Node, request: shapes.GetLayerVersionRequest
) -> shapes.GetLayerVersionResponse:
    """What was said of it, and an address from which it can be had for ten minutes."""
    layer = _name(call, request["LayerName"])
    return _with_content(call, node, await node.store.read(layers.find, layer.arn, request["VersionNumber"]))


@api.waits
async def get_layer_version_by_arn(
    call: Call, node: Node, request: shapes.GetLayerVersionByArnRequest
) -> shapes.GetLayerVersionResponse:
    return _with_content(call, node, await node.store.read(layers.find, *layers.split(request["Arn"])))


@api.reads
def list_layers(call: Call, tx: Tx, request: shapes.ListLayersRequest) -> shapes.ListLayersResponse:
    """The account's layers by name, each with its newest version that suits the runtime and architecture asked for."""
    _check_runtime(request)
    limit = min(request.get("MaxItems", limits.LAMBDA_LIST_MAX), limits.LAMBDA_LIST_MAX)
    wanted = (request.get("CompatibleRuntime"), request.get("CompatibleArchitecture"))
    found: list[LayerVersion] = []
    (after,) = unmarked(request.get("Marker"), [""])
    for arn in layers.named(tx, call.account, call.region, after):
        newest = next((each for each in layers.versions(tx, arn, _EVERY) if layers.suits(each, *wanted)), None)
        if newest is not None:
            found.append(newest)
        if len(found) > limit:
            break
    answer: shapes.ListLayersResponse = {"Layers": [_listed(each) for each in found[:limit]]}
    if len(found) > limit:
        answer["NextMarker"] = marked(_own_name(found[limit - 1].layer))
    return answer


@api.reads
def list_layer_versions(
    call: Call, tx: Tx, request: shapes.ListLayerVersionsRequest
) -> shapes.ListLayerVersionsResponse:
    """Newest first."""
    layer = _name(call, request["LayerName"])
    _check_runtime(request)
    limit = min(request.get("MaxItems", limits.LAMBDA_LIST_MAX), limits.LAMBDA_LIST_MAX)
    wanted = (request.get("CompatibleRuntime"), request.get("CompatibleArchitecture"))
    (before,) = unmarked(request.get("Marker"), [_EVERY])
    found = [each for each in layers.versions(tx, layer.arn, before) if layers.suits(each, *wanted)]
    answer: shapes.ListLayerVersionsResponse = {"LayerVersions": [_described(each) for each in found[:limit]]}
    if len(found) > limit:
        answer["NextMarker"] = marked(found[limit - 1].number)
    return answer


@api.writes
def delete_layer_version(call: Call, tx: Tx, request: shapes.DeleteLayerVersionRequest) -> None:
    """Nobody can see or add it any more; functions that have it keep it."""
    layers.check_number(request["VersionNumber"])
    layers.delete(tx, _name(call, request["LayerName"]).arn, request["VersionNumber"])


@api.writes
def add_layer_version_permission(
    call: Call, tx: Tx, request: shapes.AddLayerVersionPermissionRequest
) -> shapes.AddLayerVersionPermissionResponse:
    statement, revision = layers.permit(tx, _find(call, tx, request), request)
    return {"Statement": permissions.text_of(statement), "RevisionId": revision}


@api.writes
def remove_layer_version_permission(call: Call, tx: Tx, request: shapes.RemoveLayerVersionPermissionRequest) -> None:
    layers.forbid(tx, _find(call, tx, request), request["StatementId"], request.get("RevisionId"))


@api.reads
def get_layer_version_policy(
    call: Call, tx: Tx, request: shapes.GetLayerVersionPolicyRequest
) -> shapes.GetLayerVersionPolicyResponse:
    found = layers.policy_of(tx, _find(call, tx, request))
    if found is None:
        raise ResourceNotFoundException("No policy is associated with the given resource.")
    return {"Policy": found[0], "RevisionId": found[1]}


# --- below -----------------------------------------------------------------------------------------------------------


def _check_runtimes(request: Mapping[str, Any]) -> None:
    """The model leaves it to us to say which runtimes there are."""
    given = request.get("CompatibleRuntimes", [])
    if not set(given) <= set(api.enum("Runtime")):
        raise ValidationException(
            f"1 validation error detected: Value '[{', '.join(given)}]' at 'compatibleRuntimes' failed to satisfy"
            f" constraint: Member must satisfy constraint: [{_one_of_runtimes()}, Member must not be null]"
        )


def _check_runtime(request: Mapping[str, Any]) -> None:
    given = request.get("CompatibleRuntime")
    if given is not None and given not in api.enum("Runtime"):
        raise ValidationException(
            f"1 validation error detected: Value '{given}' at 'compatibleRuntime' failed to satisfy constraint:"
            f" {_one_of_runtimes()}"
        )


def _one_of_runtimes() -> str:
    return f"Member must satisfy enum value set: [{', '.join(api.enum('Runtime'))}]"


def _publish(tx: Tx, layer: Name, config: Mapping[str, Any], package: Package) -> LayerVersion:
    storage.check(tx, layer.account, layer.region, package.size)
    return layers.publish(tx, layer, config, package)


def _name(call: Call, given: str) -> Name:
    return layers.name_of(call.account, call.region, given)


def _own_name(arn: str) -> str:
    return arn.rsplit(":", 1)[1]


def _find(call: Call, tx: Tx, request: Any) -> LayerVersion:
    """The version whose policy is asked for."""
    layer, number = _name(call, request["LayerName"]).arn, request["VersionNumber"]
    layers.check_number(number)
    found = layers.get(tx, layer, number)
    if found is None:
        raise ResourceNotFoundException(f"Layer version {layer}:{number} does not exist.")
    return found


def _listed(version: LayerVersion) -> shapes.LayersListItem:
    return {
        "LayerName": _own_name(version.layer),
        "LayerArn": version.layer,
        "LatestMatchingVersion": _described(version),
    }


def _described(version: LayerVersion) -> shapes.LayerVersionsListItem:
    described = {
        "LayerVersionArn": version.arn,
        "Version": version.number,
        "CreatedDate": time_shown(version.created),
        **version.config,
    }
    return cast("shapes.LayerVersionsListItem", described)


def _with_content(call: Call, node: Node, version: LayerVersion) -> shapes.GetLayerVersionResponse:
    ticket = node.packages.ticket(version.package.blob, node.clock.now() + limits.LAMBDA_CODE_LINK_S)
    content = {
        "Location": f"{call.endpoint}/_wakeful/packages/{ticket}",
        "CodeSha256": version.package.sha256,
        "CodeSize": version.package.size,
    }
    described = {"LayerArn": version.layer, "Content": content, **_described(version)}
    return cast("shapes.GetLayerVersionResponse", described)
