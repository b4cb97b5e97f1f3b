"""The launcher's stems: one for each runtime of which cells shall wait that may be forked."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import partial

from . import linux, stem
from .cells import Runtime
from .stem import Stem


class Stems:
    """`wait_for` calls back when a process of ours has ended."""

    def __init__(self, wait_for: Callable[[int, Callable[[], None]], None]) -> None:
        self._wait_for = wait_for
        self._is_closing = False

    def close(self, runtimes: list[Runtime]) -> None:
        """All of them end."""
        self._is_closing = True
        for runtime in runtimes:
            if runtime.stem is not None:
                runtime.stem.channel.close()

    def look_after(self, runtime: Runtime) -> None:
        """There is one where cells shall wait that may be forked, and only there."""
        if runtime.stem is not None and not runtime.wanted:
            runtime.stem.channel.close()  # it ends
            runtime.stem = None
        if runtime.stem is not None or not runtime.divides or not runtime.wanted or runtime.tree is None:
            return
        try:
            tree = linux.copy_tree("", runtime.tree)
            try:
                runtime.stem = stem.start(tree, runtime.command.argv, runtime.command.variables)
            finally:
                os.close(tree)
        except OSError as error:
            self.give_up(runtime, str(error))
        else:
            self._wait_for(runtime.stem.pid, partial(self._on_ended, runtime, runtime.stem))

    def give_up(self, runtime: Runtime, reason: str) -> None:
        """Its cells are started each by itself from now on."""
        if runtime.stem is not None:
            runtime.stem.channel.close()
        if runtime.divides and not self._is_closing:
            sys.stderr.write(f"cells of {runtime.name} are not forked any more: {reason}\n")
        runtime.stem, runtime.divides = None, False

    def _on_ended(self, runtime: Runtime, ended: Stem) -> None:
        if runtime.stem is ended:
            self.give_up(runtime, "their stem ended")
