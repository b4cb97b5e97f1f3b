"""Lambda's runtimes by their identifiers, and how each is run on this host, or why it is not.

A function's architecture does not matter to Python and Node.js: they run on this machine's, whatever the function asks
for. What a custom runtime's package brings must be built for this machine, or it fails as exec fails.
"""

from __future__ import annotations

import asyncio
import os
import platform
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from wakeful.environments import links, variables
from wakeful.environments.inside import Inside
from wakeful.environments.languages import dotnet
from wakeful.environments.languages.interpreters import Interpreter, discover
from wakeful.environments.languages.java import Java
from wakeful.environments.languages.language import Addable, CannotAdd, Debuggable, Language, WithSdk
from wakeful.environments.languages.language import RuntimeAbsent as RuntimeAbsent
from wakeful.environments.languages.nodejs import NodeJs
from wakeful.environments.languages.python import Python
from wakeful.environments.languages.ruby import Ruby
from wakeful.environments.sandbox import Runtime, Sandboxes
from wakeful.environments.version import Debugger, Version

CUSTOM: Mapping[str, str] = {
    "provided.al2": "provided:al2.v1",
    "provided.al2023": "provided:al2023.v1",
    **{name: f"dotnet:{major}.v1" for name, major in dotnet.RUNTIMES.items()},
}
"""The package brings what is started; with the name for INIT_START."""

LATER = frozenset(
    {
        *("java8.al2", "java8.al2023", "java11.al2023", "java17.al2023"),
        *("ruby4.0", "nodejs26.x", "python3.15"),
    }
)
"""Runtimes of Lambda that Wakeful does not have yet."""


class InvalidEntrypoint(Exception):
    """The package has nothing that could be started. The message is as Lambda words it."""


@dataclass(frozen=True, slots=True)
class Found:
    """One line of what this host has. `reason` says why a runtime is absent, `remedy` what gets what is lacking."""

    name: str
    path: Path | None
    release: str
    reason: str | None
    version: str = ""
    stands_in: bool = False
    """Another version of the language runs in its place."""
    sdk: str | None = None
    remedy: str | None = None


