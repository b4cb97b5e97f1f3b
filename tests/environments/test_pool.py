"""The pool: who gets which environment, in which order, and what there is never more of than allowed."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as some

from tests.environments.actors import Actors
from tests.environments.conftest import MakeWorld
from tests.environments.world import ARN, World, until
from tests.examples import examples
from wakeful import limits
from wakeful.environments.environment import Stopped
from wakeful.environments.pace import Pace
from wakeful.environments.pool import Bounds
from wakeful.environments.runtimes import Runtimes
from wakeful.environments.version import Outcome, Throttled, Version

QUICK: dict[str, Any] = {}


class Stage(World):
    """A world of actors."""

    def __init__(self, folder: Path, **bounds: Any) -> None:
        self.actors = Actors()
        bounds.setdefault("freeze_after_s", 3600.0)
        super().__init__(folder, Runtimes(folder / "cache"), bounds=Bounds(**bounds), sandboxes=self.actors)
        self._functions: dict[str, Version] = {}

    def function(self, name: str = "f", **settings: Any) -> Version:
        if name not in self._functions:
            files = {"bootstrap": "#!/bin/sh\n"}
            settings = {"revision": "1", **settings}
            self._functions[name] = self.version(files, runtime="provided.al2023", name=name, **settings)
        return self._functions[name]

    def start(self, name: str = "f", script: dict[str, Any] = QUICK, **more: Any) -> asyncio.Task[Outcome]:
        """An invocation under way."""
        function = self.function(name)
        return asyncio.get_running_loop().create_task(self.pool.invoke(function, self.invocation(script), **more))


@pytest.fixture
def make_stage(tmp_path: Path) -> Any:
    return lambda **bounds: Stage(tmp_path, **bounds)


async def test_an_idle_environment_is_used_again(make_stage: Any) -> None:
    async with make_stage() as stage:
        for _ in range(5):
            assert (await stage.start()).error is None
        assert [actor.played for actor in stage.actors.cast] == [5]


async def test_the_most_recently_used_one_is_taken(make_stage: Any) -> None:
    async with make_stage() as stage:
        together = [stage.start(script={"sleep": 0.02}) for _ in range(3)]
        await asyncio.gather(*together)
        last = (await stage.start()).environment_id
        assert [(await stage.start()).environment_id for _ in range(3)] == [last] * 3


async def test_each_caller_at_a_time_has_an_environment_of_its_own(make_stage: Any) -> None:
    async with make_stage() as stage:
        outcomes = await asyncio.gather(*(stage.start(script={"sleep": 0.05}) for _ in range(20)))
        assert len({outcome.environment_id for outcome in outcomes}) == 20
        assert all(outcome.cold for outcome in outcomes)


async def test_who_waits_gets_what_comes_first(make_stage: Any) -> None:
    async with make_stage() as stage:
        stage.actors.init_s = 0.5
        first = stage.start(script={"sleep": 0.01})
        await until(lambda: stage.pool.counts.environments == 1)
        await asyncio.sleep(0.25)
        second = stage.start()  # its own environment needs longer than the first one
        outcomes = await asyncio.gather(first, second)
        assert outcomes[0].environment_id == outcomes[1].environment_id


async def test_environments_are_of_one_function_version_and_revision(make_stage: Any) -> None:
    async with make_stage() as stage:
        base = stage.function("f")
        same: dict[str, Any] = {"code": base.code, "runtime": "provided.al2023", "role_arn": base.role_arn}
        others = [
            Version(base.arn, "f", "1", base.account, base.region, "1", handler="", **same),
            Version(base.arn, "f", "$LATEST", base.account, base.region, "2", handler="", **same),
            Version(base.arn + "2", "f2", "$LATEST", base.account, base.region, "1", handler="", **same),
        ]
        outcomes = [await stage.pool.invoke(version, stage.invocation({})) for version in (base, *others)]
        assert len({outcome.environment_id for outcome in outcomes}) == 4


# --- refusing ---


async def test_an_account_has_so_many_invocations_at_a_time(make_stage: Any) -> None:
    async with make_stage(concurrency_max=2) as stage:
        running = [stage.start("f", {"sleep": 0.1}), stage.start("g", {"sleep": 0.1})]
        await until(lambda: stage.pool.counts.environments == 2)
        with pytest.raises(Throttled) as refusal:
            await stage.start("h")
        assert refusal.value.reason == "ConcurrentInvocationLimitExceeded"
        elsewhere = stage.version({"bootstrap": "#!/bin/sh"}, runtime="provided.al2023", account="111111111111")
        assert (await stage.pool.invoke(elsewhere, stage.invocation({}))).error is None
        await asyncio.gather(*running)
        assert (await stage.start("h")).error is None


async def test_a_function_grows_no_faster_than_lambda_lets_it(make_stage: Any) -> None:
    async with make_stage(concurrency_max=5000, environments_max=4) as stage:
        callers = [stage.start(script={"sleep": 0.0}) for _ in range(1200)]
        outcomes = await asyncio.gather(*callers, return_exceptions=True)
        refused = [each for each in outcomes if isinstance(each, Throttled)]
        assert {each.reason for each in refused} == {"ConcurrentInvocationLimitExceeded"}
        assert 100 <= len(refused) <= 200
        assert not [each for each in outcomes if isinstance(each, BaseException) and each not in refused]


async def test_a_function_has_what_is_reserved_for_it(make_stage: Any) -> None:
    async with make_stage() as stage:
        stage.function("f", reservations={ARN + "f": 1})
        running = stage.start("f", {"sleep": 0.1})
        await until(lambda: stage.pool.counts.environments == 1)
        with pytest.raises(Throttled) as refusal:
            await stage.start("f")
        assert refusal.value.reason == "ReservedFunctionConcurrentInvocationLimitExceeded"
        assert (await stage.start("g")).error is None
        await running
        assert (await stage.start("f")).error is None


async def test_a_function_with_nothing_reserved_for_it_does_not_run(make_stage: Any) -> None:
    async with make_stage() as stage:
        stage.function("f", reservations={ARN + "f": 0})
        with pytest.raises(Throttled):
            await stage.start("f")
        assert stage.actors.cast == []


async def test_what_is_reserved_for_one_function_is_not_there_for_others(make_stage: Any) -> None:
    async with make_stage(concurrency_max=3) as stage:
        reservations = {ARN + "f": 2}
        for name in "fgh":
            stage.function(name, reservations=reservations)
        running = [stage.start("g", {"sleep": 0.1})]
        await until(lambda: stage.pool.counts.environments == 1)
        with pytest.raises(Throttled) as refusal:
            await stage.start("h")
        assert refusal.value.reason == "ConcurrentInvocationLimitExceeded"
        running += [stage.start("f", {"sleep": 0.1}) for _ in range(2)]
        assert [outcome.error for outcome in await asyncio.gather(*running)] == [None] * 3
        assert (await stage.start("h")).error is None


# --- waiting ---


async def test_there_are_never_more_environments_than_allowed_and_all_are_served(make_stage: Any) -> None:
    async with make_stage(environments_max=3) as stage:
        outcomes = await asyncio.gather(*(stage.start(script={"sleep": 0.005}) for _ in range(30)))
        assert all(outcome.error is None for outcome in outcomes)
        assert stage.actors.alive_max <= 3
        assert stage.pool.counts.waiting == 0


async def test_callers_of_a_function_are_served_in_their_order(make_stage: Any) -> None:
    async with make_stage(environments_max=1) as stage:
        order: list[int] = []

        async def call(number: int) -> None:
            await stage.start(script={"sleep": 0.002})
            order.append(number)

        await asyncio.gather(*(call(number) for number in range(10)))
        assert order == list(range(10))


async def test_an_idle_environment_makes_way_for_another_function(make_stage: Any) -> None:
    async with make_stage(environments_max=2) as stage:
        await stage.start("f")
        await stage.start("g")
        await stage.start("h")  # f was used least recently
        assert [actor.name for actor in stage.actors.alive] == ["g", "h"]
        assert (await stage.start("g")).cold is False
        assert stage.actors.alive_max == 2


async def test_a_busy_function_does_not_starve_another(make_stage: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "OVERTAKE_MAX_S", 0.03)
    async with make_stage(environments_max=1) as stage:
        stop = False

        async def keep_busy() -> None:
            while not stop:
                await stage.start("f", {"sleep": 0.005})

        busy = [asyncio.create_task(keep_busy()) for _ in range(4)]
        await until(lambda: stage.pool.counts.waiting >= 2)
        await asyncio.wait_for(stage.start("g"), 5)
        stop = True
        await asyncio.gather(*busy)


async def test_a_function_keeps_its_environment_for_those_who_came_with_it(make_stage: Any) -> None:
    async with make_stage(environments_max=1) as stage:
        calls = [stage.start("f", {"sleep": 0.002}) for _ in range(5)]
        await asyncio.sleep(0)
        other = stage.start("g")
        await asyncio.gather(*calls, other)
        assert [actor.name for actor in stage.actors.cast] == ["f", "g"]


async def test_who_waits_too_long_is_refused(make_stage: Any) -> None:
    async with make_stage(environments_max=1) as stage:
        running = stage.start("f", {"sleep": 0.3})
        await until(lambda: len(stage.actors.alive) == 1)
        with pytest.raises(Throttled, match="no room"):
            await stage.start("f", deadline=asyncio.get_running_loop().time() + 0.05)
        assert stage.pool.counts.waiting == 0
        await running
        assert (await stage.start("f")).cold is False


async def test_who_leaves_while_waiting_takes_nothing_along(make_stage: Any) -> None:
    async with make_stage(environments_max=1) as stage:
        running = stage.start("f", {"sleep": 0.05})
        await until(lambda: len(stage.actors.alive) == 1)
        leaving = [stage.start("f") for _ in range(3)]
        staying = stage.start("f")
        await until(lambda: stage.pool.counts.waiting == 4)
        for caller in leaving:
            caller.cancel()
        await asyncio.gather(running, staying)
        assert stage.pool.counts == stage.pool.counts.__class__(environments=1, idle=1, waiting=0)


async def test_who_leaves_at_the_moment_of_being_served_takes_nothing_along(make_stage: Any) -> None:
    async with make_stage(environments_max=1) as stage:
        first = stage.start("f", {"sleep": 0.3})
        await until(lambda: len(stage.actors.alive) == 1)
        second = stage.start("f")
        await until(lambda: stage.pool.counts.waiting == 1)
        first.add_done_callback(lambda _: second.cancel())
        await first
        await asyncio.wait([second])
        assert (await asyncio.wait_for(stage.start("f"), 5)).error is None
        assert stage.pool.counts.environments == 1


async def test_environments_are_as_many_as_memory_allows(make_stage: Any) -> None:
    async with make_stage(memory_mb=100) as stage:
        stage.actors.memory_bytes = 40 << 20
        for name in "abcdef":
            await stage.start(name)
        assert len(stage.actors.alive) <= 3
        assert stage.actors.alive_max <= 3


async def test_however_little_memory_there_is_one_environment_runs(make_stage: Any) -> None:
    async with make_stage(memory_mb=1) as stage:
        assert (await stage.start("a")).error is None
        assert (await stage.start("b")).error is None
        assert stage.actors.alive_max == 1


# --- ends ---


async def test_after_a_change_idle_environments_end_and_busy_ones_after_their_invocation(make_stage: Any) -> None:
    async with make_stage() as stage:
        await asyncio.gather(*(stage.start("f", {"sleep": 0.02}) for _ in range(2)))
        await stage.start("g")
        running = stage.start("f", {"sleep": 0.1})
        await until(lambda: stage.pool.counts.idle == 2)
        stage.pool.retire(stage.function("f").arn)
        await until(lambda: len(stage.actors.alive) == 2)
        assert (await running).error is None
        await until(lambda: [actor.name for actor in stage.actors.alive] == ["g"])
        assert (await stage.start("f")).cold is True


async def test_an_environment_that_was_starting_at_a_change_is_not_used(make_stage: Any) -> None:
    async with make_stage() as stage:
        stage.actors.init_s = 0.05
        running = stage.start("f")
        await until(lambda: len(stage.actors.alive) == 1)
        stage.pool.retire(stage.function("f").arn)
        assert (await running).error is None
        assert [actor.played for actor in stage.actors.cast] == [0, 1]


async def test_what_is_idle_for_long_is_given_up(make_stage: Any) -> None:
    async with make_stage(idle_s=0.1) as stage:
        await stage.start("f")
        await until(lambda: not stage.actors.alive)
        assert stage.pool.counts.environments == 0
        assert (await stage.start("f")).cold is True


async def test_what_is_idle_for_a_moment_is_frozen_and_thawed_when_it_is_needed(make_stage: Any) -> None:
    async with make_stage(freeze_after_s=0.01) as stage:
        for _ in range(3):
            await stage.start("f")
            await until(lambda: stage.actors.cast[0].is_frozen)
        assert (await stage.start("f")).cold is False
        assert len(stage.actors.cast) == 1


async def test_what_has_died_is_replaced(make_stage: Any) -> None:
    async with make_stage() as stage:
        assert (await stage.start("f", {"exit": 1})).error_type == "Runtime.ExitError"
        assert (await stage.start("f")).cold is True
        stage.actors.cast[1]._end(stage.actors.cast[0]._exit.result())  # while it was idle
        await until(lambda: stage.pool.counts.environments == 0)
        assert (await stage.start("f")).cold is True


async def test_what_fails_goes_on(make_stage: Any) -> None:
    async with make_stage() as stage:
        assert (await stage.start("f", {"fail": True})).error == "Unhandled"
        assert (await stage.start("f")).cold is False


async def test_an_environment_ends_before_its_credentials(make_stage: Any) -> None:
    async with make_stage() as stage:
        stage.credentials_s = 3600
        first = await stage.start("f")
        assert (await stage.start("f")).environment_id == first.environment_id
        stage.clock.advance(3600 - 10 - limits.CREDENTIALS_MARGIN_S + 1)  # the function may run for 10 s
        assert (await stage.start("f")).environment_id != first.environment_id
        await until(lambda: len(stage.actors.alive) == 1)


async def test_a_sandbox_that_cannot_be_made_is_told_to_one_caller_only(make_stage: Any) -> None:
    async with make_stage() as stage:
        stage.actors.failures = [OSError("no"), OSError("no")]
        results = await asyncio.gather(*(stage.start("f") for _ in range(4)), return_exceptions=True)
        assert sum(isinstance(result, OSError) for result in results) == 2
        assert sum(isinstance(result, Outcome) for result in results) == 2
        await until(lambda: stage.pool.counts.idle == stage.pool.counts.environments)


async def test_shutting_down_tells_everyone_who_waits(make_stage: Any) -> None:
    async with make_stage(environments_max=1) as stage:
        running = stage.start("f", {"sleep": 60})
        await until(lambda: len(stage.actors.alive) == 1)
        waiting = [stage.start(name) for name in "fg"]
        await until(lambda: stage.pool.counts.waiting == 2)
        await stage.pool.close()
        for caller in waiting:
            with pytest.raises(Stopped):
                await caller
        assert (await running).error_type == "Runtime.ExitError"
        with pytest.raises(Stopped):
            await stage.start("f")
        assert stage.actors.alive == []


async def test_shutting_down_while_something_starts_leaves_nothing(make_stage: Any) -> None:
    async with make_stage() as stage:
        stage.actors.init_s = 60
        caller = stage.start("f")
        await until(lambda: len(stage.actors.alive) == 1)
        await stage.pool.close()
        with pytest.raises(Stopped):
            await caller
        assert stage.actors.alive == []


# --- pace ---


async def test_a_burst_is_served_by_few_environments_that_are_ready_soon(make_stage: Any) -> None:
    async with make_stage() as stage:
        stage.pool._pace = Pace(count_max=3)
        stage.actors.init_s = 0.05
        outcomes = await asyncio.gather(*(stage.start() for _ in range(40)))
        assert len({outcome.environment_id for outcome in outcomes}) < 40
        assert all(outcome.error is None for outcome in outcomes)


@pytest.mark.slow
async def test_what_is_long_in_starting_keeps_nobody_from_starting(
    make_stage: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "START_YOUNG_S", 0.01)
    async with make_stage() as stage:
        stage.pool._pace = Pace(count_max=1)
        stage.actors.init_s = 1.0
        calls = [stage.start() for _ in range(4)]
        await until(lambda: stage.pool.counts.environments == 4)
        assert all(outcome.error is None for outcome in await asyncio.gather(*calls))


# --- everything at once ---

ACTIONS = some.lists(
    some.tuples(
        some.sampled_from(["invoke", "invoke", "invoke", "leave", "retire", "pause", "kill"]),
        some.sampled_from(["f", "g", "h"]),
        some.sampled_from([{}, {"sleep": 0.002}, {"sleep": 0.01}, {"exit": 1}, {"fail": True}]),
    ),
    max_size=40,
)


@pytest.mark.slow
@examples(100, suppress_health_check=list(HealthCheck))
@given(ACTIONS, some.integers(1, 3), some.booleans())
def test_whatever_happens_nobody_is_forgotten_and_nothing_is_shared(
    tmp_path: Path, actions: list[tuple[str, str, dict[str, Any]]], environments_max: int, freezes: bool
) -> None:
    async def play() -> None:
        bounds = {"environments_max": environments_max, "freeze_after_s": 0.001 if freezes else 3600.0}
        async with Stage(tmp_path, **bounds) as stage:
            callers: list[asyncio.Task[Outcome]] = []
            for action, name, script in actions:
                if action == "invoke":
                    callers.append(stage.start(name, script))
                elif action == "leave" and callers:
                    callers[-1].cancel()
                elif action == "retire":
                    stage.pool.retire(stage.function(name).arn)
                elif action == "kill" and stage.actors.alive:
                    await stage.actors.alive[0].kill()
                else:
                    await asyncio.sleep(0.003)
            if callers:
                done, waiting = await asyncio.wait(callers, timeout=20)
                assert not waiting
                failures = [caller.exception() for caller in done if not caller.cancelled()]
                assert failures == [None] * len(failures)
            assert stage.actors.alive_max <= environments_max
            await until(lambda: stage.pool.counts.idle == stage.pool.counts.environments)
            assert stage.pool.counts.waiting == 0
            assert (await asyncio.wait_for(stage.start("f"), 20)).error is None

    asyncio.run(play())


@pytest.mark.slow
async def test_real_functions_share_nothing_under_load(make_world: MakeWorld) -> None:
    code = {
        "app.py": """
import os, time
busy = False
def handler(event, context):
    global busy
    assert not busy
    busy = True
    time.sleep(0.002)
    busy = False
    return os.getpid()
"""
    }
    async with make_world(bounds=Bounds(environments_max=4, freeze_after_s=0.001)) as world:
        version = world.version(code)
        pids = await asyncio.gather(*(world.answer(version) for _ in range(100)))
        assert len(pids) == 100
        assert 1 <= len(set(pids)) <= 4
