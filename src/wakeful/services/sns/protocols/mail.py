"""E-mail: to addresses that are subscribed to a topic, once whoever reads there has followed the link that asks.

The texts are those that AWS sends, but for the address that takes no more such mails, which nobody reads here.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import Any

from wakeful import limits
from wakeful.fabric.deliver import Delivery
from wakeful.fabric.service import Call
from wakeful.fabric.trace import Trace
from wakeful.services.sns import confirmations, mail_pages, relay
from wakeful.services.sns import message as messages
from wakeful.services.sns.errors import InvalidParameterException
from wakeful.services.sns.inbox import Letter
from wakeful.services.sns.message import Message
from wakeful.services.sns.notary import Notary
from wakeful.services.sns.protocols.protocol import Protocol, Sending, delivery_of
from wakeful.services.sns.subscription import Subscription
from wakeful.services.sns.topic import Topic
from wakeful.store.tx import Tx

_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*")
_NAME = "AWS Notifications"
_SUBJECT = "AWS Notification Message"
_FAREWELL_SUBJECT = "AWS Notification - Unsubscribe Confirmation"
_QUESTION_SUBJECT = "AWS Notification - Subscription Confirmation"

_QUESTION = """\
You have chosen to subscribe to the topic:
{topic}

To confirm this subscription, click or visit the link below (If this was in error no action is necessary):
{link}

Please do not reply directly to this email.
"""
_FAREWELL = """\
Your subscription to the topic below has been deactivated:
{topic}

If this was in error or you wish to resubscribe, click or visit the link below:
{link}

Please do not reply directly to this email.
"""
_NOTIFICATION = """\
{text}

--
If you wish to stop receiving notifications from this topic, please click or visit the link below to unsubscribe:
{link}

Please do not reply directly to this email. If you have any questions or comments regarding this email, please contact \
us at https://aws.amazon.com/support
"""


def _owner(tx: Tx, call: Call, topic: Topic, endpoint: str) -> None:
    """Nobody can know who reads there: it is asked."""
    if len(endpoint) > limits.SNS_EMAIL_CHARS_MAX or not _ADDRESS.fullmatch(endpoint):
        raise InvalidParameterException("Invalid parameter: Email address")


def _ask(tx: Tx, topic: Topic, subscription: Subscription, trace: Trace) -> None:
    link = mail_pages.confirmation_url(subscription)
    body = _QUESTION.format(topic=topic.arn, link=link)
    if subscription.protocol == "email-json":
        body, link = _in_json(tx, topic, subscription, messages.question(topic, subscription, tx.now))
    label = "SubscriptionConfirmation"
    letter = _letter(topic, subscription, Message(default=body), trace, label, body, _QUESTION_SUBJECT)
    relay.post(tx, dataclasses.replace(letter, link=link), None)


def _part(tx: Tx, topic: Topic, subscription: Subscription, trace: Trace) -> None:
    """Whoever reads there hears that the subscription has ended, and how to have it back."""
    token = confirmations.keep_ended(tx, subscription)
    link = mail_pages.confirmation_url(dataclasses.replace(subscription, token=token))
    body = _FAREWELL.format(topic=topic.arn, link=link)
    if subscription.protocol == "email-json":
        body, link = _in_json(tx, topic, subscription, messages.farewell(subscription, token, tx.now))
    label = "UnsubscribeConfirmation"
    letter = _letter(topic, subscription, Message(default=body), trace, label, body, _FAREWELL_SUBJECT)
    relay.post(tx, dataclasses.replace(letter, link=link), None)


def _in_json(tx: Tx, topic: Topic, subscription: Subscription, members: Mapping[str, Any]) -> tuple[str, str]:
    """A message with these members, signed, and the link in it."""
    seal = Notary().seal(tx, members, topic)
    return messages.laid_out(members, seal, subscription.base_url), members["SubscribeURL"]


def _send(tx: Tx, sending: Sending) -> bool | None:
    """The mail is in the inbox. Where there is a relay it goes out, and what becomes of it is measured then."""
    topic, subscription, message = sending.topic, sending.subscription, sending.message
    envelope = sending.envelope(tx)
    body = envelope
    if subscription.protocol == "email":
        body = _NOTIFICATION.format(text=sending.text, link=mail_pages.unsubscribe_url(subscription))
    label, subject = f"Publish:{topic.name}", message.subject or _SUBJECT
    letter = _letter(topic, subscription, message, sending.trace, label, body, subject)
    delivery: Delivery = delivery_of(sending, envelope)
    is_there = relay.post(tx, letter, dataclasses.replace(delivery, target_arn=f"mailto:{subscription.endpoint}"))
    return True if is_there else None


protocol = Protocol(_owner, _ask, _send, _part)


def _letter(
    topic: Topic, subscription: Subscription, message: Message, trace: Trace, label: str, body: str, subject: str
) -> Letter:
    return Letter(
        kind="email",
        account=topic.account,
        region=topic.region,
        recipient=subscription.endpoint,
        sender=relay.sender(topic.attributes.get("DisplayName") or _NAME),
        subject=subject,
        body=body,
        message_id=message.id,
        trace=trace,
        label=label,
        topic=topic.arn,
        detail={"protocol": subscription.protocol, "subscription": subscription.arn},
    )
