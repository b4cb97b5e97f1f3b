"""Ranges of hashes, as rules."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.examples import examples
from wakeful.fabric.journal import HASHES_MAX
from wakeful.services.kinesis import hashes
from wakeful.services.kinesis.hashes import Merge, Range, Split


def covered(ranges: list[Range]) -> bool:
    """Whether every hash is in one of them, and in no other."""
    begins = [0, *(each.last + 1 for each in ranges)]
    ends = [*(each.first for each in ranges), HASHES_MAX + 1]
    return begins == ends and all(each.first <= each.last for each in ranges)


def carried_out(ranges: list[Range], steps: list[Split | Merge]) -> list[Range]:
    there = list(ranges)
    for step in steps:
        old = there[step.place]
        if isinstance(step, Split):
            assert old.first + 1 < step.at < old.last
            there[step.place : step.place + 1] = [Range(old.first, step.at - 1), Range(step.at, old.last)]
        else:
            there[step.place : step.place + 2] = [Range(old.first, there[step.place + 1].last)]
    return there


def test_a_key_has_the_hash_that_md5_gives_it() -> None:
    assert hashes.of(b"a") == 0x0CC175B9C0F1B6A831C399E269772661


@examples(50)
@given(st.integers(1, 200))
def test_ranges_of_one_size_are_all_there_is(count: int) -> None:
    assert len(hashes.uniform(count)) == count
    assert covered(hashes.uniform(count))


@examples(50)
@given(st.integers(1, 60), st.lists(st.integers(1, 60), min_size=1, max_size=4))
def test_resized_again_and_again_ranges_stay_of_about_one_size(begin: int, counts: list[int]) -> None:
    ranges = hashes.uniform(begin)
    for count in counts:
        ranges = carried_out(ranges, hashes.steps(ranges, count))
        assert len(ranges) == count
        assert covered(ranges)
        size = (HASHES_MAX + 1) / count
        assert all(abs(each.last - each.first - size) < size / 50 for each in ranges)


@examples(30)
@given(st.lists(st.integers(2, HASHES_MAX - 2), unique=True, max_size=10), st.integers(1, 20))
def test_ranges_of_any_size_become_ranges_of_one(cuts: list[int], count: int) -> None:
    apart = [each for at, each in enumerate(sorted(cuts)) if not at or each - sorted(cuts)[at - 1] > 10**34]
    firsts = [0, *(each for each in apart if 10**34 < each < HASHES_MAX - 10**34)]
    ranges = [Range(a, b - 1) for a, b in zip(firsts, [*firsts[1:], HASHES_MAX + 1], strict=True)]
    after = carried_out(ranges, hashes.steps(ranges, count))
    assert covered(after)
    assert len(after) == count


def test_twice_as_many_are_halves_and_half_as_many_are_pairs() -> None:
    assert all(isinstance(step, Split) for step in hashes.steps(hashes.uniform(3), 6))
    assert all(isinstance(step, Merge) for step in hashes.steps(hashes.uniform(6), 3))
    assert hashes.steps(hashes.uniform(7), 7) == []
