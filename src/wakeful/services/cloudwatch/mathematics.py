"""What metric math means: on numbers, on series of them in time, and on arrays of series.

A series has a value only at the moments at which something was measured. Two of them meet where both have one; what
cannot be said (a division by zero) is a moment without a value.
"""

from __future__ import annotations

import math
import operator
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import pairwise
from typing import Protocol

from wakeful import limits
from wakeful.services.cloudwatch.expressions import Apply, Array, BadExpression, Name, Number, Text, Tree
from wakeful.wire.errors import NotImplementedHere

Points = dict[int, float]
"""In order of time."""


@dataclass(frozen=True, slots=True)
class Series:
    """Values by the moments at which their steps begin. `steps` are all moments at which there could be one."""

    label: str
    steps: range
    points: Points

    def map(self, change: Callable[[float], float | None]) -> Series:
        return self.with_points({at: change(value) for at, value in self.points.items()})

    def with_points(self, points: Mapping[int, float | None]) -> Series:
        return replace(self, points={at: value for at, value in points.items() if value is not None})


Value = float | Series | list[Series]

NOT_HERE = frozenset(
    {
        *("ANOMALY_DETECTION_BAND", "DATAPOINT_COUNT", "DB_PERF_INSIGHTS", "INSIGHT_RULE_METRIC", "LAMBDA"),
        *("PERCENTILE", "SEARCH", "SERVICE_QUOTA", "SLICE", "SORT"),
    }
)
"""What AWS has and we have not."""


class Known(Protocol):
    """What an expression may refer to, and how much it may do."""

    steps: range

    def value(self, name: str) -> Value:
        """Of the query with this id."""

    def metrics(self, text: str) -> list[Series]:
        """Of those with this text in their ids."""

    async def spend(self, step_count: int) -> None:
        """So many steps of series may be looked at, and others had their turn. Raises BadExpression: too many."""


async def evaluate(tree: Tree, known: Known) -> Value:
    """The value of the tree. Raises BadExpression, NoValue, and NotImplementedHere with the function's name."""

    async def value_of(tree: Tree) -> Value:
        if isinstance(tree, Number):
            return tree.value
        if isinstance(tree, Name):
            return known.value(tree.name)
        if isinstance(tree, Text):
            raise BadExpression(f'Unexpected text: "{tree.value}"')
        if isinstance(tree, Array):
            return _array([await value_of(each) for each in tree.items])
        return await applied(tree)

    async def applied(tree: Apply) -> Value:
        # a + b + c + … is as deep as it is long, on its left only: that way is walked without calls of calls.
        right_of: list[Apply] = []
        while tree.name in _BINARY and len(tree.to) == 2 and isinstance(tree.to[0], Apply):
            right_of.append(tree)
            tree = tree.to[0]
        found = await called(tree)
        for each in reversed(right_of):
            left, right = await spent([found, await value_of(each.to[1])])
            found = _both(left, right, _BINARY[each.name])
        return found

    async def called(tree: Apply) -> Value:
        if tree.name in NOT_HERE:
            raise NotImplementedHere(f"Wakeful does not have {tree.name} of metric math yet.")
        if tree.name == "METRICS":
            if len(tree.to) > 1 or not all(isinstance(each, Text) for each in tree.to):
                raise BadExpression("METRICS takes one text at most")
            return known.metrics("".join(each.value for each in tree.to if isinstance(each, Text)))
        if tree.name == "FILL" and len(tree.to) == 2 and isinstance(tree.to[1], Name):
            word = tree.to[1].name.upper()
            if word in _FILLS:
                return _each((await spent([await value_of(tree.to[0])]))[0], _FILLS[word])
        if tree.name == "TIME_SERIES":
            number = await value_of(tree.to[0]) if len(tree.to) == 1 else None
            if not isinstance(number, float):
                raise BadExpression("TIME_SERIES takes one number")
            await known.spend(len(known.steps))
            return Series("TIME_SERIES", known.steps, dict.fromkeys(known.steps, number))
        given = await spent([await value_of(each) for each in tree.to])
        if tree.name in _BINARY and len(given) == 2:
            return _both(given[0], given[1], _BINARY[tree.name])
        function = _FUNCTIONS.get(tree.name)
        if function is not None:
            counts, does = function
            if len(given) not in counts:
                raise BadExpression(f"{tree.name} does not take {len(given)} arguments")
            return does(given)
        raise BadExpression(f"Unsupported function: {tree.name}")

    async def spent(given: list[Value]) -> list[Value]:
        await known.spend(sum(len(series.steps) for each in given for series in _series_in(each)))
        return given

    return await value_of(tree)


def _series_in(value: Value) -> Sequence[Series]:
    if isinstance(value, float):
        return ()
    return value if isinstance(value, list) else (value,)


def _array(items: Sequence[Value]) -> list[Series]:
    found: list[Series] = []
    for item in items:
        if isinstance(item, float):
            raise BadExpression("An array has time series in it, and no numbers")
        found += item if isinstance(item, list) else [item]
        if len(found) > limits.METRIC_SERIES_MAX:
            raise BadExpression(f"An array has at most {limits.METRIC_SERIES_MAX:,} time series")
    return found


