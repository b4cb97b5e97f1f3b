"""Event patterns: which events a rule, an event filter or a subscription wants. Compiled once, matched many times.

The rules are those of "Amazon EventBridge event patterns". A field's name is the path to it with dots between, however
the event spells it: `{"a": {"b": 1}}` and `{"a.b": 1}` have the same field. An array stands for each of its elements,
and no match is put together from different elements of one array.
"""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterable
from itertools import count
from typing import Any, Generic, TypeVar

from wakeful import limits
from wakeful.fabric.pattern_grammar import EVENTBRIDGE, Alternative, Dialect, PatternFault, read_pattern
from wakeful.fabric.pattern_tests import Test, Wanted, is_too_complex
from wakeful.wire.errors import AwsError

K = TypeVar("K", bound=Hashable)

_TOO_COMPLEX = (
    "Rule is too complex - try using fewer wildcard characters or fewer repeating character sequences after a "
    "wildcard character"
)


class InvalidEventPatternException(AwsError):
    """The event pattern is not valid."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"Event pattern is not valid. Reason: {reason}")


class EventPatternTooLong(AwsError):
    """The pattern of a rule has more characters than the quota allows."""

    code = "ValidationException"
    status = 400


class Pattern:
    """What an event pattern asks for."""

    __slots__ = ("alternatives",)

    def __init__(self, alternatives: Iterable[Alternative]) -> None:
        self.alternatives = tuple(Conjunction(one) for one in alternatives)

    def matches(self, event: dict[str, Any]) -> bool:
        """Whether the event, as its JSON was parsed, meets one of the alternatives."""
        return any(one.matches(event) for one in self.alternatives)


def compile_pattern(pattern: str | dict[str, Any]) -> Pattern:
    """The pattern, ready to match. Raises InvalidEventPatternException with AWS's reason and place."""
    text = pattern if isinstance(pattern, str) else json.dumps(pattern)
    try:
        return Pattern(checked_alternatives(text, EVENTBRIDGE))
    except PatternFault as fault:
        raise InvalidEventPatternException(str(fault)) from None


def check_pattern_size(pattern: str, rule: str) -> None:
    """Raises EventPatternTooLong where a rule's pattern is longer than "Amazon EventBridge quotas" allow."""
    if len(pattern) > limits.EVENT_PATTERN_CHARS_MAX:
        raise EventPatternTooLong(
            f"Parameter EventPattern for rule {rule} exceeds limit of {limits.EVENT_PATTERN_CHARS_MAX}."
        )


def checked_alternatives(text: str, dialect: Dialect) -> list[Alternative]:
    """The ways to match the pattern, none of them too complex. Raises PatternFault."""
    alternatives = read_pattern(text, dialect)
    wildcards = {tuple(wanted.wildcards) for one in alternatives for wanted in one.values() if wanted.wildcards}
    if any(is_too_complex(list(texts), limits.EVENT_PATTERN_COMPLEXITY_MAX) for texts in wildcards):
        raise PatternFault(_TOO_COMPLEX)
    return alternatives


class PatternSet(Generic[K]):
    """Many patterns under their keys. Finding those that match costs by the event's values, not by the patterns.

    A pattern that asks for exact strings somewhere is filed under one of these fields, whichever has the fewest
    patterns at its values; only patterns filed under a value that the event has are tried.
    """

    __slots__ = ("_filed", "_numbers", "_order", "_patterns", "_steps", "_unfiled")

    def __init__(self, patterns: Iterable[tuple[K, Pattern]] = ()) -> None:
        self._patterns: dict[K, Pattern] = {}
        self._numbers: dict[K, int] = {}
        self._order = count()
        self._filed: dict[str, dict[str, dict[K, None]]] = {}
        self._steps: dict[str, _Steps] = {}
        self._unfiled: dict[K, None] = {}
        for key, pattern in patterns:
            self.add(key, pattern)

    def __len__(self) -> int:
        return len(self._patterns)

    def add(self, key: K, pattern: Pattern) -> None:
        """The pattern is found under `key`, instead of the one that was."""
        self.discard(key)
        self._patterns[key] = pattern
        self._numbers[key] = next(self._order)
        places = [self._place(one) for one in pattern.alternatives]
        if None in places:
            self._unfiled[key] = None
            return
        for place in places:
            assert place is not None
            name, values = place
            self._steps.setdefault(name, _steps_to(name))
            for value in values:
                self._filed.setdefault(name, {}).setdefault(value, {})[key] = None

    def discard(self, key: K) -> None:
        """No pattern is found under `key`."""
        pattern = self._patterns.pop(key, None)
        if pattern is None:
            return
        del self._numbers[key]
        self._unfiled.pop(key, None)
        for one in pattern.alternatives:
            for name, values in one.exact.items():
                self._unfile(key, name, values)

    def matching(self, event: dict[str, Any]) -> list[K]:
        """The keys of the patterns that match the event, in the order in which they were added."""
        found = dict(self._unfiled)
        for name, by_value in self._filed.items():
            leaves: list[Any] = []
            _gather(event, self._steps[name], leaves)
            for leaf in leaves:
                if type(leaf) is str and leaf in by_value:
                    found.update(by_value[leaf])
        matched = [key for key in found if self._patterns[key].matches(event)]
        return sorted(matched, key=self._numbers.__getitem__)

    def _place(self, alternative: Conjunction) -> tuple[str, frozenset[str]] | None:
        if not alternative.exact:
            return None
        return min(alternative.exact.items(), key=lambda place: self._crowd(*place))

    def _crowd(self, name: str, values: frozenset[str]) -> tuple[int, int]:
        by_value = self._filed.get(name, {})
        return max(len(by_value.get(value, ())) for value in values), len(values)

    def _unfile(self, key: K, name: str, values: frozenset[str]) -> None:
        by_value = self._filed.get(name, {})
        for value in values:
            keys = by_value.get(value)
            if keys is not None:
                keys.pop(key, None)
                if not keys:
                    del by_value[value]
        if not by_value and name in self._filed:
            del self._filed[name], self._steps[name]


