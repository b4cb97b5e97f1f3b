"""The lines that Lambda itself writes to a function's log: INIT_START, EXTENSION, START, END …

Two formats, Text and JSON, as "Working with Lambda function logs" and "Lambda Telemetry API Event schema reference"
of the Lambda guide show them. Every line ends with a newline.
"""

from __future__ import annotations

import datetime
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from wakeful.environments.sandbox import Exit
from wakeful.environments.telemetry_request import Api
from wakeful.environments.version import Version, runtime_version_arn

Status = Literal["success", "error", "timeout"]
Phase = Literal["init", "invoke"]


@dataclass(frozen=True, slots=True)
class Run:
    """The figures of one invocation, as REPORT shows them."""

    request_id: str
    duration_ms: float
    billed_ms: int
    memory_mb: int
    memory_used_mb: int
    init_ms: float | None
    status: Status
    error_type: str | None
    restore_ms: float | None = None
    billed_restore_ms: int = 0
    spans: tuple[tuple[str, float, float], ...] = ()
    """(name, when it began in epoch seconds, its milliseconds), where REPORT tells them."""


class Report(Protocol):
    """The platform's lines of one environment. An empty list where the log level leaves the line out."""

    def init_start(self, now: float, release: str) -> list[str]: ...

    def stands_in(self, now: float, words: str) -> list[str]:
        """Ours, not Lambda's: which version runs in place of the one that was asked for."""

    def init_failed(
        self, now: float, duration_ms: float, phase: Phase, status: Status, error_type: str | None
    ) -> list[str]: ...

    def extension(
        self, now: float, name: str, state: str, events: tuple[str, ...], error_type: str | None
    ) -> list[str]: ...

    def subscribed(self, now: float, api: Api, name: str, types: tuple[str, ...], *, is_new: bool) -> list[str]: ...

    def start(self, now: float, request_id: str) -> list[str]: ...

    def end(self, now: float, run: Run) -> list[str]: ...


def report_of(version: Version) -> Report:
    """In the format that the function's logging configuration asks for."""
    return Json(version) if version.log_format == "JSON" else Text(version)


class Text:
    """As CloudWatch Logs shows a function with the Text format."""

    def __init__(self, version: Version) -> None:
        self._version = version
        self._start_tail = f" Version: {version.version}\n"
        self._memory = f"\tMemory Size: {version.memory_mb} MB\tMax Memory Used: "

    def init_start(self, now: float, release: str) -> list[str]:
        return [f"INIT_START Runtime Version: {release}\tRuntime Version ARN: {release_arn(self._version, release)}\n"]

    def stands_in(self, now: float, words: str) -> list[str]:
        return [f"WAKEFUL\tRuntime fallback: {words}\n"]

    def init_failed(
        self, now: float, duration_ms: float, phase: Phase, status: Status, error_type: str | None
    ) -> list[str]:
        fault = f"\tError Type: {error_type}" if error_type else ""
        return [f"INIT_REPORT Init Duration: {duration_ms:.2f} ms\tPhase: {phase}\tStatus: {status}{fault}\n"]

    def extension(
        self, now: float, name: str, state: str, events: tuple[str, ...], error_type: str | None
    ) -> list[str]:
        fault = f"\tError Type: {error_type}" if error_type else ""
        return [f"EXTENSION\tName: {name}\tState: {state}\tEvents: [{', '.join(events)}]{fault}\n"]

    def subscribed(self, now: float, api: Api, name: str, types: tuple[str, ...], *, is_new: bool) -> list[str]:
        state = "Subscribed" if is_new else "Already subscribed"
        listed = ", ".join(each.capitalize() for each in types)
        return [f"{api.log_word}\tName: {name}\tState: {state}\tTypes: [{listed}]\n"]

    def start(self, now: float, request_id: str) -> list[str]:
        return [f"START RequestId: {request_id}{self._start_tail}"]

    def end(self, now: float, run: Run) -> list[str]:
        report = (
            f"REPORT RequestId: {run.request_id}\tDuration: {run.duration_ms:.2f} ms"
            f"\tBilled Duration: {run.billed_ms} ms{self._memory}{run.memory_used_mb} MB"
        )
        if run.init_ms is not None:
            report += f"\tInit Duration: {run.init_ms:.2f} ms"
        if run.restore_ms is not None:
            report += f"\tRestore Duration: {run.restore_ms:.2f} ms"
            report += f"\tBilled Restore Duration: {run.billed_restore_ms} ms"
        if run.error_type or run.status == "timeout":  # not for what the function's own code raised
            report += f"\tStatus: {run.status}"
            if run.error_type:
                report += f"\tError Type: {run.error_type}"
        return [f"END RequestId: {run.request_id}\n", report + "\n"]


