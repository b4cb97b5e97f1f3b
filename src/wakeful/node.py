"""One node: the composition root, the only file that knows every part. Everything that runs is a task of one group."""

from __future__ import annotations

import asyncio
import dataclasses
import fcntl
import logging
import os
import resource
import socket
import sqlite3
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from wakeful import limits, names
from wakeful.clock import Clock
from wakeful.composition import SERVICES, schemas
from wakeful.config import Config
from wakeful.environments import machine
from wakeful.environments.door import Door
from wakeful.environments.environment import Closeable, Environment, Surroundings
from wakeful.environments.packages import ROOTS, Packages
from wakeful.environments.pool import Bounds, Pool
from wakeful.environments.runtimes import Runtimes
from wakeful.environments.sandboxes import LaunchedSandboxes, OpenSandboxes, open_sandboxes
from wakeful.environments.scratch import ScratchRefused, open_scratch
from wakeful.environments.shared import SharedEnvironment
from wakeful.environments.tiers import Isolation, NotConfined
from wakeful.environments.workshop import Workshop
from wakeful.fabric import deliver, housekeeping, worker
from wakeful.fabric.authorize import Authorizer
from wakeful.fabric.call import perform
from wakeful.fabric.chaos import page as chaos_page
from wakeful.fabric.chaos import rows as experiments
from wakeful.fabric.chaos.running import Chaos
from wakeful.fabric.parts import Parts
from wakeful.fabric.patience import keep_up
from wakeful.fabric.service import Call, Principal, Request, Result, Service, held
from wakeful.fabric.source import Source
from wakeful.fabric.stream import Stream
from wakeful.fabric.trace import Trace
from wakeful.gateway.admin import Admin
from wakeful.gateway.authenticate import Authenticator
from wakeful.gateway.http import Gateway
from wakeful.gateway.server import Servers
from wakeful.services import iam
from wakeful.services.lambda_.attendant import Attendant
from wakeful.services.lambda_.developing import Developing
from wakeful.store import lease, moved_clock, schema, telemetry, work
from wakeful.store.blobs import Blobs
from wakeful.store.caches import Caches
from wakeful.store.sqlite import SqliteStore
from wakeful.store.telemetry import Room, Telemetry
from wakeful.store.tx import Outbox, Store, Tx
from wakeful.store.wakes import Wakes

log = logging.getLogger(__name__)


class CannotStart(Exception):
    """Why a node does not start, in a sentence for whoever started it."""


