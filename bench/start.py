"""From the command to the first answer, and what a node weighs when nothing happens."""

from __future__ import annotations

import statistics
import time

from bench import systems
from bench.subjects import or_told


def start() -> None:
    """From the command to the first answer, and what it weighs when nothing happens."""
    print("## Start and idle memory\n")
    print("| system | start to ready, p50 s | idle memory MB (PSS of all its processes) |")
    print("|---|---|---|")
    for begin in (systems.wakeful, systems.ministack):
        times, memory = [], 0.0
        for _ in range(5):
            with or_told(begin) as system:
                if system is None:
                    break
                times.append(system.ready_s)
                time.sleep(1)
                memory = system.memory_mb()
        if times:
            print(f"| {begin.__name__} | {statistics.median(times):.3f} | {memory:.1f} |")
    print()
