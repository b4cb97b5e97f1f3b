"""Filter patterns for events that are JSON objects: `{ $.status >= 500 && ($.path = "/a*" || $.user IS NULL) }`.

A condition holds for strings and numbers only ("Using filter patterns to match terms in JSON log events"): what is
missing, or an array or an object, meets neither `=` nor `!=`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NoReturn

from wakeful import limits
from wakeful.services.logs.errors import InvalidParameterException
from wakeful.services.logs.pattern_text import Scanner, value_test

_NAME = re.compile(r"[\w\-]+")
_INDEX = re.compile(r"[0-9]{1,9}")

Test = Callable[[Any], bool]


@dataclass(frozen=True, slots=True)
class _Number:
    """A number as it is written: 12 and 12.0 are the same number and different texts."""

    text: str


class _Anything:
    """A step of a selector: every element, or the value of every member."""


_ANYTHING = _Anything()
_Step = str | int | _Anything


def compile_json_pattern(scanner: Scanner) -> Callable[[str], bool]:
    """Whether a message is a JSON object that meets the conditions. The scanner is past the opening brace."""
    reader = _Reader(scanner)
    test = reader.alternatives(0)
    scanner.skip_spaces()
    if not scanner.is_at_end:
        raise scanner.invalid()

    def matches(message: str) -> bool:
        if not message.lstrip().startswith("{"):
            return False
        try:
            event = json.loads(message, parse_float=_Number, parse_int=_Number, parse_constant=_no_number)
        except (ValueError, RecursionError):
            return False
        return test(event)

    return matches


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number in JSON")


class _Reader:
    def __init__(self, scanner: Scanner) -> None:
        self._scanner = scanner
        self._wildcard_count = 0

    def alternatives(self, depth: int) -> Test:
        tests = [self._conjunction(depth)]
        while self._take("||"):
            tests.append(self._conjunction(depth))
        return tests[0] if len(tests) == 1 else lambda event: any(test(event) for test in tests)

    def _conjunction(self, depth: int) -> Test:
        tests = [self._unit(depth)]
        while self._take("&&"):
            tests.append(self._unit(depth))
        return tests[0] if len(tests) == 1 else lambda event: all(test(event) for test in tests)

    def _unit(self, depth: int) -> Test:
        if depth > limits.LOGS_PATTERN_DEPTH_MAX:
            raise InvalidParameterException("The filter pattern is nested too deeply")
        if not self._take("("):
            return self._condition()
        inner = self.alternatives(depth + 1)
        if not self._take(")"):
            raise self._scanner.invalid()
        return inner

    def _condition(self) -> Test:
        selector = self._selector()
        scanner = self._scanner
        if scanner.take_word("NOT"):
            if not scanner.take_word("EXISTS"):
                raise scanner.invalid()
            return lambda event: next(_selected(event, selector), None) is None
        if scanner.take_word("IS"):
            wanted = self._constant()
            return lambda event: any(value is wanted for (value,) in _selected(event, selector))
        test = value_test(scanner, scanner.operator())

        def meets(event: Any) -> bool:
            for (value,) in _selected(event, selector):
                if isinstance(value, str) and test(value, False):
                    return True
                if isinstance(value, _Number) and test(value.text, True):
                    return True
            return False

        return meets

    def _constant(self) -> bool | None:
        for word, value in (("NULL", None), ("TRUE", True), ("FALSE", False)):
            if self._scanner.take_word(word):
                return value
        raise self._scanner.invalid()

    def _selector(self) -> list[_Step]:
        """`$.a`, `$.a[0].b`, `$.*`, `$.a[*]`, `$.['a.b']`, `$["a"]`."""
        scanner = self._scanner
        scanner.skip_spaces()
        if not scanner.take("$"):
            raise scanner.invalid()
        steps: list[_Step] = []
        while scanner.peek() in (".", "["):
            if scanner.take("[") or scanner.take(".["):
                steps.append(self._bracketed())
            else:
                scanner.take(".")
                steps.append(self._anything() if scanner.take("*") else scanner.match(_NAME))
                if steps[-1] == "":
                    raise scanner.invalid()
        if not steps:
            raise scanner.invalid()
        if sum(step is _ANYTHING for step in steps) > 1:
            raise InvalidParameterException("A property selector can have at most one wildcard")
        return steps

    def _bracketed(self) -> _Step:
        scanner = self._scanner
        step: _Step
        if scanner.peek() in ('"', "'"):
            step = scanner.quoted()
        elif scanner.take("*"):
            step = self._anything()
        else:
            digits = scanner.match(_INDEX)
            if not digits:
                raise scanner.invalid()
            step = int(digits)
        if not scanner.take("]"):
            raise scanner.invalid()
        return step

    def _anything(self) -> _Anything:
        self._wildcard_count += 1
        if self._wildcard_count > limits.LOGS_PATTERN_WILDCARDS_MAX:
            raise InvalidParameterException(
                f"A filter pattern can have at most {limits.LOGS_PATTERN_WILDCARDS_MAX} wildcard selectors"
            )
        return _ANYTHING

    def _take(self, wanted: str) -> bool:
        self._scanner.skip_spaces()
        return self._scanner.take(wanted)


def _selected(value: Any, steps: list[_Step], at: int = 0) -> Iterator[tuple[Any]]:
    """The values that the selector leads to, each in a tuple of one: None is a value too."""
    if at == len(steps):
        yield (value,)
        return
    step = steps[at]
    if isinstance(step, _Anything):
        for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            yield from _selected(inner, steps, at + 1)
    elif isinstance(step, int):
        if isinstance(value, list) and step < len(value):
            yield from _selected(value[step], steps, at + 1)
    elif isinstance(value, dict) and step in value:
        yield from _selected(value[step], steps, at + 1)