class Node:
    """Implements `fabric.service.Node`. Made by `running`, which also ends it."""

    def __init__(self, config: Config, services: tuple[Service, ...], endpoint: str) -> None:
        self.id = names.new_token(6)
        self.config = config
        self.memory_mb = machine.memory_mb() if config.memory_mb is None else config.memory_mb
        """What all functions together may hold."""
        self.endpoint = endpoint
        self.clock = Clock()
        self.wakes = Wakes(self.clock)
        self.services: Mapping[str, Service] = {service.name: service for service in services}
        self.pages = {name: partial(page, self) for each in services for name, page in each.pages.items()}
        self.sources: Mapping[str, Source] = {s.name: s.source for s in services if s.source is not None}
        self.streams: Mapping[str, Stream] = {s.name: s.stream for s in services if s.stream is not None}
        self.store: Store
        self.telemetry: Telemetry
        self.authorizer: Authorizer
        self.blobs: Blobs
        self.packages: Packages
        self.runtimes: Runtimes
        self.workshop: Workshop
        self.developing = Developing(self)
        self.environments: Pool
        self.attendant: Attendant
        self.isolation: Isolation
        self.caches = Caches()
        self.chaos = Chaos()
        self.disturb = partial(chaos_page.answer, self)
        self.authenticator = Authenticator(self)
        self.servers = Servers(self.clock)
        self.is_stopping = False
        self._moving = asyncio.Lock()

    async def call(self, call: Call, service: str, operation: str, request: Request) -> Any:
        """A public operation in process, with the caller's rights: checked, authorised and noted like any other."""
        inner = dataclasses.replace(call, request_id=names.new_uuid(), trace=call.effects)
        return await perform(self, inner, self.services[service], operation, request)

    async def aside(self, job: Callable[..., Result], /, *args: Any) -> Result:
        return await asyncio.to_thread(job, *args)

    async def apart(self, job: Callable[..., Result], /, *args: Any) -> Result:
        thread = ThreadPoolExecutor(1)
        try:
            return await asyncio.get_running_loop().run_in_executor(thread, job, *args)
        finally:
            thread.shutdown(wait=False)

    def committed(self, outbox: Outbox) -> None:
        """A transaction is on disk: its notes are kept and its waiters woken."""
        for note in outbox.notes:
            self.telemetry.note(note)
        if self.chaos.running:
            self.chaos.log(outbox.notes)
        for name in dict.fromkeys(outbox.wakes):
            self.caches.drop(name)
            self.wakes.wake(name)

    def missed(self) -> None:
        """Wakes of other nodes may have been lost: everything is looked at again."""
        self.caches.drop_all()
        self.wakes.wake_everybody()

    async def describe(self) -> dict[str, Any]:
        """What a person should know of it."""
        takes_any = await self.authenticator.is_open()
        keys = "any access key is taken; twelve digits name an account" if takes_any else "known access keys only"
        return {
            "endpoint": self.endpoint,
            "keys": keys,
            "iam": self.config.iam_mode,
            "isolation": self.isolation.summary.removeprefix("isolation "),
            "memory": f"functions may hold {self.memory_mb:,} MB together",
            **({} if self.config.smtp is None else {"mail": f"e-mail goes out to {self.config.smtp.address}"}),
            "state": self.config.state,
            "holds": await self.store.read(held, self.services.values()),
            **self._being_worked_on(),
        }

    def _being_worked_on(self) -> dict[str, str]:
        """While that is so: its code is not what was uploaded, and a debugger can do all that a function can."""
        found = [
            (names.parse_arn(arn).resource.rpartition(":")[2], is_debugged)
            for arn, is_debugged in self.workshop.functions.items()
        ]
        told = [f"{name} (its debugger listens)" if is_debugged else name for name, is_debugged in sorted(found)]
        return {"worked on": ", ".join(told)} if told else {}

    async def advance(self, seconds: float) -> None:
        """The clock is moved forward, and everything that fell due on the way has been done, each at its own time.

        It stops at every moment at which something wants to happen, until all that it caused has happened. What comes
        in meanwhile is not waited for: under load it comes in all the time.
        """
        async with self._moving:
            target = self.clock.now() + seconds
            while True:
                await self._quiet()
                due = self.wakes.next_deadline()
                if due is None or due >= target:
                    break
                await self._move(due)
            await self._move(target)
            await self._quiet()

    async def _quiet(self) -> None:
        await self.wakes.all_asleep(limits.CLOCK_GENERATIONS)

    async def _move(self, until: float) -> None:
        """The time is `until`, if it was not later. It jumps before anybody who just fell asleep can be overlooked."""
        self.clock.advance(max(0.0, until - self.clock.now()))
        await self.store.write(moved_clock.put_offset, self.clock.offset_s)
        self.wakes.wake_everybody()

    async def follow_clock(self) -> None:
        """Another node of the cluster moved the time: so do we."""
        with self.wakes.listen(moved_clock.MOVED) as listener:
            while True:
                await listener.wait()
                ahead_s = await self.store.read(moved_clock.offset) - self.clock.offset_s
                if ahead_s > 0:
                    self.clock.advance(ahead_s)
                    self.wakes.wake_everybody()

    async def stay_alive(self) -> None:
        """Renews this node's lease, and takes over the work of nodes whose lease has lapsed.

        Where we could not renew in time ourselves, the others could not either: they are given time to.
        """
        renewed, patient_until = self.clock.wall(), 0.0
        while True:
            now = self.clock.wall()
            if now - renewed > limits.NODE_LEASE_S:
                patient_until = now + limits.NODE_LEASE_S
            await self.store.write(_renew, self.id, now, takes_over=now >= patient_until)
            renewed = now
            await asyncio.sleep(limits.NODE_LEASE_S / 3)

    async def leave(self) -> None:
        """Others may take over at once what this node had in hand."""
        await self.store.write(_leave, self.id, self.clock.wall())


