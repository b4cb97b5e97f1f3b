"""One queue: its settings, where it is found, and who may use it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property, lru_cache
from typing import Any
from urllib.parse import urlsplit

import orjson

from wakeful import limits
from wakeful.fabric.service import Call
from wakeful.services.sqs import attributes as rules
from wakeful.services.sqs import emptied
from wakeful.services.sqs.errors import (
    InvalidAddress,
    InvalidAttributeValue,
    InvalidParameterValue,
    OverLimit,
    QueueDeletedRecently,
    QueueDoesNotExist,
    QueueNameExists,
)
from wakeful.store.tx import Row, Tx

FIFO = ".fifo"
"""How the names of FIFO queues end, and no others."""

_NAME = re.compile(r"[A-Za-z0-9_-]{1,80}")


@dataclass(frozen=True)
class Queue:
    """A queue as it stands in the store. `attributes` are as they were set; the properties apply the defaults."""

    id: int
    """To which its messages belong: another one after each purge."""
    first_id: int | None
    arn: str
    account: str
    region: str
    name: str
    created: float
    modified: float
    purged: float | None
    attributes: Mapping[str, str]
    tags: Mapping[str, str]

    def url(self, call: Call) -> str:
        """As this client addresses us: clients send to the host that stands in it."""
        return f"{call.endpoint}/{self.account}/{self.name}"

    @property
    def lasting_id(self) -> int:
        """The same as long as the queue is there, however often it is purged."""
        return self.id if self.first_id is None else self.first_id

    @property
    def defaults(self) -> Mapping[str, str]:
        defaults = {**rules.DEFAULTS, **rules.FIFO_DEFAULTS} if self.is_fifo else rules.DEFAULTS
        return {**defaults, **rules.KMS_DEFAULTS} if self.attributes.get("KmsMasterKeyId") else defaults

    def setting(self, name: str) -> int:
        return int(self.attributes.get(name) or rules.DEFAULTS[name])

    @cached_property
    def is_fifo(self) -> bool:
        return self.name.endswith(FIFO)

    @property
    def is_content_deduplicated(self) -> bool:
        return self.attributes.get("ContentBasedDeduplication") == "true"

    @cached_property
    def redrive(self) -> tuple[str, int] | None:
        """The dead-letter queue's ARN and after how many receives a message goes there."""
        text = self.attributes.get("RedrivePolicy")
        if not text:
            return None
        policy = json.loads(text)
        return policy["deadLetterTargetArn"], int(policy["maxReceiveCount"])


def arn_of(call: Call, queue_url: str) -> str:
    """The ARN of the queue with that URL. Raises InvalidAddress for what is no queue's URL."""
    try:
        parts = [part for part in urlsplit(queue_url).path.split("/") if part] if "/" in queue_url else [queue_url]
    except ValueError:  # its host is none
        parts = []
    if len(parts) > 2 or not parts:
        raise InvalidAddress(f"The address {queue_url} is not valid for this endpoint.")
    account = parts[0] if len(parts) == 2 else call.account
    return f"arn:aws:sqs:{call.region}:{account}:{parts[-1]}"


def locked(tx: Tx, arn: str) -> Queue:
    """As it is, until the transaction ends. Raises QueueDoesNotExist."""
    tx.lock("sqs", arn)
    return find(tx, arn)


def find(tx: Tx, arn: str) -> Queue:
    """Raises QueueDoesNotExist."""
    queue = get(tx, arn)
    if queue is None:
        raise QueueDoesNotExist()
    return queue


def get(tx: Tx, arn: str) -> Queue | None:
    return tx.known("sqs_queues", _stored, arn)


def _stored(tx: Tx, arn: str) -> Queue | None:
    row = tx.one("SELECT * FROM sqs_queues WHERE arn = ?", arn)
    return None if row is None else _queue(row)


