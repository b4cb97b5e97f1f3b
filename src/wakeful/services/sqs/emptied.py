"""What purged and deleted queues held: nobody is given any of it again, and it is deleted little by little.

Messages belong to their queue's id. To purge a queue is to give it another id, which takes no longer with a million
messages than with none; what belongs to the id it had is deleted in portions, between which others write.
"""

from __future__ import annotations

from wakeful import limits
from wakeful.fabric.service import Done, Node, Worker
from wakeful.store import work
from wakeful.store.tx import Tx

KIND = "sqs.empty"


def fresh_id(tx: Tx) -> int:
    """An id that no queue has, and to which nothing belongs any more."""
    tx.lock("sqs", "ids")
    row = tx.one(
        "SELECT max(id) AS latest FROM"
        " (SELECT max(id) AS id FROM sqs_queues UNION ALL SELECT max(queue) AS id FROM sqs_emptied) AS used"
    )
    assert row is not None
    return int(row["latest"] or 0) + 1


def leave(tx: Tx, queue_id: int) -> None:
    """What belongs to the id is nobody's any more, and is being deleted.

    The id rests for a while: on a cluster somebody may be adding to it who saw the queue as it was, and what was sent
    to a FIFO queue is remembered for five minutes.
    """
    tx.run("INSERT INTO sqs_emptied(queue, until) VALUES (?, ?)", queue_id, tx.now + limits.SQS_DEDUPLICATION_S)
    work.put(tx, KIND, {"queue": queue_id})


def delete_some(tx: Tx, queue_id: int) -> bool:
    """Less belongs to the id. Whether there may be more of it."""
    tx.lock("sqs", "emptied")
    most = limits.SQS_EMPTIED_AT_ONCE
    gone = [
        tx.run(
            "DELETE FROM sqs_messages WHERE seq IN (SELECT seq FROM sqs_messages WHERE queue = ? LIMIT ?)",
            *(queue_id, most),
        )
    ]
    for table, name in (("sqs_groups", "grp"), ("sqs_tenants", "tenant")):
        some = f"SELECT {name} FROM {table} WHERE queue = ? LIMIT ?"  # noqa: S608 - names of ours
        gone.append(tx.run(f"DELETE FROM {table} WHERE queue = ? AND {name} IN ({some})", queue_id, queue_id, most))  # noqa: S608
    for table in ("sqs_counts", "sqs_fairness"):
        tx.run(f"DELETE FROM {table} WHERE queue = ?", queue_id)  # noqa: S608 - names of ours
    return most in gone


def sweep(tx: Tx) -> bool:
    """Ids that have rested, and to which nothing belongs any more, are forgotten. Whether there may be more of that."""
    are_more = False
    for row in tx.all("SELECT queue FROM sqs_emptied WHERE until <= ?", tx.now):
        if delete_some(tx, row["queue"]):
            are_more = True
        else:
            tx.run("DELETE FROM sqs_emptied WHERE queue = ?", row["queue"])
    return are_more


async def _empty(node: Node, item: work.Item) -> Done:
    while await node.store.write(delete_some, item.body["queue"]):
        pass  # portions, so that others can write between
    return Done()


worker = Worker(KIND, _empty, slots=1, is_lazy=True)
