"""Where a path leads in an item, and what of an item several paths name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

from wakeful.services.dynamodb.expressions.bound import Path
from wakeful.services.dynamodb.values import Item, Value

_Branches: TypeAlias = "dict[str | int, _Branches | None]"


def found(item: Item, path: Path) -> Value | None:
    """The value there; None where there is none."""
    value: Any = item.get(path[0])  # type: ignore[arg-type] # the first part is a name
    for part in path[1:]:
        if value is None:
            return None
        value = _below(value, part)
    return value  # type: ignore[no-any-return] # as the item has it


def picked(item: Item, paths: Iterable[Path]) -> Item:
    """What the paths name: of maps the members, of lists the elements, one after the other."""
    return picker(paths)(item)


def picker(paths: Iterable[Path]) -> Callable[[Item], Item]:
    """The same, for many items."""
    paths = tuple(paths)
    if all(len(path) == 1 for path in paths):
        names: tuple[Any, ...] = tuple(path[0] for path in paths)
        return lambda item: {name: item[name] for name in names if name in item}
    branches: _Branches = {}
    for path in paths:
        _grow(branches, path)
    return lambda item: _members(item, branches)


def _grow(branches: _Branches, path: Path) -> None:
    for part in path[:-1]:
        below = branches.setdefault(part, {})
        if below is None:
            return  # all of it is named already
        branches = below
    branches[path[-1]] = None


def _members(held: Mapping[str, Value], branches: _Branches) -> dict[str, Value]:
    taken: dict[str, Value] = {}
    for name, below in branches.items():
        if (value := _picked(held.get(name), below)) is not None:  # type: ignore[arg-type] # in a map, names
            taken[name] = value  # type: ignore[index]
    return taken


def _picked(value: Any, branches: _Branches | None) -> Value | None:
    """Of one value; None where nothing of it was named."""
    if branches is None or value is None:
        return value  # type: ignore[no-any-return]
    if isinstance(next(iter(branches)), str):
        members = _members(value["M"], branches) if "M" in value else {}
        return {"M": members} if members else None
    held = value.get("L", ())
    places = sorted(place for place in branches if isinstance(place, int) and place < len(held))
    elements = [taken for place in places if (taken := _picked(held[place], branches[place])) is not None]
    return {"L": elements} if elements else None


def _below(value: Value, part: str | int) -> Value | None:
    if isinstance(part, str):
        members: dict[str, Value] = value.get("M", {})
        return members.get(part)
    elements: list[Value] = value.get("L", [])
    return elements[part] if part < len(elements) else None
