"""Lambda's API of functions, versions, aliases and permissions."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from wakeful import limits
from wakeful.fabric.service import Call, Node
from wakeful.services.lambda_ import (
    aliases,
    code_signing,
    functions,
    layers,
    managed,
    permissions,
    references,
    roles,
    settings,
    storage,
    tags,
    versions,
)
from wakeful.services.lambda_.api import api
from wakeful.services.lambda_.errors import InvalidParameterValueException, ResourceConflictException
from wakeful.services.lambda_.functions import Package
from wakeful.services.lambda_.packages import package_of
from wakeful.services.lambda_.pages import marked, unmarked
from wakeful.services.lambda_.references import LATEST, LATEST_PUBLISHED, Reference, reference
from wakeful.store.tx import Tx

if TYPE_CHECKING:
    from wakeful.shapes import lambda_ as shapes


# --- functions -------------------------------------------------------------------------------------------------------


@api.waits
async def create_function(
    call: Call, node: Node, request: shapes.CreateFunctionRequest
) -> shapes.FunctionConfiguration:
    """The function is there and Pending; it becomes Active once its package is unpacked and its runtime found."""
    function = references.of_new(call, request["FunctionName"])
    tags.check(request.get("Tags", {}))
    config = settings.of_creation(request)
    await node.store.read(_check_free, function)
    await roles.check(node, call, request["Role"])
    package = await package_of(call, node, request["Code"], "CreateFunction")
    return await code_signing.deployed(node, function, _create, function, config, package, request)


@api.waits
async def get_function(call: Call, node: Node, request: shapes.GetFunctionRequest) -> shapes.GetFunctionResponse:
    """The configuration, an address from which the code can be had for ten minutes, and the tags."""
    wanted = reference(call, request["FunctionName"], request.get("Qualifier"))
    version, tags, reserved = await node.store.read(_with_tags, wanted)
    ticket = node.packages.ticket(version.package.blob, node.clock.now() + limits.LAMBDA_CODE_LINK_S)
    answer: shapes.GetFunctionResponse = {
        "Configuration": _described(version, wanted),
        "Code": {"RepositoryType": "S3", "Location": f"{call.endpoint}/_wakeful/packages/{ticket}"},
    }
    if tags:
        answer["Tags"] = tags
    if reserved is not None:
        answer["Concurrency"] = {"ReservedConcurrentExecutions": reserved}
    return answer


@api.reads
def get_function_configuration(
    call: Call, tx: Tx, request: shapes.GetFunctionConfigurationRequest
) -> shapes.FunctionConfiguration:
    wanted = reference(call, request["FunctionName"], request.get("Qualifier"))
    return _described(functions.find(tx, wanted), wanted)


@api.reads
def list_functions(call: Call, tx: Tx, request: shapes.ListFunctionsRequest) -> shapes.ListFunctionsResponse:
    """The account's functions by name; with FunctionVersion ALL every version of each."""
    if "MasterRegion" in request and request["MasterRegion"] not in ("ALL", call.region):
        return {"Functions": []}
    every = request.get("FunctionVersion") == "ALL"
    limit = min(request.get("MaxItems", limits.LAMBDA_LIST_MAX), limits.LAMBDA_LIST_MAX)
    name, number = unmarked(request.get("Marker"), ["", -2])
    after = (name, number if every else 1 << 30)
    found = functions.listed(tx, call.account, call.region, after, limit + 1, every=every)
    answer: shapes.ListFunctionsResponse = {
        "Functions": [
            functions.listed_as(version, qualifier=version.version if every else "") for version in found[:limit]
        ]
    }
    if len(found) > limit:
        last = found[limit - 1]
        answer["NextMarker"] = marked(last.function.rsplit(":", 1)[1], last.number)
    return answer


@api.waits
async def update_function_code(
    call: Call, node: Node, request: shapes.UpdateFunctionCodeRequest
) -> shapes.FunctionConfiguration:
    """Invocations get the new code once it has been made ready, and the old until then."""
    function = _of_latest(call, request["FunctionName"])
    if request.get("ImageUri"):
        raise InvalidParameterValueException(
            "Please don't provide ImageUri when updating a function with packageType Zip."
        )
    await node.store.read(_check_changeable, function, request.get("RevisionId"))
    package = await package_of(call, node, request, "UpdateFunctionCode")
    return await code_signing.deployed(node, function, _update_code, function, package, request)


@api.waits
async def update_function_configuration(
    call: Call, node: Node, request: shapes.UpdateFunctionConfigurationRequest
) -> shapes.FunctionConfiguration:
    function = _of_latest(call, request["FunctionName"])
    if "Role" in request:
        await roles.check(node, call, request["Role"])
    return await code_signing.deployed(node, function, _update_configuration, function, request)


def _update_configuration(
    tx: Tx, function: Reference, request: shapes.UpdateFunctionConfigurationRequest
) -> shapes.FunctionConfiguration:
    tx.lock("lambda", function.arn)
    latest = _check_changeable(tx, function, request.get("RevisionId"))
    config = settings.of_update(latest.config, request)
    managed.check_provider(tx, config)
    signing = code_signing.of_function(tx, function.arn)
    config, package = _layered(tx, function, config, latest.package, request.get("Layers"), signing)
    return _described(functions.update(tx, function, config=config, package=package), function)


