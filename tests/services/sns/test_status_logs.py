"""Logs of what became of text messages and pushes, for whom asks for them."""

from __future__ import annotations

import json
from typing import Any

from tests.services.sns.people import Inbox


def role(inbox: Inbox) -> str:
    """One that may write logs."""
    iam = inbox.client("iam")
    statement = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sts:AssumeRole"}
    trust = {"Version": "2012-10-17", "Statement": [statement]}
    made = iam.create_role(RoleName="sns", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    may = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "logs:*", "Resource": "*"}]}
    iam.put_role_policy(RoleName="sns", PolicyName="logs", PolicyDocument=json.dumps(may))
    return str(made)


def events(inbox: Inbox, group: str) -> list[dict[str, Any]]:
    inbox.node.settle()
    name = f"sns/us-east-1/{inbox.account}/{group}"
    found = inbox.client("logs").filter_log_events(logGroupName=name)["events"]
    return [json.loads(event["message"]) for event in found]


def test_text_messages_are_logged_under_their_outcome(inbox: Inbox) -> None:
    sns = inbox.client()
    settings = {"DeliveryStatusIAMRole": role(inbox), "DeliveryStatusSuccessSamplingRate": "100"}
    sns.set_sms_attributes(attributes=settings)
    answer = sns.publish(PhoneNumber="+15550100001", Message="x" * 200)
    [told] = events(inbox, "DirectPublishToPhoneNumber")
    assert (told["status"], told["notification"]["messageId"]) == ("SUCCESS", answer["MessageId"])
    assert (told["delivery"]["destination"], told["delivery"]["numberOfMessageParts"]) == ("+15550100001", 2)
    inbox.ask("POST", "replies", {"from": "+15550100001", "text": "STOP"})
    sns.set_sms_attributes(attributes={"DeliveryStatusSuccessSamplingRate": "0"})
    sns.publish(PhoneNumber="+15550100001", Message="m")
    sns.publish(PhoneNumber="+15550100002", Message="m")
    [failed] = events(inbox, "DirectPublishToPhoneNumber/Failure")
    assert (failed["status"], failed["delivery"]["providerResponse"]) == ("FAILURE", "Phone number is opted out")
    assert len(events(inbox, "DirectPublishToPhoneNumber")) == 1


def test_pushes_are_logged_where_the_application_or_the_topic_says_so(inbox: Inbox) -> None:
    sns, writer = inbox.client(), role(inbox)
    given = {"PlatformCredential": "k", "SuccessFeedbackRoleArn": writer, "FailureFeedbackRoleArn": writer}
    app = sns.create_platform_application(Name="app", Platform="GCM", Attributes=given)["PlatformApplicationArn"]
    device = sns.create_platform_endpoint(PlatformApplicationArn=app, Token="t")["EndpointArn"]
    answer = sns.publish(TargetArn=device, Message="m")
    [told] = events(inbox, "app/GCM/app")
    assert (told["status"], told["delivery"]["token"]) == ("SUCCESS", "t")
    assert told["notification"]["messageId"] == answer["MessageId"]
    topic = sns.create_topic(Name="news", Attributes={"ApplicationSuccessFeedbackRoleArn": writer})["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="application", Endpoint=device)
    sns.publish(TopicArn=topic, Message="m")
    [by_topic] = events(inbox, "news")
    assert (by_topic["status"], by_topic["delivery"]["destination"]) == ("SUCCESS", device)
    inbox.ask("POST", "devices", {"gone": device})
    sns.publish(TargetArn=device, Message="m")
    [failed] = events(inbox, "app/GCM/app/Failure")
    assert (failed["status"], failed["delivery"]["statusCode"]) == ("FAILURE", 400)
