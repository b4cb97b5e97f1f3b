"""E-mail that leaves the node: a due row for each, tried for six hours as AWS does. Its copy lies in the inbox."""

from __future__ import annotations

import email.policy
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime
from email.header import Header
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr, quote
from typing import TYPE_CHECKING, Any

from wakeful import limits, names
from wakeful.fabric import deliver
from wakeful.fabric.deliver import Delivery, Refused, bury
from wakeful.fabric.parts import parts_of
from wakeful.fabric.service import Again, Done, Node, Worker
from wakeful.services.sns import inbox, measuring
from wakeful.services.sns import topic as topics
from wakeful.services.sns.inbox import Letter
from wakeful.services.sns.topic import Topic
from wakeful.store import work
from wakeful.store.telemetry import Note
from wakeful.store.tx import Tx

if TYPE_CHECKING:
    from wakeful.config import Smtp

_KIND = "sns.mail"
_ADDRESS = "no-reply@sns.amazonaws.com"
"""AWS's; where mail really goes out, the relay is told of another."""

_NO_RELAY = "there is no relay any more"


def sender(name: str) -> str:
    """Whom a mail comes from, as its header says it."""
    return str(Address(_one_line(name), addr_spec=_ADDRESS))


def post(tx: Tx, letter: Letter, delivery: Delivery | None) -> bool:
    """Whether the mail has arrived: in the inbox. Where there is a relay it goes out from there.

    `delivery` says where those go that cannot.
    """
    if not parts_of(tx).relays_mail:
        inbox.put(tx, letter)
        return True
    captured = inbox.put(tx, letter, "relaying")
    mail = {
        "inbox": captured.id,
        "note": captured.note,
        "to": letter.recipient,
        "from": letter.sender,
        "subject": letter.subject,
        "body": letter.body,
        "message_id": letter.message_id,
        "account": letter.account,
        "trace": letter.trace.id,
        "hops": letter.trace.hops,
        "delivery": delivery,
    }
    work.put(tx, _KIND, mail)
    return False


def retry_after_s(attempts: int) -> float | None:
    """How long after so many attempts there is another; None where there is none."""
    if attempts <= limits.SNS_RETRY_PRE_BACKOFF_COUNT:
        return limits.SNS_RETRY_MIN_S
    backoff = attempts - limits.SNS_RETRY_PRE_BACKOFF_COUNT
    if backoff <= limits.SNS_RETRY_BACKOFF_COUNT:
        growth = (limits.SNS_RETRY_MAX_S / limits.SNS_RETRY_MIN_S) ** (1 / (limits.SNS_RETRY_BACKOFF_COUNT - 1))
        return limits.SNS_RETRY_MIN_S * float(growth ** (backoff - 1))
    last = limits.SNS_RETRY_BACKOFF_COUNT + limits.SNS_RETRY_POST_BACKOFF_COUNT - 1
    return limits.SNS_RETRY_MAX_S if backoff <= last else None


async def _relay(node: Node, item: work.Item) -> Done | Again:
    smtp = node.config.smtp
    if smtp is None:
        return Done(lambda tx: inbox.become(tx, item.body["inbox"], "captured", _NO_RELAY))
    said = _From(smtp, item.body["from"])
    try:
        await _send(smtp, said.address, item.body["to"], said.mail(item.body, node.clock.wall()))
    except _Failed as failure:
        pause_s = None if failure.is_final else retry_after_s(item.attempts)
        reason = str(failure)
        if pause_s is None:
            return Done(lambda tx: _give_up(tx, item.body, reason))
        told = f"{reason} (attempt {item.attempts})"
        await node.store.write(inbox.become, item.body["inbox"], "relaying", told)
        return Again(node.clock.now() + pause_s)
    return Done(lambda tx: _went(tx, item.body, smtp, said.header))


worker = Worker(_KIND, _relay, slots=limits.SNS_RELAY_SLOTS)


def _one_line(text: str) -> str:
    """A header is one line, whatever was put in."""
    return " ".join(text.split())


class _Failed(Exception):
    """The server has not taken it. `is_final`: asking again will not help."""

    def __init__(self, reason: str, *, is_final: bool) -> None:
        super().__init__(reason)
        self.is_final = is_final


