"""Attacks on a sandbox from inside. Each returns what it achieved; a sandbox that holds makes that nothing.

This file is the code of a function: it lies in /var/task and runs with the sandbox's own Python, standard library
only. Nothing here does harm where it succeeds, beyond the sandbox it was let into.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import mmap
import os
import resource
import signal
import socket
import struct
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

LIBC = ctypes.CDLL(None, use_errno=True)
COLUMN = 0 if os.uname().machine == "x86_64" else 1

# name: (x86-64, aarch64)
NUMBERS: dict[str, tuple[int, int]] = {
    "add_key": (248, 217),
    "bpf": (321, 280),
    "chroot": (161, 51),
    "clone": (56, 220),
    "clone3": (435, 435),
    "fsmount": (432, 432),
    "fsopen": (430, 430),
    "io_uring_setup": (425, 425),
    "keyctl": (250, 219),
    "kcmp": (312, 272),
    "mount": (165, 40),
    "mount_setattr": (442, 442),
    "move_mount": (429, 429),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "open_tree": (428, 428),
    "perf_event_open": (298, 241),
    "pidfd_getfd": (438, 438),
    "pidfd_open": (434, 434),
    "pivot_root": (155, 41),
    "process_vm_readv": (310, 270),
    "ptrace": (101, 117),
    "setns": (308, 268),
    "statmount": (457, 457),
    "umount2": (166, 39),
    "unshare": (272, 97),
    "userfaultfd": (323, 282),
    "not yet known": (999, 999),
}

REFUSED = (errno.EPERM, errno.EACCES, errno.ENOSYS)
NAMESPACES = {"mnt": 0x20000, "cgroup": 0x2000000, "uts": 0x4000000, "ipc": 0x8000000, "user": 0x10000000}
NAMESPACES |= {"pid": 0x20000000, "net": 0x40000000}


def call(name: str, *arguments: Any) -> str | None:
    """How a system call was not refused; None if it was."""
    result = LIBC.syscall(ctypes.c_long(NUMBERS[name][COLUMN]), *arguments)
    number = ctypes.get_errno()
    if result < 0 and number in REFUSED:
        return None
    return f"{name}: {result}" if result >= 0 else f"{name}: {os.strerror(number)}"


def achieved(attempts: Mapping[str, Callable[[], object]]) -> list[str]:
    """The names of those attempts that raised nothing."""
    gained = []
    for name, attempt in attempts.items():
        try:
            attempt()
        except (OSError, ValueError):
            continue
        gained.append(name)
    return gained


def opened(paths: Iterable[str], flags: int) -> list[str]:
    """Those that could be opened."""
    return achieved({path: partial(_open, path, flags) for path in paths})


def _open(path: str, flags: int) -> None:
    os.close(os.open(path, flags | os.O_NONBLOCK))


def _pids() -> list[str]:
    """Every process that /proc shows, if it shows any."""
    try:
        return [name for name in os.listdir("/proc") if name.isdigit()]
    except PermissionError:
        return []


# ── files ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def find_in_files(needle: str) -> list[str]:
    """Every file that holds the needle, in the whole tree but for the host's /usr and kernel files."""
    found = []
    for path in _files(Path("/")):
        try:
            if path.stat().st_size < 1 << 20 and needle.encode() in path.read_bytes():
                found.append(str(path))
        except OSError:
            continue
    return found


def _files(folder: Path) -> Iterator[Path]:
    try:
        entries = list(folder.iterdir())
    except OSError:
        return
    for entry in entries:
        if entry.is_symlink() or str(entry) in ("/usr", "/proc", "/dev", "/var/lang", sys.base_prefix):
            continue
        if entry.is_dir():
            yield from _files(entry)
        elif entry.is_file():
            yield entry


def reach_paths(paths: list[str]) -> list[str]:
    """Those that can be looked at, by their name or around a corner."""
    ways = [way for path in paths for way in (path, f"/..{path}", f"/proc/self/root{path}", f"/proc/1/root{path}")]
    return [way for way in ways if os.path.lexists(way)]