@api.waits
async def delete_function(
    call: Call, node: Node, request: shapes.DeleteFunctionRequest
) -> shapes.DeleteFunctionResponse:
    """The function (or one version of it) is gone; invocations that run are let end."""
    function = reference(call, request["FunctionName"], request.get("Qualifier"))
    if function.qualifier == LATEST:
        raise InvalidParameterValueException("$LATEST version cannot be deleted without deleting the function.")
    if function.qualifier and function.qualifier != LATEST_PUBLISHED and not function.qualifier.isdigit():
        raise InvalidParameterValueException("Deletion of aliases is not currently supported.")
    await node.store.write(versions.delete if function.qualifier else functions.delete, function)
    node.environments.retire(function.arn, function.qualifier or None)
    return {"StatusCode": 204}


# --- versions and aliases --------------------------------------------------------------------------------------------


@api.writes
def publish_version(call: Call, tx: Tx, request: shapes.PublishVersionRequest) -> shapes.FunctionConfiguration:
    """What $LATEST has now, under a number, for good. Nothing new is published where nothing has changed."""
    function = reference(call, request["FunctionName"])
    tx.lock("lambda", function.arn)
    latest = _check_changeable(tx, function, request.get("RevisionId"))
    if request.get("CodeSha256") and request["CodeSha256"] != latest.package.sha256:
        raise InvalidParameterValueException(
            f"CodeSHA256 ({request['CodeSha256']}) is different from current CodeSHA256 in $LATEST"
            f" ({latest.package.sha256}). Please try again with the CodeSHA256 in $LATEST."
        )
    published = _publish(tx, function, request, request.get("Description"))
    return functions.described(published, qualifier=published.version)


@api.reads
def list_versions_by_function(
    call: Call, tx: Tx, request: shapes.ListVersionsByFunctionRequest
) -> shapes.ListVersionsByFunctionResponse:
    function = reference(call, request["FunctionName"])
    functions.find_version(tx, function, LATEST)
    limit = min(request.get("MaxItems", limits.LAMBDA_LIST_MAX), limits.LAMBDA_LIST_MAX)
    (after,) = unmarked(request.get("Marker"), [-2])
    found = functions.versions_of(tx, function.arn, after, limit + 1)
    answer: shapes.ListVersionsByFunctionResponse = {
        "Versions": [functions.listed_as(each, qualifier=each.version) for each in found[:limit]]
    }
    if len(found) > limit:
        answer["NextMarker"] = marked(found[limit - 1].number)
    return answer


@api.writes
def create_alias(call: Call, tx: Tx, request: shapes.CreateAliasRequest) -> shapes.AliasConfiguration:
    function = reference(call, request["FunctionName"])
    routing = request.get("RoutingConfig", {}).get("AdditionalVersionWeights", {})
    made = aliases.create(
        tx, function, request["Name"], request["FunctionVersion"], request.get("Description", ""), routing
    )
    return aliases.described(made)


@api.reads
def get_alias(call: Call, tx: Tx, request: shapes.GetAliasRequest) -> shapes.AliasConfiguration:
    function = reference(call, request["FunctionName"])
    return aliases.described(aliases.find(tx, function.arn, request["Name"]))


@api.writes
def update_alias(call: Call, tx: Tx, request: shapes.UpdateAliasRequest) -> shapes.AliasConfiguration:
    function = reference(call, request["FunctionName"])
    return aliases.described(aliases.update(tx, function, request["Name"], request))


@api.writes
def delete_alias(call: Call, tx: Tx, request: shapes.DeleteAliasRequest) -> None:
    aliases.delete(tx, reference(call, request["FunctionName"]), request["Name"])


@api.reads
def list_aliases(call: Call, tx: Tx, request: shapes.ListAliasesRequest) -> shapes.ListAliasesResponse:
    function = reference(call, request["FunctionName"])
    functions.find_version(tx, function, LATEST)
    limit = min(request.get("MaxItems", limits.LAMBDA_LIST_MAX), limits.LAMBDA_LIST_MAX)
    (after,) = unmarked(request.get("Marker"), [""])
    found = aliases.listed(tx, function.arn, request.get("FunctionVersion"), after, limit + 1)
    answer: shapes.ListAliasesResponse = {"Aliases": [aliases.described(alias) for alias in found[:limit]]}
    if len(found) > limit:
        answer["NextMarker"] = marked(found[limit - 1].name)
    return answer


# --- permissions -----------------------------------------------------------------------------------------------------


@api.writes
def add_permission(call: Call, tx: Tx, request: shapes.AddPermissionRequest) -> shapes.AddPermissionResponse:
    function = reference(call, request["FunctionName"], request.get("Qualifier"))
    statement = permissions.add(tx, function, request)
    return {"Statement": json.dumps(statement, separators=(",", ":"))}


