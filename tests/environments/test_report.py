"""The platform's log lines, as CloudWatch Logs shows them."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from wakeful.environments import report
from wakeful.environments.report import Run
from wakeful.environments.sandbox import Exit
from wakeful.environments.version import Version

NOW = 1_700_000_000.1239


def version(log_format: str = "Text", level: str = "INFO") -> Version:
    return Version(
        arn="arn:aws:lambda:eu-west-1:123456789012:function:f",
        name="f",
        version="$LATEST",
        account="123456789012",
        region="eu-west-1",
        revision="1",
        runtime="python3.12",
        handler="app.handler",
        code=Path("/code"),
        role_arn="arn:aws:iam::123456789012:role/r",
        log_format=log_format,  # type: ignore[arg-type]
        system_log_level=level,
    )


def run(**changes: object) -> Run:
    figures = {
        "request_id": "id",
        "duration_ms": 31.414,
        "billed_ms": 32,
        "memory_mb": 128,
        "memory_used_mb": 35,
        "init_ms": None,
        "status": "success",
        "error_type": None,
    }
    return Run(**{**figures, **changes})  # type: ignore[arg-type]


def test_text_lines_are_lambdas_to_the_tab() -> None:
    text = report.Text(version())
    assert text.start(NOW, "id") == ["START RequestId: id Version: $LATEST\n"]
    assert text.end(NOW, run()) == [
        "END RequestId: id\n",
        "REPORT RequestId: id\tDuration: 31.41 ms\tBilled Duration: 32 ms"
        "\tMemory Size: 128 MB\tMax Memory Used: 35 MB\n",
    ]
    (line,) = text.init_start(NOW, "python:3.12.v4")
    assert line.startswith(
        "INIT_START Runtime Version: python:3.12.v4\tRuntime Version ARN: arn:aws:lambda:eu-west-1::runtime:"
    )


@pytest.mark.parametrize(
    ("changes", "end"),
    [
        ({"init_ms": 250.126}, "\tInit Duration: 250.13 ms\n"),
        ({"status": "timeout"}, "\tStatus: timeout\n"),
        ({"status": "error"}, " MB\n"),  # raised by the function's own code: not the platform's affair
        (
            {"init_ms": 1.0, "status": "error", "error_type": "Runtime.OutOfMemory"},
            "\tInit Duration: 1.00 ms\tStatus: error\tError Type: Runtime.OutOfMemory\n",
        ),
    ],
)
def test_a_report_ends_with_what_was_unusual(changes: dict[str, object], end: str) -> None:
    assert report.Text(version()).end(NOW, run(**changes))[1].endswith(end)


@pytest.mark.parametrize(
    ("fault", "line"),
    [
        (("init", "timeout", None), "INIT_REPORT Init Duration: 9999.79 ms\tPhase: init\tStatus: timeout\n"),
        (
            ("invoke", "error", "Runtime.ExitError"),
            "INIT_REPORT Init Duration: 9999.79 ms\tPhase: invoke\tStatus: error\tError Type: Runtime.ExitError\n",
        ),
    ],
)
def test_a_failed_init_has_a_report_of_its_own(fault: tuple[str, str, str | None], line: str) -> None:
    assert report.Text(version()).init_failed(NOW, 9999.794, *fault) == [line]  # type: ignore[arg-type]


def test_an_extension_has_a_line_with_its_state_and_what_it_hears_of() -> None:
    ready = ("watcher", "Ready", ("INVOKE", "SHUTDOWN"), None)
    failed = ("watcher", "LaunchError", (), "PermissionDenied")
    text, lines = report.Text(version()), report.Json(version("JSON"))
    assert text.extension(NOW, *ready) == ["EXTENSION\tName: watcher\tState: Ready\tEvents: [INVOKE, SHUTDOWN]\n"]
    assert text.extension(NOW, *failed) == [
        "EXTENSION\tName: watcher\tState: LaunchError\tEvents: []\tError Type: PermissionDenied\n"
    ]
    (line,) = lines.extension(NOW, *ready)
    assert json.loads(line) == {
        "time": "2023-11-14T22:13:20.123Z",
        "type": "platform.extension",
        "record": {"name": "watcher", "state": "Ready", "events": ["INVOKE", "SHUTDOWN"]},
    }
    quiet = report.Json(version("JSON", "WARN"))
    assert quiet.extension(NOW, *ready) == []
    (line,) = quiet.extension(NOW, *failed)
    assert json.loads(line)["record"]["errorType"] == "PermissionDenied"


def test_json_lines_are_the_telemetry_apis() -> None:
    lines = report.Json(version("JSON"))
    (start,) = lines.start(NOW, "id")
    assert json.loads(start) == {
        "time": "2023-11-14T22:13:20.123Z",
        "type": "platform.start",
        "record": {
            "requestId": "id",
            "functionArn": "arn:aws:lambda:eu-west-1:123456789012:function:f",
            "version": "$LATEST",
        },
    }
    (end,) = lines.end(NOW, run(init_ms=250.1264, status="error", error_type="Runtime.ExitError"))
    assert json.loads(end)["record"] == {
        "requestId": "id",
        "metrics": {
            "durationMs": 31.414,
            "billedDurationMs": 32,
            "memorySizeMB": 128,
            "maxMemoryUsedMB": 35,
            "initDurationMs": 250.126,
        },
        "status": "error",
        "errorType": "Runtime.ExitError",
    }
    (init,) = lines.init_start(NOW, "python:3.12.v4")
    assert json.loads(init)["record"]["functionName"] == "f"
    (failed,) = lines.init_failed(NOW, 1.5, "init", "error", "Runtime.Unknown")
    assert json.loads(failed)["record"] == {
        "initializationType": "on-demand",
        "phase": "init",
        "status": "error",
        "errorType": "Runtime.Unknown",
        "metrics": {"durationMs": 1.5},
    }


def test_the_system_log_level_leaves_lines_out() -> None:
    quiet, detailed = report.Json(version("JSON", "WARN")), report.Json(version("JSON", "DEBUG"))
    assert quiet.start(NOW, "id") == quiet.end(NOW, run()) == quiet.init_start(NOW, "r") == []
    assert len(quiet.end(NOW, run(status="timeout"))) == 1
    kinds = [json.loads(line)["type"] for line in detailed.end(NOW, run())]
    assert kinds == ["platform.runtimeDone", "platform.report"]


def test_the_format_is_the_functions() -> None:
    assert isinstance(report.report_of(version()), report.Text)
    assert isinstance(report.report_of(version("JSON")), report.Json)


@given(some.floats(0, 900_000), some.none() | some.floats(0, 10_000))
def test_begun_milliseconds_are_billed_those_of_init_too(duration_ms: float, init_ms: float | None) -> None:
    billed = report.billed_ms(duration_ms, init_ms)
    assert billed >= 1
    assert billed >= math.floor(duration_ms + (init_ms or 0))
    assert billed <= duration_ms + (init_ms or 0) + 1.001


def test_a_timeout_is_billed_to_the_millisecond() -> None:
    assert report.billed_ms(3000.0, None) == 3000
    assert report.billed_ms(31414.74, 548.72) == 31964


@pytest.mark.parametrize(
    ("end", "words"),
    [
        (Exit(status=1), "Runtime exited with error: exit status 1"),
        (Exit(status=0), "Runtime exited without providing a reason"),
        (Exit(), "Runtime exited without providing a reason"),
        (Exit(signal=9), "Runtime exited with error: signal: killed"),
        (Exit(signal=11), "Runtime exited with error: signal: segmentation fault"),
        (Exit(signal=40), "Runtime exited with error: signal: signal 40"),
    ],
)
def test_exits_are_worded_as_lambdas(end: Exit, words: str) -> None:
    assert report.exit_words(end) == words


@pytest.mark.parametrize(
    ("named", "shown"),
    [
        ("Runtime.ImportModuleError", "Runtime.ImportModuleError"),
        ("Function.ResponseSizeTooLarge", "Function.ResponseSizeTooLarge"),
        ("ValueError", "Runtime.Unknown"),
        ("Runtime.lower", "Runtime.Unknown"),
        ("Runtime.A; rm", "Runtime.Unknown"),
        (None, "Runtime.Unknown"),
    ],
)
def test_only_lambdas_own_faults_are_shown(named: str | None, shown: str) -> None:
    assert report.fault_type(named) == shown
