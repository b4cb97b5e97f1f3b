"""Writes random requests to DynamoDB: values, keys, items and expressions, right ones and such as people get wrong."""

from __future__ import annotations

import random
from base64 import b64encode
from collections.abc import Callable, Sequence
from typing import Any

from tests.parity.dynamodb_tables import KEYS

Request = dict[str, Any]
Value = dict[str, Any]

NAMES = ("a", "b", "c", "m", "l", "n", "size", "Comment", "with-dash", "_x", "é")
"""Of attributes; some are reserved words, and some cannot stand in an expression at all."""

NUMBERS = (
    *(
        "0",
        "1",
        "-1",
        "2",
        "10",
        "1.0",
        "1.50",
        "-0",
        "0.001",
        "1E2",
        "1e-5",
        "+5",
        "007",
        "123456789012345678901234567890",
    ),
    *("9.9999999999999999999999999999999999999E+125", "1E-130", "-1E-130", "12345678901234567890123456789012345678"),
)
WRONG_NUMBERS = ("", "abc", "1E126", "1E-131", "123456789012345678901234567890123456789", "0x10", " 1", "NaN", "1_000")
WRONG_VALUES: tuple[Any, ...] = (
    *({}, {"S": 1}, {"N": 1}, {"X": "y"}, {"S": "a", "N": "1"}, {"SS": []}, {"NULL": False}, {"BS": ["!"]}, "a", None),
    *({"SS": ["a", "a"]}, {"NS": ["1", "1.0"]}, {"B": "%%"}, {"BOOL": "x"}, {"L": [None]}, {"M": {"": {"S": "a"}}}),
)
TEXTS = ("", "a", "b", "ab", "abc", "aé", "z", "10", "\u0000", "日本")
BINARIES = tuple(b64encode(each).decode() for each in (b"", b"a", b"ab", b"\x00\xff", b"zz"))
TYPES = ("S", "N", "B", "SS", "NS", "BS", "BOOL", "NULL", "L", "M")


class Slips:
    """One mistake at most in a request: which of two is told first, the two systems need not agree on."""

    def __init__(self, pick: random.Random, chance: float) -> None:
        self._pick = pick
        self._chance = chance

    def happens(self) -> bool:
        happened = self._pick.random() < self._chance
        if happened:
            self._chance = 0.0
        return happened


