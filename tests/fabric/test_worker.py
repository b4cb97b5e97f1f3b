"""Workers: what is due is done, what fails is done again, what a dead node left is taken over."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from tests.conftest import OpenStore
from wakeful import limits
from wakeful.clock import Clock
from wakeful.fabric import patience, settling, worker
from wakeful.fabric.processors import Processors
from wakeful.fabric.service import Again, Done, Worker
from wakeful.store import work
from wakeful.store.tx import Outbox, Store, Tx
from wakeful.store.wakes import Wakes

TABLES = "CREATE TABLE IF NOT EXISTS test_effects(n INTEGER NOT NULL)"
Do = Callable[[Any, work.Item], Awaitable[Done | Again]]


@pytest.fixture
def node(open_store: OpenStore, clock: Clock) -> Any:
    """Just enough of a node: a store, a clock, and who waits for what."""
    wakes = Wakes(clock)

    def committed(outbox: Outbox) -> None:
        for name in outbox.wakes:
            wakes.wake(name)

    @asynccontextmanager
    async def working(do: Do, slots: int = 4, slots_max: int = 0) -> AsyncIterator[Any]:
        async with open_store(tables=TABLES, on_commit=committed) as store:
            made = SimpleNamespace(id="n", clock=clock, wakes=wakes, store=store)
            task = asyncio.ensure_future(worker.run(made, Worker("k", do, slots, slots_max)))
            try:
                yield made
            finally:
                task.cancel()
                await asyncio.wait([task])

    return working


def put_many(tx: Tx, count: int) -> None:
    for number in range(count):
        work.put(tx, "k", number)


async def left(node: Any) -> float | None:
    due: float | None = await node.store.read(work.next_due, "k")
    return due


async def test_everything_due_is_done_once_and_its_effect_is_there(node: Any) -> None:
    done: list[int] = []

    async def do(_: Any, item: work.Item) -> Done:
        done.append(item.body)

        def effect(tx: Tx) -> None:
            tx.run("INSERT INTO test_effects(n) VALUES (?)", item.body)

        return Done(effect)

    async with node(do) as made:
        await made.store.write(put_many, 50)
        await made.wakes.all_asleep()
        assert sorted(done) == list(range(50))
        rows = await made.store.read(lambda tx: tx.all("SELECT n FROM test_effects ORDER BY n"))
        assert [row["n"] for row in rows] == list(range(50))
        assert await left(made) is None


async def test_what_another_node_took_over_meanwhile_has_no_effect(node: Any) -> None:
    def effect(tx: Tx) -> None:
        tx.run("INSERT INTO test_effects(n) VALUES (1)")

    async def do(made: Any, item: work.Item) -> Done:
        await made.store.write(work.re_enter, [])
        (taken_over,) = await made.store.write(work.claim, "k", 1, "another")
        assert taken_over.attempts == 2
        return Done(effect)

    async with node(do) as made:
        await made.store.write(work.put, "k", 1)
        await made.wakes.all_asleep()
        assert await made.store.read(lambda tx: tx.all("SELECT n FROM test_effects")) == []
        assert await made.store.read(work.held_by, "another") == 1


async def test_work_is_done_when_it_falls_due_and_not_before(node: Any, clock: Clock) -> None:
    done: list[str] = []

    async def do(_: Any, item: work.Item) -> Done:
        done.append(item.body)
        return Done()

    async with node(do) as made:
        await made.store.write(work.put, "k", "later", due=clock.now() + 3600)
        await made.wakes.all_asleep()
        assert done == []
        clock.advance(3601)
        made.wakes.wake_everybody()
        await made.wakes.all_asleep()
        assert done == ["later"]


async def test_no_more_than_its_slots_run_at_once(node: Any) -> None:
    running, most = 0, 0
    go_on = asyncio.Event()

    async def do(_: Any, item: work.Item) -> Done:
        nonlocal running, most
        running += 1
        most = max(most, running)
        if running == 3:
            go_on.set()
        await go_on.wait()
        running -= 1
        return Done()

    async with node(do, slots=3) as made:
        for number in range(20):
            await made.store.write(work.put, "k", number)
        await asyncio.wait_for(made.wakes.all_asleep(), 10)
    assert most == 3


async def test_again_comes_again_with_its_new_body_and_its_attempts(node: Any, clock: Clock) -> None:
    seen: list[tuple[str, int]] = []

    async def do(_: Any, item: work.Item) -> Done | Again:
        seen.append((item.body, item.attempts))
        return Done() if item.attempts == 3 else Again(clock.now(), f"{item.body}+")

    async with node(do) as made:
        await made.store.write(work.put, "k", "b")
        await asyncio.wait_for(made.wakes.all_asleep(), 10)
    assert seen == [("b", 1), ("b+", 2), ("b++", 3)]


async def test_a_mistake_of_ours_loses_no_work_and_blocks_no_other(
    node: Any, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    done: list[str] = []

    async def do(_: Any, item: work.Item) -> Done:
        if item.body == "broken" and item.attempts == 1:
            raise KeyError("a mistake")
        done.append(item.body)
        return Done()

    async with node(do) as made:
        await made.store.write(work.put, "k", "broken")
        await made.store.write(work.put, "k", "sound")
        await made.wakes.all_asleep()
        assert done == ["sound"]
        assert "a mistake" in caplog.text
        clock.advance(limits.WORK_BACKOFF_S + 0.1)
        made.wakes.wake_everybody()
        await made.wakes.all_asleep()
        assert done == ["sound", "broken"]


async def test_an_effect_that_fails_leaves_the_row(node: Any) -> None:
    def fail(tx: Tx) -> None:
        tx.run("INSERT INTO test_effects(n) VALUES (1)")
        raise ValueError

    async def do(_: Any, item: work.Item) -> Done:
        return Done(fail)

    async with node(do) as made:
        await made.store.write(work.put, "k", 1)
        await made.wakes.all_asleep()
        assert await left(made) is not None
        assert await made.store.read(lambda tx: tx.all("SELECT n FROM test_effects")) == []


def test_the_pause_doubles_up_to_a_bound() -> None:
    pauses = [patience.backoff_s(attempts) for attempts in range(1, 40)]
    assert pauses[:4] == [1.0, 2.0, 4.0, 8.0]
    assert pauses[-1] == limits.WORK_BACKOFF_MAX_S


class Failing:
    """A store whose disk is full, or whose database is away, whenever it is asked for one of `failures`."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.failures: list[tuple[Any, bool]] = []
        """The transaction's function, and whether it became true before the failure."""

    async def write(self, fn: Any, *args: Any) -> Any:
        for number, (failing, is_written) in enumerate(self.failures):
            if fn is failing:
                del self.failures[number]
                if is_written:
                    await self._store.write(fn, *args)
                raise OSError("no space left on device")
        return await self._store.write(fn, *args)

    async def read(self, fn: Any, *args: Any) -> Any:
        return await self._store.read(fn, *args)


