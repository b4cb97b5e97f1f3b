"""Walls for where the host gives no namespaces: an ordinary process, fenced in by Landlock (tier C) or not at all.

The function sees the host's file tree, so nothing is at /var/task, /opt or /var/lang: commands and the variables that
Lambda itself sets are rewritten to the places on the host. The Runtime API and the endpoint are on ports of the host's
loopback. /tmp is the host's and, behind the fence, closed: TMPDIR names a directory of the function's own, whose size
nothing limits. Behind the fence a function still sees which files there are on the host, and how large; it cannot use
UNIX sockets or UDP, listen, or change permissions and times of files, not even its own. It can connect to other
machines at the two ports that are its own here: Landlock knows no addresses.
"""

from __future__ import annotations

import os
import resource
import signal
import time
from collections.abc import Sequence

from . import landlock, linux, processes, seccomp
from .entry import limit, limit_all
from .root import HOST_FILES_BEGIN, LAYERS_ROOT, TASK_ROOT
from .walls import RUNTIME_API, Openings, Order, Room, listen

# The variables that Lambda sets and that hold paths or lists of paths.
_PATH_VARIABLES = frozenset(
    (
        *("LAMBDA_RUNTIME_DIR", "LAMBDA_TASK_ROOT", "LD_LIBRARY_PATH", "PATH"),
        *("CLASSPATH", "GEM_HOME", "GEM_PATH", "NODE_PATH", "PYTHONPATH", "RUBYLIB", "WAKEFUL_LAYERS_ROOT"),
    )
)
_RUNTIME_API_VARIABLES = ("AWS_LAMBDA_RUNTIME_API", "AWS_CONTAINER_CREDENTIALS_FULL_URI")
_ENDPOINT_VARIABLES = "AWS_ENDPOINT_URL"  # and those for one service, which begin so

_READABLE = (
    *("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"),
    *("/etc/alternatives", "/etc/ca-certificates", "/etc/crypto-policies", "/etc/pki/ca-trust/extracted"),
    *("/etc/pki/tls/cert.pem", "/etc/pki/tls/certs", "/etc/ssl/cert.pem", "/etc/ssl/certs", "/etc/ssl/openssl.cnf"),
    *("/etc/group", "/etc/hosts", "/etc/ld.so.cache", "/etc/localtime", "/etc/nsswitch.conf", "/etc/passwd"),
    *("/etc/mime.types", "/etc/protocols", "/etc/resolv.conf", "/etc/services"),
    # Of /proc, what runtimes ask about the machine; of processes only their own.
    *("/proc/cpuinfo", "/proc/filesystems", "/proc/meminfo", "/proc/stat", "/proc/version", "/proc/sys/vm"),
    "/sys/devices/system/cpu",
)
_WRITABLE = ("/dev/full", "/dev/null", "/dev/random", "/dev/urandom", "/dev/zero")

_NOWHERE = "/nonexistent"
_ROUNDS_MAX = 1000
_BURIAL_TIME_MAX_S = 5.0


class HostProcess:
    """Walls around one runtime process, or none: `program` is the seccomp filter that goes with Landlock."""

    def __init__(self, room: Room, mounts: list[tuple[str, str]], program: bytes | None) -> None:
        self.is_rebuilt = program is not None
        self._room = room
        self._filter = program
        # What is inside elsewhere, and where it is here; the longest first, so that the nearest one counts.
        self._places = sorted(((inside, outside) for outside, inside in mounts), key=lambda pair: -len(pair[0]))
        self._ports: tuple[int, ...] = ()
        configured = [f"/etc/{name}" for name in os.listdir("/etc") if name.startswith(HOST_FILES_BEGIN)]
        self._readable: list[str] = [*configured, *(outside for outside, _ in mounts)]

    def enclose(self) -> Openings:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        linux.adopt_orphans()
        linux.set_dumpable(False)
        runtime_api, endpoint = listen(0), listen(0)
        self._ports = (runtime_api.getsockname()[1], endpoint.getsockname()[1])
        return Openings(runtime_api, endpoint, None)

    def furnish(self, order: Order) -> str:
        layers = order.layers or _NOWHERE  # not the host's own /opt
        self._places = [(TASK_ROOT, order.code), (LAYERS_ROOT, layers), *self._places]
        self._readable += [order.code, layers]
        return order.code

    def relocate(self, variables: dict[str, str]) -> dict[str, str]:
        here = {name: self._relocate(name, value) for name, value in variables.items()}
        if self._room.directory is not None:
            here.setdefault("TMPDIR", self._room.directory)
        return here

    def translate(self, argv: Sequence[str]) -> list[str]:
        return [self._translate(word) for word in argv]

    def confine(self) -> None:
        limit_all(self._room.open_files_max)
        if self._filter is None:
            return
        if not self._room.is_counted:
            # The kernel counts all that this user runs, so what runs already comes on top. It never stops root.
            limit(resource.RLIMIT_NPROC, processes.threads_of(os.getuid()) + self._room.processes_max)
        assert self._room.directory is not None
        linux.forbid_new_privileges()
        linux.drop_capabilities()
        landlock.restrict(
            [*_READABLE, *self._readable, f"/proc/{os.getpid()}"], [*_WRITABLE, self._room.directory], self._ports
        )
        linux.load_filter(self._filter)

    def retire(self) -> None:
        """It has no more rights than the node."""

    def everyone(self) -> list[int]:
        return processes.descendants(os.getpid())

    def signal_everyone(self, number: int) -> None:
        # Whoever forks while we look is found in the next round: its parent has its signal by then.
        reached: set[int] = set()
        for _ in range(_ROUNDS_MAX):
            found = [pid for pid in self.everyone() if pid not in reached]
            if not found:
                return
            for pid in found:
                try:
                    os.kill(pid, number)
                except ProcessLookupError:
                    continue
            reached.update(found)

    def tmp_bytes(self) -> int:
        return 0  # it is on the host's disk

    def bury(self) -> None:
        # Orphans come to us when their parents die, so there is an end only when nothing is left.
        deadline = time.monotonic() + _BURIAL_TIME_MAX_S
        while time.monotonic() < deadline:
            self.signal_everyone(signal.SIGKILL)
            try:
                os.waitpid(-1, 0)
            except ChildProcessError:
                return

    def _relocate(self, name: str, value: str) -> str:
        if name in _PATH_VARIABLES:
            return ":".join(self._translate(path) for path in value.split(":"))
        if name in _RUNTIME_API_VARIABLES:
            return value.replace(f":{RUNTIME_API[1]}", f":{self._ports[0]}", 1)
        if name.startswith(_ENDPOINT_VARIABLES):
            return value.replace(f":{self._room.endpoint_port}", f":{self._ports[1]}", 1)
        return value

    def _translate(self, path: str) -> str:
        for inside, outside in self._places:
            if path == inside or path.startswith(inside + "/"):
                return outside + path[len(inside) :]
        return path


def fence(room: Room, mounts: list[tuple[str, str]]) -> HostProcess:
    """Landlock and seccomp around the process."""
    return HostProcess(room, mounts, seccomp.among_host_processes(linux.architecture()))


def nothing(room: Room, mounts: list[tuple[str, str]]) -> HostProcess:
    """No walls."""
    return HostProcess(room, mounts, None)
