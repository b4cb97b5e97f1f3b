"""Data protection policies: kept to the letter, once they are some."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.running_node import RunningNode
from tests.services.sns.test_fifo import NAMES, made
from tests.services.sns.test_topic import refusal
from wakeful.services.sns import protection
from wakeful.services.sns.errors import InvalidParameterException

STATEMENT: dict[str, Any] = {
    "Sid": "s",
    "DataDirection": "Inbound",
    "Principal": ["*"],
    "DataIdentifier": ["arn:aws:dataprotection::aws:data-identifier/EmailAddress"],
    "Operation": {"Deny": {}},
}
AUDIT = {**STATEMENT, "Operation": {"Audit": {"SampleRate": "99", "NoFindingsDestination": {}}}}


def policy(*statements: Any, **more: Any) -> str:
    return json.dumps({"Name": "p", "Version": "2021-06-01", "Statement": list(statements), **more}, indent=1)


@pytest.fixture(scope="module")
def sns(shared_node: RunningNode) -> Any:
    return shared_node.client("sns")


def test_a_policy_is_put_shown_to_the_letter_and_taken_away(sns: Any) -> None:
    text = policy(STATEMENT, AUDIT)
    arn = sns.create_topic(Name=f"t{next(NAMES)}", DataProtectionPolicy=text)["TopicArn"]
    assert sns.get_data_protection_policy(ResourceArn=arn)["DataProtectionPolicy"] == text
    again = {"Name": arn.rpartition(":")[2], "DataProtectionPolicy": text}
    assert sns.create_topic(**again)["TopicArn"] == arn
    code, message = refusal(sns.create_topic, **{**again, "DataProtectionPolicy": policy(AUDIT)})
    assert (code, "already exists" in message) == ("InvalidParameter", True)
    other = policy({**STATEMENT, "DataDirection": "Outbound", "Operation": {"Deidentify": {"RedactConfig": {}}}})
    sns.put_data_protection_policy(ResourceArn=arn, DataProtectionPolicy=other)
    assert sns.get_data_protection_policy(ResourceArn=arn)["DataProtectionPolicy"] == other
    sns.put_data_protection_policy(ResourceArn=arn, DataProtectionPolicy="")
    assert sns.get_data_protection_policy(ResourceArn=arn)["DataProtectionPolicy"] == ""


def test_a_topic_that_is_not_there_or_fifo_has_none(sns: Any) -> None:
    missing = "arn:aws:sns:us-east-1:000000000000:none"
    assert refusal(sns.get_data_protection_policy, ResourceArn=missing) == ("NotFound", "Topic does not exist")
    request = {"ResourceArn": made(sns), "DataProtectionPolicy": policy(STATEMENT)}
    assert "standard topics" in refusal(sns.put_data_protection_policy, **request)[1]


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        policy(),
        policy(STATEMENT, Name=""),
        policy(STATEMENT, Version="2012-10-17"),
        policy("statement"),
        policy({**STATEMENT, "DataDirection": "Sideways"}),
        policy({**STATEMENT, "Principal": "*"}),
        policy({**STATEMENT, "DataIdentifier": []}),
        policy({**STATEMENT, "Operation": {"Allow": {}}}),
        policy({**STATEMENT, "Operation": {"Deny": {}, "Audit": {}}}),
        policy({**AUDIT, "DataDirection": "Outbound"}),
        policy(AUDIT, AUDIT),
        policy(STATEMENT, Description="x" * 30_720),
    ],
)
def test_what_is_no_policy_is_refused(text: str) -> None:
    with pytest.raises(InvalidParameterException, match=r"^Invalid parameter: DataProtectionPolicy Reason: "):
        protection.check(text)
