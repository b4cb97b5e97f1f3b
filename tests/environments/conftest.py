"""Environments under test: `async def` tests run on a loop of their own; interpreters are looked for once."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.environments.world import World
from wakeful.config import default_home
from wakeful.environments.runtimes import Runtimes

MakeWorld = Callable[..., World]


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    wanted = inspect.signature(pyfuncitem.obj).parameters
    asyncio.run(pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in wanted}))
    return True


@pytest.fixture(scope="session")
def runtimes_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runtimes")


@pytest.fixture
def make_world(tmp_path: Path, runtimes_cache: Path) -> MakeWorld:
    """Makes a world; `async with` it."""

    def make(added: Path | None = None, **settings: object) -> World:
        return World(tmp_path, Runtimes(runtimes_cache, added or default_home() / "runtimes"), **settings)  # type: ignore[arg-type]

    return make
