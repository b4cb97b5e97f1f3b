"""Reads Amazon Ion's text: its values as the values of items that they stand for ("DynamoDB import formats").

Sets are lists with the annotation `$dynamodb_SS`, `$dynamodb_NS` or `$dynamodb_BS`; other annotations say nothing here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from wakeful import limits
from wakeful.services.dynamodb.values import Value

_BINARY = b"\xe0\x01\x00\xea"
_BLANK = re.compile(r"(?:\s|//[^\n]*|/\*.*?\*/)*", re.DOTALL)
_STRING = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_LONG = re.compile(r"'''((?:[^'\\]|\\.|'(?!''))*)'''", re.DOTALL)
_QUOTED = re.compile(r"'((?:[^'\\]|\\.)*)'", re.DOTALL)
_SYMBOL = re.compile(r"[A-Za-z_$][\w$]*")
_NUMBER = re.compile(r"-?(?:0[xX][0-9a-fA-F_]+|0[bB][01_]+|[0-9][0-9_]*(?:\.[0-9_]*)?(?:[eEdD][+-]?[0-9]+)?)(?![\w:])")
_NULL = re.compile(r"null(?:\.[a-z]+)?\b")
_BLOB = re.compile(r"\{\{\s*([A-Za-z0-9+/=\s]*)\}\}")
_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|\r\n|.)", re.DOTALL)
_PLAIN = {"n": "\n", "r": "\r", "t": "\t", "0": "\0", "a": "\a", "b": "\b", "f": "\f", "v": "\v", "\n": "", "\r\n": ""}
_SETS = {"$dynamodb_SS": ("SS", "S"), "$dynamodb_NS": ("NS", "N"), "$dynamodb_BS": ("BS", "B")}
_TOKEN = re.compile(
    r"\"(?:[^\"\\]|\\.)*\"|'''(?:[^'\\]|\\.|'(?!''))*'''|'(?:[^'\\]|\\.)*'|//[^\n]*|/\*.*?\*/|[\[{(]|[\]})]|[\"']|/\*",
    re.DOTALL,
)


class NotIon(Exception):
    """What is there is no text of Ion, or stands for nothing that an item can hold."""


class Gatherer:
    """Puts lines together until what was begun in them is closed."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._size = 0
        self._depth = 0
        self._half: list[str] = []
        """Lines that end within a string or a remark."""

    def texts(self, lines: Iterable[bytes], *, is_last: bool) -> Iterator[str]:
        """Texts of whole values. Raises NotIon."""
        for line in lines:
            if not self._lines and line.startswith(_BINARY):
                raise NotIon("Ion in its binary encoding cannot be imported.")
            self._add(line)
            if self._depth <= 0 and not self._half:
                yield self._taken()
        if is_last and self._lines:
            yield self._taken()

    def _add(self, line: bytes) -> None:
        try:
            text = line.decode()
        except UnicodeDecodeError as error:
            raise NotIon(f"The text is not in UTF-8: {error}") from error
        self._lines.append(text)
        self._size += len(text)
        self._half.append(text)
        if (
            self._size > limits.DYNAMODB_IMPORT_LINE_BYTES_MAX
            or len(self._half) > limits.DYNAMODB_IMPORT_STRING_LINES_MAX
        ):
            raise NotIon("A value is longer than an item can be.")
        tokens = _TOKEN.findall("\n".join(self._half))
        if not any(token in ('"', "'", "/*") for token in tokens):
            self._half = []
            self._depth += sum((token in "[{(") - (token in "]})") for token in tokens)

    def _taken(self) -> str:
        text = "\n".join(self._lines)
        self._lines, self._size, self._depth, self._half = [], 0, 0, []
        return text


def values(text: str) -> Iterator[Value]:
    """What stands in the text, one after the other, without its version markers and symbol tables. Raises NotIon."""
    reader = _Reader(text)
    while not reader.is_over:
        found = reader.value()
        if found is not None:
            yield found


