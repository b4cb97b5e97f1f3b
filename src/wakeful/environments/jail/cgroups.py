"""Control groups: hard limits on memory, CPU and processes, counting what was used, and freezing.

A host may have version 1 (a file tree for each controller), version 2 (one tree), or both at once. What we need is
looked for in each tree (`cgroup_trees`), and every one that gives something gets a directory for each sandbox.

Trap: moving a process by `cgroup.procs` makes the kernel wait for every processor, 5 to 13 ms now and then. A thread
that writes its own "0" to `tasks` (version 1) or is born into the group (version 2) does not pay that.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

CPU_PERIOD_US = 20_000
"""Short enough that a function with a tenth of a processor does not stand still for long."""
_QUOTA_US_MIN = 1_000

VERSION_2_FREEZE = "cgroup.freeze"


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

    def kill(self) -> None:
        """Every process in it that we see is killed."""
        if os.path.exists(f"{self.path}/cgroup.procs"):
            for pid in map(int, self.read("cgroup.procs").split()):
                if pid > 0:  # 0 is one that our pid namespace does not show; to `kill` it would mean ourselves
                    os.kill(pid, signal.SIGKILL)

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

    def weigh_cpu(self, weight: float) -> None:
        """Where processors are short: so many times what a group has that nobody weighed."""
        place = self.places.get("cpu")
        if place is None:
            return
        if place.version == 2:
            place.write("cpu.weight", max(1, round(100 * weight)))
        else:
            place.write("cpu.shares", max(2, round(1024 * weight)))

    def freeze(self) -> None:
        """Starts freezing; `is_frozen` says when nothing runs any more."""
        place = self.places["freeze"]
        if place.version == 2:
            place.write(VERSION_2_FREEZE, 1)
        else:
            place.write("freezer.state", "FROZEN")

    def thaw(self) -> None:
        place = self.places["freeze"]
        if place.version == 2:
            place.write(VERSION_2_FREEZE, 0)
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
        try:
            for place in set(group.places.values()):
                os.mkdir(place.path)
        except OSError:
            group.remove()
            raise
        return group

    def close(self) -> None:
        """Our directories are gone; whatever still lives in them is killed."""
        for place in set(self._places.values()):
            remove(place)
        for descriptor in self._locks:
            os.close(descriptor)
        self._locks.clear()


def remove(place: Place) -> None:
    """The directory with those below it, as far as they are empty; what still lives there is killed."""
    try:
        below = [entry.path for entry in os.scandir(place.path) if entry.is_dir()]
    except OSError:
        return  # it is gone: another launcher that tidied up may have been faster
    for path in [*below, place.path]:
        directory = Place(path, place.version)
        try:
            directory.kill()
            os.rmdir(path)
        except OSError:
            continue  # not empty yet: the next launcher finds it


def _write_if_there(place: Place, name: str, value: int) -> None:
    """For files that a kernel has only with swap accounting."""
    if os.path.exists(f"{place.path}/{name}"):
        place.write(name, value)
