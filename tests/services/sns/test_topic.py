"""Topics: made, found, changed and gone; their policies and tags."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.running_node import RunningNode, running_node

ARN = "arn:aws:sns:us-east-1:000000000000"


@pytest.fixture
def sns(node: RunningNode) -> Any:
    return node.client("sns")


def refusal(call: Any, /, **request: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as refused:
        call(**request)
    error = refused.value.response["Error"]
    return error["Code"], error["Message"]


def attributes(sns: Any, arn: str) -> dict[str, str]:
    return dict(sns.get_topic_attributes(TopicArn=arn)["Attributes"])


def test_a_new_topic_shows_what_aws_shows(sns: Any) -> None:
    arn = sns.create_topic(Name="t")["TopicArn"]
    assert arn == f"{ARN}:t"
    shown = attributes(sns, arn)
    policy = json.loads(shown.pop("Policy"))
    delivery = json.loads(shown.pop("EffectiveDeliveryPolicy"))
    assert shown == {
        "DisplayName": "",
        "Owner": "000000000000",
        "SubscriptionsConfirmed": "0",
        "SubscriptionsDeleted": "0",
        "SubscriptionsPending": "0",
        "TopicArn": arn,
    }
    assert policy["Id"] == "__default_policy_ID"
    (statement,) = policy["Statement"]
    assert statement["Resource"] == arn
    assert statement["Condition"] == {"StringEquals": {"AWS:SourceOwner": "000000000000"}}
    assert delivery["http"]["defaultHealthyRetryPolicy"]["numRetries"] == 3


def test_making_a_topic_again_answers_the_same_one_unless_it_would_be_another(sns: Any) -> None:
    tags = [{"Key": "k", "Value": "v"}]
    first = sns.create_topic(Name="t", Attributes={"DisplayName": "shown"}, Tags=tags)["TopicArn"]
    assert sns.create_topic(Name="t")["TopicArn"] == first
    assert sns.create_topic(Name="t", Attributes={"DisplayName": "shown"}, Tags=tags)["TopicArn"] == first
    assert refusal(sns.create_topic, Name="t", Attributes={"DisplayName": "other"}) == (
        "InvalidParameter",
        "Invalid parameter: Attributes Reason: Topic already exists with different attributes",
    )
    assert refusal(sns.create_topic, Name="t", Tags=[*tags, {"Key": "more", "Value": "v"}]) == (
        "InvalidParameter",
        "Invalid parameter: Tags Reason: Topic already exists with different tags",
    )


@pytest.mark.parametrize("name", ["", "with space", "x" * 257, "ümlaut", "dot.ted"])
def test_a_name_that_no_topic_may_have_is_refused(sns: Any, name: str) -> None:
    assert refusal(sns.create_topic, Name=name) == ("InvalidParameter", "Invalid parameter: Topic Name")
    assert sns.list_topics()["Topics"] == []


@pytest.mark.parametrize(
    ("attribute", "value", "word"),
    [
        ("TracingConfig", "Active", "X-Ray"),
    ],
)
def test_what_would_have_no_effect_is_refused_by_name(sns: Any, attribute: str, value: str, word: str) -> None:
    code, message = refusal(sns.create_topic, Name="t", Attributes={attribute: value})
    assert code == "NotImplemented"
    assert word in message


def test_attributes_are_set_and_reset(sns: Any) -> None:
    arn = sns.create_topic(Name="t", Attributes={"FifoTopic": "false"})["TopicArn"]
    for name, value in (("DisplayName", "shown"), ("TracingConfig", "PassThrough"), ("MaximumMessageSize", "1048576")):
        sns.set_topic_attributes(TopicArn=arn, AttributeName=name, AttributeValue=value)
        assert attributes(sns, arn)[name] == value
    sns.set_topic_attributes(TopicArn=arn, AttributeName="DisplayName", AttributeValue="")
    assert attributes(sns, arn)["DisplayName"] == ""


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("FifoTopic", "false", "Invalid parameter: AttributeName"),
        ("Nonsense", "x", "Invalid parameter: AttributeName"),
        ("DisplayName", "x" * 101, "Invalid parameter: DisplayName"),
        ("MaximumMessageSize", "1048577", "Invalid parameter: MaximumMessageSize Reason: must be between"),
        ("TracingConfig", "Sometimes", "Invalid parameter: TracingConfig"),
        ("KmsMasterKeyId", "\x01", "Invalid parameter: KmsMasterKeyId"),
        ("Policy", "{", "Invalid parameter: Policy Error: null"),
        ("Policy", '{"Statement": [{"Action": "sns:Publish"}]}', "Invalid parameter: Policy Error: null"),
        ("Policy", '{"Statement": [{"Action": "sns:*"}]}', "Policy statement action out of service scope!"),
        ("Policy", '{"Statement": [{"Action": ["s3:GetObject"]}]}', "Policy statement action out of service scope!"),
    ],
)
def test_a_value_that_an_attribute_may_not_have_is_refused(sns: Any, name: str, value: str, message: str) -> None:
    arn = sns.create_topic(Name="t")["TopicArn"]
    before = attributes(sns, arn)
    code, found = refusal(sns.set_topic_attributes, TopicArn=arn, AttributeName=name, AttributeValue=value)
    assert code == "InvalidParameter"
    assert message in found
    assert attributes(sns, arn) == before


def test_a_policy_is_echoed_byte_for_byte(sns: Any) -> None:
    arn = sns.create_topic(Name="t")["TopicArn"]
    text = '{ "Statement": [{"Effect":"Allow","Principal":"*","Action":"SNS:Publish","Resource":"*"}] }'
    sns.set_topic_attributes(TopicArn=arn, AttributeName="Policy", AttributeValue=text)
    assert attributes(sns, arn)["Policy"] == text


def test_permissions_are_statements_of_the_policy(sns: Any) -> None:
    arn = sns.create_topic(Name="t")["TopicArn"]
    sns.add_permission(
        TopicArn=arn, Label="l", AWSAccountId=["111111111111", "222222222222"], ActionName=["Publish", "Subscribe"]
    )
    added = json.loads(attributes(sns, arn)["Policy"])["Statement"][1]
    assert added == {
        "Sid": "l",
        "Effect": "Allow",
        "Principal": {"AWS": ["arn:aws:iam::111111111111:root", "arn:aws:iam::222222222222:root"]},
        "Action": ["SNS:Publish", "SNS:Subscribe"],
        "Resource": arn,
    }
    again = {"TopicArn": arn, "Label": "l", "AWSAccountId": ["111111111111"], "ActionName": ["Publish"]}
    assert refusal(sns.add_permission, **again) == ("InvalidParameter", "Invalid parameter: Statement already exists")
    assert refusal(sns.add_permission, **{**again, "Label": "x", "ActionName": ["CreateTopic"]}) == (
        "InvalidParameter",
        "Invalid parameter: Policy statement action out of service scope!",
    )
    sns.remove_permission(TopicArn=arn, Label="l")
    assert len(json.loads(attributes(sns, arn)["Policy"])["Statement"]) == 1
    code, message = refusal(sns.remove_permission, TopicArn=arn, Label="__default_statement_ID")
    assert (code, message) == ("InvalidParameter", "Invalid parameter: Policy Error: null")


def test_a_policy_with_one_bare_statement_takes_permissions_too(sns: Any) -> None:
    arn = sns.create_topic(Name="t")["TopicArn"]
    policy = json.dumps({"Statement": {"Sid": "s", "Effect": "Allow", "Principal": "*", "Action": "sns:Publish"}})
    sns.set_topic_attributes(TopicArn=arn, AttributeName="Policy", AttributeValue=policy)
    sns.add_permission(TopicArn=arn, Label="l", AWSAccountId=["111111111111"], ActionName=["Publish"])
    statements = json.loads(attributes(sns, arn)["Policy"])["Statement"]
    assert [statement["Sid"] for statement in statements] == ["s", "l"]
    assert statements[1]["Principal"] == {"AWS": "arn:aws:iam::111111111111:root"}


def test_tags_are_added_replaced_and_removed(sns: Any) -> None:
    arn = sns.create_topic(Name="t", Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])["TopicArn"]
    sns.tag_resource(ResourceArn=arn, Tags=[{"Key": "b", "Value": "3"}, {"Key": "c", "Value": ""}])
    sns.untag_resource(ResourceArn=arn, TagKeys=["a", "never"])
    assert sns.list_tags_for_resource(ResourceArn=arn)["Tags"] == [
        {"Key": "b", "Value": "3"},
        {"Key": "c", "Value": ""},
    ]
    twice = [{"Key": "x", "Value": "1"}, {"Key": "x", "Value": "2"}]
    assert refusal(sns.tag_resource, ResourceArn=arn, Tags=twice) == (
        "InvalidParameter",
        "Invalid parameter: Duplicated keys are not allowed.",
    )
    unprintable = [{"Key": "x", "Value": "a\x01b"}]
    assert refusal(sns.tag_resource, ResourceArn=arn, Tags=unprintable)[0] == "InvalidParameter"
    many = [{"Key": str(number), "Value": ""} for number in range(49)]
    assert refusal(sns.tag_resource, ResourceArn=arn, Tags=many)[0] == "TagLimitExceeded"
    missing = refusal(sns.list_tags_for_resource, ResourceArn=f"{ARN}:none")
    assert missing == ("ResourceNotFound", "Resource does not exist")


def test_a_deleted_topic_is_gone_and_can_be_deleted_again(sns: Any) -> None:
    arn = sns.create_topic(Name="t")["TopicArn"]
    sns.delete_topic(TopicArn=arn)
    sns.delete_topic(TopicArn=arn)
    assert refusal(sns.get_topic_attributes, TopicArn=arn) == ("NotFound", "Topic does not exist")


@pytest.mark.parametrize(
    ("arn", "message"),
    [
        ("topic", "Invalid parameter: TopicArn Reason: An ARN must have at least 6 elements, not 1"),
        ("arn:aws:sns:us-east-1:0", "Invalid parameter: TopicArn Reason: An ARN must have at least 6 elements, not 5"),
        ("arn:aws:sns:eu-west-1:000000000000:t", "Invalid parameter: TopicArn"),
        ("arn:aws:sqs:us-east-1:000000000000:t", "Invalid parameter: TopicArn"),
        ("nor:an:arn:at:all:t", "Invalid parameter: TopicArn"),
    ],
)
def test_what_is_no_topics_arn_here_is_refused(sns: Any, arn: str, message: str) -> None:
    assert refusal(sns.get_topic_attributes, TopicArn=arn) == ("InvalidParameter", message)


def test_topics_are_listed_page_by_page_and_only_the_callers(node: RunningNode, sns: Any) -> None:
    for number in range(101):
        sns.create_topic(Name=f"t{number:03}")
    node.client("sns", key="111111111111").create_topic(Name="theirs")
    node.client("sns", region="eu-west-1").create_topic(Name="elsewhere")
    first = sns.list_topics()
    assert len(first["Topics"]) == 100
    second = sns.list_topics(NextToken=first["NextToken"])
    assert "NextToken" not in second
    found = [topic["TopicArn"] for topic in first["Topics"] + second["Topics"]]
    assert found == [f"{ARN}:t{number:03}" for number in range(101)]


def test_topics_outlive_the_node(tmp_path: Path) -> None:
    with running_node(tmp_path) as node:
        node.client("sns").create_topic(Name="t", Attributes={"DisplayName": "kept"})
    with running_node(tmp_path) as node:
        assert attributes(node.client("sns"), f"{ARN}:t")["DisplayName"] == "kept"
