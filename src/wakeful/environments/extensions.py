"""External extensions: which ones a function has, what they see, how they are told to end."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Mapping
from pathlib import Path
from typing import Literal

from wakeful import limits
from wakeful.clock import Clock
from wakeful.environments.extensions_api import SHUTDOWN
from wakeful.environments.runtime_process import RuntimeProcess
from wakeful.environments.sandbox import Exit
from wakeful.environments.variables import LAYERS_VARIABLE

Reason = Literal["spindown", "timeout", "failure"]
"""As the SHUTDOWN event tells it."""

_NOT_FOR_EXTENSIONS = frozenset(
    (
        *("AWS_EXECUTION_ENV", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME", "AWS_XRAY_CONTEXT_MISSING"),
        *("AWS_XRAY_DAEMON_ADDRESS", "LAMBDA_RUNTIME_DIR", "LAMBDA_TASK_ROOT", LAYERS_VARIABLE),
    )
)


def found(layers: Path | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The names of what is in /opt/extensions and no folder, in order; and the first that is one too many, if any."""
    if layers is None:
        return (), ()
    try:
        with os.scandir(layers / "extensions") as entries:
            names = tuple(sorted(entry.name for entry in entries if not entry.is_dir(follow_symlinks=False)))
    except (FileNotFoundError, NotADirectoryError):
        return (), ()
    most = limits.EXTENSIONS_MAX
    return names[:most], names[most : most + 1]


def variables_of(inside: Mapping[str, str]) -> dict[str, str]:
    """The function's environment without what is the runtime process's alone."""
    return {
        name: value for name, value in inside.items() if name not in _NOT_FOR_EXTENSIONS and not name.startswith("_")
    }


def exit_words(end: Exit) -> str:
    """How Lambda words the end of an extension."""
    if end.signal is not None:
        return "signal: killed" if end.signal == signal.SIGKILL else f"signal: {signal.strsignal(end.signal)}".lower()
    return f"exit status {end.status}" if end.status else "exit code 0"


async def shut_down(process: RuntimeProcess, reason: Reason, clock: Clock) -> None:
    """The runtime was asked to end, then every external extension was; those that did not in time are still there.

    Two seconds where there are external extensions, half a second otherwise, as the guide's "Shutdown phase" has it.
    """
    sandbox, members = process.sandbox, process.extensions.members.values()
    external = process.extensions.external
    has_internal = len(external) < len(members)
    loop = asyncio.get_running_loop()
    total_s = limits.SHUTDOWN_EXTERNAL_S if external else limits.SHUTDOWN_INTERNAL_S
    deadline = loop.time() + total_s
    deadline_ms = int((clock.wall() + total_s) * 1000)
    process.api.end()
    sandbox.signal(None, signal.SIGTERM)
    runtime_s = limits.SHUTDOWN_INTERNAL_S if has_internal else limits.SHUTDOWN_RUNTIME_S
    await _ended(sandbox.wait(), runtime_s)
    sandbox.signal(None, signal.SIGKILL)
    if process.telemetry.is_wanted:
        process.drain()
        process.telemetry.flush()
        await _ended(process.telemetry.delivered(), limits.TELEMETRY_LAST_S)
    process.extensions.shut_down(reason, deadline_ms)
    for member in external:
        if SHUTDOWN not in member.events:
            sandbox.signal(member.name, signal.SIGKILL)
    ends = [sandbox.extension_exit(member.name) for member in external[: limits.EXTENSIONS_MAX]]
    if ends:
        await _ended(asyncio.gather(*ends), deadline - loop.time())


async def _ended(end: Awaitable[object], within_s: float) -> None:
    try:
        async with asyncio.timeout(within_s):
            await end
    except TimeoutError:
        return
