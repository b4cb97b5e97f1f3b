"""What fails beside others is tried once more, and what fails then has failed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tools import every_test

ROOT = Path(__file__).parents[2]
SUITE = """
from pathlib import Path

def test_that_passes():
    pass

def test_that_passes_at_its_second_attempt():
    been_here = Path(__file__).with_name("been-here")
    if not been_here.exists():
        been_here.touch()
        raise AssertionError("the first attempt")
"""


@pytest.mark.slow
def test_what_fails_once_is_tried_again_and_told(tmp_path: Path) -> None:
    suite = tmp_path / "tests"
    suite.mkdir()
    (suite / "test_suite.py").write_text(SUITE)
    plain = ("-n", "0")  # that two may run at a time is no matter here, and workers take longer to start than all else
    options = (*plain, "-c", str(ROOT / "pyproject.toml"), "--rootdir", str(tmp_path), "-p", "tests.conftest")
    ran = subprocess.run(
        (sys.executable, "-m", "tools.every_test", *options),
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "PASSED ALONE:\n  tests/test_suite.py::test_that_passes_at_its" in ran.stdout


class Runs:
    """Stands in for pytest: the first run says which tests have failed, the second has the status that it is given."""

    def __init__(self, failed: int, first: int, second: int) -> None:
        self._failed = [f"tests/test_a.py::test_{number}" for number in range(failed)]
        self._statuses = [first, second]
        self.asked: list[tuple[str, ...]] = []

    def __call__(self, *arguments: str) -> int:
        for each in arguments:
            if each.startswith("--tell-failed="):
                Path(each.partition("=")[2]).write_text("".join(f"{name}\n" for name in self._failed))
        self.asked.append(arguments)
        return self._statuses[len(self.asked) - 1]


@pytest.mark.parametrize(
    ("runs", "status", "count"),
    [
        (Runs(0, 0, 0), 0, 1),
        (Runs(2, 1, 0), 0, 2),
        (Runs(2, 1, 1), 1, 2),
        (Runs(every_test.AGAIN_MAX + 1, 1, 0), 1, 1),
        (Runs(1, 2, 0), 2, 1),  # it was interrupted
        (Runs(0, 1, 0), 1, 1),
    ],
)
def test_only_a_few_failures_are_tried_again_and_only_once(runs: Runs, status: int, count: int) -> None:
    assert every_test.run(("-x",), runs) == status
    assert len(runs.asked) == count
    assert all("-x" in asked for asked in runs.asked)
    if count == 2:
        assert runs.asked[1][:2] == ("-n", "0")
        assert "tests/test_a.py::test_1" in runs.asked[1]
