"""Distributions: small, mergeable, and right to one in a hundred."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from wakeful import limits
from wakeful.store.distribution import Distribution

VALUES = st.lists(st.one_of(st.just(0.0), st.floats(1e-6, 1e9)), min_size=1, max_size=200)


def packed_and_back(found: Distribution) -> Distribution:
    return Distribution.unpacked(found.count, found.sum, found.min, found.max, found.packed())


@given(VALUES)
def test_every_value_is_known_to_one_in_a_hundred(values: list[float]) -> None:
    found = packed_and_back(Distribution.of(values))
    assert (found.count, found.min, found.max) == (len(values), min(values), max(values))
    assert math.isclose(found.sum, math.fsum(values), rel_tol=1e-9)
    assert found.is_spread_known
    spoken = [weight.value for weight in found.weights() for _ in range(int(weight.times))]
    assert all(math.isclose(ours, true, rel_tol=0.01) for ours, true in zip(spoken, sorted(values), strict=True))


@given(VALUES, VALUES)
def test_two_merged_are_as_one(some: list[float], others: list[float]) -> None:
    merged = Distribution.of(some)
    merged.merge(Distribution.of(others))
    at_once = Distribution.of(some + others)
    assert (merged.count, merged.min, merged.max) == (at_once.count, at_once.min, at_once.max)
    assert merged.buckets.keys() == at_once.buckets.keys()
    assert all(math.isclose(merged.buckets[each][1], at_once.buckets[each][1]) for each in merged.buckets)


def test_equal_values_are_exact_and_cost_one_bucket() -> None:
    found = Distribution.of([137.77] * 10_000)
    assert [tuple(each) for each in found.weights()] == [(137.77, 10_000)]
    assert len(found.packed()) < 60


def test_a_day_of_durations_is_small() -> None:
    found = Distribution.of([1.5 * 1.0001**step for step in range(100_000)])
    assert len(found.packed()) < 40_000


def test_values_of_every_magnitude_do_not_fill_the_disk() -> None:
    values = [2.0 ** (exponent / 50) for exponent in range(-360 * 50, 360 * 50)]
    found = Distribution()
    for at in range(0, len(values), 150):
        found.merge(packed_and_back(Distribution.of(values[at : at + 150])))
    assert len(found.buckets) <= limits.METRIC_BUCKETS_MAX
    assert found.is_spread_known
    assert math.isclose(sum(weight.times for weight in found.weights()), len(values))
    assert math.isclose(list(found.weights())[-1].value, values[-1], rel_tol=0.01)


def test_a_statistic_set_has_no_percentiles_unless_its_values_were_all_the_same() -> None:
    alike, found = Distribution(), Distribution()
    for each in (alike, found):
        each.add_set(3, 30.0, 10.0, 10.0)
    found.add_set(2, 30.0, 10.0, 20.0)
    assert alike.is_spread_known
    assert not found.is_spread_known
    assert (found.count, found.sum, found.min, found.max) == (5, 60.0, 10.0, 20.0)


def test_below_zero_there_are_no_percentiles() -> None:
    assert not Distribution.of([-1.0, 2.0]).is_spread_known
