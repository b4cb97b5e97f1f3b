"""The same attacks out of each kind of runtime: a shell script, compiled programs, Node.js, Ruby and Java.

The protocol: a program is told by the variable ATTACKS what to try, one attack a line with its words, prints a line for
everything it achieved (the attack and what), `unknown` and the attack where it does not know it, and at last `done`.
Another language is one more such program. Everything is tried at once, beside a victim (`neighbours.py`): starting a
sandbox for each attack and language would take minutes.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

from tests.environments import java_functions
from tests.environments.ground import FENCED, Ground, open_ground, people
from tests.security import neighbours
from wakeful.environments.languages import java, java_client, ruby
from wakeful.environments.languages.interpreters import Interpreter, discover
from wakeful.environments.languages.language import placed
from wakeful.environments.variables import RUNTIME_DIR

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent / "attackers"
LANGUAGES = ("shell", "c", "c in a cell", "nodejs in a cell", "ruby in a cell", "java", "java in a cell")


@dataclass(frozen=True)
class Attacker:
    """One program, and how it is run: files of its package by name and whence, mounts of its runtime likewise."""

    argv: tuple[str, ...]
    files: dict[str, str] = field(default_factory=dict)
    mounts: tuple[tuple[str, str], ...] = ()
    prestart: bool = False


@dataclass(frozen=True)
class Found:
    """What became of it."""

    said: list[str]
    heard: list[str]
    """By services of the host."""
    heard_by_victim: list[str]
    """Where its Runtime API and its endpoint are."""

    def gained(self, attack: str) -> list[str]:
        """What this attack achieved. Skips where the language has no means for it."""
        if f"unknown {attack}" in self.said:
            pytest.skip("this runtime cannot do that")
        return [line for line in self.said if line.partition(" ")[0] == attack]


@pytest.fixture(scope="module", params=people())
def ground(request: pytest.FixtureRequest) -> Iterator[Ground]:
    with open_ground(request.param) as opened:
        yield opened


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the compiled ones are; whoever the sandboxes belong to may read it."""
    return tmp_path_factory.mktemp("attackers")


