"""Callbacks: somebody outside says what became of something that a durable execution waits for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from wakeful.fabric.service import Call
from wakeful.services.lambda_.api import api
from wakeful.services.lambda_.durable import executions, rules, spending
from wakeful.services.lambda_.durable.executions import Execution
from wakeful.services.lambda_.durable.rules import Operation
from wakeful.services.lambda_.errors import InvalidParameterValueException, LambdaError
from wakeful.store.tx import Tx

if TYPE_CHECKING:
    from wakeful.shapes import lambda_ as shapes


class CallbackTimeoutException(LambdaError):
    """The callback is either timed out or already completed"""


@api.writes
def send_durable_execution_callback_success(
    call: Call, tx: Tx, request: shapes.SendDurableExecutionCallbackSuccessRequest
) -> shapes.SendDurableExecutionCallbackSuccessResponse:
    """The execution goes on with the result."""
    try:
        result = request["Result"].decode() if "Result" in request else ""
    except UnicodeDecodeError as error:
        raise InvalidParameterValueException("The callback result must be text in UTF-8.") from error
    _complete(tx, request["CallbackId"], "SUCCEEDED", {"Result": result} if result else {})
    return {}


@api.writes
def send_durable_execution_callback_failure(
    call: Call, tx: Tx, request: shapes.SendDurableExecutionCallbackFailureRequest
) -> shapes.SendDurableExecutionCallbackFailureResponse:
    """The execution goes on with the error."""
    error = dict(request.get("Error") or {})
    rules.check_error(error)
    _complete(tx, request["CallbackId"], "FAILED", {"Error": error})
    return {}


@api.writes
def send_durable_execution_callback_heartbeat(
    call: Call, tx: Tx, request: shapes.SendDurableExecutionCallbackHeartbeatRequest
) -> shapes.SendDurableExecutionCallbackHeartbeatResponse:
    """The callback's heartbeat timeout begins anew."""
    execution, operation = _pending(tx, request["CallbackId"])
    executions.rewrite(tx, execution.arn, rules.beat(operation, tx.now))
    executions.plan(tx, execution)
    return {}


def _complete(tx: Tx, callback_id: str, status: str, outcome: Mapping[str, Any]) -> None:
    execution, operation = _pending(tx, callback_id)
    execution, _ = executions.put(tx, execution, *rules.close(operation, status, outcome, tx.now))
    executions.save(tx, execution)
    spending.spend(tx, execution, 0, spending.size(outcome.get("Result"), outcome.get("Error")))
    executions.run_soon(tx, execution)


def _pending(tx: Tx, callback_id: str) -> tuple[Execution, Operation]:
    """Who waits for it. Raises what Lambda answers where nobody does any more."""
    arn, operation_id = executions.callback_of(callback_id)
    executions.lock(tx, arn)
    execution = executions.get(tx, arn)
    operation = None if execution is None else executions.operation(tx, arn, operation_id)
    if (
        execution is None
        or not execution.is_open
        or operation is None
        or operation.type != "CALLBACK"
        or operation.is_over
        or operation.details.get("CallbackId") != callback_id
        or (operation.due is not None and operation.due <= tx.now)
    ):
        raise CallbackTimeoutException()
    return execution, operation