def write_everywhere() -> list[str]:
    """Every directory and file in the tree that takes a byte, /tmp apart."""
    written = []
    for folder, folders, files in os.walk("/"):
        if folder.startswith(("/tmp", "/proc")) or folder.count("/") > 6:
            folders.clear()
            continue
        target = f"{folder}/wakeful-attack"
        written += achieved({target: partial(_create, target)})
        written += opened([f"{folder}/{name}" for name in files[:3] if folder != "/dev"], os.O_WRONLY)
    return written


def _create(path: str) -> None:
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL))
    os.unlink(path)


def write_kernel_settings() -> list[str]:
    """Every file below /proc/sys that opens for writing, and of /proc what a process has no business with."""
    paths = [f"{folder}/{name}" for folder, _, files in os.walk("/proc/sys") for name in files]
    names = ("sysrq-trigger", "irq/default_smp_affinity", "mtrr", "scsi/scsi", "acpi/wakeup", "latency_stats")
    own = [f"/proc/{name}" for name in names if not _is_null(f"/proc/{name}")]
    return opened([*paths, *own], os.O_WRONLY)


def _is_null(path: str) -> bool:
    """It is /dev/null in the place of something else."""
    return os.path.exists(path) and os.stat(path).st_rdev == os.makedev(1, 3)


def read_kernel_memory() -> list[str]:
    """Files that show the kernel's memory, keys, messages or timers, and say something."""
    names = ("kcore", "kmsg", "keys", "key-users", "timer_list", "kpageflags", "kpagecount", "vmallocinfo")
    return achieved({name: partial(_read_a_byte, f"/proc/{name}") for name in names})


