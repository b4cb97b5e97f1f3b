"""Walls of namespaces: a root, processes, a network, a host name and users of its own (tiers A and B).

The keeper is the first process of the new namespaces and stays their master, with the launcher's rights: as root the
machine's, otherwise those of the launcher's user namespace. The runtime process lives in one more user namespace,
in which it is `sbx_user1051`, alone, and which owns none of the others: nothing it could become in there reaches them.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence

from . import entry, linux, processes
from .root import LAYERS_ROOT, TASK_ROOT, TENANT_GID, TENANT_UID
from .walls import RUNTIME_API, Openings, Order, Room, listen

# Files of /proc that tell of the machine or of other tenants, and that no program needs.
_MASKED = ("kcore", "key-users", "keys", "kmsg", "kpagecount", "kpageflags", "sysrq-trigger", "timer_list")

# With it, a process in /proc that is not the tenant's own is not there at all, the keeper included.
PROC_OPTIONS = {"hidepid": "2"}

TMP_FLAGS = linux.MS_NOSUID | linux.MS_NODEV
_PROC_FLAGS = linux.MS_NOSUID | linux.MS_NODEV | linux.MS_NOEXEC


class RootNotClosed(RuntimeError):
    """The host's file tree is still reachable from the new root."""


class Namespaces:
    """The walls of one sandbox."""

    is_rebuilt = False

    def __init__(self, room: Room, program: bytes) -> None:
        self._room = room
        self.program = program
        self.terms = entry.Terms(room.user, TENANT_UID, TENANT_GID, room.processes_max, room.open_files_max)

    def enclose(self) -> Openings:
        room = self._room
        assert room.tree is not None
        # Pid 1 ignores what comes from inside unless it asked for it: nobody in here can stop the keeper.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        linux.die_with_parent()
        linux.unshare(linux.CLONE_NEWNS | linux.CLONE_NEWNET | linux.CLONE_NEWIPC | linux.CLONE_NEWUTS)
        linux.set_host_name(host_name(room.number))
        linux.raise_loopback()
        runtime_api, endpoint = listen(RUNTIME_API[1]), listen(room.endpoint_port)
        self._enter_root(room.tree)
        linux.set_dumpable(False)
        return Openings(runtime_api, endpoint, os.open("/tmp", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC))

    def furnish(self, order: Order) -> str:
        for tree, place in zip(order.trees, (TASK_ROOT, LAYERS_ROOT), strict=False):
            linux.attach(tree, place)
            os.close(tree)
        if order.tmp_mb != self._room.tmp_mb:
            linux.mount(
                "tmpfs", "/tmp", None, linux.MS_REMOUNT | TMP_FLAGS, _comma_separated(tmp_options(order.tmp_mb))
            )
        return TASK_ROOT

    def relocate(self, variables: dict[str, str]) -> dict[str, str]:
        return variables

    def translate(self, argv: Sequence[str]) -> list[str]:
        return list(argv)

    def confine(self) -> None:
        entry.confine(self.terms, self.program)

    def retire(self) -> None:
        if self._room.is_counted:
            linux.forbid_new_privileges()
            # It asks processes of another user to end; from here nobody but they can be seen.
            linux.clear_capabilities(linux.CAP_KILL)
        # else it has to signal a process of another user, should that take too much memory

    def everyone(self) -> list[int]:
        return [pid for pid in processes.all_visible() if pid != os.getpid()]

    def signal_everyone(self, number: int) -> None:
        try:
            # The kernel holds its table of processes meanwhile, so no fork escapes.
            os.kill(-1, number)
        except ProcessLookupError:
            return  # nobody is left

    def tmp_bytes(self) -> int:
        space = os.statvfs("/tmp")
        return (space.f_blocks - space.f_bfree) * space.f_frsize

    def bury(self) -> None:
        """The kernel does it: with the first process of a process namespace all others die."""

    def _enter_root(self, tree: int) -> None:
        linux.unmount("/")  # our copy of the launcher's shelf
        linux.mount(None, "/", None, linux.MS_REC | linux.MS_PRIVATE)
        linux.attach(tree, "/")
        os.fchdir(tree)
        os.close(tree)
        linux.mount(
            "tmpfs", "tmp", "tmpfs", TMP_FLAGS, _comma_separated(tmp_options(self._room.tmp_mb, self._room.user))
        )
        linux.mount("proc", "proc", "proc", _PROC_FLAGS, _comma_separated(PROC_OPTIONS))
        shield_proc()
        # The old root ends on top of the new one, from where it is taken away.
        linux.pivot_root(".", ".")
        linux.unmount(".")
        os.chdir("/")
        here, above = os.stat("/"), os.stat("/..")
        if (here.st_dev, here.st_ino) != (above.st_dev, above.st_ino):
            raise RootNotClosed("something lies on top of the sandbox's root")


def host_name(number: int) -> str:
    """As on Lambda, an address."""
    return f"169.254.{100 + number // 250 % 100}.{1 + number % 250}"


def shield_proc() -> None:
    """Of "proc", below where we are, nothing can be set, and what tells of the machine is empty."""
    linux.mount("proc/sys", "proc/sys", None, linux.MS_BIND)
    linux.mount(None, "proc/sys", None, linux.MS_BIND | linux.MS_REMOUNT | linux.MS_RDONLY | _PROC_FLAGS)
    for name in _MASKED:
        if os.path.exists(f"proc/{name}"):
            linux.mount("dev/null", f"proc/{name}", None, linux.MS_BIND)


def tmp_options(tmp_mb: int, owner: int | None = None) -> dict[str, str]:
    """One inode for every 4 KB; private to the tenant, whom the launcher's user namespace knows as `owner` or as 0."""
    user = str(owner or 0)
    return {"size": f"{tmp_mb}m", "nr_inodes": str(tmp_mb * 256), "mode": "700", "uid": user, "gid": user}


def _comma_separated(options: dict[str, str]) -> str:
    return ",".join(f"{name}={value}" for name, value in options.items())
