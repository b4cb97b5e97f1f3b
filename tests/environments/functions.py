"""Functions for scenarios, to run inside sandboxes: what they see, and how they end. Standard library only."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path


def report() -> dict[str, object]:
    """Where and as what we were started."""
    before = Path("/proc/self/environ").read_bytes().split(b"\0")
    return {
        "variables": dict(line.decode().split("=", 1) for line in before if line),
        "now": dict(os.environ),
        "directory": str(Path.cwd()),
        "argv": sys.orig_argv,
        "stdin": str(Path("/proc/self/fd/0").readlink()),
        "task": names(os.environ["LAMBDA_TASK_ROOT"]),
        "opt": names("/opt"),
        "tmp": names("/tmp"),
        "host": os.uname().nodename,
        "age_s": time.monotonic() - float(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19]) / 100,
    }


def names(folder: str) -> list[str]:
    """What is in it; nothing where that may not be seen."""
    try:
        return sorted(entry.name for entry in Path(folder).iterdir())
    except OSError:
        return []


def end(how: str) -> None:
    """By a status, or by a signal."""
    if how.isdigit():
        sys.exit(int(how))
    os.kill(os.getpid(), getattr(signal, how))


def leave_a_file() -> list[str]:
    """What was in /tmp before."""
    before = names("/tmp")
    Path("/tmp/left").write_text("for whom?")
    return before


def tmp_mb() -> int:
    space = os.statvfs("/tmp")
    return space.f_blocks * space.f_frsize >> 20


def count_up() -> None:
    """A number every few milliseconds, for as long as we run."""
    number = 0
    while True:
        number += 1
        sys.stdout.write(f"{number}\n")
        sys.stdout.flush()
        end_at = time.monotonic() + 0.005
        while time.monotonic() < end_at:
            sum(range(100))


def length_of(name: str) -> int:
    return len(os.environ[name])


def bomb() -> None:
    """Forks as fast as it can, for ever."""
    while True:
        try:
            os.fork()
        except OSError:
            continue


def draw() -> dict[str, object]:
    """What should differ between any two processes, and what is the same in those that were forked from one."""
    import random
    import tempfile
    import uuid

    return {
        "hash": hash("a word"),
        "drawn": [random.random(), str(uuid.uuid4()), os.urandom(8).hex(), tempfile.mktemp()],
    }


def start_others() -> dict[str, object]:
    """What a process gets that is started from here; a thread, a fork and a signal of our own."""
    import multiprocessing
    import subprocess
    import threading

    listing = subprocess.run(["/bin/ls", "/proc/self/fd"], capture_output=True, text=True, check=True).stdout
    signals: list[int] = []
    signal.signal(signal.SIGUSR1, lambda number, frame: signals.append(number))
    signal.raise_signal(signal.SIGUSR1)
    drawn: list[int] = []
    thread = threading.Thread(target=lambda: drawn.append(threading.get_native_id()))
    thread.start()
    thread.join()
    ours, theirs = multiprocessing.Pipe()
    child = multiprocessing.get_context("fork").Process(target=lambda: theirs.send(os.getppid()))
    child.start()
    answer = ours.recv()
    child.join()
    return {
        "inherited": listing.split()[:-1],  # the last is the listing's own
        "main": threading.main_thread().native_id == os.getpid() == threading.get_native_id(),
        "thread": drawn != [os.getpid()],
        "child": answer == os.getpid() and child.exitcode == 0,
        "signals": signals,
        "alone": os.getpgrp() == os.getsid(0) == os.getpid(),
    }