def _read_a_byte(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        if not os.read(descriptor, 1):
            raise ValueError("empty")
    finally:
        os.close(descriptor)


def mounts() -> list[list[str]]:
    """(Path on its file system, path here, options) of everything mounted."""
    lines = [line.split() for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    return [[words[3], words[4], words[5]] for words in lines]


def change_mounts() -> list[str]:
    """Mounting, remounting, unmounting, changing root, the old way and the new, on things that are not there."""
    nothing = b"/proc/self/nothing"
    results = [
        call("mount", b"none", b"/proc", b"no such kind", 0, None),
        call("mount", b"none", nothing, None, 32 | 4096, None),
        call("mount", b"/usr", nothing, None, 4096, None),
        call("umount2", nothing, 2),
        call("pivot_root", nothing, nothing),
        call("chroot", b"/"),
        call("open_tree", -100, nothing, 1),
        call("move_mount", -1, b"", -100, nothing, 4),
        call("mount_setattr", -100, nothing, 0, struct.pack("4Q", 0, 1, 0, 0), 32),
        call("fsopen", b"no such kind", 0),
        call("fsmount", -1, 0, 0),
        call("statmount", None, None, 0, 0),
    ]
    return [result for result in results if result is not None]


def open_by_handle() -> list[str]:
    handle = struct.pack("Ii", 8, 1) + struct.pack("II", 2, 0)  # inode 2, the root of an ext4 file system
    buffer = ctypes.create_string_buffer(256)
    results = [
        call("name_to_handle_at", -100, b"/usr", buffer, ctypes.byref(ctypes.c_int()), 0),
        call("open_by_handle_at", os.open("/usr", os.O_RDONLY), handle, os.O_RDONLY),
    ]
    return [result for result in results if result is not None]


def use_devices() -> list[str]:
    """What lies in /dev beside the five that are harmless, what can be made, and what the five let us control."""
    expected = {"null", "zero", "full", "random", "urandom", "fd", "stdin", "stdout", "stderr"}
    there = [name for name in os.listdir("/dev") if name not in expected]
    made = achieved(
        {
            "kmem": lambda: os.mknod("/tmp/kmem", 0o600 | 0o020000, os.makedev(1, 2)),
            "disk": lambda: os.mknod("/tmp/disk", 0o600 | 0o060000, os.makedev(254, 0)),
            # RNDCLEARPOOL, RNDADDTOENTCNT: the host's randomness is everybody's.
            "clear entropy": lambda: fcntl.ioctl(os.open("/dev/urandom", os.O_RDONLY), 0x5206),
            "invent entropy": lambda: fcntl.ioctl(os.open("/dev/random", os.O_RDONLY), 0x40045201, bytes(4)),
        }
    )
    return there + made


def leave_core() -> list[int]:
    return list(resource.getrlimit(resource.RLIMIT_CORE))


# ── processes ────────────────────────────────────────────────────────────────────────────────────────────────────────


def who_am_i() -> dict[str, Any]:
    status = dict(line.split(":\t", 1) for line in Path("/proc/self/status").read_text().splitlines() if ":\t" in line)
    wanted = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp")
    return {
        "uid": os.getuid(),
        "gid": os.getgid(),
        "groups": os.getgroups(),
        "uid_map": Path("/proc/self/uid_map").read_text().split(),
        **{name: status[name] for name in wanted},
    }


def see_processes() -> dict[str, str]:
    """Every process in /proc, with its command line."""
    found = {}
    for pid in _pids():
        try:
            found[pid] = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            found[pid] = "?"
    return found


def read_environments(needle: str) -> list[str]:
    """Every process whose environment holds the needle, our own left out; and every thing of pid 1 that opens."""
    others = [pid for pid in _pids() if int(pid) != os.getpid()]
    names = ("environ", "mem", "maps", "cwd", "root", "exe", "fd", "task", "ns/mnt", "ns/user")
    found = achieved({pid: partial(_find, f"/proc/{pid}/environ", needle) for pid in others})
    return found + opened([f"/proc/1/{name}" for name in names], os.O_RDONLY)


def _find(path: str, needle: str) -> None:
    if needle.encode() not in Path(path).read_bytes():
        raise ValueError("not in it")


def signal_processes(pids: list[int]) -> list[int]:
    """Those that can be signalled."""
    reached = []
    for pid in pids:
        try:
            os.kill(pid, 0)
        except OSError:
            continue
        reached.append(pid)
    return reached


def stop_the_keeper() -> str:
    """Every signal there is, to pid 1. Whoever reads the answer knows that it lived."""
    # 0: of a copy, whose parent is outside.
    assert os.getppid() in (0, 1) and os.getpid() < 10, (
        "not in a process namespace of its own: this would be the host's"
    )
    achieved({str(number): partial(os.kill, 1, number) for number in range(1, 65)})
    time.sleep(0.1)
    return "still here"


def look_into_processes() -> list[str]:
    """The keeper and our own parent, by every way there is to look into a process."""
    local = struct.pack("PN", ctypes.addressof(ctypes.create_string_buffer(8)), 8)
    results = [
        call("ptrace", 16, 1, None, None),
        call("ptrace", 0x4206, 1, None, None),
        call("ptrace", 0, 0, None, None),
        call("process_vm_readv", 1, local, 1, local, 1, 0),
        call("kcmp", os.getpid(), 1, 0, 0, 0),
        call("pidfd_getfd", LIBC.syscall(ctypes.c_long(434), 1, 0), 0, 0),
    ]
    return [result for result in results if result is not None]


def descriptors() -> dict[str, str]:
    """What we were left with at the start."""
    found = {}
    for name in os.listdir("/proc/self/fd"):
        try:
            found[name] = os.readlink(f"/proc/self/fd/{name}")
        except OSError:
            continue  # the one that lists
    return found


def gain_rights() -> list[str]:
    many = (1 << 20, 1 << 20)
    return achieved(
        {
            "uid": lambda: os.setuid(0),
            "gid": lambda: os.setgid(0),
            "groups": lambda: os.setgroups([0]),
            "priority": lambda: os.setpriority(os.PRIO_PROCESS, 0, -5),
            "real time": lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1)),
            "open files": lambda: resource.setrlimit(resource.RLIMIT_NOFILE, many),
            "processes": lambda: resource.setrlimit(resource.RLIMIT_NPROC, many),
            "core dumps": lambda: resource.setrlimit(resource.RLIMIT_CORE, many),
            "spared by the OOM killer": lambda: Path("/proc/self/oom_score_adj").write_text("-1000"),
            "uid map": lambda: Path("/proc/self/uid_map").write_text("0 0 1"),
            "host name": lambda: socket.sethostname(socket.gethostname()),
            "clock": lambda: time.clock_settime(time.CLOCK_REALTIME, time.time()),
        }
    )


