"""`wakeful runtimes`: which of Lambda's runtimes this machine has, and how to have the others."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.cli.conftest import wakeful
from wakeful.environments.languages.interpreters import Interpreter
from wakeful.environments.languages.language import CannotAdd
from wakeful.environments.languages.nodejs import NodeJs
from wakeful.environments.languages.python import Python
from wakeful.services.lambda_.settings import _RETIRED
from wakeful.wire.model import service_model

OWN = f"python{sys.version_info[0]}.{sys.version_info[1]}"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Nothing was added by this user, and there is no interpreter but the one that runs us."""
    monkeypatch.setenv("WAKEFUL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "80")
    return tmp_path / "home"


def test_the_list_says_what_is_here_and_what_gets_the_rest_within_80_columns(home: Path, tmp_path: Path) -> None:
    said = wakeful("runtimes", "list", "--data-dir", str(tmp_path / "data"))
    assert said.status == 0
    lines = said.out.splitlines()
    assert max(map(len, lines)) <= 80
    rows = {line.split()[0]: line.split()[1:] for line in lines if line}
    assert rows["RUNTIME"][:3] == ["STATE", "VERSION", "AWS"]
    assert rows["nodejs18.x"] == ["absent", "wakeful", "runtimes", "add", "nodejs18.x"]
    assert rows[OWN][:3] == ["ready", rows[OWN][1], "boto3"]
    assert rows["provided.al2023"] == ["ready", "the", "package's", "bootstrap"]
    assert "--runtime-fallback" in said.out


def test_with_the_fallback_the_list_says_what_stands_in(home: Path, tmp_path: Path) -> None:
    words = ("runtimes", "list", "--json", "--data-dir", str(tmp_path / "data"))
    plain = {each["runtime"]: each for each in json.loads(wakeful(*words).out)}
    found = {each["runtime"]: each for each in json.loads(wakeful(*words, WAKEFUL_RUNTIME_FALLBACK="1").out)}
    assert list(plain[OWN]) == ["runtime", "state", "version", "path", "sdk", "reason", "remedy"]
    assert found[OWN] == plain[OWN]
    for name in Python.runtimes:
        if plain[name]["state"] == "absent":
            assert plain[name]["version"] is None
            assert found[name]["state"] == "fallback"
            assert found[name]["version"] is not None
            assert found[name]["remedy"] == plain[name]["remedy"] == f"wakeful runtimes add {name}"


def test_every_runtime_with_which_a_function_can_be_made_is_listed(home: Path, tmp_path: Path) -> None:
    said = wakeful("runtimes", "list", "--json", "--data-dir", str(tmp_path / "data"))
    listed = {each["runtime"] for each in json.loads(said.out)}
    retired = {name for names in _RETIRED.values() for name in names}
    known = set(service_model("lambda").shape_for("Runtime").enum)
    assert listed == known - retired - {"custom"}
    assert retired < known


@pytest.fixture
def got(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What was got; nothing really is."""
    what: list[object] = []

    async def add(self: object, number: str, folder: Path, report: Callable[[str], None]) -> None:
        report(f"Getting Node.js {number} …")
        raise CannotAdd("pip install failed: there is no network")

    async def add_sdk(
        self: object, interpreter: Interpreter, folder: Path, packages: Sequence[str], report: Callable[[str], None]
    ) -> None:
        what.append((interpreter.language, folder.name, tuple(packages)))

    monkeypatch.setattr(NodeJs, "add", add)
    monkeypatch.setattr(Python, "add_sdk", add_sdk)
    return what


def test_of_several_those_that_can_be_got_are(home: Path, tmp_path: Path, got: list[object]) -> None:
    said = wakeful("runtimes", "add", "nodejs22.x", "cobol74", OWN, "--data-dir", str(tmp_path / "data"))
    assert said.status == 1
    assert said.err.splitlines() == [
        "nodejs22.x: pip install failed: there is no network",
        "cobol74: The runtime cobol74 is not known.",
    ]
    assert said.out.startswith("Getting Node.js 22 …\nPython 3.")
    assert got == [("python", "python", ())]


def test_the_sdk_can_be_left_out_or_have_more_in_it(home: Path, tmp_path: Path, got: list[object]) -> None:
    words = ("runtimes", "add", OWN, "--data-dir", str(tmp_path / "data"))
    assert wakeful(*words, "--sdk", "none").status == 0
    assert got == []
    assert wakeful(*words, "--package", "@aws-sdk/client-ssm", "--package", "b").status == 0
    assert got == [("python", "python", ("@aws-sdk/client-ssm", "b"))]
    assert wakeful(*words, "--sdk", "all").status == 2
    assert wakeful(*words, "--sdk", "none", "--package", "b").status == 2
