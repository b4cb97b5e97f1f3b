"""SQS's API: one function for each operation."""

from __future__ import annotations

import base64
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import cache, partial
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from wakeful import limits, names
from wakeful.fabric.service import Call, Node
from wakeful.fabric.source import Taken
from wakeful.fabric.trace import lineage_of
from wakeful.services.sqs import attempts, counts, fifo, flight, measuring, messages, queue
from wakeful.services.sqs import attributes as rules
from wakeful.services.sqs.api import api
from wakeful.services.sqs.errors import (
    BatchEntryIdsNotDistinct,
    BatchRequestTooLong,
    EmptyBatchRequest,
    InvalidAttributeName,
    InvalidBatchEntryId,
    InvalidParameterValue,
    MissingParameter,
    OverLimit,
    PurgeQueueInProgress,
    TooManyEntriesInBatchRequest,
)
from wakeful.services.sqs.queue import Queue
from wakeful.store.tx import Tx
from wakeful.wire.errors import AwsError

if TYPE_CHECKING:
    from wakeful.shapes import sqs as shapes

# --- queues ----------------------------------------------------------------------------------------------------------


@api.writes
def create_queue(call: Call, tx: Tx, request: shapes.CreateQueueRequest) -> shapes.CreateQueueResult:
    """The queue is there; asked again with the same attributes, its URL is answered again."""
    made = queue.create(tx, call, request["QueueName"], request.get("Attributes", {}), request.get("tags", {}))
    return {"QueueUrl": made.url(call)}


@api.reads
def get_queue_url(call: Call, tx: Tx, request: shapes.GetQueueUrlRequest) -> shapes.GetQueueUrlResult:
    owner = request.get("QueueOwnerAWSAccountId", call.account)
    return {"QueueUrl": queue.find(tx, f"arn:aws:sqs:{call.region}:{owner}:{request['QueueName']}").url(call)}


@api.reads
def list_queues(call: Call, tx: Tx, request: shapes.ListQueuesRequest) -> shapes.ListQueuesResult:
    limit = request.get("MaxResults", limits.SQS_LIST_MAX)
    _check_range("MaxResults", limit, 1, limits.SQS_LIST_MAX)
    found = queue.named(tx, call, request.get("QueueNamePrefix", ""), _after(request.get("NextToken")), limit + 1)
    page: shapes.ListQueuesResult = {"QueueUrls": [each.url(call) for each in found[:limit]]} if found else {}
    if len(found) > limit and "MaxResults" in request:
        page["NextToken"] = _token(found[limit - 1])
    return page


@api.writes
def delete_queue(call: Call, tx: Tx, request: shapes.DeleteQueueRequest) -> None:
    queue.delete(tx, _locked(call, tx, request["QueueUrl"]))


@api.writes
def purge_queue(call: Call, tx: Tx, request: shapes.PurgeQueueRequest) -> None:
    """Nothing that was in the queue is handed out again. Once a minute at most, as on AWS."""
    purged = _locked(call, tx, request["QueueUrl"])
    if purged.purged is not None and tx.now < purged.purged + limits.SQS_PURGE_PAUSE_S:
        raise PurgeQueueInProgress(
            f"Only one PurgeQueue operation on {purged.name} is allowed every {limits.SQS_PURGE_PAUSE_S} seconds."
        )
    queue.purge(tx, purged)


_COUNTS = {
    "ApproximateNumberOfMessages": "visible",
    "ApproximateNumberOfMessagesNotVisible": "in_flight",
    "ApproximateNumberOfMessagesDelayed": "delayed",
}


@api.reads
def get_queue_attributes(
    call: Call, tx: Tx, request: shapes.GetQueueAttributesRequest
) -> shapes.GetQueueAttributesResult:
    """What was set, as it was set, with AWS's defaults for what was not; the counts are exact."""
    wanted: set[str] = set(request.get("AttributeNames", ()))
    known = set(api.enum("QueueAttributeName"))
    for name in wanted - known:
        raise InvalidAttributeName(f"Unknown Attribute {name}.")
    found = _queue(call, tx, request["QueueUrl"])
    everything = {
        **found.defaults,
        **found.attributes,
        "QueueArn": found.arn,
        "CreatedTimestamp": str(int(found.created)),
        "LastModifiedTimestamp": str(int(found.modified)),
    }
    if "All" in wanted or wanted & _COUNTS.keys():
        now = counts.of(tx, found)
        everything.update({name: str(getattr(now, what)) for name, what in _COUNTS.items()})
    shown = {name: value for name, value in everything.items() if "All" in wanted or name in wanted}
    return {"Attributes": shown} if shown else {}