@pytest.fixture(scope="module", params=LANGUAGES)
def language(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def found(ground: Ground, language: str, built: Path) -> Found:
    """What a program in the language achieved, all in all."""
    one = attacker(ground, language, built)
    return Found(
        **ground.run(
            neighbours.attack_everything,
            files=one.files,
            argv=list(one.argv),
            mounts=[list(each) for each in one.mounts],
            prestart=one.prestart,
            stranger=os.getpid(),
        )
    )


def attacker(ground: Ground, language: str, built: Path) -> Attacker:
    """Skips, loudly, where this machine has nothing to build or run it with."""
    name, _, waits = language.partition(" in a ")
    if name == "shell":
        return Attacker(("/var/task/bootstrap",), {"bootstrap": local(ground, HERE / "attacker.sh")})
    program = local(ground, compiled(built))
    if name == "c" and waits:
        return Attacker((f"{RUNTIME_DIR}/attacker",), {}, ((program, f"{RUNTIME_DIR}/attacker"),), prestart=True)
    if name == "c":
        return Attacker(("/var/task/bootstrap",), {"bootstrap": program})
    bootstrap = ground.folder.parent / "src" / "wakeful" / "environments" / "bootstrap"
    if name == "nodejs":
        node = shutil.which("node")
        if node is None or not Path(node).is_relative_to("/usr"):
            pytest.skip("NO NODE.JS IN /usr ON THIS HOST: nothing was tried from a Node.js function")
        files = {"function.mjs": local(ground, HERE / "attacker.mjs"), "attacker": program}
        mounts = ((str(bootstrap / "nodejs"), RUNTIME_DIR),)
        return Attacker((node, "--expose-internals", f"{RUNTIME_DIR}/index.mjs"), files, mounts, prestart=True)
    if name == "ruby":
        interpreter = of_host("ruby")
        argv = (str(interpreter.path), "-EUTF-8", f"{RUNTIME_DIR}/bootstrap.rb")
        files = {"function.rb": local(ground, HERE / "attacker.rb")}
        return Attacker(argv, files, ((str(bootstrap / "ruby"), RUNTIME_DIR),), prestart=True)
    files = {path.name: local(ground, path) for path in classes(built)} | {"attacker": program}
    return in_java_cell(ground, files) if waits else in_java(files)


def in_java(files: dict[str, str]) -> Attacker:
    """A program of the function's own."""
    binary, mounts = placed(of_host("java"))
    options = ("-Xshare:auto", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-XX:-UsePerfData", "-Xmx64m")
    argv = (binary, *options, "-cp", "/var/task", "Attacker")
    return Attacker(argv, files, tuple((str(outside), inside) for outside, inside in mounts))


def in_java_cell(ground: Ground, files: dict[str, str]) -> Attacker:
    """A function of the Java runtime, as a node runs it."""
    java_functions.got()
    interpreter = of_host("java")
    language = java.Java(java_functions.cache(), java_functions.added())
    runtime = asyncio.run(language.runtime(f"java{interpreter.version[0]}", interpreter))
    runtime = language.fitted(runtime, 512, {})
    mounts = tuple((local(ground, outside), inside) for outside, inside in runtime.mounts)
    return Attacker(runtime.argv, files, mounts, prestart=True)


@lru_cache(2)
def of_host(language: str) -> Interpreter:
    """The newest that every sandbox has anyway."""
    search = {"java": java.SEARCH, "ruby": ruby.SEARCH}[language]
    folder = java_functions.cache()
    folder.mkdir(parents=True, exist_ok=True)
    for each in asyncio.run(discover({language: search}, folder)):
        if each.is_of_host:
            return each
    pytest.skip(f"NO {language.upper()} IN /usr ON THIS HOST: nothing was tried from a function in it")


def compiled(folder: Path) -> Path:
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        pytest.skip("NO C COMPILER ON THIS HOST: nothing was tried from a compiled program, nor from what needs one")
    path = folder / "attacker"
    if not path.exists():
        subprocess.run([compiler, "-O1", "-w", "-o", path, HERE / "attacker.c"], check=True)
    return path


def classes(folder: Path) -> list[Path]:
    """With this machine's compiler, or the one that comes with the runtimes' client."""
    target = folder / "classes"
    if not target.exists():
        compiler = [shutil.which("javac") or ""]
        if not compiler[0]:
            jvm, client = java_functions.got()
            compiler = [str(jvm), "-jar", str(client / java_client.COMPILER.name), "-11"]
        subprocess.run([*compiler, "-nowarn", "-d", target, HERE / "Attacker.java"], check=True)
    return sorted(target.iterdir())


def local(ground: Ground, source: Path) -> str:
    """Where the ground's user may read it."""
    target = ground.folder.parent / source.name
    if source.is_dir():
        shutil.copytree(source, target, dirs_exist_ok=True)
    else:
        shutil.copy(source, target)
        target.chmod(0o755)
    return str(target)


@pytest.fixture(params=["shell", "c", "nodejs", "ruby", "java"])
def outside(request: pytest.FixtureRequest, built: Path, tmp_path: Path) -> list[str]:
    """A program that nothing confines."""
    program = {"shell": "attacker.sh", "nodejs": "attacker.mjs", "ruby": "attacker.rb"}.get(request.param)
    shutil.copy(compiled(built), tmp_path / "attacker")
    if request.param == "c":
        return [str(tmp_path / "attacker")]
    if program:
        shutil.copy(HERE / program, tmp_path / program)
        starter = {"shell": "sh", "nodejs": shutil.which("node"), "ruby": shutil.which("ruby")}[request.param]
        if starter is None:
            pytest.skip(f"NO {request.param.upper()} ON THIS HOST: nothing was tried from a function in it")
        return [starter, str(tmp_path / program)]
    for path in classes(built):
        shutil.copy(path, tmp_path / path.name)
    return [str(of_host("java").path), "-cp", str(tmp_path), "Attacker"]


@pytest.fixture
def shared_memory() -> Iterator[int]:
    """The key of some."""
    libc = ctypes.CDLL(None, use_errno=True)
    key = secrets.randbits(30) | 1
    segment = libc.shmget(key, 4096, 0o1600)
    assert segment >= 0, os.strerror(ctypes.get_errno())
    yield key
    libc.shmctl(segment, 0, None)


def test_outside_of_a_sandbox_the_attacks_achieve_something(
    outside: list[str], built: Path, tmp_path: Path, shared_memory: int
) -> None:
    """Or nothing below would mean anything."""
    own, secret = tmp_path / "own", tmp_path / "folder" / "secret.txt"
    own.touch()
    secret.parent.mkdir()
    secret.write_text("needle")
    with ExitStack() as stack:
        services = neighbours.open_services(built, stack)
        words: dict[str, list[Any]] = {
            "write": [own],
            "read": [own],
            "signal": [os.getpid()],
            "look": [os.getpid()],
            "calls": [],
        }
        words |= {
            "attach": [shared_memory],
            "serve": [],
            "descriptors": [],
            "search": ["eldeen", secret.parent],
            "reach": services.words,
            "sockets": [],
        }
        attacks = "\n".join(" ".join(map(str, (attack, *each))) for attack, each in words.items())
        variables = {"ATTACKS": attacks, "PATH": os.environ["PATH"]}
        left = services.listeners[0].fileno()
        said = subprocess.check_output(outside, env=variables, text=True, cwd=tmp_path, pass_fds=[left]).splitlines()
        achieved = {line.partition(" ")[0] for line in said}
        assert set(words) - achieved - {line.removeprefix("unknown ") for line in said} == set(), said
        assert f"search {secret}" in said
        missed = {f"reach {word}" for word in services.words} - set(said)
        # Java has no sockets without a path, nor have older versions of Node.js.
        assert missed <= {line for line in missed if "abstract" in line and outside[0].endswith(("java", "node"))}
        assert services.heard() != []


def test_what_is_the_hosts_cannot_be_read(found: Found) -> None:
    """The node's data directory is part of that."""
    assert found.gained("read") == []


def test_its_own_code_and_layers_cannot_be_changed(found: Found) -> None:
    """Nor another's, nor what is the node's."""
    assert found.gained("write") == []


def test_processes_of_the_host_cannot_be_signalled_or_looked_into(found: Found) -> None:
    """The node, its launcher, ourselves, and everything in another sandbox."""
    assert found.gained("signal") == []
    assert found.gained("look") == []


def test_another_functions_secrets_are_not_found(found: Found) -> None:
    """In its code, its layers, its /tmp, its environment and its memory; nor one in the node's data directory."""
    assert found.gained("search") == []


def test_memory_that_another_function_shares_is_not_attached(found: Found) -> None:
    assert found.gained("attach") == []


def test_services_of_the_host_cannot_be_reached(found: Found) -> None:
    """TCP and UDP at each of its addresses, UNIX sockets with a path and without; nor those of another function."""
    assert [line for line in found.gained("reach") if not is_elsewhere(line)] == []
    assert found.heard == []


def test_another_environments_runtime_api_is_not_reached(found: Found) -> None:
    found.gained("reach")
    assert found.heard_by_victim == []


def test_no_address_beyond_loopback_is_reached_and_no_name_is_found(found: Found) -> None:
    assert [line for line in found.gained("reach") if is_elsewhere(line)] == []


def is_elsewhere(line: str) -> bool:
    return " name/" in line or line.endswith(neighbours.ELSEWHERE)


def test_no_socket_of_another_kind_is_had(found: Found) -> None:
    """Raw ones, of packets, of the hypervisor, of the kernel's own protocols."""
    assert found.gained("sockets") == []


def test_behind_landlock_nobody_is_let_in_from_outside(ground: Ground, found: Found) -> None:
    if ground.who != FENCED:
        pytest.skip("for sandboxes in the host's own network")
    assert found.gained("serve") == []


def test_calls_that_no_function_needs_are_refused(found: Found) -> None:
    assert found.gained("calls") == []


def test_no_descriptor_leaks_in(found: Found) -> None:
    assert found.gained("descriptors") == []


def test_a_program_that_is_nowhere_is_no_freer(found: Found) -> None:
    assert found.gained("nowhere") == []
    assert found.gained("from-nowhere") == []
