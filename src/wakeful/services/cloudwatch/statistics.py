"""Statistics of a metric's values, by the names that CloudWatch has for them ("CloudWatch statistics definitions")."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from wakeful.store.distribution import Distribution, Weight

Statistic = Callable[[Distribution], float | None]
"""None where the values do not tell: of statistic sets, and of values below zero, there are no percentiles."""

SIMPLE: dict[str, Statistic] = {
    "SampleCount": lambda found: found.count,
    "Average": lambda found: found.sum / found.count,
    "Sum": lambda found: found.sum,
    "Minimum": lambda found: found.min,
    "Maximum": lambda found: found.max,
}

_PERCENT = r"(?:100(?:\.0{1,10})?|\d{1,2}(?:\.\d{1,10})?)"
_NUMBER = r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?"
_PERCENTILE = re.compile(rf"p({_PERCENT})")
_UP_TO = re.compile(rf"(tm|wm|tc|ts)({_PERCENT})")
_RANGE = re.compile(rf"(TM|WM|TC|TS|PR)\(({_NUMBER}%?)?:({_NUMBER}%?)?\)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Range:
    """From where to where values count, by themselves (over `low`, up to `high`) or by their place in percent."""

    low: float | None
    high: float | None
    is_percent: bool


@lru_cache(1024)
def parse(name: str) -> Statistic | None:
    """The statistic of that name; None where CloudWatch has none such."""
    simple = SIMPLE.get(name)
    if simple is not None:
        return simple
    if name.upper() == "IQM":
        return _known(_trimmed_mean, Range(25, 75, is_percent=True))
    percentile = _PERCENTILE.fullmatch(name)
    if percentile is not None:
        share = float(percentile[1])
        return lambda found: percentile_of(list(found.weights()), share) if found.is_spread_known else None
    up_to = _UP_TO.fullmatch(name)
    if up_to is not None:
        return _known(_RANGED[up_to[1].upper()], Range(None, float(up_to[2]), is_percent=True))
    ranged = _RANGE.fullmatch(name)
    return None if ranged is None else _ranged(ranged[1].upper(), ranged[2], ranged[3])


def percentile_of(weights: Sequence[Weight], share: float) -> float:
    """The least value that at least so many percent of the values do not exceed."""
    rank = share / 100 * sum(weight.times for weight in weights)
    passed = 0.0
    for weight in weights:
        passed += weight.times
        if passed >= rank - 1e-9:
            return weight.value
    return weights[-1].value


def _ranged(kind: str, low: str | None, high: str | None) -> Statistic | None:
    given = [each for each in (low, high) if each is not None]
    percents = {each.endswith("%") for each in given}
    if not given or len(percents) > 1:
        return None
    is_percent = percents == {True}
    bounds = [None if each is None else float(each.removesuffix("%")) for each in (low, high)]
    least, most = bounds
    if is_percent and (kind == "PR" or not all(0 <= each <= 100 for each in bounds if each is not None)):
        return None
    if least is not None and most is not None and least >= most:
        return None
    return _known(_RANGED[kind], Range(least, most, is_percent))


_Of = Callable[[Sequence[Weight], Range], float | None]


def _known(of: _Of, within: Range) -> Statistic:
    return lambda found: of(list(found.weights()), within) if found.is_spread_known else None


def _within(weights: Sequence[Weight], bounds: Range) -> list[Weight]:
    """The values that count. By percent, a value at the edge counts in part."""
    if not bounds.is_percent:
        return [
            weight
            for weight in weights
            if (bounds.low is None or weight.value > bounds.low)
            and (bounds.high is None or weight.value <= bounds.high)
        ]
    total = sum(weight.times for weight in weights)
    low = total * (bounds.low or 0) / 100
    high = total * (100 if bounds.high is None else bounds.high) / 100
    found = []
    passed = 0.0
    for value, times in weights:
        inside = min(passed + times, high) - max(passed, low)
        if inside > 1e-9:
            found.append(Weight(value, inside))
        passed += times
    return found


def _trimmed_mean(weights: Sequence[Weight], bounds: Range) -> float | None:
    inside = _within(weights, bounds)
    times = sum(weight.times for weight in inside)
    return sum(weight.value * weight.times for weight in inside) / times if times else None


def _winsorized_mean(weights: Sequence[Weight], bounds: Range) -> float | None:
    """What lies outside is taken for the value at the edge."""
    low, high = bounds.low, bounds.high
    if bounds.is_percent:
        low = None if low is None else percentile_of(weights, low)
        high = None if high is None else percentile_of(weights, high)
    total = 0.0
    for value, times in weights:
        if low is not None:
            value = max(value, low)
        if high is not None:
            value = min(value, high)
        total += value * times
    return total / sum(weight.times for weight in weights)


def _trimmed_count(weights: Sequence[Weight], bounds: Range) -> float | None:
    return sum(weight.times for weight in _within(weights, bounds))


def _trimmed_sum(weights: Sequence[Weight], bounds: Range) -> float | None:
    return sum(weight.value * weight.times for weight in _within(weights, bounds))


def _percentile_rank(weights: Sequence[Weight], bounds: Range) -> float | None:
    """How many percent of the values lie inside."""
    inside = sum(weight.times for weight in _within(weights, bounds))
    return 100 * inside / sum(weight.times for weight in weights)


_RANGED: dict[str, _Of] = {
    "TM": _trimmed_mean,
    "WM": _winsorized_mean,
    "TC": _trimmed_count,
    "TS": _trimmed_sum,
    "PR": _percentile_rank,
}
