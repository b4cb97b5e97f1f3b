"""Which metric a request is about, over which time and in which steps."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wakeful import limits
from wakeful.fabric.service import Call, Node
from wakeful.services.cloudwatch import putting
from wakeful.services.cloudwatch.errors import InvalidParameterValueException
from wakeful.store import metric_points
from wakeful.store.distribution import Distribution
from wakeful.store.metric_points import Metric

_FINE = (1, 5, 10, 20, 30)
"""Steps shorter than a minute."""


@dataclass(frozen=True, slots=True)
class Span:
    """From `start` to before `end`, in steps that begin at `start`."""

    start: int
    end: int
    period_s: int

    @property
    def step_count(self) -> int:
        return -(-(self.end - self.start) // self.period_s)

    @property
    def steps(self) -> range:
        return range(self.start, self.end, self.period_s)


def span_of(start: float, end: float, period_s: int, now: float) -> Span:
    """The start is rounded down by its age, as CloudWatch does ("GetMetricStatistics"). Raises what it answers."""
    check_period(period_s)
    if start >= end:
        raise InvalidParameterValueException("The parameter StartTime must be less than the parameter EndTime.")
    return Span(rounded(start, period_s, now), int(-(-end // 1)), period_s)


def rounded(start: float, period_s: int, now: float) -> int:
    if period_s < 60:
        step = period_s
    else:
        kept = limits.METRIC_RETENTION
        step = next((finest for finest, kept_s in kept[1:-1] if now - start < kept_s), kept[-1][0])
    return int(start // step) * step


def check_period(period_s: int) -> None:
    """Raises what CloudWatch answers to a step that it does not have."""
    if period_s not in _FINE and period_s % 60:
        raise InvalidParameterValueException(
            "The parameter Period must be 1, 5, 10, 20, 30, or a multiple of 60 seconds."
        )


def metric_of(call: Call, named: Mapping[str, Any]) -> Metric:
    """The metric that these members name."""
    dimensions = putting.dimensions_of(named.get("Dimensions", ()))
    return Metric(call.account, call.region, named["Namespace"], named["MetricName"], dimensions)


async def read(node: Node, metric: Metric, span: Span, unit: str | None) -> dict[tuple[int, str], Distribution]:
    """What was measured, by step and unit. For what is not among the points yet, flush_metrics of telemetry first."""
    now = node.clock.now()
    found: dict[tuple[int, str], Distribution] = {}
    oldest = max(span.start, int(now - limits.METRIC_RETENTION[-1][1]))
    newest = min(span.end, int(now + limits.METRIC_AHEAD_MAX_S) + 1)
    for since in range(oldest, newest, limits.METRIC_READ_STEP_S):
        end = min(since + limits.METRIC_READ_STEP_S, newest)
        where = (metric, span.start, end, span.period_s, unit, since)
        for key, some in (await node.telemetry.metrics.read(metric_points.read, *where)).items():
            found.setdefault(key, Distribution()).merge(some)
        await asyncio.sleep(0)  # others have their turn
    return found
