"""How idle the host's processors are, as the kernel counts it."""

from __future__ import annotations

from pathlib import Path

from wakeful.fabric.processors import Processors


def test_the_share_is_of_the_time_since_it_was_asked_last(tmp_path: Path) -> None:
    stat = tmp_path / "stat"
    stat.write_text("cpu  100 0 100 700 100 0 0 0 0 0\ncpu0 1 2 3\n")
    processors = Processors(stat)
    stat.write_text("cpu  120 5 120 710 105 10 10 20 0 0\ncpu0 1 2 3\n")
    assert processors.idle_share() == 0.15
    stat.write_text("cpu  120 5 120 760 105 10 10 20 0 0\n")
    assert processors.idle_share() == 1.0


def test_where_nobody_knows_they_are_idle(tmp_path: Path) -> None:
    assert Processors(tmp_path / "none").idle_share() == 1.0
    assert 0.0 <= Processors().idle_share() <= 1.0
