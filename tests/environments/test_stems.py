"""Cells that are forked from a stem: what they share, what they do not, and what becomes of them without one.

That they are confined as any other is in `tests/security/test_attacks.py`.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.environments import stem_scenarios
from tests.environments.ground import FROM_STEM, ROOT, USER, Ground, open_ground, people

pytestmark = pytest.mark.slow


@pytest.fixture(params=[f"{who}{FROM_STEM}" for who in (ROOT, USER) if who in people()])
def ground(request: pytest.FixtureRequest) -> Iterator[Ground]:
    with open_ground(request.param) as opened:
        yield opened


def test_cells_share_what_their_stem_has_and_draw_by_themselves(ground: Ground) -> None:
    found = ground.run(stem_scenarios.draw_in_several)
    assert len({each["hash"] for each in found}) == 1
    drawn = [value for each in found for value in each["drawn"]]
    assert len(set(drawn)) == len(drawn) == 16


def test_without_their_stem_cells_start_by_themselves(ground: Ground) -> None:
    found = ground.run(stem_scenarios.draw_without_stem)
    assert len({each["hash"] for each in found[:4]}) == 1
    assert len({each["hash"] for each in found[5:]}) == 3  # one cell was ready before


def test_a_stem_is_there_while_cells_are_wanted(ground: Ground) -> None:
    before, after = ground.run(stem_scenarios.want_no_more)
    assert len(before) == len(after) == 1
    assert before != after
