"""Lambda's API of recursive loops: whether a function allows them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wakeful.fabric.service import Call
from wakeful.services.lambda_ import functions, recursion
from wakeful.services.lambda_.api import api
from wakeful.services.lambda_.references import reference
from wakeful.store.tx import Tx

if TYPE_CHECKING:
    from wakeful.shapes import lambda_ as shapes


@api.writes
def put_function_recursion_config(
    call: Call, tx: Tx, request: shapes.PutFunctionRecursionConfigRequest
) -> shapes.PutFunctionRecursionConfigResponse:
    """From now on an event may come to the function ever again, or sixteen times."""
    recursion.put(tx, reference(call, request["FunctionName"]), request["RecursiveLoop"])
    return {"RecursiveLoop": request["RecursiveLoop"]}


@api.reads
def get_function_recursion_config(
    call: Call, tx: Tx, request: shapes.GetFunctionRecursionConfigRequest
) -> shapes.GetFunctionRecursionConfigResponse:
    """Terminate, as long as nobody said otherwise."""
    function = reference(call, request["FunctionName"])
    if not functions.exists(tx, function.arn):
        raise functions.not_found(function)
    return {"RecursiveLoop": recursion.mode(tx, function.arn)}
