"""The node's runtimes as the launcher knows them, and the stems of those that have one."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from . import linux, stem
from .host import Host
from .keeper import Command
from .stem import Stem


@dataclass(slots=True, eq=False)
class Runtime:
    """One of the node's runtimes, and how many cells of it shall wait."""

    key: int
    """The node's number for it."""
    name: str
    command: Command
    mounts: list[tuple[str, str]]
    tree: int | None
    wanted: int = 0
    failures: int = 0
    """How many cells in a row ended before they were ready."""

    divides: bool = False
    """Cells may be forked from a stem, and no stem has failed yet."""
    stem: Stem | None = None


WaitFor = Callable[[int, Callable[[], None]], None]
"""Calls back when the child of this pid has ended and is reaped."""


class Runtimes:
    """All of them."""

    def __init__(self, host: Host, wait_for: WaitFor) -> None:
        self._host = host
        self._wait_for = wait_for
        self._known: dict[int, Runtime] = {}
        self._trees: dict[tuple[tuple[str, str], ...], int] = {}
        """By their mounts. They stay: there are no more than the host has languages."""

    def __iter__(self) -> Iterator[Runtime]:
        return iter(self._known.values())

    def get(self, key: int) -> Runtime | None:
        return self._known.get(key)

    def add(self, body: Mapping[str, Any]) -> None:
        """Raises OSError or ValueError where it cannot be prepared."""
        mounts = [(outside, inside) for outside, inside in body["mounts"]]
        command = Command(tuple(body["argv"]), dict(body["variables"]), bool(body["prestart"]))
        tree = self._tree(mounts)
        runtime = Runtime(body["key"], body["name"], command, mounts, tree)
        runtime.divides = body["divides"] and tree is not None
        self._known[runtime.key] = runtime

    def forget(self, key: int) -> Runtime | None:
        """It has no stem and gets no cells any more; returns what it was."""
        runtime = self._known.pop(key, None)
        if runtime is not None:
            runtime.wanted = 0
            _end(runtime)
        return runtime

    def look_after_stem(self, runtime: Runtime) -> None:
        """There is one where cells shall wait that may be forked, and only there."""
        if not runtime.wanted:
            _end(runtime)
        if runtime.stem is not None or not runtime.divides or not runtime.wanted or runtime.tree is None:
            return
        try:
            tree = linux.copy_tree("", runtime.tree)
            try:
                runtime.stem = stem.start(tree, runtime.command.argv, runtime.command.variables)
            finally:
                os.close(tree)
        except OSError as error:
            self._give_up(runtime, str(error))
        else:
            self._wait_for(runtime.stem.pid, partial(self._on_ended, runtime, runtime.stem))

    def give_up_stem(self, runtime: Runtime, failed: Stem, reason: str) -> None:
        """Cells are started each by itself from now on, if this is the stem from which they are forked."""
        if runtime.stem is failed:
            self._give_up(runtime, reason)

    def close(self) -> None:
        """There are no stems any more."""
        for runtime in self:
            _end(runtime)

    def _tree(self, mounts: list[tuple[str, str]]) -> int | None:
        if self._host.shelf is None:
            return None
        tree = self._trees.get(tuple(mounts))
        if tree is None:
            tree = self._trees[tuple(mounts)] = self._host.shelf.build(mounts)
        return tree

    def _on_ended(self, runtime: Runtime, ended: Stem) -> None:
        if runtime.stem is ended:
            ended.channel.close()
            runtime.stem = None
            self._give_up(runtime, "their stem ended")

    def _give_up(self, runtime: Runtime, reason: str) -> None:
        runtime.divides = False
        _end(runtime)
        sys.stderr.write(f"cells of {runtime.name} are not forked any more: {reason}\n")


def _end(runtime: Runtime) -> None:
    """Its stem is no more. One that hangs, or was stopped, would not notice that nobody talks to it."""
    if runtime.stem is not None:
        runtime.stem.channel.close()
        os.kill(runtime.stem.pid, signal.SIGKILL)  # a child that was not waited for yet: the number is its own
        runtime.stem = None
