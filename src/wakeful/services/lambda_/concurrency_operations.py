"""Lambda's API of reserved concurrency, and of what an account may have and has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wakeful import limits
from wakeful.fabric.service import Call
from wakeful.services.lambda_ import functions, layers
from wakeful.services.lambda_.api import api
from wakeful.services.lambda_.errors import InvalidParameterValueException
from wakeful.services.lambda_.references import Reference, reference
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


def _function(call: Call, name: str) -> Reference:
    """The function itself: concurrency is reserved for all its versions together."""
    function = reference(call, name)
    if function.qualifier:
        raise InvalidParameterValueException(
            "This operation is permitted on Lambda functions only. Aliases and versions do not support this operation."
            " Please specify either a function name or an unqualified function ARN."
        )
    return function
