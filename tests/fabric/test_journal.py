"""Journals: numbers that grow, shards that are closed and have children, entries that grow old."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.conftest import OpenStore
from wakeful import limits
from wakeful.clock import Clock
from wakeful.fabric import journal
from wakeful.fabric.journal import HASHES_MAX, Shard
from wakeful.fabric.trace import Trace
from wakeful.store import schema
from wakeful.store.tx import Outbox, Store, Tx

TRACE = Trace("1-story", "cause", 2, "0badcafe:1")
HALF = HASHES_MAX // 2


@pytest.fixture
def open_journals(open_store: OpenStore) -> OpenStore:
    """Opens a store that has journals."""

    @asynccontextmanager
    async def opened(**settings: Any) -> AsyncIterator[Store]:
        async with open_store(**settings) as store:
            await store.write(schema.apply, {"journal": journal.SCHEMA})
            yield store

    return opened


def put(tx: Tx, name: str, body: str, hash_of_key: int = 0) -> int:
    place = journal.place(tx, name, hash_of_key)
    assert place is not None
    return journal.append(tx, place, body.encode(), TRACE, size=len(body))


def put_all(tx: Tx, name: str, count: int) -> None:
    for number in range(count):
        put(tx, name, str(number))


def of(tx: Tx, shard: Shard, after: int | None = None, since: float = 0.0) -> list[str]:
    found = journal.read(tx, shard, shard.starts if after is None else after, 1000, since=since)
    return [entry.body.decode() for entry in found]


async def test_an_entry_is_read_as_it_was_appended(open_journals: OpenStore, clock: Clock) -> None:
    woken: list[str] = []

    def heard(outbox: Outbox) -> None:
        woken.extend(outbox.wakes)

    async with open_journals(on_commit=heard) as store:
        shard = await store.write(journal.open_shard, "j", "s")
        woken.clear()
        number = await store.write(put, "j", "body")
        (entry,) = await store.read(journal.read, shard, shard.starts, 10)
        assert (entry.seq, entry.shard, entry.size, entry.body, entry.trace) == (number, shard.id, 4, b"body", TRACE)
        assert abs(entry.at - clock.now()) < 60
        assert number > shard.starts
        assert await store.read(journal.newest, shard) == number
        assert journal.wake_name("j") in woken


async def test_a_key_has_one_open_shard_and_its_children_come_after_it(open_journals: OpenStore) -> None:
    async with open_journals(rehearse=True) as store:

        def begin(tx: Tx) -> None:
            journal.open_shard(tx, "j", "low", hashes=(0, HALF))
            journal.open_shard(tx, "j", "high", hashes=(HALF + 1, HASHES_MAX))
            put(tx, "j", "a", HALF)
            put(tx, "j", "b", HALF + 1)
            put(tx, "j", "c", 0)

        await store.write(begin)
        low, high = await store.read(journal.open_shards, "j")
        assert (await store.read(of, low), await store.read(of, high)) == (["a", "c"], ["b"])
        child = await store.write(journal.roll, low, "low child")
        assert (child.parents, child.first_hash, child.last_hash) == (("low",), 0, HALF)
        closed = await store.read(journal.find_shard, "j", "low")
        assert closed is not None
        assert not closed.is_open
        number = await store.write(put, "j", "d", HALF)
        assert closed.ends is not None
        assert closed.ends < number
        assert closed.ends <= child.starts < number
        assert (await store.read(of, closed), await store.read(of, child)) == (["a", "c"], ["d"])
        assert [each.name for each in await store.read(journal.shards, "j")] == ["low", "high", "low child"]
        await store.write(journal.close_shard, high)
        assert await store.read(journal.place, "j", HASHES_MAX) is None


async def test_who_appends_while_shards_roll_loses_nothing_and_is_in_order(open_journals: OpenStore) -> None:
    async with open_journals() as store:
        await store.write(journal.open_shard, "j", "0")
        appended: list[int] = []

        async def append(count: int) -> None:
            for _ in range(count):
                appended.append(await store.write(put, "j", "x"))

        def roll(tx: Tx, name: str) -> None:
            (shard,) = journal.open_shards(tx, "j")
            journal.roll(tx, shard, name)

        async def rolls(count: int) -> None:
            for number in range(count):
                await store.write(roll, str(number + 1))

        await asyncio.gather(rolls(10), *(append(15) for _ in range(8)))
        shards = await store.read(journal.shards, "j")
        found = [[entry.seq for entry in await store.read(journal.read, each, each.starts, 1000)] for each in shards]
        assert [seq for numbers in found for seq in numbers] == sorted(appended)
        for shard, numbers in zip(shards, found, strict=True):
            assert not numbers or shard.starts < numbers[0]
            assert shard.ends is None or not numbers or shard.ends == numbers[-1]
        assert [each.parents for each in shards] == [(), *((each.name,) for each in shards[:-1])]


async def test_what_is_read_at_once_has_bounds_but_is_never_nothing(open_journals: OpenStore) -> None:
    async with open_journals() as store:
        shard = await store.write(journal.open_shard, "j", "s")
        await store.write(put_all, "j", limits.JOURNAL_SLICE + 5)
        every = await store.read(journal.read, shard, shard.starts, 10**6)
        assert [entry.body for entry in every] == [b"%d" % number for number in range(limits.JOURNAL_SLICE + 5)]
        assert len(await store.read(journal.read, shard, shard.starts, 3)) == 3
        assert len(await store.read(journal.read, shard, shard.starts, 100, 4)) == 4
        assert len(await store.read(journal.read, shard, shard.starts, 100, 0)) == 1
        assert await store.read(journal.read, shard, every[-1].seq, 100) == []
        for count, size, found in ((6, 20, 5), (6, 19, 4), (5, 20, 5), (4, 20, 4)):
            last, is_cut = await store.read(journal.portion, shard, every[-6].seq, count, size)
            assert (len(last), is_cut) == (found, (count, size) != (6, 20))


async def test_a_moment_is_found_and_what_is_older_is_gone_at_once(open_journals: OpenStore, clock: Clock) -> None:
    async with open_journals() as store:
        shard = await store.write(journal.open_shard, "j", "s")
        other = await store.write(journal.open_shard, "another", "s")
        moments = []
        for number in range(9):
            moments.append(clock.now())
            await store.write(put, "j", str(number))
            await store.write(put, "another", "x")
            clock.advance(10)
        for number, moment in enumerate(moments):
            after = await store.read(journal.before, shard, moment)
            assert await store.read(of, shard, after) == [str(each) for each in range(number, 9)]
            assert await store.read(of, shard, since=moment) == [str(each) for each in range(number, 9)]
        assert await store.read(of, shard, await store.read(journal.before, shard, clock.now())) == []
        assert not await store.write(journal.expire, "j", moments[4])
        assert await store.read(of, shard) == list("45678")
        assert await store.read(of, other) == ["x"] * 9


async def test_an_open_shard_outlives_its_entries_and_a_closed_one_goes_with_them(
    open_journals: OpenStore, clock: Clock
) -> None:
    async with open_journals() as store:
        shard = await store.write(journal.open_shard, "j", "s")
        last = await store.write(put, "j", "old")
        clock.advance(100)
        await store.write(journal.expire, "j", clock.now())
        assert await store.read(of, shard) == []
        number = await store.write(put, "j", "new")
        assert number > last, "a number was given twice"
        assert await store.read(of, shard, last) == ["new"]
        await store.write(journal.roll, shard, "child")
        clock.advance(1)
        await store.write(journal.expire, "j", clock.now() - 50)
        assert [each.name for each in await store.read(journal.shards, "j")] == ["s", "child"]
        await store.write(journal.expire, "j", clock.now())
        assert [each.name for each in await store.read(journal.shards, "j")] == ["child"]
        assert await store.read(of, shard) == []


async def test_much_goes_in_portions(open_journals: OpenStore, clock: Clock) -> None:
    async with open_journals() as store:
        kept = await store.write(journal.open_shard, "kept", "s")
        await store.write(put, "kept", "x")
        for drop in (journal.drop, lambda tx, name: journal.expire(tx, name, clock.now())):
            shard = await store.write(journal.open_shard, "j", "s")
            await store.write(put_all, "j", limits.JOURNAL_DROPPED_AT_ONCE + 1)
            await store.write(journal.close_shard, shard)
            clock.advance(1)
            assert await store.write(drop, "j")
            assert not await store.write(drop, "j")
            assert await store.read(journal.shards, "j") == []
        assert await store.read(of, kept) == ["x"]


async def test_no_more_large_entries_are_read_than_there_is_room_for(
    open_journals: OpenStore,
) -> None:
    asked: list[int] = []

    def read(tx: Tx, shard: Shard) -> int:
        class Watched:
            def one(self, sql: str, *args: Any) -> Any:
                return tx.one(sql, *args)

            def all(self, sql: str, *args: Any) -> Any:
                rows = tx.all(sql, *args)
                asked.append(len(rows))
                return rows

        return len(journal.read(Watched(), shard, shard.starts, 1000, 50_000))  # type: ignore[arg-type] # all it needs

    def fill(tx: Tx) -> None:
        for _ in range(200):
            put(tx, "j", "x" * 1000)

    async with open_journals() as store:
        shard = await store.write(journal.open_shard, "j", "s")
        await store.write(fill)
        assert await store.read(read, shard) == 50
    assert sum(asked) < 60
