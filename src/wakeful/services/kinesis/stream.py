"""A data stream as a whole: how it is set up, where it is found, how it ends."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import orjson

from wakeful import limits, names
from wakeful.fabric import journal as journals
from wakeful.fabric.service import Call, Request
from wakeful.services.kinesis.errors import InvalidArgumentException, ResourceNotFoundException
from wakeful.store.tx import Row, Tx
from wakeful.wire.errors import NotImplementedHere

PROVISIONED, ON_DEMAND = "PROVISIONED", "ON_DEMAND"


@dataclass(frozen=True, slots=True)
class Definition:
    """What is set up of a stream."""

    mode: str = PROVISIONED
    retention_hours: int = limits.KINESIS_RETENTION_HOURS_MIN
    floor: float = 0.0
    """Records from before it were too old when they were kept for a shorter time than now: they do not come back."""
    key: str | None = None
    """The KeyId that records are encrypted with, as far as anybody is told."""
    monitoring: tuple[str, ...] = ()
    """Shard-level metrics."""
    record_kib: int = limits.KINESIS_RECORD_KIB
    strategy: str | None = None
    """RecordDistributionStrategy, where one was asked for."""
    warm_mibps: int | None = None
    next_shard: int = 0
    resized: tuple[float, ...] = ()
    """When UpdateShardCount did so, in the last 24 hours."""
    mode_changes: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Stream:
    arn: str
    account: str
    region: str
    name: str
    created: float
    journal: str
    revision: str
    """Of its shards."""
    definition: Definition
    tags: Mapping[str, str]

    @property
    def under(self) -> str:
        """As AWS's messages name it."""
        return f"{self.name} under account {self.account}"

    @property
    def is_on_demand(self) -> bool:
        return self.definition.mode == ON_DEMAND

    @property
    def ignores_keys(self) -> bool:
        return self.definition.strategy == "AUTO"

    @property
    def record_bytes_max(self) -> int:
        return self.definition.record_kib * 1024

    def oldest(self, now: float) -> float:
        """What came before is too old, whether it is still there or not."""
        return max(now - self.definition.retention_hours * 3600, self.definition.floor)


def arn_of(call: Call, request: Request) -> str:
    """The ARN of the stream that the request names. Raises where it names none, or two."""
    if "StreamId" in request:
        raise NotImplementedHere("Kinesis reserves StreamId for later, and so does Wakeful.")
    name, arn = request.get("StreamName"), request.get("StreamARN")
    if arn is None:
        if name is None:
            raise InvalidArgumentException("Either StreamName or StreamARN should be provided.")
        return call.arn("kinesis", f"stream/{name}")
    there = names.parse_arn(arn)
    if there.region != call.region:
        raise ResourceNotFoundException(f"Stream {there.name} under account {there.account} not found.")
    if name is not None and there.resource != f"stream/{name}":
        raise InvalidArgumentException(f"StreamName {name} does not match StreamARN {arn}.")
    return str(arn)


def find(tx: Tx, arn: str) -> Stream:
    """Raises ResourceNotFoundException."""
    return _found(arn, get(tx, arn))


def locked(tx: Tx, arn: str) -> Stream:
    """Nobody else changes it before this transaction has ended."""
    _check(arn)
    tx.lock("kinesis", arn)
    return _found(arn, fresh(tx, arn))


def get(tx: Tx, arn: str) -> Stream | None:
    row = tx.known("kinesis_streams", _row, arn) if "\0" not in arn else None
    return None if row is None else _stream(row)


def fresh(tx: Tx, arn: str) -> Stream | None:
    """As it is now, whatever it was when this transaction, or one that shares its commit, looked first."""
    row = _row(tx, arn)
    return None if row is None else _stream(row)


def every(tx: Tx) -> list[Stream]:
    return [_stream(row) for row in tx.all("SELECT * FROM kinesis_streams")]


