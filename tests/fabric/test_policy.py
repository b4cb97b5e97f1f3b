"""Who may do what: the order of evaluation, accounts and principals, and what the caller is told."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wakeful.fabric.policy import (
    Decision,
    Policy,
    Principal,
    Request,
    denial_message,
    evaluate,
    parse_policy,
)

MINE, OTHERS = "111111111111", "222222222222"
QUEUE = f"arn:aws:sqs:us-east-1:{MINE}:q"
USER = Principal("User", f"arn:aws:iam::{MINE}:user/ann", MINE, user_id="AIDAANN", name="ann", tags={"Team": "blue"})
ROLE_ARN = f"arn:aws:iam::{MINE}:role/thumb"
SESSION = Principal(
    "AssumedRole", f"arn:aws:sts::{MINE}:assumed-role/thumb/s1", MINE, role_arn=ROLE_ARN, user_id="AROATHUMB:s1"
)
ROOT = Principal("Account", f"arn:aws:iam::{MINE}:root", MINE)
SNS = Principal("Service", "sns.amazonaws.com")
ANYBODY = Principal("Anonymous", "anonymous")
STRANGER = Principal("User", f"arn:aws:iam::{OTHERS}:user/eve", OTHERS)


def identity(effect: str = "Allow", action: str = "sqs:*", resource: str = "*", **others: Any) -> Policy:
    statement = {"Effect": effect, "Action": action, "Resource": resource, **others}
    return parse_policy({"Version": "2012-10-17", "Statement": statement})


def on_queue(principal: Any, effect: str = "Allow", action: str = "sqs:*", **others: Any) -> Policy:
    statement = {"Effect": effect, "Principal": principal, "Action": action, "Resource": QUEUE, **others}
    return parse_policy({"Version": "2012-10-17", "Statement": statement}, "resource")


def send(principal: Principal, *policies: Policy, action: str = "sqs:SendMessage", **others: Any) -> Decision:
    context = others.pop("context", {})
    return evaluate(Request(principal, action, QUEUE, context), policies, **others)


def test_nothing_is_allowed_by_default() -> None:
    decision = send(USER)
    assert (decision.effect, decision.source, decision.statement) == ("implicitDeny", "identity-based policy", None)
    assert send(USER, identity(action="s3:*")).effect == "implicitDeny"
    assert send(USER, identity(resource="arn:aws:sqs:*:*:other")).effect == "implicitDeny"


def test_an_identity_based_policy_allows() -> None:
    decision = send(USER, identity(action="s3:*"), identity(Sid="Queues"))
    assert decision.is_allowed
    assert decision.statement is not None
    assert (decision.source, decision.statement.sid) == ("identity-based policy", "Queues")


def test_a_denial_anywhere_ends_it() -> None:
    no = {"Effect": "Deny", "Action": "sqs:SendMessage", "Resource": "*", "Sid": "No"}
    deny = parse_policy({"Version": "2012-10-17", "Statement": no})
    allow, allowed = identity(), on_queue({"AWS": USER.arn})
    found = {
        "identity-based policy": send(USER, allow, deny, resource=allowed),
        "resource-based policy": send(USER, allow, resource=on_queue("*", "Deny")),
        "permissions boundary": send(USER, allow, resource=allowed, boundary=deny),
        "session policy": send(SESSION, allow, session=[allow, deny]),
    }
    for source, decision in found.items():
        assert (decision.effect, decision.source) == ("explicitDeny", source)


def test_a_boundary_and_session_policies_limit_identities() -> None:
    assert send(USER, identity(), boundary=identity()).is_allowed
    assert send(USER, identity(), boundary=identity(action="s3:*")).source == "permissions boundary"
    assert send(SESSION, identity(), session=[identity(action="s3:*")]).source == "session policy"
    assert send(SESSION, identity(), session=[]).effect == "implicitDeny"
    assert send(SESSION, identity(), session=[identity(action="s3:*"), identity()]).is_allowed


@pytest.mark.parametrize(
    ("principal", "named", "needs_identity", "is_limited"),
    [
        (USER, {"AWS": USER.arn}, False, False),
        (USER, {"AWS": "*"}, False, False),
        (USER, {"AWS": MINE}, True, True),
        (USER, {"AWS": f"arn:aws:iam::{MINE}:root"}, True, True),
        (SESSION, {"AWS": SESSION.arn}, False, False),
        (SESSION, {"AWS": ROLE_ARN}, False, True),
        (SESSION, {"AWS": "*"}, False, True),
        (SESSION, {"AWS": MINE}, True, True),
    ],
)
def test_how_a_resource_names_a_principal_of_its_account(
    principal: Principal, named: Any, needs_identity: bool, is_limited: bool
) -> None:
    resource = on_queue(named)
    assert send(principal, resource=resource).is_allowed != needs_identity
    assert send(principal, identity(), resource=resource).is_allowed
    elsewhere = identity(action="s3:*")
    limited = send(principal, identity(), resource=resource, boundary=elsewhere)
    assert limited.is_allowed != is_limited
    assert send(principal, identity(), resource=resource, session=[elsewhere]).is_allowed != is_limited


def test_other_principals_are_not_meant() -> None:
    for named in ({"AWS": f"arn:aws:iam::{MINE}:user/bob"}, {"AWS": OTHERS}, {"Service": "s3.amazonaws.com"}):
        assert not send(USER, resource=on_queue(named)).is_allowed
        assert not send(SESSION, resource=on_queue(named)).is_allowed
        assert not send(SNS, resource=on_queue(named)).is_allowed


def test_across_accounts_both_must_allow() -> None:
    for named in ({"AWS": OTHERS}, {"AWS": STRANGER.arn}, "*"):
        assert send(STRANGER, identity(), resource=on_queue(named)).is_allowed
        assert send(STRANGER, resource=on_queue(named)).source == "identity-based policy"
    assert send(STRANGER, identity()).source == "resource-based policy"
    assert not send(STRANGER, identity(), resource=on_queue({"AWS": MINE})).is_allowed


def test_the_owner_of_what_has_no_account_in_its_arn_is_told() -> None:
    key = "arn:aws:s3:::pics/a.jpg"
    allow = identity(action="s3:*")
    assert evaluate(Request(USER, "s3:GetObject", key, resource_account=MINE), [allow]).is_allowed
    assert not evaluate(Request(USER, "s3:GetObject", key, resource_account=OTHERS), [allow]).is_allowed
    assert evaluate(Request(USER, "iam:GetPolicy", "arn:aws:iam::aws:policy/X"), [identity(action="iam:*")]).is_allowed


def test_services_and_anybody_need_the_resource_policy() -> None:
    assert not send(SNS).is_allowed
    assert send(SNS, resource=on_queue({"Service": "sns.amazonaws.com"})).is_allowed
    assert send(SNS, resource=on_queue("*")).is_allowed
    assert not send(ANYBODY, resource=on_queue({"AWS": MINE})).is_allowed
    assert send(ANYBODY, resource=on_queue("*")).is_allowed


def test_a_service_speaks_for_a_source() -> None:
    topic = f"arn:aws:sns:us-east-1:{MINE}:t"
    policy = on_queue({"Service": "sns.amazonaws.com"}, Condition={"ArnEquals": {"aws:SourceArn": topic}})
    assert send(SNS, resource=policy, context={"AWS:SourceArn": topic}).is_allowed
    assert not send(SNS, resource=policy, context={"aws:SourceArn": topic + "2"}).is_allowed
    assert not send(SNS, resource=policy).is_allowed


def test_the_root_user_may_do_what_its_account_is_not_denied() -> None:
    assert (send(ROOT).effect, send(ROOT).source) == ("allowed", "account")
    assert send(ROOT, resource=on_queue("*", "Deny")).effect == "explicitDeny"
    other_root = Principal("Account", f"arn:aws:iam::{OTHERS}:root", OTHERS)
    assert not send(other_root).is_allowed
    assert send(other_root, resource=on_queue({"AWS": OTHERS})).is_allowed


def trust(principal: Any, **others: Any) -> Policy:
    statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole", **others}
    return parse_policy({"Version": "2012-10-17", "Statement": statement}, "trust")


def assume(principal: Principal, policy: Policy, *policies: Policy) -> Decision:
    request = Request(principal, "sts:AssumeRole", ROLE_ARN)
    return evaluate(request, policies, policy, is_resource_policy_decisive=True)


def test_a_role_is_assumed_by_those_whom_it_trusts() -> None:
    may_assume = identity(action="sts:AssumeRole")
    assert assume(Principal("Service", "lambda.amazonaws.com"), trust({"Service": "lambda.amazonaws.com"})).is_allowed
    assert assume(USER, trust({"AWS": USER.arn})).is_allowed
    assert not assume(USER, trust({"AWS": MINE})).is_allowed
    assert assume(USER, trust({"AWS": MINE}), may_assume).is_allowed
    assert assume(USER, trust({"AWS": OTHERS}), may_assume).source == "resource-based policy"
    assert assume(STRANGER, trust({"AWS": OTHERS}), may_assume).is_allowed
    provider = Principal("Federated", "accounts.google.com")
    assert assume(provider, trust({"Federated": "accounts.google.com"})).is_allowed
    assert not assume(provider, trust({"Federated": "www.amazon.com"})).is_allowed


def test_all_but_some_are_denied() -> None:
    except_ann = on_queue({"AWS": ["*"]}), {"AWS": [MINE, USER.arn]}
    deny = parse_policy(
        {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Deny", "NotPrincipal": except_ann[1], "Action": "sqs:*", "Resource": "*"}],
        },
        "resource",
    )
    assert send(USER, identity(), resource=deny).is_allowed
    assert send(SESSION, identity(), resource=deny).effect == "explicitDeny"
    assert send(SNS, resource=deny).effect == "explicitDeny"


def test_unique_ids_and_canonical_ids_name_principals() -> None:
    user = Principal("User", USER.arn, MINE, user_id="AIDAANNANNANNANNANNAN")
    session = Principal("AssumedRole", SESSION.arn, MINE, role_arn=ROLE_ARN, user_id="AROATHUMBTHUMBTHUMBTH:s1")
    assert send(user, resource=on_queue({"AWS": "AIDAANNANNANNANNANNAN"})).is_allowed
    assert send(session, resource=on_queue({"AWS": "AROATHUMBTHUMBTHUMBTH"})).is_allowed
    owner = Principal("User", STRANGER.arn, OTHERS, canonical_id="c0ffee")
    assert send(owner, identity(), resource=on_queue({"CanonicalUser": "c0ffee"})).is_allowed


def test_the_principal_brings_context_along() -> None:
    def seen(principal: Principal, operator: str, key: str, value: str) -> bool:
        return send(principal, identity(Condition={operator: {key: value}})).is_allowed

    assert seen(USER, "StringEquals", "aws:username", "ann")
    assert seen(USER, "StringEquals", "aws:PrincipalTag/team", "blue")
    assert seen(USER, "StringEquals", "aws:PrincipalType", "User")
    assert seen(USER, "ArnLike", "aws:PrincipalArn", f"arn:aws:iam::{MINE}:user/*")
    assert seen(SESSION, "ArnEquals", "aws:PrincipalArn", ROLE_ARN)
    assert seen(SESSION, "StringLike", "aws:userid", "*:s1")
    assert seen(SESSION, "Null", "aws:username", "true")
    assert seen(SESSION, "StringEquals", "aws:PrincipalAccount", MINE)
    assert seen(SESSION, "Bool", "aws:PrincipalIsAWSService", "false")


def test_a_variable_binds_a_resource_to_its_user() -> None:
    own = identity(resource=f"arn:aws:sqs:us-east-1:{MINE}:${{aws:username}}-*")
    mine = Request(USER, "sqs:SendMessage", f"arn:aws:sqs:us-east-1:{MINE}:ann-1")
    theirs = Request(USER, "sqs:SendMessage", f"arn:aws:sqs:us-east-1:{MINE}:bob-1")
    assert evaluate(mine, [own]).is_allowed
    assert not evaluate(theirs, [own]).is_allowed


def test_not_action_and_not_resource_mean_all_others() -> None:
    statement = {"Effect": "Allow", "NotAction": "iam:*", "NotResource": "arn:aws:sqs:*:*:secret"}
    policy = parse_policy({"Version": "2012-10-17", "Statement": statement})
    assert send(USER, policy).is_allowed
    assert not send(USER, policy, action="IAM:GetUser").is_allowed
    assert not evaluate(Request(USER, "sqs:SendMessage", f"arn:aws:sqs:us-east-1:{MINE}:secret"), [policy]).is_allowed


def test_an_answer_is_stable_where_no_condition_was_looked_at() -> None:
    conditional = identity(Condition={"Bool": {"aws:SecureTransport": "true"}})
    assert send(USER, identity()).is_stable
    assert send(USER).is_stable
    assert not send(USER, identity(), conditional).is_stable
    assert send(USER, identity(), identity(action="s3:*", Condition={"Null": {"k": "true"}})).is_stable
    other = on_queue({"AWS": OTHERS}, Condition={"Null": {"k": "true"}})
    assert send(USER, identity(), resource=other).is_stable


@pytest.mark.parametrize(
    ("decision", "expected"),
    [
        (send(USER), "because no identity-based policy allows the sqs:SendMessage action"),
        (
            send(USER, identity(), boundary=identity(action="s3:*")),
            "because no permissions boundary allows the sqs:SendMessage action",
        ),
        (
            send(SESSION, identity(), session=[]),
            "because no session policy allows the sqs:SendMessage action",
        ),
        (send(STRANGER, identity()), "because no resource-based policy allows the sqs:SendMessage action"),
        (send(USER, identity("Deny")), "with an explicit deny in an identity-based policy"),
        (send(USER, resource=on_queue("*", "Deny")), "with an explicit deny in a resource-based policy"),
    ],
)
def test_the_caller_is_told_why(decision: Decision, expected: str) -> None:
    request = Request(USER, "sqs:SendMessage", QUEUE)
    assert denial_message(request, decision) == (
        f"User: {USER.arn} is not authorized to perform: sqs:SendMessage on resource: {QUEUE} {expected}"
    )


def test_a_role_that_trusts_nobody_has_a_message_of_its_own() -> None:
    request = Request(USER, "sts:AssumeRole", ROLE_ARN)
    decision = evaluate(request, resource=trust({"AWS": OTHERS}), is_resource_policy_decisive=True)
    assert denial_message(request, decision, "role trust policy").endswith(
        f"sts:AssumeRole on resource: {ROLE_ARN} because no role trust policy allows the sts:AssumeRole action"
    )


# --- by the book ------------------------------------------------------------------------------------------------------

EFFECTS = st.sampled_from(["Allow", "Deny"])
ACTIONS = st.sampled_from(["sqs:*", "sqs:SendMessage", "SQS:send*", "s3:*", "*"])
RESOURCES = st.sampled_from(["*", QUEUE, "arn:aws:sqs:*:*:other"])
IDENTITIES = st.lists(st.tuples(EFFECTS, ACTIONS, RESOURCES), max_size=4)


def means_queue(action: str, resource: str) -> bool:
    return action != "s3:*" and resource != "arn:aws:sqs:*:*:other"


@given(IDENTITIES, IDENTITIES, st.booleans())
def test_the_order_of_evaluation(
    given_: list[tuple[str, str, str]], limits: list[tuple[str, str, str]], has_boundary: bool
) -> None:
    def effects(parts: list[tuple[str, str, str]]) -> set[str]:
        return {effect for effect, action, resource in parts if means_queue(action, resource)}

    policies = [identity(*part) for part in given_]
    allow_nothing = {"Effect": "Allow", "Action": "none:None", "Resource": "*"}
    statements: list[dict[str, Any]] = [
        {"Effect": effect, "Action": action, "Resource": resource} for effect, action, resource in limits
    ]
    boundary = parse_policy({"Version": "2012-10-17", "Statement": [*statements, allow_nothing]})
    found = send(USER, *policies, boundary=boundary if has_boundary else None)
    seen = [effects(given_)] + ([effects(limits)] if has_boundary else [])
    if any("Deny" in one for one in seen):
        assert found.effect == "explicitDeny"
    elif all("Allow" in one for one in seen):
        assert found.effect == "allowed"
    else:
        assert found.effect == "implicitDeny"
