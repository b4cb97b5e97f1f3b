"""`wakeful replay` and `wakeful event`: a past invocation looked at, and run again beside what it answered then."""

from __future__ import annotations

import base64
import json
import re
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec
from urllib.parse import quote

import typer

from wakeful.cli import client, differences
from wakeful.cli.differences import Change, Pair
from wakeful.cli.package import package_of

Run = Mapping[str, Any]
"""One invocation as the node tells it: what it was given, what it answered, what it took."""

P = ParamSpec("P")

SAME, DIFFERENT, ERROR = 0, 1, 2
_REQUEST_ID = "<request id>"
_SINCE = re.compile(r"(\d+)([smhd]?)")
_UNIT_S = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}
_LOG_PATIENCE_S = 2.0
_CHANGES_SHOWN_MAX = 50
_ROWS_SHOWN_MAX = 200
_PLATFORM = re.compile(r"(START|END|REPORT) RequestId: |INIT_START |\{\"time\":\"[^\"]+\",\"type\":\"platform\.")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z?")


@dataclass(frozen=True, slots=True)
class How:
    """What was asked for besides which events."""

    code: Path | None = None
    version: str | None = None
    as_json: bool = False
    quiet: bool = False
    endpoint: str | None = None


def _errors_are_two(command: Callable[P, int]) -> Callable[P, int]:
    """One is for answers that differ: what ends other commands with it ends this one with two."""

    @wraps(command)
    def told(*args: P.args, **kwargs: P.kwargs) -> int:
        try:
            return command(*args, **kwargs)
        except typer.Exit as end:
            raise typer.Exit(ERROR) from end

    return told


@_errors_are_two
def one(request_id: str | None, last: str | None, how: How) -> int:
    """Replays one event and shows both answers; the exit status."""
    if request_id is None:
        found = _listed(f"function={quote(last or '')}&limit=1", how.endpoint)
        if not found:
            client.give_up(f"No invocation of {last} is recorded.")
        request_id = str(found[0]["request_id"])
    then = recorded(request_id, how.endpoint)
    with _trial(how, then["function"]) as trial:
        now = _replay(request_id, trial, how)
    comparison = compare(then, now)
    if not how.quiet:
        logs = (log_of(then, how.endpoint), log_of(now, how.endpoint, _LOG_PATIENCE_S))
        if how.as_json:
            typer.echo(json.dumps(_document(then, now, comparison, logs), indent=2))
        else:
            width = max(40, shutil.get_terminal_size().columns)
            typer.echo("\n".join(report(then, now, comparison, logs, how, width)))
    return SAME if comparison.is_same else DIFFERENT


@_errors_are_two
def every_failed(name: str, last_s: int, how: How) -> int:
    """Replays every event of the function that failed, the oldest first, and sums up; the exit status."""
    found = _listed(f"function={quote(name)}&failed=1&last_s={last_s}", how.endpoint)[::-1]
    told: list[dict[str, Any]] = []
    if found:
        with _trial(how, found[0]["function"]) as trial:
            for each in found:
                now = _replay(each["request_id"], trial, how)
                told.append(_outcome(each["request_id"], now))
                if not (how.quiet or how.as_json):
                    typer.echo(_outcome_line(told[-1], each["at"]))
    passed = sum(not each["is_failed"] for each in told)
    if how.as_json and not how.quiet:
        typer.echo(json.dumps({"pass": passed, "fail": len(told) - passed, "replayed": told}, indent=2))
    elif not how.quiet:
        typer.echo(
            f"{passed} of {len(told)} now pass, {len(told) - passed} still fail."
            if told
            else f"No invocation of {name} that failed is recorded."
        )
    return SAME if passed == len(told) else DIFFERENT


def recorded(request_id: str, endpoint: str | None) -> Run:
    """What is recorded of an invocation."""
    found: Run = client.lambda_("GET", f"recorded/{quote(request_id, safe='')}", endpoint)
    return found


def body_of(told: Mapping[str, str] | None) -> bytes | None:
    """An event or an answer as it was; None where it was too large."""
    if told is None:
        return None
    return base64.b64decode(told["base64"]) if "base64" in told else told["text"].encode()


def seconds_of(since: str) -> int:
    """How long "90s", "30m", "1h" or "7d" is."""
    parts = _SINCE.fullmatch(since)
    if parts is None:
        raise typer.BadParameter("--since is a number and s, m, h or d, such as 1h")
    return int(parts[1]) * _UNIT_S[parts[2]]


# --- comparing -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Comparison:
    """How two runs of one event compare. The ids of the requests themselves count as one."""

    is_same: bool
    changes: tuple[Change, ...] = ()
    """Where both answers are JSON."""
    why_not: str = ""
    """Why the answers cannot be compared."""


