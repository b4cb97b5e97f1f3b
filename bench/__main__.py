"""`make bench`: Wakeful beside its peers and beside a floor, in one run. Ratios hold, absolute times do not.

python -m bench [SECTION ...]        warm, cold, burst, queue, start
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import io
import json
import os
import platform
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from bench import systems
from bench.systems import System

SECONDS = float(os.environ.get("BENCH_SECONDS", "5"))
PYTHON = f"python{sys.version_info.major}.{sys.version_info.minor}"
ROLE = "arn:aws:iam::000000000000:role/bench"
BURST = 100
BURST_SLEEP_S = 2.0
EVENT = json.dumps({"key1": "v" * 85}).encode()


def load(system: System, request: bytes, connections: int, seconds: float = SECONDS) -> dict[str, Any]:
    """The outcome of a load on the system, sent from a process of its own."""
    command = [sys.executable, "-m", "bench.load", "127.0.0.1", str(system.port), str(connections), str(seconds)]
    done = subprocess.run(command, input=request, capture_output=True, check=True)
    result: dict[str, Any] = json.loads(done.stdout)
    if result["errors"]:
        print(f"    {system.name}: {result['errors']} errors, first: {result['first_error']!r}", file=sys.stderr)
    return result


def warm() -> None:
    """A warm synchronous Invoke, signed, at 1 and 16 connections."""
    print("## Warm invoke (a function that returns its event; signed requests)\n")
    print("| system | connections | p50 ms | p99 ms | requests/s | of the floor |")
    print("|---|---|---|---|---|---|")
    floor: dict[int, float] = {}
    for start, prepare in (
        (systems.echo, _echo_request),
        (systems.wakeful, _invoke_request),
        (systems.ministack, _invoke_request),
        (systems.functions_framework, _echo_request),
    ):
        with _or_told(start) as system:
            if system is None:
                continue
            request = prepare(system)
            for connections in (1, 16):
                load(system, request, connections, 1.0)
                found = load(system, request, connections)
                floor.setdefault(connections, found["per_s"])
                share = found["per_s"] / floor[connections]
                print(
                    f"| {system.name} | {connections} | {found['p50_ms']:.3f} | {found['p99_ms']:.3f} |"
                    f" {found['per_s']:.0f} | {share:.3f} |"
                )
    print()


def cold() -> None:
    """The first Invoke of a function that nobody has called before."""
    print("## Cold start (from the request to the answer of a function's first invoke, through boto3)\n")
    print("| system | runtime | p50 ms | p90 ms | warm p50 ms | overhead of the cold start ms |")
    print("|---|---|---|---|---|---|")
    runtimes = [(PYTHON, "h.py", b"def handler(event, context):\n    return event\n")]
    if shutil.which("node"):
        code = b"exports.handler = async (event) => event;\n"
        runtimes.append((_node_runtime(), "h.js", code))
    for start, count in ((systems.wakeful, 20), (systems.ministack, 5)):
        with _or_told(start) as system:
            if system is None:
                continue
            for runtime, name, code in runtimes:
                first, later = _cold_and_warm(system, runtime, name, code, count)
                cold_ms, warm_ms = statistics.median(first), statistics.median(later)
                print(
                    f"| {system.name} | {runtime} | {cold_ms:.1f} | {sorted(first)[int(len(first) * 0.9)]:.1f} |"
                    f" {warm_ms:.1f} | {cold_ms - warm_ms:.1f} |"
                )
    print()


def burst() -> None:
    """A hundred callers at once of a function that nobody has called before, each with an environment of its own."""
    print(f"## {BURST} cold starts at once (a function that sleeps {BURST_SLEEP_S} s, which is taken off)\n")
    print("| system | p50 ms | p99 ms | answered |")
    print("|---|---|---|---|")
    code = f"import time\ndef handler(event, context):\n    time.sleep({BURST_SLEEP_S})\n    return event\n".encode()
    for start in (systems.wakeful, systems.ministack):
        with _or_told(start) as system:
            if system is None:
                continue
            make_function(system, "primer", PYTHON, "h.py", b"def handler(event, context):\n    return event\n")
            system.client("lambda").invoke(FunctionName="primer", Payload=EVENT)
            make_function(system, "burst", PYTHON, "h.py", code)
            request = system.request("lambda", "/2015-03-31/functions/burst/invocations", EVENT)
            found = load(system, request, BURST, BURST_SLEEP_S * 0.9)
            p50, p99 = (found[name] - BURST_SLEEP_S * 1000 for name in ("p50_ms", "p99_ms"))
            print(f"| {system.name} | {p50:.0f} | {p99:.0f} | {found['requests'] - found['errors']} |")
    print()


def queue() -> None:
    """Durable SendMessage, beside a bare SQLite insert and a peer."""
    print("## SQS SendMessage (durable: answered when it is on disk)\n")
    print("| system | callers | p50 ms | messages/s | of the bare insert |")
    print("|---|---|---|---|---|")
    floor = {callers: asyncio.run(_bare_inserts(callers)) for callers in (1, 64)}
    for callers, per_s in floor.items():
        print(f"| SQLite, one fsync for all who wait | {callers} | | {per_s:.0f} | 1 |")
    for start in (systems.wakeful, systems.ministack):
        with _or_told(start) as system:
            if system is None:
                continue
            url = system.client("sqs").create_queue(QueueName="bench")["QueueUrl"]
            body = json.dumps({"QueueUrl": url, "MessageBody": "m" * 100}).encode()
            headers = {"X-Amz-Target": "AmazonSQS.SendMessage", "Content-Type": "application/x-amz-json-1.0"}
            request = system.request("sqs", "/", body, headers)
            for callers in (1, 64):
                found = load(system, request, callers)
                share = found["per_s"] / floor[callers]
                print(f"| {system.name} | {callers} | {found['p50_ms']:.3f} | {found['per_s']:.0f} | {share:.3f} |")
    print()


def start() -> None:
    """From the command to the first answer, and what it weighs when nothing happens."""
    print("## Start and idle memory\n")
    print("| system | start to ready, p50 s | idle memory MB (PSS of all its processes) |")
    print("|---|---|---|")
    for begin in (systems.wakeful, systems.ministack):
        times, memory = [], 0.0
        for _ in range(5):
            with _or_told(begin) as system:
                if system is None:
                    break
                times.append(system.ready_s)
                time.sleep(1)
                memory = system.memory_mb()
        if times:
            print(f"| {begin.__name__} | {statistics.median(times):.3f} | {memory:.1f} |")
    print()


# --- below -----------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _or_told(start: Callable[[], contextlib.AbstractContextManager[System]]) -> Iterator[System | None]:
    """The system; None, and a line that says why, where it is not to be had."""
    try:
        running = start()
        system = running.__enter__()
    except (OSError, RuntimeError) as error:
        print(f"| {start.__name__} | could not be started: {error} |")
        yield None
        return
    try:
        yield system
    finally:
        running.__exit__(None, None, None)


def _echo_request(system: System) -> bytes:
    return system.request("lambda", "/", EVENT, {"Content-Type": "application/json"})


def _invoke_request(system: System) -> bytes:
    make_function(system, "warm", PYTHON, "h.py", b"def handler(event, context):\n    return event\n")
    system.client("lambda").invoke(FunctionName="warm", Payload=EVENT)
    return system.request("lambda", "/2015-03-31/functions/warm/invocations", EVENT)


def make_function(system: System, name: str, runtime: str, file: str, code: bytes) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(file, code)
    functions = system.client("lambda")
    functions.create_function(
        FunctionName=name,
        Runtime=runtime,
        Role=ROLE,
        Handler="h.handler",
        Code={"ZipFile": packed.getvalue()},
        MemorySize=1769,  # one vCPU: with less, the CPU that belongs to the memory is what would be measured
    )
    functions.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 60})


def _cold_and_warm(system: System, runtime: str, file: str, code: bytes, count: int) -> tuple[list[float], list[float]]:
    functions = system.client("lambda")
    first: list[float] = []
    later: list[float] = []
    make_function(system, f"primer-{runtime.replace('.', '-')}", runtime, file, code)
    for number in range(count):
        name = f"cold-{runtime.replace('.', '-')}-{number}"
        make_function(system, name, runtime, file, code)
        time.sleep(0.2)  # so that what stands ready for a cold start can be made ready again
        for times in (first, later):
            begun = time.perf_counter()
            functions.invoke(FunctionName=name, Payload=EVENT)
            times.append((time.perf_counter() - begun) * 1000)
    return first, later


def _node_runtime() -> str:
    version = subprocess.run(["node", "-p", "process.versions.node"], capture_output=True, text=True, check=True).stdout
    return f"nodejs{version.split('.')[0]}.x"


async def _bare_inserts(callers: int) -> float:
    """Durable inserts a second into one table, as fast as SQLite goes when all who wait share a commit."""
    with tempfile.TemporaryDirectory(prefix="bench-", dir="/var/tmp") as folder:
        db = sqlite3.connect(Path(folder) / "bare.db", isolation_level=None)
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")
        db.execute("CREATE TABLE m(seq INTEGER PRIMARY KEY, body TEXT NOT NULL)")
        begun, count = time.perf_counter(), 0
        while time.perf_counter() - begun < min(SECONDS, 2):
            db.execute("BEGIN IMMEDIATE")
            for _ in range(callers):
                db.execute("INSERT INTO m(body) VALUES (?)", ("m" * 100,))
            db.execute("COMMIT")
            count += callers
        return count / (time.perf_counter() - begun)


SECTIONS: dict[str, Callable[[], None]] = {"warm": warm, "cold": cold, "burst": burst, "queue": queue, "start": start}


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("sections", nargs="*", choices=[*SECTIONS, []], metavar="SECTION")
    chosen = arguments.parse_args().sections or list(SECTIONS)
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Linux {platform.release()}"
    print(f"{machine}, Python {platform.python_version()}\n")
    for name in chosen:
        SECTIONS[name]()


if __name__ == "__main__":
    main()
