"""Waiting: by name, by deadline, and knowing when everybody sleeps."""

from __future__ import annotations

import asyncio

import pytest

from wakeful.clock import Clock
from wakeful.store.wakes import Wakes


async def test_a_wake_between_looking_and_waiting_is_not_lost() -> None:
    wakes = Wakes(Clock())
    with wakes.listen("queue") as listener:
        wakes.wake("queue")
        await asyncio.wait_for(listener.wait(), 5)


async def test_a_wake_of_another_name_wakes_nobody() -> None:
    wakes = Wakes(Clock())
    with wakes.listen("queue") as listener:
        waiting = asyncio.ensure_future(listener.wait())
        await wakes.all_asleep()
        wakes.wake("topic")
        assert listener.is_waiting
        wakes.wake("queue")
        await asyncio.wait_for(waiting, 5)


async def test_a_deadline_in_the_nodes_time_comes_when_the_clock_is_moved() -> None:
    clock = Clock()
    wakes = Wakes(clock)
    with wakes.listen("timer") as listener:
        due = clock.now() + 6 * 3600
        waiting = asyncio.ensure_future(listener.wait(due))
        await wakes.all_asleep()
        assert wakes.next_deadline() == due
        clock.advance(6 * 3600)
        wakes.wake_everybody()
        await asyncio.wait_for(waiting, 5)


async def test_everybody_sleeps_only_when_no_work_is_in_hand() -> None:
    wakes = Wakes(Clock())
    asleep = asyncio.ensure_future(wakes.all_asleep())
    await asyncio.wait_for(asleep, 5)
    with wakes.listen("queue") as listener:
        waiting = asyncio.ensure_future(listener.wait())
        await asyncio.wait_for(wakes.all_asleep(), 5)
        with wakes.busy():
            asleep = asyncio.ensure_future(wakes.all_asleep())
            await asyncio.sleep(0)
            assert not asleep.done()
        await asyncio.wait_for(asleep, 5)
        wakes.wake("queue")
        again = asyncio.ensure_future(wakes.all_asleep())
        await asyncio.sleep(0)
        assert not again.done(), "one that was woken is awake before it runs"
        await waiting
    await asyncio.wait_for(again, 5)


async def test_a_lazy_deadline_is_no_moment_to_stop_at() -> None:
    clock = Clock()
    wakes = Wakes(clock)
    with wakes.listen("sweep", is_lazy=True) as lazy, wakes.listen("timer") as eager:
        due = clock.now() + 100
        sleepers = [asyncio.ensure_future(lazy.wait(due - 50)), asyncio.ensure_future(eager.wait(due))]
        await wakes.all_asleep()
        assert wakes.next_deadline() == due
        wakes.wake_everybody()
        await asyncio.gather(*sleepers)


async def test_a_listener_that_left_keeps_nobody_awake() -> None:
    wakes = Wakes(Clock())
    with wakes.listen("a"):
        pass
    await asyncio.wait_for(wakes.all_asleep(), 5)
    assert wakes.next_deadline() is None


async def test_who_is_content_with_generations_is_not_kept_waiting_by_new_work() -> None:
    wakes = Wakes(Clock())

    async def always_at_work() -> None:
        current = wakes.busy()
        current.__enter__()
        while True:
            await asyncio.sleep(0)
            following = wakes.busy()
            following.__enter__()
            current.__exit__(None, None, None)
            current = following

    load = asyncio.ensure_future(always_at_work())
    await asyncio.sleep(0)
    await asyncio.wait_for(wakes.all_asleep(3), 10)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(wakes.all_asleep(), 0.01)
    load.cancel()


async def test_nobody_has_woken_again_when_everybody_is_found_asleep() -> None:
    wakes = Wakes(Clock())
    moments: list[int] = []

    async def busy_twice() -> None:
        with wakes.busy():
            await asyncio.sleep(0)
        with wakes.busy():  # in the very moment in which the other has been told
            await asyncio.sleep(0)
            moments.append(1)

    work = asyncio.ensure_future(busy_twice())
    await asyncio.sleep(0)
    await wakes.all_asleep()
    assert moments == [1]
    await work


async def test_who_has_no_patience_hears_that_somebody_is_still_awake() -> None:
    wakes = Wakes(Clock())
    with wakes.busy():
        assert not await wakes.slept(0.01)
    assert await wakes.slept(0.01)
