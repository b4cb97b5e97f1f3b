"""STS: who is asking, and sessions that need no row."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.running_node import RunningNode, running_node
from tests.services.iam.test_policy_operations import allowing
from tests.services.iam.test_role_operations import trust
from wakeful import names

ACCOUNT = "000000000000"
MADE_UP = f"arn:aws:iam::{ACCOUNT}:role/service-role/made-up"


@pytest.fixture
def iam(node: RunningNode) -> Any:
    return node.client("iam")


@pytest.fixture
def role(iam: Any) -> str:
    return str(iam.create_role(RoleName="r", Path="/x/", AssumeRolePolicyDocument=trust({"AWS": "*"}))["Role"]["Arn"])


def refusal(call: Any, **request: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as refused:
        call(**request)
    error = refused.value.response["Error"]
    return error["Code"], error["Message"]


def client(node: RunningNode, credentials: Any, service: str = "sts") -> Any:
    return node.client(
        service,
        key=credentials["AccessKeyId"],
        secret=credentials["SecretAccessKey"],
        aws_session_token=credentials.get("SessionToken"),
    )


def user(node: RunningNode, iam: Any, name: str = "ann") -> Any:
    iam.create_user(UserName=name)
    return client(node, iam.create_access_key(UserName=name)["AccessKey"])


def test_everybody_may_know_who_they_are(node: RunningNode, iam: Any, role: str) -> None:
    assert node.client("sts").get_caller_identity()["Arn"] == f"arn:aws:iam::{ACCOUNT}:root"
    assert node.client("sts", key="123456789012").get_caller_identity()["Account"] == "123456789012"
    ann = user(node, iam)
    identity = ann.get_caller_identity()
    assert identity["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/ann"
    assert identity["UserId"] == iam.get_user(UserName="ann")["User"]["UserId"]
    session = ann.assume_role(RoleArn=role, RoleSessionName="s1")
    identity = client(node, session["Credentials"]).get_caller_identity()
    assert identity["Arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/r/s1"
    role_id = iam.get_role(RoleName="r")["Role"]["RoleId"]
    assert identity["UserId"] == f"{role_id}:s1"
    assert session["AssumedRoleUser"] == {"AssumedRoleId": f"{role_id}:s1", "Arn": identity["Arn"]}


def test_a_key_tells_its_account(node: RunningNode, iam: Any, role: str) -> None:
    sts = node.client("sts")
    session = sts.assume_role(RoleArn=role, RoleSessionName="s1")["Credentials"]
    other = names.new_access_key_id("123456789012")
    for key, account in ((session["AccessKeyId"], ACCOUNT), (other, "123456789012")):
        assert sts.get_access_key_info(AccessKeyId=key)["Account"] == account
    assert session["AccessKeyId"].startswith("ASIA")
    assert refusal(sts.get_access_key_info, AccessKeyId="nonsense-nonsense".replace("-", "x"))[0] == "ValidationError"


def test_a_session_lasts_as_long_as_it_was_asked_for_and_as_its_role_lets_it(
    node: RunningNode, iam: Any, role: str
) -> None:
    ann = user(node, iam)
    now = node.node.clock.now()
    issued = ann.assume_role(RoleArn=role, RoleSessionName="s1")["Credentials"]
    assert 3590 < issued["Expiration"].timestamp() - now < 3610
    exceeds = "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
    longer = {"RoleArn": role, "RoleSessionName": "s1", "DurationSeconds": 7200}
    assert refusal(ann.assume_role, **longer) == ("ValidationError", exceeds)
    iam.update_role(RoleName="r", MaxSessionDuration=7200)
    longer_session = ann.assume_role(**longer)["Credentials"]
    chained = client(node, longer_session)
    assert refusal(chained.assume_role, **longer) == (
        "ValidationError",
        "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.",
    )
    chained.assume_role(RoleArn=role, RoleSessionName="s2")
    node.advance(3700)
    assert client(node, longer_session).get_caller_identity()["Arn"].endswith("/s1")
    assert refusal(client(node, issued).get_caller_identity) == (
        "ExpiredToken",
        "The security token included in the request is expired",
    )
    assert refusal(client(node, issued, "sqs").list_queues)[0] == "ExpiredTokenException"
    assert refusal(client(node, issued, "s3").list_buckets) == ("ExpiredToken", "The provided token has expired.")


def test_a_session_outlives_the_node(tmp_path: Path) -> None:
    with running_node(tmp_path) as node:
        iam = node.client("iam")
        arn = iam.create_role(RoleName="r", AssumeRolePolicyDocument=trust())["Role"]["Arn"]
        issued = node.client("sts").assume_role(RoleArn=arn, RoleSessionName="s1")["Credentials"]
    with running_node(tmp_path) as node:
        assert client(node, issued).get_caller_identity()["Arn"].endswith("assumed-role/r/s1")


def test_a_session_token_is_worth_nothing_to_who_tampers_with_it(node: RunningNode, role: str) -> None:
    sts = node.client("sts")
    one, other = (sts.assume_role(RoleArn=role, RoleSessionName="s1")["Credentials"] for _ in range(2))
    mixed = {**one, "SessionToken": other["SessionToken"]}
    assert refusal(client(node, mixed).get_caller_identity)[0] == "InvalidClientTokenId"
    assert refusal(client(node, mixed, "s3").list_buckets)[0] == "InvalidToken"
    assert refusal(client(node, mixed, "sqs").list_queues)[0] == "UnrecognizedClientException"
    wrong = {**one, "SecretAccessKey": other["SecretAccessKey"]}
    assert refusal(client(node, wrong).get_caller_identity)[0] == "SignatureDoesNotMatch"


def test_a_user_may_have_a_session_of_its_own(node: RunningNode, iam: Any, role: str) -> None:
    ann = user(node, iam)
    issued = ann.get_session_token()["Credentials"]
    assert 43_000 < issued["Expiration"].timestamp() - node.node.clock.now() < 43_300
    session = client(node, issued)
    assert session.get_caller_identity()["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/ann"
    assert refusal(session.get_session_token) == (
        "AccessDenied",
        "Cannot call GetSessionToken with session credentials",
    )
    of_root = node.client("sts").get_session_token(DurationSeconds=7200)["Credentials"]
    assert of_root["Expiration"].timestamp() - node.node.clock.now() < 3610


def test_a_role_that_there_is_not_gives_a_session_and_a_warning_where_rights_are_only_watched(
    node: RunningNode, caplog: pytest.LogCaptureFixture
) -> None:
    sts = node.client("sts")
    with caplog.at_level(logging.WARNING):
        sessions = [sts.assume_role(RoleArn=MADE_UP, RoleSessionName=f"s{number}") for number in range(3)]
    told = [record.getMessage() for record in caplog.records if "does not exist" in record.getMessage()]
    assert len(told) == 1
    assert MADE_UP in told[0]
    arn = client(node, sessions[0]["Credentials"]).get_caller_identity()["Arn"]
    assert arn == f"arn:aws:sts::{ACCOUNT}:assumed-role/made-up/s0"
    assert refusal(sts.assume_role, RoleArn=f"arn:aws:iam::{ACCOUNT}:user/ann", RoleSessionName="s1") == (
        "ValidationError",
        f"arn:aws:iam::{ACCOUNT}:user/ann is invalid",
    )


def test_session_policies_and_tags_take_room_that_is_told(node: RunningNode, iam: Any, role: str) -> None:
    sts = node.client("sts")
    asked: dict[str, Any] = {"RoleArn": role, "RoleSessionName": "s1"}
    answer = sts.assume_role(
        **asked,
        Policy=allowing("sqs:*"),
        PolicyArns=[{"arn": "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"}],
        Tags=[{"Key": "team", "Value": "blue"}],
        SourceIdentity="ann",
    )
    assert 0 < answer["PackedPolicySize"] < 50
    assert answer["SourceIdentity"] == "ann"
    assert refusal(sts.assume_role, **asked, Policy="{")[0] == "MalformedPolicyDocument"
    assert refusal(sts.assume_role, **asked, PolicyArns=[{"arn": f"arn:aws:iam::{ACCOUNT}:policy/none"}])[0] == (
        "NoSuchEntity"
    )
    noise = "".join(names.new_token(64) for _ in range(14))
    large = allowing(resource=f"arn:aws:s3:::{noise}")
    tags = [{"Key": names.new_token(60), "Value": names.new_token(100)} for _ in range(20)]
    assert refusal(sts.assume_role, **asked, Policy=large, Tags=tags)[0] == "PackedPolicyTooLarge"


def test_transitive_tags_and_the_source_identity_go_from_session_to_session(
    node: RunningNode, iam: Any, role: str
) -> None:
    asked: dict[str, Any] = {"RoleArn": role, "RoleSessionName": "s1"}
    team = [{"Key": "team", "Value": "blue"}, {"Key": "own", "Value": "1"}]
    first = node.client("sts").assume_role(**asked, Tags=team, TransitiveTagKeys=["team"], SourceIdentity="ann")
    chained = client(node, first["Credentials"])
    assert chained.assume_role(**asked)["SourceIdentity"] == "ann"
    assert refusal(chained.assume_role, **asked, SourceIdentity="bob")[0] == "AccessDenied"
    code, message = refusal(chained.assume_role, **asked, Tags=[{"Key": "Team", "Value": "red"}])
    assert code == "InvalidParameterValue"
    assert "conflicts with a transitive tag key" in message
    sts = node.client("sts")
    twice = [{"Key": "a", "Value": "1"}, {"Key": "A", "Value": "2"}]
    assert refusal(sts.assume_role, **asked, Tags=twice)[0] == "InvalidParameterValue"
    assert refusal(sts.assume_role, **asked, Tags=team, TransitiveTagKeys=["x"])[0] == "InvalidParameterValue"


@pytest.mark.parametrize(
    "more",
    [
        {"SerialNumber": f"arn:aws:iam::{ACCOUNT}:mfa/ann", "TokenCode": "123456"},
        {"ProvidedContexts": [{"ProviderArn": f"arn:aws:iam::{ACCOUNT}:x/y", "ContextAssertion": "abcd"}]},
    ],
)
def test_what_there_is_not_yet_is_refused_by_name(node: RunningNode, role: str, more: dict[str, Any]) -> None:
    code, message = refusal(node.client("sts").assume_role, RoleArn=role, RoleSessionName="s1", **more)
    assert code == "NotImplemented"
    assert next(iter(more)) in message


def test_no_transaction_is_needed_to_begin_a_session(node: RunningNode, role: str) -> None:
    sts = node.client("sts")
    sts.assume_role(RoleArn=role, RoleSessionName="s1")
    before = node.node.store.commit_count  # type: ignore[attr-defined]
    issued = sts.assume_role(RoleArn=role, RoleSessionName="s2")["Credentials"]
    client(node, issued).get_caller_identity()
    assert node.node.store.commit_count == before  # type: ignore[attr-defined]
    assert json.loads(json.dumps(issued, default=str))["SessionToken"].startswith("WKS1")
