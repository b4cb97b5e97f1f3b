"""A pool with everything around it that a node would give, for tests: real runtime processes, a log that is kept."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.environments.plain import PlainSandboxes
from wakeful import names
from wakeful.clock import Clock
from wakeful.environments.environment import Environment, Surroundings
from wakeful.environments.pool import Bounds, Pool
from wakeful.environments.runtimes import Runtimes
from wakeful.environments.sandbox import Sandboxes
from wakeful.environments.version import Credentials, Invocation, Outcome, Version
from wakeful.fabric.trace import Trace

ARN = "arn:aws:lambda:us-east-1:000000000000:function:"


class Endpoint:
    """Where a node's API would be served."""

    def __init__(self, environment: Environment) -> None:
        self.environment = environment
        self.is_closed = False

    def close(self) -> None:
        self.is_closed = True


class World:
    """`async with World(…) as world`; nothing of it is left afterwards."""

    def __init__(
        self, folder: Path, runtimes: Runtimes, *, bounds: Bounds | None = None, sandboxes: Sandboxes | None = None
    ) -> None:
        self.folder = folder
        self.runtimes = runtimes
        self.clock = Clock()
        self.log: list[tuple[str, int, str]] = []
        """(log stream, timestamp in ms, text)"""

        self.endpoints: list[Endpoint] = []
        self.ended: list[str] = []
        """Log streams of environments that are gone."""

        self.failure: Exception | None = None
        """What the node cannot do: raised where credentials are asked for."""
        self.credentials_s = 3600.0
        self.isolation = "none"
        self._bounds = bounds or Bounds(freeze_after_s=3600.0)
        self._sandboxes = sandboxes
        self._count = 0

    async def __aenter__(self) -> Self:
        self.plain = PlainSandboxes(self.folder / "plain")
        self.pool = Pool(self.surroundings(), self._bounds)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.pool.close()
        await self.plain.close()
        for _ in range(5):  # rounds of the loop in which a connection that was just accepted is made, left and closed
            await asyncio.sleep(0)
        assert all(endpoint.is_closed for endpoint in self.endpoints)

    def surroundings(self) -> Surroundings:
        return Surroundings(
            sandboxes=self._sandboxes or self.plain,
            runtimes=self.runtimes,
            clock=self.clock,
            credentials=self._credentials,
            log=lambda version, stream, events: self.log.extend((stream, at, text) for at, text in events),
            serve_endpoint=self._serve,
            log_ended=lambda version, stream: self.ended.append(stream),
        )

    async def _credentials(self, version: Version) -> Credentials:
        if self.failure is not None:
            raise self.failure
        expires_at = self.clock.now() + self.credentials_s
        return Credentials("ASIAEXAMPLE", "secret", f"token of {version.role_arn}", expires_at)

    async def _serve(self, socket: Any, environment: Environment) -> Endpoint:
        endpoint = Endpoint(environment)
        self.endpoints.append(endpoint)
        return endpoint

    def version(
        self, files: Mapping[str, str], handler: str = "app.handler", *, runtime: str = "python3.11", **settings: Any
    ) -> Version:
        """A version of a function of its own, with these files as its package."""
        self._count += 1
        name = settings.pop("name", f"function-{self._count}")
        code = self.folder / f"code-{self._count}"
        write(code, files)
        return Version(
            **{
                "arn": ARN + name,
                "name": name,
                "version": "$LATEST",
                "account": "000000000000",
                "region": "us-east-1",
                "revision": "1",
                "runtime": runtime,
                "handler": handler,
                "code": code,
                "role_arn": "arn:aws:iam::000000000000:role/test",
                "timeout_s": 10.0,
                **settings,
            }
        )

    def files(self, files: Mapping[str, str]) -> Path:
        """A folder with these files, such as merged layers."""
        self._count += 1
        folder = self.folder / f"files-{self._count}"
        write(folder, files)
        return folder

    def invocation(self, event: Any = None, **more: Any) -> Invocation:
        payload = event if isinstance(event, bytes) else json.dumps({} if event is None else event).encode()
        more.setdefault("trace", Trace("1-00000000-000000000000000000000000"))
        return Invocation(names.new_uuid(), payload, ARN + "invoked", **more)

    async def invoke(self, version: Version, event: Any = None, **more: Any) -> Outcome:
        return await self.pool.invoke(version, self.invocation(event, **more))

    async def answer(self, version: Version, event: Any = None, **more: Any) -> Any:
        """What the function returned; fails where it failed."""
        outcome = await self.invoke(version, event, **more)
        assert outcome.error is None, outcome.payload
        return json.loads(outcome.payload)

    async def error(self, version: Version, event: Any = None, **more: Any) -> Any:
        """The error document of an invocation that must fail."""
        outcome = await self.invoke(version, event, **more)
        assert outcome.error == "Unhandled", outcome.payload
        return json.loads(outcome.payload)

    @property
    def lines(self) -> list[str]:
        """What was logged, in order."""
        return [text for _, _, text in self.log]

    @property
    def printed(self) -> list[str]:
        """What the function itself wrote."""
        platform = ("START ", "END ", "REPORT ", "INIT_START ", "INIT_REPORT ")
        return [text for text in self.lines if not text.startswith(platform)]


def write(folder: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        if text.startswith("#!"):
            path.chmod(0o755)
    folder.mkdir(parents=True, exist_ok=True)


async def until(condition: Any, timeout_s: float = 60.0) -> None:
    """Returns when the condition holds; looked at again and again."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "it never became true"
        await asyncio.sleep(0.002)


@asynccontextmanager
async def held(pool: Pool, version: Version) -> AsyncIterator[Environment]:
    """One environment, kept from everybody else as during an invocation."""
    pool._admit(version)
    environment = pool._take_idle(version.key) or await pool._wait(version.key, version, None)
    try:
        yield environment
    finally:
        pool._free(environment)
