"""Asynchronous invocations: a durable queue of events, retries, and what becomes of those that are given up.

An event is a work row. The function's own errors are retried after one and two minutes; what could not be run at all
(no room, not ready, no right to its role) is tried again with growing pauses until the event is too old. Both have an
end that may be configured ("How Lambda handles errors and retries with asynchronous invocation").
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import orjson

from wakeful import limits, names
from wakeful.environments.version import Throttled, Version
from wakeful.fabric.deliver import Delivery, Refused, deliver, text_attribute
from wakeful.fabric.service import Again, Done, Node
from wakeful.fabric.trace import Trace
from wakeful.services.lambda_ import destinations, event_configs, functions, measuring, recursion, runs
from wakeful.services.lambda_.destinations import Record, Response
from wakeful.services.lambda_.durable import starts
from wakeful.services.lambda_.errors import (
    LambdaError,
    RecursiveInvocationException,
    ResourceNotFoundException,
    SnapStartException,
    SnapStartTimeoutException,
)
from wakeful.services.lambda_.event_configs import EventConfig
from wakeful.services.lambda_.references import Reference, of_arn
from wakeful.store import work
from wakeful.store.tx import Tx
from wakeful.wire.errors import AwsError

KIND = "lambda.event"

RETRIES_EXHAUSTED = "RetriesExhausted"
EVENT_AGE_EXCEEDED = "EventAgeExceeded"
ZERO_RESERVED_CONCURRENCY = "ZeroReservedConcurrency"

_NOT_INVOKED = (
    "Function not invoked. Function isconfigured with zero reserved concurrent executions"  # as Lambda has it
)

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
    source: str = ""
    """Who invoked the function, or what delivered the event."""
    errors: int = 0
    put: float = 0.0
    refused: int = 0
    """The status with which it could not be run at all, the last time that was tried; 0 where it never was so."""
    reason: str = ""

    @property
    def body(self) -> dict[str, Any]:
        """What its row holds."""
        whole = {name: getattr(self, name) for name in self.__slots__}
        return {**whole, "trace": {name: getattr(self.trace, name) for name in self.trace.__slots__}}


@dataclass(frozen=True, slots=True)
class End:
    """Why an event is given up, and what it got last. `message` is for the dead letter."""

    condition: str
    response: Response | None
    message: str


def put(tx: Tx, event: Event) -> None:
    """The event is in the function's queue; one for a durable function has begun an execution instead."""
    function = of_arn(event.function)
    if starts.of_event(tx, function, event.payload, event.trace, event.tenant) is not None:
        return
    work.put(tx, KIND, replace(event, put=tx.now).body)
    tx.note(measuring.received(function, tx.now))


def accept(tx: Tx, delivery: Delivery) -> None:
    """Others may deliver to a function."""
    try:
        function = of_arn(delivery.target_arn)
        functions.find(tx, function)
    except (ValueError, LambdaError) as error:
        raise Refused(str(error), "NO_RESOURCE") from error
    if len(delivery.body.encode()) > limits.LAMBDA_EVENT_BYTES_MAX:
        raise Refused("the event is larger than a function takes", "REQUEST_TOO_LARGE")
    try:
        source = delivery.source_arn
        put(tx, Event(function.qualified, delivery.body, names.new_uuid(), delivery.effects, source=source))
    except LambdaError as error:
        raise Refused(str(error), "INVALID_PARAMETER") from error


async def carry_out(node: Node, item: work.Item) -> Done | Again:
    """The worker: one run of the function, then the event is done, due again, or given up."""
    event = Event(**{**item.body, "trace": Trace(**item.body["trace"])})
    function = of_arn(event.function)
    now = node.clock.now()
    config = await _config(node, function)
    if now - event.put >= config.age_max_s:
        return _give_up(event, config, _too_old(event))
    node.telemetry.note(measuring.aged(function, now, now - event.put))
    try:
        await recursion.check(node, function, event.trace)
        version = runs.for_tenant((await runs.target(node, function)).pick(), event.tenant)
        if version.reservations.get(version.arn) == 0:
            return _give_up(event, config, End(ZERO_RESERVED_CONCURRENCY, None, _NOT_INVOKED))
        return await _run(node, event, config, version)
    except (SnapStartException, SnapStartTimeoutException) as error:
        failed = Response(error.status or 400, error=error.shape_name)
        return _failed(event, config, failed, error.message, node.clock.now())
    except RecursiveInvocationException as loop:  # not tried again: it would have come here too often then, too
        stopped = Response(loop.status or 400, error=loop.shape_name)
        return _give_up(event, config, End(RETRIES_EXHAUSTED, stopped, loop.message))
    except ResourceNotFoundException as error:
        log.warning("the event %s for %s was dropped: %s", event.request_id, event.function, error.message)
        node.telemetry.note(measuring.dropped(function, now))
        return Done()
    except Throttled as refusal:
        return _put_off(replace(event, refused=429, reason=str(refusal)), config, item.attempts, now)
    except AwsError as refusal:
        refused = replace(event, refused=refusal.status or 400, reason=refusal.message)
        return _put_off(refused, config, item.attempts, now)


