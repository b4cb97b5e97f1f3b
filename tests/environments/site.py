"""What scenarios work with: sandboxes, a runtime made of the node's own Python, and functions to put into them."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wakeful.environments import tiers
from wakeful.environments.languages import python_folder
from wakeful.environments.sandbox import Assignment, Exit, Limits, Runtime, Sandbox
from wakeful.environments.sandboxes import LaunchedSandboxes

ENDPOINT_PORT = 4566

TEMPLATE, COPY = "template", "copy"

_PROGRAM = Path(__file__).parent / "inside.py"


@dataclass(eq=False)
class Started:
    """A sandbox of the test's own."""

    sandbox: Sandbox

    async def next_request(self) -> bytes:
        """What the runtime process sends first to the Runtime API."""
        loop = asyncio.get_running_loop()
        connection, _ = await asyncio.wait_for(loop.sock_accept(self.sandbox.runtime_api), 20)
        with connection:
            return await asyncio.wait_for(loop.sock_recv(connection, 100), 20)

    async def ended(self) -> Exit:
        return await asyncio.wait_for(self.sandbox.wait(), 30)

    async def said(self, until: bytes) -> bytes:
        """What it printed, once `until` is part of it."""
        said = b""
        while until not in said:
            await readable(self.sandbox.output)
            more = os.read(self.sandbox.output, 65536)
            assert more, f"the sandbox ended after {said!r}"
            said += more
        return said

    def printed(self) -> bytes:
        """All that it has printed so far; for one that has ended, all."""
        said = b""
        try:
            while more := os.read(self.sandbox.output, 65536):
                said += more
        except BlockingIOError:
            return said
        return said

    def answer(self) -> Any:
        """What the function returned; for one that has ended."""
        said = self.printed().decode(errors="replace")
        try:
            return json.loads(said)
        except json.JSONDecodeError:
            raise AssertionError(f"the function said: {said}") from None

    async def discard(self) -> None:
        await self.sandbox.kill()
        self.sandbox.runtime_api.close()
        self.sandbox.endpoint.close()
        os.close(self.sandbox.output)


class Site:
    """One node's sandboxes, and a folder of the node's user."""

    def __init__(self, sandboxes: LaunchedSandboxes, folder: Path, *, from_stem: bool = False) -> None:
        """With `from_stem`, runtime processes are forked from one that has warmed up, as Python's are."""
        self.sandboxes = sandboxes
        self.folder = folder
        self.copies: str | None = None
        """TEMPLATE or COPY: whatever is started may become a template, or is a copy of one."""
        self.kept: list[Started] = []
        """What outlives its scenario."""
        self._packages = itertools.count(1)
        self._stem = stem_folder(folder) if from_stem else None
        self._prepared = False

    @property
    def starts_with_its_function(self) -> bool:
        """Behind Landlock no runtime process can wait: what it may read depends on the function."""
        assert self.sandboxes.isolation is not None
        return self.sandboxes.isolation.tier == "C"

    def runtime(self, *, prestart: bool = False, name: str = "python") -> Runtime:
        """The node's own Python, running `inside.py`."""
        mounts = (*tiers.interpreter_mounts(), (_PROGRAM, "/var/runtime/inside.py"))
        argv = (tiers.interpreter(), "-I", "-S", "/var/runtime/inside.py")
        if self._stem is None:
            return Runtime(name, argv, mounts, prestart, {"PATH": "/usr/bin:/bin"})
        mounts = (*mounts, (self._stem, "/var/stem"))
        return Runtime(name, argv, mounts, True, {"PATH": "/usr/bin:/bin"}, divides=True)

    def package(self, *modules: Path, **files: str) -> Path:
        """A function's unpacked code."""
        package = self.folder / f"package-{next(self._packages)}"
        package.mkdir()
        for module in modules:
            (package / module.name).write_text(module.read_text())
        for name, text in files.items():
            (package / name).write_text(text)
        return package

    async def start(
        self,
        code: Path,
        module: str = "",
        function: str = "",
        arguments: Mapping[str, Any] | None = None,
        *,
        limits: Limits | None = None,
        prestart: bool = False,
        layers: Path | None = None,
        runtime: Runtime | None = None,
        variables: Mapping[str, str] | None = None,
    ) -> Started:
        """A sandbox in which `function` of `module` (in `code`) is on its way to being called."""
        given = {
            "AWS_LAMBDA_RUNTIME_API": "127.0.0.1:9001",
            "LAMBDA_TASK_ROOT": "/var/task",
            "PATH": "/usr/bin:/bin",
            "CALL": json.dumps([module, function, dict(arguments or {})]),
            **(variables or {}),
        }
        if self.copies == COPY:
            given["COPY"] = "1"
        may_be_template = self.copies is not None
        assignment = Assignment(code, layers, given, limits or Limits(), may_be_template=may_be_template)
        if self._stem is not None and not self._prepared:
            self._prepared = True
            await self.sandboxes.prepare(self.runtime(), 1)
        started = Started(await self.sandboxes.start(runtime or self.runtime(prestart=prestart), assignment))
        return await self._copied(started) if self.copies == COPY else started

    async def start_template(self, code: Path, module: str, function: str, variables: Mapping[str, str]) -> Started:
        """One that is held; copies of it call the function."""
        self.copies = TEMPLATE
        started = await self.start(code, module, function, variables={"COPY": "1", **variables})
        await _hold(started)
        return started

    async def _copied(self, started: Started) -> Started:
        """A copy of what was started, which itself does not run any further, and is gone."""
        try:
            await _hold(started)
            assert started.sandbox.template is not None
            return Started(await started.sandbox.template.restore())
        finally:
            await started.discard()

    async def call(self, code: Path, module: str, function: str, **arguments: Any) -> Any:
        """What the function returned inside a sandbox that is gone again."""
        started = await self.start(code, module, function, arguments)
        try:
            ended = await started.ended()
            assert ended == Exit(status=0), f"{ended}: {started.printed().decode(errors='replace')}"
            return started.answer()
        finally:
            await started.discard()


async def _hold(started: Started) -> None:
    template = started.sandbox.template
    assert template is not None
    loop = asyncio.get_running_loop()
    connection, _ = await asyncio.wait_for(loop.sock_accept(started.sandbox.runtime_api), 20)
    with connection:
        await loop.sock_recv(connection, 100)
        assert await template.trace() is None
        await loop.sock_sendall(connection, b".")
        assert await asyncio.wait_for(template.held(), 20) is None


def stem_folder(folder: Path) -> Path:
    """What a stem needs to send cells behind their walls, as a runtime's folder has it."""
    stem = folder / "stem"
    shutil.copytree(python_folder.CLIENT / "wakeful_runtime", stem / "wakeful_runtime")
    (stem / "wakeful_runtime" / "jail").mkdir()
    for name in python_folder.WALLS:
        shutil.copy(python_folder.JAIL / name, stem / "wakeful_runtime" / "jail" / name)
    return stem


async def readable(descriptor: int) -> None:
    loop = asyncio.get_running_loop()
    came: asyncio.Future[None] = loop.create_future()

    def note() -> None:
        if not came.done():
            came.set_result(None)

    loop.add_reader(descriptor, note)
    try:
        await asyncio.wait_for(came, 20)
    finally:
        loop.remove_reader(descriptor)


async def until(condition: Callable[[], Any], what: str, seconds: float = 10) -> None:
    """Waits for a condition that nobody announces."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while not condition():
        assert loop.time() < deadline, f"not within {seconds} s: {what}"
        await asyncio.sleep(0.002)
