"""What extensions hear of one sandbox: the platform's events and every printed line, for those who subscribed.

The records are those of "Lambda Telemetry API Event schema reference" and "Lambda Logs API" of the Lambda guide. Those
of INIT are kept until INIT is over, so that who subscribes in it has them all; where nobody has by then, nothing of
this is left, and an invocation costs no more than without it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Any

from wakeful import limits
from wakeful.clock import Clock
from wakeful.environments import report
from wakeful.environments.extensions_api import Extension
from wakeful.environments.faults import Fault
from wakeful.environments.report import Phase, Run
from wakeful.environments.telemetry_buffer import Buffer, Record, Room, dropped, platform
from wakeful.environments.telemetry_delivery import Connector, Subscriber, Wakefulness
from wakeful.environments.telemetry_request import LOGS, Api, Subscription
from wakeful.environments.telemetry_span import Spans
from wakeful.environments.version import Invocation, Version

Json = dict[str, Any]


class Telemetry:
    """Of one runtime process and its extensions. `spawn` starts what delivers."""

    def __init__(
        self,
        version: Version,
        clock: Clock,
        connector: Connector,
        spawn: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]],
        is_provisioned: bool,
    ) -> None:
        self._version = version
        self._clock = clock
        self._connector = connector
        self._spawn = spawn
        self._kind = "provisioned-concurrency" if is_provisioned else "on-demand"
        if version.is_snap_start:
            self._kind = "snap-start"
        self._phase: Phase = "init"
        self._wakefulness = Wakefulness()
        self._room = Room(limits.TELEMETRY_WAITING_BYTES_MAX)
        self._subscribers: dict[str, Subscriber] = {}
        """By the name of the extension."""
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._history: list[Record] | None = []
        self._history_bytes = 0
        self._history_lost = [0, 0]
        self._has_runtime_ended_init = False
        self._spans: Spans | None = None
        """Of the invocation under way."""

    @property
    def is_open(self) -> bool:
        """INIT is not over: one may still subscribe."""
        return self._history is not None

    @property
    def is_wanted(self) -> bool:
        return bool(self._subscribers)

    # ------------------------------------------------------------------ who wants it

    def subscription_of(self, name: str) -> Subscription | None:
        subscriber = self._subscribers.get(name)
        return subscriber.subscription if subscriber is not None else None

    def subscribe(self, name: str, subscription: Subscription) -> None:
        """In place of what this extension had subscribed to before. It gets all that there was since INIT began."""
        self._give_up(name)
        buffer = Buffer(subscription.max_items, subscription.max_bytes, subscription.timeout_s, self._room)
        has_objects = self._version.log_format == "JSON"
        subscriber = Subscriber(
            name, subscription, buffer, self._connector, self._wakefulness, self._clock.now, has_objects=has_objects
        )
        self._subscribers[name] = subscriber
        history = list(self._history or ())
        if self._history_lost[0]:
            history.append(dropped(self._clock.now(), *self._history_lost))
        for record in history:
            if subscription.wants(record.kind):
                subscriber.put(_reduced(record, subscription))
        self._tasks[name] = self._spawn(subscriber.run())

    def subscription_told(self, api: Api, name: str, types: tuple[str, ...], *, is_new: bool) -> None:
        state = "Subscribed" if is_new else "Already subscribed"
        self._platform(api.subscription_event, {"name": name, "state": state, "types": list(types)})

    # ------------------------------------------------------------------ what there is to tell

    def printed(self, texts: Sequence[str], now: float, *, by_extension: bool) -> None:
        kind = "extension" if by_extension else "function"
        if self._history is not None:
            for text in texts:
                self._remember(Record(now, kind, text))
        for subscriber in self._subscribers.values():
            if subscriber.subscription.wants(kind):
                subscriber.put_lines(now, kind, texts)

    def init_starts(self, release: str, phase: Phase) -> None:
        self._phase = phase
        self._platform("platform.initStart", {**self._initialization(), **self._runtime(release)})

    def runtime_ended_init(self, fault: Fault | None = None) -> None:
        """The runtime asks for its first event, or has failed. Only the first time counts."""
        if not self._has_runtime_ended_init:
            self._has_runtime_ended_init = True
            verdict = _verdict(fault.status, fault.error_type) if fault is not None else {"status": "success"}
            self._platform("platform.initRuntimeDone", {**self._initialization(), **verdict})

    def extensions(self, members: Iterable[Extension]) -> None:
        for each in members:
            record: Json = {"name": each.name, "state": each.stage.value, "events": list(each.events)}
            if each.error_type:
                record["errorType"] = each.error_type
            self._platform("platform.extension", record)

    def init_ends(self, fault: Fault | None, duration_ms: float) -> None:
        """Nobody subscribes any more."""
        self.runtime_ended_init(fault)
        verdict = _verdict(fault.status, fault.error_type) if fault is not None else {"status": "success"}
        metrics = {"metrics": {"durationMs": round(duration_ms, 3)}}
        self._platform("platform.initReport", {**self._initialization(), **verdict, **metrics})
        self._history = None
        self.flush()

    def restore_starts(self, release: str) -> None:
        self._platform("platform.restoreStart", self._runtime(release))

    def restore_ends(self, duration_ms: float, fault: Fault | None) -> None:
        verdict = _verdict(fault.status, fault.error_type) if fault is not None else {"status": "success"}
        self._platform("platform.restoreRuntimeDone", verdict)
        self._platform("platform.restoreReport", {**verdict, "metrics": {"durationMs": round(duration_ms, 3)}})

    def starts(self, invocation: Invocation) -> None:
        self._spans = Spans(invocation, self._clock.now())
        record = {"requestId": invocation.request_id, "version": self._version.version, **self._spans.tracing}
        self._platform("platform.start", record)

    @property
    def spans(self) -> Spans | None:
        """Who hears the runtime notes there when it answered."""
        return self._spans

    def runtime_is_done(self, status: str, error_type: str | None) -> None:
        """The runtime asks for the next event, or never will. Extensions need not wait for their records."""
        spans = self._spans
        if spans is None or spans.is_done:
            return
        spans.ends(self._clock.now())
        record = {"requestId": spans.request_id, **_verdict(status, error_type), **spans.described, **spans.tracing}
        self._platform("platform.runtimeDone", record)
        self.flush()

    def ends(self, run: Run, fault: Fault | None = None) -> None:
        """Once for each invocation: what comes later of it is not told. `fault` ends the environment too."""
        spans = self._spans
        if spans is None:
            return
        self.runtime_is_done("failure" if run.status == "error" else run.status, run.error_type)
        self._spans = None
        self._platform("platform.end", {"requestId": run.request_id})
        verdict = _verdict(run.status, run.error_type)
        record = {
            "requestId": run.request_id,
            "metrics": report.metrics(run),
            **spans.overhead(self._clock.now()),
            **verdict,
            **spans.tracing,
        }
        self._platform("platform.report", record)
        if fault is not None:
            words = f"RequestId: {run.request_id} {fault.words or 'Process exited before completing request'}"
            self._platform("platform.fault", words)
        self.flush()

    # ------------------------------------------------------------------ when it is told

    def flush(self) -> None:
        """What waits is delivered now, full batch or not."""
        for subscriber in self._subscribers.values():
            subscriber.flush()

    async def delivered(self) -> None:
        """Everybody has everything, or has been given up meanwhile."""
        for subscriber in list(self._subscribers.values()):
            await subscriber.is_idle.wait()

    def pause(self) -> None:
        """The sandbox stands still: nothing is sent."""
        self._wakefulness.pause()

    def resume(self) -> None:
        self._wakefulness.resume()

    def close(self) -> None:
        """Nothing more is delivered. May be called twice."""
        self._history = None
        for name in list(self._subscribers):
            self._give_up(name)

    # ------------------------------------------------------------------ within

    def _give_up(self, name: str) -> None:
        if name in self._subscribers:
            self._tasks.pop(name).cancel()
            self._subscribers.pop(name).give_up()

    def _platform(self, kind: str, record: object) -> None:
        self._put(platform(self._clock.now(), kind, record))

    def _put(self, record: Record) -> None:
        if self._history is not None:
            self._remember(record)
        for subscriber in self._subscribers.values():
            if subscriber.subscription.wants(record.kind):
                subscriber.put(_reduced(record, subscriber.subscription))

    def _remember(self, record: Record) -> None:
        assert self._history is not None
        if self._history_bytes + record.size > limits.TELEMETRY_HISTORY_BYTES_MAX:
            self._history_lost[0] += 1
            self._history_lost[1] += record.size
        else:
            self._history_bytes += record.size
            self._history.append(record)

    def _initialization(self) -> Json:
        return {"initializationType": self._kind, "phase": self._phase}

    def _runtime(self, release: str) -> Json:
        return {
            "runtimeVersion": release,
            "runtimeVersionArn": report.release_arn(self._version, release),
            "functionName": self._version.name,
            "functionVersion": self._version.version,
        }


def _verdict(status: str, error_type: str | None) -> Json:
    return {"status": status, "errorType": error_type} if error_type else {"status": status}


_OLDER = {
    "platform.start": ("requestId", "version"),
    "platform.runtimeDone": ("requestId", "status"),
    "platform.report": ("requestId", "metrics"),
}
"""What these records were before the Telemetry API, in whose schema they have more."""


def _reduced(record: Record, subscription: Subscription) -> Record:
    if subscription.api is not LOGS or record.kind not in _OLDER:
        return record
    document = json.loads(record.text)
    shown = {name: document[name] for name in _OLDER[record.kind]}
    if shown.get("status") == "error":
        shown["status"] = "failure"
    return platform(record.at, record.kind, shown)
