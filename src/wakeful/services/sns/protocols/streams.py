"""Delivery streams of Firehose that are subscribed to a topic ("Fanout to Firehose delivery streams").

A topic hands a stream its messages as it hands them to a queue, with the role that the subscription names. Where no
service takes deliveries to streams, nobody can subscribe one.
"""

from __future__ import annotations

import dataclasses

from wakeful.fabric.deliver import deliver
from wakeful.fabric.parts import parts_of
from wakeful.fabric.service import Call
from wakeful.fabric.trace import Trace
from wakeful.services.sns.arns import PRINCIPAL
from wakeful.services.sns.errors import InvalidParameterException
from wakeful.services.sns.protocols.protocol import (
    Protocol,
    Sending,
    delivery_of,
    hand_over,
    owner_of_arn,
    question,
)
from wakeful.services.sns.subscription import Subscription
from wakeful.services.sns.topic import Topic
from wakeful.store.tx import Tx
from wakeful.wire.errors import NotImplementedHere

_STREAM = ":deliverystream/"


def _owner(tx: Tx, call: Call, topic: Topic, endpoint: str) -> str:
    account = owner_of_arn("firehose", "Firehose", endpoint)
    if _STREAM not in endpoint:
        raise InvalidParameterException("Invalid parameter: Firehose endpoint ARN")
    if "firehose" not in parts_of(tx).accepts:
        raise NotImplementedHere("Wakeful has no Firehose: a topic cannot deliver to a delivery stream.")
    return account


def _ask(tx: Tx, topic: Topic, subscription: Subscription, trace: Trace) -> None:
    deliver(tx, question(topic, subscription, trace, tx))


def _send(tx: Tx, sending: Sending) -> bool:
    body, subscription = sending.text, sending.subscription
    envelope = sending.envelope(tx)
    delivery = delivery_of(sending, body if subscription.is_raw else envelope, envelope)
    letter = delivery.dead_letter
    return hand_over(
        tx,
        sending,
        dataclasses.replace(
            delivery,
            principal=subscription.attributes["SubscriptionRoleArn"],
            dead_letter=None if letter is None else dataclasses.replace(letter, principal=PRINCIPAL),
        ),
    )


protocol = Protocol(_owner, _ask, _send)
