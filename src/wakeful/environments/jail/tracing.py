"""A process that is held in the middle of its own fork, and system calls made in its name while it is held.

Nothing of the process's own code runs between two of these calls, so what it could do with what they give it, it cannot
do: only what it has in the end counts. For x86-64.
"""

from __future__ import annotations

import ctypes
import errno
import os
import signal
import struct

from . import linux

_SEIZE, _SET_OPTIONS, _EVENT_MESSAGE = 0x4206, 0x4200, 0x4201
_GET_SEQUENCES = 0x420F
_CONTINUE, _STEP, _GET_REGISTERS, _SET_REGISTERS, _DETACH, _LISTEN = 7, 9, 12, 13, 17, 0x4208

_ON_FORK, _ON_SECCOMP, _KILL_WITH_TRACER = 0x2, 0x80, 0x100000
EVENT_FORK, EVENT_SECCOMP, EVENT_STOP = 1, 7, 128

ANY_CHILD = 0x40000000
"""For waitpid: whatever signal it ends with."""

# struct user_regs_struct: what we read or write of it, by its place among the 27 words.
_REGISTERS = struct.Struct("27Q")
_R10, _R9, _R8, _RAX, _RDX, _RSI, _RDI, _ORIG_RAX, _RIP, _RSP = 7, 8, 9, 10, 12, 13, 14, 15, 16, 19
_ARGUMENTS = (_RDI, _RSI, _RDX, _R10, _R8, _R9)

_SEQUENCES = struct.Struct("QIIII")  # struct ptrace_rseq_configuration

_SEQUENCE_DESCRIBED = 8  # in struct rseq: where the sequence is described that the thread is in

_CLONE, _FORK = 56, 57
_PLAIN_FLAGS = (signal.SIGCHLD, signal.SIGCHLD | linux.CLONE_CHILD_SETTID | linux.CLONE_CHILD_CLEARTID)

_SYSCALL = b"\x0f\x05"
_NO_CALL = (1 << 64) - 1  # not in a system call: nothing is restarted
_ERROR_MAX = 4095

_STOPS_MAX = 64

SCRATCH_BYTES = 4096

_INTERVAL_TIMERS = (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF)
_TIMER_BYTES = 32  # struct itimerval: when it comes again, and how long until it comes next

# What is asked of a held process; of the rest of its calls nobody here wants to know.
_NUMBERS = {
    "capset": 126,
    "clone": 56,
    "close_range": 436,
    "dup3": 292,
    "getitimer": 36,
    "prctl": 157,
    "recvmsg": 47,
    "rseq": 334,
    "seccomp": 317,
    "setns": 308,
    "setsid": 112,
    "socketpair": 53,
    "write": 1,
}


class Lost(OSError):
    """The process did something else than it was told, or has ended."""


def is_possible() -> bool:
    """Whether we know the registers of this machine."""
    return linux.architecture() is linux.X86_64


def seize(pid: int) -> None:
    """From now on we hear of its forks and its signals, and it ends with us. It runs on."""
    _ptrace(_SEIZE, pid, 0, _ON_FORK | _KILL_WITH_TRACER)


def pass_on(pid: int, status: int) -> None:
    """It goes on after a stop that is none of ours, with the signal that it was stopped by."""
    number = os.WSTOPSIG(status)
    if event(status) == EVENT_STOP:
        is_group_stop = number != signal.SIGTRAP
        _ptrace(_LISTEN if is_group_stop else _CONTINUE, pid, 0, 0)
    else:
        _ptrace(_CONTINUE, pid, 0, number)


def event(status: int) -> int:
    """What kind of stop it was; 0 for a signal."""
    return status >> 16


def child_of_fork(pid: int) -> int:
    """The child of a process that has stopped in its fork."""
    message = ctypes.create_string_buffer(8)
    _ptrace(_EVENT_MESSAGE, pid, 0, ctypes.addressof(message))
    return int(struct.unpack("Q", message.raw)[0])


