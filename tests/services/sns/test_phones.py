"""Text messages: to a number directly and through a topic, settings, who wants none, and the sandbox."""

from __future__ import annotations

from typing import Any

import pytest

from tests.running_node import REGION
from tests.services.sink import sink
from tests.services.sns.people import Inbox
from tests.services.sns.test_topic import refusal
from wakeful import limits
from wakeful.services.sns import sms_accounts

DAY_S = 86_400.0


def text(value: str, kind: str = "String") -> dict[str, str]:
    return {"DataType": kind, "StringValue": value}


def test_a_number_is_published_to_directly(sns: Any, inbox: Inbox) -> None:
    answer = sns.publish(
        PhoneNumber="+15550100001",
        Message="Hello, world",
        MessageAttributes={
            "AWS.SNS.SMS.SenderID": text("MyShop"),
            "AWS.SNS.SMS.SMSType": text("Transactional"),
            "AWS.SNS.SMS.MaxPrice": text("0.50", "Number"),
        },
    )
    [found] = inbox.messages(to="+15550100001")
    assert (found["kind"], found["state"], found["from"]) == ("sms", "captured", "MyShop")
    assert (found["body"], found["message_id"]) == ("Hello, world", answer["MessageId"])
    detail = {"sms_type": "Transactional", "encoding": "GSM", "parts": ["Hello, world"], "max_price_usd": "0.50"}
    assert found["detail"] == detail


def test_a_message_for_several_protocols_has_one_for_phones(sns: Any, inbox: Inbox) -> None:
    sns.publish(PhoneNumber="15550100002", Message='{"sms": "short", "default": "long"}', MessageStructure="json")
    sns.publish(PhoneNumber="15550100002", Message='{"sms": "alone"}', MessageStructure="json")
    assert [each["body"] for each in inbox.messages(to="+15550100002")] == ["alone", "short"]


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"PhoneNumber": "hello"}, "Invalid parameter: PhoneNumber Reason: hello is not valid to publish to"),
        ({"PhoneNumber": "+0123456789"}, "PhoneNumber Reason: +0123456789 is not valid to publish to"),
        ({"Message": "x" * 1601}, "Invalid parameter: Message too long"),
        ({"Message": '{"sqs": "x"}', "MessageStructure": "json"}, "an entry for 'default' or 'sms'"),
        ({"MessageAttributes": {"AWS.SNS.SMS.SenderID": text("1234")}}, "Invalid value for AWS.SNS.SMS.SenderID"),
        ({"MessageAttributes": {"AWS.SNS.SMS.SMSType": text("Loud")}}, "Invalid value for AWS.SNS.SMS.SMSType"),
        ({"MessageAttributes": {"AWS.SNS.SMS.MaxPrice": text("much")}}, "Invalid value for AWS.SNS.SMS.MaxPrice"),
        ({"MessageAttributes": {"AWS.MM.SMS.OriginationNumber": text("x")}}, "AWS.MM.SMS.OriginationNumber"),
    ],
)
def test_what_cannot_be_sent_to_a_phone_is_refused(shared_sns: Any, request_: dict[str, Any], message: str) -> None:
    code, said = refusal(shared_sns.publish, **{"PhoneNumber": "+15550100003", "Message": "m", **request_})
    assert code == "InvalidParameter"
    assert message in said


def test_subscribed_phones_get_a_topics_messages_at_once_with_its_name_before_them(sns: Any, inbox: Inbox) -> None:
    topic = sns.create_topic(Name="phones", Attributes={"DisplayName": "MyTopic"})["TopicArn"]
    arn = sns.subscribe(TopicArn=topic, Protocol="sms", Endpoint="+1555-010/0004")["SubscriptionArn"]
    assert arn.startswith(topic)
    sns.publish(TopicArn=topic, Message="Hello World!")
    [found] = inbox.messages(to="+15550100004")
    assert (found["body"], found["topic"], found["from"]) == ("MYTOPIC> Hello World!", topic, "NOTICE")


@pytest.mark.parametrize("endpoint", ["NAA+15551234567", "+15--551234567", "+15551234567.", "/+15551234567", ""])
def test_what_is_no_phone_number_is_not_subscribed(shared_sns: Any, endpoint: str) -> None:
    topic = shared_sns.create_topic(Name="no-phones")["TopicArn"]
    refused = refusal(shared_sns.subscribe, TopicArn=topic, Protocol="sms", Endpoint=endpoint)
    assert refused == ("InvalidParameter", f"Invalid SMS endpoint: {endpoint}")