@api.writes
def set_queue_attributes(call: Call, tx: Tx, request: shapes.SetQueueAttributesRequest) -> None:
    """A new delay is that of messages sent from now on; in a FIFO queue also of those that are still delayed or have
    not been received ("Amazon SQS delay queues")."""
    arn = queue.arn_of(call, request["QueueUrl"])
    if not request["Attributes"]:
        raise MissingParameter("The request must contain the parameter Attribute.Name.")
    before = queue.locked(tx, arn)
    queue.set_attributes(tx, arn, request["Attributes"])
    after = queue.find(tx, arn)
    if after.is_fifo and after.setting("DelaySeconds") != before.setting("DelaySeconds"):
        fifo.delayed_anew(tx, after)


@api.reads
def list_dead_letter_source_queues(
    call: Call, tx: Tx, request: shapes.ListDeadLetterSourceQueuesRequest
) -> shapes.ListDeadLetterSourceQueuesResult:
    """The queues whose spent messages come to this one."""
    limit = request.get("MaxResults", limits.SQS_LIST_MAX)
    _check_range("MaxResults", limit, 1, limits.SQS_LIST_MAX)
    after = _after(request.get("NextToken"))
    found = [each for each in queue.sources_of(tx, _queue(call, tx, request["QueueUrl"])) if each.name > after]
    page: shapes.ListDeadLetterSourceQueuesResult = {"queueUrls": [each.url(call) for each in found[:limit]]}
    if len(found) > limit:
        page["NextToken"] = _token(found[limit - 1])
    return page


def _token(last: Queue) -> str:
    """Where the next page goes on; clients make nothing of it."""
    return base64.b64encode(last.name.encode()).decode()


def _after(token: str | None) -> str:
    """Raises InvalidParameterValue for what we never gave out."""
    try:
        return base64.b64decode(token or "", validate=True).decode()
    except ValueError:
        raise InvalidParameterValue("Invalid or expired next token.") from None


@api.reads
def list_queue_tags(call: Call, tx: Tx, request: shapes.ListQueueTagsRequest) -> shapes.ListQueueTagsResult:
    tags = _queue(call, tx, request["QueueUrl"]).tags
    return {"Tags": dict(tags)} if tags else {}


@api.writes
def tag_queue(call: Call, tx: Tx, request: shapes.TagQueueRequest) -> None:
    tagged = _locked(call, tx, request["QueueUrl"])
    queue.set_tags(tx, tagged, {**tagged.tags, **request["Tags"]})


@api.writes
def untag_queue(call: Call, tx: Tx, request: shapes.UntagQueueRequest) -> None:
    tagged = _locked(call, tx, request["QueueUrl"])
    gone = set(request["TagKeys"])
    queue.set_tags(tx, tagged, {key: value for key, value in tagged.tags.items() if key not in gone})


@api.writes
def add_permission(call: Call, tx: Tx, request: shapes.AddPermissionRequest) -> None:
    """The queue's policy has one more statement, named by its label."""
    queue.permit(
        tx, _locked(call, tx, request["QueueUrl"]), request["Label"], request["AWSAccountIds"], request["Actions"]
    )


@api.writes
def remove_permission(call: Call, tx: Tx, request: shapes.RemovePermissionRequest) -> None:
    queue.forbid(tx, _locked(call, tx, request["QueueUrl"]), request["Label"])


# --- messages --------------------------------------------------------------------------------------------------------


@api.writes
def send_message(call: Call, tx: Tx, request: shapes.SendMessageRequest) -> shapes.SendMessageResult:
    return cast("shapes.SendMessageResult", _send(tx, call, _queue(call, tx, request["QueueUrl"]), request))


@api.writes
def send_message_batch(call: Call, tx: Tx, request: shapes.SendMessageBatchRequest) -> shapes.SendMessageBatchResult:
    """Every entry is sent or answered with its own error; the others do not suffer."""
    target = _queue(call, tx, request["QueueUrl"])
    _check_batch("SendMessageBatchRequestEntry", request["Entries"])
    total = sum(
        len(entry["MessageBody"].encode()) + _attributes_size(entry.get("MessageAttributes", {}))
        for entry in request["Entries"]
    )
    if total > limits.SQS_MESSAGE_BYTES_MAX:
        raise BatchRequestTooLong(
            f"Batch requests cannot be longer than {limits.SQS_MESSAGE_BYTES_MAX} bytes. You have sent {total} bytes."
        )
    sent = _each(tx, request["Entries"], lambda entry: _send(tx, call, target, entry))
    return cast("shapes.SendMessageBatchResult", sent)


