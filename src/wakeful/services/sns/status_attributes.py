"""The attributes by which a topic asks for logs of its deliveries ("Amazon SNS message delivery status")."""

from __future__ import annotations

import re
from collections.abc import Mapping

from wakeful.services.sns.errors import InvalidParameterException

FAMILIES: Mapping[str, str] = {
    "http": "HTTP",
    "https": "HTTP",
    "sqs": "SQS",
    "lambda": "Lambda",
    "firehose": "Firehose",
    "application": "Application",
}
"""What the names of a protocol's attributes begin with."""

_NAMES = frozenset(
    f"{family}{rest}"
    for family in FAMILIES.values()
    for rest in ("SuccessFeedbackRoleArn", "SuccessFeedbackSampleRate", "FailureFeedbackRoleArn")
)
_ROLE = re.compile(r"arn:[a-z-]+:iam::\d{12}:role/.+")
_PERCENT = re.compile(r"\d{1,2}|100")


def is_one(name: str) -> bool:
    return name in _NAMES


def is_role(text: str) -> bool:
    return _ROLE.fullmatch(text) is not None


def is_percent(text: str) -> bool:
    return _PERCENT.fullmatch(text) is not None


def check(name: str, value: str) -> None:
    """Raises unless a topic may have it."""
    if name.endswith("SampleRate"):
        if not _PERCENT.fullmatch(value):
            raise InvalidParameterException(f"Invalid parameter: {name} Reason: must be an integer from 0 to 100")
    elif not _ROLE.fullmatch(value):
        raise InvalidParameterException(f"Invalid parameter: {name} Reason: must be the ARN of an IAM role")
