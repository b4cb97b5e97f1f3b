"""An environment: the one place where one function version runs, one invocation at a time, from INIT to its end.

Every change of state is listed in `states.py`; what is not listed is our error. The life of an environment follows
"Understanding the Lambda execution environment lifecycle" in the Lambda guide.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

from wakeful import limits, names
from wakeful.environments import assignments, extensions, extensions_api, faults, report, states, variables
from wakeful.environments.extensions_api import ExtensionsApi
from wakeful.environments.faults import Answer, Fault
from wakeful.environments.journal import Journal
from wakeful.environments.report import Run, Status
from wakeful.environments.runtime_api import Phase as RuntimePhase
from wakeful.environments.runtime_process import RuntimeProcess
from wakeful.environments.runtimes import InvalidEntrypoint
from wakeful.environments.sandbox import Exit, Runtime
from wakeful.environments.states import State as State
from wakeful.environments.streamed import StreamedResponse
from wakeful.environments.surroundings import Closeable as Closeable
from wakeful.environments.surroundings import Surroundings as Surroundings
from wakeful.environments.telemetry import Telemetry
from wakeful.environments.version import Credentials, Invocation, Outcome, Version


class Ended(Exception):
    """The environment ended by itself before it could take an event."""


class Stopped(Exception):
    """The environment was stopped while it was being started."""


class Environment:
    """One sandbox after the other only if INIT has to be repeated; else one sandbox for life."""

    def __init__(
        self,
        surroundings: Surroundings,
        version: Version,
        spawn: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]],
        on_free: Callable[[Environment], None],
        on_end: Callable[[Environment], None],
        *,
        is_provisioned: bool = False,
    ) -> None:
        """`on_free` hears when an invocation is over whose caller has gone, `on_end` when the environment is."""
        self.id = names.new_token()
        self.key = version.key
        self.is_provisioned = is_provisioned
        self.version = version
        self.state = State.STARTING
        self.current: Invocation | None = None
        self.invocation_count = 0
        self.init_ms: float | None = None
        self.init_fault: Fault | None = None
        self.idle_since = 0.0
        self.usable_until = float("inf")
        self.memory_peak_mb = self.memory_held_mb = 0  # the latter is what it keeps from others, /tmp included
        self._journal = Journal(surroundings, version, self.id)
        self.hears: type[Telemetry] = Telemetry
        self._surroundings = surroundings
        self._clock = surroundings.clock
        self._spawn = spawn
        self._on_free = on_free
        self._on_end = on_end
        self._loop = asyncio.get_running_loop()
        self._process: RuntimeProcess | None = None
        self._verdict: asyncio.Future[Fault | None] | None = None
        self._outcome: asyncio.Future[Outcome] | None = None
        self._final: asyncio.Future[Outcome] | None = None
        self._answer: Answer | StreamedResponse | None = None
        self._streamed: StreamedResponse | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._freezing: asyncio.Task[None] | None = None
        self._end: asyncio.Task[None]
        self._is_left = False
        self._restored: tuple[float, int] | None = None
        """How long it took to be restored for its first event, and how many milliseconds of that are billed."""
        self._init_began = 0.0
        self._began = self._started_at = 0.0
        self._memory_read_at = 0.0

    # ------------------------------------------------------------------ life

    @property
    def log_stream(self) -> str:
        return self._journal.stream

    async def start(self) -> None:
        """INIT has ended: READY, or FAILED, in which case the first invocation repeats it."""
        fault = self.init_fault = await self._initialise(self.version.init_timeout_s, is_first=True)
        if fault is not None:
            self._journal.init_failed(self.init_ms or 0.0, "init", fault)
            self.init_ms = None  # what is repeated within an invocation is part of its duration
        elif self._process is not None:
            self._spawn(self._process.sandbox.limit_cpu())  # INIT had a whole core

    async def invoke(self, invocation: Invocation) -> Outcome:
        """The function has answered, failed or timed out. It runs to its end even if the caller does not wait.

        Raises Ended where the environment ended first: the function has not seen the event.
        """
        if self.state is State.FROZEN:
            try:
                await self._thaw()
            except Exception:  # a sandbox that cannot be woken is of no use to anybody
                await self.stop()
                raise
        if self.state is State.FAILED:
            self.current = invocation
            self._outcome = self._loop.create_future()
            self._spawn(self._invoke_anew(invocation, self._outcome))
            return await self._outcome
        if self.state is not State.READY:
            raise Ended(f"environment {self.id} ended before it had the event")
        return await self.begin(invocation)

    def begin(self, invocation: Invocation) -> asyncio.Future[Outcome]:
        """As `invoke`, without a coroutine, for an environment that is READY."""
        outcome: asyncio.Future[Outcome] = self._loop.create_future()
        self._outcome = outcome
        self._began = time.monotonic()
        self._started_at = now = self._clock.now()
        self._give(invocation, self.version.timeout_s, now)
        return outcome

    def leave(self) -> None:
        """The caller of the invocation under way has gone: when it is over, `on_free` hears."""
        self._is_left = True

    def rest(self) -> None:
        """No process inside runs until the next invocation."""
        self._to(State.FROZEN)
        self._freezing = self._spawn(self._freeze())

    async def stop(self) -> None:
        """Gone, whatever it did. May be called at any time and more than once."""
        if self.state in (State.STOPPING, State.GONE):
            return
        self._abandon(faults.ended(Exit(signal=9)), "spindown")
        await self._end

    def _to(self, state: State) -> None:
        states.check(self.state, state)
        self.state = state

    # ------------------------------------------------------------------ INIT

    async def _initialise(self, timeout_s: float, *, is_first: bool) -> Fault | None:
        """READY, or FAILED for the returned reason. Raises only what is no fault of the function."""
        self._init_began = time.monotonic()
        try:
            runtime = await self._surroundings.runtimes.find(self.version)
        except InvalidEntrypoint as error:
            self._still_wanted()
            self._to(State.FAILED)
            return faults.invalid_entrypoint(str(error))
        if is_first:
            self._journal.init_begins(runtime)
        credentials = await self._surroundings.credentials(self.version)
        self._still_wanted()
        self.usable_until = credentials.expires_at - self.version.timeout_s - limits.CREDENTIALS_MARGIN_S
        verdict: asyncio.Future[Fault | None] = self._loop.create_future()
        self._verdict = verdict
        self._init_began = time.monotonic()  # what the node had to do first is not the function's
        timer = self._loop.call_later(timeout_s, self._decide, Fault("timeout", None))
        try:
            await self._open_process(runtime, credentials)
            fault = await verdict
        finally:
            timer.cancel()
            self._verdict = None
        self._still_wanted()
        self.init_ms = (time.monotonic() - self._init_began) * 1000
        if self._process is not None:
            self._process.init_is_over(fault, self.init_ms)
        if fault is not None:
            await self._close_process("timeout" if fault.status == "timeout" else "failure")
            self._still_wanted()
            self._to(State.FAILED)
        return fault

    async def _open_process(self, runtime: Runtime, credentials: Credentials) -> None:
        version = self.version
        inside = self._variables(credentials)
        external, surplus = extensions.found(version.layers)
        assignment = assignments.of(version, inside, external, may_be_template=self._may_be_template())
        sandbox = await self._surroundings.sandboxes.start(runtime, assignment)
        heard = ExtensionsApi(self, version, external)
        telemetry = self.hears(version, self._clock, sandbox.connector, self._spawn, self.is_provisioned)
        telemetry.init_starts(runtime.release, "init" if self.current is None else "invoke")
        process = RuntimeProcess(sandbox, self, heard, self._journal, telemetry, self._surroundings, version)
        if self.state is not State.STARTING:  # stopped in the meantime
            await process.close()
        self._still_wanted()
        self._process = process
        self._attach(process)
        self._to(State.INITIALISING)
        self._spawn(self._watch(process))
        for name in external:
            self._spawn(self._watch_extension(process, name))
        for name in surplus:
            self._launch_failed(process, name, extensions_api.TOO_MANY)
        await process.serve(lambda: self._surroundings.serve_endpoint(sandbox.endpoint, self))

    def _variables(self, credentials: Credentials) -> dict[str, str]:
        return variables.inside(
            self.version,
            credentials,
            endpoint_url=self._surroundings.endpoint_url,
            log_stream=self.log_stream,
            is_provisioned=self.is_provisioned,
        )

    leaves_nothing_open = False
    """Connections to the node end with each answer, because a process that has one open cannot be copied."""

    def _may_be_template(self) -> bool:
        return False

    def _attach(self, process: RuntimeProcess) -> None:
        """Nothing more is answered to what runs inside."""

    def _state_after_init(self) -> State:
        return State.READY

    def _still_wanted(self) -> None:
        if self.state in (State.STOPPING, State.GONE):
            raise Stopped(f"environment {self.id} was stopped while it started")

    def _decide(self, fault: Fault | None) -> None:
        """How INIT ended. Only the first word counts."""
        if self._verdict is not None and not self._verdict.done():
            if fault is None:
                self._to(self._state_after_init())
            self._verdict.set_result(fault)

    async def _invoke_anew(self, invocation: Invocation, outcome: asyncio.Future[Outcome]) -> None:
        """INIT is repeated within the invocation, with the function's own timeout ("suppressed init")."""
        self._began = time.monotonic()
        self._started_at = self._clock.now()
        self._journal.follow(invocation, anew=True)
        try:
            self._still_wanted()
            self._to(State.STARTING)
            fault = await self._initialise(self.version.timeout_s, is_first=False)
            self.init_ms = None  # it is part of the duration
        except Stopped:
            return  # whoever stopped it has told the caller
        except Exception as error:  # noqa: BLE001  what the node could not do is the caller's to hear
            self.current = None
            if not outcome.done():
                outcome.set_exception(error)
            await self.stop()
            self._tell_who_left()
            return
        spent = time.monotonic() - self._began
        if fault is None:
            self._give(invocation, self.version.timeout_s - spent, self._clock.now())
            return
        self._journal.init_failed(spent * 1000, "invoke", fault)
        self._journal.begins(invocation, self._clock.now())
        if fault.status == "timeout":
            fault = faults.timed_out(self.version.timeout_s)
        self._abandon(fault)

    # ------------------------------------------------------------------ INVOKE

    def _give(self, invocation: Invocation, timeout_s: float, now: float) -> None:
        self._to(State.INVOKING)
        process = self._process
        assert process is not None
        self.current = invocation
        self._answer = self._streamed = None
        self.invocation_count += 1
        self._journal.follow(invocation)
        self._journal.begins(invocation, now)
        self._timer = self._loop.call_later(timeout_s, self._time_is_up)
        deadline_ms = int((self._clock.wall() + timeout_s) * 1000)
        if process.extensions.members:
            process.extensions.invoke(invocation, deadline_ms)
        process.api.give(invocation, deadline_ms)

    def runtime_is_ready(self) -> None:
        process = self._process
        assert process is not None
        if process.extensions.awaited:
            if self.state is State.INVOKING:
                self._answer_early(process)
        elif self.state is State.INVOKING:
            self._complete()
        else:
            self._decide(None)

    def extensions_are_registered(self) -> None:
        if self._process is not None:  # else it is about to end
            self._process.sandbox.begin()

    def extensions_are_ready(self) -> None:
        if self._process is not None and self._process.api.phase is RuntimePhase.READY:
            self.runtime_is_ready()

    def runtime_answered(self, payload: bytes) -> None:
        self._answer = Answer(payload, is_error=False)

    def runtime_failed(self, payload: bytes, error_type: str | None) -> None:
        self._answer = Answer(payload, is_error=True)

    def runtime_refused(self, error_type: str, message: str) -> None:
        self._answer = Answer(report.error_document(error_type, message), is_error=True, error_type=error_type)

    def runtime_streams(self, response: StreamedResponse) -> None:
        self._streamed = response

    def runtime_streamed(self, response: StreamedResponse) -> None:
        if self.state is State.INVOKING:  # else it was broken off with the process, and that has its own reason
            self._answer = response

    def runtime_failed_to_start(self, payload: bytes, error_type: str | None) -> None:
        self._decide(Fault("error", report.fault_type(error_type), payload=payload))

    def _complete(self) -> None:
        """The runtime has answered and asks for the next event."""
        process, invocation, answer = self._process, self.current, self._answer
        assert process is not None and invocation is not None and answer is not None
        process.drain()
        self._to(State.READY)
        self._finish(invocation, answer.payload, answer.fault)

    def _answer_early(self, process: RuntimeProcess) -> None:
        """The caller hears, while extensions are still at work; what they cost is told when they are done."""
        invocation, answer, outcome = self.current, self._answer, self._outcome
        assert invocation is not None and answer is not None and outcome is not None
        if outcome.done():  # cancelled by the caller who has gone
            return
        process.drain()
        self._final = self._loop.create_future()
        run = self._run(invocation, answer.fault)
        early = self._outcome_of(run, answer.payload, answer.fault, self._journal.tail)
        outcome.set_result(replace(early, final=self._final))

    def _time_is_up(self) -> None:
        self._abandon(faults.timed_out(self.version.timeout_s))

    def _abandon(self, fault: Fault, reason: extensions.Reason | None = None) -> None:
        """The environment ends, and with it the invocation under way, if there is one."""
        self._stop_timer()
        reason = reason or ("timeout" if fault.status == "timeout" else "failure")
        was_frozen = self.state is State.FROZEN
        self._to(State.STOPPING)
        if self._verdict is not None and not self._verdict.done():
            self._verdict.set_result(fault)
        self._end = self._spawn(self._end_with(fault, reason, was_frozen))

    async def _end_with(self, fault: Fault, reason: extensions.Reason, was_frozen: bool) -> None:
        """Nothing inside runs any more when the caller hears of it. An answer that was given stays the answer."""
        if self._process is not None and self.current is not None:
            self._process.is_broken_off(self._run(self.current, fault), fault)
        try:
            await self._close_process(reason, was_frozen=was_frozen)
        finally:
            self._to(State.GONE)
            invocation, answer = self.current, self._answer
            if answer is not None and answer is self._streamed and self._streamed.is_truncated:
                answer = None  # broken off because of what ended the process
            if invocation is not None:
                if answer is not None and answer.error_type is not None:
                    fault = Fault("error", answer.error_type)  # what it did wrong first is what went wrong
                payload = answer.payload if answer is not None else fault.document(invocation.request_id)
                self._finish(invocation, payload, fault, is_answered=answer is not None and not answer.is_error)
            self._on_end(self)
            self._journal.close()

    def _finish(
        self, invocation: Invocation, payload: bytes, fault: Fault | None, *, is_answered: bool = False
    ) -> None:
        """END and REPORT are written, the environment is free, and the caller hears."""
        self._stop_timer()
        outcome, self._outcome = self._outcome, None
        final, self._final = self._final, None
        assert outcome is not None
        run = self._run(invocation, fault)
        tail = self._journal.ends(run)
        self.current = None
        self._tell_who_left()
        told = final or outcome
        if not told.done():  # else cancelled by the caller who has gone
            told.set_result(self._outcome_of(run, payload, None if is_answered else fault, tail))
        self._streamed = None

    def _run(self, invocation: Invocation, fault: Fault | None) -> Run:
        """The figures of the invocation under way, as of now."""
        duration_ms = (time.monotonic() - self._began) * 1000
        status: Status = "success"
        error_type = None
        if fault is not None:
            status, error_type = fault.status, fault.error_type
            if status == "timeout":
                duration_ms = self.version.timeout_s * 1000
        is_cold = self.invocation_count <= 1 and not self.is_provisioned
        init_ms = self.init_ms if is_cold else None
        restore_ms, billed_restore_ms = (self._restored if is_cold else None) or (None, 0)
        return Run(
            request_id=invocation.request_id,
            duration_ms=duration_ms,
            billed_ms=report.billed_ms(duration_ms, init_ms) + billed_restore_ms,
            memory_mb=self.version.memory_mb,
            memory_used_mb=self._memory_used_mb(),
            init_ms=init_ms,
            status=status,
            error_type=error_type,
            restore_ms=restore_ms,
            billed_restore_ms=billed_restore_ms,
        )

    def _outcome_of(self, run: Run, payload: bytes, fault: Fault | None, tail: bytes) -> Outcome:
        """`fault` is what the caller hears as an error."""
        streamed = self._streamed
        return Outcome(
            payload=payload,
            error="Unhandled" if fault is not None else None,
            error_type=run.error_type,
            status=run.status,
            cold=self.invocation_count <= 1 and not self.is_provisioned,
            init_ms=run.init_ms,
            duration_ms=run.duration_ms,
            billed_ms=run.billed_ms,
            memory_mb=run.memory_mb,
            memory_used_mb=run.memory_used_mb,
            log_tail=tail,
            started_at=self._started_at,
            environment_id=self.id,
            log_stream=self.log_stream,
            is_provisioned=self.is_provisioned,
            restore_ms=run.restore_ms,
            streamed_bytes=streamed.passed_on_bytes if streamed is not None else 0,
            broken_by=streamed.broken_by(fault) if fault is not None and streamed is not None else None,
        )

    def _tell_who_left(self) -> None:
        if self._is_left:
            self._is_left = False
            self._on_free(self)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # ------------------------------------------------------------------ the process

    async def _watch(self, process: RuntimeProcess) -> None:
        """Waits for the runtime's end and draws the consequences."""
        fault = faults.ended(await process.sandbox.wait())
        if process.extensions.first_fault is not None and fault.error_type != "Runtime.OutOfMemory":
            fault = replace(fault, error_type=process.extensions.first_fault)
        self._draw(process, fault)

    async def _watch_extension(self, process: RuntimeProcess, name: str) -> None:
        end = await process.sandbox.extension_exit(name)
        if process is not self._process or self.state in (State.STOPPING, State.GONE):
            return
        if end.error is not None:
            self._launch_failed(process, name, end.error)
        else:
            fault = faults.extension(process.extensions.exited(name), extensions.exit_words(end))
            self._draw(process, fault)

    def _launch_failed(self, process: RuntimeProcess, name: str, words: str) -> None:
        self._draw(process, faults.extension(process.extensions.launch_failed(name, words), words))

    def _draw(self, process: RuntimeProcess, fault: Fault) -> None:
        if process is not self._process or self.state in (State.STOPPING, State.GONE):
            return
        if self.state is State.INITIALISING:
            process.drain()
            self._decide(fault)
        else:
            self._abandon(fault)

    async def _close_process(self, reason: extensions.Reason, *, was_frozen: bool = False) -> None:
        """Every process inside is dead, and what they printed is in the log. Extensions were told before."""
        process, self._process = self._process, None
        if process is not None:
            if process.extensions.members:
                if was_frozen:
                    if self._freezing is not None:
                        await self._freezing
                    await process.thaw()
                await extensions.shut_down(process, reason, self._clock)
            await process.close()
            self.memory_peak_mb = process.memory_mb(self.memory_peak_mb)[0]

    async def _freeze(self) -> None:
        if self._process is not None and self.state is State.FROZEN:
            await self._process.freeze()

    async def _thaw(self) -> None:
        freezing, self._freezing = self._freezing, None
        if freezing is not None:
            await freezing
        if self._process is not None and self.state is State.FROZEN:
            await self._process.thaw()
            self._to(State.READY)

    def _memory_used_mb(self) -> int:
        process, now = self._process, time.monotonic()
        if process is not None and now - self._memory_read_at > limits.MEMORY_READ_INTERVAL_S:
            self._memory_read_at = now
            self.memory_peak_mb, self.memory_held_mb = process.memory_mb(self.memory_peak_mb)
        return min(self.memory_peak_mb, self.version.memory_mb)