class Runtimes:
    """Finds out what the host has when it is first asked, and remembers it in `cache`. What was added is in `added`."""

    def __init__(self, cache: Path, added: Path | None = None, *, has_fallback: bool = False) -> None:
        self._cache = cache
        self._added = cache / "added" if added is None else added
        self._has_fallback = has_fallback
        self._languages: tuple[Language, ...] = (
            Python(cache, self._added / Python.name),
            NodeJs(self._added / NodeJs.name),
            Ruby(),
            Java(cache, self._added / Java.name),
        )
        self._managed: Mapping[str, Language] = {
            name: language for language in self._languages for name in language.runtimes
        }
        self._discovering = asyncio.Lock()
        self._interpreters: list[Interpreter] | None = None
        self._runtimes: dict[str, Runtime] = {}
        self._dotnets: dict[str, Path | None] = {}

    async def prepare(self, name: str, sandboxes: Sandboxes | None = None) -> str | None:
        """None once functions of this runtime start as fast as they ever will; else why it cannot be had.

        What was got since anybody last asked is found, and from now on it is what functions run on. What must be made
        in a sandbox is made where there are `sandboxes`.
        """
        inside = Inside(sandboxes, self._cache / "empty") if sandboxes else None
        try:
            if name in self._managed and not await self._has(name):
                self._interpreters = None
            self._dotnets.pop(name, None)
            self._runtimes[name] = await self._make(name)
            if name in self._managed:
                await self._managed[name].warm_up(await self._interpreter(name), inside)
                self._runtimes[name] = await self._make(name)  # with what there is now
        except RuntimeAbsent as absent:
            return str(absent)
        return None

    def known(self, name: str) -> Runtime | None:
        """As it was found last."""
        return self._runtimes.get(name)

    async def release(self, name: str) -> str | None:
        """What INIT_START calls the version of it that this host has; None where it has none."""
        try:
            return (await self._runtime(name)).release
        except RuntimeAbsent:
            return None

    async def cell(self, name: str, memory_mb: int = 128) -> Runtime:
        """The runtime as a waiting cell is started, for functions with this memory. Raises RuntimeAbsent."""
        runtime = await self._runtime(name)
        return runtime if name in CUSTOM else self._managed[name].fitted(runtime, memory_mb, {})

    async def find(self, version: Version) -> Runtime:
        """How this version is run. Raises RuntimeAbsent, InvalidEntrypoint."""
        runtime = await self._runtime(version.runtime)
        if version.runtime in CUSTOM:
            return _custom(runtime, version, await self._dotnet(version.runtime))
        language = self._managed[version.runtime]
        runtime = language.fitted(runtime, version.memory_mb, version.variables)
        if version.debugger is not None:
            return await self._debugged(runtime, version, version.debugger)
        reads = language.read_at_start
        if not variables.needs_own_process(version.variables, reads.prefixes, reads.late):
            return runtime
        asked = version.variables.get(reads.options, "").split()
        argv = tuple(
            word
            for word in language.own_process(runtime.argv)
            if not (word.startswith("--no-") and f"--{word.removeprefix('--no-')}" in asked)
        )
        wrapper = version.variables.get(variables.EXEC_WRAPPER)
        return replace(runtime, prestart=False, argv=(wrapper, *argv) if wrapper else argv)

    def complaint_about_debugging(self, name: str) -> str | None:
        """Why functions of this runtime cannot be debugged; None where they can."""
        if isinstance(self._managed.get(name), Debuggable):
            return None
        able = sorted({language.title for language in self._languages if isinstance(language, Debuggable)})
        return f"Wakeful has no debugger for the runtime {name}, only for {' and '.join(able)}."

    async def _debugged(self, runtime: Runtime, version: Version, debugger: Debugger) -> Runtime:
        """In a process of its own, which is debugged from its start. Raises RuntimeAbsent."""
        language = self._managed[version.runtime]
        assert isinstance(language, Debuggable), version.runtime
        own = replace(runtime, prestart=False, argv=language.own_process(runtime.argv))
        return await language.debugged(own, await self._interpreter(version.runtime), debugger)

    async def complaint(self, version: Version) -> str | None:
        """Why this version can never run here; None as far as can be seen without running it."""
        try:
            await self.find(version)
        except RuntimeAbsent as absent:
            return str(absent)
        except InvalidEntrypoint:
            return None  # Lambda finds out when it starts the function, and says so then
        return None

    async def listing(self) -> list[Found]:
        """Every runtime for which Lambda lets functions be made, and what this host makes of it."""
        return [await self._found(name) for name in (*self._managed, *CUSTOM, *sorted(LATER - self._managed.keys()))]

    async def add(self, name: str, packages: Sequence[str] | None, report: Callable[[str], None]) -> None:
        """The runtime is here, with its SDK and these packages in it (None: without the SDK). Raises CannotAdd."""
        if name in dotnet.RUNTIMES:
            raise CannotAdd(
                f"A native or self-contained executable needs nothing; for an assembly, install .NET:"
                f" dotnet-install.sh --channel {dotnet.RUNTIMES[name]}.0 --runtime dotnet"
            )
        if name in CUSTOM:
            raise CannotAdd(f"{name} is here already: the function's package brings its bootstrap.")
        if name not in self._managed:
            raise CannotAdd(_unknown(name))
        language = self._managed[name]
        folder = self._added / language.name
        number = ".".join(map(str, language.runtimes[name]))
        if not await self._has(name):
            if not isinstance(language, Addable):
                raise CannotAdd(
                    f"{language.title} {number} is not something that Wakeful can get."
                    f" Install it, for instance: {language.remedy(number)}"
                )
            await language.add(number, folder, report)
            self._interpreters = None
        interpreter = _exact(language, await self._discover(), name)
        if interpreter is None:
            raise CannotAdd(f"{language.title} {number} was got, but it does not run on this machine.")
        report(f"{language.title} {_shown(interpreter)} is at {interpreter.path}.")
        if packages is not None and isinstance(language, WithSdk):
            await language.add_sdk(interpreter, folder, packages, report)
            report(f"Functions of {name} find the {language.sdk(interpreter)}.")

    # ------------------------------------------------------------------ one runtime

    async def _found(self, name: str) -> Found:
        try:
            runtime = await self._runtime(name)
        except RuntimeAbsent as absent:
            remedy = f"wakeful runtimes add {name}" if isinstance(self._managed.get(name), Addable) else None
            return Found(name, None, "", str(absent), remedy=remedy or self._remedy(name))
        if name in CUSTOM:
            return Found(name, None, runtime.release, None)
        language = self._managed[name]
        interpreter = await self._interpreter(name)
        sdk = language.sdk(interpreter) if isinstance(language, WithSdk) else None
        lacks = bool(runtime.stands_in) or (isinstance(language, WithSdk) and sdk is None)
        remedy = self._remedy(name) if lacks else None
        path, version = interpreter.path, _shown(interpreter)
        return Found(name, path, runtime.release, None, version, bool(runtime.stands_in), sdk, remedy)

    def _remedy(self, name: str) -> str | None:
        """The command that gets it."""
        language = self._managed.get(name)
        if language is None:
            return None
        number = ".".join(map(str, language.runtimes[name]))
        return f"wakeful runtimes add {name}" if isinstance(language, Addable) else language.remedy(number)

    async def _runtime(self, name: str) -> Runtime:
        runtime = self._runtimes.get(name)
        if runtime is None:
            runtime = self._runtimes[name] = await self._make(name)
        return runtime

    async def _dotnet(self, name: str) -> Path | None:
        """Where this host's .NET of that runtime's version is, as it was found when a function was last prepared."""
        major = dotnet.RUNTIMES.get(name)
        if major is None:
            return None
        if name not in self._dotnets:
            self._dotnets[name] = await asyncio.to_thread(dotnet.find, major)
        return self._dotnets[name]

    async def _make(self, name: str) -> Runtime:
        if name in CUSTOM:
            return Runtime(name, ("/var/task/bootstrap",), (), False, variables.PROCESS_VARIABLES, CUSTOM[name])
        interpreter = await self._interpreter(name)
        language = self._managed[name]
        runtime = await language.runtime(name, interpreter)
        if _is(interpreter, language, name):
            return runtime
        words = (
            f"{name} is not on this machine; the function runs on {language.title} {_shown(interpreter)}."
            f" Get it with: {self._remedy(name)}"
        )
        return replace(runtime, stands_in=words)

    async def _has(self, name: str) -> bool:
        """Whether the very version is here, and not one that stands in for it."""
        return _exact(self._managed[name], await self._discover(), name) is not None

    async def _discover(self) -> list[Interpreter]:
        async with self._discovering:
            if self._interpreters is None:
                searches = {each.name: each.search.with_added(self._added / each.name) for each in self._languages}
                self._interpreters = await discover(searches, self._cache)
            return self._interpreters

    async def _interpreter(self, name: str) -> Interpreter:
        if name not in self._managed:
            raise RuntimeAbsent(_unknown(name))
        language = self._managed[name]
        interpreters = await self._discover()
        interpreter = _exact(language, interpreters, name)
        if interpreter is None and self._has_fallback:
            interpreter = _nearest(language, interpreters, name)
        if interpreter is not None:
            return interpreter
        number = ".".join(map(str, language.runtimes[name]))
        here = f"The runtime {name} is not available: No {language.title} {number} was found on this machine."
        if isinstance(language, Addable):
            remedy = f"Get it with: wakeful runtimes add {name}; then update the function"
        else:
            remedy = f"Install it, for instance: {language.remedy(number)}"
        raise RuntimeAbsent(f"{here} {remedy}")


