"""A sandbox: the closed room in which one runtime process runs one function version.

Its verbs: start, limit_cpu, freeze, thaw, kill, wait, usage. `sandboxes.py` carries them out through the jail's
launcher, with the walls that this host gives (`tiers.py`); the environment above knows nothing of that.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Limits:
    """What a sandbox may use. CPU follows memory, as on AWS: 1,769 MB is one vCPU."""

    memory_mb: int = 128
    tmp_mb: int = 512
    processes_max: int = 1024
    open_files_max: int = 1024
    cores: float | None = None
    """Where CPU does not follow memory."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """What makes an empty sandbox the place of one function version."""

    code: Path
    """The unpacked package on the host; /var/task inside, read-only."""

    layers: Path | None
    """The merged layers on the host; /opt inside, read-only. None leaves /opt empty."""

    variables: Mapping[str, str]
    """Every environment variable that the runtime process shall see. Paths and addresses in it are those inside.

    Where a sandbox has no file tree or network of its own, the variables that Lambda sets are rewritten to where things
    are, and nothing else is.
    """

    limits: Limits
    extensions: tuple[str, ...] = ()
    """Names of programs in /opt/extensions. They run at once; the runtime's own code only from `begin` on."""

    extension_variables: Mapping[str, str] = field(default_factory=dict)
    may_be_template: bool = False
    """After INIT, others may be forked from it, where the host can do that."""
    tenant: str = ""
    """Whose it is, by any name. Where processors or memory are short, tenants are treated alike, not sandboxes."""


@dataclass(frozen=True, slots=True)
class Exit:
    """How the runtime process ended: by itself (`status`), by a signal, or without ever having run (`error`)."""

    status: int | None = None
    signal: int | None = None
    out_of_memory: bool = False
    error: str | None = None
    """Why it could not be run, in Lambda's words: "fork/exec /var/task/bootstrap: permission denied"."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What the sandbox has used so far.

    The memory peak is the larger of two: what all processes together had to themselves, which is what the limit is
    about, and what the runtime process had in memory with the files it has mapped.
    """

    memory_peak_bytes: int
    cpu_s: float
    """As of when it was last looked at, which is seldom where there are very many sandboxes."""
    held_bytes: int = 0
    """What it keeps from others, the contents of /tmp included where that is in memory; as of then."""


class Template(Protocol):
    """A sandbox from whose initialised process others may be forked."""

    async def trace(self) -> str | None:
        """The runtime process may go on to a fork of its own now. Else why not, and it is as any other."""

    async def held(self) -> str | None:
        """Returns when it is held in its fork: it does not run any more. Else why not, and it has returned from it."""

    async def restore(self) -> Sandbox:
        """A sandbox of its own strength in which the runtime process returns from its fork as the child.

        Raises SandboxRefused. It outlives this one.
        """


class SandboxRefused(Exception):
    """The sandbox could not be made; the message says why."""


class Sandbox(Protocol):
    """A started sandbox. Its sockets are made inside its own network namespace, so nobody else can reach them.

    `runtime_api`, `endpoint` and `output` belong to whoever started it, who closes them, after `kill` or before.
    """

    runtime_api: socket.socket
    """Listening, non-blocking; 127.0.0.1:9001 seen from inside."""

    endpoint: socket.socket
    """Listening, non-blocking; the node's own address and port seen from inside."""

    output: int
    """The reading end of a non-blocking pipe that carries the runtime's stdout and stderr."""

    task_root: str
    """Where the runtime finds the function's code: /var/task, unless the sandbox has no file tree of its own."""

    opt_root: str | None
    """Where it finds the layers: /opt; on the host's file tree None if there are none."""

    extension_output: int | None
    """The same for what extensions print; None where there are none."""

    can_listen: bool
    """Whether programs inside may wait for connections."""

    def begin(self) -> None:
        """The runtime, which was held back because there are extensions, goes on."""

    def signal(self, extension: str | None, number: int) -> None:
        """To an extension and all it has started, or to the runtime process (None). Only where there are extensions."""

    @property
    def template(self) -> Template | None:
        """Where it was asked for and can be had."""

    async def extension_exit(self, name: str) -> Exit:
        """Returns once this extension has ended. That of the runtime process does not end it."""

    async def connector(self) -> socket.socket:
        """A non-blocking socket, not connected yet, of the network inside: 127.0.0.1 is the sandbox's own.

        Only where `can_listen`. Raises OSError where it cannot be had. It is the caller's to close.
        """

    async def limit_cpu(self) -> None:
        """From now on CPU follows memory. Until then, for INIT, there is one full core, or more if memory brings it."""

    async def freeze(self) -> None:
        """No process inside runs any more. On a sandbox that has ended, nothing happens; `thaw` likewise."""

    async def thaw(self) -> None:
        """They run again."""

    async def kill(self) -> None:
        """Every process inside is dead, however it forked; all its resources are given back. May be called twice."""

    async def wait(self) -> Exit:
        """Returns once the runtime process has ended."""

    def usage(self) -> Usage:
        """Cheap enough to ask after every invocation; also true of one that has ended."""


class Sandboxes(Protocol):
    """Where sandboxes come from."""

    async def start(self, runtime: Runtime, assignment: Assignment) -> Sandbox:
        """A sandbox whose runtime process is on its way to its first `/next`. Takes a waiting cell if there is one.

        Raises SandboxRefused.
        """

    async def prepare(self, runtime: Runtime, count: int) -> None:
        """From now on about `count` cells of this runtime stand ready."""

    async def close(self) -> None:
        """Nothing that was started here is left."""


@dataclass(frozen=True, slots=True)
class Runtime:
    """How one of Lambda's runtimes is run on this host.

    `argv` starts the runtime process (paths as inside); for a pre-started cell it is our bootstrap, which reads its
    assignment from the cell. `mounts` are (host path, path inside) pairs, read-only.
    """

    name: str
    argv: tuple[str, ...]
    mounts: tuple[tuple[Path, str], ...]
    prestart: bool
    variables: Mapping[str, str]
    release: str = ""
    """What INIT_START calls the runtime's version, such as "python:3.12.v4"."""

    stands_in: str = ""
    """Where another version runs in place of the one that was asked for: a sentence for the function's log."""

    divides: bool = False
    """Waiting cells may be forked from one process that has warmed up (`jail/stem.py`)."""
