"""Templates: a runtime process that is held after INIT, from which others are forked into sandboxes of their own.

This is the part of the template's keeper. The template goes as far as a fork of its own, and never returns from it.
Each time an environment is wanted, that fork is done once more; the child is led, before it runs a single instruction
of its own, into an annex (`annex.py`), where it gives up what rights it needed for that, and is looked at. Then it
runs on.
"""

from __future__ import annotations

import os
import signal
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from . import annex, linux, messages, processes, tracing
from .cgroups import Entrance
from .tracing import Held
from .walls import Room

TMP_BYTES_MAX = 64 << 20
"""What a template leaves in /tmp is copied for each environment; where it is more, INIT is not shared."""

_READ_ONLY = ("/usr/", "/lib", "/bin/", "/var/lang/", "/var/runtime/", "/var/task/", "/opt/", "/etc/")

_CAPABILITIES = 64
_PR_CAPBSET_DROP, _PR_SET_DUMPABLE = 24, 4
_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL = 47, 4
_CAPABILITY_VERSION_3 = 0x20080522
_SECCOMP_SET_MODE_FILTER = 1
_EVERYONE = -1  # to kill: but ourselves
_STDIN, _STDOUT, _STDERR = 0, 1, 2
_FIRST_OTHER = 3

# In the scratch memory: a message's head, its buffers, and what is longer.
_HEAD, _VECTOR, _BYTE, _CONTROL = 0, 64, 96, 128

Tell = Callable[..., None]
RunKeeper = Callable[[annex.Ground, socket.socket, int, int], Any]


class NotForkable(Exception):
    """Why environments cannot be forked from this process, in words for the log."""