async def test_work_whose_store_fails_is_not_lost_and_nothing_ends(
    node: Any, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "WORK_BACKOFF_S", 0.01)
    done: list[str] = []

    async def do(_: Any, item: work.Item) -> Done:
        done.append(item.body)
        return Done()

    async with node(do) as made:
        made.store = store = Failing(made.store)
        store.failures = [
            (work.claim, False),
            (work.claim, True),  # it was written, and the answer lost
            (work.give_back, False),
            (settling._settle_all, False),
            (work.again, False),
        ]
        await store.write(work.put, "k", "a")
        await made.wakes.all_asleep()
        clock.advance(60)
        made.wakes.wake_everybody()
        await asyncio.wait_for(made.wakes.all_asleep(), 10)
        assert store.failures == []
        assert done == ["a", "a"]
        assert await left(made) is None
        assert await store.read(work.held_by, "n") == 0


async def test_work_that_waits_for_other_work_of_its_kind_is_not_stuck(
    node: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "WORK_LOOK_S", 0.0)
    monkeypatch.setattr(limits, "WORK_STALLED_S", 0.0)
    monkeypatch.setattr(Processors, "idle_share", lambda _: 0.0)
    is_over = asyncio.Event()
    most = 0
    at_it = 0

    async def do(_: Any, item: work.Item) -> Done:
        nonlocal most, at_it
        at_it += 1
        most = max(most, at_it)
        if item.body == "last":
            is_over.set()
        await is_over.wait()
        at_it -= 1
        return Done()

    async with node(do, slots=2, slots_max=5) as made:
        for body in ("one", "two", "three", "four", "last", "after it", "at the end"):
            await made.store.write(work.put, "k", body)
        await made.wakes.all_asleep()
        assert await left(made) is None
        assert most == 5


