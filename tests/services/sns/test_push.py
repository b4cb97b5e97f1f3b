"""What a push notification service would be given."""

from __future__ import annotations

import json
from typing import Any

import pytest

from wakeful.services.sns.errors import InvalidParameterException
from wakeful.services.sns.message import Message
from wakeful.services.sns.push import push_of

NOW = 1000.5


def attributes(**values: str) -> Any:
    named = {name.replace("__", "."): value for name, value in values.items()}
    return {f"AWS.SNS.MOBILE.{name}": {"DataType": "String", "StringValue": value} for name, value in named.items()}


@pytest.mark.parametrize(
    ("platform", "payload"),
    [
        ("APNS", '{"aps":{"alert":"Hé"}}'),
        ("GCM", '{"data":{"default":"Hé"}}'),
        ("ADM", '{"data":{"default":"Hé"}}'),
        ("BAIDU", "Hé"),
        ("WNS", "Hé"),
        ("MPNS", "Hé"),
    ],
)
def test_a_plain_text_is_put_where_its_platform_has_it(platform: str, payload: str) -> None:
    assert push_of(platform, Message(default="Hé"), NOW).payload == payload


def test_what_is_for_the_platform_goes_as_it_is() -> None:
    own = json.dumps({"aps": {"alert": "x"}, "more": 1})
    message = Message(default="d", texts={"APNS": own, "FCM": '{"data":{}}'})
    assert push_of("APNS", message, NOW).payload == own
    assert push_of("GCM", message, NOW).payload == '{"data":{}}'
    assert push_of("APNS_SANDBOX", message, NOW).payload == '{"aps":{"alert":"d"}}'


@pytest.mark.parametrize(
    ("platform", "message", "reason"),
    [
        ("APNS", Message(default="", texts={"GCM": "{}"}), "JSON must contain an entry for 'default' or 'APNS'."),
        ("APNS", Message(default="x" * 4096), "Invalid notification for protocol APNS: Notification is too long"),
        ("GCM", Message(default="x" * 4096), "protocol GCM: Notification data is larger than allowed limit"),
        ("GCM", Message(default="", texts={"GCM": "[]"}), "protocol GCM: Notification is malformed"),
        ("ADM", Message(default="", texts={"ADM": "{"}), "protocol ADM: Notification is malformed"),
    ],
)
def test_what_no_platform_would_take_is_refused(platform: str, message: Message, reason: str) -> None:
    with pytest.raises(InvalidParameterException, match=reason.replace(".", r"\.")):
        push_of(platform, message, NOW)


def test_a_call_may_be_larger_than_a_notification() -> None:
    assert push_of("APNS_VOIP", Message(default="x" * 5000), NOW).headers == {"apns-push-type": "voip"}


def test_attributes_are_headers_of_apples() -> None:
    said = attributes(
        APNS__TTL="60", APNS__PUSH_TYPE="background", APNS__PRIORITY="5", APNS__COLLAPSE_ID="c", APNS__TOPIC="t"
    )
    found = push_of("APNS", Message(default="d", attributes=said), NOW, "bundle")
    assert found.ttl_s == 60
    assert found.headers == {
        "apns-topic": "t",
        "apns-push-type": "background",
        "apns-priority": "5",
        "apns-collapse-id": "c",
        "apns-expiration": "1060",
    }
    sandbox = push_of("APNS_SANDBOX", Message(default="d", attributes=said), NOW, "bundle")
    assert (sandbox.ttl_s, sandbox.headers["apns-priority"]) == (None, "5")
    assert push_of("APNS", Message(default="d"), NOW, "bundle").headers["apns-topic"] == "bundle"
    now_or_never = push_of("APNS", Message(default="d", attributes=attributes(APNS__TTL="0")), NOW)
    assert now_or_never.headers["apns-expiration"] == "0"


def test_other_platforms_have_a_time_to_live_and_their_own_attributes() -> None:
    said = attributes(FCM__TTL="10", WNS__TTL="20", WNS__Type="wns/badge")
    assert push_of("GCM", Message(default="d", attributes=said), NOW).ttl_s == 10
    found = push_of("WNS", Message(default="d", attributes=said), NOW)
    assert (found.ttl_s, found.headers) == (20, {"AWS.SNS.MOBILE.WNS.Type": "wns/badge"})
