"""How long an invocation takes from the pool to the function and back, beside a bare echo; and cold starts.

    python -m bench.environment [--isolation auto|A|B|C|none] [--seconds 3] [--colds 20]

The floor is the least that could be: the same bytes to a process that sends them back. Floor and invocations are
measured in turns, so that a noisy machine is noisy for both.
"""

from __future__ import annotations

import argparse
import asyncio
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import uvloop

from wakeful import names
from wakeful.clock import Clock
from wakeful.environments.environment import Environment, Surroundings
from wakeful.environments.pool import Pool
from wakeful.environments.runtimes import RuntimeAbsent, Runtimes
from wakeful.environments.sandboxes import LaunchedSandboxes, open_sandboxes
from wakeful.environments.version import Credentials, Invocation, Version

OWN = f"python{sys.version_info[0]}.{sys.version_info[1]}"
FUNCTIONS = {
    OWN: ("app.py", "def handler(event, context):\n    return event\n"),
    "nodejs20.x": ("app.js", "exports.handler = async (event) => event;\n"),
}
PAYLOAD = b'{"key1": "value1", "key2": "value2"}'
ROUNDS = 5
BURST = 40

ECHO = """
import _socket, sys
connection = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
connection.connect(("127.0.0.1", int(sys.argv[1])))
connection.setsockopt(6, 1, 1)
while True:
    data = connection.recv(65536)
    if not data:
        break
    connection.sendall(data)
"""


class Floor(asyncio.Protocol):
    """A bare protocol and a process that echoes."""

    def __init__(self) -> None:
        self._answer: asyncio.Future[None] | None = None
        self.connected = asyncio.Event()

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self.connected.set()

    def data_received(self, data: bytes) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(None)

    async def ask(self) -> None:
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(b"x" * 300)
        await self._answer


class Nothing:
    def close(self) -> None: ...


class Bench:
    def __init__(self, folder: Path, sandboxes: LaunchedSandboxes) -> None:
        self.folder = folder
        self.sandboxes = sandboxes
        self.runtimes = Runtimes(folder / "runtimes")
        self.pool = Pool(
            Surroundings(
                sandboxes=sandboxes,
                runtimes=self.runtimes,
                clock=Clock(),
                credentials=self._credentials,
                log=lambda version, stream, events: None,
                serve_endpoint=self._serve,
            )
        )
        self._count = 0

    async def _credentials(self, version: Version) -> Credentials:
        return Credentials("ASIAEXAMPLE", "secret", "token", time.time() + 3600)

    async def _serve(self, listener: socket.socket, environment: Environment) -> Nothing:
        return Nothing()

    def function(self, runtime: str) -> Version:
        """A function that nobody has called. With one whole CPU, so that its quota is not what is measured."""
        self._count += 1
        name, text = FUNCTIONS[runtime]
        code = self.folder / f"code-{self._count}"
        code.mkdir()
        (code / name).write_text(text)
        return Version(
            arn=f"arn:aws:lambda:us-east-1:000000000000:function:f{self._count}",
            name=f"f{self._count}",
            version="$LATEST",
            account="000000000000",
            region="us-east-1",
            revision="1",
            runtime=runtime,
            handler="app.handler",
            code=code,
            role_arn="arn:aws:iam::000000000000:role/bench",
            memory_mb=1769,
        )

    async def invoke(self, version: Version) -> None:
        outcome = await self.pool.invoke(version, Invocation(names.new_uuid(), PAYLOAD, version.arn))
        assert outcome.error is None, outcome.payload


async def times_us(ask: Callable[[], Awaitable[None]], seconds: float) -> list[float]:
    """How long each took, one after the other."""
    taken = []
    end = time.perf_counter() + seconds
    while (start := time.perf_counter()) < end:
        await ask()
        taken.append((time.perf_counter() - start) * 1e6)
    return taken