# --- one value, or each of many ---


def _each(value: Value, change: Callable[[Series], Series]) -> Value:
    if isinstance(value, float):
        raise BadExpression("Expected a time series and found a number")
    return [change(each) for each in value] if isinstance(value, list) else change(value)


def _mapped(change: Callable[[float], float | None]) -> Callable[[list[Value]], Value]:
    def does(given: list[Value]) -> Value:
        (value,) = given
        if isinstance(value, float):
            return _sure(change(value))
        return _each(value, lambda series: series.map(change))

    return does


def _sure(value: float | None) -> float:
    if value is None:
        raise BadExpression("The result is no number")
    return value


def _both(left: Value, right: Value, do: Callable[[float, float], float | None]) -> Value:
    if isinstance(left, list) and isinstance(right, list):
        raise BadExpression("Two arrays of time series cannot be combined")
    if isinstance(left, list):
        return [one for each in left if isinstance(one := _both(each, right, do), Series)]
    if isinstance(right, list):
        return [one for each in right if isinstance(one := _both(left, each, do), Series)]
    if isinstance(left, float):
        if isinstance(right, float):
            return _sure(do(left, right))
        return right.map(lambda value: do(left, value))
    if isinstance(right, float):
        return left.map(lambda value: do(value, right))
    theirs = right.points
    return left.with_points({at: do(value, theirs[at]) for at, value in left.points.items() if at in theirs})


def _finite(do: Callable[[float, float], float]) -> Callable[[float, float], float | None]:
    def safely(left: float, right: float) -> float | None:
        try:
            value = do(left, right)
        except (ZeroDivisionError, OverflowError):
            return None
        return value if not isinstance(value, complex) and math.isfinite(value) else None

    return safely


def _truth(do: Callable[[float, float], bool]) -> Callable[[float, float], float | None]:
    return lambda left, right: 1.0 if do(left, right) else 0.0


_BINARY: dict[str, Callable[[float, float], float | None]] = {
    "+": _finite(operator.add),
    "-": _finite(operator.sub),
    "*": _finite(operator.mul),
    "/": _finite(operator.truediv),
    "^": _finite(operator.pow),
    "==": _truth(operator.eq),
    "!=": _truth(operator.ne),
    "<": _truth(operator.lt),
    "<=": _truth(operator.le),
    ">": _truth(operator.gt),
    ">=": _truth(operator.ge),
    "AND": _truth(lambda left, right: bool(left and right)),
    "OR": _truth(lambda left, right: bool(left or right)),
}


# --- many values into one ---


def _gathered(
    name: str, gather: Callable[[Sequence[float]], float]
) -> tuple[Sequence[int], Callable[[list[Value]], Value]]:
    """Of a series one number; of an array a series, moment by moment, of those that have a value then."""

    def does(given: list[Value]) -> Value:
        (value,) = given
        if isinstance(value, float):
            raise BadExpression(f"{name} takes a time series or an array of them")
        if isinstance(value, Series):
            if not value.points:
                raise NoValue
            return float(gather(list(value.points.values())))
        moments: dict[int, list[float]] = {}
        for series in value:
            for at, each in series.points.items():
                moments.setdefault(at, []).append(each)
        steps = value[0].steps if value else range(0)
        return Series(name, steps, {at: float(gather(moments[at])) for at in sorted(moments)})

    return (1,), does


def _deviation(values: Sequence[float]) -> float:
    # The library's, which works in fractions, takes twenty times as long.
    mean = statistics.fmean(values)
    return math.sqrt(math.fsum((value - mean) ** 2 for value in values) / len(values))


class NoValue(Exception):
    """A number was asked for of a series that has none: whatever depends on it has no values either."""


# --- along a series ---


def _from_pairs(pair: Callable[[int, float, int, float], float | None]) -> Callable[[list[Value]], Value]:
    """What each value is to the one before it. The first has none before it."""

    def change(series: Series) -> Series:
        points = sorted(series.points.items())
        pairs = pairwise(points)
        return series.with_points({at: pair(was_at, was, at, value) for (was_at, was), (at, value) in pairs})

    return lambda given: _each(given[0], change)


def _running_sum(series: Series) -> Series:
    total = 0.0
    points: dict[int, float | None] = {}
    for at, value in sorted(series.points.items()):
        total += value
        points[at] = total
    return series.with_points(points)


def _fill(given: list[Value]) -> Value:
    value, filling = given
    if isinstance(filling, list):
        raise BadExpression("FILL takes a number, a time series, REPEAT or LINEAR")

    def change(series: Series) -> Series:
        others = dict.fromkeys(series.steps, filling) if isinstance(filling, float) else filling.points
        return series.with_points({at: series.points.get(at, others.get(at)) for at in series.steps})

    return _each(value, change)


def _repeat(series: Series) -> Series:
    points: dict[int, float | None] = {}
    last: float | None = None
    for at in series.steps:
        last = points[at] = series.points.get(at, last)
    return series.with_points(points)