class _Reader:
    """Goes through one text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._skip()

    @property
    def is_over(self) -> bool:
        return self._at >= len(self._text)

    def value(self) -> Value | None:
        """The next one; None for what says nothing of items."""
        marks = self._annotations()
        if "$ion_symbol_table" in marks:
            self._any()
            return None
        found = self._any()
        kind = next((_SETS[mark] for mark in marks if mark in _SETS), None)
        if kind is None or found is None:
            return found
        members: list[Value] = found.get("L", [])
        if "L" not in found or any(kind[1] not in each for each in members):
            raise NotIon(f"A set of the type {kind[0]} is a list of values of the type {kind[1]}.")
        return {kind[0]: [each[kind[1]] for each in members]}

    def _annotations(self) -> list[str]:
        marks: list[str] = []
        while True:
            begun = self._at
            name = self._name()
            if name is None or not self._next("::"):
                self._at = begun
                return marks
            marks.append(name)

    def _any(self) -> Value | None:
        """A value without its annotations."""
        rest = self._text[self._at : self._at + 3]
        if rest.startswith("{{"):
            blob = self._match(_BLOB)
            if blob is None:
                raise self._wrong("a blob")
            return {"B": "".join(blob[1].split())}
        if rest.startswith("{"):
            return {"M": self._struct()}
        if rest.startswith("["):
            return {"L": self._list()}
        if rest.startswith('"'):
            string = self._match(_STRING)
            if string is None:
                raise self._wrong("a string")
            return {"S": _unescaped(string[1])}
        if rest == "'''":
            return {"S": self._long()}
        return self._scalar()

    def _scalar(self) -> Value | None:
        if self._match(_NULL):
            return {"NULL": True}
        number = self._match(_NUMBER)
        if number is not None:
            return {"N": _number(number[0])}
        symbol = self._match(_SYMBOL)
        if symbol is not None and symbol[0] in ("true", "false"):
            return {"BOOL": symbol[0] == "true"}
        if symbol is not None and symbol[0].startswith("$ion_"):
            return None
        raise self._wrong("a value of an item")

    def _struct(self) -> dict[str, Value]:
        found: dict[str, Value] = {}
        self._next("{")
        while not self._next("}"):
            string = self._match(_STRING)
            name = _unescaped(string[1]) if string is not None else self._name()
            if name is None or not self._next(":"):
                raise self._wrong("a field")
            found[name] = self._inner()
            self._next(",")
        return found

    def _list(self) -> list[Value]:
        found: list[Value] = []
        self._next("[")
        while not self._next("]"):
            found.append(self._inner())
            self._next(",")
        return found

    def _inner(self) -> Value:
        found = self.value()
        if found is None:
            raise self._wrong("a value")
        return found

    def _long(self) -> str:
        """Several long strings after one another are one."""
        parts = []
        while (found := self._match(_LONG)) is not None:
            parts.append(_unescaped(found[1]))
        if not parts:
            raise self._wrong("a string")
        return "".join(parts)

    def _name(self) -> str | None:
        if self._text.startswith("'''", self._at):
            return None
        quoted = self._match(_QUOTED)
        if quoted is not None:
            return _unescaped(quoted[1])
        symbol = self._match(_SYMBOL)
        return symbol[0] if symbol is not None else None

    def _match(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        found = pattern.match(self._text, self._at)
        if found is not None:
            self._at = found.end()
            self._skip()
        return found

    def _next(self, token: str) -> bool:
        if not self._text.startswith(token, self._at):
            return False
        self._at += len(token)
        self._skip()
        return True

    def _skip(self) -> None:
        blank = _BLANK.match(self._text, self._at)
        self._at = blank.end() if blank is not None else self._at

    def _wrong(self, wanted: str) -> NotIon:
        there = self._text[self._at : self._at + 20]
        return NotIon(f"Unable to parse the text as Ion: {wanted} was expected at {there!r}")


def _number(text: str) -> str:
    plain = text.replace("_", "")
    if plain.lstrip("-")[:2].lower() in ("0x", "0b"):
        return str(int(plain, 0))
    return plain.replace("d", "E").replace("D", "E").replace("e", "E").removesuffix(".").replace(".E", "E")


def _unescaped(text: str) -> str:
    return _ESCAPE.sub(_character, text) if "\\" in text else text


def _character(match: re.Match[str]) -> str:
    what = str(match[1])
    if len(what) > 2 and what[0] in "xuU":
        return chr(int(what[1:], 16))
    return _PLAIN.get(what, what)
