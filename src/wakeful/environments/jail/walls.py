"""What is around a runtime process: the room it lives in, and what every kind of wall can do."""

from __future__ import annotations

import resource
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

RUNTIME_API = ("127.0.0.1", 9001)
LISTEN_BACKLOG = 128

# Room for malloc beside what is used. The watch enforces the limit; this stops what outruns it between two looks.
_DATA_ROOM_BYTES = 1 << 30


@dataclass(frozen=True, slots=True)
class Room:
    """What the launcher knows of one sandbox before it forks the keeper."""

    number: int
    """Different for every sandbox of this launcher that lives at the same time."""

    user: int | None
    """The host's uid and gid for this sandbox alone; None where we are an ordinary user and have no other."""

    tree: int | None
    """A detached copy of the file tree, for walls that have their own root."""

    directory: str | None
    """A directory on the host for this sandbox alone, for walls that have no root of their own."""

    endpoint_port: int
    tmp_mb: int
    processes_max: int
    open_files_max: int
    is_counted: bool
    """A cgroup counts its processes and its memory; otherwise rlimits and a watch must do."""

    is_template: bool = False
    """The runtime process may be held after INIT, and others be forked from it."""


@dataclass(frozen=True, slots=True)
class Openings:
    """What leads out of a sandbox, and the directory whose file system holds /tmp."""

    runtime_api: socket.socket
    endpoint: socket.socket
    tmp: int | None


@dataclass(frozen=True, slots=True)
class Order:
    """An assignment, as the launcher hands it to a keeper."""

    code: str
    layers: str | None
    memory_mb: int
    tmp_mb: int
    extensions: tuple[str, ...]
    """Names of programs in /opt/extensions that run beside the runtime process."""

    trees: tuple[int, ...]
    """Detached mounts of the code and the layers, for walls that have their own root."""

    @classmethod
    def of(cls, body: Mapping[str, Any], trees: Sequence[int]) -> Order:
        return cls(
            body["code"], body["layers"], body["memory_mb"], body["tmp_mb"], tuple(body["extensions"]), tuple(trees)
        )


class Walls(Protocol):
    """One kind of confinement, for one sandbox. All but `confine` run in the keeper."""

    is_rebuilt: bool
    """The walls depend on the function, so a runtime cannot start before its assignment."""

    def enclose(self) -> Openings:
        """Builds everything that does not depend on the function."""

    def furnish(self, order: Order) -> str:
        """The function's code and layers are where it finds them; returns the directory to start in."""

    def relocate(self, variables: dict[str, str]) -> dict[str, str]:
        """The environment, with the addresses and paths as they are behind these walls."""

    def translate(self, argv: Sequence[str]) -> list[str]:
        """The command, with paths as they are behind these walls."""

    def confine(self) -> None:
        """In the runtime process, last before exec: nothing that is given up here comes back."""

    def retire(self) -> None:
        """Nothing remains to be built: the keeper gives up what rights it can."""

    def everyone(self) -> list[int]:
        """Every process inside."""

    def signal_everyone(self, number: int) -> None:
        """Sends a signal to every process inside, however it forked. Not after `retire`, where groups count."""

    def tmp_bytes(self) -> int:
        """What of shared memory is the contents of /tmp."""

    def bury(self) -> None:
        """The keeper is about to end: when it has, nothing inside is alive."""


def listen(port: int) -> socket.socket:
    """A listening socket on loopback, in the network namespace of the caller; port 0 takes any."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((RUNTIME_API[0], port))
    listener.listen(LISTEN_BACKLOG)
    return listener


def limit_data(pid: int, memory_bytes: int) -> None:
    """Private memory of one process ends at the function's memory and some room. Used where no cgroup counts it.

    RLIMIT_AS would be simpler and does not work: Node and Java reserve far more than they ever use.
    """
    value = memory_bytes * 2 + _DATA_ROOM_BYTES
    try:
        resource.prlimit(pid, resource.RLIMIT_DATA, (value, value))
    except PermissionError:
        return  # root without CAP_SYS_RESOURCE may not set it for another user; the watch remains
