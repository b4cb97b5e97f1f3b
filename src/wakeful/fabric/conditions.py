"""Condition blocks of IAM policies: the operators of "IAM JSON policy elements: Condition operators" and variants.

`…IfExists` passes where the key is missing; `ForAllValues:` and `ForAnyValue:` are for keys with several values
("Set operators for multivalued context keys").
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any

from wakeful.fabric.policy_text import Lookup, Text

Compare = Callable[[str, Lookup], bool]
"""Whether one value of the request meets one value of the policy."""


class UnknownOperator(ValueError):
    """There is no such condition operator."""


class BadValue(ValueError):
    """The value is not of the operator's type. `is_syntax` tells which of IAM's two complaints it earns."""

    def __init__(self, value: str, *, is_syntax: bool = False) -> None:
        self.is_syntax = is_syntax
        super().__init__(value)


@dataclass(frozen=True, slots=True)
class Condition:
    """One key under one operator: `any` of the policy's values has to be met, or none for a negated operator."""

    key: str
    wanted: tuple[Compare, ...]
    is_negated: bool
    quantifier: str  # "", "ForAllValues" or "ForAnyValue"
    passes_when_missing: bool

    def holds(self, lookup: Lookup) -> bool:
        values = lookup(self.key)
        if not values:
            return self.passes_when_missing
        if self.quantifier == "ForAllValues":
            return all(self._meets(value, lookup) for value in values)
        if self.quantifier == "" and self.is_negated:
            # Without a set operator none of the values may be met.
            return all(self._meets(value, lookup) for value in values)
        return any(self._meets(value, lookup) for value in values)

    def _meets(self, value: str, lookup: Lookup) -> bool:
        return any(compare(value, lookup) for compare in self.wanted) != self.is_negated


@dataclass(frozen=True, slots=True)
class Presence:
    """`Null`: "true" asks that the key be missing, "false" that it be there."""

    key: str
    is_absence_wanted: bool

    def holds(self, lookup: Lookup) -> bool:
        return (not lookup(self.key)) == self.is_absence_wanted


def compile_condition(operator: str, key: str, values: list[str], *, has_variables: bool) -> Condition | Presence:
    """Raises UnknownOperator or BadValue."""
    quantifier, _, name = operator.rpartition(":")
    if quantifier not in ("", "ForAllValues", "ForAnyValue"):
        raise UnknownOperator(operator)
    if name == "Null":
        return Presence(key.lower(), _is_absence_wanted(values))
    is_optional = name.endswith("IfExists")
    found = _OPERATORS.get(name.removesuffix("IfExists"))
    if found is None:
        raise UnknownOperator(operator)
    make, is_negated = found
    return Condition(
        key=key.lower(),
        wanted=tuple(make(value, has_variables) for value in values),
        is_negated=is_negated,
        quantifier=quantifier,
        passes_when_missing=is_optional or quantifier == "ForAllValues" or (is_negated and not quantifier),
    )


def _is_absence_wanted(values: list[str]) -> bool:
    for value in values:
        if value.lower() not in ("true", "false"):
            raise BadValue(value)
    return "true" in [value.lower() for value in values]


# --- strings and ARNs -------------------------------------------------------------------------------------------------


def _equals(wanted: str, has_variables: bool) -> Compare:
    text = Text(wanted, has_variables=has_variables)
    if not text.has_variables:
        fixed = text.literal(lambda key: None)
        return lambda value, lookup: value == fixed
    return lambda value, lookup: value == text.literal(lookup)


def _equals_ignoring_case(wanted: str, has_variables: bool) -> Compare:
    text = Text(wanted, has_variables=has_variables)

    def compare(value: str, lookup: Lookup) -> bool:
        found = text.literal(lookup)
        return found is not None and value.lower() == found.lower()

    return compare


def _like(wanted: str, has_variables: bool) -> Compare:
    text = Text(wanted, has_variables=has_variables)
    return lambda value, lookup: text.matches(value, "text", lookup)


def _like_arn(wanted: str, has_variables: bool) -> Compare:
    if wanted != "*" and not (wanted.startswith(("arn:", "${")) and (wanted.count(":") >= 5 or "${" in wanted)):
        raise BadValue(wanted)
    text = Text(wanted, has_variables=has_variables)
    return lambda value, lookup: text.matches(value, "arn", lookup)


