"""Reading a lane: whatever the filters, lanes and sizes, every entry that is wanted is in one batch, in order."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.examples import examples
from tests.services.lambda_.stream_stage import Journals, data_of
from wakeful import limits
from wakeful.fabric.journal import Entry, Shard
from wakeful.fabric.trace import Trace
from wakeful.services.lambda_.sources.mappings import SourceMapping
from wakeful.services.lambda_.sources.streams import progress, reading
from wakeful.services.lambda_.sources.streams.checkpoints import Checkpoint, LaneKey, Window
from wakeful.services.lambda_.sources.streams.reading import Lane, Reader
from wakeful.services.lambda_.sources.streams.run import Task

ARN = "arn:aws:kinesis:us-east-1:000000000000:stream/s"
SHARD = Shard(1, ARN, "s0", (), 0, 1, 0.0, None, 0, None)
PATTERN = '{"data": {"wanted": [true]}}'


def mapping(size: int, *, is_filtered: bool = False, window_s: int = 0) -> SourceMapping:
    config: dict[str, Any] = {"BatchSize": size, "TumblingWindowInSeconds": window_s}
    if is_filtered:
        config["FilterCriteria"] = {"Filters": [{"Pattern": PATTERN}]}
    return SourceMapping("m", "0" * 12, "us-east-1", "f", ARN, config, "Enabled", "", 0.0)


def entry(number: int, key: str, data: str, at: float = 0.0) -> Entry:
    body = f"{key}|{data}".encode()
    return Entry(number, 1, at, len(body), body, Trace("1-t"))


def read(entries: list[Entry], lane: Lane, reader: Reader) -> list[list[reading.Piece]]:
    """The batches that a follower would run, one after the other, all of which go well."""
    batches: list[list[reading.Piece]] = []
    while True:
        wanted = lane.wants(reader.mapping.batch_size, is_filtered=reader.is_filtered)
        next_ones = [each for each in entries if each.seq > lane.cursor][:wanted]
        reading.look(lane, next_ones, len(next_ones) == wanted, reader, "role", 0.0)
        if lane.has_more and not lane.is_full:
            continue
        if not lane.gathered:
            return batches
        batches.append(lane.gathered)
        lane.checkpoint = progress.succeeded(lane.checkpoint, lane.end)
        lane.again()


@given(
    st.lists(st.tuples(st.sampled_from("abcdefgh"), st.booleans()), max_size=60),
    st.integers(1, 5),
    st.integers(1, 9),
    st.booleans(),
)
@examples(200)
def test_every_entry_that_is_wanted_is_in_one_batch_of_its_keys_lane_in_order(
    written: list[tuple[str, bool]], lanes: int, size: int, is_filtered: bool
) -> None:
    entries = [
        entry(number, key, json.dumps({"wanted": is_wanted}))
        for number, (key, is_wanted) in enumerate(written, start=1)
    ]
    reader = Reader(cast("Any", Journals()), mapping(size, is_filtered=is_filtered))
    found = []
    for each in range(lanes):
        key = LaneKey("s0", each, lanes)
        batches = read(entries, Lane(key, SHARD, Checkpoint(0)), reader)
        numbers = [piece.number for batch in batches for piece in batch]
        assert numbers == sorted(numbers)
        assert all(key.has(written[number - 1][0]) for number in numbers)
        assert all(len(batch) == size for batch in batches[:-1])
        assert all(0 < len(batch) <= size for batch in batches)
        found += numbers
    wanted = [each for each, (_, is_wanted) in enumerate(written, start=1) if is_wanted or not is_filtered]
    assert sorted(found) == wanted


@given(st.lists(st.floats(0, 100), max_size=30), st.integers(1, 30))
@examples(100)
def test_a_batch_is_of_one_tumbling_window(moments: list[float], window_s: int) -> None:
    entries = [entry(number, "k", "x", at) for number, at in enumerate(sorted(moments), start=1)]
    batches = read(entries, Lane(LaneKey("s0", 0, 1), SHARD, Checkpoint(0)), _reader(window_s))
    assert [len({piece.at // window_s for piece in batch}) for batch in batches] == [1] * len(batches)
    assert sum(map(len, batches)) == len(moments)


def _reader(window_s: int) -> Reader:
    return Reader(cast("Any", Journals()), mapping(10, window_s=window_s))


@pytest.mark.parametrize(("state_bytes", "sizes"), [(0, [4, 4, 4, 4, 3]), (1_000_000, [3, 3, 3, 3, 3, 3, 1])])
def test_an_event_is_never_larger_than_lambda_takes(state_bytes: int, sizes: list[int]) -> None:
    entries = [entry(number, "k", "x" * 1_000_000) for number in range(1, 20)]
    made = mapping(100, window_s=900 if state_bytes else 0)
    window = Window(0.0, 900.0, "s" * state_bytes) if state_bytes else None
    batches = read(entries, Lane(LaneKey("s0", 0, 1), SHARD, Checkpoint(0)), Reader(cast("Any", Journals()), made))
    events = [Task(made, "s0", batch, window).event() for batch in batches]
    assert all(len(event) <= limits.LAMBDA_SYNCHRONOUS_BYTES_MAX for event in events)
    assert [len(batch) for batch in batches] == sizes


def test_filters_see_data_as_json_and_what_kinesis_keeps_beside_it() -> None:
    reader = Reader(cast("Any", Journals()), mapping(1, is_filtered=True))
    wanted = reader.piece(SHARD, entry(1, "k", '{"wanted": true}'), "role")
    assert wanted is not None
    assert data_of({"Records": [json.loads(wanted.record)]}) == ['{"wanted": true}']
    for data in ('{"wanted": false}', "no json", "", "[]"):
        assert reader.piece(SHARD, entry(1, "k", data), "role") is None
    broken = replace(entry(1, "k", ""), body=b'k|{"wanted": true, "x": "\xff"}')
    assert reader.piece(SHARD, broken, "role") is None
