"""GetMetricData: queries of metrics, expressions over them, and pages of what they find."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

import orjson

from wakeful import limits
from wakeful.fabric.service import Call, Node
from wakeful.services.cloudwatch import expressions, mathematics, reading, statistics
from wakeful.services.cloudwatch.errors import InvalidNextToken
from wakeful.services.cloudwatch.expressions import BadExpression
from wakeful.services.cloudwatch.mathematics import NoValue, Series, Value
from wakeful.store.distribution import Distribution
from wakeful.wire.errors import NotImplementedHere, ValidationError

if TYPE_CHECKING:
    from wakeful.shapes import cloudwatch as shapes

_ID = re.compile("[a-z][a-zA-Z0-9_]*")


async def answer(call: Call, node: Node, request: shapes.GetMetricDataInput) -> shapes.GetMetricDataOutput:
    """What the queries find, newest first unless asked otherwise, a page at a time."""
    queries = request["MetricDataQueries"]
    _check(call, queries)
    now = node.clock.now()
    if request["StartTime"] >= request["EndTime"]:
        raise ValidationError("The parameter StartTime must be less than the parameter EndTime.")
    await node.telemetry.flush_metrics()
    measured = {
        query["Id"]: await _measured(call, node, query["MetricStat"], request, now)
        for query in queries
        if "MetricStat" in query
    }
    found = _Answers(queries, measured, request, now)
    results: list[tuple[str, Series]] = []
    for query in filter(_is_returned, queries):
        results += [(query["Id"], series) for series in await found.of(query)]
        if len(results) > limits.METRIC_SERIES_MAX:
            raise ValidationError(f"The queries return more than {limits.METRIC_SERIES_MAX:,} time series.")
    return _page(request, results)


def _check(call: Call, queries: Sequence[Mapping[str, Any]]) -> None:
    """Raises what CloudWatch answers to queries that it does not take."""
    if not 0 < len(queries) <= limits.METRIC_QUERIES_MAX:
        raise ValidationError(
            f"The collection MetricDataQueries must have a size from 1 to {limits.METRIC_QUERIES_MAX}."
        )
    ids = [query["Id"] for query in queries]
    if len(set(ids)) != len(ids):
        raise ValidationError("The values for parameter id in MetricDataQueries are not unique.")
    for query in queries:
        if not _ID.fullmatch(query["Id"]):
            raise ValidationError(
                f"The value {query['Id']} for parameter Id is invalid: it begins with a lowercase letter and has"
                " letters, numbers and underscores only."
            )
        if ("MetricStat" in query) == ("Expression" in query):
            raise ValidationError(
                f"Exactly one of the parameters MetricStat and Expression must be specified for {query['Id']}."
            )
        if query.get("AccountId", call.account) != call.account:
            raise NotImplementedHere("Wakeful shows an account its own metrics only (AccountId).")
        if "${" in query.get("Label", ""):
            raise NotImplementedHere("Wakeful does not have dynamic labels yet (Label with ${…}).")
        if "MetricStat" in query:
            _check_stat(query["Id"], query["MetricStat"])
    if not any(map(_is_returned, queries)):
        raise ValidationError("At least one query must return data (ReturnData).")


def _check_stat(query_id: str, asked: Mapping[str, Any]) -> None:
    for member in ("Namespace", "MetricName"):
        if member not in asked["Metric"]:
            raise ValidationError(f"The parameter {member} of the metric of {query_id} is required.")
    if statistics.parse(asked["Stat"]) is None:
        raise ValidationError(f"The value {asked['Stat']} for parameter Stat is not supported.")
    reading.check_period(asked["Period"])


async def _measured(call: Call, node: Node, asked: Mapping[str, Any], request: Mapping[str, Any], now: float) -> Series:
    span = reading.span_of(request["StartTime"], request["EndTime"], asked["Period"], now)
    if span.step_count > limits.METRIC_DATA_POINTS_MAX:
        raise ValidationError(
            f"You have requested up to {span.step_count:,} datapoints, which exceeds the limit of"
            f" {limits.METRIC_DATA_POINTS_MAX:,}."
        )
    statistic = statistics.parse(asked["Stat"])
    assert statistic is not None
    metric = reading.metric_of(call, asked["Metric"])
    steps: dict[int, Distribution] = {}
    for (at, _), found in (await reading.read(node, metric, span, asked.get("Unit"))).items():
        steps.setdefault(at, Distribution()).merge(found)
    values = {at: statistic(found) for at, found in sorted(steps.items())}
    points = {at: float(value) for at, value in values.items() if value is not None}
    return Series(metric.name, span.steps, points)


def _is_returned(query: Mapping[str, Any]) -> bool:
    return bool(query.get("ReturnData", True))


class _Answers:
    """What each query of a request finds. An expression is worked out when it is asked for, and once."""

    def __init__(
        self,
        queries: Sequence[Mapping[str, Any]],
        measured: Mapping[str, Series],
        request: Mapping[str, Any],
        now: float,
    ) -> None:
        self._queries = {query["Id"]: query for query in queries}
        self._measured = measured
        self._found: dict[str, Value | None] = dict(measured)
        self._under_way: list[str] = []
        self._request = request
        self._now = now
        self._left = limits.METRIC_MATH_STEPS_MAX
        self.steps = range(0)

    async def of(self, query: Mapping[str, Any]) -> list[Series]:
        """The series of one query, with their labels."""
        try:
            await self._work_out(query["Id"])
            found = self.value(query["Id"])
        except NoValue:
            found = Series(query["Id"], range(0), {})
        if isinstance(found, float):
            raise ValidationError(
                _wrong(query["Id"], "The result is a number; return a time series, as by TIME_SERIES")
            )
        label = query.get("Label") or (query["Id"] if "Expression" in query else "")
        if isinstance(found, list):
            return [Series(f"{label} {each.label}", each.steps, each.points) for each in found]
        return [Series(label or found.label, found.steps, found.points)]

    def value(self, query_id: str) -> Value:
        """What has been worked out of the query."""
        if query_id not in self._found:
            raise BadExpression(f"There is no query with the id {query_id}")
        found = self._found[query_id]
        if found is None:
            raise NoValue
        return found

    async def _work_out(self, query_id: str) -> None:
        """`value` knows the query's value, and those of all it depends on."""
        if query_id in self._found:
            return
        if query_id in self._under_way:
            raise BadExpression(f"{query_id} depends on itself")
        if len(self._under_way) >= limits.METRIC_MATH_DEPTH_MAX:
            raise BadExpression("Expressions depend on one another too deeply")
        self._under_way.append(query_id)
        try:
            self._found[query_id] = await self._evaluated(self._queries[query_id])
        except NoValue:
            self._found[query_id] = None
        except BadExpression as error:
            raise ValidationError(_wrong(query_id, str(error))) from error
        finally:
            self._under_way.pop()

    async def _evaluated(self, query: Mapping[str, Any]) -> Value:
        expression = query["Expression"]
        if expression.lstrip()[:6].upper() == "SELECT":
            raise NotImplementedHere("Wakeful does not have queries of Metrics Insights (SELECT) yet.")
        tree = expressions.parse(expression)
        for name in sorted(expressions.names_in(tree) & self._queries.keys()):
            await self._work_out(name)  # before the tree, not within it: trees in trees would be too deep
        self.steps = self._steps(query)
        return await mathematics.evaluate(tree, self)

    def _steps(self, query: Mapping[str, Any]) -> range:
        period_s = query.get("Period") or min((each.steps.step for each in self._measured.values()), default=60)
        span = reading.span_of(self._request["StartTime"], self._request["EndTime"], period_s, self._now)
        if span.step_count > limits.METRIC_DATA_POINTS_MAX:
            raise BadExpression(f"It has more than {limits.METRIC_DATA_POINTS_MAX:,} datapoints")
        return span.steps

    async def spend(self, step_count: int) -> None:
        self._left -= step_count
        if self._left < 0:
            raise BadExpression(f"The expressions look at more than {limits.METRIC_MATH_STEPS_MAX:,} datapoints")
        if step_count:
            await asyncio.sleep(0)  # others have their turn

    def metrics(self, text: str) -> list[Series]:
        return [series for query_id, series in self._measured.items() if text in query_id]


