"""JSON read token by token, so that a fault in a pattern is reported at the line and column where AWS reports it.

AWS reads patterns with a streaming reader: a string's token ends, for the purpose of positions, behind its opening
quote until somebody asks for the text, and a field's name is only reported together with the start of its value.
"""

from __future__ import annotations

import re
from typing import Any

NAME = "name"
STRING = "string"
NUMBER = "number"
LITERAL = "literal"
END = ""
"""Kinds of token. The four brackets are kinds of their own: "{", "}", "[", "]"."""

SNIPPET_CHARS_MAX = 500
_INTEGER_DIGITS_MAX = 1000

_SPACE = re.compile(r"[ \t\r\n]*")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_WORD = re.compile(r"[\w$]+")
_CHUNK = re.compile(r'[^"\\\x00-\x1f]*')
_LITERALS = {"true": True, "false": False, "null": None}
_ESCAPES = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_EXPECTED = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')"


class JsonFault(ValueError):
    """What is wrong, at the place where it shows."""

    def __init__(self, reason: str, text: str, offset: int) -> None:
        self.offset = offset
        super().__init__(reason + place(text, offset))


def place(text: str, offset: int) -> str:
    """The suffix that AWS puts behind a message: the source, the line and the column, counted from one."""
    before = text[:offset].replace("\r\n", "\n\n").replace("\r", "\n")
    line = before.count("\n") + 1 - text[:offset].count("\r\n")
    column = offset - (before.rfind("\n") + 1) + 1
    snippet = f'"{text[:SNIPPET_CHARS_MAX]}"'
    if len(text) > SNIPPET_CHARS_MAX:
        snippet += f"[truncated {len(text) - SNIPPET_CHARS_MAX} chars]"
    return f"\n at [Source: (String){snippet}; line: {line}, column: {column}]"


def check_json(text: str) -> None:
    """Raises JsonFault where the text is not JSON."""
    tokens = JsonTokens(text)
    while tokens.next():
        pass


