"""Queues that are subscribed to a topic."""

from __future__ import annotations

import dataclasses

from wakeful import limits
from wakeful.fabric.deliver import Refused, deliver
from wakeful.fabric.service import Call
from wakeful.fabric.trace import Trace
from wakeful.services.sns.errors import InvalidParameterException
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
from wakeful.services.sns.topic import Topic
from wakeful.store.tx import Tx


def _owner(tx: Tx, call: Call, topic: Topic, endpoint: str) -> str:
    account = owner_of_arn("sqs", "SQS", endpoint)
    if endpoint.endswith(".fifo"):
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
        delivery = delivery_of(sending, sending.envelope(tx))
        return hand_over(tx, sending, dataclasses.replace(delivery, group_id=message.group_id))
    if len(message.attributes) <= limits.SNS_RAW_ATTRIBUTES_MAX:
        delivery = delivery_of(sending, sending.text)
        delivery = dataclasses.replace(delivery, attributes=message.attributes, group_id=message.group_id)
        return hand_over(tx, sending, delivery)
    reason = f"a raw message has at most {limits.SNS_RAW_ATTRIBUTES_MAX} attributes, not {len(message.attributes)}"
    delivery = delivery_of(sending, sending.text, sending.envelope(tx))
    return give_up(tx, sending, delivery, Refused(reason, "INVALID_PARAMETER"))


protocol = Protocol(_owner, _ask, _send)
