"""What a FIFO queue adds: groups whose messages come in order, and five minutes in which a message comes but once.

A group is a row as long as it has messages: its head, and from when on that may be handed out. While a message of the
group is in flight that is when the last of them shows itself again, so nothing of the group is taken before; a receiver
looks at groups that are ready, never at the messages that wait behind their heads.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from wakeful import limits
from wakeful.services.sqs.errors import InvalidParameterValue, MissingParameter
from wakeful.services.sqs.queue import Queue
from wakeful.store.tx import Row, Tx


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a message belongs in a FIFO queue, and what makes it the same message as another."""

    group: str
    deduplication_id: str


def placement(queue: Queue, entry: Mapping[str, str | None], body: str) -> Placement:
    """Of a message that is sent. Raises what SQS answers where the sender has not said enough."""
    group = entry.get("MessageGroupId")
    if not group:
        raise MissingParameter("The request must contain the parameter MessageGroupId.")
    deduplication_id = entry.get("MessageDeduplicationId")
    if not deduplication_id:
        if not queue.is_content_deduplicated:
            raise InvalidParameterValue(
                "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided"
                " explicitly"
            )
        deduplication_id = hashlib.sha256(body.encode()).hexdigest()
    return Placement(group, deduplication_id)


def sequence_number(seq: int) -> str:
    """Of the message at that place: twenty digits that grow."""
    return str(10**19 + seq)


def sent_before(tx: Tx, queue: Queue, where: Placement) -> tuple[str, int] | None:
    """Id and place of the message that this one would repeat ("Using the Amazon SQS message deduplication ID")."""
    tx.lock("sqs", queue.arn)
    row = tx.one(
        "SELECT message, seq FROM sqs_deduplications WHERE queue = ? AND scope = ? AND id = ? AND until > ?",
        *(queue.lasting_id, _scope(queue, where.group), where.deduplication_id, tx.now),
    )
    return None if row is None else (row["message"], row["seq"])


def remember(tx: Tx, queue: Queue, where: Placement, message_id: str, seq: int) -> None:
    """For five minutes the message is not taken a second time, whatever becomes of it."""
    scope, until = _scope(queue, where.group), tx.now + limits.SQS_DEDUPLICATION_S
    tx.run(
        "INSERT INTO sqs_deduplications(queue, scope, id, until, message, seq) VALUES (?, ?, ?, ?, ?, ?)"
        " ON CONFLICT(queue, scope, id) DO UPDATE SET until = excluded.until, message = excluded.message,"
        " seq = excluded.seq",
        *(queue.lasting_id, scope, where.deduplication_id, until, message_id, seq),
    )


def joined(tx: Tx, queue: Queue, group: str, seq: int, visible: float) -> None:
    """A message is at the end of its group."""
    tx.run(
        "INSERT INTO sqs_groups(queue, grp, head, ready) VALUES (?, ?, ?, ?) ON CONFLICT(queue, grp) DO NOTHING",
        *(queue.id, group, seq, visible),
    )


def settled(tx: Tx, queue: Queue, group: str) -> None:
    """The group's row is as its messages are now; a group without any has none."""
    oldest = tx.now - queue.setting("MessageRetentionPeriod")
    head = tx.one(
        "SELECT seq, visible FROM sqs_messages WHERE queue = ? AND grp = ? AND sent > ? ORDER BY seq LIMIT 1",
        *(queue.id, group, oldest),
    )
    if head is None:
        tx.run("DELETE FROM sqs_groups WHERE queue = ? AND grp = ?", queue.id, group)
        return
    kept_s = queue.setting("MessageRetentionPeriod")  # what expires in flight locks its group no longer
    in_flight = tx.one(
        "SELECT max(CASE WHEN visible < sent + ? THEN visible ELSE sent + ? END) AS until FROM sqs_messages"
        " WHERE queue = ? AND grp = ? AND ticket IS NOT NULL AND visible > ? AND sent > ?",
        *(kept_s, kept_s, queue.id, group, tx.now, oldest),
    )
    locked_until = in_flight["until"] if in_flight is not None else None
    tx.run(
        "UPDATE sqs_groups SET head = ?, ready = ? WHERE queue = ? AND grp = ?",
        *(head["seq"], head["visible"] if locked_until is None else locked_until, queue.id, group),
    )


def delayed_anew(tx: Tx, queue: Queue) -> None:
    """The queue's delay is also that of the messages that were sent to it and never received."""
    tx.lock("sqs", queue.arn)
    tx.run(
        "UPDATE sqs_messages SET visible = sent + ? WHERE queue = ? AND receives = 0 AND moved IS NULL",
        *(queue.setting("DelaySeconds"), queue.id),
    )
    for row in tx.all("SELECT grp FROM sqs_groups WHERE queue = ?", queue.id):
        settled(tx, queue, row["grp"])


def ready(tx: Tx, queue: Queue, count: int) -> list[str]:
    """Up to `count` groups of which something may be taken, the longest ready first."""
    rows = tx.all(
        "SELECT grp FROM sqs_groups WHERE queue = ? AND ready <= ? ORDER BY ready, head LIMIT ?",
        *(queue.id, tx.now, count),
    )
    return [row["grp"] for row in rows]


def in_order(tx: Tx, queue: Queue, group: str, count: int) -> list[Row]:
    """The first messages of a group that is ready, up to the first that is still delayed."""
    oldest = tx.now - queue.setting("MessageRetentionPeriod")
    rows = tx.all(
        "SELECT * FROM sqs_messages WHERE queue = ? AND grp = ? AND sent > ? ORDER BY seq LIMIT ?",
        *(queue.id, group, oldest, count),
    )
    delayed = next((place for place, row in enumerate(rows) if row["visible"] > tx.now), len(rows))
    return rows[:delayed]


def first(tx: Tx, queue: Queue, count: int, *, last: int) -> list[Row]:
    """Up to `count` messages up to the place `last` that may be handed out, those of each group in their order."""
    found: list[Row] = []
    seen: set[str] = set()
    while len(found) < count:
        groups = [group for group in ready(tx, queue, count + len(seen)) if group not in seen]
        if not groups:
            break
        for group in groups:
            found += [row for row in in_order(tx, queue, group, count - len(found)) if row["seq"] <= last]
            if len(found) == count:
                break
        seen.update(groups)
    return found


def next_ready(tx: Tx, queue: Queue) -> float | None:
    """When the next group that is locked or delayed is ready."""
    row = tx.one("SELECT min(ready) AS due FROM sqs_groups WHERE queue = ? AND ready > ?", queue.id, tx.now)
    return None if row is None or row["due"] is None else float(row["due"])


def forget_old(tx: Tx) -> bool:
    """Fewer identities are remembered for longer than five minutes. Whether there may be more of them."""
    tx.lock("sqs", "deduplications")
    most = limits.SQS_EXPIRED_AT_ONCE
    gone = [
        tx.run(
            f"DELETE FROM {table} WHERE ({key}) IN (SELECT {key} FROM {table} WHERE until <= ? LIMIT ?)",  # noqa: S608
            *(tx.now, most),
        )
        for table, key in (("sqs_deduplications", "queue, scope, id"), ("sqs_attempts", "queue, id"))
    ]
    return most in gone


def _scope(queue: Queue, group: str) -> str:
    return group if queue.attributes.get("DeduplicationScope") == "messageGroup" else ""
