"""`wakeful inbox`: what SNS sent to people and devices, as text for a narrow terminal, and following what comes in."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Annotated, Any
from urllib.parse import quote, urlencode

import typer

from wakeful.cli import client

_WIDTH = 80
_PAUSE_S = 0.5
_MARKS = {"captured": " ", "relaying": "…", "relayed": "→", "failed": "✗"}

Message = Mapping[str, Any]

Endpoint = Annotated[
    str | None,
    typer.Option(help=f"Where the node answers; else AWS_ENDPOINT_URL, else {client.DEFAULT_ENDPOINT}."),
]


def command(
    id_: Annotated[str | None, typer.Argument(metavar="ID", help="One message, whole.")] = None,
    to: Annotated[str | None, typer.Option(help="An address, a phone number, or the ARN of an endpoint.")] = None,
    kind: Annotated[str | None, typer.Option(help="email, sms or push.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=200, help="So many messages at most.")] = 20,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what comes in.")] = False,
    is_deleted: Annotated[
        bool, typer.Option("--delete", help="Delete it, or all, or those of --to and --kind.")
    ] = False,
    stopped: Annotated[
        str | None, typer.Option("--stop", metavar="NUMBER", help="Answer STOP from this phone.")
    ] = None,
    removed: Annotated[
        str | None, typer.Option("--remove-app", metavar="ARN", help="Remove the app of this endpoint from its device.")
    ] = None,
    sandbox: Annotated[
        str | None, typer.Option(metavar="on|off", help="Whether text messages go to verified numbers only.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    endpoint: Endpoint = None,
) -> None:
    """Show what SNS sent to people and devices: e-mails, text messages and pushes, with the links that confirm.

    The marks: ✗ could not be delivered, → went out to the SMTP relay, … is on its way there.
    """
    if kind not in (None, "email", "sms", "push"):
        raise typer.BadParameter("--kind is one of email, sms, push")
    if sandbox not in (None, "on", "off"):
        raise typer.BadParameter("--sandbox is on or off")
    wanted = {"to": to, "kind": kind}
    if stopped is not None:
        stop(stopped, endpoint)
    elif removed is not None:
        remove_app(removed, endpoint)
    elif sandbox is not None:
        set_sandbox(sandbox == "on", endpoint)
    elif is_deleted:
        delete(id_, wanted, endpoint)
    elif id_ is not None:
        one(id_, endpoint, as_json=as_json)
    elif follow:
        with suppress(KeyboardInterrupt):
            followed({**wanted, "limit": str(limit)}, endpoint, as_json=as_json)
    else:
        listed({**wanted, "limit": str(limit)}, endpoint, as_json=as_json)


def listed(wanted: Mapping[str, str | None], endpoint: str | None, *, as_json: bool) -> None:
    """The messages, the newest last, as on a log."""
    found = list(reversed(_ask(wanted, endpoint)))
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    if not found:
        typer.echo("The inbox is empty." if not (wanted["to"] or wanted["kind"]) else "There are no such messages.")
        return
    for message in found:
        typer.echo("\n".join(line(message)))
    typer.echo("`wakeful inbox ID` shows one whole, `wakeful trace ID` what it came of.")


def followed(wanted: Mapping[str, str | None], endpoint: str | None, *, as_json: bool) -> None:
    """What is there and what comes in, until interrupted."""
    for message in _coming(wanted, endpoint):
        typer.echo(json.dumps(message) if as_json else "\n".join(line(message)))


def one(id_: str, endpoint: str | None, *, as_json: bool) -> None:
    """One message, whole."""
    found = client.find(f"inbox/{quote(id_, safe='')}", endpoint)
    if found is None:
        client.give_up(f"There is no message {id_} in the inbox; `wakeful inbox` lists them.")
    typer.echo(json.dumps(found, indent=2) if as_json else "\n".join(whole(found)))


def delete(id_: str | None, wanted: Mapping[str, str | None], endpoint: str | None) -> None:
    """No such message of the caller's account is left."""
    path = f"inbox/{quote(id_, safe='')}" if id_ is not None else f"inbox?{_query(wanted)}"
    count = client.sns("DELETE", path, endpoint)["deleted"]
    typer.echo("1 message is deleted." if count == 1 else f"{count} messages are deleted.")