async def rate(ask: Callable[[], Awaitable[None]], callers: int, seconds: float) -> float:
    """How many a second, with so many callers at a time."""
    count = 0
    end = time.perf_counter() + seconds

    async def call() -> None:
        nonlocal count
        while time.perf_counter() < end:
            await ask()
            count += 1

    start = time.perf_counter()
    await asyncio.gather(*(call() for _ in range(callers)))
    return count / (time.perf_counter() - start)


async def warm(bench: Bench, runtimes: list[str], floor: Floor, seconds: float) -> None:
    subjects: dict[str, Callable[[], Awaitable[None]]] = {"bare echo": floor.ask}
    versions = {runtime: bench.function(runtime) for runtime in runtimes}
    for runtime, version in versions.items():
        subjects[runtime] = lambda version=version: bench.invoke(version)  # type: ignore[misc]
    taken: dict[str, list[float]] = {name: [] for name in subjects}
    for _ in range(ROUNDS):
        for name, ask in subjects.items():
            await times_us(ask, seconds / ROUNDS / 5)
            taken[name] += await times_us(ask, seconds / ROUNDS)
    rates = {name: await rate(ask, 16, seconds) for name, ask in subjects.items() if name != "bare echo"}
    print("| warm | p50 µs | p99 µs | above the floor µs | one caller /s | 16 callers /s |\n|---|---|---|---|---|---|")
    least = statistics.median(taken["bare echo"])
    for name, values in taken.items():
        middle, high = statistics.median(values), statistics.quantiles(values, n=100)[98]
        many = f"{rates[name]:.0f}" if name in rates else ""
        above, each = middle - least, 1e6 / statistics.mean(values)
        print(f"| {name} | {middle:.0f} | {high:.0f} | {above:.0f} | {each:.0f} | {many} |")


async def cold(bench: Bench, runtimes: list[str], count: int) -> None:
    print("\n| cold start to the first answer | p50 ms | p90 ms |\n|---|---|---|")
    for name in runtimes:
        runtime = await bench.runtimes.cell(name)
        await bench.sandboxes.prepare(runtime, 8)
        taken = []
        for _ in range(count):
            version = bench.function(name)
            await asyncio.sleep(0.3)  # time for the cell that was taken to be replaced
            start = time.perf_counter()
            await bench.invoke(version)
            taken.append((time.perf_counter() - start) * 1e3)
        print(f"| {name}, a cell waits | {statistics.median(taken):.1f} | {statistics.quantiles(taken, n=10)[8]:.1f} |")
        await bench.sandboxes.prepare(runtime, BURST)
        await asyncio.sleep(5)
        versions = [bench.function(name) for _ in range(BURST)]
        start = time.perf_counter()
        await asyncio.gather(*(bench.invoke(version) for version in versions))
        print(f"| {name}, {BURST} at once, all answered | {(time.perf_counter() - start) * 1e3:.0f} | |")
        await bench.sandboxes.prepare(runtime, 0)


async def main(arguments: argparse.Namespace) -> None:
    loop = asyncio.get_running_loop()
    sandboxes = await open_sandboxes(4566, arguments.isolation)
    assert sandboxes.isolation is not None
    print(f"isolation {sandboxes.isolation.tier}\n")
    floor = Floor()
    server = await loop.create_server(lambda: floor, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        Path(folder).chmod(0o755)
        bench = Bench(Path(folder), sandboxes)
        echo = await asyncio.create_subprocess_exec(sys.executable, "-I", "-S", "-c", ECHO, str(port))
        try:
            await floor.connected.wait()
            runtimes = []
            for name in FUNCTIONS:
                try:
                    await bench.runtimes.cell(name)
                    runtimes.append(name)
                except RuntimeAbsent as absent:
                    print(absent)
            await warm(bench, runtimes, floor, arguments.seconds)
            await cold(bench, runtimes, arguments.colds)
        finally:
            echo.kill()
            await echo.wait()
            server.close()
            await bench.pool.close()
            await sandboxes.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--isolation", default="auto")
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--colds", type=int, default=20)
    uvloop.run(main(parser.parse_args()))
