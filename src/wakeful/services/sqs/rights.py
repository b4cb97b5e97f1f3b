"""Which rights a request to SQS needs."""

from __future__ import annotations

from collections.abc import Iterable

from wakeful.fabric.service import Call, Need, Request
from wakeful.services.sqs import moves, queue

_SINGLE = {
    "SendMessageBatch": "SendMessage",
    "DeleteMessageBatch": "DeleteMessage",
    "ChangeMessageVisibilityBatch": "ChangeMessageVisibility",
}


def needs(call: Call, operation: str, request: Request) -> Iterable[Need]:
    """The rights SQS asks for ("Actions, resources, and condition keys for Amazon SQS")."""
    action = f"sqs:{_SINGLE.get(operation, operation)}"
    if "QueueUrl" in request:
        yield Need(action, queue.arn_of(call, request["QueueUrl"]))
    elif "QueueName" in request:
        account = request.get("QueueOwnerAWSAccountId") or call.account
        yield Need(action, f"arn:aws:sqs:{call.region}:{account}:{request['QueueName']}")
    elif "SourceArn" in request:
        yield from _needs_of_move(action, operation, request)
    elif "TaskHandle" in request:
        yield Need(action, moves.parse_handle(request["TaskHandle"])[1])
    else:
        yield Need(action, call.arn("sqs", "*"))


def _needs_of_move(action: str, operation: str, request: Request) -> Iterable[Need]:
    """Whoever starts a task needs what it does ("Required permissions for dead-letter queue redrive")."""
    yield Need(action, request["SourceArn"])
    if operation == "StartMessageMoveTask":
        for step in ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes"):
            yield Need(f"sqs:{step}", request["SourceArn"])
        if "DestinationArn" in request:
            yield Need("sqs:SendMessage", request["DestinationArn"])
