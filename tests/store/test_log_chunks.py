"""Log events on disk: found in their order, page by page, in both directions; forgotten when they should be."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import OpenStore
from tests.examples import examples
from wakeful import limits
from wakeful.clock import Clock
from wakeful.store.log_chunks import Place, StoredEvent
from wakeful.store.telemetry import LogEvent, Passage, Telemetry


@pytest.fixture
async def telemetry(open_store: OpenStore, clock: Clock) -> AsyncIterator[Telemetry]:
    async with open_store("telemetry") as store:
        yield Telemetry(store, clock)


async def everything(telemetry: Telemetry, passage: Passage, count: int = 10_000) -> list[StoredEvent]:
    """All events of a passage, page by page."""
    found: list[StoredEvent] = []
    beyond = passage.beyond
    while True:
        page = await telemetry.page(
            Passage(passage.log, passage.streams, passage.start_ms, passage.end_ms, beyond, passage.backward),
            count=count,
        )
        found += page.events
        if page.is_last:
            return found
        assert page.events, "a page that is not the last one has events"
        beyond = page.events[-1].place


def messages(events: Sequence[StoredEvent]) -> list[str]:
    return [event.message for event in events]


async def test_events_are_read_in_order_of_time_whatever_order_they_came_in(telemetry: Telemetry) -> None:
    telemetry.log("g", "s1", [LogEvent(30, "c"), LogEvent(10, "a")])
    await telemetry.flush()
    telemetry.log("g", "s2", [LogEvent(20, "b")])
    telemetry.log("other", "s1", [LogEvent(15, "not mine")])
    found = await everything(telemetry, Passage("g"))
    assert [(each.timestamp_ms, each.stream, each.message) for each in found] == [
        (10, "s1", "a"),
        (20, "s2", "b"),
        (30, "s1", "c"),
    ]
    assert messages(await everything(telemetry, Passage("g", ["s1"], 10, 30))) == ["a"]
    assert messages(await everything(telemetry, Passage("g", ["s1", "s2"], backward=True))) == ["c", "b", "a"]
    assert await everything(telemetry, Passage("g", [])) == []


async def test_events_of_one_moment_keep_the_order_in_which_they_came(telemetry: Telemetry) -> None:
    telemetry.log("g", "s", [LogEvent(1, str(number)) for number in range(50)])
    telemetry.log("g", "s", [LogEvent(1, str(number)) for number in range(50, 60)])
    found = await everything(telemetry, Passage("g"))
    assert messages(found) == [str(number) for number in range(60)]
    assert len({each.place for each in found}) == 60


@examples(25, keeps_fixtures=True)
@given(
    batches=st.lists(
        st.tuples(st.sampled_from("stu"), st.lists(st.integers(0, 9_000_000), min_size=1, max_size=8)), max_size=30
    ),
    count=st.integers(1, 7),
    span=st.tuples(st.integers(0, 9_000_000), st.integers(0, 9_000_000)),
    backward=st.booleans(),
    streams=st.sampled_from([None, ["s"], ["t", "u"]]),
)
async def test_page_by_page_gives_what_one_look_at_everything_would(
    telemetry: Telemetry,
    batches: list[tuple[str, list[int]]],
    count: int,
    span: tuple[int, int],
    backward: bool,
    streams: list[str] | None,
) -> None:
    await telemetry.forget_log("g")
    start, end = sorted(span)
    expected = []
    for number, (stream, times) in enumerate(batches):
        await telemetry.put_events("g", stream, [LogEvent(time, f"{number}.{at}") for at, time in enumerate(times)])
        for at, time in enumerate(times):
            if start <= time < end and (streams is None or stream in streams):
                expected.append((time, number, at))
    expected.sort(reverse=backward)
    found = await everything(telemetry, Passage("g", streams, start, end, backward=backward), count)
    assert messages(found) == [f"{number}.{at}" for _, number, at in expected]


@pytest.mark.parametrize("backward", [False, True])
async def test_a_log_of_many_small_chunks_is_read_to_its_end(telemetry: Telemetry, backward: bool) -> None:
    hour_ms, chunks = limits.LOG_CHUNK_SPAN_MAX_MS + 1, limits.LOG_CHUNKS_AT_ONCE * 2
    telemetry.log("g", "s", [LogEvent(number * hour_ms, str(number)) for number in range(chunks)])
    telemetry.log("g", "t", [LogEvent(number * hour_ms, f"{number} too") for number in range(chunks)])
    found = await everything(telemetry, Passage("g", backward=backward))
    expected = [line for number in range(chunks) for line in (str(number), f"{number} too")]
    assert messages(found) == (expected[::-1] if backward else expected)
    assert messages(await everything(telemetry, Passage("g", ["t"]))) == expected[1::2]


async def test_a_page_ends_with_its_bytes_but_has_at_least_one_event(telemetry: Telemetry) -> None:
    telemetry.log("g", "s", [LogEvent(number, "x" * 1000) for number in range(5)])
    page = await telemetry.page(Passage("g"), count=100, bytes_max=2500)
    assert (len(page.events), page.is_last) == (2, False)
    page = await telemetry.page(Passage("g"), count=100, bytes_max=10)
    assert len(page.events) == 1


async def test_reading_goes_on_beyond_a_place_even_where_later_events_arrive(telemetry: Telemetry) -> None:
    telemetry.log("g", "s", [LogEvent(10, "a"), LogEvent(20, "b")])
    (first,) = (await telemetry.page(Passage("g"), count=1)).events
    telemetry.log("g", "s", [LogEvent(15, "between"), LogEvent(5, "too late")])
    assert messages(await everything(telemetry, Passage("g", beyond=first.place))) == ["between", "b"]
    assert messages(await everything(telemetry, Passage("g", beyond=first.place, backward=True))) == ["too late"]
    assert await everything(telemetry, Passage("g", beyond=Place(0, 0, 0), backward=True)) == []


async def test_events_far_apart_or_large_are_stored_apart(telemetry: Telemetry) -> None:
    apart = limits.LOG_CHUNK_SPAN_MAX_MS + 1
    await telemetry.put_events("g", "s", [LogEvent(0, "a"), LogEvent(apart, "b"), LogEvent(apart + 1, "c")])
    large = "x" * (limits.LOG_CHUNK_BYTES_MAX // 2)
    await telemetry.put_events("g", "s", [LogEvent(apart + 2, large), LogEvent(apart + 3, large)])
    found = await everything(telemetry, Passage("g"))
    assert len({each.place.chunk for each in found}) == 4
    assert [each.timestamp_ms for each in found] == [0, apart, apart + 1, apart + 2, apart + 3]


async def test_a_streams_extent_says_how_far_it_reaches(telemetry: Telemetry) -> None:
    telemetry.log("g", "s", [LogEvent(10, "a"), LogEvent(30, "bb")])
    await telemetry.flush()
    telemetry.log("g", "s", [LogEvent(5, "c")])
    telemetry.log("g", "t", [LogEvent(5, "ü")])
    extents = {each.stream: each for each in await telemetry.extents("g")}
    assert (extents["s"].first_ms, extents["s"].last_ms, extents["s"].stored_bytes) == (5, 30, 4 + 3 * 26)
    assert extents["t"].stored_bytes == 2 + 26
    assert await telemetry.extents_of("g", ["t", "nobody"]) == {"t": extents["t"]}
    assert await telemetry.stored_bytes(["g", "h"]) == {"g": 4 + 3 * 26 + 2 + 26, "h": 0}
    assert await telemetry.log_names() == ["g"]


async def test_events_are_forgotten_by_age_by_stream_and_all_together(telemetry: Telemetry) -> None:
    telemetry.log("g", "s", [LogEvent(10, "old")])
    await telemetry.flush()
    telemetry.log("g", "s", [LogEvent(30, "new")])
    telemetry.log("g", "t", [LogEvent(10, "t")])
    telemetry.log("h", "t", [LogEvent(10, "other")])
    await telemetry.flush()
    await telemetry.forget_older("g", before_ms=20)
    assert messages(await everything(telemetry, Passage("g"))) == ["new"]
    (left,) = await telemetry.extents("g")
    assert (left.stream, left.first_ms, left.stored_bytes) == ("s", 30, 29)
    await telemetry.forget_stream("g", "s")
    assert await everything(telemetry, Passage("g")) == []
    assert await telemetry.extents("g") == []
    await telemetry.forget_log("h")
    assert await telemetry.log_names() == []


async def test_what_came_in_before_a_moment_is_forgotten_whatever_its_own_time(
    telemetry: Telemetry, clock: Clock
) -> None:
    await telemetry.put_events("g", "s", [LogEvent(10, "before")])
    clock.advance(10)
    moment_ms = int(clock.now() * 1000)
    await telemetry.put_events("g", "s", [LogEvent(5, "after")])
    await telemetry.forget_put_before("g", moment_ms)
    assert messages(await everything(telemetry, Passage("g"))) == ["after"]
