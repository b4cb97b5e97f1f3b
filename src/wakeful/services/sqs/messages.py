"""The messages of a queue: what is visible, what is in flight, what is spent and goes to the dead-letter queue."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import orjson

from wakeful import limits, names
from wakeful.fabric.chaos.asking import is_on
from wakeful.fabric.deliver import Delivery, Refused
from wakeful.fabric.source import Taken
from wakeful.fabric.trace import Trace, lineage_of
from wakeful.services.sqs import attributes as rules
from wakeful.services.sqs import counts, disturbed, fair, fifo, flight, measuring, receipts
from wakeful.services.sqs import queue as queues
from wakeful.services.sqs.errors import InvalidMessageContents, InvalidParameterValue, ReceiptHandleIsInvalid
from wakeful.services.sqs.queue import Queue
from wakeful.store.tx import Row, Tx
from wakeful.wire.errors import AwsError


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
) -> tuple[str, int]:
    """The message is in the queue, visible after its delay (the queue's, where none is given): its id and place.

    In a FIFO queue its system attributes say its group and its identity. Where it was sent in the last five minutes it
    is not sent again, and the first one is answered.
    """
    where = None
    if queue.is_fifo:
        where = fifo.placement(queue, system, body)
        if (before := fifo.sent_before(tx, queue, where)) is not None:
            tx.note(measuring.deduplicated(queue.arn, tx.now))
            return before
        system = {**system, "MessageDeduplicationId": where.deduplication_id}
    visible = tx.now + (queue.setting("DelaySeconds") if delay_s is None else delay_s)
    content, group = (message_id, body, orjson.dumps(attributes), system), system.get("MessageGroupId")
    visible, *copies = disturbed.shown(tx, queue, visible, message_id, trace) if is_on(tx) else (visible,)
    seq = _insert(tx, queue, *content, tx.now, visible, trace=trace, group=group)
    for later in copies:
        _insert(tx, queue, *content, tx.now, later, trace=trace, group=group)
    if where is not None:
        fifo.remember(tx, queue, where, message_id, seq)
    elif group is not None:
        fair.joined(tx, queue, group, visible, is_sent=True)
    tx.note(measuring.sent(queue.arn, tx.now, len(body.encode()) + rules.size_of(attributes)))
    return message_id, seq


def _insert(
    tx: Tx,
    queue: Queue,
    message_id: str,
    body: str,
    attributes: bytes,
    system: Mapping[str, str],
    sent: float,
    visible: float,
    *,
    trace: Trace,
    group: str | None,
) -> int:
    """`group`: in a FIFO queue the messages of one come in order; in a standard queue it is a tenant."""
    seq = tx.insert(
        "seq",
        "INSERT INTO sqs_messages(queue, id, body, attributes, system, sent, visible, trace, cause, hops, grp, tenant)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        *(queue.id, message_id, body, attributes, orjson.dumps(system), sent, visible),
        *(trace.id, trace.cause, trace.hops, *((group, None) if queue.is_fifo else (None, group))),
    )
    counts.changed(tx, queue.id, there=1)
    if queue.is_fifo and group is not None:
        fifo.joined(tx, queue, group, seq, visible)
    tx.wake(queues.wake_name(queue.arn))
    return seq


def check(body: str) -> None:
    """Raises InvalidMessageContents where there are characters that a message may not hold ("SendMessage")."""
    if rules.FORBIDDEN.search(body):
        raise InvalidMessageContents()


def clean(body: str) -> str:
    """The body with every character that a message may not hold replaced by U+FFFD: of what services deliver."""
    return rules.FORBIDDEN.sub("\ufffd", body)


def take(tx: Tx, queue: Queue, count: int, hide_s: float | None = None) -> list[Taken]:
    """Hides up to `count` visible messages and gives them out; each counts as received.

    One that was received too often goes to the dead-letter queue instead, in this same transaction. As long as there is
    no such queue (any more), it stays here. Nothing is given out while as many are in flight as may be.
    """
    tx.lock("sqs", queue.arn)
    hidden_until = tx.now + (queue.setting("VisibilityTimeout") if hide_s is None else hide_s)
    count = flight.room(tx, queue, count)
    if count == 0:
        return []
    if queue.is_fifo:
        taken = _take_in_order(tx, queue, count, hidden_until)
    else:
        found = _unspent(tx, queue, lambda: fair.in_order(tx, queue, _visible(tx, queue, count), count), count)
        taken = _hand_out(tx, queue, found, hidden_until)
    if taken:
        flight.took(tx, queue, len(taken))
        tx.note(measuring.received(queue.arn, tx.now, len(taken)))
    return taken


def _take_in_order(tx: Tx, queue: Queue, count: int, hidden_until: float) -> list[Taken]:
    """As many as there are of the group that was ready first, then of the next; each group is locked thereby."""
    taken: list[Taken] = []
    seen: set[str] = set()
    while len(taken) < count:
        groups = [group for group in fifo.ready(tx, queue, count + len(seen)) if group not in seen]
        if not groups:
            break
        for group in groups[: count - len(taken)]:
            wanted = count - len(taken)
            look = partial(fifo.in_order, tx, queue, group, wanted)
            taken += _hand_out(tx, queue, _unspent(tx, queue, look, wanted), hidden_until)
            fifo.settled(tx, queue, group)
            seen.add(group)
            if len(taken) == count:
                break
    return taken


def _unspent(tx: Tx, queue: Queue, look: Callable[[], list[Row]], count: int) -> list[Row]:
    """What is found by looking, again and again while messages that were received too often are buried on the way."""
    grave = queues.get(tx, queue.redrive[0]) if queue.redrive is not None else None
    if grave is None:
        return look()
    unspent: dict[int, Row] = {}
    while True:
        rows = [row for row in look() if row["seq"] not in unspent]
        alive = [row for row in rows if not _was_buried(tx, queue, row, grave.arn)]
        unspent.update((row["seq"], row) for row in alive)
        if len(alive) == len(rows) or len(unspent) >= count:
            return list(unspent.values())[:count]


def _was_buried(tx: Tx, queue: Queue, row: Row, grave_arn: str) -> bool:
    """In a standard queue a message is as old as it was; in a FIFO queue it begins anew, and its id tells it apart
    ("Setting-up dead-letter queue retention in Amazon SQS", "Learn how to configure a dead-letter queue redrive")."""
    if queue.redrive is None or row["receives"] < queue.redrive[1]:
        return False
    tx.lock("sqs", grave_arn)
    grave = queues.get(tx, grave_arn)
    if grave is None:
        return False
    system = {**orjson.loads(row["system"]), "DeadLetterQueueSourceArn": queue.arn}
    if grave.is_fifo:
        system["MessageDeduplicationId"] = row["id"]
    sent = tx.now if grave.is_fifo else row["sent"]
    transfer(tx, row, grave, system, message_id=row["id"], sent=sent, earlier=row["earlier"] + row["receives"])
    return True


def transfer(
    tx: Tx, row: Row, target: Queue, system: Mapping[str, str], *, message_id: str, sent: float, earlier: int = 0
) -> None:
    """The message is in the other queue, visible there and not yet received there; in a FIFO queue it is the last one.

    `earlier` is how often it was received in the queues before, where it is still the same message: a dead letter.
    """
    moved = tx.now if "DeadLetterQueueSourceArn" in system else None
    counts.changed(tx, row["queue"], there=-1, received=-(row["receives"] > 0))
    if target.is_fifo:
        tx.run("DELETE FROM sqs_messages WHERE seq = ?", row["seq"])
        trace = Trace(row["trace"], row["cause"], row["hops"])
        content = (message_id, row["body"], bytes(row["attributes"]), system)
        seq = _insert(tx, target, *content, sent, tx.now, trace=trace, group=row["grp"])
        tx.run("UPDATE sqs_messages SET earlier = ?, moved = ? WHERE seq = ?", earlier, moved, seq)
        return
    tx.run(
        "UPDATE sqs_messages SET queue = ?, id = ?, sent = ?, visible = ?, receives = 0, first_received = NULL,"
        " ticket = NULL, system = ?, earlier = ?, moved = ? WHERE seq = ?",
        *(target.id, message_id, sent, tx.now, orjson.dumps(system), earlier, moved, row["seq"]),
    )
    if row["tenant"] is not None:
        fair.joined(tx, target, row["tenant"], tx.now, is_sent=False)
    counts.changed(tx, target.id, there=1)
    tx.wake(queues.wake_name(target.arn))


def _visible(tx: Tx, queue: Queue, count: int) -> list[Row]:
    oldest = tx.now - queue.setting("MessageRetentionPeriod")
    return tx.all(
        "SELECT * FROM sqs_messages WHERE queue = ? AND visible <= ? AND sent > ? ORDER BY visible, seq LIMIT ?",
        *(queue.id, tx.now, oldest, count),
    )


def _hand_out(tx: Tx, queue: Queue, rows: Sequence[Row], hidden_until: float) -> list[Taken]:
    """All of them by one ticket: the handle of each names its place as well."""
    ticket = receipts.new_ticket(tx.now)
    places = [row["seq"] for row in rows]
    for begin in range(0, len(places), limits.SQS_BATCH_MAX):
        few = places[begin : begin + limits.SQS_BATCH_MAX]
        tx.run(_HAND_OUT[len(few)], hidden_until, ticket, tx.now, *few)
    if first := sum(row["receives"] == 0 for row in rows):
        counts.changed(tx, queue.id, received=first)
    return [_taken(queue, row, ticket, row["receives"] + 1, row["first_received"] or tx.now) for row in rows]


_HAND_OUT = {
    number: "UPDATE sqs_messages SET visible = ?, receives = receives + 1, ticket = ?,"  # noqa: S608 - only marks
    f" first_received = coalesce(first_received, ?) WHERE seq IN ({', '.join('?' * number)})"
    for number in range(1, limits.SQS_BATCH_MAX + 1)
}
"""For so many messages at once."""


def hand_out_again(tx: Tx, queue: Queue, rows: Sequence[Row], hide_s: int | None) -> list[Taken]:
    """The same receive of these messages once more: the same handles, hidden for their whole time."""
    hidden_until = tx.now + (queue.setting("VisibilityTimeout") if hide_s is None else hide_s)
    for row in rows:
        tx.run("UPDATE sqs_messages SET visible = ? WHERE seq = ?", hidden_until, row["seq"])
    for group in dict.fromkeys(row["grp"] for row in rows):
        _settle(tx, queue, group)
    return [_taken(queue, row, row["ticket"], row["receives"], row["first_received"]) for row in rows]


def _taken(queue: Queue, row: Row, ticket: str, receives: int, first_received: float) -> Taken:
    system = {
        **orjson.loads(row["system"]),
        "ApproximateReceiveCount": str(row["earlier"] + receives),
        "SentTimestamp": str(int(row["sent"] * 1000)),
        "ApproximateFirstReceiveTimestamp": str(int(first_received * 1000)),
        **({"SequenceNumber": fifo.sequence_number(row["seq"])} if queue.is_fifo else {}),
    }
    return Taken(
        id=row["id"],
        body=row["body"],
        trace=Trace(row["trace"], row["cause"], row["hops"], lineage_of(system.get("AWSTraceHeader", ""))),
        facts={
            "handle": receipts.handle_of(queue, row["seq"], ticket),
            "attributes": orjson.loads(row["attributes"]),
            "system": system,
        },
    )


def forget(tx: Tx, queue: Queue, handle: str) -> None:
    """The message is gone, unless it was received again since: then this handle no longer counts.

    A chaos experiment may keep it.

    In a FIFO queue a handle counts as long as the message is hidden by it ("DeleteMessage").
    """
    if _delete(tx, queue, handle, is_for_good=False):
        counts.changed(tx, queue.id, there=-1, received=-1)


def _delete(tx: Tx, queue: Queue, handle: str, *, is_for_good: bool) -> bool:
    """Whether the handle still counted and the message is gone; the queue's numbers are the caller's to change."""
    seq, ticket = receipts.parse(queue, handle)
    tx.lock("sqs", queue.arn)
    if queue.is_fifo:
        _check_hidden(tx, queue, seq, ticket, handle)
    if is_on(tx) and not is_for_good and disturbed.stays(tx, queue, seq, ticket):
        return False
    if queue.is_fifo:
        row = tx.one(f"{_GONE} RETURNING grp", seq, queue.id, ticket)
        if row is None:
            return False
        _settle(tx, queue, row["grp"])
    elif not tx.run(_GONE, seq, queue.id, ticket):
        return False
    tx.note(measuring.deleted(queue.arn, tx.now))
    return True


_GONE = "DELETE FROM sqs_messages WHERE seq = ? AND queue = ? AND ticket = ?"


def _check_hidden(tx: Tx, queue: Queue, seq: int, ticket: str, handle: str) -> None:
    oldest = tx.now - queue.setting("MessageRetentionPeriod")
    row = tx.one(
        "SELECT visible, ticket FROM sqs_messages WHERE seq = ? AND queue = ? AND sent > ?", seq, queue.id, oldest
    )
    if row is not None and (row["ticket"] != ticket or row["visible"] <= tx.now):
        raise _not_valid(handle, "ReceiptHandle", "The receipt handle has expired.")


def hide(tx: Tx, queue: Queue, handle: str, for_s: int) -> None:
    """The message stays hidden for `for_s` seconds from now; 0 shows it at once.

    At most for twelve hours since it was received. In a standard queue, a message whose time is over already and which
    nobody has received since stays as it is, and no error is told.
    """
    if not 0 <= for_s <= limits.SQS_VISIBILITY_MAX_S:
        raise _not_valid(
            for_s,
            "VisibilityTimeout",
            f"VisibilityTimeout must be an integer between 0 and {limits.SQS_VISIBILITY_MAX_S}.",
        )
    seq, ticket = receipts.parse(queue, handle)
    tx.lock("sqs", queue.arn)
    row = tx.one(
        "SELECT visible, grp, tenant FROM sqs_messages WHERE seq = ? AND queue = ? AND ticket = ? AND sent > ?",
        *(seq, queue.id, ticket, tx.now - queue.setting("MessageRetentionPeriod")),
    )
    if row is None or (queue.is_fifo and row["visible"] <= tx.now):
        raise _not_valid(
            handle, "ReceiptHandle", "Message does not exist or is not available for visibility timeout change."
        )
    if row["visible"] <= tx.now:
        return
    if tx.now + for_s > receipts.received_at(ticket) + limits.SQS_VISIBILITY_MAX_S:
        reason = f"Total VisibilityTimeout for the message is beyond the limit [{limits.SQS_VISIBILITY_MAX_S} seconds]"
        raise _not_valid(for_s, "VisibilityTimeout", reason)
    tx.run("UPDATE sqs_messages SET visible = ? WHERE seq = ?", tx.now + for_s, seq)
    if row["tenant"] is not None:
        fair.joined(tx, queue, row["tenant"], tx.now + for_s, is_sent=False)
    _settle(tx, queue, row["grp"])
    tx.wake(queues.wake_name(queue.arn))


def _not_valid(value: object, parameter: str, reason: str) -> InvalidParameterValue:
    return InvalidParameterValue(f"Value {value} for parameter {parameter} is invalid. Reason: {reason}")


def _show_at(tx: Tx, queue: Queue, handle: str, moment: float) -> None:
    """The message, if it is still hidden by this receive, is so no longer than until that moment."""
    seq, ticket = receipts.parse(queue, handle)
    tx.lock("sqs", queue.arn)
    row = tx.one(
        "UPDATE sqs_messages SET visible = ? WHERE seq = ? AND queue = ? AND ticket = ? AND visible > ?"
        " RETURNING grp, tenant",
        *(moment, seq, queue.id, ticket, moment),
    )
    if row is not None:
        if row["tenant"] is not None:
            fair.joined(tx, queue, row["tenant"], moment, is_sent=False)
        _settle(tx, queue, row["grp"])
        tx.wake(queues.wake_name(queue.arn))


def _settle(tx: Tx, queue: Queue, group: str | None) -> None:
    """What one message's end or its new time means for its group, where it has one that counts."""
    if queue.is_fifo and group is not None:
        fifo.settled(tx, queue, group)
        tx.wake(queues.wake_name(queue.arn))


def expire(tx: Tx) -> bool:
    """Fewer messages are left that are older than their queue keeps them. Whether there may be more of them."""
    most = limits.SQS_EXPIRED_AT_ONCE
    for queue in queues.every(tx):
        oldest = tx.now - queue.setting("MessageRetentionPeriod")
        sql = "SELECT seq FROM sqs_messages WHERE queue = ? AND sent + 0 <= ? ORDER BY sent + 0 LIMIT ?"
        if tx.one(sql, queue.id, oldest, 1) is None:
            continue  # nobody waits for a lock on a queue in which all is as it should be
        tx.lock("sqs", queue.arn)
        gone = tx.all(
            f"DELETE FROM sqs_messages WHERE seq IN ({sql}) RETURNING grp, receives",  # noqa: S608 - a text of ours
            *(queue.id, oldest, most),
        )
        counts.changed(tx, queue.id, there=-len(gone), received=-sum(row["receives"] > 0 for row in gone))
        for group in dict.fromkeys(row["grp"] for row in gone):
            _settle(tx, queue, group)
        most -= len(gone)
        if most <= 0:
            return True
    return False


def has_visible(tx: Tx, queue: Queue) -> bool:
    if queue.is_fifo:
        return bool(fifo.ready(tx, queue, 1))
    sql = "SELECT 1 FROM sqs_messages WHERE queue = ? AND visible <= ? AND sent > ? LIMIT 1"
    return tx.one(sql, queue.id, tx.now, tx.now - queue.setting("MessageRetentionPeriod")) is not None


def next_visible(tx: Tx, queue: Queue) -> float | None:
    """When the next hidden or delayed message shows itself."""
    if queue.is_fifo:
        return fifo.next_ready(tx, queue)
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
    if queue.is_fifo and delivery.deduplication_id is not None:
        system["MessageDeduplicationId"] = delivery.deduplication_id
    try:
        put(
            tx,
            queue,
            clean(delivery.body),
            trace=delivery.effects,
            message_id=names.new_uuid(),
            attributes=delivery.attributes,
            system=system,
        )
    except AwsError as error:  # a FIFO queue that was not told the message's group or identity
        raise Refused(error.message, "INVALID_PARAMETER") from error


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

    content = "body"

    def take(self, tx: Tx, arn: str, reader: str, count: int, longer_s: float = 0.0) -> list[Taken]:
        tx.lock("sqs", arn)
        queue = queues.get(tx, arn)
        if queue is None:
            return []
        if longer_s <= 0:
            return take(tx, queue, count)
        held_s = queue.setting("VisibilityTimeout")
        taken = take(tx, queue, count, held_s + longer_s)
        for each in taken:
            each.facts["shows"] = tx.now + held_s
        return taken

    def held_s(self, tx: Tx, arn: str) -> float:
        queue = queues.get(tx, arn)
        return 0.0 if queue is None else float(queue.setting("VisibilityTimeout"))

    def settle(self, tx: Tx, arn: str, reader: str, done: Sequence[Taken], failed: Sequence[Taken]) -> None:
        """What was handled is deleted; what failed stays hidden until its visibility ends.

        A queue that was deleted meanwhile has taken its messages with it, even if there is another of its name now.
        """
        queue = queues.get(tx, arn)
        if queue is None or (is_on(tx) and disturbed.come_again(tx, queue, reader, done)):
            return
        gone = 0
        for message in done:
            with suppress(ReceiptHandleIsInvalid, InvalidParameterValue):  # this one comes again, or has gone
                gone += _delete(tx, queue, message.facts["handle"], is_for_good=True)
        if gone:
            counts.changed(tx, queue.id, there=-gone, received=-gone)
        for message in failed:
            if "shows" in message.facts:
                with suppress(ReceiptHandleIsInvalid):
                    _show_at(tx, queue, message.facts["handle"], message.facts["shows"])

    def next_due(self, tx: Tx, arn: str) -> float | None:
        queue = queues.get(tx, arn)
        if queue is None:
            return None
        if not has_visible(tx, queue):
            return next_visible(tx, queue)
        return tx.now + limits.SQS_FULL_PAUSE_S if flight.is_full(tx, queue) else tx.now

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
