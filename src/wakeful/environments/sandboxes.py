"""Where sandboxes come from: the node's view of the launcher, which it starts, feeds, and starts again if it dies."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import logging
import os
import socket
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from wakeful.environments import tiers
from wakeful.environments.connection import Connection, LauncherFailed, connect
from wakeful.environments.jail import processes
from wakeful.environments.jail.cgroups import Group
from wakeful.environments.jail.host import FENCE
from wakeful.environments.jail.messages import Message
from wakeful.environments.sandbox import Assignment, Exit, Limits, Runtime, Sandbox, SandboxRefused, Usage
from wakeful.environments.templates import LaunchedTemplate
from wakeful.limits import (
    LAUNCHER_LIFE_MIN_S,
    LAUNCHER_RESTARTS_MAX,
    MEMORY_READ_SHARE,
    RUNTIMES_KNOWN_MAX,
    SANDBOX_STARTS_AT_ONCE,
    WAITING_CELLS_MAX,
)

log = logging.getLogger(__name__)


async def open_sandboxes(
    endpoint_port: int, isolation: str = tiers.AUTO, private: Sequence[Path] = (), *, memory_mb: int | None = None
) -> LaunchedSandboxes:
    """The best sandboxes that `isolation` allows and this host gives; what held is in their `isolation`.

    `endpoint_port` is where functions find the node, on their own loopback. `private` are paths that no function may
    read, the node's data directory first of all. `memory_mb` is what all together may hold. Raises NotConfined where
    what was asked for cannot be had.
    """
    if isolation not in tiers.CHOICES:
        raise ValueError(f"isolation {isolation!r}: one of {', '.join(tiers.CHOICES)} is known")
    reasons: list[str] = []
    for walls in tiers.WALLS[isolation]:
        sandboxes = LaunchedSandboxes(walls, endpoint_port, memory_mb)
        try:
            features = await sandboxes.open()
            found = await tiers.examine(sandboxes, walls, features, private)
        except (LauncherFailed, SandboxRefused, tiers.NotConfined) as error:
            await sandboxes.close()
            reasons.append(f"{walls}: {error}")
            continue
        except BaseException:
            await sandboxes.close()
            raise
        if isolation == tiers.AUTO or found.tier <= isolation:  # A before B before C before none
            sandboxes.isolation = replace(found, passed_over=tuple(reasons))
            return sandboxes
        await sandboxes.close()
        reasons.append(f"{walls}: this host gives tier {found.tier}: {found.summary}")
    raise tiers.NotConfined(" | ".join(reasons))


_OPENINGS = 3
"""Descriptors of a started sandbox: its Runtime API, its endpoint, its output."""


OpenSandboxes = Callable[..., Awaitable["LaunchedSandboxes"]]
"""As `open_sandboxes`."""


class Looks:
    """How often the node looks at what sandboxes use: of very many, each is looked at more seldom."""

    def __init__(self) -> None:
        self._next_at = 0.0

    def take(self, look: Callable[[], int], *, is_first: bool) -> int:
        """What `look` finds; 0 where it is not to be asked now, which its first time it always is."""
        began = time.monotonic()
        if began < self._next_at and not is_first:
            return 0
        found = look()
        ended = time.monotonic()
        self._next_at = ended + (ended - began) / MEMORY_READ_SHARE
        return found


class LaunchedSandbox:
    """A sandbox that a launcher looks after."""

    def __init__(
        self,
        connection: Connection,
        message: Message,
        looks: Looks,
        restore: Callable[[int], Awaitable[Sandbox]],
        *,
        can_listen: bool,
    ) -> None:
        api, endpoint, self.output, *others = message.descriptors
        self.extension_output: int | None = others[0] if others else None
        self.runtime_api, self.endpoint = socket.socket(fileno=api), socket.socket(fileno=endpoint)
        for listener in (self.runtime_api, self.endpoint):
            listener.setblocking(False)
        self.task_root: str = message.body["task_root"]
        self.opt_root: str | None = message.body["opt_root"]
        self.can_listen = can_listen
        self._connection = connection
        self._looks = looks
        self._id: int = message.body["sandbox"]
        self.template: LaunchedTemplate | None = None
        if message.body["may_be_template"]:
            self.template = LaunchedTemplate(connection, self._id, restore)
        self._number: int = message.body["number"]
        self._group = Group.of(message.body["group"])
        self._keeper: int = message.body["keeper"]
        self._runtime_pid: int = message.body["runtime"]
        self._peak_bytes = 0
        self._held_bytes = 0
        self._cpu_s = 0.0
        self._last: Usage | None = None
        loop = asyncio.get_running_loop()
        self._exit: asyncio.Future[Exit] = loop.create_future()
        self._gone: asyncio.Future[None] = loop.create_future()
        self._asked: dict[str, list[asyncio.Future[tuple[int, ...]]]] = {}
        self._extensions: dict[str, asyncio.Future[Exit]] = {
            name: loop.create_future() for name in message.body["extensions"]
        }

    def begin(self) -> None:
        self._connection.send({"verb": "begin", "sandbox": self._id})

    def signal(self, extension: str | None, number: int) -> None:
        self._connection.send({"verb": "signal", "sandbox": self._id, "who": extension, "number": number})

    async def extension_exit(self, name: str) -> Exit:
        return await asyncio.shield(self._extensions[name])

    async def connector(self) -> socket.socket:
        descriptors = await self._ask("connector")
        if not descriptors:  # it ended, or the kernel dropped what there was no room for
            raise ConnectionAbortedError("no socket could be had from inside the sandbox")
        connector = socket.socket(fileno=descriptors[0])
        connector.setblocking(False)
        return connector

    async def limit_cpu(self) -> None:
        await self._ask("limit_cpu")

    async def freeze(self) -> None:
        await self._ask("freeze")

    async def thaw(self) -> None:
        await self._ask("thaw")

    async def kill(self) -> None:
        if not self._gone.done():
            self._connection.send({"verb": "kill", "sandbox": self._id})
            await asyncio.shield(self._gone)

    async def wait(self) -> Exit:
        return await asyncio.shield(self._exit)

    def usage(self) -> Usage:
        if self._last is not None:
            return self._last
        counted_bytes, cpu_ns = self._connection.counters(self._number)
        # The launcher looks every 20 ms; a short invocation may fall between two looks.
        self._peak_bytes = max(
            self._peak_bytes, counted_bytes, self._looks.take(self._look, is_first=not self._peak_bytes)
        )
        return Usage(self._peak_bytes, self._cpu_s if self._group.places else cpu_ns / 1e9, self._held_bytes)

    def _look(self) -> int:
        """Bytes in use now, or in memory of the runtime process at most so far."""
        private_bytes = 0
        if self._group.places:
            with contextlib.suppress(FileNotFoundError):  # it has ended
                memory = self._group.memory()
                private_bytes = memory.private_bytes
                self._held_bytes = private_bytes + memory.shared_bytes
                self._cpu_s = self._group.cpu_s()
        return max(private_bytes, self._resident_peak_bytes())

    def _resident_peak_bytes(self) -> int:
        """Of the runtime process itself, with the libraries it has mapped, as Lambda's own numbers have them."""
        if not self._runtime_pid:
            # The keeper's first child. Others come to it only when they are orphaned.
            self._runtime_pid = next(iter(processes.children(self._keeper)), 0)
        return processes.resident_peak_bytes(self._runtime_pid) if self._runtime_pid else 0

    def close_openings(self) -> None:
        """For a sandbox that nobody took over."""
        self.runtime_api.close()
        self.endpoint.close()
        os.close(self.output)
        if self.extension_output is not None:
            os.close(self.extension_output)

    def on_done(self, verb: str, descriptors: tuple[int, ...]) -> None:
        waiting = self._asked.get(verb)
        if waiting and not (answer := waiting.pop(0)).done():
            answer.set_result(descriptors)
        else:  # nobody waits for it any more
            for descriptor in descriptors:
                os.close(descriptor)

    def on_ended(self, body: dict[str, Any]) -> None:
        peak_bytes = max(self._peak_bytes, body["memory_peak_bytes"])
        self._last = Usage(peak_bytes, body["cpu_s"])
        self._end(Exit(body["status"], body["signal"], body["out_of_memory"], body["error"]))

    def on_extension(self, body: dict[str, Any]) -> None:
        ended = self._extensions[body["name"]]
        if not ended.done():
            ended.set_result(Exit(body["status"], body["signal"], error=body["error"]))

    def on_gone(self) -> None:
        """Nothing is left of it, for whatever reason."""
        if self._last is None:
            self._last = Usage(self._peak_bytes, 0.0)
        self._end(Exit(signal=9))
        if self.template is not None:
            self.template.on_gone()
        for ended in self._extensions.values():
            if not ended.done():
                ended.set_result(Exit(signal=9))
        if not self._gone.done():
            self._gone.set_result(None)
        for waiting in self._asked.values():
            for answer in waiting:
                if not answer.done():
                    answer.set_result(())
        self._asked.clear()

    def _end(self, how: Exit) -> None:
        if not self._exit.done():
            self._exit.set_result(how)

    async def _ask(self, verb: str) -> tuple[int, ...]:
        """Returns when it has been done, with what came of it."""
        if self._gone.done():
            return ()
        answer: asyncio.Future[tuple[int, ...]] = asyncio.get_running_loop().create_future()
        self._asked.setdefault(verb, []).append(answer)
        self._connection.send({"verb": verb, "sandbox": self._id})
        try:
            return await answer
        except asyncio.CancelledError:
            if answer.done() and not answer.cancelled():
                for descriptor in answer.result():
                    os.close(descriptor)
            raise


