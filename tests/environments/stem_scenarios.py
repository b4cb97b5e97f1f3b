"""What happens to stems and the cells that are forked from them, as plain coroutines for the driver to carry out."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from pathlib import Path
from typing import Any

from tests.environments.scenarios import FUNCTIONS, launcher_of
from tests.environments.site import Site, until
from wakeful.environments.jail import processes
from wakeful.environments.sandbox import Runtime

_FALLS = """import os, sys
if os.environ.pop("WAKEFUL_STEM", None):
    sys.path.insert(0, "/var/stem")
    from wakeful_runtime import stem
    stem.divide()
    os._exit(3)
exec(open("/var/runtime/inside.py").read())
"""
"""Runs well by itself; every cell that is forked from it ends before it is ready."""


def stems(site: Site) -> list[int]:
    return [pid for pid in processes.children(launcher_of(site)) if b"inside.py" in command_of(pid)]


def keepers(site: Site) -> list[int]:
    return [pid for pid in processes.children(launcher_of(site)) if pid not in stems(site)]


def command_of(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


async def draw_in_several(site: Site) -> list[dict[str, Any]]:
    code = site.package(FUNCTIONS)
    return [await site.call(code, "functions", "draw") for _ in range(4)]


async def start_others(site: Site) -> Any:
    return await site.call(site.package(FUNCTIONS), "functions", "start_others")


async def draw_without_stem(site: Site) -> list[dict[str, Any]]:
    found = await draw_in_several(site)
    for pid in stems(site):
        os.kill(pid, signal.SIGKILL)
    await until(lambda: not stems(site), "the stem has ended")
    return [*found, *await draw_in_several(site)]


async def want_no_more(site: Site) -> list[list[int]]:
    await draw_in_several(site)
    found = [stems(site)]
    await site.sandboxes.prepare(site.runtime(), 0)
    await until(lambda: not processes.children(launcher_of(site)), "neither a stem nor a cell is left")
    await site.sandboxes.prepare(site.runtime(), 1)
    await until(lambda: stems(site), "there is a stem again")
    return [*found, stems(site)]


async def stop_the_stem(site: Site) -> dict[str, Any]:
    """It answers nobody any more, and whoever calls gets a cell all the same."""
    code = site.package(FUNCTIONS)
    before = await site.call(code, "functions", "draw")
    await until(lambda: len(processes.children(launcher_of(site))) == 2, "the stem and the cell that waits are left")
    for pid in stems(site):
        os.kill(pid, signal.SIGSTOP)
    began = time.monotonic()
    after = await asyncio.gather(*(site.call(code, "functions", "draw") for _ in range(3)))
    return {"found": [before, *after], "took_s": time.monotonic() - began, "stems": stems(site)}


async def give_up_cells_on_their_way(site: Site) -> dict[str, Any]:
    """Sandboxes that are gone when their stem gets to them cost nobody else their stem."""
    before = await draw_in_several(site)
    (stem,) = stems(site)
    await until(lambda: len(keepers(site)) == 1, "one cell waits")
    os.kill(stem, signal.SIGSTOP)
    await site.sandboxes.prepare(site.runtime(), 3)
    await until(lambda: len(keepers(site)) == 3, "two more are on their way")
    await until(lambda: all(processes.state(pid) == "S" for pid in keepers(site)), "they wait for their stem")
    await site.sandboxes.prepare(site.runtime(), 1)
    await until(lambda: len(keepers(site)) == 1, "one is left")
    os.kill(stem, signal.SIGCONT)
    after = await draw_in_several(site)
    return {"before": before, "after": after, "same": stems(site) == [stem]}


async def fall_when_forked(site: Site) -> dict[str, Any]:
    program = site.folder / "falls.py"
    program.write_text(_FALLS)
    plain = site.runtime()
    argv = (*plain.argv[:-1], "/var/runtime/falls.py")
    mounts = (*plain.mounts, (program, "/var/runtime/falls.py"))
    runtime = Runtime("falls", argv, mounts, True, plain.variables, divides=True)
    code = site.package(FUNCTIONS)
    await site.sandboxes.prepare(runtime, 1)
    found = []
    for _ in range(2):
        started = await site.start(code, "functions", "draw", runtime=runtime)
        ended = await started.ended()
        found.append([ended.status, started.answer()])
        await started.discard()
    return {"found": found, "falls": b"falls.py" in b" ".join(map(command_of, processes.children(launcher_of(site))))}