def make_namespaces() -> list[str]:
    gained = []
    for name, flag in NAMESPACES.items():
        if result := call("unshare", flag):
            gained.append(f"unshare {name}, {result}")
        if result := _clone(flag):
            gained.append(f"clone {name}, {result}")
        try:
            descriptor = os.open(f"/proc/self/ns/{name}", os.O_RDONLY)
        except OSError:
            continue
        if result := call("setns", descriptor, 0):
            gained.append(f"setns {name}, {result}")
        os.close(descriptor)
    arguments = struct.pack("11Q", NAMESPACES["user"], 0, 0, 0, signal.SIGCHLD, 0, 0, 0, 0, 0, 0)
    if result := call("clone3", arguments, len(arguments)):
        gained.append(result)
    return gained


def _clone(flag: int) -> str | None:
    result = LIBC.syscall(ctypes.c_long(NUMBERS["clone"][COLUMN]), flag | signal.SIGCHLD, None, None, None, None)
    if result == 0:
        os._exit(0)
    return None if result < 0 else f"process {result}"


def use_large_interfaces() -> list[str]:
    """Parts of the kernel with a history of ways out, and the calls it has not learnt yet."""
    results = [
        call("bpf", 5, bytes(128), 128),
        call("io_uring_setup", 1, ctypes.create_string_buffer(120)),
        call("userfaultfd", 1),
        call("perf_event_open", bytes(128), 0, -1, -1, 0),
        call("add_key", b"no such kind", b"wakeful", b"x", 1, 0),
        call("keyctl", 9999),
        call("not yet known"),
    ]
    return [result for result in results if result is not None]


def call_x32() -> bool:
    return bool(LIBC.syscall(ctypes.c_long(0x40000000 + 39)) == os.getpid())


def call_i386() -> int:
    """getpid by the numbers of another architecture, in machine code of our own."""
    code = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    code.write(b"\xb8\x14\x00\x00\x00\xcd\x80\xc3")  # mov eax, 20; int 0x80; ret
    address = ctypes.addressof(ctypes.c_char.from_buffer(code))
    return int(ctypes.CFUNCTYPE(ctypes.c_int)(address)())


def type_into_terminal() -> list[str]:
    """EPERM comes from the filter; any other answer comes from whoever would have taken the characters."""
    gained = []
    for request in (0x5412, 0x541C, 0x5412 | 1 << 32):
        if LIBC.ioctl(0, ctypes.c_ulong(request), b"x") == 0 or ctypes.get_errno() != errno.EPERM:
            gained.append(f"{request:#x}: {os.strerror(ctypes.get_errno())}")
    return gained + opened(["/dev/tty"], os.O_RDWR)


# ── sockets ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def open_sockets() -> list[str]:
    """Every family there is, beside those of the own network; raw packets; every netlink protocol but routes."""
    own = {socket.AF_UNIX, socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK}
    kinds = (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW, socket.SOCK_SEQPACKET)
    attempts: list[tuple[int, int, int]] = [
        *((family, kind, 0) for family in range(1, 47) if family not in own for kind in kinds),
        (socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP),
        (socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6),
        *((socket.AF_NETLINK, socket.SOCK_RAW, protocol) for protocol in range(1, 23)),
    ]
    return achieved({str(attempt): partial(_open_socket, *attempt) for attempt in attempts})


def _open_socket(family: int, kind: int, protocol: int) -> None:
    socket.socket(family, kind, protocol).close()


def change_network() -> list[str]:
    """Takes loopback down, by ioctl and by netlink."""
    request = struct.pack("16sh14x", b"lo", 0)
    gained = achieved({"ioctl": lambda: fcntl.ioctl(socket.socket(), 0x8914, request)})
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as netlink:
        body = struct.pack("=BxHiII", 0, 0, 1, 0, 1)  # interface 1, flag "up" to 0
        netlink.send(struct.pack("=IHHII", 16 + len(body), 16, 5, 1, 0) + body)
        answer = netlink.recv(4096)
    if struct.unpack_from("=i", answer, 16)[0] != -errno.EPERM:
        gained.append("netlink")
    return gained


def reach_addresses(addresses: list[Any]) -> list[str]:
    """Those that take a connection, or a datagram without refusing it: ["tcp", port], ["udp", port], ["unix", name]."""
    gained = []
    for kind, where in addresses:
        family = socket.AF_UNIX if kind == "unix" else socket.AF_INET
        address = where if kind == "unix" else ("127.0.0.1", where)
        try:
            with socket.socket(family, socket.SOCK_DGRAM if kind == "udp" else socket.SOCK_STREAM) as client:
                client.settimeout(0.5)
                client.connect(address)
                if kind == "udp":
                    client.send(b"?")
                    client.recv(1)
        except TimeoutError:
            gained.append(f"{kind} {where!r}")
        except OSError:
            continue
        else:
            gained.append(f"{kind} {where!r}")
    return gained


