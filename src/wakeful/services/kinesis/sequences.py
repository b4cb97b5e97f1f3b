"""Sequence numbers: where a record stands in its shard, as a number of 56 digits.

They have the form of Kinesis's own, 186 bits: when the shard was opened, the number of the entry in its journal, when
it came, the number of the shard, and a 2 at either end. So they grow within a shard, and those of its children are
greater than any of its own: as many seconds as the shard's number says are added, since parent and child may be opened
within one here.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from wakeful import limits
from wakeful.fabric.journal import Shard

_VERSION = 2
_SHARD_BITS = 32
_SECONDS_BITS = 36
_UNUSED_BITS = 8
_ENTRY_BITS = 64
_ENTRY_MAX = (1 << 63) - 1
_ENTRY_SHIFT = 4 + _SHARD_BITS + _SECONDS_BITS + _UNUSED_BITS
_LOW_BITS = 4 + _SHARD_BITS + _SECONDS_BITS + _UNUSED_BITS + _ENTRY_BITS + 4
_PREFIX = "shardId-"


class Sequence(NamedTuple):
    """What a sequence number says."""

    opened_s: int
    entry: int
    at_s: int
    shard: int


def shard_name(number: int) -> str:
    return f"{_PREFIX}{number:012}"


def shard_number(name: str) -> int | None:
    """None where no shard can be called so. As on AWS, what stands before the number does not matter."""
    digits = name.partition("-")[2] or name
    if not digits.isascii() or not digits.isdigit() or len(digits) > 12:
        return None
    return int(digits)


def text(shard: Shard, entry: int, at: float) -> str:
    """The sequence number of an entry of the shard; or, of one that is none, of that place in it."""
    return str(_of_second(shard.name, int(shard.opened), int(at)) | entry << _ENTRY_SHIFT)


def starting(shard: Shard) -> str:
    return text(shard, shard.starts, shard.opened)


def ending(shard: Shard) -> str | None:
    """None while it takes records. It is greater than the number of any that could have come, as AWS's are."""
    return None if shard.closed is None else text(shard, _ENTRY_MAX, shard.closed)


def parse(number: str) -> Sequence | None:
    """None for what is no sequence number of a record."""
    value = int(number)
    if value >> (_LOW_BITS + _SECONDS_BITS) != 2 or value & 15 != _VERSION:
        return None
    value >>= 4
    shard = value & ((1 << _SHARD_BITS) - 1)
    value >>= _SHARD_BITS
    at_s = value & ((1 << _SECONDS_BITS) - 1)
    value >>= _SECONDS_BITS + _UNUSED_BITS
    entry = value & ((1 << _ENTRY_BITS) - 1)
    opened_s = (value >> (_ENTRY_BITS + 4)) & ((1 << _SECONDS_BITS) - 1)
    if entry > _ENTRY_MAX or shard >= 1 << 31:
        return None
    return Sequence(opened_s - shard, entry, at_s, shard)


@lru_cache(limits.KINESIS_SECONDS_KEPT)
def _of_second(shard: str, opened_s: int, at_s: int) -> int:
    """What the numbers of all entries have in common that come to a shard within a second."""
    number = shard_number(shard) or 0
    value = (2 << _SECONDS_BITS) + opened_s + number
    value = (value << 4 | number & 15) << _ENTRY_BITS
    value = (value << (_UNUSED_BITS + _SECONDS_BITS)) | at_s
    return ((value << _SHARD_BITS) | number) << 4 | _VERSION
