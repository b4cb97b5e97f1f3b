"""Projections: what is wanted of an item."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from wakeful.services.dynamodb.expressions import documents, parser
from wakeful.services.dynamodb.expressions.bound import Path, Substitutes
from wakeful.services.dynamodb.expressions.compiling import Compiler, Impossible, Needs, Others
from wakeful.services.dynamodb.expressions.kept import Names, kept
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
    needs, projection = compiled(text, _CALLED, substitutes.names_as_key)
    substitutes.meet(needs)
    return projection


@kept
def compiled(text: str, called: str, names: Names) -> tuple[Needs, PathsProjection]:
    tree = parser.projection(text)
    compiler = Compiler(called, text, dict(names))
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
