"""A check in a process that has one thread, as the jail's own processes have.

A process with more of them may not fork by `linux.fork` with namespaces or a control group: a worker of the tests has.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable

import pytest

_WAIT_S = 60
_SKIPPED = 77


def alone(check: Callable[[], None]) -> None:
    """The check, a function that its module gives by name, held in a process of its own; skipped if it skips."""
    process = multiprocessing.get_context("spawn").Process(target=_run, args=(check,))
    process.start()
    process.join(_WAIT_S)
    if process.exitcode is None:
        process.kill()
    if process.exitcode == _SKIPPED:
        pytest.skip(f"{check.__name__} cannot be shown on this machine")
    assert process.exitcode == 0, f"{check.__name__} failed: its own words are above"


def _run(check: Callable[[], None]) -> None:
    try:
        check()
    except pytest.skip.Exception:
        raise SystemExit(_SKIPPED) from None
