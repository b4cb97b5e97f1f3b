"""Recordings: packed and unpacked as they were, bounded in bytes and in age, and fair between those who have them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import OpenStore
from wakeful import limits
from wakeful.clock import Clock
from wakeful.store import recordings
from wakeful.store.recordings import Recorder, Recording, Room
from wakeful.store.telemetry import RECORDED, Note, Telemetry

KB = 1024


def arn(name: str, account: str = "000000000000") -> str:
    return f"arn:aws:lambda:us-east-1:{account}:function:{name}"


def recording(request_id: str = "r", function: str = "f", at: float = 1.0, size: int = 10, **more: Any) -> Recording:
    given = {
        "kind": "RequestResponse",
        "source": "",
        "tenant": None,
        "client_context": None,
        "replay_of": None,
        "is_failed": False,
        "event": noise(size),
        "answer": b"",
        **more,
    }
    return Recording(request_id, function if function.startswith("arn:") else arn(function), at, **given)


def noise(size: int) -> bytes:
    """Bytes that cannot be compressed."""
    import hashlib

    return b"".join(hashlib.sha256(b"%d" % n).digest() for n in range(size // 32 + 1))[:size]


def run_of(each: Recording) -> Note:
    return Note(each.request_id, "t", None, 0, "run", "f", each.function, each.account, each.at, 1.0)


@pytest.fixture
async def telemetry(open_store: OpenStore, clock: Clock) -> AsyncIterator[Telemetry]:
    async with open_store("telemetry") as store:
        yield Telemetry(store, clock)


async def record(telemetry: Telemetry, *given: Recording) -> None:
    for each in given:
        telemetry.note(run_of(each))
        telemetry.recorder.add(each)
    await telemetry.flush()


texts = st.none() | st.text(max_size=20)
some_recordings = st.lists(
    st.builds(
        Recording,
        *(st.text(max_size=8), st.just(arn("f")), st.floats(0, 1e10), st.text(max_size=8), st.text(max_size=8)),
        *(texts, texts, texts, st.booleans(), st.binary(max_size=50), st.none() | st.binary(max_size=50)),
    ),
    max_size=8,
)


@given(some_recordings)
def test_what_was_packed_is_unpacked_as_it_was(given: list[Recording]) -> None:
    packed = recordings.pack(given)
    assert recordings.unpack(packed) == given
    assert recordings.unpack_heads(packed) == [each._replace(event=b"", answer=None) for each in given]


def test_a_list_does_not_decompress_what_it_does_not_tell() -> None:
    given = [recording(str(number), size=100 * KB) for number in range(3)]
    beginning = recordings.pack(given)[: 4 * KB]
    assert [each.request_id for each in recordings.unpack_heads(beginning)] == ["0", "1", "2"]


async def test_a_run_leads_to_its_event_and_its_answer(telemetry: Telemetry, clock: Clock) -> None:
    now = clock.now()
    first = recording("a", at=now, event=b'{"a":1}', answer=b"\xff", is_failed=True)
    await record(telemetry, first, recording("b", at=now))
    (run,) = await telemetry.attempts_of("a")
    assert RECORDED in run.detail
    assert await telemetry.recording(run) == first
    assert await telemetry.still_recorded([run]) == {"a"}
    assert await telemetry.attempts_of("nobody") == []


async def test_of_an_event_that_was_tried_again_the_last_try_comes_first(telemetry: Telemetry, clock: Clock) -> None:
    now = clock.now()
    for at, answer in ((now - 60, b"1"), (now, b"2")):
        await record(telemetry, recording("a", at=at, answer=answer))
    runs = await telemetry.attempts_of("a")
    assert [run.at for run in runs] == [now, now - 60]
    kept = [await telemetry.recording(run) for run in runs]
    assert [each and each.answer for each in kept] == [b"2", b"1"]


async def test_the_latest_of_a_function_are_listed_or_those_that_failed(telemetry: Telemetry, clock: Clock) -> None:
    now = clock.now()
    for number in range(6):
        await record(telemetry, recording(str(number), at=now + number, is_failed=number % 2 == 0))
    await record(telemetry, recording("again", at=now + 7, is_failed=True, replay_of="0"))
    await record(telemetry, recording("other", "g", at=now + 8, is_failed=True))

    async def listed(since: float, count: int, *, failed: bool) -> list[str]:
        return [each.request_id for each in await telemetry.recorded(arn("f"), since, count, failed=failed)]

    assert await listed(0, 3, failed=False) == ["5", "4", "3"]
    assert await listed(0, 9, failed=True) == ["4", "2", "0"]
    assert await listed(now + 1, 9, failed=True) == ["4", "2"]


async def test_a_flood_of_one_function_drives_out_its_own(open_store: OpenStore, clock: Clock) -> None:
    async with open_store("telemetry") as store:
        telemetry = Telemetry(store, clock, Room(bytes_max=100 * KB))
        now = clock.now()
        quiet = [recording(f"quiet{n}", "quiet", now, 10 * KB) for n in range(2)]
        await record(telemetry, *quiet)
        for n in range(40):
            await record(telemetry, recording(f"loud{n}", "loud", now + n, 10 * KB))
        assert await store.read(recordings.used) <= 100 * KB
        assert len(await telemetry.recorded(arn("quiet"), 0, 9, failed=False)) == 2
        loud = [each.request_id for each in await telemetry.recorded(arn("loud"), 0, 99, failed=False)]
        assert loud == [f"loud{n}" for n in range(39, 39 - len(loud), -1)]
        assert 6 <= len(loud) <= 8
        run = (await telemetry.attempts_of("loud0"))[0]
        assert await telemetry.recording(run) is None
        assert await telemetry.still_recorded([run]) == set()


async def test_an_account_with_many_functions_has_no_more_than_one_with_few(
    open_store: OpenStore, clock: Clock
) -> None:
    async with open_store("telemetry") as store:
        telemetry = Telemetry(store, clock, Room(bytes_max=100 * KB))
        now = clock.now()
        mine = [recording(f"m{n}", arn("mine", "111111111111"), now + n, 10 * KB) for n in range(4)]
        for each in mine:
            await record(telemetry, each)
        for n in range(60):
            await record(telemetry, recording(f"n{n}", arn(f"f{n % 20}", "222222222222"), now + n, 10 * KB))
        assert len(await telemetry.recorded(arn("mine", "111111111111"), 0, 9, failed=False)) == 4


async def test_what_is_too_old_is_gone(telemetry: Telemetry, clock: Clock) -> None:
    now = clock.now()
    await record(telemetry, recording("old", at=now))
    clock.advance(limits.RECORD_AGE_S - 10)
    await record(telemetry, recording("new", at=clock.now()))
    (old,) = await telemetry.attempts_of("old")
    assert await telemetry.recording(old) is not None
    clock.advance(20)
    assert await telemetry.recording(old) is None  # also before it is swept
    await telemetry.forget_recordings()
    assert await telemetry._store.read(recordings.kept, [old.detail[RECORDED]]) == set()
    assert [each.request_id for each in await telemetry.recorded(arn("f"), 0, 9, failed=False)] == ["new"]


async def test_who_wants_no_recordings_has_none_and_loses_those_there_were(open_store: OpenStore, clock: Clock) -> None:
    async with open_store("telemetry") as store:
        await record(Telemetry(store, clock), recording("a", at=clock.now()))
        off = Telemetry(store, clock, Room(bytes_max=0))
        assert not off.recorder.is_on
        await off.forget_recordings()
        assert await store.read(recordings.used) == 0
        (run,) = await off.attempts_of("a")
        assert await off.recording(run) is None


async def test_what_is_freed_is_counted(open_store: OpenStore, clock: Clock) -> None:
    async with open_store("telemetry") as store:
        telemetry = Telemetry(store, clock)
        await record(telemetry, *[recording(f"a{n}", f"f{n % 3}", clock.now(), 300 * KB) for n in range(9)])
        before = await store.read(recordings.used)
        rows = await store.read(lambda tx: tx.all("SELECT sum(bytes) AS bytes FROM telemetry_recordings"))
        assert before == rows[0]["bytes"] > 9 * 300 * KB
        clock.advance(limits.RECORD_AGE_S + 1)
        await telemetry.forget_recordings()
        assert await store.read(recordings.used) == 0


def test_a_flood_leaves_room_in_memory_for_the_others() -> None:
    recorder = Recorder(Room())
    loud = recording("l", "loud", size=KB)
    for _ in range(2 * limits.RECORD_BUFFER_OF_ONE_BYTES_MAX // loud.size):
        recorder.add(loud)
    recorder.add(recording("q", "quiet"))
    taken = recorder.take()
    assert sum(each.size for each in taken[arn("loud")]) <= limits.RECORD_BUFFER_OF_ONE_BYTES_MAX
    assert len(taken[arn("quiet")]) == 1
    assert recorder.take() == {}


def test_the_largest_event_and_answer_that_there_are_fit() -> None:
    recorder = Recorder(Room())
    recorder.add(recording(event=bytes(limits.LAMBDA_SYNCHRONOUS_BYTES_MAX), answer=bytes(6 * KB * KB + 100)))
    assert [each.request_id for each in recorder.take()[arn("f")]] == ["r"]


def test_memory_has_an_end(caplog: pytest.LogCaptureFixture) -> None:
    recorder = Recorder(Room())
    each = recording(size=KB * KB)
    for number in range(100):
        recorder.add(replace_function(each, f"f{number}"))
    taken = recorder.take()
    assert sum(len(listed) for listed in taken.values()) == limits.RECORD_BUFFER_BYTES_MAX // each.size
    assert "invocations came faster than they could be recorded" in caplog.text


def replace_function(each: Recording, name: str) -> Recording:
    return each._replace(function=arn(name))


async def test_what_cannot_be_written_now_is_written_later(telemetry: Telemetry, clock: Clock) -> None:
    each = recording("a", at=clock.now())
    telemetry.note(run_of(each))
    telemetry.recorder.add(each)
    store, telemetry._store = telemetry._store, Broken()  # type: ignore[assignment]
    with pytest.raises(OSError):
        await telemetry.flush()
    telemetry._store = store
    (run,) = await telemetry.attempts_of("a")
    assert await telemetry.recording(run) == each


def test_what_comes_again_stands_before_what_has_come_since() -> None:
    recorder = Recorder(Room())
    recorder.add(recording("a", at=1.0))
    taken = recorder.take()
    recorder.add(recording("a", at=61.0))
    recorder.keep(taken)
    assert [[each.at for each in found] for found in recorder.take().values()] == [[1.0, 61.0]]


class Broken:
    """A store on a disk that is full."""

    async def write(self, *args: object, **more: object) -> None:
        raise OSError("full")


async def test_a_note_that_names_no_recording_leads_to_none(telemetry: Telemetry, clock: Clock) -> None:
    alone = replace(run_of(recording("a", at=clock.now())), detail={"cold": True})
    telemetry.note(alone)
    (run,) = await telemetry.attempts_of("a")
    assert run == alone
    assert await telemetry.recording(run) is None
