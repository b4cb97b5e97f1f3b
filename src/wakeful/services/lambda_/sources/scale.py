"""How many batches of one source a mapping has in work at once, and how that changes.

"Configuring scaling behavior for SQS event source mappings": it begins with five, or with what its provisioned pollers
can do; as long as all are taken and there is more it grows, and when there is no more it is again what it was in the
beginning. While the function is throttled it shrinks, and while it fails, unless it can say which items failed
("Handling errors for an SQS event source in Lambda").
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wakeful import limits


@dataclass(frozen=True, slots=True)
class Bounds:
    """Within what it changes, and how fast."""

    fewest: int
    first: int
    most: int
    per_s: float


def bounds_of(config: Mapping[str, Any]) -> Bounds:
    """What a mapping's ScalingConfig and ProvisionedPollerConfig say; they exclude each other."""
    if pollers := config.get("ProvisionedPollerConfig"):
        each = limits.LAMBDA_POLLER_CONCURRENCY
        first = pollers["MinimumPollers"] * each
        return Bounds(first, first, pollers["MaximumPollers"] * each, limits.LAMBDA_POLLERS_GROWTH_PER_S)
    scaling = config.get("ScalingConfig") or {}
    most = scaling.get("MaximumConcurrency") or limits.LAMBDA_MAPPING_CONCURRENCY_MAX
    return Bounds(
        limits.LAMBDA_MAPPING_CONCURRENCY_MIN,
        min(limits.LAMBDA_MAPPING_CONCURRENCY, most),
        most,
        limits.LAMBDA_MAPPING_GROWTH_PER_S,
    )


class Scale:
    """How many batches one mapping may have in work now. Moments are the node's."""

    __slots__ = ("_bounds", "_grows_since", "_reached")

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._reached = float(bounds.first)
        self._grows_since: float | None = None

    @property
    def limit(self) -> int:
        return int(self._reached)

    @property
    def pollers(self) -> int:
        """How many provisioned pollers that takes."""
        return -(-self.limit // limits.LAMBDA_POLLER_CONCURRENCY)

    def crowded(self, now: float) -> None:
        """All are taken and there is more: it has grown by as long as that has lasted."""
        since = now if self._grows_since is None else self._grows_since
        if now > since:
            self._reached = min(float(self._bounds.most), self._reached + (now - since) * self._bounds.per_s)
        self._grows_since = max(now, since)

    def grows_at(self) -> float | None:
        """When there will be one more, if it stays crowded; None where it is not, or where there are all."""
        if self._grows_since is None or self.limit >= self._bounds.most:
            return None
        return self._grows_since + (self.limit + 1 - self._reached) / self._bounds.per_s

    def calm(self, busy: int) -> None:
        """There is no more; `busy` are in work."""
        self._grows_since = None
        self._reached = min(self._reached, float(max(self._bounds.first, busy)))

    def failed(self, now: float) -> None:
        """A batch failed, or was throttled."""
        fewer = max(1.0, self._reached * limits.LAMBDA_MAPPING_SHRINK_SHARE)
        self._reached = max(float(self._bounds.fewest), self._reached - fewer)
        self._grows_since = now + limits.LAMBDA_MAPPING_SHRINK_PAUSE_S
