"""Metric math: how expressions are read, and what they mean."""

from __future__ import annotations

import asyncio

import pytest

from tests.services.cloudwatch.given import Given
from wakeful import limits
from wakeful.services.cloudwatch import mathematics, queries
from wakeful.services.cloudwatch.expressions import BadExpression, parse
from wakeful.services.cloudwatch.mathematics import NoValue, Series
from wakeful.wire.errors import NotImplementedHere

A = [1.0, 2.0, None, 8.0]
B = [10.0, None, 30.0, 2.0]
DAY = [0.0, 0.0, 5.0]


def value(expression: str, **given: list[float | None]) -> list[float | None] | float | list[list[float | None]]:
    """What it means for series with these values a minute apart."""
    known = Given(given or {"a": A, "b": B})
    found = asyncio.run(mathematics.evaluate(parse(expression), known))
    if isinstance(found, Series):
        return known.values(found)
    return [known.values(each) for each in found] if isinstance(found, list) else found


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("1 + 2 * 3 ^ 2", 19),
        ("-2 ^ 2", -4),
        ("(1 + 2) * -3", -9),
        ("2 ^ 3 ^ 2", 512),
        ("1 < 2 && 3 >= 3 || 0", 1),
        ("1 == 2 OR 0 AND 1", 0),
        ("7.5e1 / .5", 150),
        ("a + b", [11, None, None, 10]),
        ("a * 100 / b", [10, None, None, 400]),
        ("100 - a", [99, 98, None, 92]),
        ("a / 0", [None] * 4),
        ("a > 1", [0, 1, None, 1]),
        ("[a, b] * 2", [[2, 4, None, 16], [20, None, 60, 4]]),
        ("SUM([a, b])", [11, 2, 30, 10]),
        ("AVG([a, b])", [5.5, 2, 30, 5]),
        ("MIN([a, b])", [1, 2, 30, 2]),
        ("MAX(METRICS())", [10, 2, 30, 8]),
        ('SUM(METRICS("b"))', [10, None, 30, 2]),
        ("SUM(a)", 11),
        ("AVG(a)", 11 / 3),
        ("MIN(a) + MAX(a)", 9),
        ("a / SUM(a) * 11", [1, 2, None, 8]),
        ("STDDEV([a, b])", [4.5, 0, 0, 3]),
        ("RATE(a)", [None, 1 / 60, None, 6 / 120]),
        ("DIFF(b)", [None, None, 20, -28]),
        ("DIFF_TIME(b)", [None, None, 120, 60]),
        ("RUNNING_SUM(a)", [1, 3, None, 11]),
        ("FILL(a, 0)", [1, 2, 0, 8]),
        ("FILL(a, REPEAT)", [1, 2, 2, 8]),
        ("FILL(a, LINEAR)", [1, 2, 5, 8]),
        ("FILL(a, b)", [1, 2, 30, 8]),
        ("FILL(METRICS(), 0)", [[1, 2, 0, 8], [10, 0, 30, 2]]),
        ("IF(a > 1, b, 0)", [0, None, None, 2]),
        ("IF(a > 1, 5)", [None, 5, None, 5]),
        ("IF(FILL(a, 0) == 0, 1, a)", [1, 2, 1, 8]),
        ("IF(1, a, b)", A),
        ("ABS(-a)", A),
        ("CEIL(a / 3)", [1, 1, None, 3]),
        ("FLOOR(a / 3)", [0, 0, None, 2]),
        ("LOG10(b * 10)", [2, None, pytest.approx(2.4771, rel=1e-3), pytest.approx(1.30103)]),
        ("LOG(a - 1)", [None, 0, None, pytest.approx(1.9459, rel=1e-3)]),
        ("FIRST(a) + LAST(b)", 3),
        ("FIRST([b, a])", B),
        ("METRIC_COUNT([a, b])", 2),
        ("PERIOD(a)", 60),
        ("TIME_SERIES(7)", [7, 7, 7, 7]),
        ("REMOVE_EMPTY([a, a / 0])", [A]),
        ("MINUTE(a)", [0, 1, None, 3]),
        ("HOUR(a) + DAY(a) + DATE(a) + MONTH(a) + YEAR(a)", [1976, 1976, None, 1976]),
        ("EPOCH(b)", [0, None, 120, 180]),
    ],
)
def test_an_expression_means_what_cloudwatch_says(expression: str, expected: object) -> None:
    assert value(expression) == expected


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        ("", "Unexpected end"),
        ("a +", "Unexpected end"),
        ("a b", "Unexpected b"),
        ("a ? b", "Unexpected character"),
        ("(a", "Expected )"),
        ("[a, b", "Expected ]"),
        ("nobody", "no query with the id nobody"),
        ("WHAT(a)", "Unsupported function: WHAT"),
        ("SUM(a, b)", "does not take 2 arguments"),
        ("SUM(1)", "SUM takes a time series"),
        ("[a] + [b]", "Two arrays"),
        ("[1]", "no numbers"),
        ("1 / 0", "no number"),
        ("'text'", "Unexpected text"),
        ("METRICS(a)", "one text"),
        ("TIME_SERIES(a)", "one number"),
        ("RATE(1)", "Expected a time series"),
        ("(" * 50 + "a" + ")" * 50, "too deeply"),
        ("-" * 50 + "a", "too deeply"),
    ],
)
def test_what_is_wrong_is_said(expression: str, why: str) -> None:
    with pytest.raises(BadExpression) as found:
        value(expression)
    assert why in str(found.value)


def test_an_expression_may_be_as_long_as_cloudwatch_has_them() -> None:
    assert value("1" + "+1" * 1023) == 1024
    assert value("a" + "-1" * 1023) == [each - 1023 if each is not None else None for each in A]
    assert value("a" + " < 1 || 1" * 200) == [1 if each is not None else None for each in A]
    assert value("  a  ") == A


def test_an_array_has_so_many_series_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "METRIC_SERIES_MAX", 3)
    assert value("METRIC_COUNT([a, METRICS()])") == 3
    with pytest.raises(BadExpression, match="at most 3 time series"):
        value("METRIC_COUNT([METRICS(), METRICS()])")


def test_functions_that_are_not_here_are_refused_by_name() -> None:
    for name in mathematics.NOT_HERE:
        with pytest.raises(NotImplementedHere, match=name):
            value(f"{name}(a)")


def test_a_number_of_a_series_without_values_is_none() -> None:
    with pytest.raises(NoValue):
        value("a + SUM(a)", a=[None, None])
    assert value("SUM([a])", a=[None, None]) == [None, None]


def test_an_expression_may_look_at_so_much_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "METRIC_MATH_STEPS_MAX", 20)
    assert value("FILL(a, 0)") == [1, 2, 0, 8]
    with pytest.raises(BadExpression, match="more than 20"):
        value("FILL([a, a, a, a, a, a], 0)")


async def test_others_have_their_turn_between_functions() -> None:
    turns = 0

    async def wait_for_turns() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    other = asyncio.ensure_future(wait_for_turns())
    query = {"Id": "e", "Expression": "SUM([FILL(TIME_SERIES(1), 0) + TIME_SERIES(2), TIME_SERIES(3)])"}
    (found,) = await queries._Answers([query], {}, {"StartTime": 0, "EndTime": 120}, 120.0).of(query)
    other.cancel()
    assert found.points == {0: 6.0, 60: 6.0}
    assert turns >= 4
