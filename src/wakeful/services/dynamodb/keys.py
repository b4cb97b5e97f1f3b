"""Keys as bytes, in DynamoDB's order: so that a query is a range of one B-tree.

A row's key is the hash of its partition (so that partitions lie spread out, and a segment of a parallel scan is a
range), the partition's attributes, then the sort attributes; of an index, then the key of the table's item. Every part
is encoded so that bytes compare as values do, and no part is the beginning of another.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from wakeful import limits
from wakeful.services.dynamodb import decimals

HASH_BYTES = 4
_END = b"\x00\x01"
_ZERO_INSIDE = b"\x00\xff"
_INVERTED = bytes(255 - byte for byte in range(256))
_ONE_MORE = bytes((byte + 1) % 256 for byte in range(256))  # so that no pair of digits is the end of a number


@dataclass(frozen=True, slots=True)
class Attribute:
    """A key attribute: its name, and its type (S, N or B)."""

    name: str
    type: str


@dataclass(frozen=True, slots=True)
class KeySchema:
    """Of a table or an index. An index may have several attributes of each kind."""

    partition: tuple[Attribute, ...]
    sort: tuple[Attribute, ...] = ()

    @property
    def attributes(self) -> tuple[Attribute, ...]:
        return (*self.partition, *self.sort)

    def partition_of(self, item: Mapping[str, Any]) -> bytes:
        """With what the keys of all rows of the item's partition begin. Raises KeyError where an attribute is
        missing or is of another type.
        """
        encoded = b"".join([encode(each.type, item[each.name][each.type]) for each in self.partition])
        return blake2b(encoded, digest_size=HASH_BYTES).digest() + encoded

    def of(self, item: Mapping[str, Any]) -> bytes:
        """The item's key. Raises KeyError, as above."""
        return self.partition_of(item) + b"".join([encode(each.type, item[each.name][each.type]) for each in self.sort])

    def find(self, item: Mapping[str, Any]) -> bytes | None:
        """The item's key; None where it lacks an attribute or has it with another type: it is not in the index."""
        try:
            return self.of(item)
        except KeyError:
            return None


def encode(kind: str, value: str) -> bytes:
    """A key attribute's value, as S, N and B have it in JSON."""
    return prefix(kind, value) + _END if kind != "N" else number(value)


def prefix(kind: str, value: str) -> bytes:
    """With what the encodings of all strings or binaries begin that begin with this one."""
    content = value.encode() if kind == "S" else b64decode(value)
    return content.replace(b"\x00", _ZERO_INSIDE)


def number(text: str) -> bytes:
    """Any number DynamoDB can hold: sign, exponent, then two digits a byte."""
    sign, digits, exponent = decimals.parts(text)
    if not digits:
        return b"\x80"
    pairs = bytes.fromhex(digits if len(digits) % 2 == 0 else digits + "0").translate(_ONE_MORE)
    magnitude = bytes((exponent - limits.DYNAMODB_NUMBER_EXPONENT_MIN,)) + pairs + b"\x00"
    return b"\x40" + magnitude.translate(_INVERTED) if sign else b"\xc0" + magnitude


def after(prefix: bytes) -> bytes:
    """The first bytes that come after everything that begins with `prefix`."""
    stripped = prefix.rstrip(b"\xff")
    return stripped[:-1] + bytes((stripped[-1] + 1,)) if stripped else b"\xff" * (HASH_BYTES + 1)


def segment(number: int, of: int) -> tuple[bytes, bytes]:
    """Between which keys (the second not included) a segment of a parallel scan lies."""
    span = 256**HASH_BYTES
    low, high = -(-number * span // of), -(-(number + 1) * span // of)
    end = high.to_bytes(HASH_BYTES) if high < span else b"\xff" * (HASH_BYTES + 1)
    return low.to_bytes(HASH_BYTES), end


def schema_of(key_schema: Sequence[Mapping[str, str]], definitions: Sequence[Mapping[str, str]]) -> KeySchema:
    """From CreateTable's KeySchema and AttributeDefinitions, which were checked to go together."""
    types = {each["AttributeName"]: each["AttributeType"] for each in definitions}
    parts = [(each["KeyType"], Attribute(each["AttributeName"], types[each["AttributeName"]])) for each in key_schema]
    return KeySchema(
        tuple(each for kind, each in parts if kind == "HASH"), tuple(each for kind, each in parts if kind == "RANGE")
    )
