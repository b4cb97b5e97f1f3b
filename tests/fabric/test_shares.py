"""Fair shares of the loop, in a time of the test's own."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wakeful import limits
from wakeful.fabric.shares import Share, Shares


class Time:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def had(shares: Shares, time: Time, greedy: Share, seconds: float, *, others: bool) -> float:
    """How much of the loop a tenant had that always wants more."""
    spent = 0.0
    end = time.now + seconds
    while time.now < end:
        if others:
            shares.asks(None)
        pause_s = greedy.pause_s()
        if pause_s > 0:
            time.now += min(pause_s, 0.01)
            continue
        greedy.spend(0.002)
        time.now += 0.002
        spent += 0.002
    return spent / seconds


def test_who_is_alone_has_all_there_is() -> None:
    time = Time()
    shares = Shares(time)
    had(shares, time, shares.of("a"), 1, others=False)
    assert had(shares, time, shares.of("a"), 2, others=False) > 0.95


def test_beside_others_a_greedy_tenant_has_its_share_and_no_more() -> None:
    time = Time()
    shares = Shares(time)
    assert limits.LOOP_SHARE * 0.9 < had(shares, time, shares.of("a"), 5, others=True) < limits.LOOP_SHARE * 1.1


@given(st.integers(2, 6))
def test_several_greedy_tenants_share_it(count: int) -> None:
    time = Time()
    shares = Shares(time)
    greedy = [shares.of(str(number)) for number in range(count)]
    spent = dict.fromkeys(greedy, 0.0)
    end = time.now + 10
    while time.now < end:
        shares.asks(None)
        for each in greedy:
            if each.pause_s() <= 0:
                each.spend(0.002)
                spent[each] += 0.002
        time.now += 0.002
    assert sum(spent.values()) / 10 < limits.LOOP_SHARE * 1.2
    assert max(spent.values()) < 1.5 * min(spent.values())


def test_a_modest_tenant_never_waits() -> None:
    time = Time()
    shares = Shares(time)
    modest, greedy = shares.of("modest"), shares.of("greedy")
    for _ in range(500):
        time.now += 0.01
        greedy.spend(0.05)
        modest.spend(0.0005)
        assert modest.pause_s() == 0.0


def test_what_was_had_long_ago_is_forgotten() -> None:
    time = Time()
    shares = Shares(time)
    share = shares.of("a")
    share.spend(1000.0)
    shares.asks(None)
    assert 0 < share.pause_s() <= limits.LOOP_DEBT_MAX_S / limits.LOOP_SHARE
    time.now += limits.LOOP_DEBT_MAX_S / limits.LOOP_SHARE
    assert share.pause_s() == 0.0


def test_tenants_are_forgotten_when_there_are_very_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "LOOP_SHARES_MAX", 10)
    shares = Shares(Time())
    for number in range(100):
        shares.of(str(number))
    assert len(shares._shares) <= 10


def test_every_step_of_a_coroutine_is_counted_and_nothing_else_changes() -> None:
    share = Shares().of("a")

    async def work(log: list[str]) -> None:
        log.append("begun")
        await asyncio.sleep(0)
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            log.append("cancelled")
            raise
        finally:
            log.append("over")

    async def failing() -> None:
        await asyncio.sleep(0)
        raise ValueError("mine")

    async def main() -> None:
        log: list[str] = []
        task = asyncio.create_task(_metered(share, work(log)))
        await asyncio.sleep(0.01)
        assert log == ["begun"]
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert log == ["begun", "cancelled", "over"]
        with pytest.raises(ValueError, match="mine"):
            await _metered(share, failing())

    asyncio.run(main())
    assert share._debt_s > 0


async def _metered(share: Share, work: Coroutine[Any, Any, None]) -> None:
    await share.metered(work)


def test_those_who_wait_go_on_one_by_one() -> None:
    async def main() -> None:
        shares = Shares()
        share = shares.of("a")
        share.spend(0.03)
        shares.asks(None)
        begun: list[float] = []

        async def one() -> None:
            await share.turn()
            begun.append(asyncio.get_running_loop().time())
            share.spend(0.004)
            shares.asks(None)

        await asyncio.gather(*(one() for _ in range(4)))
        assert begun[-1] - begun[0] >= 2 * 0.004 / limits.LOOP_SHARE

    asyncio.run(main())
