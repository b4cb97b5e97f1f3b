"""How large the heap of a runtime may become: it follows the function's memory, as in Lambda's own bootstraps.

V8 reads its limits once, when the process starts, so a waiting cell is of one size. An interpreter without a limit of
its own (Python) needs none: the sandbox has one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from wakeful.environments.sandbox import Runtime

_NODE_OPTIONS = "NODE_OPTIONS"


def fit(runtime: Runtime, memory_mb: int, variables: Mapping[str, str] | None = None) -> Runtime:
    """The runtime for a function of so much memory. What the function sets itself (NODE_OPTIONS) is left to it."""
    if not runtime.name.startswith("nodejs"):
        return runtime
    binary, *rest = runtime.argv
    return replace(runtime, argv=(binary, *_node(memory_mb, (variables or {}).get(_NODE_OPTIONS, "")), *rest))


def _node(memory_mb: int, asked: str) -> tuple[str, ...]:
    """A tenth for what is young, the rest for what is old."""
    young_mb = memory_mb // 10
    wanted = {"max-semi-space-size": young_mb // 2, "max-old-space-size": memory_mb - young_mb}
    given = asked.replace("_", "-")
    return tuple(f"--{name}={size}" for name, size in wanted.items() if name not in given)
