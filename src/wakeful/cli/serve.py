"""`wakeful start`: a node in the foreground, told at the beginning what it is and what it is not."""

from __future__ import annotations

import asyncio
import gc
import logging
import resource
import signal
import sys
from typing import Any

import typer
import uvloop

from wakeful import limits
from wakeful.config import Config
from wakeful.node import CannotStart, Node, running

log = logging.getLogger(__name__)


def forever(config: Config) -> None:
    """Runs until SIGINT or SIGTERM. Ends with status 1 and one sentence where the node cannot start."""
    logging.basicConfig(
        level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)-7s %(name)s: %(message)s"
    )
    # Each sandbox takes some descriptors of ours, and a usual shell gives no more than 1024.
    files_max = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (files_max, files_max))
    try:
        uvloop.run(_serve(config))
    except* CannotStart as refusals:
        for refusal in refusals.exceptions:
            typer.echo(str(refusal), err=True)
        raise SystemExit(1) from None


async def _serve(config: Config) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for each in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(each, stop.set)
    async with running(config) as node:
        for line in await introduction(node):
            typer.echo(line)
        sys.stdout.flush()
        # What is there now stays; looking through it again and again is what most of a collection would be.
        gc.freeze()
        gc.set_threshold(limits.COLLECTION_THRESHOLD)
        gc.enable()
        await stop.wait()
        log.info("stopping")


async def introduction(node: Node) -> list[str]:
    """What a person should know of the node that has just started."""
    facts: dict[str, Any] = await node.describe()
    width = max(map(len, facts))
    lines = [f"Wakeful is ready on {node.endpoint}"]
    lines += [f"  {name:<{width}}  {value}" for name, value in facts.items() if name != "endpoint"]
    lines += [f"  export AWS_ENDPOINT_URL={node.endpoint}"]
    return lines
