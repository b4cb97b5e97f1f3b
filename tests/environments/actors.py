"""Sandboxes for the pool's own tests: the runtime is a coroutine of the test, so that hundreds cost nothing.

An event is a script: {"sleep": seconds} answers after a while, {"exit": status} ends the runtime, {"fail": true} fails.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
from dataclasses import dataclass, field
from typing import Any

from wakeful.environments.sandbox import Assignment, Exit, Runtime, Sandbox, Usage


@dataclass(eq=False)
class Actor:
    """A sandbox with a runtime that plays its script."""

    stage: Actors
    name: str
    runtime_api: socket.socket
    endpoint: socket.socket
    output: int
    output_end: int
    task_root: str = "/var/task"
    opt_root: str | None = "/opt"
    extension_output: int | None = None
    template: None = None
    can_listen: bool = True
    is_gone: bool = False
    is_frozen: bool = False
    memory_bytes: int = 20 << 20
    played: int = 0
    _exit: asyncio.Future[Exit] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    _life: asyncio.Task[None] | None = None

    def enter(self) -> None:
        self._life = asyncio.get_running_loop().create_task(self._live())

    async def _live(self) -> None:
        if self.stage.init_s:
            await asyncio.sleep(self.stage.init_s)
        reader, writer = await asyncio.open_connection(*self.runtime_api.getsockname())
        try:
            writer.write(b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n")
            while True:
                request_id, script = await _event(reader)
                assert not self.is_frozen, "a frozen environment was given an event"
                self.played += 1
                await asyncio.sleep(script.get("sleep", 0))
                if "exit" in script:
                    self._end(Exit(status=script["exit"]))
                    return
                verb = "error" if script.get("fail") else "response"
                writer.write(
                    b"POST /2018-06-01/runtime/invocation/%b/%b HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"
                    b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n"
                    % (request_id.encode(), verb.encode())
                )
                await reader.readuntil(b"}\n")  # 202 Accepted
        except (asyncio.IncompleteReadError, ConnectionError):
            return  # the environment is being taken down
        finally:
            writer.close()

    def _end(self, end: Exit) -> None:
        if not self._exit.done():
            self._exit.set_result(end)

    def begin(self) -> None: ...

    def signal(self, extension: str | None, number: int) -> None: ...

    async def extension_exit(self, name: str) -> Exit:
        raise AssertionError("actors have no extensions")

    async def connector(self) -> socket.socket:
        raise AssertionError("actors have no extensions")

    async def limit_cpu(self) -> None: ...

    async def freeze(self) -> None:
        self.is_frozen = True

    async def thaw(self) -> None:
        self.is_frozen = False

    async def kill(self) -> None:
        if self._life is not None:
            self._life.cancel()
            await asyncio.wait([self._life])
        self._end(Exit(signal=9))
        if not self.is_gone:
            self.is_gone = True
            os.close(self.output_end)

    async def wait(self) -> Exit:
        return await asyncio.shield(self._exit)

    def usage(self) -> Usage:
        return Usage(self.memory_bytes, 0.0)


class Actors:
    """Where they come from. Remembers the most that there were at a time."""

    def __init__(self) -> None:
        self.cast: list[Actor] = []
        self.alive_max = 0
        self.init_s = 0.0
        self.failures: list[Exception] = []
        self.memory_bytes = 20 << 20

    @property
    def alive(self) -> list[Actor]:
        return [actor for actor in self.cast if not actor.is_gone]

    async def start(self, runtime: Runtime, assignment: Assignment) -> Sandbox:
        if self.failures:
            raise self.failures.pop(0)
        await asyncio.sleep(0)
        reading, writing = os.pipe()
        os.set_blocking(reading, False)
        name = assignment.variables["AWS_LAMBDA_FUNCTION_NAME"]
        actor = Actor(self, name, _listening(), _listening(), reading, writing, memory_bytes=self.memory_bytes)
        actor.enter()
        self.cast.append(actor)
        self.alive_max = max(self.alive_max, len(self.alive))
        return actor

    async def prepare(self, runtime: Runtime, count: int) -> None: ...

    async def close(self) -> None:
        for actor in self.cast:
            await actor.kill()


async def _event(reader: asyncio.StreamReader) -> tuple[str, Any]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    headers = dict(line.split(": ", 1) for line in head.strip().split("\r\n")[1:])
    return headers["Lambda-Runtime-Aws-Request-Id"], json.loads(
        await reader.readexactly(int(headers["Content-Length"]))
    )


def _listening() -> socket.socket:
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setblocking(False)
    return listener
