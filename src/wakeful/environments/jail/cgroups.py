"""Control groups: hard limits on memory, CPU and processes, counting what was used, and freezing.

A host may have version 1 (a file tree for each controller), version 2 (one tree), or both at once. What we need is
looked for in each tree, and every one that gives something gets a directory of ours for each sandbox:

    <where we are>/wakeful-<pid>-<token>/<number of the sandbox>

The directory in the middle is locked (flock) by the launcher that made it. One that can be locked has lost its
launcher, and is removed by the next one.

Trap: moving a process by `cgroup.procs` makes the kernel wait for every processor, 5 to 13 ms now and then. A thread
that writes its own "0" to `tasks` (version 1) or is born into the group (version 2) does not pay that.
"""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import signal
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from . import linux

PREFIX = "wakeful-"
_NAME = re.compile(re.escape(PREFIX) + r"\d+-[0-9a-f]+$")

CPU_PERIOD_US = 20_000
"""Short enough that a function with a tenth of a processor does not stand still for long."""
_QUOTA_US_MIN = 1_000

_VERSION_2_FREEZE = "cgroup.freeze"


@dataclass(frozen=True, slots=True)
class Feature:
    """One thing that we want of control groups, and the controller that gives it in version 1 and 2."""

    name: str
    version_1: str
    version_2: str | None
    """None: every group of version 2 has it, with or without controllers."""


FEATURES = (
    Feature("memory", "memory", "memory"),
    Feature("processes", "pids", "pids"),
    Feature("cpu", "cpu", "cpu"),
    Feature("freeze", "freezer", None),
    Feature("time", "cpuacct", None),
)


