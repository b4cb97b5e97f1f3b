"""The inbox: who may look into it and change it, and that it stays bounded."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest

from tests.running_node import RunningNode, running_node
from tests.services.sns.people import Inbox, new_inbox, page_of
from wakeful import limits
from wakeful.services.sns import inbox as box


def test_lists_are_of_what_is_asked_for(inbox: Inbox) -> None:
    sns = inbox.client()
    for number in ("+15550100001", "+15550100002", "+15550100001"):
        sns.publish(PhoneNumber=number, Message="m")
    newest, *_, oldest = inbox.messages()
    assert [each["to"] for each in inbox.messages()] == ["+15550100001", "+15550100002", "+15550100001"]
    assert [each["id"] for each in inbox.messages(after=str(oldest["id"]), limit="1")] == [oldest["id"] + 1]
    assert len(inbox.messages(to="+15550100001", kind="sms", state="captured")) == 2
    assert inbox.messages(kind="email") == []
    assert inbox.read(f"inbox/{newest['id']}")[1] == {key: value for key, value in newest.items() if key != "is_cut"}
    assert inbox.read(f"inbox/{newest['id']}?account=999999999999")[0] == 404


@pytest.mark.parametrize(
    "query", ["kind=fax", "state=lost", "limit=0x1", "limit=201", "after=-1", "after=99999999999999999999", "/x"]
)
def test_what_makes_no_sense_is_told_so(inbox: Inbox, query: str) -> None:
    path = f"inbox{query}" if query.startswith("/") else f"inbox?{query}"
    status, answer = inbox.read(path)
    assert (status, bool(answer["message"])) == (400, True)


def test_long_bodies_are_cut_in_lists_and_whole_alone(inbox: Inbox) -> None:
    sns = inbox.client()
    app = sns.create_platform_application(
        Name="app", Platform="BAIDU", Attributes={"PlatformPrincipal": "p", "PlatformCredential": "c"}
    )["PlatformApplicationArn"]
    ids = {"ChannelId": "c", "UserId": "u"}
    arn = sns.create_platform_endpoint(PlatformApplicationArn=app, Token="c", Attributes=ids)["EndpointArn"]
    sns.publish(TargetArn=arn, Message="é" * 5000)
    [found] = inbox.messages()
    assert (found["is_cut"], len(found["body"])) == (True, limits.SNS_INBOX_PREVIEW_CHARS)
    assert inbox.read(f"inbox/{found['id']}")[1]["body"] == "é" * 5000


def test_only_roots_change_it_and_only_what_is_their_accounts(inbox: Inbox) -> None:
    inbox.client().publish(PhoneNumber="+15550100001", Message="m")
    [found] = inbox.messages()
    other = new_inbox(inbox.node)
    assert other.asked("DELETE", f"inbox/{found['id']}")[0] == 404
    assert other.ask("DELETE", "inbox")["deleted"] == 0
    iam = inbox.client("iam")
    iam.create_user(UserName="ann")
    key = iam.create_access_key(UserName="ann")["AccessKey"]
    assert Inbox(inbox.node, key["AccessKeyId"], key["SecretAccessKey"]).asked("DELETE", "inbox")[0] == 403
    assert inbox.ask("DELETE", f"inbox/{found['id']}") == {"deleted": 1}
    assert inbox.messages() == []


@pytest.mark.parametrize(
    ("method", "path", "document", "status"),
    [
        ("POST", "sandbox", {"is_in_sandbox": "yes"}, 400),
        ("POST", "replies", {"from": 5}, 400),
        ("POST", "replies", [], 400),
        ("POST", "devices", {"gone": "arn"}, 400),
        ("POST", "devices", {"gone": "arn:aws:sns:us-east-1:999999999999:endpoint/GCM/a/b"}, 403),
        ("POST", "nothing", {}, 404),
        ("DELETE", "inbox/x", None, 404),
    ],
)
def test_a_request_that_cannot_be_is_refused(inbox: Inbox, method: str, path: str, document: Any, status: int) -> None:
    assert inbox.asked(method, path, document)[0] == status


def test_a_page_from_elsewhere_and_nobody_see_or_change_anything(inbox: Inbox) -> None:
    assert inbox.read("inbox", Origin="https://example.com")[0] == 403
    assert inbox.read("inbox", Host="example.com")[0] == 403
    assert inbox.read("sns/inbox")[0] in (403, 404)


def test_old_messages_go_by_themselves(node: RunningNode) -> None:
    inbox = new_inbox(node)
    inbox.client().publish(PhoneNumber="+15550100001", Message="old")
    node.advance(limits.SNS_INBOX_AGE_S - 60)
    inbox.client().publish(PhoneNumber="+15550100001", Message="new")
    node.advance(2 * limits.SWEEP_S)
    assert [each["body"] for each in inbox.messages()] == ["new"]


def test_the_oldest_go_where_there_are_too_many_or_too_large(
    node: RunningNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "SNS_INBOX_MAX", 3)
    monkeypatch.setattr(limits, "SNS_INBOX_TRIM_EVERY", 1)
    inbox = new_inbox(node)
    sns = inbox.client()
    for number in range(5):
        sns.publish(PhoneNumber="+15550100001", Message=str(number))
    assert [each["body"] for each in inbox.messages()] == ["4", "3", "2"]
    monkeypatch.setattr(limits, "SNS_INBOX_BYTES_MAX", 1)
    node.run(node.node.store.write(box.trim))
    assert [each["body"] for each in inbox.messages()] == ["4"]


@pytest.mark.slow
def test_people_and_devices_are_reached_on_postgresql_as_well(tmp_path: Path, postgres_dsn: str) -> None:
    with psycopg.connect(postgres_dsn, autocommit=True) as admin:
        admin.execute("CREATE DATABASE people")
    store = urlsplit(postgres_dsn)._replace(path="/people").geturl()
    with running_node(tmp_path / "data", store=store) as node:
        inbox = new_inbox(node)
        sns = inbox.client()
        topic = sns.create_topic(Name="t")["TopicArn"]
        sns.subscribe(TopicArn=topic, Protocol="email", Endpoint="ann@example.com")
        assert page_of(inbox.messages()[0]["link"])[0] == 200
        app = sns.create_platform_application(Name="a", Platform="GCM", Attributes={"PlatformCredential": "k"})
        application = app["PlatformApplicationArn"]
        sns.set_platform_application_attributes(
            PlatformApplicationArn=application, Attributes={"EventDeliveryFailure": topic}
        )
        device = sns.create_platform_endpoint(PlatformApplicationArn=application, Token="t")["EndpointArn"]
        sns.subscribe(TopicArn=topic, Protocol="application", Endpoint=device)
        sns.subscribe(TopicArn=topic, Protocol="sms", Endpoint="+15550100001")
        inbox.ask("POST", "replies", {"from": "+15550100001", "text": "STOP"})
        sns.publish(TopicArn=topic, Message="m")
        told = {each["kind"]: each["state"] for each in inbox.messages(limit="3")}
        assert told == {"email": "captured", "push": "captured", "sms": "failed"}
        inbox.ask("POST", "devices", {"gone": device})
        sns.publish(TargetArn=device, Message="m\0")
        node.settle()
        assert "DeliveryFailure event" in inbox.messages(kind="email")[0]["subject"]
        sns.opt_in_phone_number(phoneNumber="+15550100001")
        sns.set_sms_attributes(attributes={"DefaultSMSType": "Transactional"})
        sns.create_sms_sandbox_phone_number(PhoneNumber="+15550100001")
        inbox.ask("POST", "sandbox", {"is_in_sandbox": True})
        assert sns.get_sms_sandbox_account_status()["IsInSandbox"] is True
        node.run(node.node.store.write(box.trim))
        assert inbox.ask("DELETE", "inbox?kind=sms")["deleted"] == 3
        assert inbox.messages(to="ann@example.com", after="0", limit="1")[0]["link"]
