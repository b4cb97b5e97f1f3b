"""A function's log as whoever works on the function sees it."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as some

from wakeful.cli.invocations import WIDTH, Line, lines

ID = "3f2a8c1e-0000-4000-8000-000000000001"


def test_a_report_is_one_line() -> None:
    report = (
        f"REPORT RequestId: {ID}\tDuration: 3.21 ms\tBilled Duration: 16 ms\tMemory Size: 128 MB\t"
        "Max Memory Used: 38 MB\tInit Duration: 12.04 ms\t\n"
    )
    assert list(lines(report)) == [Line("ok", "✓ 3f2a8c1e  3.2 ms, init 12.0 ms, billed 16 ms, 38 MB")]


def test_a_failure_says_what_it_was() -> None:
    report = (
        f"REPORT RequestId: {ID}\tDuration: 1000.00 ms\tBilled Duration: 1000 ms\tMemory Size: 128 MB\t"
        "Max Memory Used: 38 MB\tStatus: timeout\n"
    )
    (line,) = lines(report)
    assert line.kind == "failed" and line.text.endswith("38 MB  timed out")


def test_a_report_as_json_is_the_same_line() -> None:
    metrics = {"durationMs": 3.2, "billedDurationMs": 4, "memorySizeMB": 128, "maxMemoryUsedMB": 38}
    record = {"requestId": ID, "metrics": metrics, "status": "error", "errorType": "Runtime.ExitError"}
    message = json.dumps({"time": "…", "type": "platform.report", "record": record})
    assert list(lines(message)) == [Line("failed", "✗ 3f2a8c1e  3.2 ms, billed 4 ms, 38 MB  Runtime.ExitError")]


def test_beginnings_and_ends_are_not_shown() -> None:
    quiet = [f"START RequestId: {ID} Version: $LATEST\n", f"END RequestId: {ID}\n", "INIT_START Runtime Version: x"]
    quiet.append(json.dumps({"type": "platform.start", "record": {}}))
    assert [line for message in quiet for line in lines(message)] == []


def test_what_is_printed_is_shown_and_fits() -> None:
    assert list(lines("hello\n  there\n")) == [Line("text", "  hello"), Line("text", "    there")]
    assert list(lines('{"level": "INFO"}')) == [Line("text", '  {"level": "INFO"}')]


@given(some.text(some.characters(categories=["L", "N", "Zs"]), max_size=400))
def test_no_line_is_wider_than_the_terminal(message: str) -> None:
    assert all(len(line.text) <= WIDTH for line in lines(message))


def test_what_loggers_put_before_is_left_out() -> None:
    assert list(lines(f"2026-11-21T12:53:58.144Z\t{ID}\tINFO\tworking\n")) == [Line("text", "  working")]
    assert list(lines(f"2026-11-21T12:53:58.144Z\t{ID}\tERROR\tno\n")) == [Line("text", "  ERROR no")]
    assert list(lines(f"[WARNING]\t2026-11-21T12:53:58.144Z\t{ID}\thm\n")) == [Line("text", "  WARNING hm")]
