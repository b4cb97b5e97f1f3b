"""Checks of what becomes of that which fails for good: is it kept, where, and for how long."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from wakeful.cli.wiring import rights
from wakeful.cli.wiring.findings import Hit, command, compact, counted, duration, listed
from wakeful.cli.wiring.model import SETTINGS, EventConfig, Function, Queue, Rule, Target, Wiring, short, unqualified


@dataclass(frozen=True, slots=True)
class Grave:
    """A place for dead letters: whose, where, and the service or role that has to be let in there."""

    owner: str
    arn: str
    service: str = ""
    role: str = ""
    kind: str = "dead-letter queue"


def graves(wiring: Wiring) -> Iterator[Grave]:
    """Every place that something names for what fails."""
    for queue in wiring.queues.values():
        if queue.dead_letter:
            yield Grave(queue.arn, queue.dead_letter)
    for function in wiring.functions.values():
        if function.dead_letter:
            yield Grave(function.arn, function.dead_letter, role=function.role)
        for config in function.events:
            if config.on_failure:
                owner = f"{function.arn}:{config.qualifier}" if config.qualifier else function.arn
                yield Grave(owner, config.on_failure, role=function.role, kind="destination on failure")
    for mapping in wiring.mappings:
        reader = wiring.functions.get(mapping.function)
        if mapping.on_failure and reader:
            yield Grave(mapping.arn, mapping.on_failure, role=reader.role, kind="destination on failure")
    for subscription in wiring.subscriptions:
        if subscription.dead_letter:
            yield Grave(subscription.arn, subscription.dead_letter, service="sns.amazonaws.com")
    for rule in wiring.rules:
        for target in rule.targets:
            if target.dead_letter:
                yield Grave(rule.arn, target.dead_letter, service="events.amazonaws.com")


# --- none ----------------------------------------------------------------------------------------------------------


def queues_without(wiring: Wiring) -> Iterator[Hit]:
    for queue in wiring.queues.values():
        readers = [mapping.function for mapping in wiring.mappings if mapping.source == queue.arn]
        if not readers or queue.dead_letter:
            continue
        tries = max(1, queue.retention_s // max(1, queue.visibility_s))
        blocks = " Until then it holds up its message group." if queue.is_fifo else ""
        yield Hit(
            queue.arn,
            f"A message that {listed(map(short, readers))} cannot handle comes back every "
            f"{duration(queue.visibility_s)}, up to {counted(tries, 'time')}, and is deleted after "
            f"{duration(queue.retention_s)}.{blocks}",
            _gives_up(wiring, queue),
        )


def _gives_up(wiring: Wiring, queue: Queue) -> str:
    grave, made = grave_for(wiring, queue.arn, is_fifo=queue.is_fifo)
    policy = compact({"deadLetterTargetArn": grave, "maxReceiveCount": "5"})
    given = command("sqs set-queue-attributes", queue_url=queue.url, attributes={"RedrivePolicy": policy})
    return f"{made} && {given}"


def grave_for(wiring: Wiring, owner: str, *, is_fifo: bool = False, service: str = "") -> tuple[str, str]:
    """The ARN of a queue for dead letters, and how it is made. Fourteen days are the longest that one may keep them."""
    kind, _, name = short(owner).rpartition(" ")
    kind = kind.replace(" ", "-")
    name = (
        name.rsplit("/", 1)[-1].removesuffix(".fifo")[:57] + ("" if kind == "queue" else f"-{kind}") + "-dead-letters"
    )
    name = f"{name}.fifo" if is_fifo else name
    arn = f"arn:aws:sqs:{wiring.region}:{wiring.account}:{name}"
    attributes = {"MessageRetentionPeriod": "1209600", **({"FifoQueue": "true"} if is_fifo else {})}
    if service:
        attributes["Policy"] = rights.letting_in(None, "sqs:SendMessage", arn, [(service, owner)])
    return arn, command("sqs create-queue", queue_name=name, attributes=attributes)


def events_without(wiring: Wiring) -> Iterator[Hit]:
    if SETTINGS in wiring.unread:
        return
    for function in wiring.functions.values():
        for qualifier, givers in sorted(_givers(wiring, function).items()):
            config = next((each for each in function.events if each.qualifier == qualifier), None)
            used = config or EventConfig()
            if function.dead_letter or used.on_failure:
                continue
            grave, made = grave_for(wiring, function.arn)
            operation = "update" if config else "put"
            given = command(
                f"lambda {operation}-function-event-invoke-config",
                function_name=function.name,
                **({"qualifier": qualifier} if qualifier else {}),
                destination_config={"OnFailure": {"Destination": grave}},
            )
            yield Hit(
                f"{function.arn}:{qualifier}" if qualifier else function.arn,
                f"An event of {listed(map(short, givers))} that fails {counted(used.attempts + 1, 'time')}, or cannot "
                f"be run for {duration(used.age_s)}, is dropped without a trace.",
                " && ".join((made, *sending(wiring, function, grave), given)),
            )


def sending(wiring: Wiring, function: Function, grave: str) -> Iterator[str]:
    """How its role gets the right to send there, without which Lambda takes no destination."""
    if not rights.role_may(wiring, function.role, "sqs:SendMessage", grave):
        yield may(function.role, ["sqs:SendMessage"], grave)


def _givers(wiring: Wiring, function: Function) -> dict[str, set[str]]:
    """Who gives the function asynchronous events, by the qualifier that they name."""
    wired = [(each.endpoint, each.topic) for each in wiring.subscriptions if each.is_to_arn and not each.is_pending]
    wired += [(target.arn, rule.arn) for rule in wiring.rules for target in rule.targets if rule.is_enabled]
    wired += [(told.target, bucket.arn) for bucket in wiring.buckets.values() for told in bucket.notifications]
    found: dict[str, set[str]] = {}
    for target, giver in wired:
        if unqualified(target) == function.arn:
            found.setdefault(target[len(function.arn) + 1 :], set()).add(giver)
    return found


def subscriptions_without(wiring: Wiring) -> Iterator[Hit]:
    for each in wiring.subscriptions:
        if each.dead_letter or each.is_pending or each.protocol not in ("sqs", "lambda", "http", "https", "firehose"):
            continue
        is_web = each.protocol.startswith("http")
        tries = "50 tries within an hour" if is_web else "100,015 tries within 23 days"
        grave, made = grave_for(wiring, each.topic, service="sns.amazonaws.com")
        given = command(
            "sns set-subscription-attributes",
            subscription_arn=each.arn,
            attribute_name="RedrivePolicy",
            attribute_value=compact({"deadLetterTargetArn": grave}),
        )
        yield Hit(
            each.arn,
            f"What {short(each.topic)} cannot deliver to {short(each.endpoint)} is lost: at once where it is gone or "
            f"refuses, else after {tries}.",
            f"{made} && {given}",
        )


def targets_without(wiring: Wiring) -> Iterator[Hit]:
    for rule in wiring.rules:
        for target in rule.targets:
            if not target.dead_letter and rule.is_enabled:
                grave, made = grave_for(wiring, rule.arn, service="events.amazonaws.com")
                given = _buried(rule, target, grave)
                yield Hit(
                    rule.arn,
                    f"An event that {short(target.arn)} does not take is dropped: at once where it is gone or refuses, "
                    f"else after {counted(target.attempts, 'retry', 'retries')} or {duration(target.age_s)}.",
                    f"{made} && {given}",
                )


def _buried(rule: Rule, target: Target, grave: str) -> str:
    document = {**target.document, "Id": target.id, "Arn": target.arn, "DeadLetterConfig": {"Arn": grave}}
    bus = rule.bus.partition("event-bus/")[2]
    return command("events put-targets", rule=rule.name, event_bus_name=bus, targets=[document])


# --- unfit ---------------------------------------------------------------------------------------------------------


def gone(wiring: Wiring) -> Iterator[Hit]:
    for grave in graves(wiring):
        if wiring.is_missing(grave.arn):
            name = grave.arn.rsplit(":", 1)[-1]
            fifo = {"attributes": {"FifoQueue": "true"}} if name.endswith(".fifo") else {}
            made = command("sqs create-queue", queue_name=name, **fifo) if ":sqs:" in grave.arn else ""
            yield Hit(
                grave.owner,
                f"Its {grave.kind} {grave.arn} does not exist: what fails for good is lost.",
                made or f"make {grave.arn}, or name another {grave.kind}",
            )


def refusing(wiring: Wiring) -> Iterator[Hit]:
    kept_out = _kept_out(wiring)
    for grave in graves(wiring):
        why, remedy = _refusal(wiring, grave, kept_out)
        if why:
            yield Hit(grave.owner, f"Its {grave.kind} {short(grave.arn)} does not take its letters: {why}", remedy)


def _kept_out(wiring: Wiring) -> Mapping[str, list[tuple[str, str]]]:
    """By queue, the services that its policy does not let in, and for whom they would send dead letters there."""
    found: dict[str, list[tuple[str, str]]] = {}
    for grave in graves(wiring):
        queue = wiring.queues.get(grave.arn)
        if grave.service and queue is not None:
            source = _source(grave)
            if not rights.lets_in(queue.policy, grave.service, "sqs:SendMessage", queue.arn, source, wiring.account):
                found.setdefault(queue.arn, []).append((grave.service, source))
    return found


def _source(grave: Grave) -> str:
    return grave.owner.rpartition(":")[0] if grave.service.startswith("sns") else grave.owner


_SENDS = {
    "sqs": "sqs:SendMessage",
    "sns": "sns:Publish",
    "lambda": "lambda:InvokeFunction",
    "events": "events:PutEvents",
}


def _refusal(wiring: Wiring, grave: Grave, kept_out: Mapping[str, list[tuple[str, str]]]) -> tuple[str, str]:
    queue = wiring.queues.get(grave.arn)
    if grave.role:
        action = _SENDS.get(grave.arn.split(":")[2], "")
        if action and not _is_let_in_itself(queue) and not rights.role_may(wiring, grave.role, action, grave.arn):
            return f"the role {grave.role} may not {action}.", may(grave.role, [action], grave.arn)
        return "", ""
    if queue is None:
        return "", ""
    if grave.service:
        senders = kept_out.get(queue.arn, ())
        if (grave.service, _source(grave)) not in senders:
            return "", ""
        return f"its policy does not let {grave.service} in.", let_in(queue, senders)
    allow = queue.redrive_allow
    permission = allow.get("redrivePermission", "allowAll")
    if permission == "allowAll" or (permission == "byQueue" and grave.owner in allow.get("sourceQueueArns", ())):
        return "", ""
    named = [*allow.get("sourceQueueArns", ()), grave.owner]
    text = compact({"redrivePermission": "byQueue", "sourceQueueArns": named})
    remedy = command("sqs set-queue-attributes", queue_url=queue.url, attributes={"RedriveAllowPolicy": text})
    return f"its RedriveAllowPolicy says {permission}.", remedy


def _is_let_in_itself(queue: Queue | None) -> bool:
    """A queue whose own policy may speak for the role: it is not asked, so that nothing wrong is said."""
    return queue is not None and queue.policy is not None


def forgetting(wiring: Wiring) -> Iterator[Hit]:
    for queue in wiring.queues.values():
        grave = wiring.queues.get(queue.dead_letter or "")
        if grave is None or grave.is_fifo or grave.retention_s > queue.retention_s:
            continue
        yield Hit(
            grave.arn,
            f"It keeps messages for {duration(grave.retention_s)}, counted from when they were first sent, and "
            f"{short(queue.arn)} may have had them for {duration(queue.retention_s)} before: letters vanish unread.",
            command("sqs set-queue-attributes", queue_url=grave.url, attributes={"MessageRetentionPeriod": "1209600"}),
        )


def of_other_kind(wiring: Wiring) -> Iterator[Hit]:
    for grave in graves(wiring):
        is_fifo = grave.arn.endswith(".fifo")
        is_of_queue = ":sqs:" in grave.owner
        owner_is_fifo = is_of_queue and grave.owner.endswith(".fifo")
        if ":sqs:" not in grave.arn or is_fifo == owner_is_fifo or (":sns:" in grave.owner and ".fifo:" in grave.owner):
            continue
        wanted = "FIFO" if owner_is_fifo else "standard"
        yield Hit(
            grave.owner,
            f"Its {grave.kind} {short(grave.arn)} is a {'FIFO' if is_fifo else 'standard'} queue where only a {wanted} "
            "one will do: nothing that fails arrives there.",
            f"name a {wanted} queue as its {grave.kind}",
        )


def waiting(wiring: Wiring) -> Iterator[Hit]:
    owners: dict[str, set[str]] = {}
    for grave in graves(wiring):
        owners.setdefault(grave.arn, set()).add(short(grave.owner) if ":sns:" not in grave.owner else grave.owner)
    for arn, those in owners.items():
        queue = wiring.queues.get(arn)
        read = any(mapping.source == arn and mapping.is_enabled for mapping in wiring.mappings)
        if queue is None or not queue.waiting or read:
            continue
        is_of_queue = any(each.dead_letter == arn for each in wiring.queues.values())
        looked_at = command("sqs receive-message", queue_url=queue.url, attribute_names=["All"])
        moved = command("sqs start-message-move-task", source_arn=arn)
        yield Hit(
            arn,
            f"{counted(queue.waiting, 'message')} that {listed(those)} gave up on "
            f"{'waits' if queue.waiting == 1 else 'wait'} here, and no function reads them; they are deleted "
            f"{duration(queue.retention_s)} after they were sent.",
            f"when what made them fail is gone: {moved}" if is_of_queue else looked_at,
        )


# --- what helps ----------------------------------------------------------------------------------------------------


def let_in(queue: Queue, senders: Iterable[tuple[str, str]]) -> str:
    """How a queue's policy lets services in, each for one source, besides those that it lets in already."""
    policy = rights.letting_in(queue.policy, "sqs:SendMessage", queue.arn, senders)
    return command("sqs set-queue-attributes", queue_url=queue.url, attributes={"Policy": policy})


def may(role: str, actions: Sequence[str], arn: str) -> str:
    """How a role gets rights."""
    statement = {"Effect": "Allow", "Action": actions, "Resource": arn}
    policy = compact({"Version": "2012-10-17", "Statement": [statement]})
    name = re.sub(r"[^\w+=,.@-]", "-", f"{actions[0]}-{arn.split(':', 5)[-1]}")[:128]
    return command("iam put-role-policy", role_name=role.rsplit("/", 1)[-1], policy_name=name, policy_document=policy)
