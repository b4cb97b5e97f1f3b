"""How a process goes behind walls of namespaces, once they are built around it: the last it does with any rights.

Runs in the launcher's Python as in that of every runtime.
"""

from __future__ import annotations

import os
import resource
from typing import NamedTuple

from . import linux

_LOCKED_MEMORY_BYTES = 64 * 1024


class Terms(NamedTuple):
    """Who a process is behind the walls, and what it may have."""

    user: int | None
    """The host's uid and gid for this sandbox alone; None where we are an ordinary user and have no other."""

    inside_uid: int
    inside_gid: int
    processes_max: int
    open_files_max: int


def confine(terms: Terms, program: bytes) -> None:
    """Nothing that is given up here comes back. `program` is the filter for system calls."""
    linux.unshare(linux.CLONE_NEWCGROUP)  # after joining: where it is on the host is now "/" to it
    if terms.user is not None:
        linux.change_user(terms.user, terms.user)
    uid, gid = os.geteuid(), os.getegid()
    linux.set_dumpable(True)  # or /proc/self/uid_map would not be ours to write
    linux.unshare(linux.CLONE_NEWUSER)
    linux.map_self(terms.inside_uid, terms.inside_gid, uid, gid)
    # Counted for each user namespace: before this line it would have counted the host user's processes.
    limit(resource.RLIMIT_NPROC, terms.processes_max)
    limit_all(terms.open_files_max)
    linux.drop_capabilities()
    linux.forbid_new_privileges()
    linux.load_filter(program)


def limit(which: int, value: int) -> None:
    """Sets a resource limit for good, to `value` or to what we are held to ourselves, whichever is less."""
    hard = resource.getrlimit(which)[1]
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(which, (value, value))


def limit_all(open_files_max: int) -> None:
    """The limits that hold for every runtime process, whatever the walls."""
    limit(resource.RLIMIT_NOFILE, open_files_max)
    limit(resource.RLIMIT_CORE, 0)
    limit(resource.RLIMIT_MEMLOCK, _LOCKED_MEMORY_BYTES)
