"""Destinations: records of what became of asynchronous invocations, and who may be sent them.

The record is in the queue, topic, function or bus in the transaction in which the event ends. A bucket needs bytes on
disk first: there the record is a row, which a worker puts into it as the function's role. Form and places of records
are those of "Capturing records of Lambda asynchronous invocations".
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from wakeful import limits, names
from wakeful.fabric.deliver import Delivery, deliver, refusal
from wakeful.fabric.service import Call, Done, Need, Node, Principal
from wakeful.fabric.trace import Trace, new_trace
from wakeful.services.lambda_ import measuring, runs
from wakeful.services.lambda_.errors import InvalidParameterValueException
from wakeful.services.lambda_.references import LATEST, Reference, of_arn
from wakeful.store import work
from wakeful.store.tx import Tx
from wakeful.wire.errors import AccessDenied, AwsError

KIND = "lambda.record"
"""The kind of work row that puts a record into a bucket."""

SUCCESS = "Success"

# What sending does, by the destination's service, in the words of Lambda's error.
_SENDING = {"sqs": "SendMessage", "sns": "Publish", "lambda": "InvokeFunction", "events": "PutEvents"}


@dataclass(frozen=True, slots=True)
class Response:
    """What an event got last: of the function (`error` is Unhandled, or it succeeded), or from Lambda itself."""

    status: int
    version: str | None = None
    error: str | None = None
    payload: bytes | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """What became of one event."""

    function: Reference
    request_id: str
    trace: Trace
    condition: str
    """Success, or why the event was given up: RetriesExhausted, EventAgeExceeded, ZeroReservedConcurrency."""
    invoke_count: int
    payload: str
    response: Response | None
    """None where the event never came so far."""

    @property
    def function_arn(self) -> str:
        return f"{self.function.arn}:{self.function.qualifier or LATEST}"

    def text(self, now: float) -> bytes:
        """The JSON document."""
        document: dict[str, Any] = {
            "version": "1.0",
            "timestamp": moment(now).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "requestContext": {
                "requestId": self.request_id,
                "functionArn": self.function_arn,
                "condition": self.condition,
                "approximateInvokeCount": self.invoke_count,
            },
            "requestPayload": orjson.Fragment(self.payload),
        }
        if self.response is not None:
            context = {
                "statusCode": self.response.status,
                "executedVersion": self.response.version,
                "functionError": self.response.error,
            }
            document["responseContext"] = {name: value for name, value in context.items() if value is not None}
            if self.response.payload is not None:
                document["responsePayload"] = _embedded(self.response.payload)
        return orjson.dumps(document)


@dataclass(frozen=True, slots=True)
class Document:
    """A record as it is sent: its text, whose it is, what it is called in a bucket, and what a bus calls its kind."""

    function: Reference
    trace: Trace
    request_id: str
    label: str
    text: str
    key: str


def send(tx: Tx, record: Record, destination: str, role_arn: str) -> None:
    """The destination has the record, or will have it. One that cannot take it is measured, and nothing else."""
    send_document(tx, _document(record, destination, tx.now), destination, role_arn)


def send_document(tx: Tx, document: Document, destination: str, role_arn: str) -> bool:
    """Whether the destination has it, or will have it. One that cannot take it is measured."""
    if is_bucket(destination):
        body = {
            "bucket": names.parse_arn(destination).resource,
            "key": document.key,
            "record": document.text,
            "role": role_arn,
            "function": document.function.qualified,
            "request_id": document.request_id,
            "trace": {name: getattr(document.trace, name) for name in document.trace.__slots__},
        }
        work.put(tx, KIND, body)
        return True
    delivery = _delivery(document, destination, role_arn)
    if _is_too_large(delivery) or not deliver(tx, delivery):
        tx.note(measuring.undelivered(document.function, tx.now))
        return False
    return True


def _is_too_large(delivery: Delivery) -> bool:
    """For a bus; queues, topics and functions know by themselves."""
    is_bus = names.parse_arn(delivery.target_arn).service == "events"
    return is_bus and len(delivery.body.encode()) > limits.EVENTS_REQUEST_BYTES_MAX


def _document(record: Record, destination: str, now: float) -> Document:
    text = record.text(now).decode()
    is_bus = names.parse_arn(destination).service == "events"
    return Document(
        record.function,
        record.trace,
        record.request_id,
        f"record: {record.condition}",
        _event(record, destination, text, now) if is_bus else text,
        key_of(record.function, now),
    )


def _delivery(document: Document, destination: str, role_arn: str) -> Delivery:
    return Delivery(
        target_arn=destination,
        body=document.text,
        source_arn=document.function.arn,
        principal=role_arn,
        account=document.function.account,
        trace=runs.effects(document.trace, document.request_id, document.function.arn),
        label=document.label,
    )


def _event(record: Record, bus: str, text: str, now: float) -> str:
    """The record as an event for a bus."""
    outcome = "Success" if record.condition == SUCCESS else "Failure"
    event = {
        "version": "0",
        "id": names.new_uuid(),
        "detail-type": f"Lambda Function Invocation Result - {outcome}",
        "source": "lambda",
        "account": record.function.account,
        "time": f"{moment(now):%Y-%m-%dT%H:%M:%SZ}",
        "region": record.function.region,
        "resources": [bus, record.function_arn],
        "detail": orjson.Fragment(text),
    }
    return orjson.dumps(event).decode()


def key_of(function: Reference, now: float) -> str:
    """The name of a record in a bucket."""
    return named(_folder(function), now)


def named(folder: str, now: float) -> str:
    """The name of a record in a folder of a bucket."""
    return f"{folder}{moment(now):%Y/%m/%d/%Y-%m-%dT%H.%M.%S}-{names.new_uuid()}"


def _folder(function: Reference) -> str:
    return f"aws/lambda/async/{function.name}/"


def is_bucket(destination: str) -> bool:
    return destination.split(":")[2:3] == ["s3"]


async def put_record(node: Node, item: work.Item) -> Done:
    """The worker: the record is an object in the bucket. Put twice after a crash, it has the same key."""
    body: dict[str, Any] = item.body
    function = of_arn(body["function"])
    trace = runs.effects(Trace(**body["trace"]), body["request_id"], function.arn)
    request = {"Bucket": body["bucket"], "Key": body["key"], "Body": body["record"].encode()}
    try:
        await node.call(_as_role(node, function, body["role"], trace), "s3", "PutObject", request)
    except AwsError as error:
        if (error.status or 400) >= 500:
            raise
        node.telemetry.note(measuring.undelivered(function, node.clock.now()))
    return Done()


# --- may it be configured? -------------------------------------------------------------------------------------------


def check_kinds(function: Reference, on_success: str, on_failure: str) -> None:
    """Raises what Lambda answers where an ARN is none of a possible destination, or is the function itself."""
    for arn, is_success in ((on_success, True), (on_failure, False)):
        if not arn:
            continue
        if not _may_be(arn) or (is_success and is_bucket(arn)):
            success = f"OnSuccess(destination={on_success})" if on_success else "null"
            failure = f"OnFailure(destination={on_failure})" if on_failure else "null"
            raise InvalidParameterValueException(
                f"The provided destination config DestinationConfig(onSuccess={success}, onFailure={failure}) is"
                " invalid."
            )
        if arn.endswith(".fifo"):
            if names.parse_arn(arn).service == "sns":
                raise InvalidParameterValueException("FIFO-type Amazon SNS topics aren't supported as a destination.")
            raise _not_there(arn)
        if arn.split(":")[:7] == function.arn.split(":"):
            raise InvalidParameterValueException("You can't specify the function as a destination for itself.")


def _may_be(arn: str) -> bool:
    service, resource = names.parse_arn(arn).service, names.parse_arn(arn).resource
    if service == "lambda":
        return resource.startswith("function:")
    if service == "events":
        return resource.startswith("event-bus/")
    return service in ("sqs", "sns", "s3") and not any(mark in resource for mark in ":/*?")


def check(tx: Tx, function: Reference, role_arn: str, destination: str) -> None:
    """Raises what Lambda answers where the destination is not there, or the role may not send to it.

    It is tried with a record of nothing, and undone.
    """
    probe = Record(function, names.new_uuid(), new_trace(tx.now), SUCCESS, 0, "{}", None)
    refused = refusal(tx, _delivery(_document(probe, destination, tx.now), destination, role_arn))
    if refused is None:
        return
    if refused.code == "NO_PERMISSIONS":
        raise _not_allowed(_SENDING[names.parse_arn(destination).service], destination)
    raise _not_there(destination)


async def check_bucket(
    node: Node, call: Call, function: Reference, role_arn: str, destination: str, folder: str | None = None
) -> None:
    """The same of a bucket, where records are in that folder of it; the role needs s3:ListBucket too."""
    asking = _as_role(node, function, role_arn, call.effects)
    try:
        await node.call(asking, "s3", "HeadBucket", {"Bucket": names.parse_arn(destination).resource})
    except AccessDenied:
        raise _not_allowed("ListBucket", destination) from None
    except AwsError:
        raise _not_there(destination) from None
    try:
        await node.authorizer.check_call(
            asking, [Need("s3:PutObject", f"{destination}/{folder or _folder(function)}*")]
        )
    except AccessDenied:
        raise _not_allowed("PutObject", destination) from None


def _not_allowed(action: str, destination: str) -> InvalidParameterValueException:
    return InvalidParameterValueException(
        f"The function's execution role does not have permissions to call {action} on {destination}"
    )


def _not_there(destination: str) -> InvalidParameterValueException:
    return InvalidParameterValueException(f"The destination ARN {destination} is invalid.")


# --- below -----------------------------------------------------------------------------------------------------------


def _as_role(node: Node, function: Reference, role_arn: str, trace: Trace) -> Call:
    """Lambda at work in the name of the function's role."""
    role = names.parse_arn(role_arn)
    session = f"arn:aws:sts::{role.account}:assumed-role/{role.name}/{function.name}"
    return Call(
        account=function.account,
        region=function.region,
        principal=Principal("role", session, role.account, role_arn=role_arn),
        request_id=names.new_uuid(),
        trace=trace,
        endpoint=node.endpoint,
    )


def _embedded(payload: bytes) -> Any:
    """The response within the record: as it is, or as text where it is no JSON."""
    try:
        orjson.loads(payload)
    except orjson.JSONDecodeError:
        return payload.decode(errors="replace")
    return orjson.Fragment(payload)


def moment(epoch_s: float) -> datetime:
    return datetime.fromtimestamp(epoch_s, UTC)
