"""Fairness between tenants, as far as the kernel can be told: who gets a processor, and who goes when memory is short.

A tenant is a function, with all its sandboxes. Without this, one with a hundred of them would have a hundred shares.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable

from .cells import Cell


def weigh(running: Iterable[Cell]) -> None:
    """Where processors are short, every tenant that runs gets the same of them, in however many sandboxes it runs."""
    cells = list(running)
    counts = Counter(cell.tenant for cell in cells)
    for cell in cells:
        weight = 1 / counts[cell.tenant]
        if weight != cell.weight:
            cell.weight = weight
            cell.group.weigh_cpu(weight)


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
