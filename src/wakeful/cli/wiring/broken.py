"""Checks of connections that carry nothing: what they name is gone, nobody may pass, or nothing is at the other end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from wakeful import names
from wakeful.cli.wiring import rights
from wakeful.cli.wiring.dead_letters import let_in, may
from wakeful.cli.wiring.findings import Hit, command, counted, duration, listed
from wakeful.cli.wiring.model import DataStream, Queue, SourceMapping, Table, Topic, Wiring, short, unqualified

_READING: Mapping[str, Sequence[str]] = {
    "sqs": ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"),
    "dynamodb": ("dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:DescribeStream"),
    "kinesis": ("kinesis:GetRecords", "kinesis:GetShardIterator", "kinesis:ListShards"),
    "consumer": ("kinesis:SubscribeToShard",),
}


@dataclass(frozen=True, slots=True)
class Connection:
    """Somebody sends to a target on behalf of a service. `sender` is what a policy's aws:SourceArn would name."""

    owner: str
    sender: str
    target: str
    service: str
    remedy: str
    """What takes the connection away."""


def connections(wiring: Wiring) -> Iterator[Connection]:
    """Everything that sends by itself, without a role."""
    for each in wiring.subscriptions:
        if each.is_to_arn and not each.is_pending:
            away = command("sns unsubscribe", subscription_arn=each.arn)
            yield Connection(each.arn, each.topic, each.endpoint, "sns.amazonaws.com", away)
    for rule in wiring.rules:
        bus = rule.bus.partition("event-bus/")[2]
        for target in rule.targets:
            if rule.is_enabled and target.role is None:
                away = command("events remove-targets", rule=rule.name, event_bus_name=bus, ids=target.id)
                yield Connection(rule.arn, rule.arn, target.arn, "events.amazonaws.com", away)
    for bucket in wiring.buckets.values():
        asked = command("s3api get-bucket-notification-configuration", bucket=bucket.name)
        away = f"put its notifications again without this one, which are: {asked}"
        for told in bucket.notifications:
            yield Connection(bucket.arn, bucket.arn, told.target, "s3.amazonaws.com", away)


def target_gone(wiring: Wiring) -> Iterator[Hit]:
    for each in connections(wiring):
        if wiring.is_missing(each.target):
            yield Hit(
                each.owner, f"What it sends goes to {each.target}, which does not exist: nobody gets it.", each.remedy
            )
    for function in wiring.functions.values():
        for config in function.events:
            if config.on_success and wiring.is_missing(config.on_success):
                yield Hit(
                    function.arn,
                    f"What it returns goes to {config.on_success}, which does not exist: nobody gets it.",
                    command("lambda delete-function-event-invoke-config", function_name=function.name),
                )


def not_permitted(wiring: Wiring) -> Iterator[Hit]:
    kept_out = [each for each in connections(wiring) if not _is_let_in(wiring, each)]
    senders: dict[str, list[tuple[str, str]]] = {}
    for each in kept_out:
        senders.setdefault(each.target, []).append((each.service, each.sender))
    for each in kept_out:
        yield Hit(
            each.owner,
            f"The policy of {short(each.target)} does not let {each.service} in for {short(each.sender)}: wherever "
            "IAM is enforced, as on AWS, nothing arrives there.",
            _permission(wiring, each, senders[each.target]),
        )


def _is_let_in(wiring: Wiring, each: Connection) -> bool:
    """By the target's policy; what was not read, and what has no policy that would be asked, lets everybody in."""
    if unqualified(each.target) in wiring.functions and "permissions" not in wiring.unread:
        policy, action = wiring.permissions.get(each.target), "lambda:InvokeFunction"
    elif each.target in wiring.queues:
        policy, action = wiring.queues[each.target].policy, "sqs:SendMessage"
    elif each.target in wiring.topics:
        policy, action = wiring.topics[each.target].policy, "sns:Publish"
    else:
        return True
    return rights.lets_in(policy, each.service, action, each.target, each.sender, wiring.account)


def _permission(wiring: Wiring, each: Connection, senders: Sequence[tuple[str, str]]) -> str:
    """What lets the connection through; where a policy is written anew, all of the target's senders."""
    if each.target in wiring.queues:
        return let_in(wiring.queues[each.target], senders)
    if each.target not in wiring.topics:
        return _invoking(wiring, each)
    return command(
        "sns set-topic-attributes",
        topic_arn=each.target,
        attribute_name="Policy",
        attribute_value=rights.letting_in(wiring.topics[each.target].policy, "sns:Publish", each.target, senders),
    )


