"""Where environments with SnapStart are forked from: for each version one process, held since its INIT was over.

INIT runs once, in a sandbox like any other. Then the process stands still, and every environment begins as a copy of
it in a sandbox of its own. What cannot be copied is parked instead, and the next environment runs INIT itself.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any
from weakref import WeakValueDictionary

from wakeful import limits
from wakeful.environments.runtime_process import RuntimeProcess
from wakeful.environments.sandbox import Sandbox
from wakeful.environments.version import Key, Version

log = logging.getLogger(__name__)

Spawn = Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]]


@dataclass(eq=False)
class Origin:
    """One process that is held. `token` is what its copies show to get credentials, `release` its runtime's name."""

    process: RuntimeProcess
    token: str
    release: str

    async def restore(self) -> Sandbox:
        """Raises SandboxRefused."""
        template = self.process.sandbox.template
        assert template is not None
        return await template.restore()


class Origins:
    """All of the pool's. `on_end` hears when the one of a version is of no use any more."""

    def __init__(self, spawn: Spawn, on_end: Callable[[Key], None]) -> None:
        self._spawn = spawn
        self._on_end = on_end
        self._origins: dict[Key, Origin] = {}
        self._turns: WeakValueDictionary[Key, asyncio.Lock] = WeakValueDictionary()
        self._refused: set[Key] = set()

    @property
    def memory_mb(self) -> int:
        return sum(max(origin.process.memory_mb(0)) for origin in self._origins.values())

    def find(self, key: Key) -> Origin | None:
        return self._origins.get(key)

    def turn(self, key: Key) -> asyncio.Lock:
        """Held by whoever runs INIT to be copied: of several environments one does, and the others wait for it."""
        return self._turns.setdefault(key, asyncio.Lock())

    def may_be_had(self, version: Version) -> bool:
        """Whether it is worth trying: our own client for Python goes along, and nothing spoke against it so far."""
        return version.runtime.startswith("python") and version.key not in (*self._origins, *self._refused)

    async def try_to_hold(self, version: Version, process: RuntimeProcess, fork: Callable[[], None]) -> str | None:
        """The process is held in the middle of a fork; `fork` tells it to go there. Else why not, and it goes on."""
        template = process.sandbox.template
        if template is None:
            return "this host cannot do it"
        reason = await template.trace()
        if reason is None:
            fork()
            try:
                async with asyncio.timeout(limits.TEMPLATE_TIMEOUT_S):
                    reason = await template.held()
            except TimeoutError:
                await process.sandbox.kill()
                reason = "it did not fork in time"
        if reason is not None:
            self._refused.add(version.key)
            log.info(
                "each environment of %s runs INIT itself, because the first could not be copied: %s",
                version.arn,
                reason,
            )
        return reason

    def keep(self, key: Key, origin: Origin) -> None:
        """From now on environments of this version are forked from it, until it ends or is dropped."""
        self._origins[key] = origin
        self._spawn(self._watch(key, origin))

    def drop(self, key: Key) -> None:
        """It is given up; those that were forked from it go on."""
        self._refused.discard(key)
        origin = self._origins.pop(key, None)
        if origin is not None:
            self._spawn(origin.process.close())

    def drop_where(self, is_meant: Callable[[Key], bool]) -> bool:
        """Whether there was one to be given up."""
        meant = [key for key in self._origins if is_meant(key)]
        for key in meant:
            self.drop(key)
        return bool(meant)

    async def _watch(self, key: Key, origin: Origin) -> None:
        await origin.process.sandbox.wait()
        if self._origins.get(key) is origin:
            log.warning("the process that environments of a version are forked from has ended: %s", key)
            self.drop(key)
            self._on_end(key)