def compare(then: Run, now: Run) -> Comparison:
    """Whether both runs came to the same, and what differs in their answers."""
    bodies = _answer(then), _answer(now)
    if bodies[0] is None or bodies[1] is None:
        return Comparison(False, why_not="The answers cannot be compared: one was too large to be recorded.")
    try:
        found = tuple(differences.changes(json.loads(bodies[0]), json.loads(bodies[1])))
    except ValueError:
        return Comparison(bodies[0] == bodies[1] and then["is_failed"] == now["is_failed"])
    return Comparison(not found and then["is_failed"] == now["is_failed"], found)


def _answer(run: Run) -> bytes | None:
    """The answer, and nothing in it that differs in every run because it is the request's own id.

    The id of what a replay replays may be in its event, and from there in its answer.
    """
    body = body_of(run["answer"])
    for request_id in (run["request_id"], run["replay_of"]):
        if body is not None and request_id:
            body = body.replace(request_id.encode(), _REQUEST_ID.encode())
    return body


# --- showing ---------------------------------------------------------------------------------------------------------


def report(
    then: Run, now: Run, comparison: Comparison, logs: tuple[list[str], list[str]], how: How, width: int
) -> list[str]:
    """Both runs for people, side by side in that many columns."""
    begun = datetime.fromtimestamp(then["at"], UTC)
    name = then["function"].rsplit(":", 1)[1]
    told = [f"{name}, {then['kind']} of {begun:%Y-%m-%d %H:%M:%S} UTC", f"  {then['request_id']}", "replayed as"]
    told += [f"  {now['request_id']}", ""]
    told += differences.columns([Pair(" ", "then", "now"), *_figures(then, now, how)], width)
    told.append("")
    if comparison.why_not:
        told.append(comparison.why_not)
    elif comparison.is_same:
        told.append("The answers are the same.")
    else:
        told.append("The answers differ:")
        told += _change_lines(comparison.changes, width)
        told += _side_by_side(
            differences.lines_of(_answer(then) or b""), differences.lines_of(_answer(now) or b""), width
        )
    keys = (
        [_log_key(line, then["request_id"]) for line in logs[0]],
        [_log_key(line, now["request_id"]) for line in logs[1]],
    )
    if any(logs):
        told += ["", "The logs are the same." if keys[0] == keys[1] else "The logs:"]
        told += differences.columns(differences.pairs(*logs, *keys)[:_ROWS_SHOWN_MAX], width)
    return told


def _figures(then: Run, now: Run, how: How) -> Iterator[Pair]:
    rows = {
        "version": (_version(then), _version(now) + (f" + {how.code}" if how.code is not None else "")),
        "outcome": (_ending(then), _ending(now)),
        "duration": (f"{then['duration_ms']:.2f} ms", f"{now['duration_ms']:.2f} ms"),
        "billed": (f"{then['billed_ms']} ms", f"{now['billed_ms']} ms"),
        "memory": (_memory(then), _memory(now)),
        "start": (_start(then), _start(now)),
    }
    for label, (before, after) in rows.items():
        is_marked = label in ("version", "outcome") and before != after
        yield Pair("≠" if is_marked else " ", f"{label:<9} {before}", f"{label:<9} {after}")


def _version(run: Run) -> str:
    qualifier = run["invoked_arn"].removeprefix(run["function"]).removeprefix(":")
    return f"{run['version']} ({qualifier})" if qualifier not in ("", run["version"]) else str(run["version"])


def _ending(run: Run) -> str:
    if not run["is_failed"]:
        return "ok"
    kind, words = _error(run)
    return f"failed: {kind}: {words}" if words else f"failed: {kind}"


def _error(run: Run) -> tuple[str, str]:
    """The type of an error, and its message."""
    try:
        document = json.loads(_answer(run) or b"")
        return str(document.get("errorType") or run["status"]), str(document.get("errorMessage") or "")
    except (ValueError, AttributeError):
        return str(run["status"]), ""


def _memory(run: Run) -> str:
    return f"{run['memory_used_mb']} of {run['memory_mb']} MB"


def _start(run: Run) -> str:
    if not run["cold"]:
        return "warm"
    return f"cold, init {run['init_ms']:.2f} ms" if run["init_ms"] else "cold"


def _change_lines(found: Sequence[Change], width: int) -> Iterator[str]:
    for change in found[:_CHANGES_SHOWN_MAX]:
        if change.kind == "changed":
            line = f"  ~ {change.path}  {_short(change.then)} → {_short(change.now)}"
        else:
            mark, value = ("+", change.now) if change.kind == "added" else ("-", change.then)
            line = f"  {mark} {change.path}  {_short(value, 2 * _VALUE_CHARS)}"
        line = differences.printable(line)
        yield line if len(line) <= width else f"{line[: width - 1]}…"
    if len(found) > _CHANGES_SHOWN_MAX:
        yield f"  … and {len(found) - _CHANGES_SHOWN_MAX} more"
    yield ""


_VALUE_CHARS = 32


def _short(value: Any, chars: int = _VALUE_CHARS) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= chars else f"{text[: chars - 1]}…"


