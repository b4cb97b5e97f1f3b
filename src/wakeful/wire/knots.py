"""Shapes that contain themselves: a closure for one needs a closure for the same shape, which is only being made."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

Closure = TypeVar("Closure", bound=Callable[..., Any])


class Knots(Generic[Closure]):
    """The closures of one compilation, by their shapes' names."""

    def __init__(self) -> None:
        self._made: dict[str, list[Closure]] = {}

    def tie(self, name: str, make: Callable[[], Closure]) -> Closure:
        """The closure for a shape: made once; while it is being made, one that calls it later."""
        cell = self._made.get(name)
        if cell is None:
            cell = self._made[name] = []
            cell.append(make())
        if cell:
            return cell[0]

        def later(*arguments: Any) -> Any:
            return cell[0](*arguments)

        return later  # type: ignore[return-value]
