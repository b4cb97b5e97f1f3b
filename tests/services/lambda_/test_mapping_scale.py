"""How many batches a mapping has in work at once: pure rules, in made-up time."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.examples import examples
from wakeful.services.lambda_.sources.scale import Bounds, Scale, bounds_of

PROVISIONED = {"ProvisionedPollerConfig": {"MinimumPollers": 3, "MaximumPollers": 20}}


@pytest.mark.parametrize(
    ("config", "bounds"),
    [
        ({}, Bounds(2, 5, 1250, 5.0)),
        ({"ScalingConfig": {"MaximumConcurrency": 2}}, Bounds(2, 2, 2, 5.0)),
        ({"ScalingConfig": {"MaximumConcurrency": 700}}, Bounds(2, 5, 700, 5.0)),
        (PROVISIONED, Bounds(30, 30, 200, 1000 / 60)),
    ],
)
def test_bounds_are_what_the_mapping_says_and_else_what_aws_has(config: dict[str, Any], bounds: Bounds) -> None:
    assert bounds_of(config) == bounds


def test_it_grows_by_three_hundred_a_minute_while_it_is_crowded_and_shrinks_when_it_is_not() -> None:
    scale = Scale(bounds_of({}))
    assert scale.limit == 5
    scale.crowded(100.0)
    assert (scale.limit, scale.grows_at()) == (5, 100.2)
    scale.crowded(160.0)
    assert scale.limit == 305
    scale.crowded(10_000.0)
    assert (scale.limit, scale.grows_at()) == (1250, None)
    scale.calm(busy=40)
    assert scale.limit == 40
    scale.calm(busy=0)
    assert (scale.limit, scale.grows_at()) == (5, None)


def test_failures_bring_it_down_to_two_and_for_a_second_it_does_not_grow() -> None:
    scale = Scale(bounds_of({}))
    for _ in range(10):
        scale.failed(100.0)
    assert scale.limit == 2
    scale.crowded(100.9)
    assert scale.limit == 2
    scale.crowded(101.4)
    assert scale.limit == 4


def test_provisioned_pollers_have_ten_batches_each_and_never_are_fewer_than_asked_for() -> None:
    scale = Scale(bounds_of(PROVISIONED))
    assert (scale.limit, scale.pollers) == (30, 3)
    scale.failed(0.0)
    assert scale.limit == 30
    scale.crowded(1.0)
    scale.crowded(3.0)
    assert (scale.limit, scale.pollers) == (63, 7)


@examples(60)
@given(
    st.sampled_from([{}, {"ScalingConfig": {"MaximumConcurrency": 9}}, PROVISIONED]),
    st.lists(st.tuples(st.sampled_from(["crowded", "calm", "failed"]), st.floats(0, 100), st.integers(0, 30))),
)
def test_it_never_leaves_its_bounds_nor_grows_faster_than_it_may(config: Any, steps: list[Any]) -> None:
    bounds = bounds_of(config)
    scale, now = Scale(bounds), 1000.0
    for step, later, busy in steps:
        before, now = scale.limit, now + later
        if step == "calm":
            scale.calm(busy)
        else:
            getattr(scale, step)(now)
        assert bounds.fewest <= scale.limit <= bounds.most
        assert step == "crowded" or scale.limit <= before
        grows_at = scale.grows_at()
        if step == "crowded":
            assert grows_at is None or grows_at > now - 1e-6
    scale.crowded(now + 10)
    first = scale.limit
    scale.crowded(now + 12)
    assert scale.limit <= first + 2 * bounds.per_s + 1
