"""The command `wakeful`: starts a node, and looks at one through the same operations as everyone."""

from __future__ import annotations

import base64
import gc
import json
import os
import re
import sys
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, cast
from urllib.parse import quote, urlencode

import typer

from wakeful import __version__
from wakeful.cli import chaos, client, inbox, timeline
from wakeful.config import DEFAULT_PORT, DEFAULT_RECORD_MB, RECORD_HOURS_MAX, Config, IamMode, Isolation
from wakeful.names import DEFAULT_ACCOUNT

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="AWS Lambda and the event fabric around it, on this machine.",
)

_SINCE_MAX_S = 100 * 366 * 86_400

Endpoint = Annotated[
    str | None,
    typer.Option(help=f"Where the node answers; else AWS_ENDPOINT_URL, else {client.DEFAULT_ENDPOINT}."),
]

RuntimeFallback = Annotated[
    bool,
    typer.Option(
        "--runtime-fallback",
        envvar="WAKEFUL_RUNTIME_FALLBACK",
        help="Run a function whose runtime is not on this machine on the nearest version of its language.",
    ),
]
DataDir = Annotated[Path, typer.Option(help="The state that a node would use.")]


@app.callback(invoke_without_command=True)
def version(show: Annotated[bool, typer.Option("--version", help="Show the version.")] = False) -> None:
    if show:
        typer.echo(f"wakeful {__version__}")
        raise typer.Exit


@app.command()
def start(
    host: Annotated[str, typer.Option(help="The address to listen on; beyond loopback a root key is needed.")] = (
        "127.0.0.1"
    ),
    port: Annotated[
        int, typer.Option(min=0, max=65_535, help="The port to listen on; 0 takes a free one.")
    ] = DEFAULT_PORT,
    data_dir: Annotated[Path, typer.Option(help="Where the state is kept.")] = Path(".wakeful"),
    store: Annotated[str | None, typer.Option(help="postgresql://…, to keep the state there.")] = None,
    iam: Annotated[str | None, typer.Option(help="off, audit or enforce; audit on loopback, else enforce.")] = None,
    isolation: Annotated[str, typer.Option(help="auto, or a tier by name: A, B, C, none.")] = "auto",
    memory_mb: Annotated[
        int | None, typer.Option(min=128, help="What all functions together may hold; else most of what is free.")
    ] = None,
    record_mb: Annotated[
        int, typer.Option(min=0, help="How much of past events and answers is kept for replays; 0 records nothing.")
    ] = DEFAULT_RECORD_MB,
    record_hours: Annotated[
        int, typer.Option(min=1, max=RECORD_HOURS_MAX, help="For how long they are kept.")
    ] = RECORD_HOURS_MAX,
    smtp_relay: Annotated[
        str | None,
        typer.Option(
            envvar="WAKEFUL_SMTP_RELAY",
            help="smtp://user:password@host:port or smtps://…: SNS's e-mails go out there, not to the inbox alone.",
        ),
    ] = None,
    smtp_from: Annotated[
        str | None, typer.Option(envvar="WAKEFUL_SMTP_FROM", help="The address that mail comes from which goes out.")
    ] = None,
    runtime_fallback: RuntimeFallback = False,
    trust: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="Certificates (PEM) that vouch for HTTPS endpoints."),
    ] = None,
    internal_endpoints: Annotated[
        bool | None,
        typer.Option(help="Whether topics may send to addresses that are not public; on loopback they may."),
    ] = None,
    limit_shards: Annotated[
        bool, typer.Option(help="Shards of data streams take and give no more in a second than AWS's.")
    ] = False,
    table_delay: Annotated[
        float,
        typer.Option(min=0, max=600, help="Seconds for which DynamoDB's tables are CREATING, UPDATING, DELETING."),
    ] = 0.0,
    throttle_tables: Annotated[
        bool, typer.Option("--throttle-tables", help="DynamoDB tables refuse more than they have provisioned.")
    ] = False,
) -> None:
    """Start a node; it runs until interrupted and loses nothing."""
    if smtp_from is not None and not re.fullmatch(r"[^\s@<>]+@[^\s@<>]+", smtp_from):
        raise typer.BadParameter("--smtp-from is an e-mail address")
    gc.disable()  # until the node is ready: it makes much, and nearly all of it stays
    from wakeful.cli import serve  # what a node needs takes its time to load; the other commands do without

    config = Config(
        data_dir=data_dir,
        host=host,
        port=port,
        store=store,
        iam=cast("IamMode | None", _one_of("--iam", iam, ("off", "audit", "enforce"))),
        isolation=cast("Isolation", _one_of("--isolation", isolation, ("auto", "A", "B", "C", "none"))),
        memory_mb=memory_mb,
        record_mb=record_mb,
        record_hours=record_hours,
        smtp_relay=smtp_relay,
        smtp_from=smtp_from,
        runtime_fallback=runtime_fallback,
        trust=trust,
        internal_endpoints=internal_endpoints,
        limit_shards=limit_shards,
        table_delay_s=table_delay,
        throttle_tables=throttle_tables,
    )
    try:
        _ = config.smtp
    except ValueError as error:
        raise typer.BadParameter(f"--smtp-relay: {error}") from error
    serve.forever(config)


