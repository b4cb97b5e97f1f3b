"""What /proc says of processes, asked of processes of our own."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import IO

import pytest

from wakeful.environments.jail import processes

# A process with a child that has a child; each says so when it is there.
FAMILY = """
import os, sys, time
block = bytearray(30 << 20)
for offset in range(0, len(block), 4096): block[offset] = 1
for _ in range(2):
    if os.fork():
        break
os.write(1, b".")
time.sleep(60)
"""


@pytest.fixture
def family() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-I", "-S", "-c", FAMILY], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        _read(process.stdout, 3)
        yield process
        for pid in [*processes.descendants(process.pid), process.pid]:
            processes.kill(pid)


def _read(pipe: IO[bytes], count: int) -> None:
    got = b""
    while len(got) < count:
        got += os.read(pipe.fileno(), count)


def test_descendants_are_found_however_deep(family: subprocess.Popen[bytes]) -> None:
    assert len(processes.children(family.pid)) == 1
    assert len(processes.descendants(family.pid)) == 2
    assert family.pid in processes.children(os.getpid())


def test_memory_shared_by_a_fork_counts_once_when_it_matters(family: subprocess.Popen[bytes]) -> None:
    pids = [family.pid, *processes.descendants(family.pid)]
    cheap = processes.use(pids, 1 << 40).memory_bytes
    exact = processes.use(pids, 0).memory_bytes
    assert cheap > 90 << 20
    assert 30 << 20 < exact < 60 << 20


def test_the_peak_stays_when_memory_is_given_back() -> None:
    before = processes.resident_peak_bytes(os.getpid())
    block = bytearray(b"x" * (20 << 20))
    del block
    assert processes.resident_peak_bytes(os.getpid()) >= max(before, 20 << 20)
    assert processes.resident_peak_bytes(2**22 + 1) == 0


def test_cpu_time_is_counted() -> None:
    before = processes.use([os.getpid()], 1 << 40).cpu_s
    end = time.process_time() + 0.05
    while time.process_time() < end:
        sum(range(1000))
    assert processes.use([os.getpid()], 1 << 40).cpu_s >= before + 0.03


def test_one_that_is_gone_uses_nothing() -> None:
    with subprocess.Popen(["/bin/true"]) as process:
        process.wait()
        assert processes.use([process.pid], 0) == processes.Use(0, 0, 0.0)
        assert processes.use([], 0) == processes.Use(0, 0, 0.0)
        assert processes.descendants(process.pid) == []
        assert processes.state(process.pid) == ""
        processes.kill(process.pid)


def test_one_that_ends_while_it_is_counted_uses_nothing(
    family: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    pids = [family.pid, *processes.descendants(family.pid)]

    def ends(pid: int) -> None:
        processes.kill(pid)
        while processes.state(pid) not in ("Z", ""):
            time.sleep(0)

    monkeypatch.setattr(processes, "_proportional", ends)
    assert processes.use(pids, 0).memory_bytes == 0


def test_states_are_the_kernels_letters(family: subprocess.Popen[bytes]) -> None:
    assert processes.state(family.pid) in "SR"
    os.kill(family.pid, signal.SIGSTOP)
    deadline = time.monotonic() + 5
    while processes.state(family.pid) != "T":
        assert time.monotonic() < deadline


def test_threads_of_a_user_are_at_least_its_processes() -> None:
    assert processes.threads_of(os.getuid()) >= 1
    assert processes.threads_of(1_999_999_999) == 0


def test_a_process_that_ends_while_its_threads_are_listed_has_no_children(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the kernel then says differs from what it says a moment later, and comes once in thousands of processes."""

    def ends(path: str) -> list[str]:
        raise ProcessLookupError(errno.ESRCH, "No such process", path)

    everybody = processes.all_visible()
    monkeypatch.setattr(os, "listdir", ends)
    monkeypatch.setattr(processes, "all_visible", lambda: everybody)
    assert processes.children(os.getpid()) == []
    assert processes.threads_of(os.getuid()) == 0
