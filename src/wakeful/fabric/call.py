"""perform: what happens to every call of an operation, from outside and from inside: check → authorise → run → note."""

from __future__ import annotations

import time
from typing import Any

from wakeful.fabric.chaos import throttling
from wakeful.fabric.service import Call, Need, Node, Operation, Request, Service
from wakeful.store.telemetry import Note
from wakeful.wire.errors import AwsError, NotImplementedHere
from wakeful.wire.target import Check


async def perform(
    node: Node, call: Call, service: Service, operation: str, request: Request, check: Check | None = None
) -> Any:
    """The operation's result, in the members of its output shape. Raises AwsError for what the caller should know.

    `check` speaks the words of the protocol the request came in; without one, those of the service's own.
    """
    begun = time.perf_counter()
    found = find(service, operation)
    try:
        (check or service.operations.check_of(operation))(request)
        needs = needs_of(call, service, operation, request)
        await node.authorizer.check_call(call, needs)
        if node.chaos.running:
            await throttling.check(node, call, needs)
        result = await _run(node, call, found, request)
    except AwsError as error:
        _note(node, call, found, begun, request, status=error.shape_name)
        raise
    if not found.notes_itself:
        _note(node, call, found, begun, request, status="ok")
    return result


def find(service: Service, operation: str) -> Operation:
    """The operation. Raises NotImplementedHere, which names it, for one that AWS has and we have not."""
    found = service.operations.get(operation)
    if found is None:
        raise NotImplementedHere(f"Wakeful does not have {service.name}:{operation} yet.")
    return found


def needs_of(call: Call, service: Service, operation: str, request: Request) -> tuple[Need, ...]:
    if service.needs is None:
        return (Need(f"{service.name}:{operation}", "*"),)
    return tuple(service.needs(call, operation, request))


async def _run(node: Node, call: Call, operation: Operation, request: Request) -> Any:
    if operation.touch == "waits":
        return await operation.handler(call, node, request)
    if operation.touch == "writes":
        return await node.store.write(_in_transaction, operation, call, request)
    return await node.store.read(_in_transaction, operation, call, request)


def _in_transaction(tx: Any, operation: Operation, call: Call, request: Request) -> Any:
    return operation.handler(call, tx, request)


def _note(node: Node, call: Call, operation: Operation, begun: float, request: Request, *, status: str) -> None:
    # What only looks, and was asked for from outside, changes no story; noting it would bury the rest.
    if operation.only_looks and (call.trace.cause is None or call.principal.kind == "service"):
        return
    duration_ms = (time.perf_counter() - begun) * 1000
    node.telemetry.note(
        Note(
            id=call.request_id,
            trace=call.trace.id,
            cause=call.trace.cause,
            hops=call.trace.hops,
            kind="call",
            name=f"{operation.service}:{operation.name}",
            resource=subject(request),
            account=call.account,
            at=node.clock.now() - duration_ms / 1000,
            duration_ms=duration_ms,
            status=status,
            detail={"principal": call.principal.arn},
        )
    )


_SUBJECTS = (
    "QueueUrl",
    "TopicArn",
    "FunctionName",
    "RoleName",
    "QueueName",
    "EventBusName",
    "logGroupName",
    "TableName",
    "Name",
    "StreamName",
    "StreamARN",
    "ConsumerARN",
)


def subject(request: Request) -> str:
    """What a request is about, for people: bucket and key, or the first of the members that usually name it."""
    if "Bucket" in request:
        return "/".join(str(request[part]) for part in ("Bucket", "Key") if part in request)
    return next((str(request[member]) for member in _SUBJECTS if member in request), "")
