"""Mail that goes out: to a real SMTP server, with retries in virtual time, TLS, and dead letters."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.running_node import RunningNode, running_node
from tests.services.sink import sink
from tests.services.sns.certificates import certified
from tests.services.sns.people import Inbox, new_inbox, page_of
from wakeful.config import Config
from wakeful.services.sns.relay import retry_after_s

ANN = "ann@example.com"
OURS = "alerts@example.org"
_OF_CONTENT = ("Content-Type", "Content-Transfer-Encoding")


@dataclass
class Server:
    """A mail server that takes everything, until it is told to answer otherwise."""

    answer: str = "250 OK"
    port: int = 0
    got: list[tuple[str, list[str], EmailMessage]] = field(default_factory=list)
    users: list[str] = field(default_factory=list)

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if not self.answer.startswith("250"):
            return self.answer
        envelope.rcpt_tos.append(address)
        return self.answer

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        assert isinstance(envelope.content, bytes)
        message = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(message, EmailMessage)
        self.got.append((str(envelope.mail_from), list(envelope.rcpt_tos), message))
        return "250 OK"

    def authenticate(self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
        assert isinstance(data, LoginPassword)
        self.users.append(data.login.decode())
        return AuthResult(success=data.password == b"p@ss/word")


def inbox_health(node: RunningNode) -> str:
    """What a person is told of where mail goes; no password."""
    return str(new_inbox(node).read("health")[1]["mail"])


@contextmanager
def serving(server: Server, **settings: Any) -> Iterator[Server]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="mail server", daemon=True)
    thread.start()

    async def listen() -> asyncio.Server:
        return await loop.create_server(lambda: SMTP(server, loop=loop, **settings), "127.0.0.1", 0)

    listening = asyncio.run_coroutine_threadsafe(listen(), loop).result(10)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(listening.close)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving(Server()) as started:
        yield started


@pytest.fixture(scope="module")
def relaying(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningNode]:
    folder = tmp_path_factory.mktemp("relaying") / "data"
    with running_node(folder, smtp_relay=f"smtp://127.0.0.1:{server.port}", smtp_from=OURS) as started:
        yield started


@pytest.fixture
def inbox(relaying: RunningNode, server: Server) -> Inbox:
    server.answer, server.got = "250 OK", []
    return new_inbox(relaying)


def confirmed(inbox: Inbox, **attributes: str) -> str:
    """The ARN of a topic that Ann gets; she has had the mail that asks her."""
    sns = inbox.client()
    topic = sns.create_topic(Name="news", Attributes={"DisplayName": "News ✓"})["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="email", Endpoint=ANN, Attributes=attributes)
    page_of(inbox.messages()[0]["link"])
    inbox.node.settle()
    return str(topic)


def test_mail_goes_out_from_the_relays_address_and_its_copy_says_so(inbox: Inbox, server: Server) -> None:
    topic = confirmed(inbox)
    inbox.client().publish(TopicArn=topic, Message="Grüße, " + "x" * 2000, Subject="Hé")
    inbox.node.settle()
    (_, _, question), (sender, recipients, mail) = server.got
    assert question["Subject"] == "AWS Notification - Subscription Confirmation"
    assert (sender, recipients) == (OURS, [ANN])
    assert (mail["Subject"], mail["To"], mail["From"]) == ("Hé", ANN, f"News ✓ <{OURS}>")
    assert mail.get_content().replace("\r\n", "\n").startswith("Grüße, xxx")
    found = inbox.messages()[0]
    assert (found["state"], OURS in found["from"]) == ("relayed", True)
    inbox.node.run(inbox.node.node.telemetry.flush())
    notes = inbox.read(f"traces/{found['trace']}")[1]["notes"]
    assert [note["name"] for note in notes if note["kind"] == "event"] == ["Publish:news", "Relay"]
    metrics = inbox.client("cloudwatch").list_metrics(Namespace="AWS/SNS")["Metrics"]
    assert "NumberOfNotificationsDelivered" in {metric["MetricName"] for metric in metrics}


@pytest.mark.parametrize(
    "text", [f"{'a' * 60} =?utf-8?b?DQpCY2M6IHhAeQ==?=", "=?utf-8?q?x=0Ay?=,=?utf-8?q?=0A?=", '"<a@b> \\é']
)
def test_no_text_becomes_a_header_or_another_sender(inbox: Inbox, server: Server, text: str) -> None:
    """Some of it is, to a mail reader, text in disguise: line breaks, and whom else the mail is for."""
    topic = confirmed(inbox)
    inbox.client().set_topic_attributes(TopicArn=topic, AttributeName="DisplayName", AttributeValue=text)
    inbox.client().publish(TopicArn=topic, Message="m", Subject=text)
    inbox.node.settle()
    (_, recipients, mail) = server.got[-1]
    assert (inbox.messages()[0]["state"], recipients) == ("relayed", [ANN])
    assert set(mail) == {"From", "To", "Subject", "Date", "Message-ID", "MIME-Version", *_OF_CONTENT}
    [sender] = mail["From"].addresses
    assert (mail["Subject"], sender.addr_spec) == (text, OURS)
    assert sender.display_name.replace(" ", "") == text.replace(" ", "")  # a reader may put one where it was folded


@pytest.mark.slow
def test_a_server_that_says_later_is_asked_for_six_hours_and_then_the_letter_is_dead(
    inbox: Inbox, server: Server
) -> None:
    dead = sink(inbox.node, "dead-mail", key=inbox.account)
    topic = confirmed(inbox, RedrivePolicy=json.dumps({"deadLetterTargetArn": dead.arn}))
    server.answer = "451 later"
    inbox.client().publish(TopicArn=topic, Message="patience")
    inbox.node.settle()
    found = inbox.messages()[0]
    assert (found["state"], found["reason"]) == ("relaying", "451 later (attempt 1)")
    inbox.node.advance(7 * 3600)
    found = inbox.messages()[0]
    assert (found["state"], found["reason"]) == ("failed", "451 later")
    [letter] = dead.documents()
    assert letter["Message"] == "patience"
    inbox.node.run(inbox.node.node.telemetry.flush())
    metrics = inbox.client("cloudwatch").list_metrics(Namespace="AWS/SNS")["Metrics"]
    measured = {metric["MetricName"] for metric in metrics}
    assert {"NumberOfNotificationsFailed", "NumberOfNotificationsRedrivenToDlq"} <= measured
    assert "NumberOfNotificationsDelivered" not in measured


def test_a_server_that_comes_back_has_the_mail(inbox: Inbox, server: Server) -> None:
    topic = confirmed(inbox)
    server.answer, server.got = "451 later", []
    inbox.client().publish(TopicArn=topic, Message="patience")
    inbox.node.advance(15)
    server.answer = "250 OK"
    inbox.node.advance(15)
    assert [mail["To"] for _, _, mail in server.got] == [ANN]
    assert inbox.messages()[0]["state"] == "relayed"


def test_what_a_server_will_never_take_is_not_tried_again(inbox: Inbox, server: Server) -> None:
    dead = sink(inbox.node, "never-mail", key=inbox.account)
    topic = confirmed(inbox, RedrivePolicy=json.dumps({"deadLetterTargetArn": dead.arn}))
    server.answer = "550 no such user"
    inbox.client().publish(TopicArn=topic, Message="to nobody")
    inbox.node.settle()
    assert (inbox.messages()[0]["state"], inbox.messages()[0]["reason"]) == ("failed", "550 no such user")
    assert [letter["Message"] for letter in dead.documents()] == ["to nobody"]


def test_a_deleted_copy_goes_out_all_the_same(inbox: Inbox, server: Server) -> None:
    topic = confirmed(inbox)
    server.answer, server.got = "451 later", []
    inbox.client().publish(TopicArn=topic, Message="still going")
    inbox.node.settle()
    inbox.ask("DELETE", "inbox")
    server.answer = "250 OK"
    inbox.node.advance(15)
    assert len(server.got) == 1


@pytest.mark.slow
def test_a_password_and_mail_that_waits_survive_a_restart_and_go_under_tls(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pem, context = certified(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    server = Server()
    with running_node(tmp_path / "data", smtp_relay="smtp://127.0.0.1:1") as node:
        inbox = new_inbox(node)
        topic = confirmed(inbox)
        inbox.client().publish(TopicArn=topic, Message="waits")
        node.settle()
        assert "smtp://127.0.0.1:1: " in inbox.messages()[0]["reason"]
    settings = {"tls_context": context, "authenticator": server.authenticate, "auth_required": True}
    with serving(server, require_starttls=True, **settings):
        relay = f"smtp://ann%40x:p%40ss%2Fword@localhost:{server.port}"
        with running_node(tmp_path / "data", smtp_relay=relay) as node:
            assert inbox_health(node) == f"e-mail goes out to smtp://localhost:{server.port}"
            node.advance(60)
            assert Inbox(node, inbox.account).messages()[0]["state"] == "relayed"
    assert server.users[-1] == "ann@x"
    assert [mail["From"] for _, _, mail in server.got][-1] == "News ✓ <no-reply@sns.amazonaws.com>"
    server.got.clear()
    with running_node(tmp_path / "data") as node:
        Inbox(node, inbox.account).client().publish(TopicArn=topic, Message="stays")
        node.settle()
        assert Inbox(node, inbox.account).messages()[0]["state"] == "captured"
    assert server.got == []


def test_fifty_attempts_take_about_six_hours() -> None:
    pauses: list[float] = []
    while (pause := retry_after_s(len(pauses) + 1)) is not None:
        pauses.append(pause)
    assert len(pauses) == 49
    assert pauses[:3] == [10.0, 10.0, 10.0]
    assert pauses == sorted(pauses)
    assert pauses[11] == pytest.approx(600)
    assert 6 * 3600 < sum(pauses) < 7.2 * 3600


@pytest.mark.parametrize(
    ("url", "told", "start_tls"),
    [
        ("smtp://mail.example.com", "smtp://mail.example.com:25", None),
        ("smtp://u:p@mail.example.com:587", "smtp://mail.example.com:587", True),
        ("smtp://u:p@127.0.0.1:1025", "smtp://127.0.0.1:1025", None),
        ("smtps://u:p@mail.example.com", "smtps://mail.example.com:465", False),
    ],
)
def test_a_password_leaves_this_machine_under_tls_only(url: str, told: str, start_tls: bool | None) -> None:
    smtp = Config(Path("x"), smtp_relay=url).smtp
    assert smtp is not None
    assert (smtp.address, smtp.start_tls) == (told, start_tls)


NO_RELAYS = [
    *("mail.example.com", "http://x", "smtp://", "smtp://x/path", "smtp://x:port"),
    *("smtp://u:secret#word@x", "smtp://u:secret/word@x", "smtp://u:secret?word@x"),
]


@pytest.mark.parametrize("url", NO_RELAYS)
def test_what_is_no_relay_is_refused_and_no_password_told(url: str) -> None:
    with pytest.raises(ValueError, match=r"^a relay is smtp://\[user:password@\]host"):
        _ = Config(Path("x"), smtp_relay=url).smtp


def test_a_configuration_that_is_shown_shows_no_password() -> None:
    config = Config(Path("x"), store="postgresql://u:secret@x", smtp_relay="smtp://u:secret@x")
    assert "secret" not in f"{config} {config.smtp}"
