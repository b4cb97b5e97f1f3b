"""Queues that are subscribed to a topic."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from wakeful import limits
from wakeful.fabric.deliver import Delivery, Refused, deliver, text_attribute
from wakeful.fabric.service import Call
from wakeful.fabric.trace import Trace
from wakeful.services.sns.errors import InvalidParameterException
from wakeful.services.sns.message import Message
from wakeful.services.sns.protocols.protocol import (
    Protocol,
    Sending,
    delivery_of,
    give_up,
    hand_over,
    owner_of_arn,
    question,
)
from wakeful.services.sns.subscription import Subscription
from wakeful.services.sns.topic import FIFO, Topic
from wakeful.store.tx import Tx


def _owner(tx: Tx, call: Call, topic: Topic, endpoint: str) -> str:
    account = owner_of_arn("sqs", "SQS", endpoint)
    if endpoint.endswith(FIFO) and not topic.is_fifo:
        raise InvalidParameterException(
            "Invalid parameter: Invalid parameter: Endpoint Reason: FIFO SQS Queues can not be subscribed to standard"
            " SNS topics"
        )
    return account


def _ask(tx: Tx, topic: Topic, subscription: Subscription, trace: Trace) -> None:
    deliver(tx, question(topic, subscription, trace, tx))


def _send(tx: Tx, sending: Sending) -> bool:
    message = sending.message
    if not sending.subscription.is_raw:
        return hand_over(tx, sending, _placed(delivery_of(sending, sending.envelope(tx)), sending))
    if len(message.attributes) <= limits.SNS_RAW_ATTRIBUTES_MAX:
        delivery = dataclasses.replace(delivery_of(sending, sending.text), attributes=_raw_attributes(message))
        return hand_over(tx, sending, _placed(delivery, sending))
    reason = f"a raw message has at most {limits.SNS_RAW_ATTRIBUTES_MAX} attributes, not {len(message.attributes)}"
    delivery = _placed(delivery_of(sending, sending.text, sending.envelope(tx)), sending)
    return give_up(tx, sending, delivery, Refused(reason, "INVALID_PARAMETER"))


def _placed(delivery: Delivery, sending: Sending) -> Delivery:
    """With what a queue wants to know of its place: the group, and from a FIFO topic the identity too."""
    message, is_fifo = sending.message, sending.topic.is_fifo
    identity = message.deduplication_id if is_fifo else None
    return dataclasses.replace(delivery, group_id=message.group_id, deduplication_id=identity, is_ordered=is_fifo)


def _raw_attributes(message: Message) -> Mapping[str, Any]:
    """A replayed message says so, as long as a queue takes one more attribute."""
    if not message.is_replayed or len(message.attributes) >= limits.SNS_RAW_ATTRIBUTES_MAX:
        return message.attributes
    return {**message.attributes, "Replayed": text_attribute("true")}


protocol = Protocol(_owner, _ask, _send)
