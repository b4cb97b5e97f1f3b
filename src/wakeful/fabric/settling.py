"""What workers have done becomes true. Outcomes that come while another is being written share a transaction."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from wakeful.fabric.service import Again, Done
from wakeful.store import work
from wakeful.store.tx import Store, Tx


@dataclass(frozen=True, slots=True, eq=False)
class _Over:
    """An outcome that waits. `turn` tells whether it has been written, or that it is for this one to write."""

    item: work.Item
    outcome: Done | Again
    turn: asyncio.Future[bool]


class Settling:
    """One for each worker. Who comes while nobody writes, writes for all who have come by then."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: list[_Over] = []
        self._is_writing = False

    async def settle(self, item: work.Item, outcome: Done | Again) -> None:
        """The outcome is on disk. Raises what kept it from it, and then nothing of it happened."""
        if isinstance(outcome, Done) and outcome.also is not None:
            # What else becomes true may fail, and has a transaction's deliveries for itself.
            await self._store.write(_settle, item, outcome)
            return
        over = _Over(item, outcome, asyncio.get_running_loop().create_future())
        self._waiting.append(over)
        if self._is_writing and await over.turn:
            return
        self._is_writing = True
        batch, self._waiting = self._waiting, []
        try:
            failures = await self._write(batch)
        finally:
            self._hand_over()
        for each, failure in zip(batch, failures, strict=True):
            if each is not over and not each.turn.done():
                each.turn.set_result(True) if failure is None else each.turn.set_exception(failure)
        failure = failures[batch.index(over)]
        if failure is not None:
            raise failure

    async def _write(self, batch: list[_Over]) -> list[Exception | None]:
        """What kept each of them from being written. One that cannot be keeps no other from it."""
        try:
            await self._store.write(_settle_all, batch)
        except Exception as failure:  # noqa: BLE001 - whoever asked for it hears it
            if len(batch) == 1:
                return [failure]
        else:
            return [None] * len(batch)
        failures: list[Exception | None] = []
        for each in batch:
            failures += await self._write([each])
        return failures

    def _hand_over(self) -> None:
        """The first of those who wait writes next; one who has left meanwhile does not."""
        for each in self._waiting:
            if not each.turn.done():
                each.turn.set_result(False)
                return
        self._is_writing = False


def _settle_all(tx: Tx, batch: list[_Over]) -> None:
    for each in batch:
        _settle(tx, each.item, each.outcome)


def _settle(tx: Tx, item: work.Item, outcome: Done | Again) -> None:
    if isinstance(outcome, Again):
        work.again(tx, item, outcome.due, outcome.body)
        return
    if work.finish(tx, item) and outcome.also is not None:
        outcome.also(tx)
