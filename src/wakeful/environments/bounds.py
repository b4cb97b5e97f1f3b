"""How much a pool may have at a time, and how much it has."""

from __future__ import annotations

from dataclasses import dataclass

from wakeful import limits


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much the pool may have at a time. `memory_mb` bounds what environments were measured to use."""

    environments_max: int = limits.ENVIRONMENTS_MAX
    memory_mb: int | None = None
    concurrency_max: int = limits.CONCURRENT_EXECUTIONS_MAX
    idle_s: float = limits.ENVIRONMENT_IDLE_S
    freeze_after_s: float = limits.FREEZE_AFTER_S


@dataclass(frozen=True, slots=True)
class Counts:
    """For `status`: how many environments there are, and how many callers wait for one."""

    environments: int
    idle: int
    waiting: int
