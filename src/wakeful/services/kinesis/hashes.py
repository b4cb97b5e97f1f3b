"""Hash keys: numbers of 128 bits that say which shard takes a record, and how streams are cut into ranges of them."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from hashlib import md5
from typing import NamedTuple

from wakeful.fabric.journal import HASHES_MAX


class Range(NamedTuple):
    """Both ends belong to it."""

    first: int
    last: int


class Split(NamedTuple):
    """The range at this place becomes two, the second of which begins at `at`."""

    place: int
    at: int


class Merge(NamedTuple):
    """The range at this place and the next become one."""

    place: int


def of(partition_key: bytes) -> int:
    return int.from_bytes(md5(partition_key, usedforsecurity=False).digest(), "big")


def uniform(count: int) -> list[Range]:
    """So many ranges of one size; the last has what is left over."""
    size = (HASHES_MAX + 1) // count
    return [Range(each * size, (each + 1) * size - 1 if each < count - 1 else HASHES_MAX) for each in range(count)]


def steps(ranges: Sequence[Range], count: int) -> list[Split | Merge]:
    """What makes `count` ranges of about one size out of these, one after the other: places are those of the moment.

    First everything is split where a range will begin, then merged what belongs into one; as UpdateShardCount does it
    ("Resharding a stream"). A range that begins within a hair of where it should is left as it is.
    """
    there = [each.first for each in ranges]
    wanted = set(_snapped([each.first for each in uniform(count)], there))
    found: list[Split | Merge] = []
    for first in sorted(wanted.difference(there)):
        place = bisect_left(there, first)
        found.append(Split(place - 1, first))
        there.insert(place, first)
    place = 0
    while place < len(there) - 1:
        if there[place + 1] in wanted:
            place += 1
        else:
            found.append(Merge(place))
            del there[place + 1]
    return found


def _snapped(wanted: Sequence[int], there: Sequence[int]) -> Iterator[int]:
    hair = (HASHES_MAX + 1) // max(len(wanted), len(there)) // 1000
    for first in wanted:
        place = bisect_left(there, first)
        nearest = min(there[max(place - 1, 0) : place + 1], key=lambda each: abs(each - first))
        yield nearest if abs(nearest - first) <= hair else first
