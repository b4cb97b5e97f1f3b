"""Notifications: whom a bucket tells of what, and the telling.

Everybody is told in the transaction in which it happened: an object without its event, or an event without its object,
cannot be, whatever crashes.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from typing import Any
from zlib import crc32

import orjson

from wakeful import limits, names
from wakeful.fabric.deliver import Delivery, Refused, deliver, refusal
from wakeful.fabric.service import Call
from wakeful.services.s3 import events, keys
from wakeful.services.s3.api import api
from wakeful.services.s3.buckets import Bucket
from wakeful.services.s3.errors import InvalidArgument, MalformedXML
from wakeful.services.s3.events import Happening
from wakeful.store.tx import Tx

SERVICE = "s3.amazonaws.com"
_BRIDGE = "EventBridgeConfiguration"


@dataclass(frozen=True, slots=True)
class _Kind:
    """One kind of destination: its list in the configuration, its ARN's member there, and AWS's words for it."""

    member: str
    arn: str
    service: str
    element: str
    noun: str


_KINDS = (
    _Kind("TopicConfigurations", "TopicArn", "sns", "Topic", "topic"),
    _Kind("QueueConfigurations", "QueueArn", "sqs", "Queue", "queue"),
    _Kind("LambdaFunctionConfigurations", "LambdaFunctionArn", "lambda", "CloudFunction", "function"),
)


@dataclass(frozen=True, slots=True)
class Rule:
    """One destination, the events it wants to hear of, and of which keys: in the URL-encoded form, as S3 matches."""

    id: str
    target: str
    kind: str
    events: tuple[str, ...]
    prefix: str = ""
    suffix: str = ""

    def wants(self, event: str, encoded_key: str) -> bool:
        return (
            any(_covers(wanted, f"s3:{event}") for wanted in self.events)
            and encoded_key.startswith(self.prefix)
            and encoded_key.endswith(self.suffix)
        )

    def overlaps(self, other: Rule) -> bool:
        """Whether some event of some key may be for both."""
        return (
            any(_covers(one, two) or _covers(two, one) for one in self.events for two in other.events)
            and (self.prefix.startswith(other.prefix) or other.prefix.startswith(self.prefix))
            and (self.suffix.endswith(other.suffix) or other.suffix.endswith(self.suffix))
        )


@lru_cache(limits.S3_CONFIGURATIONS_CACHED_MAX)
def rules_of(configuration: bytes) -> tuple[tuple[Rule, ...], bool]:
    """The rules of a configuration as rows have it, and whether everything goes to EventBridge."""
    parsed: dict[str, Any] = orjson.loads(configuration)
    return tuple(_rules(parsed)), _BRIDGE in parsed


def tell(tx: Tx, call: Call, bucket: Bucket, happening: Happening) -> None:
    """Whoever wants to know of it will know."""
    if bucket.notification is None:
        return
    rules, has_bridge = rules_of(bucket.notification)
    encoded = keys.encoded(happening.key)
    wanting = [rule for rule in rules if rule.wants(happening.event, encoded)]
    if not wanting and not has_bridge:
        return
    sequencer = _next_sequencer(tx, bucket, happening.key) if happening.is_sequenced else None
    for rule in wanting:
        found = events.record(call, bucket, happening, rule.id, sequencer, tx.now)
        deliver(tx, _delivery(call, bucket, rule.target, {"Records": [found]}, happening.event))
    if has_bridge:
        event = events.bridge_event(call, bucket, happening, sequencer, tx.now)
        target = f"arn:aws:events:{bucket.region}:{bucket.account}:event-bus/default"
        deliver(tx, _delivery(call, bucket, target, event, happening.event))


# --- configuring -----------------------------------------------------------------------------------------------------


def checked(bucket: Bucket, configuration: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration with every entry's id. Raises InvalidArgument or MalformedXML for one that cannot be."""
    found: dict[str, Any] = {}
    for kind in _KINDS:
        if kind.member in configuration:
            found[kind.member] = [_entry(bucket, kind, each) for each in configuration[kind.member]]
    if _BRIDGE in configuration:
        found[_BRIDGE] = {}
    rules = list(_rules(found))
    if len(rules) > limits.S3_NOTIFICATIONS_MAX:
        raise InvalidArgument(
            f"The number of notification configurations of a bucket cannot exceed {limits.S3_NOTIFICATIONS_MAX}",
            ArgumentName="NotificationConfiguration",
        )
    if len({rule.id for rule in rules}) < len(rules):
        raise InvalidArgument(
            "Same ID used for multiple configurations. IDs must be unique", ArgumentName="Id", ArgumentValue="null"
        )
    if any(one.overlaps(two) for one, two in combinations(rules, 2)):
        raise InvalidArgument(
            "Configuration is ambiguously defined. Cannot have overlapping suffixes in two rules if the prefixes are"
            " overlapping for the same event type."
        )
    return found


def introduce(tx: Tx, call: Call, bucket: Bucket, configuration: Mapping[str, Any]) -> None:
    """Every queue and topic in the configuration has S3's test message; every function would take an event.

    Raises InvalidArgument, naming each destination that is missing or does not let this bucket in.
    """
    message = events.test_message(call, bucket, tx.now)
    problems: list[tuple[str, str]] = []
    destinations = {rule.target: rule.kind for rule in _rules(configuration)}
    for target, service in destinations.items():
        delivery = _delivery(call, bucket, target, message, "s3:TestEvent")
        refused = refusal(tx, delivery)
        if refused is not None:
            problems.append(_problem(target, service, refused))
        elif service != "lambda":
            deliver(tx, delivery)
    if problems:
        members: dict[str, str] = {}
        for number, (name, value) in enumerate(problems, start=1):
            members |= {f"ArgumentName{number}": name, f"ArgumentValue{number}": value}
        raise InvalidArgument("Unable to validate the following destination configurations", **members)


