"""What happens to stems and the cells that are forked from them, as plain coroutines for the driver to carry out."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

from tests.environments.scenarios import FUNCTIONS, launcher_of
from tests.environments.site import Site, until
from wakeful.environments.jail import processes


def stems(site: Site) -> list[int]:
    return [pid for pid in processes.children(launcher_of(site)) if b"inside.py" in command_of(pid)]


def command_of(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


async def draw_in_several(site: Site) -> list[dict[str, Any]]:
    code = site.package(FUNCTIONS)
    return [await site.call(code, "functions", "draw") for _ in range(4)]


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
