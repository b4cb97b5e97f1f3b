"""Checks of filters and patterns: those that no event can match, and senders whose events a filter never lets pass."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from wakeful.cli.wiring import events
from wakeful.cli.wiring.events import Shape
from wakeful.cli.wiring.findings import Hit, command
from wakeful.cli.wiring.matching import may_match, obstacle
from wakeful.cli.wiring.model import Bucket, Rule, SourceMapping, Subscription, Wiring, short


def _is_of_queue(mapping: SourceMapping) -> bool:
    return ":sqs:" in mapping.source and bool(mapping.filters)


def _filtered(wiring: Wiring) -> Iterator[tuple[SourceMapping, Shape]]:
    """Every mapping with filters, and what they are held against."""
    for mapping in wiring.mappings:
        if not mapping.filters:
            continue
        if ":sqs:" in mapping.source:
            yield mapping, events.sqs_record(mapping.source)
        elif ":kinesis:" in mapping.source:
            yield mapping, events.data_record(mapping.source)
        elif (table := wiring.tables.get(mapping.origin)) is not None:
            yield mapping, events.table_record(mapping.source, table.view)


def _vain(mapping: SourceMapping, shape: Shape) -> list[str]:
    return [each for each in mapping.filters if not may_match(each, [shape])]


def never(wiring: Wiring) -> Iterator[Hit]:
    for mapping, shape in _filtered(wiring):
        vain = _vain(mapping, shape)
        if len(vain) == len(mapping.filters):
            yield Hit(
                mapping.arn,
                f"Nothing of {short(mapping.source)} can meet its filter ({obstacle(vain[0], shape)}): Lambda drops "
                f"all of it, and {short(mapping.function)} never runs.",
                f"ask for what is in the {_place(mapping)}, or for nothing: {_written_anew(mapping, [])}",
            )


def one_of_several(wiring: Wiring) -> Iterator[Hit]:
    for mapping, shape in _filtered(wiring):
        vain = _vain(mapping, shape)
        if 0 < len(vain) < len(mapping.filters):
            yield Hit(
                mapping.arn,
                f"{len(vain)} of its {len(mapping.filters)} filters can be met by nothing of "
                f"{short(mapping.source)} ({obstacle(vain[0], shape)}): what it was meant to let pass, Lambda drops.",
                _written_anew(mapping, [each for each in mapping.filters if each not in vain]),
            )


def _place(mapping: SourceMapping) -> str:
    """Where what people mean stands in what comes."""
    if ":dynamodb:" in mapping.source:
        return "record, below dynamodb.NewImage or its kind, with the type below each name"
    return "record, below data" if ":kinesis:" in mapping.source else "message, below body"


def _written_anew(mapping: SourceMapping, patterns: Sequence[str]) -> str:
    criteria = {"Filters": [{"Pattern": each} for each in patterns]}
    return command("lambda update-event-source-mapping", uuid=mapping.uuid, filter_criteria=criteria)


def policy_never(wiring: Wiring) -> Iterator[Hit]:
    for each in wiring.subscriptions:
        shape: Shape = events.ANYTHING if each.filter_scope == "MessageBody" else events.message_attributes()
        if each.filter_policy and not may_match(each.filter_policy, [shape]):
            yield Hit(
                each.arn,
                f"No message can meet its filter policy ({obstacle(each.filter_policy, shape)}): "
                f"{short(each.endpoint)} gets nothing of {short(each.topic)}.",
                _policy_anew(each),
            )


def _policy_anew(subscription: Subscription) -> str:
    return command(
        "sns set-subscription-attributes",
        subscription_arn=subscription.arn,
        attribute_name="FilterPolicy",
        attribute_value="{}",
    )


# --- buses ----------------------------------------------------------------------------------------------------------


def _at_work(wiring: Wiring) -> Iterator[tuple[Rule, str]]:
    for rule in wiring.rules:
        if rule.pattern is not None and rule.is_enabled:
            yield rule, rule.pattern


def pattern_never(wiring: Wiring) -> Iterator[Hit]:
    for rule, pattern in _at_work(wiring):
        if not may_match(pattern, [events.bus_event()]):
            yield Hit(
                rule.arn,
                f"No event has what its pattern asks for ({obstacle(pattern, events.bus_event())}): its targets "
                "get nothing.",
                _pattern_tried(pattern),
            )


def _pattern_tried(pattern: str) -> str:
    tried = command("events test-event-pattern", event_pattern=pattern, event="file://event.json")
    return f"try it with an event that it shall match: {tried}"


def bucket_silent(wiring: Wiring) -> Iterator[Hit]:
    """On the default bus, to which nobody else's events come, and only where all buckets are known."""
    if "buckets" in wiring.unread:
        return
    told = [events.s3_bus_event(bucket.name) for bucket in wiring.buckets.values() if bucket.has_eventbridge]
    for rule, pattern in _at_work(wiring):
        bus = wiring.buses.get(rule.bus)
        if bus is None or bus.name != "default" or bus.policy is not None:
            continue
        if may_match(pattern, [events.bus_event()]) and not may_match(pattern, [*events.not_of_s3_itself(), *told]):
            yield Hit(
                rule.arn,
                "It waits for events that S3 itself sends, and no bucket that it means sends any to EventBridge "
                f"({len(told)} of {len(wiring.buckets)} do): its targets get nothing.",
                _bridged(wiring, pattern),
            )