def _entry(bucket: Bucket, kind: _Kind, entry: Mapping[str, Any]) -> dict[str, Any]:
    target = entry[kind.arn]
    _check_target(bucket, kind, target)
    wanted = entry["Events"]
    if not wanted:
        raise MalformedXML
    for event in wanted:
        if event not in api.model.shape_for("Event").enum:
            raise InvalidArgument(
                f"The event '{event}' is not supported for notifications", ArgumentName="Event", ArgumentValue=event
            )
    rules = _filter_rules(entry.get("Filter", {}).get("Key", {}).get("FilterRules", ()))
    return {
        "Id": entry.get("Id") or b64encode(names.new_uuid().encode()).decode("ascii"),
        kind.arn: target,
        "Events": list(wanted),
        **({"Filter": {"Key": {"FilterRules": rules}}} if rules else {}),
    }


def _check_target(bucket: Bucket, kind: _Kind, target: str) -> None:
    try:
        arn = names.parse_arn(target)
        is_whole = arn.service == kind.service and bool(arn.region) and bool(arn.account)
    except ValueError:
        is_whole = False
    if not is_whole:
        raise InvalidArgument("The ARN could not be parsed", ArgumentName=kind.element, ArgumentValue=target)
    if arn.region != bucket.region:
        raise InvalidArgument(
            "The notification destination service region is not valid for the bucket location constraint",
            ArgumentName=kind.element,
            ArgumentValue=target,
        )


def _filter_rules(rules: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
    """As S3 gives them back: with a capital letter."""
    found: dict[str, str] = {}
    for rule in rules:
        name, value = rule.get("Name", "").lower(), rule.get("Value", "")
        if name not in ("prefix", "suffix"):
            raise InvalidArgument(
                "filter rule name must be either prefix or suffix",
                ArgumentName="FilterRule.Name",
                ArgumentValue=rule.get("Name", ""),
            )
        if name.capitalize() in found:
            raise InvalidArgument(
                f"Cannot specify more than one {name} rule in a filter.",
                ArgumentName="FilterRule.Name",
                ArgumentValue=name,
            )
        if len(value.encode()) > limits.S3_KEY_BYTES_MAX:
            raise InvalidArgument(
                f"Size of filter rule value cannot exceed {limits.S3_KEY_BYTES_MAX} bytes in UTF-8 representation",
                ArgumentName="FilterRule.Value",
                ArgumentValue=value,
            )
        found[name.capitalize()] = value
    return [{"Name": name, "Value": value} for name, value in found.items()]


def _problem(target: str, service: str, refused: Refused) -> tuple[str, str]:
    if service == "lambda":
        return f"{target}, null", f"Not authorized to invoke function [{target}]"
    noun = next(kind.noun for kind in _KINDS if kind.service == service)
    if refused.code == "NO_PERMISSIONS":
        return (
            target,
            f"Permissions on the destination {noun} do not allow S3 to publish notifications from this bucket",
        )
    return target, f"The destination {noun} does not exist"


# --- below -----------------------------------------------------------------------------------------------------------


def _rules(configuration: Mapping[str, Any]) -> Iterator[Rule]:
    for kind in _KINDS:
        for entry in configuration.get(kind.member, ()):
            rules = entry.get("Filter", {}).get("Key", {}).get("FilterRules", ())
            values = {rule["Name"]: rule["Value"] for rule in rules}
            yield Rule(
                id=entry["Id"],
                target=entry[kind.arn],
                kind=kind.service,
                events=tuple(entry["Events"]),
                prefix=values.get("Prefix", ""),
                suffix=values.get("Suffix", ""),
            )


def _covers(wanted: str, event: str) -> bool:
    return wanted == event or (wanted.endswith("*") and event.startswith(wanted[:-1]))


def _delivery(call: Call, bucket: Bucket, target: str, document: Mapping[str, Any], label: str) -> Delivery:
    return Delivery(
        target_arn=target,
        body=orjson.dumps(document).decode(),
        source_arn=bucket.arn,
        principal=SERVICE,
        account=bucket.account,
        trace=call.effects,
        label=label,
        subject="Amazon S3 Notification",
    )


def _next_sequencer(tx: Tx, bucket: Bucket, key: str) -> str:
    """Greater than every one that an event of this key had, even if the bucket was deleted and made anew."""
    slot = crc32(key.encode()) % limits.S3_SEQUENCE_SLOTS
    tx.lock("s3", bucket.name, "sequence", str(slot))
    row = tx.one("SELECT value FROM s3_sequences WHERE bucket = ? AND slot = ?", bucket.name, slot)
    value = max(int(tx.now * 1_000_000), 0 if row is None else row["value"] + 1)
    tx.run(
        "INSERT INTO s3_sequences(bucket, slot, value) VALUES (?, ?, ?)"
        " ON CONFLICT(bucket, slot) DO UPDATE SET value = excluded.value",
        *(bucket.name, slot, value),
    )
    return f"{value:018X}"
