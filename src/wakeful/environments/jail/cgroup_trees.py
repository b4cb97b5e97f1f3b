"""Where on this host we may make control groups: finding a place in each tree, keeping it, clearing up after others.

    <where we are>/wakeful-<pid>-<token>/<number of the sandbox>

The directory in the middle is locked (flock) by the launcher that made it. One that can be locked has lost its
launcher, and is removed by the next one.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from . import linux
from .cgroups import FEATURES, VERSION_2_FREEZE, Feature, Group, Groups, Place, remove

PREFIX = "wakeful-"
_ASIDE = "wakeful-node"  # holds live processes, so it must not look like one of those
_NAME = re.compile(re.escape(PREFIX) + r"\d+-[0-9a-f]+$")


@dataclass(frozen=True, slots=True)
class Tree:
    """One control group file system: where it is mounted, where in it we are, what it can control."""

    version: int
    mount: str
    path: str
    controllers: frozenset[str]


def open_groups() -> Groups:
    """Directories of our own wherever this host lets us have them; what launchers left that are dead is removed."""
    name = f"{PREFIX}{os.getpid()}-{os.urandom(4).hex()}"
    places: dict[str, Place] = {}
    locks: list[int] = []
    with open("/proc/self/cgroup") as memberships, open("/proc/self/mountinfo") as mounts:
        trees = [_known(tree) for tree in parse(memberships.read(), mounts.read())]
    # Version 2 first: freezing and CPU time cost a fraction there, and any group has them.
    for tree in sorted(trees, key=lambda tree: -tree.version):
        wanted = {f.name: c for f in FEATURES if f.name not in places and (c := controller(f, tree)) is not None}
        settled = _settle(tree, name, set(wanted.values()) - {""}) if wanted else None
        if settled is None:
            continue
        place, lock = settled
        locks.append(lock)
        given = _controllers_below(place) | {""} if tree.version == 2 else tree.controllers
        places.update({feature: place for feature, needed in wanted.items() if needed in given})
    return Groups(places, locks)


def parse(memberships: str, mountinfo: str) -> list[Tree]:
    """The trees in which a process has a place, from what /proc says of it. A tree of version 2 does not say here what
    it can control.
    """
    places = [line.split(":", 2) for line in memberships.splitlines()]
    found = []
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        _, _, _, root, mount, *_ = before.split()
        kind, _, options = after.split()[:3]
        if kind not in ("cgroup", "cgroup2"):
            continue
        for _, names, path in places:
            controllers = frozenset(names.split(",")) if names else frozenset()
            is_member = not names if kind == "cgroup2" else bool(controllers & set(options.split(",")))
            if is_member and (inside := _inside(path, root)) is not None:
                version = 2 if kind == "cgroup2" else 1
                found.append(Tree(version, mount, f"{mount}{inside}".rstrip("/"), controllers))
    return found


def controller(feature: Feature, tree: Tree) -> str | None:
    """The controller to ask this tree for ("" where none is needed); None where it cannot give the feature."""
    if tree.version == 1:
        return feature.version_1 if feature.version_1 in tree.controllers else None
    if feature.version_2 is None:
        return ""
    return feature.version_2 if feature.version_2 in tree.controllers else None


def _known(tree: Tree) -> Tree:
    """With what the tree can control, where only a file in it says so."""
    if tree.version == 1:
        return tree
    try:
        return replace(tree, controllers=frozenset(Place(tree.mount, 2).read("cgroup.controllers").split()))
    except OSError:
        return tree


def _inside(path: str, root: str) -> str | None:
    """Our path as seen below a mount that shows the tree from `root` on; None where it does not show us."""
    if root == "/" or root.startswith("/.."):
        return path if path != "/" else ""
    if path == root:
        return ""
    return path[len(root) :] if path.startswith(root + "/") else None


def _settle(tree: Tree, name: str, controllers: set[str]) -> tuple[Place, int] | None:
    """A directory of our own, and its lock: at the nearest place that gives all we want, or else some; or None."""
    here = Place(tree.path, tree.version)
    if tree.version == 1:
        _sweep(here)
        return _found(here, name, set())
    # In version 2 a group with processes of its own may not pass controllers on, so we may have to look further up.
    ancestors = list(_upwards(tree))
    for parent in ancestors:
        _sweep(parent)
    for parent in ancestors:
        if found := _found(parent, name, controllers):
            return found
    if _step_aside(here) and (found := _found(here, name, controllers)):
        return found
    for parent in ancestors:
        if found := _found(parent, name, controllers & set(parent.read("cgroup.controllers").split())):
            return found
    return _found(here, name, set())


def _upwards(tree: Tree) -> Iterator[Place]:
    """From where we are to the top of what we see."""
    path = tree.path
    while path != tree.mount:
        yield Place(path, tree.version)
        path = os.path.dirname(path)
    yield Place(path, tree.version)


def _found(parent: Place, name: str, controllers: set[str]) -> tuple[Place, int] | None:
    """A new directory with these controllers in which processes of ours can live, and its lock; or None."""
    place = parent.below(name)
    try:
        lock = linux.make_locked_directory(place.path)
    except OSError:
        return None
    try:
        if parent.version == 2:
            _pass_on(parent, controllers)
            _pass_on(place, controllers)
        _try(place)
    except OSError:
        remove(place)
        os.close(lock)
        return None
    return place, lock


def _step_aside(here: Place) -> bool:
    """Where the node and we are the only ones, both move one level down, out of the way of what we want to make.

    So it is in a systemd unit or scope with Delegate=yes.
    """
    ours = {os.getpid(), os.getppid()}
    aside = here.below(_ASIDE)
    try:
        if not set(map(int, here.read("cgroup.procs").split())) <= ours:
            return False
        os.makedirs(aside.path, exist_ok=True)
        for pid in ours:
            aside.write("cgroup.procs", pid)
    except OSError:
        return False
    return True


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
            trial.read(VERSION_2_FREEZE)
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
        remove(trial)


def _sweep(parent: Place) -> None:
    """Removes what launchers left here that are not alive any more."""
    try:
        names = [name for name in os.listdir(parent.path) if _NAME.match(name)]
    except OSError:
        return  # not ours to read, so nothing of ours is in it
    for name in names:
        left = parent.below(name)
        try:
            descriptor = linux.lock_directory(left.path)
        except OSError:
            continue  # its launcher lives, or it is not ours to touch
        remove(left)
        os.close(descriptor)
