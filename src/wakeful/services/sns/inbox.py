"""The inbox: every e-mail, text message and push ends here, where people and tests read it. No phone rings.

An e-mail also goes out where the node was told of an SMTP server (`relay.py`). The inbox is bounded: its oldest go.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import orjson

from wakeful import limits, names
from wakeful.fabric.page import Unclear
from wakeful.fabric.service import Again, Done, Node, Worker
from wakeful.fabric.trace import Trace
from wakeful.store import work
from wakeful.store.telemetry import Note
from wakeful.store.tx import Row, Tx

Kind = Literal["email", "sms", "push"]
State = Literal["captured", "relaying", "relayed", "failed"]

CHANGED = "sns.inbox.changed"
"""Woken when a message came in, or what became of one is known."""

_SWEEP = "sns.inbox"
_KINDS = ("email", "sms", "push")
_STATES = ("captured", "relaying", "relayed", "failed")
_SCHEMES = {"email": "mailto:", "sms": "tel:", "push": ""}
_ID_MAX = 1 << 63
_COLUMNS = (
    "id, at, kind, account, region, recipient, sender, subject, body, topic, message, trace, link, detail, state,"
    " reason"
)


@dataclass(frozen=True, slots=True)
class Letter:
    """One message to a person or a device, as it leaves SNS."""

    kind: Kind
    account: str
    region: str
    recipient: str
    sender: str
    body: str
    message_id: str
    trace: Trace
    label: str
    """What happened, for people: Publish:topic."""
    subject: str | None = None
    topic: str = ""
    link: str = ""
    """What confirms a subscription."""
    detail: Mapping[str, Any] = field(default_factory=dict)
    """What else its kind has: a text message's type and parts, a push's platform, token and headers."""


@dataclass(frozen=True, slots=True)
class Captured:
    """Where a letter lies, and the note that tells of it."""

    id: int
    note: str


def put(tx: Tx, letter: Letter, state: State = "captured", reason: str = "") -> Captured:
    """The message is in the inbox and in the story of its cause."""
    note = names.new_uuid()
    body = _storable(letter.body)
    size = len(body.encode())
    row = tx.one(
        "INSERT INTO sns_inbox(at, kind, account, region, recipient, sender, subject, body, topic, message, trace,"
        " note, link, detail, state, reason, size) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " RETURNING id",
        *(tx.now, letter.kind, letter.account, letter.region, letter.recipient, letter.sender, letter.subject),
        *(body, letter.topic, letter.message_id, letter.trace.id, note, letter.link),
        *(orjson.dumps(letter.detail), state, reason, size),
    )
    assert row is not None
    told: dict[str, Any] = {"source": letter.topic or "sns.amazonaws.com", "inbox": row["id"]}
    tx.note(
        Note(
            id=note,
            trace=letter.trace.id,
            cause=letter.trace.cause,
            hops=letter.trace.hops,
            kind="event",
            name=letter.label,
            resource=_SCHEMES[letter.kind] + letter.recipient,
            account=letter.account,
            at=tx.now,
            status="failed" if state == "failed" else "ok",
            detail={**told, "reason": reason} if reason else told,
        )
    )
    if row["id"] % limits.SNS_INBOX_TRIM_EVERY == 0:
        trim(tx)
    tx.wake(CHANGED)
    return Captured(row["id"], note)


def become(tx: Tx, id_: int, state: State, reason: str = "", sender: str | None = None) -> None:
    """What became of the message, if it is still there."""
    tx.lock("sns", "inbox")
    tx.run(
        "UPDATE sns_inbox SET state = ?, reason = ?, sender = coalesce(?, sender) WHERE id = ?",
        *(state, reason, sender, id_),
    )
    tx.wake(CHANGED)


def trim(tx: Tx) -> None:
    """The inbox has no more messages, and none older, than there may be."""
    tx.lock("sns", "inbox")
    tx.run("DELETE FROM sns_inbox WHERE at < ?", tx.now - limits.SNS_INBOX_AGE_S)
    kept, size, oldest = 0, 0, 0
    for row in tx.all("SELECT id, size FROM sns_inbox ORDER BY id DESC"):
        kept, size = kept + 1, size + row["size"]
        if kept > limits.SNS_INBOX_MAX or size > limits.SNS_INBOX_BYTES_MAX:
            oldest = row["id"]
            break
    tx.run("DELETE FROM sns_inbox WHERE id <= ?", oldest)


def get(tx: Tx, id_: int, account: str | None = None) -> dict[str, Any] | None:
    """One message, whole."""
    row = tx.one(
        f"SELECT {_COLUMNS} FROM sns_inbox WHERE id = ? AND account = coalesce(?, account)",  # noqa: S608 - our own names
        *(id_, account),
    )
    return None if row is None else _told(row)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which messages a list has; None is every."""

    account: str | None = None
    kind: str | None = None
    to: str | None = None
    state: str | None = None
    after: int | None = None
    """Then the oldest come first."""
    limit: int = 50


