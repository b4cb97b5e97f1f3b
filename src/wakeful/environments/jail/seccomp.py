"""Which system calls a runtime process may make, as a BPF program for the kernel's seccomp filter.

Allowed is what an ordinary program needs; denied is what reaches beyond the sandbox or into parts of the kernel that
have no business there. A call is denied by an error that programs expect (EPERM, ENOSYS), never by a signal, with one
exception: a program of another architecture is killed, because its numbers mean something else.

Every call up to the newest one we know is either in `DENIED` or allowed on purpose; what the kernel adds later answers
"not implemented" until somebody has looked at it (`KNOWN_UP_TO`). The programs are short for the common case: the
kernel runs a filter once for each number and remembers those that are always allowed, unless the answer depends on an
argument (socket, clone, ioctl).
"""

from __future__ import annotations

import errno
import socket
import struct

from .linux import ARCHITECTURES, X86_64, Architecture

# The newest system call that was looked at for these tables: file_setattr, Linux 6.17.
KNOWN_UP_TO = 469

# name: (x86-64, aarch64); None where the architecture never had it.
Numbers = tuple[int | None, int | None]

# What each group is, and why it is closed.
DENIED: dict[str, dict[str, Numbers]] = {
    # The file tree is finished before the function starts; nobody changes it from inside, nor asks where it came from.
    "mounts": {
        "chroot": (161, 51),
        "fsconfig": (431, 431),
        "fsmount": (432, 432),
        "fsopen": (430, 430),
        "fspick": (433, 433),
        "listmount": (458, 458),
        "mount": (165, 40),
        "mount_setattr": (442, 442),
        "move_mount": (429, 429),
        "open_tree": (428, 428),
        "open_tree_attr": (467, 467),
        "pivot_root": (155, 41),
        "statmount": (457, 457),
        "umount2": (166, 39),
    },
    # In a new user namespace a process has every capability, and with them most of the kernel's attack surface.
    "namespaces": {"setns": (308, 268), "unshare": (272, 97)},
    # Files by handle go around directories that are not there, or not readable.
    "file handles": {"name_to_handle_at": (303, 264), "open_by_handle_at": (304, 265), "fanotify_init": (300, 262)},
    # The machine's own settings. They need capabilities that nobody here has; denied all the same.
    "machine": {
        "acct": (163, 89),
        "adjtimex": (159, 171),
        "clock_adjtime": (305, 266),
        "clock_settime": (227, 112),
        "delete_module": (176, 106),
        "finit_module": (313, 273),
        "init_module": (175, 105),
        "ioperm": (173, None),
        "iopl": (172, None),
        "kexec_file_load": (320, 294),
        "kexec_load": (246, 104),
        "modify_ldt": (154, None),
        "nfsservctl": (180, 42),
        "quotactl": (179, 60),
        "quotactl_fd": (443, 443),
        "reboot": (169, 142),
        "setdomainname": (171, 162),
        "sethostname": (170, 161),
        "settimeofday": (164, 170),
        "swapoff": (168, 225),
        "swapon": (167, 224),
        "syslog": (103, 116),
        "vhangup": (153, 58),
    },
    # Large interfaces in the kernel, each with a history of ways out.
    "kernel programs": {
        "bpf": (321, 280),
        "io_uring_enter": (426, 426),
        "io_uring_register": (427, 427),
        "io_uring_setup": (425, 425),
        "lookup_dcookie": (212, 18),
        "perf_event_open": (298, 241),
        "userfaultfd": (323, 282),
    },
    # Keyrings are per user, not per namespace: where one user runs many sandboxes they would share them.
    "keys": {"add_key": (248, 217), "keyctl": (250, 219), "request_key": (249, 218)},
    # Looking into other processes.
    "other processes": {
        "kcmp": (312, 272),
        "pidfd_getfd": (438, 438),
        "process_madvise": (440, 440),
        "process_mrelease": (448, 448),
        "process_vm_readv": (310, 270),
        "process_vm_writev": (311, 271),
        "ptrace": (101, 117),
    },
    # Where memory lies on the machine is the machine's business.
    "memory placement": {
        "get_mempolicy": (239, 236),
        "mbind": (237, 235),
        "migrate_pages": (256, 238),
        "move_pages": (279, 239),
        "set_mempolicy": (238, 237),
        "set_mempolicy_home_node": (450, 450),
    },
    # Left over from other times; nothing of today uses them.
    "obsolete": {
        "_sysctl": (156, None),
        "afs_syscall": (183, None),
        "create_module": (174, None),
        "get_kernel_syms": (177, None),
        "getpmsg": (181, None),
        "putpmsg": (182, None),
        "query_module": (178, None),
        "security": (185, None),
        "sysfs": (139, None),
        "tuxcall": (184, None),
        "uselib": (134, None),
        "ustat": (136, None),
        "vserver": (236, None),
    },
}

