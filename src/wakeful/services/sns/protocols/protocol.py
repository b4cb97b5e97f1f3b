"""What a kind of endpoint is to the rest of SNS: who owns one, how it is asked, and how a message is sent to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from wakeful import names
from wakeful.fabric.deliver import DeadLetter, Delivery
from wakeful.fabric.service import Call
from wakeful.fabric.trace import Trace
from wakeful.services.sns.errors import InvalidParameterException
from wakeful.services.sns.message import Message
from wakeful.services.sns.subscription import Subscription
from wakeful.services.sns.topic import Topic
from wakeful.store.tx import Tx

PRINCIPAL = "sns.amazonaws.com"


@dataclass(frozen=True, slots=True)
class Sending:
    """One message on its way to one subscriber that wants it."""

    topic: Topic
    subscription: Subscription
    message: Message
    trace: Trace

    @property
    def text(self) -> str:
        return self.message.text(self.subscription.protocol)


@dataclass(frozen=True, slots=True)
class Protocol:
    """How one kind of endpoint is served. All of it happens in the transaction of the request."""

    owner: Callable[[Tx, Call, Topic, str], str | None]
    """The account an endpoint belongs to; None where nobody can know, and it has to confirm. Raises where there can be
    no such endpoint."""
    ask: Callable[[Tx, Topic, Subscription, Trace], None]
    """The endpoint of a pending subscription is told how to confirm it."""
    send: Callable[[Tx, Sending], bool]
    """The subscriber has the message, or will have it. False where it cannot; then its dead-letter queue has it."""


def owner_of_arn(service: str, name: str, endpoint: str) -> str:
    """The account in the ARN of an endpoint of a service, whose name is for the complaint."""
    try:
        arn = names.parse_arn(endpoint)
    except ValueError:
        arn = None
    if arn is None or arn.service != service or not arn.account:
        raise InvalidParameterException(f"Invalid parameter: {name} endpoint ARN")
    return arn.account


def delivery_of(sending: Sending, body: str, letter: str | None = None) -> Delivery:
    """To the ARN that is the endpoint; `letter` is what a dead-letter queue gets where it is not the body."""
    return Delivery(
        target_arn=sending.subscription.endpoint,
        body=body,
        source_arn=sending.topic.arn,
        principal=PRINCIPAL,
        account=sending.topic.account,
        trace=sending.trace,
        label=f"Publish:{sending.topic.name}",
        dead_letter=dead_letter(sending.subscription, letter),
    )


def question(topic: Topic, subscription: Subscription, body: str, trace: Trace) -> Delivery:
    """The question whether the ARN that is the endpoint wants the topic's messages."""
    return Delivery(
        target_arn=subscription.endpoint,
        body=body,
        source_arn=topic.arn,
        principal=PRINCIPAL,
        account=topic.account,
        trace=trace,
        label="SubscriptionConfirmation",
    )


def dead_letter(subscription: Subscription, body: str | None) -> DeadLetter | None:
    """Its letters say nothing of why, as SNS's do not ("Amazon SNS dead-letter queues")."""
    arn = subscription.dead_letter_arn
    return None if arn is None else DeadLetter(arn, code_attribute=None, reason_attribute=None, body=body)
