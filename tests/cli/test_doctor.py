"""`wakeful doctor`: what the host gives, found out by trying it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import NOBODY, wakeful


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


def test_where_no_node_answers_only_the_host_is_examined(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wakeful.cli.doctor.examine", lambda *_: iter(["the host"]))
    said = wakeful("doctor")
    assert (said.status, said.err) == (0, "")
    assert said.out.splitlines()[0] == "the host"
    assert f"note  no node answers at {NOBODY}: nothing is wired" in said.out
    assert wakeful("doctor", "host").out == "the host\n"


def test_whoever_asks_for_the_wiring_is_told_that_no_node_answers() -> None:
    for words in (("wiring",), ("--json",), ("wiring", "--strict")):
        said = wakeful("doctor", *words)
        assert (said.status, said.out) == (1, "")
        assert said.err == f"No node answers at {NOBODY}. Start one with `wakeful start`.\n"


def test_what_cannot_be_asked_is_refused() -> None:
    for words in (("both",), ("host", "--strict"), ("wiring", "--only", "W9"), ("wiring", "--ignore", "W")):
        assert wakeful("doctor", *words).status == 2


def test_an_unknown_tier_is_refused() -> None:
    assert wakeful("doctor", "--isolation", "Z").status == 2
