"""The table of an environment's states."""

from __future__ import annotations

from itertools import product

import pytest

from wakeful.environments.states import TRANSITIONS, IllegalTransition, State, check

LEGAL = {
    ("starting", "initialising"),
    ("starting", "parked"),
    ("starting", "failed"),
    ("starting", "stopping"),
    ("initialising", "ready"),
    ("initialising", "parked"),
    ("initialising", "failed"),
    ("initialising", "stopping"),
    ("parked", "restoring"),
    ("parked", "starting"),
    ("parked", "stopping"),
    ("restoring", "ready"),
    ("restoring", "stopping"),
    ("ready", "invoking"),
    ("ready", "frozen"),
    ("ready", "stopping"),
    ("frozen", "ready"),
    ("frozen", "stopping"),
    ("invoking", "ready"),
    ("invoking", "stopping"),
    ("failed", "starting"),
    ("failed", "stopping"),
    ("stopping", "gone"),
}


@pytest.mark.parametrize(("before", "after"), list(product(State, State)), ids=lambda state: state.value)
def test_what_is_not_listed_does_not_happen(before: State, after: State) -> None:
    if (before.value, after.value) in LEGAL:
        check(before, after)
    else:
        with pytest.raises(IllegalTransition):
            check(before, after)


def test_every_state_but_the_last_can_be_stopped() -> None:
    for state in set(State) - {State.STOPPING, State.GONE}:
        assert State.STOPPING in TRANSITIONS[state]
    assert TRANSITIONS[State.GONE] == frozenset()
