"""The same attacks out of each kind of runtime: a shell script, a compiled program, Node.js in a waiting cell.

The protocol: a program is told by the variables ATTACK what to try and WORDS on what, prints a line for everything it
achieved, and ends with 0; with 3 where it does not know the attack. Another language is one more such program.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.environments.ground import FENCED, WITH_NAMESPACES, Ground, open_ground, people
from tests.security import scenarios
from wakeful.environments.variables import RUNTIME_DIR

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent / "attackers"
ALL = ("read", "write", "signal", "look", "connect", "calls")


@dataclass(frozen=True)
class Attacker:
    """One program, and what it knows to try."""

    knows: tuple[str, ...]
    argv: tuple[str, ...] = ("/var/task/bootstrap",)
    files: dict[str, str] = field(default_factory=dict)
    """Of the package: names, and where they come from."""
    mounts: tuple[tuple[str, str], ...] = ()
    prestart: bool = False


@pytest.fixture(scope="module", params=people())
def ground(request: pytest.FixtureRequest) -> Iterator[Ground]:
    with open_ground(request.param) as opened:
        yield opened


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> str:
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        pytest.skip("NO C COMPILER ON THIS HOST: nothing was tried from a compiled program")
    # Whoever the sandboxes belong to must be able to read it.
    folder = tmp_path_factory.mktemp("attackers")
    path = folder / "attacker"
    subprocess.run([compiler, "-O1", "-w", "-o", path, HERE / "attacker.c"], check=True)
    for each in (path, folder, *folder.parents[:2]):
        each.chmod(0o755)
    return str(path)


@pytest.fixture(params=["shell", "c", "nodejs"])
def attacker(request: pytest.FixtureRequest, ground: Ground) -> Attacker:
    if request.param == "shell":
        return Attacker(("read", "write", "signal", "look", "calls"), files={"bootstrap": local(ground, "attacker.sh")})
    program = local(ground, request.getfixturevalue("compiled"))
    if request.param == "c":
        return Attacker((*ALL, "descriptors", "nowhere"), files={"bootstrap": program})
    node = shutil.which("node")
    if node is None or not Path(node).is_relative_to("/usr"):
        pytest.skip("NO NODE.JS IN /usr ON THIS HOST: nothing was tried from a Node.js function")
    client = ground.folder.parent / "src" / "wakeful" / "environments" / "bootstrap" / "nodejs"
    return Attacker(
        ALL,
        (node, "--expose-internals", "/var/runtime/index.mjs"),
        {"function.mjs": local(ground, "attacker.mjs"), "attacker": program},
        ((str(client), RUNTIME_DIR),),
        prestart=True,
    )


def local(ground: Ground, name: str) -> str:
    """Where the ground's user may read it."""
    source = HERE / name  # an absolute name stands for itself
    target = ground.folder.parent / source.name
    shutil.copy(source, target)
    target.chmod(0o755)
    return str(target)


def achieved(ground: Ground, attacker: Attacker, attack: str, *words: object) -> list[str]:
    if attack not in attacker.knows:
        pytest.skip("this runtime cannot do that")
    variables = {"ATTACK": attack, "WORDS": " ".join(map(str, words)), "_HANDLER": "function.handler"}
    found: list[str] = ground.run(
        scenarios.attack_in,
        files=attacker.files,
        argv=list(attacker.argv),
        mounts=[list(each) for each in attacker.mounts],
        prestart=attacker.prestart,
        variables=variables,
    )
    return found


@pytest.fixture
def outside(compiled: str) -> list[str]:
    """A program that nothing confines."""
    return [compiled]


def test_outside_of_a_sandbox_the_attacks_achieve_something(outside: list[str], tmp_path: Path) -> None:
    """Or nothing below would mean anything."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        own = tmp_path / "own"
        tries = {"write": own, "read": own, "signal": os.getpid(), "connect": port}
        for attack, word in tries.items():
            variables = {"ATTACK": attack, "WORDS": str(word)}
            assert subprocess.check_output(outside, env=variables, text=True) == f"{word}\n", attack


def test_what_is_the_hosts_cannot_be_read(ground: Ground, attacker: Attacker) -> None:
    data = ground.folder / "data"
    paths = [data / "ledger.db", "/etc/shadow", "/proc/kcore", "/proc/1/environ"]
    assert achieved(ground, attacker, "read", *paths, *(f"/proc/self/root{path}" for path in paths)) == []


def test_its_own_code_and_layers_cannot_be_changed(ground: Ground, attacker: Attacker) -> None:
    places = ["/var/task/x", "/opt/x", "/usr/x", "/etc/passwd", "/var/runtime/x", "/x", "/proc/sys/kernel/core_pattern"]
    if attacker.argv == ("/var/task/bootstrap",):
        places.append("/proc/self/cwd/bootstrap")
    assert achieved(ground, attacker, "write", *places) == []


def test_processes_of_the_host_cannot_be_signalled_or_looked_into(ground: Ground, attacker: Attacker) -> None:
    pids = [ground.opened.pid, ground.opened.launcher_pid, os.getpid(), 1]
    if ground.who in WITH_NAMESPACES:
        assert achieved(ground, attacker, "signal", *pids[:-1]) == []
    assert achieved(ground, attacker, "look", *pids) == []


def test_services_of_the_host_cannot_be_reached(ground: Ground, attacker: Attacker) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        assert achieved(ground, attacker, "connect", listener.getsockname()[1]) == []


def test_calls_that_no_function_needs_are_refused(ground: Ground, attacker: Attacker) -> None:
    if ground.who == FENCED and "nodejs" in str(attacker.mounts):
        pytest.skip("its child would be looked for where it is only with a root of its own")
    assert achieved(ground, attacker, "calls") == []


def test_no_descriptor_leaks_in(ground: Ground, attacker: Attacker) -> None:
    assert achieved(ground, attacker, "descriptors") == []


def test_a_program_that_is_nowhere_is_no_freer(ground: Ground, attacker: Attacker) -> None:
    assert achieved(ground, attacker, "nowhere") == []
