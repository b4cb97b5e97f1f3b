"""`wakeful doctor`: what the host gives, found out by trying it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import wakeful


def test_isolation_runtimes_and_storage_are_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAKEFUL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setenv("HOME", str(tmp_path))
    said = wakeful("doctor", "--isolation", "none", "--data-dir", str(tmp_path / "not" / "yet"))
    assert said.status == 0
    for words in ("Isolation of functions", "tier none", "Runtimes", "provided.al2023", f"{tmp_path} syncs in"):
        assert words in said.out
    assert not (tmp_path / "not").exists()
    runtimes = dict(line.split(maxsplit=2)[1:] for line in said.out.partition("Runtimes\n")[2].splitlines()[:20])
    assert runtimes["provided.al2023"] == "the package's bootstrap"
    assert runtimes["nodejs18.x"] == "absent; get it with: wakeful runtimes add nodejs18.x"


def test_a_place_where_nothing_can_be_kept_is_a_finding() -> None:
    said = wakeful("doctor", "--isolation", "none", "--data-dir", "/proc/nope/data")
    assert said.status == 0
    assert "nothing can be kept in /proc" in said.out


def test_an_unknown_tier_is_refused() -> None:
    assert wakeful("doctor", "--isolation", "Z").status == 2