@cache
def _attributes_of_messages() -> frozenset[str]:
    """What a receiver may name; the older member of the request has the names of queues' attributes too."""
    return frozenset((*api.enum("MessageSystemAttributeName"), *api.enum("QueueAttributeName")))


@api.waits
async def receive_message(call: Call, node: Node, request: shapes.ReceiveMessageRequest) -> shapes.ReceiveMessageResult:
    """Up to ten messages, hidden from others for their visibility timeout; waits for the first if asked to.

    Who goes away while waiting takes nothing with it.
    """
    count, hide_s = request.get("MaxNumberOfMessages", 1), request.get("VisibilityTimeout")
    _check_range("MaxNumberOfMessages", count, 1, limits.SQS_BATCH_MAX)
    _check_range("VisibilityTimeout", hide_s, 0, limits.SQS_VISIBILITY_MAX_S)
    _check_range("WaitTimeSeconds", request.get("WaitTimeSeconds"), 0, limits.SQS_WAIT_MAX_S)
    attempt = request.get("ReceiveRequestAttemptId")
    if attempt is not None:
        rules.check_fifo_id("ReceiveRequestAttemptId", attempt)
    for name in (*request.get("AttributeNames", ()), *request.get("MessageSystemAttributeNames", ())):
        if name not in _attributes_of_messages():
            raise InvalidAttributeName(f"Unknown Attribute {name}.")
    arn = queue.arn_of(call, request["QueueUrl"])
    patience_s = request.get("WaitTimeSeconds")
    state = await node.store.write(_take, arn, count, hide_s, attempt, patience_s)
    wait_s = state.wait_s if patience_s is None else patience_s
    if wait_s and not state.taken:
        take = partial(node.store.write, _take, arn, count, hide_s, attempt, patience_s)
        state = await _wait(call, node, arn, take, until=node.clock.now() + wait_s)
    if not state.taken:
        node.telemetry.note(measuring.received_nothing(arn, node.clock.now()))
        return {}
    return {"Messages": [_message(each, request) for each in state.taken]}


async def _wait(call: Call, node: Node, arn: str, take: Callable[[], Awaitable[_State]], *, until: float) -> _State:
    """What was taken as soon as there was something; nothing at the end of the time, or where the caller has left."""
    with node.wakes.listen(queue.wake_name(arn)) as listener:
        while True:
            state = await node.store.read(_look, arn)
            if state.has_visible and not call.has_left():
                state = await take()
            if state.taken or node.clock.now() >= until or node.is_stopping or call.has_left():
                return state
            await listener.wait(min(until, state.next_visible or until))


@api.writes
def delete_message(call: Call, tx: Tx, request: shapes.DeleteMessageRequest) -> None:
    """Forgets a message that its receiver has finished with."""
    messages.forget(tx, _queue(call, tx, request["QueueUrl"]), request["ReceiptHandle"])


@api.writes
def delete_message_batch(
    call: Call, tx: Tx, request: shapes.DeleteMessageBatchRequest
) -> shapes.DeleteMessageBatchResult:
    found = _queue(call, tx, request["QueueUrl"])
    _check_batch("DeleteMessageBatchRequestEntry", request["Entries"])
    gone = _each(tx, request["Entries"], lambda entry: messages.forget(tx, found, entry["ReceiptHandle"]))
    return cast("shapes.DeleteMessageBatchResult", gone)


@api.writes
def change_message_visibility(call: Call, tx: Tx, request: shapes.ChangeMessageVisibilityRequest) -> None:
    messages.hide(tx, _queue(call, tx, request["QueueUrl"]), request["ReceiptHandle"], request["VisibilityTimeout"])


@api.writes
def change_message_visibility_batch(
    call: Call, tx: Tx, request: shapes.ChangeMessageVisibilityBatchRequest
) -> shapes.ChangeMessageVisibilityBatchResult:
    found = _queue(call, tx, request["QueueUrl"])
    _check_batch("ChangeMessageVisibilityBatchRequestEntry", request["Entries"])

    def hide(entry: Mapping[str, Any]) -> None:
        messages.hide(tx, found, entry["ReceiptHandle"], entry.get("VisibilityTimeout", 0))

    return cast("shapes.ChangeMessageVisibilityBatchResult", _each(tx, request["Entries"], hide))


