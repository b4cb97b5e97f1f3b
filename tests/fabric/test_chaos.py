"""Experiments: what may be asked for, where they apply, and what chance says."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import OpenStore
from tests.examples import examples
from wakeful import limits
from wakeful.fabric.chaos import rows
from wakeful.fabric.chaos.experiment import (
    FAULTS,
    KINDS,
    Dose,
    Experiment,
    Place,
    check_possible,
    doses_from_json,
    doses_to_json,
    wish_of,
)
from wakeful.fabric.page import Unclear
from wakeful.store import schema
from wakeful.store.tx import Tx

QUEUE = "arn:aws:sqs:us-east-1:000000000000:orders"


def experiment(*targets: str, seed: int = 1, until: float | None = None, ended: float | None = None) -> Experiment:
    doses = {"duplicate": Dose(0.5)}
    return Experiment(
        *("e", "000000000000", "us-east-1", "queue", QUEUE, targets or (QUEUE,), doses, seed, 100.0, until, ended)
    )


def test_the_same_seed_has_the_same_chances_at_the_same_place() -> None:
    def chances(seed: int, place: str) -> list[float]:
        return [experiment(seed=seed).chance("delay", Place(place), number) for number in range(50)]

    assert chances(1, "a") == chances(1, "a")
    assert chances(1, "a") != chances(2, "a")
    assert chances(1, "a") != chances(1, "b")


@given(st.integers(), st.sampled_from(sorted(FAULTS)), st.text(max_size=20))
@examples(10)
def test_chances_are_spread_evenly(seed: int, fault: str, place: str) -> None:
    chances = [experiment(seed=seed).chance(fault, Place(place), number) for number in range(400)]
    assert all(0 <= chance < 1 for chance in chances)
    assert 120 < sum(chance < 0.5 for chance in chances) < 280


@pytest.mark.parametrize(
    ("pattern", "place", "is_about"),
    [
        (QUEUE, Place(QUEUE), True),
        (QUEUE, Place(f"{QUEUE}-2"), False),
        ("arn:aws:sqs:us-east-1:000000000000:*", Place(QUEUE), True),
        ("arn:aws:sqs:us-east-1:000000000000:ord*s", Place(QUEUE), True),
        ("arn:aws:sqs:us-east-1:111111111111:*", Place(QUEUE), False),
        ("arn:aws:sqs:us-east-1:000000000000:*", Place(f"mapping:{QUEUE}→arn:aws:lambda:x"), False),
        ("reader:1", Place(QUEUE, ("reader:1",)), True),
        ("arn.aws:sqs:us-east-1:000000000000:orders", Place(QUEUE), False),
        ("*a" * 40, Place("a" * 79), True),
        ("*a" * 40, Place("a" * 79 + "b"), False),  # told at once, and not after ages of trying
    ],
)
def test_an_experiment_is_about_the_places_that_its_targets_name(pattern: str, place: Place, is_about: bool) -> None:
    assert experiment(pattern).is_about(place) is is_about


def test_an_experiment_runs_until_its_time_is_over_or_somebody_ends_it() -> None:
    assert experiment().is_running(1e12)
    assert experiment(until=200.0).is_running(199.9)
    assert not experiment(until=200.0).is_running(200.0)
    assert not experiment(until=200.0, ended=150.0).is_running(160.0)


def test_doses_outlive_their_row() -> None:
    doses = {"delay": Dose(0.5, 3, between_s=(1.0, 2.5)), "reorder": Dose(1.0, window=4)}
    assert doses_from_json(doses_to_json(doses)) == doses


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["target", "faults", "seed", "for_s", "rate", "times", "s", "window", "copies", *FAULTS]
                ),
                inner,
                max_size=4,
            )
        ),
    )
)
@examples(100)
def test_whatever_is_asked_for_is_an_experiment_or_unclear(document: Any) -> None:
    try:
        wish = wish_of(document)
    except Unclear:
        return
    assert all(0 <= dose.rate <= 1 and dose.between_s[0] <= dose.between_s[1] for dose in wish.doses.values())


@pytest.mark.parametrize(
    ("asked", "complaint"),
    [
        ({"faults": {"delay": {"s": [0, 1]}}}, "target is the name"),
        ({"target": "q", "faults": {}}, "faults says what shall happen"),
        ({"target": "q", "faults": {"explode": {}}}, "there is no fault explode"),
        ({"target": "q", "faults": {"throttle": {"rate": 2}}}, "the rate of throttle is between 0 and 1"),
        ({"target": "q", "faults": {"throttle": {"window": 2}}}, "throttle has no window"),
        ({"target": "q", "faults": {"delay": {}}}, "s of delay is two numbers"),
        ({"target": "q", "faults": {"delay": {"s": [5, 1]}}}, "begins with the smaller"),
        ({"target": "q", "faults": {"delay": {"s": [0, 901]}}}, "between 0 and 900"),
        ({"target": "q", "faults": {"reorder": {"window": 0}}}, "window is a whole number from 1"),
        ({"target": "q", "faults": {"duplicate": {"copies": 11}}}, "copies is a whole number from 1 to 10"),
        ({"target": "q", "faults": {"throttle": {"times": 0}}}, "times of throttle is a whole number"),
        ({"target": "q", "faults": {"throttle": {}}, "seed": True}, "seed is a whole number"),
        ({"target": "q", "faults": {"throttle": {}}, "for_s": -1}, "for_s is between"),
        ({"target": "q", "faults": {"throttle": {}}, "what": 1}, "the experiment has no what"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(asked: Any, complaint: str) -> None:
    with pytest.raises(Unclear, match=complaint):
        wish_of(asked)


def test_what_aws_never_does_is_refused() -> None:
    refused = set()
    for kind in KINDS:
        for fault in FAULTS:
            for is_ordered in (False, True):
                try:
                    check_possible(kind, "it", {fault: Dose(1)}, is_ordered=is_ordered)
                except Unclear:
                    refused.add((kind, fault, is_ordered))
    in_order = {("queue", "duplicate"), ("queue", "reorder"), ("topic", "duplicate"), ("topic", "delay")}
    in_order |= {("mapping", "duplicate"), ("mapping", "reorder")}
    assert {(kind, fault) for kind, fault, is_ordered in refused if not is_ordered} == {
        ("function", "delay"),
        *((kind, "reorder") for kind in ("topic", "function")),
        *((kind, "redeliver") for kind in ("topic", "function")),
        *((kind, fault) for kind in ("queue", "topic") for fault in ("fail", "crash")),
    }
    only_in_order = {each[:2] for each in refused if each[2]} - {each[:2] for each in refused if not each[2]}
    assert only_in_order == in_order


async def test_rows_count_what_was_asked_and_done_and_keep_what_was_done_last(
    open_store: OpenStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "CHAOS_DEEDS_KEPT", 3)
    place, one = Place(QUEUE), experiment(until=1e12)

    def happens(tx: Tx, number: int) -> int:
        occasion = rows.ask(tx, one, "duplicate", place)
        rows.did(tx, one, "duplicate", place, f"message {number}", "1-x", "a copy")
        return occasion

    async with open_store(rehearse=True) as store:
        await store.write(schema.apply, {"fabric": rows.SCHEMA})
        await store.write(rows.begin, one)
        assert [await store.write(happens, number) for number in range(5)] == [1, 2, 3, 4, 5]
        await store.write(rows.ask, one, "duplicate", Place("elsewhere"))
        assert await store.read(rows.counts, one) == {"duplicate": {"occasions": 6, "times": 5}}
        kept = await store.read(rows.deeds, one.id, 10)
        assert [(deed["number"], deed["subject"]) for deed in kept] == [
            (number, f"message {number - 1}") for number in (5, 4, 3)
        ]
        assert await store.read(rows.running) == (one,)
        await store.write(rows.end, one.id)
        assert await store.read(rows.running) == ()
        (over,) = await store.read(rows.every, one.account, one.region)
        assert over.ended is not None
        assert await store.read(rows.every, "111111111111") == []


async def test_so_many_experiments_run_and_so_many_that_are_over_are_kept(
    open_store: OpenStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "CHAOS_RUNNING_MAX", 2)
    monkeypatch.setattr(limits, "CHAOS_ENDED_KEPT", 2)

    async with open_store() as store:
        await store.write(schema.apply, {"fabric": rows.SCHEMA})
        for number in range(6):
            await store.write(rows.begin, replace(experiment(), id=str(number), since=float(number)))
            if number != 5:
                await store.write(rows.end, str(number))
        assert [each.id for each in await store.read(rows.every)] == ["3", "4", "5"]
        await store.write(rows.begin, replace(experiment(), id="6"))
        with pytest.raises(Unclear, match="2 experiments run already"):
            await store.write(rows.begin, replace(experiment(), id="7"))
