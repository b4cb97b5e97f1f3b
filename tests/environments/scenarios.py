"""What happens to sandboxes between their start and their end, as plain coroutines for the driver to carry out."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from tests.environments.site import Site, Started, readable, until
from wakeful.environments import sandboxes
from wakeful.environments.jail import processes
from wakeful.environments.sandbox import Assignment, Limits, Runtime, SandboxRefused

FUNCTIONS = Path(__file__).parent / "functions.py"
TRUE = ("/usr/bin/true",)


def descriptor_counts(site: Site) -> tuple[int, int]:
    """How many descriptors the node and the launcher hold."""
    return descriptor_count("self"), descriptor_count(str(launcher_of(site)))


def descriptor_count(process: str) -> int:
    return sum(1 for _ in Path(f"/proc/{process}/fd").iterdir())


def launcher_of(site: Site) -> int:
    assert site.sandboxes.launcher_pid is not None
    return site.sandboxes.launcher_pid


def runtime_of(site: Site, *argv: str, prestart: bool = False) -> Runtime:
    return Runtime(argv[0], argv, site.runtime().mounts, prestart, {"PATH": "/usr/bin:/bin"})


async def waiting(site: Site, runtime: Runtime, count: int) -> None:
    """That many cells of the runtime are ready."""
    await site.sandboxes.prepare(runtime, count)
    if not site.starts_with_its_function:
        await until(lambda: ready_cells(site) >= count, f"{count} waiting cells")


def ready_cells(site: Site) -> int:
    """Runtime processes that wait for an assignment: blocked in reading their standard input."""
    return sum(_is_waiting(pid) for pid in processes.descendants(launcher_of(site)))


def _is_waiting(pid: int) -> bool:
    try:
        is_runtime = b"/var/runtime/inside.py" in Path(f"/proc/{pid}/cmdline").read_bytes()
        or_host_path = b"tests/environments/inside.py" in Path(f"/proc/{pid}/cmdline").read_bytes()
        holds_ready_pipe = Path(f"/proc/{pid}/fd/3").is_symlink() or os.path.lexists(f"/proc/{pid}/fd/3")
    except OSError:
        return False
    return (is_runtime or or_host_path) and not holds_ready_pipe and processes.state(pid) == "S"


async def report(site: Site, prestart: bool) -> dict[str, Any]:
    """What a function sees of its start, with a layer and a variable."""
    code, layers = site.package(FUNCTIONS), site.package(**{"layer.txt": "x"})
    runtime = site.runtime(prestart=prestart)
    if prestart:
        await waiting(site, runtime, 1)
    started = await site.start(
        code, "functions", "report", runtime=runtime, layers=layers, variables={"GREETING": "grüße\nzweite Zeile"}
    )
    try:
        await started.ended()
        seen: dict[str, Any] = started.answer()
        return {**seen, "task_root": started.sandbox.task_root, "opt_root": started.sandbox.opt_root}
    finally:
        await started.discard()
        await site.sandboxes.prepare(runtime, 0)


async def first_request(site: Site, prestart: bool) -> str:
    runtime = site.runtime(prestart=prestart)
    if prestart:
        await waiting(site, runtime, 1)
    started = await site.start(site.package(), runtime=runtime)
    try:
        return (await started.next_request()).decode()
    finally:
        await started.discard()
        await site.sandboxes.prepare(runtime, 0)


async def reached_from_outside(site: Site, frozen: bool) -> dict[str, Any]:
    """A connection from out here to a port in there: its Runtime API's, at which we answer ourselves."""
    started = await site.start(site.package(FUNCTIONS), "functions", "count_up")
    sandbox, loop = started.sandbox, asyncio.get_running_loop()
    try:
        await started.said(b"1\n")
        if frozen:
            await sandbox.freeze()
            await sandbox.thaw()
        waiter = loop.create_task(sandbox.connector())
        await asyncio.sleep(0)
        waiter.cancel()  # nobody wants that one any more
        with await asyncio.wait_for(sandbox.connector(), 10) as connector:
            is_blocking = connector.getblocking()
            inside = sandbox.runtime_api.getsockname()
            await asyncio.wait_for(loop.sock_connect(connector, inside), 10)
            accepted, _ = await asyncio.wait_for(loop.sock_accept(sandbox.runtime_api), 10)
            with accepted:
                await loop.sock_sendall(connector, b"hello")
                said = await asyncio.wait_for(loop.sock_recv(accepted, 100), 10)
    finally:
        await started.discard()
    try:
        await sandbox.connector()
        after = "a socket"
    except OSError as error:
        after = str(error)
    return {
        "port": inside[1],
        "said": said.decode(),
        "is_blocking": is_blocking,
        "can_listen": sandbox.can_listen,
        "after": after,
    }