# --- below -----------------------------------------------------------------------------------------------------------


def _queue(call: Call, tx: Tx, queue_url: str) -> Queue:
    return queue.find(tx, queue.arn_of(call, queue_url))


def _locked(call: Call, tx: Tx, queue_url: str) -> Queue:
    """Nobody else changes it, and it is as it is now, before this transaction has ended."""
    return queue.locked(tx, queue.arn_of(call, queue_url))


def _send(tx: Tx, call: Call, target: Queue, entry: Mapping[str, Any]) -> Any:
    other = "DelaySeconds" if target.is_fifo else "MessageDeduplicationId"
    if entry.get(other):
        raise _not_of_this_type(other, entry[other])
    _check_range("DelaySeconds", entry.get("DelaySeconds"), 0, limits.SQS_DELAY_MAX_S)
    rules.check_message_attributes(entry.get("MessageAttributes", {}))
    rules.check_system_attributes(entry.get("MessageSystemAttributes", {}))
    for member in ("MessageGroupId", "MessageDeduplicationId"):
        if member in entry:
            rules.check_fifo_id(member, entry[member])
    attributes = rules.stored(entry.get("MessageAttributes", {}))
    system = rules.stored(entry.get("MessageSystemAttributes", {}))
    body = entry["MessageBody"]
    messages.check(body)
    limit = target.setting("MaximumMessageSize")
    if len(body.encode()) + rules.size_of(attributes) > limit:
        raise InvalidParameterValue(
            f"One or more parameters are invalid. Reason: Message must be shorter than {limit} bytes."
        )
    constant = {"SenderId": call.principal.id or call.principal.account}
    header = _trace_header(call, system.get("AWSTraceHeader", {}).get("StringValue"))
    if header is not None:
        constant["AWSTraceHeader"] = header
    for member in ("MessageGroupId", "MessageDeduplicationId"):
        if member in entry:
            constant[member] = entry[member]
    message_id, seq = messages.put(
        tx,
        target,
        body,
        trace=call.effects,
        message_id=names.new_uuid(),
        attributes=attributes,
        system=constant,
        delay_s=None if target.is_fifo else entry.get("DelaySeconds"),
    )
    return {
        "MessageId": message_id,
        "MD5OfMessageBody": messages.md5(body),
        **({"MD5OfMessageAttributes": rules.md5_of(attributes)} if attributes else {}),
        **({"MD5OfMessageSystemAttributes": rules.md5_of(system)} if system else {}),
        **({"SequenceNumber": fifo.sequence_number(seq)} if target.is_fifo else {}),
    }


def _not_of_this_type(parameter: str, value: object) -> InvalidParameterValue:
    return InvalidParameterValue(
        f"Value {value} for parameter {parameter} is invalid. Reason: The request include parameter that is not valid"
        " for this queue type."
    )


def _trace_header(call: Call, given: str | None) -> str | None:
    """What the sender says; and whatever a function sends says through which functions it came."""
    lineage = call.trace.lineage
    if not lineage or (given is not None and lineage_of(given)):
        return given
    return call.effects.header if given is None else f"{given};Lineage={lineage}"


class _State(NamedTuple):
    """What a receiver got; and where that is nothing, whether there is anything, and what to wait for."""

    taken: Sequence[Taken]
    has_visible: bool
    next_visible: float | None
    wait_s: int


def _look(tx: Tx, arn: str) -> _State:
    found = queue.find(tx, arn)
    has_visible = messages.has_visible(tx, found)
    next_visible = None if has_visible else messages.next_visible(tx, found)
    return _State((), has_visible, next_visible, found.setting("ReceiveMessageWaitTimeSeconds"))


