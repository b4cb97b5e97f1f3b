"""Stems: a runtime process that is warm and never gets a function, from which waiting cells are forked.

To start an interpreter, load its library and warm up takes it longer than all else that a cell needs. A stem does that
once for all cells of a runtime; each has the walls around it that any cell has (`entry.py`), and shares with the others
the memory that none of them changes. What runs in a stem is the interpreter and our own runtime client, never a
tenant's code.
"""

from __future__ import annotations

import fcntl
import os
import select
import signal
import socket
import struct
import time
from collections.abc import Sequence
from dataclasses import dataclass

from . import linux, messages
from .cgroups import Entrance
from .entry import Terms

STEM_VARIABLE = "WAKEFUL_STEM"

_SCRATCH_DESCRIPTOR = 16  # above the ones that a stem starts with: its channel is 3
_KINDS = ("pid", "mnt", "net", "ipc", "uts")
"""The namespaces of a sandbox that a cell enters, in this order."""

DIVIDE_TIME_MAX_S = 3
"""A cell is forked in 2 ms, but stems are busy when many want one at once, and must warm up before the first."""

_EXEC_FAILED = 127


class NotDivided(RuntimeError):
    """The stem gave no cell. What became of the request is not known: nobody may be let into its sandbox any more."""


@dataclass(frozen=True, slots=True)
class Stem:
    """What the launcher has of one. It ends when nobody has this end of the channel any more."""

    pid: int
    channel: socket.socket


def start(tree: int, argv: Sequence[str], variables: dict[str, str]) -> Stem:
    """A stem on its way, in the runtime's file tree, of which it uses up `tree`. Raises OSError."""
    channel, far_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    channel.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("@ll", DIVIDE_TIME_MAX_S, 0))
    with far_end:
        try:
            pid = linux.fork(linux.CLONE_NEWNS)
        except OSError:
            channel.close()
            raise
        if pid == 0:
            try:
                _become(tree, argv, variables, far_end.fileno())
            except OSError as error:
                os.write(2, f"a stem could not be started: {error}\n".encode())
            finally:
                os._exit(_EXEC_FAILED)
    return Stem(pid, channel)


def _become(tree: int, argv: Sequence[str], variables: dict[str, str], channel: int) -> None:
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT, signal.SIGTERM, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    linux.die_with_parent()
    linux.close_all_but(2, tree, channel)
    linux.unmount("/")  # our copy of the launcher's shelf
    linux.mount(None, "/", None, linux.MS_REC | linux.MS_PRIVATE)
    linux.attach(tree, "/")
    os.fchdir(tree)
    linux.pivot_root(".", ".")
    linux.unmount(".")
    os.chdir("/")
    null = os.open("/dev/null", os.O_RDWR)
    scratch = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, _SCRATCH_DESCRIPTOR) for fd in (null, 2, 2, channel)]
    kept = [os.dup2(fd, place) for place, fd in enumerate(scratch)]
    linux.close_all_but(*kept)
    os.umask(0o022)
    os.setsid()
    os.execve(argv[0], list(argv), {**variables, STEM_VARIABLE: "1"})


def divide(
    channel: socket.socket,
    terms: Terms,
    program: bytes,
    entrance: Entrance,
    descriptors: Sequence[int],
) -> int:
    """In a keeper: a cell that is on its way into our namespaces, as our child. Raises NotDivided.

    `descriptors` become its 0, 1, 2 and 3. It comes to us when whoever forked it has ended, as every orphan does; that
    one had more rights than anybody in here shall ever meet, and is gone when this returns.
    """
    born, born_end = os.pipe()
    namespaces = [os.open(f"/proc/self/ns/{kind}", os.O_RDONLY | os.O_CLOEXEC) for kind in _KINDS]
    directory = [] if entrance.directory is None else [entrance.directory]
    body = {
        "verb": "divide",
        "terms": list(terms),
        "program": program.hex(),
        "tasks": len(entrance.tasks),
        "has_directory": bool(directory),
    }
    try:
        messages.send(channel, body, [*namespaces, *descriptors, born_end, *entrance.tasks, *directory])
        os.close(born_end)
        born_end = -1
        words = _read_to_end(born, time.monotonic() + DIVIDE_TIME_MAX_S)
    except BlockingIOError:
        raise NotDivided("the stem takes no requests") from None
    except OSError as error:
        raise NotDivided(str(error)) from error
    finally:
        for descriptor in (born, born_end, *namespaces):
            if descriptor >= 0:
                os.close(descriptor)
    if not words:
        raise NotDivided("the stem gave none")
    return int(words)


def _read_to_end(descriptor: int, deadline: float) -> bytes:
    """All that is written there until nobody holds the other end any more."""
    words = b""
    while select.select([descriptor], [], [], max(0.0, deadline - time.monotonic()))[0]:
        piece = os.read(descriptor, 32)
        if not piece:
            return words
        words += piece
    raise NotDivided(f"the stem did not answer in {DIVIDE_TIME_MAX_S} seconds")
