"""Queues that are subscribed to a topic."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from wakeful import limits
from wakeful.fabric.deliver import Delivery, Refused, bury, deliver, text_attribute
from wakeful.fabric.service import Call
from wakeful.fabric.trace import Trace
from wakeful.services.sns import message as messages
from wakeful.services.sns.errors import InvalidParameterException
from wakeful.services.sns.message import Message
from wakeful.services.sns.protocols.protocol import Protocol, Sending, delivery_of, owner_of_arn, question
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
    deliver(tx, question(topic, subscription, messages.confirmation(topic, subscription, tx.now), trace))


def _send(tx: Tx, sending: Sending) -> bool:
    message = sending.message
    at = tx.now if message.published is None else message.published
    if not sending.subscription.is_raw:
        body = messages.envelope(message, sending.text, sending.topic, sending.subscription, at)
        return deliver(tx, _placed(delivery_of(sending, body), sending))
    if len(message.attributes) <= limits.SNS_RAW_ATTRIBUTES_MAX:
        delivery = dataclasses.replace(delivery_of(sending, sending.text), attributes=_raw_attributes(message))
        return deliver(tx, _placed(delivery, sending))
    letter = messages.envelope(message, sending.text, sending.topic, sending.subscription, at)
    reason = f"a raw message has at most {limits.SNS_RAW_ATTRIBUTES_MAX} attributes, not {len(message.attributes)}"
    bury(tx, _placed(delivery_of(sending, sending.text, letter), sending), Refused(reason, "INVALID_PARAMETER"))
    return False


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
