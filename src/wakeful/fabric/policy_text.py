"""Texts within IAM policies: wildcards, and variables that take their value from the request.

"IAM policy elements: Variables and tags" has the rules: `${aws:username}`, a default as in `${aws:x, 'y'}`, and `${*}`,
`${?}`, `${$}` for the characters themselves. Policies of version 2008-10-17 know no variables.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Literal, NamedTuple

Lookup = Callable[[str], tuple[str, ...] | None]
"""The values of a condition key in the request, by its lower-case name; None where the request has no such key."""

Form = Literal["text", "arn", "resource"]
"""How wildcards are read: across the whole text, within the parts of an ARN, or as a `Resource` element has them."""


class _Piece(NamedTuple):
    kind: Literal["literal", "wildcard", "variable"]
    text: str
    default: str | None = None


_TOKEN = re.compile(r"\$\{([^{}]*)\}|([*?])")
_TOKEN_WITHOUT_VARIABLES = re.compile(r"(\0\0)|([*?])")
_ANY, _WITHIN = ".*", "[^:]*"
_WITH_DEFAULT = re.compile(r"\s*([^,]*?)\s*,\s*'([^']*)'\s*", re.DOTALL)
_COLONS_BEFORE_RESOURCE = 5


class Text:
    """A text of a policy, to be compared with texts of requests."""

    __slots__ = ("_compiled", "_pieces", "has_variables", "source")

    def __init__(self, source: str, *, has_variables: bool = True) -> None:
        self.source = source
        self._pieces = tuple(_pieces(source, has_variables=has_variables))
        self.has_variables = any(piece.kind == "variable" for piece in self._pieces)
        self._compiled: dict[Form, re.Pattern[str]] = {}

    def literal(self, lookup: Lookup) -> str | None:
        """The text itself, `*` and `?` as they are; None where a variable has no value."""
        pieces = self._resolved(lookup)
        return None if pieces is None else "".join(piece.text for piece in pieces)

    def matches(self, value: str, form: Form, lookup: Lookup) -> bool:
        """Whether the text, with its wildcards, covers the whole value. Without the variables' values it does not."""
        if not self.has_variables:
            compiled = self._compiled.get(form)
            if compiled is None:
                compiled = self._compiled[form] = _regex(self._pieces, form)
            return compiled.fullmatch(value) is not None
        pieces = self._resolved(lookup)
        return pieces is not None and _regex(pieces, form).fullmatch(value) is not None

    def _resolved(self, lookup: Lookup) -> tuple[_Piece, ...] | None:
        if not self.has_variables:
            return self._pieces
        found = []
        for piece in self._pieces:
            if piece.kind != "variable":
                found.append(piece)
                continue
            values = lookup(piece.text)
            if values is None and piece.default is not None:
                values = (piece.default,)
            if values is None or len(values) != 1:  # only a key with one value can be a variable
                return None
            found.append(_Piece("literal", values[0]))
        return tuple(found)


def _pieces(source: str, *, has_variables: bool) -> list[_Piece]:
    pieces: list[_Piece] = []
    at = 0
    for hit in (_TOKEN if has_variables else _TOKEN_WITHOUT_VARIABLES).finditer(source):
        if hit.start() > at:
            pieces.append(_Piece("literal", source[at : hit.start()]))
        pieces.append(_Piece("wildcard", hit[2]) if hit[2] else _variable(hit[1]))
        at = hit.end()
    if at < len(source):
        pieces.append(_Piece("literal", source[at:]))
    return pieces


def _variable(body: str) -> _Piece:
    if body in ("*", "?", "$"):
        return _Piece("literal", body)
    if with_default := _WITH_DEFAULT.fullmatch(body):
        return _Piece("variable", with_default[1].lower(), with_default[2])
    return _Piece("variable", body.strip().lower())


@lru_cache(4096)
def _regex(pieces: tuple[_Piece, ...], form: Form) -> re.Pattern[str]:
    if form == "text" or pieces == (_Piece("wildcard", "*"),):
        return re.compile(without_regret([_anywhere(piece) for piece in pieces]), re.DOTALL)
    found = []
    colons = 0
    for index, piece in enumerate(pieces):
        if piece.kind == "literal":
            found.append(re.escape(piece.text))
            colons += piece.text.count(":")
        elif colons >= _COLONS_BEFORE_RESOURCE or (form == "resource" and _ends_segment(pieces, index)):
            # The last character of a segment of a Resource may reach beyond it.
            found.append(_anywhere(piece))
        else:
            found.append(_WITHIN if piece.text == "*" else "[^:]")
    return re.compile(without_regret(found), re.DOTALL)


def without_regret(parts: Iterable[str]) -> str:
    """A regular expression of these parts that matches the same whole texts as they do, and looks once for each star.

    What stands between two stars is taken where it ends first: that leaves the most to the second one. Tried at every
    place, a few dozen stars would take for ever.
    """
    first, *others = _between(_ANY, parts)
    text = _settled(first, is_last=not others)
    for number, each in enumerate(others, start=1):
        is_last = number == len(others)
        text += f".*{_settled(each, is_last=True)}" if is_last else f"(?>.*?{_settled(each, is_last=False)})"
    return text


def _settled(parts: Iterable[str], *, is_last: bool) -> str:
    """The same of what has no stars but those that stay within a segment."""
    first, *others = map("".join, _between(_WITHIN, parts))
    if not others:
        return first
    *middle, last = others
    settled = "".join(f"(?>[^:]*?{each})" for each in middle)
    return first + settled + (f"[^:]*{last}" if is_last else f"(?>[^:]*?{last})")


def _between(star: str, parts: Iterable[str]) -> list[list[str]]:
    found: list[list[str]] = [[]]
    for part in parts:
        if part == star:
            found.append([])
        else:
            found[-1].append(part)
    return found


def _anywhere(piece: _Piece) -> str:
    if piece.kind == "wildcard":
        return _ANY if piece.text == "*" else "."
    return re.escape(piece.text)


def _ends_segment(pieces: tuple[_Piece, ...], index: int) -> bool:
    return pieces[index].text == "*" and (index + 1 == len(pieces) or pieces[index + 1].text.startswith(":"))