def _unknown(name: str) -> str:
    return f"The runtime {name} is {'not implemented in Wakeful yet' if name in LATER else 'not known'}."


def _shown(interpreter: Interpreter) -> str:
    return ".".join(map(str, interpreter.version))


def _is(interpreter: Interpreter, language: Language, name: str) -> bool:
    wanted = language.runtimes[name]
    return interpreter.language == language.name and interpreter.version[: len(wanted)] == wanted


def _exact(language: Language, interpreters: Sequence[Interpreter], name: str) -> Interpreter | None:
    """The newest of the version; they come newest first."""
    return next((each for each in interpreters if _is(each, language, name)), None)


def _nearest(language: Language, interpreters: Sequence[Interpreter], name: str) -> Interpreter | None:
    """Of the next newer version the newest, else of the next older one."""
    wanted = language.runtimes[name]
    ours = [i for i in interpreters if i.language == language.name and i.version >= language.search.oldest]
    numbers = {each.version[: len(wanted)] for each in ours}
    newer = min((number for number in numbers if number > wanted), default=None)
    number = newer or max((number for number in numbers if number < wanted), default=None)
    return next((each for each in ours if each.version[: len(wanted)] == number), None)


# --- custom runtimes --------------------------------------------------------------------------------------------------

_MACHINES = {"x86_64": 62, "aarch64": 183}
"""e_machine of an ELF header."""


def _custom(runtime: Runtime, version: Version, root: Path | None) -> Runtime:
    """How a version is started that is an executable. Raises RuntimeAbsent, InvalidEntrypoint."""
    if version.runtime not in dotnet.RUNTIMES:
        return replace(runtime, argv=(_bootstrap(version),))
    try:
        command = dotnet.command(version, root)
    except dotnet.Refused as refused:
        raise RuntimeAbsent(str(refused)) from refused
    except dotnet.NotThere as fault:
        raise InvalidEntrypoint(str(fault)) from fault
    if command.executable is not None and (complaint := _complaint(command.executable)) is not None:
        raise InvalidEntrypoint(f"fork/exec {command.argv[-1]}: {complaint}")
    return replace(runtime, argv=command.argv, mounts=command.mounts)


def _bootstrap(version: Version) -> str:
    """Where the bootstrap is, inside. Raises InvalidEntrypoint, worded as for a failed exec."""
    roots = _roots(version)
    for root, folder in roots.items():
        inside = f"{root}/bootstrap"
        if not os.path.lexists(folder / "bootstrap"):
            continue
        path = links.follow(inside, roots)
        if path is None:
            return inside  # a link out of the package: what is there, only the sandbox knows
        if not path.is_file():
            continue
        complaint = _complaint(path)
        if complaint is not None:
            raise InvalidEntrypoint(f"fork/exec {inside}: {complaint}")
        return inside
    raise InvalidEntrypoint("Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]")


def _roots(version: Version) -> dict[str, Path]:
    """The version's folders by where they stand inside."""
    roots = {variables.TASK_ROOT: version.code}
    return roots if version.layers is None else {**roots, variables.LAYERS_ROOT: version.layers}


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