class Json:
    """As CloudWatch Logs shows a function with the JSON format. The system log level leaves lines out."""

    def __init__(self, version: Version) -> None:
        self._version = version
        level = version.system_log_level
        self._is_detailed = level == "DEBUG"
        self._is_quiet = level == "WARN"
        self._kind = "snap-start" if version.is_snap_start else "on-demand"

    def init_start(self, now: float, release: str) -> list[str]:
        record = {
            "initializationType": self._kind,
            "phase": "init",
            "runtimeVersion": release,
            "runtimeVersionArn": release_arn(self._version, release),
            "functionName": self._version.name,
            "functionVersion": self._version.version,
        }
        return [] if self._is_quiet else [line(now, "platform.initStart", record)]

    def stands_in(self, now: float, words: str) -> list[str]:
        return [line(now, "wakeful.runtimeFallback", {"message": words})]

    def init_failed(
        self, now: float, duration_ms: float, phase: Phase, status: Status, error_type: str | None
    ) -> list[str]:
        record: dict[str, Any] = {"initializationType": self._kind, "phase": phase, "status": status}
        if error_type:
            record["errorType"] = error_type
        record["metrics"] = {"durationMs": round(duration_ms, 3)}
        return [line(now, "platform.initReport", record)]

    def extension(
        self, now: float, name: str, state: str, events: tuple[str, ...], error_type: str | None
    ) -> list[str]:
        record = {"name": name, "state": state, "events": list(events)}
        if error_type:
            record["errorType"] = error_type
        return [] if self._is_quiet and not error_type else [line(now, "platform.extension", record)]

    def subscribed(self, now: float, api: Api, name: str, types: tuple[str, ...], *, is_new: bool) -> list[str]:
        record = {"name": name, "state": "Subscribed" if is_new else "Already subscribed", "types": list(types)}
        return [] if self._is_quiet else [line(now, api.subscription_event, record)]

    def start(self, now: float, request_id: str) -> list[str]:
        record = {"requestId": request_id, "functionArn": self._version.arn, "version": self._version.version}
        return [] if self._is_quiet else [line(now, "platform.start", record)]

    def end(self, now: float, run: Run) -> list[str]:
        if self._is_quiet and run.status == "success":
            return []
        lines = []
        verdict: dict[str, Any] = {"status": run.status}
        if run.error_type:
            verdict["errorType"] = run.error_type
        if self._is_detailed:
            done = {"requestId": run.request_id, **verdict, "metrics": {"durationMs": round(run.duration_ms, 3)}}
            lines.append(line(now, "platform.runtimeDone", done))
        lines.append(line(now, "platform.report", {"requestId": run.request_id, "metrics": metrics(run), **verdict}))
        return lines


def metrics(run: Run) -> dict[str, Any]:
    """The figures of a platform.report."""
    figures: dict[str, Any] = {
        "durationMs": round(run.duration_ms, 3),
        "billedDurationMs": run.billed_ms,
        "memorySizeMB": run.memory_mb,
        "maxMemoryUsedMB": run.memory_used_mb,
    }
    if run.init_ms is not None:
        figures["initDurationMs"] = round(run.init_ms, 3)
    if run.restore_ms is not None:
        figures["restoreDurationMs"] = round(run.restore_ms, 3)
        figures["billedRestoreDurationMs"] = run.billed_restore_ms
    return figures


def billed_ms(duration_ms: float, init_ms: float | None) -> int:
    """Whole milliseconds, begun ones count; INIT is billed with the invocation that it was made for."""
    return max(1, math.ceil(round(duration_ms + (init_ms or 0.0), 3)))


def error_document(error_type: str, message: str) -> bytes:
    """The payload of an invocation that the platform ended."""
    return json.dumps({"errorType": error_type, "errorMessage": message}, separators=(",", ":")).encode()


def exit_words(end: Exit) -> str:
    """How Lambda words the end of a runtime process."""
    if end.signal is not None:
        return f"Runtime exited with error: signal: {_SIGNALS.get(end.signal, f'signal {end.signal}')}"
    if end.status:
        return f"Runtime exited with error: exit status {end.status}"
    return "Runtime exited without providing a reason"


def fault_type(named: str | None) -> str:
    """The fault that a runtime reported, if it is of the form that Lambda shows; else Runtime.Unknown."""
    return named if named and _FAULT.fullmatch(named) else "Runtime.Unknown"


def release_arn(version: Version, release: str) -> str:
    """The ARN of the runtime version with which this function runs."""
    return runtime_version_arn(version.region, release)


def iso_ms(now: float) -> str:
    moment = datetime.datetime.fromtimestamp(now, datetime.UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def line(now: float, kind: str, record: Mapping[str, Any]) -> str:
    return json.dumps({"time": iso_ms(now), "type": kind, "record": record}, separators=(",", ":")) + "\n"


_FAULT = re.compile(r"(?:Runtime|Function)\.[A-Z][a-zA-Z]+")

_SIGNALS = {
    1: "hangup",
    2: "interrupt",
    3: "quit",
    4: "illegal instruction",
    5: "trace/breakpoint trap",
    6: "aborted",
    7: "bus error",
    8: "floating point exception",
    9: "killed",
    10: "user defined signal 1",
    11: "segmentation fault",
    12: "user defined signal 2",
    13: "broken pipe",
    14: "alarm clock",
    15: "terminated",
    24: "cpu time limit exceeded",
    25: "file size limit exceeded",
    31: "bad system call",
}
