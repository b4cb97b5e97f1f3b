"""Sandboxes without walls, for tests: the real runtime processes, started on the host, with paths rewritten."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from wakeful.environments.sandbox import Assignment, Exit, Runtime, Sandbox, Usage

_API = "127.0.0.1:9001"


@dataclass(eq=False)
class PlainSandbox:
    """One process group."""

    pid: int
    runtime_api: socket.socket
    endpoint: socket.socket
    output: int
    task_root: str = "/var/task"
    opt_root: str | None = None
    extension_output: int | None = None
    template: None = None
    can_listen: bool = True
    is_limited: bool = False
    has_run_out_of_memory: bool = False
    is_frozen: bool = False
    is_killed: bool = False
    peak_bytes: int = 0
    ready: int | None = None
    _exit: asyncio.Future[Exit] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    def watch(self) -> None:
        self._pidfd = os.pidfd_open(self.pid)
        asyncio.get_running_loop().add_reader(self._pidfd, self._reap)

    def _reap(self) -> None:
        asyncio.get_running_loop().remove_reader(self._pidfd)
        os.close(self._pidfd)
        _, status = os.waitpid(self.pid, 0)
        code = os.waitstatus_to_exitcode(status)
        end = Exit(signal=-code, out_of_memory=self.has_run_out_of_memory) if code < 0 else Exit(status=code)
        if not self._exit.done():
            self._exit.set_result(end)

    def run_out_of_memory(self) -> None:
        """As if the kernel had killed it for that."""
        self.has_run_out_of_memory = True
        self._signal(signal.SIGKILL)

    @property
    def kernel_state(self) -> str:
        """R, S, T …, as /proc/<pid>/stat has it."""
        return Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()[0]

    def begin(self) -> None:
        raise AssertionError("external extensions are tested in real sandboxes")

    def signal(self, extension: str | None, number: int) -> None:
        assert extension is None
        self._signal(number)

    async def extension_exit(self, name: str) -> Exit:
        raise AssertionError("external extensions are tested in real sandboxes")

    async def connector(self) -> socket.socket:
        connector = socket.socket()
        connector.setblocking(False)
        return connector

    async def limit_cpu(self) -> None:
        self.is_limited = True

    async def freeze(self) -> None:
        self.is_frozen = True
        self._signal(signal.SIGSTOP)

    async def thaw(self) -> None:
        self.is_frozen = False
        self._signal(signal.SIGCONT)

    async def kill(self) -> None:
        self.usage()
        self._signal(signal.SIGKILL)
        await asyncio.shield(self._exit)
        if not self.is_killed and self.ready is not None:
            os.close(self.ready)
        self.is_killed = True

    async def wait(self) -> Exit:
        return await asyncio.shield(self._exit)

    def usage(self) -> Usage:
        try:
            for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
                if line.startswith("VmHWM:"):
                    self.peak_bytes = int(line.split()[1]) * 1024
        except (FileNotFoundError, ProcessLookupError):
            pass  # it has ended; the last reading stands
        return Usage(self.peak_bytes, 0.0)

    def close_openings(self) -> None:
        self.runtime_api.close()
        self.endpoint.close()
        os.close(self.output)

    def _signal(self, number: int) -> None:
        try:
            os.killpg(self.pid, number)
        except ProcessLookupError:
            pass  # the whole group is gone already


@dataclass(eq=False)
class Cell:
    sandbox: PlainSandbox
    assignment: int
    ready: int


class PlainSandboxes:
    """Counts what it starts, so that tests can ask."""

    def __init__(self, folder: Path) -> None:
        self._empty = folder / "empty"
        self._empty.mkdir(parents=True, exist_ok=True)
        self._cells: dict[str, deque[Cell]] = {}
        self._wanted: dict[str, int] = {}
        self.started: list[PlainSandbox] = []
        self.assignments: list[Assignment] = []
        self.failure: Exception | None = None

    @property
    def alive_count(self) -> int:
        return sum(not sandbox.is_killed for sandbox in self.started)

    async def start(self, runtime: Runtime, assignment: Assignment) -> Sandbox:
        if self.failure is not None:
            raise self.failure
        self.assignments.append(assignment)
        inside = self._paths(runtime, assignment)
        if runtime.prestart:
            waiting = self._cells.get(runtime.name)
            cell = waiting.popleft() if waiting else self._cell(runtime)
            variables = self._variables(assignment.variables, inside, cell.sandbox.runtime_api, cell.sandbox.endpoint)
            os.write(cell.assignment, json.dumps({"variables": variables}).encode())
            os.close(cell.assignment)
            cell.sandbox.ready = cell.ready
            sandbox = cell.sandbox
        else:
            sandbox = self._spawn(runtime, assignment, inside)
        self.started.append(sandbox)
        return sandbox

    async def prepare(self, runtime: Runtime, count: int) -> None:
        """Unlike the real ones, returns when they wait."""
        cells = self._cells.setdefault(runtime.name, deque())
        while len(cells) < count:
            cell = self._cell(runtime)
            cells.append(cell)
            await asyncio.get_running_loop().run_in_executor(None, os.read, cell.ready, 1)

    async def give_up_cell(self, runtime: Runtime) -> Exit:
        """How a waiting process ends that will never have a function."""
        cell = self._cells[runtime.name].popleft()
        os.close(cell.assignment)
        end = await cell.sandbox.wait()
        os.close(cell.ready)
        cell.sandbox.close_openings()
        return end

    async def close(self) -> None:
        for sandbox in self.started:
            await sandbox.kill()
        for cells in self._cells.values():
            for cell in cells:
                os.close(cell.assignment)
                os.close(cell.ready)
                await cell.sandbox.kill()
                cell.sandbox.close_openings()
        self._cells.clear()

    def _paths(self, runtime: Runtime, assignment: Assignment) -> list[tuple[str, str]]:
        return [
            ("/var/task", str(assignment.code)),
            ("/opt", str(assignment.layers or self._empty)),
            *((within, str(host)) for host, within in runtime.mounts),
        ]

    def _cell(self, runtime: Runtime) -> Cell:
        stdin_read, stdin_write = os.pipe()
        ready_read, ready_write = os.pipe()
        inside = [(within, str(host)) for host, within in runtime.mounts]
        variables = {**runtime.variables, "WAKEFUL_CELL": "1"}
        sandbox = self._process(
            [_translated(part, inside) for part in runtime.argv],
            {name: _translated(value, inside) for name, value in variables.items()},
            "/",
            stdin_read,
            ready_write,
        )
        os.close(stdin_read)
        os.close(ready_write)
        return Cell(sandbox, stdin_write, ready_read)

    def _spawn(self, runtime: Runtime, assignment: Assignment, inside: list[tuple[str, str]]) -> PlainSandbox:
        null = os.open(os.devnull, os.O_RDONLY)
        sockets = (_listening(), _listening())
        variables = self._variables(assignment.variables, inside, *sockets)
        try:
            return self._process(
                [_translated(part, inside) for part in runtime.argv],
                variables,
                str(assignment.code),
                null,
                None,
                sockets,
            )
        finally:
            os.close(null)

    def _variables(
        self,
        variables: Mapping[str, str],
        inside: list[tuple[str, str]],
        api: socket.socket,
        endpoint: socket.socket,
    ) -> dict[str, str]:
        changed = {name: _translated(value, inside) for name, value in variables.items()}
        for name in {"AWS_LAMBDA_RUNTIME_API", "AWS_CONTAINER_CREDENTIALS_FULL_URI"} & changed.keys():
            changed[name] = changed[name].replace(_API, f"127.0.0.1:{api.getsockname()[1]}")
        changed["AWS_ENDPOINT_URL"] = f"http://127.0.0.1:{endpoint.getsockname()[1]}"
        return changed

    def _process(
        self,
        argv: list[str],
        variables: dict[str, str],
        folder: str,
        stdin: int,
        ready: int | None,
        sockets: tuple[socket.socket, socket.socket] | None = None,
    ) -> PlainSandbox:
        output_read, output_write = os.pipe()
        os.set_blocking(output_read, False)
        api, endpoint = sockets or (_listening(), _listening())
        actions: list[tuple[int, ...]] = [
            (os.POSIX_SPAWN_DUP2, stdin, 0),
            (os.POSIX_SPAWN_DUP2, output_write, 1),
            (os.POSIX_SPAWN_DUP2, output_write, 2),
        ]
        if ready is not None:
            actions.append((os.POSIX_SPAWN_DUP2, ready, 3))
        shell = ["/bin/sh", "-c", 'cd "$0" && exec "$@"', folder, *argv]
        pid = os.posix_spawn("/bin/sh", shell, variables, file_actions=actions, setpgroup=0)
        os.close(output_write)
        sandbox = PlainSandbox(pid, api, endpoint, output_read)
        sandbox.watch()
        return sandbox


def _listening() -> socket.socket:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(128)
    listener.setblocking(False)
    return listener


def _translated(value: str, inside: list[tuple[str, str]]) -> str:
    parts = value.split(":")
    for index, part in enumerate(parts):
        for within, host in sorted(inside, key=lambda pair: -len(pair[0])):
            if part == within or part.startswith(within + "/"):
                parts[index] = host + part[len(within) :]
                break
    return ":".join(parts)