def listed(tx: Tx, wanted: Wanted) -> list[dict[str, Any]]:
    """Newest first, or from the one after `after` on. Bodies are cut where they are long."""
    order = "DESC" if wanted.after is None else "ASC"
    rows = tx.all(
        f"SELECT {_COLUMNS.replace('body', 'substr(body, 1, ?) AS body')} FROM sns_inbox"  # noqa: S608 - our own names
        " WHERE account = coalesce(?, account) AND kind = coalesce(?, kind) AND recipient = coalesce(?, recipient)"
        f" AND state = coalesce(?, state) AND id > ? ORDER BY id {order} LIMIT ?",
        *(limits.SNS_INBOX_PREVIEW_CHARS + 1, wanted.account, wanted.kind, wanted.to, wanted.state),
        *(wanted.after or 0, wanted.limit),
    )
    return [_previewed(_told(row)) for row in rows]


def delete(tx: Tx, account: str, id_: int | None = None, kind: str | None = None, to: str | None = None) -> int:
    """None of these messages of the account is left; how many there were. None is every."""
    tx.lock("sns", "inbox")
    count = tx.run(
        "DELETE FROM sns_inbox WHERE account = ? AND id = coalesce(?, id) AND kind = coalesce(?, kind)"
        " AND recipient = coalesce(?, recipient)",
        *(account, id_, kind, to),
    )
    tx.wake(CHANGED)
    return count


async def page(node: Node, rest: str, query: Mapping[str, str]) -> dict[str, Any] | None:
    """GET /_wakeful/inbox?to=…&kind=…&state=…&account=…&after=…&limit=…, and GET /_wakeful/inbox/{id}"""
    account = None if "account" not in query else _storable(query["account"])
    if rest:
        id_ = _number("the id of a message", rest, _ID_MAX)
        found: dict[str, Any] | None = await node.store.read(get, id_, account)
        return found
    after = query.get("after")
    wanted = Wanted(
        account=account,
        kind=_one_of("kind", query.get("kind"), _KINDS),
        to=None if "to" not in query else _storable(query["to"]),
        state=_one_of("state", query.get("state"), _STATES),
        after=None if after is None else _number("after", after, _ID_MAX),
        limit=_number("limit", query.get("limit", "50"), limits.SNS_INBOX_LISTED_MAX),
    )
    return {"messages": await node.store.read(listed, wanted)}


async def _sweep(node: Node, item: work.Item) -> Done | Again:
    await node.store.write(trim)
    return Again(node.clock.now() + limits.SWEEP_S)


def first(tx: Tx) -> None:
    """The inbox is looked through now and then."""
    work.ensure(tx, _SWEEP, _SWEEP, {}, due=tx.now + limits.SWEEP_S)


worker = Worker(_SWEEP, _sweep, slots=1, is_lazy=True)


def _storable(text: str) -> str:
    """PostgreSQL has no text with a NUL in it, and no person reads one."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")


def _told(row: Row) -> dict[str, Any]:
    """As programs are told of it."""
    return {
        "id": row["id"],
        "at": row["at"],
        "kind": row["kind"],
        "state": row["state"],
        "reason": row["reason"],
        "account": row["account"],
        "region": row["region"],
        "to": row["recipient"],
        "from": row["sender"],
        "subject": row["subject"],
        "body": row["body"],
        "link": row["link"] or None,
        "topic": row["topic"] or None,
        "message_id": row["message"],
        "trace": row["trace"],
        "detail": orjson.loads(row["detail"]),
    }


def _previewed(told: dict[str, Any]) -> dict[str, Any]:
    is_cut = len(told["body"]) > limits.SNS_INBOX_PREVIEW_CHARS
    return {**told, "body": told["body"][: limits.SNS_INBOX_PREVIEW_CHARS], "is_cut": is_cut}


def _number(what: str, text: str, most: int) -> int:
    if not (text.isascii() and text.isdecimal()) or len(text) > len(str(most)) or int(text) > most:
        raise Unclear(f"{what} is a number up to {most}")
    return int(text)


def _one_of(what: str, value: str | None, allowed: tuple[str, ...]) -> str | None:
    if value is not None and value not in allowed:
        raise Unclear(f"{what} is one of {', '.join(allowed)}")
    return value
