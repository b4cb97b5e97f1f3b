"""deliver: the one way an event goes from a service to a target, inside the transaction of its cause.

Cause and effects become true together or not at all. The target only stores; running a function or calling out is a
work row that its own worker carries out.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from wakeful import limits, names
from wakeful.fabric.parts import parts_of
from wakeful.fabric.service import Done, Node, Worker
from wakeful.fabric.trace import Trace
from wakeful.store import work
from wakeful.store.telemetry import Note
from wakeful.store.tx import Tx

LATER = "fabric.deliver"
"""The kind of work row that carries a delivery which did not fit into its transaction."""


class Refused(Exception):
    """The target cannot take this event, and asking again will not help: it is missing, it says no, it is no target.

    `code` is what a dead letter or a log shows: one of those that "Using dead-letter queues to process undelivered
    events in EventBridge" lists, such as `NO_RESOURCE` and `NO_PERMISSIONS`, where one of them fits.
    """

    def __init__(self, reason: str, code: str = "TARGET_REFUSED") -> None:
        super().__init__(reason)
        self.code = code


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """Where an event goes whose target refused it, and how its letter says why, in the giver's own words."""

    arn: str
    attributes: Mapping[str, str] = field(default_factory=dict)
    code_attribute: str | None = "ERROR_CODE"
    reason_attribute: str | None = "ERROR_MESSAGE"
    body: str | None = None
    """What the letter holds, where it is not what the target would have got."""
    principal: str | None = None
    """On whose behalf the letter is sent, where it is not the event's."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event on its way to one target."""

    target_arn: str
    body: str
    source_arn: str
    principal: str
    """On whose behalf: a service's domain name (its right is in the target's policy) or a role's ARN."""
    account: str
    """The account of the source, which an S3 bucket's ARN does not tell."""
    trace: Trace
    label: str = ""
    """What happened, for people: ObjectCreated:Put."""
    subject: str | None = None
    """What a topic's subscribers get as the subject."""
    dead_letter: DeadLetter | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)
    """Message attributes, in the shape of SQS's API."""
    group_id: str | None = None
    deduplication_id: str | None = None
    is_ordered: bool = False
    """Its place among others counts, so it is never put off; for targets that only store."""
    id: str = field(default_factory=names.new_uuid)

    @property
    def effects(self) -> Trace:
        """The trace of what this delivery sets off."""
        return self.trace.caused_by(self.id)


@dataclass(frozen=True, slots=True)
class Undelivered:
    """An event that its target refused."""

    refusal: Refused
    is_kept: bool | None
    """Whether the edge's dead-letter target has it; None where the edge has none."""


def deliver(tx: Tx, delivery: Delivery) -> bool:
    """Whether the target has the event. One that was refused is in the edge's dead-letter target, if it has one.

    What no longer fits into the transaction (its fan-out, its depth) is a work row and counts as delivered.
    """
    return attempt(tx, delivery) is None


def attempt(tx: Tx, delivery: Delivery) -> Undelivered | None:
    """As `deliver`, for givers that tell why: None where the target has the event."""
    if not delivery.is_ordered and _is_full(tx):
        work.put(tx, LATER, delivery)  # which is JSON as it stands
        return None
    tx.deliveries += 1
    tx.depth += 1
    try:
        with tx.savepoint():
            _accept(tx, delivery)
    except Refused as refusal:
        return Undelivered(refusal, bury(tx, delivery, refusal))
    finally:
        tx.depth -= 1
    _note(tx, delivery, status="ok")
    return None


def carried(tx: Tx, delivery: Delivery) -> None:
    """The giver has brought the event itself to a target that is none of ours: a note says so."""
    _note(tx, delivery, status="ok")


def _is_full(tx: Tx) -> bool:
    return tx.deliveries >= limits.DELIVERIES_PER_TRANSACTION or tx.depth >= limits.DELIVERY_DEPTH_MAX


def refusal(tx: Tx, delivery: Delivery) -> Refused | None:
    """Why the target would not take this event; None where it would. Nothing is left of the asking."""
    before = tx.deliveries
    tx.depth += 1
    try:
        with tx.savepoint():
            _accept(tx, delivery)
            raise _OnlyAsking
    except _OnlyAsking:
        return None
    except Refused as refused:
        return refused
    finally:
        tx.depth -= 1
        tx.deliveries = before


class _OnlyAsking(Exception):
    """Undoes what a target did to be asked whether it would."""


def bury(tx: Tx, delivery: Delivery, refusal: Refused) -> bool | None:
    """The delivery has failed for good: a note says why, and the dead-letter target, where there is one, has the event.

    For givers that know by themselves that the target could not take it. Whether the letter was taken; None without.
    """
    _note(tx, delivery, status=refusal.code, reason=str(refusal))
    if delivery.dead_letter is None:
        return None
    return deliver(tx, _letter(delivery, delivery.dead_letter, refusal))


def from_json(fields: dict[str, Any]) -> Delivery:
    dead_letter = fields["dead_letter"]
    return Delivery(
        **{
            **fields,
            "trace": Trace(**fields["trace"]),
            "dead_letter": None if dead_letter is None else DeadLetter(**dead_letter),
        }
    )


async def carry_on(node: Node, item: work.Item) -> Done:
    """The worker of deliveries that were put off: each gets a transaction of its own, with its row's removal."""
    delivery = from_json(item.body)

    def now(tx: Tx) -> None:
        deliver(tx, delivery)

    return Done(now)


worker = Worker(LATER, carry_on, slots=64)


def _accept(tx: Tx, delivery: Delivery) -> None:
    if delivery.trace.hops > limits.HOPS_MAX:
        raise Refused(f"came through {delivery.trace.hops} functions: a loop", "RECURSIVE_LOOP")
    try:
        target = names.parse_arn(delivery.target_arn)
    except ValueError as error:
        raise Refused(str(error), "INVALID_TARGET") from error
    accept = parts_of(tx).accepts.get(target.service)
    if accept is None:
        raise Refused(f"{target.service} takes no deliveries", "INVALID_TARGET")
    parts_of(tx).authorizer.check_delivery(tx, delivery)
    accept(tx, delivery)


def _letter(delivery: Delivery, dead_letter: DeadLetter, refusal: Refused) -> Delivery:
    why = {
        **dead_letter.attributes,
        **({dead_letter.code_attribute: refusal.code} if dead_letter.code_attribute else {}),
        **({dead_letter.reason_attribute: str(refusal)} if dead_letter.reason_attribute else {}),
    }
    return dataclasses.replace(
        delivery,
        id=names.new_uuid(),
        target_arn=dead_letter.arn,
        body=delivery.body if dead_letter.body is None else dead_letter.body,
        principal=dead_letter.principal or delivery.principal,
        dead_letter=None,
        trace=delivery.effects,
        label=f"dead letter: {delivery.label}",
        attributes={**delivery.attributes, **{name: text_attribute(value) for name, value in why.items()}},
    )


def text_attribute(value: str) -> dict[str, str]:
    """A message attribute that carries text."""
    return {"DataType": "String", "StringValue": value}


def _note(tx: Tx, delivery: Delivery, *, status: str, reason: str = "") -> None:
    tx.note(
        Note(
            id=delivery.id,
            trace=delivery.trace.id,
            cause=delivery.trace.cause,
            hops=delivery.trace.hops,
            kind="event",
            name=delivery.label,
            resource=delivery.target_arn,
            account=delivery.account,
            at=tx.now,
            status=status,
            detail={"source": delivery.source_arn, **({"reason": reason} if reason else {})},
        )
    )