class Held:
    """A traced process that stands still, with its registers as they were."""

    def __init__(self, pid: int, registers: list[int]) -> None:
        self.pid = pid
        self._registers = registers
        self._fork_flags = int(signal.SIGCHLD)

    @classmethod
    def in_fork(cls, pid: int) -> Held:
        """A process stopped by EVENT_FORK is led to where its fork has returned to it, and held there for good."""
        _ptrace(_SET_OPTIONS, pid, 0, _ON_FORK | _ON_SECCOMP | _KILL_WITH_TRACER)
        _ptrace(_STEP, pid, 0, 0)
        status = _wait(pid)
        if event(status) or os.WSTOPSIG(status) != signal.SIGTRAP:
            raise Lost(errno.ECHILD, f"it did not return from its fork: {status:#x}")
        return cls(pid, _registers_of(pid))

    def settle(self) -> None:
        """Its fork is one that can be done again and again. Raises Lost where it is not.

        A child that shared its memory or its descriptors would run while others are led with them.
        """
        if self.read(self._registers[_RIP] - len(_SYSCALL), len(_SYSCALL)) != _SYSCALL:
            raise Lost(errno.EINVAL, "it did not fork by a system call of its own")
        how, flags, stack = (self._registers[place] for place in (_ORIG_RAX, _RDI, _RSI))
        if how != _FORK and (how != _CLONE or flags not in _PLAIN_FLAGS or stack):
            raise Lost(errno.EINVAL, "its fork is not a plain one")
        self._fork_flags = signal.SIGCHLD if how == _FORK else flags
        self._leave_sequence()

    def let_go(self) -> None:
        """It goes on where it was held, and nobody traces it any more."""
        _set_registers(self.pid, self._registers)
        _ptrace(_DETACH, self.pid, 0, 0)

    def fork(self) -> Held:
        """The same fork again, by this process. The child stands where it returns to a child, and has our parent."""
        return self._clone(self._fork_flags | linux.CLONE_PARENT)

    def double(self) -> Held:
        """Another process in the same memory, in the same place: for calls that shall not be made by this one."""
        return self._clone(linux.CLONE_VM | linux.CLONE_PARENT | signal.SIGCHLD)

    def register_as(self, other: Held) -> None:
        """The kernel keeps our restartable sequences where it keeps those of the other, whose memory is like ours."""
        address, size, signature = _sequences_of(other.pid)
        if address:
            self.call("rseq", address, size, 0, signature)

    def _leave_sequence(self) -> None:
        """It is in no restartable sequence, as nobody may be who makes a system call.

        From one that lay around the call, the kernel would lead it elsewhere each time that we make a call in its name.
        """
        address, _, _ = _sequences_of(self.pid)
        if address:
            self.write(address + _SEQUENCE_DESCRIBED, bytes(8))

    def _clone(self, flags: int) -> Held:
        _, children = self._call("clone", flags, 0, 0, self._registers[_R10])
        if len(children) != 1:
            raise Lost(errno.ECHILD, "the template could not be forked")
        _wait(children[0])
        registers = _registers_of(children[0])
        for place in _ARGUMENTS:
            registers[place] = self._registers[place]
        child = Held(children[0], registers)
        child._fork_flags = self._fork_flags
        return child

    def call(self, name: str, *arguments: int) -> int:
        """Makes a system call in its name. Raises OSError as it would have had it."""
        return self._call(name, *arguments)[0]

    def _call(self, name: str, *arguments: int) -> tuple[int, list[int]]:
        """The result, and the children that were born meanwhile."""
        registers = list(self._registers)
        after = registers[_RIP]
        registers[_RIP] -= len(_SYSCALL)
        registers[_RAX], registers[_ORIG_RAX] = _NUMBERS[name], _NO_CALL
        for place, argument in zip(_ARGUMENTS, arguments, strict=False):
            registers[place] = argument & _NO_CALL
        _set_registers(self.pid, registers)
        children = []
        for _ in range(_STOPS_MAX):
            # A signal that comes now is dropped. Of SECCOMP we are asked by its filter, and do not object.
            _ptrace(_STEP, self.pid, 0, 0)
            kind = event(_wait(self.pid))
            if kind == EVENT_FORK:
                children.append(child_of_fork(self.pid))
            registers = _registers_of(self.pid)
            if not kind and registers[_RIP] == after:
                break
        else:
            raise Lost(errno.ECHILD, f"it did not return from {name}")
        result = registers[_RAX]
        if result > _NO_CALL - _ERROR_MAX:
            number = _NO_CALL + 1 - result
            raise OSError(number, f"{name} in the template's name: {os.strerror(number)}")
        return result, children

    def has_timers(self) -> bool:
        """Whether an interval timer is set, which no child of a fork has. Only the process itself can tell."""
        was = self.read(self.scratch, _TIMER_BYTES)
        told = []
        for timer in _INTERVAL_TIMERS:
            self.call("getitimer", timer, self.scratch)
            told.append(self.read(self.scratch, _TIMER_BYTES))
        self.write(self.scratch, was)
        return any(map(any, told))

    @property
    def scratch(self) -> int:
        """Where SCRATCH_BYTES of its memory can be written to; whoever writes there puts back what was there."""
        return self._registers[_RSP]

    def read(self, address: int, count: int) -> bytes:
        with open(f"/proc/{self.pid}/mem", "rb", 0) as memory:
            return os.pread(memory.fileno(), count, address)

    def write(self, address: int, data: bytes) -> None:
        with open(f"/proc/{self.pid}/mem", "r+b", 0) as memory:
            if os.pwrite(memory.fileno(), data, address) != len(data):
                raise Lost(errno.EFAULT, "its memory could not be written")


def _sequences_of(pid: int) -> tuple[int, int, int]:
    """Address, size and signature of what the thread shares with the kernel for restartable sequences."""
    said = ctypes.create_string_buffer(_SEQUENCES.size)
    _ptrace(_GET_SEQUENCES, pid, len(said), ctypes.addressof(said))
    address, size, signature, _, _ = _SEQUENCES.unpack(said.raw)
    return address, size, signature


def _registers_of(pid: int) -> list[int]:
    registers = ctypes.create_string_buffer(_REGISTERS.size)
    _ptrace(_GET_REGISTERS, pid, 0, ctypes.addressof(registers))
    return list(_REGISTERS.unpack(registers.raw))


def _set_registers(pid: int, registers: list[int]) -> None:
    packed = ctypes.create_string_buffer(_REGISTERS.pack(*registers), _REGISTERS.size)
    _ptrace(_SET_REGISTERS, pid, 0, ctypes.addressof(packed))


def _wait(pid: int) -> int:
    """How it has stopped. That it has ended is left for whoever reaps it and tells others of that."""
    seen = os.waitid(os.P_PID, pid, os.WEXITED | os.WSTOPPED | os.WNOWAIT | ANY_CHILD)
    if seen is None or seen.si_code in (os.CLD_EXITED, os.CLD_KILLED, os.CLD_DUMPED):
        raise Lost(errno.ECHILD, "it has ended")
    return os.waitpid(pid, ANY_CHILD)[1]


def _ptrace(request: int, pid: int, address: int, data: int) -> None:
    linux.call("ptrace", request, pid, address, data)
