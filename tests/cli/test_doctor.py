"""`wakeful doctor`: what the host gives, found out by trying it."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import wakeful


def test_isolation_runtimes_and_storage_are_tried(tmp_path: Path) -> None:
    said = wakeful("doctor", "--isolation", "none", "--data-dir", str(tmp_path / "not" / "yet"))
    assert said.status == 0
    for words in ("Isolation of functions", "tier none", "Runtimes", "provided.al2023", f"{tmp_path} syncs in"):
        assert words in said.out
    assert not (tmp_path / "not").exists()


def test_a_place_where_nothing_can_be_kept_is_a_finding() -> None:
    said = wakeful("doctor", "--isolation", "none", "--data-dir", "/proc/nope/data")
    assert said.status == 0
    assert "nothing can be kept in /proc" in said.out


def test_an_unknown_tier_is_refused() -> None:
    assert wakeful("doctor", "--isolation", "Z").status == 2
