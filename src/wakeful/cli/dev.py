"""`wakeful dev` and `wakeful debug`: a function that runs what was just saved, and can be stopped at a line."""

from __future__ import annotations

import json
import re
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import typer

from wakeful.cli import client, guessing, invocations, tail, watching
from wakeful.cli.source import NoPackage, Source
from wakeful.cli.watching import CannotWatch
from wakeful.cli.workbench import Gone, Refused, Workbench

PORTS = {"python": 5678, "nodejs": 9229}
"""Where debuggers of a language are usually found."""

_PAUSE_S = 0.2
_ROLE = "wakeful-dev"


@dataclass(frozen=True, slots=True)
class Debugging:
    """`port` 0 is the usual one of the language."""

    port: int = 0
    waits: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked for by name. A function that is there already is otherwise left as it is."""

    name: str
    runtime: str | None = None
    handler: str | None = None
    role: str | None = None
    variables: dict[str, str] = field(default_factory=dict)
    timeout_s: int | None = None
    memory_mb: int | None = None

    def settings(self, variables: dict[str, str]) -> dict[str, Any]:
        """As the API has them; its variables come on top of those that are there."""
        wanted = {
            "Runtime": self.runtime,
            "Handler": self.handler,
            "Role": self.role,
            "Timeout": self.timeout_s,
            "MemorySize": self.memory_mb,
            "Environment": {"Variables": {**variables, **self.variables}} if self.variables else None,
        }
        return {name: value for name, value in wanted.items() if value is not None}


def develop(folder: Path, asked: Asked, debugging: Debugging | None, endpoint: str | None) -> None:
    """Runs until interrupted. A node that ends and comes back gets the folder again."""
    source = Source(folder.resolve())
    with client.in_words(endpoint), _interrupted_by_any_signal():
        functions = client.aws("lambda", endpoint)
        while True:
            package = _package(source)
            if not source.has_files:
                client.give_up(f"There is nothing in {source.root} that a function could be made of.")
            function = _uploaded(functions, source.root, asked, package, endpoint)
            if _work(function, source, debugging, endpoint):
                break
            if not _is_back(endpoint):
                return
        if source.is_changed:
            _say("Uploading what was saved …", dim=True)
            functions.update_function_code(FunctionName=asked.name, ZipFile=_package(source))
            _await_updated(functions, asked.name)
    _say(f"{asked.name} stays, with the code as it was saved last. Remove it with:")
    _say(f"  aws lambda delete-function --function-name {asked.name}")


def _package(source: Source) -> bytes:
    try:
        return source.package()
    except NoPackage as error:
        client.give_up(str(error))


def debug(name: str, debugging: Debugging, endpoint: str | None) -> None:
    """The function as it is, until interrupted."""
    with client.in_words(endpoint), _interrupted_by_any_signal():
        while True:
            function = client.aws("lambda", endpoint).get_function_configuration(FunctionName=name)
            if _work(function, None, debugging, endpoint):
                break
            if not _is_back(endpoint):
                return
    _say(f"{function['FunctionName']} runs as before.")


# --- the function ----------------------------------------------------------------------------------------------------


def _uploaded(functions: Any, root: Path, asked: Asked, package: bytes, endpoint: str | None) -> dict[str, Any]:
    """The function with the folder's code: made, or given it."""
    try:
        found = functions.get_function_configuration(FunctionName=asked.name)
    except functions.exceptions.ResourceNotFoundException:
        return _created(functions, root, asked, package, endpoint)
    # Before anything of it is changed; the line itself is refused, too.
    if client.ask(f"dev/{quote(found['FunctionArn'], safe='')}", endpoint)["is_worked_on"]:
        client.give_up(f"Somebody works on {asked.name} already. Only one at a time can.")
    settings = asked.settings((found.get("Environment") or {}).get("Variables") or {})
    if settings:
        functions.update_function_configuration(FunctionName=asked.name, **settings)
        _await_updated(functions, asked.name)
        _say(f"{asked.name} is there; set: {', '.join(sorted(settings))}.")
    else:
        _say(f"{asked.name} is there ({found.get('Runtime')}, {found.get('Handler')}); its settings stay.")
    functions.update_function_code(FunctionName=asked.name, ZipFile=package)
    return _await_updated(functions, asked.name)


