"""Where somebody reads: starting positions, and shard iterators, which are good for five minutes."""

from __future__ import annotations

import base64
import binascii
import time
from collections.abc import Sequence
from typing import NamedTuple

import orjson

from wakeful import limits, names
from wakeful.fabric import journal as journals
from wakeful.fabric.journal import Entry, Shard
from wakeful.services.kinesis import sequences, shards
from wakeful.services.kinesis import stream as streams
from wakeful.services.kinesis.errors import (
    ExpiredIteratorException,
    InvalidArgumentException,
    ResourceNotFoundException,
)
from wakeful.services.kinesis.stream import Stream
from wakeful.store.tx import Tx

_FORM = b"\0\0\0\0\0\0\0\1"
_NUMBERED = ("AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER")


class Iterator(NamedTuple):
    """A place in a shard of one stream, of all that ever had its name."""

    arn: str
    journal: str
    shard: str
    after: int
    """What is read has a greater number."""
    made: float


def start(
    tx: Tx, stream: Stream, shard: Shard, kind: str, *, sequence: str | None = None, at: float | None = None
) -> int:
    """After which number reading begins. Raises for what does not say where."""
    if kind in _NUMBERED:
        if sequence is None:
            raise _either(kind, "no StartingSequenceNumber")
        entry = _entry_of(stream, shard, sequence)
        return max(0, entry - 1) if kind == "AT_SEQUENCE_NUMBER" else entry
    if sequence is not None:
        raise _either(kind, "also a StartingSequenceNumber")
    if kind == "TRIM_HORIZON":
        return shard.starts
    if kind == "LATEST":
        return journals.newest(tx, shard)
    if at is None:
        raise InvalidArgumentException(
            "Must specify timestampInMillis parameter for iterator of type AT_TIMESTAMP. Current request has no"
            " timestamp parameter."
        )
    if at > tx.now:
        raise InvalidArgumentException(
            "The timestampInMillis parameter cannot be greater than the currentTimestampInMillis."
            f" timestampInMillis: {round(at * 1000)}, currentTimestampInMillis: {round(tx.now * 1000)}"
        )
    return journals.before(tx, shard, at)


def read(tx: Tx, stream: Stream, shard: Shard, after: int, count: int, bytes_max: int) -> list[Entry]:
    """What comes after that number and is not too old."""
    return journals.read(tx, shard, after, count, bytes_max, since=stream.oldest(tx.now))


def behind_ms(tx: Tx, shard: Shard, entries: Sequence[Entry]) -> int:
    """How long ago the last of those that were just read came, where there is more to read; else 0."""
    if not entries or journals.newest(tx, shard) <= entries[-1].seq:
        return 0
    return max(0, round((tx.now - entries[-1].at) * 1000))


def is_at_end(shard: Shard, entries: Sequence[Entry]) -> bool:
    """Whether the shard is closed, and nothing is left to read of it after those that were just read."""
    return shard.ends is not None and (not entries or entries[-1].seq >= shard.ends)


def token(stream: Stream, shard: Shard, after: int, now: float) -> str:
    """What a client is given as a shard iterator."""
    fields = [stream.arn, stream.journal.rpartition("/")[2], shard.name, after, now]
    return base64.b64encode(_FORM + orjson.dumps(fields)).decode()


def parse(text: str) -> Iterator | None:
    """None for what was never given as an iterator."""
    try:
        body = base64.b64decode(text, validate=True)
        if not body.startswith(_FORM):
            return None
        arn, mark, shard, after, made = orjson.loads(body[len(_FORM) :])
        names.parse_arn(arn)
        return Iterator(arn, f"{arn}/{mark}", str(shard), int(after), float(made))
    except (binascii.Error, ValueError, TypeError, AttributeError):
        return None


def place(tx: Tx, text: str) -> tuple[Stream, Shard, Iterator]:
    """Where the iterator stands. Raises for one that is none, is too old, or whose stream or shard has gone."""
    found = parse(text)
    if found is None or not 0 <= found.after < 1 << 63:
        raise InvalidArgumentException("Invalid ShardIterator.")
    if tx.now - found.made > limits.KINESIS_ITERATOR_S:
        raise ExpiredIteratorException(
            f"Iterator expired. The iterator was created at time {_utc(found.made)} while right now it is"
            f" {_utc(tx.now)} which is further in the future than the tolerated delay of"
            f" {limits.KINESIS_ITERATOR_S * 1000:.0f} milliseconds."
        )
    stream = streams.get(tx, found.arn)
    if stream is None or stream.journal != found.journal:
        there = names.parse_arn(found.arn)
        raise ResourceNotFoundException(
            f"Shard {found.shard} in stream {there.name} under account {there.account} does not exist"
        )
    return stream, shards.find(tx, stream, found.shard), found


def _entry_of(stream: Stream, shard: Shard, number: str) -> int:
    said = sequences.parse(number)
    if said is None:
        raise _invalid(stream, shard, number, "is invalid.")
    if said.shard != sequences.shard_number(shard.name):
        raise InvalidArgumentException(
            f"Invalid StartingSequenceNumber. It encodes {sequences.shard_name(said.shard)}, while it was used in a"
            f" call to a shard with {shard.name}"
        )
    if said.opened_s != int(shard.opened):
        raise _invalid(stream, shard, number, "is invalid because it did not come from this stream.")
    return said.entry


def _invalid(stream: Stream, shard: Shard, number: str, why: str) -> InvalidArgumentException:
    return InvalidArgumentException(
        f"StartingSequenceNumber {number} used in GetShardIterator on shard {shard.name} in stream {stream.under} {why}"
    )


def _either(kind: str, said: str) -> InvalidArgumentException:
    return InvalidArgumentException(
        "Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and StartingSequenceNumber or (2)"
        f" TRIM_HORIZON or LATEST and no StartingSequenceNumber. Request specified {kind} and {said}."
    )


def _utc(seconds: float) -> str:
    return time.strftime("%a %b %d %H:%M:%S UTC %Y", time.gmtime(seconds))
