"""Crews: the environments of the versions on managed instances, which take several invocations at a time.

They stand ready before anybody calls. Who finds all of them at work is refused, and meanwhile one more is started: they
grow behind the load and not with it ("Scaling Lambda Managed Instances" in the Lambda guide).
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass
from typing import Any

from wakeful import limits
from wakeful.environments.admission import Admission
from wakeful.environments.environment import Environment, Stopped, Surroundings
from wakeful.environments.shared import SharedEnvironment
from wakeful.environments.states import State
from wakeful.environments.version import CAPACITY, ROOM, Invocation, Key, Outcome, Sharing, Throttled, Version

Waiter = asyncio.Future[SharedEnvironment]


class Crew:
    """The environments of one version, and who waits for one of them."""

    def __init__(self, version: Version) -> None:
        self.version = version
        self.members: list[SharedEnvironment] = []
        self.waiters: deque[Waiter] = deque()
        self.failure: str | None = None
        """Why there are not more, where that is so."""

        self.is_kept = False
        """Its environments are replaced when they end."""

        self.staffed_at = 0.0
        """When it was staffed, until it is kept: its version may be gone by then."""

    @property
    def sharing(self) -> Sharing:
        assert self.version.sharing is not None
        return self.version.sharing

    @property
    def active(self) -> list[SharedEnvironment]:
        return [each for each in self.members if not each.is_retired]

    @property
    def starting(self) -> int:
        return sum(each.state in (State.STARTING, State.INITIALISING) for each in self.active)

    def free(self) -> SharedEnvironment | None:
        """The one with the least to do."""
        free = [each for each in self.members if each.is_free]
        return min(free, key=lambda each: len(each.running)) if free else None

    def is_worth_waiting(self) -> bool:
        """A worker is on its way to its next event, or the first environment to its first."""
        return any(each.has_slot for each in self.members) or (
            bool(self.starting) and not any(each.state is State.READY for each in self.active)
        )


@dataclass(frozen=True, slots=True)
class Rooms:
    """What the pool, which knows of all environments, has for these: `enter` hears of one that is made, `on_end` of its
    end; `give_up` stops one.
    """

    spawn: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]]
    has_room: Callable[[Key], bool]
    enter: Callable[[Environment], None]
    give_up: Callable[[Environment], object]
    on_end: Callable[[Environment], None]


class Crews:
    """All of the node's."""

    def __init__(
        self,
        surroundings: Surroundings,
        admission: Admission,
        idle_s: float,
        rooms: Rooms,
    ) -> None:
        self._surroundings = surroundings
        self._admission = admission
        self._idle_s = idle_s
        self._rooms = rooms
        self._crews: dict[Key, Crew] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._is_closed = False

    # ------------------------------------------------------------------ running

    async def invoke(self, version: Version, invocation: Invocation, deadline: float | None) -> Outcome:
        """It runs beside others. It has been admitted. Raises Throttled where all are at work."""
        crew = self._crew(version)
        now = self._surroundings.clock.now()
        for environment in crew.active:
            if environment.usable_until <= now:  # its credentials are about to expire
                self._retire(environment)
                self._fill(crew)
        found = crew.free()
        try:
            while found is None or not found.is_free:  # somebody else may have come first
                found = await self._wait(self._crew(version), deadline)
        except BaseException:
            self._admission.leave(version)
            raise
        outcome = found.begin(invocation)
        self._serve(found)
        return await outcome

    async def _wait(self, crew: Crew, deadline: float | None) -> SharedEnvironment:
        self._fill(crew, grow=not any(each.has_slot for each in crew.members))
        if not crew.is_worth_waiting():
            raise _refusal()
        loop = asyncio.get_running_loop()
        if deadline is None and not crew.starting:
            deadline = loop.time() + limits.SHARED_PATIENCE_S
        waiter: Waiter = loop.create_future()
        crew.waiters.append(waiter)
        try:
            async with asyncio.timeout_at(deadline):
                return await waiter
        except BaseException as error:
            if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
                self._serve(waiter.result())  # it came at the moment at which the caller left
            if isinstance(error, TimeoutError):
                raise _refusal() from None
            raise
        finally:
            if waiter in crew.waiters:
                crew.waiters.remove(waiter)

    def _serve(self, environment: SharedEnvironment) -> None:
        """A worker is free: whoever waits has it."""
        crew = self._crews.get(environment.key)
        while crew is not None and crew.waiters and environment.is_free:
            waiter = crew.waiters.popleft()
            if not waiter.done():
                waiter.set_result(environment)
                return  # it takes the event when it comes to run; the next is served after that

    # ------------------------------------------------------------------ staffing

    async def staff(self, version: Version) -> str | None:
        """Its environments stand ready; else the fault that kept them from it, and there are none."""
        crew = self._crew(version)
        crew.is_kept, crew.staffed_at, crew.failure = True, time.monotonic(), None
        self._fill(crew)
        while pending := [task for each in crew.active if (task := each.starting_up) and not task.done()]:
            await asyncio.wait(pending)
        failure: str | None = crew.failure
        if failure is not None:
            self._drop(crew)
        crew.staffed_at = time.monotonic()
        return failure

    def keep(self, versions: Iterable[Version]) -> None:
        """These have their environments from now on; those of others end when their invocations are over."""
        wanted = {version.key: version for version in versions if version.sharing is not None}
        now = time.monotonic()
        for key, crew in list(self._crews.items()):
            if key not in wanted and now - crew.staffed_at > limits.SHARED_PATIENCE_S:
                self._drop(crew)
        for version in wanted.values():
            crew = self._crew(version)
            if crew.version.sharing != version.sharing or not crew.is_kept:
                crew.failure = None
            crew.version, crew.is_kept, crew.staffed_at = version, True, 0.0
            self._fill(crew)
            self._trim(crew)

    def staffing(self, function_arn: str, version: str) -> tuple[int, int | None] | None:
        """At least and at most so many environments are in effect for this version; None where there are none."""
        for crew in self._crews.values():
            if crew.is_kept and (crew.version.arn, crew.version.version) == (function_arn, version):
                return crew.sharing.least, crew.sharing.most
        return None

    def retire(self, function_arn: str, version: str | None) -> None:
        for crew in list(self._crews.values()):
            if crew.version.arn == function_arn and version in (None, crew.version.version):
                self._drop(crew)

    def close(self) -> None:
        """Nobody waits any more, and nothing is started. The pool ends the environments."""
        self._is_closed = True
        if self._timer is not None:
            self._timer.cancel()
        for crew in self._crews.values():
            self._refuse(crew, Stopped("the node is shutting down"))

    # ------------------------------------------------------------------ within

    def _crew(self, version: Version) -> Crew:
        crew = self._crews.get(version.key)
        if crew is None:
            crew = self._crews[version.key] = Crew(version)
        return crew

    def _fill(self, crew: Crew, *, grow: bool = False) -> None:
        """As many as there shall be are there or on their way; with `grow` one more than are at work."""
        sharing = crew.sharing
        wanted = sharing.least
        if grow:
            wanted = max(wanted, len(crew.active) + (0 if crew.starting else 1))
            crew.failure = None
        if sharing.most is not None:
            wanted = min(wanted, sharing.most)
        while len(crew.active) < wanted and crew.failure is None and not self._is_closed:
            if self._vcpus_of(sharing.capacity) + sharing.vcpus > sharing.capacity_vcpus:
                crew.failure = CAPACITY
            elif not self._rooms.has_room(crew.version.key):
                crew.failure = ROOM
            else:
                environment = SharedEnvironment(
                    self._surroundings, crew.version, self._rooms.spawn, self._ended, self._serve, self._over
                )
                crew.members.append(environment)
                self._rooms.enter(environment)
                environment.starting_up = self._rooms.spawn(self._start(crew, environment))

    async def _start(self, crew: Crew, environment: SharedEnvironment) -> None:
        try:
            await environment.start()
        except Exception as error:  # noqa: BLE001  whoever waits for it hears it
            crew.failure = str(error)
            self._refuse(crew, error)
        if environment.init_fault is not None:
            crew.failure = environment.init_fault.kind
            if not any(each.state is State.READY for each in crew.active):
                self._refuse(crew, _refusal())
        if environment.state is State.READY:
            environment.idle_since = time.monotonic()
            self._serve(environment)
            self._look_later()
        else:
            self._rooms.give_up(environment)

    def _over(self, environment: SharedEnvironment) -> None:
        """An invocation is over."""
        self._admission.leave(environment.version)
        if not environment.running:
            environment.idle_since = time.monotonic()
            if environment.is_retired:
                self._rooms.give_up(environment)
            else:
                self._look_later()

    def _drop(self, crew: Crew) -> None:
        crew.is_kept = False
        for environment in crew.active:
            self._retire(environment)
        if not crew.members:
            self._crews.pop(crew.version.key, None)

    def _trim(self, crew: Crew) -> None:
        if crew.sharing.most is not None:
            for environment in crew.active[crew.sharing.most :]:
                self._retire(environment)

    def _retire(self, environment: SharedEnvironment) -> None:
        environment.is_retired = True
        if not environment.running:
            self._rooms.give_up(environment)

    def _refuse(self, crew: Crew, error: Exception) -> None:
        for waiter in crew.waiters:
            if not waiter.done():
                waiter.set_exception(error)

    def _ended(self, environment: Environment) -> None:
        crew = self._crews.get(environment.key)
        if crew is not None and isinstance(environment, SharedEnvironment) and environment in crew.members:
            crew.members.remove(environment)
            if not environment.invocation_count and not environment.is_retired:
                crew.failure = crew.failure or "Runtime.ExitError"  # another would end as soon; until somebody calls
            if crew.is_kept:
                self._fill(crew)
            if not crew.is_worth_waiting():
                self._refuse(crew, _refusal())
            if not crew.is_kept and not crew.members:
                del self._crews[environment.key]
        self._rooms.on_end(environment)

    def _vcpus_of(self, capacity: str) -> float:
        return sum(
            crew.sharing.vcpus * len(crew.active) for crew in self._crews.values() if crew.sharing.capacity == capacity
        )

    # ------------------------------------------------------------------ time

    def _look_later(self) -> None:
        if self._timer is None and not self._is_closed:
            self._timer = asyncio.get_running_loop().call_later(self._idle_s, self._look)

    def _look(self) -> None:
        """What has been idle for long and is more than there shall be ends."""
        self._timer = None
        now = time.monotonic()
        for crew in list(self._crews.values()):
            if crew.staffed_at and now - crew.staffed_at > limits.SHARED_PATIENCE_S:
                self._drop(crew)  # nobody has wanted to keep it
            for environment in crew.active:
                is_surplus = len(crew.active) > crew.sharing.least
                if is_surplus and not environment.running and now - environment.idle_since >= self._idle_s:
                    self._retire(environment)
        if any(crew.staffed_at or len(crew.active) > crew.sharing.least for crew in self._crews.values()):
            self._look_later()


def _refusal() -> Throttled:
    return Throttled("ConcurrentInvocationLimitExceeded", "Rate Exceeded.")
