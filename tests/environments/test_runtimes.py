"""Which runtimes there are, how they are run on this host, and what is said where they cannot be."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from wakeful.environments import runtimes
from wakeful.environments.languages import interpreters, nodejs, python, python_folder
from wakeful.environments.languages.interpreters import Interpreter, Search, discover
from wakeful.environments.languages.python_folder import RuntimeFolder
from wakeful.environments.runtimes import RuntimeAbsent, Runtimes
from wakeful.environments.version import Version

SEARCHES = {"python": python.SEARCH, "nodejs": nodejs.SEARCH}
OWN = f"python{sys.version_info[0]}.{sys.version_info[1]}"


def version(runtime: str = OWN, **settings: object) -> Version:
    given = {
        "arn": "arn:aws:lambda:us-east-1:000000000000:function:f",
        "name": "f",
        "version": "$LATEST",
        "account": "000000000000",
        "region": "us-east-1",
        "revision": "1",
        "runtime": runtime,
        "handler": "app.handler",
        "code": Path("/nowhere"),
        "role_arn": "arn:aws:iam::000000000000:role/r",
    }
    return Version(**{**given, **settings})  # type: ignore[arg-type]


# --- discovery ---


async def test_the_interpreter_of_the_node_is_found_by_its_real_path(runtimes_cache: Path) -> None:
    found = await discover(SEARCHES, runtimes_cache)
    own = next(each for each in found if each.language == "python" and each.version == sys.version_info[:3])
    assert own.path.resolve() == own.path
    assert own.is_of_host or own.path.is_relative_to(own.prefix)


async def test_scripts_that_choose_a_version_are_no_interpreters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shim = tmp_path / "bin" / "python3.10"
    shim.parent.mkdir()
    shim.write_text("#!/bin/sh\nexec pyenv exec python3.10\n")
    shim.chmod(0o755)
    broken = tmp_path / "bin" / "node"
    broken.write_bytes(b"\x7fELF but not really")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", str(shim.parent))
    searches = {language: replace(search, places=()) for language, search in SEARCHES.items()}
    found = await discover(searches, tmp_path / "cache")
    assert {each.path.parent for each in found} == {Path(sys.base_prefix, "bin").resolve()}


async def test_what_was_seen_is_not_run_again_until_it_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Path] = []

    async def ask(question: tuple[str, ...], path: Path, limit: asyncio.Semaphore) -> str:
        asked.append(path)
        return "3 12 1 /usr" if question == python.SEARCH.question else ""

    monkeypatch.setattr(interpreters, "_ask", ask)
    first = await discover(SEARCHES, tmp_path)
    count = len(asked)
    assert count > 0
    assert await discover(SEARCHES, tmp_path) == first
    assert len(asked) == count
    memory = tmp_path / "interpreters.json"
    known = json.loads(memory.read_text())
    known[str(asked[0])][0][1] += 1  # as if the file had another size
    memory.write_text(json.dumps(known))
    await discover(SEARCHES, tmp_path)
    assert asked[count:] == [asked[0]]
    for other in ("garbage", "[]", json.dumps({str(path): [known[str(path)][0], []] for path in asked})):
        memory.write_text(other)
        assert await discover(SEARCHES, tmp_path) == first
    memory.write_text("garbage")
    assert await discover(SEARCHES, tmp_path) == first


async def test_of_several_patches_the_newest_is_taken(runtimes_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def python(patch: int, path: str) -> Interpreter:
        return Interpreter("python", (3, 12, patch), Path(path), Path(path).parent.parent)

    async def found(searches: Mapping[str, Search], folder: Path) -> list[Interpreter]:
        return [python(9, "/opt/b/bin/python3.12"), python(4, "/usr/bin/python3.12")]

    monkeypatch.setattr(runtimes, "discover", found)
    runtime = await Runtimes(runtimes_cache).cell("python3.12")
    assert runtime.release == "python:3.12.v9"
    assert runtime.argv[0] == "/var/lang/bin/python3.12"
    assert (Path("/opt/b"), "/var/lang") in runtime.mounts


async def test_an_interpreter_of_the_host_needs_no_mount(runtimes_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def found(searches: Mapping[str, Search], folder: Path) -> list[Interpreter]:
        return [Interpreter("nodejs", (20, 1, 0), Path("/usr/bin/node"), Path("/usr"))]

    monkeypatch.setattr(runtimes, "discover", found)
    runtime = await Runtimes(runtimes_cache).cell("nodejs20.x")
    assert runtime.argv[0] == "/usr/bin/node"
    assert [inside for _, inside in runtime.mounts] == ["/var/runtime"]
    assert runtime.release == "nodejs:20.v1"


# --- what is not there ---


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("python3.14", "The runtime python3.14 is not available: No Python 3.14 was found on this machine. "
                       "Get it with: wakeful runtimes add python3.14; then update the function"),
        ("nodejs24.x", "The runtime nodejs24.x is not available: No Node.js 24 was found on this machine. "
                       "Get it with: wakeful runtimes add nodejs24.x; then update the function"),
        ("java21", "The runtime java21 is not available: No Java 21 was found on this machine. "
                   "Get it with: wakeful runtimes add java21; then update the function"),
        ("java8.al2", "The runtime java8.al2 is not implemented in Wakeful yet."),
        ("cobol74", "The runtime cobol74 is not known."),
    ],
)  # fmt: skip
async def test_a_runtime_that_is_absent_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, reason: str
) -> None:
    async def nothing(searches: Mapping[str, Search], folder: Path) -> list[Interpreter]:
        return []

    monkeypatch.setattr(runtimes, "discover", nothing)
    known = Runtimes(tmp_path)
    assert await known.prepare(name) == reason
    with pytest.raises(RuntimeAbsent) as absent:
        await known.find(version(name))
    assert str(absent.value) == reason
    told = {found.name: found.reason for found in await known.listing()}
    assert told.get(name, reason) == reason
    assert told["provided.al2023"] is None


async def test_a_custom_runtime_needs_nothing(tmp_path: Path) -> None:
    assert await Runtimes(tmp_path).prepare("provided.al2023") is None


# --- how a version is run ---


async def test_a_function_runs_in_a_cell_unless_it_sets_what_is_read_at_a_start(runtimes_cache: Path) -> None:
    known = Runtimes(runtimes_cache)
    plain = await known.find(version(variables={"A": "1", "PYTHONPATH": "/x", "TZ": "UTC", "PATH": "/y"}))
    assert plain == await known.cell(OWN)
    assert plain.prestart
    assert "-I" in plain.argv
    for name in ("PYTHONHASHSEED", "LD_PRELOAD", "LC_ALL", "LANG", "MALLOC_ARENA_MAX", "AWS_LAMBDA_EXEC_WRAPPER"):
        own = await known.find(version(variables={name: "/opt/x"}))
        assert not own.prestart
        assert "-I" not in own.argv
    assert own.argv[0] == "/opt/x"
    assert own.argv[1:] == tuple("-s" if word == "-I" else word for word in plain.argv)


# --- /var/runtime ---


@pytest.mark.slow
async def test_the_folder_holds_the_client_and_the_sdk_and_is_compiled_once(tmp_path: Path) -> None:
    known = Runtimes(tmp_path)
    interpreter = await known._interpreter(OWN)
    folder = RuntimeFolder(tmp_path, tmp_path)
    path = await folder.path(interpreter)
    assert {"bootstrap.py", "wakeful_runtime", "boto3", "botocore", "six.py", "dateutil"} <= {
        each.name for each in path.iterdir()
    }
    assert not list(path.rglob("*.pyc"))
    assert await RuntimeFolder(tmp_path, tmp_path).path(interpreter) == path


@pytest.mark.slow
async def test_compiled_files_are_there_for_the_version_that_was_prepared(tmp_path: Path) -> None:
    assert await Runtimes(tmp_path).prepare(OWN) is None
    (folder,) = tmp_path.glob("python-????????????????")
    tag = sys.implementation.cache_tag
    assert (folder / "boto3" / "__pycache__" / f"__init__.{tag}.pyc").exists()
    assert not [path for path in folder.rglob("*.pyc") if f".{tag}." not in path.name]
    (done,) = tmp_path.glob("*.compiled-*")
    stamp = done.stat().st_mtime_ns
    assert await Runtimes(tmp_path).prepare(OWN) is None
    assert done.stat().st_mtime_ns == stamp


@pytest.mark.slow
async def test_a_python_too_old_for_the_sdk_gets_none(tmp_path: Path) -> None:
    interpreter = Interpreter("python", (3, 9, 0), Path("/usr/bin/python3.9"), Path("/usr"))
    folder = RuntimeFolder(tmp_path, tmp_path)
    old = await folder.path(interpreter)
    new = await folder.path(replace(interpreter, version=(3, 12, 0)))
    assert old != new
    assert not (old / "boto3").exists()
    assert (old / "bootstrap.py").exists()


async def test_a_change_of_the_client_is_another_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    interpreter = Interpreter("python", (3, 9, 0), Path("/usr/bin/python3.9"), Path("/usr"))
    first = await RuntimeFolder(tmp_path, tmp_path).path(interpreter)
    client = tmp_path / "client"
    client.mkdir()
    (client / "bootstrap.py").write_text("changed = True")
    monkeypatch.setattr(python_folder, "CLIENT", client)
    assert await RuntimeFolder(tmp_path, tmp_path).path(interpreter) != first
