"""Runs a command of ours in a sandbox, at the paths and with the files that a runtime finds there."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from wakeful import limits
from wakeful.environments import variables
from wakeful.environments.sandbox import Assignment, Limits, Runtime, Sandbox, Sandboxes


class Inside:
    """`folder` is an empty one of the host, for where a function's code would be."""

    def __init__(self, sandboxes: Sandboxes, folder: Path) -> None:
        self._sandboxes = sandboxes
        self._folder = folder

    async def written(self, runtime: Runtime) -> bytes | None:
        """All that it writes; None where it fails, takes too long, or is not at the paths of Lambda."""
        self._folder.mkdir(parents=True, exist_ok=True)
        limits_ = Limits(memory_mb=limits.INSIDE_MEMORY_MB)
        sandbox = await self._sandboxes.start(runtime, Assignment(self._folder, None, runtime.variables, limits_))
        try:
            if sandbox.task_root != variables.TASK_ROOT:
                return None
            async with asyncio.timeout(limits.INSIDE_S):
                written = await _read_to_end(sandbox)
                ended = await sandbox.wait()
            return written if ended.status == 0 else None
        except TimeoutError:
            return None
        finally:
            await sandbox.kill()
            os.close(sandbox.output)
            sandbox.runtime_api.close()
            sandbox.endpoint.close()


async def _read_to_end(sandbox: Sandbox) -> bytes:
    loop = asyncio.get_running_loop()
    pieces: list[bytes] = []
    ended = loop.create_future()

    def read() -> None:
        try:
            piece = os.read(sandbox.output, limits.OUTPUT_READ_BYTES)
        except BlockingIOError:
            return
        pieces.append(piece)
        if not piece and not ended.done():
            ended.set_result(None)

    loop.add_reader(sandbox.output, read)
    try:
        await ended
    finally:
        loop.remove_reader(sandbox.output)
    return b"".join(pieces)
