"""How far functions are confined on this host: found out by building one real sandbox and attacking it from inside.

A       namespaces, a uid for each sandbox, control groups: hard limits                        root
B       namespaces; without control groups memory is watched and CPU is not limited            any user
C       Landlock and seccomp around an ordinary process                                        any user, Linux 6.12
none    an ordinary process; only where it is asked for by name
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wakeful.environments.jail.host import FENCE, NAMESPACES, NOTHING
from wakeful.environments.sandbox import Assignment, Limits, Runtime, Sandbox, Sandboxes
from wakeful.limits import ATTACK_TIME_MAX_S
from wakeful.names import new_token

AUTO, NONE = "auto", "none"
CHOICES = (AUTO, "A", "B", "C", NONE)

WALLS = {AUTO: (NAMESPACES, FENCE), "A": (NAMESPACES,), "B": (NAMESPACES,), "C": (FENCE,), NONE: (NOTHING,)}
"""The kinds of walls to try for each choice, best first. A tier asked for by name is the least that will do."""

_ATTACK = Path(__file__).parent / "attack"
_OUTPUT_BYTES_MAX = 65536  # a pipe's; the attack says far less


class NotConfined(Exception):
    """The isolation that was asked for cannot be had on this host; the message says what stands in the way."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was tried or looked at, and whether it speaks for the isolation."""

    what: str
    holds: bool
    detail: str = ""

    def __str__(self) -> str:
        mark = "ok  " if self.holds else "weak"
        return f"{mark}  {self.what}{': ' if self.detail else ''}{self.detail}"


@dataclass(frozen=True, slots=True)
class Isolation:
    """What was found. `findings` are the attacks, `limits` what holds a function to its memory, CPU and processes."""

    tier: str
    findings: tuple[Finding, ...]
    limits: tuple[Finding, ...]
    passed_over: tuple[str, ...] = ()
    """Why nothing better was had, where something better was tried."""

    @property
    def summary(self) -> str:
        """One line for the start of the node."""
        through = [f"a function can {finding.what}" for finding in self.findings if not finding.holds]
        weak = [f"{finding.what} {finding.detail}" for finding in self.limits if not finding.holds]
        stopped = f"{len(self.findings)} attacks from inside a sandbox were stopped"
        better = [f"nothing better, because {reason}" for reason in self.passed_over]
        return f"isolation {self.tier}: {'; '.join([*(through or [stopped]), *weak, *better])}"


async def examine(sandboxes: Sandboxes, walls: str, features: Mapping[str, Any], private: Sequence[Path]) -> Isolation:
    """Attacks one sandbox and grades what held. Raises NotConfined where too little did for this kind of walls."""
    limits = tuple(_limits(features))
    if walls == NOTHING:
        return Isolation(NONE, (Finding("run anything as the user of this node", holds=False),), limits)
    findings = tuple(await _attack(sandboxes, walls, private))
    through = [finding for finding in findings if not finding.holds]
    if through:
        raise NotConfined("; ".join(f"a function can {finding.what} ({finding.detail})" for finding in through))
    is_hard = all(finding.holds for finding in limits) and features["has_users"]
    return Isolation("C" if walls == FENCE else "A" if is_hard else "B", findings, limits)


def interpreter_mounts() -> tuple[tuple[Path, str], ...]:
    """What the node's own Python needs inside a sandbox, at the same place, where /usr does not have it anyway."""
    prefix = Path(sys.base_prefix).resolve()
    return () if prefix.is_relative_to("/usr") else ((prefix, str(prefix)),)


def interpreter() -> str:
    """The node's own Python, without the virtual environment around it."""
    return str(Path(getattr(sys, "_base_executable", sys.executable)).resolve())


async def _attack(sandboxes: Sandboxes, walls: str, private: Sequence[Path]) -> list[Finding]:
    runtime = Runtime(
        "attack", (interpreter(), "-I", "-S", "/var/task/attack.py"), interpreter_mounts(), prestart=False, variables={}
    )
    with _targets(walls, private) as targets:
        variables = {
            "AWS_LAMBDA_RUNTIME_API": "127.0.0.1:9001",
            "LAMBDA_TASK_ROOT": "/var/task",
            "PATH": "/usr/bin:/bin",
            "WAKEFUL_TARGETS": json.dumps(targets),
        }
        sandbox = await sandboxes.start(runtime, Assignment(_ATTACK, None, variables, Limits(memory_mb=256)))
        try:
            async with asyncio.timeout(ATTACK_TIME_MAX_S):
                ended = await sandbox.wait()
            said = os.read(sandbox.output, _OUTPUT_BYTES_MAX).decode(errors="replace")
        except TimeoutError:
            raise NotConfined(f"the attack did not end within {ATTACK_TIME_MAX_S:g} s") from None
        finally:
            await _discard(sandbox)
    try:
        answers: dict[str, str | None] = json.loads(said)
    except json.JSONDecodeError:
        raise NotConfined(f"the attack did not run: {ended.error or said or ended}") from None
    return [Finding(what, got is None, got or "") for what, got in answers.items()]


@contextmanager
def _targets(walls: str, private: Sequence[Path]) -> Iterator[dict[str, Any]]:
    """Things of the host's that are really there while the attack runs, and must not be reached."""
    abstract = f"wakeful-attack-{new_token()}"
    with (
        socket.create_server(("127.0.0.1", 0)) as tcp,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
        socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as unix,
    ):
        udp.bind(("127.0.0.1", 0))
        unix.bind(f"\0{abstract}")
        unix.listen(1)
        yield {
            "tcp_port": tcp.getsockname()[1],
            "udp_port": udp.getsockname()[1],
            "abstract": abstract,
            "pid": os.getpid(),
            "command": Path("/proc/self/cmdline").read_bytes().decode(errors="replace"),
            "unreadable": [str(path) for path in [*private, *_home()]],
            "unwritable": ["/tmp"] if walls == FENCE else [],
        }


def _home() -> list[Path]:
    """Something in the user's home that is not our interpreter's."""
    prefix = Path(sys.base_prefix).resolve()
    try:
        home = Path.home()
        entries = sorted(home.iterdir()) if home != Path("/") else []  # as for some users of services
    except (OSError, RuntimeError):
        return []  # no home, or none that even we may read
    return [path for path in entries if not prefix.is_relative_to(path.resolve())][:3]


def _limits(features: Mapping[str, Any]) -> Iterator[Finding]:
    given = set(features["groups"])
    counts = {"memory", "processes", "time"} <= given
    yield Finding("memory", counts, "is limited by the kernel" if counts else "is watched, every 20 ms")
    yield Finding("processes", counts, "are limited by the kernel" if counts else "are limited by RLIMIT_NPROC")
    yield Finding("CPU", "cpu" in given, "follows memory" if "cpu" in given else "is not limited")
    yield Finding("freezing", True, "is done by the kernel" if "freeze" in given else "is done by signals")
    users = features["has_users"]
    yield Finding("users", True, "are different for each sandbox" if users else "are all the node's own")


async def _discard(sandbox: Sandbox) -> None:
    await sandbox.kill()
    sandbox.runtime_api.close()
    sandbox.endpoint.close()
    os.close(sandbox.output)
