"""The inbox: who may look into it and change it, and that it stays bounded."""

from __future__ import annotations

from typing import Any

import pytest

from tests.running_node import RunningNode
from tests.services.sns.people import Inbox, new_inbox
from wakeful import limits
from wakeful.services.sns import inbox as box


@pytest.fixture
def inbox(shared_node: RunningNode) -> Inbox:
    return new_inbox(shared_node)


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
