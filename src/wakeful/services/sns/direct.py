"""Publishing to one phone or one device, without a topic."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wakeful import limits
from wakeful.fabric.service import Call
from wakeful.services.sns import message as messages
from wakeful.services.sns.errors import InvalidParameterException
from wakeful.services.sns.message import Message
from wakeful.services.sns.protocols import devices, phones
from wakeful.store.tx import Tx


def is_direct(request: Mapping[str, Any]) -> bool:
    """Whether a Publish request names a phone or a device, and no topic."""
    return "PhoneNumber" in request or ":endpoint/" in request.get("TargetArn", "")


def publish(tx: Tx, call: Call, request: Mapping[str, Any]) -> Message:
    """The message, which the phone or the device has, or the inbox tells why it has not."""
    message = messages.read(request, needs_default=False)
    if message.size > limits.SNS_MESSAGE_BYTES:
        raise InvalidParameterException("Invalid parameter: Message too long")
    if "PhoneNumber" in request:
        phones.publish(tx, call, phones.number_to(request["PhoneNumber"]), message)
    else:
        devices.publish(tx, call, request["TargetArn"], message)
    return message
