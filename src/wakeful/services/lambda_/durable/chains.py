"""Chained invokes: an execution waits for another function, durable or not, and hears what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

import orjson

from wakeful import limits, names
from wakeful.environments.version import Throttled
from wakeful.fabric.deliver import Delivery, Refused
from wakeful.fabric.parts import parts_of
from wakeful.fabric.service import Again, Done, Node
from wakeful.fabric.trace import Trace
from wakeful.services.lambda_ import functions, runs
from wakeful.services.lambda_.durable import executions, rules, starts
from wakeful.services.lambda_.durable.executions import Execution
from wakeful.services.lambda_.durable.rules import Event, Operation, Update
from wakeful.services.lambda_.errors import InvalidParameterValueException, LambdaError, ResourceNotFoundException
from wakeful.services.lambda_.references import Reference, reference_in
from wakeful.store import work
from wakeful.store.tx import Tx
from wakeful.wire.errors import AwsError

KIND = "lambda.durable.chain"
"""The kind of work row that runs a function, not durable itself, which an execution waits for."""


def check(execution: Execution, update: Update) -> None:
    """Raises what Lambda answers to a target in another account or region."""
    target = _target(execution, update)
    if target.account != execution.reference.account:
        raise InvalidParameterValueException("Cannot start a CHAINED_INVOKE on a function in another account.")
    if target.region != execution.reference.region:
        raise InvalidParameterValueException("Cannot start a CHAINED_INVOKE on a function in another region.")


def begin(
    tx: Tx, execution: Execution, operation: Operation, event: Event, update: Update
) -> tuple[Execution, Operation]:
    """The target will run, and history tells which version; what cannot be invoked has failed at once."""
    target = _target(execution, update)
    payload = update.get("Payload")
    try:
        version = _resolved(tx, execution, target)
        config = starts.config_of(version)
        if "DurableConfig" in config:
            starts.check(target, config["DurableConfig"], "Chained")
    except LambdaError as error:
        outcome = {"Error": {"ErrorType": error.shape_name, "ErrorMessage": error.message}}
        execution, operation = executions.put(tx, execution, operation, event)
        return executions.put(tx, execution, *rules.close(operation, "FAILED", outcome, tx.now))
    told: dict[str, Any] = {**event.details, "ExecutedVersion": version.version}
    told["Input"] = {**({} if payload is None else {"Payload": payload}), "Truncated": False}
    trace = _trace(execution, update)
    tenant = update["ChainedInvokeOptions"].get("TenantId")
    if "DurableConfig" in config:
        child = starts.start(
            tx,
            starts.Beginning(
                function=replace(target, qualifier=version.version),
                asked=target.qualifier,
                config=config["DurableConfig"],
                role=config["Role"],
                input=payload,
                kind="Chained",
                trace=trace,
                tenant=tenant,
                parent=execution.arn,
                parent_operation=operation.id,
            ),
        )
        told["DurableExecutionArn"] = child.arn
    else:
        body = {
            "execution": execution.arn,
            "operation": operation.id,
            "function": replace(target, qualifier=version.version).qualified,
            "payload": "{}" if payload is None else payload,
            "tenant": tenant,
            "trace": asdict(trace),
        }
        work.put(tx, KIND, body)
    return executions.put(tx, execution, operation, replace(event, details=told))


def _target(execution: Execution, update: Update) -> Reference:
    place = execution.reference
    return reference_in(place.account, place.region, update["ChainedInvokeOptions"]["FunctionName"])


def _trace(execution: Execution, update: Update) -> Trace:
    """The target's story: the execution's, or the one whose X-Ray header the function gave."""
    trace = execution.trace.caused_by(execution.id, hops=1)
    header = update["ChainedInvokeOptions"].get("XAmznTraceId", "")
    fields = dict(field.strip().split("=", 1) for field in header.split(";") if "=" in field)
    return replace(trace, id=fields["Root"]) if fields.get("Root") else trace


def _resolved(tx: Tx, execution: Execution, target: Reference) -> functions.Version:
    try:
        version = starts.picked(tx, target)
    except ResourceNotFoundException as error:
        missing = f"Function not found: {executions.qualified(target)}"
        raise ResourceNotFoundException(missing) from error
    asked = Delivery(
        target_arn=target.qualified,
        body="",
        source_arn=execution.function,
        principal=execution.role,
        account=target.account,
        trace=execution.trace,
    )
    try:
        parts_of(tx).authorizer.check_delivery(tx, asked)
    except Refused as refusal:
        raise AccessDeniedException(str(refusal)) from refusal
    return version


class AccessDeniedException(LambdaError):
    """The execution's role may not invoke the function."""