@app.command()
def status(endpoint: Endpoint = None) -> None:
    """Show whether a node is ready, and how it runs."""
    health = client.ask("health", endpoint)
    for name, value in health.items():
        typer.echo(f"{name:<12} {value}")


@app.command()
def doctor(
    what: Annotated[str | None, typer.Argument(help="host or wiring; else both.", metavar="host|wiring")] = None,
    data_dir: Annotated[Path, typer.Option(help="The state that a node would use.")] = Path(".wakeful"),
    isolation: Annotated[str, typer.Option(help="auto, or a tier by name: A, B, C, none.")] = "auto",
    endpoint: Endpoint = None,
    only: Annotated[
        list[str] | None, typer.Option(help="Of the wiring, only this code, or W4 for all of them. Repeat it.")
    ] = None,
    ignore: Annotated[list[str] | None, typer.Option(help="Of the wiring, not this code. Repeat it.")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings end it with status 1 too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The wiring alone, for programs.")] = False,
) -> None:
    """Try what this host gives, and read how what is on a node is wired.

    What bites in the wiring is named, with a code, what then happens, and what
    helps. The exit status is 1 where an error is among it.
    """
    from wakeful.cli import doctor as examination

    _one_of("--isolation", isolation, ("auto", "A", "B", "C", "none"))
    _one_of("what is examined", what, ("host", "wiring"))
    asked = examination.Asked(endpoint, tuple(only or ()), tuple(ignore or ()), strict, as_json)
    if asked.is_of_wiring:
        if what == "host":
            raise typer.BadParameter("--endpoint, --only, --ignore, --strict and --json are about the wiring")
        what = "wiring"
    if what != "wiring":
        for line in examination.examine(data_dir, isolation):
            typer.echo(line)
    if what is None:
        typer.echo("")
    if what != "host" and not examination.look_at_wiring(asked, is_needed=what == "wiring"):
        raise typer.Exit(1)


runtimes = typer.Typer(no_args_is_help=True, help="Lambda's runtimes on this machine.")
app.add_typer(runtimes, name="runtimes")


@runtimes.command("list")
def list_runtimes(
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    runtime_fallback: RuntimeFallback = False,
    data_dir: DataDir = Path(".wakeful"),
) -> None:
    """Show every runtime of Lambda and what this machine makes of it."""
    from wakeful.cli import runtimes as ours

    ours.show(data_dir, has_fallback=runtime_fallback, as_json=as_json)


@runtimes.command("add")
def add_runtimes(
    names: Annotated[list[str], typer.Argument(help="Such as nodejs22.x or python3.13.", metavar="NAME")],
    sdk: Annotated[str, typer.Option(help="The AWS SDK that Lambda has in it: default or none.")] = "default",
    package: Annotated[
        list[str] | None, typer.Option(help="One more package beside the SDK, such as @aws-sdk/client-ssm. Repeat it.")
    ] = None,
    data_dir: DataDir = Path(".wakeful"),
) -> None:
    """Get runtimes, for all nodes of this user. A node that runs finds them when a function is made or updated."""
    from wakeful.cli import runtimes as ours

    _one_of("--sdk", sdk, ("default", "none"))
    if sdk == "none" and package:
        raise typer.BadParameter("--package adds to the SDK; leave --sdk none out")
    ours.add(data_dir, names, None if sdk == "none" else tuple(package or ()))


app.add_typer(chaos.app, name="chaos")

keys = typer.Typer(no_args_is_help=True, help="Access keys of the roots of accounts.")
app.add_typer(keys, name="keys")


@keys.command("create")
def create_key(
    account: Annotated[str, typer.Option(help="Twelve digits.")] = DEFAULT_ACCOUNT,
    data_dir: Annotated[Path, typer.Option(help="Where the state is kept.")] = Path(".wakeful"),
    store: Annotated[str | None, typer.Option(help="postgresql://…, where the state is there.")] = None,
) -> None:
    """Make an access key for the root of an account. From then on the node takes no unknown keys."""
    from wakeful.cli import keys as making

    if not (account.isascii() and account.isdigit() and len(account) == 12):
        raise typer.BadParameter("an account is twelve digits")
    key = making.create(Config(data_dir=data_dir, store=store), account)
    typer.echo(f"export AWS_ACCESS_KEY_ID={key.id}")
    typer.echo(f"export AWS_SECRET_ACCESS_KEY={key.secret}")


@app.command()
def invoke(
    function: Annotated[str, typer.Argument(help="Name or ARN, with an optional :qualifier.")],
    payload: Annotated[str, typer.Argument(help="JSON, @FILE, or - for standard input.")] = "{}",
    event: Annotated[
        bool, typer.Option("--event", help="Asynchronously: answer as soon as the event is safe.")
    ] = False,
    log: Annotated[bool, typer.Option("--log", help="Show the end of the log as well, on standard error.")] = False,
    endpoint: Endpoint = None,
) -> None:
    """Run a function and print what it returned. The exit status is 1 where the function failed."""
    with client.in_words(endpoint):
        answer = client.aws("lambda", endpoint).invoke(
            FunctionName=function,
            Payload=_payload(payload),
            InvocationType="Event" if event else "RequestResponse",
            LogType="Tail" if log and not event else "None",
        )
        returned = answer["Payload"].read()
    if "LogResult" in answer:
        typer.echo(base64.b64decode(answer["LogResult"]), err=True, nl=False)
    typer.echo("accepted" if event else returned)
    if "FunctionError" in answer:
        raise typer.Exit(1)


DebugPort = Annotated[
    int, typer.Option("--debug-port", min=0, max=65_535, help="Where; 0 is 5678 for Python, 9229 for Node.js.")
]
Wait = Annotated[bool, typer.Option("--wait", help="The function's code is loaded when a debugger has attached.")]


@app.command()
def dev(
    folder: Annotated[Path, typer.Argument(exists=True, file_okay=False, help="The function's folder.")] = Path(),
    name: Annotated[str | None, typer.Option(help="The function; else it is called as the folder is.")] = None,
    runtime: Annotated[str | None, typer.Option(help="Such as python3.13; else guessed.")] = None,
    handler: Annotated[str | None, typer.Option(help="Such as app.handler; else guessed.")] = None,
    role: Annotated[str | None, typer.Option(help="The ARN of its role.")] = None,
    env: Annotated[list[str] | None, typer.Option(metavar="K=V", help="A variable it shall have. Repeat it.")] = None,
    timeout: Annotated[int | None, typer.Option(min=1, max=900, help="In seconds.")] = None,
    memory: Annotated[int | None, typer.Option(min=128, max=10_240, help="In MB.")] = None,
    debug: Annotated[bool, typer.Option("--debug", help="A debugger can attach; no timeout applies.")] = False,
    debug_port: DebugPort = 0,
    wait: Wait = False,
    endpoint: Endpoint = None,
) -> None:
    """Run what was just saved: watches a function's folder, until Ctrl-C.

    The next invocation after a save runs the new code. Code that does not load is told, and what ran before goes on.

    Each invocation is shown, with what it prints. A function that is not there is made; one that is keeps its settings.
    """
    from wakeful.cli import dev as developing

    asked = developing.Asked(
        name or developing.name_of(folder), runtime, handler, role, developing.variables_of(env or ()), timeout, memory
    )
    developing.develop(folder, asked, developing.Debugging(debug_port, wait) if debug or wait else None, endpoint)


@app.command()
def debug(
    function: Annotated[str, typer.Argument(help="Name or ARN.")],
    debug_port: DebugPort = 0,
    wait: Wait = False,
    endpoint: Endpoint = None,
) -> None:
    """Let a debugger attach to a function that is there, until Ctrl-C. No timeout applies meanwhile."""
    from wakeful.cli import dev as developing

    developing.debug(function, developing.Debugging(debug_port, wait), endpoint)


@app.command()
def logs(
    name: Annotated[str, typer.Argument(help="A function, by name or ARN, or a log group that begins with /.")],
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what comes in.")] = False,
    since_s: Annotated[int, typer.Option("--since", min=0, max=_SINCE_MAX_S, help="Begin so many seconds ago.")] = 600,
    endpoint: Endpoint = None,
) -> None:
    """Print the log of a function or of a log group. Times are UTC.

    Its START lines have the request ids that `wakeful replay` and `wakeful event` take.
    """
    from wakeful.cli import tail

    now = client.ask("clock", endpoint)["now"]
    with client.in_words(endpoint), suppress(KeyboardInterrupt):
        source = client.aws("logs", endpoint)
        group, why_not = _log_group(name, endpoint)
        if not tail.has_group(source, group):
            if not follow:
                client.give_up(f"There is no log group {group}{why_not}.")
            typer.echo(f"Waiting for the log group {group}{why_not}.", err=True)
        for moment_ms, message in tail.events(source, group, max(0, int((now - since_s) * 1000)), follow):
            typer.echo(f"{_clock(moment_ms / 1000, 'milliseconds')}  {message.rstrip()}")


def _log_group(name: str, endpoint: str | None) -> tuple[str, str]:
    """Where a function writes its log, or the log group itself; and why it may not be there."""
    if name.startswith("/"):
        return name, ""
    functions = client.aws("lambda", endpoint)
    try:
        found = functions.get_function_configuration(FunctionName=name)
    except functions.exceptions.ResourceNotFoundException:
        return f"/aws/lambda/{name}", f": there is no function {name}"
    return found["LoggingConfig"]["LogGroup"], f": {name} has not run yet"


@app.command()
def event(
    request_id: Annotated[str, typer.Argument(help="The request id of a past invocation.")],
    answer: Annotated[bool, typer.Option("--answer", help="What it answered, instead.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Everything that is recorded of it.")] = False,
    endpoint: Endpoint = None,
) -> None:
    """Print the event of a past invocation. `wakeful trace` lists what is recorded."""
    from wakeful.cli import replay as past

    found = past.recorded(request_id, endpoint)
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    body = past.body_of(found["answer" if answer else "event"])
    if body is None:
        client.give_up("The answer was too large to be recorded.")
    typer.echo(body)


@app.command()
def replay(
    request_id: Annotated[str | None, typer.Argument(help="The request id of a past invocation.")] = None,
    last: Annotated[str | None, typer.Option(help="The latest invocation of this function.", metavar="NAME")] = None,
    failed: Annotated[
        str | None, typer.Option(help="All invocations of this function that failed.", metavar="NAME")
    ] = None,
    since: Annotated[str, typer.Option(help="With --failed: how far back, such as 90s, 30m, 1h or 7d.")] = "7d",
    code: Annotated[
        Path | None, typer.Option(help="A folder or a zip to try in place of the function's code; nobody else gets it.")
    ] = None,
    version: Annotated[str | None, typer.Option(help="A version or an alias, instead of what was called then.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Say it by the exit status alone.")] = False,
    endpoint: Endpoint = None,
) -> None:
    """Run a past event again, and show both answers side by side.

    A replay is a real run: whatever the function calls, it calls again, with
    its role's rights. It writes, sends and deletes as it did then, and it is
    logged, measured and billed like any other.

    The exit status is 0 where both answers are the same (with --failed: where
    all pass now), 1 where they are not, 2 for an error.
    """
    from wakeful.cli import replay as past

    if sum(each is not None for each in (request_id, last, failed)) != 1:
        raise typer.BadParameter("give one of REQUEST_ID, --last NAME and --failed NAME")
    how = past.How(code, version, as_json, quiet, endpoint)
    if failed is not None:
        raise typer.Exit(past.every_failed(failed, past.seconds_of(since), how))
    raise typer.Exit(past.one(request_id, last, how))


@app.command()
def trace(
    which: Annotated[
        str | None, typer.Argument(help="A trace id, or the id of a request, event or message in it.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The notes themselves.")] = False,
    endpoint: Endpoint = None,
) -> None:
    """Tell one story: each event, its cause, each run and its cost. Without an id: the latest runs and their traces."""
    if which is None:
        _latest(endpoint)
        return
    found = client.find(f"traces/{quote(which, safe='')}", endpoint)
    if found is None:
        client.give_up(f"Nothing is known of {which}.")
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    typer.echo(timeline.text(found["trace"], found["notes"], found["recorded"]))


@app.command()
def bill(
    month: Annotated[str | None, typer.Option(help="Such as 2026-11; else this one.")] = None,
    by: Annotated[str, typer.Option(help="function, version, day, region, or tag:KEY.")] = "function",
    function: Annotated[str | None, typer.Option(help="Of this function alone, by its name.")] = None,
    account: Annotated[str | None, typer.Option(help="Twelve digits; else every account's.")] = None,
    invocations: Annotated[
        bool, typer.Option("--invocations", help="Each invocation of --function, the newest first.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="So many invocations at most.")] = 20,
    no_free_tier: Annotated[
        bool, typer.Option("--no-free-tier", help="As if nothing were free: what it costs beyond the free tier.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For programs, with exact units.")] = False,
    endpoint: Endpoint = None,
) -> None:
    """Show what a month's runs cost at AWS's list prices: metered to the millisecond, summed exactly."""
    from wakeful.cli import bill as paper

    if invocations and function is None:
        raise typer.BadParameter("--invocations shows those of one function: name it with --function")
    asked = {"month": month, "function": function, "account": account}
    if invocations:
        told = client.ask(f"bill/invocations?{_query({**asked, 'limit': str(limit)})}", endpoint)
    else:
        told = client.ask(f"bill?{_query({**asked, 'by': by, 'free_tier': 'no' if no_free_tier else None})}", endpoint)
    if as_json:
        typer.echo(json.dumps(told, indent=2))
    else:
        typer.echo(paper.invocations(told) if invocations else paper.text(told))


app.command("inbox")(inbox.command)


def _query(given: Mapping[str, str | None]) -> str:
    return urlencode({name: value for name, value in given.items() if value is not None})


def _latest(endpoint: str | None) -> None:
    found = client.ask("notes?kind=run&limit=20", endpoint)
    if not found["notes"]:
        typer.echo("No function has run yet.")
        return
    typer.echo("The latest runs (UTC); `wakeful trace ID` tells the whole story.")
    for note in found["notes"]:
        mark = "↻" if note["id"] in found["recorded"] else " "
        typer.echo(f"{_clock(note['at'], 'seconds')}  {note['id']} {mark} {note['name']:<20} {note['status']}")
    if found["recorded"]:
        typer.echo("`wakeful replay ID` runs what is marked ↻ again; `wakeful event ID` prints what it was given.")


def _clock(moment_s: float, unit: str) -> str:
    return datetime.fromtimestamp(moment_s, UTC).time().isoformat(unit)


def _payload(given: str) -> bytes:
    try:
        if given == "-":
            return sys.stdin.buffer.read()
        return Path(given[1:]).read_bytes() if given.startswith("@") else os.fsencode(given)
    except OSError as error:
        client.give_up(f"The payload {given} cannot be read: {error.strerror}.")


def _one_of(option: str, value: str | None, allowed: tuple[str, ...]) -> str | None:
    if value is not None and value not in allowed:
        raise typer.BadParameter(f"{option} is one of {', '.join(allowed)}")
    return value
