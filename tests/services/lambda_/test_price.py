"""The price list: tiers, what is free, and exact money."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wakeful.services.lambda_.billing import price
from wakeful.services.lambda_.billing.price import MB_MS_PER_GB_S, MILLION

GB_S = MB_MS_PER_GB_S
Used = st.dictionaries(
    st.tuples(st.sampled_from(["eu-west-1", "us-east-1"]), st.sampled_from(list(price.METERS))),
    st.integers(0, 10**17),
    max_size=8,
)


def test_a_month_of_awss_first_example_costs_what_aws_says() -> None:
    """3 million requests of 120 ms with 1536 MB: 540,000 GB-s, of which 140,000 are not free."""
    used = {
        ("us-east-1", price.REQUEST.name): 3 * MILLION,
        ("us-east-1", price.DURATION.name): 3 * MILLION * 120 * 1536,
    }
    free = price.free_of(used)
    assert used["us-east-1", price.DURATION.name] == 540_000 * GB_S
    compute = price.DURATION.price(used["us-east-1", price.DURATION.name] - free["us-east-1", price.DURATION.name])
    requests = price.REQUEST.price(used["us-east-1", price.REQUEST.name] - free["us-east-1", price.REQUEST.name])
    assert (round(float(compute), 2), float(requests)) == (2.33, 0.4)


@pytest.mark.parametrize(
    ("meter", "gb_s", "usd"),
    [
        (price.DURATION, 6_000_000_000, "100000.2"),
        (price.DURATION, 15_000_000_000, "235000.2"),
        (price.DURATION, 16_000_000_000, "248333.6"),
        (price.DURATION_ARM, 7_500_000_000, "100000.5"),
        (price.DURATION_ARM, 18_750_000_000, "235001.625"),
        (price.DURATION_ARM, 18_750_000_001, "235001.6250106667"),
    ],
)
def test_what_goes_beyond_a_tier_costs_less(meter: price.Meter, gb_s: int, usd: str) -> None:
    assert meter.price(gb_s * GB_S) == Fraction(usd)


def test_the_free_seconds_are_for_both_architectures_together_and_the_dearer_is_free_first() -> None:
    used = {
        ("us-east-1", price.DURATION_ARM.name): 300_000 * GB_S,
        ("us-east-1", price.DURATION.name): 100_000 * GB_S,
        ("eu-west-1", price.DURATION.name): 200_000 * GB_S,
        ("us-east-1", price.PROVISIONED_DURATION.name): GB_S,
    }
    assert {key: free // GB_S for key, free in price.free_of(used).items()} == {
        ("eu-west-1", price.DURATION.name): 200_000,
        ("us-east-1", price.DURATION.name): 100_000,
        ("us-east-1", price.DURATION_ARM.name): 100_000,
    }


@given(Used)
def test_no_more_is_free_than_was_used_and_than_there_is(used: dict[tuple[str, str], int]) -> None:
    free = price.free_of(used)
    for allowance in price.FREE_TIER:
        names = {meter.name for meter in allowance.meters}
        of_these = sum(units for (_, meter), units in free.items() if meter in names)
        assert of_these == min(allowance.units, sum(units for (_, meter), units in used.items() if meter in names))
    assert all(0 <= units <= used[key] for key, units in free.items())


@given(st.sampled_from(list(price.METERS.values())), st.lists(st.integers(0, 10**12), max_size=6))
def test_list_prices_of_parts_are_the_list_price_of_the_whole(meter: price.Meter, parts: list[int]) -> None:
    assert sum((meter.list_price(units) for units in parts), Fraction(0)) == meter.list_price(sum(parts))
    assert meter.price(sum(parts)) <= meter.list_price(sum(parts))


def test_one_run_costs_its_request_and_its_gb_seconds() -> None:
    used = {price.REQUEST.name: 1, price.DURATION.name: 1000 * 1024, price.BILLED.name: 1000}
    assert price.list_price(used) == Fraction("0.0000002") + Fraction("0.0000166667")
    assert price.usd(used) == pytest.approx(0.0000168667)
    assert price.gb_s(used, (price.DURATION,)) == 1
