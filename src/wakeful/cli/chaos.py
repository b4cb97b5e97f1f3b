"""`wakeful chaos`: what AWS may do to messages and hardly ever does, made to happen, and told afterwards."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any
from urllib.parse import quote, urlencode

import typer

from wakeful.cli import client

app = typer.Typer(
    no_args_is_help=True,
    help="Duplicates, delays, disorder and throttles on purpose: shows whether a consumer is idempotent.",
)

_TIME = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)?")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}

Endpoint = Annotated[
    str | None,
    typer.Option(help=f"Where the node answers; else AWS_ENDPOINT_URL, else {client.DEFAULT_ENDPOINT}."),
]
Account = Annotated[str | None, typer.Option(help="Twelve digits; else that of the credentials.")]
Json = Annotated[bool, typer.Option("--json", help="For programs.")]


def _rate(text: str) -> Any:
    return typer.Option(min=0, max=1, metavar="RATE", help=text)


@app.command("on")
def begin(
    target: Annotated[
        str,
        typer.Argument(
            help="A queue, topic, mapping or function: name, URL, UUID or ARN; queue:NAME where a name is not"
            " enough; queue:* for all."
        ),
    ],
    duplicate: Annotated[float | None, _rate("So many messages of one come again; batches run twice.")] = None,
    copies: Annotated[int, typer.Option(min=1, help="With --duplicate: how many copies.")] = 1,
    apart: Annotated[str, typer.Option(help="With --duplicate: how long after the message, such as 0-5.")] = "0-5",
    delay: Annotated[str | None, typer.Option(help="Messages come later by so much, such as 0-30 or 5s-2m.")] = None,
    delay_rate: Annotated[float, _rate("With --delay: so many messages of one are late.")] = 1.0,
    reorder: Annotated[int | None, typer.Option(min=1, help="A message may overtake so many that wait.")] = None,
    reorder_rate: Annotated[float, _rate("With --reorder: so many messages of one do.")] = 1.0,
    redeliver: Annotated[float | None, _rate("So many of one come again though they were deleted.")] = None,
    throttle: Annotated[float | None, _rate("So many calls or runs of one are told that they are too many.")] = None,
    fail: Annotated[float | None, _rate("So many runs of one are answered as failed when they have run.")] = None,
    crash: Annotated[float | None, _rate("So many runs of one end with their environment when they have run.")] = None,
    times: Annotated[int | None, typer.Option(min=1, help="Each of these happens so often at most.")] = None,
    for_: Annotated[str | None, typer.Option("--for", help="How long, in the node's time, such as 5m.")] = None,
    seed: Annotated[int | None, typer.Option(help="The same seed does the same again; else any.")] = None,
    account: Account = None,
    as_json: Json = False,
    endpoint: Endpoint = None,
) -> None:
    """Begin an experiment. It goes on, whatever becomes of the node, until it ends by itself or by `wakeful chaos off`.

    Each fault is one that AWS's documentation speaks of: docs/chaos.md.
    """
    plain = {"redeliver": redeliver, "throttle": throttle, "fail": fail, "crash": crash}
    faults: dict[str, dict[str, Any]] = {fault: {"rate": rate} for fault, rate in plain.items() if rate is not None}
    if duplicate is not None:
        faults["duplicate"] = {"rate": duplicate, "copies": copies, "apart_s": _range("--apart", apart)}
    if delay is not None:
        faults["delay"] = {"rate": delay_rate, "s": _range("--delay", delay)}
    if reorder is not None:
        faults["reorder"] = {"rate": reorder_rate, "window": reorder}
    if not faults:
        raise typer.BadParameter("say what shall happen, such as --duplicate 0.2")
    bound = {} if times is None else {"times": times}
    asked = {
        "target": target,
        "faults": {fault: {**dose, **bound} for fault, dose in faults.items()},
        "seed": seed,
        "for_s": None if for_ is None else _seconds("--for", for_),
        **_here(target, account, endpoint),
    }
    told = client.tell("POST", "chaos", endpoint, {name: each for name, each in asked.items() if each is not None})
    if told is None:
        client.give_up("The node has no chaos.")
    typer.echo(json.dumps(told, indent=2) if as_json else "\n".join(_about(told)))


@app.command("list")
def list_(
    account: Annotated[str | None, typer.Option(help="Twelve digits; else all accounts.")] = None,
    as_json: Json = False,
    endpoint: Endpoint = None,
) -> None:
    """Show the experiments of all regions that run, and those that are over."""
    told = client.ask(f"chaos{_query(account=account)}", endpoint)
    if as_json:
        typer.echo(json.dumps(told, indent=2))
    elif not told["experiments"]:
        typer.echo("There is no chaos.")
    else:
        typer.echo("\n\n".join("\n".join(_about(each)) for each in told["experiments"]))


@app.command("off")
def end(
    which: Annotated[str, typer.Argument(help="An experiment's id, or all.", metavar="ID|all")] = "all",
    account: Account = None,
    as_json: Json = False,
    endpoint: Endpoint = None,
) -> None:
    """End an experiment, or all of the account. What is late already comes late; nothing else happens any more."""
    if which == "all":
        path = f"chaos{_query(account=account or _account(endpoint))}"
    else:
        path = f"chaos/{quote(which, safe='')}"
    told = client.tell("DELETE", path, endpoint)
    if told is None:
        client.give_up(f"There is no experiment {which}.")
    if as_json:
        typer.echo(json.dumps(told, indent=2))
        return
    for each in told["ended"]:
        typer.echo(f"{each['id']} on {each['target']} is over: {_did(each)}")
    if not told["ended"]:
        typer.echo("Nothing was running.")


@app.command("report")
def report(
    which: Annotated[str | None, typer.Argument(help="An experiment's id; else the latest.", metavar="ID")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="So much of what it did last.")] = 20,
    as_json: Json = False,
    endpoint: Endpoint = None,
) -> None:
    """Tell what an experiment did: how often, to which messages. `wakeful trace TRACE` tells their stories."""
    if which is None:
        every = client.ask("chaos", endpoint)["experiments"]
        if not every:
            client.give_up("There is no chaos.")
        which = str(every[-1]["id"])
    told = client.find(f"chaos/{quote(which, safe='')}?limit={limit}", endpoint)
    if told is None:
        client.give_up(f"There is no experiment {which}.")
    typer.echo(json.dumps(told, indent=2) if as_json else "\n".join([*_about(told), *_deeds(told)]))


def _about(told: Mapping[str, Any]) -> Iterator[str]:
    until = "until it is ended" if told["until"] is None else f"until {_when(told['until'])} UTC"
    state = until if told["is_running"] else f"over since {_when(told['ended'])} UTC"
    yield f"{told['id']}  {told['target']}"
    yield f"  {state}, seed {told['seed']}"
    counts = told.get("counts", {})
    for fault, dose in told["faults"].items():
        count = counts.get(fault)
        did = "" if count is None else f": {count['times']} of {count['occasions']}"
        yield f"  {fault:<10}{_dose(dose)}{did}"


def _dose(dose: Mapping[str, Any]) -> str:
    words = [f"at a rate of {dose['rate']:g}"]
    if "copies" in dose and dose["copies"] > 1:
        words.append(f"{dose['copies']} copies")
    words += [f"{_between(*dose[member])} s later" for member in ("apart_s", "s") if member in dose]
    if "window" in dose:
        words.append(f"before up to {dose['window']}")
    if dose["times"] is not None:
        words.append(f"at most {dose['times']} times")
    return ", ".join(words)


def _between(low: float, high: float) -> str:
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"


def _did(told: Mapping[str, Any]) -> str:
    return ", ".join(f"{fault} {count['times']} of {count['occasions']}" for fault, count in told["counts"].items())


def _deeds(told: Mapping[str, Any]) -> Iterator[str]:
    if not told["did"]:
        yield "  It has done nothing yet."
        return
    yield "  What it did last (UTC), to which message or request:"
    for deed in told["did"]:
        yield f"    {_when(deed['at'])}  {deed['subject']}  {deed['fault']}: {deed['what']}"
        yield f"    {'':<19}  in the trace {deed['trace']}"


def _when(moment_s: float) -> str:
    return datetime.fromtimestamp(moment_s, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _here(target: str, account: str | None, endpoint: str | None) -> dict[str, str | None]:
    """Whose target it is and where; an ARN says so itself."""
    if target.startswith("arn:"):
        return {"account": account}
    if account is None and not target.startswith(("http://", "https://")):
        account = _account(endpoint)
    return {"account": account, "region": client.region()}


def _account(endpoint: str | None) -> str:
    with client.in_words(endpoint):
        return str(client.aws("sts", endpoint).get_caller_identity()["Account"])


def _query(**given: str | None) -> str:
    said = {name: value for name, value in given.items() if value is not None}
    return f"?{urlencode(said)}" if said else ""


def _range(option: str, text: str) -> list[float]:
    low, dash, high = text.partition("-")
    return [_seconds(option, low), _seconds(option, high if dash else low)]


def _seconds(option: str, text: str) -> float:
    hit = _TIME.fullmatch(text.strip())
    if hit is None:
        raise typer.BadParameter(f"{option} takes seconds, or times such as 500ms, 30s, 5m or 1h")
    return float(hit[1]) * _UNITS[hit[2] or "s"]
