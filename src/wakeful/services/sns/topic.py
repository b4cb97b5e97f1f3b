"""One topic: its attributes, its policy, its tags, and who may use it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from wakeful import limits
from wakeful.fabric.policy import parse_policy
from wakeful.fabric.service import Call
from wakeful.services.sns import archive_policy, delivery_policy, signing, status_attributes
from wakeful.services.sns.errors import (
    InvalidParameterException,
    InvalidStateException,
    NotFoundException,
    ResourceNotFoundException,
    TagLimitExceededException,
)
from wakeful.store.tx import Row, Tx
from wakeful.wire.errors import NotImplementedHere

CHANGED = "sns.subscriptions"
"""Woken when it changes who gets a topic's messages, or how they are signed."""

FIFO = ".fifo"
"""What the names of FIFO topics end in, and only theirs."""

_NAME = re.compile(r"[A-Za-z0-9_-]{1,256}")
_NAME_CHARS_MAX = 256

_OF_FIFO = ("ArchivePolicy", "ContentBasedDeduplication", "FifoThroughputScope")
_SETTABLE = (
    "DeliveryPolicy",
    "DisplayName",
    "KmsMasterKeyId",
    "MaximumMessageSize",
    "Policy",
    "SignatureVersion",
    "TracingConfig",
    *_OF_FIFO,
)
_ON_CREATION = ("FifoTopic",)
_DEFAULTS = {
    "DisplayName": "",
    "MaximumMessageSize": str(limits.SNS_MESSAGE_BYTES),
    "TracingConfig": "PassThrough",
    "FifoTopic": "false",
    "ContentBasedDeduplication": "false",
    "FifoThroughputScope": "Topic",
}

