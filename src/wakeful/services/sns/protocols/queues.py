"""Queues that are subscribed to a topic."""

from __future__ import annotations

import dataclasses

from wakeful import limits
from wakeful.fabric.deliver import Refused, bury, deliver
from wakeful.fabric.service import Call
from wakeful.fabric.trace import Trace
from wakeful.services.sns import message as messages
from wakeful.services.sns.errors import InvalidParameterException
from wakeful.services.sns.protocols.protocol import Protocol, Sending, delivery_of, owner_of_arn, question
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
    deliver(tx, question(topic, subscription, messages.confirmation(topic, subscription, tx.now), trace))


def _send(tx: Tx, sending: Sending) -> bool:
    message = sending.message
    if not sending.subscription.is_raw:
        body = messages.envelope(message, sending.text, sending.topic, sending.subscription, tx.now)
        return deliver(tx, dataclasses.replace(delivery_of(sending, body), group_id=message.group_id))
    if len(message.attributes) <= limits.SNS_RAW_ATTRIBUTES_MAX:
        delivery = delivery_of(sending, sending.text)
        return deliver(tx, dataclasses.replace(delivery, attributes=message.attributes, group_id=message.group_id))
    letter = messages.envelope(message, sending.text, sending.topic, sending.subscription, tx.now)
    reason = f"a raw message has at most {limits.SNS_RAW_ATTRIBUTES_MAX} attributes, not {len(message.attributes)}"
    bury(tx, delivery_of(sending, sending.text, letter), Refused(reason, "INVALID_PARAMETER"))
    return False


protocol = Protocol(_owner, _ask, _send)
