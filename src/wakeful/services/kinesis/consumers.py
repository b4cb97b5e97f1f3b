"""Consumers with enhanced fan-out, registered with a stream under a name. They are ACTIVE when that is answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from wakeful import limits, names
from wakeful.fabric import journal as journals
from wakeful.services.kinesis import policies
from wakeful.services.kinesis import stream as streams
from wakeful.services.kinesis.errors import (
    LimitExceededException,
    ResourceInUseException,
    ResourceNotFoundException,
)
from wakeful.services.kinesis.stream import Stream
from wakeful.store.tx import Row, Tx

_PART = "/consumer/"


@dataclass(frozen=True, slots=True)
class Consumer:
    arn: str
    stream: str
    """Its ARN."""
    name: str
    created: float
    tags: Mapping[str, str]

    @property
    def described(self) -> dict[str, Any]:
        """The model's Consumer."""
        return {
            "ConsumerName": self.name,
            "ConsumerARN": self.arn,
            "ConsumerStatus": "ACTIVE",
            "ConsumerCreationTimestamp": int(self.created),
        }


def is_arn(arn: str) -> bool:
    """Whether a resource of Kinesis with that ARN is a consumer."""
    return _PART in arn


def stream_arn(arn: str) -> str:
    """The stream's, of its own or a consumer's ARN."""
    return arn.partition(_PART)[0]


def register(tx: Tx, stream: Stream, name: str, tags: Mapping[str, str]) -> Consumer:
    """The consumer is there. Its ARN is another than that of one that was called so before."""
    there = of(tx, stream)
    if any(each.name == name for each in there):
        raise ResourceInUseException(
            f"Consumer {name} under stream {stream.name} already exists for account {stream.account}."
        )
    if len(there) >= limits.KINESIS_CONSUMERS_MAX:
        raise LimitExceededException(
            f"Stream {stream.under} has {limits.KINESIS_CONSUMERS_MAX} registered consumers, which is the most there"
            " may be."
        )
    made = Consumer(f"{stream.arn}{_PART}{name}:{int(tx.now)}", stream.arn, name, tx.now, tags)
    tx.run(
        "INSERT INTO kinesis_consumers(arn, stream, name, created, tags) VALUES (?, ?, ?, ?, ?)",
        *(made.arn, made.stream, name, made.created, orjson.dumps(dict(tags))),
    )
    return made


def find(tx: Tx, arn: str) -> Consumer:
    """Raises ResourceNotFoundException."""
    found = get(tx, arn)
    if found is None:
        raise _missing(arn.partition(_PART)[2], stream_arn(arn))
    return found


def find_named(tx: Tx, stream: Stream, name: str) -> Consumer:
    row = tx.one("SELECT * FROM kinesis_consumers WHERE stream = ? AND name = ?", stream.arn, name)
    if row is None:
        raise _missing(name, stream.arn)
    return _consumer(row)


def get(tx: Tx, arn: str) -> Consumer | None:
    row = tx.one("SELECT * FROM kinesis_consumers WHERE arn = ?", arn) if "\0" not in arn else None
    return None if row is None else _consumer(row)


def of(tx: Tx, stream: Stream) -> list[Consumer]:
    """The stream's, by name."""
    return [
        _consumer(row) for row in tx.all("SELECT * FROM kinesis_consumers WHERE stream = ? ORDER BY name", stream.arn)
    ]


def tag(tx: Tx, consumer: Consumer, tags: Mapping[str, str]) -> None:
    """It has these tags, and no others."""
    tx.lock("kinesis", consumer.stream)
    tx.run("UPDATE kinesis_consumers SET tags = ? WHERE arn = ?", orjson.dumps(dict(tags)), consumer.arn)


def forget(tx: Tx, consumer: Consumer) -> None:
    """It is not there any more, and its subscriptions end."""
    tx.lock("kinesis", consumer.stream)
    tx.run("DELETE FROM kinesis_consumers WHERE arn = ?", consumer.arn)
    tx.run("DELETE FROM kinesis_subscriptions WHERE consumer = ?", consumer.arn)
    policies.forget(tx, consumer.arn)
    stream = streams.get(tx, consumer.stream)
    if stream is not None:
        tx.wake(journals.wake_name(stream.journal))


def _missing(name: str, arn: str) -> ResourceNotFoundException:
    stream = names.parse_arn(arn)
    return ResourceNotFoundException(f"Consumer {name} under stream {stream.name}, account {stream.account} not found.")


def _consumer(row: Row) -> Consumer:
    return Consumer(row["arn"], row["stream"], row["name"], row["created"], orjson.loads(row["tags"]))