_DEFAULT_ACTIONS = (
    "GetTopicAttributes",
    "SetTopicAttributes",
    "AddPermission",
    "RemovePermission",
    "DeleteTopic",
    "Subscribe",
    "ListSubscriptionsByTopic",
    "Publish",
)
_POLICY_ACTIONS = {
    action.lower()
    for action in (
        *_DEFAULT_ACTIONS,
        "GetDataProtectionPolicy",
        "ListTagsForResource",
        "PutDataProtectionPolicy",
        "Receive",
    )
}
_OUT_OF_SCOPE = "Invalid parameter: Policy statement action out of service scope!"
_POLICY_FAULT = "Invalid parameter: Policy Error: null"


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic as it stands in the store. `attributes` are as they were set; the properties apply the defaults."""

    arn: str
    account: str
    region: str
    name: str
    attributes: Mapping[str, str]
    tags: Mapping[str, str]
    deleted: int
    archiving: float | None = None
    """Since when its messages are archived."""

    @property
    def is_fifo(self) -> bool:
        return self.name.endswith(FIFO)

    @property
    def is_content_deduplicated(self) -> bool:
        return self.attributes.get("ContentBasedDeduplication") == "true"

    @property
    def deduplicates_by_group(self) -> bool:
        return self.attributes.get("FifoThroughputScope") == "MessageGroup"

    def archived_since(self, now: float) -> float | None:
        """From when on its archive has every message; None where it has no archive."""
        if self.archiving is None:
            return None
        kept_s = archive_policy.retention_s(self.attributes["ArchivePolicy"])
        return max(self.archiving, archive_policy.floor_ms(now - kept_s))

    @property
    def message_bytes_max(self) -> int:
        return int(self.attributes.get("MaximumMessageSize") or limits.SNS_MESSAGE_BYTES)

    @property
    def signature_version(self) -> str:
        return self.attributes.get("SignatureVersion", signing.DEFAULT_VERSION)

    @property
    def logs_deliveries(self) -> bool:
        """Whether it asks for logs of any of them."""
        return any(status_attributes.is_one(name) for name in self.attributes)

    @property
    def policy(self) -> str:
        return self.attributes.get("Policy") or _json(_default_policy(self))

    def shown(self, *, confirmed: int, pending: int) -> dict[str, str]:
        """As GetTopicAttributes answers, with the counts of its subscriptions."""
        return {
            "DisplayName": "",
            **({"FifoTopic": "true", "ContentBasedDeduplication": "false"} if self.is_fifo else {}),
            **self.attributes,
            "EffectiveDeliveryPolicy": _json(delivery_policy.effective_of_topic(self.attributes.get("DeliveryPolicy"))),
            "Owner": self.account,
            "Policy": self.policy,
            "SubscriptionsConfirmed": str(confirmed),
            "SubscriptionsDeleted": str(self.deleted),
            "SubscriptionsPending": str(pending),
            "TopicArn": self.arn,
        }


def find(tx: Tx, arn: str) -> Topic:
    """Raises NotFoundException."""
    topic = get(tx, arn)
    if topic is None:
        raise NotFoundException()
    return topic


def get(tx: Tx, arn: str) -> Topic | None:
    row = tx.one("SELECT * FROM sns_topics WHERE arn = ?", arn)
    return None if row is None else _topic(row)


def create(tx: Tx, call: Call, name: str, attributes: Mapping[str, str], tags: Mapping[str, str] | None) -> Topic:
    """The topic is there. Asked again with the same attributes and tags, or without, it answers the one there is."""
    attributes = {attribute: _normal(attribute, value) for attribute, value in attributes.items()}
    _check_name(name, is_fifo=attributes.get("FifoTopic") == "true")
    for attribute, value in attributes.items():
        if not _is_settable(attribute) and attribute not in _ON_CREATION:
            raise InvalidParameterException(f"Invalid parameter: Attributes Reason: Unknown attribute: {attribute}")
        check_attribute(attribute, value, is_fifo=name.endswith(FIFO))
    arn = call.arn("sns", name)
    tx.lock("sns", arn)
    existing = get(tx, arn)
    if existing is not None:
        _check_same(existing, attributes, tags)
        return existing
    kept = {
        attribute: value
        for attribute, value in attributes.items()
        if value and _is_settable(attribute) and (name.endswith(FIFO) or attribute not in _OF_FIFO)
    }
    archiving = archive_policy.floor_ms(tx.now) if "ArchivePolicy" in kept else None
    tx.run(
        "INSERT INTO sns_topics(arn, account, region, name, attributes, tags, archiving) VALUES (?, ?, ?, ?, ?, ?, ?)",
        *(arn, call.account, call.region, name, orjson.dumps(kept), orjson.dumps(dict(tags or {})), archiving),
    )
    return find(tx, arn)


def delete(tx: Tx, arn: str) -> None:
    """No topic of that ARN is left. Its subscriptions are the caller's to delete."""
    tx.lock("sns", arn)
    topic = get(tx, arn)
    if topic is not None and topic.archiving is not None:
        raise InvalidStateException("Invalid state: Cannot delete a topic with an ArchivePolicy")
    tx.run("DELETE FROM sns_topics WHERE arn = ?", arn)
    tx.wake(CHANGED)


def set_attribute(tx: Tx, arn: str, name: str, value: str) -> None:
    """The attribute is set; an empty value is the default again."""
    if name in _ON_CREATION or not _is_settable(name):
        raise InvalidParameterException("Invalid parameter: AttributeName")
    value = _normal(name, value)
    tx.lock("sns", arn)
    topic = find(tx, arn)
    if name in _OF_FIFO and not topic.is_fifo:
        raise InvalidParameterException("Invalid parameter: AttributeName")
    check_attribute(name, value, is_fifo=topic.is_fifo)
    kept = {attribute: text for attribute, text in {**topic.attributes, name: value}.items() if text}
    archiving = topic.archiving
    if name == "ArchivePolicy":
        archiving = (topic.archiving or archive_policy.floor_ms(tx.now)) if value else None
    tx.run("UPDATE sns_topics SET attributes = ?, archiving = ? WHERE arn = ?", orjson.dumps(kept), archiving, arn)
    if name == "SignatureVersion":
        tx.wake(CHANGED)


