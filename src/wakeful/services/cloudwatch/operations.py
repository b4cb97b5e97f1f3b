"""CloudWatch's API, as far as it is about metrics."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from wakeful import limits
from wakeful.fabric.service import Call, Node
from wakeful.services.cloudwatch import putting, queries, reading, statistics
from wakeful.services.cloudwatch.api import api
from wakeful.services.cloudwatch.errors import (
    InvalidParameterCombinationException,
    InvalidParameterValueException,
    LimitExceededFault,
)
from wakeful.store import metric_points
from wakeful.store.metric_points import Listed, Metric, TooManyMetrics
from wakeful.wire.errors import NotImplementedHere

if TYPE_CHECKING:
    from wakeful.shapes import cloudwatch as shapes


@api.waits
async def put_metric_data(call: Call, node: Node, request: shapes.PutMetricDataInput) -> None:
    """The data are on disk, and found by whoever asks next."""
    for member in ("EntityMetricData", "StrictEntityValidation"):
        if member in request:
            raise NotImplementedHere(f"Wakeful has no entities of metrics yet ({member}).")
    points = await putting.points_of(call, request["Namespace"], request.get("MetricData", ()), node.clock.now())
    try:
        await node.telemetry.metrics.put(points)
    except TooManyMetrics as error:
        raise LimitExceededFault(str(error)) from error


@api.waits
async def list_metrics(call: Call, node: Node, request: shapes.ListMetricsInput) -> shapes.ListMetricsOutput:
    """Metrics that had a point in the last two weeks, or three hours, in the order in which they came up."""
    if request.get("IncludeLinkedAccounts") or request.get("OwningAccount", call.account) != call.account:
        raise NotImplementedHere(
            "Wakeful shows an account its own metrics only (IncludeLinkedAccounts, OwningAccount)."
        )
    await node.telemetry.flush_metrics()
    kept_s = limits.METRICS_RECENT_S if "RecentlyActive" in request else limits.METRICS_LISTED_S
    since = node.clock.now() - kept_s
    after = _place_in(request.get("NextToken"))
    found: list[Listed] = []
    while len(found) <= limits.METRICS_LISTED_MAX:
        some: list[Listed] = await node.telemetry.metrics.read(
            metric_points.listed,
            *(call.account, call.region, since, after, limits.METRICS_LISTED_MAX + 1),
            *(request.get("Namespace", ""), request.get("MetricName", "")),
        )
        found += [each for each in some if _is_wanted(each.metric, request)]
        if len(some) <= limits.METRICS_LISTED_MAX:
            break
        after = some[-1].id
        await asyncio.sleep(0)  # others have their turn
    page = found[: limits.METRICS_LISTED_MAX]
    return {
        "Metrics": [_shown(each.metric) for each in page],
        "NextToken": str(page[-1].id) if len(found) > len(page) else None,
    }


@api.waits
async def get_metric_statistics(
    call: Call, node: Node, request: shapes.GetMetricStatisticsInput
) -> shapes.GetMetricStatisticsOutput:
    """One point for every step and unit in which something was measured, in order of time."""
    simple, extended = request.get("Statistics", []), request.get("ExtendedStatistics", [])
    if bool(simple) == bool(extended):
        raise InvalidParameterCombinationException(
            "Exactly one of the parameters Statistics and ExtendedStatistics must be specified."
        )
    wanted = {name: statistics.parse(name) for name in (*simple, *extended)}
    for name, statistic in wanted.items():
        if statistic is None or (name in extended and name in statistics.SIMPLE):
            raise InvalidParameterValueException(f"The value {name} for parameter ExtendedStatistics is not supported.")
    span = reading.span_of(request["StartTime"], request["EndTime"], request["Period"], node.clock.now())
    if span.step_count > limits.METRIC_STATISTICS_POINTS_MAX:
        raise InvalidParameterCombinationException(
            f"You have requested up to {span.step_count:,} datapoints, which exceeds the limit of"
            f" {limits.METRIC_STATISTICS_POINTS_MAX:,}. You may reduce the datapoints requested by increasing Period,"
            " or decreasing the time range."
        )
    metric = reading.metric_of(call, request)
    await node.telemetry.flush_metrics()
    points: list[shapes.Datapoint] = []
    for (at, unit), found in (await reading.read(node, metric, span, request.get("Unit"))).items():
        values = {name: statistic(found) for name, statistic in wanted.items() if statistic is not None}
        known = {name: value for name, value in values.items() if value is not None}
        if known:
            point = {"Timestamp": at, "Unit": unit, **({"ExtendedStatistics": known} if extended else known)}
            points.append(point)  # type: ignore[arg-type]
    return {"Label": request["MetricName"], "Datapoints": points}


@api.waits
async def get_metric_data(call: Call, node: Node, request: shapes.GetMetricDataInput) -> shapes.GetMetricDataOutput:
    """What each query finds: of a metric, or of what expressions make of others."""
    return await queries.answer(call, node, request)


def _place_in(token: str | None) -> int:
    if token is None:
        return 0
    if not token.isascii() or not token.isdigit() or len(token) > 18:
        raise InvalidParameterValueException("The parameter NextToken is invalid.")
    return int(token)


def _is_wanted(metric: Metric, request: shapes.ListMetricsInput) -> bool:
    has = dict(metric.dimensions)
    return all(
        each["Name"] in has and each.get("Value", has[each["Name"]]) == has[each["Name"]]
        for each in request.get("Dimensions", ())
    )


def _shown(metric: Metric) -> shapes.Metric:
    return {
        "Namespace": metric.namespace,
        "MetricName": metric.name,
        "Dimensions": [{"Name": name, "Value": value} for name, value in metric.dimensions],
    }
