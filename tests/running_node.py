"""A node for tests: real, on a free port, in this process on a thread of its own; driven through unmodified clients."""

from __future__ import annotations

import asyncio
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import httptools  # noqa: F401 - the server wants it; a missing one should fail here and not in a thread
from botocore.config import Config as ClientConfig

from wakeful.clock import Clock
from wakeful.composition import SERVICES
from wakeful.config import Config
from wakeful.environments import tiers
from wakeful.environments.jail.host import NOTHING
from wakeful.environments.sandboxes import LaunchedSandboxes, open_sandboxes
from wakeful.fabric.service import Service
from wakeful.node import Node, _first, opened, running
from wakeful.store import schema, telemetry
from wakeful.store.sqlite import SqliteStore
from wakeful.store.tx import Tx

REGION = "us-east-1"


class RunningNode:
    """What a test has of a node: clients, the clock, and the node itself for looking inside."""

    def __init__(self, node: Node, loop: asyncio.AbstractEventLoop, stopping: Callable[[], None]) -> None:
        self.stop = stopping
        """The node ends, before the block does."""
        self.node = node
        self.endpoint = node.endpoint
        self._loop = loop
        self._clients: dict[tuple[str, str, str, str], Any] = {}

    def client(
        self, service: str, *, region: str = REGION, key: str = "test", secret: str = "test", **more: Any
    ) -> Any:
        """An unmodified boto3 client, without retries: a test wants to see the first answer.

        Whoever asks for the same has the same one; to register something with it, make one with `new_client`.
        """
        if more:
            return self.new_client(service, region=region, key=key, secret=secret, **more)
        known = (service, region, key, secret)
        if known not in self._clients:
            self._clients[known] = self.new_client(service, region=region, key=key, secret=secret)
        return self._clients[known]

    def new_client(
        self, service: str, *, region: str = REGION, key: str = "test", secret: str = "test", **more: Any
    ) -> Any:
        """Such a client that nobody else has."""
        quiet = {
            "retries": {"max_attempts": 0},
            "read_timeout": 30,
            "user_agent": "a test",
        }  # its own takes long to say
        config = ClientConfig(**{**quiet, **more.pop("config", {})})
        return boto3.client(
            service,
            endpoint_url=more.pop("endpoint", self.endpoint),
            region_name=region,
            aws_access_key_id=key,
            aws_secret_access_key=secret,
            config=config,
            **more,
        )

    def run(self, coroutine: Any, timeout_s: float = 60) -> Any:
        """Runs a coroutine on the node's own loop."""
        future: Future[Any] = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        return future.result(timeout_s)

    def advance(self, seconds: float) -> None:
        """Moves the clock; returns when everything that fell due has been done."""
        self.run(self.node.advance(seconds))

    def wait_for_listener(self, name: str) -> None:
        """Returns once somebody waits for that name: a long poll that has found nothing."""
        self.run(_listened(self.node, name))

    def settle(self) -> None:
        """Returns when nothing is in hand any more."""
        self.run(self.node.wakes.all_asleep())

    @property
    def is_as_good_as_new(self) -> bool:
        """Whether it is once it is empty."""
        node = self.node
        sandboxes = node.environments._surroundings.sandboxes
        assert isinstance(sandboxes, LaunchedSandboxes)
        has_run = sandboxes.launcher_pid is not None
        return not (node.clock.offset_s or node.is_stopping or has_run)

    def empty(self) -> None:
        """Nothing is on the node any more, but bytes that nobody names."""
        self.run(_emptied(self.node))


class Lender:
    """Lends a node that is empty: to start one for each of thousands of tests takes longer than most of them.

    It is the same node until somebody has moved its clock, which goes only forward, has run functions, which may still
    be at something, or has stopped it.
    """

    def __init__(self, folder: Path, **settings: Any) -> None:
        self._folder = folder
        self._settings = settings
        self._count = 0
        self._node: RunningNode | None = None
        self._running = ExitStack()

    @contextmanager
    def lent(self) -> Iterator[RunningNode]:
        """An empty node."""
        if self._node is None:
            self._count += 1
            self._node = self._running.enter_context(
                running_node(self._folder / f"data-{self._count}", **self._settings)
            )
        yield self._node
        if self._node.is_as_good_as_new:
            self._node.empty()
        else:
            self.close()

    def close(self) -> None:
        """The node that was lent last has ended."""
        self._node = None
        self._running.close()