@asynccontextmanager
async def running(
    config: Config, services: tuple[Service, ...] = SERVICES, open_sandboxes: OpenSandboxes = open_sandboxes
) -> AsyncIterator[Node]:
    """A node that answers on `node.endpoint`. Leaving ends it: running requests are answered, nothing is lost."""
    _check_open_files()
    async with AsyncExitStack() as stack:
        stack.enter_context(_only_node_on(config.data_dir))
        listener = stack.enter_context(_listen(config))
        node = Node(config, services, _url(listener))
        servers = node.servers
        gateway = Gateway(node, node.services, node.authenticator, Admin(node))
        async with asyncio.TaskGroup() as opening:
            sandboxes = opening.create_task(_sandboxes(config, open_sandboxes, listener, stack, node.memory_mb))
            opening.create_task(_open_stores(node, stack))
        with _or_cannot_start("functions cannot be run"):
            await _open_environments(node, sandboxes.result(), servers, gateway, stack)
        with _or_cannot_start(f"the state in {config.state} cannot be changed"):
            await node.store.write(_first, node)
        await _check_reachable(node)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(keep_up(what, forever)) for what, forever in _forever(node, servers)]
            outside = await servers.serve(listener, gateway.app())
            try:
                yield node
            finally:
                node.is_stopping = True
                node.wakes.wake_everybody()
                await node.wakes.slept(limits.NODE_SHUTDOWN_S)  # what is in hand ends, or is cut off
                await servers.close(outside)
                for task in tasks:
                    task.cancel()


@asynccontextmanager
async def opened(config: Config) -> AsyncIterator[Store]:
    """The state alone, with no node around it. Raises CannotStart while one runs."""
    with _only_node_on(config.data_dir):
        with _or_cannot_start(f"the state in {config.state} cannot be opened"):
            store = _store(config, Clock(), "ledger", lambda outbox: None, None)
        try:
            with _or_cannot_start(f"the state in {config.state} cannot be opened"):
                await store.write(schema.apply, schemas(SERVICES))
            yield store
        finally:
            await store.close()


async def _open_stores(node: Node, stack: AsyncExitStack) -> None:
    """The stores are open and their tables there. Raises CannotStart where the disk or the database refuses."""
    with _or_cannot_start(f"the state in {node.config.state} cannot be opened"):
        await _open_each(node, node.config, stack)


async def _open_each(node: Node, config: Config, stack: AsyncExitStack) -> None:
    node.blobs = Blobs(config.data_dir / "blobs")
    stack.push_async_callback(node.blobs.close)
    node.authorizer = Authorizer(node)
    parts = Parts(
        authorizer=node.authorizer,
        iam_mode=config.iam_mode,
        relays_mail=config.smtp_relay is not None,
        has_internal_endpoints=config.has_internal_endpoints,
        limits_shards=config.limit_shards,
        table_delay_s=config.table_delay_s,
        chaos=node.chaos,
        accepts={name: service.accept for name, service in node.services.items() if service.accept is not None},
        policies={name: service.policy for name, service in node.services.items() if service.policy is not None},
    )
    node.store = _store(config, node.clock, "ledger", node.committed, parts, node.missed)
    stack.push_async_callback(node.store.close)
    watched = _store(config, node.clock, "telemetry", lambda outbox: None, None)
    stack.push_async_callback(watched.close)
    if config.store is not None:
        stack.push_async_callback(node.leave)
    room = Room(config.record_mb * 1024 * 1024, config.record_hours * 3600.0)
    node.telemetry = Telemetry(watched, node.clock, room)
    stack.push_async_callback(node.telemetry.flush)
    await watched.write(schema.apply, {"telemetry": telemetry.SCHEMA})
    await node.telemetry.forget_recordings()
    await node.store.write(schema.apply, schemas(tuple(node.services.values())))
    node.clock.offset_s = await node.store.read(moved_clock.offset)
    await node.chaos.look(node.store)


