"""Metrics: added up in memory, written in batches, older ones fewer, on both engines."""

from __future__ import annotations

import itertools
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.conftest import OpenStore
from wakeful import limits
from wakeful.clock import Clock
from wakeful.store import embedded_metrics, metric_batches, metric_points
from wakeful.store.distribution import Distribution
from wakeful.store.metric_points import Listed, Metric, PointKey, TooManyMetrics
from wakeful.store.metrics import Family, Sample, family, measures
from wakeful.store.telemetry import LogEvent, Passage, Telemetry
from wakeful.store.tx import Store

ACCOUNT, REGION = "000000000000", "us-east-1"
FAMILY = family(ACCOUNT, REGION, "N", (), (("A", "1"),), (("B", "2"), ("A", "1")))
COUNTED = measures(("Calls", "Count"), ("Took", "Milliseconds"))
TOOK = Metric(ACCOUNT, REGION, "N", "Took", (("A", "1"),))
GROUP = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:g"


@pytest.fixture
async def store(open_store: OpenStore) -> AsyncIterator[Store]:
    async with open_store("telemetry", rehearse=True) as store:
        yield store


@pytest.fixture
def telemetry(store: Store, clock: Clock) -> Telemetry:
    return Telemetry(store, clock)


@pytest.fixture
def minute(clock: Clock) -> int:
    """The beginning of the next hour, at which the clock then stands."""
    hour = int(clock.now() // 3600) * 3600 + 3600
    clock.advance(hour - clock.now())
    return hour


async def points(
    telemetry: Telemetry, start: int, end: int, period_s: int = 60, metric: Metric = TOOK
) -> dict[int, tuple[float, float]]:
    await telemetry.flush_metrics()
    found = await telemetry.metrics.read(metric_points.read, metric, start, end, period_s)
    return {at: (each.count, each.sum) for (at, _), each in found.items()}


async def listed(telemetry: Telemetry) -> list[Listed]:
    await telemetry.flush_metrics()
    found: list[Listed] = await telemetry.metrics.read(metric_points.listed, ACCOUNT, REGION, 0, 0, 1000)
    return found


async def test_a_value_counts_under_every_set_of_dimensions(telemetry: Telemetry, minute: int) -> None:
    telemetry.metrics.add(FAMILY, COUNTED, minute + 1.0, (1, 20.0))
    telemetry.metrics.add(FAMILY, COUNTED, minute + 59.9, (1, 30.0))
    telemetry.metrics.add(FAMILY, COUNTED, minute + 60.0, (1, 40.0))
    assert await points(telemetry, minute, minute + 120) == {minute: (2, 50.0), minute + 60: (1, 40.0)}
    both = Metric(ACCOUNT, REGION, "N", "Calls", (("A", "1"), ("B", "2")))
    assert await points(telemetry, minute, minute + 120, 300, both) == {minute: (3, 3.0)}
    assert len(await listed(telemetry)) == 6


async def test_what_comes_later_is_added_to_what_is_on_disk(telemetry: Telemetry, minute: int) -> None:
    for value in (1.0, 2.0, 3.0):
        telemetry.metrics.add(FAMILY, COUNTED, minute, (1, value))
        await telemetry.flush_metrics()
    found = await telemetry.metrics.read(metric_points.read, TOOK, minute, minute + 60, 60)
    (spread,) = found.values()
    assert [each.value for each in spread.weights()] == [1.0, 2.0, 3.0]
    assert (spread.min, spread.max) == (1.0, 3.0)


async def test_what_cannot_be_written_now_is_written_later(
    telemetry: Telemetry, minute: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*args: object) -> None:
        raise OSError("the disk is full")

    telemetry.metrics.add(FAMILY, COUNTED, minute, (1, 5.0))
    with monkeypatch.context() as full:
        full.setattr(telemetry._store, "write", broken)
        with pytest.raises(OSError, match="full"):
            await telemetry.flush_metrics()
        telemetry.metrics.add(FAMILY, COUNTED, minute, (1, 6.0))
        with pytest.raises(OSError, match="full"):
            await telemetry.flush_metrics()
    assert await points(telemetry, minute, minute + 60) == {minute: (2, 11.0)}


async def test_what_a_node_wrote_and_did_not_add_up_the_next_one_does(
    telemetry: Telemetry, store: Store, clock: Clock, minute: int
) -> None:
    for value in (1.0, 2.0, 3.0):
        telemetry.metrics.add(FAMILY, COUNTED, minute, (1, value))
        await telemetry.flush()
    assert await telemetry.metrics.read(metric_points.read, TOOK, minute, minute + 60, 60) == {}
    assert await points(Telemetry(store, clock), minute, minute + 60) == {minute: (3, 6.0)}
    assert await points(telemetry, minute, minute + 60) == {minute: (3, 6.0)}


async def test_very_much_at_once_is_added_up_in_parts(
    telemetry: Telemetry, minute: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "METRIC_BATCH_POINTS", 6)
    monkeypatch.setattr(limits, "METRIC_BATCHES_AT_ONCE", 1)
    write, works = telemetry._store.write, []

    async def counted(work: Any, *args: Any) -> Any:
        works.append(work)
        return await write(work, *args)

    monkeypatch.setattr(telemetry._store, "write", counted)
    for number in range(5):
        telemetry.metrics.add(FAMILY, COUNTED, minute + 60 * number, (1, 1.0))
    assert sum(count for count, _ in (await points(telemetry, minute, minute + 3600)).values()) == 5
    assert works.count(metric_batches.add_up) == 5


async def test_a_transactions_sample_counts_when_it_is_told(telemetry: Telemetry, minute: int) -> None:
    telemetry.note(Sample(FAMILY, COUNTED, minute, (1, 9.0)))
    assert await points(telemetry, minute, minute + 60) == {minute: (1, 9.0)}


async def test_units_are_kept_apart(telemetry: Telemetry, minute: int) -> None:
    telemetry.metrics.add(FAMILY, measures(("Took", "Seconds")), minute, (1,))
    telemetry.metrics.add(FAMILY, measures(("Took", "Milliseconds")), minute, (7,))
    await telemetry.flush_metrics()
    assert set(await telemetry.metrics.read(metric_points.read, TOOK, minute, minute + 60, 60)) == {
        (minute, "Seconds"),
        (minute, "Milliseconds"),
    }
    found = await telemetry.metrics.read(metric_points.read, TOOK, minute, minute + 60, 60, "Seconds")
    assert [each.sum for each in found.values()] == [1]


@pytest.mark.parametrize(("older_s", "finest"), [(0, 1), (3 * 3600, 60), (15 * 86400, 300), (63 * 86400, 3600)])
@pytest.mark.parametrize("is_tidied", [False, True])
async def test_older_points_are_had_only_in_longer_steps(
    telemetry: Telemetry, minute: int, clock: Clock, older_s: int, finest: int, is_tidied: bool
) -> None:
    for second in (0, 1, 61, 301):
        telemetry.metrics.add(FAMILY, COUNTED, minute + second, (1, 1.0), 1)
    await telemetry.flush_metrics()
    clock.advance(older_s + 400)
    if is_tidied:
        while await telemetry.metrics.roll_up():
            pass
    for period_s in (1, 60, 300, 3600):
        found = await points(telemetry, minute, minute + 3600, period_s)
        assert sum(count for count, _ in found.values()) == (4 if period_s >= finest else 0), period_s
    if finest == 60:
        assert sorted(await points(telemetry, minute, minute + 3600)) == [minute, minute + 60, minute + 300]


async def test_after_455_days_nothing_is_left(telemetry: Telemetry, minute: int, clock: Clock, store: Store) -> None:
    telemetry.metrics.add(FAMILY, COUNTED, minute, (1, 1.0))
    await telemetry.flush_metrics()
    clock.advance(456 * 86400.0)
    assert await points(telemetry, minute, minute + 3600, 3600) == {}
    while await telemetry.metrics.roll_up():
        pass
    assert await listed(telemetry) == []
    counted = await store.read(lambda tx: tx.all("SELECT metrics FROM telemetry_metric_counts"))
    assert [row["metrics"] for row in counted] == [0]


async def test_an_account_has_only_so_many_metrics(
    telemetry: Telemetry, minute: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "METRICS_MAX", 6)
    telemetry.metrics.add(FAMILY, COUNTED, minute, (1, 1.0))
    other = family(ACCOUNT, REGION, "Other", ())
    telemetry.metrics.add(other, COUNTED, minute, (1, 1.0))
    assert len(await listed(telemetry)) == 6
    key = PointKey(Metric(ACCOUNT, REGION, "Other", "x", ()), 60, minute, "None")
    with pytest.raises(TooManyMetrics):
        await telemetry.metrics.put({key: Distribution.of([1.0])})


async def test_a_gauge_tells_the_most_there_were_in_each_minute(
    telemetry: Telemetry, minute: int, clock: Clock
) -> None:
    def most(found: dict[tuple[int, str], Distribution]) -> dict[int, float]:
        return {at - minute: each.max for (at, _), each in found.items()}

    running = Metric(ACCOUNT, REGION, "N", "Running", (("A", "1"),))
    gauge = telemetry.metrics.gauge(FAMILY, measures(("Running", "Count")))
    gauge.up()
    gauge.up()
    gauge.up()
    gauge.never_mind()
    gauge.down(clock.now())
    await telemetry.flush_metrics()
    clock.advance(60)
    await telemetry.flush_metrics()
    gauge.beside = 10
    gauge.down(clock.now())
    clock.advance(120)
    await telemetry.flush_metrics()
    found = await telemetry.metrics.read(metric_points.read, running, minute, minute + 600, 60)
    assert most(found) == {0: 2, 60: 11}
    assert not telemetry.metrics.has_news


async def test_too_many_measurements_at_once_are_dropped_and_told(
    telemetry: Telemetry, minute: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(limits, "METRIC_BUFFER_MAX", 2)
    for _ in range(5):
        telemetry.metrics.add(FAMILY, COUNTED, minute, (1, 1.0))
    assert await points(telemetry, minute, minute + 60) == {minute: (2, 2.0)}
    assert "3 measurements came faster" in caplog.text


async def test_what_waits_for_a_broken_disk_has_an_end(
    telemetry: Telemetry, minute: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*args: object) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(limits, "METRIC_BUFFER_MAX", 4)
    with monkeypatch.context() as full:
        full.setattr(telemetry._store, "write", broken)
        for number in range(9):
            of = family(ACCOUNT, REGION, "N", (("Number", str(number)),))
            telemetry.metrics.add(of, measures(("Calls", "Count")), minute, (1,))
            with pytest.raises(OSError, match="full"):
                await telemetry.flush()
    assert len(await listed(telemetry)) == 4


LINE = (
    '{"_aws": {"Timestamp": %d, "CloudWatchMetrics": [{"Namespace": "Shop", "Dimensions": [["Service"], []],'
    ' "Metrics": [{"Name": "Sold", "Unit": "Count"}, {"Name": "Took", "StorageResolution": 1}, {"Name": "Lost"}]}]},'
    ' "Service": "till", "Sold": [3, 4], "Took": 12.5, "Lost": "no number"}'
)


@pytest.mark.parametrize("is_acknowledged", [False, True])
async def test_lines_of_logs_have_metrics_in_them(telemetry: Telemetry, minute: int, is_acknowledged: bool) -> None:
    events = [LogEvent(minute * 1000, LINE % (minute * 1000)), LogEvent(minute * 1000, '{"no": "metrics"}')]
    if is_acknowledged:
        await telemetry.put_events(GROUP, "s", events)
    else:
        telemetry.log(GROUP, "s", events)
    sold = Metric(ACCOUNT, REGION, "Shop", "Sold", (("Service", "till"),))
    assert await points(telemetry, minute, minute + 60, 60, sold) == {minute: (2, 7.0)}
    took = Metric(ACCOUNT, REGION, "Shop", "Took", ())
    assert await points(telemetry, minute, minute + 60, 1, took) == {minute: (1, 12.5)}
    assert len(await listed(telemetry)) == 4


async def test_a_line_that_is_written_later_tells_its_metrics_once(
    telemetry: Telemetry, minute: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*args: object) -> None:
        raise OSError("the disk is full")

    telemetry.log(GROUP, "s", [LogEvent(minute * 1000, LINE % (minute * 1000))])
    with monkeypatch.context() as full:
        full.setattr(telemetry._store, "write", broken)
        for _ in range(3):
            with pytest.raises(OSError, match="full"):
                await telemetry.flush()
    sold = Metric(ACCOUNT, REGION, "Shop", "Sold", (("Service", "till"),))
    assert await points(telemetry, minute, minute + 60, 60, sold) == {minute: (2, 7.0)}
    assert len((await telemetry.page(Passage(GROUP), count=10)).events) == 1


def of_line(minute: int, metrics: list[str], dimensions: list[list[str]], document: dict[str, Any]) -> str:
    defined = [{"Name": name} for name in metrics]
    directive = {"Namespace": "Shop", "Dimensions": dimensions, "Metrics": defined}
    return json.dumps({"_aws": {"Timestamp": minute * 1000, "CloudWatchMetrics": [directive]}, **document})


async def test_the_largest_whole_numbers_are_added_up(telemetry: Telemetry, minute: int) -> None:
    largest = 2**64 - 1
    telemetry.log(GROUP, "s", [LogEvent(minute * 1000, of_line(minute, ["x"], [[]], {"x": [largest] * 3}))])
    telemetry.metrics.add(family(ACCOUNT, REGION, "Shop", ()), measures(("x", "None")), minute, (largest,))
    metric = Metric(ACCOUNT, REGION, "Shop", "x", ())
    assert await points(telemetry, minute, minute + 60, 60, metric) == {minute: (4, 4.0 * largest)}


async def test_a_set_of_dimensions_that_a_line_names_twice_counts_once(telemetry: Telemetry, minute: int) -> None:
    line = of_line(minute, ["x"], [["a", "b"], ["b", "a"]], {"x": 1, "a": "1", "b": "2"})
    telemetry.log(GROUP, "s", [LogEvent(minute * 1000, line)])
    metric = Metric(ACCOUNT, REGION, "Shop", "x", (("a", "1"), ("b", "2")))
    assert await points(telemetry, minute, minute + 60, 60, metric) == {minute: (1, 1.0)}


def test_a_line_tells_of_little_more_than_it_is_long(minute: int) -> None:
    keys = [f"key{number}" for number in range(30)]
    sets = [list(some) for some in itertools.islice(itertools.combinations(keys, 20), 1000)]
    names = [f"m{number}" for number in range(100)]
    line = of_line(minute, names, sets, dict.fromkeys(keys, "v" * 1000) | dict.fromkeys(names, 1))
    told = list(embedded_metrics.read(GROUP, minute * 1000, line, minute))
    assert 0 < sum(len(str(each.dimension_sets)) for each in told) < 3 * limits.METRIC_TEXT_PER_LINE_MAX
    usual = of_line(minute, names, [keys[:9], []], dict.fromkeys(keys, "v" * 100) | dict.fromkeys(names, 1))
    assert len(list(embedded_metrics.read(GROUP, minute * 1000, usual, minute))) == 100


@pytest.mark.parametrize(
    "line",
    [
        '{"_aws": 1}',
        '{"_aws": {"CloudWatchMetrics": 1}}',
        '{"_aws": {"CloudWatchMetrics": [1]}}',
        '{"_aws": {"CloudWatchMetrics": [{"Namespace": "N", "Dimensions": 1, "Metrics": [{"Name": "x"}]}]}, "x": 1}',
        '{"_aws": {"CloudWatchMetrics": [{"Namespace": "N", "Dimensions": [["a"]], "Metrics": [{"Name": "x"}]}]}}',
        '{"_aws": {"CloudWatchMetrics": [{"Namespace": "N", "Metrics": [{"Name": "x", "Unit": "Ells"}]}]}, "x": 1}',
        '{"_aws": {"CloudWatchMetrics": [{"Namespace": "N", "Metrics": [{"Name": "x"}]}]}, "x": true}',
        '{"_aws": {"Timestamp": 1, "CloudWatchMetrics": [{"Namespace": "N", "Metrics": [{"Name": "x"}]}]}, "x": 1}',
        '{"_aws": {"CloudWatchMetrics": [{"Namespace": 1, "Metrics": [{"Name": "x"}]}]}, "x": 1}',
        '{"_aws": {"CloudWatchMetrics": [{"Namespace": "N", "Metrics": [{"Name": "x", "Unit": []}]}]}, "x": 1}',
        '{"_aws": {"CloudWatchMetrics": [{"Namespace": "N", "Metrics": [{"Name": "x", "StorageResolution": true}]}]},'
        ' "x": 1}',
        '{"_aws": {"CloudWatchMetrics": [{"Namespace": "N", "Metrics": [{"Name": "x", "StorageResolution": 60.0}]}]},'
        ' "x": 1}',
        '{"_aws": {"CloudWatchMetrics": [{"Namespace": "AWS/Lambda", "Metrics": [{"Name": "x"}]}]}, "x": 1}',
        '{"_aws": {"CloudWatchMetrics": [{"Namespace": "N", "Metrics": [{"Name": "x"}]}]}, "x": 1e999}',
        '{"_aws": {"CloudWatchMetrics": [{"Namespace": "N", "Metrics": [{"Name": "x"}]}]}, "x": NaN}',
        '{"_aws": ' + "[" * 100_000,
        '{"_aws": cut off',
    ],
)
async def test_lines_that_are_not_as_they_should_be_tell_nothing(telemetry: Telemetry, minute: int, line: str) -> None:
    telemetry.log(GROUP, "s", [LogEvent(minute * 1000, line)])
    assert await listed(telemetry) == []


def test_likes_are_the_same() -> None:
    made: set[Family] = {family(ACCOUNT, REGION, "N", (("A", "1"),)) for _ in range(3)}
    assert len(made) == 1
    assert measures(("a", "Count")) is measures(("a", "Count"))
