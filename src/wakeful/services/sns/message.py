"""One published message: what may be published, and how it looks to each kind of subscriber."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from wakeful import limits, names
from wakeful.services.sns import reserved_attributes
from wakeful.services.sns.errors import InvalidParameterException, InvalidParameterValueException
from wakeful.services.sns.signing import Seal
from wakeful.services.sns.subscription import Subscription
from wakeful.services.sns.topic import Topic

_AFTER_SIGNATURE = ("UnsubscribeURL", "MessageAttributes", "Replayed")

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
    structured: str | None = None
    """The JSON document that the texts are from."""
    deduplication_id: str | None = None
    sequence: int | None = None
    """Its number in a FIFO topic."""
    published: float | None = None
    """When, where it was not now: it comes from the archive."""
    is_replayed: bool = False

    @property
    def body(self) -> str:
        """What was published, to the letter."""
        return self.default if self.structured is None else self.structured

    def text(self, protocol: str) -> str:
        return self.texts.get(protocol, self.default)


def read(request: Mapping[str, Any], *, needs_default: bool = True) -> Message:
    """The message in a Publish request or a batch's entry. Raises what SNS answers where it cannot be published.

    One that goes to a single phone or device needs no `default` beside what is for those; it is empty then.
    """
    body: str = request["Message"]
    if not body:
        raise InvalidParameterException("Invalid parameter: Empty message")
    subject = request.get("Subject")
    if subject is not None and not _is_subject(subject):
        raise InvalidParameterException("Invalid parameter: Subject")
    for member in ("MessageGroupId", "MessageDeduplicationId"):
        if member in request and not _GROUP_ID.fullmatch(request[member]):
            raise InvalidParameterException(f"Invalid parameter: {member}")
    attributes = request.get("MessageAttributes", {})
    for name, value in attributes.items():
        _check_attribute_name(name)
        _check_attribute(name, value)
    stored = _stored(attributes)
    reserved_attributes.check(stored)
    structure = request.get("MessageStructure")
    texts = _texts(body, structure)
    if needs_default and "default" not in texts:
        raise InvalidParameterException("Invalid parameter: Message Structure - No default entry in JSON message body")
    return Message(
        default=texts.pop("default", ""),
        texts=texts,
        subject=subject,
        attributes=stored,
        group_id=request.get("MessageGroupId"),
        deduplication_id=request.get("MessageDeduplicationId"),
        structured=None if structure is None else body,
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


def signed_members(message: Message, text: str, topic: Topic, at: float) -> dict[str, Any]:
    """What a signature of the message speaks for: the same for every subscriber who gets this text."""
    subject = {} if message.subject is None else {"Subject": message.subject}
    return {
        "Type": "Notification",
        "MessageId": message.id,
        "TopicArn": topic.arn,
        **subject,
        "Message": text,
        "Timestamp": timestamp(at),
    }


def notification(message: Message, text: str, topic: Topic, subscription: Subscription, at: float) -> dict[str, Any]:
    """The members of what a queue or an HTTP endpoint gets, in AWS's order, but for the signature's."""
    attributes = {"MessageAttributes": _shown(message.attributes)} if message.attributes else {}
    number = {} if message.sequence is None else {"SequenceNumber": sequence_number(message.sequence)}
    replayed = {"Replayed": "true"} if message.is_replayed else {}
    members = signed_members(message, text, topic, at)
    begin = {"Type": members["Type"], "MessageId": members["MessageId"], **number}
    return {**begin, **members, "UnsubscribeURL": subscription.unsubscribe_url, **attributes, **replayed}


def envelope(
    message: Message, text: str, topic: Topic, subscription: Subscription, at: float, seal: Seal | None = None
) -> str:
    """As a queue gets it ("Amazon SNS message format for Amazon SQS"), laid out as AWS lays it out."""
    return laid_out(notification(message, text, topic, subscription, at), seal, subscription.base_url)


def laid_out(members: Mapping[str, Any], seal: Seal | None, base_url: str) -> str:
    """A message's members as text, signed where there is a seal."""
    signature = {}
    if seal is not None:
        signature = {
            "SignatureVersion": seal.version,
            "Signature": seal.signature,
            "SigningCertURL": f"{base_url}{seal.certificate_path}",
        }
    before = {name: value for name, value in members.items() if name not in _AFTER_SIGNATURE}
    after = {name: value for name, value in members.items() if name in _AFTER_SIGNATURE}
    lines = []
    for name, value in {**before, **signature, **after}.items():
        if isinstance(value, dict):
            shown = ",\n".join(f"    {_json(key)} : {_json(one)}" for key, one in value.items())
            lines.append(f"  {_json(name)} : {{\n{shown}\n  }}")
        else:
            lines.append(f"  {_json(name)} : {_json(value)}")
    return "{\n" + ",\n".join(lines) + "\n}"


def function_event(
    message: Message, text: str, topic: Topic, subscription: Subscription, at: float, seal: Seal | None = None
) -> str:
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
            **_signature_in_event(subscription, seal),
            "UnsubscribeUrl": subscription.unsubscribe_url,
            "MessageAttributes": _shown(message.attributes),
        },
    )


def question(topic: Topic, subscription: Subscription, at: float) -> dict[str, Any]:
    """The members of what an endpoint gets first that is somebody else's: how to say that it wants the messages."""
    assert subscription.token is not None
    return {
        "Type": "SubscriptionConfirmation",
        "MessageId": names.new_uuid(),
        "Token": subscription.token,
        "TopicArn": topic.arn,
        "Message": (
            f"You have chosen to subscribe to the topic {topic.arn}.\nTo confirm the subscription, visit the"
            " SubscribeURL included in this message."
        ),
        "SubscribeURL": subscription.confirm_url,
        "Timestamp": timestamp(at),
    }


def farewell(subscription: Subscription, token: str, at: float) -> dict[str, Any]:
    """The members of the last that an HTTP endpoint gets: how to have the subscription back."""
    return {
        "Type": "UnsubscribeConfirmation",
        "MessageId": names.new_uuid(),
        "Token": token,
        "TopicArn": subscription.topic,
        "Message": (
            f"You have chosen to deactivate subscription {subscription.arn}.\nTo cancel this operation and restore the"
            " subscription, visit the SubscribeURL included in this message."
        ),
        "SubscribeURL": replace(subscription, token=token).confirm_url,
        "Timestamp": timestamp(at),
    }


def question_text(members: Mapping[str, Any], subscription: Subscription, seal: Seal | None) -> str:
    """The question as a queue or a function gets it."""
    if subscription.protocol != "lambda":
        return laid_out(members, seal, subscription.base_url)
    other = {name: value for name, value in members.items() if name not in ("SubscribeURL", "Timestamp")}
    urls = {"Timestamp": members["Timestamp"], "SubscribeUrl": members["SubscribeURL"]}
    return _event(subscription, {**other, **urls, **_signature_in_event(subscription, seal)})


def _signature_in_event(subscription: Subscription, seal: Seal | None) -> dict[str, str]:
    if seal is None:
        return {}
    return {
        "SignatureVersion": seal.version,
        "Signature": seal.signature,
        "SigningCertUrl": f"{subscription.base_url}{seal.certificate_path}",
    }


def sequence_number(seq: int) -> str:
    """Of the message of that number: twenty digits that grow."""
    return str(10**19 + seq)


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
    """The bodies by protocol, `default` among them where it is there."""
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
    return {protocol: text for protocol, text in document.items() if isinstance(text, str)}


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
