"""The API of message move tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wakeful import limits
from wakeful.fabric.service import Call
from wakeful.services.sqs import moves
from wakeful.services.sqs.api import api
from wakeful.services.sqs.errors import InvalidParameterValue
from wakeful.store.tx import Tx

if TYPE_CHECKING:
    from wakeful.shapes import sqs as shapes


@api.writes
def start_message_move_task(
    call: Call, tx: Tx, request: shapes.StartMessageMoveTaskRequest
) -> shapes.StartMessageMoveTaskResult:
    """The messages that are in the dead-letter queue now are on their way."""
    rate = request.get("MaxNumberOfMessagesPerSecond")
    if rate is not None and not 1 <= rate <= limits.SQS_MOVE_RATE_MAX:
        raise InvalidParameterValue(
            f"Value {rate} for parameter MaxNumberOfMessagesPerSecond is invalid. Reason: You must enter a value from"
            f" 1 to {limits.SQS_MOVE_RATE_MAX}."
        )
    return {"TaskHandle": moves.start(tx, request["SourceArn"], request.get("DestinationArn"), rate).handle}


@api.reads
def list_message_move_tasks(
    call: Call, tx: Tx, request: shapes.ListMessageMoveTasksRequest
) -> shapes.ListMessageMoveTasksResult:
    """The latest tasks of the queue, the newest first: one, unless more are asked for, and ten at most."""
    limit = request.get("MaxResults", 1)
    if not 1 <= limit <= limits.SQS_MOVES_LISTED_MAX:
        raise InvalidParameterValue(
            f"Value {limit} for parameter MaxResults is invalid. Reason: You must enter a value from 1 to"
            f" {limits.SQS_MOVES_LISTED_MAX}."
        )
    return {"Results": [_entry(each) for each in moves.of_source(tx, request["SourceArn"], limit)]}


@api.writes
def cancel_message_move_task(
    call: Call, tx: Tx, request: shapes.CancelMessageMoveTaskRequest
) -> shapes.CancelMessageMoveTaskResult:
    """The task moves nothing more."""
    return {"ApproximateNumberOfMessagesMoved": moves.cancel(tx, request["TaskHandle"]).moved}


def _entry(move: moves.Move) -> shapes.ListMessageMoveTasksResultEntry:
    entry: shapes.ListMessageMoveTasksResultEntry = {
        "Status": move.status,
        "SourceArn": move.source,
        "ApproximateNumberOfMessagesMoved": move.moved,
        "ApproximateNumberOfMessagesToMove": move.total,
        "StartedTimestamp": int(move.started * 1000),
    }
    if move.status == "RUNNING":
        entry["TaskHandle"] = move.handle
    if move.destination is not None:
        entry["DestinationArn"] = move.destination
    if move.rate is not None:
        entry["MaxNumberOfMessagesPerSecond"] = move.rate
    if move.reason is not None:
        entry["FailureReason"] = move.reason
    return entry
