"""Lambda's API of code signing configurations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from wakeful import limits
from wakeful.fabric.service import Call
from wakeful.services.lambda_ import code_signing, functions, tags
from wakeful.services.lambda_.api import api
from wakeful.services.lambda_.pages import marked, unmarked
from wakeful.services.lambda_.references import Reference, reference
from wakeful.store.tx import Tx

if TYPE_CHECKING:
    from wakeful.shapes import lambda_ as shapes

_MEMBERS = ("Description", "AllowedPublishers", "CodeSigningPolicies")


@api.writes
def create_code_signing_config(
    call: Call, tx: Tx, request: shapes.CreateCodeSigningConfigRequest
) -> shapes.CreateCodeSigningConfigResponse:
    """It is there; what it says of doubtful signatures is Warn, unless told otherwise."""
    tags.check(request.get("Tags", {}))
    config = {"CodeSigningPolicies": {"UntrustedArtifactOnDeployment": "Warn"}, **_given(request)}
    made = code_signing.create(tx, call, config, request.get("Tags", {}))
    return {"CodeSigningConfig": _described(made)}


@api.reads
def get_code_signing_config(
    call: Call, tx: Tx, request: shapes.GetCodeSigningConfigRequest
) -> shapes.GetCodeSigningConfigResponse:
    return {"CodeSigningConfig": _described(code_signing.find(tx, request["CodeSigningConfigArn"]))}


@api.writes
def update_code_signing_config(
    call: Call, tx: Tx, request: shapes.UpdateCodeSigningConfigRequest
) -> shapes.UpdateCodeSigningConfigResponse:
    """What is deployed from now on is looked at in the new way."""
    return {"CodeSigningConfig": _described(code_signing.update(tx, request["CodeSigningConfigArn"], _given(request)))}


@api.writes
def delete_code_signing_config(call: Call, tx: Tx, request: shapes.DeleteCodeSigningConfigRequest) -> None:
    code_signing.delete(tx, request["CodeSigningConfigArn"])


@api.reads
def list_code_signing_configs(
    call: Call, tx: Tx, request: shapes.ListCodeSigningConfigsRequest
) -> shapes.ListCodeSigningConfigsResponse:
    limit = min(request.get("MaxItems", limits.LAMBDA_CODE_SIGNING_LIST_MAX), limits.LAMBDA_CODE_SIGNING_LIST_MAX)
    (after,) = unmarked(request.get("Marker"), [""])
    found = code_signing.listed(tx, call.account, call.region, after, limit + 1)
    answer: shapes.ListCodeSigningConfigsResponse = {"CodeSigningConfigs": [_described(each) for each in found[:limit]]}
    if len(found) > limit:
        answer["NextMarker"] = marked(found[limit - 1].arn)
    return answer


@api.reads
def list_functions_by_code_signing_config(
    call: Call, tx: Tx, request: shapes.ListFunctionsByCodeSigningConfigRequest
) -> shapes.ListFunctionsByCodeSigningConfigResponse:
    limit = min(request.get("MaxItems", limits.LAMBDA_CODE_SIGNING_LIST_MAX), limits.LAMBDA_CODE_SIGNING_LIST_MAX)
    (after,) = unmarked(request.get("Marker"), [""])
    config = code_signing.find(tx, request["CodeSigningConfigArn"])
    found = code_signing.used_by(tx, config.arn, after, limit + 1)
    answer: shapes.ListFunctionsByCodeSigningConfigResponse = {"FunctionArns": found[:limit]}
    if len(found) > limit:
        answer["NextMarker"] = marked(found[limit - 1])
    return answer


@api.writes
def put_function_code_signing_config(
    call: Call, tx: Tx, request: shapes.PutFunctionCodeSigningConfigRequest
) -> shapes.PutFunctionCodeSigningConfigResponse:
    """What the function has stays as it is; what is deployed from now on is looked at."""
    function = _function(call, tx, request)
    code_signing.use(tx, function, request["CodeSigningConfigArn"])
    return {"CodeSigningConfigArn": request["CodeSigningConfigArn"], "FunctionName": function.name}


@api.reads
def get_function_code_signing_config(
    call: Call, tx: Tx, request: shapes.GetFunctionCodeSigningConfigRequest
) -> shapes.GetFunctionCodeSigningConfigResponse:
    """Empty where the function has none, as Lambda answers it."""
    function = _function(call, tx, request)
    arn = code_signing.of_function(tx, function.arn)
    found = {} if arn is None else {"CodeSigningConfigArn": arn, "FunctionName": function.name}
    return cast("shapes.GetFunctionCodeSigningConfigResponse", found)


@api.writes
def delete_function_code_signing_config(
    call: Call, tx: Tx, request: shapes.DeleteFunctionCodeSigningConfigRequest
) -> None:
    """Nothing that is deployed to the function is looked at any more."""
    code_signing.drop(tx, _function(call, tx, request))


def _given(request: Mapping[str, Any]) -> dict[str, Any]:
    return {member: request[member] for member in _MEMBERS if member in request}


def _function(call: Call, tx: Tx, request: Mapping[str, Any]) -> Reference:
    function = reference(call, request["FunctionName"])
    if not functions.exists(tx, function.arn):
        raise functions.not_found(function)
    return function


def _described(config: code_signing.Config) -> shapes.CodeSigningConfig:
    return cast("shapes.CodeSigningConfig", code_signing.described(config))