class JsonTokens:
    """A cursor over a JSON text. `kind` and `value` are the current token's, `at` is where it would be reported."""

    __slots__ = ("_held", "_nesting", "_scan", "_text", "at", "kind", "raw", "value")

    def __init__(self, text: str) -> None:
        self._text = text
        self._scan = 0
        self._held: tuple[str, str, Any] | None = None  # kind, text and value of the token after a name
        self._nesting: list[tuple[str, int, int]] = []  # bracket, its offset, members so far
        self.at = 0
        self.kind = END
        self.value: Any = None
        self.raw = ""

    @property
    def depth(self) -> int:
        """How many brackets are open."""
        return len(self._nesting)

    def text(self) -> str:
        """The current token as written: a string's text, a number's digits, a bracket. Moves `at` behind a string."""
        if self.kind is STRING:
            self.at = self._scan
        return self.raw

    def fault(self, reason: str, offset: int | None = None) -> JsonFault:
        return JsonFault(reason, self._text, self.at if offset is None else offset)

    def next(self) -> str:
        """Moves on by one token and returns its kind; `END` behind the last."""
        if self._held is not None:
            kind, self.raw, self.value = self._held
            self._held = None
            return self._enter(kind)
        offset = self._skip(self._scan)
        if not self._nesting:
            return self._top(offset)
        bracket, start, count = self._nesting[-1]
        close = "}" if bracket == "{" else "]"
        char = self._char(offset)
        if char == close:
            self._nesting.pop()
            self._set(close, close, None, offset + 1)
            return close
        if count:
            if char != ",":
                self._complain_of_missing(char, offset, bracket, start, close)
            offset = self._skip(offset + 1)
        elif char == "":
            raise self._unfinished(bracket, start)
        self._nesting[-1] = (bracket, start, count + 1)
        if bracket == "[":
            return self._enter(self._value(offset))
        return self._name(offset)

    def finish(self) -> None:
        """Raises JsonFault where anything but space follows the top-level value."""
        offset = self._skip(self._scan)
        if offset < len(self._text):
            self._value(offset)
            raise self.fault("Unexpected text after the end of the value", offset)

    def _top(self, offset: int) -> str:
        if offset == len(self._text):
            self._set(END, "", None, offset)
            return END
        return self._enter(self._value(offset))

    def _name(self, offset: int) -> str:
        char = self._char(offset)
        if char != '"':
            if char == "":
                bracket, start, _ = self._nesting[-1]
                raise self._unfinished(bracket, start)
            raise self._unexpected(char, offset, "was expecting double-quote to start field name")
        name, offset = self._string(offset, "in field name")
        offset = self._skip(offset)
        if self._char(offset) != ":":
            raise self._unexpected(self._char(offset), offset, "was expecting a colon to separate field name and value")
        # The value's first token is read together with the name, and the name is reported behind it.
        self._held = (self._value(self._skip(offset + 1)), self.raw, self.value)
        self.kind, self.raw, self.value = NAME, name, name
        return NAME

    def _enter(self, kind: str) -> str:
        """The token is now the current one; an opening bracket opens a level."""
        if kind in ("{", "["):
            self._nesting.append((kind, self._scan - 1, 0))
        self.kind = kind
        return kind

    def _value(self, offset: int) -> str:
        char = self._char(offset)
        if char == '"':
            text, end = self._string(offset, "was expecting closing quote for a string value")
            self._set(STRING, text, text, end)
            self.at = offset + 1
            return STRING
        if char and char in "{[":
            self._set(char, char, None, offset + 1)
            return char
        if hit := _NUMBER.match(self._text, offset):
            raw = hit[0]
            is_whole = raw.lstrip("-").isdigit() and len(raw) < _INTEGER_DIGITS_MAX
            value = int(raw) if is_whole else float(raw)
            self._set(NUMBER, raw, value, hit.end())
            return NUMBER
        word = _WORD.match(self._text, offset)
        if word is None:
            if char == "":
                raise self.fault(f"Unexpected end-of-input: expected a value {_EXPECTED}", offset)
            raise self._unexpected(char, offset, f"expected a valid value {_EXPECTED}")
        if word[0] not in _LITERALS:
            raise self.fault(f"Unrecognized token '{word[0]}': was expecting {_EXPECTED}", word.end())
        self._set(LITERAL, word[0], _LITERALS[word[0]], word.end())
        return LITERAL

    def _string(self, offset: int, unfinished: str) -> tuple[str, int]:
        """The text of the string that begins at `offset`, and the offset behind its closing quote."""
        parts: list[str] = []
        offset += 1
        while True:
            hit = _CHUNK.match(self._text, offset)
            assert hit is not None
            parts.append(hit[0])
            offset = hit.end()
            char = self._char(offset)
            if char == '"':
                return "".join(parts), offset + 1
            if char == "":
                raise self.fault(f"Unexpected end-of-input: {unfinished}", offset)
            if char != "\\":
                raise self.fault(
                    f"Illegal unquoted character ((CTRL-CHAR, code {ord(char)})): "
                    "has to be escaped using backslash to be included in string value",
                    offset,
                )
            text, offset = self._escape(offset)
            parts.append(text)

    def _escape(self, offset: int) -> tuple[str, int]:
        letter = self._char(offset + 1)
        if letter == "u":
            code, end = self._hex(offset)
            if 0xD800 <= code < 0xDC00 and self._text.startswith("\\u", end):
                low, low_end = self._hex(end)
                if 0xDC00 <= low < 0xE000:
                    return chr(0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00)), low_end
            return chr(code), end
        if letter not in _ESCAPES or not letter:
            raise self.fault(f"Unrecognized character escape '{letter}' (code {ord(letter or chr(0))})", offset + 2)
        return _ESCAPES[letter], offset + 2

    def _hex(self, offset: int) -> tuple[int, int]:
        digits = self._text[offset + 2 : offset + 6]
        if len(digits) < 4 or not all(digit in "0123456789abcdefABCDEF" for digit in digits):
            raise self.fault("Unexpected character: expected a hex-digit for character escape sequence", offset + 2)
        return int(digits, 16), offset + 6

    def _set(self, kind: str, raw: str, value: Any, end: int) -> None:
        self.kind, self.raw, self.value = kind, raw, value
        self.at = self._scan = end

    def _skip(self, offset: int) -> int:
        hit = _SPACE.match(self._text, offset)
        assert hit is not None
        return hit.end()

    def _char(self, offset: int) -> str:
        return self._text[offset : offset + 1]

    def _complain_of_missing(self, char: str, offset: int, bracket: str, start: int, close: str) -> None:
        if char == "":
            raise self._unfinished(bracket, start)
        thing = "Object" if bracket == "{" else "Array"
        if char in "}]":
            opened = place(self._text, start).removeprefix("\n at ")
            raise self.fault(
                f"Unexpected close marker '{char}': expected '{close}' (for {thing} starting at {opened})", offset
            )
        raise self._unexpected(char, offset, f"was expecting comma to separate {thing} entries")

    def _unexpected(self, char: str, offset: int, expected: str) -> JsonFault:
        if char == "":
            return self.fault(f"Unexpected end-of-input: {expected}", offset)
        return self.fault(f"Unexpected character ('{char}' (code {ord(char)})): {expected}", offset)

    def _unfinished(self, bracket: str, start: int) -> JsonFault:
        thing = "Object" if bracket == "{" else "Array"
        opened = place(self._text, start).removeprefix("\n at ")
        return self.fault(
            f"Unexpected end-of-input: expected close marker for {thing} (start marker at {opened})", len(self._text)
        )
