"""SnapStart: what restoring takes, beside a cold start of the same function, in one run."""

from __future__ import annotations

import base64
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench import systems
from bench.subjects import EVENT, make_function, or_told, quantile, zipped
from bench.subjects import folder as files_of
from bench.systems import System

COUNT = 5
PACKAGES = ("numpy==2.4.6", "pandas==3.1.1")
WHEELS = Path(__file__).parent.parent / ".bench" / "pandas"

_RESTORED = re.compile(r"Restore Duration: ([\d.]+) ms")
_BOTO3 = b"import boto3\ns3 = boto3.client('s3')\ndef handler(event, context):\n    return event\n"
_PANDAS = b"""import numpy, pandas
frame = pandas.DataFrame({"a": numpy.arange(10)})
def handler(event, context):
    return int(frame["a"].sum())
"""


def snap_start() -> None:
    """The first Invoke of a version with SnapStart, and of $LATEST, which starts cold."""
    print("## SnapStart (the first invoke, through boto3)\n")
    print("| system | function imports | cold p50 ms | restored p50 ms | restored max ms | Restore Duration p50 ms |")
    print("|---|---|---|---|---|---|")
    with or_told(systems.wakeful) as system:
        if system is None:
            return
        for what, package in _packages():
            cold_ms, restored_ms, told_ms = _measure(system, what.replace(" ", "-"), package)
            print(
                f"| {system.name} | {what} | {statistics.median(cold_ms):.1f} | {statistics.median(restored_ms):.1f} |"
                f" {quantile(restored_ms, 1):.1f} | {statistics.median(told_ms):.1f} |"
            )
    print()


def _packages() -> Iterator[tuple[str, bytes]]:
    yield "boto3", zipped({"h.py": _BOTO3})
    if not WHEELS.exists():
        command = [
            sys.executable,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--only-binary=:all:",
        ]
        with tempfile.TemporaryDirectory(dir=WHEELS.parent) as place:
            subprocess.run([*command, "--target", f"{place}/pandas", *PACKAGES], check=True, capture_output=True)
            Path(place, "pandas").rename(WHEELS)
    libraries = {name: content for name, content in files_of(WHEELS).items() if "/tests/" not in name}
    yield "numpy and pandas", zipped({**libraries, "h.py": _PANDAS})


def _measure(system: System, name: str, package: bytes) -> tuple[list[float], list[float], list[float]]:
    """Milliseconds of cold and restored first invokes, and what REPORT says of the latter."""
    functions = system.client("lambda")
    cold_ms: list[float] = []
    restored_ms: list[float] = []
    told_ms: list[float] = []
    for number in range(COUNT):
        function = f"{name}-{number}"
        make_function(system, function, package=package, SnapStart={"ApplyOn": "PublishedVersions"})
        version = functions.publish_version(FunctionName=function)["Version"]
        functions.get_waiter("published_version_active").wait(FunctionName=function, Qualifier=version)
        time.sleep(0.5)
        for qualifier, times in (("$LATEST", cold_ms), (version, restored_ms)):
            begun = time.perf_counter()
            answer = functions.invoke(FunctionName=function, Qualifier=qualifier, Payload=EVENT, LogType="Tail")
            times.append((time.perf_counter() - begun) * 1000)
            found = _RESTORED.search(base64.b64decode(answer["LogResult"]).decode())
            if found is not None:
                told_ms.append(float(found[1]))
    return cold_ms, restored_ms, told_ms