def create(tx: Tx, call: Call, name: str, attributes: Mapping[str, str], tags: Mapping[str, str]) -> Queue:
    """The queue is there. Asked again with the same attributes it answers the one there is."""
    is_fifo = _checked_kind(name, attributes)
    rules.check_queue_attributes(attributes, is_fifo=is_fifo)
    _check_throughput(attributes)
    _check_tags(name, tags)
    arn = call.arn("sqs", name)
    tx.lock("sqs", arn)
    existing = get(tx, arn)
    if existing is not None:
        _check_same(existing, attributes)
        return existing
    _check_name_is_free(tx, arn)
    _check_dead_letter_target(tx, arn, attributes)
    tx.run(
        "INSERT INTO sqs_queues(id, arn, account, region, name, created, modified, attributes, tags)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        *(emptied.fresh_id(tx), arn, call.account, call.region, name, tx.now, tx.now),
        *(_json(rules.merged({}, attributes)), _json(tags)),
    )
    tx.wake(wake_name(arn))
    made = find(tx, arn)
    stay_active(tx, made)
    return made


def set_attributes(tx: Tx, arn: str, attributes: Mapping[str, str]) -> None:
    """These attributes are set, the others stay. An empty text takes an optional one away."""
    tx.lock("sqs", arn)
    queue = find(tx, arn)
    rules.check_queue_attributes(attributes, is_fifo=queue.is_fifo)
    _check_dead_letter_target(tx, arn, attributes)
    merged = rules.merged(queue.attributes, attributes)
    _check_throughput(merged)
    tx.run("UPDATE sqs_queues SET attributes = ?, modified = ? WHERE arn = ?", _json(merged), tx.now, arn)
    tx.wake(wake_name(arn))


def set_tags(tx: Tx, queue: Queue, tags: Mapping[str, str]) -> None:
    _check_tags(queue.name, tags)
    tx.lock("sqs", queue.arn)
    tx.run("UPDATE sqs_queues SET tags = ? WHERE arn = ?", _json(tags), queue.arn)


def delete(tx: Tx, queue: Queue) -> None:
    """The queue is gone and what was in it nobody's, and for a minute its name is nobody's either."""
    tx.run("DELETE FROM sqs_active WHERE queue = ?", queue.lasting_id)
    tx.run("DELETE FROM sqs_moves WHERE source = ?", queue.arn)
    emptied.leave(tx, queue.id)
    tx.run("DELETE FROM sqs_queues WHERE id = ?", queue.id)
    tx.run(
        "INSERT INTO sqs_deleted(arn, until) VALUES (?, ?) ON CONFLICT(arn) DO UPDATE SET until = excluded.until",
        *(queue.arn, tx.now + limits.SQS_NAME_PAUSE_S),
    )
    tx.wake(wake_name(queue.arn))


def purge(tx: Tx, queue: Queue) -> None:
    """No message that was in the queue is handed out again, nor counted; what was sent to it lately is remembered."""
    fresh = emptied.fresh_id(tx)
    emptied.leave(tx, queue.id)
    tx.run(
        "UPDATE sqs_queues SET id = ?, first_id = ?, purged = ? WHERE id = ?",
        *(fresh, queue.lasting_id, tx.now, queue.id),
    )


def named(tx: Tx, call: Call, prefix: str, after: str, limit: int) -> list[Queue]:
    """The caller's queues in this region by name, from the one after `after`."""
    rows = tx.all(
        "SELECT * FROM sqs_queues WHERE account = ? AND region = ? AND name > ? AND substr(name, 1, ?) = ?"
        " ORDER BY name LIMIT ?",
        *(call.account, call.region, after, len(prefix), prefix, limit),
    )
    return [_queue(row) for row in rows]


def sources_of(tx: Tx, dead_letter: Queue) -> list[Queue]:
    """The queues whose dead letters come here."""
    rows = tx.all("SELECT * FROM sqs_queues WHERE account = ? ORDER BY name", dead_letter.account)
    return [queue for queue in map(_queue, rows) if queue.redrive and queue.redrive[0] == dead_letter.arn]


def stay_active(tx: Tx, queue: Queue) -> None:
    """The queue's depth is told for the next six hours."""
    tx.lock("sqs", "active")
    tx.run(
        "INSERT INTO sqs_active(queue, until) VALUES (?, ?) ON CONFLICT(queue) DO UPDATE SET until = excluded.until",
        *(queue.lasting_id, tx.now + limits.SQS_ACTIVE_S),
    )


def forget_deleted(tx: Tx) -> None:
    """Names that are free again are not remembered."""
    tx.lock("sqs", "deleted")
    tx.run("DELETE FROM sqs_deleted WHERE until <= ?", tx.now)


def every(tx: Tx) -> list[Queue]:
    return [_queue(row) for row in tx.all("SELECT * FROM sqs_queues ORDER BY id")]


