"""Can an event of this shape match this pattern? No is said only where none can.

The question is decided field by field: an alternative of a pattern can match when each of its fields can be met by
some leaf that the shape has there, or by none where absence is wanted and the field may be absent. What is not
understood is taken to match. Exact values are held against the expressions by the very code that matches events.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from wakeful import limits
from wakeful.cli.wiring.events import Anything, Array, Number, Object, Shape, Text
from wakeful.fabric.pattern import InvalidEventPatternException, compile_pattern

_TEXTUAL = frozenset(("prefix", "suffix", "equals-ignore-case", "wildcard", "exactly", "cidr"))
_ALTERNATIVES_MAX = limits.EVENT_PATTERN_COMBINATIONS_MAX

Fields = dict[str, list[Any]]
"""Dotted names, and the expressions of which one has to be met."""


def may_match(pattern: str, shapes: Iterable[Shape]) -> bool:
    """Whether an event of one of the shapes may match. True where the pattern is none that is understood."""
    alternatives = _alternatives(pattern)
    return alternatives is None or any(not impossible(each, shape) for shape in shapes for each in alternatives)


def obstacle(pattern: str, shape: Shape) -> str:
    """The first field that keeps the pattern from matching, for people. Only where it cannot match."""
    alternatives = _alternatives(pattern) or []
    for each in alternatives:
        for name in impossible(each, shape):
            return f"{name}: {_excerpt(each[name])}"
    return ""


def impossible(fields: Fields, shape: Shape) -> list[str]:
    """The names of the fields that no event of this shape meets."""
    return [name for name, expressions in fields.items() if not _can_be_met(expressions, name, shape)]


# --- reading ----------------------------------------------------------------------------------------------------------


class _Unclear(Exception):
    """The pattern has something that is not understood here."""


def _alternatives(pattern: str) -> list[Fields] | None:
    try:
        document = json.loads(pattern)
        return _read(document, "") if isinstance(document, dict) else None
    except (_Unclear, ValueError, RecursionError):
        return None


def _read(document: dict[str, Any], prefix: str) -> list[Fields]:
    found: list[Fields] = [{}]
    for name, value in document.items():
        match value:
            case [*members] if name == "$or":
                if len(members) < 2 or not all(isinstance(each, dict) for each in members):
                    raise _Unclear
                branches = [branch for each in members for branch in _read(each, prefix)]
            case list():
                branches = [{prefix + name: value}]
            case dict():
                branches = _read(value, f"{prefix}{name}.")
            case _:
                raise _Unclear
        found = [_joined(one, other) for one in found for other in branches]
        if len(found) > _ALTERNATIVES_MAX:
            raise _Unclear
    return found


def _joined(one: Fields, other: Fields) -> Fields:
    """Both. Of a field that is named twice the later counts; either may be the later, so each will do."""
    return {name: [*one.get(name, []), *other.get(name, [])] for name in {**one, **other}}


# --- shapes -----------------------------------------------------------------------------------------------------------


def _can_be_met(expressions: Sequence[Any], name: str, shape: Shape) -> bool:
    leaves, may_be_absent = _leaves(shape, name.split("."))
    if may_be_absent and any(each == {"exists": False} for each in expressions):
        return True
    return any(_accepts(each, leaf) for leaf in leaves for each in expressions)


def _leaves(shape: Shape, steps: Sequence[str]) -> tuple[list[Shape], bool]:
    """What may stand at the end of the path, and whether nothing may.

    A name with dots may be written in several ways, so what is reached by one of them may be missing by another: only
    a path without any choice surely leads to a leaf.
    """
    leaves = list(_reached(shape, list(steps)))
    return leaves, not _is_surely_there(shape, list(steps))


def _reached(shape: Shape, steps: list[str]) -> Iterator[Shape]:
    match shape:
        case Anything():
            yield shape
        case Array(of):
            yield from _reached(of, steps)
        case Object(members, _, others, is_plain):
            for end in range(1, 1 + min(len(steps), 1 if is_plain else len(steps))):
                name = ".".join(steps[:end])
                following = members.get(name, others)
                if following is not None:
                    yield from _reached(following, steps[end:])
        case _ if not steps:
            yield shape


def _is_surely_there(shape: Shape, steps: list[str]) -> bool:
    match shape:
        case Object(members, optional) if steps:
            name = steps[0]
            return name in members and name not in optional and _is_surely_there(members[name], steps[1:])
        case Text() | Number():
            return not steps
    return False


# --- expressions ------------------------------------------------------------------------------------------------------


def _accepts(expression: Any, leaf: Shape) -> bool:
    """Whether some value of the leaf may meet the expression."""
    match leaf:
        case Text():
            return _accepts_text(expression, leaf)
        case Number():
            return _accepts_number(expression)
    return not _is_empty_range(expression)


def _accepts_text(expression: Any, leaf: Text) -> bool:
    if leaf.only is not None:
        return any(_meets(expression, text) for text in leaf.only)
    match expression:
        case str():
            return expression not in leaf.but and not (leaf.never_begins and expression.startswith(leaf.never_begins))
        case bool() | int() | float() | None:
            return False
        case {"numeric": _, **rest} if not rest:
            return False
        case {"exists": wanted, **rest} if not rest:
            return wanted is not False
        case {"exactly": str(text), **rest} if not rest:
            return _accepts_text(text, leaf)
        case {"prefix": str(text), **rest} if not rest:
            return not (leaf.never_begins and text.startswith(leaf.never_begins))
    return True


def _accepts_number(expression: Any) -> bool:
    match expression:
        case bool() | str() | None:
            return False
        case {"exists": wanted, **rest} if not rest:
            return wanted is not False
        case dict() if len(expression) == 1 and next(iter(expression)) in _TEXTUAL:
            return False
    return not _is_empty_range(expression)


def _meets(expression: Any, text: str) -> bool:
    try:
        return compile_pattern({"x": [expression]}).matches({"x": text})
    except InvalidEventPatternException:
        return True


def _is_empty_range(expression: Any) -> bool:
    """Between two numbers that EventBridge and SNS can tell apart lies none, where both are excluded."""
    match expression:
        case {"numeric": [">", int() | float() as low, "<", int() | float() as high]}:
            return bool(round((high - low) * 10**limits.EVENT_PATTERN_DECIMALS_MAX) <= 1)
    return False


def _excerpt(expressions: Sequence[Any]) -> str:
    text = json.dumps(expressions)
    return text if len(text) <= 80 else f"{text[:77]}…"
