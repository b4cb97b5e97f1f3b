"""The Linux system calls that the jail needs and the standard library does not have, by ctypes.

Runs on every Python that Lambda has a runtime of: a stem of each of them uses it, too.

Every function here raises OSError as `os` does. Numbers are per architecture: x86-64 grew its own, aarch64 uses the
kernel's generic table; calls from 424 on have the same number everywhere.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import signal
import socket
import struct
import sys
import time
from typing import NamedTuple

_CLEARING_S = 0.001  # who clears up holds a lock for about so long

# PyDLL keeps the interpreter lock during a call: nothing here blocks, and fork must not run with the lock given away.
_LIBC = ctypes.PyDLL(None, use_errno=True)


class Architecture(NamedTuple):
    """One of the machines we run on: what seccomp calls it, and which column of a table of numbers is its own."""

    name: str
    audit: int
    column: int


X86_64 = Architecture("x86_64", 0xC000003E, 0)
AARCH64 = Architecture("aarch64", 0xC00000B7, 1)
ARCHITECTURES = (X86_64, AARCH64)

# name: (x86-64, aarch64)
NUMBERS: dict[str, tuple[int, int]] = {
    "capget": (125, 90),
    "capset": (126, 91),
    "clone": (56, 220),
    "clone3": (435, 435),
    "close_range": (436, 436),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fsopen": (430, 430),
    "keyctl": (250, 219),
    "landlock_add_rule": (445, 445),
    "landlock_create_ruleset": (444, 444),
    "landlock_restrict_self": (446, 446),
    "mount": (165, 40),
    "mount_setattr": (442, 442),
    "move_mount": (429, 429),
    "open_tree": (428, 428),
    "pidfd_getfd": (438, 438),
    "pivot_root": (155, 41),
    "prctl": (157, 167),
    "ptrace": (101, 117),
    "seccomp": (317, 277),
    "sethostname": (170, 161),
    "setns": (308, 268),
    "umount2": (166, 39),
    "unshare": (272, 97),
}

CLONE_VM, CLONE_PARENT = 0x00000100, 0x00008000
CLONE_CHILD_CLEARTID, CLONE_CHILD_SETTID = 0x00200000, 0x01000000
CLONE_NEWNS = 0x00020000
CLONE_NEWCGROUP = 0x02000000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000
CLONE_INTO_CGROUP = 0x200000000

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC = 1, 2, 4, 8
MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE, MS_SLAVE = 32, 4096, 16384, 1 << 18, 1 << 19
MNT_DETACH = 2

MOUNT_ATTR_RDONLY, MOUNT_ATTR_NOSUID, MOUNT_ATTR_NODEV, MOUNT_ATTR_NOEXEC = 1, 2, 4, 8

_AT_FDCWD = -100
_AT_EMPTY_PATH = 0x1000
_AT_RECURSIVE = 0x8000
_OPEN_TREE_CLONE = 1
_OPEN_TREE_CLOEXEC = os.O_CLOEXEC
_MOVE_MOUNT_F_EMPTY_PATH = 4
_FSOPEN_CLOEXEC = _FSMOUNT_CLOEXEC = 1
_FSCONFIG_SET_STRING, _FSCONFIG_CMD_CREATE = 1, 6

_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_SET_KEEPCAPS = 8
_PR_CAPBSET_DROP = 24
_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_NO_NEW_PRIVS = 38
_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL = 47, 4
CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_KILL, CAP_SETGID, CAP_SETUID = 1, 2, 5, 6, 7
CAP_SYS_CHROOT, CAP_SYS_PTRACE, CAP_SYS_ADMIN = 18, 19, 21
_CAPABILITIES_MAX = 64
_CAPABILITY_VERSION_3 = 0x20080522
_SECCOMP_SET_MODE_FILTER = 1
_LANDLOCK_CREATE_RULESET_VERSION = 1
_KEYCTL_JOIN_SESSION_KEYRING = 1
_SIOCSIFFLAGS, _IFF_UP, _IFF_RUNNING = 0x8914, 0x1, 0x40


def architecture() -> Architecture:
    """The machine we run on. Raises OSError on one whose system calls are not in our tables."""
    machine = os.uname().machine
    for known in ARCHITECTURES:
        if known.name == machine:
            return known
    raise OSError(f"no system call table for {machine}; known are {', '.join(a.name for a in ARCHITECTURES)}")


_COLUMN = architecture().column


def call(name: str, *arguments: int | bytes | ctypes.Array[ctypes.c_char] | None) -> int:
    """Makes a system call by name and gives its result."""
    # syscall() is variadic: without the width said, ctypes would pass an int as 32 bits and leave the rest to chance.
    words = [ctypes.c_long(argument) if isinstance(argument, int) else argument for argument in arguments]
    result: int = _LIBC.syscall(ctypes.c_long(NUMBERS[name][_COLUMN]), *words)
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")
    return result


# ── processes ────────────────────────────────────────────────────────────────────────────────────────────────────────


def fork(flags: int = 0, cgroup: int | None = None) -> int:
    """As os.fork, with the child in new namespaces (`CLONE_NEW*`) or born into a cgroup (v2, an open directory).

    With CLONE_NEWPID the child is the first process of its namespace and still our own child. Doing this by `unshare`
    and `os.fork` would need a way back for the caller, and an ordinary user has none.

    Only a process with one thread may ask for either: in the child of any other one the interpreter may give way, for
    ever, to a thread that is not there before it knows that it was forked. RuntimeError where there are more.
    """
    if not flags and cgroup is None:
        return os.fork()
    if len(sys._current_frames()) > 1:
        raise RuntimeError("only a process with one thread forks into namespaces or a control group")
    ctypes.pythonapi.PyOS_BeforeFork()
    try:
        if cgroup is None:
            pid = call("clone", flags | signal.SIGCHLD, None, None, None, 0)
        else:
            arguments = struct.pack("11Q", flags | CLONE_INTO_CGROUP, 0, 0, 0, signal.SIGCHLD, 0, 0, 0, 0, 0, cgroup)
            pid = call("clone3", arguments, len(arguments))
    except OSError:
        ctypes.pythonapi.PyOS_AfterFork_Parent()
        raise
    if pid:
        ctypes.pythonapi.PyOS_AfterFork_Parent()
    else:
        ctypes.pythonapi.PyOS_AfterFork_Child()
    return pid


def unshare(flags: int) -> None:
    call("unshare", flags)


def enter_namespace(descriptor: int, kind: int) -> None:
    """We are in this namespace; with CLONE_NEWPID, the children that we fork from now on are."""
    call("setns", descriptor, kind)


def take_descriptor(process: int, descriptor: int) -> int:
    """Our own copy of a descriptor of another process, which a pidfd names."""
    return call("pidfd_getfd", process, descriptor, 0)


def map_self(inside_uid: int, inside_gid: int, outside_uid: int, outside_gid: int) -> None:
    """In a new user namespace: who we were outside is `inside_*` from now on. There is nobody else in it."""
    for name, line in (
        ("setgroups", "deny"),  # without this an ordinary user may not write gid_map
        ("uid_map", f"{inside_uid} {outside_uid} 1"),
        ("gid_map", f"{inside_gid} {outside_gid} 1"),
    ):
        descriptor = os.open(f"/proc/self/{name}", os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.write(descriptor, line.encode())
        finally:
            os.close(descriptor)


def die_with_parent(signal_number: int = signal.SIGKILL) -> None:
    """The kernel sends us `signal_number` when the *thread* that forked us ends. A change of identity forgets this."""
    call("prctl", _PR_SET_PDEATHSIG, signal_number, 0, 0, 0)


def adopt_orphans() -> None:
    """Descendants whose parent ends become our children, not those of the host's first process."""
    call("prctl", _PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def set_dumpable(dumpable: bool) -> None:
    """Not dumpable: nobody without CAP_SYS_PTRACE over us reads our memory or what /proc says of us."""
    call("prctl", _PR_SET_DUMPABLE, int(dumpable), 0, 0, 0)


def forbid_new_privileges() -> None:
    """No exec gives us or our children more than we have: set-user-id bits and file capabilities are dead."""
    call("prctl", _PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def change_user(uid: int, gid: int) -> None:
    """We are this user and in this one group, and keep the capabilities we had, until they are dropped."""
    call("prctl", _PR_SET_KEEPCAPS, 1, 0, 0, 0)
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    header = struct.pack("=Ii", _CAPABILITY_VERSION_3, 0)
    held = ctypes.create_string_buffer(24)
    call("capget", header, held)
    words = list(struct.unpack("6I", held.raw))  # effective, permitted, inheritable; twice, 32 capabilities at a time
    words[0], words[3] = words[1], words[4]
    call("capset", header, struct.pack("6I", *words))


def drop_capabilities() -> None:
    """No capability is left, and none can come back."""
    for capability in range(_CAPABILITIES_MAX):
        try:
            call("prctl", _PR_CAPBSET_DROP, capability, 0, 0, 0)
        except OSError:
            break  # the first number that the kernel does not know
    call("prctl", _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
    clear_capabilities()


def clear_capabilities(*keep: int) -> None:
    """Gives up what we hold but `keep`, of the first 32; the bounding set stays, for where we may not touch it."""
    kept = sum(1 << capability for capability in keep)
    call("capset", struct.pack("=Ii", _CAPABILITY_VERSION_3, 0), struct.pack("=6I", kept, kept, 0, 0, 0, 0))


def load_filter(program: bytes) -> None:
    """From now on this process and all its children make only the system calls that the BPF program lets through."""
    instructions = ctypes.create_string_buffer(program, len(program))
    pointer = struct.pack("HxxxxxxQ", len(program) // 8, ctypes.addressof(instructions))
    call("seccomp", _SECCOMP_SET_MODE_FILTER, 0, pointer)


def landlock_version() -> int:
    """What the kernel's Landlock can do, as a number that grows; 0 where there is none."""
    try:
        return call("landlock_create_ruleset", None, 0, _LANDLOCK_CREATE_RULESET_VERSION)
    except OSError:
        return 0


def leave_session_keyring() -> None:
    """The keys of whoever started us are no longer ours. Nothing happens where the kernel has no keyrings."""
    try:
        call("keyctl", _KEYCTL_JOIN_SESSION_KEYRING, None, 0, 0, 0)
    except OSError:
        return  # no keyrings, or a seccomp filter around us that already keeps everybody from them


def lock_directory(path: str) -> int:
    """A descriptor that holds the lock until it is closed. Raises OSError where another process holds it."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def make_locked_directory(path: str) -> int:
    """A new directory, and the descriptor that holds its lock.

    Somebody who clears up after the dead may come between its making and its locking, and take it for theirs. Then it
    is made again, by a name that must be nobody else's.
    """
    os.mkdir(path)
    while True:
        try:
            descriptor = lock_directory(path)
            if os.fstat(descriptor).st_ino == os.stat(path).st_ino:
                return descriptor
            os.close(descriptor)
        except BlockingIOError:
            time.sleep(_CLEARING_S)
        except FileNotFoundError:
            os.mkdir(path)


def close_all_but(*keep: int) -> None:
    """Every other descriptor is closed. A fork without exec would leave them open in the child."""
    first = 0
    for descriptor in sorted(set(keep)):
        if descriptor > first:
            call("close_range", first, descriptor - 1, 0)
        first = descriptor + 1
    call("close_range", first, 0xFFFFFFFF, 0)


# ── mounts ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def mount(source: str | None, target: str, kind: str | None = None, flags: int = 0, options: str | None = None) -> None:
    call("mount", _text(source), _text(target), _text(kind), flags, _text(options))


def unmount(target: str) -> None:
    """Takes away the topmost mount at `target`, with all below it, as soon as nobody uses it any more."""
    call("umount2", _text(target), MNT_DETACH)


def pivot_root(new_root: str, old_root: str) -> None:
    call("pivot_root", _text(new_root), _text(old_root))


def copy_tree(path: str, directory: int = _AT_FDCWD) -> int:
    """A descriptor of a detached copy of the mounts at `path` ("" for `directory` itself) and below.

    The original must be in the caller's own mount namespace: copy before `unshare`, attach after it.
    """
    flags = _OPEN_TREE_CLONE | _OPEN_TREE_CLOEXEC | _AT_RECURSIVE | (0 if path else _AT_EMPTY_PATH)
    return call("open_tree", directory, _text(path), flags)


def restrict_mount(tree: int, attributes: int, *, recursive: bool = True) -> None:
    """Adds MOUNT_ATTR_* to the mounts of a tree, which may still be detached."""
    flags = _AT_EMPTY_PATH | (_AT_RECURSIVE if recursive else 0)
    attribute = struct.pack("4Q", attributes, 0, 0, 0)
    call("mount_setattr", tree, b"", flags, attribute, len(attribute))


def attach(tree: int, path: str, directory: int = _AT_FDCWD) -> None:
    """Puts a detached tree at `path`, in the caller's mount namespace."""
    call("move_mount", tree, b"", directory, _text(path), _MOVE_MOUNT_F_EMPTY_PATH)


def new_tmpfs(attributes: int, **options: str) -> int:
    """A descriptor of a detached, empty file system in memory."""
    return _new_file_system("tmpfs", attributes, options)


def new_proc(options: dict[str, str], attributes: int) -> int:
    """A descriptor of a detached /proc, which shows the caller's own process namespace."""
    return _new_file_system("proc", attributes, options)


# ── the rest ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def set_host_name(name: str) -> None:
    call("sethostname", name.encode(), len(name))


def raise_loopback() -> None:
    """127.0.0.1 works in this network namespace; a new one starts with its loopback device down."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as any_socket:
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", _IFF_UP | _IFF_RUNNING))


def _new_file_system(kind: str, attributes: int, options: dict[str, str]) -> int:
    filesystem = call("fsopen", _text(kind), _FSOPEN_CLOEXEC)
    try:
        for key, value in options.items():
            call("fsconfig", filesystem, _FSCONFIG_SET_STRING, _text(key), _text(value), 0)
        call("fsconfig", filesystem, _FSCONFIG_CMD_CREATE, None, None, 0)
        return call("fsmount", filesystem, _FSMOUNT_CLOEXEC, attributes)
    finally:
        os.close(filesystem)


def _text(value: str | None) -> bytes | None:
    return None if value is None else os.fsencode(value)
