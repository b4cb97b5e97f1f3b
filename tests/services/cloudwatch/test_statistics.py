"""Statistics by their names, against plain arithmetic on the values themselves."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wakeful.services.cloudwatch.statistics import parse
from wakeful.store.distribution import Distribution

TEN = Distribution.of([float(value) for value in range(1, 11)])
VALUES = st.lists(st.floats(0.01, 1e6), min_size=1, max_size=300)


def of(name: str, found: Distribution = TEN) -> float | None:
    statistic = parse(name)
    assert statistic is not None, name
    return statistic(found)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("SampleCount", 10), ("Sum", 55), ("Average", 5.5), ("Minimum", 1), ("Maximum", 10)),
        *(("p0", 1), ("p50", 5), ("p90", 9), ("p99.9", 10), ("p100", 10), ("p10.1", 2)),
        *(("tm90", 5), ("TM(10%:90%)", 5.5), ("TM(:3)", 2), ("TM(3:)", 7), ("TM(2:4)", 3.5), ("IQM", 5.5)),
        *(("wm90", 5.4), ("WM(2:9)", 5.5), ("WM(20%:80%)", 5.3), ("tc90", 9), ("TC(2:4)", 2), ("TC(80%:)", 2)),
        *(("ts90", 45), ("TS(80%:)", 19), ("TS(2:4)", 7), ("PR(:3)", 30), ("PR(3:5)", 20), ("pr(8:)", 20)),
    ],
)
def test_a_statistic_is_what_its_definition_says(name: str, value: float) -> None:
    assert of(name) == pytest.approx(value)


@pytest.mark.parametrize(
    "name",
    ["", "p", "p101", "p100.1", "p-1", "P50", "tm", "TM()", "TM(:)", "TM(1%:2)", "TM(9:1)", "PR(1%:2%)", "TM(1%:101%)"],
)
def test_what_cloudwatch_does_not_have_is_none(name: str) -> None:
    assert parse(name) is None


@given(VALUES, st.floats(0, 100))
def test_a_percentile_is_right_to_one_in_a_hundred(values: list[float], share: float) -> None:
    rank = max(1, math.ceil(round(share, 4) / 100 * len(values) - 1e-9))
    assert of(f"p{share:.4f}", Distribution.of(values)) == pytest.approx(sorted(values)[rank - 1], rel=0.01)


@given(VALUES)
def test_a_trimmed_mean_is_right_to_one_in_a_hundred(values: list[float]) -> None:
    edge = 0.99 * len(values)
    inside = [(value, min(1.0, edge - place)) for place, value in enumerate(sorted(values)) if edge > place]
    expected = sum(value * share for value, share in inside) / edge
    assert of("tm99", Distribution.of(values)) == pytest.approx(expected, rel=0.01)


def test_where_the_values_are_not_known_there_are_no_percentiles() -> None:
    found = Distribution()
    found.add_set(2, 30.0, 10.0, 20.0)
    assert (of("Average", found), of("p50", found), of("tm90", found), of("PR(:5)", found)) == (15.0, None, None, None)


def test_a_range_without_values_has_no_mean() -> None:
    assert (of("TM(100:200)"), of("TC(100:200)"), of("TS(100:200)")) == (None, 0, 0)