async def _sandboxes(
    config: Config, open_sandboxes: OpenSandboxes, listener: socket.socket, stack: AsyncExitStack, memory_mb: int
) -> LaunchedSandboxes:
    """Attacked and found to hold as well as `config.isolation` asks for. Raises CannotStart where they do not."""
    private = (config.data_dir.resolve(),)
    try:
        sandboxes = await open_sandboxes(listener.getsockname()[1], config.isolation, private, memory_mb=memory_mb)
    except NotConfined as error:
        raise CannotStart(
            f"functions cannot be confined as asked for (--isolation {config.isolation}): {error}"
        ) from error
    stack.push_async_callback(sandboxes.close)
    return sandboxes


async def _open_environments(
    node: Node, sandboxes: LaunchedSandboxes, servers: Servers, gateway: Gateway, stack: AsyncExitStack
) -> None:
    """Functions can run: what they need of us is put together."""
    try:
        scratch = open_scratch(node.config.data_dir)
    except ScratchRefused as error:
        raise CannotStart(str(error)) from error
    assert sandboxes.isolation is not None, "it was examined before it was given out"
    node.isolation = sandboxes.isolation
    node.packages = Packages(scratch.code, node.blobs, node.config.data_dir / ROOTS)
    node.runtimes = Runtimes(scratch.runtimes, node.config.home / "runtimes", has_fallback=node.config.runtime_fallback)
    node.attendant = attendant = Attendant(node)

    async def serve_endpoint(endpoint: socket.socket, environment: Environment) -> Closeable:
        inside = Inside(environment, attendant.principal(environment.version))
        return await servers.serve(
            endpoint,
            gateway.app(inside),
            is_inside=True,
            connections_max=limits.HTTP_SANDBOX_CONNECTIONS_MAX,
            share=servers.shares.of(environment.version.arn),
            enter=Door,
        )

    node.environments = Pool(
        Surroundings(
            sandboxes=sandboxes,
            runtimes=node.runtimes,
            clock=node.clock,
            credentials=attendant.credentials,
            log=attendant.log,
            log_ended=attendant.forget,
            log_has_room=lambda: node.telemetry.has_room,
            serve_endpoint=serve_endpoint,
            endpoint_url=node.endpoint,
            shares=servers.shares,
        ),
        Bounds(memory_mb=node.memory_mb),
    )
    can_debug = node.isolation.tier != "C"
    node.workshop = Workshop(node.packages, scratch.code, node.environments.uses, can_debug=can_debug)
    stack.push_async_callback(node.workshop.close)
    stack.push_async_callback(node.environments.close)


@dataclass(frozen=True, slots=True)
class Inside:
    """Where a request from inside a sandbox comes from: which function, and what it is doing."""

    environment: Environment
    principal: Principal

    @property
    def leaves_nothing_open(self) -> bool:
        return self.environment.leaves_nothing_open

    def trace_of(self, header: str | None) -> Trace | None:
        if isinstance(self.environment, SharedEnvironment):
            return self.environment.trace_of(header)
        running = self.environment.current
        return None if running is None else running.trace


async def _check_reachable(node: Node) -> None:
    """Raises CannotStart where others could reach a node on which nobody has credentials yet."""
    if not node.config.is_loopback and not await node.store.read(iam.has_root_key):
        raise CannotStart(
            f"{node.config.host} can be reached from elsewhere, and no access key was made yet: make one for the root"
            " of an account first (wakeful keys create), or listen on 127.0.0.1"
        )


