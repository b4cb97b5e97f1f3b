"""What a language has to say of itself, so that its runtimes can be found on this host and run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from wakeful.environments.inside import Inside
from wakeful.environments.languages.interpreters import Interpreter, Search
from wakeful.environments.sandbox import Runtime
from wakeful.environments.version import Debugger

LANG_ROOT = "/var/lang"
"""Where an interpreter that is no part of the host's /usr stands inside."""


class RuntimeAbsent(Exception):
    """This host cannot run the runtime. The message is for whoever made the function."""


@dataclass(frozen=True, slots=True)
class ReadAtStart:
    """What an interpreter reads when its process starts. A function that sets it needs a process of its own."""

    prefixes: tuple[str, ...]
    """Of names of environment variables."""

    late: frozenset[str]
    """Those of them that a process which already runs can still take up."""

    options: str = ""
    """The one that holds options. What it asks for is not refused by the command any more: --x takes --no-x back."""


class Language(Protocol):
    """One language. Made once for a node, with the folder in which it may keep what it makes."""

    name: str
    title: str
    """As people write it, for messages: "Node.js"."""

    runtimes: Mapping[str, tuple[int, ...]]
    """Lambda's identifiers, with the part of the interpreter's version that counts."""

    search: Search
    read_at_start: ReadAtStart

    def remedy(self, number: str) -> str:
        """A command that gets this version."""

    async def runtime(self, name: str, interpreter: Interpreter) -> Runtime:
        """How functions of the runtime `name` are run by this interpreter. Raises RuntimeAbsent."""

    async def warm_up(self, interpreter: Interpreter, inside: Inside | None) -> None:
        """Functions start as fast as they ever will. What has to be made in a sandbox is made where one is given."""

    def fitted(self, runtime: Runtime, memory_mb: int, given: Mapping[str, str]) -> Runtime:
        """The same for a function with this memory and these variables, where a process must know when it starts."""

    def own_process(self, argv: tuple[str, ...]) -> tuple[str, ...]:
        """The command for a process that one function has for itself, with all that it reads at its start."""


class CannotAdd(Exception):
    """It cannot be got in this way. The message says why, and what can be done instead."""


@runtime_checkable
class Addable(Protocol):
    """A language whose interpreters Wakeful can get."""

    async def add(self, number: str, folder: Path, report: Callable[[str], None]) -> None:
        """The version is below `folder`, where `Search.added` finds it. Raises CannotAdd, and then leaves nothing."""


@runtime_checkable
class Debuggable(Protocol):
    """A language with a debugger that can be attached to."""

    async def debugged(self, runtime: Runtime, interpreter: Interpreter, debugger: Debugger) -> Runtime:
        """The same with its debugger listening at `debugger.port`. Raises RuntimeAbsent where there is none here."""


@runtime_checkable
class WithSdk(Protocol):
    """A language in whose runtimes Lambda has the AWS SDK."""

    def sdk(self, interpreter: Interpreter) -> str | None:
        """Which one functions find, such as "boto3 1.44.2"; None: none."""

    async def add_sdk(
        self, interpreter: Interpreter, folder: Path, packages: Sequence[str], report: Callable[[str], None]
    ) -> None:
        """Functions on this interpreter find the SDK, and in it these packages too. Raises CannotAdd."""


def placed(interpreter: Interpreter) -> tuple[str, tuple[tuple[Path, str], ...]]:
    """The interpreter's path inside, and the mounts it needs for that."""
    if interpreter.is_of_host:
        return str(interpreter.path), ()
    inside = f"{LANG_ROOT}/{interpreter.path.relative_to(interpreter.prefix)}"
    return inside, ((interpreter.prefix, LANG_ROOT),)
