"""The states of an environment and every change between them. What is not listed here does not happen."""

from __future__ import annotations

import enum
from collections.abc import Mapping


class State(enum.Enum):
    STARTING = "starting"
    """Its sandbox is being made."""

    INITIALISING = "initialising"
    """The runtime is on its way to its first /next."""

    READY = "ready"
    """The runtime waits for an event."""

    FROZEN = "frozen"
    """As READY, but no process inside runs."""

    PARKED = "parked"
    """With SnapStart: INIT is over, nothing inside runs, and no event comes before it is restored.

    Where it is a copy of one that ran INIT, there is nothing inside yet."""

    RESTORING = "restoring"
    """After PARKED, what the function does before its first event."""

    INVOKING = "invoking"
    FAILED = "failed"
    """INIT has failed; there is no process. The next invocation starts it again."""

    STOPPING = "stopping"
    GONE = "gone"


TRANSITIONS: Mapping[State, frozenset[State]] = {
    State.STARTING: frozenset({State.INITIALISING, State.PARKED, State.FAILED, State.STOPPING}),
    State.INITIALISING: frozenset({State.READY, State.PARKED, State.FAILED, State.STOPPING}),
    State.PARKED: frozenset({State.RESTORING, State.STARTING, State.STOPPING}),
    State.RESTORING: frozenset({State.READY, State.STOPPING}),
    State.READY: frozenset({State.INVOKING, State.FROZEN, State.STOPPING}),
    State.FROZEN: frozenset({State.READY, State.STOPPING}),
    State.INVOKING: frozenset({State.READY, State.STOPPING}),
    State.FAILED: frozenset({State.STARTING, State.STOPPING}),
    State.STOPPING: frozenset({State.GONE}),
    State.GONE: frozenset(),
}


STARTS = frozenset({State.STARTING, State.INITIALISING})
"""It has not come to the end of INIT."""


class IllegalTransition(AssertionError):
    """An environment was asked for something that its state does not allow. Always an error of ours."""


def check(before: State, after: State) -> None:
    """Raises IllegalTransition where the change is not listed."""
    if after not in TRANSITIONS[before]:
        raise IllegalTransition(f"{before.value} → {after.value}")
