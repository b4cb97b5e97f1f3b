"""What may be said about a queue and a message: attribute rules, and the digest that SDKs check attributes with."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import struct
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from wakeful import limits
from wakeful.fabric.policy import PolicyError, parse_policy
from wakeful.services.sqs.errors import (
    InvalidAttributeName,
    InvalidAttributeValue,
    InvalidMessageContents,
    InvalidParameterValue,
    OverLimit,
    UnsupportedOperation,
)

DEFAULTS = {
    "VisibilityTimeout": "30",
    "MaximumMessageSize": str(limits.SQS_MESSAGE_BYTES_MAX),
    "MessageRetentionPeriod": "345600",
    "DelaySeconds": "0",
    "ReceiveMessageWaitTimeSeconds": "0",
    "SqsManagedSseEnabled": "true",
}
FIFO_DEFAULTS = {
    "ContentBasedDeduplication": "false",
    "DeduplicationScope": "queue",
    "FifoQueue": "true",
    "FifoThroughputLimit": "perQueue",
}
"""What only FIFO queues have."""
KMS_DEFAULTS = {"KmsDataKeyReusePeriodSeconds": "300", "SqsManagedSseEnabled": "false"}
"""What is so where a queue has a key of KMS."""

_FIFO_VALUES = {
    "ContentBasedDeduplication": ("true", "false"),
    "DeduplicationScope": ("messageGroup", "queue"),
    "FifoQueue": ("true",),
    "FifoThroughputLimit": ("perQueue", "perMessageGroupId"),
}

_RANGES = {
    "VisibilityTimeout": (0, limits.SQS_VISIBILITY_MAX_S),
    "MaximumMessageSize": (1024, limits.SQS_MESSAGE_BYTES_MAX),
    "MessageRetentionPeriod": (60, limits.SQS_RETENTION_MAX_S),
    "DelaySeconds": (0, limits.SQS_DELAY_MAX_S),
    "ReceiveMessageWaitTimeSeconds": (0, limits.SQS_WAIT_MAX_S),
    "KmsDataKeyReusePeriodSeconds": (60, 86_400),
}
_SETTABLE = {*_RANGES, *_FIFO_VALUES, "Policy", "RedrivePolicy", "RedriveAllowPolicy", "KmsMasterKeyId"} | {
    "SqsManagedSseEnabled"
}

_OPTIONAL = {"Policy", "RedrivePolicy", "RedriveAllowPolicy", "KmsMasterKeyId"}
"""What may be taken away again, by an empty text."""

_TYPE_CODES = {"String": 1, "Number": 1, "Binary": 2}
FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""The characters that no message may hold, and no text in its attributes ("SendMessage")."""

_NUMBER = re.compile(r"\s*([-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]{1,6})?)\s*")
_ATTRIBUTE_NAME = re.compile(r"[A-Za-z0-9_.\-]+")
_FIFO_ID = re.compile(r"[!-~]{1,128}")


def check_queue_attributes(attributes: Mapping[str, str], *, is_fifo: bool) -> None:
    """Raises InvalidAttributeName or InvalidAttributeValue unless a queue may have these."""
    for name, value in attributes.items():
        if name in ("DeduplicationScope", "FifoThroughputLimit") and not is_fifo:
            raise InvalidAttributeName(f"You can specify the {name} only when FifoQueue is set to true.")
        if name not in _SETTABLE or (name in _FIFO_VALUES and not is_fifo):
            raise InvalidAttributeName(f"Unknown Attribute {name}.")
        if name in _FIFO_VALUES and value not in _FIFO_VALUES[name]:
            raise InvalidAttributeValue(f"Invalid value for the parameter {name}.")
        if name in _RANGES:
            low, high = _RANGES[name]
            if not re.fullmatch(r"[0-9]{1,10}", value) or not low <= int(value) <= high:
                raise InvalidAttributeValue(f"Invalid value for the parameter {name}.")
        if name == "SqsManagedSseEnabled" and value.lower() not in ("true", "false"):
            raise InvalidAttributeValue(f"Invalid value for the parameter {name}.")
    if attributes.get("KmsMasterKeyId") and attributes.get("SqsManagedSseEnabled", "").lower() == "true":
        raise InvalidAttributeName(
            "You can use one type of server-side encryption (SSE) at one time. You can either enable KMS SSE or SQS"
            " SSE."
        )
    for name in ("RedrivePolicy", "RedriveAllowPolicy", "Policy"):
        if attributes.get(name):
            _check_json(name, attributes[name])


def merged(before: Mapping[str, str], attributes: Mapping[str, str]) -> dict[str, str]:
    """The attributes with these ones set, or taken away. A queue is encrypted in one way: the last that was said."""
    after = {name: value for name, value in {**before, **attributes}.items() if value or name not in _OPTIONAL}
    if attributes.get("KmsMasterKeyId"):
        after.pop("SqsManagedSseEnabled", None)
    elif attributes.get("KmsMasterKeyId") == "" or attributes.get("SqsManagedSseEnabled", "").lower() == "true":
        for name in ("KmsMasterKeyId", "KmsDataKeyReusePeriodSeconds"):
            after.pop(name, None)
    return after


