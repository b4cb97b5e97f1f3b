"""A queue as a chaos experiment wants it: messages late, twice, before others, or again after they were deleted.

All of it is what a standard queue may do on AWS ("Amazon SQS standard queues", "Amazon SQS at-least-once delivery"). A
FIFO queue keeps its order: its messages may be late, and a batch that was handled may come again as a whole.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from wakeful.fabric.chaos.asking import concerns, hit, hits, is_wanted
from wakeful.fabric.chaos.experiment import NEVER_IN_ORDER, Place
from wakeful.fabric.source import Taken
from wakeful.fabric.trace import Trace
from wakeful.services.sqs.queue import Queue
from wakeful.store.tx import Tx

_NEXT_TO_NOTHING_S = 0.01
"""More than all that messages of one moment are put apart."""


def shown(tx: Tx, queue: Queue, visible: float, message_id: str, trace: Trace) -> list[float]:
    """When a message that was just sent shows itself, which would be `visible`; then the same of each copy of it."""
    place, in_order = _place(queue), _place(queue, f"source:{queue.arn}")
    if not concerns(tx, in_order):
        return [visible]
    tx.lock("sqs", queue.arn)
    for late in hits(tx, "delay", in_order):
        delay_s = late.seconds()
        visible += delay_s
        late.did(tx, trace, message_id, f"visible {delay_s:.3f} s later")
    copies: list[float] = []
    for twice in hits(tx, "duplicate", place):
        apart_s = [twice.seconds(f"copy {number}") for number in range(twice.dose.copies)]
        copies += [visible + each for each in apart_s]
        twice.did(tx, trace, message_id, f"a copy {', '.join(f'{each:.3f}' for each in apart_s)} s after it")
    if visible <= tx.now and is_wanted(tx, "reorder", in_order):
        before = hit(tx, "reorder", in_order)
        count, visible = _overtake(tx, queue, visible, 0 if before is None else before.one_of(before.dose.window))
        if before is not None and count:
            before.did(tx, trace, message_id, f"before {count} that came earlier")
    return [visible, *copies]


def stays(tx: Tx, queue: Queue, seq: int, ticket: str) -> bool:
    """Whether a message that its receiver deletes comes again, because a server had a copy that was not deleted.

    Only one that was received for the first time: whoever goes on deleting has an end.
    """
    if queue.is_fifo or not is_wanted(tx, "redeliver", _place(queue)):
        return False
    row = tx.one(
        "SELECT id, receives, trace, cause, hops FROM sqs_messages WHERE seq = ? AND queue = ? AND ticket = ?",
        *(seq, queue.id, ticket),
    )
    if row is None or row["receives"] > 1:
        return False
    again = hit(tx, "redeliver", _place(queue))
    if again is None:
        return False
    again.did(tx, Trace(row["trace"], row["cause"], row["hops"]), row["id"], "comes again though it was deleted")
    return True


def come_again(tx: Tx, queue: Queue, reader: str, done: Sequence[Taken]) -> bool:
    """Whether a mapping is too late to delete what its function has handled. That happens to a message once."""
    if not done or any(each.facts["system"]["ApproximateReceiveCount"] != "1" for each in done):
        return False
    mapping = f"arn:aws:lambda:{queue.region}:{queue.account}:event-source-mapping:{reader}"
    again = hit(tx, "redeliver", _place(queue, f"reader:{reader}", mapping))
    if again is None:
        return False
    for each in done:
        again.did(tx, each.trace, each.id, "handled, and deleted too late: comes again")
    return True


def _place(queue: Queue, *also: str) -> Place:
    return Place(queue.arn, also, NEVER_IN_ORDER["queue"] if queue.is_fifo else ())


def _overtake(tx: Tx, queue: Queue, visible: float, most: int) -> tuple[int, float]:
    """How many of the last that wait the message is put before, at most so many; and when it then shows itself.

    Messages are given out by the time at which they showed themselves, then by their place. Those that are overtaken
    show themselves later by next to nothing, each a little after the one before it.
    """
    last = tx.all(
        "SELECT seq, visible FROM sqs_messages WHERE queue = ? AND visible <= ?"
        " ORDER BY visible DESC, seq DESC LIMIT ?",
        *(queue.id, visible + _NEXT_TO_NOTHING_S, max(1, most)),
    )
    if not most or not last:
        return 0, max([visible, *(row["visible"] for row in last)])
    moment = place = float(last[-1]["visible"])
    for row in reversed(last):
        place = max(row["visible"], math.nextafter(place, math.inf))
        tx.run("UPDATE sqs_messages SET visible = ? WHERE seq = ?", place, row["seq"])
    return len(last), moment
