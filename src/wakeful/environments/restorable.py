"""An environment with SnapStart: initialised ahead, parked, and restored for its first invocation.

On Lambda a snapshot of one initialised environment becomes many. Here the process that ran INIT is copied where it can
be (`origins.py`). Where it cannot, each environment runs INIT itself, ahead of time, and waits; what it finds inside,
the hooks it runs and the log it leaves are the same ("Improving startup performance with Lambda SnapStart").
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable, Coroutine
from typing import Any

from wakeful import limits, names
from wakeful.environments import faults, report, restore_lines, variables
from wakeful.environments.environment import Ended, Environment, Surroundings
from wakeful.environments.extensions import Reason
from wakeful.environments.extensions_api import ExtensionsApi
from wakeful.environments.faults import Fault
from wakeful.environments.origins import Origin, Origins
from wakeful.environments.report import Status
from wakeful.environments.restore_api import CREDENTIALS, RestoreApi
from wakeful.environments.runtime_api import Phase as RuntimePhase
from wakeful.environments.runtime_process import RuntimeProcess
from wakeful.environments.sandbox import Exit, Runtime, SandboxRefused
from wakeful.environments.states import State
from wakeful.environments.telemetry import Telemetry
from wakeful.environments.version import Credentials, RestoreFailed, Version

log = logging.getLogger(__name__)

_NOT_INSIDE = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
)
"""What a snapshot would carry into other environments."""

_THREADS = ("MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
"""Numeric libraries start threads when they are imported, and what has threads cannot be copied."""


class Restorable(Environment):
    """Parked once it has been initialised; `start` restores it, and initialises it first where nobody has."""

    def __init__(
        self,
        surroundings: Surroundings,
        version: Version,
        spawn: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]],
        on_free: Callable[[Environment], None],
        on_end: Callable[[Environment], None],
        origins: Origins,
    ) -> None:
        super().__init__(surroundings, version, spawn, on_free, on_end)
        self._origins = origins
        self.is_taken = False
        """It is somebody's, or soon will be: nobody else may have it."""

        self._token = names.new_token()
        self._parking: asyncio.Task[None] | None = None
        self._park_error: Exception | None = None
        self._restore_api: RestoreApi | None = None
        self._release = ""
        self._is_frozen = False
        self._is_forked = False
        self._is_first = False
        """Others may be copied from what runs INIT here."""

    @property
    def has_process(self) -> bool:
        """It ran INIT itself, or was already forked."""
        return self._process is not None

    async def park(self) -> None:
        """INIT has ended: PARKED, or FAILED. Whoever asks again waits for the same."""
        if self._parking is None:
            self._parking = self._spawn(self._park_for_all())
        await asyncio.shield(self._parking)
        if self._park_error is not None:
            raise self._park_error

    async def start(self) -> None:
        """READY for its first event; FAILED where INIT was.

        Raises RestoreFailed where its function's hooks failed, Ended where it had ended while it was parked.
        """
        self.is_taken = True
        began = time.monotonic()
        await self.park()
        await self._come_to_life()
        if self._has_failed():
            return
        if self._process is None:
            raise Ended(f"environment {self.id} ended before it was restored")
        fault = await self._restore(began)
        if fault is not None:
            await self.stop()
            raise RestoreFailed("timeout" if fault.status == "timeout" else "error")

    def _has_failed(self) -> bool:
        return self.state is State.FAILED

    async def _come_to_life(self) -> None:
        """There is a process inside, a copy where it can be had. Whoever calls gets an environment in any case."""
        if self.state is State.PARKED and self._process is None and not await self._fork():
            self._to(State.STARTING)
            await self._run_init()

    async def _park_for_all(self) -> None:
        try:
            await self._park()
        except Exception as error:  # noqa: BLE001  raised for everyone who waits
            self._park_error = error

    async def _park(self) -> None:
        if self._may_be_first():
            async with self._origins.turn(self.key):
                self._still_wanted()
                self._is_first = self._may_be_first()
                if self._is_first:
                    await self._run_init()
                    self._is_first = False
                    return
        if self._origins.find(self.key) is not None:
            self._to(State.PARKED)  # and that is all, until somebody calls
        else:
            await self._run_init()

    def _may_be_first(self) -> bool:
        return not self.is_taken and self._origins.may_be_had(self.version)

    async def _run_init(self) -> None:
        timeout_s = max(limits.SNAP_START_INIT_TIMEOUT_S, self.version.timeout_s)
        self.init_fault = await self._initialise(timeout_s, is_first=True)
        init_ms, self.init_ms = self.init_ms or 0.0, None
        process = self._process
        if self.init_fault is not None:
            self._journal.init_failed(init_ms, "init", self.init_fault)
        elif process is not None:
            process.drain()
            self._journal.put(restore_lines.initialised(self.version, self._clock.now(), init_ms))
            if self._is_first and not process.extensions.members and await self._is_held(process):
                return
            await process.sandbox.limit_cpu()
            if not self.is_taken and self.state is State.PARKED:
                self._is_frozen = True
                await process.freeze()

    async def _is_held(self, process: RuntimeProcess) -> bool:
        """Whether the process is now one to be copied, for us and for others."""
        assert self._restore_api is not None
        reason = await self._origins.try_to_hold(self.version, process, self._restore_api.fork)
        if reason is not None or self._process is not process or self.state is not State.PARKED:
            return False
        process.drain()
        self._process, self._restore_api = None, None
        self._origins.keep(self.key, Origin(process, self._token, self._release))
        return True

    async def _fork(self) -> bool:
        """The process inside is a copy of the one that ran INIT. False where that cannot be had any more."""
        origin = self._origins.find(self.key)
        if origin is None:
            return False
        try:
            sandbox = await origin.restore()
        except SandboxRefused as error:
            if self.state is not State.PARKED:
                raise Ended(f"environment {self.id} ended before it was restored") from None
            log.info("an environment of %s runs INIT itself: %s", self.version.arn, error)
            return False
        heard = ExtensionsApi(self, self.version, ())
        telemetry = Telemetry(self.version, self._clock, sandbox.connector, self._spawn, is_provisioned=False)
        process = RuntimeProcess(sandbox, self, heard, self._journal, telemetry, self._surroundings, self.version)
        process.init_is_over(None, 0.0)  # nobody in there has asked to hear of it
        if self.state is not State.PARKED:  # stopped in the meantime
            await process.close()
            raise Ended(f"environment {self.id} ended before it was restored")
        self._token, self._release = origin.token, origin.release
        self.usable_until = float("inf")
        self._process = process
        self._attach(process)
        self._is_forked = True
        self._spawn(self._watch(process))
        return True

    async def _initialise(self, timeout_s: float, *, is_first: bool) -> Fault | None:
        """As of any environment. What is repeated within an invocation is also restored within it."""
        fault = await super()._initialise(timeout_s, is_first=is_first)
        if fault is None and not is_first:
            fault = await self._restore(time.monotonic())
            self._restored = None  # it is part of the duration of that invocation
        return fault

    async def _restore(self, began: float) -> Fault | None:
        """READY, or why not. `began` is when somebody first waited for it."""
        process, restore_api = self._process, self._restore_api
        assert process is not None and restore_api is not None
        self._to(State.RESTORING)
        self._journal.tail_from_here()
        self._journal.put(restore_lines.restore_start(self.version, self._clock.now(), self._release))
        if self._journal.telemetry is not None:
            self._journal.telemetry.restore_starts(self._release)
        await self._thaw_parked(process)
        if self.state is not State.RESTORING:
            return faults.ended(Exit(signal=9))
        verdict: asyncio.Future[Fault | None] = self._loop.create_future()
        self._verdict = verdict
        resumed = time.monotonic()
        timer = self._loop.call_later(limits.RESTORE_TIMEOUT_S, self._decide, Fault("timeout", None))
        try:
            if self._is_forked:
                restore_api.is_restored()
                await process.serve(lambda: self._surroundings.serve_endpoint(process.sandbox.endpoint, self))
            elif not restore_api.resume():
                self._decide(None)
            fault = await verdict
        finally:
            timer.cancel()
            self._verdict = None
        ended = time.monotonic()
        process.drain()
        if self._is_forked:
            self._spawn(process.sandbox.limit_cpu())  # until here it had a whole core
        restore_ms = (ended - began) * 1000
        self._restored = (restore_ms, max(1, math.ceil(round((ended - resumed) * 1000, 3))))
        status: Status = "success" if fault is None else fault.status
        error_type = None if fault is None else fault.error_type
        self._journal.put(restore_lines.restored(self.version, self._clock.now(), restore_ms, status, error_type))
        if self._journal.telemetry is not None:
            self._journal.telemetry.restore_ends(restore_ms, fault)
        return fault

    # ------------------------------------------------------------------ what differs inside

    async def _open_process(self, runtime: Runtime, credentials: Credentials) -> None:
        self._release = runtime.release
        self.usable_until = float("inf")  # it has none of these credentials until it asks for some
        await super()._open_process(runtime, credentials)

    def _variables(self, credentials: Credentials) -> dict[str, str]:
        inside = super()._variables(credentials)
        for name in _NOT_INSIDE:
            del inside[name]
        alone = dict.fromkeys(_THREADS, "1") if self._is_first else {}
        return {
            **alone,
            **inside,
            "AWS_LAMBDA_INITIALIZATION_TYPE": "snap-start",
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"http://{variables.RUNTIME_API}{CREDENTIALS.decode()}",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN": self._token,
        }

    @property
    def leaves_nothing_open(self) -> bool:  # type: ignore[override]  # of others it is always so
        return self._is_first and self.state in (State.STARTING, State.INITIALISING)

    def _may_be_template(self) -> bool:
        return self._is_first

    def _attach(self, process: RuntimeProcess) -> None:
        self._restore_api = RestoreApi(process.api, self, self._token)
        process.api.routes.append(self._restore_api)

    async def _close_process(self, reason: Reason, *, was_frozen: bool = False) -> None:
        if self._process is not None and self._process.extensions.members:
            await self._thaw_parked(self._process)  # they hear of their end
        await super()._close_process(reason, was_frozen=was_frozen)

    async def _thaw_parked(self, process: RuntimeProcess) -> None:
        if self._is_frozen:
            self._is_frozen = False
            await process.thaw()

    def extensions_are_ready(self) -> None:
        if self._process is not None and self._process.api.phase is RuntimePhase.RESTORE_READY:
            self.runtime_is_ready()
        else:
            super().extensions_are_ready()

    def _state_after_init(self) -> State:
        return State.PARKED if self.state is State.INITIALISING else State.READY

    # ------------------------------------------------------------------ what the runtime says

    def runtime_failed_to_restore(self, payload: bytes, error_type: str | None) -> None:
        self._decide(Fault("error", report.fault_type(error_type), payload=payload))

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        return self._spawn(work)

    async def credentials(self) -> tuple[Credentials, float]:
        """The environment is of no use any more when these have expired: they may be held inside until then."""
        given = await self._surroundings.credentials(self.version)
        self.usable_until = given.expires_at - self.version.timeout_s - limits.CREDENTIALS_MARGIN_S
        return given, self._clock.wall() + given.expires_at - self._clock.now()
