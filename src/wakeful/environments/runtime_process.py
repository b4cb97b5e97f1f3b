"""One runtime process in its sandbox, with what is attached to it: its Runtime API, its output, the node's endpoint."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from urllib.parse import urlsplit

from wakeful import limits
from wakeful.environments.door import Door
from wakeful.environments.extensions_api import ExtensionsApi
from wakeful.environments.faults import Fault
from wakeful.environments.journal import Journal
from wakeful.environments.metered import MeteredConnection
from wakeful.environments.output import Output
from wakeful.environments.overheard import Overheard
from wakeful.environments.report import Run
from wakeful.environments.runtime_api import Host, RuntimeApi
from wakeful.environments.sandbox import Sandbox
from wakeful.environments.surroundings import Closeable, Surroundings
from wakeful.environments.telemetry import Telemetry
from wakeful.environments.telemetry_api import TelemetryApi
from wakeful.environments.version import Version


class RuntimeProcess:
    """`host` hears what the runtime says, `journal` what it and its extensions print, while there is room for that.

    What either costs is counted in the function's share.
    """

    def __init__(
        self,
        sandbox: Sandbox,
        host: Host,
        extensions: ExtensionsApi,
        journal: Journal,
        telemetry: Telemetry,
        surroundings: Surroundings,
        version: Version,
    ) -> None:
        self.sandbox = sandbox
        self.extensions = extensions
        self.telemetry = telemetry
        self._host = host
        self._journal = journal
        self._node_port = urlsplit(surroundings.endpoint_url).port
        self.api = RuntimeApi(Overheard(host, telemetry, surroundings.clock, self.drain), extensions)
        self.api.routes.append(
            TelemetryApi(telemetry, extensions, self._reserved_ports, journal.subscribed, can_listen=sandbox.can_listen)
        )
        journal.telemetry = telemetry
        has_room = surroundings.log_has_room
        self._share = share = surroundings.shares.of(version.arn)
        self.output = Output(sandbox.output, journal.printed, has_room, share)
        self.extension_output = (
            Output(sandbox.extension_output, partial(journal.printed, by_extension=True), has_room, share)
            if sandbox.extension_output is not None
            else None
        )
        self._endpoint: Closeable | None = None
        self._door: Door | None = None
        self._is_closed = False
        self._debugger = version.debugger
        if self._debugger is not None:
            self._debugger.enters(sandbox.connector)

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

    def init_is_over(self, fault: Fault | None, duration_ms: float) -> None:
        """What became of INIT is told. Where no extension wants to hear more, the runtime is not listened in on."""
        members = self.extensions.members
        if members:
            self.drain()
            self._journal.extensions(members.values())
        self.telemetry.init_ends(fault, duration_ms)
        if not self.telemetry.is_wanted:
            self.api.host = self._host
            self._journal.telemetry = None

    def is_broken_off(self, run: Run, fault: Fault) -> None:
        """The invocation under way ends like that; extensions hear of it before they are told to end."""
        if self._journal.telemetry is not None:
            self.drain()
            self.telemetry.ends(run, fault)

    async def freeze(self) -> None:
        self.telemetry.pause()
        await self.sandbox.freeze()

    async def thaw(self) -> None:
        await self.sandbox.thaw()
        self.telemetry.resume()

    def drain(self) -> None:
        """Everything that was printed before this call has been heard."""
        self.output.drain()
        if self.extension_output is not None:
            self.extension_output.drain()

    async def close(self) -> None:
        """Every process inside is dead, and what they printed has been heard."""
        self._is_closed = True
        if self._debugger is not None:
            self._debugger.leaves(self.sandbox.connector)
        if self._door is not None:
            self._door.close()
        self.api.close()
        self.telemetry.close()
        if self._journal.telemetry is self.telemetry:
            self._journal.telemetry = None
        if self._endpoint is not None:
            self._endpoint.close()
        await self.sandbox.kill()
        self.drain()
        self.output.close()
        if self.extension_output is not None:
            self.extension_output.close()
        self.sandbox.runtime_api.close()
        self.sandbox.endpoint.close()

    def _reserved_ports(self) -> set[int]:
        """On the loopback inside, those that are ours, whatever they are called in there."""
        ours = {listener.getsockname()[1] for listener in (self.sandbox.runtime_api, self.sandbox.endpoint)}
        return ours if self._node_port is None else ours | {self._node_port}

    def memory_mb(self, peak_mb: int) -> tuple[int, int]:
        """The peak, which was `peak_mb` before, and what it holds now."""
        usage = self.sandbox.usage()
        return max(peak_mb, -(-usage.memory_peak_bytes // (1024 * 1024))), usage.held_bytes >> 20
