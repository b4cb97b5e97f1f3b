"""Functions that are subscribed to a topic."""

from __future__ import annotations

from wakeful.fabric.deliver import deliver
from wakeful.fabric.service import Call
from wakeful.fabric.trace import Trace
from wakeful.services.sns import message as messages
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


def _owner(tx: Tx, call: Call, topic: Topic, endpoint: str) -> str:
    return owner_of_arn("lambda", "Lambda", endpoint)


def _ask(tx: Tx, topic: Topic, subscription: Subscription, trace: Trace) -> None:
    deliver(tx, question(topic, subscription, trace, tx))


def _send(tx: Tx, sending: Sending) -> bool:
    seal, at = sending.seal(tx), sending.published(tx)
    event = messages.function_event(sending.message, sending.text, sending.topic, sending.subscription, at, seal)
    letter = None if sending.subscription.dead_letter_arn is None else sending.envelope(tx)
    return hand_over(tx, sending, delivery_of(sending, event, letter))


protocol = Protocol(_owner, _ask, _send)
