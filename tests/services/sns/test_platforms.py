"""Platform applications and their endpoints: made, changed, pushed to directly and through topics, and told of."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.services.sink import Sink, sink
from tests.services.sns.people import Inbox, new_inbox
from tests.services.sns.test_topic import refusal
from wakeful import limits

TOKEN = "0123456789abcdef" * 4
APPLE = {"PlatformPrincipal": "certificate", "PlatformCredential": "key"}
SERVICE_ACCOUNT = json.dumps({"project_id": "p", "client_email": "e", "private_key": "k"})
MISSING = "arn:aws:sns:us-east-1:000000000000:endpoint/GCM/app/00000000-0000-4000-8000-000000000000"


def application(sns: Any, platform: str = "GCM", name: str = "app", **attributes: str) -> str:
    given = {"PlatformCredential": "key"} if platform == "GCM" else APPLE
    made = sns.create_platform_application(Name=name, Platform=platform, Attributes={**given, **attributes})
    return str(made["PlatformApplicationArn"])


def endpoint(sns: Any, platform: str = "GCM", token: str = TOKEN, **more: Any) -> str:
    made = sns.create_platform_endpoint(PlatformApplicationArn=application(sns, platform), Token=token, **more)
    return str(made["EndpointArn"])


def events_of(inbox: Inbox, sns: Any, *events: str) -> tuple[str, Sink]:
    """An application whose events go to a queue."""
    queue = sink(inbox.node, "events", key=inbox.account)
    topic = sns.create_topic(Name="events")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue.arn)
    return application(sns, **{f"Event{event}": topic for event in events}), queue


def test_an_application_shows_how_it_proves_itself_and_no_secrets(sns: Any, inbox: Inbox) -> None:
    arn = application(sns)
    assert arn == f"arn:aws:sns:us-east-1:{inbox.account}:app/GCM/app"
    assert application(sns) == arn
    shown = sns.get_platform_application_attributes(PlatformApplicationArn=arn)["Attributes"]
    assert shown == {"Enabled": "true", "AuthenticationMethod": "Key"}
    change = {"PlatformCredential": SERVICE_ACCOUNT}
    sns.set_platform_application_attributes(PlatformApplicationArn=arn, Attributes=change)
    shown = sns.get_platform_application_attributes(PlatformApplicationArn=arn)["Attributes"]
    assert shown["AuthenticationMethod"] == "Token"
    apple = application(sns, "APNS", ApplePlatformTeamID="T", ApplePlatformBundleID="com.example")
    listed = sns.list_platform_applications()["PlatformApplications"]
    assert [each["PlatformApplicationArn"] for each in listed] == [apple, arn]
    assert listed[0]["Attributes"] == {
        "Enabled": "true",
        "AuthenticationMethod": "Token",
        "ApplePlatformTeamID": "T",
        "ApplePlatformBundleID": "com.example",
    }
    sns.delete_platform_application(PlatformApplicationArn=arn)
    sns.delete_platform_application(PlatformApplicationArn=arn)
    refused = refusal(sns.get_platform_application_attributes, PlatformApplicationArn=arn)
    assert refused == ("NotFound", "PlatformApplication does not exist")


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"Platform": "PIGEON"}, "Invalid parameter: Platform Reason: PIGEON is not supported"),
        ({"Name": ""}, "Invalid parameter:  Reason: cannot be empty"),
        ({"Name": "x" * 257}, "must be at most 256 characters long"),
        ({"Name": "a b"}, "must contain only characters 'a'-'z', 'A'-'Z', '0'-'9', '_', '-', and '.'"),
        ({"Attributes": {"PlatformPrincipal": "p"}}, "PlatformPrincipal attribute provided without PlatformCredential"),
        (
            {"Attributes": {"PlatformCredential": "c"}},
            "PlatformCredential attribute provided without PlatformPrincipal",
        ),
        ({"Attributes": {"Enabled": "true"}}, "PlatformCredential attribute required"),
        ({"Attributes": {**APPLE, "Colour": "blue"}}, "Attributes Reason: Invalid attribute name: Colour"),
        ({"Attributes": {**APPLE, "Enabled": "maybe"}}, "Invalid value for attribute: Enabled"),
        ({"Attributes": {**APPLE, "EventEndpointCreated": "t"}}, "Invalid value for attribute: EventEndpointCreated"),
        ({"Attributes": {**APPLE, "SuccessFeedbackRoleArn": "me"}}, "attribute: SuccessFeedbackRoleArn"),
        ({"Attributes": {**APPLE, "SuccessFeedbackSampleRate": "101"}}, "attribute: SuccessFeedbackSampleRate"),
        ({"Attributes": {**APPLE, "ApplePlatformTeamID": "t"}}, "are given together"),
        ({"Platform": "GCM", "Attributes": {"PlatformCredential": "{}"}}, "Platform credentials are invalid"),
    ],
)
def test_an_application_that_cannot_be_is_refused(shared_sns: Any, request_: dict[str, Any], message: str) -> None:
    given = {"Name": "app", "Platform": "APNS", "Attributes": APPLE}
    code, said = refusal(shared_sns.create_platform_application, **{**given, **request_})
    assert code == "InvalidParameter"
    assert message in said


def test_an_application_that_is_there_is_not_made_with_other_attributes(sns: Any) -> None:
    application(sns)
    code, message = refusal(application, sns=sns, Enabled="false")
    assert (code, "already exists with different attributes" in message) == ("InvalidParameter", True)


def test_an_endpoint_is_made_once_for_a_token(sns: Any) -> None:
    arn = endpoint(sns, CustomUserData="me")
    assert ":endpoint/GCM/app/" in arn
    assert endpoint(sns, CustomUserData="me") == arn
    shown = sns.get_endpoint_attributes(EndpointArn=arn)["Attributes"]
    assert shown == {"Enabled": "true", "Token": TOKEN, "CustomUserData": "me"}
    reason = f"Endpoint {arn} already exists with the same Token, but different attributes."
    for other in ({"CustomUserData": "you"}, {"CustomUserData": "me", "Attributes": {"Enabled": "false"}}):
        assert refusal(endpoint, sns=sns, **other) == ("InvalidParameter", f"Invalid parameter: Token Reason: {reason}")
    second = endpoint(sns, token="other")
    assert refusal(sns.set_endpoint_attributes, EndpointArn=second, Attributes={"Token": TOKEN})[1].endswith(reason)
    sns.set_endpoint_attributes(EndpointArn=arn, Attributes={"Enabled": "False", "CustomUserData": ""})
    listed = sns.list_endpoints_by_platform_application(PlatformApplicationArn=application(sns))["Endpoints"]
    assert {each["EndpointArn"]: each["Attributes"]["Enabled"] for each in listed} == {arn: "false", second: "true"}
    sns.delete_endpoint(EndpointArn=arn)
    sns.delete_endpoint(EndpointArn=arn)
    assert refusal(sns.get_endpoint_attributes, EndpointArn=arn) == ("NotFound", "Endpoint does not exist")


def test_endpoints_are_listed_in_pages(sns: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "SNS_LIST_MAX", 2)
    arn = application(sns)
    made = {
        sns.create_platform_endpoint(PlatformApplicationArn=arn, Token=f"t{number}")["EndpointArn"]
        for number in range(3)
    }
    first = sns.list_endpoints_by_platform_application(PlatformApplicationArn=arn)
    rest = sns.list_endpoints_by_platform_application(PlatformApplicationArn=arn, NextToken=first["NextToken"])
    assert {each["EndpointArn"] for each in first["Endpoints"] + rest["Endpoints"]} == made
    assert "NextToken" not in rest
    sns.delete_platform_application(PlatformApplicationArn=arn)
    assert refusal(sns.get_endpoint_attributes, EndpointArn=made.pop())[0] == "NotFound"


@pytest.mark.parametrize(
    ("platform", "request_", "message"),
    [
        ("GCM", {"Token": ""}, "Invalid parameter: Token Reason: cannot be empty"),
        ("GCM", {"Token": "a\0b"}, "Invalid parameter: Token"),
        ("GCM", {"Attributes": {"Token": "a\x01b"}}, "Invalid value for attribute: Token"),
        ("GCM", {"Token": "x" * 8193}, "Token Reason: must be at most 8192 bytes long in UTF-8 encoding"),
        ("APNS", {"Token": "no hex"}, "iOS device tokens must be no more than 400 hexadecimal characters"),
        ("GCM", {"Attributes": {"Colour": "blue"}}, "Attributes Reason: Invalid attribute name: Colour"),
        ("GCM", {"Attributes": {"Enabled": "maybe"}}, "Invalid value for attribute: Enabled"),
        ("GCM", {"CustomUserData": "\x01"}, "Invalid value for attribute: CustomUserData"),
        ("GCM", {"CustomUserData": "é" * 1025}, "CustomUserData: must be at most 2048 bytes long"),
        ("BAIDU", {}, "ChannelId and UserId are required"),
    ],
)
def test_an_endpoint_that_cannot_be_is_refused(
    shared_sns: Any, platform: str, request_: dict[str, Any], message: str
) -> None:
    arn = application(shared_sns, platform, "refusing")
    given = {"PlatformApplicationArn": arn, "Token": TOKEN, **request_}
    code, said = refusal(shared_sns.create_platform_endpoint, **given)
    assert code == "InvalidParameter"
    assert message in said


def test_apples_tokens_are_in_lower_case_and_baidus_are_channels(sns: Any) -> None:
    apple = endpoint(sns, "APNS", TOKEN.upper())
    assert sns.get_endpoint_attributes(EndpointArn=apple)["Attributes"]["Token"] == TOKEN
    baidu = endpoint(sns, "BAIDU", "c", Attributes={"ChannelId": "c", "UserId": "u"})
    assert sns.get_endpoint_attributes(EndpointArn=baidu)["Attributes"]["UserId"] == "u"


@pytest.mark.parametrize(
    ("operation", "member", "more"),
    [
        ("get_platform_application_attributes", "PlatformApplicationArn", {}),
        ("set_platform_application_attributes", "PlatformApplicationArn", {"Attributes": {"Enabled": "true"}}),
        ("delete_platform_application", "PlatformApplicationArn", {}),
        ("list_endpoints_by_platform_application", "PlatformApplicationArn", {}),
        ("create_platform_endpoint", "PlatformApplicationArn", {"Token": "t"}),
        ("get_endpoint_attributes", "EndpointArn", {}),
        ("set_endpoint_attributes", "EndpointArn", {"Attributes": {"Enabled": "true"}}),
        ("delete_endpoint", "EndpointArn", {}),
    ],
)
def test_arns_of_something_else_are_refused(shared_sns: Any, operation: str, member: str, more: dict[str, Any]) -> None:
    call = getattr(shared_sns, operation)
    code, message = refusal(call, **{member: "app"}, **more)
    assert (code, message) == (
        "InvalidParameter",
        f"Invalid parameter: {member} Reason: An ARN must have at least 6 elements, not 1",
    )
    code, message = refusal(call, **{member: "arn:aws:sns:us-east-1:000000000000:topic"}, **more)
    assert message == f"Invalid parameter: {member} Reason: Wrong number of slashes in relative portion of the ARN."
    if not operation.startswith("delete"):
        missing = MISSING if member == "EndpointArn" else MISSING.replace("endpoint", "app").rpartition("/")[0]
        assert refusal(call, **{member: missing}, **more)[0] == "NotFound"


def test_a_device_is_pushed_to_directly(sns: Any, inbox: Inbox) -> None:
    arn = endpoint(sns, "APNS", CustomUserData="me")
    ttl = {"AWS.SNS.MOBILE.APNS.TTL": {"DataType": "Number", "StringValue": "60"}}
    answer = sns.publish(TargetArn=arn, Message="hello", MessageAttributes=ttl)
    sns.publish(TargetArn=arn, MessageStructure="json", Message=json.dumps({"APNS": '{"aps":{"badge":1}}'}))
    second, first = inbox.messages()
    assert (first["kind"], first["to"], first["message_id"]) == ("push", arn, answer["MessageId"])
    assert (first["body"], second["body"]) == ('{"aps":{"alert":"hello"}}', '{"aps":{"badge":1}}')
    detail = first["detail"]
    assert (detail["platform"], detail["token"], detail["ttl_s"]) == ("APNS", TOKEN, 60)
    assert (detail["custom_user_data"], detail["headers"]["apns-push-type"]) == ("me", "alert")


def test_nothing_is_pushed_to_what_is_disabled_or_not_there(sns: Any, inbox: Inbox) -> None:
    arn = endpoint(sns)
    reason = "Invalid parameter: TargetArn Reason: No endpoint found for the target arn specified"
    assert refusal(sns.publish, TargetArn=MISSING, Message="m") == ("InvalidParameter", reason)
    code, message = refusal(sns.publish, TargetArn=arn, MessageStructure="json", Message='{"sms": "x"}')
    assert (code, "JSON must contain an entry for 'default' or 'GCM'." in message) == ("InvalidParameter", True)
    too_long = {"AWS.SNS.MOBILE.GCM.TTL": {"DataType": "Number", "StringValue": "-1"}}
    assert refusal(sns.publish, TargetArn=arn, Message="m", MessageAttributes=too_long)[0] == "InvalidParameter"
    sns.set_endpoint_attributes(EndpointArn=arn, Attributes={"Enabled": "false"})
    assert refusal(sns.publish, TargetArn=arn, Message="m") == ("EndpointDisabled", "Endpoint is disabled")
    sns.set_platform_application_attributes(PlatformApplicationArn=application(sns), Attributes={"Enabled": "false"})
    refused = refusal(sns.publish, TargetArn=arn, Message="m")
    assert refused == ("PlatformApplicationDisabled", "Platform application is disabled")
    assert inbox.messages() == []


def test_a_subscribed_device_has_what_is_for_its_platform(sns: Any, inbox: Inbox) -> None:
    topic, arn = sns.create_topic(Name="devices")["TopicArn"], endpoint(sns)
    dead = sink(inbox.node, "dead-devices", key=inbox.account)
    redrive = {"RedrivePolicy": json.dumps({"deadLetterTargetArn": dead.arn})}
    sns.subscribe(TopicArn=topic, Protocol="application", Endpoint=arn, Attributes=redrive)
    body = {"default": "d", "GCM": '{"data":{"k":"v"}}', "APNS": "{}"}
    sns.publish(TopicArn=topic, MessageStructure="json", Message=json.dumps(body))
    [found] = inbox.messages()
    assert (found["to"], found["body"], found["topic"]) == (arn, '{"data":{"k":"v"}}', topic)
    sns.publish(TopicArn=topic, MessageStructure="json", Message='{"default": "d", "GCM": "no object"}')
    sns.set_endpoint_attributes(EndpointArn=arn, Attributes={"Enabled": "false"})
    sns.publish(TopicArn=topic, Message="disabled")
    assert [letter["Message"] for letter in dead.documents()] == ["d", "disabled"]
    assert len(inbox.messages()) == 1


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("arn:aws:sns:us-east-1:000000000000:t", "Invalid parameter: Application endpoint arn invalid"),
        ("anything", "Invalid parameter: Application endpoint arn invalid"),
        (MISSING, f"Invalid parameter: Endpoint Reason: Endpoint does not exist for endpoint arn{MISSING}"),
    ],
)
def test_what_is_no_endpoint_is_not_subscribed(shared_sns: Any, given: str, message: str) -> None:
    topic = shared_sns.create_topic(Name="no-devices")["TopicArn"]
    refused = refusal(shared_sns.subscribe, TopicArn=topic, Protocol="application", Endpoint=given)
    assert refused == ("InvalidParameter", message)


def test_topics_hear_what_happens_to_endpoints(sns: Any, inbox: Inbox) -> None:
    app, queue = events_of(inbox, sns, "EndpointCreated", "EndpointUpdated", "EndpointDeleted")
    arn = sns.create_platform_endpoint(PlatformApplicationArn=app, Token="t")["EndpointArn"]
    sns.set_endpoint_attributes(EndpointArn=arn, Attributes={"CustomUserData": "x"})
    sns.delete_endpoint(EndpointArn=arn)
    inbox.node.settle()
    told = queue.documents()
    assert [each["Subject"] for each in told] == [
        f"Endpoint{what} event for app app (GCM)" for what in ("Created", "Updated", "Deleted")
    ]
    first = json.loads(told[0]["Message"])
    assert first.pop("Time")
    assert first == {"Service": "SNS", "EventType": "EndpointCreated", "EndpointArn": arn, "Resource": app}


def test_an_event_for_a_topic_that_is_not_there_is_in_the_story_and_harms_nobody(sns: Any, inbox: Inbox) -> None:
    topic = f"arn:aws:sns:us-east-1:{inbox.account}:missing"
    app = application(sns, EventEndpointCreated=topic)
    answer = sns.create_platform_endpoint(PlatformApplicationArn=app, Token="t")
    inbox.node.settle()
    inbox.node.run(inbox.node.node.telemetry.flush())
    notes = inbox.read(f"traces/{answer['ResponseMetadata']['RequestId']}")[1]["notes"]
    assert [(note["name"], note["status"]) for note in notes if note["resource"] == topic] == [
        ("EndpointCreated", "NO_RESOURCE")
    ]


def test_what_is_published_without_a_topic_is_measured(sns: Any, inbox: Inbox) -> None:
    sns.publish(TargetArn=endpoint(sns), Message="four")
    inbox.ask("POST", "replies", {"from": "+15550100001", "text": "STOP"})
    sns.publish(PhoneNumber="+15550100001", Message="m")
    inbox.node.run(inbox.node.node.telemetry.flush())
    cloudwatch = inbox.client("cloudwatch")
    found = {
        (metric["MetricName"], *(each["Value"] for each in metric["Dimensions"]))
        for metric in cloudwatch.list_metrics(Namespace="AWS/SNS")["Metrics"]
    }
    assert found == {
        ("NumberOfMessagesPublished", "app", "GCM"),
        ("PublishSize", "app", "GCM"),
        ("NumberOfNotificationsDelivered", "app", "GCM"),
        ("NumberOfMessagesPublished", "PhoneNumberDirect"),
        ("PublishSize", "PhoneNumberDirect"),
        ("NumberOfNotificationsFailed", "PhoneNumberDirect"),
    }


def test_devices_are_their_accounts_own(sns: Any, inbox: Inbox) -> None:
    other = new_inbox(inbox.node).client()
    topic, arn = other.create_topic(Name="t")["TopicArn"], endpoint(sns)
    refused = refusal(other.subscribe, TopicArn=topic, Protocol="application", Endpoint=arn)
    assert "Endpoint does not exist for endpoint" in refused[1]


def test_a_token_that_its_platform_refuses_disables_the_endpoint_and_is_told(sns: Any, inbox: Inbox) -> None:
    app, queue = events_of(inbox, sns, "DeliveryFailure")
    arn = sns.create_platform_endpoint(PlatformApplicationArn=app, Token="t")["EndpointArn"]
    assert inbox.ask("POST", "devices", {"gone": arn}) == {"endpoint": arn, "is_gone": True}
    answer = sns.publish(TargetArn=arn, Message="m")
    inbox.node.settle()
    [told] = queue.documents()
    event = json.loads(told["Message"])
    assert (event["EventType"], event["FailureType"]) == ("DeliveryFailure", "InvalidPlatformToken")
    assert (event["MessageId"], event["EndpointArn"]) == (answer["MessageId"], arn)
    assert inbox.messages()[0]["state"] == "failed"
    assert refusal(sns.publish, TargetArn=arn, Message="m")[0] == "EndpointDisabled"
    sns.set_endpoint_attributes(EndpointArn=arn, Attributes={"Token": "new", "Enabled": "true"})
    sns.publish(TargetArn=arn, Message="again")
    assert inbox.messages()[0]["state"] == "captured"
