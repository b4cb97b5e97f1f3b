"""The pool: which environment runs which invocation. It reuses, starts, evicts, and makes callers wait or refuses them.

On the warm path there is no task, no lock and no timer of the pool's own: an idle environment is taken from a list and
put back when its invocation is over. Everything else happens beside it, in tasks that the pool owns.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Coroutine, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from wakeful import limits
from wakeful.environments import fleet as fleets
from wakeful.environments import states
from wakeful.environments.admission import Admission
from wakeful.environments.bounds import Bounds as Bounds
from wakeful.environments.bounds import Counts
from wakeful.environments.crews import Crews, Rooms
from wakeful.environments.environment import Ended, Environment, State, Stopped, Surroundings
from wakeful.environments.faults import Fault
from wakeful.environments.fleet import Fleet, Provisioned, Waiter, find_parked, first, pop_provisioned_first
from wakeful.environments.origins import Origins
from wakeful.environments.pace import Pace
from wakeful.environments.restorable import Restorable
from wakeful.environments.room import Room
from wakeful.environments.tasks import Tasks
from wakeful.environments.version import Debugger, Invocation, Key, Outcome, Version
from wakeful.environments.version import Throttled as Throttled
from wakeful.environments.waiting import WaitingCells

log = logging.getLogger(__name__)
_Running = Coroutine[Any, Any, Outcome]


class Pool:
    """All environments of the node."""

    def __init__(self, surroundings: Surroundings, bounds: Bounds = Bounds()) -> None:  # noqa: B008  frozen
        self._surroundings = surroundings
        self._clock = surroundings.clock
        self._bounds = bounds
        self._fleets: dict[Key, Fleet] = {}
        self._admission = Admission(bounds.concurrency_max, self._clock, bounds.idle_s)
        self._room = Room(bounds.environments_max, bounds.memory_mb)
        self._idle: OrderedDict[Environment, None] = OrderedDict()
        """Least recently used first."""

        self._environments: set[Environment] = set()
        self._retired: set[Environment] = set()
        self._tasks = Tasks("the environment pool")
        self._spawn = self._tasks.spawn
        rooms = Rooms(self._spawn, self._has_room, self._environments.add, self._give_up, self._ended)
        self.crews = Crews(surroundings, self._admission, bounds.idle_s, rooms)
        self._provisions: dict[Key, Version] = {}
        self._stopping = self._waiting = 0
        self._sweep_timer: asyncio.TimerHandle | None = None
        self._plan_timer: asyncio.TimerHandle | None = None
        self._pace = Pace()
        self._cells = WaitingCells()
        self._sweep_at = float("inf")
        self._rest_s = min(bounds.freeze_after_s, bounds.idle_s)
        self._is_closed = False
        self._origins = Origins(self._spawn, self._on_origin_ended)

    @property
    def counts(self) -> Counts:
        return Counts(environments=len(self._environments), idle=len(self._idle), waiting=self._waiting)

    # ------------------------------------------------------------------ running

    def invoke(self, version: Version, invocation: Invocation, *, deadline: float | None = None) -> _Running:
        """Runs the invocation in some environment of this version. Raises Throttled."""
        if version.debugger is not None:  # goes on where the caller leaves: nobody else may have the environment
            return self._invoke_and_stay(version, invocation, version.debugger)
        return self._invoke(version, invocation, deadline)

    async def _invoke_and_stay(self, version: Version, invocation: Invocation, debugger: Debugger) -> Outcome:
        return await asyncio.shield(self._tasks.start(self._invoke_in_turn(version, invocation, debugger)))

    async def _invoke_in_turn(self, version: Version, invocation: Invocation, debugger: Debugger) -> Outcome:
        async with debugger.turn:
            while not debugger.is_over:
                try:
                    return await self._invoke(version, invocation, None)
                except Stopped:  # before it had the event, because there is newer code, or nobody debugs any more
                    if self._is_closed:
                        raise
            return await self._invoke(replace(version, debugger=None), invocation, None)

    async def _invoke(self, version: Version, invocation: Invocation, deadline: float | None) -> Outcome:
        key = version.key
        self._admit(version)
        environment = self._take_idle(key)
        if environment is None:
            if version.sharing is not None:
                return await self.crews.invoke(version, invocation, deadline)
            environment = await self._wait(key, version, deadline)
        if environment.is_provisioned:
            self._fleet(key).enter()
        try:
            if environment.state is State.READY:
                return await environment.begin(invocation)
            return await environment.invoke(invocation)
        except Ended:
            log.info("an idle environment of %s had ended; the event goes to another", version.arn)
        finally:
            if environment.current is None:
                self._free(environment)
            else:
                environment.leave()
        return await self._invoke(version, invocation, deadline)

    def start(self, version: Version, invocation: Invocation) -> asyncio.Task[Outcome]:
        """As `invoke`, while the caller does something else: takes the pieces of a streamed response, for instance.

        Whoever starts it awaits it, or is told of its end, and gets its error.
        """
        return self._tasks.start(self.invoke(version, invocation))

    async def prepare(self, runtime_name: str, memory_mb: int = 128) -> str | None:
        """Functions of this runtime can start now; else why they cannot, in words for whoever made the function.

        From now on cells of this runtime stand ready for functions with this memory.
        """
        runtimes = self._surroundings.runtimes
        reason = await runtimes.prepare(runtime_name, self._surroundings.sandboxes)
        runtime = runtimes.known(runtime_name)
        if reason is None and runtime is not None:
            for kind, count in self._cells.wanted(runtime, await runtimes.cell(runtime_name, memory_mb)):
                await self._surroundings.sandboxes.prepare(kind, count)
        return reason

    async def complaint(self, version: Version) -> str | None:
        """Why this version can never run on this machine, in words for whoever made it; None where it may."""
        return await self._surroundings.runtimes.complaint(version)

    def uses(self, code: Path) -> bool:
        """Whether anybody runs what is in this folder, or waits to."""
        return fleets.wants(code, self._environments, self._fleets.values())

    async def rehearse(self, version: Version) -> Fault | None:
        """Why INIT of this version fails. None: an environment waits for its first event, where there is room."""
        if self._is_closed or not self._has_room(version.key):
            return None
        environment = self._make(version)
        try:
            await environment.start()
        finally:
            if environment.state is State.READY:
                self._offer(environment)
            else:
                self._give_up(environment)
        return environment.init_fault

    def retire(
        self, function_arn: str, version: str | None = None, *, revision: str | None = None, but: str = ""
    ) -> None:
        """No environment there is now serves it again: of one revision, or of all but one. Busy ones end after that."""
        if revision is None:
            self.crews.retire(function_arn, version)
        retired = fleets.those(self._environments, function_arn, version, revision, but)
        self._retired |= retired
        for key in {each.key for each in retired}:
            self._origins.drop(key)
        for environment in [each for each in self._idle if each in retired]:
            self._forget_idle(environment)
            self._give_up(environment)
        for environment in retired:
            # What waits for a debugger in INIT may wait for ever.
            is_held = environment.version.debugger is not None and environment.state in states.STARTS
            if environment.state is State.PARKED or is_held:
                self._give_up(environment)

    async def close(self) -> None:
        """Every environment is gone, and nobody waits any more."""
        self._is_closed = True
        self.crews.close()
        for timer in (self._sweep_timer, self._plan_timer):
            if timer is not None:
                timer.cancel()
        for fleet in self._fleets.values():
            for waiter in fleet.waiters:
                if not waiter.given.done():
                    waiter.given.set_exception(Stopped("the node is shutting down"))
        for environment in list(self._environments):
            self._give_up(environment)
        self._origins.drop_where(lambda key: True)
        await self._tasks.end()

    # ------------------------------------------------------------------ provisioning

    def provision(self, wanted: Mapping[Key, tuple[Version, int]]) -> None:
        """So many environments stand ready from now on, and are replaced when they end; for other keys none."""
        for key in [key for key, fleet in self._fleets.items() if fleet.wanted and key not in wanted]:
            self._want(key, 0)
        for key, (version, count) in wanted.items():
            self._provisions[key] = version
            self._want(key, count)

    def provisioned(self, key: Key) -> Provisioned:
        """How far that is."""
        fleet = self._fleets.get(key) or Fleet()
        ready = sum(
            each.state is not State.STARTING and each.state is not State.INITIALISING for each in fleet.provisioned
        )
        return Provisioned(len(fleet.provisioned), ready, fleet.failure)

    def take_peak(self, function_arn: str, qualifier: str) -> tuple[int, int]:
        """Of what stands ready for a version or alias: how many had an event at most since last asked; of how many."""
        fleets = [self._fleet(key) for key in self._provisions if (key[0], key[3]) == (function_arn, qualifier)]
        return sum(fleet.take_peak() for fleet in fleets), sum(fleet.wanted for fleet in fleets)

    def _want(self, key: Key, count: int) -> None:
        fleet = self._fleet(key)
        if count != fleet.wanted:
            fleet.wanted, fleet.failure = count, None
        for surplus in list(fleet.provisioned)[count:]:
            fleet.provisioned.discard(surplus)  # it is used until it is given up like any other
            if surplus.state is State.PARKED:
                self._give_up(surplus)
        if not count:
            self._provisions.pop(key, None)
            self._origins.drop(key)
        self._top_up(key, fleet)

    async def park(self, version: Version) -> bool:
        """Whether INIT of this version succeeded, ahead of anybody who calls. Its environment waits to be restored."""
        fleet = self._fleet(version.key)
        self._provisions[version.key] = version
        fleet.wanted, fleet.failure = max(1, fleet.wanted), None
        environment = self._make(version)
        assert isinstance(environment, Restorable), version
        fleet.provisioned.add(environment)
        await self._start_provisioned(environment, fleet)
        if environment.init_fault is None:
            return True  # what the node could not do now is done when somebody calls
        self._want(version.key, 0)
        return False

    def _top_up(self, key: Key, fleet: Fleet) -> None:
        while len(fleet.provisioned) < fleet.wanted and fleet.failure is None and not self._is_closed:
            is_parked = self._provisions[key].is_snap_start
            if is_parked and (not self._has_room(key) or fleets.neediest(self._fleets) is not None):
                return  # whoever calls comes first; looked at again when something has ended
            if not self._has_room(key):
                fleet.failure = "There is no room for more environments on this node."
                return
            environment = self._make(self._provisions[key], is_provisioned=not is_parked)
            fleet.provisioned.add(environment)
            self._spawn(self._start_provisioned(environment, fleet))

    async def _start_provisioned(self, environment: Environment, fleet: Fleet) -> None:
        try:
            await (environment.park() if isinstance(environment, Restorable) else environment.start())
        except Exception as error:  # noqa: BLE001  whoever asks for the status hears it
            fleet.failure = str(error)
        if environment.state is State.FAILED:
            fleet.failure = "INIT of the function failed; its log says why."
        if isinstance(environment, Restorable) and environment.is_taken:
            return  # whoever has it goes on with it, whatever became of it
        if fleet.failure is not None and environment.state not in (State.READY, State.PARKED):
            fleet.provisioned.discard(environment)
            self._give_up(environment)
        elif environment.state is State.PARKED:
            if environment not in fleet.provisioned or environment in self._retired or self._is_closed:
                self._give_up(environment)
                if environment in self._retired or not fleet.wanted:
                    self._origins.drop(environment.key)  # nobody wants copies of it either
        else:
            self._offer(environment)

    # ------------------------------------------------------------------ admission

    def _admit(self, version: Version) -> None:
        if self._is_closed:
            raise Stopped("the node is shutting down")
        self._admission.enter(version)

    # ------------------------------------------------------------------ taking and giving back

    def _take_idle(self, key: Key) -> Environment | None:
        """The most recently used one; what is too old to be used is stopped on the way."""
        fleet = self._fleets.get(key)
        while fleet is not None and fleet.idle:
            environment = fleet.idle.pop() if not fleet.wanted else pop_provisioned_first(fleet)
            del self._idle[environment]
            if environment.usable_until > self._clock.now():
                return environment
            self._give_up(environment)
        return None

    async def _wait(self, key: Key, version: Version, deadline: float | None) -> Environment:
        """Whichever comes first: an environment that was made for this caller, or one that became free."""
        fleet = self._fleet(key)
        loop = asyncio.get_running_loop()
        waiter = Waiter(version, time.monotonic(), loop.create_future())
        fleet.waiters.append(waiter)
        self._waiting += 1
        self._plan()
        try:
            async with asyncio.timeout_at(deadline) as limit:
                return await waiter.given
        except BaseException:
            if waiter in fleet.waiters:
                fleet.waiters.remove(waiter)
            given = waiter.given
            if given.done() and not given.cancelled() and given.exception() is None:
                self._offer(given.result())  # it came at the moment at which the caller left
            self._admission.leave(version)
            if limit.expired():
                message = "There was no room for another environment in time."
                raise Throttled("ConcurrentInvocationLimitExceeded", message) from None
            raise
        finally:
            self._waiting -= 1

    def _fleet(self, key: Key) -> Fleet:
        fleet = self._fleets.get(key)
        if fleet is None:
            fleet = self._fleets[key] = Fleet()
        return fleet

    def _free(self, environment: Environment) -> None:
        """An invocation is over."""
        self._admission.leave(environment.version)
        if environment.is_provisioned:
            self._fleet(environment.key).leave()
        self._offer(environment)

    def _offer(self, environment: Environment) -> None:
        """To whoever waits for it; else it is idle. What cannot be used again is stopped."""
        if environment.state in (State.STOPPING, State.GONE):
            return
        if environment in self._retired or self._is_closed:
            self._give_up(environment)
            return
        key = environment.key
        fleet = self._fleet(key)
        waiter = first(fleet.waiters) if fleet.waiters else None
        if waiter is None and environment.state is State.FAILED:
            self._give_up(environment)
        elif waiter is None:
            environment.idle_since = now = time.monotonic()
            fleet.idle.append(environment)
            self._idle[environment] = None
            if self._sweep_at > now + self._rest_s:
                self._sweep_in(self._rest_s, now)
            if self._waiting:
                self._plan()
        elif fleets.must_give_way(waiter, key, self._fleets):
            self._give_up(environment)
        else:
            fleet.waiters.popleft()
            waiter.given.set_result(environment)

    # ------------------------------------------------------------------ starting and evicting

    def _plan(self) -> None:
        """Starts an environment for everyone who waits, as far as there is room, and makes room."""
        while not self._is_closed and (found := fleets.neediest(self._fleets)) is not None:
            key, waiter = found
            parked = self._take_parked(key)
            if parked is None and not self._has_room(key):
                break
            if parked is None and (pause_s := self._pace.pause_s()) > 0:
                self._plan_in(pause_s)
                return
            self._start(key, parked or self._make(waiter.version))
        lacking = sum(max(0, len(fleet.waiters) - fleet.starting) for fleet in self._fleets.values())
        while lacking > self._stopping:
            environment = next((each for each in self._idle if not self._stands_ready(each)), None)
            environment = environment or fleets.spare(self._fleets.values(), self._retired)
            if environment is None:
                break
            if environment.state is State.PARKED:
                self._origins.drop(environment.key)  # its memory is there
            self._forget_idle(environment)
            self._give_up(environment)

    def _plan_in(self, pause_s: float) -> None:
        if self._plan_timer is not None:
            self._plan_timer.cancel()
        self._plan_timer = asyncio.get_running_loop().call_later(pause_s, self._plan)

    def _has_room(self, key: Key) -> bool:
        return self._room.has(self._environments, key, self._origins.memory_mb)

    def _stands_ready(self, environment: Environment) -> bool:
        is_provisioned = environment.is_provisioned and environment in self._fleets[environment.key].provisioned
        return is_provisioned or environment.version.debugger is not None

    def _make(self, version: Version, *, is_provisioned: bool = False) -> Environment:
        around = (self._surroundings, version, self._spawn, self._free, self._ended)
        if version.is_snap_start:
            environment: Environment = Restorable(*around, self._origins)
        else:
            environment = Environment(*around, is_provisioned=is_provisioned)
        self._environments.add(environment)
        return environment

    def _take_parked(self, key: Key) -> Environment | None:
        """One that only has to be restored; else one whose INIT is under way."""
        fleet = self._fleets[key]
        parked = find_parked(fleet, self._retired)
        while parked is not None:
            parked.is_taken = True
            fleet.provisioned.discard(parked)
            if parked.usable_until > self._clock.now():
                return parked
            self._give_up(parked)
            parked = find_parked(fleet, self._retired)
        return None

    def _on_origin_ended(self, key: Key) -> None:
        """What was to be forked from it makes way for one that runs INIT anew."""
        for each in [each for each in self._environments if each.key == key and each.state is State.PARKED]:
            if isinstance(each, Restorable) and not each.is_taken and not each.has_process:
                self._give_up(each)

    def _start(self, key: Key, environment: Environment) -> None:
        self._fleets[key].starting += 1
        self._pace.begin(environment)
        self._spawn(self._start_up(environment, key))

    async def _start_up(self, environment: Environment, key: Key) -> None:
        fleet = self._fleets[key]
        error: Exception | None = None
        try:
            await environment.start()
        except Exception as failure:  # noqa: BLE001  what the node could not do is told to the caller who waits for it
            error = failure
        finally:
            fleet.starting -= 1
            self._pace.end(environment)
        if error is None:
            if environment.state is State.READY:
                fleet.failure = None
            self._offer(environment)
        elif not isinstance(error, Ended):  # else whoever waits for it gets another
            if (waiter := first(fleet.waiters)) is not None:
                fleet.waiters.popleft()
                waiter.given.set_exception(error)
            self._give_up(environment)
        if fleet.wanted:
            self._top_up(key, fleet)
        if self._waiting:
            self._plan()

    def _give_up(self, environment: Environment) -> asyncio.Task[None]:
        """Counted as room to come from now on."""
        self._stopping += 1
        return self._spawn(self._stop(environment))

    async def _stop(self, environment: Environment) -> None:
        try:
            await environment.stop()
        finally:
            self._stopping -= 1
            self._plan()

    def _ended(self, environment: Environment) -> None:
        """An environment is gone, by our will or its own."""
        self._room.note_end(environment)
        self._environments.discard(environment)
        self._retired.discard(environment)
        self._forget_idle(environment)
        fleet = self._fleets.get(environment.key)
        if fleet is not None and environment in fleet.provisioned:
            fleet.provisioned.discard(environment)
            self._top_up(environment.key, fleet)
        self._plan()

    def _forget_idle(self, environment: Environment) -> None:
        if environment in self._idle:
            del self._idle[environment]
            self._fleets[environment.key].idle.remove(environment)

    # ------------------------------------------------------------------ time

    def _sweep_in(self, delay_s: float, now: float) -> None:
        if self._sweep_timer is not None:
            self._sweep_timer.cancel()
        self._sweep_at = now + delay_s
        self._sweep_timer = asyncio.get_running_loop().call_later(delay_s, self._sweep)

    def _sweep(self) -> None:
        """Freezes what has been idle for a moment and gives up what has been idle for long."""
        now = time.monotonic()
        self._sweep_at = wake_at = float("inf")
        for environment in list(self._idle):
            idle_s = now - environment.idle_since
            if idle_s >= self._bounds.idle_s and not self._stands_ready(environment):
                self._forget_idle(environment)
                self._give_up(environment)
                continue
            if not self._stands_ready(environment):
                wake_at = min(wake_at, environment.idle_since + self._bounds.idle_s)
            if environment.state is State.READY and environment.version.debugger is None:
                if idle_s >= self._bounds.freeze_after_s:
                    environment.rest()
                else:
                    wake_at = min(wake_at, environment.idle_since + self._bounds.freeze_after_s)
        unneeded = [each for each in self._idle if not self._stands_ready(each)]
        if (surplus := self._room.surplus(self._environments, unneeded)) is not None:
            self._forget_idle(surplus)
            self._give_up(surplus)
            wake_at = now
        for key in [key for key, fleet in self._fleets.items() if fleet.is_empty]:
            del self._fleets[key]
        for key, fleet in self._fleets.items():
            if len(fleet.provisioned) < fleet.wanted:
                self._top_up(key, fleet)
        if wake_at != float("inf"):
            self._sweep_in(max(limits.ENVIRONMENT_SWEEP_S, wake_at - now), now)
