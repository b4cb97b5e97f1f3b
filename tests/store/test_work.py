"""Work rows: claimed once, counted before they are done, free again only when their holder is dead."""

from __future__ import annotations

import asyncio

from tests.conftest import OpenStore
from wakeful.clock import Clock
from wakeful.store import work
from wakeful.store.tx import Tx


async def test_many_claimers_get_every_row_exactly_once(open_store: OpenStore) -> None:
    async with open_store() as store:
        for n in range(100):
            await store.write(work.put, "k", n)
        claims = await asyncio.gather(*(store.write(work.claim, "k", 7, f"node {i}") for i in range(30)))
        assert sorted(item.body for items in claims for item in items) == list(range(100))
        assert {item.attempts for items in claims for item in items} == {1}


async def test_a_row_is_claimed_when_due_and_not_before(open_store: OpenStore, clock: Clock) -> None:
    async with open_store() as store:
        await store.write(work.put, "k", "later", due=clock.now() + 3600)
        assert await store.write(work.claim, "k", 1, "n") == []
        due = await store.read(work.next_due, "k")
        assert due is not None
        clock.advance(due - clock.now() + 0.001)
        (item,) = await store.write(work.claim, "k", 1, "n")
        assert item.body == "later"


async def test_moving_the_clock_does_not_free_work_that_is_being_done(open_store: OpenStore, clock: Clock) -> None:
    async with open_store() as store:
        await store.write(work.put, "k", 1)
        assert len(await store.write(work.claim, "k", 1, "n")) == 1
        clock.advance(365 * 86_400)
        assert await store.write(work.claim, "k", 1, "n") == []


async def test_work_of_a_dead_node_is_entered_again_and_its_attempts_are_remembered(open_store: OpenStore) -> None:
    async with open_store() as store:
        for holder in ("dead", "alive"):
            await store.write(work.put, "k", holder)
            await store.write(work.claim, "k", 1, holder)
        assert await store.write(work.re_enter, ["alive"]) == 1
        (item,) = await store.write(work.claim, "k", 5, "alive")
        assert (item.body, item.attempts) == ("dead", 2)
        assert await store.read(work.held_by, "alive") == 2


async def test_finished_work_is_gone_and_work_to_do_again_waits_for_its_time(
    open_store: OpenStore, clock: Clock
) -> None:
    async with open_store() as store:
        await store.write(work.put, "k", "done")
        await store.write(work.put, "k", "again")
        first, second = await store.write(work.claim, "k", 2, "n")
        await store.write(work.finish, first)
        await store.write(work.again, second, clock.now() + 60)
        assert await store.write(work.claim, "k", 2, "n") == []
        clock.advance(61)
        (item,) = await store.write(work.claim, "k", 2, "n")
        assert (item.body, item.attempts) == ("again", 2)


async def test_who_was_taken_for_dead_finishes_nothing_that_another_is_at(open_store: OpenStore) -> None:
    async with open_store() as store:
        await store.write(work.put, "k", 1)
        (slow,) = await store.write(work.claim, "k", 1, "taken for dead")
        await store.write(work.re_enter, [])
        (taken_over,) = await store.write(work.claim, "k", 1, "alive")
        assert not await store.write(work.finish, slow)
        assert await store.read(work.held_by, "alive") == 1
        assert await store.write(work.finish, taken_over)
        assert await store.read(work.held_by, "alive") == 0


async def test_a_named_row_takes_the_place_of_its_predecessor_even_of_a_running_one(open_store: OpenStore) -> None:
    async with open_store() as store:
        await store.write(work.put, "k", "old", name="timer")
        (running,) = await store.write(work.claim, "k", 1, "n")
        await store.write(work.put, "k", "new", name="timer")
        await store.write(work.finish, running)
        (item,) = await store.write(work.claim, "k", 5, "n")
        assert (item.body, item.attempts) == ("new", 1)


async def test_ensuring_leaves_what_is_there_and_dropping_takes_it_away(open_store: OpenStore, clock: Clock) -> None:
    async with open_store() as store:
        await store.write(work.ensure, "k", "sweep", "first", due=clock.now())
        await store.write(work.ensure, "k", "sweep", "second", due=clock.now())
        (item,) = await store.write(work.claim, "k", 5, "n")
        assert item.body == "first"
        await store.write(work.drop, "sweep")
        assert await store.read(work.next_due) is None
        assert await store.write(work.re_enter, []) == 0


async def test_the_longest_due_come_first(open_store: OpenStore, clock: Clock) -> None:
    def put_all(tx: Tx) -> None:
        for age in (1, 5, 3, 4, 2):
            work.put(tx, "k", age, due=tx.now - age)

    async with open_store() as store:
        await store.write(put_all)
        items = await store.write(work.claim, "k", 3, "n")
        assert [item.body for item in items] == [5, 4, 3]