class Nursery:
    """`pid` may become a template; `output` is its stdout, `program` the filter that its children get on top."""

    def __init__(
        self, room: Room, program: bytes, output: int, home: Entrance, tell: Tell, run_keeper: RunKeeper
    ) -> None:
        self._room = room
        self._program = program
        self._output = output
        self._home = home
        self._stands_in: int | None = None
        self._tell = tell
        self._run_keeper = run_keeper
        self._pid = 0
        self._held: Held | None = None
        self.is_barren = False
        """It was found that nothing can be forked from it."""
        self._users = -1
        self._annexes: dict[int, annex.Annex] = {}
        self._children: dict[int, int] = {}
        """Numbers of sandboxes, by the processes that were forked into them."""

    @property
    def is_needed(self) -> bool:
        """Others would end with us."""
        return self._held is not None or bool(self._children)

    def retire(self) -> None:
        """Our keeper gives up the rights that it does not need for what is done here."""
        if self._room.is_counted:
            linux.clear_capabilities(
                *(linux.CAP_DAC_OVERRIDE, linux.CAP_KILL, linux.CAP_SETGID, linux.CAP_SETUID),
                *(linux.CAP_SYS_CHROOT, linux.CAP_SYS_PTRACE, linux.CAP_SYS_ADMIN),
            )

    def trace(self, pid: int) -> None:
        """INIT is over: the process may go on to its fork, if it looks as one that can be a template."""
        reason = None
        try:
            look_at(pid, self._output, connections=1)
            tracing.seize(pid)
            self._pid = pid
        except (NotForkable, OSError) as obstacle:
            reason = str(obstacle)
            self.is_barren = True
        self._tell({"verb": "traced", "reason": reason})

    def on_stop(self, pid: int, status: int) -> None:
        """The process that we trace has stopped."""
        if tracing.event(status) != tracing.EVENT_FORK or self._held is not None:
            tracing.pass_on(pid, status)
            return
        child = tracing.child_of_fork(pid)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, tracing.ANY_CHILD)
        held = Held.in_fork(pid)
        try:
            held.settle()
            with _everyone_stopped():  # whoever begins and ends all the time might be missed otherwise
                look_at(pid, self._output, connections=0)
            if held.has_timers():
                raise NotForkable("it has timers")
            self._users = os.open(f"/proc/{pid}/ns/user", os.O_RDONLY | os.O_CLOEXEC)
        except (NotForkable, OSError) as obstacle:
            held.let_go()
            self._pid, self.is_barren = 0, True
            self._tell({"verb": "template", "reason": str(obstacle)})
        else:
            self._held = held
            self._tell({"verb": "template", "reason": None})

    def build(self, message: messages.Message) -> None:
        """Another annex is on its way; it tells of itself over the channel that came with the message."""
        body = message.body
        channel, output, *others = message.descriptors
        directory = others.pop() if body["has_directory"] else None
        entrance = Entrance(tuple(others), directory)
        room = replace(self._room, number=body["number"], tmp_mb=body["tmp_mb"], tree=None, is_template=False)
        own = socket.socket(fileno=channel)

        def run_keeper(ground: annex.Ground) -> Any:
            return self._run_keeper(ground, own, output, room.number)

        try:
            self._annexes[room.number] = annex.build(self._users, room, output, entrance, run_keeper)
        except OSError as error:
            os.close(output)
            entrance.close()
            self._tell({"verb": "unbuilt", "number": room.number, "error": str(error)})
        finally:
            own.close()

    def fork(self, number: int) -> None:
        """A copy of the template runs in the annex of this number, which is told either way."""
        ground = self._annexes.get(number)
        error: str | None = None
        process = -1
        if self._held is None or ground is None:
            error = "the template has ended"
        else:
            try:
                self._move(number)
                pid = lead(self._held, ground, self._program)
                self._children[pid] = number
                process = os.pidfd_open(pid)
            except (OSError, NotForkable) as failure:
                error = str(failure)
        self._tell({"verb": "forked", "number": number, "error": error}, *([process] if process >= 0 else []))
        if process >= 0:
            os.close(process)
        self.forget(number)

    def stand(self, number: int | None) -> None:
        """As `_move`, but where it cannot be, nothing happens: others live in here, and would end with us."""
        try:
            self._move(number)
        except OSError:
            return  # the annex is gone, or the template is: whoever forks next is told

    def _move(self, number: int | None) -> None:
        """The template is in the control group (version 2) of this annex, or at home in its own.

        So its next child is born there. Nobody may be born into another group but by whoever has a right to both, and
        moving somebody makes the kernel wait for every processor, which is done here while nobody waits.
        """
        ground = None if number is None else self._annexes.get(number)
        directory = (self._home if ground is None else ground.entrance).directory
        number = None if ground is None else number
        if self._held is None or directory is None or number == self._stands_in:
            return
        procs = os.open("cgroup.procs", os.O_WRONLY | os.O_CLOEXEC, dir_fd=directory)
        try:
            os.write(procs, b"%d" % self._held.pid)
        finally:
            os.close(procs)
        self._stands_in = number

    def forget(self, number: int) -> None:
        """The annex is not used any more."""
        if self._stands_in == number:
            self.stand(None)
        ground = self._annexes.pop(number, None)
        if ground is not None:
            ground.close()

    def on_exit(self, pid: int) -> int | None:
        """The number of the sandbox whose runtime process has ended, if it was one; or the template has."""
        if pid == self._pid:
            self._pid, self._held = 0, None
        return self._children.pop(pid, None)


# ── what can be a template ───────────────────────────────────────────────────────────────────────────────────────────


