"""What one field of a pattern asks of a value: exact values, prefixes, numbers, addresses, wildcards, negations.

"Comparison operators for use in event patterns in Amazon EventBridge" names them. A value here is a leaf of an event:
a string, a number, a boolean or null.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from ipaddress import IPv6Address
from typing import Any

Test = Callable[[Any], bool]

_IPV4 = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+")
_IPV6 = re.compile(r"[0-9a-fA-F:]*:[0-9a-fA-F:]*")


@dataclass(slots=True)
class Wanted:
    """The alternatives of one field; a value has to meet one of them."""

    strings: set[str] = field(default_factory=set)
    numbers: set[int | float] = field(default_factory=set)
    literals: set[bool | None] = field(default_factory=set)
    addresses: set[Address] = field(default_factory=set)
    tests: list[Test] = field(default_factory=list)
    wildcards: list[str] = field(default_factory=list)
    is_absence_wanted: bool = False
    count: int = 0

    @property
    def is_exact(self) -> bool:
        """Only strings will do, so the field can be looked up instead of tested."""
        others = self.numbers or self.literals or self.addresses or self.tests or self.is_absence_wanted
        return bool(self.strings) and not others

    def compiled(self) -> Test:
        """One function that says whether a leaf meets any of the alternatives."""
        if self.is_exact:
            return frozenset(self.strings).__contains__
        tests: list[Test] = []
        if self.strings:
            tests.append(frozenset(self.strings).__contains__)
        if self.numbers:
            tests.append(_one_of_numbers(frozenset(self.numbers)))
        if self.literals:
            tests.append(_one_of_literals(frozenset(self.literals)))
        if self.addresses:
            tests.append(_one_of_addresses(frozenset(self.addresses)))
        return any_of(tests + self.tests)


def any_of(tests: list[Test]) -> Test:
    if len(tests) == 1:
        return tests[0]
    chosen = tuple(tests)

    def test(value: Any) -> bool:
        return any(one(value) for one in chosen)

    return test


def always(value: Any) -> bool:
    """`exists: true`: any leaf will do, null among them."""
    return True


def none_of(test: Test) -> Test:
    """`anything-but`: every leaf that the test refuses, of whatever type."""
    return lambda value: not test(value)


def starts(prefix: str) -> Test:
    return lambda value: type(value) is str and value.startswith(prefix)


def ends(suffix: str) -> Test:
    return lambda value: type(value) is str and value.endswith(suffix)


def starts_in_any_case(prefix: str) -> Test:
    lowered, length = prefix.lower(), len(prefix)
    return lambda value: type(value) is str and value[:length].lower() == lowered


def ends_in_any_case(suffix: str) -> Test:
    lowered, length = suffix.lower(), len(suffix)
    return lambda value: type(value) is str and value[len(value) - length :].lower() == lowered and len(value) >= length


def equals_in_any_case(texts: Iterable[str]) -> Test:
    lowered = frozenset(text.lower() for text in texts)
    return lambda value: type(value) is str and value.lower() in lowered


def one_of_strings(texts: Iterable[str]) -> Test:
    return frozenset(texts).__contains__


def _one_of_numbers(numbers: frozenset[int | float]) -> Test:
    # In Python True equals 1; in JSON it does not.
    return lambda value: value in numbers and type(value) is not bool


def one_of_numbers(numbers: Iterable[int | float]) -> Test:
    return _one_of_numbers(frozenset(numbers))


def _one_of_literals(literals: frozenset[bool | None]) -> Test:
    return lambda value: (value is None or type(value) is bool) and value in literals


def between(
    low: float, is_low_open: bool, high: float, is_high_open: bool, *, number_max: int, decimals_max: int
) -> Test:
    """`numeric`: only JSON numbers, within the range and with the decimals that EventBridge compares."""

    def test(value: Any) -> bool:
        if (type(value) is not int and type(value) is not float) or not -number_max <= value <= number_max:
            return False
        if type(value) is float and round(value, decimals_max) != value:
            return False
        above = value > low if is_low_open else value >= low
        return above and (value < high if is_high_open else value <= high)

    return test


# --- addresses --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Address:
    """An IP address as a number. IPv6 spellings of one address are equal, and IPv4-mapped ones are IPv4."""

    version: int
    bits: int


def looks_like_address(text: str) -> bool:
    return _IPV4.fullmatch(text) is not None or _IPV6.fullmatch(text) is not None


def address_of(text: str) -> Address | None:
    """The address that the text spells, or None where it spells none."""
    if _IPV4.fullmatch(text):
        octets = text.split(".")
        if any(len(octet) > 3 or int(octet) > 255 for octet in octets):
            return None
        return Address(4, int.from_bytes(bytes(map(int, octets)), "big"))
    if not _IPV6.fullmatch(text):
        return None
    try:
        address = IPv6Address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped
    return Address(4, int(mapped)) if mapped is not None else Address(6, int(address))


def _one_of_addresses(addresses: frozenset[Address]) -> Test:
    return lambda value: type(value) is str and address_of(value) in addresses


def within_block(text: str) -> Test:
    """`cidr`. Raises ValueError with AWS's reason where the text is no block.

    A block begins at the address as written, not at the network's: AWS does not clear its host bits.
    """
    parts = text.split("/")
    if len(parts) != 2:
        raise ValueError("Malformed CIDR, one '/' required")
    if not re.fullmatch(r"[+-]?[0-9]{1,9}", parts[1]):
        raise ValueError("Malformed CIDR, mask bits must be an integer")
    mask_bits = int(parts[1])
    if mask_bits < 0:
        raise ValueError("Malformed CIDR, mask bits must not be negative")
    if not looks_like_address(parts[0]):
        raise ValueError(f"Nonstandard IP address: {parts[0]}")
    low = address_of(parts[0])
    if low is None:
        raise ValueError(f"Invalid IP address: {parts[0]}")
    if low.version == 4 and mask_bits > 31:
        raise ValueError("IPv4 mask bits must be < 32")
    if low.version == 6 and mask_bits > 127:
        raise ValueError("IPv6 mask bits must be < 128")
    high = low.bits | ((1 << ((32 if low.version == 4 else 128) - mask_bits)) - 1)

    def test(value: Any) -> bool:
        if type(value) is not str:
            return False
        address = address_of(value)
        return address is not None and address.version == low.version and low.bits <= address.bits <= high

    return test


# --- wildcards --------------------------------------------------------------------------------------------------------


def wildcard_parts(text: str) -> list[str]:
    """What stands between the `*`s, with `\\*` and `\\\\` resolved. Raises ValueError with AWS's reason.

    AWS counts positions in bytes and from the quote before the text.
    """
    parts = [""]
    position = 1
    index = 0
    while index < len(text):
        char, following = text[index], text[index + 1 : index + 2]
        if char == "*":
            if following == "*":
                raise ValueError(f"Consecutive wildcard characters at pos {position}")
            parts.append("")
        elif char == "\\":
            if following not in ("*", "\\"):
                raise ValueError(f"Invalid escape character at pos {position}")
            parts[-1] += following
            index += 1
            position += 1
        else:
            parts[-1] += char
        position += len(char.encode("utf-8", "surrogatepass"))
        index += 1
    return parts


def like(parts: list[str]) -> Test:
    """`wildcard`: strings that have the parts in this order, the first at the start and the last at the end."""
    if len(parts) == 1:
        return frozenset(parts).__contains__
    head, tail, middle = parts[0], parts[-1], tuple(parts[1:-1])

    def test(value: Any) -> bool:
        if type(value) is not str or not value.startswith(head) or not value.endswith(tail):
            return False
        start, end = len(head), len(value) - len(tail)
        for part in middle:
            start = value.find(part, start, end)
            if start < 0:
                return False
            start += len(part)
        return start <= end

    return test


def is_too_complex(wildcards: list[str], complexity_max: int) -> bool:
    """Whether one value can match more than `complexity_max` prefixes of these wildcards at a time.

    "Wildcards and event pattern complexity" asks for few wildcards and few repetitions behind them without giving the
    number; this count agrees with every published pattern that AWS took or refused.
    """
    letters = [_letters(wildcard_parts(text)) for text in wildcards]
    alphabet = {letter for one in letters for letter in one if letter is not None} | {""}
    start = frozenset((which, 0) for which in range(len(letters)))
    seen = {start}
    waiting = [start]
    while waiting:
        active = waiting.pop()
        for letter in alphabet:
            following: set[tuple[int, int]] = set()
            for which, at in active:
                _advance(letters[which], which, at, letter, following)
            found = frozenset(following)
            if not found or found in seen:
                continue
            if _weight(letters, found) > complexity_max or len(seen) > _STATES_MAX:
                return True
            seen.add(found)
            waiting.append(found)
    return False


_STATES_MAX = 20_000


def _letters(parts: list[str]) -> list[str | None]:
    """The wildcard letter by letter, `*` as None, with the quotes that stand around a string in JSON."""
    letters: list[str | None] = ['"']
    for index, part in enumerate(parts):
        if index:
            letters.append(None)
        letters.extend(part)
    letters.append('"')
    return letters


def _advance(letters: list[str | None], which: int, at: int, letter: str, following: set[tuple[int, int]]) -> None:
    """Where reading one more letter may lead from behind the first `at` letters of the wildcard."""
    if at and letters[at - 1] is None:
        following.add((which, at))
    if at == len(letters):
        return
    if letters[at] is None:
        following.add((which, at + 1))
        at += 1  # `*` may also stand for nothing
    if letters[at] == letter:
        following.add((which, at + 1))


def _weight(letters: list[list[str | None]], active: frozenset[tuple[int, int]]) -> int:
    pending = {
        (which, at + 1)
        for which, at in active
        if at < len(letters[which]) and letters[which][at] is None and (which, at + 1) not in active
    }
    return len(active) + len(pending)
