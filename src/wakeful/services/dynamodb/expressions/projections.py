"""Projections: what is wanted of an item."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from wakeful import limits
from wakeful.services.dynamodb.expressions import documents, parser
from wakeful.services.dynamodb.expressions.bound import Path, Substitutes
from wakeful.services.dynamodb.expressions.compiling import Compiler, Impossible, Needs, Others
from wakeful.services.dynamodb.values import Item

_CALLED = "ProjectionExpression"


@dataclass(frozen=True, slots=True)
class PathsProjection:
    """Of document paths, or of whole attributes."""

    named: tuple[Path, ...]
    pick: Callable[[Item], Item]

    def of(self, item: Item) -> Item:
        return self.pick(item)

    def attributes(self) -> frozenset[str]:
        return frozenset(path[0] for path in self.named if isinstance(path[0], str))

    def paths(self) -> tuple[Path, ...]:
        return self.named


def bound(text: str, substitutes: Substitutes) -> PathsProjection:
    """Raises ValidationException."""
    needs, projection = compiled(text, substitutes.names_as_key)
    substitutes.meet(needs)
    return projection


@lru_cache(limits.DYNAMODB_COMPILED_EXPRESSIONS)
def compiled(text: str, names: tuple[tuple[str, str], ...]) -> tuple[Needs, PathsProjection]:
    tree = parser.projection(text)
    compiler = Compiler(_CALLED, text, dict(names))
    paths: list[Path] = []
    others = Others()
    try:
        for each in tree:
            compiler.check_path(each)
        for each in reversed(tree):  # in this order AWS finds what is wrong
            paths.append(compiler.path(each))
            compiler.check_apart(paths[-1], others)
    except Impossible:
        pass  # the last check says why
    return compiler.needs(), of_paths(tuple(reversed(paths)))


def of_paths(paths: tuple[Path, ...]) -> PathsProjection:
    return PathsProjection(paths, documents.picker(paths))
