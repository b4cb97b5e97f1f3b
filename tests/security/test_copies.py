"""Every attack again, from the code of a module that a template imports, and from inside a copy of a template.

A copy begins in the template's process and is led into its own sandbox: whatever stops the others must stop it too.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.environments.ground import ROOT, USER, Ground, open_ground, people
from tests.environments.site import COPY, TEMPLATE
from tests.security import scenarios, test_attacks
from wakeful.environments.jail import tracing

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not tracing.is_possible(), reason="COPIES ARE NOT MADE ON THIS MACHINE: they were not attacked"),
]

GROUNDS = [
    (who, what) for who, what in ((ROOT, TEMPLATE), (ROOT, COPY), (USER, COPY)) if who == USER or who in people()
]

ONLY_THERE = {"test_as_root_every_sandbox_has_a_user_of_its_own"}
"""Copies of one template are one user, in namespaces that do not know each other."""

walled = test_attacks.walled
globals().update(
    {name: one for name, one in vars(test_attacks).items() if name.startswith("test_") and name not in ONLY_THERE}
)


@pytest.fixture(scope="module", params=GROUNDS, ids=" as ".join)
def ground(request: pytest.FixtureRequest) -> Iterator[Ground]:
    who, what = request.param
    with open_ground(who) as opened:
        opened.run(scenarios.start_only, what=what)
        yield opened


def test_copies_of_one_template_cannot_reach_each_other(ground: Ground) -> None:
    found: dict[str, Any] = ground.run(scenarios.attack_a_brother)
    me = found.pop("me")
    assert found.pop("processes") == [str(me)]
    assert found == {"files": [], "environments": [], "signalled": [], "knocked": []}