# "Not implemented" rather than "not permitted": the C library and language runtimes then use the older way.
NOT_IMPLEMENTED: dict[str, Numbers] = {
    "clone3": (435, 435),  # its flags are in memory, where a filter cannot look; `clone` takes its place
    "memfd_secret": (447, 447),  # memory that no limit of ours sees
}

# In the host's own file tree and IPC namespace: what Landlock has no word for. It guards the contents of files and the
# names in directories, but not permissions, owners and times, nor who is told of changes.
DENIED_AMONG_HOST_PROCESSES: dict[str, dict[str, Numbers]] = {
    "attributes of files": {
        "chmod": (90, None),
        "chown": (92, None),
        "fchmod": (91, 52),
        "fchmodat": (268, 53),
        "fchmodat2": (452, 452),
        "fchown": (93, 55),
        "fchownat": (260, 54),
        "file_setattr": (469, 469),
        "fremovexattr": (199, 16),
        "fsetxattr": (190, 7),
        "futimesat": (261, None),
        "lchown": (94, None),
        "lremovexattr": (198, 15),
        "lsetxattr": (189, 6),
        "removexattr": (197, 14),
        "removexattrat": (466, 466),
        "setxattr": (188, 5),
        "setxattrat": (463, 463),
        "utime": (132, None),
        "utimensat": (280, 88),
        "utimes": (235, None),
    },
    "changes of files": {"inotify_add_watch": (254, 27)},
    "shared memory, queues and semaphores": {
        "mq_open": (240, 180),
        "mq_unlink": (241, 181),
        "msgctl": (71, 187),
        "msgget": (68, 186),
        "msgrcv": (70, 188),
        "msgsnd": (69, 189),
        "semctl": (66, 191),
        "semget": (64, 190),
        "semop": (65, 193),
        "semtimedop": (220, 192),
        "shmat": (30, 196),
        "shmctl": (31, 195),
        "shmget": (29, 194),
    },
    # Listening binds a port where none was bound before, on every address of the host; Landlock guards only `bind`.
    "being called": {"listen": (50, 201)},
    # Of any process of the same user, which the node is one of.
    "priorities": {"ioprio_set": (251, 30), "setpriority": (141, 140)},
}

# Calls whose first argument is a process: only on the caller itself, which is 0.
ON_A_PROCESS: dict[str, Numbers] = {
    "prlimit64": (302, 261),
    "sched_setaffinity": (203, 122),
    "sched_setattr": (314, 274),
    "sched_setparam": (142, 118),
    "sched_setscheduler": (144, 119),
}

# Calls that send, and which of their arguments has the flags: with MSG_FASTOPEN they also connect, past Landlock.
SENDING: dict[str, tuple[Numbers, int]] = {
    "sendmmsg": ((307, 269), 3),
    "sendmsg": ((46, 211), 2),
    "sendto": ((44, 206), 3),
}
MSG_FASTOPEN = 0x20000000

SOCKET: Numbers = (41, 198)
SOCKET_PAIR: Numbers = (53, 199)
CLONE: Numbers = (56, 220)
IOCTL: Numbers = (16, 29)
PRCTL: Numbers = (157, 167)

