"""Cells: sandboxes as the launcher sees them, from the fork of their keeper until nothing of them is left."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NoReturn

from . import linux, messages, seccomp
from .annex import Ground
from .cgroups import Entrance, Group
from .host import COUNTERS_EACH, FENCE, NAMESPACES, Host
from .keeper import Command, Keeper
from .namespaces import Namespaces
from .nursery import Nursery
from .process import fence, nothing
from .runtimes import Runtime
from .stem import Stem
from .walls import Room, Walls

BUILDING, WAITING, RUNNING = "building", "waiting", "running"

MB_PER_CORE = 1769
"""Memory that comes with one processor. Lambda's guide: Configure Lambda function memory."""

_OUTPUT_SHOWN_BYTES = 2000
_NOTHING = Command((), {}, prestart=False)
_LOOKS_SKIPPED_MAX = 5


@dataclass(frozen=True, slots=True)
class Shape:
    """What is fixed when a cell is built and may differ between functions."""

    processes_max: int
    open_files_max: int
    is_template: bool = False


@dataclass(frozen=True, slots=True)
class Start:
    """The node wants this sandbox; `variables` is a memory file that we hand on unread."""

    sandbox: int
    code: str
    layers: str | None
    memory_mb: int
    tmp_mb: int
    cores: float
    """Of the host's processors, once INIT is over."""

    shape: Shape
    extensions: tuple[str, ...]
    argv: tuple[str, ...]
    tenant: str
    """Whose it is: what one has in all its sandboxes together is what others must be spared."""
    variables: int

    @property
    def order(self) -> dict[str, Any]:
        """What its keeper is told of it."""
        return {
            "code": self.code,
            "layers": self.layers,
            "memory_mb": self.memory_mb,
            "tmp_mb": self.tmp_mb,
            "extensions": self.extensions,
            "argv": self.argv,
        }

    @classmethod
    def of(cls, body: Mapping[str, Any], variables: int) -> Start:
        limits = body["limits"]
        return cls(
            body["sandbox"],
            body["code"],
            body["layers"],
            limits["memory_mb"],
            limits["tmp_mb"],
            limits["cores"] or limits["memory_mb"] / MB_PER_CORE,
            Shape(limits["processes_max"], limits["open_files_max"], body["is_template"]),
            tuple(body["extensions"]),
            tuple(body["argv"]),
            body.get("tenant", ""),
            variables,
        )


