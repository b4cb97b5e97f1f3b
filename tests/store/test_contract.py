"""The storage contract: what holds on every engine."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.conftest import OpenStore
from wakeful.store.tx import LockFirst, Outbox, Tx

TABLES = "CREATE TABLE IF NOT EXISTS test_rows(name TEXT PRIMARY KEY, n INTEGER NOT NULL, body BLOB)"


def add(tx: Tx, name: str, n: int = 0) -> str:
    tx.run("INSERT INTO test_rows(name, n) VALUES (?, ?)", name, n)
    return name


def increment(tx: Tx, name: str) -> int:
    tx.lock("test", name)
    row = tx.one("SELECT n FROM test_rows WHERE name = ?", name)
    assert row is not None
    tx.run("UPDATE test_rows SET n = ? WHERE name = ?", row["n"] + 1, name)
    return int(row["n"]) + 1


def add_to(tx: Tx, name: str, n: int) -> None:
    tx.lock("test", name)
    tx.add(
        "INSERT INTO test_rows(name, n) VALUES (?, ?) ON CONFLICT(name) DO UPDATE SET n = test_rows.n + excluded.n",
        *((name,), (n,)),
    )


def names(tx: Tx) -> list[str]:
    return [row["name"] for row in tx.all("SELECT name FROM test_rows ORDER BY name")]


def value(tx: Tx, name: str) -> int | None:
    row = tx.one("SELECT n FROM test_rows WHERE name = ?", name)
    return None if row is None else int(row["n"])


async def test_a_read_sees_every_write_that_was_answered_before_it(open_store: OpenStore) -> None:
    async with open_store(tables=TABLES) as store:
        for n in range(20):
            assert await store.write(add, f"row {n:02}") == f"row {n:02}"
            assert len(await store.read(names)) == n + 1


async def test_what_was_written_is_there_after_closing_and_opening(open_store: OpenStore) -> None:
    async with open_store(tables=TABLES) as store:
        await store.write(add, "kept")
    async with open_store(tables=TABLES) as store:
        assert await store.read(names) == ["kept"]


async def test_a_write_that_raises_leaves_nothing_behind_and_disturbs_no_other(open_store: OpenStore) -> None:
    def add_and_fail(tx: Tx, name: str) -> None:
        add(tx, name)
        raise ValueError(name)

    async with open_store(tables=TABLES) as store:
        jobs: list[Any] = []
        for n in range(50):
            jobs.append(store.write(add_and_fail if n % 2 else add, f"{n:02}"))
        outcomes = await asyncio.gather(*jobs, return_exceptions=True)
        assert [isinstance(outcome, ValueError) for outcome in outcomes] == [n % 2 == 1 for n in range(50)]
        assert await store.read(names) == [f"{n:02}" for n in range(0, 50, 2)]


async def test_a_savepoint_undoes_rows_wakes_and_notes_together(open_store: OpenStore) -> None:
    heard: list[Outbox] = []

    def half(tx: Tx) -> None:
        add(tx, "outer")
        tx.wake("outer")
        tx.note("outer")
        try:
            with tx.savepoint():
                add(tx, "inner")
                tx.wake("inner")
                tx.note("inner")
                with tx.savepoint():
                    add(tx, "innermost")
                raise ValueError
        except ValueError:
            add(tx, "after")

    async with open_store(tables=TABLES, on_commit=heard.append) as store:
        await store.write(half)
        assert await store.read(names) == ["after", "outer"]
    assert {name for outbox in heard for name in outbox.wakes} == {"outer"}
    assert [note for outbox in heard for note in outbox.notes] == ["outer"]


async def test_what_is_added_is_found_by_who_looks_and_not_twice(open_store: OpenStore) -> None:
    def add_and_look(tx: Tx, n: int) -> int | None:
        add_to(tx, "sum", 1)
        found = value(tx, "sum") if n % 5 == 0 else None
        add_to(tx, "sum", 1)
        return found

    async with open_store(tables=TABLES) as store:
        found = await asyncio.gather(*(store.write(add_and_look, n) for n in range(50)))
        assert await store.read(value, "sum") == 100
    assert all(each is not None and each % 2 == 1 for each in found[::5])


async def test_what_was_added_is_undone_with_its_savepoint_even_if_somebody_looked(open_store: OpenStore) -> None:
    def half(tx: Tx, *, looks: bool) -> None:
        add_to(tx, "sum", 1)
        try:
            with tx.savepoint():
                add_to(tx, "sum", 10)
                if looks:
                    assert value(tx, "sum") in (11, 12)
                raise ValueError
        except ValueError:
            pass

    def fails(tx: Tx) -> None:
        add_to(tx, "sum", 100)
        value(tx, "sum")
        raise ValueError

    async with open_store(tables=TABLES) as store:
        await asyncio.gather(store.write(half, looks=True), store.write(half, looks=False))
        assert await store.read(value, "sum") == 2
        await asyncio.gather(store.write(half, looks=False), store.write(fails), return_exceptions=True)
        assert await store.read(value, "sum") == 3


async def test_what_is_known_of_a_table_is_forgotten_when_it_changes_or_its_change_is_undone(
    open_store: OpenStore,
) -> None:
    def look(tx: Tx) -> int | None:
        return tx.known("test_rows", value, "a")

    def look_and_change(tx: Tx) -> list[int | None]:
        tx.lock("test", "a")
        found = [look(tx)]
        try:
            with tx.savepoint():
                increment(tx, "a")
                found.append(look(tx))
                raise ValueError
        except ValueError:
            found.append(look(tx))
        return [*found, increment(tx, "a"), look(tx)]

    async with open_store(tables=TABLES) as store:
        assert await store.write(look) is None
        await store.write(add, "a", 7)
        changed = await asyncio.gather(*(store.write(look_and_change) for _ in range(3)))
    assert sorted(changed, key=str) == [[n, n + 1, n, n + 1, n + 1] for n in (7, 8, 9)]


async def test_an_inserted_row_tells_its_number(open_store: OpenStore) -> None:
    def insert(tx: Tx, name: str) -> int:
        return tx.insert("id", "INSERT INTO test_numbered(name) VALUES (?)", name)

    tables = "CREATE TABLE IF NOT EXISTS test_numbered(id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL)"
    async with open_store(tables=tables) as store:
        numbers = [await store.write(insert, "same") for _ in range(3)]
        found = await store.read(lambda tx: tx.all("SELECT id FROM test_numbered ORDER BY id"))
        assert [row["id"] for row in found] == numbers
    assert len(set(numbers)) == 3


async def test_nobody_is_woken_by_a_write_that_failed(open_store: OpenStore) -> None:
    heard: list[Outbox] = []

    def wake_and_fail(tx: Tx) -> None:
        tx.wake("nothing happened")
        raise ValueError

    async with open_store(tables=TABLES, on_commit=heard.append) as store:
        with pytest.raises(ValueError):
            await store.write(wake_and_fail)
        await store.write(add, "a later commit, so that the first one's wakes would be out")
    assert [name for outbox in heard for name in outbox.wakes] == []


async def test_a_wake_comes_only_after_the_row_can_be_read(open_store: OpenStore) -> None:
    seen: list[list[str]] = []
    woken = asyncio.Event()

    def add_and_wake(tx: Tx) -> None:
        add(tx, "there")
        tx.wake("come")

    async with open_store(tables=TABLES, on_commit=lambda outbox: woken.set()) as store:
        writing = asyncio.ensure_future(store.write(add_and_wake))
        await woken.wait()
        seen.append(await store.read(names))
        await writing
    assert seen == [["there"]]


async def test_locked_increments_from_many_callers_lose_nothing(open_store: OpenStore) -> None:
    async with open_store(tables=TABLES) as store:
        await store.write(add, "counter")
        results = await asyncio.gather(*(store.write(increment, "counter") for _ in range(200)))
        assert sorted(results) == list(range(1, 201))


async def test_changing_a_row_before_its_owner_is_locked_is_refused(open_store: OpenStore) -> None:
    def careless(tx: Tx, sql: str) -> None:
        tx.lock("work", "somebody else's")
        tx.run(sql)

    async with open_store(tables=TABLES) as store:
        await store.write(add, "mine")
        for sql in (
            "UPDATE test_rows SET n = 1",
            "DELETE FROM test_rows",
            "INSERT INTO test_rows(name, n) VALUES ('mine', 1) ON CONFLICT(name) DO UPDATE SET n = 1",
        ):
            with pytest.raises(LockFirst):
                await store.write(careless, sql)
        assert await store.read(value, "mine") == 0


async def test_a_reader_cannot_change_rows(open_store: OpenStore) -> None:
    async with open_store(tables=TABLES) as store:
        with pytest.raises(Exception, match=r"read-?only"):
            await store.read(add, "forbidden")
        assert await store.read(names) == []


async def test_a_rehearsed_write_counts_once(open_store: OpenStore) -> None:
    heard: list[Outbox] = []

    def note_and_increment(tx: Tx) -> int:
        tx.note("once")
        return increment(tx, "counter")

    async with open_store(tables=TABLES, on_commit=heard.append, rehearse=True) as store:
        await store.write(add, "counter")
        assert await store.write(note_and_increment) == 1
        assert await store.read(value, "counter") == 1
    assert [note for outbox in heard for note in outbox.notes] == ["once"]


async def test_text_is_ordered_by_its_bytes(open_store: OpenStore) -> None:
    keys = ["a", "B", "ä", "Z", "a/b", "a-b", "a b", "é", "\U0001f600", "\uffee", "0"]
    async with open_store(tables=TABLES) as store:
        for key in keys:
            await store.write(add, key)
        assert await store.read(names) == sorted(keys, key=str.encode)


async def test_bytes_and_large_numbers_come_back_as_they_went_in(open_store: OpenStore) -> None:
    body = bytes(range(256)) * 100

    def put(tx: Tx) -> None:
        tx.run("INSERT INTO test_rows(name, n, body) VALUES (?, ?, ?)", "b", 2**62, body)

    def get(tx: Tx) -> tuple[int, bytes]:
        row = tx.one("SELECT n, body FROM test_rows WHERE name = 'b'")
        assert row is not None
        return row["n"], bytes(row["body"])

    async with open_store(tables=TABLES) as store:
        await store.write(put)
        assert await store.read(get) == (2**62, body)


async def test_the_time_of_a_transaction_stands_still_and_is_the_nodes(open_store: OpenStore, clock: Any) -> None:
    def times(tx: Tx) -> tuple[float, float]:
        return tx.now, tx.now

    async with open_store(tables=TABLES) as store:
        first, second = await store.write(times)
        assert first == second
        clock.advance(3600)
        later, _ = await store.write(times)
        assert later >= first + 3600


async def test_a_closed_store_refuses_writes(open_store: OpenStore) -> None:
    async with open_store(tables=TABLES) as store:
        pass
    with pytest.raises(RuntimeError):
        await store.write(add, "late")


async def test_a_store_of_an_earlier_version_gains_the_columns_that_came_since(open_store: OpenStore) -> None:
    async with open_store(tables=TABLES) as store:
        await store.write(add, "old", 7)
    later = (
        TABLES.removesuffix(")")
        + ", share REAL NOT NULL DEFAULT (1.5), note TEXT, PRIMARY KEY (name, n), UNIQUE(n, name))"
    )
    later = (
        later.replace("TEXT PRIMARY KEY", "TEXT NOT NULL")
        + ";\nCREATE INDEX IF NOT EXISTS test_note ON test_rows(note)"
    )

    def rows(tx: Tx) -> list[tuple[Any, ...]]:
        found = tx.all("SELECT name, n, share, note FROM test_rows ORDER BY name")
        return [(row["name"], row["n"], row["share"], row["note"]) for row in found]

    for _ in range(2):  # and once it has them, nothing more
        async with open_store(tables=later) as store:
            assert await store.read(rows) == [("old", 7, 1.5, None)]
            columns = await store.read(lambda tx: tx.columns("test_rows"))
            assert columns == {"name", "n", "body", "share", "note"}
