"""A queue's metrics, of what happens to its messages ("Available CloudWatch metrics for Amazon SQS")."""

from __future__ import annotations

from functools import lru_cache

from wakeful import limits, names
from wakeful.store.metrics import Family, Sample, family, measures

_SENT = measures(("NumberOfMessagesSent", "Count"), ("SentMessageSize", "Bytes"))
_RECEIVED = measures(("NumberOfMessagesReceived", "Count"))
_RECEIVED_NOTHING = measures(("NumberOfEmptyReceives", "Count"))
_DEDUPLICATED = measures(("NumberOfDeduplicatedSentMessages", "Count"))
_DELETED = measures(("NumberOfMessagesDeleted", "Count"))

_DEPTH = measures(
    ("ApproximateNumberOfMessagesVisible", "Count"),
    ("ApproximateNumberOfMessagesNotVisible", "Count"),
    ("ApproximateNumberOfMessagesDelayed", "Count"),
)
_OLDEST = measures(("ApproximateAgeOfOldestMessage", "Seconds"))
_GROUPS = measures(("ApproximateNumberOfGroupsWithInflightMessages", "Count"))
_QUIET = measures(
    ("ApproximateNumberOfNoisyGroups", "Count"),
    ("ApproximateNumberOfMessagesVisibleInQuietGroups", "Count"),
    ("ApproximateNumberOfMessagesNotVisibleInQuietGroups", "Count"),
    ("ApproximateNumberOfMessagesDelayedInQuietGroups", "Count"),
)
_OLDEST_QUIET = measures(("ApproximateAgeOfOldestMessageInQuietGroups", "Seconds"))


def sent(arn: str, now: float, size: int) -> Sample:
    return Sample(_of(arn), _SENT, now, (1, size))


def received(arn: str, now: float, count: int) -> Sample:
    """So many messages were handed out at once."""
    return Sample(_of(arn), _RECEIVED, now, (count,))


def received_nothing(arn: str, now: float) -> Sample:
    """A caller has waited as long as it wanted to, and there was no message."""
    return Sample(_of(arn), _RECEIVED_NOTHING, now, (1,))


def deduplicated(arn: str, now: float) -> Sample:
    """A message was not added to its FIFO queue, because it was there within the last five minutes."""
    return Sample(_of(arn), _DEDUPLICATED, now, (1,))


def deleted(arn: str, now: float) -> Sample:
    return Sample(_of(arn), _DELETED, now, (1,))


def depth(arn: str, now: float, visible: int, in_flight: int, delayed: int) -> Sample:
    return Sample(_of(arn), _DEPTH, now, (visible, in_flight, delayed))


def oldest(arn: str, now: float, age_s: float) -> Sample:
    return Sample(_of(arn), _OLDEST, now, (age_s,))


def groups_in_flight(arn: str, now: float, count: int) -> Sample:
    return Sample(_of(arn), _GROUPS, now, (count,))


def quiet(arn: str, now: float, noisy: int, visible: int, in_flight: int, delayed: int) -> Sample:
    """How many groups are noisy, and how many messages the others have."""
    return Sample(_of(arn), _QUIET, now, (noisy, visible, in_flight, delayed))


def oldest_quiet(arn: str, now: float, age_s: float) -> Sample:
    return Sample(_of(arn), _OLDEST_QUIET, now, (age_s,))


@lru_cache(limits.METRIC_FAMILIES_KEPT)
def _of(arn: str) -> Family:
    queue = names.parse_arn(arn)
    return family(queue.account, queue.region, "AWS/SQS", (("QueueName", queue.resource),))
