"""How fast a function may grow. What is reserved, and the account's bound, are in `test_pool.py`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from wakeful.clock import Clock
from wakeful.environments.admission import Admission
from wakeful.environments.version import Throttled, Version

IDLE_S = 600.0
FUNCTION = Version(
    arn="arn:aws:lambda:us-east-1:000000000000:function:f",
    name="f",
    version="$LATEST",
    account="000000000000",
    region="us-east-1",
    revision="1",
    runtime="provided.al2023",
    handler="",
    code=Path("/nowhere"),
    role_arn="arn:aws:iam::000000000000:role/r",
)


class Still(Clock):
    """Time that passes only when it is moved."""

    def now(self) -> float:
        return 1_000_000.0 + self.offset_s


class Setting:
    """Callers, and a clock that they can move."""

    def __init__(self, concurrency_max: int = 5000) -> None:
        self.clock = Still()
        self.admission = Admission(concurrency_max, self.clock, IDLE_S)

    def enter(self, count: int, version: Version = FUNCTION) -> int:
        """How many of `count` callers are let in."""
        for entered in range(count):
            try:
                self.admission.enter(version)
            except Throttled as refusal:
                assert refusal.reason == "ConcurrentInvocationLimitExceeded"
                return entered
        return count

    def leave(self, count: int) -> None:
        for _ in range(count):
            self.admission.leave(FUNCTION)


def test_a_function_grows_by_a_thousand_at_once() -> None:
    assert Setting().enter(1001) == 1000


def test_it_grows_on_by_a_hundred_a_second_and_never_by_more_than_a_thousand_at_once() -> None:
    setting = Setting()
    setting.enter(1000)
    setting.clock.advance(2.5)
    assert setting.enter(400) == 250
    setting.clock.advance(3600.0)
    assert setting.enter(2000) == 1000


def test_what_it_has_grown_to_it_has_again_at_once() -> None:
    setting = Setting()
    setting.enter(1000)
    setting.leave(1000)
    assert setting.enter(1001) == 1000


def test_what_was_idle_for_long_has_to_grow_again() -> None:
    setting = Setting()
    setting.enter(1000)
    setting.clock.advance(10.0)
    setting.enter(1000)
    setting.leave(2000)
    setting.clock.advance(IDLE_S - 1)
    assert setting.enter(2000) == 2000
    setting.leave(2000)
    setting.clock.advance(IDLE_S + 1)
    assert setting.enter(2000) == 1000


def test_each_function_grows_by_itself() -> None:
    setting = Setting()
    setting.enter(1000)
    assert setting.enter(1000, replace(FUNCTION, arn=f"{FUNCTION.arn}2")) == 1000


def test_whoever_is_refused_is_not_counted() -> None:
    setting = Setting()
    setting.enter(1500)
    setting.leave(1000)
    assert setting.enter(1000) == 1000


def test_functions_that_are_idle_for_long_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wakeful.limits.SCALING_FUNCTIONS_KEPT", 2)
    setting = Setting()
    for number in range(2):
        setting.enter(1, replace(FUNCTION, arn=f"{FUNCTION.arn}{number}"))
    setting.admission.leave(replace(FUNCTION, arn=f"{FUNCTION.arn}0"))
    setting.clock.advance(IDLE_S + 1)
    setting.enter(1)
    assert set(setting.admission._growth) == {f"{FUNCTION.arn}1", FUNCTION.arn}
