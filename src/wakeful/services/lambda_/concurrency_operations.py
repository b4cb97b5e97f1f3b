"""Lambda's API of reserved and provisioned concurrency, and of what an account may have and has."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

from wakeful import limits
from wakeful.fabric.service import Call, Node
from wakeful.services.lambda_ import aliases, functions, layers, provisioned, provisioning
from wakeful.services.lambda_.api import api
from wakeful.services.lambda_.errors import (
    InvalidParameterValueException,
    ProvisionedConcurrencyConfigNotFoundException,
)
from wakeful.services.lambda_.pages import marked, unmarked
from wakeful.services.lambda_.provisioned import Config
from wakeful.services.lambda_.references import LATEST, Reference, reference
from wakeful.store.tx import Tx

if TYPE_CHECKING:
    from wakeful.shapes import lambda_ as shapes


@api.writes
def put_function_concurrency(call: Call, tx: Tx, request: shapes.PutFunctionConcurrencyRequest) -> shapes.Concurrency:
    """So many invocations of the function may run at a time, and nobody else can take them."""
    functions.reserve(tx, _function(call, request["FunctionName"]), request["ReservedConcurrentExecutions"])
    return {"ReservedConcurrentExecutions": request["ReservedConcurrentExecutions"]}


@api.reads
def get_function_concurrency(
    call: Call, tx: Tx, request: shapes.GetFunctionConcurrencyRequest
) -> shapes.GetFunctionConcurrencyResponse:
    """Empty where nothing is reserved."""
    function = _function(call, request["FunctionName"])
    if not functions.exists(tx, function.arn):
        raise functions.not_found(function)
    reserved = functions.reservations(tx, function.account, function.region).get(function.arn)
    return {} if reserved is None else {"ReservedConcurrentExecutions": reserved}


@api.writes
def delete_function_concurrency(call: Call, tx: Tx, request: shapes.DeleteFunctionConcurrencyRequest) -> None:
    """The function shares what is reserved for nobody."""
    functions.reserve(tx, _function(call, request["FunctionName"]), None)


@api.waits
async def put_provisioned_concurrency_config(
    call: Call, node: Node, request: shapes.PutProvisionedConcurrencyConfigRequest
) -> shapes.PutProvisionedConcurrencyConfigResponse:
    """So many environments are being made ready; those of the version or alias that stand ready are counted in Get."""
    wanted = _published(call, request)
    config = await node.store.write(provisioned.put, wanted, request["ProvisionedConcurrentExecutions"])
    return {
        "RequestedProvisionedConcurrentExecutions": config.requested,
        "AllocatedProvisionedConcurrentExecutions": 0,
        "AvailableProvisionedConcurrentExecutions": 0,
        "Status": "IN_PROGRESS",
        "LastModified": _second_shown(config.modified),
    }


@api.waits
async def get_provisioned_concurrency_config(
    call: Call, node: Node, request: shapes.GetProvisionedConcurrencyConfigRequest
) -> shapes.GetProvisionedConcurrencyConfigResponse:
    """READY when as many have finished INIT as were asked for."""
    wanted = _published(call, request)
    config = await node.store.read(_found, wanted)
    return cast("shapes.GetProvisionedConcurrencyConfigResponse", await _described(node, config))


@api.writes
def delete_provisioned_concurrency_config(
    call: Call, tx: Tx, request: shapes.DeleteProvisionedConcurrencyConfigRequest
) -> None:
    """Nothing stands ready any more; what runs is let end."""
    provisioned.delete(tx, _published(call, request))


@api.waits
async def list_provisioned_concurrency_configs(
    call: Call, node: Node, request: shapes.ListProvisionedConcurrencyConfigsRequest
) -> shapes.ListProvisionedConcurrencyConfigsResponse:
    function = _function(call, request["FunctionName"])
    limit = min(request.get("MaxItems", limits.LAMBDA_LIST_MAX), limits.LAMBDA_LIST_MAX)
    (after,) = unmarked(request.get("Marker"), [""])
    found = await node.store.read(_listed, function, after, limit + 1)
    items = [{"FunctionArn": config.reference.qualified, **await _described(node, config)} for config in found[:limit]]
    answer = {"ProvisionedConcurrencyConfigs": items}
    more = {"NextMarker": marked(found[limit - 1].qualifier)} if len(found) > limit else {}
    return cast("shapes.ListProvisionedConcurrencyConfigsResponse", {**answer, **more})


@api.reads
def get_account_settings(
    call: Call, tx: Tx, request: shapes.GetAccountSettingsRequest
) -> shapes.GetAccountSettingsResponse:
    """The quotas of a new account, and what this one uses of them."""
    reserved = sum(functions.reservations(tx, call.account, call.region).values())
    count, code_bytes = functions.usage(tx, call.account, call.region)
    return {
        "AccountLimit": {
            "TotalCodeSize": limits.LAMBDA_STORAGE_BYTES_MAX,
            "CodeSizeUnzipped": limits.LAMBDA_UNZIPPED_BYTES_MAX,
            "CodeSizeZipped": limits.LAMBDA_UPLOAD_BYTES_MAX,
            "ConcurrentExecutions": limits.CONCURRENT_EXECUTIONS_MAX,
            "UnreservedConcurrentExecutions": limits.CONCURRENT_EXECUTIONS_MAX - reserved,
        },
        "AccountUsage": {
            "TotalCodeSize": code_bytes + layers.bytes_of(tx, call.account, call.region),
            "FunctionCount": count,
        },
    }


def _published(call: Call, request: Mapping[str, Any]) -> Reference:
    """The version or alias that the request means."""
    wanted = reference(call, request["FunctionName"], request["Qualifier"])
    if wanted.qualifier == LATEST:
        raise InvalidParameterValueException(
            "Provisioned Concurrency Configs cannot be applied to unpublished function versions."
        )
    return wanted


def _found(tx: Tx, wanted: Reference) -> Config:
    aliases.target(tx, wanted)
    config = provisioned.get(tx, wanted)
    if config is None:
        raise ProvisionedConcurrencyConfigNotFoundException
    return config


def _listed(tx: Tx, function: Reference, after: str, limit: int) -> list[Config]:
    if not functions.exists(tx, function.arn):
        raise functions.not_found(function)
    return provisioned.listed(tx, function.arn, after, limit)


async def _described(node: Node, config: Config) -> dict[str, Any]:
    parts = [node.environments.provisioned(key) for key in await provisioning.shares(node, config)]
    available = sum(part.available for part in parts)
    failure = next((part.failure for part in parts if part.failure is not None), None)
    status = "READY" if available >= config.requested else "IN_PROGRESS" if failure is None else "FAILED"
    return {
        "RequestedProvisionedConcurrentExecutions": config.requested,
        "AllocatedProvisionedConcurrentExecutions": sum(part.allocated for part in parts),
        "AvailableProvisionedConcurrentExecutions": available,
        "Status": status,
        **({"StatusReason": failure} if status == "FAILED" else {}),
        "LastModified": _second_shown(config.modified),
    }


def _second_shown(epoch_s: float) -> str:
    return f"{datetime.fromtimestamp(epoch_s, UTC):%Y-%m-%dT%H:%M:%S}+0000"


def _function(call: Call, name: str) -> Reference:
    """The function itself: concurrency is reserved for all its versions together."""
    function = reference(call, name)
    if function.qualifier:
        raise InvalidParameterValueException(
            "This operation is permitted on Lambda functions only. Aliases and versions do not support this operation."
            " Please specify either a function name or an unqualified function ARN."
        )
    return function