def _created(functions: Any, root: Path, asked: Asked, package: bytes, endpoint: str | None) -> dict[str, Any]:
    guessed = guessing.guess(root) if asked.runtime is None or asked.handler is None else None
    runtime = asked.runtime or (guessed.runtime if guessed else None)
    handler = asked.handler or (guessed.handler if guessed else None)
    if runtime is None or handler is None:
        client.give_up(
            f"{root} does not say which runtime and handler it is for: no lambda_function.py or app.py with a handler,"
            " no index.mjs, no bootstrap. Say it with --runtime and --handler."
        )
    account = client.aws("sts", endpoint).get_caller_identity()["Account"]
    settings = {"Role": f"arn:aws:iam::{account}:role/{_ROLE}", **asked.settings({})}
    settings.update(Runtime=runtime, Handler=handler)
    functions.create_function(FunctionName=asked.name, Code={"ZipFile": package}, **settings)
    _say(f"Made {asked.name}: {runtime}, handler {handler}{f', because {guessed.because}' if guessed else ''}.")
    return _await_updated(functions, asked.name)


def _await_updated(functions: Any, name: str) -> dict[str, Any]:
    """Its configuration, once it is ready. Ends the command where it cannot be."""
    while True:
        found: dict[str, Any] = functions.get_function_configuration(FunctionName=name)
        reason = found.get("StateReason") or found.get("LastUpdateStatusReason")
        if found["State"] == "Failed" or found.get("LastUpdateStatus") == "Failed":
            client.give_up(f"{name} cannot run: {reason}")
        if found["State"] != "Pending" and found.get("LastUpdateStatus") != "InProgress":
            return found
        time.sleep(0.02)


# --- while it is worked on -------------------------------------------------------------------------------------------


def _work(function: dict[str, Any], source: Source | None, debugging: Debugging | None, endpoint: str | None) -> bool:
    """Returns True after Ctrl-C, False when the node has ended."""
    name, arn, runtime = function["FunctionName"], function["FunctionArn"], function["Runtime"]
    wish: dict[str, Any] = {}
    if debugging is not None:
        language = next((each for each in PORTS if runtime.startswith(each)), "")
        port = debugging.port or PORTS.get(language, PORTS["python"])
        wish = {"debug": {"port": port, "wait": debugging.waits}}
    bench = Workbench(endpoint, arn)
    over = threading.Event()
    since_s = client.ask("clock", endpoint)["now"]
    try:
        with bench.open(wish), _background(lambda: _show_events(bench, over)):
            if debugging is not None:
                _tell_launch(name, language, wish["debug"]["port"], source.root if source else None, debugging.waits)
            if source is not None:
                _say(f"Watching {source.root}. Invoke it with: wakeful invoke {name}")
            _say("Ctrl-C ends it.", dim=True)
            with _background(lambda: _follow(bench, function["LoggingConfig"]["LogGroup"], since_s, endpoint, over)):
                if source is None:
                    over.wait()
                else:
                    _watch(source, bench, over)
    except KeyboardInterrupt:
        typer.echo()
        return True
    except Gone:
        pass  # as where its events end
    except CannotWatch as error:
        client.give_up(str(error))
    finally:
        over.set()
    if bench.is_deleted:
        client.give_up(f"{name} has been deleted.")
    return False


def _watch(source: Source, bench: Workbench, over: threading.Event) -> None:
    """Until it is over. Raises Gone and CannotWatch."""
    owed: set[str] = set()
    for touched in watching.saves(source.root, source.is_ignored, over):
        if touched is None:
            _say(f"✗ {source.root} has gone. What ran goes on until it is there again.", colour=typer.colors.RED)
            continue
        files = source.changes(touched | owed)
        for path in sorted(source.unreadable):
            _say(f"✗ {path} cannot be read. It stays as it was.", colour=typer.colors.RED)
        if not files:
            continue
        try:
            _tell_saved(bench, files, bench.save(files))
            owed = set()
        except Refused as refused:
            _tell_refused(files, refused)
            source.owe(files)
            owed = {str(source.root / path) for path in files}


def _is_back(endpoint: str | None) -> bool:
    """Returns True when the node answers again; False after Ctrl-C."""
    _say("The node has ended. Waiting until it is there again; Ctrl-C ends it.", colour=typer.colors.RED)
    parts = urlsplit(client.endpoint_of(endpoint))
    try:
        while True:
            with suppress(OSError), socket.create_connection((parts.hostname or "", parts.port or 80), 1):
                return True
            time.sleep(_PAUSE_S)
    except KeyboardInterrupt:
        typer.echo()
        return False


