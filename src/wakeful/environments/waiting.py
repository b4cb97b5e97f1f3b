"""Of which runtimes cells wait, and for which sizes of memory, where a cell is fit for one size only."""

from __future__ import annotations

from wakeful import limits
from wakeful.environments.sandbox import Runtime


class WaitingCells:
    """The kinds of cells that were asked for, by runtime, the latest last."""

    def __init__(self) -> None:
        self._kinds: dict[str, list[Runtime]] = {}

    def wanted(self, cell: Runtime) -> list[tuple[Runtime, int]]:
        """How many cells shall wait from now on: of this kind, and of one that gives way to it."""
        kinds = self._kinds.setdefault(cell.name, [])
        if cell in kinds:
            kinds.remove(cell)
        kinds.append(cell)
        given_up = kinds[: -limits.CELL_SIZES_MAX]
        del kinds[: -limits.CELL_SIZES_MAX]
        return [*((kind, 0) for kind in given_up), (cell, limits.CELLS_WAITING)]