def _side_by_side(then: Sequence[str], now: Sequence[str], width: int) -> Iterator[str]:
    rows = differences.around_changes(differences.pairs(then, now))
    yield from differences.columns(rows[:_ROWS_SHOWN_MAX], width)
    if len(rows) > _ROWS_SHOWN_MAX:
        yield f"… and {len(rows) - _ROWS_SHOWN_MAX} lines more; --json has all of them"


def _outcome(request_id: str, now: Run) -> dict[str, Any]:
    kind, words = _error(now) if now["is_failed"] else ("", "")
    return {
        "request_id": request_id,
        "replay_id": now["request_id"],
        "is_failed": now["is_failed"],
        "error_type": kind,
        "error_message": words,
    }


def _outcome_line(outcome: Mapping[str, Any], at: float) -> str:
    moment = f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S}"
    if not outcome["is_failed"]:
        return f"✓ {outcome['request_id']}  {moment}  passes"
    words = f"{outcome['error_type']}: {outcome['error_message']}".removesuffix(": ")
    return differences.printable(f"✗ {outcome['request_id']}  {moment}  {words}".replace("\n", " "))


def _document(then: Run, now: Run, comparison: Comparison, logs: tuple[list[str], list[str]]) -> dict[str, Any]:
    return {
        "equal": comparison.is_same,
        "changes": [_change(each) for each in comparison.changes],
        "then": {**then, "log": logs[0]},
        "now": {**now, "log": logs[1]},
    }


def _change(change: Change) -> dict[str, Any]:
    told: dict[str, Any] = {"kind": change.kind, "path": change.path}
    if change.kind != "added":
        told["then"] = change.then
    if change.kind != "removed":
        told["now"] = change.now
    return told


# --- asking ----------------------------------------------------------------------------------------------------------


def _listed(query: str, endpoint: str | None) -> list[Run]:
    found: list[Run] = client.lambda_("GET", f"recorded?{query}", endpoint)["recorded"]
    return found


@contextmanager
def _trial(how: How, function: str) -> Iterator[str | None]:
    """The id of the new code, as long as the block lasts; it is taken away also after Ctrl-C."""
    if how.code is None:
        yield None
        return
    try:
        package = package_of(how.code)
    except OSError as error:
        client.give_up(f"The code in {how.code} cannot be read: {error.strerror}.")
    except ValueError as error:
        client.give_up(str(error))
    qualifier = f"&qualifier={quote(how.version)}" if how.version else ""
    trial = client.lambda_("POST", f"trials?function={quote(function)}{qualifier}", how.endpoint, package)["trial"]
    try:
        yield trial
    finally:
        client.lambda_("DELETE", f"trials/{trial}", how.endpoint)


def _replay(request_id: str, trial: str | None, how: How) -> Run:
    wanted = {"request_id": request_id, "qualifier": how.version, "trial": trial}
    found: Run = client.lambda_("POST", "replays", how.endpoint, json.dumps(wanted).encode())
    return found


def log_of(run: Run, endpoint: str | None, patience_s: float = 0.0) -> list[str]:
    """What the function itself said in this run; nothing where that cannot be read. It may be on its way still."""
    from botocore.exceptions import BotoCoreError, ClientError

    deadline = time.monotonic() + patience_s
    source = client.aws("logs", endpoint)
    where = {"logGroupName": run["log_group"], "logStreamName": run["log_stream"], "startFromHead": True}
    while True:
        try:
            messages = list(_messages(source, {**where, "startTime": max(0, int(run["at"] * 1000) - 1)}))
        except (ClientError, BotoCoreError):
            messages = []  # there is no log, or who asks may not read it
        if _is_whole(messages, run["request_id"]) or time.monotonic() >= deadline:
            said = [each for each in _of_run(messages, run["request_id"]) if not _PLATFORM.match(each)]
            return [line.rstrip() for each in said for line in each.splitlines()]
        time.sleep(0.05)


def _messages(source: Any, request: Mapping[str, Any]) -> Iterator[str]:
    token: dict[str, str] = {}
    while True:
        page = source.get_log_events(**request, **token)
        yield from (each["message"] for each in page["events"])
        if not page["events"] or token.get("nextToken") == page["nextForwardToken"]:
            return
        token = {"nextToken": page["nextForwardToken"]}


def _is_whole(messages: Sequence[str], request_id: str) -> bool:
    return any(request_id in each and ("REPORT RequestId: " in each or "platform.report" in each) for each in messages)


def _of_run(messages: Sequence[str], request_id: str) -> Iterator[str]:
    """The lines between the run's START and its REPORT, and those that name the request; other runs share the log."""
    is_ours = False
    for message in messages:
        if message.startswith("START RequestId: ") or '"platform.start"' in message:
            is_ours = request_id in message
        if is_ours or request_id in message:
            yield message
        if is_ours and ("REPORT RequestId: " in message or '"platform.report"' in message):
            is_ours = False


def _log_key(line: str, request_id: str) -> str:
    """What a line says, whenever and in whichever run it said it."""
    return _MOMENT.sub("", line.replace(request_id, _REQUEST_ID))
