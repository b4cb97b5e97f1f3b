"""One published message: what may be published, and how it looks to each kind of subscriber.

Messages are not signed yet: where AWS has SignatureVersion, Signature and SigningCertURL, ours have nothing. A made-up
signature would fail the check of whoever checks, and a missing one says so at once.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from wakeful import limits, names
from wakeful.services.sns.errors import InvalidParameterException, InvalidParameterValueException
from wakeful.services.sns.subscription import Subscription
from wakeful.services.sns.topic import Topic

Attributes = Mapping[str, Mapping[str, str]]
"""Message attributes as rows and deliveries carry them: binary values are base64 text."""


@dataclass(frozen=True, slots=True)
class Message:
    """What somebody published. `texts` are bodies for single protocols; the others get `default`."""

    default: str
    texts: Mapping[str, str] = field(default_factory=dict)
    subject: str | None = None
    attributes: Attributes = field(default_factory=dict)
    group_id: str | None = None
    size: int = 0
    """Bytes of the body and the attributes, as they count against the topic's MaximumMessageSize."""
    id: str = field(default_factory=names.new_uuid)

    def text(self, protocol: str) -> str:
        return self.texts.get(protocol, self.default)


def read(request: Mapping[str, Any]) -> Message:
    """The message in a Publish request or a batch's entry. Raises what SNS answers where it cannot be published."""
    body: str = request["Message"]
    if not body:
        raise InvalidParameterException("Invalid parameter: Empty message")
    subject = request.get("Subject")
    if subject is not None and not _is_subject(subject):
        raise InvalidParameterException("Invalid parameter: Subject")
    if "MessageDeduplicationId" in request:
        raise InvalidParameterException(
            "Invalid parameter: MessageDeduplicationId Reason: The request includes MessageDeduplicationId parameter"
            " that is not valid for this topic type"
        )
    group_id = request.get("MessageGroupId")
    if group_id is not None and not _GROUP_ID.fullmatch(group_id):
        raise InvalidParameterException("Invalid parameter: MessageGroupId")
    attributes = request.get("MessageAttributes", {})
    for name, value in attributes.items():
        _check_attribute_name(name)
        _check_attribute(name, value)
    stored = _stored(attributes)
    texts = _texts(body, request.get("MessageStructure"))
    return Message(
        default=texts.pop("default"),
        texts=texts,
        subject=subject,
        attributes=stored,
        group_id=group_id,
        size=len(body.encode()) + size_of(stored),
    )


def size_of(attributes: Attributes) -> int:
    """What message attributes add to a message's size: names, types and values."""
    return sum(
        len(name.encode())
        + len(value["DataType"].encode())
        + len(base64.b64decode(value["BinaryValue"]) if "BinaryValue" in value else value["StringValue"].encode())
        for name, value in attributes.items()
    )


# --- as subscribers get it -------------------------------------------------------------------------------------------


def envelope(message: Message, text: str, topic: Topic, subscription: Subscription, at: float) -> str:
    """As a queue gets it ("Amazon SNS message format for Amazon SQS"), laid out as AWS lays it out."""
    fields = [("Type", "Notification"), ("MessageId", message.id), ("TopicArn", topic.arn)]
    if message.subject is not None:
        fields.append(("Subject", message.subject))
    fields += [("Message", text), ("Timestamp", timestamp(at)), ("UnsubscribeURL", subscription.unsubscribe_url)]
    lines = [f"  {_json(name)} : {_json(value)}" for name, value in fields]
    if message.attributes:
        shown = [f"    {_json(name)} : {_json(value)}" for name, value in _shown(message.attributes).items()]
        lines.append('  "MessageAttributes" : {\n' + ",\n".join(shown) + "\n  }")
    return "{\n" + ",\n".join(lines) + "\n}"


def function_event(message: Message, text: str, topic: Topic, subscription: Subscription, at: float) -> str:
    """As a function gets it ("Invoking Lambda functions with Amazon SNS notifications")."""
    return _event(
        subscription,
        {
            "Type": "Notification",
            "MessageId": message.id,
            "TopicArn": topic.arn,
            "Subject": message.subject,
            "Message": text,
            "Timestamp": timestamp(at),
            "UnsubscribeUrl": subscription.unsubscribe_url,
            "MessageAttributes": _shown(message.attributes),
        },
    )


def confirmation(topic: Topic, subscription: Subscription, at: float) -> str:
    """What an endpoint of another account gets first: how to say that it wants the messages."""
    assert subscription.token is not None
    text = (
        f"You have chosen to subscribe to the topic {topic.arn}.\nTo confirm the subscription, visit the SubscribeURL"
        " included in this message."
    )
    fields = {
        "Type": "SubscriptionConfirmation",
        "MessageId": names.new_uuid(),
        "Token": subscription.token,
        "TopicArn": topic.arn,
        "Message": text,
    }
    if subscription.protocol == "lambda":
        urls = {"Timestamp": timestamp(at), "SubscribeUrl": subscription.confirm_url}
        return _event(subscription, {**fields, **urls})
    urls = {"SubscribeURL": subscription.confirm_url, "Timestamp": timestamp(at)}
    lines = [f"  {_json(name)} : {_json(value)}" for name, value in {**fields, **urls}.items()]
    return "{\n" + ",\n".join(lines) + "\n}"


