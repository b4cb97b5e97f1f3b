"""How messages reach the endpoints of subscriptions: one module for each kind of endpoint, and the table of them."""

from __future__ import annotations

from collections.abc import Mapping

from wakeful.services.sns.errors import InvalidParameterException
from wakeful.services.sns.protocols import devices, functions, mail, phones, queues
from wakeful.services.sns.protocols.protocol import Protocol
from wakeful.wire.errors import NotImplementedHere

PROTOCOLS: Mapping[str, Protocol] = {
    "application": devices.protocol,
    "email": mail.protocol,
    "email-json": mail.protocol,
    "lambda": functions.protocol,
    "sms": phones.protocol,
    "sqs": queues.protocol,
}
_ABSENT = ("http", "https", "firehose")


def find(name: str) -> Protocol:
    """Raises what SNS answers where there is no such protocol."""
    if name in _ABSENT:
        raise NotImplementedHere(f"Wakeful does not deliver messages by {name} yet.")
    if name not in PROTOCOLS:
        raise InvalidParameterException(f"Invalid parameter: Amazon SNS does not support this protocol string: {name}")
    return PROTOCOLS[name]
