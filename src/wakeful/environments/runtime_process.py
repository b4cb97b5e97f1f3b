"""One runtime process in its sandbox, with what is attached to it: its Runtime API, its output, the node's endpoint."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from wakeful import limits
from wakeful.environments.door import Door
from wakeful.environments.extensions_api import ExtensionsApi
from wakeful.environments.metered import MeteredConnection
from wakeful.environments.output import Output
from wakeful.environments.runtime_api import Host, RuntimeApi
from wakeful.environments.sandbox import Sandbox
from wakeful.fabric.shares import Share


class Closeable(Protocol):
    def close(self) -> None: ...


class RuntimeProcess:
    """`host` hears what the runtime says, `printed` what it and its extensions print, while it `has_room` for that.

    What either costs is counted in the tenant's `share`.
    """

    def __init__(
        self,
        sandbox: Sandbox,
        host: Host,
        extensions: ExtensionsApi,
        printed: Callable[[list[str]], None],
        has_room: Callable[[], bool],
        share: Share,
    ) -> None:
        self.sandbox = sandbox
        self.extensions = extensions
        self.api = RuntimeApi(host, extensions)
        self._share = share
        self.output = Output(sandbox.output, printed, has_room, share)
        self.extension_output = (
            Output(sandbox.extension_output, printed, has_room, share) if sandbox.extension_output is not None else None
        )
        self._endpoint: Closeable | None = None
        self._door: Door | None = None
        self._is_closed = False

    async def serve(self, serve_endpoint: Callable[[], Awaitable[Closeable]]) -> None:
        """The runtime and what it runs are answered from now on."""
        endpoint = await serve_endpoint()
        if self._is_closed:
            endpoint.close()
            return
        self._endpoint = endpoint
        self._door = Door(
            self.sandbox.runtime_api,
            lambda: MeteredConnection(self.api, self._share),
            self._share,
            lambda: len(self.api.connections) < limits.RUNTIME_CONNECTIONS_MAX,
        )

    def drain(self) -> None:
        """Everything that was printed before this call has been heard."""
        self.output.drain()
        if self.extension_output is not None:
            self.extension_output.drain()

    async def close(self) -> None:
        """Every process inside is dead, and what they printed has been heard."""
        self._is_closed = True
        if self._door is not None:
            self._door.close()
        self.api.close()
        if self._endpoint is not None:
            self._endpoint.close()
        await self.sandbox.kill()
        self.drain()
        self.output.close()
        if self.extension_output is not None:
            self.extension_output.close()
        self.sandbox.runtime_api.close()
        self.sandbox.endpoint.close()

    def memory_mb(self) -> tuple[int, int]:
        """The peak, and what it holds now."""
        usage = self.sandbox.usage()
        return -(-usage.memory_peak_bytes // (1024 * 1024)), usage.held_bytes >> 20
