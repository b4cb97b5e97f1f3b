"""How many messages a queue has. "Approximate" on AWS, exact here, and as quickly told of a million as of ten.

How many there are, and how many of them were ever handed out, is a number that whoever changes it keeps in the same
transaction. Who sends at the same time does so in a lane of its own and waits for nobody. What hides is counted when
somebody asks, because it shows itself by time alone: the fewer that are, the sooner.
"""

from __future__ import annotations

from dataclasses import dataclass

from wakeful.services.sqs.queue import Queue
from wakeful.store.tx import Tx


@dataclass(frozen=True, slots=True)
class Counts:
    """Of what is not older than the queue keeps it."""

    visible: int
    in_flight: int
    delayed: int


def changed(tx: Tx, queue_id: int, *, there: int = 0, received: int = 0) -> None:
    """So many more messages are there, and so many more of those that are there were handed out at least once."""
    tx.lock("sqs", "counts", str(queue_id), str(tx.lane))
    tx.add(
        "INSERT INTO sqs_counts(queue, lane, there, received) VALUES (?, ?, ?, ?) ON CONFLICT(queue, lane) DO UPDATE"
        " SET there = sqs_counts.there + excluded.there, received = sqs_counts.received + excluded.received",
        (queue_id, tx.lane),
        (there, received),
    )


def of(tx: Tx, queue: Queue) -> Counts:
    there = _number(tx, "SELECT sum(there) AS number FROM sqs_counts WHERE queue = ?", queue.id)
    hidden, delayed = (_number(tx, sql, queue.id, tx.now) for sql in (_HIDDEN, f"{_HIDDEN} AND receives = 0"))
    late = tx.one(
        "SELECT count(*) AS there, sum(CASE WHEN visible > ? THEN 1 END) AS hidden,"
        " sum(CASE WHEN visible > ? AND receives = 0 THEN 1 END) AS delayed"
        " FROM sqs_messages WHERE queue = ? AND sent + 0 <= ?",
        *(tx.now, tx.now, queue.id, tx.now - queue.setting("MessageRetentionPeriod")),
    )
    assert late is not None
    there, hidden, delayed = there - late["there"], hidden - (late["hidden"] or 0), delayed - (late["delayed"] or 0)
    return Counts(visible=there - hidden, in_flight=hidden - delayed, delayed=delayed)


def in_flight(tx: Tx, queue: Queue, *, few: int = 0) -> int:
    """How many messages are in flight; where no more than `few` were ever handed out, how many those are.

    That many may show themselves again already, but it is a number that stands in a row, and nothing is counted.
    """
    received = _number(tx, "SELECT sum(received) AS number FROM sqs_counts WHERE queue = ?", queue.id)
    return received if received <= few else of(tx, queue).in_flight


def make(tx: Tx) -> None:
    """A store of an earlier version has its numbers."""
    if tx.one("SELECT 1 FROM sqs_counts LIMIT 1") is None:
        tx.run(
            "INSERT INTO sqs_counts(queue, lane, there, received) SELECT queue, 0, count(*),"
            " sum(CASE WHEN receives > 0 THEN 1 ELSE 0 END) FROM sqs_messages GROUP BY queue"
        )


_HIDDEN = "SELECT count(*) AS number FROM sqs_messages WHERE queue = ? AND visible > ?"


def _number(tx: Tx, sql: str, *args: object) -> int:
    row = tx.one(sql, *args)
    assert row is not None
    return int(row["number"] or 0)
