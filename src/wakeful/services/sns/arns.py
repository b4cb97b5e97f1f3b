"""The ARNs in requests to SNS: what they name, and what SNS says of those that name nothing."""

from __future__ import annotations

import re

from wakeful import names
from wakeful.fabric.service import Call
from wakeful.services.sns.errors import InvalidParameterException

PRINCIPAL = "sns.amazonaws.com"
"""What policies and roles call SNS."""

_PARTS = 6
_SUBSCRIPTION = re.compile(r"[A-Za-z0-9_-]+(?:\.fifo)?:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def topic_arn(call: Call, text: str, member: str = "TopicArn") -> str:
    """The ARN of a topic in the caller's region. Raises InvalidParameterException for anything else."""
    parts = _parsed(text, member)
    if parts is None or parts.service != "sns" or parts.region != call.region or ":" in parts.resource:
        raise InvalidParameterException(f"Invalid parameter: {member}")
    return text


def subscription_arn(text: str) -> str:
    """The ARN of a subscription. Raises InvalidParameterException for anything else."""
    if not text:
        raise InvalidParameterException("Invalid parameter: SubscriptionArn Reason: no value for required parameter")
    parts = _parsed(text, "SubscriptionArn")
    if parts is None or parts.service != "sns" or not _SUBSCRIPTION.fullmatch(parts.resource):
        raise InvalidParameterException("Invalid parameter: SubscriptionId")
    return text


def application_arn(text: str) -> str:
    """The ARN of a platform application. Raises InvalidParameterException for anything else."""
    return _with_slashes(text, "PlatformApplicationArn", "app", 2)


def endpoint_arn(text: str) -> str:
    """The ARN of an endpoint on a platform application. Raises InvalidParameterException for anything else."""
    return _with_slashes(text, "EndpointArn", "endpoint", 3)


def _with_slashes(text: str, member: str, kind: str, slashes: int) -> str:
    parts = _parsed(text, member)
    if parts is None or parts.service != "sns":
        raise InvalidParameterException(f"Invalid parameter: {member}")
    if parts.resource.count("/") != slashes or not parts.resource.startswith(f"{kind}/"):
        raise InvalidParameterException(
            f"Invalid parameter: {member} Reason: Wrong number of slashes in relative portion of the ARN."
        )
    return text


def _parsed(text: str, member: str) -> names.Arn | None:
    count = text.count(":") + 1
    if count < _PARTS:
        raise InvalidParameterException(
            f"Invalid parameter: {member} Reason: An ARN must have at least {_PARTS} elements, not {count}"
        )
    try:
        return names.parse_arn(text)
    except ValueError:
        return None