def test_who_answers_stop_gets_nothing_until_opted_in_and_that_once_in_thirty_days(sns: Any, inbox: Inbox) -> None:
    number = "+15550100005"
    assert sns.check_if_phone_number_is_opted_out(phoneNumber=number)["isOptedOut"] is False
    assert inbox.ask("POST", "replies", {"from": number, "text": "stop"}) == {"number": number, "is_opted_out": True}
    assert sns.check_if_phone_number_is_opted_out(phoneNumber=number)["isOptedOut"] is True
    assert sns.list_phone_numbers_opted_out()["phoneNumbers"] == [number]
    assert sns.publish(PhoneNumber=number, Message="m")["MessageId"]
    [found] = inbox.messages()
    assert (found["state"], found["reason"]) == ("failed", "Phone number is opted out")
    refused = refusal(sns.create_sms_sandbox_phone_number, PhoneNumber=number)
    assert refused[0] == "OptedOut"
    sns.opt_in_phone_number(phoneNumber=number)
    assert sns.list_phone_numbers_opted_out()["phoneNumbers"] == []
    sns.publish(PhoneNumber=number, Message="m")
    assert inbox.messages()[0]["state"] == "captured"
    inbox.ask("POST", "replies", {"from": number, "text": "UNSUBSCRIBE"})
    code, message = refusal(sns.opt_in_phone_number, phoneNumber=number)
    assert (code, "30 days" in message) == ("InvalidParameter", True)
    inbox.node.advance(30 * DAY_S)
    sns.opt_in_phone_number(phoneNumber=number)
    assert sns.check_if_phone_number_is_opted_out(phoneNumber=number)["isOptedOut"] is False


def test_what_a_phone_does_not_take_is_in_the_subscriptions_dead_letter_queue(sns: Any, inbox: Inbox) -> None:
    dead = sink(inbox.node, "dead-phones", key=inbox.account)
    topic = sns.create_topic(Name="dead-phones")["TopicArn"]
    redrive = {"RedrivePolicy": f'{{"deadLetterTargetArn": "{dead.arn}"}}'}
    sns.subscribe(TopicArn=topic, Protocol="sms", Endpoint="+15550100006", Attributes=redrive)
    inbox.ask("POST", "replies", {"from": "+15550100006", "text": "STOP"})
    sns.publish(TopicArn=topic, Message="nobody wants me")
    [letter] = dead.documents()
    assert (letter["Message"], letter["TopicArn"]) == ("nobody wants me", topic)
    sns.publish(TopicArn=topic, Message="x" * 1601)
    assert inbox.messages()[0]["reason"] == "Message body is too long"


def test_pages_of_numbers_that_are_opted_out(sns: Any, inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "SNS_LIST_MAX", 2)
    numbers = [f"+1555010{number:04d}" for number in range(3)]
    for number in numbers:
        inbox.node.run(inbox.node.node.store.write(sms_accounts.opt_out, inbox.account, REGION, number))
    first = sns.list_phone_numbers_opted_out()
    second = sns.list_phone_numbers_opted_out(nextToken=first["nextToken"])
    assert first["phoneNumbers"] + second["phoneNumbers"] == numbers
    assert "nextToken" not in second


@pytest.mark.parametrize("operation", ["check_if_phone_number_is_opted_out", "opt_in_phone_number"])
def test_what_is_no_number_is_neither_looked_up_nor_opted_in(shared_sns: Any, operation: str) -> None:
    refused = refusal(getattr(shared_sns, operation), phoneNumber="none")
    assert refused == ("InvalidParameter", "Invalid parameter: PhoneNumber Reason: input incorrectly formatted")


def test_settings_hold_for_messages_that_say_nothing_else(sns: Any, inbox: Inbox) -> None:
    assert sns.get_sms_attributes()["attributes"] == {"MonthlySpendLimit": "1"}
    sns.set_sms_attributes(attributes={"DefaultSenderID": "MyShop", "DefaultSMSType": "Transactional"})
    assert sns.get_sms_attributes(attributes=["DefaultSenderID", "None"])["attributes"] == {"DefaultSenderID": "MyShop"}
    sns.publish(PhoneNumber="+15550100007", Message="m")
    [found] = inbox.messages()
    assert (found["from"], found["detail"]["sms_type"]) == ("MyShop", "Transactional")
    sns.set_sms_attributes(attributes={"DefaultSenderID": ""})
    assert "DefaultSenderID" not in sns.get_sms_attributes()["attributes"]


@pytest.mark.parametrize(
    ("attributes", "code", "message"),
    [
        ({"Colour": "blue"}, "InvalidParameter", "Colour is not a valid attribute"),
        ({"DefaultSMSType": "Loud"}, "InvalidParameter", "DefaultSMSType is invalid"),
        ({"DefaultSenderID": "twelve chars"}, "InvalidParameter", "DefaultSenderID is invalid"),
        ({"MonthlySpendLimit": "much"}, "InvalidParameter", "MonthlySpendLimit is invalid"),
        ({"DeliveryStatusIAMRole": "me"}, "InvalidParameter", "DeliveryStatusIAMRole is invalid"),
        ({"DeliveryStatusSuccessSamplingRate": "101"}, "InvalidParameter", "DeliveryStatusSuccessSamplingRate is inv"),
        ({"UsageReportS3Bucket": "b"}, "NotImplemented", "UsageReportS3Bucket"),
    ],
)
def test_settings_that_cannot_be_are_refused(
    shared_sns: Any, attributes: dict[str, str], code: str, message: str
) -> None:
    found = refusal(shared_sns.set_sms_attributes, attributes=attributes)
    assert (found[0], message in found[1]) == (code, True)


