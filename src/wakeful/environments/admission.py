"""How many invocations may be under way at a time: the account's concurrency, and what is reserved of it."""

from __future__ import annotations

from wakeful.environments.version import Throttled, Version


class Admission:
    """Counts invocations from their admission to their end. Waiting counts, as INIT does on Lambda."""

    def __init__(self, concurrency_max: int) -> None:
        self._concurrency_max = concurrency_max
        self._in_flight: dict[str, int] = {}
        self._in_flight_all: dict[tuple[str, str], int] = {}

    def enter(self, version: Version) -> None:
        """One more is in flight. Raises Throttled where it may not be."""
        place = (version.account, version.region)
        of_function = self._in_flight.get(version.arn, 0)
        of_all = self._in_flight_all.get(place, 0)
        reserved = version.reservations.get(version.arn)
        if reserved is not None and of_function >= reserved:
            raise Throttled("ReservedFunctionConcurrentInvocationLimitExceeded", "Rate Exceeded.")
        if of_all >= self._concurrency_max or (reserved is None and self._is_rest_in_use(version, of_all)):
            raise Throttled("ConcurrentInvocationLimitExceeded", "Rate Exceeded.")
        self._in_flight[version.arn] = of_function + 1
        self._in_flight_all[place] = of_all + 1

    def leave(self, version: Version) -> None:
        place = (version.account, version.region)
        self._in_flight_all[place] -= 1
        left = self._in_flight[version.arn] - 1
        if left:
            self._in_flight[version.arn] = left
        else:
            del self._in_flight[version.arn]

    def _is_rest_in_use(self, version: Version, of_all: int) -> bool:
        """Whether functions without a reservation use all that is reserved for nobody."""
        rest = self._concurrency_max - sum(version.reservations.values())
        if of_all < rest:
            return False
        return of_all - sum(self._in_flight.get(arn, 0) for arn in version.reservations) >= rest