# --- matching ---------------------------------------------------------------------------------------------------------

_Steps = tuple[tuple[tuple[str, int], ...], ...]
"""From each part of a dotted name: the keys to try in an object, and the part that is next after each."""

_Membership = frozenset[tuple[int, int]]
"""Which arrays a leaf lies in (by identity) and in which element of each."""


class _Field:
    __slots__ = ("key", "name", "steps", "test", "wants_absence")

    def __init__(self, name: str, wanted: Wanted) -> None:
        self.name = name
        self.steps = _steps_to(name)
        self.key = name if len(self.steps) == 1 else None
        self.test: Test = wanted.compiled()
        self.wants_absence = wanted.is_absence_wanted


class Conjunction:
    """One alternative of a pattern: every field has to be met, and all of them by the same elements of arrays."""

    __slots__ = ("exact", "fields")

    def __init__(self, alternative: Alternative) -> None:
        # AWS goes through the fields by name, which matters for absences within arrays.
        self.fields = tuple(_Field(name, alternative[name]) for name in sorted(alternative))
        self.exact = {name: frozenset(wanted.strings) for name, wanted in alternative.items() if wanted.is_exact}

    def matches(self, event: dict[str, Any]) -> bool:
        has_arrays = False
        for field in self.fields:
            if field.key is not None:
                value = event.get(field.key, _MISSING)
                if type(value) is str:
                    if field.test(value):
                        continue
                    return False
            leaves: list[Any] = []
            crosses = _gather(event, field.steps, leaves)
            has_arrays = has_arrays or crosses
            if any(map(field.test, leaves)):
                continue
            if not field.wants_absence or (leaves and not crosses):
                return False
        return not has_arrays or self._matches_consistently(event)

    def _matches_consistently(self, event: dict[str, Any]) -> bool:
        """The slow and exact way, for events with arrays of objects: states are the elements chosen so far."""
        leaves = [_gather_with_membership(event, field.steps) for field in self.fields]
        arrays = [{array for _, membership in some for array, _ in membership} for some in leaves]
        states: set[_Membership] = {frozenset()}
        for index, field in enumerate(self.fields):
            needed = set().union(*arrays[index + 1 :])
            states = {
                frozenset(place for place in state if place[0] in needed)
                for state in _following(states, leaves[index], field)
            }
            if not states:
                return False
        return True


_MISSING = object()


def _steps_to(name: str) -> _Steps:
    parts = name.split(".")
    return tuple(
        tuple((".".join(parts[start:end]), end) for end in range(start + 1, len(parts) + 1))
        for start in range(len(parts))
    )


def _gather(event: dict[str, Any], steps: _Steps, leaves: list[Any]) -> bool:
    """Adds the leaves of one field. Whether a container within an array was crossed on the way."""
    crosses = False
    last = len(steps)
    waiting: list[tuple[Any, int]] = [(event, 0)]
    while waiting:
        value, at = waiting.pop()
        kind = type(value)
        if kind is dict:
            if at < last:
                for key, following in steps[at]:
                    if key in value:
                        waiting.append((value[key], following))
        elif kind is list:
            for element in value:
                kind = type(element)
                if kind is dict or kind is list:
                    crosses = True
                    waiting.append((element, at))
                elif at == last:
                    leaves.append(element)
        elif at == last:
            leaves.append(value)
    return crosses


def _gather_with_membership(event: dict[str, Any], steps: _Steps) -> list[tuple[Any, _Membership]]:
    leaves: list[tuple[Any, _Membership]] = []
    last = len(steps)
    nowhere: _Membership = frozenset()
    waiting: list[tuple[Any, int, _Membership]] = [(event, 0, nowhere)]
    while waiting:
        value, at, membership = waiting.pop()
        if isinstance(value, dict):
            if at < last:
                waiting.extend((value[key], following, membership) for key, following in steps[at] if key in value)
        elif isinstance(value, list):
            for index, element in enumerate(value):
                if isinstance(element, dict | list):
                    waiting.append((element, at, membership | {(id(value), index)}))
                elif at == last:
                    leaves.append((element, membership))
        elif at == last:
            leaves.append((value, membership))
    return leaves


def _following(states: set[_Membership], leaves: list[tuple[Any, _Membership]], field: _Field) -> set[_Membership]:
    """The states after this field: each old one joined with each leaf that is wanted and does not contradict it."""
    met = {membership for leaf, membership in leaves if field.test(leaf)}
    present = {membership for _, membership in leaves}
    following: set[_Membership] = set()
    for state in states:
        chosen = dict(state)
        following.update(state | membership for membership in met if _agrees(chosen, membership))
        if field.wants_absence and not any(_agrees(chosen, membership) for membership in present):
            following.add(state)
    return following


def _agrees(chosen: dict[int, int], membership: _Membership) -> bool:
    return all(chosen.get(array, index) == index for array, index in membership)
