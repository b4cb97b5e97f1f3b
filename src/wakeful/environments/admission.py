"""How many invocations may be under way: the account's concurrency, what is reserved of it, and how fast it grows."""

from __future__ import annotations

from dataclasses import dataclass

from wakeful import limits
from wakeful.clock import Clock
from wakeful.environments.version import Throttled, Version


@dataclass(slots=True)
class _Growth:
    """How far a function has grown. What it has grown to it keeps, until it has been idle for long."""

    reached: int = 0
    left: float = limits.SCALING_AT_ONCE_MAX
    """By how much it may still grow at the moment of `at`."""

    at: float = 0.0
    idle_since: float = 0.0


class Admission:
    """Counts invocations from their admission to their end. Waiting counts, as INIT does on Lambda."""

    def __init__(self, concurrency_max: int, clock: Clock, idle_s: float) -> None:
        """`idle_s` is how long a function keeps what it has grown to, in the node's time."""
        self._concurrency_max = concurrency_max
        self._clock = clock
        self._idle_s = idle_s
        self._in_flight: dict[str, int] = {}
        self._in_flight_all: dict[tuple[str, str], int] = {}
        self._growth: dict[str, _Growth] = {}

    def enter(self, version: Version) -> None:
        """One more is in flight. Raises Throttled where it may not be."""
        arn = version.arn
        place = (version.account, version.region)
        of_function = self._in_flight.get(arn, 0)
        of_all = self._in_flight_all.get(place, 0)
        reserved = version.reservations.get(arn)
        if reserved is not None and of_function >= reserved:
            raise Throttled("ReservedFunctionConcurrentInvocationLimitExceeded", "Rate Exceeded.")
        if of_all >= self._concurrency_max or (reserved is None and self._is_rest_in_use(version, of_all)):
            raise Throttled("ConcurrentInvocationLimitExceeded", "Rate Exceeded.")
        growth = self._growth.get(arn)
        if growth is None or of_function >= growth.reached or not of_function:
            self._grow(arn, of_function)
        self._in_flight[arn] = of_function + 1
        self._in_flight_all[place] = of_all + 1

    def leave(self, version: Version) -> None:
        place = (version.account, version.region)
        self._in_flight_all[place] -= 1
        left = self._in_flight[version.arn] - 1
        if left:
            self._in_flight[version.arn] = left
        else:
            del self._in_flight[version.arn]
            self._growth[version.arn].idle_since = self._clock.now()

    def _is_rest_in_use(self, version: Version, of_all: int) -> bool:
        """Whether functions without a reservation use all that is reserved for nobody."""
        rest = self._concurrency_max - sum(version.reservations.values())
        if of_all < rest:
            return False
        return of_all - sum(self._in_flight.get(arn, 0) for arn in version.reservations) >= rest

    def _grow(self, arn: str, of_function: int) -> None:
        """The function may have one more in flight than ever, or has it already ("Lambda scaling behavior")."""
        now = self._clock.now()
        growth = self._growth.get(arn)
        if growth is None:
            if len(self._growth) >= limits.SCALING_FUNCTIONS_KEPT:
                self._forget(now)
            growth = self._growth[arn] = _Growth(at=now)
        elif not of_function and now - growth.idle_since > self._idle_s:
            growth.reached = 0
        if of_function < growth.reached:
            return
        grown_back = (now - growth.at) * limits.SCALING_PER_S
        growth.left, growth.at = min(limits.SCALING_AT_ONCE_MAX, growth.left + grown_back), now
        if growth.left < 1:
            raise Throttled("ConcurrentInvocationLimitExceeded", "Rate Exceeded.")
        growth.left -= 1
        growth.reached = of_function + 1

    def _forget(self, now: float) -> None:
        """Functions that have nothing to lose any more."""
        for arn in [arn for arn, growth in self._growth.items() if arn not in self._in_flight]:
            if now - self._growth[arn].idle_since > self._idle_s:
                del self._growth[arn]