def _take(tx: Tx, arn: str, count: int, hide_s: int | None, attempt: str | None, patience_s: int | None) -> _State:
    """Raises OverLimit where a short poll finds as many messages of a standard queue in flight as may be; who waits,
    and whoever asks a FIFO queue, is told nothing ("Amazon SQS standard queue quotas")."""
    found = queue.locked(tx, arn)  # whoever purges it at the same time has done so, or waits
    if attempt is None:
        taken = messages.take(tx, found, count, hide_s)
    elif found.is_fifo:
        taken = attempts.take(tx, found, attempt, count, hide_s)
    else:
        raise _not_of_this_type("ReceiveRequestAttemptId", attempt)
    if taken:
        return _State(taken, has_visible=True, next_visible=None, wait_s=0)
    state = _look(tx, arn)
    if not state.has_visible:
        return state
    is_short = (state.wait_s if patience_s is None else patience_s) == 0
    if is_short and not found.is_fifo and flight.is_full(tx, found):
        raise OverLimit(
            f"Too many messages in flight. A queue may have {limits.SQS_IN_FLIGHT_MAX} of them: delete messages that"
            " were processed."
        )
    return state._replace(next_visible=tx.now + limits.SQS_FULL_PAUSE_S)  # a message that is deleted wakes nobody


def _message(taken: Taken, request: Mapping[str, Any]) -> shapes.Message:
    attributes = _wanted(taken.facts["attributes"], request.get("MessageAttributeNames", ()))
    named = {*request.get("AttributeNames", ()), *request.get("MessageSystemAttributeNames", ())}
    system = {name: value for name, value in taken.facts["system"].items() if "All" in named or name in named}
    message: dict[str, Any] = {
        "MessageId": taken.id,
        "ReceiptHandle": taken.facts["handle"],
        "MD5OfBody": messages.md5(taken.body),
        "Body": taken.body,
    }
    if system:
        message["Attributes"] = system
    if attributes:
        message["MD5OfMessageAttributes"] = rules.md5_of(attributes)
        message["MessageAttributes"] = rules.shown(attributes)
    return cast("shapes.Message", message)


def _wanted(attributes: Mapping[str, Any], patterns: Iterable[str]) -> dict[str, Any]:
    """The attributes a receiver asked for: by name, by `prefix.*`, or all."""
    exact = set(patterns)
    if exact & {"All", ".*"}:
        return dict(attributes)
    prefixes = tuple(pattern.removesuffix("*") for pattern in exact if pattern.endswith(".*"))
    return {name: value for name, value in attributes.items() if name in exact or name.startswith(prefixes or "\0")}


def _check_range(name: str, value: int | None, low: int, high: int) -> None:
    if value is None or low <= value <= high:
        return
    reason = {
        "DelaySeconds": f"DelaySeconds must be >= {low} and <= {high}.",
        "WaitTimeSeconds": f"Must be >= {low} and <= {high}, if provided.",
    }.get(name, f"Must be between {low} and {high}, if provided.")
    raise InvalidParameterValue(f"Value {value} for parameter {name} is invalid. Reason: {reason}")


_BATCH_ID = re.compile(r"[A-Za-z0-9_-]{1,80}")


def _check_batch(entry_name: str, entries: Sequence[Mapping[str, Any]]) -> None:
    if not entries:
        raise EmptyBatchRequest(f"There should be at least one {entry_name} in the request.")
    if len(entries) > limits.SQS_BATCH_MAX:
        raise TooManyEntriesInBatchRequest(
            f"Maximum number of entries per request are {limits.SQS_BATCH_MAX}. You have sent {len(entries)}."
        )
    seen: set[str] = set()
    for entry in entries:
        if not _BATCH_ID.fullmatch(entry["Id"]):
            raise InvalidBatchEntryId()
        if entry["Id"] in seen:
            raise BatchEntryIdsNotDistinct(f"Id {entry['Id']} repeated.")
        seen.add(entry["Id"])


def _attributes_size(attributes: Mapping[str, Any]) -> int:
    """Of an entry that cannot be sent it is 0: that entry fails by itself."""
    try:
        rules.check_message_attributes(attributes)
    except AwsError:
        return 0
    return rules.size_of(rules.stored(attributes))


def _each(
    tx: Tx, entries: Sequence[Mapping[str, Any]], do: Callable[[Mapping[str, Any]], dict[str, Any] | None]
) -> Any:
    """Carries out each entry on its own: one that fails is undone and answered, the others stand."""
    successful: list[dict[str, Any]] = []
    failed: list[dict[str, Any]] = []
    for entry in entries:
        try:
            with tx.savepoint():
                successful.append({"Id": entry["Id"], **(do(entry) or {})})
        except AwsError as error:
            failed.append(
                {
                    "Id": entry["Id"],
                    "SenderFault": True,
                    "Code": error.code or error.shape_name,
                    "Message": error.message,
                }
            )
    return {
        **({"Successful": successful} if successful else {"Successful": []}),
        **({"Failed": failed} if failed else {}),
    }
