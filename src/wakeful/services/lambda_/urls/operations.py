"""Lambda's API of function URLs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from wakeful import limits
from wakeful.fabric.service import Call
from wakeful.services.lambda_.api import api
from wakeful.services.lambda_.pages import marked, unmarked
from wakeful.services.lambda_.references import Reference, reference
from wakeful.services.lambda_.urls import addresses as addresses
from wakeful.store.tx import Tx

if TYPE_CHECKING:
    from wakeful.shapes import lambda_ as shapes


@api.writes
def create_function_url_config(
    call: Call, tx: Tx, request: shapes.CreateFunctionUrlConfigRequest
) -> shapes.CreateFunctionUrlConfigResponse:
    """The function, or one alias of it, can be called by HTTP; whom its policy lets in, if it speaks of URLs."""
    said = {name: value for name, value in _said(request).items() if value is not None}
    made = addresses.described(addresses.create(tx, _of(call, request), said), call.endpoint)
    del made["LastModifiedTime"]
    return cast("shapes.CreateFunctionUrlConfigResponse", made)


@api.reads
def get_function_url_config(
    call: Call, tx: Tx, request: shapes.GetFunctionUrlConfigRequest
) -> shapes.GetFunctionUrlConfigResponse:
    found = addresses.find(tx, _of(call, request))
    return cast("shapes.GetFunctionUrlConfigResponse", addresses.described(found, call.endpoint))


@api.writes
def update_function_url_config(
    call: Call, tx: Tx, request: shapes.UpdateFunctionUrlConfigRequest
) -> shapes.UpdateFunctionUrlConfigResponse:
    """What the request names is replaced; an empty Cors takes CORS away."""
    updated = addresses.update(tx, _of(call, request), _said(request))
    return cast("shapes.UpdateFunctionUrlConfigResponse", addresses.described(updated, call.endpoint))


@api.writes
def delete_function_url_config(call: Call, tx: Tx, request: shapes.DeleteFunctionUrlConfigRequest) -> None:
    """Nobody finds the function there any more; a new URL of it will be another."""
    addresses.delete(tx, _of(call, request))


@api.reads
def list_function_url_configs(
    call: Call, tx: Tx, request: shapes.ListFunctionUrlConfigsRequest
) -> shapes.ListFunctionUrlConfigsResponse:
    limit = min(request.get("MaxItems", limits.LAMBDA_LIST_MAX), limits.LAMBDA_LIST_MAX)
    after = unmarked(request["Marker"], [""])[0] if "Marker" in request else None
    found = addresses.listed(tx, reference(call, request["FunctionName"]), after, limit + 1)
    shown = [addresses.described(url, call.endpoint) for url in found[:limit]]
    answer: dict[str, Any] = {"FunctionUrlConfigs": shown}
    if len(found) > limit:
        answer["NextMarker"] = marked(found[limit - 1].reference.qualifier)
    return cast("shapes.ListFunctionUrlConfigsResponse", answer)


def _of(call: Call, request: Mapping[str, Any]) -> Reference:
    return reference(call, request["FunctionName"], request.get("Qualifier"))


def _said(request: Mapping[str, Any]) -> dict[str, Any]:
    """What a request says of a URL's configuration; None for what it takes away."""
    said = {name: request[name] for name in ("AuthType", "Cors", "InvokeMode") if name in request}
    if "Cors" in said and not said["Cors"]:
        said["Cors"] = None
    return said
