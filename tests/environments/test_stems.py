"""Cells that are forked from a stem: what they share, what they do not, and what becomes of them without one.

That they are confined as any other is in `tests/security/test_attacks.py`.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.environments import stem_scenarios
from tests.environments.ground import FROM_STEM, ROOT, USER, Ground, open_ground, people
from wakeful.environments.jail.stem import DIVIDE_TIME_MAX_S

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


def test_what_was_forked_starts_threads_and_processes_as_any_other(ground: Ground) -> None:
    assert ground.run(stem_scenarios.start_others) == {
        "inherited": ["0", "1", "2"],
        "main": True,
        "thread": True,
        "child": True,
        "signals": [10],
        "alone": True,
    }


def test_without_their_stem_cells_start_by_themselves(ground: Ground) -> None:
    found = ground.run(stem_scenarios.draw_without_stem)
    assert len({each["hash"] for each in found[:4]}) == 1
    assert len({each["hash"] for each in found[5:]}) == 3  # one cell was ready before


def test_a_stem_is_there_while_cells_are_wanted(ground: Ground) -> None:
    before, after = ground.run(stem_scenarios.want_no_more)
    assert len(before) == len(after) == 1
    assert before != after


def test_whoever_calls_is_not_held_up_by_a_stem_that_has_stopped() -> None:
    with open_ground(f"{people()[0]}{FROM_STEM}") as ground:  # one is enough: it takes as long as a stem is waited for
        stopped = ground.run(stem_scenarios.stop_the_stem)
    assert len({each["hash"] for each in stopped["found"]}) >= 3  # two at most were ready before
    assert stopped["took_s"] < 2 * DIVIDE_TIME_MAX_S
    assert stopped["stems"] == []  # nor does it stay behind


def test_cells_that_are_given_up_on_their_way_do_not_cost_the_others_their_stem(ground: Ground) -> None:
    found = ground.run(stem_scenarios.give_up_cells_on_their_way)
    assert found["same"]
    assert len({each["hash"] for each in (*found["before"], *found["after"])}) == 1


def test_whoever_calls_gets_a_fresh_cell_where_the_forked_one_ended(ground: Ground) -> None:
    fallen = ground.run(stem_scenarios.fall_when_forked)
    assert [status for status, _ in fallen["found"]] == [0, 0]
    assert len({answer["hash"] for _, answer in fallen["found"]}) == 2
    assert not fallen["falls"]  # the stem is given up
