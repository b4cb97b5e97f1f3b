"""`wakeful inbox`: what people and devices got, on a narrow terminal and for programs; and what they do."""

from __future__ import annotations

import json
import re

import pytest

from tests.cli.conftest import NOBODY, typed, wakeful
from tests.running_node import RunningNode
from tests.services.sns.people import page_of

TOPIC = "arn:aws:sns:us-east-1:000000000000:news"
LINK = re.compile(r"confirm: (http://\S+)")


@pytest.fixture(scope="module")
def filled(shared: RunningNode) -> RunningNode:
    """An inbox with a mail that asks, a text message, a push, and a message that did not arrive."""
    sns = shared.client("sns")
    sns.create_topic(Name="news")
    sns.subscribe(TopicArn=TOPIC, Protocol="email", Endpoint="ann@example.com")
    sns.publish(PhoneNumber="+15550100001", Message="Your parcel is here. " * 10)
    app = sns.create_platform_application(Name="app", Platform="GCM", Attributes={"PlatformCredential": "k"})
    device = sns.create_platform_endpoint(PlatformApplicationArn=app["PlatformApplicationArn"], Token="t" * 90)
    sns.publish(TargetArn=device["EndpointArn"], Message="ping")
    wakeful("inbox", "--stop", "+15550100002", endpoint=shared.endpoint)
    sns.publish(PhoneNumber="+15550100002", Message="nobody")
    return shared


def test_the_list_says_what_came_to_whom_and_shows_the_link_that_confirms(filled: RunningNode) -> None:
    said = wakeful("inbox", "--limit", "200", endpoint=filled.endpoint)
    assert said.status == 0
    lines = said.out.splitlines()
    assert all(len(line) <= 80 for line in lines if "confirm: " not in line)
    assert [line[6] for line in lines if re.match(r" +\d+ ", line)] == [" ", " ", " ", "✗"]
    assert "ann@example.com" in said.out
    assert "Phone number is opted out" in said.out
    found = LINK.search(said.out)
    assert found is not None
    status, page = page_of(found[1])
    assert (status, "Subscription confirmed!" in page) == (200, True)


def test_one_message_is_shown_whole(filled: RunningNode) -> None:
    [found] = json.loads(wakeful("inbox", "--to", "+15550100001", "--json", endpoint=filled.endpoint).out)
    said = wakeful("inbox", str(found["id"]), endpoint=filled.endpoint)
    assert said.out.endswith("\n\n" + "Your parcel is here. " * 10 + "\n")
    assert "To:       +15550100001\n" in said.out
    assert "Parts:    2 (GSM), Promotional\n" in said.out
    assert f"Trace:    {found['trace']}\n" in said.out
    [push] = json.loads(wakeful("inbox", "--kind", "push", "--json", endpoint=filled.endpoint).out)
    assert "To:       app on GCM, token ttt" in wakeful("inbox", str(push["id"]), endpoint=filled.endpoint).out
    assert json.loads(wakeful("inbox", str(push["id"]), "--json", endpoint=filled.endpoint).out)["kind"] == "push"


def test_what_a_message_came_of_is_its_trace(filled: RunningNode) -> None:
    [found] = json.loads(wakeful("inbox", "--to", "+15550100001", "--json", endpoint=filled.endpoint).out)
    filled.run(filled.node.telemetry.flush())
    said = wakeful("trace", found["trace"], endpoint=filled.endpoint)
    assert "call  sns:Publish" in said.out
    assert "event Publish:sms → tel:+15550100001" in said.out


def test_what_is_not_there_is_told(filled: RunningNode) -> None:
    assert wakeful("inbox", "99999", endpoint=filled.endpoint).err.startswith("There is no message 99999 in the inbox")
    assert wakeful("inbox", "--to", "nobody", endpoint=filled.endpoint).out == "There are no such messages.\n"
    said = wakeful("inbox", "--delete", "99999", endpoint=filled.endpoint)
    assert (said.status, said.err) == (1, "There is no message 99999 in the inbox.\n")
    assert wakeful("inbox", "--kind", "fax", endpoint=filled.endpoint).status == 2
    assert wakeful("inbox", endpoint=NOBODY).err.startswith("No node answers at")


def test_messages_are_deleted_and_the_sandbox_is_entered_and_left(shared: RunningNode) -> None:
    shared.client("sns").publish(PhoneNumber="+15550100009", Message="m")
    said = wakeful("inbox", "--delete", "--to", "+15550100009", endpoint=shared.endpoint)
    assert said.out == "1 message is deleted.\n"
    said = wakeful("inbox", "--sandbox", "on", endpoint=shared.endpoint)
    assert said.out == "Account 000000000000 is in the SMS sandbox in us-east-1.\n"
    said = wakeful("inbox", "--sandbox", "off", endpoint=shared.endpoint)
    assert said.out == "Account 000000000000 is out of the SMS sandbox in us-east-1.\n"
    said = wakeful("inbox", "--remove-app", "arn", endpoint=shared.endpoint)
    assert (said.status, "An ARN must have at least 6 elements" in said.err) == (1, True)


@pytest.mark.slow
def test_following_shows_what_comes_in(filled: RunningNode) -> None:
    with typed("inbox", "--follow", "--json", "--to", "+15550100077", endpoint=filled.endpoint) as following:
        filled.client("sns").publish(PhoneNumber="+15550100077", Message="first")
        assert json.loads(following.line())["body"] == "first"
        filled.client("sns").publish(PhoneNumber="+15550100077", Message="second")
        assert json.loads(following.line())["body"] == "second"
        following.interrupt()
        assert following.rest().status == 0
