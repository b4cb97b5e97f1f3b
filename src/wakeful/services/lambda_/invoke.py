"""Invoke: run a function now and answer, or put the event into its queue and answer at once."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING

import orjson

from wakeful import limits
from wakeful.environments.version import Invocation, Outcome, Throttled, Version
from wakeful.fabric.service import Call, Node
from wakeful.services.lambda_ import events, recursion, runs
from wakeful.services.lambda_.api import api
from wakeful.services.lambda_.durable import invocations, starts
from wakeful.services.lambda_.errors import (
    InvalidParameterValueException,
    InvalidRequestContentException,
    RequestTooLargeException,
    TooManyRequestsException,
)
from wakeful.services.lambda_.references import Reference, reference

if TYPE_CHECKING:
    from wakeful.shapes import lambda_ as shapes


@api.waits_and_notes
async def invoke(call: Call, node: Node, request: shapes.InvocationRequest) -> shapes.InvocationResponse:
    """RequestResponse answers what the function returned; Event answers 202 once the event is safe; DryRun checks."""
    kind = request.get("InvocationType", "RequestResponse")
    payload = request.get("Payload") or b"{}"
    function = reference(call, request["FunctionName"], request.get("Qualifier"))
    tenant = request.get("TenantId")
    version = runs.for_tenant((await runs.target(node, function)).pick(), tenant)
    check_payload(payload, kind)
    if version.durable is not None:
        starts.check(function, version.durable, kind)
    elif "DurableExecutionName" in request:
        raise InvalidParameterValueException("DurableExecutionName is only supported for durable functions.")
    if kind == "DryRun":
        return {"StatusCode": 204}
    context = client_context(request.get("ClientContext"))
    if kind == "Event" and version.durable is None:
        event = events.Event(
            *(function.qualified, payload.decode(), call.request_id, call.trace),
            client_context=context,
            tenant=tenant,
            source=call.principal.arn,
        )
        await node.store.write(events.put, event)
        return {"StatusCode": 202}
    await recursion.check(node, function, call.trace)
    invocation = runs.invocation_of(
        call.trace,
        payload,
        function.qualified,
        request_id=call.request_id,
        client_context=context,
        tenant=tenant,
        log_tail=request.get("LogType") == "Tail",
        source=call.principal.arn,
    )
    if version.durable is not None:
        return await _durable(call, node, request, function, version, invocation)
    try:
        outcome = await runs.run(node, version, invocation, call.trace)
    except Throttled as refusal:
        raise too_many(refusal) from refusal
    return _answer(outcome, version, with_log=invocation.log_tail)


async def _durable(
    call: Call,
    node: Node,
    request: shapes.InvocationRequest,
    function: Reference,
    version: Version,
    invocation: Invocation,
) -> shapes.InvocationResponse:
    """An execution has begun, or is found by its name; who invokes synchronously has its result."""
    kind = request.get("InvocationType", "RequestResponse")
    name = request.get("DurableExecutionName")
    execution = await invocations.begin(node, function, version, invocation, kind, call.trace, name)
    if kind == "Event":
        return {"StatusCode": 202, "DurableExecutionArn": execution.arn}
    execution = await invocations.ended(node, execution.arn)
    answer = _answer(invocations.outcome_of(execution, version), version, with_log=invocation.log_tail)
    return {**answer, "ExecutedVersion": execution.version, "DurableExecutionArn": execution.arn}


def _answer(outcome: Outcome, version: Version, *, with_log: bool) -> shapes.InvocationResponse:
    answer: shapes.InvocationResponse = {
        "StatusCode": 200,
        "Payload": outcome.payload,
        "ExecutedVersion": version.version,
    }
    if outcome.error is not None:
        answer["FunctionError"] = outcome.error
    if with_log:
        answer["LogResult"] = base64.b64encode(outcome.log_tail).decode()
    return answer


@api.waits_and_notes
async def invoke_async(call: Call, node: Node, request: shapes.InvokeAsyncRequest) -> shapes.InvokeAsyncResponse:
    """As an Invoke of type Event that says nothing but its payload, which may have 256 KB."""
    payload = request["InvokeArgs"]
    function = reference(call, request["FunctionName"])
    runs.for_tenant((await runs.target(node, function)).pick(), None)
    if len(payload) > limits.LAMBDA_INVOKE_ASYNC_BYTES_MAX:
        raise InvalidRequestContentException(
            f"{len(payload)} byte payload is too large for InvokeAsync (limit"
            f" {limits.LAMBDA_INVOKE_ASYNC_BYTES_MAX} bytes)"
        )
    check_payload(payload, "Event")
    event = events.Event(
        *(function.qualified, payload.decode(), call.request_id, call.trace), source=call.principal.arn
    )
    await node.store.write(events.put, event)
    return {"Status": 202}


def too_many(refusal: Throttled) -> TooManyRequestsException:
    """Rate Exceeded, with the reason in AWS's words."""
    return TooManyRequestsException("Rate Exceeded.", Reason=refusal.reason, retryAfterSeconds="0")


def check_payload(payload: bytes, kind: str) -> None:
    """It is JSON, and no larger than may be for this type of invocation."""
    limit = limits.LAMBDA_EVENT_BYTES_MAX if kind == "Event" else limits.LAMBDA_SYNCHRONOUS_BYTES_MAX
    if len(payload) > limit:
        raise RequestTooLargeException(
            f"{len(payload)} byte payload is too large for the {kind} invocation type (limit {limit} bytes)"
        )
    try:
        orjson.loads(payload)
    except orjson.JSONDecodeError as error:
        raise InvalidRequestContentException(f"Could not parse request body into json: {error}") from error


def client_context(encoded: str | None) -> str | None:
    """Out of its base64."""
    if encoded is None:
        return None
    try:
        text = base64.b64decode(encoded, validate=True).decode()
        orjson.loads(text)
    except (binascii.Error, ValueError) as error:
        raise InvalidRequestContentException("Client context must be a valid Base64-encoded JSON object.") from error
    return text