def _wrong(query_id: str, why: str) -> str:
    return f"Error in expression '{query_id}' [{why}]"


# --- pages ---


def _page(request: Mapping[str, Any], results: Sequence[tuple[str, Series]]) -> shapes.GetMetricDataOutput:
    """As many values of each series as leave room for the others. A token says how many there were before."""
    most = request.get("MaxDatapoints", limits.METRIC_DATA_POINTS_MAX)
    if not 0 < most <= limits.METRIC_DATA_POINTS_MAX:
        raise ValidationError(f"The value {most} for parameter MaxDatapoints is invalid.")
    share = max(1, most // max(1, len(results)))
    begin = _begin_in(request)
    newest_first = request.get("ScanBy", "TimestampDescending") == "TimestampDescending"
    has_more = False
    shown: list[shapes.MetricDataResult] = []
    for query_id, series in results:
        moments = reversed(series.points) if newest_first else iter(series.points)
        page = list(islice(moments, begin, begin + share))
        is_last = begin + share >= len(series.points)
        has_more = has_more or not is_last
        shown.append(
            {
                "Id": query_id,
                "Label": series.label,
                "Timestamps": [float(at) for at in page],
                "Values": [series.points[at] for at in page],
                "StatusCode": "Complete" if is_last else "PartialData",
            }
        )
    token = f"{begin + share}.{_digest(request)}" if has_more else None
    return {"MetricDataResults": shown, "NextToken": token, "Messages": []}


def _begin_in(request: Mapping[str, Any]) -> int:
    token = request.get("NextToken")
    if token is None:
        return 0
    begin, _, digest = token.partition(".")
    if not begin.isascii() or not begin.isdigit() or len(begin) > 9 or digest != _digest(request):
        raise InvalidNextToken()
    return int(begin)


def _digest(request: Mapping[str, Any]) -> str:
    """A token is good for the request it was given for."""
    asked = {name: value for name, value in request.items() if name != "NextToken"}
    return hashlib.sha256(orjson.dumps(asked, option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]
