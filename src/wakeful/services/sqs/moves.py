"""Message move tasks: what lies in a dead-letter queue goes back to where it came from, or to another queue."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass

import orjson

from wakeful import limits, names
from wakeful.fabric.service import Again, Done, Node, Worker
from wakeful.services.sqs import counts, fifo, messages
from wakeful.services.sqs import queue as queues
from wakeful.services.sqs.errors import InvalidParameterValue, ResourceNotFoundException, UnsupportedOperation
from wakeful.services.sqs.queue import Queue
from wakeful.store import work
from wakeful.store.tx import Row, Tx

KIND = "sqs.move"


@dataclass(frozen=True, slots=True)
class Move:
    """One task. `last` is the newest message it moves: what comes later is not its business, and neither is what has
    been moved and died again."""

    id: str
    source: str
    destination: str | None
    rate: int | None
    """Messages a second; None for as fast as it goes."""
    last: int
    total: int
    moved: int
    status: str
    reason: str | None
    started: float

    @property
    def handle(self) -> str:
        return base64.b64encode(json.dumps({"taskId": self.id, "sourceArn": self.source}).encode()).decode()


def start(tx: Tx, source_arn: str, destination_arn: str | None, rate: int | None) -> Move:
    """The task runs. Raises what SQS answers where there is nothing to move from or to ("StartMessageMoveTask")."""
    tx.lock("sqs", source_arn)
    source = queues.get(tx, source_arn)
    if source is None:
        raise ResourceNotFoundException("The resource that you specified for the SourceArn parameter doesn't exist.")
    if not queues.sources_of(tx, source):
        raise InvalidParameterValue("Source queue must be configured as a Dead Letter Queue.")
    if destination_arn is not None:
        _check_destination(tx, source, destination_arn)
    if _latest(tx, source_arn, "RUNNING") is not None:
        raise UnsupportedOperation(
            "There is already a task running. Only one active task is allowed for a source queue arn at a given time."
        )
    there = counts.of(tx, source)
    newest = tx.one("SELECT max(seq) AS last FROM sqs_messages")  # of all queues: it is found at once
    assert newest is not None
    move_id = names.new_uuid()
    tx.run(
        "INSERT INTO sqs_moves(id, source, destination, rate, last, total, moved, status, started)"
        " VALUES (?, ?, ?, ?, ?, ?, 0, 'RUNNING', ?)",
        *(move_id, source_arn, destination_arn, rate, newest["last"] or 0),
        *(there.visible + there.in_flight + there.delayed, tx.now),
    )
    work.put(tx, KIND, {"id": move_id})
    _forget_all_but_the_latest(tx, source_arn)
    return find(tx, move_id)


def _check_destination(tx: Tx, source: Queue, destination_arn: str) -> None:
    destination = queues.get(tx, destination_arn)
    if destination is None:
        raise ResourceNotFoundException(
            "The resource that you specified for the DestinationArn parameter doesn't exist."
        )
    if destination.id == source.id:
        raise InvalidParameterValue("Source queue and destination queue cannot be the same.")
    if destination.is_fifo != source.is_fifo:
        raise InvalidParameterValue("Source queue and destination queue must be of the same type.")


def find(tx: Tx, move_id: str) -> Move:
    """Raises ResourceNotFoundException."""
    row = tx.one("SELECT * FROM sqs_moves WHERE id = ?", move_id)
    if row is None:
        raise ResourceNotFoundException("Task does not exist.")
    return _move(row)


def of_source(tx: Tx, source_arn: str, limit: int) -> list[Move]:
    """The queue's latest tasks, the newest first. Raises ResourceNotFoundException where there is no such queue."""
    if queues.get(tx, source_arn) is None:
        raise ResourceNotFoundException("The resource that you specified for the SourceArn parameter doesn't exist.")
    rows = tx.all(
        "SELECT * FROM sqs_moves WHERE source = ? ORDER BY started DESC, place DESC LIMIT ?", source_arn, limit
    )
    return [_move(row) for row in rows]


def cancel(tx: Tx, handle: str) -> Move:
    """The task moves nothing more; what it has moved stays where it is."""
    move_id, source_arn = parse_handle(handle)
    tx.lock("sqs", source_arn)
    move = find(tx, move_id)
    if move.source != source_arn:  # whose rights were asked for
        raise ResourceNotFoundException("Task does not exist.")
    if move.status != "RUNNING":
        raise UnsupportedOperation("Only active tasks can be cancelled.")
    _end(tx, move, "CANCELLED")
    return move


