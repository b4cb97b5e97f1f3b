"""Shards: which of them takes a record, and how one becomes two and two become one ("Resharding a stream")."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from wakeful import limits
from wakeful.fabric import journal as journals
from wakeful.fabric.journal import Shard
from wakeful.fabric.parts import kept
from wakeful.services.kinesis import hashes, sequences
from wakeful.services.kinesis import stream as streams
from wakeful.services.kinesis.errors import InvalidArgumentException, ResourceNotFoundException
from wakeful.services.kinesis.hashes import Range, Split
from wakeful.services.kinesis.stream import Stream
from wakeful.store.tx import Tx


@dataclass(frozen=True, slots=True)
class Layout:
    """A stream's open shards, by the hashes they take."""

    firsts: Sequence[int]
    shards: Sequence[Shard]

    def of(self, hash_key: int) -> Shard:
        return self.shards[bisect_right(self.firsts, hash_key) - 1]


class Layouts:
    """The node's memory of layouts, by revisions: each is of one layout only."""

    def __init__(self) -> None:
        self._of: dict[str, Layout] = {}

    def of(self, tx: Tx, stream: Stream) -> Layout:
        found = self._of.get(stream.revision)
        if found is None:
            found = _layout(tx, stream)
            if len(self._of) >= limits.KINESIS_LAYOUTS_KEPT:
                self._of.clear()
            self._of[stream.revision] = found
        return found


def layout(tx: Tx, stream: Stream) -> Layout:
    """As the stream's revision has it: who writes by it locks its shards, and looks whether there is another since."""
    return kept(tx, Layouts).of(tx, stream)


def every(tx: Tx, stream: Stream) -> list[Shard]:
    """Those that may have something to read, the oldest first."""
    oldest = stream.oldest(tx.now)
    return [each for each in journals.shards(tx, stream.journal) if each.closed is None or each.closed > oldest]


def find(tx: Tx, stream: Stream, name: str) -> Shard:
    """Raises ResourceNotFoundException."""
    number = sequences.shard_number(name)
    if number is None:
        raise ResourceNotFoundException(f"Could not find shard {name} in stream {stream.under}.")
    found = journals.find_shard(tx, stream.journal, sequences.shard_name(number))
    if found is None or (found.closed is not None and found.closed <= stream.oldest(tx.now)):
        raise ResourceNotFoundException(f"Shard {sequences.shard_name(number)} in stream {stream.under} does not exist")
    return found


def children(tx: Tx, stream: Stream, shard: Shard) -> list[Shard]:
    return [each for each in journals.shards(tx, stream.journal) if shard.name in each.parents]


def described(shard: Shard) -> dict[str, Any]:
    """The model's Shard."""
    ending = sequences.ending(shard)
    return {
        "ShardId": shard.name,
        **dict(zip(("ParentShardId", "AdjacentParentShardId"), shard.parents, strict=False)),
        "HashKeyRange": _range(shard),
        "SequenceNumberRange": {
            "StartingSequenceNumber": sequences.starting(shard),
            **({"EndingSequenceNumber": ending} if ending is not None else {}),
        },
    }


def told_children(tx: Tx, stream: Stream, shard: Shard) -> list[dict[str, Any]]:
    """The model's ChildShards."""
    return [
        {"ShardId": each.name, "ParentShards": list(each.parents), "HashKeyRange": _range(each)}
        for each in children(tx, stream, shard)
    ]


# --- resharding: whoever calls has the stream locked -----------------------------------------------------------------


def begin(tx: Tx, stream: Stream, count: int) -> Stream:
    """A stream that is new has so many shards."""
    for hash_range in hashes.uniform(count):
        stream, _ = _open(tx, stream, hash_range)
    return stream


def split(tx: Tx, stream: Stream, shard: Shard, at: int) -> Stream:
    """Two shards, the second of which begins at this hash, have taken the shard's place."""
    if at <= shard.first_hash + 1 or at >= shard.last_hash:
        raise InvalidArgumentException(
            f"NewStartingHashKey {at} used in SplitShard() on shard {shard.name} in stream {stream.under} is not both"
            f" greater than one plus the shard's StartingHashKey {shard.first_hash} and less than the shard's"
            f" EndingHashKey {shard.last_hash}."
        )
    _check_open(stream, shard)
    return _split(tx, stream, shard, at)[0]


def merge(tx: Tx, stream: Stream, one: Shard, other: Shard) -> Stream:
    """A shard has taken the place of two that are side by side."""
    first, second = sorted((one, other), key=attrgetter("first_hash"))
    if first.last_hash + 1 != second.first_hash:
        raise InvalidArgumentException(
            f"Shards {one.name} and {other.name} in stream {stream.under} are not an adjacent pair of shards eligible"
            " for merging"
        )
    for shard in (one, other):
        _check_open(stream, shard)
    return _merge(tx, stream, one, other)[0]


def resize(tx: Tx, stream: Stream, count: int) -> Stream:
    """It has so many open shards, each of about as many hashes. Some may have come and gone on the way."""
    there = list(_layout(tx, stream).shards)
    _lock(tx, there)
    for step in hashes.steps([Range(each.first_hash, each.last_hash) for each in there], count):
        if isinstance(step, Split):
            stream, made = _split(tx, stream, there[step.place], step.at)
            there[step.place : step.place + 1] = made
        else:
            stream, one = _merge(tx, stream, there[step.place], there[step.place + 1])
            there[step.place : step.place + 2] = [one]
    return stream


def _check_open(stream: Stream, shard: Shard) -> None:
    if not shard.is_open:
        raise InvalidArgumentException(
            f"Shard {shard.name} in stream {stream.under} has already been merged or split, and thus is not eligible"
            " for merging or splitting."
        )


def _split(tx: Tx, stream: Stream, shard: Shard, at: int) -> tuple[Stream, list[Shard]]:
    journals.close_shard(tx, shard)
    stream, first = _open(tx, stream, Range(shard.first_hash, at - 1), shard.name)
    stream, second = _open(tx, stream, Range(at, shard.last_hash), shard.name)
    return streams.reshaped(tx, stream), [first, second]


def _merge(tx: Tx, stream: Stream, one: Shard, other: Shard) -> tuple[Stream, Shard]:
    _lock(tx, (one, other))
    for shard in (one, other):
        journals.close_shard(tx, shard)
    first, last = min(one.first_hash, other.first_hash), max(one.last_hash, other.last_hash)
    stream, made = _open(tx, stream, Range(first, last), one.name, other.name)
    return streams.reshaped(tx, stream), made


def _open(tx: Tx, stream: Stream, hash_range: Range, *parents: str) -> tuple[Stream, Shard]:
    number = stream.definition.next_shard
    made = journals.open_shard(tx, stream.journal, sequences.shard_name(number), parents=parents, hashes=hash_range)
    return streams.change(tx, stream, next_shard=number + 1), made


def _lock(tx: Tx, shards: Sequence[Shard]) -> None:
    """In the order in which whoever puts records into several of them locks them, too."""
    for shard in sorted(shards, key=attrgetter("id")):
        tx.lock("journal", "shard", str(shard.id))


def _layout(tx: Tx, stream: Stream) -> Layout:
    there = sorted((each for each in journals.shards(tx, stream.journal) if each.is_open), key=attrgetter("first_hash"))
    return Layout([each.first_hash for each in there], there)


def _range(shard: Shard) -> dict[str, str]:
    return {"StartingHashKey": str(shard.first_hash), "EndingHashKey": str(shard.last_hash)}
