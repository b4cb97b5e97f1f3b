"""A topic as a chaos experiment wants it: subscribers hear late, or twice.

Standard topics do both on AWS ("Amazon SNS message delivery retries", "Amazon SNS FAQs"). What is late is a work
row, put in the transaction that published it: nothing is lost on the way.
"""

from __future__ import annotations

from dataclasses import asdict

from wakeful.fabric.chaos.asking import hits
from wakeful.fabric.chaos.experiment import FIFO, NEVER_IN_ORDER, Place
from wakeful.fabric.service import Done, Node, Worker
from wakeful.fabric.trace import Trace
from wakeful.services.sns import measuring, protocols
from wakeful.services.sns import subscription as subscriptions
from wakeful.services.sns import topic as topics
from wakeful.services.sns.errors import NotFoundException
from wakeful.services.sns.message import Message
from wakeful.services.sns.protocols.protocol import Sending
from wakeful.store import work
from wakeful.store.tx import Tx

_LATE = "sns.late"


def is_late(tx: Tx, sending: Sending) -> bool:
    """Whether the subscriber is to have the message later. Whatever copies it is to have besides come later anyway."""
    topic, subscription, message = sending.topic, sending.subscription, sending.message
    never = NEVER_IN_ORDER["topic"] if topic.arn.endswith(FIFO) else ()
    place = Place(topic.arn, never=never)
    late = hits(tx, "delay", place)
    delay_s = 0.0
    for each in late:
        delay_s += each.seconds()
        each.did(tx, sending.trace, message.id, f"to {subscription.endpoint} {each.seconds():.3f} s later")
    for twice in hits(tx, "duplicate", place):
        apart_s = [twice.seconds(f"copy {number}") for number in range(twice.dose.copies)]
        for each_s in apart_s:
            _put(tx, sending, tx.now + delay_s + each_s)
        told = ", ".join(f"{each_s:.3f}" for each_s in apart_s)
        twice.did(tx, sending.trace, message.id, f"a copy to {subscription.endpoint} {told} s after it")
    if late:
        _put(tx, sending, tx.now + delay_s)
    return bool(late)


def _put(tx: Tx, sending: Sending, due: float) -> None:
    body = {
        "subscription": sending.subscription.arn,
        "message": asdict(sending.message),
        "trace": asdict(sending.trace),
    }
    work.put(tx, _LATE, body, due=due)


async def _send(node: Node, item: work.Item) -> Done:
    """The worker. Who has unsubscribed meanwhile hears nothing."""
    message, trace = Message(**item.body["message"]), Trace(**item.body["trace"])

    def now(tx: Tx) -> None:
        try:
            subscription = subscriptions.find(tx, item.body["subscription"])
            topic = topics.find(tx, subscription.topic)
        except NotFoundException:
            return
        is_taken = protocols.find(subscription.protocol).send(tx, Sending(topic, subscription, message, trace))
        tx.note(measuring.delivered(topic, tx.now, is_taken=is_taken))

    return Done(now)


worker = Worker(_LATE, _send, slots=16)
