"""Series that an expression of a test may refer to."""

from __future__ import annotations

from collections.abc import Mapping

from wakeful import limits
from wakeful.services.cloudwatch.expressions import BadExpression
from wakeful.services.cloudwatch.mathematics import Series, Value


class Given:
    """Values a minute apart, from 1970 on; None where nothing was measured."""

    def __init__(self, given: Mapping[str, list[float | None]]) -> None:
        self.steps = range(0, 60 * max(map(len, given.values())), 60)
        self._series = {
            name: Series(name, self.steps, {60 * at: each for at, each in enumerate(values) if each is not None})
            for name, values in given.items()
        }
        self._left = limits.METRIC_MATH_STEPS_MAX

    def value(self, name: str) -> Value:
        if name not in self._series:
            raise BadExpression(f"There is no query with the id {name}")
        return self._series[name]

    def metrics(self, text: str) -> list[Series]:
        return [series for name, series in self._series.items() if text in name]

    async def spend(self, step_count: int) -> None:
        self._left -= step_count
        if self._left < 0:
            raise BadExpression(f"more than {limits.METRIC_MATH_STEPS_MAX}")

    def values(self, series: Series) -> list[float | None]:
        return [series.points.get(at) for at in self.steps]