async def end(site: Site, how: str) -> dict[str, Any]:
    started = await site.start(site.package(FUNCTIONS), "functions", "end", {"how": how})
    try:
        return asdict(await started.ended())
    finally:
        await started.discard()


async def run_bootstrap(site: Site, text: str, mode: int) -> dict[str, Any]:
    """A custom runtime's bootstrap, as it was packed."""
    code = site.package(bootstrap=text) if text else site.package()
    if text:
        (code / "bootstrap").chmod(mode)
    started = await site.start(code, runtime=runtime_of(site, "/var/task/bootstrap"))
    try:
        ended = await started.ended()
        return {**asdict(ended), "printed": started.printed().decode()}
    finally:
        await started.discard()


async def refusals(site: Site) -> dict[str, str]:
    """Starts that cannot be."""
    reasons = {}
    nowhere = site.folder / "nowhere"
    bad = Runtime("bad", TRUE, ((Path("/usr"), "/tmp/usr"),), False, {})
    missing = Runtime("missing", TRUE, ((nowhere, "/var/lang"),), False, {})
    for name, code, runtime in (
        ("no code", nowhere, site.runtime()),
        ("reserved place", site.folder, bad),
        ("no interpreter", site.folder, missing),
    ):
        try:
            started = await site.start(code, runtime=runtime)
        except SandboxRefused as error:
            reasons[name] = str(error)
        else:
            reasons[name] = f"started: {await started.ended()}"
            await started.discard()
    return reasons


async def tmp_is_ones_own(site: Site) -> list[list[str]]:
    code = site.package(FUNCTIONS)
    return [await site.call(code, "functions", "leave_a_file") for _ in range(2)]


async def tmp_sizes(site: Site, sizes: list[int]) -> list[int]:
    code, found = site.package(FUNCTIONS), []
    for size in sizes:
        started = await site.start(code, "functions", "tmp_mb", limits=Limits(tmp_mb=size))
        await started.ended()
        found.append(started.answer())
        await started.discard()
    return found


async def carry_variables(site: Site, size: int, prestart: bool) -> int:
    runtime = site.runtime(prestart=prestart)
    code, variables = site.package(FUNCTIONS), {"LARGE": "x" * size}
    started = await site.start(code, "functions", "length_of", {"name": "LARGE"}, runtime=runtime, variables=variables)
    try:
        await started.ended()
        return int(started.answer())
    finally:
        await started.discard()


async def freeze_and_thaw(site: Site) -> dict[str, float]:
    """CPU time and output of a while in which it was frozen; before and after it, both are waited for."""
    started = await site.start(site.package(FUNCTIONS), "functions", "count_up")
    try:
        await started.said(b"3\n")
        await _runs(site)
        await started.sandbox.freeze()
        started.printed()
        before = _cpu_s(site)
        await asyncio.sleep(0.2)
        frozen, printed = _cpu_s(site) - before, started.printed()
        await started.sandbox.freeze()
        await started.sandbox.thaw()
        await _runs(site)
        return {"frozen": frozen, "printed": len(printed)}
    finally:
        await started.discard()


async def _runs(site: Site) -> None:
    """What is inside takes CPU time."""
    before = _cpu_s(site)
    await until(lambda: _cpu_s(site) > before + 0.05, "it takes CPU time")


def _cpu_s(site: Site) -> float:
    return processes.use(processes.descendants(launcher_of(site)), 1 << 40).cpu_s


async def kill_while_frozen(site: Site) -> list[float]:
    """Seconds that a kill takes: of one that runs, of one that is frozen, of one that is gone."""
    took = []
    for is_frozen in (False, True):
        started = await site.start(site.package(FUNCTIONS), "functions", "count_up")
        await started.said(b"2\n")
        if is_frozen:
            await started.sandbox.freeze()
        began = time.monotonic()
        await asyncio.gather(started.sandbox.kill(), started.sandbox.kill())
        took.append(time.monotonic() - began)
        ended = await started.ended()
        assert ended.signal == signal.SIGKILL, ended
        assert not ended.out_of_memory
    began = time.monotonic()
    await started.sandbox.kill()
    await started.sandbox.freeze()
    await started.sandbox.thaw()
    await started.sandbox.limit_cpu()
    took.append(time.monotonic() - began)
    await started.discard()
    return took


