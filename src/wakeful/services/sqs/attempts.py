"""Receives of FIFO queues that are asked for again, because the answer to the first was lost on its way."""

from __future__ import annotations

import orjson

from wakeful import limits
from wakeful.fabric.source import Taken
from wakeful.services.sqs import messages, receipts
from wakeful.services.sqs.queue import Queue
from wakeful.store.tx import Row, Tx


def take(tx: Tx, queue: Queue, attempt: str, count: int, hide_s: int | None) -> list[Taken]:
    """What the first attempt of that id got, as long as nothing of it was deleted, shown or hidden anew: the same
    messages with the same handles, hidden for their whole time once more. Else what there is to take now.

    ("ReceiveMessage", of ReceiveRequestAttemptId: five minutes.)
    """
    tx.lock("sqs", queue.arn)
    again = _still_hidden(tx, queue, attempt)
    if again:
        return messages.hand_out_again(tx, queue, again, hide_s)
    taken = messages.take(tx, queue, count, hide_s)
    kept = [receipts.parse(queue, each.facts["handle"]) for each in taken]
    tx.run(
        "INSERT INTO sqs_attempts(queue, id, until, messages) VALUES (?, ?, ?, ?)"
        " ON CONFLICT(queue, id) DO UPDATE SET until = excluded.until, messages = excluded.messages",
        *(queue.id, attempt, tx.now + limits.SQS_DEDUPLICATION_S, orjson.dumps(kept)),
    )
    return taken


def _still_hidden(tx: Tx, queue: Queue, attempt: str) -> list[Row]:
    """The messages of that attempt; none where one of them is no longer as it left them."""
    made = tx.one(
        "SELECT messages FROM sqs_attempts WHERE queue = ? AND id = ? AND until > ?", queue.id, attempt, tx.now
    )
    if made is None:
        return []
    kept = orjson.loads(made["messages"])
    rows = [
        tx.one(
            "SELECT * FROM sqs_messages WHERE seq = ? AND queue = ? AND ticket = ? AND visible > ?",
            *(seq, queue.id, ticket, tx.now),
        )
        for seq, ticket in kept
    ]
    return [row for row in rows if row is not None] if all(rows) else []
