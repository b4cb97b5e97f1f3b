"""One subscription: where messages go, which of them, in what form, and where those go that cannot be delivered."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import orjson

from wakeful import limits, names
from wakeful.fabric.filter_policy import FilterPolicy, compile_filter_policy
from wakeful.fabric.json_tokens import JsonFault, check_json
from wakeful.fabric.service import Call
from wakeful.services.sns import delivery_policy
from wakeful.services.sns import topic as topics
from wakeful.services.sns.errors import (
    InvalidParameterException,
    NotFoundException,
    SubscriptionLimitExceededException,
)
from wakeful.services.sns.topic import Topic
from wakeful.store.tx import Row, Tx
from wakeful.wire.errors import NotImplementedHere

CHANGED = topics.CHANGED

_RAW_PROTOCOLS = ("sqs", "http", "https")
_WEB_PROTOCOLS = ("http", "https")
_SETTABLE = ("DeliveryPolicy", "RawMessageDelivery", "FilterPolicy", "FilterPolicyScope", "RedrivePolicy")
_REFUSED = {
    "ReplayPolicy": "Wakeful does not have FIFO topics yet (ReplayPolicy).",
    "SubscriptionRoleArn": "Wakeful has no Firehose subscriptions (SubscriptionRoleArn).",
}
_ON_SUBSCRIBING = "Invalid parameter: Attributes Reason: "
_ON_SETTING = "Invalid parameter: "
_ANY_POLICY = '{"any": [true]}'
"""Good in every scope: where there is none yet, it shows whether the scope is one."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """A subscription as it stands in the store. `attributes` are as they were set; properties apply the defaults."""

    arn: str
    topic: str
    account: str
    protocol: str
    endpoint: str
    attributes: Mapping[str, str]
    principal: str
    base_url: str
    created: float
    token: str | None

    @property
    def is_pending(self) -> bool:
        """Whether the endpoint's owner has still to confirm it."""
        return self.token is not None

    @property
    def is_raw(self) -> bool:
        return self.attributes.get("RawMessageDelivery") == "true"

    @property
    def filter_policy(self) -> FilterPolicy | None:
        text = self.attributes.get("FilterPolicy")
        return None if text is None else _compiled(text, self.attributes.get("FilterPolicyScope", "MessageAttributes"))

    @property
    def dead_letter_arn(self) -> str | None:
        text = self.attributes.get("RedrivePolicy")
        return None if text is None else str(json.loads(text)["deadLetterTargetArn"])

    @property
    def unsubscribe_url(self) -> str:
        """Whoever opens it ends the subscription."""
        return f"{self.base_url}/?Action=Unsubscribe&Version=2010-03-31&SubscriptionArn={self.arn}"

    @property
    def confirm_url(self) -> str:
        """Whoever opens it confirms the subscription."""
        return (
            f"{self.base_url}/?Action=ConfirmSubscription&Version=2010-03-31&TopicArn={self.topic}&Token={self.token}"
        )

    def listed(self) -> dict[str, str]:
        """As the lists of subscriptions show it."""
        return {
            "SubscriptionArn": "PendingConfirmation" if self.is_pending else self.arn,
            "Owner": self.account,
            "Protocol": self.protocol,
            "Endpoint": self.endpoint,
            "TopicArn": self.topic,
        }

    def shown(self) -> dict[str, str]:
        """As GetSubscriptionAttributes answers."""
        scope = {"FilterPolicyScope": "MessageAttributes"} if "FilterPolicy" in self.attributes else {}
        return {
            "RawMessageDelivery": "false",
            **scope,
            **self.attributes,
            "ConfirmationWasAuthenticated": str(not self.is_pending).lower(),
            "Endpoint": self.endpoint,
            "Owner": self.account,
            "PendingConfirmation": str(self.is_pending).lower(),
            "Protocol": self.protocol,
            "SubscriptionArn": self.arn,
            "SubscriptionPrincipal": self.principal,
            "TopicArn": self.topic,
        }


def create(
    tx: Tx, call: Call, topic: Topic, protocol: str, endpoint: str, owner: str | None, attributes: Mapping[str, str]
) -> Subscription:
    """The subscription, which is there now. `owner` is the account of the endpoint, None where nobody can know.

    It waits for a confirmation where the endpoint belongs to another account than the one that subscribes it; asked
    again while it waits, it has another token, good for two days from now.
    """
    wanted = _checked({}, attributes, protocol, _ON_SUBSCRIBING)
    token = None if owner == call.account else names.new_token(64)
    tx.lock("sns", topic.arn)
    existing = of_endpoint(tx, topic, protocol, endpoint)
    if existing is not None:
        _check_same(existing, attributes)
        if existing.is_pending:
            tx.run("UPDATE sns_subscriptions SET token = ?, created = ? WHERE arn = ?", token, tx.now, existing.arn)
        return find(tx, existing.arn)
    _check_room(tx, topic)
    arn = f"{topic.arn}:{names.new_uuid()}"
    tx.run(
        "INSERT INTO sns_subscriptions(arn, topic, account, region, protocol, endpoint, attributes, principal,"
        " base_url, created, token) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        *(arn, topic.arn, call.account, topic.region, protocol, endpoint, orjson.dumps(wanted), call.principal.arn),
        *(call.endpoint, tx.now, token),
    )
    tx.wake(CHANGED)
    return find(tx, arn)