@dataclass(frozen=True, slots=True)
class Place:
    """A directory in one of the host's control group trees, and which version that tree is."""

    path: str
    version: int

    def read(self, name: str) -> str:
        descriptor = os.open(f"{self.path}/{name}", os.O_RDONLY | os.O_CLOEXEC)
        try:
            return os.read(descriptor, 16384).decode()
        finally:
            os.close(descriptor)

    def write(self, name: str, value: str | int) -> None:
        descriptor = os.open(f"{self.path}/{name}", os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.write(descriptor, str(value).encode())
        finally:
            os.close(descriptor)

    def numbers(self, name: str) -> dict[str, int]:
        """A file of "name number" lines."""
        lines = (line.split() for line in self.read(name).splitlines())
        return {words[0]: int(words[1]) for words in lines if len(words) == 2 and words[1].isdigit()}

    def below(self, name: str) -> Place:
        return Place(f"{self.path}/{name}", self.version)


@dataclass(frozen=True, slots=True)
class Entrance:
    """How a process gets into a group: descriptors that work whatever its root and its user are by then."""

    tasks: tuple[int, ...] = ()
    """Version 1: write "0" to each."""

    directory: int | None = None
    """Version 2: be born into it."""

    def enter(self) -> None:
        for descriptor in self.tasks:
            os.write(descriptor, b"0")

    def close(self) -> None:
        for descriptor in (*self.tasks, *(() if self.directory is None else (self.directory,))):
            os.close(descriptor)


@dataclass(frozen=True, slots=True)
class Memory:
    """What a group holds that is not the contents of files: private memory, and shared memory and tmpfs together."""

    private_bytes: int
    shared_bytes: int


class Group:
    """The directories of one sandbox, by feature. A feature that the host does not give is not in `places`."""

    def __init__(self, places: Mapping[str, Place]) -> None:
        self.places = dict(places)

    @property
    def described(self) -> dict[str, tuple[str, int]]:
        """For a message; `Group.of` makes it a group again."""
        return {name: (place.path, place.version) for name, place in self.places.items()}

    @classmethod
    def of(cls, described: Mapping[str, Iterable[str | int]]) -> Group:
        places = {}
        for name, (path, version) in described.items():
            places[name] = Place(str(path), int(version))
        return cls(places)

    def limit_memory(self, limit_bytes: int) -> None:
        place = self.places.get("memory")
        if place is None:
            return
        if place.version == 2:
            place.write("memory.max", limit_bytes)
            _write_if_there(place, "memory.swap.max", 0)
            return
        place.write("memory.limit_in_bytes", limit_bytes)
        _write_if_there(place, "memory.memsw.limit_in_bytes", limit_bytes)

    def limit_processes(self, count_max: int) -> None:
        place = self.places.get("processes")
        if place is not None:
            place.write("pids.max", count_max)

    def limit_cpu(self, cores: float) -> None:
        """So much of one processor's time in each period, and not more, however idle the host is."""
        place = self.places.get("cpu")
        if place is None:
            return
        quota_us = max(_QUOTA_US_MIN, round(cores * CPU_PERIOD_US))
        if place.version == 2:
            place.write("cpu.max", f"{quota_us} {CPU_PERIOD_US}")
        else:
            place.write("cpu.cfs_period_us", CPU_PERIOD_US)
            place.write("cpu.cfs_quota_us", quota_us)

    def freeze(self) -> None:
        """Starts freezing; `is_frozen` says when nothing runs any more."""
        place = self.places["freeze"]
        if place.version == 2:
            place.write(_VERSION_2_FREEZE, 1)
        else:
            place.write("freezer.state", "FROZEN")

    def thaw(self) -> None:
        place = self.places["freeze"]
        if place.version == 2:
            place.write(_VERSION_2_FREEZE, 0)
        else:
            place.write("freezer.state", "THAWED")

    def is_frozen(self) -> bool:
        place = self.places["freeze"]
        if place.version == 2:
            return place.numbers("cgroup.events")["frozen"] == 1
        return place.read("freezer.state").strip() == "FROZEN"

    def memory(self) -> Memory:
        place = self.places["memory"]
        numbers = place.numbers("memory.stat")
        if place.version == 2:
            return Memory(numbers["anon"], numbers["shmem"])
        return Memory(numbers["rss"], numbers["shmem"])

    def cpu_s(self) -> float:
        place = self.places["time"]
        if place.version == 2:
            return place.numbers("cpu.stat")["usage_usec"] / 1e6
        return int(place.read("cpuacct.usage")) / 1e9

    def memory_kills(self) -> int:
        """How many processes the kernel has killed here because the memory limit was reached."""
        place = self.places.get("memory")
        if place is None:
            return 0
        return place.numbers("memory.events" if place.version == 2 else "memory.oom_control").get("oom_kill", 0)

    def entrance(self) -> Entrance:
        tasks = []
        directory = None
        for place in set(self.places.values()):
            if place.version == 2:
                directory = os.open(place.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            else:
                tasks.append(os.open(f"{place.path}/tasks", os.O_WRONLY | os.O_CLOEXEC))
        return Entrance(tuple(tasks), directory)

    def remove(self) -> bool:
        """False while the last process is still on its way out; ask again."""
        is_gone = True
        for place in set(self.places.values()):
            try:
                os.rmdir(place.path)
            except FileNotFoundError:
                continue
            except OSError:
                is_gone = False
        return is_gone


class Groups:
    """Our directories in the host's trees: where groups are made. Holds their locks as long as it lives."""

    def __init__(self, places: Mapping[str, Place], locks: list[int]) -> None:
        self._places = dict(places)
        self._locks = locks

    @property
    def features(self) -> frozenset[str]:
        return frozenset(self._places)

    def make(self, number: int) -> Group:
        """A new, empty group for one sandbox."""
        group = Group({feature: place.below(str(number)) for feature, place in self._places.items()})
        for place in set(group.places.values()):
            os.mkdir(place.path)
        return group

    def close(self) -> None:
        """Our directories are gone; whatever still lives in them is killed."""
        for place in set(self._places.values()):
            _remove(place)
        for descriptor in self._locks:
            os.close(descriptor)
        self._locks.clear()


def open_groups() -> Groups:
    """Directories of our own wherever this host lets us have them; what launchers left that are dead is removed."""
    name = f"{PREFIX}{os.getpid()}-{secrets.token_hex(4)}"
    places: dict[str, Place] = {}
    locks: list[int] = []
    # Version 2 first: freezing and CPU time cost a fraction there, and any group has them.
    for tree in sorted(_trees(), key=lambda tree: -tree.version):
        wanted = {f.name: c for f in FEATURES if f.name not in places and (c := _controller(f, tree)) is not None}
        place = _settle(tree, name, set(wanted.values()) - {""}) if wanted else None
        if place is None:
            continue
        locks.append(_lock(place.path))
        given = _controllers_below(place) | {""} if tree.version == 2 else tree.controllers
        places.update({feature: place for feature, controller in wanted.items() if controller in given})
    return Groups(places, locks)


@dataclass(frozen=True, slots=True)
class _Tree:
    """One control group file system: where it is mounted, where in it we are, what it offers us."""

    version: int
    mount: str
    path: str
    controllers: frozenset[str]


def _trees() -> list[_Tree]:
    """The host's trees, in which this process has a place."""
    memberships = [line.strip().split(":", 2) for line in Path("/proc/self/cgroup").read_text().splitlines()]
    found = []
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        before, _, after = line.partition(" - ")
        _, _, _, root, mount, *_ = before.split()
        kind, _, options = after.split()[:3]
        if kind not in ("cgroup", "cgroup2"):
            continue
        for _, names, path in memberships:
            is_member = names == "" if kind == "cgroup2" else bool(set(names.split(",")) & set(options.split(",")))
            if not is_member or (inside := _inside(path, root)) is None:
                continue
            here = f"{mount}{inside}".rstrip("/")
            if kind == "cgroup":
                found.append(_Tree(1, mount, here, frozenset(names.split(","))))
            elif Path(here, "cgroup.controllers").exists():
                top = Path(mount, "cgroup.controllers").read_text().split()
                found.append(_Tree(2, mount, here, frozenset(top)))
    return found


def _inside(path: str, root: str) -> str | None:
    """Our path as seen below a mount that shows the tree from `root` on; None where it does not show us."""
    if root == "/" or root.startswith("/.."):
        return path if path != "/" else ""
    if path == root:
        return ""
    return path[len(root) :] if path.startswith(root + "/") else None


def _controller(feature: Feature, tree: _Tree) -> str | None:
    """The controller to ask this tree for ("" where none is needed); None where it cannot give the feature."""
    if tree.version == 1:
        return feature.version_1 if feature.version_1 in tree.controllers else None
    if feature.version_2 is None:
        return ""
    return feature.version_2 if feature.version_2 in tree.controllers else None


def _settle(tree: _Tree, name: str, controllers: set[str]) -> Place | None:
    """A directory of our own at the nearest place that gives all we want, or else some of it; None for nowhere."""
    here = Path(tree.path)
    if tree.version == 1:
        _sweep(here)
        return _found(Place(str(here), 1), name, set())
    # In version 2 a group with processes of its own may not pass controllers on, so we may have to look further up.
    ancestors = [path for path in (here, *here.parents) if path.is_relative_to(tree.mount)]
    for path in ancestors:
        _sweep(path)
    for path in ancestors:
        if place := _found(Place(str(path), 2), name, controllers):
            return place
    if place := _found_by_stepping_aside(Place(str(here), 2), name, controllers):
        return place
    for path in ancestors:
        offered = set(Place(str(path), 2).read("cgroup.controllers").split())
        if place := _found(Place(str(path), 2), name, controllers & offered):
            return place
    return _found(Place(str(here), 2), name, set())


def _found(parent: Place, name: str, controllers: set[str]) -> Place | None:
    """A new directory with these controllers in which processes of ours can live, or None."""
    place = parent.below(name)
    try:
        os.mkdir(place.path)
    except OSError:
        return None
    try:
        if parent.version == 2:
            _pass_on(parent, controllers)
            _pass_on(place, controllers)
        _try(place)
    except OSError:
        _remove(place)
        return None
    return place


def _found_by_stepping_aside(parent: Place, name: str, controllers: set[str]) -> Place | None:
    """As `_found`, where the node and we are the only ones in `parent`: both move out of the way, one level down.

    So it is in a systemd unit or scope with Delegate=yes.
    """
    ours = {os.getpid(), os.getppid()}
    place = parent.below(name)
    aside = place.below("node")
    try:
        if not set(map(int, parent.read("cgroup.procs").split())) <= ours:
            return None
        os.mkdir(place.path)
        os.mkdir(aside.path)
        for pid in ours:
            aside.write("cgroup.procs", pid)
        _pass_on(parent, controllers)
        _pass_on(place, controllers)
        _try(place)
    except OSError:
        return None  # what was made stays, with us in it; the next launcher sweeps it
    return place


def _pass_on(place: Place, controllers: set[str]) -> None:
    """Groups below `place` have these controllers."""
    missing = controllers - _controllers_below(place)
    if missing:
        place.write("cgroup.subtree_control", " ".join(f"+{name}" for name in sorted(missing)))


def _controllers_below(place: Place) -> set[str]:
    return set(place.read("cgroup.subtree_control").split())


def _try(place: Place) -> None:
    """A process of ours can live there, and what every group of version 2 should have is there. Raises OSError."""
    trial = place.below("trial")
    os.mkdir(trial.path)
    try:
        if place.version == 2:
            trial.read(_VERSION_2_FREEZE)
            trial.read("cpu.stat")
        entrance = Group({"trial": trial}).entrance()
        pid = linux.fork(cgroup=entrance.directory)
        if pid == 0:
            try:
                entrance.enter()
            except OSError as error:
                os._exit(error.errno or 1)
            os._exit(0)
        entrance.close()
        error_number = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        if error_number:
            raise OSError(error_number, f"{trial.path}: {os.strerror(error_number)}")
    finally:
        _remove(trial)


def _lock(path: str) -> int:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return descriptor


def _sweep(parent: Path) -> None:
    """Removes what launchers left here that are not alive any more."""
    for path in parent.glob(f"{PREFIX}*"):
        if not _NAME.match(path.name):
            continue
        try:
            descriptor = _lock(str(path))
        except OSError:
            continue  # its launcher lives, or it is not ours to touch
        _remove(Place(str(path), 2 if (path / "cgroup.controllers").exists() else 1))
        os.close(descriptor)


def _remove(place: Place) -> None:
    """The directory with those below it, as far as they are empty; what still lives there is killed."""
    for directory in [*Path(place.path).glob("*/"), Path(place.path)]:
        try:
            for pid in map(int, (directory / "cgroup.procs").read_text().split()):
                if pid > 0:  # 0 is one that our pid namespace does not show; to `kill` it would mean ourselves
                    os.kill(pid, signal.SIGKILL)
            directory.rmdir()
        except OSError:
            continue  # not empty yet: the next launcher finds it


def _write_if_there(place: Place, name: str, value: int) -> None:
    """For files that a kernel has only with swap accounting."""
    if os.path.exists(f"{place.path}/{name}"):
        place.write(name, value)