def _bridged(wiring: Wiring, pattern: str) -> str:
    """How the bucket that the pattern names sends to EventBridge, besides what it sends already."""
    meant = [each for each in wiring.buckets.values() if f'"{each.name}"' in pattern]
    bucket = min(meant, key=lambda each: each.name, default=Bucket(name="BUCKET"))
    return command(
        "s3api put-bucket-notification-configuration",
        bucket=bucket.name,
        notification_configuration={**bucket.document, "EventBridgeConfiguration": {}},
    )


def aws_on_own_bus(wiring: Wiring) -> Iterator[Hit]:
    fed = {target.arn for rule in wiring.rules for target in rule.targets}
    for rule, pattern in _at_work(wiring):
        bus = wiring.buses.get(rule.bus)
        if bus is None or bus.name == "default" or bus.name.startswith("aws.partner/"):
            continue
        if bus.policy is not None or bus.arn in fed:
            continue
        if may_match(pattern, [events.bus_event()]) and not may_match(pattern, [events.put_event()]):
            yield Hit(
                rule.arn,
                f"It waits on {short(bus.arn)} for events of AWS's services, which come to the default bus alone, and "
                "no rule in this region passes them on.",
                "on the default bus: " + command("events put-rule", name=rule.name, event_pattern=pattern),
            )


# --- senders --------------------------------------------------------------------------------------------------------


def sender_filtered_out(wiring: Wiring) -> Iterator[Hit]:
    yield from _filtered_by_mappings(wiring)
    yield from _filtered_by_policies(wiring)


def _filtered_by_mappings(wiring: Wiring) -> Iterator[Hit]:
    for mapping in filter(_is_of_queue, wiring.mappings):
        if len(_vain(mapping, events.sqs_record(mapping.source))) == len(mapping.filters):
            continue
        for sender, bodies in _senders_to(wiring, mapping.source):
            shapes = [events.sqs_record(mapping.source, body) for body in bodies]
            if any(may_match(each, shapes) for each in mapping.filters):
                continue
            why = obstacle(mapping.filters[0], shapes[0])
            is_enveloped = sender.startswith("arn:aws:sns:")
            yield Hit(
                mapping.arn,
                f"Nothing that {short(sender)} sends to {short(mapping.source)} meets its filter ({why}): Lambda "
                f"deletes it.{' A message of a topic is text within an envelope.' if is_enveloped else ''}",
                _raw(wiring, sender, mapping.source) if is_enveloped else _written_anew(mapping, []),
            )


def _senders_to(wiring: Wiring, queue: str) -> Iterator[tuple[str, Sequence[Shape]]]:
    for each in wiring.subscriptions:
        if each.protocol == "sqs" and each.endpoint == queue and not each.is_raw and not each.is_pending:
            yield each.topic, [events.sns_envelope(each.topic)]
    yield from _senders_as_they_are(wiring, queue)


def _senders_as_they_are(wiring: Wiring, target: str) -> Iterator[tuple[str, Sequence[Shape]]]:
    """Buckets and rules, whose messages are known."""
    for bucket in wiring.buckets.values():
        if any(each.target == target for each in bucket.notifications):
            yield bucket.arn, events.s3_messages(bucket.name)
    for rule in wiring.rules:
        if rule.is_enabled and any(each.arn == target and each.is_whole for each in rule.targets):
            yield rule.arn, [events.bus_event()]


def _raw(wiring: Wiring, topic: str, queue: str) -> str:
    subscription = next(each for each in wiring.subscriptions if (each.topic, each.endpoint) == (topic, queue))
    return command(
        "sns set-subscription-attributes",
        subscription_arn=subscription.arn,
        attribute_name="RawMessageDelivery",
        attribute_value="true",
    )


def _filtered_by_policies(wiring: Wiring) -> Iterator[Hit]:
    for each in wiring.subscriptions:
        if not each.filter_policy:
            continue
        is_on_body = each.filter_scope == "MessageBody"
        for sender, bodies in _senders_as_they_are(wiring, each.topic):
            shapes = bodies if is_on_body else [events.NO_ATTRIBUTES]
            if may_match(each.filter_policy, shapes):
                continue
            why = obstacle(each.filter_policy, shapes[0])
            lack = "" if is_on_body else ": its messages have no attributes"
            body = command(
                "sns set-subscription-attributes",
                subscription_arn=each.arn,
                attribute_name="FilterPolicyScope",
                attribute_value="MessageBody",
            )
            yield Hit(
                each.arn,
                f"Nothing that {short(sender)} sends to {short(each.topic)} meets its filter policy ({why}){lack}.",
                _policy_anew(each) if is_on_body else f"filter on what the body has: {body}",
            )