async def _config(node: Node, function: Reference) -> EventConfig:
    async def read() -> EventConfig:
        return await node.store.read(event_configs.effective, function)

    return await node.caches.get(functions.CHANGED, ("events", function), read)


async def _run(node: Node, event: Event, config: EventConfig, version: Version) -> Done | Again:
    """What an event is for. Here a function that runs elsewhere, or for longer than one run, would be told apart."""
    invocation = runs.invocation_of(
        event.trace,
        event.payload.encode(),
        event.function,
        request_id=event.request_id,
        client_context=event.client_context,
        tenant=event.tenant,
        kind="Event",
        source=event.source,
    )
    outcome = await runs.run(node, version, invocation, event.trace)
    response = Response(200, version.version, outcome.error, outcome.payload)
    if outcome.error is None:
        return _succeeded(event, config, response, version.role_arn)
    return _failed(event, config, response, _message_of(outcome.payload), node.clock.now())


def _succeeded(event: Event, config: EventConfig, response: Response, role_arn: str) -> Done:
    if not config.on_success:
        return Done()
    record = _record(event, destinations.SUCCESS, event.errors + 1, response)
    return Done(lambda tx: destinations.send(tx, record, config.on_success, role_arn))


def _failed(event: Event, config: EventConfig, response: Response, message: str, now: float) -> Done | Again:
    """The function has failed once more."""
    failures = event.errors + 1
    failed = replace(event, errors=failures, refused=0, reason="")
    if failures > config.retries_max:
        return _give_up(failed, config, End(RETRIES_EXHAUSTED, response, message))
    due = now + limits.LAMBDA_EVENT_RETRY_DELAYS_S[min(failures, len(limits.LAMBDA_EVENT_RETRY_DELAYS_S)) - 1]
    if due - event.put >= config.age_max_s:
        return _give_up(failed, config, End(EVENT_AGE_EXCEEDED, response, message))
    return Again(due, failed.body)


def _put_off(event: Event, config: EventConfig, attempts: int, now: float) -> Again:
    """The function could not be run: there was no room, it is not ready, or its role cannot be assumed."""
    pause_s = min(limits.LAMBDA_THROTTLE_BACKOFF_MAX_S, limits.LAMBDA_THROTTLE_BACKOFF_S * 2 ** min(attempts - 1, 16))
    return Again(min(now + pause_s, event.put + config.age_max_s), event.body)


def _too_old(event: Event) -> End:
    response = Response(event.refused) if event.refused else None
    return End(EVENT_AGE_EXCEEDED, response, event.reason)


def _give_up(event: Event, config: EventConfig, end: End) -> Done:
    return Done(lambda tx: give_up(tx, event, config, end))


def give_up(tx: Tx, event: Event, config: EventConfig, end: End) -> None:
    """No more is tried: the destination for failures has a record, and the dead-letter target the event.

    Where the function has gone meanwhile, what was configured with it has gone too.
    """
    function = of_arn(event.function)
    tx.note(measuring.dropped(function, tx.now))
    try:
        row = functions.find(tx, function)
    except ResourceNotFoundException:
        return
    settings: Mapping[str, Any] = row.config if row.serving is None else row.serving["config"]
    if config.on_failure:
        record = _record(event, end.condition, event.errors, end.response)
        destinations.send(tx, record, config.on_failure, settings["Role"])
    letter = (settings.get("DeadLetterConfig") or {}).get("TargetArn")
    if letter and not deliver(tx, _letter(event, function, end, letter, settings["Role"])):
        tx.note(measuring.not_buried(function, tx.now))


def _record(event: Event, condition: str, invoke_count: int, response: Response | None) -> Record:
    return Record(
        function=of_arn(event.function),
        request_id=event.request_id,
        trace=event.trace,
        condition=condition,
        invoke_count=invoke_count,
        payload=event.payload,
        response=response,
    )


def _letter(event: Event, function: Reference, end: End, target_arn: str, role_arn: str) -> Delivery:
    """The event as it came; the attributes say what became of it."""
    code = (
        {} if end.response is None else {"ErrorCode": {"DataType": "Number", "StringValue": str(end.response.status)}}
    )
    return Delivery(
        target_arn=target_arn,
        body=event.payload,
        source_arn=function.arn,
        principal=role_arn,
        account=function.account,
        trace=runs.effects(event.trace, event.request_id, event.function),
        label="dead letter",
        attributes={
            "RequestID": text_attribute(event.request_id),
            **code,
            "ErrorMessage": text_attribute(end.message[:1024] or "Unknown"),
        },
    )


def _message_of(payload: bytes) -> str:
    try:
        document = orjson.loads(payload)
    except orjson.JSONDecodeError:
        return payload.decode(errors="replace")
    return str(document.get("errorMessage", "")) if isinstance(document, dict) else str(document)