def too_many_statements(count: int) -> OverLimit:
    return OverLimit(
        f"{count} statements were found in the submitted policy, max allowed is {limits.SQS_POLICY_STATEMENTS_MAX}"
    )


def _check_json(name: str, value: str) -> None:
    try:
        parsed = json.loads(value)
    except (ValueError, RecursionError):  # or something deeper than any policy is
        parsed = None
    if not isinstance(parsed, dict):
        if name == "RedrivePolicy":
            raise _not_valid(value, name, "Redrive policy is not a valid JSON map.")
        if name == "RedriveAllowPolicy":
            raise _not_valid(value, name, _UNSUPPORTED_ALLOW)
        raise InvalidAttributeValue(f"Invalid value for the parameter {name}.")
    match name:
        case "Policy":
            _check_policy(value, parsed)
        case "RedrivePolicy":
            _check_redrive(value, parsed)
        case "RedriveAllowPolicy":
            _check_redrive_allow(value, parsed)


def _check_policy(value: str, policy: Mapping[str, Any]) -> None:
    try:
        parse_policy(value, "resource")
    except PolicyError:
        raise InvalidAttributeValue("Invalid value for the parameter Policy.") from None
    statements = policy.get("Statement")
    if isinstance(statements, list) and len(statements) > limits.SQS_POLICY_STATEMENTS_MAX:
        raise too_many_statements(len(statements))
    if len(value.encode()) > limits.SQS_POLICY_BYTES_MAX:
        raise InvalidAttributeValue("Invalid value for the parameter Policy.")


def _check_redrive_allow(value: str, policy: Mapping[str, Any]) -> None:
    permission, sources = policy.get("redrivePermission"), policy.get("sourceQueueArns")
    reason = None
    if permission not in ("allowAll", "denyAll", "byQueue") or not isinstance(sources, list | None):
        reason = _UNSUPPORTED_ALLOW
    elif (permission == "byQueue") != bool(sources):
        reason = "sourceQueueArns go with the permission byQueue, and only with it."
    elif len(sources or ()) > limits.SQS_REDRIVE_SOURCES_MAX:
        reason = f"At most {limits.SQS_REDRIVE_SOURCES_MAX} sourceQueueArns can be named."
    if reason is not None:
        raise _not_valid(value, "RedriveAllowPolicy", reason)


def _check_redrive(value: str, policy: Mapping[str, Any]) -> None:
    if policy.keys() - {"deadLetterTargetArn", "maxReceiveCount"}:
        reason = "Only following attributes are supported: [deadLetterTargetArn, maxReceiveCount]."
        raise _not_valid(value, "RedrivePolicy", reason)
    count = str(policy.get("maxReceiveCount", ""))
    if not policy.get("deadLetterTargetArn") or not count:
        raise InvalidParameterValue(
            f"Value {value} for parameter RedrivePolicy is invalid. Reason: Redrive policy does not contain mandatory"
            f" attribute: {'maxReceiveCount' if policy.get('deadLetterTargetArn') else 'deadLetterTargetArn'}."
        )
    if not re.fullmatch(r"[0-9]{1,4}", count) or not 1 <= int(count) <= 1000:
        raise InvalidParameterValue(
            f"Value {value} for parameter RedrivePolicy is invalid. Reason: Invalid value for maxReceiveCount:"
            f" {count}, valid values are from 1 to 1000 both inclusive."
        )


_UNSUPPORTED_ALLOW = "Amazon SQS can't create the redrive allow policy, as it's in an unsupported format."


def _not_valid(value: str, parameter: str, reason: str) -> InvalidParameterValue:
    return InvalidParameterValue(f"Value {value} for parameter {parameter} is invalid. Reason: {reason}")


def check_message_attributes(attributes: Mapping[str, Any]) -> None:
    """Raises InvalidParameterValue unless a message may carry these ("Amazon SQS message metadata")."""
    if len(attributes) > limits.SQS_MESSAGE_ATTRIBUTES_MAX:
        raise InvalidParameterValue(
            f"Number of message attributes [{len(attributes)}] exceeds the allowed maximum"
            f" [{limits.SQS_MESSAGE_ATTRIBUTES_MAX}]."
        )
    for name, value in attributes.items():
        _check_message_attribute_name(name)
        _check_message_attribute(name, value)


def _check_message_attribute_name(name: str) -> None:
    longest = limits.SQS_ATTRIBUTE_NAME_BYTES_MAX
    if not name:
        raise InvalidParameterValue("The request must contain non-empty message (user) attribute names.")
    if len(name.encode()) > longest:
        raise InvalidParameterValue(f"Message (user) attribute name must be shorter than {longest} bytes.")
    if not _ATTRIBUTE_NAME.fullmatch(name):
        raise InvalidParameterValue(
            "Message (user) attributes name can only contain upper and lower score characters, digits, periods, hyphens"
            " and underscores. "
        )
    if name.lower().startswith(("aws.", "amazon.")) or name[0] == "." or name[-1] == "." or ".." in name:
        raise InvalidParameterValue(
            "You can't use message attribute names beginning with 'AWS.' or 'Amazon.'. These strings are reserved for"
            " internal use. Additionally, they cannot start or end with '.', or have two of them in a row."
        )