async def usage(site: Site) -> list[list[float]]:
    """[memory, CPU] of a function while it runs, and after it is gone."""
    started = await site.start(site.package(FUNCTIONS), "functions", "count_up")
    await started.said(b"30\n")
    found = [started.sandbox.usage()]
    await started.discard()
    found.append(started.sandbox.usage())
    return [[use.memory_peak_bytes, use.cpu_s] for use in found]


async def run_programs(site: Site, count: int) -> dict[str, Any]:
    """So many functions that start programs of their own names; and how often something was mounted for them."""
    plain = site.runtime()
    before = descriptor_counts(site)
    printed = []
    for number in range(count):
        runtime = replace(plain, argv=("/bin/echo", f"program {number}"))
        started = await site.start(site.package(), runtime=runtime)
        await started.ended()
        printed.append(started.printed().decode())
        await started.discard()
    return {"printed": printed, "kept": descriptor_counts(site)[1] - before[1]}


async def run_of_many_kinds(site: Site, count: int, known_max: int) -> dict[str, Any]:
    """So many runtimes whose cells differ, each asked for twice, by a node that remembers few of them."""
    sandboxes.RUNTIMES_KNOWN_MAX = known_max  # type: ignore[attr-defined]
    plain, code = site.runtime(prestart=True), site.package(FUNCTIONS)
    before = descriptor_counts(site)
    statuses = []
    for number in [*range(count), *range(count)]:
        runtime = replace(plain, argv=(*plain.argv, str(number)))
        started = await site.start(code, "functions", "draw", runtime=runtime)
        statuses.append((await started.ended()).status)
        await started.discard()
    return {"statuses": statuses, "kept": descriptor_counts(site)[1] - before[1], "known": len(site.sandboxes._keys)}


async def start_many(site: Site, count: int) -> int:
    """So many at once; how many different ones spoke."""
    code = site.package()

    async def one() -> Started:
        started = await site.start(code)
        assert (await started.next_request()).startswith(b"GET ")
        return started

    all_started = await asyncio.gather(*(one() for _ in range(count)))
    alive = {started.sandbox.runtime_api.fileno() for started in all_started}
    await asyncio.gather(*(started.discard() for started in all_started))
    return len(alive)