def parse_handle(handle: str) -> tuple[str, str]:
    """The task and the queue it moves from. Raises InvalidParameterValue for what we never gave out."""
    try:
        told = json.loads(base64.b64decode(handle, validate=True))
        return str(told["taskId"]), str(told["sourceArn"])
    except (ValueError, KeyError, TypeError, RecursionError):
        raise InvalidParameterValue(f"Value {handle} for parameter TaskHandle is invalid.") from None


async def _carry_out(node: Node, item: work.Item) -> Done | Again:
    """One portion, in a transaction of its own; a task with a rate pauses a second between portions."""
    goes_on = await node.store.write(_move_some, item.body["id"])
    if goes_on is None:
        return Done()
    return Again(node.clock.now() + goes_on)


def _move_some(tx: Tx, move_id: str) -> float | None:
    """How long to wait before the next portion; None when the task has ended."""
    row = tx.one("SELECT * FROM sqs_moves WHERE id = ?", move_id)
    if row is None:
        return None
    tx.lock("sqs", row["source"])
    row = tx.one("SELECT * FROM sqs_moves WHERE id = ?", move_id)
    if row is None or row["status"] != "RUNNING":
        return None  # the queue was deleted, or the task cancelled, before this got the lock
    move = _move(row)
    end = _move_portion(tx, move)
    if end is None:
        return 0.0 if move.rate is None else 1.0
    _end(tx, move, *end)
    return None


def _move_portion(tx: Tx, move: Move) -> tuple[str, str | None] | None:
    """The task's last state and its reason; None where there may be more to move."""
    source = queues.get(tx, move.source)
    if source is None:
        return "FAILED", "AWS.SimpleQueueService.NonExistentQueue"
    if tx.now > move.started + limits.SQS_MOVE_S_MAX:
        return "FAILED", "The task ran for longer than 36 hours."
    portion = min(move.rate or limits.SQS_MOVED_AT_ONCE, move.total - move.moved)
    if source.is_fifo:
        waiting = fifo.first(tx, source, portion, last=move.last)
    else:
        oldest = tx.now - source.setting("MessageRetentionPeriod")
        waiting = tx.all(
            "SELECT * FROM sqs_messages WHERE queue = ? AND visible <= ? AND sent > ? AND seq <= ?"
            " AND (moved IS NULL OR moved <= ?) ORDER BY visible, seq LIMIT ?",
            *(source.id, tx.now, oldest, move.last, move.started, portion),
        )
    for message in waiting:
        failure = _move_one(tx, move, message)
        if source.is_fifo:
            fifo.settled(tx, source, message["grp"])
        if failure is not None:
            return "FAILED", failure
    is_over = len(waiting) < portion or move.moved + portion == move.total
    return ("COMPLETED", None) if is_over else None


def _move_one(tx: Tx, move: Move, message: Row) -> str | None:
    """The message is in its new queue, as a new one: it may be received as often as any. Or why it cannot be."""
    system = orjson.loads(message["system"])
    came_from = system.pop("DeadLetterQueueSourceArn", None)
    target_arn = move.destination or came_from
    if target_arn is None:
        return "CouldNotDetermineMessageSource"
    tx.lock("sqs", target_arn)
    target = queues.get(tx, target_arn)
    if target is None:
        return "AWS.SimpleQueueService.NonExistentQueue"
    messages.transfer(tx, message, target, system, message_id=names.new_uuid(), sent=tx.now)
    tx.run("UPDATE sqs_moves SET moved = moved + 1 WHERE id = ?", move.id)
    return None


def _end(tx: Tx, move: Move, status: str, reason: str | None = None) -> None:
    tx.run("UPDATE sqs_moves SET status = ?, reason = ? WHERE id = ?", status, reason, move.id)


def _latest(tx: Tx, source_arn: str, status: str) -> Row | None:
    return tx.one("SELECT id FROM sqs_moves WHERE source = ? AND status = ?", source_arn, status)


def _forget_all_but_the_latest(tx: Tx, source_arn: str) -> None:
    tx.run(
        "DELETE FROM sqs_moves WHERE source = ? AND place NOT IN"
        " (SELECT place FROM sqs_moves WHERE source = ? ORDER BY place DESC LIMIT ?)",
        *(source_arn, source_arn, limits.SQS_MOVES_LISTED_MAX),
    )


def _move(row: Row) -> Move:
    fields = ("id", "source", "destination", "rate", "last", "total", "moved", "status", "reason", "started")
    return Move(**{name: row[name] for name in fields})


worker = Worker(KIND, _carry_out, slots=4)
