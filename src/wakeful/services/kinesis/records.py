"""Records: put into the shards of a stream, and as they are answered.

What an entry of the journal holds is a flag, the length of the partition key, the key and the data, as they came: what
a producer has packed into one record stays one ("aggregated" records).
"""

from __future__ import annotations

import math
import struct
from collections import defaultdict
from collections.abc import Sequence
from operator import attrgetter
from typing import Any, NamedTuple

from wakeful import limits, names
from wakeful.fabric import journal as journals
from wakeful.fabric.journal import HASHES_MAX, Entry, Place, Shard
from wakeful.fabric.parts import parts_of
from wakeful.fabric.trace import Trace
from wakeful.services.kinesis import hashes, sequences, shards
from wakeful.services.kinesis import stream as streams
from wakeful.services.kinesis.errors import InvalidArgumentException, ValidationException
from wakeful.services.kinesis.shards import Layout
from wakeful.services.kinesis.stream import Stream
from wakeful.store.tx import Tx

_HEAD = struct.Struct(">BH")
_ENCRYPTED = 1
_KEYLESS = 2


class Given(NamedTuple):
    """What a producer gives."""

    key: bytes | None
    data: bytes
    explicit_hash: int | None
    size: int


class Put(NamedTuple):
    """Where a record is; without a `sequence` the shard has no room for it in this second."""

    shard: Shard
    sequence: str | None


def given(key: str | None, data: bytes, explicit_hash: str | None = None) -> Given:
    encoded = None if key is None else key.encode()
    size = len(data) + (len(encoded) if encoded is not None else 0)
    return Given(encoded, data, None if explicit_hash is None else int(explicit_hash), size)


def check(stream: Stream, given: Given, where: str = "") -> None:
    """Raises what Kinesis answers to a record that the stream cannot take. `where` is its place in the request."""
    if given.key is None and not stream.ignores_keys:
        raise ValidationException(
            f"1 validation error detected: Value null at '{where}partitionKey' failed to satisfy constraint: Member"
            " must not be null"
        )
    if given.size > stream.record_bytes_max:
        raise ValidationException(
            f"1 validation error detected: Value at '{where}data' failed to satisfy constraint: Member must have length"
            f" less than or equal to {stream.record_bytes_max}"
        )
    if given.explicit_hash is not None and given.explicit_hash > HASHES_MAX:
        raise InvalidArgumentException(
            "Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. Specified value was"
            f" {given.explicit_hash}"
        )


def put(tx: Tx, stream: Stream, given: Sequence[Given], trace: Trace) -> tuple[Stream, list[Put]]:
    """Each record stands last in its shard; the stream is as it was at that moment."""
    wanted = [_hash(stream, each) for each in given]
    stream, layout = _locked(tx, stream, wanted)
    by_shard: defaultdict[int, list[int]] = defaultdict(list)
    found = [layout.of(each) for each in wanted]
    for place, shard in enumerate(found):
        by_shard[shard.id].append(place)
    sequenced: list[str | None] = [None] * len(given)
    for places in by_shard.values():
        shard = found[places[0]]
        if parts_of(tx).limits_shards:
            places = places[: _room(tx, shard, [given[place].size for place in places])]
        entries = [(_body(stream, given[place]), given[place].size) for place in places]
        for place, number in zip(places, journals.append_all(tx, Place(shard), entries, trace), strict=True):
            sequenced[place] = sequences.text(shard, number, tx.now)
    return stream, [Put(shard, sequence) for shard, sequence in zip(found, sequenced, strict=True)]


def answered(shard: Shard, entry: Entry) -> dict[str, Any]:
    """The model's Record."""
    flags, key, data = opened(entry.body)
    return {
        "SequenceNumber": sequences.text(shard, entry.seq, entry.at),
        "ApproximateArrivalTimestamp": arrival(entry.at),
        "Data": data,
        "PartitionKey": None if flags & _KEYLESS else key,
        "EncryptionType": "KMS" if flags & _ENCRYPTED else None,
    }


def arrival(at: float) -> float:
    """The moment as it is shown, in milliseconds: never later, so that AT_TIMESTAMP finds the record by it."""
    return math.floor(at * 1000) / 1000


def opened(body: bytes) -> tuple[int, str, bytes]:
    """Flags, partition key and data of an entry."""
    flags, length = _HEAD.unpack_from(body)
    ends = _HEAD.size + length
    return flags, body[_HEAD.size : ends].decode(), body[ends:]


def _body(stream: Stream, given: Given) -> bytes:
    flags = (_ENCRYPTED if stream.definition.key is not None else 0) | (_KEYLESS if given.key is None else 0)
    key = given.key or b""
    return b"".join((_HEAD.pack(flags, len(key)), key, given.data))


def _hash(stream: Stream, given: Given) -> int:
    if stream.ignores_keys:
        return hashes.of(names.new_token().encode())
    if given.explicit_hash is not None:
        return given.explicit_hash
    assert given.key is not None
    return hashes.of(given.key)


def _locked(tx: Tx, stream: Stream, wanted: Sequence[int]) -> tuple[Stream, Layout]:
    """The layout that holds until this transaction ends for the shards that take these hashes."""
    while True:
        layout = shards.layout(tx, stream)
        for shard in sorted({each.id: each for each in map(layout.of, wanted)}.values(), key=attrgetter("id")):
            tx.lock("journal", "shard", str(shard.id))
        now = streams.fresh(tx, stream.arn)
        if now is not None and now.revision == stream.revision:
            return now, layout
        stream = streams.find(tx, stream.arn) if now is None else now


def _room(tx: Tx, shard: Shard, sizes: Sequence[int]) -> int:
    """How many of these the shard still takes in this second, where that is enforced."""
    records, size = journals.lately(tx, shard, tx.now - 1, limits.KINESIS_SHARD_RECORDS_MAX)
    fit = 0
    for each in sizes:
        # The first record of a second may be larger than a shard takes in one ("Large records").
        if records >= limits.KINESIS_SHARD_RECORDS_MAX or (size and size + each > limits.KINESIS_SHARD_BYTES_MAX):
            break
        records, size, fit = records + 1, size + each, fit + 1
    return fit
