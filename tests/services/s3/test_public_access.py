"""What is public, and what is left of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.services.s3.nouns import ACCOUNT
from wakeful.fabric.policy import Principal, Request, evaluate, parse_policy
from wakeful.services.s3 import public_access


def policy(*statements: dict[str, Any]) -> str:
    start = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [{**start, **each} for each in statements]})


@pytest.mark.parametrize(
    "statement",
    [
        {},
        {"Principal": {"AWS": "*"}},
        {"Principal": {"AWS": ["arn:aws:iam::111122223333:root", "*"]}},
        {"Condition": {"StringLike": {"aws:SourceVpc": "vpc-*"}}},
        {"Condition": {"StringEquals": {"aws:SourceAccount": "${aws:PrincipalAccount}"}}},
        {"Condition": {"IpAddress": {"aws:SourceIp": "0.0.0.0/0"}}},
        {"Condition": {"IpAddress": {"aws:SourceIp": ["192.0.2.0/24", "0.0.0.0/1"]}}},
        {"Condition": {"StringEquals": {"aws:UserAgent": "mine"}}},
        {"Condition": {"StringNotEquals": {"aws:SourceVpc": "vpc-1"}}},
        {"Condition": {"Bool": {"aws:SecureTransport": "true"}}},
    ],
)
def test_a_policy_is_public_unless_it_names_somebody(statement: dict[str, Any]) -> None:
    assert public_access.is_public(policy(statement))


@pytest.mark.parametrize(
    "statement",
    [
        {"Effect": "Deny"},
        {"Principal": {"AWS": "arn:aws:iam::111122223333:role/r"}},
        {"Principal": {"Service": "logging.s3.amazonaws.com"}},
        {"Condition": {"StringEquals": {"aws:SourceVpc": "vpc-1"}}},
        {"Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}},
        {"Condition": {"ArnLike": {"AWS:SourceArn": "arn:aws:sns:us-east-1:1:t"}}},
        {"Condition": {"IpAddress": {"aws:SourceIp": ["192.0.2.0/24", "10.0.0.0/8", "2001:db8::/32"]}}},
    ],
)
def test_a_policy_that_names_everybody_it_lets_in_is_not_public(statement: dict[str, Any]) -> None:
    assert not public_access.is_public(policy(statement))


def test_one_open_statement_makes_the_policy_public() -> None:
    named = {"Principal": {"AWS": "arn:aws:iam::111122223333:root"}}
    assert public_access.is_public(policy(named, {}))
    not_principal = json.loads(policy(named))
    not_principal["Statement"][0]["NotPrincipal"] = not_principal["Statement"][0].pop("Principal")
    assert public_access.is_public(json.dumps(not_principal))


def principal(account: str) -> Principal:
    return Principal("User", f"arn:aws:iam::{account}:user/u", account)


def decision(text: str, asker: Principal, **context: str) -> str:
    request = Request(asker, "s3:GetObject", "arn:aws:s3:::b/k", context, ACCOUNT)
    allowing = json.dumps(
        {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}}
    )
    identity = (parse_policy(allowing),) if asker.kind == "User" else ()
    return evaluate(request, identity=identity, resource=parse_policy(text, "resource")).effect


def test_a_restricted_policy_lets_in_the_account_and_nobody_from_outside() -> None:
    text = policy(
        {"Sid": "open", "Condition": {"StringEquals": {"aws:UserAgent": "mine"}}},
        {"Effect": "Deny", "Resource": "arn:aws:s3:::b/secret"},
    )
    kept = public_access.restricted(text, ACCOUNT)
    stranger = principal("999999999999")
    assert decision(text, stranger, **{"aws:UserAgent": "mine"}) == "allowed"
    assert decision(kept, stranger, **{"aws:UserAgent": "mine"}) == "implicitDeny"
    own = principal(ACCOUNT)
    assert decision(kept, own, **{"aws:UserAgent": "mine"}) == "allowed"
    effects = [statement["Effect"] for statement in json.loads(kept)["Statement"]]
    assert effects == ["Allow", "Allow", "Deny"]


def test_a_condition_that_stands_on_the_same_key_still_holds() -> None:
    text = policy({"Condition": {"StringEquals": {"aws:PrincipalAccount": "999999999999"}}, "Principal": "*"})
    kept = public_access.restricted(text, ACCOUNT)
    assert decision(kept, principal("999999999999")) == "implicitDeny"