async def open_when_needed(
    endpoint_port: int, isolation: str, private: Sequence[Path], *, memory_mb: int
) -> LaunchedSandboxes:
    """As `open_sandboxes`; but where nothing confines and nothing is attacked, the launcher waits for a function."""
    if isolation != tiers.NONE:
        return await open_sandboxes(endpoint_port, isolation, private, memory_mb=memory_mb)
    sandboxes = LaunchedSandboxes(NOTHING, endpoint_port, memory_mb)
    sandboxes.isolation = tiers.Isolation(tiers.NONE, (), ())
    return sandboxes


@cache
def _state_with_tables() -> dict[str, bytes]:
    """The files of a state in which nothing has happened yet: to make every table is half the work of a start."""
    with tempfile.TemporaryDirectory() as folder:

        async def make() -> None:
            async with opened(Config(Path(folder))):
                pass
            watched = SqliteStore(Path(folder, "telemetry.db"), clock=Clock().now, on_commit=lambda outbox: None)
            await watched.write(schema.apply, {"telemetry": telemetry.SCHEMA})
            await watched.close()

        asyncio.run(make())
        return {path.name: path.read_bytes() for path in Path(folder).glob("*.db")}


def _prepare(data_dir: Path) -> None:
    if not data_dir.exists():
        data_dir.mkdir(parents=True, mode=0o700)
        for name, content in _state_with_tables().items():
            (data_dir / name).write_bytes(content)


async def _emptied(node: Node) -> None:
    await node.wakes.all_asleep()
    await node.telemetry.flush()
    await node.telemetry._store.write(_delete_all)
    await node.store.write(_begin_again, node)
    node.missed()
    await node.wakes.all_asleep()


def _begin_again(tx: Tx, node: Node) -> None:
    _delete_all(tx)
    _first(tx, node)


_KEPT = ("sqlite_", "store_", "iam_secrets")
"""The beginnings of tables whose rows are the node's own: with what it seals sessions it knows by heart."""


def _delete_all(tx: Tx) -> None:
    tx.run("PRAGMA defer_foreign_keys = ON")
    tables = [row["name"] for row in tx.all("SELECT name FROM sqlite_master WHERE type = 'table'")]
    have_rows = " UNION ALL ".join(
        f"SELECT '{table}' AS name WHERE EXISTS (SELECT 1 FROM {table})"
        for table in tables
        if not table.startswith(_KEPT)
    )
    for row in tx.all(have_rows):
        tx.lock(row["name"].partition("_")[0])
        tx.run(f"DELETE FROM {row['name']}")


async def _listened(node: Node, name: str) -> None:
    while not any(each.is_waiting for each in node.wakes._listeners.get(name, ())):  # noqa: ASYNC110 - nobody tells us
        await asyncio.sleep(0)


@contextmanager
def running_node(data_dir: Path, services: tuple[Service, ...] = SERVICES, **settings: Any) -> Iterator[RunningNode]:
    """A node that runs until the block ends; what it failed with is raised here."""
    config = Config(data_dir, **{"port": 0, "rehearse": True, "isolation": "none", **settings})
    started: Future[tuple[Node, asyncio.AbstractEventLoop, asyncio.Event]] = Future()

    async def live() -> None:
        stop = asyncio.Event()
        async with running(config, services, open_when_needed) as node:
            started.set_result((node, asyncio.get_running_loop(), stop))
            await stop.wait()

    def thread() -> None:
        try:
            _prepare(data_dir)
            asyncio.run(live())
        except BaseException as error:  # noqa: BLE001 - raised again in the test's own thread
            ended.set_exception(error)
            if not started.done():
                started.set_exception(error)
        else:
            ended.set_result(None)

    def stopping() -> None:
        if not ended.done():
            loop.call_soon_threadsafe(stop.set)
        ended.result(30)

    ended: Future[None] = Future()
    threading.Thread(target=thread, name="node", daemon=True).start()
    node, loop, stop = started.result(30)
    try:
        yield RunningNode(node, loop, stopping)
    finally:
        stopping()
