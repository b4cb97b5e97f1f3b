"""E-mail subscriptions: nobody gets mail before the link in the first was followed, and another link ends it."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest

from tests.running_node import RunningNode
from tests.services.sns.people import Inbox, page_of
from tests.services.sns.test_topic import refusal

ANN = "ann@example.com"
LINK = re.compile(r"http://\S+")


def subscribed(sns: Any, protocol: str = "email", **attributes: str) -> str:
    """The ARN of a topic to which Ann is about to be subscribed."""
    topic = sns.create_topic(Name="news", Attributes=attributes)["TopicArn"]
    answer = sns.subscribe(TopicArn=topic, Protocol=protocol, Endpoint=ANN)
    assert answer["SubscriptionArn"] == "pending confirmation"
    return str(topic)


def link_in(message: dict[str, Any]) -> str:
    found = LINK.search(message["body"])
    assert found is not None
    return found[0]


def test_an_address_is_asked_and_has_mail_once_its_link_was_followed(sns: Any, inbox: Inbox) -> None:
    topic = subscribed(sns)
    [question] = inbox.messages(to=ANN)
    assert question["subject"] == "AWS Notification - Subscription Confirmation"
    assert question["from"] == "AWS Notifications <no-reply@sns.amazonaws.com>"
    assert question["body"].startswith(f"You have chosen to subscribe to the topic:\n{topic}\n\nTo confirm this")
    assert question["link"] == link_in(question)
    sns.publish(TopicArn=topic, Message="too early")
    assert len(inbox.messages()) == 1
    status, page = page_of(question["link"])
    [subscription] = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    assert (status, subscription["SubscriptionArn"] in page) == (200, True)
    answer = sns.publish(TopicArn=topic, Message="Hello", Subject="Greetings")
    [mail, _] = inbox.messages()
    assert (mail["subject"], mail["message_id"], mail["topic"]) == ("Greetings", answer["MessageId"], topic)
    assert mail["body"].startswith("Hello\n\n--\nIf you wish to stop receiving notifications from this topic, please")
    status, page = page_of(link_in(mail))
    assert (status, f"{ANN} will receive no more messages" in page) == (200, True)
    assert sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"] == []


def test_a_topic_with_a_name_sends_under_it_and_without_a_subject_under_awss(sns: Any, inbox: Inbox) -> None:
    topic = subscribed(sns, DisplayName="The News")
    page_of(inbox.messages()[0]["link"])
    sns.publish(TopicArn=topic, Message='{"default": "d", "email": "for mail"}', MessageStructure="json")
    mail = inbox.messages()[0]
    assert (mail["subject"], mail["from"]) == ("AWS Notification Message", "The News <no-reply@sns.amazonaws.com>")
    assert mail["body"].startswith("for mail\n")


def test_whoever_is_unsubscribed_hears_of_it_and_may_have_the_subscription_back(sns: Any, inbox: Inbox) -> None:
    topic = subscribed(sns)
    page_of(inbox.messages()[0]["link"])
    [before] = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    sns.unsubscribe(SubscriptionArn=before["SubscriptionArn"])
    farewell = inbox.messages()[0]
    assert farewell["subject"] == "AWS Notification - Unsubscribe Confirmation"
    assert farewell["body"].startswith(f"Your subscription to the topic below has been deactivated:\n{topic}\n")
    assert page_of(farewell["link"])[0] == 200
    assert sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"] == [before]
    assert page_of(farewell["link"])[0] == 200  # a scanner may have been there before
    assert sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"] == [before]


def test_a_link_of_an_earlier_subscription_takes_no_guard_away(sns: Any, inbox: Inbox) -> None:
    topic = subscribed(sns)
    page_of(inbox.messages()[0]["link"])
    [before] = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    sns.unsubscribe(SubscriptionArn=before["SubscriptionArn"])
    farewell = inbox.messages()[0]
    sns.subscribe(TopicArn=topic, Protocol="email", Endpoint=ANN)
    token = parse_qs(urlsplit(inbox.messages()[0]["link"]).query)["Token"][0]
    sns.confirm_subscription(TopicArn=topic, Token=token, AuthenticateOnUnsubscribe="true")
    assert page_of(farewell["link"])[0] == 200
    sns.publish(TopicArn=topic, Message="m")
    status, page = page_of(link_in(inbox.messages()[0]))
    assert (status, "requires authentication" in page) == (400, True)


def test_email_json_is_asked_and_told_in_json(sns: Any, inbox: Inbox) -> None:
    topic = subscribed(sns, "email-json")
    question = json.loads(inbox.messages()[0]["body"])
    assert (question["Type"], question["TopicArn"]) == ("SubscriptionConfirmation", topic)
    assert inbox.messages()[0]["link"] == question["SubscribeURL"]
    sns.confirm_subscription(TopicArn=topic, Token=question["Token"])
    number = {"DataType": "Number", "StringValue": "1"}
    sns.publish(TopicArn=topic, Message="Hello", MessageAttributes={"n": number})
    told = json.loads(inbox.messages()[0]["body"])
    assert (told["Type"], told["Message"]) == ("Notification", "Hello")
    assert told["MessageAttributes"] == {"n": {"Type": "Number", "Value": "1"}}
    assert told["SignatureVersion"] == question["SignatureVersion"] == "1"
    status, _ = page_of(told["UnsubscribeURL"])
    farewell = json.loads(inbox.messages()[0]["body"])
    assert (status, farewell["Type"]) == (200, "UnsubscribeConfirmation")
    sns.confirm_subscription(TopicArn=topic, Token=farewell["Token"])
    assert len(sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]) == 1


@pytest.mark.parametrize("address", ["ann", "ann@", "@example.com", "a b@example.com", "a@b@c", "x" * 320 + "@a.b", ""])
def test_what_is_no_address_is_not_subscribed(shared_node: RunningNode, address: str) -> None:
    sns = shared_node.client("sns")
    topic = sns.create_topic(Name="no-mail")["TopicArn"]
    for protocol in ("email", "email-json"):
        refused = refusal(sns.subscribe, TopicArn=topic, Protocol=protocol, Endpoint=address)
        assert refused == ("InvalidParameter", "Invalid parameter: Email address")


def test_links_that_are_not_good_say_so_and_break_nothing(shared_node: RunningNode) -> None:
    topic = "arn:aws:sns:us-east-1:000000000000:<b>"
    for link in (
        f"/confirmation.html?TopicArn={quote(topic)}&Token=x",
        "/confirmation.html?TopicArn=&Token=",
        f"/unsubscribe.html?SubscriptionArn={quote(topic)}",
    ):
        status, page = page_of(shared_node.endpoint + link)
        assert (status, "This link is not good" in page, "<b>" in page) == (400, True, False)


def test_a_link_works_from_a_mail_that_is_read_in_a_browser(sns: Any, inbox: Inbox) -> None:
    topic = subscribed(sns)
    link = inbox.messages()[0]["link"]
    elsewhere = {"Referer": "https://mail.example.com/", "Sec-Fetch-Site": "cross-site"}
    ahead = {**elsewhere, "Sec-Purpose": "prefetch;prerender"}
    assert page_of(link, **ahead)[0] == 503
    assert sns.get_topic_attributes(TopicArn=topic)["Attributes"]["SubscriptionsPending"] == "1"
    assert page_of(link, **elsewhere)[0] == 200


def test_a_bucket_may_be_called_as_the_page_of_the_links_is(shared_node: RunningNode) -> None:
    s3 = shared_node.client("s3")
    s3.create_bucket(Bucket="confirmation.html")
    assert s3.list_objects_v2(Bucket="confirmation.html")["KeyCount"] == 0