def test_an_account_in_the_sandbox_sends_to_verified_numbers_only(sns: Any, inbox: Inbox) -> None:
    number = "+15550100008"
    assert sns.get_sms_sandbox_account_status()["IsInSandbox"] is False
    inbox.ask("POST", "sandbox", {"is_in_sandbox": True})
    assert sns.get_sms_sandbox_account_status()["IsInSandbox"] is True
    sns.publish(PhoneNumber=number, Message="m")
    assert inbox.messages()[0]["state"] == "failed"
    sns.create_sms_sandbox_phone_number(PhoneNumber=number, LanguageCode="de-DE")
    assert sns.list_sms_sandbox_phone_numbers()["PhoneNumbers"] == [{"PhoneNumber": number, "Status": "Pending"}]
    said = inbox.messages()[0]["body"]
    assert said.startswith("Ihr Bestätigungscode lautet ")
    code = said.removesuffix(".").rpartition(" ")[2]
    wrong = "99999" if code != "99999" else "88888"
    assert refusal(sns.verify_sms_sandbox_phone_number, PhoneNumber=number, OneTimePassword=wrong) == (
        "VerificationException",
        "The one-time password (OTP) used for verification is invalid.",
    )
    sns.verify_sms_sandbox_phone_number(PhoneNumber=number, OneTimePassword=code)
    assert sns.list_sms_sandbox_phone_numbers()["PhoneNumbers"][0]["Status"] == "Verified"
    sns.publish(PhoneNumber=number, Message="m")
    assert inbox.messages()[0]["state"] == "captured"
    assert refusal(sns.create_sms_sandbox_phone_number, PhoneNumber=number)[0] == "UserError"
    assert refusal(sns.delete_sms_sandbox_phone_number, PhoneNumber=number)[0] == "UserError"
    inbox.node.advance(DAY_S)
    sns.delete_sms_sandbox_phone_number(PhoneNumber=number)
    assert refusal(sns.delete_sms_sandbox_phone_number, PhoneNumber=number)[0] == "ResourceNotFound"


def test_a_one_time_password_is_good_for_a_quarter_of_an_hour_and_five_are_sent_a_day(sns: Any, inbox: Inbox) -> None:
    number = "+15550100009"
    for _ in range(5):
        sns.create_sms_sandbox_phone_number(PhoneNumber=number)
    assert refusal(sns.create_sms_sandbox_phone_number, PhoneNumber=number)[0] == "Throttled"
    code = inbox.messages(to=number)[0]["body"].removesuffix(".").rpartition(" ")[2]
    inbox.node.advance(15 * 60)
    verify = {"PhoneNumber": number, "OneTimePassword": code}
    assert refusal(sns.verify_sms_sandbox_phone_number, **verify)[0] == "VerificationException"
    inbox.node.advance(DAY_S)
    sns.create_sms_sandbox_phone_number(PhoneNumber=number)
    for other in range(9):
        sns.create_sms_sandbox_phone_number(PhoneNumber=f"+1555020000{other}")
    assert refusal(sns.create_sms_sandbox_phone_number, PhoneNumber="+15550300000")[0] == "UserError"
    page = sns.list_sms_sandbox_phone_numbers(MaxResults=4)
    rest = sns.list_sms_sandbox_phone_numbers(NextToken=page["NextToken"])["PhoneNumbers"]
    assert (len(page["PhoneNumbers"]), len(rest)) == (4, 6)


def test_a_number_that_is_not_in_the_sandbox_is_not_verified(shared_sns: Any) -> None:
    request = {"PhoneNumber": "+15550999999", "OneTimePassword": "12345"}
    assert refusal(shared_sns.verify_sms_sandbox_phone_number, **request)[0] == "ResourceNotFound"
    assert refusal(shared_sns.create_sms_sandbox_phone_number, PhoneNumber="123")[0] == "InvalidParameter"


def test_there_are_no_numbers_to_send_from(shared_sns: Any) -> None:
    assert shared_sns.list_origination_numbers()["PhoneNumbers"] == []
    assert refusal(shared_sns.list_origination_numbers, NextToken="x")[0] == "InvalidParameter"


def test_other_answers_of_phones_are_read_by_nobody(inbox: Inbox) -> None:
    status, answer = inbox.asked("POST", "replies", {"from": "+15550100010", "text": "hello"})
    assert status == 400
    assert "STOP" in str(answer)
