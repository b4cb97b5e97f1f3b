"""Runs every test, two at a time. What failed so is tried once more by itself, and both are told.

    python -m tools.every_test [OPTIONS OF PYTEST]

Tests run real processes, and a machine that is busy with something else may starve one of them for longer than anybody
waits. A mistake fails alone, too: what properties try is the same in every run (`tests/examples.py`). More than a
handful of failures are no accident, and nothing is tried again.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

AT_ONCE = 2
AGAIN_MAX = 5
_FAILED = 1  # pytest's status where tests have failed, and nothing else has gone wrong


def run(options: Sequence[str], pytest: Callable[..., int] | None = None) -> int:
    """The status of pytest: 0 where every test has passed, at the second attempt at the latest."""
    pytest = pytest or _pytest
    with tempfile.TemporaryDirectory() as folder:
        told = Path(folder) / "failed"
        status = pytest("-n", str(AT_ONCE), f"--tell-failed={told}", *options)
        failed = told.read_text().splitlines() if told.exists() else []
    if status != _FAILED or not failed or len(failed) > AGAIN_MAX:
        return status
    _tell("Once more, by themselves:", failed)
    again = pytest("-n", "0", *options, *failed)
    if again == 0:
        _tell("FAILED BESIDE OTHERS, PASSED ALONE:", failed)
    return again


def _tell(what: str, failed: Sequence[str]) -> None:
    print("", what, *(f"  {each}" for each in failed), sep="\n", flush=True)


def _pytest(*arguments: str) -> int:
    return subprocess.run((sys.executable, "-m", "pytest", *arguments), check=False).returncode


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
