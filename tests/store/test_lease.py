"""Leases: one holder at a time, renewed by itself, taken over when it lapses."""

from __future__ import annotations

import asyncio

from tests.conftest import OpenStore
from wakeful.store import lease


async def test_only_one_of_many_gets_a_free_lease(open_store: OpenStore) -> None:
    async with open_store() as store:
        tries = (store.write(lease.hold, "reader", f"node {n}", wall=100.0, for_s=10) for n in range(20))
        assert sum(await asyncio.gather(*tries)) == 1


async def test_a_holder_renews_and_another_takes_over_only_after_it_lapsed(open_store: OpenStore) -> None:
    async with open_store() as store:
        assert await store.write(lease.hold, "reader", "a", wall=100.0, for_s=10)
        assert not await store.write(lease.hold, "reader", "b", wall=109.9, for_s=10)
        assert await store.write(lease.hold, "reader", "a", wall=109.0, for_s=10)
        assert not await store.write(lease.hold, "reader", "b", wall=115.0, for_s=10)
        assert await store.write(lease.hold, "reader", "b", wall=119.1, for_s=10)
        assert not await store.write(lease.hold, "reader", "a", wall=119.2, for_s=10)


async def test_a_lease_that_was_given_up_is_free_and_nobody_gives_up_anothers(open_store: OpenStore) -> None:
    async with open_store() as store:
        await store.write(lease.hold, "node/a", "a", wall=100.0, for_s=10)
        await store.write(lease.give_up, "node/a", "b")
        assert await store.read(lease.holders, "node/", wall=101.0) == ["a"]
        await store.write(lease.give_up, "node/a", "a")
        assert await store.read(lease.holders, "node/", wall=101.0) == []


async def test_holders_are_those_whose_lease_has_not_lapsed(open_store: OpenStore) -> None:
    async with open_store() as store:
        await store.write(lease.hold, "node/a", "a", wall=100.0, for_s=10)
        await store.write(lease.hold, "node/b", "b", wall=105.0, for_s=10)
        await store.write(lease.hold, "other", "c", wall=105.0, for_s=10)
        assert await store.read(lease.holders, "node/", wall=112.0) == ["b"]
