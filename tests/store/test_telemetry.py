"""Telemetry: notes and log events, written in batches and found by everyone who asks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from tests.conftest import OpenStore
from wakeful import limits
from wakeful.clock import Clock
from wakeful.store.telemetry import LogEvent, Note, Passage, Telemetry


@pytest.fixture
async def telemetry(open_store: OpenStore, clock: Clock) -> AsyncIterator[Telemetry]:
    async with open_store("telemetry") as store:
        yield Telemetry(store, clock)


def note(note_id: str, *, trace: str = "t", cause: str | None = None, at: float = 1.0, kind: str = "call") -> Note:
    return Note(note_id, trace, cause, 0, kind, "s3:PutObject", "b/k", "000000000000", at, 1.5, detail={"x": [1, None]})


async def test_a_story_is_told_in_order_of_time(telemetry: Telemetry) -> None:
    notes = [note("c", at=3.0, cause="b"), note("a", at=1.0), note("b", at=2.0, cause="a"), note("x", trace="other")]
    for each in notes:
        telemetry.note(each)
    assert await telemetry.notes_of("t") == sorted(notes[:3], key=lambda each: each.at)
    assert await telemetry.note_by_id("x") == notes[3]
    assert await telemetry.note_by_id("nobody") is None


async def test_the_latest_notes_come_first_and_can_be_narrowed(telemetry: Telemetry) -> None:
    for number in range(10):
        telemetry.note(note(str(number), at=float(number), kind="run" if number % 2 else "call"))
    found = await telemetry.recent_notes(kind="run", limit=3)
    assert [each.id for each in found] == ["9", "7", "5"]
    assert await telemetry.recent_notes(account="111111111111", limit=3) == []


async def test_old_notes_are_forgotten(telemetry: Telemetry) -> None:
    telemetry.note(note("old", at=1.0))
    telemetry.note(note("new", at=10.0))
    await telemetry.flush()
    await telemetry.forget_notes(5.0, 100)
    assert [each.id for each in await telemetry.notes_of("t")] == ["new"]


async def test_only_so_many_notes_are_kept(telemetry: Telemetry) -> None:
    for number in range(10):
        telemetry.note(note(str(number), at=float(number)))
    await telemetry.flush()
    await telemetry.forget_notes(0.0, 4)
    assert [each.id for each in await telemetry.notes_of("t")] == ["6", "7", "8", "9"]


async def test_a_resource_with_a_nul_in_its_name_is_told_on_every_engine(telemetry: Telemetry) -> None:
    telemetry.note(replace(note("a"), resource="b/k\0"))
    assert [each.resource for each in await telemetry.notes_of("t")] == ["b/k\N{REPLACEMENT CHARACTER}"]


async def test_too_many_unwritten_notes_push_out_the_oldest_and_that_is_told(
    telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(limits, "NOTE_BUFFER_MAX", 5)
    await telemetry.flush()
    small = Telemetry(telemetry._store, telemetry._clock)
    for number in range(8):
        small.note(note(str(number), at=float(number)))
    assert [each.id for each in await small.notes_of("t")] == ["3", "4", "5", "6", "7"]
    assert "3 notes" in caplog.text


async def test_log_events_find_room_again_when_those_before_are_written(telemetry: Telemetry) -> None:
    had_room = []
    for _ in range(limits.LOG_BUFFER_BYTES_MAX // 1_000_000 + 1):
        telemetry.log("log", "stream", [LogEvent(0, "x" * 1_000_000)])
        had_room.append(telemetry.has_room)
    await telemetry.flush()
    assert (had_room[0], had_room[-1], telemetry.has_room) == (True, False, True)
    assert await telemetry.log_names() == ["log"]


async def test_what_cannot_be_written_now_is_written_later(
    telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    write, failures = telemetry._store.write, [OSError("no space left on device")] * 3

    async def fail_first(*args: Any) -> Any:
        if failures:
            raise failures.pop()
        return await write(*args)

    monkeypatch.setattr(limits, "TELEMETRY_PAUSE_S", 0.01)
    monkeypatch.setattr(limits, "TELEMETRY_FLUSH_S", 0.01)
    monkeypatch.setattr(telemetry._store, "write", fail_first)
    telemetry.note(note("a"))
    telemetry.log("log", "stream", [LogEvent(1, "said")])
    running = asyncio.ensure_future(telemetry.run())
    while failures:  # noqa: ASYNC110 - nobody tells us
        await asyncio.sleep(0)
    assert [each.id for each in await telemetry.notes_of("t")] == ["a"]
    page = await telemetry.page(Passage("log"), count=10)
    assert [event.message for event in page.events] == ["said"]
    running.cancel()
    assert "no space left on device" in caplog.text


async def test_log_lines_that_cannot_be_written_do_not_fill_the_memory(
    telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(limits, "LOG_BUFFER_EVENTS_MAX", 5)
    telemetry.log("log", "stream", [LogEvent(number, str(number)) for number in range(4)])
    telemetry.log("log", "other", [LogEvent(9, "too many"), LogEvent(9, "and more")])
    page = await telemetry.page(Passage("log"), count=10)
    assert [event.message for event in page.events] == ["0", "1", "2", "3"]
    assert "2 lines of logs" in caplog.text
    telemetry.log("log", "other", [LogEvent(10, "room again")])
    page = await telemetry.page(Passage("log"), count=10)
    assert [event.message for event in page.events][-1] == "room again"
