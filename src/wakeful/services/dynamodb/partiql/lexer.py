"""PartiQL in pieces: words, names in double quotes, texts in single quotes, numbers, signs; comments are nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from wakeful.services.dynamodb.errors import ValidationException

Kind = Literal["word", "name", "text", "number", "sign", "ion", "end"]


@dataclass(frozen=True, slots=True)
class Token:
    """`text` is what it means: of a name or a text what stands between its quotes. `at` is its line and column."""

    kind: Kind
    text: str
    line: int
    column: int
    length: int

    @property
    def at(self) -> str:
        """As DynamoDB says where something is: line, column, length."""
        return f"{self.line}:{self.column}:{self.length}"

    def is_word(self, *words: str) -> bool:
        """Keywords are the same in any case."""
        return self.kind == "word" and self.text.upper() in words

    def is_sign(self, *signs: str) -> bool:
        return self.kind == "sign" and self.text in signs


_PIECE = re.compile(
    r"""(?P<space>\s+ | --[^\n]* | /\*.*?\*/)
      | (?P<word>[^\W\d][\w$]* | \$[\w$]*)
      | (?P<number>(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)
      | "(?P<name>(?:[^"]|"")*)"
      | '(?P<text>(?:[^']|'')*)'
      | `(?P<ion>[^`]*)`
      | (?P<sign><<|>>|<=|>=|<>|!=|\|\||[-+*/%=<>()\[\]{},.:;?@])""",
    re.VERBOSE | re.DOTALL,
)


class Malformed(Exception):
    """The statement is no PartiQL: whoever has the whole of it says so."""


def tokens(statement: str) -> list[Token]:
    """All pieces, and one that is the end. Raises Malformed."""
    return list(_tokens(statement))


def malformed(statement: str) -> ValidationException:
    return ValidationException(f"Statement wasn't well formed, can't be processed: {statement}")


def _tokens(statement: str) -> Iterator[Token]:
    at, line, begun = 0, 1, 0
    while at < len(statement):
        found = _PIECE.match(statement, at)
        if found is None:
            raise Malformed
        kind = found.lastgroup
        if kind is not None and kind != "space":
            text = found[kind]
            if kind == "name":
                text = text.replace('""', '"')
            elif kind == "text":
                text = text.replace("''", "'")
            yield Token(kind, text, line, at - begun + 1, found.end() - at)  # type: ignore[arg-type] # a group's name
        newlines = statement.count("\n", at, found.end())
        if newlines:
            line += newlines
            begun = statement.rindex("\n", at, found.end()) + 1
        at = found.end()
    yield Token("end", "", line, at - begun + 1, 0)