def look_at(pid: int, output: int, *, connections: int) -> None:
    """Raises NotForkable where the process has something that a copy could not have, or would share with others."""
    if not tracing.is_possible():
        raise NotForkable("this machine's registers are not known")
    if others := [each for each in processes.all_visible() if each not in (os.getpid(), pid) and _is_alive(each)]:
        raise NotForkable(f"{len(others)} more processes run in its sandbox")
    if (threads := len(os.listdir(f"/proc/{pid}/task"))) != 1:
        raise NotForkable(f"it has {threads} threads")
    _look_at_files(pid, output, connections)
    if _status(pid).get("Seccomp_filters") != "1":
        raise NotForkable("it has a filter of its own for system calls")  # which might answer instead of the kernel
    for line in _lines(f"/proc/{pid}/maps"):
        fields = line.split(None, 5)
        path = fields[5] if len(fields) > 5 else ""
        if fields[1][3] == "s" and ("w" in fields[1] or not path.startswith(_READ_ONLY)):
            raise NotForkable(f"it shares memory: {path or 'nameless'}")
    if _lines(f"/proc/{pid}/timers"):
        raise NotForkable("it has timers")
    space = os.statvfs("/tmp")
    if (space.f_blocks - space.f_bfree) * space.f_frsize > TMP_BYTES_MAX:
        raise NotForkable(f"it has left more than {TMP_BYTES_MAX >> 20} MB in /tmp")


@contextmanager
def _everyone_stopped() -> Iterator[None]:
    """The kernel holds its table of processes while it tells them, so nobody is born unseen."""
    os.kill(_EVERYONE, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(_EVERYONE, signal.SIGCONT)


def _is_alive(pid: int) -> bool:
    """Whether anything of it can still run: a first thread that has ended looks like a process that has."""
    try:
        return processes.state(pid) not in ("", "Z") or len(os.listdir(f"/proc/{pid}/task")) > 1
    except (FileNotFoundError, ProcessLookupError):
        return False


def _look_at_files(pid: int, output: int, connections: int) -> None:
    printed = f"pipe:[{os.fstat(output).st_ino}]"
    wanted = {_STDIN: "/dev/null", _STDOUT: printed, _STDERR: printed}
    for name in os.listdir(f"/proc/{pid}/fd"):
        target = os.readlink(f"/proc/{pid}/fd/{name}")
        if (number := int(name)) in wanted:
            if target != wanted[number]:
                raise NotForkable(f"its descriptor {number} is another: {target}")
            del wanted[number]
        elif target.startswith("socket:") and connections:
            connections -= 1
        else:
            raise NotForkable(f"it has something open: {target}")
    if wanted:
        raise NotForkable("it has closed its output")


def _status(pid: int) -> dict[str, str]:
    return dict(line.split(":\t", 1) for line in _lines(f"/proc/{pid}/status") if ":\t" in line)


def _lines(path: str) -> list[str]:
    """Names in there may be any bytes but those that end a line."""
    try:
        with open(path, "rb") as file:
            return file.read().decode(errors="replace").split("\n")[:-1]
    except FileNotFoundError:
        return []  # a kernel without that


# ── leading a child into its annex ───────────────────────────────────────────────────────────────────────────────────


def lead(template: Held, ground: annex.Annex, program: bytes) -> int:
    """The process that runs in the annex from now on, behind its walls, where the template's fork returns to a child.

    The first child, in the template's own memory, enters everything and gives up every right. The second is born in the
    process namespace, with a memory of its own.
    """
    first = template.double()
    second: Held | None = None
    try:
        with _scratch(template):
            _lead(first, ground, program)
        second = first.fork()
        second.register_as(template)
        second.call("setsid")  # or a signal to its process group would reach the template and every other copy
        _examine(second.pid, ground)
        second.let_go()
    except BaseException:
        if second is not None:
            _kill(second.pid)
        raise
    finally:
        _kill(first.pid)
    return second.pid


@contextmanager
def _scratch(template: Held) -> Iterator[None]:
    """The template's memory is afterwards as it was, whatever became of the child that was led in it."""
    was = template.read(template.scratch, tracing.SCRATCH_BYTES)
    try:
        yield
    finally:
        template.write(template.scratch, was)


def _kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, tracing.ANY_CHILD)


