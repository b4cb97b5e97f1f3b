"""What is told of environments that take several invocations at a time: to their log, and to their extensions.

The records of Lambda Managed Instances: an invocation has a start and a report, and the report no bill and no memory.
"""

from __future__ import annotations

from typing import Any

from wakeful.environments import report
from wakeful.environments.faults import Fault
from wakeful.environments.journal import Journal
from wakeful.environments.output import Tail
from wakeful.environments.report import Run
from wakeful.environments.surroundings import Surroundings
from wakeful.environments.telemetry import Telemetry
from wakeful.environments.version import Invocation, Version

KIND = "lambda-managed-instances"


class SharedReport(report.Json):
    """The lines in CloudWatch Logs, which are JSON always."""

    def __init__(self, version: Version) -> None:
        super().__init__(version)
        self._kind = KIND

    def end(self, now: float, run: Run) -> list[str]:
        if self._is_quiet and run.status == "success":
            return []
        return [report.line(now, "platform.report", reported(run))]

    def initialised(self, now: float, duration_ms: float) -> list[str]:
        record = {
            "initializationType": KIND,
            "phase": "init",
            "status": "success",
            "metrics": {"durationMs": round(duration_ms, 3)},
        }
        return [] if self._is_quiet else [report.line(now, "platform.initReport", record)]


class SharedJournal(Journal):
    """Lines of several invocations come mixed; each tells its own by its request id."""

    def __init__(self, surroundings: Surroundings, version: Version, environment_id: str) -> None:
        self._tails: dict[str, Tail] = {}
        super().__init__(surroundings, version, environment_id, SharedReport(version))

    def follow(self, invocation: Invocation, *, anew: bool = False) -> None:
        if invocation.log_tail:
            self._tails[invocation.request_id] = Tail()

    def ends(self, run: Run) -> bytes:
        super().ends(run)
        tail = self._tails.pop(run.request_id, None)
        return b"" if tail is None else bytes(tail)

    def _put(self, texts: list[str], now: float) -> None:
        super()._put(texts, now)
        for request_id, tail in self._tails.items():
            own = [text for text in texts if request_id in text]
            if own:
                tail.add(own)


class SharedTelemetry(Telemetry):
    """Invocations that overlap are told each by itself."""

    def _initialization(self) -> dict[str, Any]:
        return {"initializationType": KIND, "phase": self._phase}

    def starts(self, invocation: Invocation) -> None:
        record = {
            "requestId": invocation.request_id,
            "version": self._version.version,
            "functionArn": self._version.arn,
        }
        self._platform("platform.start", {**record, **_tracing(invocation)})

    def ends(self, run: Run, fault: Fault | None = None) -> None:
        self._platform("platform.report", reported(run))
        self.flush()


def reported(run: Run) -> dict[str, Any]:
    """A platform.report."""
    record: dict[str, Any] = {"requestId": run.request_id, "status": run.status}
    if run.error_type:
        record["errorType"] = run.error_type
    record["metrics"] = {"durationMs": round(run.duration_ms, 3)}
    if run.spans:
        record["spans"] = [
            {"name": name, "start": report.iso_ms(start), "durationMs": round(ms, 3)} for name, start, ms in run.spans
        ]
    return record


def _tracing(invocation: Invocation) -> dict[str, Any]:
    if invocation.trace is None:
        return {}
    return {"tracing": {"type": "X-Amzn-Trace-Id", "value": invocation.trace.header}}