@api.writes
def remove_permission(call: Call, tx: Tx, request: shapes.RemovePermissionRequest) -> None:
    function = reference(call, request["FunctionName"], request.get("Qualifier"))
    permissions.remove(tx, function, request["StatementId"], request.get("RevisionId"))


@api.reads
def get_policy(call: Call, tx: Tx, request: shapes.GetPolicyRequest) -> shapes.GetPolicyResponse:
    policy, revision = permissions.find(tx, reference(call, request["FunctionName"], request.get("Qualifier")))
    return {"Policy": policy, "RevisionId": revision}


# --- below -----------------------------------------------------------------------------------------------------------


def _of_latest(call: Call, function_name: str) -> Reference:
    """The function that shall be changed: what was published stays as it is."""
    function = reference(call, function_name)
    if function.qualifier not in ("", LATEST):
        raise InvalidParameterValueException("Current operation does not support versions other than $LATEST")
    return function


def _with_tags(tx: Tx, wanted: Reference) -> tuple[functions.Version, dict[str, str], int | None]:
    reserved = functions.reservations(tx, wanted.account, wanted.region).get(wanted.arn)
    return functions.find(tx, wanted), functions.tags_of(tx, wanted.arn), reserved


def _create(
    tx: Tx, function: Reference, config: Mapping[str, Any], package: Package, request: Mapping[str, Any]
) -> shapes.FunctionConfiguration:
    signing = request.get("CodeSigningConfigArn")
    if signing:
        config = _signed(tx, function, config, package, signing)
    config, package = _layered(tx, function, config, package, request.get("Layers"), signing)
    managed.check_provider(tx, config)
    storage.check(tx, function.account, function.region, package.size)
    made = functions.create(tx, function, config, package, request.get("Tags", {}))
    if signing:
        code_signing.use(tx, function, signing)
    if request.get("Publish"):
        made = _publish(tx, function, request)
    return functions.described(made)


def _publish(
    tx: Tx, function: Reference, request: Mapping[str, Any], description: str | None = None
) -> functions.Version:
    publish = versions.publish_latest if request.get("PublishTo") else versions.publish
    return publish(tx, function, description)


def _update_code(
    tx: Tx, function: Reference, package: Package, request: Mapping[str, Any]
) -> shapes.FunctionConfiguration:
    tx.lock("lambda", function.arn)
    latest = _check_changeable(tx, function, request.get("RevisionId"))
    config = dict(latest.config)
    package = replace(package, layers=latest.package.layers, layers_bytes=latest.package.layers_bytes)
    layers.check_size(package.unzipped_bytes, package.layers_bytes)
    if "Architectures" in request:
        config["Architectures"] = request["Architectures"]
    config = {name: value for name, value in config.items() if name not in code_signing.SHOWN}
    signing = code_signing.of_function(tx, function.arn)
    if signing is not None:
        config = _signed(tx, function, config, package, signing)
    if request.get("DryRun"):
        return _described(latest, function)
    storage.check(tx, function.account, function.region, package.size - latest.package.size)
    changed = functions.update(tx, function, config=config, package=package)
    if request.get("Publish"):
        published = _publish(tx, function, request)
        return functions.described(published, qualifier=published.version)
    return _described(changed, function)


def _signed(tx: Tx, function: Reference, config: Mapping[str, Any], package: Package, signing: str) -> dict[str, Any]:
    """The configuration, which says by whom the package was signed, where its code signing lets it in."""
    code_signing.check(tx, function, signing, package.seal, ())
    return {**config, **code_signing.shown(package.seal)}


def _layered(
    tx: Tx,
    function: Reference,
    config: Mapping[str, Any],
    package: Package,
    arns: Sequence[str] | None,
    signing: str | None,
) -> tuple[dict[str, Any], Package]:
    """The configuration and the package with these layers instead of those it had; None leaves those."""
    if arns is None:
        return dict(config), package
    chosen = layers.chosen(tx, function.region, arns)
    if signing:
        code_signing.check(tx, function, signing, None, chosen)
    total = sum(each.package.unzipped_bytes for each in chosen)
    layers.check_size(package.unzipped_bytes, total)
    shown = [{"Arn": each.arn, "CodeSize": each.package.size} for each in chosen]
    without = {name: value for name, value in config.items() if name != "Layers"}
    package = replace(package, layers=tuple(each.package.blob for each in chosen), layers_bytes=total)
    return {**without, **({"Layers": shown} if shown else {})}, package


def _check_free(tx: Tx, function: Reference) -> None:
    if functions.exists(tx, function.arn):
        raise ResourceConflictException(f"Function already exist: {function.name}")


def _check_changeable(tx: Tx, function: Reference, revision: str | None) -> functions.Version:
    latest = functions.find_version(tx, function, LATEST)
    functions.check_revision(latest, revision)
    functions.check_idle(latest)
    return latest


def _described(version: functions.Version, wanted: Reference) -> shapes.FunctionConfiguration:
    described = functions.described(version, qualifier=wanted.qualifier)
    runtime = (version.serving or {}).get("runtime")
    if runtime is not None:
        described["RuntimeVersionConfig"] = {"RuntimeVersionArn": runtime}
    return described
