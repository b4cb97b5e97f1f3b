"""Fair shares of the event loop: what one function makes the node do delays nobody else for long.

The node does everything on one loop. Whatever comes out of a sandbox (lines that are printed, requests to the Runtime
API, AWS calls) costs time of it, and a tenant may send more than there is time for. So that time is counted, for each
tenant in all its sandboxes together, and who has had more than its share, while others want theirs, is read later. Then
the pipes and sockets are full, and it is the tenant itself who waits.
"""

from __future__ import annotations

import asyncio
import time
import types
from collections.abc import Callable, Coroutine, Generator
from typing import Any

from wakeful import limits


class Shares:
    """All that share one loop."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._shares: dict[str, Share] = {}
        self._latest: Share | None = None
        self._changed_at = float("-inf")

    def of(self, tenant: str) -> Share:
        """The same for the same tenant, as long as it matters."""
        share = self._shares.get(tenant)
        if share is None:
            if len(self._shares) >= limits.LOOP_SHARES_MAX:
                self._forget()
            share = self._shares[tenant] = Share(self, self._clock)
        return share

    def asks(self, who: Share | None) -> None:
        """This tenant, or somebody outside (None), wants something now."""
        if who is not self._latest:
            self._latest = who
            self._changed_at = self._clock()

    def part_of(self, share: Share, now: float) -> float:
        """Which part of the time is this one's now; 1 where nobody else wants any."""
        if now - self._changed_at > limits.LOOP_WANTED_S:
            return 1.0
        owing = sum(each is not share and each.owes(now) for each in self._shares.values())
        return limits.LOOP_SHARE / (1 + owing)

    def _forget(self) -> None:
        """Those that owe nothing. Whoever holds one goes on with it, and begins anew with the next."""
        now = self._clock()
        self._shares = {tenant: share for tenant, share in self._shares.items() if share.owes(now)}


class Share:
    """One tenant's."""

    def __init__(self, shares: Shares, clock: Callable[[], float]) -> None:
        self._shares = shares
        self._clock = clock
        self._debt_s = 0.0
        """What it had and has not made up for yet by waiting."""
        self._at = clock()
        self._turn = asyncio.Lock()

    def spend(self, seconds: float) -> None:
        """So much time of the loop was for this tenant."""
        self._debt_s = min(self._debt_s + seconds, limits.LOOP_DEBT_MAX_S)
        self._shares.asks(self)

    def owes(self, now: float) -> bool:
        """Whether it has had too much a moment ago."""
        return self._debt_s > 0 and now - self._at < limits.LOOP_WANTED_S

    def pause_s(self) -> float:
        """How long to leave it alone; 0 where it has not had too much."""
        if self._debt_s <= limits.LOOP_FREE_S:  # nobody has to be asked for that
            return 0.0
        now = self._clock()
        part = self._shares.part_of(self, now)
        self._debt_s = max(0.0, self._debt_s - part * (now - self._at))
        self._at = now
        if part == 1.0:
            self._debt_s = min(self._debt_s, limits.LOOP_FREE_S)
        pause_s = (self._debt_s - limits.LOOP_FREE_S) / part
        return pause_s if pause_s >= limits.LOOP_PAUSE_MIN_S else 0.0

    async def turn(self) -> None:
        """Returns when it is this tenant's turn. Those who wait for that go on one by one."""
        if self._debt_s <= limits.LOOP_FREE_S and not self._turn.locked():
            return
        async with self._turn:
            while (pause_s := self.pause_s()) > 0:  # noqa: ASYNC110 - nobody can tell; it depends on time alone
                await asyncio.sleep(pause_s)

    @types.coroutine
    def metered(self, work: Coroutine[Any, Any, None]) -> Generator[Any, Any, None]:
        """The coroutine runs, and every step of it is counted."""
        failure: BaseException | None = None
        while True:
            began = time.perf_counter()
            try:
                awaited = work.send(None) if failure is None else work.throw(failure)
            except StopIteration:
                return
            finally:
                self.spend(time.perf_counter() - began)
            failure = None
            try:
                yield awaited
            except GeneratorExit:
                work.close()
                raise
            except BaseException as error:  # noqa: BLE001 - a cancellation, for whoever is inside
                failure = error
