"""A queue's metrics, of what happens to its messages ("Available CloudWatch metrics for Amazon SQS")."""

from __future__ import annotations

from wakeful import names
from wakeful.store.metrics import Family, Sample, family, measures

_SENT = measures(("NumberOfMessagesSent", "Count"), ("SentMessageSize", "Bytes"))
_RECEIVED = measures(("NumberOfMessagesReceived", "Count"))
_RECEIVED_NOTHING = measures(("NumberOfEmptyReceives", "Count"))
_DELETED = measures(("NumberOfMessagesDeleted", "Count"))


def sent(arn: str, now: float, size: int) -> Sample:
    return Sample(_of(arn), _SENT, now, (1, size))


def received(arn: str, now: float, count: int) -> Sample:
    """So many messages were handed out at once."""
    return Sample(_of(arn), _RECEIVED, now, (count,))


def received_nothing(arn: str, now: float) -> Sample:
    """A caller has waited as long as it wanted to, and there was no message."""
    return Sample(_of(arn), _RECEIVED_NOTHING, now, (1,))


def deleted(arn: str, now: float) -> Sample:
    return Sample(_of(arn), _DELETED, now, (1,))


def _of(arn: str) -> Family:
    queue = names.parse_arn(arn)
    return family(queue.account, queue.region, "AWS/SQS", (("QueueName", queue.resource),))
