"""Sequence numbers, as rules."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.examples import examples
from wakeful.fabric.journal import HASHES_MAX, Shard
from wakeful.services.kinesis import sequences

numbers = st.integers(0, 2**63 - 1)
moments = st.floats(0, 2**35)


def shard(number: int, opened: float, starts: int = 0, closed: float | None = None, ends: int | None = None) -> Shard:
    name = sequences.shard_name(number)
    return Shard(1, "j", name, (), 0, HASHES_MAX, opened, closed, starts, ends)


@examples(100)
@given(st.integers(0, 2**31 - 1), moments, numbers, moments)
def test_what_a_number_says_can_be_read_from_it(number: int, opened: float, entry: int, at: float) -> None:
    text = sequences.text(shard(number, opened), entry, at)
    assert sequences.parse(text) == (int(opened), entry, int(at), number)
    assert len(text) == 56


@examples(100)
@given(st.integers(0, 2**31 - 1), moments, st.lists(numbers, min_size=2, max_size=2, unique=True), moments)
def test_numbers_of_a_shard_are_ordered_as_its_entries(number: int, opened: float, two: list[int], at: float) -> None:
    first, second = (int(sequences.text(shard(number, opened), entry, at)) for entry in sorted(two))
    assert first < second


@examples(100)
@given(st.integers(0, 2**30), st.integers(1, 100), moments, st.floats(0, 10_000), numbers)
def test_a_child_begins_behind_the_end_of_its_parent(
    number: int, later: int, opened: float, lived: float, ends: int
) -> None:
    parent = shard(number, opened, closed=opened + lived, ends=ends)
    child = shard(number + later, opened + lived, starts=ends)
    ending = int(sequences.ending(parent) or 0)
    assert int(sequences.text(parent, ends, opened + lived)) <= ending < int(sequences.starting(child))


def test_a_closed_shard_ends_with_the_number_that_it_ends_with_on_aws() -> None:
    """As recorded there: nothing of the entry's number is left out, whatever the shard had."""
    recorded = "49549167410956685081233009822320176730553508082787287058"
    ended = shard(1, 1427390930.5, closed=1427748984.2, ends=17)  # what is recorded was opened in the second after
    assert sequences.ending(ended) == recorded


@examples(50)
@given(st.integers(0, 10**57))
def test_what_is_read_from_any_number_is_nothing_or_what_it_says(number: int) -> None:
    said = sequences.parse(str(number))
    assert said is None or (0 <= said.entry < 2**63 and 0 <= said.shard < 2**31)


def test_shards_are_called_by_their_numbers() -> None:
    assert sequences.shard_name(17) == "shardId-000000000017"
    assert [sequences.shard_number(name) for name in ("shardId-000000000017", "17", "x-17")] == [17, 17, 17]
    assert [sequences.shard_number(name) for name in ("shardId-", "shardId-x", "shardId-²", "9" * 13)] == [None] * 4