def stop(number: str, endpoint: str | None) -> None:
    """Whoever has the number has answered STOP."""
    client.sns("POST", "replies", endpoint, {"from": number, "text": "STOP"})
    typer.echo(f"{number} wants no text messages any more; OptInPhoneNumber takes it back.")


def remove_app(arn: str, endpoint: str | None) -> None:
    """The app is on the device no more."""
    client.sns("POST", "devices", endpoint, {"gone": arn})
    typer.echo("The next push will be refused, and disables the endpoint.")


def set_sandbox(is_in: bool, endpoint: str | None) -> None:
    """The account may send text messages to verified numbers only, or to all."""
    told = client.sns("POST", "sandbox", endpoint, {"is_in_sandbox": is_in})
    what = "is in the SMS sandbox" if told["is_in_sandbox"] else "is out of the SMS sandbox"
    typer.echo(f"Account {told['account']} {what} in {told['region']}.")


def line(message: Message) -> Iterator[str]:
    """A message in a list: who got it, and how it begins."""
    when = datetime.fromtimestamp(message["at"], UTC)
    head = f"{message['id']:>5} {_MARKS[message['state']]} {when:%d %b %H:%M:%S}  {message['kind']:<5} "
    yield head + _shortened(_to(message), _WIDTH - len(head))
    begin = " ".join((message["subject"] or message["body"]).split())
    yield f"{'':>8}{_shortened(begin, _WIDTH - 8)}"
    if message["link"]:
        yield f"{'':>8}confirm: {message['link']}"
    if message["reason"]:
        yield f"{'':>8}{_shortened(message['reason'], _WIDTH - 8)}"


def whole(message: Message) -> Iterator[str]:
    """Everything of one message; its body is as it is."""
    when = datetime.fromtimestamp(message["at"], UTC)
    detail = message["detail"]
    parts = detail.get("parts")
    facts = {
        "To": _to(message),
        "From": message["from"],
        "Subject": message["subject"],
        "At": f"{when:%Y-%m-%d %H:%M:%S} UTC",
        "State": message["state"] + (f": {message['reason']}" if message["reason"] else ""),
        "Topic": message["topic"],
        "Message": message["message_id"],
        "Trace": message["trace"],
        "Parts": None if parts is None else f"{len(parts)} ({detail['encoding']}), {detail['sms_type']}",
        "Endpoint": message["to"] if message["kind"] == "push" else None,
        "TTL": None if detail.get("ttl_s") is None else f"{detail['ttl_s']} s",
        **detail.get("headers", {}),
        "Confirm": message["link"],
    }
    for name, value in facts.items():
        if value:
            yield f"{name + ':':<9} {value}"
    yield ""
    yield message["body"]


def _to(message: Message) -> str:
    """Whom people would say it went to."""
    if message["kind"] != "push":
        return str(message["to"])
    _, platform, application, _ = message["to"].split("/")
    return f"{application} on {platform}, token {message['detail']['token']}"


def _shortened(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1].rstrip()}…"


def _coming(wanted: Mapping[str, str | None], endpoint: str | None) -> Iterator[Message]:
    found = list(reversed(_ask(wanted, endpoint)))
    last = 0
    while True:
        for message in found:
            last = max(last, message["id"])
            yield message
        if not found:
            time.sleep(_PAUSE_S)
        found = _ask({**wanted, "after": str(last)}, endpoint)


def _ask(wanted: Mapping[str, str | None], endpoint: str | None) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = client.ask(f"inbox?{_query(wanted)}", endpoint)["messages"]
    return messages


def _query(wanted: Mapping[str, str | None]) -> str:
    return urlencode({name: value for name, value in wanted.items() if value is not None})
