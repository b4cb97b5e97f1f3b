"""The sandbox of one that is forked from a template: built ahead, beside the template's own, by the template's keeper.

A process can only be forked into a process namespace below its own, and can only enter namespaces over whose owner it
has rights. So each of these sandboxes has a user namespace S below the template's, owned by the template's user, and
S owns everything else: processes, mounts, network, IPC, host name, control groups. Within S is another user namespace
that owns nothing. There the function runs, without a capability, as in any sandbox.

The files are the template's own mounts, which are read-only, with a /tmp and a /proc of its own on top.
"""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn

from . import belongings, linux, messages
from .cgroups import Entrance
from .namespaces import PROC_OPTIONS, Namespaces, host_name, shield_proc, tmp_options
from .root import TENANT_GID, TENANT_UID
from .walls import RUNTIME_API, Openings, Order, Room, listen

KINDS = ("user", "pid", "net", "ipc", "uts", "cgroup", "mnt", "inner user")
"""The namespaces of one annex, in the order in which a process enters them."""

FLAGS = (
    *(linux.CLONE_NEWUSER, linux.CLONE_NEWPID, linux.CLONE_NEWNET, linux.CLONE_NEWIPC),
    *(linux.CLONE_NEWUTS, linux.CLONE_NEWCGROUP, linux.CLONE_NEWNS, linux.CLONE_NEWUSER),
)

BUILD_TIME_MAX_S = 10.0

_PROC_ATTRIBUTES = linux.MOUNT_ATTR_NOSUID | linux.MOUNT_ATTR_NODEV | linux.MOUNT_ATTR_NOEXEC
_TMP_ATTRIBUTES = linux.MOUNT_ATTR_NOSUID | linux.MOUNT_ATTR_NODEV


@dataclass(frozen=True, slots=True)
class Annex:
    """What the template's keeper has of one that is built: its namespaces as in KINDS, its output, its group."""

    number: int
    namespaces: tuple[int, ...]
    output: int
    entrance: Entrance

    def close(self) -> None:
        for descriptor in (*self.namespaces, self.output):
            os.close(descriptor)
        self.entrance.close()


RunKeeper = Callable[["Ground"], NoReturn]
"""Runs the annex's own keeper, behind these walls."""


def build(users: int, room: Room, output: int, entrance: Entrance, run_keeper: RunKeeper) -> Annex:
    """In the template's keeper: an annex whose keeper is on its way. Raises OSError.

    `users` is the template's user namespace. Waits for processes of our own only.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours:
        with theirs:
            first = os.fork()
            if first == 0:
                _begin(users, room, entrance, theirs, run_keeper)
        os.waitpid(first, 0)
        ours.settimeout(BUILD_TIME_MAX_S)
        (its_processes,) = _hear(ours)
        try:
            proc = _make_proc(its_processes)
        finally:
            os.close(its_processes)
        messages.send(ours, {"verb": "proc"}, [proc])
        os.close(proc)
        return Annex(room.number, _hear(ours), output, entrance)


def _hear(channel: socket.socket) -> tuple[int, ...]:
    message = messages.receive(channel)
    if message is None or "error" in message.body:
        raise OSError("a sandbox beside the template ended: " + (message.body["error"] if message else "killed"))
    return message.descriptors


def _make_proc(its_processes: int) -> int:
    """A /proc of that process namespace. Only from here can it be made: there, the one in sight has masks on it."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        home = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
        linux.enter_namespace(its_processes, linux.CLONE_NEWPID)
        try:
            pid = os.fork()
            if pid == 0:
                try:
                    proc = linux.new_proc(PROC_OPTIONS, _PROC_ATTRIBUTES)
                    messages.send(theirs, {"verb": "made"}, [proc])
                finally:
                    os._exit(0)
        finally:
            linux.enter_namespace(home, linux.CLONE_NEWPID)
            os.close(home)
        theirs.close()
        os.waitpid(pid, 0)
        return _hear(ours)[0]


def _begin(users: int, room: Room, entrance: Entrance, channel: socket.socket, run_keeper: RunKeeper) -> NoReturn:
    """The process between: enters S, and begins the annex's keeper as a child of our parent."""
    try:
        signal.set_wakeup_fd(-1)
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        pid = os.fork()
        if pid == 0:
            _make_users(users, theirs)
        theirs.close()
        own, inner = _hear(ours)
        os.waitpid(pid, 0)
        linux.enter_namespace(own, linux.CLONE_NEWUSER)
        flags = linux.CLONE_NEWPID | linux.CLONE_NEWNS | linux.CLONE_NEWNET | linux.CLONE_NEWIPC | linux.CLONE_NEWUTS
        if linux.fork(flags | linux.CLONE_PARENT) == 0:
            run_keeper(Ground(room, entrance, channel, own, inner))
        os._exit(0)
    except OSError as error:
        messages.send(channel, {"verb": "failed", "error": str(error)})
    finally:
        os._exit(1)