def _linear(series: Series) -> Series:
    """Between two values. Before the first and after the last nothing is known."""
    known = sorted(series.points.items())
    points: dict[int, float | None] = dict(known)
    for (was_at, was), (is_at, value) in pairwise(known):
        for at in range(was_at + series.steps.step, is_at, series.steps.step):
            points[at] = was + (value - was) * (at - was_at) / (is_at - was_at)
    return series.with_points(dict(sorted(points.items())))


_FILLS: dict[str, Callable[[Series], Series]] = {"REPEAT": _repeat, "LINEAR": _linear}


def _if(given: list[Value]) -> Value:
    condition, *ways = given
    if isinstance(condition, list) or any(isinstance(each, list) for each in ways):
        raise BadExpression("IF takes time series and numbers, and no arrays")
    if isinstance(condition, float):
        if condition:
            return ways[0]
        if len(ways) == 1:
            raise BadExpression("IF with a number as its condition needs a value for when it is 0")
        return ways[1]

    def at_moment(at: int, value: float) -> float | None:
        way = ways[0] if value else (ways[1] if len(ways) == 2 else None)
        return way.points.get(at) if isinstance(way, Series) else way  # type: ignore[return-value]

    return condition.with_points({at: at_moment(at, value) for at, value in condition.points.items()})


def _edge(pick: Callable[[Sequence[int]], int]) -> Callable[[list[Value]], Value]:
    """FIRST and LAST: of a series one number, of an array one series."""

    def does(given: list[Value]) -> Value:
        (value,) = given
        if isinstance(value, list) and value:
            return value[pick(range(len(value)))]
        if not isinstance(value, Series) or not value.points:
            raise NoValue
        return value.points[pick(list(value.points))]

    return does


def _period(given: list[Value]) -> Value:
    (value,) = given
    if not isinstance(value, Series):
        raise BadExpression("PERIOD takes a time series")
    return float(value.steps.step)


def _count_of_metrics(given: list[Value]) -> Value:
    (value,) = given
    if not isinstance(value, list):
        raise BadExpression("METRIC_COUNT takes an array of time series")
    return float(len(value))


def _remove_empty(given: list[Value]) -> Value:
    (value,) = given
    if not isinstance(value, list):
        raise BadExpression("REMOVE_EMPTY takes an array of time series")
    return [each for each in value if each.points]


def _moment(read: Callable[[datetime], int]) -> Callable[[list[Value]], Value]:
    def change(series: Series) -> Series:
        return series.with_points({at: float(read(datetime.fromtimestamp(at, UTC))) for at in series.points})

    return lambda given: _each(given[0], change)


def _logarithm(of: Callable[[float], float]) -> Callable[[float], float | None]:
    return lambda value: of(value) if value > 0 else None


_ONE = (1,)
_FUNCTIONS: dict[str, tuple[Sequence[int], Callable[[list[Value]], Value]]] = {
    "negate": (_ONE, _mapped(operator.neg)),
    "ABS": (_ONE, _mapped(abs)),
    "CEIL": (_ONE, _mapped(lambda value: float(math.ceil(value)))),
    "FLOOR": (_ONE, _mapped(lambda value: float(math.floor(value)))),
    "LOG": (_ONE, _mapped(_logarithm(math.log))),
    "LOG10": (_ONE, _mapped(_logarithm(math.log10))),
    "AVG": _gathered("AVG", statistics.fmean),
    "MAX": _gathered("MAX", max),
    "MIN": _gathered("MIN", min),
    "STDDEV": _gathered("STDDEV", _deviation),
    "SUM": _gathered("SUM", math.fsum),
    "DIFF": (_ONE, _from_pairs(lambda was_at, was, at, value: value - was)),
    "DIFF_TIME": (_ONE, _from_pairs(lambda was_at, was, at, value: float(at - was_at))),
    "RATE": (_ONE, _from_pairs(lambda was_at, was, at, value: (value - was) / (at - was_at))),
    "RUNNING_SUM": (_ONE, lambda given: _each(given[0], _running_sum)),
    "FILL": ((2,), _fill),
    "IF": ((2, 3), _if),
    "FIRST": (_ONE, _edge(min)),
    "LAST": (_ONE, _edge(max)),
    "PERIOD": (_ONE, _period),
    "METRIC_COUNT": (_ONE, _count_of_metrics),
    "REMOVE_EMPTY": (_ONE, _remove_empty),
    "EPOCH": (_ONE, _moment(lambda at: int(at.timestamp()))),
    "MINUTE": (_ONE, _moment(lambda at: at.minute)),
    "HOUR": (_ONE, _moment(lambda at: at.hour)),
    "DAY": (_ONE, _moment(lambda at: at.isoweekday())),
    "DATE": (_ONE, _moment(lambda at: at.day)),
    "MONTH": (_ONE, _moment(lambda at: at.month)),
    "YEAR": (_ONE, _moment(lambda at: at.year)),
}
