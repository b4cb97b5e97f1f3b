"""What a test of sandboxes stands on: a process that starts them as somebody, and does in them what the test says.

The test itself runs as whoever runs pytest; a `Ground` runs `tests.environments.driver` as root or as an ordinary
user, with the walls that host has for it, and carries out *scenarios*: plain coroutines of `Site`, by name.
"""

from __future__ import annotations

import json
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).parent.parent.parent
NEUTRAL_USER = "nobody"
SYSTEM_PYTHON = Path("/usr/bin/python3")

ROOT, BARE_ROOT, USER, FENCED = "root", "root without control groups", "user", "user behind Landlock"
WITH_NAMESPACES = (ROOT, BARE_ROOT, USER)
FROM_STEM = ", forked from a stem"
"""Behind somebody: runtime processes are not started one by one, but forked from one that has warmed up."""

Scenario = Callable[..., Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Opened:
    """What the driver found at its start."""

    tier: str
    features: dict[str, Any]
    pid: int
    launcher_pid: int


class Ground:
    """One driver process."""

    def __init__(self, who: str, process: subprocess.Popen[str], opened: Opened, folder: Path) -> None:
        self.who = who.removesuffix(FROM_STEM)
        self.folder = folder
        """Of the user that the driver is; anybody may read it."""
        self.process = process
        self.opened = opened

    @property
    def counts(self) -> bool:
        """Control groups limit memory and processes here."""
        return "memory" in self.opened.features["groups"]

    def run(self, scenario: Scenario, **arguments: Any) -> Any:
        """Carries out a scenario there, and gives what it returned."""
        name = f"{scenario.__module__}:{scenario.__qualname__}"
        answer = self._ask({"scenario": name, "arguments": arguments})
        if "error" in answer:
            raise AssertionError(answer["error"])
        return answer["result"]

    def close(self, *, may_die: bool) -> None:
        """The driver has ended, and its sandboxes with it."""
        with self.process:
            assert self.process.stdin is not None
            self.process.stdin.close()
            status = self.process.wait(20)
            assert status == 0 or may_die, f"the driver as {self.who} ended with {status}"

    def _ask(self, question: dict[str, Any]) -> dict[str, Any]:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(json.dumps(question) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError(f"the driver as {self.who} ended: {self.process.wait(5)}")
        answer: dict[str, Any] = json.loads(line)
        return answer


def people() -> list[Any]:
    """Whom this machine lets us be, as parameters of a fixture."""
    if os.geteuid() != 0:
        return [USER, FENCED]
    # What root without control groups adds to the user without them is little.
    return [ROOT, pytest.param(BARE_ROOT, marks=pytest.mark.slow), USER, FENCED]


@contextmanager
def open_ground(who: str, *, may_die: bool = False) -> Iterator[Ground]:
    """A driver as `who`. Skips, loudly, where this host has no such walls."""
    python = _python(who.removesuffix(FROM_STEM))
    # Not below pytest's own folder, which nobody but its user may enter.
    with tempfile.TemporaryDirectory(prefix="ground-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        _copy_sources(folder)
        ground = _start(who, python, folder)
        yield ground
        ground.close(may_die=may_die)


def _start(whole: str, python: str, folder: Path) -> Ground:
    who = whole.removesuffix(FROM_STEM)
    place = folder / "place"
    place.mkdir(mode=0o755)
    if who in (USER, FENCED) and os.geteuid() == 0:
        shutil.chown(place, NEUTRAL_USER)
    command = [python, "-m", "tests.environments.driver", "C" if who == FENCED else "B", str(place)]
    command += ["from stem"] * (who != whole)
    process = subprocess.Popen(
        _as(who, command),
        cwd=folder,
        env={"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "PYTHONPATH": f"{folder}/src:{folder}", "SECRET": "of the node"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    answer = json.loads(process.stdout.readline() or '{"error": "the driver did not start"}')
    if "error" in answer:
        process.wait(5)
        pytest.skip(f"NO SANDBOXES AS {who.upper()} ON THIS HOST: {answer['error']}")
    return Ground(who, process, Opened(**answer), place)


def _python(who: str) -> str:
    if os.geteuid() != 0 or who in (ROOT, BARE_ROOT):
        return sys.executable
    # Ours may lie in root's home, where nobody else gets in.
    if not SYSTEM_PYTHON.exists():
        pytest.skip(f"NO {SYSTEM_PYTHON}: sandboxes were not tested as {who}")
    version = subprocess.check_output([SYSTEM_PYTHON, "-c", "import sys; print(*sys.version_info[:2])"], text=True)
    if tuple(map(int, version.split())) < (3, 11):
        pytest.skip(f"{SYSTEM_PYTHON} IS {version.strip()}: sandboxes were not tested as {who}")
    return str(SYSTEM_PYTHON)


def _as(who: str, command: list[str]) -> list[str]:
    if who == BARE_ROOT:
        # In a mount namespace of its own, where nobody has mounted control groups.
        script = 'umount --recursive --lazy /sys/fs/cgroup 2>/dev/null; exec "$@"'
        return ["unshare", "--mount", "sh", "-c", script, "sh", *command]
    if who in (USER, FENCED) and os.geteuid() == 0:
        user = pwd.getpwnam(NEUTRAL_USER)
        return ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups", "--", *command]
    return command


def _copy_sources(folder: Path) -> None:
    """Where everybody may read them, wherever the repository is."""
    folder.chmod(0o755)
    ignore = shutil.ignore_patterns("__pycache__", "*.pyc")
    shutil.copytree(REPOSITORY / "src" / "wakeful", folder / "src" / "wakeful", ignore=ignore)
    for name in ("environments", "security"):
        shutil.copytree(REPOSITORY / "tests" / name, folder / "tests" / name, ignore=ignore)
    (folder / "tests" / "__init__.py").touch()
