"""How messages reach the endpoints of subscriptions: one module for each kind of endpoint, and the table of them."""

from __future__ import annotations

import json
from collections.abc import Mapping

from wakeful.services.sns import delivery_policy
from wakeful.services.sns.errors import InvalidParameterException
from wakeful.services.sns.protocols import devices, functions, mail, phones, queues, streams, web
from wakeful.services.sns.protocols.protocol import Protocol
from wakeful.services.sns.subscription import Subscription
from wakeful.services.sns.topic import Topic

PROTOCOLS: Mapping[str, Protocol] = {
    "application": devices.protocol,
    "email": mail.protocol,
    "email-json": mail.protocol,
    "firehose": streams.protocol,
    "http": web.protocol,
    "https": web.secure_protocol,
    "lambda": functions.protocol,
    "sms": phones.protocol,
    "sqs": queues.protocol,
}


def check(topic: Topic, name: str) -> None:
    """Raises where a topic of this kind has no subscribers by that protocol ("Message delivery for FIFO topics")."""
    if topic.is_fifo and name != "sqs" and name in PROTOCOLS:
        raise InvalidParameterException(f"Invalid parameter: Invalid protocol type: {name}")


def shown(topic: Topic, subscription: Subscription) -> dict[str, str]:
    """What GetSubscriptionAttributes says beside what was set: how an HTTP endpoint is tried again."""
    if subscription.protocol not in ("http", "https"):
        return {}
    policies = (topic.attributes.get("DeliveryPolicy"), subscription.attributes.get("DeliveryPolicy"))
    document = delivery_policy.effective_of_subscription(*policies)
    return {"EffectiveDeliveryPolicy": json.dumps(document, separators=(",", ":"))}


def find(name: str) -> Protocol:
    """Raises what SNS answers where there is no such protocol."""
    if name not in PROTOCOLS:
        raise InvalidParameterException(f"Invalid parameter: Amazon SNS does not support this protocol string: {name}")
    return PROTOCOLS[name]