def find(tx: Tx, arn: str) -> Subscription:
    """Raises NotFoundException."""
    found = get(tx, arn)
    if found is None:
        raise NotFoundException("Subscription does not exist")
    return found


def get(tx: Tx, arn: str) -> Subscription | None:
    row = tx.one("SELECT * FROM sns_subscriptions WHERE arn = ?", arn)
    return None if row is None else _subscription(row)


def restore(tx: Tx, topic: Topic, arn: str, content: Mapping[str, Any]) -> Subscription:
    """The subscription that once was is there again, confirmed. `content` are the columns that say what it was."""
    tx.lock("sns", topic.arn)
    tx.run(
        "INSERT INTO sns_subscriptions(arn, topic, account, region, protocol, endpoint, attributes, principal,"
        " base_url, created, token) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL)",
        *(arn, topic.arn, content["account"], topic.region, content["protocol"], content["endpoint"]),
        *(orjson.dumps(content["attributes"]), content["principal"], content["base_url"], tx.now),
    )
    tx.wake(CHANGED)
    return find(tx, arn)


def confirm(tx: Tx, topic: Topic, token: str) -> Subscription:
    """The subscription that was given this token gets messages from now on."""
    tx.lock("sns", topic.arn)
    row = tx.one(
        "SELECT * FROM sns_subscriptions WHERE topic = ? AND token = ? AND created > ?",
        *(topic.arn, token, tx.now - limits.SNS_CONFIRMATION_S),
    )
    if row is None:
        raise InvalidParameterException("Invalid parameter: Token")
    tx.run("UPDATE sns_subscriptions SET token = NULL WHERE arn = ?", row["arn"])
    tx.wake(CHANGED)
    return find(tx, row["arn"])


def set_attribute(tx: Tx, arn: str, name: str, value: str) -> None:
    """The attribute is set; an empty policy takes it away."""
    if name not in _SETTABLE and name not in _REFUSED:
        raise InvalidParameterException("Invalid parameter: AttributeName")
    tx.lock("sns", arn.rpartition(":")[0])
    subscription = find(tx, arn)
    kept = _checked(subscription.attributes, {name: value}, subscription.protocol, _ON_SETTING)
    tx.run("UPDATE sns_subscriptions SET attributes = ? WHERE arn = ?", orjson.dumps(kept), arn)
    tx.wake(CHANGED)


def delete(tx: Tx, arn: str) -> None:
    """No subscription of that ARN is left."""
    topic = arn.rpartition(":")[0]
    tx.lock("sns", topic)
    if tx.run("DELETE FROM sns_subscriptions WHERE arn = ?", arn):
        topics.count_deleted(tx, topic)
        tx.wake(CHANGED)


def delete_all(tx: Tx, topic: str) -> None:
    """No subscription to the topic is left."""
    tx.lock("sns", topic)
    tx.run("DELETE FROM sns_subscriptions WHERE topic = ?", topic)


def confirmed(tx: Tx, topic: Topic) -> list[Subscription]:
    """Those that get the topic's messages, the longest subscribed first."""
    rows = tx.all(
        "SELECT * FROM sns_subscriptions WHERE topic = ? AND token IS NULL ORDER BY created, arn",
        topic.arn,
    )
    return [_subscription(row) for row in rows]


def of_endpoint(tx: Tx, topic: Topic, protocol: str, endpoint: str) -> Subscription | None:
    row = tx.one(
        "SELECT * FROM sns_subscriptions WHERE topic = ? AND protocol = ? AND endpoint = ?",
        *(topic.arn, protocol, endpoint),
    )
    return None if row is None else _subscription(row)


def counts(tx: Tx, topic: Topic) -> dict[str, int]:
    """How many subscriptions of the topic are confirmed, and how many still pending."""
    row = tx.one(
        "SELECT count(*) AS every, count(token) AS pending FROM sns_subscriptions WHERE topic = ?",
        topic.arn,
    )
    assert row is not None
    return {"confirmed": row["every"] - row["pending"], "pending": row["pending"]}


