"""What is read of an expression's text once, and kept for all requests that have the same one."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TypeAlias, TypeVar

from wakeful import limits

Names: TypeAlias = tuple[tuple[str, str], ...]
"""Placeholders, and the names that they stand for."""

T = TypeVar("T")


def kept(make: Callable[[str, str, Names], T]) -> Callable[[str, str, Names], T]:
    """`make` of a text, of what it is called and of its names, which runs once for all who ask for the same. Names that
    are large are not kept: a client could fill the memory with them.
    """
    found = lru_cache(limits.DYNAMODB_COMPILED_EXPRESSIONS)(make)

    def of(text: str, called: str, names: Names) -> T:
        is_large = sum([len(key) + len(name) for key, name in names]) > limits.DYNAMODB_NAMES_KEPT_MAX
        return (make if is_large else found)(text, called, names)

    return of
