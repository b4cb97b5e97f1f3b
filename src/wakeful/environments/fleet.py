"""A fleet: the environments of one function version that can stand in for each other, and who waits for one."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from wakeful import limits
from wakeful.environments.environment import Environment
from wakeful.environments.restorable import Restorable
from wakeful.environments.states import State
from wakeful.environments.version import Key, Version


@dataclass(frozen=True, slots=True)
class Provisioned:
    """Of the environments that shall stand ready for a key: how many there are, how many of them have finished INIT."""

    allocated: int
    available: int
    failure: str | None
    """Why there are not more, where that is so."""


@dataclass(slots=True, eq=False)
class Waiter:
    """A caller for whom there is no environment yet."""

    version: Version
    since: float
    given: asyncio.Future[Environment]


@dataclass(slots=True)
class Fleet:
    """The environments of one key, and who waits for one."""

    idle: list[Environment] = field(default_factory=list)
    waiters: deque[Waiter] = field(default_factory=deque)
    starting: int = 0
    provisioned: set[Environment] = field(default_factory=set)
    wanted: int = 0
    """How many shall stand ready, whether anybody calls or not."""

    failure: str | None = None
    busy: int = 0
    """How many of those that stood ready have an event."""

    busy_peak: int = 0

    def enter(self) -> None:
        """One of those that stand ready has an event."""
        self.busy += 1
        self.busy_peak = max(self.busy_peak, self.busy)

    def leave(self) -> None:
        self.busy = max(0, self.busy - 1)  # a fleet of which nothing was left was forgotten, with what it had counted

    def take_peak(self) -> int:
        """How many had one at most since this was asked."""
        peak, self.busy_peak = self.busy_peak, self.busy
        return peak

    @property
    def is_empty(self) -> bool:
        return not (self.idle or self.waiters or self.starting or self.provisioned or self.wanted)


def pop_provisioned_first(fleet: Fleet) -> Environment:
    """What spills over is for when all that stand ready are busy."""
    ready = next((each for each in reversed(fleet.idle) if each in fleet.provisioned), None)
    if ready is None:
        return fleet.idle.pop()
    fleet.idle.remove(ready)
    return ready


def find_parked(fleet: Fleet, without: Container[Environment]) -> Restorable | None:
    """One that waits to be restored, one whose INIT is under way otherwise."""
    found = None
    for each in fleet.provisioned:
        if isinstance(each, Restorable) and not each.is_taken and each not in without:
            if each.state is State.PARKED:
                return each
            if each.state in (State.STARTING, State.INITIALISING):
                found = each
    return found


def first(waiters: deque[Waiter]) -> Waiter | None:
    """The first who still waits. Those who have left in the meantime are dropped."""
    while waiters:
        if not waiters[0].given.done():
            return waiters[0]
        waiters.popleft()
    return None


def neediest(fleets: Mapping[Key, Fleet]) -> tuple[Key, Waiter] | None:
    """The caller who has waited longest without anything being started for it."""
    found: tuple[Key, Waiter] | None = None
    for key, fleet in fleets.items():
        if len(fleet.waiters) > fleet.starting:
            waiter = fleet.waiters[fleet.starting]
            if found is None or waiter.since < found[1].since:
                found = (key, waiter)
    return found


def spare(fleets: Iterable[Fleet], without: Container[Environment]) -> Restorable | None:
    """One that is parked and can be initialised again when there is room; it is taken out."""
    for fleet in fleets:
        parked = find_parked(fleet, without)
        if parked is not None and parked.state is State.PARKED:
            parked.is_taken = True
            fleet.provisioned.discard(parked)
            return parked
    return None


def those(
    environments: Iterable[Environment], arn: str, version: str | None, revision: str | None, but: str
) -> set[Environment]:
    """The environments of a function, of one version and revision where they are named, without one revision."""
    return {
        each
        for each in environments
        if (each.version.arn == arn and version in (None, each.version.version))
        and revision in (None, each.version.revision)
        and each.version.revision != but
    }


def wants(code: Path, environments: Iterable[Environment], fleets: Iterable[Fleet]) -> bool:
    """Whether any of them runs what is in this folder, or somebody waits to."""
    waiting = (waiter.version for fleet in fleets for waiter in fleet.waiters)
    return any(version.code == code for version in (*(each.version for each in environments), *waiting))


def must_give_way(waiter: Waiter, key: Key, fleets: Mapping[Key, Fleet]) -> bool:
    """Whether another function has waited so much longer that it is its turn."""
    found = neediest(fleets)
    if found is None or found[0] == key:
        return False
    return found[1].since < waiter.since - limits.OVERTAKE_MAX_S
