"""The messages of a queue: what is visible, what is in flight, what is spent and goes to the dead-letter queue."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import orjson

from wakeful import limits, names
from wakeful.fabric.deliver import Delivery, Refused
from wakeful.fabric.source import Taken
from wakeful.fabric.trace import Trace, lineage_of
from wakeful.services.sqs import attributes as rules
from wakeful.services.sqs import measuring
from wakeful.services.sqs import queue as queues
from wakeful.services.sqs.errors import InvalidParameterValue, ReceiptHandleIsInvalid
from wakeful.services.sqs.queue import Queue
from wakeful.store.tx import Row, Tx

_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def put(
    tx: Tx,
    queue: Queue,
    body: str,
    *,
    trace: Trace,
    message_id: str,
    attributes: Mapping[str, Any],
    system: Mapping[str, str],
    delay_s: int | None = None,
) -> None:
    """The message is in the queue, visible after its delay (the queue's, where none is given)."""
    visible = tx.now + (queue.setting("DelaySeconds") if delay_s is None else delay_s)
    tx.run(
        "INSERT INTO sqs_messages(queue, id, body, attributes, system, sent, visible, trace, cause, hops)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        *(queue.id, message_id, body, orjson.dumps(attributes), orjson.dumps(system), tx.now, visible),
        *(trace.id, trace.cause, trace.hops),
    )
    tx.wake(queues.wake_name(queue.arn))
    tx.note(measuring.sent(queue.arn, tx.now, len(body.encode()) + rules.size_of(attributes)))


def clean(body: str) -> str:
    """The body with every character that a message may not hold replaced by U+FFFD ("SendMessage")."""
    return _FORBIDDEN.sub("\ufffd", body)


def take(tx: Tx, queue: Queue, count: int, hide_s: int | None = None) -> list[Taken]:
    """Hides up to `count` visible messages and gives them out; each counts as received.

    One that was received too often goes to the dead-letter queue instead, in this same transaction. As long as there is
    no such queue (any more), it stays here.
    """
    tx.lock("sqs", queue.arn)
    hidden_until = tx.now + (queue.setting("VisibilityTimeout") if hide_s is None else hide_s)
    grave = queues.get(tx, queue.redrive[0]) if queue.redrive is not None else None
    taken: list[Taken] = []
    seen: set[int] = set()  # who hides a message for no time does not get it twice in one answer
    while len(taken) < count:
        rows = [row for row in _visible(tx, queue, count) if row["seq"] not in seen][: count - len(taken)]
        for row in rows:
            if grave is not None and queue.redrive is not None and row["receives"] >= queue.redrive[1]:
                _bury(tx, queue, row, grave)
            else:
                seen.add(row["seq"])
                taken.append(_hand_out(tx, queue, row, hidden_until))
        if not rows:
            break
    if taken:
        tx.note(measuring.received(queue.arn, tx.now, len(taken)))
    return taken


def _visible(tx: Tx, queue: Queue, count: int) -> list[Row]:
    oldest = tx.now - queue.setting("MessageRetentionPeriod")
    return tx.all(
        "SELECT * FROM sqs_messages WHERE queue = ? AND visible <= ? AND sent > ? ORDER BY visible, seq LIMIT ?",
        *(queue.id, tx.now, oldest, count),
    )


def _hand_out(tx: Tx, queue: Queue, row: Row, hidden_until: float) -> Taken:
    ticket = names.new_token(8)
    first_received = row["first_received"] or tx.now
    tx.run(
        "UPDATE sqs_messages SET visible = ?, receives = receives + 1, first_received = ?, ticket = ? WHERE seq = ?",
        *(hidden_until, first_received, ticket, row["seq"]),
    )
    constant = orjson.loads(row["system"])
    system = {
        **constant,
        "ApproximateReceiveCount": str(row["receives"] + 1),
        "SentTimestamp": str(int(row["sent"] * 1000)),
        "ApproximateFirstReceiveTimestamp": str(int(first_received * 1000)),
    }
    return Taken(
        id=row["id"],
        body=row["body"],
        trace=Trace(row["trace"], row["cause"], row["hops"], lineage_of(constant.get("AWSTraceHeader", ""))),
        facts={
            "handle": handle_of(queue, row["seq"], ticket),
            "attributes": orjson.loads(row["attributes"]),
            "system": system,
        },
    )


def _bury(tx: Tx, queue: Queue, row: Row, dead_letter: Queue) -> None:
    tx.lock("sqs", dead_letter.arn)
    system = {**orjson.loads(row["system"]), "DeadLetterQueueSourceArn": queue.arn}
    tx.run(
        "UPDATE sqs_messages SET queue = ?, visible = ?, receives = 0, first_received = NULL, ticket = NULL, system = ?"
        " WHERE seq = ?",
        *(dead_letter.id, tx.now, orjson.dumps(system), row["seq"]),
    )
    tx.wake(queues.wake_name(dead_letter.arn))


def forget(tx: Tx, queue: Queue, handle: str) -> None:
    """The message is gone, unless it was received again since: then this handle no longer counts."""
    seq, ticket = parse_handle(queue, handle)
    tx.lock("sqs", queue.arn)
    if tx.run("DELETE FROM sqs_messages WHERE seq = ? AND queue = ? AND ticket = ?", seq, queue.id, ticket):
        tx.note(measuring.deleted(queue.arn, tx.now))


def hide(tx: Tx, queue: Queue, handle: str, for_s: int) -> None:
    """The message stays hidden for `for_s` seconds from now; 0 shows it at once."""
    if not 0 <= for_s <= limits.SQS_VISIBILITY_MAX_S:
        raise InvalidParameterValue(
            f"Value {for_s} for parameter VisibilityTimeout is invalid. Reason: VisibilityTimeout must be an integer"
            f" between 0 and {limits.SQS_VISIBILITY_MAX_S}."
        )
    seq, ticket = parse_handle(queue, handle)
    tx.lock("sqs", queue.arn)
    changed = tx.run(
        "UPDATE sqs_messages SET visible = ? WHERE seq = ? AND queue = ? AND ticket = ? AND visible > ?",
        *(tx.now + for_s, seq, queue.id, ticket, tx.now),
    )
    if not changed:
        raise InvalidParameterValue(
            f"Value {handle} for parameter ReceiptHandle is invalid. Reason: Message does not exist or is not"
            " available for visibility timeout change."
        )
    tx.wake(queues.wake_name(queue.arn))


def purge(tx: Tx, queue: Queue) -> None:
    """No message that was in the queue is left."""
    tx.lock("sqs", queue.arn)
    tx.run("DELETE FROM sqs_messages WHERE queue = ?", queue.id)
    tx.run("UPDATE sqs_queues SET purged = ? WHERE id = ?", tx.now, queue.id)


def counts(tx: Tx, queue: Queue) -> dict[str, int]:
    """How many messages are visible, in flight, and delayed. "Approximate" on AWS, exact here."""
    oldest = tx.now - queue.setting("MessageRetentionPeriod")
    row = tx.one(
        "SELECT coalesce(sum(CASE WHEN visible <= ? THEN 1 ELSE 0 END), 0) AS visible,"
        " coalesce(sum(CASE WHEN visible > ? AND receives > 0 THEN 1 ELSE 0 END), 0) AS in_flight,"
        " coalesce(sum(CASE WHEN visible > ? AND receives = 0 THEN 1 ELSE 0 END), 0) AS delayed"
        " FROM sqs_messages WHERE queue = ? AND sent > ?",
        *(tx.now, tx.now, tx.now, queue.id, oldest),
    )
    assert row is not None
    return {name: int(row[name]) for name in ("visible", "in_flight", "delayed")}


def expire(tx: Tx) -> None:
    """No message is left that is older than its queue keeps them."""
    for queue in queues.every(tx):
        tx.lock("sqs", queue.arn)
        oldest = tx.now - queue.setting("MessageRetentionPeriod")
        tx.run("DELETE FROM sqs_messages WHERE queue = ? AND sent <= ?", queue.id, oldest)


def has_visible(tx: Tx, queue: Queue) -> bool:
    return bool(_visible(tx, queue, 1))


def next_visible(tx: Tx, queue: Queue) -> float | None:
    """When the next hidden or delayed message shows itself."""
    row = tx.one("SELECT min(visible) AS due FROM sqs_messages WHERE queue = ? AND visible > ?", queue.id, tx.now)
    return None if row is None or row["due"] is None else float(row["due"])


def accept(tx: Tx, delivery: Delivery) -> None:
    """Others may deliver to a queue."""
    queue = queues.get(tx, delivery.target_arn)
    if queue is None:
        raise Refused(f"the queue {delivery.target_arn} does not exist", "NO_RESOURCE")
    if len(delivery.body.encode()) + rules.size_of(delivery.attributes) > queue.setting("MaximumMessageSize"):
        raise Refused("the event is larger than the queue's MaximumMessageSize", "INVALID_PARAMETER")
    system = {"SenderId": delivery.principal, "AWSTraceHeader": delivery.effects.header}
    if delivery.group_id is not None:
        system["MessageGroupId"] = delivery.group_id
    put(
        tx,
        queue,
        clean(delivery.body),
        trace=delivery.effects,
        message_id=names.new_uuid(),
        attributes=delivery.attributes,
        system=system,
    )


class QueueSource:
    """Event source mappings draw from a queue. Any number of readers may: visibility keeps them apart."""

    one_reader = False

    def complaint(self, tx: Tx, arn: str, timeout_s: int) -> str | None:
        queue = queues.get(tx, arn)
        if queue is None:
            return (
                "Error occurred while ReceiveMessage. SQS Error Code: AWS.SimpleQueueService.NonExistentQueue. SQS"
                " Error Message: The specified queue does not exist."
            )
        visibility_s = queue.setting("VisibilityTimeout")
        if visibility_s < timeout_s:
            return (
                f"Queue visibility timeout: {visibility_s} seconds is less than Function timeout: {timeout_s} seconds"
            )
        return None

    def take(self, tx: Tx, arn: str, reader: str, count: int) -> list[Taken]:
        queue = queues.get(tx, arn)
        return [] if queue is None else take(tx, queue, count)

    def settle(self, tx: Tx, arn: str, reader: str, done: Sequence[Taken], failed: Sequence[Taken]) -> None:
        """What was handled is deleted; what failed stays hidden until its visibility ends.

        A queue that was deleted meanwhile has taken its messages with it, even if there is another of its name now.
        """
        queue = queues.get(tx, arn)
        if queue is not None:
            with suppress(ReceiptHandleIsInvalid):
                for message in done:
                    forget(tx, queue, message.facts["handle"])

    def next_due(self, tx: Tx, arn: str) -> float | None:
        queue = queues.get(tx, arn)
        if queue is None:
            return None
        return tx.now if has_visible(tx, queue) else next_visible(tx, queue)

    def as_record(self, arn: str, taken: Taken) -> dict[str, Any]:
        """As "Using Lambda with Amazon SQS" shows it; attribute names begin with a small letter there."""
        attributes: dict[str, dict[str, str]] = taken.facts["attributes"]
        return {
            "messageId": taken.id,
            "receiptHandle": taken.facts["handle"],
            "body": taken.body,
            "attributes": taken.facts["system"],
            "messageAttributes": {name: _record_attribute(value) for name, value in attributes.items()},
            "md5OfBody": md5(taken.body),
            **({"md5OfMessageAttributes": rules.md5_of(attributes)} if attributes else {}),
            "eventSource": "aws:sqs",
            "eventSourceARN": arn,
            "awsRegion": names.parse_arn(arn).region,
        }

    def wake_name(self, arn: str) -> str:
        return queues.wake_name(arn)


def _record_attribute(value: Mapping[str, str]) -> dict[str, Any]:
    lists: dict[str, Any] = {"stringListValues": [], "binaryListValues": []}
    content = {member[0].lower() + member[1:]: text for member, text in value.items()}
    return {**content, **lists}


def md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def handle_of(queue: Queue, seq: int, ticket: str) -> str:
    """A receipt handle: names the message and this one receive of it; another at every receive."""
    return base64.b64encode(f"{queue.id} {seq} {ticket}".encode()).decode()


def parse_handle(queue: Queue, handle: str) -> tuple[int, str]:
    """The message's place and the receive's ticket. Raises ReceiptHandleIsInvalid for what we never gave out."""
    try:
        queue_id, seq, ticket = base64.b64decode(handle, validate=True).decode().split(" ")
        if int(queue_id) == queue.id:
            return int(seq), ticket
    except (ValueError, binascii.Error):
        pass  # told below, in AWS's words
    raise ReceiptHandleIsInvalid(f'The input receipt handle "{handle}" is not a valid receipt handle.')
