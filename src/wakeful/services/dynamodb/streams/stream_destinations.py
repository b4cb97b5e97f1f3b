"""Kinesis streams that a table's changes go to, each in the transaction of the change ("Using Kinesis Data Streams to
capture changes to DynamoDB").

A table has at most one of them at a time; those that it had are still told of.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import orjson

from wakeful import limits, names
from wakeful.fabric.deliver import Delivery, Refused, Undelivered, attempt, from_json, refusal
from wakeful.fabric.service import Again, Done, Node, Worker
from wakeful.fabric.trace import Trace
from wakeful.services.dynamodb.sizes import item_size
from wakeful.services.dynamodb.table import Table
from wakeful.services.dynamodb.values import Item
from wakeful.store import work
from wakeful.store.tx import Tx

if TYPE_CHECKING:
    from wakeful.services.dynamodb.changes import Cause

ACTIVE, DISABLED, FAILED = "ACTIVE", "DISABLED", "ENABLE_FAILED"
MILLISECOND, MICROSECOND = "MILLISECOND", "MICROSECOND"
_PER_SECOND = {MILLISECOND: 1_000, MICROSECOND: 1_000_000}
_AGAIN = "dynamodb.destinations"
_GIVER = "kinesisreplication.dynamodb.amazonaws.com"
"""Whose role on AWS, which every account has, puts the records."""


def change(tx: Tx, table: Table, key: bytes, before: Item | None, after: Item | None, cause: Cause) -> None:
    """The change is a record of the Kinesis stream, or will be, where its shard takes no more at the moment. A stream
    that refuses it for good, as one that was deleted does, goes without: the note of the delivery says so.
    """
    for each in table.definition["KinesisDestinations"]:
        if each["DestinationStatus"] == ACTIVE:
            precision = each.get("ApproximateCreationDateTimePrecision")
            body = _record(tx, table, before, after, cause, precision)
            partition_key = blake2b(key, digest_size=16).hexdigest().upper()
            delivery = _delivery(table, each["StreamArn"], body, partition_key, cause.trace)
            if _is_throttled(attempt(tx, delivery)):
                until = tx.now + limits.DYNAMODB_DESTINATION_AGE_MAX_S
                work.put(tx, _AGAIN, {"delivery": delivery, "until": until}, due=tx.now + _pause_s(1))


def complaint(tx: Tx, table: Table, stream_arn: str, trace: Trace) -> str | None:
    """Why the table's changes cannot go to that stream, in AWS's words; None where they can."""
    arn = names.parse_arn(stream_arn)
    if arn.service == "kinesis" and arn.region != table.region:
        return (
            "The kinesis Arn used to enable kinesis replication belongs to a stream which is not in the current region"
        )
    if arn.service != "kinesis" or arn.account != table.account:
        return "The kinesis Arn used to enable kinesis replication belongs to a stream which is not in Active state"
    refused: Refused | None = refusal(tx, _delivery(table, stream_arn, "{}", "0", trace))
    return None if refused is None else "User does not have a permission to use kinesis stream"


async def _offer_again(node: Node, item: work.Item) -> Done | Again:
    """A record may so come after younger ones of its item, as it may on AWS."""
    delivery = from_json(item.body["delivery"])

    def offer(tx: Tx) -> bool:
        return _is_throttled(attempt(tx, delivery))

    due = node.clock.now() + _pause_s(item.attempts + 1)
    return Again(due) if await node.store.write(offer) and due <= item.body["until"] else Done()


worker = Worker(_AGAIN, _offer_again)


def _is_throttled(outcome: Undelivered | None) -> bool:
    return outcome is not None and outcome.refusal.code == "THROTTLING"


def _pause_s(attempts: int) -> float:
    longest = limits.DYNAMODB_DESTINATION_BACKOFF_MAX_S
    return min(longest, limits.DYNAMODB_DESTINATION_BACKOFF_S * 2.0 ** min(attempts - 1, 16))


def _delivery(table: Table, stream_arn: str, body: str, partition_key: str, trace: Trace) -> Delivery:
    return Delivery(
        target_arn=stream_arn,
        body=body,
        source_arn=table.arn,
        principal=_GIVER,
        account=table.account,
        trace=trace,
        label=f"change in {table.name}",
        group_id=partition_key,
        is_ordered=True,
    )


def _record(tx: Tx, table: Table, before: Item | None, after: Item | None, cause: Cause, precision: str | None) -> str:
    item: Item = after if after is not None else before  # type: ignore[assignment] # one of them is there
    images = {"Keys": {each.name: item[each.name] for each in table.keys.attributes}, "NewImage": after}
    images["OldImage"] = before
    there = {name: image for name, image in images.items() if image is not None}
    told: dict[str, Any] = {
        "ApproximateCreationDateTime": int(tx.now * _PER_SECOND[precision or MILLISECOND]),
        **there,
        "SizeBytes": sum(map(item_size, there.values())),
    }
    if precision == MICROSECOND:
        told["ApproximateCreationDateTimePrecision"] = precision
    identity = cause.identity
    record = {
        "awsRegion": table.region,
        "eventID": names.new_uuid(),
        "eventName": "INSERT" if before is None else "REMOVE" if after is None else "MODIFY",
        "userIdentity": identity and {"principalId": identity["PrincipalId"], "type": identity["Type"]},
        "recordFormat": "application/json",
        "tableName": table.name,
        "dynamodb": told,
        "eventSource": "aws:dynamodb",
    }
    return orjson.dumps(record).decode()
