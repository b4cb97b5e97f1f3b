"""What a topic's ArchivePolicy says: how long its messages are archived."""

from __future__ import annotations

import json
import math
from typing import Any

from wakeful import limits
from wakeful.services.sns.errors import InvalidParameterException


def retention_s(policy: str) -> float:
    return _days(policy) * 86_400.0


def check(text: str) -> None:
    """Raises InvalidParameterException unless it is an archive policy. One without a period, `{}`, ends the archive."""
    low, high = limits.SNS_ARCHIVE_DAYS_RANGE
    try:
        days = _days(text)
    except (ValueError, LookupError, TypeError, RecursionError):
        raise InvalidParameterException(
            "Invalid parameter: ArchivePolicy Reason: it must be JSON with MessageRetentionPeriod as its only member"
        ) from None
    if not low <= days <= high:
        raise InvalidParameterException(
            f"Invalid parameter: ArchivePolicy Reason: MessageRetentionPeriod must be between {low} and {high} days"
        )


def floor_ms(moment: float) -> float:
    """As timestamps show it: one that is copied from an answer is not later than what it names."""
    return math.floor(moment * 1000) / 1000


def _days(text: str) -> int:
    document = json.loads(text)
    if not isinstance(document, dict) or document.keys() != {"MessageRetentionPeriod"}:
        raise ValueError(text)
    days: Any = document["MessageRetentionPeriod"]
    if isinstance(days, bool) or not isinstance(days, int | str):
        raise TypeError(text)
    return int(days)
