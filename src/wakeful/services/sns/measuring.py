"""A topic's metrics ("Monitoring Amazon SNS topics using CloudWatch")."""

from __future__ import annotations

from functools import lru_cache

from wakeful import names
from wakeful.services.sns.inbox import Letter
from wakeful.services.sns.topic import Topic
from wakeful.store.metrics import Family, Measures, Sample, family, measures

_PUBLISHED = measures(("NumberOfMessagesPublished", "Count"), ("PublishSize", "Bytes"))
_DELIVERED = measures(("NumberOfNotificationsDelivered", "Count"))
_FAILED = measures(("NumberOfNotificationsFailed", "Count"))
_REPLAYED = measures(("NumberOfReplayedNotificationsDelivered", "Count"))
_REPLAY_FAILED = measures(("NumberOfReplayedNotificationsFailed", "Count"))
_REDRIVEN = measures(("NumberOfNotificationsRedrivenToDlq", "Count"))
_NOT_REDRIVEN = measures(("NumberOfNotificationsFailedToRedriveToDlq", "Count"))


def published(topic: Topic, now: float, size: int) -> Sample:
    return Sample(_of(topic), _PUBLISHED, now, (1, size))


def delivered(topic: Topic, now: float, *, is_taken: bool) -> Sample:
    """A subscriber has a message, or did not take it."""
    return Sample(_of(topic), _DELIVERED if is_taken else _FAILED, now, (1,))


def sent_directly(letter: Letter, now: float, size: int, *, is_taken: bool) -> tuple[Sample, ...]:
    """A message was published to one phone or one device, which has it or does not take it."""
    dimensions: tuple[tuple[str, str], ...] = (("PhoneNumber", "PhoneNumberDirect"),)
    if letter.kind == "push":
        dimensions = (("Application", letter.sender.rpartition("/")[2]), ("Platform", letter.detail["platform"]))
    of = family(letter.account, letter.region, "AWS/SNS", dimensions)
    return (
        Sample(of, _PUBLISHED, now, (1, size)),
        Sample(of, _DELIVERED if is_taken else _FAILED, now, (1,)),
    )


def filtered_out(topic: Topic, now: float, reasons: tuple[str, ...]) -> Sample:
    """A subscriber did not want a message."""
    return Sample(_of(topic), _filtered_out(reasons), now, (1,) * (1 + len(reasons)))


@lru_cache
def _filtered_out(reasons: tuple[str, ...]) -> Measures:
    name = "NumberOfNotificationsFilteredOut"
    return measures((name, "Count"), *((f"{name}-{reason}", "Count") for reason in reasons))


def replayed(topic: Topic, now: float, *, is_taken: bool) -> Sample:
    """The same of a message from the archive."""
    return Sample(_of(topic), _REPLAYED if is_taken else _REPLAY_FAILED, now, (1,))


def redriven(topic: Topic, now: float, *, is_kept: bool) -> Sample:
    """A message that nobody took is in its dead-letter queue, or could not be put there."""
    return Sample(_of(topic), _REDRIVEN if is_kept else _NOT_REDRIVEN, now, (1,))


def _of(topic: Topic) -> Family:
    region = names.parse_arn(topic.arn).region
    return family(topic.account, region, "AWS/SNS", (("TopicName", topic.name),))
