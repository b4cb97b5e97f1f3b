"""Which experiments run, in memory: who sends, receives or runs looks at one attribute, and mostly finds nothing."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from wakeful.fabric.chaos import rows
from wakeful.fabric.chaos.experiment import NOTE, Experiment, Place
from wakeful.store.telemetry import Note

if TYPE_CHECKING:
    from wakeful.fabric.service import Node
    from wakeful.store.tx import Store

log = logging.getLogger(__name__)


class Chaos:
    """One for each node. What stands in the rows counts: this is read again whenever they change."""

    def __init__(self) -> None:
        self.running: tuple[Experiment, ...] = ()

    def wants(self, fault: str, place: Place) -> bool:
        """Whether an experiment would have it happen there, now or another time."""
        return fault not in place.never and any(fault in each.doses and each.is_about(place) for each in self.running)

    def log(self, notes: Iterable[Any]) -> None:
        """Of what has become true, that which an experiment did is in the log."""
        for note in notes:
            if isinstance(note, Note) and note.kind == NOTE:
                log.info("%s: %s at %s (%s)", NOTE, note.name, note.resource, note.detail)

    async def look(self, store: Store) -> None:
        """`running` is as the rows are."""
        self.running = await store.read(rows.running)

    async def follow(self, node: Node) -> None:
        """The same for ever, whichever node has begun or ended one."""
        with node.wakes.listen(rows.CHANGED) as listener:
            while True:
                await self.look(node.store)
                await listener.wait()