def check_attribute(name: str, value: str, *, is_fifo: bool) -> None:
    """Raises unless a topic may have it. What would have no effect here is refused; an empty value asks for nothing."""
    if not value:
        return
    if name in _OF_FIFO and not is_fifo and value != "false":
        raise InvalidParameterException(f"Invalid parameter: Attributes Reason: {name} is only valid for FIFO topics")
    if status_attributes.is_one(name):
        status_attributes.check(name, value)
    match name:
        case "DeliveryPolicy":
            delivery_policy.check_of_topic(value)
        case "SignatureVersion":
            if value not in signing.VERSIONS:
                raise InvalidParameterException(
                    f"Invalid parameter: SignatureVersion Reason: must be one of {', '.join(signing.VERSIONS)}"
                )
        case "KmsMasterKeyId":
            if not value.isprintable():
                raise InvalidParameterException("Invalid parameter: KmsMasterKeyId")
        case "DisplayName":
            if len(value) > limits.SNS_DISPLAY_NAME_CHARS_MAX or not value.isprintable():
                raise InvalidParameterException("Invalid parameter: DisplayName")
        case "MaximumMessageSize":
            low, high = limits.SNS_MESSAGE_BYTES_RANGE
            if not re.fullmatch(r"[0-9]{1,7}", value) or not low <= int(value) <= high:
                raise InvalidParameterException(
                    f"Invalid parameter: MaximumMessageSize Reason: must be between {low} and {high}"
                )
        case "ContentBasedDeduplication" | "FifoTopic":
            if value not in ("true", "false"):
                raise InvalidParameterException(f"Invalid parameter: {name} Reason: must be true or false")
        case "FifoThroughputScope":
            if value not in ("Topic", "MessageGroup"):
                raise InvalidParameterException(f"Invalid parameter: {name} Reason: must be Topic or MessageGroup")
        case "ArchivePolicy":
            archive_policy.check(value)
        case "TracingConfig":
            if value == "Active":
                raise NotImplementedHere("Wakeful does not record X-Ray segments (TracingConfig Active).")
            if value != "PassThrough":
                raise InvalidParameterException("Invalid parameter: TracingConfig")
        case "Policy":
            _check_policy(value)


def named(tx: Tx, call: Call, after: str, limit: int) -> list[Topic]:
    """The caller's topics in this region by name, from the one after `after`."""
    rows = tx.all(
        "SELECT * FROM sns_topics WHERE account = ? AND region = ? AND name > ? ORDER BY name LIMIT ?",
        *(call.account, call.region, after, limit),
    )
    return [_topic(row) for row in rows]


def count_deleted(tx: Tx, arn: str) -> None:
    """The topic has lost one more subscription."""
    tx.lock("sns", arn)
    tx.run("UPDATE sns_topics SET deleted = deleted + 1 WHERE arn = ?", arn)


# --- permissions -----------------------------------------------------------------------------------------------------


def permit(tx: Tx, arn: str, label: str, accounts: Sequence[str], actions: Sequence[str]) -> None:
    """The policy has one more statement, named by its label."""
    tx.lock("sns", arn)
    topic = find(tx, arn)
    statements = _statements(topic)
    if any(statement.get("Sid") == label for statement in statements):
        raise InvalidParameterException("Invalid parameter: Statement already exists")
    if not {action.lower() for action in actions} <= _POLICY_ACTIONS:
        raise InvalidParameterException(_OUT_OF_SCOPE)
    statement = {
        "Sid": label,
        "Effect": "Allow",
        "Principal": {"AWS": _one_or_all([f"arn:aws:iam::{account}:root" for account in accounts])},
        "Action": _one_or_all([f"SNS:{action}" for action in actions]),
        "Resource": arn,
    }
    _put_statements(tx, topic, [*statements, statement])


def forbid(tx: Tx, arn: str, label: str) -> None:
    """The policy has no statement with that label. Raises where it would have none at all, which SNS does not take."""
    tx.lock("sns", arn)
    topic = find(tx, arn)
    statements = _statements(topic)
    left = [statement for statement in statements if statement.get("Sid") != label]
    if not left:
        raise InvalidParameterException(_POLICY_FAULT)
    if len(left) < len(statements):
        _put_statements(tx, topic, left)


def policy(tx: Tx, arn: str) -> str | None:
    """The topic's policy, as authorisation asks for it."""
    topic = get(tx, arn)
    return None if topic is None else topic.policy


def _statements(topic: Topic) -> list[dict[str, Any]]:
    found = json.loads(topic.policy)["Statement"]
    return [found] if isinstance(found, dict) else list(found)


def _put_statements(tx: Tx, topic: Topic, statements: list[dict[str, Any]]) -> None:
    set_attribute(tx, topic.arn, "Policy", _json({**json.loads(topic.policy), "Statement": statements}))