@contextmanager
def _interrupted_by_any_signal() -> Iterator[None]:
    """Whoever closes the terminal, or ends the command from elsewhere, has what was saved uploaded, too."""

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    before = {each: signal.signal(each, interrupt) for each in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def _tell_saved(bench: Workbench, files: dict[str, Any], saved: dict[str, Any]) -> None:
    what = _named(files)
    if saved["fault"] is None:
        _say(f"↻ {what}  in {saved['took_ms']:.0f} ms", colour=typer.colors.CYAN)
        return
    _say(f"✗ {what}", colour=typer.colors.RED)
    _tell_fault(bench, saved["fault"])
    if not saved["serves"]:
        _say("  What ran before goes on.", dim=True)


def _tell_refused(files: dict[str, Any], refused: Refused) -> None:
    _say(f"✗ {_named(files)}", colour=typer.colors.RED)
    for line in invocations.lines(str(refused)):
        _say(line.text, colour=typer.colors.RED)
    _say("  What ran before goes on.", dim=True)


def _named(files: dict[str, Any]) -> str:
    first, *others = sorted(files)
    return first if not others else f"{first} and {len(others)} more"


def _tell_fault(bench: Workbench, fault: dict[str, Any]) -> None:
    kind, message = fault.get("errorType", "Error"), fault.get("errorMessage", "")
    bench.shown.add(f"[ERROR] {kind}: {message}")
    for line in invocations.lines(f"{kind}: {message}"):
        _say(line.text, colour=typer.colors.RED)
    for frame in fault.get("stackTrace") or fault.get("trace") or ():
        for line in invocations.lines(str(frame).rstrip()):
            _say(line.text, dim=True)


def _show_events(bench: Workbench, over: threading.Event) -> None:
    while (event := bench.events.get()) is not None:
        bench.is_deleted |= event.get("state") == "deleted"
        if event.get("fault"):
            _say("✗ the code does not load", colour=typer.colors.RED)
            _tell_fault(bench, event["fault"])
    over.set()


def _follow(bench: Workbench, group: str, since_s: float, endpoint: str | None, over: threading.Event) -> None:
    """The log as it comes, until the work is over."""
    colours = {"ok": typer.colors.GREEN, "failed": typer.colors.RED}
    logs = client.aws("logs", endpoint)
    for _, message in tail.events(logs, group, int(since_s * 1000), follow=True, pause_s=_PAUSE_S):
        if over.is_set():
            return
        if again := next((each for each in tuple(bench.shown) if message.startswith(each)), None):
            bench.shown.discard(again)
            continue
        for line in invocations.lines(message):
            _say(line.text, colour=colours.get(line.kind))


@contextmanager
def _background(work: Callable[[], None]) -> Iterator[None]:
    """On a thread that ends with the command. What it cannot get any more, it need not show."""
    threading.Thread(target=_quietly, args=(work,), daemon=True).start()
    yield


def _quietly(work: Callable[[], None]) -> None:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        work()
    except (BotoCoreError, ClientError, OSError):
        return  # the node is going; the line to it says so


# --- words -----------------------------------------------------------------------------------------------------------


def _tell_launch(name: str, language: str, port: int, root: Path | None, waits: bool) -> None:
    local = "${workspaceFolder}" if root is None or root == Path.cwd() else str(root)
    connect = {"host": "127.0.0.1", "port": port}
    launch: dict[str, Any] = {"name": name, "request": "attach"}
    if language == "nodejs":
        launch |= {"type": "node", "address": connect["host"], "port": port, "restart": True}
        launch |= {"localRoot": local, "remoteRoot": "/var/task"}
    else:
        launch |= {"type": "debugpy", "connect": connect, "justMyCode": False}
        launch |= {"pathMappings": [{"localRoot": local, "remoteRoot": "/var/task"}]}
    waiting = " It waits for a debugger." if waits else ""
    _say(f"A debugger can attach to 127.0.0.1:{port}; no timeout applies.{waiting}")
    _say("In VS Code's launch.json:", dim=True)
    for line in json.dumps(launch, indent=2).splitlines():
        _say(f"  {line}", dim=True)


def _say(text: str, *, colour: str | None = None, dim: bool = False) -> None:
    typer.echo(typer.style(text, fg=colour, dim=dim) if colour or dim else text)


def variables_of(given: Iterable[str]) -> dict[str, str]:
    """From NAME=VALUE."""
    for each in given:
        if "=" not in each.lstrip("="):
            raise typer.BadParameter(f"--env takes NAME=VALUE, not {each}")
    return dict(each.split("=", 1) for each in given)


def name_of(folder: Path) -> str:
    """What a function in this folder is called, unless it is said otherwise."""
    name = re.sub(r"[^a-zA-Z0-9_-]+", "-", folder.resolve().name).strip("-")[:64]
    if not name:
        raise typer.BadParameter("the folder's name cannot be a function's: give one with --name")
    return name
