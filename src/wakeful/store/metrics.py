"""Metrics: what was measured, minute by minute, added up in memory and written with the rest of telemetry.

A measurement on a hot path is one entry in a dictionary: a family (whose values are measured together, and under which
dimensions they count), the names of what is measured, and a tuple of values. What that means for each metric is worked
out when it is written, about ten times a second.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from wakeful import limits
from wakeful.clock import Clock
from wakeful.store import embedded_metrics, metric_batches, metric_points
from wakeful.store.distribution import Distribution
from wakeful.store.metric_batches import Measured
from wakeful.store.metric_points import Dimensions, PointKey
from wakeful.store.tx import Store

log = logging.getLogger(__name__)

MINUTE_S = 60


@dataclass(frozen=True, eq=False, slots=True)
class Family:
    """Under which sets of dimensions a value counts: once under each, its pairs by name.

    Made by `family`, so that likes are the same; unlike ones of the same meaning cost only time.
    """

    account: str
    region: str
    namespace: str
    dimension_sets: tuple[Dimensions, ...]


@dataclass(frozen=True, eq=False, slots=True)
class Measures:
    """Names and units of what is measured together. Made by `measures`, so that likes are the same."""

    of: tuple[tuple[str, str], ...]


@lru_cache(limits.METRIC_FAMILIES_KEPT)
def family(account: str, region: str, namespace: str, *dimension_sets: Dimensions) -> Family:
    """Dimensions are pairs of name and value; their order says nothing."""
    return Family(account, region, namespace, tuple(tuple(sorted(pairs)) for pairs in dimension_sets))


@lru_cache(limits.METRIC_FAMILIES_KEPT)
def measures(*of: tuple[str, str]) -> Measures:
    return Measures(of)


class Sample(NamedTuple):
    """Something that was measured, to be told later: given to `tx.note` it counts when the transaction is on disk."""

    family: Family
    measures: Measures
    at: float
    values: tuple[float, ...]
    resolution_s: int = MINUTE_S


class Gauge:
    """How many of something there are. What is kept is the most there were, for every minute in which there were any.

    `beside` is counted in whenever there are any.
    """

    __slots__ = ("beside", "family", "measures", "minute", "now", "peak", "peak_at", "told")

    def __init__(self, family: Family, measures: Measures) -> None:
        self.family = family
        self.measures = measures
        self.now = 0
        self.beside = 0
        self.peak = 0
        self.peak_at = 0.0
        self.minute = 0
        self.told = 0

    def up(self) -> None:
        self.now += 1

    def down(self, at: float) -> None:
        # There were never more than right before there was one less, so looking here and when it is told is enough.
        if self.now > self.peak:
            self.peak = self.now
            self.peak_at = at
        self.now -= 1

    def never_mind(self) -> None:
        """The last one that came in did not count."""
        self.now -= 1


Buffer = dict[tuple[Family, Measures, int, int], list[tuple[float, ...]]]


class Metrics:
    """One for each node, in its telemetry."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._buffer: Buffer = {}
        self._kept: list[Measured] = []
        """What was taken before, and could not be written."""
        self._of_lines: dict[tuple[Any, ...], Family] = {}
        """Families that log lines have named since; there may be many, and large ones, so none is kept for long."""
        self._size = 0
        self._dropped = 0
        self._gauges: dict[tuple[Family, Measures], Gauge] = {}

    # --- measuring ---

    def add(
        self, family: Family, measures: Measures, at: float, values: tuple[float, ...], resolution_s: int = MINUTE_S
    ) -> None:
        """Measured at that moment, one value for each of the measures."""
        if self._size >= limits.METRIC_BUFFER_MAX:
            self._dropped += 1
            return
        self._size += 1
        key = (family, measures, int(at // resolution_s) * resolution_s, resolution_s)
        rows = self._buffer.get(key)
        if rows is None:
            rows = self._buffer[key] = []
        rows.append(values)

    def gauge(self, family: Family, measures: Measures) -> Gauge:
        """To be held no longer than something is counted in it."""
        gauge = self._gauges.get((family, measures))
        if gauge is None:
            gauge = self._gauges[family, measures] = Gauge(family, measures)
        return gauge

    def read_line(self, log_name: str, timestamp_ms: int, line: str) -> None:
        """A line of a log that may have metrics in it has told them."""
        for each in embedded_metrics.read(log_name, timestamp_ms, line, self._clock.now()):
            of = self._family_of_line(each.account, each.region, each.namespace, each.dimension_sets)
            for value in each.values:
                self.add(of, measures((each.name, each.unit)), each.at, (value,), each.resolution_s)

    def _family_of_line(self, *of: Any) -> Family:
        known = self._of_lines.get(of)
        if known is None:
            known = self._of_lines[of] = Family(*of)
        return known

    # --- writing; telemetry does it ---

    @property
    def has_news(self) -> bool:
        """Whether there is something to write, or to look at."""
        return bool(self._buffer or self._kept or self._gauges)

    def take(self) -> list[Measured]:
        """What was measured since."""
        self._read_gauges()
        if self._dropped:
            log.warning("%d measurements came faster than they could be written and were dropped", self._dropped)
        buffer, self._buffer = self._buffer, {}
        kept, self._kept = self._kept, []
        self._of_lines = {}
        self._size = self._dropped = 0
        return [*kept, *_measured(buffer)]

    def keep(self, measured: list[Measured]) -> None:
        """What was taken could not be written: it waits for the next time, and takes the room of what would come."""
        self._kept = measured
        self._size += len(measured)

    async def add_up(self) -> None:
        """Everything that is on disk is in the points."""
        while await self._store.read(metric_batches.are_there):
            await self._store.write(metric_batches.add_up, limits.METRIC_BATCHES_AT_ONCE)

    def _read_gauges(self) -> None:
        now = self._clock.now()
        minute = int(now // MINUTE_S)
        for key, gauge in list(self._gauges.items()):
            if gauge.peak:
                self._tell(gauge, gauge.peak, gauge.peak_at)
                gauge.peak = 0
            if gauge.now > 0:
                self._tell(gauge, gauge.now, now)
            elif gauge.minute != minute:
                del self._gauges[key]

    def _tell(self, gauge: Gauge, count: int, at: float) -> None:
        minute = int(at // MINUTE_S)
        if minute != gauge.minute:
            gauge.minute, gauge.told = minute, 0
        if count + gauge.beside > gauge.told:
            gauge.told = count + gauge.beside
            self.add(gauge.family, gauge.measures, at, (gauge.told,))

    # --- for those who promise that it is on disk ---

    async def put(self, points: Mapping[PointKey, Distribution]) -> None:
        """The points are on disk. Raises TooManyMetrics, and then none of them is."""
        await self._store.write(metric_points.put_all, points)

    # --- reading; see metric_points ---

    async def read(self, work: Callable[..., Any], *args: Any) -> Any:
        """What `work` finds in the points. For what is not among them yet, `flush_metrics` of telemetry first."""
        return await self._store.read(work, *args)

    async def roll_up(self) -> bool:
        """Older points are fewer, and the oldest gone. Whether there may be more to do."""
        return await self._store.write(metric_points.roll_up, limits.METRIC_ROLL_UP_BATCH)


def _measured(buffer: Buffer) -> Iterator[Measured]:
    for (of, what, at, resolution_s), rows in buffer.items():
        for (name, unit), values in zip(what.of, zip(*rows, strict=True), strict=True):
            yield Measured(
                *(of.account, of.region, of.namespace, of.dimension_sets, name, unit, resolution_s, at),
                Distribution.of(values),
            )