def of_topic(tx: Tx, topic: Topic, after: str, limit: int) -> list[Subscription]:
    """By ARN, from the one after `after`."""
    rows = tx.all(
        "SELECT * FROM sns_subscriptions WHERE topic = ? AND arn > ? ORDER BY arn LIMIT ?", topic.arn, after, limit
    )
    return [_subscription(row) for row in rows]


def of_caller(tx: Tx, call: Call, after: str, limit: int) -> list[Subscription]:
    """The caller's subscriptions in this region by ARN, from the one after `after`."""
    rows = tx.all(
        "SELECT * FROM sns_subscriptions WHERE account = ? AND region = ? AND arn > ? ORDER BY arn LIMIT ?",
        *(call.account, call.region, after, limit),
    )
    return [_subscription(row) for row in rows]


# --- what may be asked for -------------------------------------------------------------------------------------------


def _checked(there: Mapping[str, str], asked: Mapping[str, str], protocol: str, prefix: str) -> dict[str, str]:
    """The attributes, once what is asked for is added to those that are there. `prefix` begins the complaints."""
    attributes = dict(there)
    for name, value in asked.items():
        if name in _REFUSED:
            raise NotImplementedHere(_REFUSED[name])
        if name not in _SETTABLE:
            raise InvalidParameterException(f"{prefix}Unknown attribute: {name}")
        if name == "RawMessageDelivery":
            attributes[name] = _checked_raw(value, protocol, prefix)
        elif value == "" or (name == "FilterPolicy" and value.strip() == "{}"):
            attributes.pop(name, None)
        else:
            attributes[name] = value
    if asked.get("DeliveryPolicy"):
        if protocol not in _WEB_PROTOCOLS:
            raise InvalidParameterException(f"{prefix}Delivery protocol [{protocol}] does not support DeliveryPolicy.")
        delivery_policy.check_of_subscription(asked["DeliveryPolicy"], prefix)
    if "RedrivePolicy" in asked and "RedrivePolicy" in attributes:
        _check_redrive(attributes["RedrivePolicy"], prefix)
    if asked.keys() & {"FilterPolicy", "FilterPolicyScope"}:
        scope = attributes.get("FilterPolicyScope", "MessageAttributes")
        compile_filter_policy(attributes.get("FilterPolicy", _ANY_POLICY), scope, prefix=prefix)
    return attributes


def _checked_raw(value: str, protocol: str, prefix: str) -> str:
    text = value.lower()
    if text not in ("true", "false"):
        raise InvalidParameterException(f"{prefix}RawMessageDelivery: Invalid value [{value}]. Must be true or false.")
    if text == "true" and protocol not in _RAW_PROTOCOLS:
        raise InvalidParameterException(
            f"{prefix}Delivery protocol [{protocol}] does not support raw message delivery."
        )
    return text


def _check_redrive(text: str, prefix: str) -> None:
    try:
        check_json(text)
    except JsonFault as fault:
        raise InvalidParameterException(f"{prefix}RedrivePolicy: failed to parse JSON. {fault}") from None
    try:
        is_queue = names.parse_arn(json.loads(text)["deadLetterTargetArn"]).service == "sqs"
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        is_queue = False
    if not is_queue:
        raise InvalidParameterException(f"{prefix}RedrivePolicy: deadLetterTargetArn is an invalid arn")


def _check_same(existing: Subscription, asked: Mapping[str, str]) -> None:
    there = existing.shown()
    for name, value in asked.items():
        if _comparable(there.get(name, "")) != _comparable(value):
            raise InvalidParameterException(
                "Invalid parameter: Attributes Reason: Subscription already exists with different attributes"
            )


def _comparable(value: str) -> Any:
    """Policies are the same when they say the same."""
    try:
        return json.loads(value)
    except ValueError:
        return value


def _check_room(tx: Tx, topic: Topic) -> None:
    if topic.message_bytes_max > limits.SNS_MESSAGE_BYTES:
        most = limits.SNS_LARGE_MESSAGE_SUBSCRIPTIONS_MAX
        if sum(counts(tx, topic).values()) >= most:
            raise SubscriptionLimitExceededException()


# --- below -----------------------------------------------------------------------------------------------------------


@lru_cache(limits.SNS_FILTERS_KEPT)
def _compiled(text: str, scope: str) -> FilterPolicy:
    return compile_filter_policy(text, scope)


def _subscription(row: Row) -> Subscription:
    return Subscription(
        arn=row["arn"],
        topic=row["topic"],
        account=row["account"],
        protocol=row["protocol"],
        endpoint=row["endpoint"],
        attributes=orjson.loads(row["attributes"]),
        principal=row["principal"],
        base_url=row["base_url"],
        created=row["created"],
        token=row["token"],
    )