async def leak(site: Site, count: int) -> list[list[int]]:
    """Descriptors of node and launcher before and after so many sandboxes came and went."""
    runtime, code = runtime_of(site, *TRUE), site.package()

    async def some(number: int) -> None:
        for _ in range(number):
            started = await site.start(code, runtime=runtime)
            await started.ended()
            await started.discard()

    await some(3)
    before = descriptor_counts(site)
    await asyncio.gather(*(some(count // 10) for _ in range(10)))
    await until(lambda: descriptor_counts(site) <= before, f"as few descriptors as {before}", 5)
    return [list(before), list(descriptor_counts(site))]


async def beside(site: Site, function: str) -> float:
    """How long another sandbox takes to its first request while one does its worst."""
    worst = await site.start(
        site.package(FUNCTIONS, Path(__file__).parent.parent / "security" / "attacks.py"),
        "attacks" if function == "chatter" else "functions",
        function,
        limits=Limits(processes_max=64),
    )
    try:
        await asyncio.sleep(0.2)
        began = time.monotonic()
        started = await site.start(site.package())
        await started.next_request()
        took = time.monotonic() - began
        await started.discard()
        return took
    finally:
        await worst.discard()


async def broken_runtime(site: Site) -> list[str]:
    """A runtime that dies before it is ready, and one that says so and writes why."""
    runtime = runtime_of(site, "/bin/sh", "-c", "echo no such library; exit 3", prestart=True)
    said = []
    for _ in range(2):
        try:
            await site.start(site.package(), runtime=runtime)
        except SandboxRefused as error:
            said.append(str(error))
    await site.sandboxes.prepare(runtime, 4)
    await site.sandboxes.prepare(runtime, 0)
    return said


async def cancelled_start(site: Site) -> int:
    """Starts that nobody waits for any more; how many processes are left of them."""
    code = site.package()
    before = len(processes.descendants(launcher_of(site)))
    for pause_s in (0, 0.001, 0.003, 0.01):
        starting = asyncio.ensure_future(site.start(code))
        await asyncio.sleep(pause_s)
        starting.cancel()
        outcome = (await asyncio.gather(starting, return_exceptions=True))[0]
        if isinstance(outcome, Started):
            await outcome.discard()
    await until(lambda: len(processes.descendants(launcher_of(site))) <= before, "nothing is left of them")
    return len(processes.descendants(launcher_of(site))) - before


async def change_the_number_that_waits(site: Site) -> list[int]:
    runtime, counts = site.runtime(prestart=True, name="counted"), []
    for count in (3, 1, 0):
        await site.sandboxes.prepare(runtime, count)
        await until(lambda count=count: ready_cells(site) == count, f"{count} wait")  # type: ignore[misc]
        counts.append(ready_cells(site))
    return counts


async def kill_the_launcher(site: Site) -> dict[str, Any]:
    """With a SIGKILL, while functions run and cells wait."""
    runtime = site.runtime(prestart=True)
    await waiting(site, runtime, 1)
    started = await site.start(site.package(FUNCTIONS), "functions", "count_up")
    await started.said(b"2\n")
    launcher = launcher_of(site)
    inside = processes.descendants(launcher)
    os.kill(launcher, signal.SIGKILL)
    ended = await started.ended()
    await until(lambda: not any(processes.state(pid) not in ("", "Z") for pid in inside), "all of them are dead")
    await started.discard()
    again = await site.start(site.package())
    said = await again.next_request()
    await again.discard()
    await until(lambda: ready_cells(site) == 1, "cells wait again")
    await site.sandboxes.prepare(runtime, 0)
    return {"signal": ended.signal, "again": said.decode(), "another": launcher_of(site) != launcher}


async def run_on(site: Site) -> list[int]:
    """Leaves functions running and cells waiting; the processes they are made of."""
    await waiting(site, site.runtime(prestart=True), 2)
    for _ in range(2):
        started = await site.start(site.package(FUNCTIONS), "functions", "count_up")
        await started.said(b"2\n")
        site.kept.append(started)
    await site.kept[0].sandbox.freeze()
    return [launcher_of(site), *processes.descendants(launcher_of(site))]


async def leave_a_child_of_the_node(site: Site) -> int:
    """A child of the node's that forked without exec, as some libraries do: it holds the launcher's channel open."""
    pid = os.fork()
    if pid == 0:
        signal.pause()
    return pid


async def beside_extensions(site: Site, prestart: bool) -> dict[str, Any]:
    """Two extensions run, the function's code waits; it ends, and the one that goes on is asked to end."""
    code, layers = site.package(FUNCTIONS), site.package()
    (layers / "extensions").mkdir()
    for name, text in (("ends", "echo ended; exit 3"), ("stays", "echo stays $WHO; exec sleep 60")):
        program = layers / "extensions" / name
        program.write_text(f"#!/bin/sh\n{text}\n")
        program.chmod(0o755)
    given = {
        "AWS_LAMBDA_RUNTIME_API": "127.0.0.1:9001",
        "LAMBDA_TASK_ROOT": "/var/task",
        "PATH": "/usr/bin:/bin",
        "CALL": json.dumps(["functions", "report", {}]),
    }
    own = {"PATH": "/usr/bin:/bin", "WHO": "here"}
    names = ("ends", "stays")
    assignment = Assignment(code, layers, given, Limits(), extensions=names, extension_variables=own)
    sandbox = await site.sandboxes.start(site.runtime(prestart=prestart), assignment)
    started = Started(sandbox)
    assert sandbox.extension_output is not None
    said = b""
    try:
        ended = await sandbox.extension_exit("ends")
        while b"stays" not in said:
            await readable(sandbox.extension_output)
            said += os.read(sandbox.extension_output, 65536)
        printed_before = started.printed()
        sandbox.begin()
        runtime = await started.ended()
        answer = started.answer()
        sandbox.signal(None, signal.SIGKILL)  # has ended, and nobody minds
        sandbox.signal("stays", signal.SIGTERM)
        stopped = await sandbox.extension_exit("stays")
    finally:
        await started.discard()
        os.close(sandbox.extension_output)
    return {
        "said": said.decode(),
        "printed before": printed_before.decode(),
        "variables": answer,
        "ends": [asdict(end) for end in (ended, runtime, stopped)],
    }