class Writer:
    """Writes one request. What it substitutes for names and values it remembers, and gives it at the end."""

    def __init__(self, pick: random.Random, slips: Slips) -> None:
        self.pick = pick
        self._slips = slips
        self.names: dict[str, str] = {}
        self.values: dict[str, Value] = {}

    def another(self) -> Writer:
        """One with names of its own."""
        return Writer(self.pick, self._slips)

    def errs(self) -> bool:
        """Whether a mistake is made here."""
        return self._slips.happens()

    def one(self, of: Sequence[Any]) -> Any:
        return self.pick.choice(of)

    def seldom(self) -> bool:
        return self.pick.random() < 0.2

    # --- values ---

    def value(self, kind: str | None = None, depth: int = 0) -> Value:
        if kind is None:
            kind = self.one(TYPES if depth < 2 else TYPES[:8])
        if self.errs():
            wrong: Value = self.one([*WRONG_VALUES, {"N": self.one(WRONG_NUMBERS)}])
            return wrong
        return {kind: self._held(kind, depth)}

    def _held(self, kind: str, depth: int) -> Any:
        simple: dict[str, Callable[[], Any]] = {
            "S": lambda: self.one(TEXTS),
            "N": lambda: self.one(NUMBERS),
            "B": lambda: self.one(BINARIES),
            "SS": lambda: self.pick.sample(TEXTS[1:], self.pick.randint(1, 3)),
            "NS": lambda: self.pick.sample(("1", "2", "3.5", "1E3", "-7"), self.pick.randint(1, 3)),
            "BS": lambda: self.pick.sample(BINARIES[1:], self.pick.randint(1, 3)),
            "BOOL": lambda: self.one((True, False)),
            "NULL": lambda: True,
            "L": lambda: [self.value(depth=depth + 1) for _ in range(self.pick.randint(0, 3))],
            "M": lambda: {self.one(NAMES): self.value(depth=depth + 1) for _ in range(self.pick.randint(0, 3))},
        }
        return simple[kind]()

    def key_value(self, kind: str) -> Value:
        if self.errs():
            return self.value()
        few = {"S": ("a", "b", "c"), "N": ("1", "2", "10", "-1", "1.50"), "B": BINARIES[1:]}
        return {kind: self.one(few[kind])}

    def key(self, table: str) -> Request:
        key = {name: self.key_value(kind) for name, kind in KEYS[table]}
        if self.errs():
            key.pop(self.one(list(key)))
        if self.errs():
            key["more"] = {"S": "x"}
        return key

    def item(self, table: str) -> Request:
        item = {self.one(NAMES): self.value() for _ in range(self.pick.randint(0, 5))}
        if self.one((True, False, False)):
            item["d"] = {"S": self.one(("a", "b"))}
        if table == "ranged":
            item.update(
                {name: self.key_value(kind) for name, kind in (("b", "S"), ("c", "N")) if self.one((True, False))}
            )
        return {**item, **self.key(table)}

    # --- expressions ---

    def name(self) -> str:
        name = self.one(NAMES)
        plain = name in ("a", "b", "c", "m", "l", "n")
        if (plain and self.one((True, False))) or self.errs():
            return str(name)
        short = f"#{len(self.names)}"
        if not self.errs():
            self.names[short] = name
        return short

    def path(self) -> str:
        text = self.name()
        for _ in range(self.one((0, 0, 0, 1, 2))):
            text += f".{self.name()}" if self.one((True, False)) else f"[{self.pick.randint(0, 2)}]"
        return text

    def target(self) -> str:
        """A path that an update may have: seldom into a key, seldom deep."""
        if self.errs():
            return self.path()
        short = f"#{len(self.names)}"
        self.names[short] = self.one(NAMES[2:])
        return f"{short}{self.one(('', '', '', '', '[0]', '.x'))}"

    def bound(self, value: Value | None = None) -> str:
        short = f":{len(self.values)}"
        if not self.errs():
            self.values[short] = value if value is not None else self.value()
        return short

    def operand(self) -> str:
        return str(self.one((self.path, self.path, self.bound, lambda: f"size({self.path()})"))())

    def condition(self, depth: int = 0) -> str:
        kinds: list[Callable[[], str]] = [
            lambda: f"{self.operand()} {self.one(('=', '<>', '<', '<=', '>', '>='))} {self.operand()}",
            lambda: f"{self.operand()} BETWEEN {self.operand()} AND {self.operand()}",
            lambda: f"{self.operand()} IN ({', '.join(self.operand() for _ in range(self.pick.randint(1, 3)))})",
            lambda: f"attribute_exists({self.path()})",
            lambda: f"attribute_not_exists({self.path()})",
            lambda: f"attribute_type({self.path()}, {self.bound({'S': self.one((*TYPES, 'X'))})})",
            lambda: f"begins_with({self.path()}, {self.bound()})",
            lambda: f"contains({self.path()}, {self.operand()})",
        ]
        if depth < 3:
            kinds += [
                lambda: f"{self.condition(depth + 1)} {self.one(('AND', 'OR', 'and'))} {self.condition(depth + 1)}",
                lambda: f"NOT {self.condition(depth + 1)}",
                lambda: f"({self.condition(depth + 1)})",
            ]
        return self.spoilt(str(self.one(kinds)()))

    def update(self) -> str:
        clauses: dict[str, Callable[[], str]] = {
            "SET": lambda: f"{self.target()} = {self._assigned()}",
            "REMOVE": self.target,
            "ADD": lambda: f"{self.target()} {self.bound(self.value(self.one(('N', 'N', 'NS', 'SS', 'S'))))}",
            "DELETE": lambda: f"{self.target()} {self.bound(self.value(self.one(('SS', 'NS', 'BS', 'S'))))}",
        }
        chosen = self.pick.sample(list(clauses), self.one((1, 1, 2)))
        return self.spoilt(
            " ".join(f"{each} {', '.join(clauses[each]() for _ in range(self.one((1, 1, 2))))}" for each in chosen)
        )

    def _assigned(self) -> str:
        return str(
            self.one(
                (
                    self.bound,
                    self.bound,
                    self.bound,
                    self.path,
                    lambda: f"{self.path()} {self.one('+-')} {self.bound(self.value('N'))}",
                    lambda: f"if_not_exists({self.path()}, {self.bound()})",
                    lambda: f"list_append({self.path()}, {self.bound(self.value('L'))})",
                    lambda: (
                        f"if_not_exists({self.path()}, {self.bound(self.value('N'))}) + {self.bound(self.value('N'))}"
                    ),
                )
            )()
        )

    def projection(self) -> str:
        return self.spoilt(", ".join(self.path() for _ in range(self.pick.randint(1, 3))))

    def key_condition(self, keys: Sequence[tuple[str, str]]) -> str:
        (name, kind), *more = keys
        text = f"{name} = {self.bound(self.key_value(kind))}"
        if more and self.one((True, False)):
            second, kind = more[0]
            one = self.bound(self.key_value(kind))
            more_kinds: list[Callable[[], str]] = [
                lambda: f"{second} {self.one(('=', '<', '<=', '>', '>=', '<>'))} {one}",
                lambda: f"{second} BETWEEN {one} AND {self.bound(self.key_value(kind))}",
                lambda: f"begins_with({second}, {one})",
            ]
            text += f" AND {self.one(more_kinds)()}"
        return self.spoilt(text)

    def spoilt(self, text: str) -> str:
        """The expression; or one with a word too few, or twice."""
        if not self.errs() or not (words := text.split(" ")):
            return text
        at = self.pick.randrange(len(words))
        words[at : at + 1] = self.one(([], [words[at]] * 2, ["("], ["frobnicate"], [""]))
        return " ".join(words)

    def told(self, request: Request) -> Request:
        """The request with what its expressions stand for."""
        if self.names:
            request["ExpressionAttributeNames"] = self.names
        if self.values:
            request["ExpressionAttributeValues"] = self.values
        return request
