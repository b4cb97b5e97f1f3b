"""What fails beside others is tried once more, and what fails then has failed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

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
MISTAKE = """
def test_that_fails():
    raise AssertionError("always")
"""


@pytest.mark.slow
@pytest.mark.parametrize(("mistakes", "status", "is_tried_again"), [(0, 0, True), (1, 1, True), (9, 1, False)])
def test_a_few_failures_are_tried_again(tmp_path: Path, mistakes: int, status: int, is_tried_again: bool) -> None:
    suite = tmp_path / "tests"
    suite.mkdir()
    (suite / "test_suite.py").write_text(SUITE)
    for number in range(mistakes):
        (suite / f"test_mistake_{number}.py").write_text(MISTAKE)
    options = ("-c", str(ROOT / "pyproject.toml"), "--rootdir", str(tmp_path), "-p", "tests.conftest")
    ran = subprocess.run(
        (sys.executable, "-m", "tools.every_test", *options),
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == status, ran.stdout + ran.stderr
    assert ("Once more, by themselves:" in ran.stdout) == is_tried_again
    assert ("PASSED ALONE:\n  tests/test_suite.py::test_that_passes_at_its" in ran.stdout) == (status == 0)
