"""Functions that are subscribed to a topic."""

from __future__ import annotations

from wakeful.fabric.deliver import deliver
from wakeful.fabric.service import Call
from wakeful.fabric.trace import Trace
from wakeful.services.sns import message as messages
from wakeful.services.sns.protocols.protocol import Protocol, Sending, delivery_of, owner_of_arn, question
from wakeful.services.sns.subscription import Subscription
from wakeful.services.sns.topic import Topic
from wakeful.store.tx import Tx


def _owner(tx: Tx, call: Call, topic: Topic, endpoint: str) -> str:
    return owner_of_arn("lambda", "Lambda", endpoint)


def _ask(tx: Tx, topic: Topic, subscription: Subscription, trace: Trace) -> None:
    deliver(tx, question(topic, subscription, messages.confirmation(topic, subscription, tx.now), trace))


def _send(tx: Tx, sending: Sending) -> bool:
    what = (sending.message, sending.text, sending.topic, sending.subscription, tx.now)
    return deliver(tx, delivery_of(sending, messages.function_event(*what), messages.envelope(*what)))


protocol = Protocol(_owner, _ask, _send)
