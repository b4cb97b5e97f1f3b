"""What a kind of endpoint is to the rest of SNS: who owns one, how it is asked, and how a message is sent to it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field

from wakeful import names
from wakeful.fabric.deliver import DeadLetter, Delivery, Refused, Undelivered, attempt, bury
from wakeful.fabric.service import Call
from wakeful.fabric.trace import Trace
from wakeful.services.sns import feedback, measuring
from wakeful.services.sns import message as messages
from wakeful.services.sns.arns import PRINCIPAL
from wakeful.services.sns.errors import InvalidParameterException
from wakeful.services.sns.message import Message
from wakeful.services.sns.notary import Notary
from wakeful.services.sns.signing import Seal
from wakeful.services.sns.subscription import Subscription
from wakeful.services.sns.topic import Topic
from wakeful.store.tx import Tx


@dataclass(frozen=True, slots=True)
class Sending:
    """One message on its way to one subscriber that wants it."""

    topic: Topic
    subscription: Subscription
    message: Message
    trace: Trace
    notary: Notary = field(default_factory=Notary)

    @property
    def text(self) -> str:
        return self.message.text(self.subscription.protocol)

    def published(self, tx: Tx) -> float:
        return self.notary.time(tx)

    def seal(self, tx: Tx) -> Seal:
        """The message's signature."""
        return self.notary.seal_of(tx, self.message, self.text, self.topic)

    def envelope(self, tx: Tx) -> str:
        """The message as a queue gets it, signed."""
        at = self.published(tx)
        return messages.envelope(self.message, self.text, self.topic, self.subscription, at, self.seal(tx))


@dataclass(frozen=True, slots=True)
class Protocol:
    """How one kind of endpoint is served. All of it happens in the transaction of the request."""

    owner: Callable[[Tx, Call, Topic, str], str | None]
    """The account an endpoint belongs to; None where nobody can know, and it has to confirm. Raises where there can be
    no such endpoint."""
    ask: Callable[[Tx, Topic, Subscription, Trace], None]
    """The endpoint of a pending subscription is told how to confirm it."""
    send: Callable[[Tx, Sending], bool | None]
    """True: the subscriber has the message. False: it cannot take it, and its dead-letter queue has it. None: it is on
    its way, and the protocol measures what becomes of it."""
    part: Callable[[Tx, Topic, Subscription, Trace], None] | None = None
    """The endpoint of a subscription that has ended is told so; None where nobody tells it."""


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


def hand_over(tx: Tx, sending: Sending, delivery: Delivery) -> bool:
    """Whether the service that the endpoint belongs to has the message; the topic's logs and metrics tell."""
    undelivered = attempt(tx, delivery)
    tell(tx, sending, delivery, undelivered)
    return undelivered is None


def give_up(tx: Tx, sending: Sending, delivery: Delivery, refusal: Refused) -> bool:
    """False: the endpoint could never take the message. Its dead-letter queue has it."""
    tell(tx, sending, delivery, Undelivered(refusal, bury(tx, delivery, refusal)))
    return False


def question(topic: Topic, subscription: Subscription, trace: Trace, tx: Tx) -> Delivery:
    """The question whether the ARN that is the endpoint wants the topic's messages."""
    members = messages.question(topic, subscription, tx.now)
    return Delivery(
        target_arn=subscription.endpoint,
        body=messages.question_text(members, subscription, Notary().seal(tx, members, topic)),
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


def measure_redriven(tx: Tx, topic: Topic, *, is_kept: bool | None) -> None:
    """A message that nobody took went to its dead-letter queue, or failed to; None where there is none."""
    if is_kept is not None:
        tx.note(measuring.redriven(topic, tx.now, is_kept=is_kept))


def tell(tx: Tx, sending: Sending, delivery: Delivery, undelivered: Undelivered | None) -> None:
    """The topic's logs and metrics know what became of the message."""
    if undelivered is not None:
        measure_redriven(tx, sending.topic, is_kept=undelivered.is_kept)
    if not sending.topic.logs_deliveries:
        return
    protocol = sending.subscription.protocol
    request_id = f"{protocol}RequestId"
    if undelivered is None:
        response = {request_id: delivery.id}
        status = 202 if protocol == "lambda" else 200
    else:
        refusal = undelivered.refusal
        response = {"ErrorCode": refusal.code, "ErrorMessage": str(refusal), request_id: "Unrecoverable"}
        status = 403 if refusal.code == "NO_PERMISSIONS" else 400
    outcome = feedback.Outcome(
        protocol=protocol,
        message_id=sending.message.id,
        text=sending.text,
        published=sending.published(tx),
        destination=sending.subscription.endpoint,
        is_success=undelivered is None,
        status_code=status,
        response=json.dumps(response),
    )
    feedback.tell(tx, sending.topic, outcome, delivery.effects)
