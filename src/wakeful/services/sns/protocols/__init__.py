"""How messages reach the endpoints of subscriptions: one module for each kind of endpoint, and the table of them."""

from __future__ import annotations

from collections.abc import Mapping

from wakeful.services.sns.errors import InvalidParameterException
from wakeful.services.sns.protocols import functions, queues, streams
from wakeful.services.sns.protocols.protocol import Protocol
from wakeful.services.sns.topic import Topic
from wakeful.wire.errors import NotImplementedHere

PROTOCOLS: Mapping[str, Protocol] = {
    "sqs": queues.protocol,
    "lambda": functions.protocol,
    "firehose": streams.protocol,
}
_ABSENT = ("http", "https", "email", "email-json", "sms", "application")


def check(topic: Topic, name: str) -> None:
    """Raises where a topic of this kind has no subscribers by that protocol ("Message delivery for FIFO topics")."""
    if topic.is_fifo and name != "sqs" and (name in PROTOCOLS or name in _ABSENT):
        raise InvalidParameterException(f"Invalid parameter: Invalid protocol type: {name}")


def find(name: str) -> Protocol:
    """Raises what SNS answers where there is no such protocol."""
    if name in _ABSENT:
        raise NotImplementedHere(f"Wakeful does not deliver messages by {name} yet.")
    if name not in PROTOCOLS:
        raise InvalidParameterException(f"Invalid parameter: Amazon SNS does not support this protocol string: {name}")
    return PROTOCOLS[name]