def _invoking(wiring: Wiring, each: Connection) -> str:
    function = unqualified(each.target)
    qualifier = each.target[len(function) + 1 :]
    return command(
        "lambda add-permission",
        function_name=function.rsplit(":", 1)[-1],
        **({"qualifier": qualifier} if qualifier else {}),
        statement_id="".join(c if c.isalnum() else "-" for c in each.sender.split(":", 5)[-1])[:90],
        action="lambda:InvokeFunction",
        principal=each.service,
        source_arn=each.sender,
        **({"source_account": wiring.account} if each.service.startswith("s3") else {}),
    )


# --- mappings -------------------------------------------------------------------------------------------------------


def mapping_disabled(wiring: Wiring) -> Iterator[Hit]:
    for mapping in wiring.mappings:
        if mapping.is_enabled:
            continue
        queue = wiring.queues.get(mapping.source)
        waits = ""
        if queue is not None:
            waits = f" {counted(queue.waiting, 'message')} {'waits' if queue.waiting == 1 else 'wait'} now, each until "
            waits += f"it is {duration(queue.retention_s)} old."
        elif mapping.is_of_stream:
            waits = " What the stream no longer keeps when it is enabled again is lost to it."
        yield Hit(
            mapping.arn,
            f"It is disabled: {short(mapping.function)} gets nothing of {short(mapping.source)}.{waits}",
            command("lambda update-event-source-mapping", uuid=mapping.uuid, enabled=True),
        )


def mapping_torn(wiring: Wiring) -> Iterator[Hit]:
    for mapping in wiring.mappings:
        for end in (mapping.source, mapping.function):
            if wiring.is_missing(end):
                yield Hit(
                    mapping.arn,
                    f"{end} does not exist: {short(mapping.function)} gets nothing of {short(mapping.source)}.",
                    command("lambda delete-event-source-mapping", uuid=mapping.uuid),
                )


def mapping_may_not_read(wiring: Wiring) -> Iterator[Hit]:
    for mapping in wiring.mappings:
        function, source = wiring.functions.get(mapping.function), _source(wiring, mapping)
        if source is None or function is None or source.policy is not None:
            continue  # a policy of the source's own may speak for the role
        needed = _READING["consumer" if "/consumer/" in mapping.source else names.parse_arn(mapping.source).service]
        lacking = [each for each in needed if not rights.role_may(wiring, function.role, each, mapping.source)]
        if lacking:
            yield Hit(
                mapping.arn,
                f"The role of {short(function.arn)} may not {', '.join(lacking)} on {short(mapping.source)}: wherever "
                "IAM is enforced, as on AWS, the function gets nothing of it.",
                may(function.role, lacking, mapping.source),
            )


def _source(wiring: Wiring, mapping: SourceMapping) -> Queue | Table | DataStream | None:
    origin = mapping.origin
    return wiring.queues.get(origin) or wiring.tables.get(origin) or wiring.streams.get(origin)


# --- nothing at the other end -----------------------------------------------------------------------------------------


def rule_idle(wiring: Wiring) -> Iterator[Hit]:
    for rule in wiring.rules:
        if rule.is_enabled and not rule.targets and "rules" not in wiring.unread:
            yield Hit(
                rule.arn,
                "It is enabled and has no targets: what it matches goes nowhere.",
                command("events delete-rule", name=rule.name, event_bus_name=rule.bus.partition("event-bus/")[2]),
            )


def topic_idle(wiring: Wiring) -> Iterator[Hit]:
    subscribed = {each.topic for each in wiring.subscriptions}
    for topic in wiring.topics.values():
        if topic.arn not in subscribed and "subscriptions" not in wiring.unread:
            yield Hit(
                topic.arn,
                "It has no subscriptions: what is published to it is gone.",
                f"{_needed(wiring, topic)}{command('sns delete-topic', topic_arn=topic.arn)}",
            )


def _needed(wiring: Wiring, topic: Topic) -> str:
    senders = {short(each.sender) for each in connections(wiring) if each.target == topic.arn}
    return f"subscribe somebody, or have {listed(senders)} no longer send there, and: " if senders else ""


def unconfirmed(wiring: Wiring) -> Iterator[Hit]:
    for each in wiring.subscriptions:
        if each.is_pending:
            yield Hit(
                each.topic,
                f"{each.endpoint} ({each.protocol}) gets nothing: its subscription was never confirmed, and is deleted "
                "after 48 h.",
                "ask it again: "
                + command(
                    "sns subscribe", topic_arn=each.topic, protocol=each.protocol, notification_endpoint=each.endpoint
                ),
            )


def function_failed(wiring: Wiring) -> Iterator[Hit]:
    for function in wiring.functions.values():
        if function.state == "Failed" or function.update == "Failed":
            what = "It cannot run" if function.state == "Failed" else "Its last update failed, and what was before runs"
            yield Hit(
                function.arn,
                f"{what}: {function.reason.rstrip('.') or 'no reason was given'}.",
                "look at it: " + command("lambda get-function-configuration", function_name=function.name),
            )
