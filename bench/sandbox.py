"""How long sandboxes take: starts, a burst, kills, freezing; and what a waiting cell costs. Beside bare fork and exec.

    python bench/sandbox.py [--isolation auto|A|B|C|none] [--rounds 30] [--json]

Every variant is measured in turn, one sample in each round, so that a noisy machine is noisy for all of them.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from wakeful.environments import tiers
from wakeful.environments.jail import processes
from wakeful.environments.sandbox import Assignment, Limits, Runtime, Sandbox
from wakeful.environments.sandboxes import LaunchedSandboxes, open_sandboxes

BURST = 40
WAITING = 8

# The smallest runtime client there is: it asks for its first invocation, and no more.
PROGRAM = """
import os, sys
import _socket
def ask(variables):
    host, port = variables["AWS_LAMBDA_RUNTIME_API"].split(":")
    connection = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
    connection.connect((host, int(port)))
    connection.send(b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\\r\\n\\r\\n")
    connection.recv(1)
if os.environ.get("WAKEFUL_CELL"):
    import json
    os.write(3, b".")
    os.close(3)
    ask(json.loads(sys.stdin.buffer.read())["variables"])
else:
    ask(os.environ)
"""

VARIABLES = {"AWS_LAMBDA_RUNTIME_API": "127.0.0.1:9001", "LAMBDA_TASK_ROOT": "/var/task", "PATH": "/usr/bin:/bin"}


class Bench:
    """Sandboxes, and the runtimes to measure."""

    def __init__(self, sandboxes: LaunchedSandboxes, folder: Path) -> None:
        self.sandboxes = sandboxes
        self.code = folder / "code"
        self.code.mkdir()
        program = folder / "program.py"
        program.write_text(PROGRAM)
        mounts = (*tiers.interpreter_mounts(), (program, "/var/runtime/program.py"))
        argv = (tiers.interpreter(), "-I", "-S", "/var/runtime/program.py")
        self.waiting = Runtime("waiting", argv, mounts, True, {"PATH": "/usr/bin:/bin"})
        self.fresh = Runtime("fresh", argv, mounts, False, {})
        self.true = Runtime("true", ("/usr/bin/true",), mounts, False, {})
        self.wanted: dict[str, int] = {}
        self.argv = (tiers.interpreter(), "-I", "-S", str(program))

    async def start(self, runtime: Runtime) -> Sandbox:
        return await self.sandboxes.start(runtime, Assignment(self.code, None, VARIABLES, Limits()))

    async def to_first_request(self, runtime: Runtime) -> tuple[float, Sandbox]:
        began = time.perf_counter()
        sandbox = await self.start(runtime)
        await first_request(sandbox)
        return time.perf_counter() - began, sandbox

    async def prepare(self, runtime: Runtime, count: int) -> None:
        self.wanted[runtime.name] = count * (2 if runtime.prestart else 1)  # each has a keeper
        await self.sandboxes.prepare(runtime, count)
        await self.settle()

    async def settle(self) -> None:
        """All cells are there that should be, and nothing moves in them any more."""
        launcher = self.sandboxes.launcher_pid
        assert launcher is not None
        wanted, quiet = sum(self.wanted.values()), 0
        while quiet < 5:
            before = processes.use(processes.descendants(launcher), 1 << 40).cpu_s
            await asyncio.sleep(0.02)
            pids = processes.descendants(launcher)
            is_quiet = len(pids) == wanted and processes.use(pids, 1 << 40).cpu_s == before
            quiet = quiet + 1 if is_quiet else 0


async def first_request(sandbox: Sandbox) -> None:
    loop = asyncio.get_running_loop()
    connection, _ = await loop.sock_accept(sandbox.runtime_api)
    with connection:
        await loop.sock_recv(connection, 100)


async def discard(sandbox: Sandbox) -> float:
    began = time.perf_counter()
    await sandbox.kill()
    took = time.perf_counter() - began
    sandbox.runtime_api.close()
    sandbox.endpoint.close()
    os.close(sandbox.output)
    return took


def bare(*argv: str) -> float:
    began = time.perf_counter()
    os.waitpid(os.posix_spawn(argv[0], argv, {}), 0)
    return time.perf_counter() - began


async def fork_and_exec(bench: Bench) -> float:
    """The floor: /usr/bin/true from a bare fork."""
    return bare("/usr/bin/true")


async def bare_interpreter(bench: Bench) -> float:
    """The floor of a fresh start: the same Python, with no sandbox around it, to the end of an empty program."""
    return bare(*bench.argv[:3], "-c", "import _socket")


async def waiting_cell(bench: Bench) -> float:
    await bench.settle()
    took, sandbox = await bench.to_first_request(bench.waiting)
    await discard(sandbox)
    return took


async def waiting_cell_handed_over(bench: Bench) -> float:
    """Until the node has the sandbox: what the launcher's side of it takes."""
    await bench.settle()
    began = time.perf_counter()
    sandbox = await bench.start(bench.waiting)
    took = time.perf_counter() - began
    await discard(sandbox)
    return took


async def empty_cell(bench: Bench) -> float:
    """A waiting sandbox in which the runtime is started at the assignment."""
    await bench.settle()
    took, sandbox = await bench.to_first_request(bench.fresh)
    await discard(sandbox)
    return took


async def no_cell(bench: Bench) -> float:
    """Everything from nothing, for a program that ends at once."""
    began = time.perf_counter()
    sandbox = await bench.start(bench.true)
    await sandbox.wait()
    took = time.perf_counter() - began
    await discard(sandbox)
    return took


async def kill(bench: Bench) -> float:
    _, sandbox = await bench.to_first_request(bench.fresh)
    return await discard(sandbox)


async def freeze(bench: Bench) -> float:
    _, sandbox = await bench.to_first_request(bench.fresh)
    began = time.perf_counter()
    await sandbox.freeze()
    took = time.perf_counter() - began
    await discard(sandbox)
    return took


async def thaw(bench: Bench) -> float:
    _, sandbox = await bench.to_first_request(bench.fresh)
    await sandbox.freeze()
    began = time.perf_counter()
    await sandbox.thaw()
    took = time.perf_counter() - began
    await discard(sandbox)
    return took


async def ask_usage(bench: Bench) -> float:
    _, sandbox = await bench.to_first_request(bench.fresh)
    began = time.perf_counter()
    sandbox.usage()
    took = time.perf_counter() - began
    await discard(sandbox)
    return took


VARIANTS: dict[str, Callable[[Bench], Awaitable[float]]] = {
    "fork and exec /usr/bin/true, no sandbox": fork_and_exec,
    "fresh interpreter, no sandbox": bare_interpreter,
    "to the first request, from a waiting cell": waiting_cell,
    "  of that, until the node has the sandbox": waiting_cell_handed_over,
    "to the first request, fresh interpreter in a waiting sandbox": empty_cell,
    "from nothing to the end of /usr/bin/true": no_cell,
    "kill": kill,
    "freeze": freeze,
    "thaw": thaw,
    "usage": ask_usage,
}


async def burst(bench: Bench, runtime: Runtime, waiting: int) -> float:
    """So many starts at once, until every one has made its first request."""
    await bench.prepare(runtime, waiting)
    began = time.perf_counter()
    started = await asyncio.gather(*(bench.to_first_request(runtime) for _ in range(BURST)))
    took = time.perf_counter() - began
    await asyncio.gather(*(discard(sandbox) for _, sandbox in started))
    await bench.prepare(runtime, 0)
    return took


async def cost_of_waiting(bench: Bench) -> tuple[float, float]:
    """Of one waiting cell: proportional memory in MB, and the CPU time in ms that making it took."""
    launcher = bench.sandboxes.launcher_pid
    assert launcher is not None
    before_kb = sum(map(proportional_kb, [launcher, *processes.descendants(launcher)]))
    before_s = cpu_s(launcher)
    await bench.prepare(bench.waiting, BURST)
    after_kb = sum(map(proportional_kb, [launcher, *processes.descendants(launcher)]))
    after_s = cpu_s(launcher)
    await bench.prepare(bench.waiting, 0)
    return (after_kb - before_kb) / BURST / 1024, (after_s - before_s) / BURST * 1000


def cpu_s(launcher: int) -> float:
    return processes.use([launcher, *processes.descendants(launcher)], 1 << 40).cpu_s


def proportional_kb(pid: int) -> int:
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return next(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:"))


async def measure(isolation: str, rounds: int, folder: Path) -> dict[str, float]:
    began = time.perf_counter()
    sandboxes = await open_sandboxes(4566, isolation)
    found: dict[str, float] = {"open, with the attack": (time.perf_counter() - began) * 1000}
    assert sandboxes.isolation is not None
    sys.stderr.write(f"{sandboxes.isolation.summary}\n")
    bench = Bench(sandboxes, folder)
    try:
        await bench.prepare(bench.waiting, WAITING)
        await bench.prepare(bench.fresh, WAITING)
        samples: dict[str, list[float]] = {name: [] for name in VARIANTS}
        for _ in range(rounds):
            for name, variant in VARIANTS.items():
                samples[name].append(await variant(bench) * 1000)
        for name, values in samples.items():
            found[name] = statistics.median(values)
        await bench.prepare(bench.waiting, 0)
        await bench.prepare(bench.fresh, 0)
        found[f"{BURST} at once, all from waiting cells"] = await burst(bench, bench.waiting, BURST) * 1000
        found[f"{BURST} at once, fresh interpreters in waiting sandboxes"] = (
            await burst(bench, bench.fresh, BURST) * 1000
        )
        found[f"{BURST} at once, from nothing"] = await burst(bench, bench.waiting, 0) * 1000
        found["a waiting cell, memory in MB"], found["a waiting cell, CPU to make it"] = await cost_of_waiting(bench)
    finally:
        await sandboxes.close()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--isolation", choices=tiers.CHOICES, default=tiers.AUTO)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        found = asyncio.run(measure(given.isolation, given.rounds, folder))
    if given.json:
        print(json.dumps(found))
        return
    floor = found["fork and exec /usr/bin/true, no sandbox"]
    for name, value in found.items():
        unit = "MB" if name.endswith("MB") else "ms"
        print(f"{name:<62} {value:9.3f} {unit}{f'   {value / floor:7.1f} x' if unit == 'ms' else ''}")


if __name__ == "__main__":
    main()
