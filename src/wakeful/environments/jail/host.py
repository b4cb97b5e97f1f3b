"""What this host gives the launcher: namespaces, users for the sandboxes, control groups, directories."""

from __future__ import annotations

import os
import resource
import socket

from . import landlock, linux
from .cgroup_trees import open_groups
from .root import Shelf

NAMESPACES, FENCE, NOTHING = "namespaces", "fence", "none"
KINDS = (NAMESPACES, FENCE, NOTHING)

SANDBOXES_MAX = 4096

# Each sandbox has two numbers in memory shared with the node: its memory peak in bytes, its CPU time in nanoseconds.
COUNTERS_EACH = 2
COUNTERS_BYTES = SANDBOXES_MAX * COUNTERS_EACH * 8

# Above what systemd hands out to containers and below 2^31, where old software begins to count backwards.
_USERS_FIRST = 1_900_000_000
_USER_BLOCKS = 3_000

_ROOMS_PARENT = "/tmp"
_ROOMS_PREFIX = "wakeful-rooms-"


class NotOnThisHost(RuntimeError):
    """This host does not give what the asked kind of walls needs; the message says what."""


class Users:
    """One uid (and gid of the same number) for each sandbox, from a block that no other launcher on this host uses."""

    def __init__(self) -> None:
        for attempt in range(_USER_BLOCKS):
            block = (os.getpid() + attempt) % _USER_BLOCKS
            self._claim = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                # A name that is nowhere in the file tree, and free again the moment we are gone.
                self._claim.bind(f"\0wakeful-users-{block}")
            except OSError:
                self._claim.close()
                continue
            self._first = _USERS_FIRST + block * SANDBOXES_MAX
            return
        raise NotOnThisHost("every block of user numbers is taken by another launcher")

    def of(self, number: int) -> int:
        return self._first + number

    def close(self) -> None:
        self._claim.close()


class Rooms:
    """A directory on the host for each sandbox that has no file tree of its own.

    What functions leave in there may be deep, large and closed to its owner. A process of its own removes it, so that
    nobody waits for that.
    """

    def __init__(self) -> None:
        self._sweep()
        self._path = f"{_ROOMS_PARENT}/{_ROOMS_PREFIX}{os.getpid()}-{os.urandom(8).hex()}"
        self._lock = linux.make_locked_directory(self._path)
        os.chmod(self._path, 0o700)

    def make(self, number: int) -> str:
        path = f"{self._path}/{number}"
        os.mkdir(path, 0o700)
        return path

    def remove_now(self, number: int) -> None:
        """For one that nobody has used yet."""
        os.rmdir(f"{self._path}/{number}")

    def remove(self, number: int) -> int:
        """The process that is removing it. Its name is free at once."""
        path = f"{self._path}/{number}"
        aside = f"{self._path}/old-{os.urandom(8).hex()}"
        os.rename(path, aside)
        return _remove_tree(aside)

    def close(self) -> None:
        os.waitpid(_remove_tree(self._path), 0)
        os.close(self._lock)

    def _sweep(self) -> None:
        """Removes what launchers of ours left that were killed."""
        for name in os.listdir(_ROOMS_PARENT):
            path = f"{_ROOMS_PARENT}/{name}"
            if not name.startswith(_ROOMS_PREFIX):
                continue
            try:
                if os.lstat(path).st_uid != os.geteuid():
                    continue
                lock = linux.lock_directory(path)
            except OSError:
                continue  # its launcher lives, or another one is removing it
            os.waitpid(_remove_tree(path), 0)
            os.close(lock)


class Host:
    """Everything that the launcher settled once, before its first sandbox."""

    def __init__(self, kind: str) -> None:
        """Raises NotOnThisHost (or OSError) where `kind` of walls cannot be built here."""
        if kind not in KINDS:
            raise NotOnThisHost(f"{kind!r} is not a kind of walls: {', '.join(KINDS)}")
        self.kind = kind
        os.umask(0o022)
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        linux.leave_session_keyring()
        self.groups = open_groups()
        self.users: Users | None = None
        self.shelf: Shelf | None = None
        self.rooms: Rooms | None = None
        try:
            self._settle()
        except BaseException:
            self.groups.close()
            raise

    @property
    def counts(self) -> bool:
        """Control groups hold memory and processes; nobody has to look after them."""
        return {"memory", "processes", "time"} <= self.groups.features

    @property
    def features(self) -> dict[str, object]:
        """For the node, which tells its user."""
        return {"groups": sorted(self.groups.features), "has_users": self.users is not None}

    def close(self) -> None:
        self.groups.close()
        if self.rooms is not None:
            self.rooms.close()
        if self.users is not None:
            self.users.close()

    def _settle(self) -> None:
        if self.kind == NAMESPACES:
            self._own_namespaces()
            self.shelf = Shelf()
            return
        if self.kind == FENCE:
            version = linux.landlock_version()
            if version < landlock.VERSION_MIN:
                raise NotOnThisHost(
                    f"Landlock here is version {version}; {landlock.VERSION_MIN} (Linux 6.12) is needed"
                )
            self.rooms = Rooms()
        linux.adopt_orphans()

    def _own_namespaces(self) -> None:
        if os.geteuid() == 0 and _is_mapped(_USERS_FIRST, _USER_BLOCKS * SANDBOXES_MAX):
            self.users = Users()
            linux.unshare(linux.CLONE_NEWNS)
        else:
            uid, gid = os.geteuid(), os.getegid()
            # Both at once: the mounts must belong to the user namespace in which we are root.
            linux.unshare(linux.CLONE_NEWUSER | linux.CLONE_NEWNS)
            linux.map_self(0, 0, uid, gid)
        # What the host mounts or unmounts later happens here too; nothing of ours happens there.
        linux.mount(None, "/", None, linux.MS_REC | linux.MS_SLAVE)


def _is_mapped(first: int, count: int) -> bool:
    """All these uids exist in our user namespace, which inside a container they may not."""
    with open("/proc/self/uid_map") as lines:
        ranges = [tuple(map(int, line.split())) for line in lines]
    return any(start <= first and first + count <= start + length for start, _, length in ranges)


def _remove_tree(path: str) -> int:
    """A process that removes the directory and all in it. Links are removed, never followed."""
    script = 'chmod -R u+rwx -- "$1"; rm -rf --one-file-system -- "$1"'
    return os.posix_spawn("/bin/sh", ["sh", "-c", script, "sh", path], {"PATH": "/usr/bin:/bin"})
