"""Asynchronous invokes: how many are accepted a second, and how many have run, with the queue between."""

from __future__ import annotations

import contextlib
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from bench import systems
from bench.subjects import load, make_function, or_told, zipped
from bench.systems import System

CONNECTIONS = (1, 16, 64)
PATIENCE_S = 60.0
"""How long a queue is given to become empty."""

MARKS = {
    "h.py": b"def handler(event, context):\n    with open(event['marks'], 'a') as marks:\n        marks.write('.')\n"
}

Count = Callable[[System], int]


def events() -> None:
    """Invocations of the type Event, signed, at 1, 16 and 64 connections; then until the last of them has run."""
    print("## Asynchronous invoke (a function that adds a dot to a file; signed requests)\n")
    print("| system | its queue | connections | p50 ms | accepted/s | completed/s |")
    print("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory(prefix="marks-", dir="/var/tmp") as folder:
        marks = Path(folder) / "marks"
        marks.touch()
        # Wakeful's function marks a file of its own sandbox; there the metric is asked, which is right to a tenth of a
        # second. The other's functions run beside it, and their marks can be counted.
        for start, queue, path, count in (
            (systems.wakeful, "on disk", "/tmp/marks", _measured),
            (systems.ministack, "in memory", str(marks), lambda _: marks.stat().st_size),
        ):
            with or_told(start) as system:
                if system is not None:
                    for line in _lines(system, path, count):
                        print(f"| {system.name} | {queue} | {line} |")
    print()


def _lines(system: System, path: str, count: Count) -> Iterator[str]:
    make_function(system, "events", package=zipped(MARKS))
    event = json.dumps({"marks": path}).encode()
    system.client("lambda").invoke(FunctionName="events", Payload=event)
    headers = {"X-Amz-Invocation-Type": "Event"}
    request = system.request("lambda", "/2015-03-31/functions/events/invocations", event, headers)
    for connections in CONNECTIONS:
        before, begun = count(system), time.perf_counter()
        found = load(system, request, connections)
        accepted = found["requests"] - found["errors"]
        completed, took = _drained(partial(count, system), before + accepted, begun)
        completed -= before
        less = "" if completed == accepted else f" ({completed} of {accepted} within {took:.0f} s)"
        yield f"{connections} | {found['p50_ms']:.3f} | {found['per_s']:.0f} | {completed / took:.0f}{less}"


def _drained(completed: Callable[[], int], expected: int, begun: float) -> tuple[int, float]:
    """How many have run, and how long it took since the first was sent."""
    while (done := completed()) < expected and time.perf_counter() - begun < PATIENCE_S:
        time.sleep(0.05)
    return done, time.perf_counter() - begun


def _measured(system: System) -> int:
    now = datetime.now(UTC)
    with contextlib.closing(system.client("cloudwatch")) as client:
        points = client.get_metric_statistics(
            Namespace="AWS/Lambda",
            MetricName="Invocations",
            Dimensions=[{"Name": "FunctionName", "Value": "events"}],
            StartTime=now - timedelta(hours=1),
            EndTime=now + timedelta(hours=1),
            Period=3600,
            Statistics=["Sum"],
        )["Datapoints"]
    return int(sum(point["Sum"] for point in points))
