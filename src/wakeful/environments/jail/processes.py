"""What /proc says of processes: their memory and CPU, and who descends from whom.

Used where no cgroup counts for us. Every reading tolerates that a process ends in between.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable
from dataclasses import dataclass

_TICK_S = 1 / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Use:
    """Memory that is not the contents of files, and CPU time, of some processes together."""

    private_bytes: int
    shared_bytes: int
    """What is mapped of shared memory and of file systems in memory."""
    cpu_s: float

    @property
    def memory_bytes(self) -> int:
        return self.private_bytes + self.shared_bytes


def all_visible() -> list[int]:
    """Every process that this /proc shows."""
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def children(pid: int) -> list[int]:
    """Processes whose parent is `pid`, of whichever of its threads."""
    found: list[int] = []
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            found += map(int, _read(f"/proc/{pid}/task/{thread}/children").split())
    except (FileNotFoundError, ProcessLookupError):  # the second where it ended while its threads were listed
        return found
    return found


def descendants(pid: int) -> list[int]:
    """Children of `pid`, their children and so on."""
    found: list[int] = []
    waiting = [pid]
    while waiting:
        young = children(waiting.pop())
        found += young
        waiting += young
    return found


def kill(pid: int) -> None:
    """It is dead, or was already."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def kill_strays(known: set[int]) -> None:
    """What a dead keeper left has become our own child; with namespaces there is nothing of the kind."""
    for pid in children(os.getpid()):
        if pid not in known:
            for stray in [pid, *descendants(pid)]:
                kill(stray)
            os.waitpid(pid, 0)


def threads_of(uid: int) -> int:
    """How many threads of this user are running on the host, as far as this /proc shows them."""
    count = 0
    for pid in all_visible():
        try:
            if os.stat(f"/proc/{pid}").st_uid == uid:
                count += len(os.listdir(f"/proc/{pid}/task"))
        except (FileNotFoundError, ProcessLookupError):
            continue
    return count


def state(pid: int) -> str:
    """One letter: R running, S sleeping, T stopped, Z ended but not reaped; "" when it is gone."""
    fields = _stat(pid)
    return fields[0] if fields else ""


def use(pids: Iterable[int], exact_above_bytes: int) -> Use:
    """What these processes use together.

    Pages shared after a fork count once for each process in the cheap way of counting; beyond `exact_above_bytes`
    they are counted by their share, which costs the kernel a walk through the page tables.
    """
    pids = list(pids)
    memory = [_resident(pid) for pid in pids]
    if len(pids) > 1 and sum(private + shared for private, shared in memory) > exact_above_bytes:
        # Of one that has ended since we looked first, nothing is left to count.
        memory = [_proportional(pid) or _resident(pid) for pid in pids]
    private_bytes, shared_bytes = (sum(column) for column in zip(*memory, strict=True)) if memory else (0, 0)
    return Use(private_bytes, shared_bytes, sum(_cpu_s(pid) for pid in pids))


def resident_peak_bytes(pid: int) -> int:
    """The most that was ever in memory of one process, with the files it has mapped; 0 when it is gone."""
    return _bytes_of(_read(f"/proc/{pid}/status"), b"VmHWM:")


def _resident(pid: int) -> tuple[int, int]:
    """Private and shared bytes of one process."""
    text = _read(f"/proc/{pid}/status")
    return _bytes_of(text, b"RssAnon:"), _bytes_of(text, b"RssShmem:")


def _proportional(pid: int) -> tuple[int, int] | None:
    """The same, where several share a page each with its part. None where the process hides that, as it may."""
    text = _read(f"/proc/{pid}/smaps_rollup")
    return (_bytes_of(text, b"Pss_Anon:"), _bytes_of(text, b"Pss_Shmem:")) if text else None


def _bytes_of(text: bytes, name: bytes) -> int:
    return next((int(line.split()[1]) * 1024 for line in text.splitlines() if line.startswith(name)), 0)


def _cpu_s(pid: int) -> float:
    """Of the process, and of those children that it has already waited for."""
    fields = _stat(pid)
    return sum(map(int, fields[11:15])) * _TICK_S if fields else 0.0


def _stat(pid: int) -> list[str]:
    # The name in brackets may hold anything, brackets included: what we want stands behind the last one.
    return _read(f"/proc/{pid}/stat").decode(errors="replace").rpartition(")")[2].split()


def _read(path: str) -> bytes:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return b""
    try:
        return os.read(descriptor, 65536)
    except ProcessLookupError:
        return b""  # it ended between the two calls
    finally:
        os.close(descriptor)
