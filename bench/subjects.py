"""What is put into the systems that are measured: functions, requests, a load; and a word for what is absent."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from bench.systems import System

SECONDS = float(os.environ.get("BENCH_SECONDS", "5"))
PYTHON = f"python{sys.version_info.major}.{sys.version_info.minor}"
ROLE = "arn:aws:iam::000000000000:role/bench"
EVENT = json.dumps({"key1": "v" * 85}).encode()
ECHO = {"h.py": b"def handler(event, context):\n    return event\n"}


class Absent(Exception):
    """A function's runtime is not to be had here; the message says why."""


def load(
    system: System, request: bytes, connections: int, seconds: float = SECONDS, kind: str | None = None
) -> dict[str, Any]:
    """The outcome of a load on the system, sent from a process of its own. `kind` is one of those that it knows."""
    command = [sys.executable, "-m", "bench.load", "127.0.0.1", str(system.port), str(connections), str(seconds)]
    done = subprocess.run([*command, *([kind] if kind else [])], input=request, capture_output=True, check=True)
    result: dict[str, Any] = json.loads(done.stdout)
    if result["errors"]:
        print(f"    {system.name}: {result['errors']} errors, first: {result['first_error']!r}", file=sys.stderr)
    return result


@contextlib.contextmanager
def or_told(start: Callable[[], contextlib.AbstractContextManager[System]]) -> Iterator[System | None]:
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


def zipped(files: Mapping[str, bytes]) -> bytes:
    """A package. Every file may be executed, as a bootstrap has to be."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name)
            entry.external_attr = 0o755 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, content)
    return packed.getvalue()


def folder(path: Path) -> dict[str, bytes]:
    """The files of a package that lies in a folder."""
    return {str(file.relative_to(path)): file.read_bytes() for file in path.rglob("*") if file.is_file()}


def make_function(
    system: System,
    name: str,
    runtime: str = PYTHON,
    package: bytes | None = None,
    handler: str = "h.handler",
    **settings: Any,
) -> None:
    """The function can be called. Raises Absent."""
    functions = system.client("lambda")
    functions.create_function(
        FunctionName=name,
        Runtime=runtime,
        Role=ROLE,
        Handler=handler,
        Code={"ZipFile": package or zipped(ECHO)},
        # One vCPU: with less, the CPU that belongs to the memory is what would be measured.
        **{"Timeout": 60, "MemorySize": 1769, **settings},
    )
    deadline = time.monotonic() + 60
    while (found := functions.get_function_configuration(FunctionName=name)).get("State") == "Pending":
        if time.monotonic() > deadline:
            raise Absent(f"{name} was not ready after a minute")
        time.sleep(0.05)
    if found.get("State") == "Failed":
        raise Absent(found.get("StateReason", "it failed"))


def invoke_request(system: System, name: str = "warm") -> bytes:
    """A signed invocation of an echo, which has been called once."""
    make_function(system, name)
    system.client("lambda").invoke(FunctionName=name, Payload=EVENT)
    return system.request("lambda", f"/2015-03-31/functions/{name}/invocations", EVENT)


def quantile(times: list[float], part: float) -> float:
    """The time that this part of all took at most."""
    return sorted(times)[min(len(times) - 1, int(len(times) * part))]
