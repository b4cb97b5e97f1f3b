"""Tags, resource policies and contributor insights of tables."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.running_node import RunningNode
from tests.services.dynamodb.control import asked, defined, index, keys, refused

ARN = "arn:aws:dynamodb:us-east-1:000000000000:table/events"
INVALID = "One or more parameter values were invalid: "
BY_G = {"AttributeDefinitions": defined(p="S", g="S"), "GlobalSecondaryIndexes": [index("by-g", keys("g"))]}


@pytest.fixture
def dynamodb(node: RunningNode) -> Any:
    client = node.client("dynamodb")
    client.create_table(**asked("events", **BY_G))
    return client


def tag(*pairs: tuple[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in pairs]


def allows(*actions: str, who: Any = "111122223333", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Principal": {"AWS": who}, "Action": list(actions), "Resource": [ARN], **more}


def policy(*statements: dict[str, Any], **more: Any) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements), **more}, indent=2)


# --- tags ------------------------------------------------------------------------------------------------------------


def test_tags_come_change_and_go(dynamodb: Any) -> None:
    dynamodb.tag_resource(ResourceArn=ARN, Tags=tag(("team", "a"), ("stage", "test")))
    dynamodb.tag_resource(ResourceArn=ARN, Tags=tag(("team", "ключ +-=._:/@")))
    dynamodb.untag_resource(ResourceArn=ARN, TagKeys=["stage", "absent"])
    assert dynamodb.list_tags_of_resource(ResourceArn=ARN)["Tags"] == tag(("team", "ключ +-=._:/@"))


def test_tags_that_cannot_be_are_refused_with_all_of_their_request(dynamodb: Any) -> None:
    def told(*pairs: tuple[str, str]) -> str:
        code, message = refused(dynamodb.tag_resource, ResourceArn=ARN, Tags=tag(*pairs))
        assert code == "ValidationException"
        return message

    assert told() == "Atleast one Tag needs to be provided as Input."
    assert told(("good", "1"), ("aws:x", "1")) == "Tag Key cannot be prefixed with aws:, Key: aws:x"
    assert told(("a#b", "1")) == "The Tag Key provided is invalid, Key: a#b"
    assert told(("a", "100%")) == "The Tag Value provided is invalid, Value: 100%"
    many = tuple((f"k{number}", "v") for number in range(51))
    assert told(*many) == "Number of Tags exceed the current limit for the provided ResourceArn"
    dynamodb.tag_resource(ResourceArn=ARN, Tags=tag(*many[:50]))
    assert told(many[50]) == "Number of Tags exceed the current limit for the provided ResourceArn"
    code, message = refused(dynamodb.untag_resource, ResourceArn=ARN, TagKeys=[])
    assert (code, message) == ("ValidationException", "Atleast one Tag Key needs to be provided as Input.")


def test_what_cannot_be_tagged_is_told(dynamodb: Any) -> None:
    def told(arn: str) -> tuple[str, str]:
        return refused(dynamodb.list_tags_of_resource, ResourceArn=arn)

    wrong = "ValidationException"
    assert told("events") == (wrong, f"{INVALID}ARNs must start with 'arn:': events")
    queue = "arn:aws:sqs:us-east-1:000000000000:q"
    assert told(queue) == (wrong, f"{INVALID}Provided Arn is not a DynamoDB resource arn: {queue}")
    assert told(f"{ARN}/index/by-g")[1].startswith(f"{INVALID}Invalid resource arn provided, only table or stream is")
    missing = ARN.replace("events", "nobody")
    assert told(missing) == (
        "ResourceNotFoundException",
        f"Requested resource not found: ResourceArn: {missing} not found",
    )


# --- resource policies -----------------------------------------------------------------------------------------------


def test_a_policy_is_answered_in_one_spelling_and_its_revision_is_that_of_what_it_says(dynamodb: Any) -> None:
    code, message = refused(dynamodb.get_resource_policy, ResourceArn=ARN)
    assert (code, message) == (
        "PolicyNotFoundException",
        f"Resource-based policy not found for the provided ResourceArn: {ARN}",
    )
    revision = dynamodb.put_resource_policy(ResourceArn=ARN, Policy=policy(allows("dynamodb:GetItem")))["RevisionId"]
    answer = dynamodb.get_resource_policy(ResourceArn=ARN)
    assert answer["RevisionId"] == revision
    root = "arn:aws:iam::111122223333:root"
    assert answer["Policy"] == (
        '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"' + root + '"},'
        '"Action":"dynamodb:GetItem","Resource":"' + ARN + '"}]}'
    )
    same = dynamodb.put_resource_policy(ResourceArn=ARN, Policy=answer["Policy"])
    assert same["RevisionId"] == revision
    other = policy(allows("dynamodb:PutItem"))
    later = dynamodb.put_resource_policy(ResourceArn=ARN, Policy=other, ExpectedRevisionId=revision)["RevisionId"]
    assert int(later) > int(revision)
    code, message = refused(dynamodb.put_resource_policy, ResourceArn=ARN, Policy=other, ExpectedRevisionId=revision)
    assert (code, message.endswith("did not match")) == ("PolicyNotFoundException", True)
    assert dynamodb.delete_resource_policy(ResourceArn=ARN)["RevisionId"] == later
    assert "RevisionId" not in dynamodb.delete_resource_policy(ResourceArn=ARN)
    dynamodb.put_resource_policy(ResourceArn=ARN, Policy=other, ExpectedRevisionId="NO_POLICY")
    dynamodb.delete_table(TableName="events")
    dynamodb.create_table(**asked("events", ResourcePolicy=policy(allows("dynamodb:Query", Sid="made with it"))))
    assert '"Sid":"made with it"' in dynamodb.get_resource_policy(ResourceArn=ARN)["Policy"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{not json", f"{INVALID}Invalid policy document: This policy contains invalid Json"),
        (policy(), f"{INVALID}Invalid policy document: Could not parse the policy: Statement is empty!"),
        (
            policy(allows("dynamodb:GetItem", who="*")),
            "Resource-based policy grants unbounded access in one or more el",
        ),
        (
            policy(allows("dynamodb:GetRecords")),
            f"{INVALID}Invalid policy document: The following action names are inva",
        ),
        (
            policy(allows("sqs:SendMessage")),
            f"{INVALID}Invalid policy document: The following action names are invalid:",
        ),
        (
            policy({"Effect": "Allow", "Principal": {"AWS": "111122223333"}, "Action": "dynamodb:GetItem"}),
            f"{INVALID}Invalid policy document: Missing required field Resource",
        ),
        (policy(allows("dynamodb:GetItem")) + " " * 21_000, f"{INVALID}Maximum policy size of 20480 bytes exceeded"),
    ],
)
def test_what_is_no_policy_of_a_table_is_refused(dynamodb: Any, text: str, message: str) -> None:
    code, told = refused(dynamodb.put_resource_policy, ResourceArn=ARN, Policy=text)
    assert (code, told.startswith(message)) == ("ValidationException", True), told


def test_nobody_locks_himself_out_without_saying_so(dynamodb: Any) -> None:
    denies = {"Effect": "Deny", "Principal": "*", "Action": "dynamodb:PutResourcePolicy", "Resource": ARN}
    code, message = refused(dynamodb.put_resource_policy, ResourceArn=ARN, Policy=policy(denies))
    assert code == "AccessDeniedException"
    assert message == "The new resource policy will not allow you to update the resource policy in the future."
    dynamodb.put_resource_policy(ResourceArn=ARN, Policy=policy(denies), ConfirmRemoveSelfResourceAccess=True)


def test_a_stream_has_a_policy_of_its_own(dynamodb: Any) -> None:
    dynamodb.update_table(
        TableName="events", StreamSpecification={"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"}
    )
    stream = dynamodb.describe_table(TableName="events")["Table"]["LatestStreamArn"]
    text = policy({**allows("dynamodb:GetRecords"), "Resource": stream})
    dynamodb.put_resource_policy(ResourceArn=stream, Policy=text)
    assert refused(dynamodb.get_resource_policy, ResourceArn=ARN)[0] == "PolicyNotFoundException"
    gone = f"{ARN}/stream/2020-01-01T00:00:00.000"
    assert refused(dynamodb.get_resource_policy, ResourceArn=gone) == (
        "ResourceNotFoundException",
        "Requested resource not found: Stream: 2020-01-01T00:00:00.000 not found for Table: events",
    )


# --- contributor insights --------------------------------------------------------------------------------------------


def test_insights_are_switched_on_shown_and_listed(dynamodb: Any) -> None:
    assert dynamodb.describe_contributor_insights(TableName="events")["ContributorInsightsStatus"] == "DISABLED"
    answer = dynamodb.update_contributor_insights(TableName="events", ContributorInsightsAction="ENABLE")
    assert (answer["ContributorInsightsStatus"], answer["ContributorInsightsMode"]) == (
        "ENABLING",
        "ACCESSED_AND_THROTTLED_KEYS",
    )
    dynamodb.update_contributor_insights(
        TableName="events",
        IndexName="by-g",
        ContributorInsightsAction="ENABLE",
        ContributorInsightsMode="THROTTLED_KEYS",
    )
    shown = dynamodb.describe_contributor_insights(TableName="events")
    assert shown["ContributorInsightsStatus"] == "ENABLED"
    assert [rule.rsplit("-", 1)[0] for rule in shown["ContributorInsightsRuleList"]] == [
        "DynamoDBContributorInsights-PKC-events",
        "DynamoDBContributorInsights-PKT-events",
    ]
    first = dynamodb.list_contributor_insights(MaxResults=1)
    (second,) = dynamodb.list_contributor_insights(MaxResults=1, NextToken=first["NextToken"])[
        "ContributorInsightsSummaries"
    ]
    assert second["IndexName"] == "by-g"
    dynamodb.update_contributor_insights(TableName="events", ContributorInsightsAction="DISABLE")
    listed = dynamodb.list_contributor_insights(TableName="events")["ContributorInsightsSummaries"]
    assert [each.get("IndexName") for each in listed] == ["by-g"]
    assert refused(dynamodb.describe_contributor_insights, TableName="events", IndexName="ghost") == (
        "ResourceNotFoundException",
        "Requested resource not found: Index: ghost not found for table: events",
    )
