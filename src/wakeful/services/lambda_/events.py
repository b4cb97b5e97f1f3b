"""Asynchronous invocations: a durable queue of events, two retries, then the dead-letter queue.

An event is a work row. Function errors are retried after one and two minutes, as AWS does ("Asynchronous invocation");
what could not be run at all (no room, not ready, no right to its role) for up to six hours with growing pauses.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import orjson

from wakeful import limits, names
from wakeful.environments.version import Throttled
from wakeful.fabric.deliver import Delivery, Refused, deliver, text_attribute
from wakeful.fabric.service import Again, Done, Node
from wakeful.fabric.trace import Trace
from wakeful.services.lambda_ import functions, measuring, runs
from wakeful.services.lambda_.errors import (
    LambdaError,
    ResourceNotFoundException,
    SnapStartException,
    SnapStartTimeoutException,
)
from wakeful.services.lambda_.references import of_arn
from wakeful.store import work
from wakeful.store.tx import Tx
from wakeful.wire.errors import AwsError

KIND = "lambda.event"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Event:
    """One event in a function's queue. `errors` counts the runs that failed, `put` is when it came."""

    function: str
    payload: str
    request_id: str
    trace: Trace
    client_context: str | None = None
    tenant: str | None = None
    errors: int = 0
    put: float = 0.0


def put(tx: Tx, event: Event) -> None:
    """The event is in the function's queue."""
    work.put(tx, KIND, asdict(replace(event, put=tx.now)))
    tx.note(measuring.received(of_arn(event.function), tx.now))


def accept(tx: Tx, delivery: Delivery) -> None:
    """Others may deliver to a function."""
    try:
        function = of_arn(delivery.target_arn)
        functions.find(tx, function)
    except (ValueError, LambdaError) as error:
        raise Refused(str(error), "NO_RESOURCE") from error
    if len(delivery.body.encode()) > limits.LAMBDA_EVENT_BYTES_MAX:
        raise Refused("the event is larger than a function takes", "REQUEST_TOO_LARGE")
    put(tx, Event(function.qualified, delivery.body, names.new_uuid(), delivery.effects))


async def carry_out(node: Node, item: work.Item) -> Done | Again:
    """The worker: one run of the function, then the event is done, due again, or dead."""
    event = Event(**{**item.body, "trace": Trace(**item.body["trace"])})
    function = of_arn(event.function)
    now = node.clock.now()
    node.telemetry.note(measuring.aged(function, now, now - event.put))
    try:
        version = runs.for_tenant((await runs.target(node, function)).pick(), event.tenant)
        invocation = runs.invocation_of(
            event.trace,
            event.payload.encode(),
            event.function,
            request_id=event.request_id,
            client_context=event.client_context,
            tenant=event.tenant,
            kind="Event",
        )
        outcome = await runs.run(node, version, invocation, event.trace)
    except (SnapStartException, SnapStartTimeoutException) as error:
        return _failed(event, version.role_arn, error.status or 400, error.message, node.clock.now())
    except ResourceNotFoundException as error:
        log.warning("the event %s for %s was dropped: %s", event.request_id, event.function, error.message)
        node.telemetry.note(measuring.dropped(function, now))
        return Done()
    except (Throttled, AwsError) as refusal:
        return _put_off(event, item, now, refusal)
    if outcome.error is None:
        return Done()
    return _failed(event, version.role_arn, 200, _message_of(outcome.payload), node.clock.now())


def _failed(event: Event, role_arn: str, status: int, message: str, now: float) -> Done | Again:
    retried = event.errors
    due = now + limits.LAMBDA_EVENT_RETRY_DELAYS_S[min(retried, len(limits.LAMBDA_EVENT_RETRY_DELAYS_S) - 1)]
    if retried < limits.LAMBDA_EVENT_RETRIES_MAX and due - event.put <= limits.LAMBDA_EVENT_AGE_MAX_S:
        return Again(due, asdict(replace(event, errors=retried + 1)))
    return Done(lambda tx: bury(tx, event, role_arn, status, message))


def _put_off(event: Event, item: work.Item, now: float, refusal: Throttled | AwsError) -> Done | Again:
    """The function could not be run: there was no room, it is not ready, or its role cannot be assumed."""
    pause_s = min(
        limits.LAMBDA_THROTTLE_BACKOFF_MAX_S, limits.LAMBDA_THROTTLE_BACKOFF_S * 2 ** min(item.attempts - 1, 16)
    )
    if now + pause_s - event.put <= limits.LAMBDA_EVENT_AGE_MAX_S:
        return Again(now + pause_s)
    if isinstance(refusal, Throttled):
        return Done(lambda tx: bury(tx, event, None, 429, f"Rate Exceeded. {refusal.reason}"))
    return Done(lambda tx: bury(tx, event, None, refusal.status or 400, refusal.message))


def bury(tx: Tx, event: Event, role_arn: str | None, status: int, message: str) -> None:
    """The event is in the function's dead-letter target, if it has one; AWS's three attributes say why."""
    function = of_arn(event.function)
    tx.note(measuring.dropped(function, tx.now))
    try:
        row = functions.find(tx, function)
    except ResourceNotFoundException:
        return  # it has gone meanwhile, and what was configured with it
    config: Mapping[str, Any] = row.config if row.serving is None else row.serving["config"]
    target = (config.get("DeadLetterConfig") or {}).get("TargetArn")
    if not target:
        return
    is_buried = deliver(
        tx,
        Delivery(
            target_arn=target,
            body=event.payload,
            source_arn=function.arn,
            principal=role_arn or config["Role"],
            account=function.account,
            trace=event.trace.caused_by(event.request_id, hops=1),
            label="dead letter",
            attributes={
                "RequestID": text_attribute(event.request_id),
                "ErrorCode": {"DataType": "Number", "StringValue": str(status)},
                "ErrorMessage": text_attribute(message[:1024] or "Unknown"),
            },
        ),
    )
    if not is_buried:
        tx.note(measuring.not_buried(function, tx.now))


def _message_of(payload: bytes) -> str:
    try:
        document = orjson.loads(payload)
    except orjson.JSONDecodeError:
        return payload.decode(errors="replace")
    return str(document.get("errorMessage", "")) if isinstance(document, dict) else str(document)