class LaunchedSandboxes:
    """Every sandbox of this node. When the launcher dies, all of them have ended, and another is started."""

    def __init__(self, walls: str, endpoint_port: int, memory_mb: int | None = None) -> None:
        self._opening = {"walls": walls, "endpoint_port": endpoint_port, "limits": asdict(Limits())}
        self._opening["memory_mb"] = memory_mb
        self._can_listen = walls != FENCE
        self._connection: Connection | None = None
        self._connecting = asyncio.Lock()
        self._failures = 0
        self._connected_at = 0.0
        self._ids = itertools.count(1)
        self._keys: OrderedDict[Any, int] = OrderedDict()
        """Of the runtimes that the launcher knows, least recently asked for first."""
        self._key_numbers = itertools.count(1)
        self._runtimes: dict[int, Runtime] = {}
        self._wanted: dict[int, int] = {}
        self._starting: dict[int, asyncio.Future[Sandbox]] = {}
        self._room_to_start = asyncio.Semaphore(SANDBOX_STARTS_AT_ONCE)
        self._sandboxes: dict[int, LaunchedSandbox] = {}
        self._restart: asyncio.Task[None] | None = None
        self._is_closed = False
        self._looks = Looks()
        self.isolation: tiers.Isolation | None = None
        """What the attack at the start found; None for sandboxes that were not opened by `open_sandboxes`."""

    @property
    def features(self) -> Mapping[str, Any]:
        """What the launcher found on this host."""
        return self._connection.features if self._connection else {}

    @property
    def launcher_pid(self) -> int | None:
        return self._connection.pid if self._connection else None

    async def open(self) -> Mapping[str, Any]:
        """The launcher is ready, and says what it found on this host. Raises LauncherFailed."""
        return (await self._connect()).features

    async def start(self, runtime: Runtime, assignment: Assignment) -> Sandbox:
        # Each needs the processors to get ready. Of very many at once, all would be late, and be given up.
        async with self._room_to_start:
            return await self._start(runtime, assignment)

    async def _start(self, runtime: Runtime, assignment: Assignment) -> Sandbox:
        connection = await self._connect()
        key = self._key(connection, runtime)
        sandbox = next(self._ids)
        answer: asyncio.Future[Sandbox] = asyncio.get_running_loop().create_future()
        self._starting[sandbox] = answer
        given = {"variables": dict(assignment.variables)}
        if assignment.extensions:
            given["extension_variables"] = dict(assignment.extension_variables)
        variables = _memory_file(json.dumps(given).encode())
        try:
            order = {
                "code": str(assignment.code),
                "layers": str(assignment.layers) if assignment.layers else None,
                "limits": asdict(assignment.limits),
                "extensions": assignment.extensions,
                "argv": runtime.argv,
                "is_template": assignment.may_be_template,
                "tenant": assignment.tenant,
            }
            connection.send({"verb": "start", "sandbox": sandbox, "runtime": key, **order}, [variables])
        finally:
            os.close(variables)
        return await self._answer(connection, sandbox, answer)

    async def _answer(self, connection: Connection, sandbox: int, answer: asyncio.Future[Sandbox]) -> Sandbox:
        try:
            return await answer
        except asyncio.CancelledError:
            # What comes anyway is killed where it arrives.
            connection.send({"verb": "kill", "sandbox": sandbox})
            raise

    async def _restore(self, template: int) -> Sandbox:
        """Another, forked from that one."""
        connection = self._connection
        if connection is None:
            raise SandboxRefused("the launcher ended")
        sandbox = next(self._ids)
        answer = self._starting[sandbox] = asyncio.get_running_loop().create_future()
        connection.send({"verb": "restore", "sandbox": sandbox, "template": template})
        return await self._answer(connection, sandbox, answer)

    async def prepare(self, runtime: Runtime, count: int) -> None:
        if not 0 <= count <= WAITING_CELLS_MAX:
            raise ValueError(f"{count} waiting cells of {runtime.name}: 0 to {WAITING_CELLS_MAX} can be had")
        connection = await self._connect()
        key = self._key(connection, runtime)
        self._wanted[key] = count
        connection.send({"verb": "prepare", "runtime": key, "count": count})

    async def close(self) -> None:
        self._is_closed = True
        if self._restart is not None:
            self._restart.cancel()
        if self._connection is not None:
            await self._connection.close()

    async def _connect(self) -> Connection:
        async with self._connecting:
            if self._connection is not None:
                return self._connection
            if self._is_closed:
                raise SandboxRefused("the node is stopping")
            if self._failures > LAUNCHER_RESTARTS_MAX:
                raise SandboxRefused(f"the launcher ended {self._failures} times in a row")
            loop = asyncio.get_running_loop()
            self._connected_at = loop.time()
            connection = await connect(self._opening, self._on_message, self._on_lost)
            self._connection = connection
            for key, runtime in self._runtimes.items():
                connection.send({"verb": "runtime", "key": key, **_described(runtime)})
                connection.send({"verb": "prepare", "runtime": key, "count": self._wanted.get(key, 0)})
            return connection

    def _key(self, connection: Connection, runtime: Runtime) -> int:
        """The number under which the launcher knows this runtime, which it is told the first time.

        What no process waits for is told what to start when it starts: functions choose that, and there is no end to
        the names they think of. The launcher keeps what the host has, and no more.
        """
        argv = runtime.argv if runtime.prestart else ()
        variables = tuple(sorted(runtime.variables.items()))
        identity = (runtime.name, argv, runtime.mounts, runtime.prestart, variables)
        key = self._keys.get(identity)
        if key is None:
            key = self._keys[identity] = next(self._key_numbers)
            self._runtimes[key] = runtime
            connection.send({"verb": "runtime", "key": key, **_described(runtime)})
            self._forget_some(connection, key)
        self._keys.move_to_end(identity)
        return key

    def _forget_some(self, connection: Connection, but: int) -> None:
        """The launcher knows no more than it may, and those of which cells wait. Java has one for each size."""
        unwanted = [each for each in self._keys.items() if each[1] != but and not self._wanted.get(each[1])]
        for identity, key in unwanted[: max(0, len(self._keys) - RUNTIMES_KNOWN_MAX)]:
            del self._keys[identity], self._runtimes[key]
            self._wanted.pop(key, None)
            connection.send({"verb": "forget", "runtime": key})

    def _on_message(self, message: Message) -> None:
        handlers: dict[str, Callable[[Message], None]] = {
            "started": self._on_started,
            "refused": self._on_refused,
            "broken": self._on_broken,
        }
        handler = handlers.get(message.verb)
        if handler is not None:
            handler(message)
            return
        sandbox = self._sandboxes.get(message.body["sandbox"])
        if sandbox is None:
            message.close()  # nobody took it over
        elif message.verb == "done":
            sandbox.on_done(message.body["of"], message.descriptors)
        elif message.verb == "extension":
            sandbox.on_extension(message.body)
        elif message.verb == "ended":
            sandbox.on_ended(message.body)
        elif message.verb in ("traced", "template"):
            if sandbox.template is not None:
                sandbox.template.hear(message.body)
        else:
            sandbox.on_gone()
            del self._sandboxes[message.body["sandbox"]]

    def _on_started(self, message: Message) -> None:
        assert self._connection is not None
        answer = self._starting.pop(message.body["sandbox"])
        if len(message.descriptors) < _OPENINGS:  # the kernel drops those for which we have no room
            for descriptor in message.descriptors:
                os.close(descriptor)
            self._connection.send({"verb": "kill", "sandbox": message.body["sandbox"]})
            if not answer.done():
                answer.set_exception(SandboxRefused("this node has too many files open (ulimit -n)"))
            return
        sandbox = LaunchedSandbox(self._connection, message, self._looks, self._restore, can_listen=self._can_listen)
        if answer.done():
            sandbox.close_openings()  # whoever wanted it does not any more; the launcher has been told to kill it
            return
        self._sandboxes[message.body["sandbox"]] = sandbox
        answer.set_result(sandbox)

    def _on_refused(self, message: Message) -> None:
        answer = self._starting.pop(message.body["sandbox"])
        if not answer.done():
            answer.set_exception(SandboxRefused(message.body["error"]))

    def _on_broken(self, message: Message) -> None:
        runtime = self._runtimes.get(message.body["runtime"])
        if runtime is None:
            return  # forgotten meanwhile: nobody wants its cells
        log.warning("a cell of %s could not be made ready: %s", runtime.name, message.body["error"])

    def _on_lost(self) -> None:
        self._connection = None
        for answer in self._starting.values():
            if not answer.done():
                answer.set_exception(SandboxRefused("the launcher ended"))
        self._starting.clear()
        for sandbox in self._sandboxes.values():
            sandbox.on_gone()
        self._sandboxes.clear()
        if self._is_closed:
            return
        loop = asyncio.get_running_loop()
        lived_s = loop.time() - self._connected_at
        self._failures = self._failures + 1 if lived_s < LAUNCHER_LIFE_MIN_S else 1
        log.error("the launcher ended after %.1f s, and every sandbox with it; starting another", lived_s)
        self._restart = loop.create_task(self._reconnect())

    async def _reconnect(self) -> None:
        try:
            await self._connect()
        except (LauncherFailed, SandboxRefused) as error:
            log.critical("no launcher: %s", error)


def _described(runtime: Runtime) -> dict[str, Any]:
    return {
        "name": runtime.name,
        "argv": list(runtime.argv) if runtime.prestart else [],
        "mounts": [[str(outside), inside] for outside, inside in runtime.mounts],
        "prestart": runtime.prestart,
        "divides": runtime.divides,
        "variables": dict(runtime.variables),
    }


def _memory_file(content: bytes) -> int:
    """A descriptor of a file that is nowhere."""
    descriptor = os.memfd_create("wakeful-variables", os.MFD_CLOEXEC)
    os.write(descriptor, content)
    return descriptor
