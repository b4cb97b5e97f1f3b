"""Caches: asked once until somebody wakes the name they hang on."""

from __future__ import annotations

import asyncio

import pytest

from wakeful import limits
from wakeful.store.caches import Caches


async def test_it_is_made_once_until_the_wake() -> None:
    caches, made = Caches(), []

    async def make() -> int:
        made.append(1)
        return len(made)

    assert [await caches.get("w", "k", make) for _ in range(3)] == [1, 1, 1]
    caches.drop("another")
    assert await caches.get("w", "k", make) == 1
    caches.drop("w")
    assert await caches.get("w", "k", make) == 2


async def test_what_changed_while_it_was_made_is_not_kept() -> None:
    caches = Caches()
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow() -> str:
        begun.set()
        await go_on.wait()
        return "stale"

    async def fresh() -> str:
        return "fresh"

    getting = asyncio.ensure_future(caches.get("w", "k", slow))
    await begun.wait()
    caches.drop("w")
    go_on.set()
    assert await getting == "stale", "who asked before the change gets what was true then"
    assert await caches.get("w", "k", fresh) == "fresh"


async def test_what_raises_is_asked_again() -> None:
    caches = Caches()

    async def fail() -> int:
        raise ValueError

    async def succeed() -> int:
        return 1

    with pytest.raises(ValueError):
        await caches.get("w", "k", fail)
    assert await caches.get("w", "k", succeed) == 1


async def test_it_does_not_grow_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "CACHE_ENTRIES_MAX", 10)
    caches = Caches()

    async def make() -> int:
        return 1

    for key in range(95):
        await caches.get("w", key, make)
    assert len(caches._entries["w"]) <= 10
