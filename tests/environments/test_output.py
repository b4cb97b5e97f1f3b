"""What functions print, cut into log events."""

from __future__ import annotations

import asyncio
import os

from hypothesis import given
from hypothesis import strategies as some

from tests.environments.world import until
from wakeful import limits
from wakeful.environments.output import Lines, Output, Tail


@given(some.lists(some.binary(max_size=40).filter(lambda piece: 0xFF not in piece)))
def test_however_the_bytes_come_the_events_are_the_lines(pieces: list[bytes]) -> None:
    lines = Lines()
    events = [text for piece in pieces for text in lines.feed(piece)] + lines.end()
    whole = b"".join(pieces)
    assert events == [line.decode("utf-8", "replace") for line in _kept(whole)]


def _kept(whole: bytes) -> list[bytes]:
    *lines, rest = whole.split(b"\n")
    return [line + b"\n" for line in lines] + ([rest] if rest else [])


def test_a_byte_that_is_no_text_stands_for_a_newline_within() -> None:
    assert Lines().feed(b"one\xfftwo\n") == ["one\ntwo\n"]


def test_a_long_line_becomes_several_events_before_it_ends() -> None:
    size = limits.LOG_EVENT_BYTES_MAX
    lines = Lines()
    assert [len(text) for text in lines.feed(b"x" * (size * 2 + 10))] == [size, size]
    assert lines.feed(b"y\n") == ["x" * 10 + "y\n"]
    assert [len(text) for text in lines.feed(b"z" * size + b"\n")] == [size, 1]


async def test_a_drain_takes_what_was_written_before_it() -> None:
    reading, writing = _pipe()
    events: list[str] = []
    output = Output(reading, events.extend)
    os.write(writing, b"one\ntwo")
    output.drain()
    assert events == ["one\n", "two"]
    os.write(writing, b"\n")
    output.drain()
    assert events == ["one\n", "two", "\n"]
    output.close()
    output.close()
    os.close(writing)


async def test_lines_come_by_themselves_while_nobody_drains() -> None:
    reading, writing = _pipe()
    events: list[str] = []
    output = Output(reading, events.extend)
    os.write(writing, b"one\n")
    await until(lambda: events == ["one\n"])
    os.close(writing)
    await until(lambda: not output.is_open)
    output.drain()  # nothing is there, and nothing happens


async def test_what_there_is_no_room_for_waits_in_the_pipe() -> None:
    reading, writing = _pipe()
    os.set_blocking(writing, False)
    events: list[str] = []
    asked = 0

    def has_room() -> bool:
        nonlocal asked
        asked += 1
        return asked > 3

    output = Output(reading, events.extend, has_room)
    os.write(writing, b"one\n")
    await until(lambda: asked == 2)
    assert events == []
    await until(lambda: events == ["one\n"])
    output.close()
    os.close(writing)


async def test_a_pause_ends_with_the_output() -> None:
    reading, writing = _pipe()
    output = Output(reading, lambda texts: None, lambda: False)
    os.write(writing, b"one\n")
    await until(lambda: output._pause is not None)
    output.close()
    os.close(writing)
    await asyncio.sleep(2 * limits.OUTPUT_PAUSE_S)


async def test_a_writer_that_never_stops_does_not_hold_a_drain_for_ever() -> None:
    reading, writing = _pipe()
    os.set_blocking(writing, False)
    taken = 0

    def more(texts: list[str]) -> None:
        nonlocal taken
        taken += sum(map(len, texts))
        os.write(writing, b"x" * 1000 + b"\n")

    output = Output(reading, more)
    os.write(writing, b"start\n")
    output.drain()
    assert taken <= limits.OUTPUT_DRAIN_BYTES_MAX + limits.OUTPUT_READ_BYTES
    output.close()
    os.close(writing)
    await asyncio.sleep(0)


@given(some.lists(some.text(max_size=3000), max_size=30))
def test_the_tail_is_the_last_4_kilobytes(texts: list[str]) -> None:
    tail = Tail()
    for text in texts:
        tail.add([text])
    assert bytes(tail) == "".join(texts).encode()[-limits.LOG_TAIL_BYTES :]


def _pipe() -> tuple[int, int]:
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    return reading, writing