@dataclass(slots=True, eq=False)
class Cell:
    """One sandbox. `start` is set while it is promised to a function, and stays once it is running."""

    number: int
    runtime: Runtime
    shape: Shape
    group: Group
    is_namespaced: bool
    pid: int
    pidfd: int
    channel: socket.socket
    output: int
    stem: Stem | None
    """What its runtime process was to be forked from."""
    state: str = BUILDING
    """How far it came; it does not go back."""
    is_leaving: bool = False
    start: Start | None = None
    openings: tuple[int, ...] = ()
    """Runtime API and endpoint, until they are the node's."""
    tmp: int = -1
    has_ended: bool = False
    """The node has been told how the runtime process ended."""
    is_reaped: bool = False
    is_frozen: bool = False
    is_over_memory: bool = False
    memory_bytes: int = 0
    """What the function itself used when we last looked."""
    held_bytes: int = 0
    """That, and the contents of its files in memory."""
    weight: float = 1.0
    """Its share of the processors, where they are short."""
    looks: int = 0
    quiet_looks: int = 0
    error: str | None = None
    template: Cell | None = None
    """Whose process is forked into this one; its keeper is our keeper's parent."""
    is_template: bool = False
    """Others can be forked from its runtime process."""
    annexes: set[Cell] = field(default_factory=set)
    """Of a template."""
    annex_failures: int = 0
    """Of a template, how many of these in a row could not be made."""
    favourite: Cell | None = None
    """Of a template, the annex that will be taken next."""
    is_dropped: bool = False
    """A template that has gone to rest; its keeper stays while others need it."""

    @property
    def is_spare(self) -> bool:
        """Nobody was promised this one."""
        is_free = self.start is None and self.state in (BUILDING, WAITING) and not self.is_leaving
        return is_free and self.template is None

    @property
    def tenant(self) -> str:
        """Whose it is; "" while it is nobody's."""
        return self.start.tenant if self.start is not None else ""

    @property
    def is_running(self) -> bool:
        return self.state == RUNNING and not self.is_leaving

    @property
    def freezes_by_group(self) -> bool:
        return "freeze" in self.group.places

    def limit(self, start: Start) -> None:
        """From now on it has what this function has of memory and processors."""
        self.group.limit_memory((start.memory_mb + start.tmp_mb) << 20)
        if start.cores > 1:
            self.group.limit_cpu(start.cores)

    def take_openings(self) -> tuple[int, ...]:
        """Runtime API, endpoint and output, for somebody else to close."""
        taken = (*self.openings, self.output)
        self.openings, self.output = (), -1
        return taken

    def look(self) -> None:
        """Counts the function's own memory; not at every call while it does not change.

        The group counts what is in /tmp as well, as shared memory.
        """
        self.looks += 1
        if self.looks % min(1 + self.quiet_looks, _LOOKS_SKIPPED_MAX):
            return
        memory = self.group.memory()
        space = os.fstatvfs(self.tmp) if self.tmp >= 0 else None
        tmp_bytes = (space.f_blocks - space.f_bfree) * space.f_frsize if space else 0
        used = memory.private_bytes + max(0, memory.shared_bytes - tmp_bytes)
        held = memory.private_bytes + memory.shared_bytes
        self.quiet_looks = self.quiet_looks + 1 if (used, held) == (self.memory_bytes, self.held_bytes) else 0
        self.memory_bytes, self.held_bytes = used, held

    def last_words(self) -> str:
        """Why a cell ended that never ran a function: what it said of itself, and what its runtime wrote."""
        try:
            written = os.read(self.output, _OUTPUT_SHOWN_BYTES).decode(errors="replace").strip()
        except BlockingIOError:
            written = ""
        reason = self.error or "its keeper was killed"
        return f"{reason}: {written}" if written else reason

    def end(self) -> None:
        """Nothing of it will run again. With namespaces the kernel kills all of them with the keeper."""
        self.is_leaving = True
        if self.template is not None and self.pidfd < 0:
            self.channel.shutdown(socket.SHUT_RDWR)  # its keeper hears that, whoever it is
        elif self.is_namespaced:
            self.kill_keeper()
        elif not self.is_reaped:
            self.channel.shutdown(socket.SHUT_RDWR)  # the keeper kills all that descends from it, then itself
        if self.is_frozen and self.freezes_by_group:
            self.group.thaw()  # in version 1, what is frozen does not even die

    def kill_keeper(self) -> None:
        if not self.is_reaped and self.pidfd >= 0:
            signal.pidfd_send_signal(self.pidfd, signal.SIGKILL)

    def close(self) -> None:
        """Gives back every descriptor."""
        self.channel.close()
        for descriptor in (self.pidfd, self.output, self.tmp, *self.openings):
            if descriptor >= 0:
                os.close(descriptor)
        self.openings, self.pidfd, self.output, self.tmp = (), -1, -1, -1


def build(
    host: Host, runtime: Runtime, shape: Shape, number: int, endpoint_port: int, tmp_mb: int, counters: memoryview
) -> Cell:
    """A new cell, on its way. Raises OSError where the host is out of something; nothing is left of it then."""
    with ExitStack() as undo:
        cell = _build(undo, host, runtime, shape, number, endpoint_port, tmp_mb, counters)
        undo.pop_all()
    return cell


def _build(
    undo: ExitStack,
    host: Host,
    runtime: Runtime,
    shape: Shape,
    number: int,
    endpoint_port: int,
    tmp_mb: int,
    counters: memoryview,
) -> Cell:
    directory = host.rooms.make(number) if host.rooms else None
    if host.rooms is not None:
        undo.callback(host.rooms.remove_now, number)
    own = counters[number * COUNTERS_EACH : (number + 1) * COUNTERS_EACH]
    own[0] = own[1] = 0
    group = host.groups.make(number)
    undo.callback(group.remove)
    group.limit_processes(shape.processes_max)
    group.limit_cpu(1)
    with ExitStack() as theirs:
        tree = None
        if runtime.tree is not None:
            tree = linux.copy_tree("", runtime.tree)
            theirs.callback(os.close, tree)
        room = Room(
            number=number,
            user=host.users.of(number) if host.users else None,
            tree=tree,
            directory=directory,
            endpoint_port=endpoint_port,
            tmp_mb=tmp_mb,
            processes_max=shape.processes_max,
            open_files_max=shape.open_files_max,
            is_counted=host.counts,
            is_template=shape.is_template and host.kind == NAMESPACES,
        )
        entrance = group.entrance()
        theirs.callback(entrance.close)
        channel, far_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        undo.callback(channel.close)
        theirs.callback(far_end.close)
        output, write_end = os.pipe()
        undo.callback(os.close, output)
        theirs.callback(os.close, write_end)
        if room.user is not None:
            os.fchown(write_end, room.user, room.user)  # so that /dev/stdout can be opened again
        stem = None if room.is_template else runtime.stem  # a template has another filter
        pid = linux.fork(linux.CLONE_NEWPID if host.kind == NAMESPACES else 0)
        if pid == 0:
            shared = None if host.counts else counters
            _become_keeper(host.kind, room, runtime, far_end, write_end, entrance, shared, stem)
    channel.setblocking(False)
    os.set_blocking(output, False)
    is_namespaced = host.kind == NAMESPACES
    return Cell(number, runtime, shape, group, is_namespaced, pid, os.pidfd_open(pid), channel, output, stem)