def _check_message_attribute(name: str, value: Mapping[str, Any]) -> None:
    kind = value.get("DataType") or ""
    for lists in ("StringListValues", "BinaryListValues"):
        if value.get(lists):
            raise UnsupportedOperation("Message attribute list values in SendMessage operation are not supported.")
    if not kind:
        raise InvalidParameterValue(f"The message (user) attribute '{name}' must contain a non-empty attribute type.")
    base = kind.partition(".")[0]
    if base not in _TYPE_CODES:
        raise InvalidParameterValue(
            f"The type of message (user) attribute '{name}' is invalid. You must use only the following supported type"
            " prefixes: Binary, Number, String."
        )
    if len(kind.encode()) > limits.SQS_ATTRIBUTE_NAME_BYTES_MAX:
        raise InvalidParameterValue(
            f"Message (user) attribute type must be shorter than {limits.SQS_ATTRIBUTE_NAME_BYTES_MAX} bytes."
        )
    member, other = ("BinaryValue", "StringValue") if base == "Binary" else ("StringValue", "BinaryValue")
    if value.get(other):
        raise InvalidParameterValue(
            f"The message (user) attribute '{name}' with type '{kind}' must use field '{member.removesuffix('Value')}'."
        )
    if not value.get(member):
        field = member.removesuffix("Value")
        raise InvalidParameterValue(
            f"Message (user) attribute '{name}' must contain a non-empty value of type '{field}'."
        )
    if FORBIDDEN.search(kind) or (base != "Binary" and FORBIDDEN.search(value["StringValue"])):
        raise InvalidParameterValue(InvalidMessageContents().message)
    if base == "Number" and not _is_number(value["StringValue"]):
        raise InvalidParameterValue(f"Can't cast the value of message (user) attribute '{name}' to a number.")


def check_system_attributes(attributes: Mapping[str, Any]) -> None:
    """Raises InvalidParameterValue unless a sender may say these: the trace header, as text."""
    for name, value in attributes.items():
        if name != "AWSTraceHeader":
            raise InvalidParameterValue(f"Message system attribute name '{name}' is invalid.")
        if value.get("DataType") != "String" or not value.get("StringValue"):
            raise InvalidParameterValue(
                f"The message system attribute '{name}' must have the type 'String' and a non-empty value."
            )


def check_fifo_id(member: str, value: str) -> None:
    """Raises InvalidParameterValue unless messages may be grouped by it, or told apart."""
    if not _FIFO_ID.fullmatch(value):
        raise InvalidParameterValue(
            f"Value {value} for parameter {member} is invalid. Reason: {member} can only include alphanumeric and"
            " punctuation characters. 1 to 128 in length."
        )


def _is_number(text: str) -> bool:
    """Of 38 digits at most, and between 10^-128 and 10^126 ("Amazon SQS message metadata")."""
    found = _NUMBER.fullmatch(text)
    if found is None:
        return False
    digits = found[2].replace(".", "").strip("0")
    return not digits or (len(digits) <= 38 and Decimal("1e-128") <= Decimal(found[1]).copy_abs() <= Decimal("1e126"))


def stored(attributes: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """Message attributes as rows and deliveries carry them: binary values are base64 text."""
    return {
        name: {
            member: base64.b64encode(content).decode() if isinstance(content, bytes) else content
            for member, content in value.items()
        }
        for name, value in attributes.items()
    }


def shown(attributes: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, Any]]:
    """The stored form as the API has it: binary values are bytes."""
    return {
        name: {
            member: base64.b64decode(content) if member == "BinaryValue" else content
            for member, content in value.items()
        }
        for name, value in attributes.items()
    }


def size_of(attributes: Mapping[str, Mapping[str, str]]) -> int:
    """What stored message attributes add to a message's size: names, types and values."""
    return sum(
        len(name.encode()) + len(value["DataType"].encode()) + len(_value_bytes(value))
        for name, value in attributes.items()
    )


def md5_of(attributes: Mapping[str, Mapping[str, str]]) -> str:
    """The digest in MD5OfMessageAttributes of stored attributes
    ("Calculating the MD5 message digest for message attributes")."""
    digest = hashlib.md5(usedforsecurity=False)
    for name in sorted(attributes):
        value = attributes[name]
        for part in (name.encode(), value["DataType"].encode()):
            digest.update(struct.pack(">I", len(part)) + part)
        content = _value_bytes(value)
        digest.update(bytes([_TYPE_CODES[value["DataType"].partition(".")[0]]]))
        digest.update(struct.pack(">I", len(content)) + content)
    return digest.hexdigest()


def _value_bytes(value: Mapping[str, str]) -> bytes:
    if value["DataType"].partition(".")[0] == "Binary":
        return base64.b64decode(value["BinaryValue"])
    return value["StringValue"].encode()