def policy(tx: Tx, arn: str) -> str | None:
    """The queue's policy, as authorisation asks for it."""
    queue = get(tx, arn)
    return None if queue is None else queue.attributes.get("Policy") or None


# --- permissions -----------------------------------------------------------------------------------------------------

_PERMITTED = {
    "*",
    "ChangeMessageVisibility",
    "DeleteMessage",
    "GetQueueAttributes",
    "GetQueueUrl",
    "ListDeadLetterSourceQueues",
    "PurgeQueue",
    "ReceiveMessage",
    "SendMessage",
}
"""What AddPermission can give to others; the rest is the owner's."""


def permit(tx: Tx, queue: Queue, label: str, accounts: Sequence[str], actions: Sequence[str]) -> None:
    """The policy has one more statement, named by its label."""
    if not _NAME.fullmatch(label):
        raise _not_valid(label, "Label", "Can only include alphanumeric characters, hyphens, or underscores.")
    if len(actions) > limits.SQS_POLICY_ACTIONS_MAX:
        raise OverLimit(f"{len(actions)} Actions were found, maximum allowed is {limits.SQS_POLICY_ACTIONS_MAX}.")
    for action in actions:
        if action not in _PERMITTED:
            raise _not_valid(f"SQS:{action}", "ActionName", "Only the queue owner is allowed to invoke this action.")
    if not all(re.fullmatch(r"[0-9]{12}", account) for account in accounts):
        raise _not_valid(f"[{', '.join(accounts)}]", "PrincipalId", "Unable to verify.")
    policy = json.loads(queue.attributes.get("Policy") or '{"Version": "2012-10-17"}')
    statements = _statements(policy)
    if any(statement.get("Sid") == label for statement in statements):
        raise _not_valid(label, "Label", "Already exists.")
    statement = {
        "Sid": label,
        "Effect": "Allow",
        "Principal": {"AWS": [f"arn:aws:iam::{account}:root" for account in accounts]},
        "Action": [f"SQS:{action}" for action in actions],
        "Resource": queue.arn,
    }
    if len(statements) >= limits.SQS_POLICY_STATEMENTS_MAX:
        raise rules.too_many_statements(len(statements) + 1)
    policy = {"Id": f"{queue.arn}/SQSDefaultPolicy", **policy, "Statement": [*statements, statement]}
    set_attributes(tx, queue.arn, {"Policy": json.dumps(policy)})


def forbid(tx: Tx, queue: Queue, label: str) -> None:
    """The policy has no statement with that label, though it had one; without statements it is none at all."""
    policy = json.loads(queue.attributes.get("Policy") or "{}")
    statements = _statements(policy)
    left = [statement for statement in statements if statement.get("Sid") != label]
    if len(left) == len(statements):
        raise _not_valid(label, "Label", "can't find label on existing policy.")
    set_attributes(tx, queue.arn, {"Policy": json.dumps({**policy, "Statement": left}) if left else ""})


def _statements(policy: Mapping[str, Any]) -> list[dict[str, Any]]:
    found = policy.get("Statement", [])
    return [found] if isinstance(found, dict) else list(found)


def _not_valid(value: str, parameter: str, reason: str) -> InvalidParameterValue:
    return InvalidParameterValue(f"Value {value} for parameter {parameter} is invalid. Reason: {reason}")


# --- below -----------------------------------------------------------------------------------------------------------


def wake_name(arn: str) -> str:
    """Woken when something in the queue may have become visible."""
    return arn


def _checked_kind(name: str, attributes: Mapping[str, str]) -> bool:
    """Whether it is to be a FIFO queue. Raises InvalidParameterValue where its name is not one of that kind."""
    if attributes.get("FifoQueue") == "true":
        if not name.endswith(FIFO) or len(name) > 80 or not _NAME.fullmatch(name.removesuffix(FIFO)):
            raise InvalidParameterValue(
                "The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, must end"
                " with .fifo suffix and be 1 to 80 in length."
            )
        return True
    if not _NAME.fullmatch(name):
        raise InvalidParameterValue(
            "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length"
        )
    return False


def _check_name_is_free(tx: Tx, arn: str) -> None:
    """A minute after a queue was deleted ("DeleteQueue")."""
    if tx.one("SELECT 1 FROM sqs_deleted WHERE arn = ? AND until > ?", arn, tx.now) is not None:
        raise QueueDeletedRecently()


