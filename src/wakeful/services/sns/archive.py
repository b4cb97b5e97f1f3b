"""The archive of a FIFO topic: what was published, for as long as the topic's archive policy says.

"Amazon SNS message archiving for FIFO topic owners". Expired messages are never shown; their rows go in batches.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

import orjson

from wakeful import limits
from wakeful.fabric.service import Again, Done, Node, Worker
from wakeful.fabric.trace import Trace
from wakeful.services.sns import archive_policy
from wakeful.services.sns.message import Message
from wakeful.services.sns.topic import Topic
from wakeful.store import work
from wakeful.store.tx import Row, Tx

_DISCARD = "sns.archive"


@dataclass(frozen=True, slots=True)
class Archived:
    """A message in the archive. `trace` is of what its publication set off."""

    sequence: int
    message: Message
    trace: Trace


def keep(tx: Tx, topic: Topic, messages: Sequence[Message], trace: Trace, at: float) -> None:
    """The messages, which have their numbers, are in the archive. `at` is the Timestamp that they were sent with."""
    for message in messages:
        tx.run(
            "INSERT INTO sns_archive(seq, topic, published, message, trace) VALUES (?, ?, ?, ?, ?)",
            *(
                message.sequence,
                topic.arn,
                tx.now,
                orjson.dumps(asdict(replace(message, published=at))),
                orjson.dumps(asdict(trace)),
            ),
        )


def before(tx: Tx, topic: Topic, moment: float) -> int:
    """The number of the last message that was published before the moment; 0 where there is none."""
    row = tx.one(
        "SELECT seq FROM sns_archive WHERE topic = ? AND published >= ? ORDER BY published, seq LIMIT 1",
        *(topic.arn, moment),
    )
    return newest(tx, topic) if row is None else int(row["seq"]) - 1


def newest(tx: Tx, topic: Topic) -> int:
    """The number of the latest message; 0 where there is none."""
    row = tx.one("SELECT max(seq) AS seq FROM sns_archive WHERE topic = ?", topic.arn)
    return 0 if row is None or row["seq"] is None else int(row["seq"])


def after(tx: Tx, topic: str, seq: int, count: int) -> list[Archived]:
    """Up to `count` messages behind that number, in their order."""
    rows = tx.all("SELECT * FROM sns_archive WHERE topic = ? AND seq > ? ORDER BY seq LIMIT ?", topic, seq, count)
    return [_archived(row) for row in rows]


def discard(tx: Tx, topic: str, until: float) -> None:
    """What was published until then goes, in its own time."""
    work.put(tx, _DISCARD, {"topic": topic, "until": until})


def expire(tx: Tx) -> None:
    """What is older than its topic keeps it goes."""
    for row in tx.all("SELECT arn, attributes FROM sns_topics WHERE archiving IS NOT NULL"):
        until = tx.now - archive_policy.retention_s(orjson.loads(row["attributes"])["ArchivePolicy"])
        oldest = tx.one("SELECT min(published) AS published FROM sns_archive WHERE topic = ?", row["arn"])
        if oldest is not None and oldest["published"] is not None and oldest["published"] <= until:
            discard(tx, row["arn"], until)


def _archived(row: Row) -> Archived:
    message, trace = Message(**orjson.loads(row["message"])), Trace(**orjson.loads(row["trace"]))
    return Archived(row["seq"], message, trace)


async def _discard(node: Node, item: work.Item) -> Done | Again:
    topic, until = item.body["topic"], item.body["until"]
    is_over = await node.store.write(_discard_some, topic, until)
    return Done() if is_over else Again(node.clock.now())


def _discard_some(tx: Tx, topic: str, until: float) -> bool:
    tx.lock("sns", topic)
    count = tx.run(
        "DELETE FROM sns_archive WHERE seq IN (SELECT seq FROM sns_archive WHERE topic = ? AND published <= ?"
        " ORDER BY published LIMIT ?)",
        *(topic, until, limits.SNS_ARCHIVE_DISCARD_BATCH),
    )
    return count < limits.SNS_ARCHIVE_DISCARD_BATCH


worker = Worker(_DISCARD, _discard, slots=1)
