"""ASN.1 as certificates and signatures have it (X.690): values with a tag and a length, within one another."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from wakeful import limits

INTEGER, OCTETS, OBJECT_ID, UTF8, UTC_TIME, GENERALIZED_TIME = 0x02, 0x04, 0x06, 0x0C, 0x17, 0x18
SEQUENCE, SET = 0x30, 0x31
_CONSTRUCTED = 0x20
_INDEFINITE = 0x80
_END = b"\0\0"


class Malformed(ValueError):
    """These bytes are no value of that form."""


@dataclass(frozen=True, slots=True)
class Value:
    """One value. `raw` is all of it, `content` what stands behind its tag and length."""

    tag: int
    content: bytes
    raw: bytes

    def parts(self, tag: int | None = None) -> list[Value]:
        """The values within it. Raises Malformed where it is not of that tag, or has none within it."""
        if tag is not None and self.tag != tag:
            raise Malformed(f"tag {self.tag:#x} where {tag:#x} was expected")
        if not self.tag & _CONSTRUCTED:
            raise Malformed(f"tag {self.tag:#x} has nothing within it")
        return list(values(self.content))

    def text(self, tag: int) -> bytes:
        """The content. Raises Malformed where it is not of that tag."""
        if self.tag != tag:
            raise Malformed(f"tag {self.tag:#x} where {tag:#x} was expected")
        return self.content

    @property
    def object_id(self) -> str:
        """In dotted form."""
        numbers: list[int] = []
        number = 0
        octets = self.text(OBJECT_ID)
        if len(octets) > limits.DER_OBJECT_ID_BYTES_MAX:
            raise Malformed("an object identifier that is too long")
        for octet in octets:
            number = number << 7 | octet & 0x7F
            if not octet & 0x80:
                numbers.append(number)
                number = 0
        if not numbers:
            raise Malformed("an object identifier without numbers")
        first = min(numbers[0] // 40, 2)
        return ".".join(map(str, (first, numbers[0] - 40 * first, *numbers[1:])))


def value(data: bytes) -> Value:
    """The one value that these bytes are."""
    found = list(values(data))
    if len(found) != 1:
        raise Malformed(f"{len(found)} values where one was expected")
    return found[0]


def values(data: bytes) -> Iterator[Value]:
    position = 0
    while position < len(data):
        found, position = _one(data, position, 0)
        yield found


def wrapped(tag: int, content: bytes) -> bytes:
    """A value with this content."""
    size = len(content)
    if size < _INDEFINITE:
        return bytes((tag, size)) + content
    digits = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, _INDEFINITE | len(digits))) + digits + content


def _one(data: bytes, start: int, depth: int) -> tuple[Value, int]:
    if depth > limits.DER_DEPTH_MAX:
        raise Malformed("values within one another too deep")
    try:
        tag, size = data[start], data[start + 1]
    except IndexError:
        raise Malformed("ends within a value") from None
    if tag & 0x1F == 0x1F:
        raise Malformed("a tag of several octets")
    at = start + 2
    if size == _INDEFINITE:
        return _indefinite(data, start, tag, depth)
    if size > _INDEFINITE:
        digits = size & 0x7F
        size = int.from_bytes(data[at : at + digits], "big")
        at += digits
    if at + size > len(data):
        raise Malformed("ends within a value")
    return Value(tag, data[at : at + size], data[start : at + size]), at + size


def _indefinite(data: bytes, start: int, tag: int, depth: int) -> tuple[Value, int]:
    """A value that ends with two zeros instead of saying how long it is; only what has values within it does."""
    if not tag & _CONSTRUCTED:
        raise Malformed("a primitive value without a length")
    position = begin = start + 2
    while data[position : position + 2] != _END:
        _, position = _one(data, position, depth + 1)
    return Value(tag, data[begin:position], data[start : position + 2]), position + 2
