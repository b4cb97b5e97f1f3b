"""A place in a statement, from which it is read on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from wakeful import limits
from wakeful.services.dynamodb.partiql.lexer import Malformed, Token, tokens
from wakeful.services.dynamodb.partiql.words import RESERVED


class Cursor:
    """Steps through the pieces of one statement, and counts its parameters."""

    def __init__(self, statement: str) -> None:
        self._tokens = tokens(statement)
        self._place = 0
        self._depth = 0
        self.parameters = 0

    @property
    def token(self) -> Token:
        """What comes next."""
        return self._tokens[self._place]

    @property
    def following(self) -> Token:
        """What comes after that."""
        return self._tokens[min(self._place + 1, len(self._tokens) - 1)]

    def take(self) -> Token:
        token = self.token
        if token.kind != "end":
            self._place += 1
        return token

    def try_word(self, *words: str) -> Token | None:
        """The next piece, taken if it is one of these keywords."""
        return self.take() if self.token.is_word(*words) else None

    def try_sign(self, *signs: str) -> Token | None:
        return self.take() if self.token.is_sign(*signs) else None

    def word(self, *words: str) -> Token:
        """The next piece, which has to be one of these keywords. Raises Malformed."""
        found = self.try_word(*words)
        if found is None:
            raise Malformed
        return found

    def sign(self, *signs: str) -> Token:
        found = self.try_sign(*signs)
        if found is None:
            raise Malformed
        return found

    def is_name(self) -> bool:
        """Whether a name comes next: in double quotes, or a word that is no keyword."""
        token = self.token
        return token.kind == "name" or (token.kind == "word" and token.text.upper() not in RESERVED)

    def name(self) -> Token:
        if not self.is_name():
            raise Malformed
        return self.take()

    def parameter(self) -> int:
        """The place of the next parameter."""
        self.parameters += 1
        return self.parameters - 1

    @contextmanager
    def deeper(self) -> Iterator[None]:
        """One level further in. Raises Malformed where there are too many."""
        self._depth += 1
        if self._depth > limits.DYNAMODB_STATEMENT_DEPTH_MAX:
            raise Malformed
        yield
        self._depth -= 1
