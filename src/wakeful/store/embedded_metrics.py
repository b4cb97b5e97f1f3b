"""Metrics in lines of logs: CloudWatch's embedded metric format ("Specification: Embedded metric format").

A line that is not quite what the specification says tells those of its metrics that are. One that would tell of more
than a line can reasonably mean (its dimensions count anew for each metric) tells of the first ones.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import orjson

from wakeful import limits, names
from wakeful.store.metric_points import Dimensions

MARK = '"_aws"'


class Embedded(NamedTuple):
    """One metric of one line, under each set of its dimensions."""

    account: str
    region: str
    namespace: str
    dimension_sets: tuple[Dimensions, ...]
    name: str
    unit: str
    at: float
    values: tuple[float, ...]
    resolution_s: int


def may_have(line: str) -> bool:
    """Whether it is worth reading: nearly every line of nearly every log is not."""
    return line.startswith("{") and MARK in line


def read(log_name: str, timestamp_ms: int, line: str, now: float) -> Iterator[Embedded]:
    """The metrics of a line of the log group with this ARN."""
    try:
        group = names.parse_arn(log_name)
        document = orjson.loads(line)
    except ValueError:
        return
    about = document.get("_aws")
    directives = about.get("CloudWatchMetrics") if isinstance(about, dict) else None
    if not isinstance(directives, list):
        return
    at_ms = about.get("Timestamp", timestamp_ms)
    if not _is_number(at_ms):
        return
    at = at_ms / 1000
    if not now - limits.METRIC_AGE_MAX_S <= at <= now + limits.METRIC_AHEAD_MAX_S:
        return
    left = limits.METRIC_TEXT_PER_LINE_MAX
    for directive in directives:
        if isinstance(directive, dict):
            for told, cost in _of_directive(group, document, directive, at):
                left -= cost
                if left < 0:
                    return
                yield told


def _of_directive(
    group: names.Arn, document: Mapping[str, Any], directive: Mapping[str, Any], at: float
) -> Iterator[tuple[Embedded, int]]:
    """Each with about how many characters it is once it is written."""
    namespace: Any = directive.get("Namespace")
    defined = directive.get("Metrics")
    sets = _dimension_sets(document, directive.get("Dimensions", [[]]))
    if not _is_text(namespace, 255) or namespace.startswith("AWS/") or not isinstance(defined, list) or not sets:
        return
    cost = sum(map(_cost, sets))
    for metric in defined[: limits.METRICS_PER_LINE_MAX]:
        if not isinstance(metric, dict) or not _is_text(metric.get("Name"), 255):
            continue
        values = _values(document.get(metric["Name"]))
        unit = metric.get("Unit", "None")
        resolution_s = metric.get("StorageResolution", 60)
        if values and isinstance(unit, str) and unit in UNITS and type(resolution_s) is int and resolution_s in (1, 60):
            of = (group.account, group.region, namespace, sets, metric["Name"])
            yield Embedded(*of, unit, at, values, resolution_s), cost


def _dimension_sets(document: Mapping[str, Any], asked: Any) -> tuple[Dimensions, ...]:
    """Those that the document has all the values of; the same ones once."""
    found: dict[Dimensions, None] = {}
    left = limits.METRIC_TEXT_PER_LINE_MAX
    for keys in asked if isinstance(asked, list) else ():
        if not isinstance(keys, list) or len(keys) > limits.METRIC_DIMENSIONS_MAX:
            continue
        if all(_is_text(key, 250) and _is_text(document.get(key), 1024) for key in keys):
            dimensions = tuple(sorted((key, document[key]) for key in set(keys)))
            left -= _cost(dimensions)
            if left < 0:
                break
            found[dimensions] = None
    return tuple(found)


def _cost(dimensions: Dimensions) -> int:
    return limits.METRIC_POINT_TEXT + sum(len(key) + len(value) for key, value in dimensions)


def _values(given: Any) -> tuple[float, ...]:
    values = given if isinstance(given, list) else [given]
    if not values or len(values) > limits.METRIC_VALUES_PER_LINE_MAX or not all(map(_is_number, values)):
        return ()
    return tuple(map(float, values))


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value) and abs(value) <= limits.METRIC_VALUE_MAX


def _is_text(value: Any, length_max: int) -> bool:
    return isinstance(value, str) and 0 < len(value) <= length_max and value.isascii() and value.isprintable()


UNITS = frozenset(
    {
        *("Seconds", "Microseconds", "Milliseconds", "Percent", "Count", "Count/Second", "None"),
        *("Bytes", "Kilobytes", "Megabytes", "Gigabytes", "Terabytes"),
        *("Bits", "Kilobits", "Megabits", "Gigabits", "Terabits"),
        *("Bytes/Second", "Kilobytes/Second", "Megabytes/Second", "Gigabytes/Second", "Terabytes/Second"),
        *("Bits/Second", "Kilobits/Second", "Megabits/Second", "Gigabits/Second", "Terabits/Second"),
    }
)
