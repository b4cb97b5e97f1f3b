"""Lambda's runtimes by their identifiers, and how each is run on this host, or why it is not.

A function's architecture does not matter to Python and Node.js: they run on this machine's, whatever the function asks
for. What a custom runtime's package brings must be built for this machine, or it fails as exec fails.
"""

from __future__ import annotations

import asyncio
import os
import platform
import struct
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from wakeful import limits
from wakeful.environments import heap, variables
from wakeful.environments.languages.interpreters import Interpreter, discover
from wakeful.environments.languages.language import Language
from wakeful.environments.languages.nodejs import NodeJs
from wakeful.environments.languages.python import Python
from wakeful.environments.sandbox import Runtime
from wakeful.environments.version import Version

CUSTOM: Mapping[str, str] = {"provided.al2": "provided:al2.v1", "provided.al2023": "provided:al2023.v1"}
"""The package brings its own bootstrap; with the name for INIT_START."""

LATER = frozenset(
    {
        *("java8.al2", "java11", "java17", "java21", "java25"),
        *("ruby3.2", "ruby3.3", "ruby3.4"),
        *("dotnet6", "dotnet8", "dotnet10"),
    }
)
"""Runtimes of Lambda that Wakeful does not have yet."""


class RuntimeAbsent(Exception):
    """This host cannot run the runtime. The message is for whoever made the function."""


class InvalidEntrypoint(Exception):
    """The package has nothing that could be started. The message is as Lambda words it."""


@dataclass(frozen=True, slots=True)
class Found:
    """One line of what this host has."""

    name: str
    path: Path | None
    release: str
    reason: str | None


class Runtimes:
    """Finds out what the host has when it is first asked, and remembers it in `cache`."""

    def __init__(self, cache: Path) -> None:
        self._cache = cache
        self._languages: tuple[Language, ...] = (Python(cache), NodeJs())
        self._managed = {name: language for language in self._languages for name in language.runtimes}
        self._discovering = asyncio.Lock()
        self._interpreters: list[Interpreter] | None = None
        self._runtimes: dict[str, Runtime] = {}

    async def prepare(self, name: str) -> str | None:
        """None once functions of this runtime start as fast as they ever will; else why it cannot be had."""
        try:
            await self._runtime(name)
            if name in self._managed:
                await self._managed[name].warm_up(await self._interpreter(name))
        except RuntimeAbsent as absent:
            return str(absent)
        return None

    async def cell(self, name: str, memory_mb: int = limits.LAMBDA_MEMORY_DEFAULT_MB) -> Runtime:
        """The runtime as a waiting cell is started, for functions of this size. Raises RuntimeAbsent."""
        return heap.fit(await self._runtime(name), memory_mb)

    async def find(self, version: Version) -> Runtime:
        """How this version is run. Raises RuntimeAbsent, InvalidEntrypoint."""
        runtime = await self._runtime(version.runtime)
        if version.runtime in CUSTOM:
            return replace(runtime, argv=(_bootstrap(version),))
        runtime = heap.fit(runtime, version.memory_mb, version.variables)
        language = self._managed[version.runtime]
        reads = language.read_at_start
        if not variables.needs_own_process(version.variables, reads.prefixes, reads.late):
            return runtime
        argv = language.own_process(runtime.argv)
        wrapper = version.variables.get(variables.EXEC_WRAPPER)
        return replace(runtime, prestart=False, argv=(wrapper, *argv) if wrapper else argv)

    async def listing(self) -> list[Found]:
        """Every runtime that Lambda has, and what this host makes of it."""
        found = []
        for name in (*self._managed, *CUSTOM, *sorted(LATER)):
            try:
                runtime = await self._runtime(name)
            except RuntimeAbsent as absent:
                found.append(Found(name, None, "", str(absent)))
            else:
                path = (await self._interpreter(name)).path if name in self._managed else None
                found.append(Found(name, path, runtime.release, None))
        return found

    async def _runtime(self, name: str) -> Runtime:
        runtime = self._runtimes.get(name)
        if runtime is None:
            runtime = self._runtimes[name] = await self._make(name)
        return runtime

    async def _make(self, name: str) -> Runtime:
        if name in CUSTOM:
            return Runtime(name, ("/var/task/bootstrap",), (), False, variables.PROCESS_VARIABLES, CUSTOM[name])
        if name not in self._managed:
            known = name in LATER
            raise RuntimeAbsent(f"The runtime {name} is {'not implemented in Wakeful yet' if known else 'not known'}.")
        return await self._managed[name].runtime(name, await self._interpreter(name))

    async def _interpreter(self, name: str) -> Interpreter:
        async with self._discovering:
            if self._interpreters is None:
                searches = {language.name: language.search for language in self._languages}
                self._interpreters = await discover(searches, self._cache)
        language = self._managed[name]
        wanted = language.runtimes[name]
        for interpreter in self._interpreters:
            if interpreter.language == language.name and interpreter.version[: len(wanted)] == wanted:
                return interpreter
        number = ".".join(map(str, wanted))
        raise RuntimeAbsent(
            f"The runtime {name} is not available: No {language.title} {number} was found on this machine."
            f" Install it, for instance: {language.remedy(number)}"
        )


# --- custom runtimes --------------------------------------------------------------------------------------------------

_MACHINES = {"x86_64": 62, "aarch64": 183}
"""e_machine of an ELF header."""


def _bootstrap(version: Version) -> str:
    """Where the bootstrap is, inside. Raises InvalidEntrypoint, worded as for a failed exec."""
    places = [(variables.TASK_ROOT, version.code)]
    if version.layers is not None:
        places.append((variables.LAYERS_ROOT, version.layers))
    for root, folder in places:
        path = folder / "bootstrap"
        if not path.is_file():
            continue
        inside = f"{root}/bootstrap"
        complaint = _complaint(path)
        if complaint is not None:
            raise InvalidEntrypoint(f"fork/exec {inside}: {complaint}")
        return inside
    raise InvalidEntrypoint("Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]")


def _complaint(path: Path) -> str | None:
    """What exec would say."""
    if not os.access(path, os.X_OK):
        return "permission denied"
    with path.open("rb") as file:
        head = file.read(20)
    if head.startswith(b"#!"):
        return None
    if not head.startswith(b"\x7fELF") or len(head) < 20:
        return "exec format error"
    order = "<" if head[5] == 1 else ">"
    (machine,) = struct.unpack_from(order + "H", head, 18)
    ours = _MACHINES.get(platform.machine())
    return None if ours is None or machine == ours else "exec format error"