def leave_the_network(addresses: list[list[Any]], names: list[str]) -> list[str]:
    """[host, port] that can be sent a packet, and names that are found."""

    def send(kind: int, host: str, port: int) -> None:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, kind) as client:
            client.setblocking(False)
            try:
                client.connect((host, port))
            except BlockingIOError:
                return  # it is on its way
            client.send(b"?")

    attempts: dict[str, Callable[[], object]] = {}
    for host, port in addresses:
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            attempts[f"{kind.name} {host} {port}"] = partial(send, kind, host, port)
    attempts |= {name: partial(socket.getaddrinfo, name, 80) for name in names}
    return achieved(attempts)


def listen_anywhere() -> list[str]:
    """Ports of every address that were had by listening, without asking for one."""
    gained = []
    for family in (socket.AF_INET, socket.AF_INET6):
        with socket.socket(family, socket.SOCK_STREAM) as server:
            gained += achieved({family.name: server.listen})
    return gained


def reach_by_other_ways(port: int, path: str) -> list[str]:
    """A TCP port past the call that is guarded, and a datagram socket by its path."""

    def fast_open() -> None:
        with socket.socket() as client:
            client.sendto(b"?", socket.MSG_FASTOPEN, ("127.0.0.1", port))

    def other_stream(protocol: int) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM, protocol) as client:
            client.connect(("127.0.0.1", port))

    def from_a_pair() -> None:
        mine, _ = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        mine.sendto(b"?", path)

    return achieved(
        {
            "fast open": fast_open,
            "MPTCP": partial(other_stream, 262),
            "SCTP": partial(other_stream, 132),
            "a socket of a pair": from_a_pair,
        }
    )


def change_files(path: str) -> list[str]:
    """Permissions, times and attributes of a file of our user's; whether we would be told of changes to it."""
    watch = LIBC.inotify_init()
    return achieved(
        {
            "permissions": lambda: os.chmod(path, 0o777),
            "owner": lambda: os.chown(path, os.getuid(), os.getgid()),
            "times": lambda: os.utime(path, (1, 1)),
            "attributes": lambda: os.setxattr(path, "user.attack", b"x"),
            "contents": lambda: os.truncate(path, 0),
            "name": lambda: os.rename(path, path + "-stolen"),
            "watch": lambda: _refuse_negative(LIBC.inotify_add_watch(watch, path.encode(), 0xFFF)),
        }
    )


def _refuse_negative(result: int) -> None:
    if result < 0:
        raise OSError(ctypes.get_errno(), "refused")


def disturb_processes(pids: list[int]) -> list[str]:
    """Limits and priorities of processes of our user's, set to what they are."""
    attempts: dict[str, Callable[[], object]] = {}
    for pid in pids:
        attempts[f"limits of {pid}"] = partial(resource.prlimit, pid, resource.RLIMIT_CORE)
        attempts[f"processors of {pid}"] = partial(os.sched_setaffinity, pid, os.sched_getaffinity(0))
        attempts[f"priority of {pid}"] = partial(os.setpriority, os.PRIO_PROCESS, pid, 0)
    attempts["priority of all"] = partial(os.setpriority, os.PRIO_USER, os.getuid(), 0)
    return achieved(attempts)


def use_host_ipc(shared_memory: int) -> list[str]:
    """A segment of shared memory that the host made, by its id."""
    address = LIBC.shmat(shared_memory, None, 0)
    return [] if address == -1 else ["shared memory"]


def my_cgroup() -> str:
    return Path("/proc/self/cgroup").read_text()


def knock(port: int, word: str) -> None:
    """Says a word to whoever listens there."""
    with socket.create_connection(("127.0.0.1", port), 5) as connection:
        connection.sendall(word.encode())


def knock_at_endpoint(word: str) -> None:
    """Says a word where the node is said to be."""
    knock(int(os.environ["AWS_ENDPOINT_URL"].rpartition(":")[2]), word)


