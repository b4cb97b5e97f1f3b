"""Stands in for a node: opens sandboxes and carries out scenarios, read from standard input, one line of JSON each."""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import sys
import traceback
from pathlib import Path
from typing import Any

from tests.environments.site import ENDPOINT_PORT, Site
from wakeful.environments.sandboxes import open_sandboxes
from wakeful.environments.tiers import NotConfined


async def main(isolation: str, folder: Path, *, from_stem: bool) -> None:
    private = folder / "data"
    private.mkdir(mode=0o700)
    (private / "ledger.db").write_text("secret of the node")
    try:
        sandboxes = await open_sandboxes(ENDPOINT_PORT, isolation, [private])
    except NotConfined as error:
        say({"error": str(error)})
        return
    assert sandboxes.isolation is not None
    site = Site(sandboxes, folder, from_stem=from_stem)
    opened = {"tier": sandboxes.isolation.tier, "features": dict(sandboxes.features), "pid": os.getpid()}
    say({**opened, "launcher_pid": sandboxes.launcher_pid})
    reader = asyncio.StreamReader(limit=1 << 20)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        say(await carry_out(site, json.loads(line)))
    await sandboxes.close()


async def carry_out(site: Site, asked: dict[str, Any]) -> dict[str, Any]:
    module, _, name = asked["scenario"].partition(":")
    scenario = getattr(importlib.import_module(module), name)
    try:
        return {"result": await asyncio.wait_for(scenario(site, **asked["arguments"]), 60)}
    except Exception:  # noqa: BLE001 - the test, in another process, shall see it whole
        return {"error": traceback.format_exc()}


def say(answer: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2]), from_stem=sys.argv[3:] == ["from stem"]))
