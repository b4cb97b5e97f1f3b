"""Filter patterns for events that are fields with spaces between: `[ip, ..., status = 4* && status != 404, bytes]`.

What stands between brackets or quotation marks is one field of an event. The last field of a pattern takes the rest of
the event, `...` any number of fields ("Using filter patterns to match terms in space-delimited log events").
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from wakeful.services.logs.errors import InvalidParameterException
from wakeful.services.logs.pattern_text import Scanner, value_test

_NAME = re.compile(r"\w+")
_SPACES = re.compile(r"\s*")
_WORD = re.compile(r"\S+")
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)

Condition = Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class _Field:
    """One field of a pattern; `is_rest` is the `...`."""

    condition: Condition | None = None
    is_rest: bool = False

    def takes(self, word: str) -> bool:
        return self.condition is None or self.condition(word)


def compile_fields_pattern(scanner: Scanner) -> Callable[[str], bool]:
    """Whether a message has these fields. The scanner is past the opening bracket."""
    fields = [_field(scanner)]
    while scanner.take(","):
        fields.append(_field(scanner))
    if not scanner.is_at_end:
        raise scanner.invalid()
    rests = [number for number, field in enumerate(fields) if field.is_rest]
    if len(rests) > 1:
        raise InvalidParameterException("Only one ellipsis is allowed in a filter pattern")
    if not rests:
        return lambda message: _fit(fields, _first_words(message, len(fields)))
    before, after = fields[: rests[0]], fields[rests[0] + 1 :]

    def matches(message: str) -> bool:
        words = [word for word, _, _ in _words(message)]
        if len(words) < len(before) + len(after):
            return False
        return _fit(before, words[: len(before)]) and _fit(after, words[len(words) - len(after) :])

    return matches


def _fit(fields: list[_Field], words: list[str]) -> bool:
    return len(words) == len(fields) and all(field.takes(word) for field, word in zip(fields, words, strict=True))


def _field(scanner: Scanner) -> _Field:
    scanner.skip_spaces()
    if scanner.take("..."):
        scanner.skip_spaces()
        return _Field(is_rest=True)
    name = scanner.match(_NAME)
    scanner.skip_spaces()
    if scanner.is_at_end or scanner.peek() == ",":
        return _Field()
    if not name:
        raise scanner.invalid()
    return _Field(_alternatives(scanner, name))


def _alternatives(scanner: Scanner, name: str) -> Condition:
    tests = [_conjunction(scanner, name, is_named=True)]
    while scanner.take("||"):
        tests.append(_conjunction(scanner, name, is_named=False))
    return tests[0] if len(tests) == 1 else lambda word: any(test(word) for test in tests)


def _conjunction(scanner: Scanner, name: str, *, is_named: bool) -> Condition:
    tests = [_comparison(scanner, name, is_named=is_named)]
    while scanner.take("&&"):
        tests.append(_comparison(scanner, name, is_named=False))
    return tests[0] if len(tests) == 1 else lambda word: all(test(word) for test in tests)


def _comparison(scanner: Scanner, name: str, *, is_named: bool) -> Condition:
    """`name op value`; the name of a field's first one has been read."""
    scanner.skip_spaces()
    if not is_named:
        other = scanner.match(_NAME)
        if other != name:
            raise InvalidParameterException(f"Invalid character(s) in term '{other}'") if other else scanner.invalid()
    test = value_test(scanner, scanner.operator())
    scanner.skip_spaces()
    return lambda word: test(word, True)


def _first_words(message: str, count: int) -> list[str]:
    """So many fields of a message; the last of them is all that is left."""
    found: list[str] = []
    for word, start, end in _words(message):
        if len(found) == count - 1:
            rest = message[start:].rstrip()
            return [*found, word if len(rest) == end - start else rest]
        found.append(word)
    return found


def _words(message: str) -> Iterator[tuple[str, int, int]]:
    """The fields of a message, and where each begins and ends."""
    at = _end(_SPACES, message, 0)
    last_bracket = message.rfind("]")
    while at < len(message):
        start = at
        if message[at] == "[" and at < last_bracket:
            at = message.index("]", at) + 1
            yield message[start + 1 : at - 1], start, at
        elif message[at] == '"' and (quoted := _QUOTED.match(message, at)):
            at = quoted.end()
            yield message[start + 1 : at - 1], start, at
        else:
            at = _end(_WORD, message, at)
            yield message[start:at], start, at
        at = _end(_SPACES, message, at)


def _end(pattern: re.Pattern[str], message: str, at: int) -> int:
    hit = pattern.match(message, at)
    assert hit is not None
    return hit.end()
