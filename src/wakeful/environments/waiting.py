"""Of which runtimes cells wait, and for which sizes of memory, where a cell is fit for one size only."""

from __future__ import annotations

from wakeful import limits
from wakeful.environments.sandbox import Runtime


class WaitingCells:
    """The kinds of cells that were asked for, by runtime, the latest last."""

    def __init__(self) -> None:
        self._kinds: dict[str, list[Runtime]] = {}
        self._runtimes: dict[str, Runtime] = {}

    def wanted(self, runtime: Runtime, cell: Runtime) -> list[tuple[Runtime, int]]:
        """How many cells shall wait from now on: of this kind of the runtime's, and of those that give way to it."""
        kinds = self._kinds.setdefault(runtime.name, [])
        before = self._runtimes.get(runtime.name, runtime)
        self._runtimes[runtime.name] = runtime
        # Where the runtime itself is another, a version stood in for it, or it had no SDK.
        kept = [kind for kind in kinds if kind != cell and before == runtime][-(limits.CELL_SIZES_MAX - 1) :]
        self._kinds[runtime.name] = [*kept, cell]
        count = limits.CELLS_WAITING_FORKED if cell.divides else limits.CELLS_WAITING
        return [*((kind, 0) for kind in kinds if kind not in (*kept, cell)), (cell, count)]