def _check_throughput(attributes: Mapping[str, str]) -> None:
    """High throughput is by group, and so must deduplication be ("Enabling high throughput for FIFO queues")."""
    by_group = attributes.get("FifoThroughputLimit") == "perMessageGroupId"
    if by_group and attributes.get("DeduplicationScope") != "messageGroup":
        raise InvalidAttributeValue(
            "Invalid value for the parameter FifoThroughputLimit. Reason: The perMessageGroupId value is allowed only"
            " when the value for DeduplicationScope is messageGroup."
        )


def _check_same(queue: Queue, attributes: Mapping[str, str]) -> None:
    for name, value in attributes.items():
        there = queue.attributes.get(name) or queue.defaults.get(name, "")
        if _comparable(name, there) != _comparable(name, value):
            raise QueueNameExists(
                f"A queue already exists with the same name and a different value for attribute {name}"
            )


def _comparable(name: str, value: str) -> Any:
    """Policies are the same when they say the same."""
    if name in ("Policy", "RedrivePolicy", "RedriveAllowPolicy") and value:
        return json.loads(value)
    return value.lower() if name == "SqsManagedSseEnabled" else value


def _check_dead_letter_target(tx: Tx, arn: str, attributes: Mapping[str, str]) -> None:
    text = attributes.get("RedrivePolicy")
    if not text:
        return
    target = json.loads(text)["deadLetterTargetArn"]
    near = str(target).rpartition(":")[0] == arn.rpartition(":")[0]  # of the same account and region
    dead_letter = get(tx, target) if near else None
    reason = None
    if dead_letter is None:
        reason = "Dead letter target does not exist."
    elif dead_letter.is_fifo != arn.endswith(FIFO):
        reason = "Dead-letter queue must be same type of queue as the source."
    elif not _admits(dead_letter, arn):
        reason = "Queue does not have permission to use this dead-letter queue."
    if reason:
        raise InvalidParameterValue(f"Value {text} for parameter RedrivePolicy is invalid. Reason: {reason}")


def _check_tags(name: str, tags: Mapping[str, str]) -> None:
    if len(tags) > limits.SQS_TAGS_MAX:
        raise InvalidParameterValue(f"Too many tags added for queue {name}.")
    for key, value in tags.items():
        if not 1 <= len(key) <= limits.SQS_TAG_KEY_CHARS_MAX:
            raise InvalidParameterValue(
                f"Tag keys must be between 1 and {limits.SQS_TAG_KEY_CHARS_MAX} characters in length."
            )
        if len(value) > limits.SQS_TAG_VALUE_CHARS_MAX:
            raise InvalidParameterValue(
                f"Tag values must be between 0 and {limits.SQS_TAG_VALUE_CHARS_MAX} characters in length."
            )
        if key.lower().startswith("aws:"):
            raise InvalidParameterValue("Tag keys must not start with aws:, which is reserved.")
        for what, text in (("keys", key), ("values", value)):
            if not all(each.isalnum() or each.isspace() or each in "_.:/=+-@" for each in text):
                raise InvalidParameterValue(
                    f"Tag {what} may only contain unicode letters, digits, whitespace, or one of these symbols:"
                    " _ . : / = + - @"
                )


def _admits(dead_letter: Queue, source_arn: str) -> bool:
    allow: dict[str, Any] = json.loads(dead_letter.attributes.get("RedriveAllowPolicy") or "{}")
    permission = allow.get("redrivePermission", "allowAll")
    return permission == "allowAll" or (permission == "byQueue" and source_arn in allow.get("sourceQueueArns", []))


def _json(value: Mapping[str, str]) -> bytes:
    return orjson.dumps(dict(value))


_COLUMNS = tuple(each.name for each in fields(Queue))


def _queue(row: Row) -> Queue:
    return _read(*[row[name] for name in _COLUMNS])


@lru_cache(limits.SQS_QUEUES_REMEMBERED)
def _read(*columns: Any) -> Queue:
    """Of a row that reads like one before, the same queue: what was parsed of it once is not parsed again."""
    *others, attributes, tags = columns
    return Queue(*(*others, orjson.loads(attributes), orjson.loads(tags)))
