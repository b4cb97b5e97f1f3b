"""What a FIFO topic adds: every message has a group and a number, and comes but once in five minutes.

"Amazon SNS FIFO topics", "Message deduplication for FIFO topics".
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from wakeful import limits
from wakeful.services.sns.errors import InvalidParameterException
from wakeful.services.sns.message import Message
from wakeful.services.sns.topic import FIFO, Topic
from wakeful.store.tx import Tx

_NO_IDENTITY = (
    "Invalid parameter: The topic should either have ContentBasedDeduplication enabled or MessageDeduplicationId"
    " provided explicitly"
)


def check(arn: str, request: Mapping[str, Any]) -> None:
    """Raises unless the message says of its group and its identity what this kind of topic wants to hear."""
    if arn.endswith(FIFO):
        if not request.get("MessageGroupId"):
            raise InvalidParameterException(
                "Invalid parameter: The MessageGroupId parameter is required for FIFO topics"
            )
    elif "MessageDeduplicationId" in request:
        raise InvalidParameterException(
            "Invalid parameter: MessageDeduplicationId Reason: The request includes MessageDeduplicationId parameter"
            " that is not valid for this topic type"
        )


def admit(tx: Tx, topic: Topic, published: Sequence[Message]) -> tuple[list[Message], list[Message]]:
    """The messages as the topic numbers them, and those among them that are new.

    One that repeats a message of the last five minutes has the id and the number of that message.
    """
    tx.lock("sns", topic.arn)
    known: list[Message] = []
    fresh: list[Message] = []
    for message in published:
        identity = _identity(topic, message)
        scope = (message.group_id or "") if topic.deduplicates_by_group else ""
        before = tx.one(
            "SELECT seq, message FROM sns_publications WHERE topic = ? AND scope = ? AND id = ? AND until > ?",
            *(topic.arn, scope, identity, tx.now),
        )
        if before is not None:
            known.append(replace(message, id=before["message"], sequence=before["seq"]))
            continue
        new = replace(message, deduplication_id=identity, sequence=_remembered(tx, topic, scope, identity, message.id))
        known.append(new)
        fresh.append(new)
    return known, fresh


def forget(tx: Tx, topic: str) -> None:
    """A topic that is gone has published nothing."""
    tx.lock("sns", topic)
    tx.run("DELETE FROM sns_publications WHERE topic = ?", topic)


def forget_old(tx: Tx) -> None:
    """No identity is remembered for longer than five minutes."""
    tx.lock("sns", "publications")
    tx.run("DELETE FROM sns_publications WHERE until <= ?", tx.now)


def _identity(topic: Topic, message: Message) -> str:
    if message.deduplication_id:
        return message.deduplication_id
    if not topic.is_content_deduplicated:
        raise InvalidParameterException(_NO_IDENTITY)
    return hashlib.sha256(message.body.encode()).hexdigest()


def _remembered(tx: Tx, topic: Topic, scope: str, identity: str, message_id: str) -> int:
    """The number of the message, which is known from now on, for five minutes."""
    tx.run(
        "DELETE FROM sns_publications WHERE topic = ? AND scope = ? AND id = ?",
        *(topic.arn, scope, identity),
    )
    row = tx.one(
        "INSERT INTO sns_publications(topic, scope, id, until, message) VALUES (?, ?, ?, ?, ?) RETURNING seq",
        *(topic.arn, scope, identity, tx.now + limits.SNS_DEDUPLICATION_S, message_id),
    )
    assert row is not None
    return int(row["seq"])