def _check_policy(text: str) -> None:
    try:
        document = json.loads(text)
        statements = document["Statement"]
        for statement in [statements] if isinstance(statements, dict) else statements:
            actions = statement["Action"]
            for action in [actions] if isinstance(actions, str) else actions:
                service, _, name = action.partition(":")
                if service.lower() != "sns" or name.lower() not in _POLICY_ACTIONS:
                    raise InvalidParameterException(_OUT_OF_SCOPE)
        parse_policy(text, "resource")
    except (ValueError, LookupError, TypeError, AttributeError):
        raise InvalidParameterException(_POLICY_FAULT) from None


# --- tags ------------------------------------------------------------------------------------------------------------


def find_tagged(tx: Tx, arn: str) -> Topic:
    """Raises ResourceNotFoundException."""
    topic = get(tx, arn)
    if topic is None:
        raise ResourceNotFoundException()
    return topic


def set_tags(tx: Tx, topic: Topic, tags: Mapping[str, str]) -> None:
    if len(tags) > limits.SNS_TAGS_MAX:
        raise TagLimitExceededException()
    tx.lock("sns", topic.arn)
    tx.run("UPDATE sns_topics SET tags = ? WHERE arn = ?", orjson.dumps(dict(tags)), topic.arn)


def tags_of(pairs: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Tags as they stand in requests, by key. Raises InvalidParameterException where a key comes twice."""
    tags = {pair["Key"]: pair["Value"] for pair in pairs}
    if len(tags) < len(pairs):
        raise InvalidParameterException("Invalid parameter: Duplicated keys are not allowed.")
    if len(tags) > limits.SNS_TAGS_MAX:
        raise TagLimitExceededException()
    for text in (*tags, *tags.values()):
        if not text.isprintable():
            raise InvalidParameterException("Invalid parameter: Tags Reason: a tag has characters that no tag may have")
    return tags


# --- below -----------------------------------------------------------------------------------------------------------


def _is_settable(name: str) -> bool:
    return name in _SETTABLE or status_attributes.is_one(name)


def _check_name(name: str, *, is_fifo: bool) -> None:
    """A topic is FIFO where its name says so, and the attribute has to agree ("Creating an Amazon SNS topic")."""
    stem = name.removesuffix(FIFO) if is_fifo else name
    if not _NAME.fullmatch(stem) or len(name) > _NAME_CHARS_MAX or name.endswith(FIFO) != is_fifo:
        raise InvalidParameterException("Invalid parameter: Topic Name")


def _normal(name: str, value: str) -> str:
    """Flags are said in small letters; an archive policy that says nothing is none."""
    if name in ("FifoTopic", "ContentBasedDeduplication"):
        return value.lower()
    return "" if name == "ArchivePolicy" and value.strip() == "{}" else value


def _check_same(topic: Topic, attributes: Mapping[str, str], tags: Mapping[str, str] | None) -> None:
    kind = {"FifoTopic": "true"} if topic.is_fifo else {}
    there = {**_DEFAULTS, "Policy": topic.policy, **topic.attributes, **kind}
    if any(there.get(name, "") != value for name, value in attributes.items()):
        raise InvalidParameterException(
            "Invalid parameter: Attributes Reason: Topic already exists with different attributes"
        )
    if tags is not None and tags != topic.tags:
        raise InvalidParameterException("Invalid parameter: Tags Reason: Topic already exists with different tags")


def _default_policy(topic: Topic) -> dict[str, Any]:
    return {
        "Version": "2008-10-17",
        "Id": "__default_policy_ID",
        "Statement": [
            {
                "Sid": "__default_statement_ID",
                "Effect": "Allow",
                "Principal": {"AWS": "*"},
                "Action": [f"SNS:{action}" for action in _DEFAULT_ACTIONS],
                "Resource": topic.arn,
                "Condition": {"StringEquals": {"AWS:SourceOwner": topic.account}},
            }
        ],
    }


def _one_or_all(values: list[str]) -> str | list[str]:
    return values[0] if len(values) == 1 else values


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


def _topic(row: Row) -> Topic:
    return Topic(
        arn=row["arn"],
        account=row["account"],
        region=row["region"],
        name=row["name"],
        attributes=orjson.loads(row["attributes"]),
        tags=orjson.loads(row["tags"]),
        deleted=row["deleted"],
        archiving=row["archiving"],
    )
