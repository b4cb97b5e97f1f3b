"""Sources: what event source mappings and pipes draw from. A taker gets a batch and says what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from wakeful.fabric.trace import Trace
from wakeful.store.tx import Tx


@dataclass(frozen=True, slots=True)
class Taken:
    """One thing that was taken. `id` is what a function names in `batchItemFailures`; the taking was counted."""

    id: str
    body: Any
    trace: Trace
    facts: dict[str, Any] = field(default_factory=dict)
    """What the source needs to settle it, and what its record shows."""


class Source(Protocol):
    """What a service gives out of its durable state. All but `as_record` run in a transaction."""

    one_reader: bool
    """Whether order forbids two readers: such a source is drawn from under a lease."""

    def complaint(self, tx: Tx, arn: str, timeout_s: int) -> str | None:
        """Why nothing can be drawn from it for a function with that timeout, in AWS's words; None where it can."""

    content: str
    """The member of its records that filters look into: what was sent, which may be JSON."""

    def take(self, tx: Tx, arn: str, reader: str, count: int, longer_s: float = 0.0) -> list[Taken]:
        """Up to `count` things, hidden from other takers; the attempt is counted, so that a crash counts too.

        They are hidden `longer_s` longer than they would be: so long the taker may still gather more. What then fails
        is hidden no longer than without it.
        """

    def held_s(self, tx: Tx, arn: str) -> float:
        """For how long what was taken is its taker's alone."""

    def settle(self, tx: Tx, arn: str, reader: str, done: Sequence[Taken], failed: Sequence[Taken]) -> None:
        """What was handled will not come again; what failed will."""

    def next_due(self, tx: Tx, arn: str) -> float | None:
        """When there may be something to take without anybody's wake."""

    def as_record(self, arn: str, taken: Taken) -> dict[str, Any]:
        """As it stands in the `Records` of the event."""

    def wake_name(self, arn: str) -> str:
        """What is woken when something comes in."""