def extension_output(host: Host, number: int, ends: list[int]) -> list[int]:
    """A pipe for what extensions print, apart from what the runtime prints; returns the end to write to."""
    ends += os.pipe()
    os.set_blocking(ends[0], False)
    if host.users is not None:
        user = host.users.of(number)
        os.fchown(ends[1], user, user)
    return ends[1:]


def _become_keeper(
    kind: str,
    room: Room,
    runtime: Runtime,
    channel: socket.socket,
    output: int,
    entrance: Entrance,
    counters: memoryview | None,
    stem: Stem | None,
) -> NoReturn:
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        own = [channel.fileno(), output, *entrance.tasks]
        own += [descriptor for descriptor in (room.tree, entrance.directory) if descriptor is not None]
        own += [] if stem is None else [stem.channel.fileno()]
        linux.close_all_but(0, 1, 2, *own)
        walls = _walls(kind, room, runtime)
        own_counters = _own(counters, room.number)
        forks_from = None if stem is None else stem.channel
        keeper = Keeper(walls, runtime.command, channel, output, entrance, own_counters, forks_from)
        if room.is_template:
            program = seccomp.in_namespaces(linux.architecture(), stays_visible=not room.is_counted)
            keeper.nursery = Nursery(room, program, output, entrance, keeper.tell, partial(_become_annex, counters))
        keeper.run()
    finally:
        os._exit(1)  # never back into the launcher's loop


def _become_annex(
    counters: memoryview | None, ground: Ground, channel: socket.socket, output: int, number: int
) -> NoReturn:
    """In a process that the template's keeper has forked."""
    try:
        linux.close_all_but(0, 1, 2, channel.fileno(), *ground.descriptors)
        keeper = Keeper(ground, _NOTHING, channel, output, ground.entrance, _own(counters, number))
        keeper.introduces_itself = True
        keeper.run()
    finally:
        os._exit(1)


def _own(counters: memoryview | None, number: int) -> memoryview | None:
    return None if counters is None else counters[number * COUNTERS_EACH : (number + 1) * COUNTERS_EACH]


def build_annex(host: Host, template: Cell, number: int, counters: memoryview) -> Cell:
    """A new cell beside a template, on its way: the template's keeper is asked for it. Raises OSError."""
    start = template.start
    assert start is not None
    own = _own(counters, number)
    assert own is not None
    own[0] = own[1] = 0
    with ExitStack() as undo, ExitStack() as theirs:
        group = host.groups.make(number)
        undo.callback(group.remove)
        group.limit_processes(start.shape.processes_max)
        group.limit_memory((start.memory_mb + start.tmp_mb) << 20)
        group.limit_cpu(max(1, start.cores))  # until it has been restored
        entrance = group.entrance()
        theirs.callback(entrance.close)
        channel, far_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        undo.callback(channel.close)
        theirs.callback(far_end.close)
        output, write_end = os.pipe()
        undo.callback(os.close, output)
        theirs.callback(os.close, write_end)
        if host.users is not None:
            user = host.users.of(template.number)
            os.fchown(write_end, user, user)
        directory = [] if entrance.directory is None else [entrance.directory]
        order = {"verb": "annex", "number": number, "tmp_mb": start.tmp_mb, "has_directory": bool(directory)}
        messages.send(template.channel, order, [far_end.fileno(), write_end, *entrance.tasks, *directory])
        channel.setblocking(False)
        os.set_blocking(output, False)
        cell = Cell(
            number, template.runtime, start.shape, group, True, -1, -1, channel, output, None, template=template
        )
        undo.pop_all()
    return cell


def _walls(kind: str, room: Room, runtime: Runtime) -> Walls:
    if kind == NAMESPACES:
        return Namespaces(room, seccomp.in_namespaces(linux.architecture(), is_template=room.is_template))
    if kind == FENCE:
        return fence(room, runtime.mounts)
    return nothing(room, runtime.mounts)
