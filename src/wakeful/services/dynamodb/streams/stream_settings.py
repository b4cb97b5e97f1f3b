"""Streams that tables have and had: how one comes, rolls its shards every few hours, and ends a day after it was
disabled ("Change data capture for DynamoDB Streams").
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from wakeful import limits, names
from wakeful.fabric import journal
from wakeful.fabric.journal import HASHES_MAX, Shard
from wakeful.fabric.service import Again, Done, Node, Worker
from wakeful.services.dynamodb.errors import ResourceNotFoundException
from wakeful.services.dynamodb.table import Table
from wakeful.store import work
from wakeful.store.tx import Row, Tx

_TEND = "dynamodb.streams"


@dataclass(frozen=True, slots=True)
class Stream:
    """As it stands in the store. Its ARN is also the name of its journal."""

    arn: str
    name: str
    label: str
    view: str
    key_schema: list[dict[str, str]]
    created: float
    disabled: float | None


# --- as its table has it ---------------------------------------------------------------------------------------------


def enable(tx: Tx, table: Table) -> None:
    """There is the stream that the table's definition speaks of, with open shards."""
    arn, setting = table.stream_arn, table.definition["Stream"]
    assert arn is not None
    tx.run(
        "INSERT INTO dynamodb_streams(arn, account, region, name, label, view, keys, created)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        *(arn, table.account, table.region, table.name, setting["Label"], setting["StreamViewType"]),
        *(orjson.dumps(table.definition["KeySchema"]), tx.now),
    )
    for hashes in _equal_parts(shard_count(table.definition)):
        journal.open_shard(tx, arn, _new_shard_name(tx), hashes=hashes)
    work.put(tx, _TEND, {"arn": arn}, due=tx.now + limits.DYNAMODB_STREAM_ROLL_S, name=f"{_TEND} {arn}")


def disable(tx: Tx, arn: str) -> None:
    """Nothing comes to the stream any more; for a day it can still be read."""
    tx.lock("dynamodb", "streams", arn)
    tx.run("UPDATE dynamodb_streams SET disabled = ? WHERE arn = ? AND disabled IS NULL", tx.now, arn)
    for shard in journal.held_open_shards(tx, arn):
        journal.close_shard(tx, shard)


def shard_count(definition: Mapping[str, Any]) -> int:
    """As many as the table has partitions ("Partitions and data distribution"), rounded up to a power of two."""
    if definition.get("BillingMode") == "PAY_PER_REQUEST":
        return limits.DYNAMODB_STREAM_SHARDS_ON_DEMAND
    capacity = definition.get("ProvisionedThroughput") or {}
    partitions = (
        capacity.get("ReadCapacityUnits", 1) / limits.DYNAMODB_PARTITION_READS
        + capacity.get("WriteCapacityUnits", 1) / limits.DYNAMODB_PARTITION_WRITES
    )
    count = 1
    while count < min(partitions, limits.DYNAMODB_STREAM_SHARDS_MAX):
        count *= 2
    return count


# --- streams as they are found ---------------------------------------------------------------------------------------


def get(tx: Tx, arn: str) -> Stream | None:
    """None also where it was disabled longer ago than it is kept."""
    row = tx.one("SELECT * FROM dynamodb_streams WHERE arn = ?", arn)
    found = None if row is None else _stream(row)
    return None if found is None or _is_over(found, tx.now) else found


def find(tx: Tx, arn: str) -> Stream:
    """Raises ResourceNotFoundException."""
    found = get(tx, arn)
    if found is None:
        raise ResourceNotFoundException(f"Requested resource not found: Stream: {arn} not found")
    return found


def listed(tx: Tx, account: str, region: str, name: str | None) -> list[Stream]:
    """Those of the account and region, or of tables of that name only; the oldest of each name first."""
    rows = tx.all(
        "SELECT * FROM dynamodb_streams WHERE account = ? AND region = ? AND name >= ? AND (? = '' OR name = ?)"
        " ORDER BY name, label",
        *(account, region, name or "", name or "", name or ""),
    )
    return [found for found in map(_stream, rows) if not _is_over(found, tx.now)]


def shards(tx: Tx, arn: str) -> list[Shard]:
    """Those that can be read, ordered by name: parents come before their children."""
    since = oldest(tx)
    found = (each for each in journal.shards(tx, arn) if each.closed is None or each.closed >= since)
    return sorted(found, key=lambda shard: shard.name)


def oldest(tx: Tx) -> float:
    """Since when records can be read."""
    return tx.now - limits.DYNAMODB_STREAM_RETENTION_S


# --- in the background -----------------------------------------------------------------------------------------------


def tend(tx: Tx, arn: str) -> float | None:
    """Shards that are old enough have rolled, records that nobody can read are gone, and so is the stream where it was
    disabled long enough ago. When there is more of that to do; None where there is nothing left of the stream.
    """
    row = tx.one("SELECT * FROM dynamodb_streams WHERE arn = ?", arn)
    if row is None:
        return None
    stream = _stream(row)
    # An iterator knows by them that what it stood at was trimmed.
    until = oldest(tx) - limits.DYNAMODB_ITERATOR_LIFE_S
    if stream.disabled is not None and stream.disabled < until:
        if journal.drop(tx, arn):
            return tx.now
        tx.lock("dynamodb", "streams", arn)
        tx.run("DELETE FROM dynamodb_streams WHERE arn = ?", arn)
        return None
    for shard in journal.held_open_shards(tx, arn):
        if shard.opened + limits.DYNAMODB_STREAM_ROLL_S <= tx.now:
            journal.roll(tx, shard, _new_shard_name(tx))
    return tx.now if journal.expire(tx, arn, until) else tx.now + limits.DYNAMODB_STREAM_ROLL_S


async def _tend(node: Node, item: work.Item) -> Done | Again:
    due = await node.store.write(tend, item.body["arn"])
    return Done() if due is None else Again(due)


worker = Worker(_TEND, _tend, slots=limits.DYNAMODB_STREAM_TENDERS, is_lazy=True)


def _is_over(stream: Stream, now: float) -> bool:
    return stream.disabled is not None and stream.disabled < now - limits.DYNAMODB_STREAM_RETENTION_S


def _new_shard_name(tx: Tx) -> str:
    return f"shardId-{int(tx.now * 1000):020}-{names.new_uuid()[:8]}"


def _equal_parts(count: int) -> Iterator[tuple[int, int]]:
    size = (HASHES_MAX + 1) // count
    return ((number * size, (number + 1) * size - 1) for number in range(count))


def _stream(row: Row) -> Stream:
    return Stream(
        arn=row["arn"],
        name=row["name"],
        label=row["label"],
        view=row["view"],
        key_schema=orjson.loads(row["keys"]),
        created=row["created"],
        disabled=row["disabled"],
    )
