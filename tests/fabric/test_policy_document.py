"""Policy documents that IAM refuses, with the messages that it was seen to give, and those that it takes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from wakeful.fabric.policy_document import PolicyError, PolicyKind, parse_policy

GOOD: dict[str, Any] = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}
TRUST: dict[str, Any] = {
    "Effect": "Allow",
    "Action": "sts:AssumeRole",
    "Principal": {"Service": "lambda.amazonaws.com"},
}


def document(*statements: dict[str, Any], **others: Any) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements), **others}


def without(statement: dict[str, Any], *names: str, **others: Any) -> dict[str, Any]:
    return {name: value for name, value in statement.items() if name not in names} | others


def reason(policy: Any, kind: PolicyKind = "identity") -> str:
    with pytest.raises(PolicyError) as caught:
        parse_policy(policy, kind)
    return str(caught.value)


@pytest.mark.parametrize(
    "policy",
    [
        "not json",
        "[]",
        '"text"',
        "[" * 100_000,
        {},
        document(),
        document(Comment="hello"),
        document(GOOD, Id=7),
        {"Version": "2012-10-18", "Statement": GOOD},
        {"Version": "2012-10-17", "Statement": "Allow"},
        document(without(GOOD, "Effect")),
        document(without(GOOD, Effect="Maybe")),
        document(without(GOOD, Effects="Allow")),
        document(without(GOOD, NotAction="s3:*")),
        document(without(GOOD, NotResource="*")),
        document(without(GOOD, Action=[1])),
        document(without(GOOD, Resource={"a": "b"})),
        document(without(GOOD, Sid=1)),
        document(without(GOOD, Condition="x")),
        document(without(GOOD, Condition={"StringEquals": "x"})),
        document(without(GOOD, Condition={"StringEqual": {"k": "x"}})),
        document(without(GOOD, Condition={"StringEquals": {"k": {"a": "b"}}})),
        document(without(GOOD, Condition={"StringEquals": {"k": None}})),
        document(without(GOOD, Condition={"NullIfExists": {"k": "true"}})),
        document(without(GOOD, Condition={"BinaryEquals": {"k": "no base64"}})),
    ],
)
def test_syntax_errors(policy: Any) -> None:
    assert reason(policy) == "Syntax errors in policy."


@pytest.mark.parametrize(
    "statement",
    [
        without(GOOD, Effect="allow"),
        without(GOOD, Resource="arn:aws:s3:bucket"),
        without(GOOD, Condition={"NumericEquals": {"k": "one"}}),
        without(GOOD, Condition={"DateLessThan": {"k": "tomorrow"}}),
        without(GOOD, Condition={"IpAddress": {"aws:SourceIp": "example.com"}}),
        without(GOOD, Condition={"ArnLike": {"k": "bucket"}}),
    ],
)
def test_legacy_parsing(statement: dict[str, Any]) -> None:
    assert reason(document(statement)) == "The policy failed legacy parsing"


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        (without(GOOD, Sid="a-b"), "Statement IDs (SID) must be alpha-numeric."),
        (without(GOOD, "Action"), "Policy statement must contain actions."),
        (without(GOOD, Action=[]), "Policy statement must contain actions."),
        (without(GOOD, "Resource"), "Policy statement must contain resources."),
        (without(GOOD, Resource=[]), "Policy statement must contain resources."),
        (without(GOOD, Principal="*"), "Policy document should not specify a principal."),
        (without(GOOD, Resource="bucket"), 'Resource bucket must be in ARN format or "*".'),
        (
            without(GOOD, Resource="arn:other:s3:::b"),
            'Partition "other" is not valid for resource "arn:other:s3:::b".',
        ),
        (
            without(GOOD, Resource="arn:aws:s*:::b"),
            "Resource vendor must be fully qualified and cannot contain regexes.",
        ),
        (
            without(GOOD, Resource="arn:aws:s3:us-east-1::b"),
            "Resource arn:aws:s3:us-east-1::b can not contain region information.",
        ),
        (
            without(GOOD, Resource="arn:aws:iam:us-east-1:1:user/a"),
            "IAM resource arn:aws:iam:us-east-1:1:user/a cannot contain region information.",
        ),
        (without(GOOD, Resource="arn:aws:iam::1:a"), 'IAM resource path must either be "*" or start with user/, '),
        (
            without(GOOD, Action="GetObject"),
            "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.",
        ),
        (without(GOOD, Action="s3:Get:Object"), "Actions/Condition can contain only one colon."),
        (
            without(GOOD, Action="s*:GetObject"),
            "Action vendors (e.g., aws, ec2, etc.) must not contain wildcards.",
        ),
        (without(GOOD, "Action", NotAction="s_3:GetObject"), "Vendor s_3 is not valid"),
    ],
)
def test_what_is_wrong_with_a_statement(statement: dict[str, Any], expected: str) -> None:
    assert reason(document(statement)).startswith(expected)


def test_sids_are_unique() -> None:
    twice = document(without(GOOD, Sid="a"), without(GOOD, Sid="a"))
    assert reason(twice) == "Statement IDs (SID) in a single policy must be unique."
    assert len(parse_policy(document(without(GOOD, Sid=""), without(GOOD, Sid=""))).statements) == 2


def test_managed_policies_need_the_current_version() -> None:
    for policy in ({"Statement": GOOD}, {"Version": "2008-10-17", "Statement": GOOD}):
        assert reason(policy, "managed") == "Policy document must be version 2012-10-17 or greater."
        assert len(parse_policy(policy).statements) == 1


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        (without(TRUST, "Principal"), "Missing required field Principal"),
        (without(TRUST, Resource="*"), "Has prohibited field Resource"),
        (without(TRUST, Action="sts:*"), "AssumeRole policy may only specify STS AssumeRole actions."),
        (without(TRUST, Principal="*"), 'AssumeRolepolicy contained an invalid principal: "STAR":"*".'),
        (without(TRUST, Principal={"Service": "lambda"}), 'Invalid principal in policy: "SERVICE":"lambda"'),
        (without(TRUST, Principal={"Service": "*.amazonaws.com"}), 'Invalid principal in policy: "SERVICE":"*.amazon'),
        (without(TRUST, Principal={"AWS": "someone"}), 'Invalid principal in policy: "AWS":"someone"'),
        (
            without(TRUST, Principal={"AWS": "arn:aws:iam::123456789012:role/*"}),
            'Invalid principal in policy: "AWS":"arn:aws:iam::123456789012:role/*"',
        ),
        (
            without(TRUST, Principal={"Federated": "cognito-identity.amazonaws.com"}),
            "A condition block must be present for the Cognito provider",
        ),
        (without(TRUST, Principal={"User": "x"}), "Syntax errors in policy."),
        (without(TRUST, Principal="ann"), "Syntax errors in policy."),
        (without(TRUST, Principal={}), "Syntax errors in policy."),
    ],
)
def test_trust_policies(statement: dict[str, Any], expected: str) -> None:
    assert reason(document(statement), "trust").startswith(expected)


def test_policies_that_are_taken() -> None:
    statements = [
        GOOD,
        {"Sid": "All", "Effect": "Deny", "NotAction": ["iam:*", "sts:*"], "NotResource": ["arn:aws:s3:::a/*"]},
        without(GOOD, Resource="arn:aws:s3:us-east-1:123456789012:accesspoint/ap"),
        without(GOOD, Resource=["arn:aws:iam::*:role/x", "arn:aws:iam::aws:policy/Y", "arn:*:sqs:*:*:q"]),
        without(GOOD, Resource="arn:aws:dynamodb:${aws:RequestedRegion}:1:table/${aws:PrincipalTag/a:b}"),
        without(GOOD, Condition={"Bool": {"aws:SecureTransport": False}, "NumericLessThan": {"s3:max-keys": 10}}),
        without(GOOD, Condition={"ForAnyValue:StringLikeIfExists": {"aws:TagKeys": ["a", "b*"]}}),
        without(GOOD, Action="*"),
    ]
    assert len(parse_policy(json.dumps(document(*statements, Id="x")), "managed").statements) == len(statements)
    assert len(parse_policy({"Version": "2012-10-17", "Statement": TRUST}, "trust").statements) == 1


def test_policies_on_resources_are_freer() -> None:
    statement = {"Sid": "with spaces", "Effect": "Allow", "Principal": "*", "Action": "sqs:*", "Resource": "anything"}
    assert parse_policy(document(statement), "resource").statements[0].sid == "with spaces"
    assert reason(document(without(statement, "Principal")), "resource") == "Missing required field Principal"


def test_statements_are_found_by_action_in_any_case() -> None:
    policy = parse_policy(
        document(without(GOOD, Sid="a", Action=["s3:Get*", "SQS:SendMessag?"]), without(GOOD, Sid="b", Action="*"))
    )
    assert [one.sid for one in policy.statements_on("s3:getobject")] == ["a", "b"]
    assert [one.sid for one in policy.statements_on("sqs:sendmessage")] == ["a", "b"]
    assert [one.sid for one in policy.statements_on("s3:putobject")] == ["b"]
