"""The tasks of a part of the node: whoever starts one here need not wait for it, and its failure is told."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class Tasks:
    def __init__(self, whose: str) -> None:
        self._whose = whose
        self._tasks: set[asyncio.Task[Any]] = set()

    def spawn(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """It goes on by itself. What it fails with is told as a mistake of ours."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def start(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """As `spawn`, for whoever gets its error."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._left)
        return task

    async def end(self) -> None:
        """Returns when all have ended."""
        while self._tasks:
            await asyncio.wait(set(self._tasks))

    def _left(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # where whoever started it has gone meanwhile, nobody wants to hear

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            context = {"message": f"a task of {self._whose} failed", "exception": error, "task": task}
            task.get_loop().call_exception_handler(context)
