"""What every test may use: a clock that jumps, and a store on each engine."""

from __future__ import annotations

import gc
import os
import tempfile
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from tests import postgres
from tests.examples import EXPLORED, QUICK, UNTIMED
from tests.running_node import Lender, RunningNode, running_node
from wakeful import limits
from wakeful.clock import Clock
from wakeful.store import blobs, lease, schema, telemetry, work
from wakeful.store.sqlite import SqliteStore
from wakeful.store.tx import Outbox, Store

settings.register_profile("whole", derandomize=True, **UNTIMED)
settings.register_profile("explore", max_examples=EXPLORED, **UNTIMED)
settings.register_profile("quick", max_examples=QUICK, **UNTIMED)
settings.load_profile("whole")
IN_MEMORY = Path("/dev/shm")
IN_MEMORY_BYTES = 4 << 30
OpenStore = Callable[..., AbstractAsyncContextManager[Store]]

KERNEL_SCHEMAS = {"work": work.SCHEMA, "lease": lease.SCHEMA, "blob": blobs.SCHEMA, "telemetry": telemetry.SCHEMA}


@pytest.hookimpl(trylast=True)  # the profile is chosen by then
def pytest_configure() -> None:
    """What quick tests write lies in memory, where there is enough: a disk would be waited for."""
    if settings.get_current_profile_name() == "quick" and _has_room(IN_MEMORY):
        tempfile.tempdir = str(IN_MEMORY)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--tell-failed", metavar="FILE", type=Path, help="where the names of the tests that failed go")


def _has_room(folder: Path) -> bool:
    if not folder.is_dir():
        return False
    there = os.statvfs(folder)
    return there.f_bavail * there.f_frsize >= IN_MEMORY_BYTES and not there.f_flag & os.ST_NOEXEC


def pytest_collection_finish() -> None:
    """As a node that serves does: what is there now stays, and to look through it again and again is no use."""
    gc.freeze()
    gc.set_threshold(limits.COLLECTION_THRESHOLD)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What this machine could not try is said at the end, once for each reason."""
    told: Path | None = terminalreporter.config.getoption("--tell-failed")
    if told is not None:
        failed = [each.nodeid for kind in ("failed", "error") for each in terminalreporter.stats.get(kind, ())]
        told.write_text("".join(f"{each}\n" for each in dict.fromkeys(failed)))
    reasons: Counter[str] = Counter()
    for report in terminalreporter.stats.get("skipped", ()):
        if isinstance(report.longrepr, tuple):
            reasons[report.longrepr[2].removeprefix("Skipped: ")] += 1
    if reasons:
        terminalreporter.section("NOT TRIED ON THIS MACHINE", yellow=True, bold=True)
        for reason, count in sorted(reasons.items()):
            terminalreporter.line(f"{count:5} {'test ' if count == 1 else 'tests'}  {reason}", yellow=True)


@pytest.fixture(scope="session")
def postgres_dsn() -> Iterator[str]:
    """A PostgreSQL server; skips, loudly, where there is none."""
    binaries = postgres.find_binaries()
    if binaries is None:
        pytest.skip("NO POSTGRESQL FOUND: the storage contract was tested on SQLite only")
    with postgres.running(binaries) as dsn:
        yield dsn


@pytest.fixture
def node(tmp_path: Path) -> Iterator[RunningNode]:
    """A node of the test's own, empty, on SQLite; every transaction is rehearsed."""
    with running_node(tmp_path / "data") as started:
        yield started


@pytest.fixture(scope="module")
def shared_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningNode]:
    """One node for those tests of a file that are refused, and so leave nothing behind that another would see."""
    with running_node(tmp_path_factory.mktemp("shared") / "data") as started:
        yield started


@pytest.fixture(scope="module")
def lender(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lender]:
    """Has one node for the tests of a file."""
    with closing(Lender(tmp_path_factory.mktemp("lender"))) as lender:
        yield lender


@pytest.fixture
def lent_node(lender: Lender) -> Iterator[RunningNode]:
    """A node on which there is nothing; what the test does with it, no other test of the file sees."""
    with lender.lent() as node:
        yield node


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.slow)])
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def open_store(engine: str, tmp_path: Path, clock: Clock, request: pytest.FixtureRequest) -> OpenStore:
    """Opens a store on the engine under test; the same `name` opens the same data again."""
    dsn = request.getfixturevalue("postgres_dsn") if engine == "postgres" else None
    run = uuid.uuid4().hex[:12]

    @asynccontextmanager
    async def opened(
        name: str = "ledger",
        *,
        tables: str = "",
        on_commit: Callable[[Outbox], None] = lambda outbox: None,
        parts: Any = None,
        rehearse: bool = False,
    ) -> AsyncIterator[Store]:
        store: Any
        if dsn is not None:
            from wakeful.store.postgres import PostgresStore

            store = PostgresStore(
                dsn,
                clock=clock.now,
                on_commit=on_commit,
                parts=parts,
                schema=f"t{run}_{name}",
                connections=4,
                rehearse=rehearse,
            )
        else:
            path = tmp_path / f"{name}.db"
            store = SqliteStore(path, clock=clock.now, on_commit=on_commit, parts=parts, rehearse=rehearse)
        try:
            await store.write(schema.apply, {**KERNEL_SCHEMAS, "test": tables})
            yield store
        finally:
            await store.close()

    return opened
