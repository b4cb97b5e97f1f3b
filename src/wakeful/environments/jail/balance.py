"""Fairness between tenants, as far as the kernel can be told: who gets a processor, and who goes when memory is short.

A tenant is a function, with all its sandboxes. Without this, one with a hundred of them would have a hundred shares.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable

from .cells import Cell

_LOOKS_OVER_MAX = 5


def weigh(running: Iterable[Cell]) -> None:
    """Where processors are short, every tenant that runs gets the same of them, in however many sandboxes it runs."""
    cells = list(running)
    counts = Counter(cell.tenant for cell in cells)
    for cell in cells:
        weight = 1 / counts[cell.tenant]
        if weight != cell.weight:
            cell.weight = weight
            cell.group.weigh_cpu(weight)


class Pressure:
    """What all sandboxes together may hold; None for as much as there is."""

    def __init__(self, memory_mb: int | None) -> None:
        self._bound_bytes = memory_mb << 20 if memory_mb is not None else None
        self._looks_over = 0

    def falls_on(self, cells: Iterable[Cell]) -> Cell | None:
        """Which sandbox ends now, if one must. The node has had the time to give up what is idle."""
        found = heaviest(cells, self._bound_bytes) if self._bound_bytes is not None else None
        self._looks_over = self._looks_over + 1 if found is not None else 0
        return found if self._looks_over > _LOOKS_OVER_MAX else None


def heaviest(cells: Iterable[Cell], bound_bytes: int) -> Cell | None:
    """Which sandbox ends first where all together hold more than that: one that rests before one that runs, and the
    largest of the tenant that holds most.
    """
    every = list(cells)
    if sum(cell.held_bytes for cell in every) <= bound_bytes:
        return None
    held: dict[str, list[Cell]] = defaultdict(list)
    for cell in [cell for cell in every if cell.is_frozen] or every:
        held[cell.tenant].append(cell)
    most = max(held.values(), key=lambda theirs: sum(cell.held_bytes for cell in theirs))
    return max(most, key=lambda cell: cell.held_bytes)
