"""How many messages of a queue may be in flight at once, without counting them whenever some are handed out.

They are counted when as many were handed out since the last count as there was room for then, or 10,000. What is
deleted or shows itself again in the meantime only makes more room, so no more are in flight than may be; on a cluster,
where every node counts for itself, at most 10,000 more for each.
"""

from __future__ import annotations

from wakeful import limits
from wakeful.fabric.parts import kept
from wakeful.services.sqs import counts
from wakeful.services.sqs.queue import Queue
from wakeful.store.tx import Tx

_QUEUES_KEPT = 10_000


class Rooms:
    """How many more messages of each queue may be handed out before those in flight are counted again.

    A transaction that is undone, or run twice, has taken room for nothing: the next count gives it back.
    """

    def __init__(self) -> None:
        self._left: dict[int, int] = {}

    def left(self, queue_id: int) -> int:
        return self._left.get(queue_id, 0)

    def put(self, queue_id: int, left: int) -> None:
        if len(self._left) >= _QUEUES_KEPT:
            self._left.clear()
        self._left[queue_id] = left


def room(tx: Tx, queue: Queue, count: int) -> int:
    """How many messages may be handed out now: `count`, or what there is room for."""
    rooms = _rooms(tx)
    left = rooms.left(queue.id)
    if left < count:
        most, uncounted = limits.SQS_IN_FLIGHT_MAX, limits.SQS_IN_FLIGHT_UNCOUNTED_MAX
        left = min(most - counts.in_flight(tx, queue, few=most - uncounted), uncounted)
        rooms.put(queue.id, left)
    return max(0, min(left, count))


def took(tx: Tx, queue: Queue, count: int) -> None:
    """So many messages more are in flight."""
    rooms = _rooms(tx)
    rooms.put(queue.id, rooms.left(queue.id) - count)


def is_full(tx: Tx, queue: Queue) -> bool:
    """Whether no message more may be in flight."""
    return _rooms(tx).left(queue.id) <= 0 and counts.in_flight(tx, queue) >= limits.SQS_IN_FLIGHT_MAX


def _rooms(tx: Tx) -> Rooms:
    """A store that no node has opened remembers nothing, and counts each time."""
    return kept(tx, Rooms) if tx.parts is not None else Rooms()
