"""The lines that Lambda writes to the log of a function with SnapStart: INIT_REPORT, RESTORE_START, RESTORE_REPORT.

As "Monitoring for Lambda SnapStart" and "Lambda Telemetry API Event schema reference" of the Lambda guide show them.
"""

from __future__ import annotations

from typing import Any

from wakeful.environments.report import Status, line, release_arn
from wakeful.environments.version import Version


def initialised(version: Version, now: float, duration_ms: float) -> list[str]:
    """INIT has ended ahead of any invocation: only here is its duration told."""
    if version.log_format != "JSON":
        return [f"INIT_REPORT Init Duration: {duration_ms:.2f} ms\n"]
    record = {
        "initializationType": "snap-start",
        "phase": "init",
        "status": "success",
        "metrics": {"durationMs": round(duration_ms, 3)},
    }
    return [] if version.system_log_level == "WARN" else [line(now, "platform.initReport", record)]


def restore_start(version: Version, now: float, release: str) -> list[str]:
    arn = release_arn(version, release)
    if version.log_format != "JSON":
        return [f"RESTORE_START Runtime Version: {release}\tRuntime Version ARN: {arn}\n"]
    record = {
        "runtimeVersion": release,
        "runtimeVersionArn": arn,
        "functionName": version.name,
        "functionVersion": version.version,
    }
    return [] if version.system_log_level == "WARN" else [line(now, "platform.restoreStart", record)]


def restored(version: Version, now: float, duration_ms: float, status: Status, error_type: str | None) -> list[str]:
    if version.log_format != "JSON":
        text = f"RESTORE_REPORT Restore Duration: {duration_ms:.2f} ms"
        if status != "success":
            text += f"\tStatus: {status}" + (f"\tError Type: {error_type}" if error_type else "")
        return [text + "\n"]
    record: dict[str, Any] = {"status": status, "metrics": {"durationMs": round(duration_ms, 3)}}
    if error_type:
        record["errorType"] = error_type
    is_left_out = version.system_log_level == "WARN" and status == "success"
    return [] if is_left_out else [line(now, "platform.restoreReport", record)]
