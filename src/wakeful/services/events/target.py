"""One target of a rule: where matched events go, in what form, and on whose behalf."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import orjson

from wakeful import limits, names
from wakeful.fabric.parts import parts_of
from wakeful.fabric.transform import MISSING, TargetInput, compile_target_input, parse_path
from wakeful.services.events.errors import LimitExceededException, ValidationException
from wakeful.services.events.event import Event
from wakeful.services.events.rule import Rule
from wakeful.store.tx import Tx
from wakeful.wire.errors import NotImplementedHere

Target = Mapping[str, Any]
"""In the names of the model's shape."""

_PLACES = {
    "lambda": "function:",
    "sqs": "",
    "sns": "",
    "events": "event-bus/",
    "kinesis": "stream/",
    "logs": "log-group:",
}
"""The services that targets are of, and how the resources begin that can be one."""

_INPUTS = ("Input", "InputPath", "InputTransformer")
_ELSEWHERE = {
    "AppSyncParameters": "AppSync",
    "BatchParameters": "Batch",
    "EcsParameters": "ECS",
    "HttpParameters": "HTTP",
    "RedshiftDataParameters": "Redshift",
    "RunCommandParameters": "Run Command",
    "SageMakerPipelineParameters": "SageMaker",
}


def check(target: Target) -> None:
    """Raises what PutTargets answers to a target that cannot be, or that nothing can be delivered to here yet."""
    target_id, arn = target["Id"], _arn(target["Arn"])
    if arn.service not in _PLACES or not arn.resource.startswith(_PLACES[arn.service]):
        kind = arn.service if arn.service not in _PLACES else arn.resource.partition("/")[0]
        raise NotImplementedHere(f"Wakeful does not deliver events to {kind} yet (target {target_id}).")
    for member, kind in _ELSEWHERE.items():
        if member in target:
            raise ValidationException(f"{member} is for {kind} targets, and target {target_id} is none.")
    _check_stream(target, arn)
    if "SqsParameters" in target and arn.service != "sqs":
        raise ValidationException(f"SqsParameters is for SQS targets, and target {target_id} is none.")
    if arn.service == "sqs" and arn.name.endswith(".fifo") and "SqsParameters" not in target:
        raise ValidationException(f"Parameter(s) SqsParameters must be specified for target: {target_id}.")
    if arn.service in ("events", "logs") and any(member in target for member in _INPUTS):
        kind = "other event buses" if arn.service == "events" else "log groups"
        raise NotImplementedHere(f"Wakeful sends whole events to {kind} (target {target_id}).")
    if arn.service == "logs" and "RoleArn" in target:
        raise ValidationException(f"RoleArn is not supported for target {target['Arn']}.")
    letters = target.get("DeadLetterConfig", {}).get("Arn")
    if letters is not None and _arn(letters).service != "sqs":
        raise _not_correct(letters)
    compile_target_input(target)


def put(tx: Tx, rule: Rule, targets: Sequence[Target]) -> None:
    """The rule has these targets, in place of those with the same ids."""
    for target in targets:
        service = names.parse_arn(target["Arn"]).service
        if service not in parts_of(tx).accepts:
            raise NotImplementedHere(f"Wakeful does not deliver events to {service} yet (target {target['Id']}).")
    tx.lock("events", rule.bus)
    ids = {target["Id"] for target in of(tx, rule)} | {target["Id"] for target in targets}
    if len(ids) > limits.EVENTS_TARGETS_PER_RULE_MAX:
        raise LimitExceededException()
    for target in targets:
        tx.run(
            "INSERT INTO events_targets(rule, id, arn, bus, body) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT(rule, id) DO UPDATE SET arn = excluded.arn, body = excluded.body",
            *(rule.arn, target["Id"], target["Arn"], rule.bus, orjson.dumps(target)),
        )


def remove(tx: Tx, rule: Rule, ids: Sequence[str]) -> None:
    """The rule has no targets with these ids; it may have had none."""
    tx.lock("events", rule.bus)
    for target_id in ids:
        tx.run("DELETE FROM events_targets WHERE rule = ? AND id = ?", rule.arn, target_id)


def of(tx: Tx, rule: Rule, after: str = "", limit: int = limits.EVENTS_TARGETS_PER_RULE_MAX) -> list[Target]:
    """The rule's targets by id, from the one after `after`."""
    rows = tx.all(
        "SELECT body FROM events_targets WHERE rule = ? AND id > ? ORDER BY id LIMIT ?", rule.arn, after, limit
    )
    return [orjson.loads(row["body"]) for row in rows]


def place_of(rule: Rule, target: Target) -> str:
    """The ARN to deliver to. In a log group every rule has a stream of its own."""
    arn = str(target["Arn"])
    if names.parse_arn(arn).service != "logs":
        return arn
    return f"{arn.removesuffix(':*')}:log-stream:{names.uuid_of(rule.arn)}"


def rules_with(tx: Tx, bus_arn: str, target_arn: str, after: str, limit: int) -> list[str]:
    """The names of the bus's rules that have this target, from the one after `after`."""
    rows = tx.all(
        "SELECT DISTINCT r.name AS name FROM events_targets t JOIN events_rules r ON r.arn = t.rule"
        " WHERE t.bus = ? AND t.arn = ? AND r.name > ? ORDER BY r.name LIMIT ?",
        *(bus_arn, target_arn, after, limit),
    )
    return [row["name"] for row in rows]


def input_of(target: Target) -> TargetInput | None:
    """What makes of an event what the target gets; None where it gets the event as it is."""
    given = {member: target[member] for member in ("Id", *_INPUTS) if member in target}
    return _compiled(orjson.dumps(given)) if len(given) > 1 else None


def group_of(target: Target, event: Event) -> str | None:
    """The message group of a queue's target, the partition key of a stream's: an event's id, unless its parameters say
    what else ("Amazon EventBridge targets").
    """
    if names.parse_arn(target["Arn"]).service != "kinesis":
        group: str | None = target.get("SqsParameters", {}).get("MessageGroupId")
        return group
    path = parse_path(target["KinesisParameters"]["PartitionKeyPath"]) if "KinesisParameters" in target else None
    found = path.find(event.document) if path is not None else MISSING
    if found is MISSING:
        return str(event.document["id"])
    return found if isinstance(found, str) else orjson.dumps(found).decode()


def _check_stream(target: Target, arn: names.Arn) -> None:
    if arn.service != "kinesis":
        if "KinesisParameters" in target:
            raise ValidationException(f"KinesisParameters is for Kinesis targets, and target {target['Id']} is none.")
        return
    if "RoleArn" not in target:
        raise ValidationException(f"RoleArn is required for target {target['Arn']}.")
    if "KinesisParameters" in target and parse_path(target["KinesisParameters"]["PartitionKeyPath"]) is None:
        raise ValidationException(f"PartitionKeyPath for target {target['Id']} is invalid.")


@lru_cache(limits.EVENTS_INPUTS_KEPT)
def _compiled(text: bytes) -> TargetInput:
    return compile_target_input(orjson.loads(text))


def _arn(text: str) -> names.Arn:
    try:
        return names.parse_arn(text)
    except ValueError:
        raise _not_correct(text) from None


def _not_correct(arn: str) -> ValidationException:
    return ValidationException(f"Parameter {arn} is not valid. Reason: Provided Arn is not in correct format.")