def listed(tx: Tx, call: Call, after: str, count: int) -> list[Stream]:
    """The account's streams by name, from the one after `after`."""
    rows = tx.all(
        "SELECT * FROM kinesis_streams WHERE account = ? AND region = ? AND name > ? ORDER BY name LIMIT ?",
        *(call.account, call.region, after, count),
    )
    return [_stream(row) for row in rows]


def of_account(tx: Tx, call: Call) -> list[Stream]:
    rows = tx.all("SELECT * FROM kinesis_streams WHERE account = ? AND region = ?", call.account, call.region)
    return [_stream(row) for row in rows]


def make(tx: Tx, call: Call, name: str, definition: Definition, tags: Mapping[str, str]) -> Stream:
    """It is there, and has no shards yet."""
    arn = call.arn("kinesis", f"stream/{name}")
    made = Stream(
        *(arn, call.account, call.region, name, tx.now),
        journal=f"{arn}/{names.new_token()}",
        revision=names.new_token(),
        definition=definition,
        tags=tags,
    )
    tx.run(
        "INSERT INTO kinesis_streams(arn, account, region, name, created, journal, revision, definition, tags)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        *(arn, made.account, made.region, name, made.created, made.journal, made.revision),
        *(orjson.dumps(definition), orjson.dumps(dict(tags))),
    )
    tx.wake(journals.wake_name(arn))  # of those who followed another of its name
    return made


def change(tx: Tx, stream: Stream, **settings: Any) -> Stream:
    """It is set up so, from now on."""
    changed = dataclasses.replace(stream, definition=dataclasses.replace(stream.definition, **settings))
    tx.lock("kinesis", stream.arn)
    tx.run("UPDATE kinesis_streams SET definition = ? WHERE arn = ?", orjson.dumps(changed.definition), stream.arn)
    return changed


def reshaped(tx: Tx, stream: Stream) -> Stream:
    """Its shards have changed: nobody goes by what they were."""
    changed = dataclasses.replace(stream, revision=names.new_token())
    tx.run("UPDATE kinesis_streams SET revision = ? WHERE arn = ?", changed.revision, stream.arn)
    return changed


def tag(tx: Tx, stream: Stream, tags: Mapping[str, str]) -> None:
    """It has these tags, and no others."""
    tx.lock("kinesis", stream.arn)
    tx.run("UPDATE kinesis_streams SET tags = ? WHERE arn = ?", orjson.dumps(dict(tags)), stream.arn)


def forget(tx: Tx, stream: Stream) -> None:
    """It is not there any more; what it holds is the sweeper's."""
    tx.lock("kinesis", stream.arn)
    tx.run("DELETE FROM kinesis_streams WHERE arn = ?", stream.arn)
    tx.wake(journals.wake_name(stream.journal))


def _check(arn: str) -> None:
    """Nothing is called by a name that PostgreSQL cannot be asked for."""
    if "\0" in arn:
        _found(arn, None)


def _found(arn: str, stream: Stream | None) -> Stream:
    if stream is None:
        there = names.parse_arn(arn)
        raise ResourceNotFoundException(f"Stream {there.name} under account {there.account} not found.")
    return stream


def _row(tx: Tx, arn: str) -> Row | None:
    return tx.one("SELECT * FROM kinesis_streams WHERE arn = ?", arn)


def _stream(row: Row) -> Stream:
    return Stream(
        arn=row["arn"],
        account=row["account"],
        region=row["region"],
        name=row["name"],
        created=row["created"],
        journal=row["journal"],
        revision=row["revision"],
        definition=_definition(bytes(row["definition"])),
        tags=orjson.loads(row["tags"]),
    )


@lru_cache(limits.KINESIS_DEFINITIONS_PARSED)
def _definition(body: bytes) -> Definition:
    fields = orjson.loads(body)
    for name in ("monitoring", "resized", "mode_changes"):
        fields[name] = tuple(fields[name])
    return Definition(**fields)
