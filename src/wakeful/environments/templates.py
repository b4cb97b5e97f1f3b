"""The node's side of a template: the sandbox whose initialised process is held, so that others are forked from it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from wakeful.environments.connection import Connection
from wakeful.environments.sandbox import Sandbox

_ENDED = "it has ended"


class LaunchedTemplate:
    """A template that a launcher looks after. `restore` gives another sandbox, by the number of this one."""

    def __init__(self, connection: Connection, number: int, restore: Callable[[int], Awaitable[Sandbox]]) -> None:
        self._connection = connection
        self._number = number
        self._restore = restore
        loop = asyncio.get_running_loop()
        self._said: dict[str, asyncio.Future[str | None]] = {
            "traced": loop.create_future(),
            "template": loop.create_future(),
        }

    async def trace(self) -> str | None:
        self._connection.send({"verb": "trace", "sandbox": self._number})
        return await asyncio.shield(self._said["traced"])

    async def held(self) -> str | None:
        return await asyncio.shield(self._said["template"])

    async def restore(self) -> Sandbox:
        return await self._restore(self._number)

    def hear(self, body: Mapping[str, Any]) -> None:
        said = self._said[body["verb"]]
        if not said.done():
            said.set_result(body["reason"])

    def on_gone(self) -> None:
        """The sandbox has ended."""
        for said in self._said.values():
            if not said.done():
                said.set_result(_ENDED)