# --- numbers, dates, booleans, bytes, addresses -----------------------------------------------------------------------


def _ordered(parse: Callable[[str], float | None], compare: Callable[[float, float], bool]) -> Any:
    def make(wanted: str, has_variables: bool) -> Compare:
        right = parse(wanted)
        if right is None:
            raise BadValue(wanted)

        def test(value: str, lookup: Lookup) -> bool:
            left = parse(value)
            return left is not None and compare(left, right)

        return test

    return make


_NUMBER = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_DATE = re.compile(
    r"([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2})(?:[T ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(\.[0-9]+)?)?"
    r"(?:Z|([+-])([0-9]{2}):?([0-9]{2}))?)?)?)?"
)


def _number(text: str) -> float | None:
    return float(text) if _NUMBER.fullmatch(text) else None


def moment_of(text: str) -> float | None:
    """Epoch seconds of an ISO 8601 date (as the W3C profiles it), or of a number that says them; None for others."""
    hit = _DATE.fullmatch(text)
    if hit is None:
        return _number(text)
    year, month, day = int(hit[1]), int(hit[2] or 1), int(hit[3] or 1)
    hour, minute, second = int(hit[4] or 0), int(hit[5] or 0), int(hit[6] or 0)
    offset_s = (int(hit[9]) * 3600 + int(hit[10]) * 60) * (-1 if hit[8] == "-" else 1) if hit[8] else 0
    try:
        start = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None
    return start.timestamp() + float(hit[7] or 0) - offset_s


def _bool(wanted: str, has_variables: bool) -> Compare:
    lowered = wanted.lower()
    return lambda value, lookup: value.lower() == lowered


def _binary(wanted: str, has_variables: bool) -> Compare:
    right = _bytes(wanted)
    if right is None:
        raise BadValue(wanted, is_syntax=True)
    return lambda value, lookup: _bytes(value) == right


def _bytes(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None


def _within(wanted: str, has_variables: bool) -> Compare:
    try:
        network: IPv4Network | IPv6Network = ip_network(wanted, strict=False)
    except ValueError:
        raise BadValue(wanted) from None

    def compare(value: str, lookup: Lookup) -> bool:
        try:
            return ip_address(value) in network
        except ValueError:
            return False

    return compare


def _equal(left: float, right: float) -> bool:
    return left == right


_OPERATORS: dict[str, tuple[Callable[[str, bool], Compare], bool]] = {
    "StringEquals": (_equals, False),
    "StringNotEquals": (_equals, True),
    "StringEqualsIgnoreCase": (_equals_ignoring_case, False),
    "StringNotEqualsIgnoreCase": (_equals_ignoring_case, True),
    "StringLike": (_like, False),
    "StringNotLike": (_like, True),
    "ArnEquals": (_like_arn, False),
    "ArnLike": (_like_arn, False),
    "ArnNotEquals": (_like_arn, True),
    "ArnNotLike": (_like_arn, True),
    "Bool": (_bool, False),
    "BinaryEquals": (_binary, False),
    "IpAddress": (_within, False),
    "NotIpAddress": (_within, True),
    "NumericEquals": (_ordered(_number, _equal), False),
    "NumericNotEquals": (_ordered(_number, _equal), True),
    "NumericLessThan": (_ordered(_number, lambda left, right: left < right), False),
    "NumericLessThanEquals": (_ordered(_number, lambda left, right: left <= right), False),
    "NumericGreaterThan": (_ordered(_number, lambda left, right: left > right), False),
    "NumericGreaterThanEquals": (_ordered(_number, lambda left, right: left >= right), False),
    "DateEquals": (_ordered(moment_of, _equal), False),
    "DateNotEquals": (_ordered(moment_of, _equal), True),
    "DateLessThan": (_ordered(moment_of, lambda left, right: left < right), False),
    "DateLessThanEquals": (_ordered(moment_of, lambda left, right: left <= right), False),
    "DateGreaterThan": (_ordered(moment_of, lambda left, right: left > right), False),
    "DateGreaterThanEquals": (_ordered(moment_of, lambda left, right: left >= right), False),
}