CLONE_NAMESPACES = 0x7E020000  # every CLONE_NEW*
NETLINK_ROUTE = 0
_PR_SET_DUMPABLE = 4

# A network namespace confines these. It does not confine AF_VSOCK, which reaches the hypervisor and its other guests.
FAMILIES = (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6)

# Typing into, and copying from, a terminal that others read.
TERMINAL_REQUESTS = {"TIOCSTI": 0x5412, "TIOCLINUX": 0x541C}

_X32_BIT = 0x40000000

# struct seccomp_data: the number, the architecture, the instruction pointer, six arguments of 64 bits.
_NUMBER, _ARCHITECTURE = 0, 4
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _MASK, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x54, 0x06
_ALLOW, _KILL, _ERRNO, _TRACE = 0x7FFF0000, 0x80000000, 0x00050000, 0x7FF00000
_SOCKET_KIND = 0xF  # the type of a socket without SOCK_NONBLOCK and SOCK_CLOEXEC

Instruction = tuple[int, int, int, int]


def in_namespaces(architecture: Architecture, *, is_template: bool = False, stays_visible: bool = False) -> bytes:
    """The filter for a process that has namespaces of its own around it.

    A template may enter namespaces if its tracer lets it, and only then: without one the call is not implemented.
    One that `stays_visible` cannot hide its memory from a keeper who has no rights over the user namespace in which
    that memory began.
    """
    rules = {SOCKET: _family_allowed(), SOCKET_PAIR: _pair_allowed()}
    if is_template:
        rules[DENIED["namespaces"]["setns"]] = [(_RETURN, 0, 0, _TRACE)]
    if stays_visible:
        rules[PRCTL] = [_argument(0), (_EQUAL, 0, 1, _PR_SET_DUMPABLE), _error(errno.EPERM), (_RETURN, 0, 0, _ALLOW)]
    return _assemble(_program(architecture, rules, DENIED))


def among_host_processes(architecture: Architecture) -> bytes:
    """The filter for a process in the host's own network and file tree, where Landlock guards files and TCP ports.

    Landlock does not see UNIX sockets in the file tree, datagrams, or protocols beside TCP: of sockets, only TCP
    remains. Pairs of connected UNIX streams are made by another call and stay; a datagram socket of such a pair could
    be connected anew.
    """
    rules = {SOCKET: _tcp_only(), SOCKET_PAIR: _stream_pair_allowed()}
    rules |= {numbers: _on_ourselves() for numbers in ON_A_PROCESS.values()}
    rules |= {numbers: _without_flag(place, MSG_FASTOPEN) for numbers, place in SENDING.values()}
    return _assemble(_program(architecture, rules, DENIED | DENIED_AMONG_HOST_PROCESSES))


def instructions_of(program: bytes) -> list[Instruction]:
    """The program taken apart again; tests read it."""
    return list(struct.iter_unpack("HBBI", program))


def _program(
    architecture: Architecture, rules: dict[Numbers, list[Instruction]], denied: dict[str, dict[str, Numbers]]
) -> list[Instruction]:
    column = architecture.column
    program: list[Instruction] = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_EQUAL, 1, 0, architecture.audit),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER),
    ]
    if architecture is X86_64:
        # x32: the same architecture by name, other calls by number.
        program += [(_AT_LEAST, 0, 1, _X32_BIT), _error(errno.ENOSYS)]
    program += [(_AT_LEAST, 0, 1, KNOWN_UP_TO + 1), _error(errno.ENOSYS)]
    for numbers, rule in {**rules, CLONE: _no_namespaces(), IOCTL: _no_terminal_requests()}.items():
        number = numbers[column]
        assert number is not None
        program += [(_EQUAL, 0, len(rule), number), *rule]
    program += _refuse([numbers[column] for numbers in NOT_IMPLEMENTED.values()], errno.ENOSYS)
    program += _refuse([numbers[column] for group in denied.values() for numbers in group.values()], errno.EPERM)
    program.append((_RETURN, 0, 0, _ALLOW))
    return program


