"""What is written into control groups and read from them, in the words of each version; real ones where we may."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from wakeful.environments.jail import linux
from wakeful.environments.jail.cgroup_trees import open_groups
from wakeful.environments.jail.cgroups import Group, Groups, Memory, Place

from .alone import alone

VERSION_1 = {
    "memory.limit_in_bytes": "9223372036854771712",
    "memory.memsw.limit_in_bytes": "9223372036854771712",
    "memory.stat": "cache 900\nrss 4096\nshmem 300\nmapped_file 7\ntotal_rss 5000\n",
    "memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n",
    "pids.max": "max",
    "cpu.cfs_period_us": "100000",
    "cpu.cfs_quota_us": "-1",
    "cpuacct.usage": "1500000000",
    "freezer.state": "THAWED",
}
VERSION_2 = {
    "memory.max": "max",
    "memory.swap.max": "max",
    "memory.stat": "anon 4096\nfile 900\nkernel 5\nshmem 300\n",
    "memory.events": "low 0\nhigh 0\nmax 9\noom 3\noom_kill 2\noom_group_kill 0\n",
    "pids.max": "max",
    "cpu.max": "max 100000",
    "cpu.stat": "usage_usec 1500000\nuser_usec 1\nsystem_usec 2\n",
    "cgroup.freeze": "0",
    "cgroup.events": "populated 1\nfrozen 0\n",
}


def group_of(folder: Path, version: int) -> Group:
    for name, text in (VERSION_1 if version == 1 else VERSION_2).items():
        (folder / name).write_text(text)
    place = Place(str(folder), version)
    return Group(dict.fromkeys(("memory", "processes", "cpu", "freeze", "time"), place))


@pytest.fixture(params=[1, 2])
def version(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture
def group(version: int, tmp_path: Path) -> Group:
    return group_of(tmp_path, version)


def test_memory_is_what_is_not_in_files(group: Group) -> None:
    assert group.memory() == Memory(private_bytes=4096, shared_bytes=300)


def test_cpu_time_is_in_seconds(group: Group) -> None:
    assert group.cpu_s() == 1.5


def test_processes_that_the_kernel_killed_for_memory_are_counted(group: Group) -> None:
    assert group.memory_kills() == 2


def test_the_memory_limit_leaves_no_swap(group: Group, version: int, tmp_path: Path) -> None:
    group.limit_memory(1 << 27)
    if version == 2:
        assert (tmp_path / "memory.max").read_text() == "134217728"
        assert (tmp_path / "memory.swap.max").read_text()[0] == "0"
    else:
        assert (tmp_path / "memory.limit_in_bytes").read_text().startswith("134217728")
        assert (tmp_path / "memory.memsw.limit_in_bytes").read_text().startswith("134217728")


@pytest.mark.parametrize(
    ("cores", "quota_us"), [(1, 20000), (0.5, 10000), (128 / 1769, 1447), (5.79, 115800), (0.001, 1000)]
)
def test_cpu_is_a_share_of_a_short_period(
    group: Group, version: int, tmp_path: Path, cores: float, quota_us: int
) -> None:
    group.limit_cpu(cores)
    if version == 2:
        assert (tmp_path / "cpu.max").read_text() == f"{quota_us} 20000"
    else:
        assert (tmp_path / "cpu.cfs_quota_us").read_text() == str(quota_us)
        assert (tmp_path / "cpu.cfs_period_us").read_text().startswith("20000")


def test_freezing_is_over_when_the_kernel_says_so(group: Group, version: int, tmp_path: Path) -> None:
    group.freeze()
    if version == 2:
        assert (tmp_path / "cgroup.freeze").read_text() == "1"
        assert not group.is_frozen()
        (tmp_path / "cgroup.events").write_text("populated 1\nfrozen 1\n")
    else:
        (tmp_path / "freezer.state").write_text("FREEZING\n")
        assert not group.is_frozen()
        (tmp_path / "freezer.state").write_text("FROZEN\n")
    assert group.is_frozen()


def test_what_the_host_does_not_give_is_left_out() -> None:
    nothing = Group({})
    nothing.limit_memory(1)
    nothing.limit_processes(1)
    nothing.limit_cpu(1)
    assert nothing.memory_kills() == 0
    assert nothing.remove()


def test_a_group_survives_being_described(group: Group) -> None:
    assert Group.of(group.described).places == group.places


def test_a_process_that_enters_is_in_every_group_and_leaves_them_empty() -> None:
    alone(a_process_enters_and_leaves)


def a_process_enters_and_leaves() -> None:
    with groups() as opened:
        group = opened.make(1)
        pid = entered(group)
        for place in group.places.values():
            while str(pid) not in place.read("cgroup.procs").split():
                pass
        assert not group.remove()
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        while not group.remove():
            pass
        assert not any(Path(place.path).exists() for place in group.places.values())


def test_closing_kills_what_still_lives_there() -> None:
    alone(closing_kills)


def closing_kills() -> None:
    with groups() as opened:
        pid = entered(opened.make(2))
    # Before it entered, or after: it does not live on.
    os.kill(pid, signal.SIGKILL)
    assert os.WTERMSIG(os.waitpid(pid, 0)[1]) == signal.SIGKILL


@contextmanager
def groups() -> Iterator[Groups]:
    """Real control groups, closed at the end; skipped where there are none."""
    opened = open_groups()
    try:
        if not opened.features:
            pytest.skip("NO CONTROL GROUPS: real ones were not tested")
        yield opened
    finally:
        opened.close()


def entered(group: Group) -> int:
    """The number of a new process that goes into the group and waits there."""
    entrance = group.entrance()
    pid = linux.fork(cgroup=entrance.directory)
    if pid == 0:
        entrance.enter()
        signal.pause()
    entrance.close()
    return pid