def _lead(process: Held, ground: annex.Annex, program: bytes) -> None:
    tasks = ground.entrance.tasks
    given = _give(process, (*ground.namespaces, ground.output, *tasks))
    namespaces, output, entrances = given[: len(annex.KINDS)], given[len(annex.KINDS)], given[len(annex.KINDS) + 1 :]
    process.write(process.scratch + _BYTE, b"0")
    for entrance in entrances:
        process.call("write", entrance, process.scratch + _BYTE, 1)
    for descriptor, kind in zip(namespaces, annex.FLAGS, strict=True):
        process.call("setns", descriptor, kind)
    for place in (_STDOUT, _STDERR):
        process.call("dup3", output, place, 0)
    process.call("close_range", _FIRST_OTHER, 0xFFFFFFFF, 0)
    process.call("prctl", _PR_SET_DUMPABLE, 1, 0, 0, 0)
    for capability in range(_last_capability() + 1):
        process.call("prctl", _PR_CAPBSET_DROP, capability, 0, 0, 0)
    process.call("prctl", _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
    scratch = process.scratch
    process.write(scratch, struct.pack("=Ii", _CAPABILITY_VERSION_3, 0) + bytes(8) + bytes(24))
    process.call("capset", scratch, scratch + 16)
    process.write(scratch, struct.pack("HxxxxxxQ", len(program) // 8, scratch + 16) + program)
    process.call("seccomp", _SECCOMP_SET_MODE_FILTER, 0, scratch)


def _last_capability() -> int:
    with open("/proc/sys/kernel/cap_last_cap") as file:
        return int(file.read())


def _give(process: Held, descriptors: tuple[int, ...]) -> list[int]:
    """The process has copies of our descriptors, by these numbers: over a pair of sockets, of which we take one end."""
    scratch = process.scratch
    process.call("socketpair", socket.AF_UNIX, socket.SOCK_SEQPACKET, 0, scratch)
    near, far = struct.unpack("ii", process.read(scratch, 8))
    pidfd = os.pidfd_open(process.pid)
    try:
        with socket.socket(fileno=linux.take_descriptor(pidfd, far)) as ours:
            socket.send_fds(ours, [b"."], list(descriptors))
    finally:
        os.close(pidfd)
    size = socket.CMSG_SPACE(len(descriptors) * 4)
    head = struct.pack("QIxxxxQQQQI", 0, 0, scratch + _VECTOR, 1, scratch + _CONTROL, size, 0)
    process.write(scratch + _HEAD, head)
    process.write(scratch + _VECTOR, struct.pack("QQ", scratch + _BYTE, 1))
    process.call("recvmsg", near, scratch + _HEAD, 0)
    control = process.read(scratch + _CONTROL, size)
    length, level, kind = struct.unpack_from("Qii", control)
    if (level, kind, length) != (socket.SOL_SOCKET, socket.SCM_RIGHTS, 16 + len(descriptors) * 4):
        raise tracing.Lost(0, "not every descriptor arrived")
    return list(struct.unpack_from(f"{len(descriptors)}i", control, 16))


def _examine(pid: int, ground: annex.Annex) -> None:
    """Raises NotForkable unless the process is where it should be, and can no more than it should."""
    names = ("user", *annex.KINDS[1:-1])
    wanted = (ground.namespaces[-1], *ground.namespaces[1:-1])
    for name, descriptor in zip(names, wanted, strict=True):
        here, there = os.stat(f"/proc/{pid}/ns/{name}"), os.fstat(descriptor)
        if (here.st_dev, here.st_ino) != (there.st_dev, there.st_ino):
            raise NotForkable(f"the child is in another {name} namespace")
    said = _status(pid)
    rights = {name: int(said[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")}
    if any(rights.values()) or (said["NoNewPrivs"], said["Seccomp"], said["Threads"]) != ("1", "2", "1"):
        raise NotForkable("the child has more rights than it should")
    if said["Seccomp_filters"] != "2":
        raise NotForkable("the child lacks a filter")
    if sorted(os.listdir(f"/proc/{pid}/fd")) != ["0", "1", "2"]:
        raise NotForkable("the child has something open")
