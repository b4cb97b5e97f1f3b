"""When a batch is due, how large it is, and what becomes of what there is no room for."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from wakeful import limits
from wakeful.environments.telemetry_buffer import Buffer, Record, Room, encoded, platform

BYTES = limits.TELEMETRY_RECORD_BYTES


def line(text: str = "") -> Record:
    return Record(0.0, "function", text)


def buffer(items: int = 3, size: int = 1000, timeout_s: float = 5.0, room: int = 1 << 20) -> Buffer:
    return Buffer(items, size, timeout_s, Room(room))


def test_a_batch_is_due_when_its_first_record_is_old() -> None:
    waiting = buffer()
    assert waiting.due_at is None
    waiting.add(line(), 10.0)
    waiting.add(line(), 12.0)
    assert waiting.due_at == 15.0


def test_a_batch_is_due_when_it_is_full() -> None:
    by_count, by_size = buffer(items=2), buffer(size=2 * BYTES)
    for waiting in (by_count, by_size):
        waiting.add(line(), 10.0)
        assert waiting.due_at == 15.0
        waiting.add(line(), 10.0)
        assert waiting.due_at == 0.0


def test_what_is_flushed_is_due_and_what_comes_after_is_not() -> None:
    waiting = buffer(items=3)
    for _ in range(2):
        waiting.add(line(), 1.0)
    waiting.flush()
    assert waiting.due_at == 0.0
    waiting.take()
    waiting.settle()
    waiting.add(line(), 2.0)
    assert waiting.due_at == 7.0


def test_a_record_that_is_larger_than_a_batch_is_one() -> None:
    waiting = buffer(size=300)
    assert waiting.add(line("x" * 1000), 0.0)
    waiting.add(line("y"), 0.0)
    assert [record.text[0] for record in waiting.take()] == ["x"]


def test_there_is_an_end_to_what_waits_and_what_was_lost_is_told() -> None:
    waiting = buffer(items=2, size=10_000)
    kept = [waiting.add(line(str(number)), 0.0) for number in range(7)]
    assert kept == [True] * 4 + [False] * 3
    assert [record.text for record in waiting.take()] == ["0", "1"]
    waiting.settle()
    waiting.confess(1.0, 1.0)
    waiting.confess(1.0, 1.0)  # once
    waiting.take()
    waiting.settle()
    (told,) = waiting.take()
    assert json.loads(encoded(told, has_objects=False))["record"] == {
        "droppedBytes": 3 * (BYTES + 1),
        "droppedRecords": 3,
        "reason": "Some logs were dropped because the downstream consumer is slower than the logs production rate",
    }


def test_lines_after_one_that_was_lost_are_lost_with_it_and_counted() -> None:
    waiting = buffer(items=2, size=10_000)
    assert waiting.add_lines(0.0, "function", [str(number) for number in range(100)], 0.0)
    assert not waiting.add_lines(0.0, "function", ["more"], 0.0)
    assert not waiting.add_lines(0.0, "function", [], 0.0)
    assert (len(waiting), waiting._lost_records) == (4, 97)


def test_a_batch_that_was_given_up_is_told_as_lost() -> None:
    waiting = buffer()
    waiting.add(line(), 0.0)
    waiting.take()
    waiting.settle(is_lost=True)
    for _ in range(2):  # and is told again where that was lost, too
        waiting.confess(0.0, 0.0)
        (told,) = waiting.take()
        assert json.loads(told.text)["droppedRecords"] == 1
        waiting.settle(is_lost=True)


def test_all_subscribers_of_an_environment_share_one_room() -> None:
    room = Room(3 * BYTES)
    one, other = (Buffer(10, 10_000, 1.0, room) for _ in range(2))
    assert one.add(line(), 0.0) and other.add(line(), 0.0) and one.add(line(), 0.0)
    assert not other.add(line(), 0.0)
    one.take()
    assert not other.add(line(), 0.0)  # it counts until it is delivered
    one.settle()
    assert other.add(line(), 0.0)
    other.empty()
    assert room.left_bytes == 3 * BYTES


@given(
    some.lists(some.tuples(some.sampled_from(["add", "take", "lose", "flush", "confess"]), some.integers(0, 2000))),
    some.integers(1, 4),
    some.integers(200, 2000),
)
def test_whatever_happens_order_and_bounds_hold(steps: list[tuple[str, int]], items: int, size: int) -> None:
    room = Room(6000)
    waiting = Buffer(items, size, 1.0, room)
    came: list[str] = []
    gone: list[str] = []
    lost = told = 0
    for count, (step, length) in enumerate(steps):
        if step == "add":
            text = f"{count}-" + "x" * length
            if waiting.add(line(text), float(count)):
                came.append(text)
            else:
                lost += 1
        elif step == "flush":
            waiting.flush()
        elif step == "confess":
            waiting.confess(0.0, float(count))
        elif len(waiting):
            batch = waiting.take()
            assert 1 <= len(batch) <= items
            assert len(batch) == 1 or sum(record.size for record in batch) <= size
            told += sum(json.loads(record.text)["droppedRecords"] for record in batch if record.is_json)
            gone += [record.text for record in batch if not record.is_json]
            if step == "lose":
                lost += sum(not record.is_json for record in batch)
                told -= sum(json.loads(record.text)["droppedRecords"] for record in batch if record.is_json)
            waiting.settle(is_lost=step == "lose")
        assert len(waiting) <= 2 * items
        assert 0 <= room.left_bytes <= 6000
        assert (waiting.due_at is None) == (len(waiting) == 0)
    assert gone == came[: len(gone)]
    assert told <= lost
    waiting.empty()
    assert room.left_bytes == 6000
    assert waiting.is_empty


@pytest.mark.parametrize(
    ("text", "as_object", "record"),
    [
        ('{"level": "INFO"}\n', True, {"level": "INFO"}),
        ('{"level": "INFO"}\n', False, '{"level": "INFO"}\n'),
        ("plain\n", True, "plain\n"),
        ('["no object"]\n', True, '["no object"]\n'),
        ('{"broken": \n', True, '{"broken": \n'),
        ('{"odd": NaN}', True, '{"odd": NaN}'),
        ('{"half": "\\ud800"}', True, '{"half": "\\ud800"}'),
        ('{"long": 12345678901234567890123}', True, {"long": 12345678901234567890123}),
        ('{"two": 1} {"two": 2}', True, '{"two": 1} {"two": 2}'),
        ('{"lines":\r\n1}', True, {"lines": 1}),
        ('{"a":' * 100_000, True, '{"a":' * 100_000),
        ("tab\t\u00fc\u0000\n", True, "tab\t\u00fc\u0000\n"),
    ],
)
def test_what_was_printed_is_a_string_or_an_object(text: str, as_object: bool, record: Any) -> None:
    sent = encoded(Record(1_665_532_800.5, "function", text), has_objects=as_object)
    assert b"\n" not in sent
    assert json.loads(sent) == {"time": "2022-10-12T00:00:00.500Z", "type": "function", "record": record}


def test_a_platforms_record_is_what_it_is() -> None:
    record = platform(0.0, "platform.fault", "words")
    assert json.loads(encoded(record, has_objects=True))["record"] == "words"