def _make_users(users: int, channel: socket.socket) -> NoReturn:
    """The two user namespaces. The outer one's owner is the template's user, so that it may enter."""
    try:
        linux.enter_namespace(users, linux.CLONE_NEWUSER)
        os.setresgid(TENANT_GID, TENANT_GID, TENANT_GID)
        os.setresuid(TENANT_UID, TENANT_UID, TENANT_UID)
        made = []
        for _ in range(2):
            linux.set_dumpable(True)
            linux.unshare(linux.CLONE_NEWUSER)
            linux.map_self(TENANT_UID, TENANT_GID, TENANT_UID, TENANT_GID)
            made.append(os.open("/proc/self/ns/user", os.O_RDONLY | os.O_CLOEXEC))
        messages.send(channel, {"verb": "made"}, made)
    except OSError as error:
        messages.send(channel, {"verb": "failed", "error": f"users: {error}"})
    finally:
        os._exit(0)


class Ground(Namespaces):
    """The walls of an annex, from the side of its own keeper, who is in S with the rights that are to be had there."""

    def __init__(self, room: Room, entrance: Entrance, channel: socket.socket, users: int, inner: int) -> None:
        super().__init__(room, b"")
        self.entrance = entrance
        self._channel = channel
        self._users = (users, inner)

    @property
    def descriptors(self) -> list[int]:
        """What it cannot do without."""
        directory = [] if self.entrance.directory is None else [self.entrance.directory]
        return [self._channel.fileno(), *self._users, *self.entrance.tasks, *directory]

    def enclose(self) -> Openings:
        try:
            return self._enclose()
        except OSError as error:
            messages.send(self._channel, {"verb": "failed", "error": str(error)})
            raise

    def _enclose(self) -> Openings:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.chdir("/")
        own = [_open_namespace(kind) for kind in ("pid", "net", "ipc", "uts", "mnt")]
        messages.send(self._channel, {"verb": "born"}, own[:1])
        linux.set_host_name(host_name(self._room.number))
        linux.raise_loopback()
        runtime_api, endpoint = listen(RUNTIME_API[1]), listen(self._room.endpoint_port)
        self._channel.settimeout(BUILD_TIME_MAX_S)
        (proc,) = _hear(self._channel)
        linux.attach(proc, "/proc")
        os.close(proc)
        shield_proc()
        groups = self._bring_belongings()
        linux.set_dumpable(False)
        users, inner = self._users
        messages.send(self._channel, {"verb": "enclosed"}, [users, *own[:4], groups, own[4], inner])
        self._channel.close()
        for descriptor in (*own, *self._users, groups):
            os.close(descriptor)
        return Openings(runtime_api, endpoint, os.open("/tmp", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC))

    def _bring_belongings(self) -> int:
        """/tmp is our own, with a copy of all that the template left in its. Returns our namespace of control groups.

        The copy is made by the tenant's user, in the group of the sandbox, and counts as the sandbox's memory.
        """
        options = tmp_options(self._room.tmp_mb)
        tmp = linux.new_tmpfs(_TMP_ATTRIBUTES, **{**options, "uid": str(TENANT_UID), "gid": str(TENANT_GID)})
        linux.attach(tmp, "/mnt")
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with ours:
            with theirs:
                pid = linux.fork(cgroup=self.entrance.directory)
                if pid == 0:
                    self._carry(theirs)
            ours.settimeout(BUILD_TIME_MAX_S)
            (groups,) = _hear(ours)
        os.waitpid(pid, 0)
        linux.attach(tmp, "/tmp")
        os.close(tmp)
        return groups

    def _carry(self, channel: socket.socket) -> NoReturn:
        try:
            signal.set_wakeup_fd(-1)
            self.entrance.enter()
            linux.unshare(linux.CLONE_NEWCGROUP)  # after joining: where it is on the host is now "/" to it
            groups = _open_namespace("cgroup")
            os.setresgid(TENANT_GID, TENANT_GID, TENANT_GID)
            os.setresuid(TENANT_UID, TENANT_UID, TENANT_UID)
            linux.clear_capabilities(linux.CAP_DAC_READ_SEARCH)  # what the function has closed to itself
            belongings.copy("/tmp", "/mnt")
            messages.send(channel, {"verb": "carried"}, [groups])
        except (OSError, ValueError) as error:
            messages.send(channel, {"verb": "failed", "error": f"/tmp could not be copied: {error}"})
        finally:
            os._exit(0)

    def furnish(self, order: Order) -> str:
        raise AssertionError("an annex is furnished as its template is")

    def retire(self) -> None:
        if self._room.is_counted:
            linux.forbid_new_privileges()
            linux.clear_capabilities(linux.CAP_KILL)


def _open_namespace(kind: str) -> int:
    return os.open(f"/proc/self/ns/{kind}", os.O_RDONLY | os.O_CLOEXEC)
