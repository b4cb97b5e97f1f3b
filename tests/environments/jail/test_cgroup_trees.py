"""Where we are in the host's control group trees, read from what /proc says on hosts of several kinds."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from wakeful.environments.jail import cgroup_trees, linux
from wakeful.environments.jail.cgroup_trees import Tree, controller, parse
from wakeful.environments.jail.cgroups import FEATURES, Place

Host = tuple[str, str, list[Tree]]

ONLY_VERSION_2 = (
    "0::/user.slice/user-1000.slice/session-1.scope\n",
    "30 25 0:26 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime shared:9 - cgroup2 cgroup2 rw,nsdelegate\n",
    [Tree(2, "/sys/fs/cgroup", "/sys/fs/cgroup/user.slice/user-1000.slice/session-1.scope", frozenset())],
)
TOP_OF_VERSION_2 = (
    "0::/\n",
    "30 25 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n",
    [Tree(2, "/sys/fs/cgroup", "/sys/fs/cgroup", frozenset())],
)
HYBRID = (
    "4:memory:/jobs/7\n2:cpu,cpuacct:/\n1:name=systemd:/x\n0::/\n",
    "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct\n"
    "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n"
    "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n"
    "22 27 0:21 / /proc rw,relatime - proc proc rw\n",
    [
        Tree(1, "/sys/fs/cgroup/cpu,cpuacct", "/sys/fs/cgroup/cpu,cpuacct", frozenset({"cpu", "cpuacct"})),
        Tree(1, "/sys/fs/cgroup/memory", "/sys/fs/cgroup/memory/jobs/7", frozenset({"memory"})),
        Tree(2, "/sys/fs/cgroup/unified", "/sys/fs/cgroup/unified", frozenset()),
    ],
)
# A container without a control group namespace: the mount shows the tree from the container's own group on.
CONTAINER = (
    "4:memory:/docker/abc/below\n",
    "35 31 0:32 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n",
    [Tree(1, "/sys/fs/cgroup/memory", "/sys/fs/cgroup/memory/below", frozenset({"memory"}))],
)
# A mount that does not show where we are.
ELSEWHERE: Host = ("4:memory:/here\n", "35 31 0:32 /there /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n", [])
NONE: Host = ("", "22 27 0:21 / /proc rw,relatime - proc proc rw\n", [])


@pytest.mark.parametrize(
    ("memberships", "mounts", "expected"),
    [ONLY_VERSION_2, TOP_OF_VERSION_2, HYBRID, CONTAINER, ELSEWHERE, NONE],
    ids=["only version 2", "top of version 2", "hybrid", "container", "elsewhere", "none"],
)
def test_our_place_is_found_on(memberships: str, mounts: str, expected: list[Tree]) -> None:
    assert parse(memberships, mounts) == expected


def test_a_path_with_a_colon_stays_whole() -> None:
    trees = parse("0::/a:b/c\n", "30 25 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n")
    assert [tree.path for tree in trees] == ["/sys/fs/cgroup/a:b/c"]


def test_version_2_freezes_and_counts_time_without_any_controller() -> None:
    tree = Tree(2, "/x", "/x", frozenset())
    assert {feature.name for feature in FEATURES if controller(feature, tree) is not None} == {"freeze", "time"}


def test_version_1_gives_what_its_controllers_give() -> None:
    tree = Tree(1, "/x", "/x", frozenset({"cpu", "cpuacct"}))
    assert {feature.name for feature in FEATURES if controller(feature, tree) is not None} == {"cpu", "time"}


def test_what_a_launcher_holds_is_left_alone_and_what_nobody_holds_is_removed(tmp_path: Path) -> None:
    held, left, other = tmp_path / "wakeful-1-ab", tmp_path / "wakeful-2-cd", tmp_path / "wakeful-node"
    for folder in (held, left, other):
        folder.mkdir()
    lock = linux.lock_directory(str(held))
    cgroup_trees._sweep(Place(str(tmp_path), 1))
    assert {path.name for path in tmp_path.iterdir()} == {"wakeful-1-ab", "wakeful-node"}
    os.close(lock)
    cgroup_trees._sweep(Place(str(tmp_path), 1))
    assert {path.name for path in tmp_path.iterdir()} == {"wakeful-node"}