@pytest.mark.parametrize(("idle", "most_at_once"), [(1.0, range(3, 17)), (0.1, range(2, 3))])
async def test_there_are_more_slots_while_the_processors_have_time_left(
    node: Any, monkeypatch: pytest.MonkeyPatch, idle: float, most_at_once: range
) -> None:
    monkeypatch.setattr(limits, "WORK_LOOK_S", 0.0)
    monkeypatch.setattr(limits, "WORK_STALLED_S", 60.0)
    monkeypatch.setattr(Processors, "idle_share", lambda _: idle)
    most = 0
    at_it = 0

    async def do(_: Any, item: work.Item) -> Done:
        nonlocal most, at_it
        at_it += 1
        most = max(most, at_it)
        for _ in range(100):
            await asyncio.sleep(0)
        at_it -= 1
        return Done()

    async with node(do, slots=2, slots_max=16) as made:
        await made.store.write(put_many, 200)
        await made.wakes.all_asleep()
        assert await left(made) is None
        assert most in most_at_once


async def test_there_are_fewer_slots_again_when_the_processors_have_no_time_left(
    node: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "WORK_LOOK_S", 0.0)
    monkeypatch.setattr(limits, "WORK_STALLED_S", 60.0)
    at_it = 0
    at_once: list[int] = []
    monkeypatch.setattr(Processors, "idle_share", lambda _: 1.0 if max(at_once, default=0) < 16 else 0.0)

    async def do(_: Any, item: work.Item) -> Done:
        nonlocal at_it
        at_it += 1
        at_once.append(at_it)
        for _ in range(100):
            await asyncio.sleep(0)
        at_it -= 1
        return Done()

    async with node(do, slots=2, slots_max=16) as made:
        await made.store.write(put_many, 200)
        await made.wakes.all_asleep()
        assert await left(made) is None
        assert max(at_once) == 16
        assert at_once[-1] == 2


async def test_what_is_next_is_claimed_before_a_slot_is_free_and_not_one_by_one(
    node: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    claims: list[int] = []
    claim = work.claim

    def counted(tx: Tx, kind: str, count: int, holder: str) -> list[work.Item]:
        claims.append(count)
        return claim(tx, kind, count, holder)

    monkeypatch.setattr(work, "claim", counted)
    rows = limits.WORK_AHEAD * 8

    async def do(_: Any, item: work.Item) -> Done:
        await asyncio.sleep(0)
        return Done()

    async with node(do, slots=2, slots_max=2) as made:
        await made.store.write(put_many, rows)
        await made.wakes.all_asleep()
        assert await left(made) is None
    assert all(count > limits.WORK_AHEAD // 2 for count in claims)


async def test_outcomes_that_come_together_share_a_transaction(node: Any) -> None:
    async def do(_: Any, item: work.Item) -> Done | Again:
        return Again(item.due + 60) if item.body % 2 else Done()

    async with node(do, slots=64) as made:
        before = made.store.commit_count if hasattr(made.store, "commit_count") else None
        await made.store.write(put_many, 64)
        await made.wakes.all_asleep()
        rows = await made.store.read(lambda tx: tx.all("SELECT body, holder FROM work_items ORDER BY id"))
        assert [int(row["body"]) for row in rows] == list(range(1, 64, 2))
        assert {row["holder"] for row in rows} == {None}
        if before is not None:
            assert made.store.commit_count - before < 10


async def test_an_outcome_that_cannot_be_written_keeps_no_other_from_it(
    node: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[int] = []
    finish = work.finish

    def broken(tx: Tx, item: work.Item) -> bool:
        if item.body == 3:
            raise RuntimeError("a mistake")
        return finish(tx, item)

    monkeypatch.setattr(work, "finish", broken)

    async def do(_: Any, item: work.Item) -> Done:
        tried.append(item.body)
        return Done()

    async with node(do, slots=8) as made:
        await made.store.write(put_many, 6)
        await made.wakes.all_asleep()
        assert sorted(tried) == list(range(6)), "each of them once"
        rows = await made.store.read(lambda tx: tx.all("SELECT body, holder FROM work_items"))
        assert [(int(row["body"]), row["holder"]) for row in rows] == [(3, None)], "it will be tried again"
