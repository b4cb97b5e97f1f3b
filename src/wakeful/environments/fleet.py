"""A fleet: the environments of one function version that can stand in for each other, and who waits for one."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field

from wakeful.environments.environment import Environment
from wakeful.environments.version import Version


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


def first(waiters: deque[Waiter]) -> Waiter | None:
    """The first who still waits. Those who have left in the meantime are dropped."""
    while waiters:
        if not waiters[0].given.done():
            return waiters[0]
        waiters.popleft()
    return None