def timestamp(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _event(subscription: Subscription, notification: Mapping[str, Any]) -> str:
    record = {
        "EventSource": "aws:sns",
        "EventVersion": "1.0",
        "EventSubscriptionArn": subscription.arn,
        "Sns": notification,
    }
    return _json({"Records": [record]})


def _shown(attributes: Attributes) -> dict[str, dict[str, str]]:
    return {
        name: {"Type": value["DataType"], "Value": value.get("StringValue", value.get("BinaryValue", ""))}
        for name, value in attributes.items()
    }


_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
"""Made once: a thousand subscribers get a thousand envelopes."""


def _json(value: Any) -> str:
    return _ENCODER.encode(value)


# --- what may be published -------------------------------------------------------------------------------------------

_GROUP_ID = re.compile(rf"[!-~]{{1,{limits.SNS_GROUP_ID_CHARS_MAX}}}")
_NUMBER = re.compile(r"\s*[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d{1,3})?\s*")
_OUTSIDE_NAME = re.compile(r"[^A-Za-z0-9_.\-]")
_TYPES = ("Binary", "Number", "String")


def _is_subject(subject: str) -> bool:
    return 0 < len(subject) <= limits.SNS_SUBJECT_CHARS_MAX and subject.isprintable()


def _texts(body: str, structure: str | None) -> dict[str, str]:
    """The bodies by protocol, `default` among them."""
    if structure is None:
        return {"default": body}
    if structure != "json":
        raise InvalidParameterException(f"Invalid parameter: MessageStructure Reason: Invalid value: {structure}")
    try:
        document = json.loads(body)
        _json(document).encode()  # half a character can be written in JSON, but nobody can be sent it
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise InvalidParameterException("Invalid parameter: Message Structure - JSON message body failed to parse")
    texts = {protocol: text for protocol, text in document.items() if isinstance(text, str)}
    if "default" not in texts:
        raise InvalidParameterException("Invalid parameter: Message Structure - No default entry in JSON message body")
    return texts


def _check_attribute_name(name: str) -> None:
    fault = None
    if len(name.encode()) > limits.SNS_ATTRIBUTE_NAME_BYTES_MAX:
        fault = f"Length of message attribute name must be less than {limits.SNS_ATTRIBUTE_NAME_BYTES_MAX} bytes."
    elif hit := _OUTSIDE_NAME.search(name):
        fault = (
            f"Invalid non-alphanumeric character '#x{ord(hit[0]):X}' was found in the message attribute name. Can only"
            " include alphanumeric characters, hyphens, underscores, or dots."
        )
    elif name.startswith("."):
        fault = "Invalid message attribute name starting with character '.' was found."
    elif name.endswith("."):
        fault = "Invalid message attribute name ending with character '.' was found."
    elif ".." in name:
        fault = "Message attribute name can not have successive '.' character."
    elif not name:
        fault = "The message attribute name must not be empty."
    if fault is not None:
        raise InvalidParameterValueException(fault)


def _check_attribute(name: str, value: Mapping[str, Any]) -> None:
    kind: str = value["DataType"]
    base = kind.partition(".")[0]
    member, other = ("BinaryValue", "StringValue") if base == "Binary" else ("StringValue", "BinaryValue")
    fault = None
    if not kind:
        fault = f"The message attribute '{name}' must contain non-empty message attribute type."
    elif base not in _TYPES:
        fault = (
            f"The message attribute '{name}' has an invalid message attribute type, the set of supported type prefixes"
            " is Binary, Number, and String."
        )
    elif value.get(other) and not value.get(member):
        field_name = "Binary" if base == "Binary" else "String"
        fault = f"The message attribute '{name}' with type '{kind}' must use field '{field_name}'."
    elif not value.get(member):
        fault = (
            f"The message attribute '{name}' must contain non-empty message attribute value for message attribute type"
            f" '{kind}'."
        )
    elif base == "Number" and not _NUMBER.fullmatch(value["StringValue"]):
        fault = f"Could not cast message attribute '{name}' value to number."
    if fault is not None:
        raise InvalidParameterValueException(fault)


def _stored(attributes: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, str]]:
    stored: dict[str, dict[str, str]] = {}
    for name, value in attributes.items():
        if value["DataType"].partition(".")[0] == "Binary":
            content = {"BinaryValue": base64.b64encode(value["BinaryValue"]).decode()}
        else:
            content = {"StringValue": value["StringValue"]}
        stored[name] = {"DataType": value["DataType"], **content}
    return stored
