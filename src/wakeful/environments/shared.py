"""An environment that takes several invocations at a time, as Lambda Managed Instances have it.

It is READY from its first worker on and never frozen. What times out fails alone, and its code goes on; what ends the
process fails everything under way, and the environment with it: INIT is never repeated ("Understanding the Lambda
Managed Instances execution environment" in the Lambda guide).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any

from wakeful import limits
from wakeful.environments import faults, report
from wakeful.environments.environment import Environment, Surroundings
from wakeful.environments.extensions import Reason
from wakeful.environments.faults import Answer, Fault
from wakeful.environments.report import Run, Status
from wakeful.environments.runtime_process import RuntimeProcess
from wakeful.environments.shared_api import Exchange, SharedApi
from wakeful.environments.shared_lines import KIND, SharedJournal, SharedReport, SharedTelemetry
from wakeful.environments.states import State
from wakeful.environments.streamed import StreamedResponse
from wakeful.environments.version import Credentials, Invocation, Outcome, Version
from wakeful.fabric.trace import Trace

_TIMED_OUT = "Sandbox.Timedout"


class SharedEnvironment(Environment):
    """`on_room` hears when a worker is free, `on_over` when an invocation is over, whether or not its caller waits."""

    def __init__(
        self,
        surroundings: Surroundings,
        version: Version,
        spawn: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]],
        on_end: Callable[[Environment], None],
        on_room: Callable[[SharedEnvironment], None],
        on_over: Callable[[SharedEnvironment], None],
    ) -> None:
        super().__init__(surroundings, version, spawn, lambda environment: None, on_end)
        assert version.sharing is not None
        self.slots = version.sharing.slots
        self.hears = SharedTelemetry
        self._journal = SharedJournal(surroundings, version, self.id)
        self.running: dict[str, Exchange] = {}
        """By request id."""

        self.starting_up: asyncio.Task[None] | None = None
        """Until INIT is over, and whoever waits for that has heard."""

        self.is_retired = False
        """It takes no more events, and ends when those it has are over."""

        self._on_room = on_room
        self._on_over = on_over
        self._api: SharedApi | None = None

    # ------------------------------------------------------------------ life

    async def start(self) -> None:
        """INIT has ended: READY, or FAILED for good."""
        timeout_s = max(limits.SHARED_INIT_TIMEOUT_S, self.version.timeout_s)
        self.init_fault = await self._initialise(timeout_s, is_first=True)
        if self.init_fault is not None:
            self._journal.init_failed(self.init_ms or 0.0, "init", self.init_fault)
        else:
            lines = SharedReport(self.version)
            self._journal.put(lines.initialised(self._clock.now(), self.init_ms or 0.0))
            if self._process is not None:
                await self._process.sandbox.limit_cpu()

    @property
    def has_slot(self) -> bool:
        """One invocation more would be within its number."""
        return self.state is State.READY and not self.is_retired and len(self.running) < self.slots

    @property
    def is_free(self) -> bool:
        """It takes an event at once."""
        return self.has_slot and self._api is not None and self._api.has_worker

    def begin(self, invocation: Invocation) -> asyncio.Future[Outcome]:
        """The invocation is under way. Only when it `is_free`."""
        assert self.is_free and self._api is not None, self.state
        now, timeout_s = self._clock.now(), self.version.timeout_s
        outcome: asyncio.Future[Outcome] = self._loop.create_future()
        exchange = Exchange(invocation, outcome, self._answered, began=time.monotonic(), started_at=now)
        self.running[invocation.request_id] = exchange
        self.invocation_count += 1
        self._journal.follow(invocation)
        self._journal.begins(invocation, now)
        exchange.timer = self._loop.call_later(timeout_s, self._exchange_timed_out, exchange)
        self._api.hand(exchange, int((self._clock.wall() + timeout_s) * 1000))
        return outcome

    def trace_of(self, header: str | None) -> Trace | None:
        """Of the invocation that a call from inside comes from, by the header that it carries."""
        traces = [exchange.invocation.trace for exchange in self.running.values()]
        found = next((trace for trace in traces if trace is not None and trace.header == header), None)
        return found or (traces[0] if len(traces) == 1 else None)

    # ------------------------------------------------------------------ what differs inside

    def _attach(self, process: RuntimeProcess) -> None:
        before = process.api
        api = SharedApi(before.host, process.extensions, self.slots, lambda: self._on_room(self))
        api.routes = before.routes
        process.api = self._api = api

    def _variables(self, credentials: Credentials) -> dict[str, str]:
        return {
            **super()._variables(credentials),
            "AWS_LAMBDA_INITIALIZATION_TYPE": KIND,
            "AWS_LAMBDA_MAX_CONCURRENCY": str(self.slots),
        }

    # ------------------------------------------------------------------ ends of invocations

    def _answered(self, exchange: Exchange, answer: Answer | StreamedResponse) -> None:
        self._finish_exchange(exchange, answer.payload, answer.fault)

    def _exchange_timed_out(self, exchange: Exchange) -> None:
        """The caller hears; the code goes on, and whatever it answers comes too late."""
        fault = faults.timed_out(self.version.timeout_s)
        assert self._api is not None
        self._api.give_up(exchange)
        self._finish_exchange(exchange, report.error_document(_TIMED_OUT, fault.words), fault)

    async def _end_with(self, fault: Fault, reason: Reason, was_frozen: bool) -> None:
        """Nothing inside runs any more when the callers hear of it."""
        try:
            await self._close_process(reason, was_frozen=was_frozen)
        finally:
            self._to(State.GONE)
            for exchange in list(self.running.values()):
                self._finish_exchange(exchange, fault.document(exchange.invocation.request_id), fault)
            self._on_end(self)
            self._journal.close()

    def _finish_exchange(self, exchange: Exchange, payload: bytes, fault: Fault | None) -> None:
        if exchange.timer is not None:
            exchange.timer.cancel()
        if self._process is not None:
            self._process.output.drain(ends_line=False)
        run = self._run_of(exchange, fault)
        tail = self._journal.ends(run)
        del self.running[exchange.invocation.request_id]
        self._on_over(self)
        if exchange.outcome.done():  # cancelled by the caller who has gone
            return
        streamed = exchange.streamed
        exchange.outcome.set_result(
            Outcome(
                payload=payload,
                error="Unhandled" if fault is not None else None,
                error_type=run.error_type,
                status=run.status,
                cold=False,
                init_ms=None,
                duration_ms=run.duration_ms,
                billed_ms=0,
                memory_mb=run.memory_mb,
                memory_used_mb=run.memory_used_mb,
                log_tail=tail,
                started_at=exchange.started_at,
                environment_id=self.id,
                log_stream=self.log_stream,
                is_shared=True,
                streamed_bytes=streamed.passed_on_bytes if streamed is not None else 0,
                broken_by=streamed.broken_by(fault) if fault is not None and streamed is not None else None,
            )
        )

    def _run_of(self, exchange: Exchange, fault: Fault | None) -> Run:
        ended = time.monotonic()
        duration_ms = (ended - exchange.began) * 1000
        status: Status = "success" if fault is None else fault.status
        if status == "timeout":
            duration_ms = self.version.timeout_s * 1000
        spans: tuple[tuple[str, float, float], ...] = ()
        if exchange.answers_at is not None and fault is None:
            latency_ms = (exchange.answers_at - exchange.began) * 1000
            spans = (
                ("responseLatency", exchange.started_at, latency_ms),
                ("responseDuration", exchange.started_at + latency_ms / 1000, duration_ms - latency_ms),
            )
        return Run(
            request_id=exchange.invocation.request_id,
            duration_ms=duration_ms,
            billed_ms=0,
            memory_mb=self.version.memory_mb,
            memory_used_mb=self._memory_used_mb(),
            init_ms=None,
            status=status,
            error_type=_TIMED_OUT if status == "timeout" else fault.error_type if fault is not None else None,
            spans=spans,
        )
