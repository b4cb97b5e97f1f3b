"""What PutMetricData tells, as points; or what is wrong with it."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from wakeful import limits
from wakeful.fabric.service import Call
from wakeful.services.cloudwatch.errors import (
    InvalidParameterCombinationException,
    InvalidParameterValueException,
    MissingRequiredParameterException,
)
from wakeful.store.distribution import Distribution
from wakeful.store.metric_points import Dimensions, Metric, PointKey

if TYPE_CHECKING:
    from wakeful.shapes import cloudwatch as shapes

_VALUES = ("Value", "StatisticValues", "Values")


async def points_of(
    call: Call, namespace: str, data: Sequence[shapes.MetricDatum], now: float
) -> dict[PointKey, Distribution]:
    """The points of the data. Raises what CloudWatch answers to data that it does not take."""
    if namespace.startswith("AWS/") or not _is_text(namespace):
        raise InvalidParameterValueException(f"The value {namespace} for parameter Namespace is invalid.")
    if not data:
        raise MissingRequiredParameterException("The parameter MetricData is required.")
    if len(data) > limits.METRICS_PER_PUT_MAX:
        raise InvalidParameterValueException(
            f"The collection MetricData must not have a size greater than {limits.METRICS_PER_PUT_MAX}."
        )
    points: dict[PointKey, Distribution] = {}
    for number, datum in enumerate(data, 1):
        where = f"MetricData.member.{number}"
        resolution_s = datum.get("StorageResolution", 60)
        if resolution_s not in (1, 60):
            raise InvalidParameterValueException(
                f"The value {resolution_s} for parameter {where}.StorageResolution is invalid."
            )
        at = int(_time(datum, where, now) // resolution_s) * resolution_s
        name = datum["MetricName"]
        if not _is_text(name):
            raise InvalidParameterValueException(f"The value {name} for parameter {where}.MetricName is invalid.")
        dimensions = dimensions_of(datum.get("Dimensions", ()), where)
        metric = Metric(call.account, call.region, namespace, name, dimensions)
        key = PointKey(metric, resolution_s, at, datum.get("Unit", "None"))
        _add(points.setdefault(key, Distribution()), datum, where)
        if number % limits.METRICS_PUT_AT_ONCE == 0:
            await asyncio.sleep(0)  # others have their turn
    return points


def dimensions_of(given: Sequence[shapes.Dimension], where: str = "") -> Dimensions:
    """By name. Raises what CloudWatch answers where a name comes up twice, or is none."""
    names = [each["Name"] for each in given]
    if len(set(names)) != len(names):
        raise InvalidParameterValueException("No Metric may specify the same Dimension name twice.")
    for each in given:
        for member in (each["Name"], each["Value"]):
            if not _is_text(member):
                raise InvalidParameterValueException(
                    f"The value {member} for parameter {where + '.' if where else ''}Dimensions is invalid."
                )
    return tuple(sorted((each["Name"], each["Value"]) for each in given))


def _time(datum: shapes.MetricDatum, where: str, now: float) -> float:
    at = datum.get("Timestamp", now)
    if at < now - limits.METRIC_AGE_MAX_S:
        raise InvalidParameterValueException(
            f"The parameter {where}.Timestamp must specify a time no more than two weeks in the past."
        )
    if at > now + limits.METRIC_AHEAD_MAX_S:
        raise InvalidParameterValueException(
            f"The parameter {where}.Timestamp must specify a time no more than two hours in the future."
        )
    return at


def _add(point: Distribution, datum: shapes.MetricDatum, where: str) -> None:
    given = [member for member in _VALUES if member in datum]
    if len(given) > 1:
        raise InvalidParameterCombinationException(
            f"The parameters {where}.{given[0]} and {where}.{given[1]} are mutually exclusive and you have specified"
            " both."
        )
    if not given:
        raise MissingRequiredParameterException(f"The parameter {where}.Value is required.")
    if "Counts" in datum and "Values" not in datum:
        raise InvalidParameterCombinationException(f"{where}.Counts can only be specified with {where}.Values.")
    if "Value" in datum:
        point.add(_number(datum["Value"], f"{where}.Value"))
    elif "Values" in datum:
        _add_values(point, datum, where)
    else:
        _add_set(point, datum["StatisticValues"], f"{where}.StatisticValues")


def _add_values(point: Distribution, datum: shapes.MetricDatum, where: str) -> None:
    values = datum["Values"]
    counts = datum.get("Counts", [1.0] * len(values))
    if not 0 < len(values) <= limits.METRIC_VALUES_MAX:
        raise InvalidParameterValueException(
            f"The collection {where}.Values must have a size from 1 to {limits.METRIC_VALUES_MAX}."
        )
    if len(values) != len(counts):
        raise InvalidParameterValueException(
            f"The parameters {where}.Values and {where}.Counts must be of the same size."
        )
    for value, count in zip(values, counts, strict=True):
        point.add(_number(value, f"{where}.Values"), _count(count, f"{where}.Counts"))


def _add_set(point: Distribution, given: Mapping[str, Any], where: str) -> None:
    count = _count(given["SampleCount"], f"{where}.SampleCount")
    total, least, most = (_number(given[member], f"{where}.{member}") for member in ("Sum", "Minimum", "Maximum"))
    if least > most:
        raise InvalidParameterValueException(f"The value {least} for parameter {where}.Minimum is invalid.")
    point.add_set(count, total, least, most)


def _number(value: float, where: str) -> float:
    if not math.isfinite(value):
        raise InvalidParameterValueException(f"The value {value} for parameter {where} is invalid.")
    if abs(value) > limits.METRIC_VALUE_MAX or 0 < abs(value) < limits.METRIC_VALUE_MIN:
        raise InvalidParameterValueException(f"The value {value} for parameter {where} is invalid.")
    return value


def _count(value: float, where: str) -> float:
    if _number(value, where) <= 0:
        raise InvalidParameterValueException(f"The value {value} for parameter {where} is invalid.")
    return value


def _is_text(name: str) -> bool:
    return name.isascii() and name.isprintable() and bool(name.strip())
