"""From a topic to its subscribers: every one that wants a message has it in the transaction that published it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from wakeful.fabric.chaos.asking import is_on
from wakeful.fabric.deliver import Delivery, Refused
from wakeful.fabric.filter_policy import attribute_values
from wakeful.fabric.trace import Trace
from wakeful.services.sns import disturbed, measuring, protocols
from wakeful.services.sns import message as messages
from wakeful.services.sns import subscription as subscriptions
from wakeful.services.sns import topic as topics
from wakeful.services.sns.errors import InvalidParameterException
from wakeful.services.sns.message import Message
from wakeful.services.sns.protocols.protocol import Sending
from wakeful.services.sns.subscription import Subscription
from wakeful.store.tx import Tx


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
                sending = Sending(topic, subscription, message, trace)
                if is_on(tx) and disturbed.is_late(tx, sending):
                    continue
                is_taken = protocols.find(subscription.protocol).send(tx, sending)
                tx.note(measuring.delivered(topic, tx.now, is_taken=is_taken))


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
