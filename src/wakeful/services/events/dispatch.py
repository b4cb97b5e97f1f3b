"""From a bus to the targets of its rules: every one has the event in the transaction that put it on the bus."""

from __future__ import annotations

import dataclasses

from wakeful import limits, names
from wakeful.fabric.deliver import DeadLetter, Delivery, Refused, bury, deliver
from wakeful.fabric.parts import kept
from wakeful.fabric.service import Done, Node
from wakeful.fabric.trace import Trace, new_trace
from wakeful.fabric.transform import Occasion, TransformFailed
from wakeful.services.events import bus as buses
from wakeful.services.events import event as events
from wakeful.services.events import rule as rules
from wakeful.services.events import target as targets
from wakeful.services.events import timer
from wakeful.services.events.bus import Bus
from wakeful.services.events.event import Event
from wakeful.services.events.rule import Rule
from wakeful.services.events.rulebook import Rulebook
from wakeful.services.events.target import Target
from wakeful.store import work
from wakeful.store.tx import Tx

SERVICE = "events.amazonaws.com"

_ANOTHER_BUS = "event-bus"
"""Whatever bus it is: what a lineage counts when an event goes on from one bus to another."""


def dispatch(tx: Tx, bus: Bus, event: Event, trace: Trace) -> None:
    """Every target of every enabled rule that wants the event has it, or its dead-letter queue has."""
    for arn in kept(tx, Rulebook).matching(tx, bus, event):
        rule = rules.by_arn(tx, arn)
        if rule is not None:  # on a cluster it may have been deleted since the rulebook was asked
            send(tx, rule, event, trace)


def send(tx: Tx, rule: Rule, event: Event, trace: Trace) -> None:
    """Every target of the rule has the event, each in its form."""
    for target in targets.of(tx, rule):
        _send(tx, rule, target, event, trace)


def accept(tx: Tx, delivery: Delivery) -> None:
    """Others may deliver whole events to a bus."""
    bus = buses.get(tx, delivery.target_arn)
    if bus is None:
        raise Refused(f"the event bus {delivery.target_arn} does not exist", "NO_RESOURCE")
    try:
        event = events.parse(delivery.body)
    except events.Unreadable as error:
        raise Refused(f"not an event: {error}", "INVALID_JSON") from error
    dispatch(tx, bus, event, delivery.effects)


async def fire(node: Node, item: work.Item) -> Done:
    """The worker of timers: a scheduled rule's targets have the event of this moment, and the next one is planned."""

    def now(tx: Tx) -> None:
        rule = rules.by_arn(tx, item.body["rule"])
        if rule is None or rule.schedule is None or rule.state != rules.ENABLED:
            return
        if (rule.schedule, rule.started) != (item.body["schedule"], item.body["started"]):
            return  # another schedule has begun since, and has a timer of its own
        arn = names.parse_arn(rule.arn)
        event = events.made(
            detail_type="Scheduled Event",
            source="aws.events",
            account=arn.account,
            region=arn.region,
            time=item.due,
            resources=[rule.arn],
            detail={},
        )
        send(tx, rule, event, new_trace(tx.now))
        # What was missed while no node ran is not made up for: one event, late, and then on in the old rhythm.
        timer.plan(tx, rule.arn, rule.schedule, rule.started or item.due, after=max(item.due, tx.now))

    return Done(now)


def _send(tx: Tx, rule: Rule, target: Target, event: Event, trace: Trace) -> None:
    is_bus = names.parse_arn(target["Arn"]).service == "events"
    delivery = Delivery(
        target_arn=targets.place_of(rule, target),
        body=event.text,
        source_arn=rule.arn,
        principal=target.get("RoleArn") or (rule.role if is_bus else None) or SERVICE,
        account=names.parse_arn(rule.arn).account,
        # From bus to bus is counted, since nothing else would ever end a circle of buses. What leaves them may come
        # back to its function as often as it will: Lambda looks for no loops through EventBridge.
        trace=trace.through(_ANOTHER_BUS) if is_bus else trace.without_lineage(),
        label=event.label,
        dead_letter=_dead_letter(rule, target, event),
        group_id=targets.group_of(target, event),
    )
    if is_bus and trace.passes(_ANOTHER_BUS) >= limits.BUS_HOPS_MAX:
        loop = Refused(f"came from one event bus to another {limits.BUS_HOPS_MAX} times: a loop", "RECURSIVE_LOOP")
        bury(tx, delivery, loop)
        return
    make = targets.input_of(target)
    try:
        if is_bus:
            delivery = dataclasses.replace(delivery, body=event.copied().text)
        elif make is not None:
            occasion = Occasion(event.document, rule.arn, rule.name, events.timestamp(tx.now))
            delivery = dataclasses.replace(delivery, body=make(occasion))
    except (TransformFailed, RecursionError) as failure:
        bury(tx, delivery, Refused(str(failure), "INVALID_JSON"))
    else:
        deliver(tx, delivery)


def _dead_letter(rule: Rule, target: Target, event: Event) -> DeadLetter | None:
    """Letters hold the event as it was matched, and why it failed.

    They say nothing of retries: no target here fails in a way in which trying again would help, so the RetryPolicy is
    never called upon, and EXHAUSTED_RETRY_CONDITION would not be true.
    """
    arn = target.get("DeadLetterConfig", {}).get("Arn")
    if arn is None:
        return None
    attributes = {"RULE_ARN": rule.arn, "TARGET_ARN": target["Arn"]}
    return DeadLetter(arn, attributes, body=event.text, principal=SERVICE)
