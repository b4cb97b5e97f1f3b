"""What a SELECT calls what its paths name: of `a.b.c` it answers `c`, of `a.b[1]` it answers `b[1]`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wakeful.services.dynamodb.expressions import documents
from wakeful.services.dynamodb.partiql.syntax import Path
from wakeful.services.dynamodb.values import Item


def name_of(path: Path) -> str:
    """Its last name, with the place in a list that is taken of it."""
    last = _last_name(path)
    place = path.steps[last + 1 : last + 2]
    return f"{path.steps[last]}[{place[0]}]" if place else str(path.steps[last])


@dataclass(frozen=True, slots=True)
class Columns:
    """A projection, as an expression's is, but flat."""

    paths: tuple[Path, ...]

    def of(self, item: Item) -> Item:
        """What is there of what is named, by the names of the columns."""
        found: Item = {}
        for path in self.paths:
            value = documents.found(item, path.steps)
            if value is not None:
                for _ in path.steps[_last_name(path) + 2 :]:
                    value = {"L": [value]}  # places in lists of lists stay in lists
                found[name_of(path)] = value
        return found

    def attributes(self) -> frozenset[str]:
        return frozenset(names(self.paths))


def names(paths: Sequence[Path]) -> list[str]:
    """The top-level attributes that are named."""
    return [str(each.steps[0]) for each in paths]


def _last_name(path: Path) -> int:
    return max(place for place, step in enumerate(path.steps) if isinstance(step, str))