def _store(
    config: Config,
    clock: Clock,
    name: str,
    on_commit: Callable[[Outbox], None],
    parts: Parts | None,
    on_missed: Callable[[], None] = lambda: None,
) -> Store:
    if config.store is not None:
        from wakeful.store.postgres import PostgresStore  # psycopg is optional, and takes its time to load

        return PostgresStore(
            config.store,
            clock=clock.now,
            on_commit=on_commit,
            on_missed=on_missed,
            parts=parts,
            schema=f"wakeful_{name}",
            rehearse=config.rehearse,
        )
    return SqliteStore(
        config.data_dir / f"{name}.db",
        clock=clock.now,
        on_commit=on_commit,
        parts=parts,
        rehearse=config.rehearse,
    )


def _forever(node: Node, servers: Servers) -> Iterator[tuple[str, Callable[[], Coroutine[Any, Any, None]]]]:
    """Everything that runs as long as the node does, by what it is called in the log when it fails."""
    yield "telemetry", node.telemetry.run
    yield "the attendant", node.attendant.run
    yield "the date", servers.keep_date
    yield "what clients begin and do not go on with", servers.end_silent
    yield "chaos", partial(node.chaos.follow, node)
    for each in (deliver.worker, experiments.worker, *housekeeping.workers):
        yield each.kind, partial(worker.run, node, each)
    for service in node.services.values():
        for each in service.workers:
            yield each.kind, partial(worker.run, node, each)
        for task in service.tasks:
            yield f"a task of {service.name}", partial(task, node)
    if node.config.store is not None:
        yield "the lease", node.stay_alive
        yield "the clock", node.follow_clock


def _first(tx: Tx, node: Node) -> None:
    """What must be true before anybody calls."""
    if node.config.store is None:
        work.re_enter(tx, alive=())  # we alone are on this data: whoever claimed before is dead
    else:
        _renew(tx, node.id, node.clock.wall())  # before anything is claimed, lest another takes it for a dead node's
    housekeeping.first(tx)
    for service in node.services.values():
        if service.first is not None:
            service.first(tx)


def _renew(tx: Tx, node_id: str, wall: float, *, takes_over: bool = True) -> None:
    lease.hold(tx, f"node/{node_id}", node_id, wall=wall, for_s=limits.NODE_LEASE_S)
    if not takes_over:
        return
    freed = work.re_enter(tx, lease.holders(tx, "node/", wall=wall))
    lease.forget_lapsed(tx, "node/", before=wall - limits.SWEEP_S)
    if freed:
        log.warning("%d rows of work of nodes that are gone are free again", freed)


def _leave(tx: Tx, node_id: str, wall: float) -> None:
    lease.give_up(tx, f"node/{node_id}", node_id)
    work.re_enter(tx, lease.holders(tx, "node/", wall=wall))


def _check_open_files() -> None:
    """As many files may be open as this process may ask for. Raises CannotStart where that would not last long."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard != resource.RLIM_INFINITY and hard < limits.OPEN_FILES_MIN:
        raise CannotStart(
            f"only {hard} files may be open (ulimit -n); connections and functions need {limits.OPEN_FILES_MIN} or more"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


@contextmanager
def _only_node_on(data_dir: Path) -> Iterator[None]:
    """Raises CannotStart while another node runs on the folder. The kernel drops the lock with the process."""
    with ExitStack() as stack:
        with _or_cannot_start(f"the data directory {data_dir} cannot be used"):
            data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
            lock = stack.enter_context((data_dir / "node.lock").open("w"))
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise CannotStart(f"a node runs on {data_dir}; stop it first") from error
        yield


@contextmanager
def _listen(config: Config) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    address = (config.host, config.port)
    with _or_cannot_start(f"nothing can listen on {config.host} port {config.port}"):
        listener = socket.create_server(address, family=family, backlog=limits.HTTP_BACKLOG)
    with listener:
        yield listener


@contextmanager
def _or_cannot_start(what: str) -> Iterator[None]:
    """What the machine refuses is told in a sentence, as CannotStart."""
    try:
        yield
    except (OSError, OverflowError, sqlite3.Error, schema.NewerFormat) as error:
        number = error.errno if isinstance(error, OSError) else None
        raise CannotStart(f"{what}: {os.strerror(number) if number and number > 0 else error}") from error


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
