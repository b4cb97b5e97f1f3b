"""Pushes: to apps on devices that are subscribed to a topic, and to one directly."""

from __future__ import annotations

from wakeful.fabric.deliver import Refused
from wakeful.fabric.service import Call
from wakeful.fabric.trace import Trace
from wakeful.services.sns import inbox, measuring, platforms, status_logs
from wakeful.services.sns.errors import (
    EndpointDisabledException,
    InvalidParameterException,
    PlatformApplicationDisabledException,
)
from wakeful.services.sns.inbox import Letter
from wakeful.services.sns.message import Message
from wakeful.services.sns.platforms import Application, Endpoint
from wakeful.services.sns.protocols.protocol import Protocol, Sending, delivery_of, give_up, owner_of_arn, tell
from wakeful.services.sns.push import push_of
from wakeful.services.sns.subscription import Subscription
from wakeful.services.sns.topic import Topic
from wakeful.store.tx import Tx
from wakeful.wire.errors import AwsError

_GONE = "Platform token associated with the endpoint is not valid"


def publish(tx: Tx, call: Call, arn: str, message: Message) -> None:
    """The device has the push, or its platform refuses it, which only the inbox and an event tell."""
    endpoint = platforms.get_endpoint(tx, arn)
    if endpoint is None:
        raise InvalidParameterException(
            "Invalid parameter: TargetArn Reason: No endpoint found for the target arn specified"
        )
    application = platforms.find(tx, endpoint.application)
    if (fault := _fault(application, endpoint)) is not None:
        raise fault
    letter = _letter(tx, application, endpoint, message, call.effects, f"Publish:{application.platform}", "")
    is_taken = _put(tx, application, endpoint, letter)
    for sample in measuring.sent_directly(letter, tx.now, message.size, is_taken=is_taken):
        tx.note(sample)
    if not is_taken:
        platforms.tell(
            tx,
            application,
            "DeliveryFailure",
            endpoint.arn,
            call.effects,
            DeliveryAttempts=1,
            FailureType="InvalidPlatformToken",
            FailureMessage=_GONE,
            MessageId=message.id,
        )


def _owner(tx: Tx, call: Call, topic: Topic, endpoint: str) -> str:
    if ":endpoint/" not in endpoint:
        raise InvalidParameterException("Invalid parameter: Application endpoint arn invalid")
    owner = owner_of_arn("sns", "Application", endpoint)
    if owner != call.account or platforms.get_endpoint(tx, endpoint) is None:
        # AWS, too, writes it without a space.
        raise InvalidParameterException(
            f"Invalid parameter: Endpoint Reason: Endpoint does not exist for endpoint arn{endpoint}"
        )
    return owner  # an app that gave its token is asked nothing more


def _ask(tx: Tx, topic: Topic, subscription: Subscription, trace: Trace) -> None:
    raise AssertionError("a device is not asked")


def _send(tx: Tx, sending: Sending) -> bool:
    reason = _undelivered(tx, sending)
    delivery = delivery_of(sending, sending.envelope(tx))
    if reason:
        return give_up(tx, sending, delivery, Refused(reason))
    tell(tx, sending, delivery, None)
    return True


protocol = Protocol(_owner, _ask, _send)


def _undelivered(tx: Tx, sending: Sending) -> str:
    """Why the device has not got the push; empty where it has."""
    endpoint = platforms.get_endpoint(tx, sending.subscription.endpoint)
    if endpoint is None:
        return "Endpoint does not exist"
    application = platforms.find(tx, endpoint.application)
    if (fault := _fault(application, endpoint)) is not None:
        return fault.message
    label = f"Publish:{sending.topic.name}"
    try:
        letter = _letter(tx, application, endpoint, sending.message, sending.trace, label, sending.topic.arn)
    except InvalidParameterException as error:
        return error.message
    return "" if _put(tx, application, endpoint, letter) else _GONE


def _fault(application: Application, endpoint: Endpoint) -> AwsError | None:
    """Why nothing is pushed to it."""
    if not application.is_enabled:
        return PlatformApplicationDisabledException()
    return None if endpoint.is_enabled else EndpointDisabledException()


def _letter(
    tx: Tx, application: Application, endpoint: Endpoint, message: Message, trace: Trace, label: str, topic: str
) -> Letter:
    push = push_of(application.platform, message, tx.now, application.bundle_id)
    return Letter(
        kind="push",
        account=application.account,
        region=application.region,
        recipient=endpoint.arn,
        sender=application.arn,
        body=push.payload,
        message_id=message.id,
        trace=trace,
        label=label,
        topic=topic,
        detail={
            "platform": application.platform,
            "token": endpoint.token,
            "custom_user_data": endpoint.attributes.get("CustomUserData"),
            "headers": push.headers,
            "ttl_s": push.ttl_s,
        },
    )


def _put(tx: Tx, application: Application, endpoint: Endpoint, letter: Letter) -> bool:
    """Whether the platform takes the token."""
    status_logs.of_push(tx, application, letter, _GONE if endpoint.is_gone else "")
    if endpoint.is_gone:
        inbox.put(tx, letter, "failed", _GONE)
        platforms.disable(tx, application, endpoint, letter.trace)
        return False
    inbox.put(tx, letter)
    return True
