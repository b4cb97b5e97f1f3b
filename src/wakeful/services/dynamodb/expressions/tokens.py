"""An expression's text as a row of tokens."""

from __future__ import annotations

import re
from typing import NamedTuple

from wakeful import limits
from wakeful.services.dynamodb.errors import ValidationException

WORD, NAME, VALUE, NUMBER, KEYWORD, SYMBOL, UNKNOWN, END = range(8)

_KEYWORDS = frozenset(("AND", "OR", "NOT", "IN", "BETWEEN", "SET", "REMOVE", "ADD", "DELETE"))

_TOKEN = re.compile(
    r"""(?P<space>[ \t\r\n]+)
    | (?P<word>[A-Za-z][A-Za-z0-9_]*)
    | (?P<name>\#[A-Za-z0-9_]+)
    | (?P<value>:[A-Za-z0-9_]+)
    | (?P<number>0|[1-9][0-9]*)
    | (?P<symbol><>|<=|>=|[=<>()\[\].,+-])
    | (?P<unknown>.)""",
    re.VERBOSE | re.DOTALL | re.ASCII,
)
_KINDS = {"word": WORD, "name": NAME, "value": VALUE, "number": NUMBER, "symbol": SYMBOL, "unknown": UNKNOWN}


class Token(NamedTuple):
    """`is_` is what the grammar takes it for: a symbol itself, a keyword in capitals, nothing for what has a name."""

    kind: int
    text: str
    is_: str
    start: int
    end: int


def tokens(text: str, called: str) -> list[Token]:
    """The last one is END. Raises ValidationException for what is empty or too long."""
    if not text:
        raise refused(called, "The expression can not be empty;")
    size = len(text) if text.isascii() else len(text.encode(errors="surrogatepass"))
    if size > limits.DYNAMODB_EXPRESSION_BYTES_MAX:
        raise refused(called, f"Expression size has exceeded the maximum allowed size; expression size: {size}")
    found = [_token(match) for match in _TOKEN.finditer(text) if match.lastgroup != "space"]
    found.append(Token(END, "<EOF>", "<EOF>", len(text), len(text)))
    return found


def refused(called: str, why: str) -> ValidationException:
    return ValidationException(f"Invalid {called}: {why}")


def _token(match: re.Match[str]) -> Token:
    text, group = match[0], match.lastgroup or ""
    kind = _KINDS[group]
    if kind == WORD and (capitals := text.upper()) in _KEYWORDS:
        return Token(KEYWORD, text, capitals, match.start(), match.end())
    return Token(kind, text, text if kind == SYMBOL else "", match.start(), match.end())