class _From:
    """Whom the mail comes from as the relay sends it: the name stays, the address is the relay's, if it has one."""

    def __init__(self, smtp: Smtp, captured: str) -> None:
        self.name, address = parseaddr(captured)
        self.address = smtp.sender or address
        self.header = str(Address(self.name, addr_spec=self.address))

    def mail(self, body: Mapping[str, Any], now: float) -> bytes:
        """The mail as it leaves. Its headers are written here, because the standard library reads encoded words in what
        it is given: whoever publishes one with line breaks in it would add headers of their own.
        """
        content = EmailMessage(policy=email.policy.SMTP)
        content.set_content(body["body"])
        headers = {
            "From": f"{_phrase(self.name)} <{self.address}>",
            "To": body["to"],
            "Subject": _unstructured(_one_line(body["subject"] or "")),
            "Date": format_datetime(datetime.fromtimestamp(now, UTC)),
            "Message-ID": f"<{body['message_id']}@{self.address.rpartition('@')[2]}>",
        }
        return "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode() + content.as_bytes()


def _unstructured(text: str) -> str:
    """A header's text, so that nothing but itself can be read in it."""
    is_plain = text.isascii() and text.isprintable() and "=?" not in text and len(text) <= limits.SNS_SUBJECT_CHARS_MAX
    return text if is_plain else Header(text, "utf-8", header_name="Subject").encode(linesep="\r\n")


def _phrase(name: str) -> str:
    """A name before an address."""
    text = _unstructured(name)
    return text if text != name else f'"{quote(name)}"'


async def _send(smtp: Smtp, sender: str, to: str, mail: bytes) -> None:
    """The server has it. Raises _Failed."""
    import aiosmtplib  # most nodes relay nothing

    try:
        await aiosmtplib.send(
            mail,
            sender=sender,
            recipients=[to],
            hostname=smtp.host,
            port=smtp.port,
            username=smtp.user,
            password=smtp.password,
            use_tls=smtp.is_tls,
            start_tls=smtp.start_tls,
            timeout=limits.SNS_RELAY_TIMEOUT_S,
        )
    except aiosmtplib.SMTPAuthenticationError as error:
        raise _Failed(f"{smtp.address} does not know the user: {error.message}", is_final=False) from error
    except aiosmtplib.SMTPRecipientsRefused as error:
        refused = error.recipients[0]
        raise _Failed(f"{refused.code} {refused.message}", is_final=refused.code >= 500) from error
    except aiosmtplib.SMTPResponseException as error:
        raise _Failed(f"{error.code} {error.message}", is_final=error.code >= 500) from error
    except (aiosmtplib.SMTPException, OSError, ssl.SSLError) as error:
        raise _Failed(f"{smtp.address}: {error}", is_final=False) from error


def _went(tx: Tx, body: dict[str, Any], smtp: Smtp, header: str) -> None:
    inbox.become(tx, body["inbox"], "relayed", sender=header)
    _measure(tx, body, is_taken=True)
    _note(tx, body, smtp.address, "ok", "")


def _give_up(tx: Tx, body: dict[str, Any], reason: str) -> None:
    """The mail is in the subscription's dead-letter queue, if it has one."""
    inbox.become(tx, body["inbox"], "failed", reason)
    if body["delivery"] is None:
        _note(tx, body, body["to"], "failed", reason)
        return
    delivery = deliver.from_json(body["delivery"])
    is_kept = bury(tx, delivery, Refused(reason))
    topic = _measure(tx, body, is_taken=False)
    if topic is not None and is_kept is not None:
        tx.note(measuring.redriven(topic, tx.now, is_kept=is_kept))


def _measure(tx: Tx, body: dict[str, Any], *, is_taken: bool) -> Topic | None:
    """Of a notification, its topic has measured what became of it; None where it has gone."""
    topic = None if body["delivery"] is None else topics.get(tx, body["delivery"]["source_arn"])
    if topic is not None:
        tx.note(measuring.delivered(topic, tx.now, is_taken=is_taken))
    return topic


def _note(tx: Tx, body: dict[str, Any], resource: str, status: str, reason: str) -> None:
    tx.note(
        Note(
            id=names.new_uuid(),
            trace=body["trace"],
            cause=body["note"],
            hops=body["hops"],
            kind="event",
            name="Relay",
            resource=resource,
            account=body["account"],
            at=tx.now,
            status=status,
            detail={"source": f"mailto:{body['to']}", **({"reason": reason} if reason else {})},
        )
    )