# --- functions that are not durable ----------------------------------------------------------------------------------


async def carry_out(node: Node, item: work.Item) -> Done | Again:
    """The worker: the function runs once, and the execution hears what it answered."""
    body: Mapping[str, Any] = item.body
    function = reference_in("", "", body["function"])
    trace = Trace(**body["trace"])
    invocation = runs.invocation_of(
        trace,
        body["payload"].encode(),
        function.qualified,
        request_id=names.new_uuid(),
        tenant=body["tenant"],
    )
    try:
        version = runs.for_tenant((await runs.target(node, function)).pick(), body["tenant"])
        outcome = await runs.run(node, version, invocation, trace)
    except Throttled:
        pause_s = limits.LAMBDA_THROTTLE_BACKOFF_S * 2 ** min(item.attempts - 1, 16)
        return Again(node.clock.now() + min(limits.LAMBDA_THROTTLE_BACKOFF_MAX_S, pause_s))
    except AwsError as error:
        told = {"ErrorType": error.shape_name, "ErrorMessage": error.message}
        return Done(lambda tx: finish(tx, body["execution"], body["operation"], "FAILED", {"Error": told}))
    status, found = _answer(outcome.payload, is_error=outcome.error is not None)
    return Done(lambda tx: finish(tx, body["execution"], body["operation"], status, found))


def _answer(payload: bytes, *, is_error: bool) -> tuple[str, dict[str, Any]]:
    if is_error:
        return "FAILED", {"Error": error_of(payload)}
    if len(payload) > limits.LAMBDA_DURABLE_PAYLOAD_BYTES_MAX:
        message = (
            "CHAINED_INVOKE output payload size must be less than or equal to"
            f" {limits.LAMBDA_DURABLE_PAYLOAD_BYTES_MAX} bytes."
        )
        return "FAILED", {"Error": {"ErrorMessage": message}}
    try:
        return "SUCCEEDED", {"Result": payload.decode()}
    except UnicodeDecodeError:
        message = "CHAINED_INVOKE response could not be decoded as UTF-8."
        return "FAILED", {"Error": {"ErrorMessage": message}}


def error_of(payload: bytes) -> dict[str, Any]:
    """The error document of a function as an execution has it."""
    try:
        document = orjson.loads(payload)
    except orjson.JSONDecodeError:
        return {"ErrorMessage": payload.decode(errors="replace")}
    if not isinstance(document, dict):
        return {"ErrorMessage": str(document)}
    trace = document.get("stackTrace") or document.get("trace") or ()
    found: dict[str, Any] = {
        member: str(document[theirs])
        for member, theirs in (("ErrorMessage", "errorMessage"), ("ErrorType", "errorType"))
        if document.get(theirs) is not None
    }
    if isinstance(trace, list) and trace:
        found["StackTrace"] = [str(line) for line in trace]
    return found


def finish(tx: Tx, arn: str, operation_id: str, status: str, outcome: Mapping[str, Any]) -> None:
    """The execution hears what became of its chained invoke; nothing happens where it is over itself."""
    executions.lock(tx, arn)
    execution = executions.get(tx, arn)
    operation = executions.operation(tx, arn, operation_id)
    if execution is None or not execution.is_open or operation is None or operation.is_over:
        return
    execution, _ = executions.put(tx, execution, *rules.close(operation, status, outcome, tx.now))
    executions.save(tx, execution)
    executions.run_soon(tx, execution)
