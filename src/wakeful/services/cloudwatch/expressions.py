"""Metric math as text: an expression becomes a tree ("Using math expressions with CloudWatch metrics").

From loosest to tightest: OR, AND, comparisons, + and -, * and /, a minus before, ^.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from wakeful import limits


class BadExpression(Exception):
    """What is wrong with an expression, for whoever wrote it."""


@dataclass(frozen=True, slots=True)
class Number:
    value: float


@dataclass(frozen=True, slots=True)
class Text:
    value: str


@dataclass(frozen=True, slots=True)
class Name:
    """A query's id, or a word such as REPEAT."""

    name: str


@dataclass(frozen=True, slots=True)
class Array:
    items: tuple[Tree, ...]


@dataclass(frozen=True, slots=True)
class Apply:
    """A function or an operator, by its name, to what it is given. A minus before something is "negate"."""

    name: str
    to: tuple[Tree, ...]


Tree = Number | Text | Name | Array | Apply

_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)|(?P<name>[A-Za-z_]\w*)"
    r"""|(?P<text>"[^"]*"|'[^']*')|(?P<sign>==|!=|<=|>=|&&|\|\||[-+*/^<>(),\[\]]))""",
    re.ASCII,
)
_LEVELS: tuple[dict[str, str], ...] = (
    {"||": "OR", "OR": "OR"},
    {"&&": "AND", "AND": "AND"},
    {sign: sign for sign in ("==", "!=", "<=", ">=", "<", ">")},
    {"+": "+", "-": "-"},
    {"*": "*", "/": "/"},
)


@lru_cache(1024)
def parse(expression: str) -> Tree:
    """Raises BadExpression."""
    return _Parser(_tokens(expression)).whole()


def names_in(tree: Tree) -> set[str]:
    """The ids of queries that the tree may be about; words such as REPEAT are among them."""
    found = set()
    left: list[Tree] = [tree]
    while left:
        each = left.pop()
        if isinstance(each, Name):
            found.add(each.name)
        elif isinstance(each, Array):
            left += each.items
        elif isinstance(each, Apply):
            left += each.to
    return found


def _tokens(expression: str) -> list[tuple[str, str]]:
    """Kind and text of each; the last is the end."""
    tokens = []
    place = 0
    expression = expression.rstrip()
    while place < len(expression):
        found = _TOKEN.match(expression, place)
        if found is None:
            raise BadExpression(f"Unexpected character at position {place}: {expression[place:].strip()[0]}")
        assert found.lastgroup is not None
        tokens.append((found.lastgroup, found[found.lastgroup]))
        place = found.end()
    return [*tokens, ("end", "end of the expression")]


class _Parser:
    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self._tokens = tokens
        self._place = 0
        self._depth = 0

    def whole(self) -> Tree:
        tree = self._level(0)
        if self._kind != "end":
            raise BadExpression(f"Unexpected {self._text}")
        return tree

    @property
    def _kind(self) -> str:
        return self._tokens[self._place][0]

    @property
    def _text(self) -> str:
        return self._tokens[self._place][1]

    def _next(self) -> str:
        text = self._text
        self._place += 1
        return text

    def _takes(self, sign: str) -> bool:
        if self._kind == "sign" and self._text == sign:
            self._place += 1
            return True
        return False

    def _level(self, level: int) -> Tree:
        if level == len(_LEVELS):
            return self._signed()
        left = self._level(level + 1)
        while self._kind in ("sign", "name") and self._text in _LEVELS[level]:
            operator = _LEVELS[level][self._next()]
            left = Apply(operator, (left, self._level(level + 1)))
        return left

    def _signed(self) -> Tree:
        if self._takes("-"):
            return Apply("negate", (self._deeper(self._signed),))
        if self._takes("+"):
            return self._deeper(self._signed)
        base = self._item()
        return Apply("^", (base, self._deeper(self._signed))) if self._takes("^") else base

    def _deeper(self, what: object, *level: int) -> Tree:
        self._depth += 1
        if self._depth > limits.METRIC_MATH_DEPTH_MAX:
            raise BadExpression("The expression is nested too deeply")
        tree: Tree = what(*level)  # type: ignore[operator]
        self._depth -= 1
        return tree

    def _item(self) -> Tree:
        kind = self._kind
        if kind == "number":
            return Number(float(self._next()))
        if kind == "text":
            return Text(self._next()[1:-1])
        if kind == "name":
            name = self._next()
            return Apply(name.upper(), self._items(")")) if self._takes("(") else Name(name)
        if self._takes("["):
            return Array(self._items("]"))
        if self._takes("("):
            inner = self._deeper(self._level, 0)
            if not self._takes(")"):
                raise BadExpression(f"Expected ) before {self._text}")
            return inner
        raise BadExpression(f"Unexpected {self._text}")

    def _items(self, end: str) -> tuple[Tree, ...]:
        if self._takes(end):
            return ()
        items = [self._deeper(self._level, 0)]
        while self._takes(","):
            items.append(self._deeper(self._level, 0))
        if not self._takes(end):
            raise BadExpression(f"Expected {end} before {self._text}")
        return tuple(items)
