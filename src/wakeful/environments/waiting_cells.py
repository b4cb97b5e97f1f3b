"""Which cells stand ready: of each runtime, those for the sizes of function that were made last."""

from __future__ import annotations

from collections import OrderedDict

from wakeful import limits
from wakeful.environments.sandbox import Runtime, Sandboxes


class WaitingCells:
    """Of a runtime whose heap has a size (`heap.py`) cells of the few sizes wanted last, of others one kind."""

    def __init__(self, sandboxes: Sandboxes) -> None:
        self._sandboxes = sandboxes
        self._kinds: dict[str, OrderedDict[tuple[str, ...], Runtime]] = {}

    async def want(self, cell: Runtime) -> None:
        """From now on such cells stand ready. Those of the size that nobody has wanted for longest may be let go."""
        kinds = self._kinds.setdefault(cell.name, OrderedDict())
        kinds[cell.argv] = cell
        kinds.move_to_end(cell.argv)
        while len(kinds) > limits.CELL_SIZES_MAX:
            _, surplus = kinds.popitem(last=False)
            await self._sandboxes.prepare(surplus, 0)
        await self._sandboxes.prepare(cell, limits.CELLS_WAITING)

    async def let_go(self, name: str) -> None:
        """No cells of this runtime stand ready as it was until now."""
        for cell in self._kinds.pop(name, OrderedDict()).values():
            await self._sandboxes.prepare(cell, 0)
