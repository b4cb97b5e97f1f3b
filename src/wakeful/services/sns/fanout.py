"""From a topic to its subscribers: every one that wants a message has it in the transaction that published it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from wakeful import limits
from wakeful.fabric.deliver import DeadLetter, Delivery, Refused, bury, deliver
from wakeful.fabric.filter_policy import attribute_values
from wakeful.fabric.trace import Trace
from wakeful.services.sns import measuring
from wakeful.services.sns import message as messages
from wakeful.services.sns import subscription as subscriptions
from wakeful.services.sns import topic as topics
from wakeful.services.sns.errors import InvalidParameterException
from wakeful.services.sns.message import Message
from wakeful.services.sns.subscription import Subscription
from wakeful.services.sns.topic import Topic
from wakeful.store.tx import Tx

SERVICE = "sns.amazonaws.com"


def publish(tx: Tx, arn: str, published: Iterable[Message], trace: Trace) -> None:
    """Every subscriber that wants one of these messages has it; where it cannot take it, its dead-letter queue has."""
    topic = topics.find(tx, arn)
    every = list(published)
    if any(message.size > topic.message_bytes_max for message in every):
        raise InvalidParameterException("Invalid parameter: Message too long")
    subscribers = subscriptions.confirmed(tx, topic)
    for message in every:
        tx.note(measuring.published(topic, tx.now, message.size))
        wish = _Wishes(message)
        for subscription in subscribers:
            if wish.is_wanted_by(subscription):
                _send(tx, topic, subscription, message, trace)


def ask(tx: Tx, topic: Topic, subscription: Subscription, trace: Trace) -> None:
    """The endpoint of a pending subscription has been told how to confirm it."""
    deliver(
        tx,
        Delivery(
            target_arn=subscription.endpoint,
            body=messages.confirmation(topic, subscription, tx.now),
            source_arn=topic.arn,
            principal=SERVICE,
            account=topic.account,
            trace=trace,
            label="SubscriptionConfirmation",
        ),
    )


def accept(tx: Tx, delivery: Delivery) -> None:
    """Others may deliver to a topic: that is to publish."""
    topic = topics.get(tx, delivery.target_arn)
    if topic is None:
        raise Refused(f"the topic {delivery.target_arn} does not exist", "NO_RESOURCE")
    size = len(delivery.body.encode()) + messages.size_of(delivery.attributes)
    if size > topic.message_bytes_max:
        raise Refused("the event is larger than the topic's MaximumMessageSize", "INVALID_PARAMETER")
    message = Message(
        default=delivery.body,
        subject=delivery.subject,
        attributes=delivery.attributes,
        group_id=delivery.group_id,
        size=size,
    )
    publish(tx, topic.arn, (message,), delivery.effects)


class _Wishes:
    """One message as filter policies look at it. What they all need is read once."""

    def __init__(self, message: Message) -> None:
        self._message = message
        self._values: dict[str, Any] | None = None
        self._bodies: dict[str, Any] = {}

    def is_wanted_by(self, subscription: Subscription) -> bool:
        policy = subscription.filter_policy
        if policy is None:
            return True
        if policy.scope == "MessageAttributes":
            if self._values is None:
                self._values = attribute_values(self._message.attributes)
            return policy.pattern.matches(self._values)
        body = self._body(self._message.text(subscription.protocol))
        return isinstance(body, dict) and policy.pattern.matches(body)

    def _body(self, text: str) -> Any:
        if text not in self._bodies:
            try:
                self._bodies[text] = json.loads(text)
            except (ValueError, RecursionError):
                self._bodies[text] = None
        return self._bodies[text]


def _send(tx: Tx, topic: Topic, subscription: Subscription, message: Message, trace: Trace) -> None:
    text = message.text(subscription.protocol)
    letter: str | None = None
    if subscription.is_raw:
        body = text
    elif subscription.protocol == "lambda":
        body = messages.function_event(message, text, topic, subscription, tx.now)
        letter = messages.envelope(message, text, topic, subscription, tx.now)
    else:
        body = messages.envelope(message, text, topic, subscription, tx.now)
    is_too_much = subscription.is_raw and len(message.attributes) > limits.SNS_RAW_ATTRIBUTES_MAX
    if is_too_much:
        letter = messages.envelope(message, text, topic, subscription, tx.now)
    delivery = Delivery(
        target_arn=subscription.endpoint,
        body=body,
        source_arn=topic.arn,
        principal=SERVICE,
        account=topic.account,
        trace=trace,
        label=f"Publish:{topic.name}",
        dead_letter=_dead_letter(subscription, letter),
        attributes=message.attributes if subscription.is_raw and not is_too_much else {},
        group_id=message.group_id if subscription.protocol == "sqs" else None,
    )
    if is_too_much:
        reason = f"a raw message has at most {limits.SNS_RAW_ATTRIBUTES_MAX} attributes, not {len(message.attributes)}"
        bury(tx, delivery, Refused(reason, "INVALID_PARAMETER"))
    is_taken = not is_too_much and deliver(tx, delivery)
    tx.note(measuring.delivered(topic, tx.now, is_taken=is_taken))


def _dead_letter(subscription: Subscription, body: str | None) -> DeadLetter | None:
    """Its letters say nothing of why, as SNS's do not ("Amazon SNS dead-letter queues")."""
    arn = subscription.dead_letter_arn
    return None if arn is None else DeadLetter(arn, code_attribute=None, reason_attribute=None, body=body)