# ── resources ────────────────────────────────────────────────────────────────────────────────────────────────────────


def take_memory(mb: int, how: str) -> int:
    """Megabytes that were had before the end: private, shared, or of several processes, which may hide their maps."""
    if how == "hidden":
        LIBC.prctl(4, 0)
    if how in ("forked", "hidden"):
        for _ in range(8):
            if os.fork() == 0:
                take_memory(mb // 8, "private")
                time.sleep(60)
        time.sleep(60)
    flags = mmap.MAP_SHARED if how == "shared" else mmap.MAP_PRIVATE
    held = []
    for _ in range(mb):
        piece = mmap.mmap(-1, 1 << 20, flags=flags | mmap.MAP_ANONYMOUS)
        for offset in range(0, 1 << 20, 4096):
            piece[offset] = 1
        held.append(piece)
    return len(held)


def share_memory_by_forking(mb: int, children: int) -> str:
    """Children that only look at what their parent has cost nothing; nobody may be killed for it."""
    block = bytearray(mb << 20)
    for offset in range(0, len(block), 4096):
        block[offset] = 1
    pids = []
    for _ in range(children):
        pid = os.fork()
        if pid == 0:
            time.sleep(0.5)
            os._exit(0)
        pids.append(pid)
    return "lived" if all(os.waitpid(pid, 0)[1] == 0 for pid in pids) else "killed"


def fill_tmp(mb: int) -> list[Any]:
    """How many megabytes /tmp took, and what it said then."""
    written = 0
    try:
        with open("/tmp/large", "wb") as file:
            for _ in range(mb):
                file.write(bytes(1 << 20))
                file.flush()
                written += 1
    except OSError as error:
        return [written, error.errno]
    return [written, 0]


def map_tmp(mb: int) -> int:
    """Megabytes of a file in /tmp that were written and looked at through a mapping, for as long as anybody watches."""
    with open("/tmp/mapped", "wb+") as file:
        file.truncate(mb << 20)
        mapping = mmap.mmap(file.fileno(), mb << 20)
    for offset in range(0, mb << 20, 4096):
        mapping[offset] = 1
    time.sleep(0.3)
    return len(mapping) >> 20


def fork_many(count: int) -> int:
    """How many children there can be at once."""
    pids: list[int] = []
    try:
        while len(pids) < count:
            pid = os.fork()
            if pid == 0:
                signal.pause()
            pids.append(pid)
    except OSError:
        pass  # that many
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    return len(pids)


def open_many(count: int) -> int:
    """How many descriptors there can be at once."""
    found: list[int] = []
    try:
        while len(found) < count:
            found.append(os.open("/dev/null", os.O_RDONLY))
    except OSError:
        pass  # that many
    return len(found) + 3


def burn(seconds: float) -> float:
    """CPU time had in so much time on the wall."""
    end = time.monotonic() + seconds
    before = time.process_time()
    while time.monotonic() < end:
        sum(range(1000))
    return time.process_time() - before


def outlive(token: str) -> str:
    """A grandchild in a session of its own, without a parent, that ignores what can be ignored."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            achieved({str(number): partial(signal.signal, number, signal.SIG_IGN) for number in range(1, 32)})
            os.execv(sys.executable, [sys.executable, "-I", "-S", "-c", "import time; time.sleep(300)", token])
        os._exit(0)
    os.wait()
    time.sleep(0.05)
    sys.stdout.write("ready")
    sys.stdout.flush()
    time.sleep(300)
    return "not reached"


def leave_one_behind(token: str) -> str:
    """A child in a session of its own, that has no reason to end."""
    if os.fork() == 0:
        os.setsid()
        os.execv(sys.executable, [sys.executable, "-I", "-S", "-c", "import time; time.sleep(300)", token])
    time.sleep(0.1)
    return "gone"


def hang(word: str) -> None:
    """Says a word, and goes on for ever, taking all the CPU there is."""
    sys.stdout.write(word)
    sys.stdout.flush()
    while True:
        sum(range(1000))


def chatter() -> None:
    """Writes without end, whether anybody reads or not."""
    while True:
        sys.stdout.write("x" * 65536)


def reopen_output() -> str:
    """As shells and loggers do."""
    with open("/dev/stdout", "w") as again:
        again.write("again ")
    return "written"
