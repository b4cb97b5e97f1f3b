"""What the values of a metric were, small and mergeable: how many, their sum and extremes, and how they are spread.

Values above zero are sorted into buckets whose edges grow by one in a hundred. A bucket knows how many values it has
and their sum, and speaks for each of them by their mean: exactly where they were all the same, and never off by more
than one in a hundred. Merging loses nothing, so that minutes make hours and nodes make a cluster. Only of values that
were made to fill the disk, over hundreds of orders of magnitude, the lowest share a bucket.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import orjson

from wakeful import limits

_WIDTH = math.log(1.01)
_ZERO = -(1 << 20)
"""The bucket of zero: below that of every number above it."""


class Weight(NamedTuple):
    """A value that came up about so often."""

    value: float
    times: float


class Distribution:
    """Of some values. `add` and `merge` change it; what was read from a row is nobody else's."""

    __slots__ = ("buckets", "count", "max", "min", "sum")

    def __init__(self) -> None:
        self.count = 0.0
        self.sum = 0.0
        self.min = math.inf
        self.max = -math.inf
        self.buckets: dict[int, list[float]] = {}
        """By the number of the bucket: how many, and their sum. Values below zero are in none."""

    @staticmethod
    def of(values: Iterable[float]) -> Distribution:
        made = Distribution()
        for value, count in Counter(values).items():
            made.add(value, count)
        return made

    def add(self, value: float, count: float = 1) -> None:
        """The value came up so many times more."""
        value, count = float(value), float(count)  # whole numbers would grow beyond what can be written
        self._add_summary(count, value * count, value, value)
        if value >= 0:
            self._add_bucket(math.floor(math.log(value) / _WIDTH) if value else _ZERO, count, value * count)

    def add_set(self, count: float, total: float, least: float, most: float) -> None:
        """Values of which only this much is known: they have no percentiles, unless they were all the same."""
        if least == most and math.isclose(total, least * count, rel_tol=1e-9, abs_tol=1e-12):
            self.add(least, count)
        else:
            self._add_summary(count, total, least, most)

    def merge(self, other: Distribution) -> None:
        """It has the values of the other, too."""
        self._add_summary(other.count, other.sum, other.min, other.max)
        for number, (count, total) in other.buckets.items():
            self._add_bucket(number, count, total)

    @property
    def is_spread_known(self) -> bool:
        """Whether there are percentiles: not of statistic sets, and not where a value was below zero, as on AWS."""
        return self.min >= 0 and math.isclose(self.count, sum(count for count, _ in self.buckets.values()))

    def weights(self) -> Iterator[Weight]:
        """The values, from the least to the largest, as exactly as they are known."""
        for number in sorted(self.buckets):
            count, total = self.buckets[number]
            yield Weight(min(max(total / count, self.min), self.max), count)

    def listed(self) -> list[list[float]]:
        """The buckets, to be written; count, sum and extremes stand beside them."""
        return [[number, *bucket] for number, bucket in self.buckets.items()]

    def packed(self) -> bytes:
        """The same for a row."""
        return orjson.dumps(self.listed())

    @staticmethod
    def from_list(
        count: float, total: float, least: float, most: float, buckets: Iterable[Sequence[float]]
    ) -> Distribution:
        made = Distribution()
        made.count, made.sum, made.min, made.max = count, total, least, most
        made.buckets = {int(number): [times, total] for number, times, total in buckets}
        return made

    @staticmethod
    def unpacked(count: float, total: float, least: float, most: float, buckets: bytes) -> Distribution:
        return Distribution.from_list(count, total, least, most, orjson.loads(buckets))

    def _add_summary(self, count: float, total: float, least: float, most: float) -> None:
        self.count += count
        self.sum += total
        self.min = min(self.min, least)
        self.max = max(self.max, most)

    def _add_bucket(self, number: int, count: float, total: float) -> None:
        bucket = self.buckets.get(number)
        if bucket is None:
            self.buckets[number] = [count, total]
            if len(self.buckets) > limits.METRIC_BUCKETS_MAX:
                self._join_lowest()
        else:
            bucket[0] += count
            bucket[1] += total

    def _join_lowest(self) -> None:
        """A quarter of the buckets is one, so that this is not to be done for every value."""
        lowest = sorted(self.buckets)[: limits.METRIC_BUCKETS_MAX // 4]
        joined = self.buckets[lowest[-1]]
        for number in lowest[:-1]:
            count, total = self.buckets.pop(number)
            joined[0] += count
            joined[1] += total
