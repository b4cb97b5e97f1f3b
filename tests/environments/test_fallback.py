"""A function whose runtime is absent runs on the nearest version of its language, where the node was told so."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.environments.world import World
from wakeful.environments import runtimes
from wakeful.environments.languages import interpreters
from wakeful.environments.languages.interpreters import Interpreter, Search
from wakeful.environments.languages.nodejs import NodeJs
from wakeful.environments.languages.python import Python
from wakeful.environments.runtimes import RuntimeAbsent, Runtimes

PYTHON = Python(Path("/nowhere"), Path("/nowhere"))


def python(minor: int, patch: int = 0) -> Interpreter:
    place = Path(f"/opt/python3.{minor}.{patch}")
    return Interpreter("python", (3, minor, patch), place / "bin" / "python", place)


def only(monkeypatch: pytest.MonkeyPatch, *kept: tuple[int, ...]) -> None:
    """Of the interpreters of this machine only those of these versions are found."""
    everything = interpreters.discover

    async def some(searches: Mapping[str, Search], folder: Path) -> Sequence[Interpreter]:
        found = await everything(searches, folder)
        return [each for each in found if any(each.version[: len(version)] == version for version in kept)]

    monkeypatch.setattr(runtimes, "discover", some)


@pytest.mark.parametrize(
    ("asked", "there", "taken"),
    [
        ("python3.12", [13, 11], 13),
        ("python3.12", [14, 13, 9], 13),
        ("python3.12", [11, 10], 11),
        ("python3.9", [14], 14),
        ("python3.14", [13, 8], 13),
        ("python3.14", [8], None),
        ("python3.14", [], None),
    ],
)
def test_the_next_newer_version_stands_in_else_the_next_older_one(
    asked: str, there: list[int], taken: int | None
) -> None:
    found = runtimes._nearest(PYTHON, [python(minor) for minor in there], asked)
    assert (found.version[1] if found else None) == taken


@given(st.sets(st.tuples(st.integers(9, 20).filter(lambda minor: minor != 12), st.integers(0, 30)), min_size=1))
def test_nothing_nearer_is_passed_over(there: set[tuple[int, int]]) -> None:
    found = runtimes._nearest(PYTHON, [python(*each) for each in sorted(there, reverse=True)], "python3.12")
    assert found is not None
    newer = [minor for minor, _ in there if minor > 12]
    assert found.version[1] == (min(newer) if newer else max(minor for minor, _ in there))
    assert found.version[2] == max(patch for minor, patch in there if minor == found.version[1])


async def test_without_it_the_runtime_is_absent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, (3, 11))
    with pytest.raises(RuntimeAbsent):
        await Runtimes(tmp_path).cell("python3.12")


async def test_the_listing_says_what_stands_in_and_how_to_get_the_real_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    only(monkeypatch, (3, 11))
    listed = {each.name: each for each in await Runtimes(tmp_path, has_fallback=True).listing()}
    found = listed["python3.12"]
    assert (found.stands_in, found.version[:5], found.reason) == (True, "3.11.", None)
    assert found.remedy == "wakeful runtimes add python3.12"
    assert not listed["python3.11"].stands_in
    assert listed["nodejs20.x"].reason is not None  # another language never stands in


async def test_the_real_one_is_taken_once_it_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def node(major: int) -> Interpreter:
        return Interpreter("nodejs", (major, 4, 0), Path(f"/opt/{major}/bin/node"), Path(f"/opt/{major}"))

    there = [node(24)]

    async def discover(searches: Mapping[str, Search], folder: Path) -> list[Interpreter]:
        return list(there)

    monkeypatch.setattr(runtimes, "discover", discover)
    known = Runtimes(tmp_path, has_fallback=True)
    assert (await known.cell("nodejs22.x")).stands_in
    there.append(node(22))
    assert (await known.cell("nodejs22.x")).stands_in  # what runs goes on as it is
    assert await known.prepare("nodejs22.x") is None
    assert (await known.cell("nodejs22.x")).release == "nodejs:22.v4"
    assert not (await known.cell("nodejs22.x")).stands_in


SEES = """
import os, sys
def handler(event, context):
    return [os.environ["AWS_EXECUTION_ENV"], list(sys.version_info[:2]), [p for p in sys.path if "site-packages" in p]]
"""


@pytest.mark.slow
@pytest.mark.parametrize("log_format", ["Text", "JSON"])
async def test_the_function_is_told_what_it_asked_for_and_its_log_what_runs(
    tmp_path: Path, runtimes_cache: Path, monkeypatch: pytest.MonkeyPatch, log_format: str
) -> None:
    only(monkeypatch, (3, 11))
    async with World(tmp_path, Runtimes(runtimes_cache, tmp_path, has_fallback=True)) as world:
        version = world.version({"app.py": SEES}, runtime="python3.12", log_format=log_format)
        asked, real, packages = await world.answer(version)
        assert (asked, real) == ("AWS_Lambda_python3.12", [3, 11])
        assert [path.split("/")[-2] for path in packages] == ["python3.11", "python3.12"]
        words = "python3.12 is not on this machine; the function runs on Python 3.11."
        assert "python:3.11.v" in world.lines[0]
        if log_format == "Text":
            assert world.lines[1].startswith(f"WAKEFUL\tRuntime fallback: {words}")
            assert world.lines[1].endswith("Get it with: wakeful runtimes add python3.12\n")
        else:
            entry = json.loads(world.lines[1])
            assert entry["type"] == "wakeful.runtimeFallback"
            assert entry["record"]["message"].startswith(words)
        assert world.lines[2].startswith(("START ", "{"))


@pytest.mark.slow
async def test_a_handler_has_the_form_of_the_version_that_was_asked_for(
    tmp_path: Path, runtimes_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    only(monkeypatch, (20,))
    assert "nodejs24.x" in NodeJs.runtimes
    files = {
        "app.js": "exports.handler = (event, context, callback) => callback(null, Object.keys(require('deep')));",
        "new.js": "exports.handler = async (event, context) => [context.done === undefined, require('deep').which];",
    }
    async with World(tmp_path, Runtimes(runtimes_cache, tmp_path, has_fallback=True)) as world:
        layers = world.files({"nodejs/node20/node_modules/deep/index.js": "exports.which = 'of 20';"})
        older = world.version(files, runtime="nodejs18.x", layers=layers)
        assert await world.answer(older) == ["which"]
        newer = world.version(files, runtime="nodejs24.x", layers=layers)
        assert (await world.error(newer))["errorType"] == "Runtime.CallbackHandlerDeprecated"
        assert await world.answer(world.version(files, "new.handler", runtime="nodejs24.x", layers=layers)) == [
            True,
            "of 20",
        ]
