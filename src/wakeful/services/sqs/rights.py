"""Which rights a request to SQS needs."""

from __future__ import annotations

from collections.abc import Iterable

from wakeful.fabric.service import Call, Need, Request
from wakeful.services.sqs import moves, queue

_OWNERS = frozenset(
    (
        *("AddPermission", "DeleteQueue", "ListQueueTags", "RemovePermission", "SetQueueAttributes"),
        *("TagQueue", "UntagQueue"),
    )
)
"""What a queue's policy gives to no other account, beside all that has to do with moving messages ("Limitations of
Amazon SQS custom policies")."""
_SINGLE = {
    "SendMessageBatch": "SendMessage",
    "DeleteMessageBatch": "DeleteMessage",
    "ChangeMessageVisibilityBatch": "ChangeMessageVisibility",
}


def needs(call: Call, operation: str, request: Request) -> Iterable[Need]:
    """The rights SQS asks for ("Actions, resources, and condition keys for Amazon SQS")."""
    action = f"sqs:{_SINGLE.get(operation, operation)}"
    is_owners = operation in _OWNERS
    if "QueueUrl" in request:
        yield Need(action, queue.arn_of(call, request["QueueUrl"]), is_owners=is_owners)
    elif "QueueName" in request:
        account = request.get("QueueOwnerAWSAccountId") or call.account
        yield Need(action, f"arn:aws:sqs:{call.region}:{account}:{request['QueueName']}")
    elif "SourceArn" in request:
        yield from _needs_of_move(action, operation, request["SourceArn"])
        if "DestinationArn" in request:
            yield Need("sqs:SendMessage", request["DestinationArn"])
    elif "TaskHandle" in request:
        yield from _needs_of_move(action, operation, moves.parse_handle(request["TaskHandle"])[1])
    else:
        yield Need(action, call.arn("sqs", "*"))


def _needs_of_move(action: str, operation: str, source_arn: str) -> Iterable[Need]:
    """Whoever starts or cancels a task needs what it does ("Amazon SQS API permissions: Actions and resource
    reference")."""
    yield Need(action, source_arn, is_owners=True)
    if operation != "ListMessageMoveTasks":
        for step in ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes"):
            yield Need(f"sqs:{step}", source_arn)
