"""All 42 operations through boto3, each with what it does and what it says where it cannot; and the CLI's words."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.aws_cli import aws_cli
from tests.running_node import RunningNode
from tests.services.sink import sink
from tests.services.sns.people import Inbox, new_inbox

ANN, PHONE = "ann@example.com", "+15550100001"
PROTECTION = json.dumps(
    {
        "Name": "p",
        "Version": "2021-06-01",
        "Statement": [
            {
                "DataDirection": "Inbound",
                "Principal": ["*"],
                "DataIdentifier": ["arn:aws:dataprotection::aws:data-identifier/EmailAddress"],
                "Operation": {"Deny": {}},
            }
        ],
    }
)


class Journey:
    """Calls operations and remembers which."""

    def __init__(self, inbox: Inbox) -> None:
        self.inbox, self.sns = inbox, inbox.client()
        self.called: set[str] = set()

    def __call__(self, operation: str, /, **request: Any) -> Any:
        self.called.add(operation)
        return getattr(self.sns, operation)(**request)


def test_every_operation_does_its_work(shared_node: RunningNode) -> None:
    journey = Journey(new_inbox(shared_node))
    topic = manage(journey)
    subscribe_and_publish(journey, topic)
    text(journey)
    push(journey)
    journey("delete_topic", TopicArn=topic)
    assert journey("list_topics")["Topics"] == []
    names = journey.sns.meta.method_to_api_mapping
    assert {names[each] for each in journey.called} == set(journey.sns.meta.service_model.operation_names)
    assert len(journey.called) == 42


def manage(journey: Journey) -> str:
    topic = str(journey("create_topic", Name="t", Tags=[{"Key": "team", "Value": "a"}])["TopicArn"])
    assert journey("list_topics")["Topics"] == [{"TopicArn": topic}]
    journey("set_topic_attributes", TopicArn=topic, AttributeName="DisplayName", AttributeValue="Grüße & <more>")
    journey("add_permission", TopicArn=topic, Label="l", AWSAccountId=["111122223333"], ActionName=["Publish"])
    shown = journey("get_topic_attributes", TopicArn=topic)["Attributes"]
    assert (shown["DisplayName"], json.loads(shown["Policy"])["Statement"][1]["Sid"]) == ("Grüße & <more>", "l")
    journey("remove_permission", TopicArn=topic, Label="l")
    journey("tag_resource", ResourceArn=topic, Tags=[{"Key": "gone", "Value": "b"}])
    journey("untag_resource", ResourceArn=topic, TagKeys=["gone"])
    assert journey("list_tags_for_resource", ResourceArn=topic)["Tags"] == [{"Key": "team", "Value": "a"}]
    journey("put_data_protection_policy", ResourceArn=topic, DataProtectionPolicy=PROTECTION)
    assert journey("get_data_protection_policy", ResourceArn=topic)["DataProtectionPolicy"] == PROTECTION
    return topic


def subscribe_and_publish(journey: Journey, topic: str) -> None:
    queue = sink(journey.inbox.node, "every", key=journey.inbox.account)
    asked = {"TopicArn": topic, "Protocol": "email-json", "Endpoint": ANN}
    assert journey("subscribe", **asked)["SubscriptionArn"] == "pending confirmation"
    question = json.loads(journey.inbox.messages(to=ANN)[0]["body"])
    mail = journey("confirm_subscription", TopicArn=topic, Token=question["Token"])["SubscriptionArn"]
    arn = journey("subscribe", TopicArn=topic, Protocol="sqs", Endpoint=queue.arn)["SubscriptionArn"]
    raw = {"AttributeName": "RawMessageDelivery", "AttributeValue": "true"}
    journey("set_subscription_attributes", SubscriptionArn=arn, **raw)
    shown = journey("get_subscription_attributes", SubscriptionArn=arn)["Attributes"]
    assert (shown["RawMessageDelivery"], shown["TopicArn"]) == ("true", topic)
    for listed in (journey("list_subscriptions"), journey("list_subscriptions_by_topic", TopicArn=topic)):
        assert {each["SubscriptionArn"] for each in listed["Subscriptions"]} == {mail, arn}
    one = journey("publish", TopicArn=topic, Message="one", Subject="s")
    batch = journey("publish_batch", TopicArn=topic, PublishBatchRequestEntries=[{"Id": "a", "Message": "two"}])
    assert (batch["Successful"][0]["Id"], batch["Failed"]) == ("a", [])
    assert queue.bodies() == ["one", "two"]
    two, first = journey.inbox.messages(to=ANN)[:2]
    assert [first["message_id"], two["message_id"]] == [one["MessageId"], batch["Successful"][0]["MessageId"]]
    journey("unsubscribe", SubscriptionArn=arn)
    assert len(journey("list_subscriptions")["Subscriptions"]) == 1


def text(journey: Journey) -> None:
    journey("set_sms_attributes", attributes={"DefaultSMSType": "Transactional"})
    assert journey("get_sms_attributes", attributes=["DefaultSMSType"])["attributes"] == {
        "DefaultSMSType": "Transactional"
    }
    journey("publish", PhoneNumber=PHONE, Message="hello")
    journey.inbox.ask("POST", "replies", {"from": PHONE, "text": "STOP"})
    assert journey("check_if_phone_number_is_opted_out", phoneNumber=PHONE)["isOptedOut"] is True
    assert journey("list_phone_numbers_opted_out")["phoneNumbers"] == [PHONE]
    journey("opt_in_phone_number", phoneNumber=PHONE)
    assert journey("list_phone_numbers_opted_out")["phoneNumbers"] == []
    assert journey("list_origination_numbers")["PhoneNumbers"] == []

    assert journey("get_sms_sandbox_account_status")["IsInSandbox"] is False
    journey("create_sms_sandbox_phone_number", PhoneNumber=PHONE, LanguageCode="en-US")
    code, hello = journey.inbox.messages(to=PHONE)
    assert hello["body"] == "hello"
    password = code["body"].removesuffix(".").rpartition(" ")[2]
    journey("verify_sms_sandbox_phone_number", PhoneNumber=PHONE, OneTimePassword=password)
    verified = [{"PhoneNumber": PHONE, "Status": "Verified"}]
    assert journey("list_sms_sandbox_phone_numbers")["PhoneNumbers"] == verified
    journey.inbox.node.advance(86_401)
    journey("delete_sms_sandbox_phone_number", PhoneNumber=PHONE)
    assert journey("list_sms_sandbox_phone_numbers")["PhoneNumbers"] == []


def push(journey: Journey) -> None:
    made = {"Name": "app", "Platform": "GCM", "Attributes": {"PlatformCredential": "k"}}
    app = journey("create_platform_application", **made)["PlatformApplicationArn"]
    of_app = {"PlatformApplicationArn": app}
    journey("set_platform_application_attributes", **of_app, Attributes={"SuccessFeedbackSampleRate": "7"})
    shown = journey("get_platform_application_attributes", **of_app)["Attributes"]
    assert shown == {"Enabled": "true", "AuthenticationMethod": "Key", "SuccessFeedbackSampleRate": "7"}
    assert journey("list_platform_applications")["PlatformApplications"] == [{**of_app, "Attributes": shown}]
    device = journey("create_platform_endpoint", **of_app, Token="t")["EndpointArn"]
    journey("set_endpoint_attributes", EndpointArn=device, Attributes={"CustomUserData": "é"})
    told = journey("get_endpoint_attributes", EndpointArn=device)["Attributes"]
    assert told == {"Enabled": "true", "CustomUserData": "é", "Token": "t"}
    listed = journey("list_endpoints_by_platform_application", **of_app)["Endpoints"]
    assert listed == [{"EndpointArn": device, "Attributes": told}]
    answer = journey("publish", TargetArn=device, Message="ping")
    assert journey.inbox.messages(kind="push")[0]["message_id"] == answer["MessageId"]
    journey("delete_endpoint", EndpointArn=device)
    assert journey("list_endpoints_by_platform_application", **of_app)["Endpoints"] == []
    journey("delete_platform_application", **of_app)
    assert journey("list_platform_applications")["PlatformApplications"] == []


TOPIC = "arn:aws:sns:us-east-1:000000000000:there-is-none"
OF_IT = {"TopicArn": TOPIC}
SUBSCRIPTION = {"SubscriptionArn": f"{TOPIC}:00000000-0000-4000-8000-000000000000"}
APP = {"PlatformApplicationArn": "arn:aws:sns:us-east-1:000000000000:app/GCM/there-is-none"}
DEVICE = {"EndpointArn": "arn:aws:sns:us-east-1:000000000000:endpoint/GCM/there-is-none/00000000"}
TAGGED = {"ResourceArn": TOPIC}
NO_NUMBER = {"PhoneNumber": "+15550199999"}
PERMISSION = {"Label": "l", "AWSAccountId": ["111122223333"], "ActionName": ["Publish"]}
INVALID, GONE = ("InvalidParameter", 400), ("NotFound", 404)
ERRORS: list[tuple[str, dict[str, Any], tuple[str, int]]] = [
    ("add_permission", {**OF_IT, **PERMISSION}, GONE),
    ("check_if_phone_number_is_opted_out", {"phoneNumber": "nobody"}, INVALID),
    ("confirm_subscription", {**OF_IT, "Token": "t"}, INVALID),
    (
        "create_platform_application",
        {"Name": "a", "Platform": "GCM", "Attributes": {"PlatformPrincipal": "p"}},
        INVALID,
    ),
    ("create_platform_endpoint", {**APP, "Token": "t"}, GONE),
    ("create_sms_sandbox_phone_number", {"PhoneNumber": "12"}, INVALID),
    ("create_topic", {"Name": "with space"}, INVALID),
    ("create_topic", {"Name": "t", "Attributes": {"Colour": "blue"}}, INVALID),
    ("delete_endpoint", {"EndpointArn": TOPIC}, INVALID),
    ("delete_platform_application", {"PlatformApplicationArn": TOPIC}, INVALID),
    ("delete_sms_sandbox_phone_number", NO_NUMBER, ("ResourceNotFound", 404)),
    ("delete_topic", {"TopicArn": "nonsense"}, INVALID),
    ("get_data_protection_policy", TAGGED, GONE),
    ("get_endpoint_attributes", DEVICE, GONE),
    ("get_platform_application_attributes", APP, GONE),
    ("get_subscription_attributes", SUBSCRIPTION, GONE),
    ("get_topic_attributes", OF_IT, GONE),
    ("list_endpoints_by_platform_application", APP, GONE),
    ("list_origination_numbers", {"NextToken": "none of ours"}, INVALID),
    ("list_phone_numbers_opted_out", {"nextToken": "none of ours"}, INVALID),
    ("list_platform_applications", {"NextToken": "none of ours"}, INVALID),
    ("list_sms_sandbox_phone_numbers", {"NextToken": "none of ours"}, INVALID),
    ("list_subscriptions", {"NextToken": "none of ours"}, INVALID),
    ("list_subscriptions_by_topic", OF_IT, GONE),
    ("list_tags_for_resource", TAGGED, ("ResourceNotFound", 404)),
    ("list_topics", {"NextToken": "none of ours"}, INVALID),
    ("opt_in_phone_number", {"phoneNumber": "nobody"}, INVALID),
    ("publish", {**OF_IT, "Message": "m"}, GONE),
    ("publish", {**OF_IT, "Message": ""}, INVALID),
    ("publish_batch", {**OF_IT, "PublishBatchRequestEntries": [{"Id": "a", "Message": "m"}]}, GONE),
    ("publish_batch", {**OF_IT, "PublishBatchRequestEntries": []}, ("EmptyBatchRequest", 400)),
    ("put_data_protection_policy", {**TAGGED, "DataProtectionPolicy": PROTECTION}, GONE),
    ("remove_permission", {**OF_IT, "Label": "l"}, GONE),
    ("set_endpoint_attributes", {**DEVICE, "Attributes": {"Enabled": "true"}}, GONE),
    ("set_platform_application_attributes", {**APP, "Attributes": {"Enabled": "true"}}, GONE),
    ("set_sms_attributes", {"attributes": {"DefaultSMSType": "Loud"}}, INVALID),
    ("set_subscription_attributes", {**SUBSCRIPTION, "AttributeName": "RawMessageDelivery"}, GONE),
    ("set_topic_attributes", {**OF_IT, "AttributeName": "DisplayName", "AttributeValue": "d"}, GONE),
    ("subscribe", {**OF_IT, "Protocol": "sqs", "Endpoint": "arn:aws:sqs:us-east-1:000000000000:q"}, GONE),
    ("tag_resource", {**TAGGED, "Tags": [{"Key": "a", "Value": "b"}]}, ("ResourceNotFound", 404)),
    ("unsubscribe", {"SubscriptionArn": TOPIC}, INVALID),
    ("untag_resource", {**TAGGED, "TagKeys": ["a"]}, ("ResourceNotFound", 404)),
    ("verify_sms_sandbox_phone_number", {**NO_NUMBER, "OneTimePassword": "123456"}, ("ResourceNotFound", 404)),
]
CANNOT_FAIL = {"GetSMSAttributes", "GetSMSSandboxAccountStatus"}


def test_every_operation_says_what_is_wrong(shared_node: RunningNode) -> None:
    sns = shared_node.client("sns")
    for operation, request, (code, status) in ERRORS:
        with pytest.raises(ClientError) as refused:
            getattr(sns, operation)(**request)
        answer = refused.value.response
        told = (answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"])
        assert (operation, *told) == (operation, code, status)
        assert answer["Error"]["Message"], operation
        assert answer["ResponseMetadata"]["RequestId"], operation
    names = sns.meta.method_to_api_mapping
    assert {names[each[0]] for each in ERRORS} == set(sns.meta.service_model.operation_names) - CANNOT_FAIL


@pytest.mark.slow
def test_the_aws_cli_makes_subscribes_publishes_and_lists(shared_node: RunningNode) -> None:
    queue = sink(shared_node, "of-the-cli")
    with aws_cli(shared_node.endpoint) as aws:

        def sns(*words: str) -> Any:
            result = aws.run("sns", *words, "--endpoint-url", shared_node.endpoint)
            assert (result.code, result.err) == (0, ""), result
            return result.answer if result.out.strip() else None

        fifo = ["--attributes", "FifoTopic=true,ContentBasedDeduplication=true"]
        topic = sns("create-topic", "--name", "cli.fifo", *fifo)["TopicArn"]
        raw = ["--attributes", '{"RawMessageDelivery": "true", "FilterPolicy": "{\\"kind\\": [\\"x\\"]}"}']
        sns("subscribe", "--topic-arn", topic, "--protocol", "sqs", "--notification-endpoint", queue.arn, *raw)
        kind = ["--message-attributes", '{"kind": {"DataType": "String", "StringValue": "x"}}']
        group = ["--message-group-id", "g"]
        sent = sns("publish", "--topic-arn", topic, "--message", "grüße", *group, *kind)
        assert set(sent) == {"MessageId", "SequenceNumber"}
        sns("publish", "--topic-arn", topic, "--message", "not wanted", *group)
        assert queue.bodies() == ["grüße"]
        sns("publish", "--phone-number", PHONE, "--message", "hi")
        listed = sns("list-subscriptions-by-topic", "--topic-arn", topic, "--max-items", "5")
        assert [each["Endpoint"] for each in listed["Subscriptions"]] == [queue.arn]
        sns("delete-topic", "--topic-arn", topic)
        failed = aws.run("sns", "get-topic-attributes", "--topic-arn", topic)
        assert "(NotFound)" in failed.err