def _refuse(numbers: list[int | None], error: int) -> list[Instruction]:
    """Each of the numbers, already loaded, jumps to one refusal; any other goes on behind it."""
    present = sorted(number for number in numbers if number is not None)
    last = len(present) - 1
    comparisons: list[Instruction] = [
        (_EQUAL, last - place, 1 if place == last else 0, number) for place, number in enumerate(present)
    ]
    return [*comparisons, _error(error)]


def _family_allowed() -> list[Instruction]:
    """UNIX, INET and INET6 of any kind; netlink for routes only, which getifaddrs asks; no other family."""
    families: list[Instruction] = [_argument(0)]
    for place, family in enumerate(FAMILIES):
        # To the final "allow": over the remaining families and the five instructions about netlink.
        families.append((_EQUAL, len(FAMILIES) - 1 - place + 5, 0, family))
    return [
        *families,
        (_EQUAL, 1, 0, socket.AF_NETLINK),
        _error(errno.EAFNOSUPPORT),
        _argument(2),
        (_EQUAL, 1, 0, NETLINK_ROUTE),
        _error(errno.EPROTONOSUPPORT),
        (_RETURN, 0, 0, _ALLOW),
    ]


def _tcp_only() -> list[Instruction]:
    return [
        _argument(0),
        (_EQUAL, 2, 0, socket.AF_INET),
        (_EQUAL, 1, 0, socket.AF_INET6),
        _error(errno.EAFNOSUPPORT),
        _argument(1),
        (_MASK, 0, 0, _SOCKET_KIND),
        (_EQUAL, 1, 0, socket.SOCK_STREAM),
        _error(errno.EACCES),
        _argument(2),
        (_EQUAL, 2, 0, 0),
        (_EQUAL, 1, 0, socket.IPPROTO_TCP),
        _error(errno.EACCES),
        (_RETURN, 0, 0, _ALLOW),
    ]


def _pair_allowed() -> list[Instruction]:
    return [_argument(0), (_EQUAL, 1, 0, socket.AF_UNIX), _error(errno.EAFNOSUPPORT), (_RETURN, 0, 0, _ALLOW)]


def _stream_pair_allowed() -> list[Instruction]:
    return [
        _argument(0),
        (_EQUAL, 1, 0, socket.AF_UNIX),
        _error(errno.EAFNOSUPPORT),
        _argument(1),
        (_MASK, 0, 0, _SOCKET_KIND),
        (_EQUAL, 1, 0, socket.SOCK_STREAM),
        _error(errno.EACCES),
        (_RETURN, 0, 0, _ALLOW),
    ]


def _on_ourselves() -> list[Instruction]:
    return [_argument(0), (_EQUAL, 1, 0, 0), _error(errno.EPERM), (_RETURN, 0, 0, _ALLOW)]


def _without_flag(place: int, flag: int) -> list[Instruction]:
    return [_argument(place), (_ANY_BIT, 0, 1, flag), _error(errno.EPERM), (_RETURN, 0, 0, _ALLOW)]


def _no_namespaces() -> list[Instruction]:
    return _without_flag(0, CLONE_NAMESPACES)


def _no_terminal_requests() -> list[Instruction]:
    # The kernel reads 32 bits of the request, and so do we: a filter that compares 64 is walked around with the rest.
    rule: list[Instruction] = [_argument(1)]
    requests = sorted(TERMINAL_REQUESTS.values())
    for place, request in enumerate(requests):
        rule.append((_EQUAL, len(requests) - place, 0, request))
    return [*rule, (_RETURN, 0, 0, _ALLOW), _error(errno.EPERM)]


def _argument(place: int) -> Instruction:
    """Loads the lower half of an argument; both architectures are little-endian."""
    return (_LOAD, 0, 0, 16 + 8 * place)


def _error(number: int) -> Instruction:
    return (_RETURN, 0, 0, _ERRNO | number)


def _assemble(program: list[Instruction]) -> bytes:
    return b"".join(struct.pack("HBBI", *instruction) for instruction in program)


assert len(ARCHITECTURES) == 2, "the tables here have a column for each architecture"
