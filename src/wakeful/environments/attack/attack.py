"""What a hostile function would try first. Runs inside a sandbox at the node's start and prints what got through.

The node knows from this, and not from configuration, how far its functions are confined. Standard library only; a
probe raises where it was stopped, and returns what it got where it was not. None of them leaves anything behind where
it succeeds: it may be the host that it succeeds on. Calls are made with arguments that make no sense, so that whoever
is allowed in finds out only that (EINVAL, ENODEV), and whoever is not is told so first (EPERM).
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import socket
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

_X86_64 = os.uname().machine == "x86_64"
_LIBC = ctypes.CDLL(None, use_errno=True)

_CLONE_NEWUSER = 0x10000000
_NO_SUCH_FLAG = 1
_AF_VSOCK = 40
_TIOCSTI = 0x5412

# name: (x86-64, aarch64)
_CALLS = {
    "add_key": (248, 217),
    "bpf": (321, 280),
    "clone": (56, 220),
    "io_uring_setup": (425, 425),
    "mount": (165, 40),
    "open_by_handle_at": (304, 265),
    "open_tree": (428, 428),
    "perf_event_open": (298, 241),
    "ptrace": (101, 117),
    "unshare": (272, 97),
    "userfaultfd": (323, 282),
}

_REFUSALS = (errno.EPERM, errno.EACCES, errno.ENOSYS)

Probe = Callable[[], object]


class NotStopped(Exception):
    """Raised by a probe that has its answer; the message is what it got."""


def call(name: str, *arguments: object) -> int:
    """Makes a system call. Raises OSError where it is refused, NotStopped where only its arguments are."""
    result: int = _LIBC.syscall(ctypes.c_long(_CALLS[name][0 if _X86_64 else 1]), *arguments)
    number = ctypes.get_errno()
    if result < 0 and number not in _REFUSALS:
        raise NotStopped(os.strerror(number))
    if result < 0:
        raise OSError(number, name)
    return result


def probes(targets: dict[str, Any]) -> dict[str, Probe]:
    """Every probe by what it would do. `targets` says where the node's things are."""
    found: dict[str, Probe] = {
        "reach a service on the host's loopback": lambda: connect((socket.AF_INET, ("127.0.0.1", targets["tcp_port"]))),
        "reach a service on the host by datagram": lambda: ask(targets["udp_port"]),
        "reach an abstract socket of the host": lambda: connect((socket.AF_UNIX, f"\0{targets['abstract']}")),
        "reach the hypervisor": lambda: socket.socket(_AF_VSOCK, socket.SOCK_STREAM),
        "send raw packets": lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP),
        "see a process of the host": lambda: see(targets["command"]),
        "signal a process of the host": lambda: os.kill(targets["pid"], 0),
        "become root": lambda: os.setuid(0) if os.getuid() else _stopped(),
        "mount": lambda: call("mount", b"none", b"/proc", b"no such kind", 0, None),
        "copy a mount": lambda: call("open_tree", -100, b"/", 1),
        "make a user namespace": lambda: call("unshare", _CLONE_NEWUSER | _NO_SUCH_FLAG),
        "fork into a user namespace": fork_into_user_namespace,
        "open a file by its handle": lambda: call("open_by_handle_at", -100, struct.pack("Ii8x", 8, 1), 0),
        "trace a process": lambda: call("ptrace", 0, 0, None, None),
        "load a kernel program": lambda: call("bpf", 5, bytes(128), 128),
        "use io_uring": lambda: call("io_uring_setup", 1, ctypes.create_string_buffer(120)),
        "handle page faults": lambda: call("userfaultfd", 1),
        "count performance events": lambda: call("perf_event_open", bytes(128), 0, -1, -1, 0),
        "store a key": lambda: call("add_key", b"no such kind", b"wakeful", b"x", 1, 0),
        "type into a terminal": type_into_terminal,
        "keep privileges": keep_privileges,
    }
    if _X86_64:
        found["make a call of the x32 kind"] = call_x32
    for path in targets["unreadable"]:
        found[f"read {path}"] = lambda path=path: read(path)  # type: ignore[misc]
    for path in ("/", "/dev", "/etc", "/usr", "/var", os.environ["LAMBDA_TASK_ROOT"], *targets["unwritable"]):
        found[f"write to {path}"] = lambda path=path: write(path)  # type: ignore[misc]
    return found


def connect(address: tuple[int, Any]) -> None:
    with socket.socket(address[0], socket.SOCK_STREAM) as client:
        client.settimeout(1)
        client.connect(address[1])


def ask(port: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(1)
        client.connect(("127.0.0.1", port))
        client.send(b"?")
        client.recv(1)  # refused where nobody is there; the node does not answer, but takes


def see(command: str) -> None:
    """Some process in /proc was started with this command line."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                text = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if text.decode(errors="replace") == command:
                raise NotStopped(f"process {entry.name}")
    _stopped()


def read(path: str) -> None:
    place = Path(path)
    if place.is_dir():
        raise NotStopped(str(sorted(entry.name for entry in place.iterdir())[:3]))
    place.read_bytes()


def write(path: str) -> None:
    place = Path(path, f".wakeful-attack-{os.getpid()}")
    place.write_bytes(b"x")
    place.unlink()


def fork_into_user_namespace() -> None:
    pid = call("clone", _CLONE_NEWUSER | 17, None, None, None, None)
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)


def type_into_terminal() -> None:
    # No terminal is there to type into, so it is the refusal that tells: EPERM comes before "not a terminal".
    if _LIBC.ioctl(0, ctypes.c_ulong(_TIOCSTI), b"x") < 0 and ctypes.get_errno() != 1:
        raise NotStopped(os.strerror(ctypes.get_errno()))
    _stopped()


def call_x32() -> None:
    if _LIBC.syscall(ctypes.c_long(0x40000000 + 39)) == os.getpid():
        raise NotStopped("the process id")
    _stopped()


def keep_privileges() -> None:
    """No capability, none to come, a filter in place."""
    status = dict(line.split(":\t", 1) for line in Path("/proc/self/status").read_text().splitlines() if ":\t" in line)
    wanted = {"CapPrm": 0, "CapEff": 0, "CapAmb": 0}
    kept = [name for name, value in wanted.items() if int(status[name], 16) != value]
    kept += [name for name, value in {"NoNewPrivs": "1", "Seccomp": "2"}.items() if status[name] != value]
    if kept:
        raise NotStopped(", ".join(f"{name} {status[name]}" for name in kept))
    _stopped()


def _stopped() -> None:
    raise PermissionError


def main() -> None:
    """One line of JSON: what was tried, and for each what got through (null where it was stopped)."""
    answers: dict[str, str | None] = {}
    for name, probe in probes(json.loads(os.environ["WAKEFUL_TARGETS"])).items():
        try:
            answers[name] = repr(probe())
        except NotStopped as got:
            answers[name] = str(got)
        except TimeoutError:
            answers[name] = "sent, and nobody refused it"
        except OSError:
            answers[name] = None
    sys.stdout.write(json.dumps(answers))
    sys.stdout.flush()


if __name__ == "__main__":
    main()
