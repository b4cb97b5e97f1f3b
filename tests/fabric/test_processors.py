"""How idle the host's processors are, as the kernel counts it, and the node itself."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from wakeful.fabric.processors import Processors


@pytest.fixture
def own(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds: what this process has used of a processor, and the time."""
    clocks = [5.0, 100.0]
    monkeypatch.setattr(time, "process_time", lambda: clocks[0])
    monkeypatch.setattr(time, "monotonic", lambda: clocks[1])
    return clocks


def test_the_share_is_of_the_time_since_it_was_asked_last(tmp_path: Path, own: list[float]) -> None:
    stat = tmp_path / "stat"
    stat.write_text("cpu  100 0 100 700 100 0 0 0 0 0\ncpu0 1 2 3\n")
    processors = Processors(stat)
    own[1] += 1
    stat.write_text("cpu  120 5 120 710 105 10 10 20 0 0\ncpu0 1 2 3\n")
    assert processors.idle_share() == 0.15
    own[1] += 1
    stat.write_text("cpu  120 5 120 760 105 10 10 20 0 0\n")
    assert processors.idle_share() == 1.0


def test_a_node_that_is_busy_itself_has_no_use_for_other_idle_processors(tmp_path: Path, own: list[float]) -> None:
    processors = Processors(tmp_path / "none")
    own[:] = [5.75, 101.0]
    assert processors.idle_share() == 0.25
    own[:] = [7.75, 102.0]
    assert processors.idle_share() == 0.0


def test_where_nobody_knows_they_are_idle(tmp_path: Path, own: list[float]) -> None:
    processors = Processors(tmp_path / "none")
    own[1] += 1
    assert processors.idle_share() == 1.0


def test_this_host_tells() -> None:
    assert 0.0 <= Processors().idle_share() <= 1.0
