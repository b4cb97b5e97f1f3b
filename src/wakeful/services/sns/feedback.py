"""Delivery status logging: what became of messages, told to CloudWatch Logs ("Amazon SNS message delivery status").

A log event is written in the name of the role that the topic names for it, as a row of work of the transaction that
knows what became of the message.
"""

from __future__ import annotations

import hashlib
import json
import logging
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any

from wakeful import limits, names
from wakeful.fabric.deliver import Delivery, Undelivered, attempt
from wakeful.fabric.service import Call, Done, Need, Node, Principal, Worker
from wakeful.fabric.trace import Trace
from wakeful.services.sns.arns import PRINCIPAL
from wakeful.services.sns.status_attributes import FAMILIES
from wakeful.services.sns.topic import Topic
from wakeful.store import work
from wakeful.store.tx import Tx
from wakeful.wire.errors import AccessDenied, AwsError

log = logging.getLogger(__name__)

PHONES = "DirectPublishToPhoneNumber"
"""In the place of a topic's name, for what is sent to phone numbers."""

_KIND = "sns.feedback"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one message at one endpoint, after its last attempt."""

    protocol: str
    message_id: str
    text: str
    published: float
    destination: str
    is_success: bool
    status_code: int | None
    """What the endpoint answered; None where nobody did."""
    response: str
    attempts: int = 1
    sent: float | None = None
    """When the last attempt began; None: now."""


def tell(tx: Tx, topic: Topic, outcome: Outcome, trace: Trace) -> None:
    """The log will have it, where the topic asks for that."""
    family = FAMILIES.get(outcome.protocol)
    if family is None or not topic.logs_deliveries:
        return
    if outcome.is_success:
        role = topic.attributes.get(f"{family}SuccessFeedbackRoleArn")
        rate = int(topic.attributes.get(f"{family}SuccessFeedbackSampleRate") or 100)
        if role is None or not is_sampled(outcome.message_id + outcome.destination, rate):
            return
    else:
        role = topic.attributes.get(f"{family}FailureFeedbackRoleArn")
        if role is None:
            return
    sent = tx.now if outcome.sent is None else outcome.sent
    document = {
        "notification": {
            "messageMD5Sum": hashlib.md5(outcome.text.encode(), usedforsecurity=False).hexdigest(),
            "messageId": outcome.message_id,
            "topicArn": topic.arn,
            "timestamp": timestamp(outcome.published),
        },
        "delivery": {
            "deliveryId": names.new_uuid(),
            "destination": outcome.destination,
            "providerResponse": outcome.response,
            "dwellTimeMs": max(0, round((sent - outcome.published) * 1000)),
            "attempts": outcome.attempts,
            **({} if outcome.status_code is None else {"statusCode": outcome.status_code}),
        },
        "status": "SUCCESS" if outcome.is_success else "FAILURE",
    }
    put(tx, topic.arn, topic.name, role, document, trace)


def put(tx: Tx, source_arn: str, name: str, role: str, document: Mapping[str, Any], trace: Trace) -> None:
    """The document will be an event of the log group `sns/<region>/<account>/<name>`, or of its `/Failure`.

    `source_arn` says region and account; what is sent to phone numbers has one without a topic's name.
    """
    source = names.parse_arn(source_arn)
    suffix = "" if document["status"] == "SUCCESS" else "/Failure"
    body = {
        "source": source_arn,
        "group": f"sns/{source.region}/{source.account}/{name}{suffix}",
        "role": role,
        "document": document,
        "trace": asdict(trace),
    }
    work.put(tx, _KIND, body)


def is_sampled(identity: str, percent: int) -> bool:
    """Whether it is among those of which so many in a hundred are told; every time the same answer."""
    return zlib.crc32(identity.encode()) % 100 < percent


def timestamp(at: float) -> str:
    """As log events of deliveries have it."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


# --- writing ---------------------------------------------------------------------------------------------------------


async def _carry_out(node: Node, item: work.Item) -> Done:
    """The event is in the log. If the role may not, is not there or does not trust SNS, the node's log says so."""
    body = item.body
    as_role = _as_role(node, body)
    ourselves = replace(as_role, principal=Principal("service", PRINCIPAL, as_role.account))
    try:
        await node.authorizer.check_call(ourselves, [Need("sts:AssumeRole", body["role"])])
    except AccessDenied as denied:
        log.warning("%s could not log a delivery: %s", body["source"], denied.message)
        return Done()
    undelivered = await node.store.write(_deliver, body)
    if undelivered is not None and undelivered.refusal.code == "NO_RESOURCE":
        try:
            await node.call(as_role, "logs", "CreateLogGroup", {"logGroupName": body["group"]})
        except AwsError as error:
            if error.shape_name != "ResourceAlreadyExistsException":
                log.warning("%s has no log group %s: %s", body["source"], body["group"], error)
                return Done()
        undelivered = await node.store.write(_deliver, body)
    if undelivered is not None:
        log.warning("%s could not log a delivery to %s: %s", body["source"], body["group"], undelivered.refusal)
    return Done()


def _deliver(tx: Tx, body: Mapping[str, Any]) -> Undelivered | None:
    source, group = names.parse_arn(body["source"]), body["group"]
    stream = hashlib.sha256(group.encode()).hexdigest()[:32]
    arn = f"arn:aws:logs:{source.region}:{source.account}:log-group:{group}:log-stream:{stream}"
    return attempt(
        tx,
        Delivery(
            target_arn=arn,
            body=json.dumps(body["document"], ensure_ascii=False, separators=(",", ":")),
            source_arn=body["source"],
            principal=body["role"],
            account=source.account,
            trace=_trace(body),
            label="delivery status",
        ),
    )


def _as_role(node: Node, body: Mapping[str, Any]) -> Call:
    source, role = names.parse_arn(body["source"]), names.parse_arn(body["role"])
    session = f"arn:aws:sts::{role.account}:assumed-role/{role.name}/sns"
    return Call(
        account=source.account,
        region=source.region,
        principal=Principal("role", session, role.account, role_arn=body["role"]),
        request_id=names.new_uuid(),
        trace=_trace(body),
        endpoint=node.endpoint,
    )


def _trace(body: Mapping[str, Any]) -> Trace:
    return Trace(**body["trace"])


worker = Worker(_KIND, _carry_out, slots=limits.SNS_FEEDBACK_SLOTS)
