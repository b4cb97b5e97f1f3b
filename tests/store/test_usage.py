"""What was used: exact sums that outlive the notes, on both engines."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import OpenStore
from tests.examples import examples
from wakeful import limits
from wakeful.clock import Clock
from wakeful.store import schema, usage
from wakeful.store import telemetry as telemetry_module
from wakeful.store.sqlite import SqliteStore
from wakeful.store.telemetry import Note, Telemetry
from wakeful.store.tx import Tx
from wakeful.store.usage import DAY_S, Batch, Consumer, Sum, Usage, Used

F = Consumer("000000000000", "us-east-1", "f", "1", '{"team":"photos"}')
G = Consumer("111111111111", "eu-west-1", "g", "$LATEST", "{}")


@pytest.fixture
async def telemetry(open_store: OpenStore, clock: Clock) -> AsyncIterator[Telemetry]:
    async with open_store("telemetry") as store:
        yield Telemetry(store, clock)


async def test_what_a_consumer_used_is_added_up_by_day_and_meter(telemetry: Telemetry) -> None:
    telemetry.usage.add(F, 1.0, {"Request": 1, "MB-ms": 128})
    telemetry.usage.add(F, DAY_S - 0.001, {"Request": 1, "MB-ms": 256})
    await telemetry.flush()
    telemetry.usage.add(F, 5.0, {"Request": 1})
    telemetry.note(Used(F, DAY_S, {"Request": 7}))
    telemetry.usage.add(G, 2.0, {"Request": 1})
    assert await telemetry.used(0, 1) == [
        *(Sum(F, 0, "MB-ms", 384), Sum(F, 0, "Request", 3), Sum(F, 1, "Request", 7), Sum(G, 0, "Request", 1)),
    ]
    assert await telemetry.used(1, 1) == [Sum(F, 1, "Request", 7)]
    assert await telemetry.used(0, 1, "111111111111") == [Sum(G, 0, "Request", 1)]


async def test_sums_of_any_size_are_exact(telemetry: Telemetry) -> None:
    for _ in range(3):
        telemetry.usage.add(F, 0.0, {"MB-ms": 2**60 + 1})
        await telemetry.flush()
    assert [each.units for each in await telemetry.used(0, 0)] == [3 * 2**60 + 3]


async def test_what_is_older_than_anybody_asks_for_is_forgotten(telemetry: Telemetry, clock: Clock) -> None:
    now = clock.now()
    telemetry.usage.add(F, now, {"Request": 1})
    telemetry.usage.add(F, now - limits.USAGE_RETENTION_S - DAY_S, {"Request": 1})
    await telemetry.flush()
    await telemetry.forget_usage()
    assert [each.day for each in await telemetry.used(0, 10**6)] == [now // DAY_S]


def note(number: int, at: float, units: int) -> Note:
    return Note(f"r{number}", f"t{number}", None, 0, "run", "f", "r", "000000000000", at, 1.0, detail={"units": units})


async def test_what_could_not_be_written_counts_once_however_often_it_is_tried(
    telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = telemetry._store.write
    fails = ["before", "after"]

    async def failing(work: Any, *args: Any) -> Any:
        if fails and fails.pop(0) == "before":
            raise OSError("the disk is full")
        await write(work, *args)
        if not fails:
            fails.append("never again")
            raise OSError("nobody heard that it was written")

    monkeypatch.setattr(telemetry._store, "write", failing)
    for number in range(2):
        telemetry.usage.add(F, 0.0, {"Request": 1})
        telemetry.note(note(number, 0.0, 1))
        with pytest.raises(OSError, match=r"full|heard"):
            await telemetry.flush()
    telemetry.usage.add(F, 0.0, {"Request": 1})
    telemetry.note(note(2, 0.0, 1))
    monkeypatch.setattr(telemetry._store, "write", write)
    assert [each.units for each in await telemetry.used(0, 0)] == [3]
    assert len(await telemetry.recent_notes(kind="run", limit=10)) == 3


async def test_nothing_is_dropped_when_notes_are(telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "NOTE_BUFFER_MAX", 3)
    monkeypatch.setattr(limits, "TELEMETRY_TRIES_MAX", 2)
    write = telemetry._store.write

    async def refusing(work: Any, *args: Any) -> Any:
        raise OSError("the disk is full")

    monkeypatch.setattr(telemetry._store, "write", refusing)
    for number in range(10):
        telemetry.usage.add(F, 0.0, {"Request": 1})
        telemetry.note(note(number, 0.0, 1))
    with pytest.raises(OSError, match="full"):
        await telemetry.flush()
    await telemetry.flush()  # gives the notes up
    monkeypatch.setattr(telemetry._store, "write", write)
    assert [each.units for each in await telemetry.used(0, 0)] == [10]
    assert await telemetry.recent_notes(kind="run", limit=10) == []


def test_so_many_failures_are_kept_apart_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "USAGE_BATCHES_MAX", 3)
    kept = Usage()
    for _ in range(7):
        kept.add(F, 0.0, {"Request": 1})
        batches = kept.take()
    assert [(batch.number, batch.sums[F, 0]["Request"]) for batch in batches] == [(1, 1), (2, 1), (7, 5)]
    kept.written(batches)
    assert kept.take() == []
    assert not kept.has_news


async def test_a_batch_is_counted_by_its_number(telemetry: Telemetry) -> None:
    first, second = Batch(1, {(F, 0): {"Request": 1}}), Batch(2, {(F, 0): {"Request": 10}})
    for batches in ([first], [first, second], [first, second], [second]):
        await telemetry._store.write(usage.put, "w", batches)
    await telemetry._store.write(usage.put, "another", [first])
    assert [each.units for each in await telemetry.used(0, 0)] == [12]


# --- the sum of the rows is the bill ---------------------------------------------------------------------------------

Steps = st.lists(
    st.one_of(
        st.tuples(st.just("run"), st.integers(0, 3), st.integers(1, 10**9)),
        st.tuples(st.sampled_from(["flush", "forget", "restart", "crash"]), st.integers(0, 3), st.just(0)),
    ),
    max_size=40,
)


@given(steps=Steps)
@examples(40)
def test_at_every_moment_the_rows_that_are_kept_and_those_that_were_dropped_are_the_sum(
    steps: list[tuple[str, int, int]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    asyncio.run(_live(steps, tmp_path_factory.mktemp("usage") / "telemetry.db"))


async def _live(steps: list[tuple[str, int, int]], path: Path) -> None:
    """Runs on four days; between them what is in memory is written or lost with a crash, and old notes are dropped."""
    clock = Clock()
    dropped: Counter[int] = Counter()
    store, telemetry = await _opened(path, clock)
    for number, (what, day, units) in enumerate(steps):
        if what == "run":
            telemetry.note(note(number, day * DAY_S + 1.5, units))
            telemetry.usage.add(F, day * DAY_S + 1.5, {"MB-ms": units})
        elif what == "flush":
            await telemetry.flush()
        elif what == "forget":
            rows, _ = await store.read(_both)
            dropped.update({at: units for at, units in rows.items() if at < day})
            await telemetry.forget_notes(float(day * DAY_S), 10**6)
        else:
            if what == "restart":
                await telemetry.flush()
            await store.close()
            store, telemetry = await _opened(path, clock)
        rows, sums = await store.read(_both)
        assert sums == rows + dropped
    await store.close()


async def _opened(path: Path, clock: Clock) -> tuple[SqliteStore, Telemetry]:
    store = SqliteStore(path, clock=clock.now, on_commit=lambda outbox: None, parts=None, rehearse=True)
    await store.write(schema.apply, {"telemetry": telemetry_module.SCHEMA})
    return store, Telemetry(store, clock)


def _both(tx: Tx) -> tuple[Counter[int], Counter[int]]:
    """By day, what the notes tell and what was added up: read in one transaction."""
    rows: Counter[int] = Counter()
    for each in telemetry_module._notes(tx, "WHERE kind = 'run'"):
        rows[int(each.at // DAY_S)] += each.detail["units"]
    return rows, Counter({each.day: each.units for each in usage.read(tx, 0, 10)})
