"""Who is believed: known keys by their signatures, unknown ones by an open node, a function as itself."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from tests.running_node import RunningNode, running_node
from wakeful.fabric.service import Principal
from wakeful.gateway.authenticate import Authenticator
from wakeful.node import CannotStart
from wakeful.services import iam as iam_service
from wakeful.wire.detect import Catalogue
from wakeful.wire.errors import AwsError
from wakeful.wire.message import HttpRequest

ACCOUNT = "000000000000"
OTHER = "123456789012"


def refusal(call: Any, **request: Any) -> tuple[str, str, int]:
    with pytest.raises(ClientError) as refused:
        call(**request)
    answer = refused.value.response
    return answer["Error"]["Code"], answer["Error"]["Message"], answer["ResponseMetadata"]["HTTPStatusCode"]


def root_key(node: RunningNode, account: str = ACCOUNT) -> dict[str, str]:
    key = node.run(node.node.store.write(iam_service.make_root_key, account))
    return {"key": key.id, "secret": key.secret}


def ann(node: RunningNode, **own: str) -> dict[str, str]:
    iam = node.client("iam", **own)
    iam.create_user(UserName="ann")
    key = iam.create_access_key(UserName="ann")["AccessKey"]
    return {"key": key["AccessKeyId"], "secret": key["SecretAccessKey"]}


# --- open nodes ---


def test_an_open_node_takes_any_key_as_the_root_of_the_account_it_names(node: RunningNode) -> None:
    for key, account in (("test", ACCOUNT), (OTHER, OTHER), ("AKIAIOSFODNN7EXAMPLE", ACCOUNT)):
        identity = node.client("sts", key=key, secret="anything").get_caller_identity()
        assert (identity["Account"], identity["Arn"]) == (account, f"arn:aws:iam::{account}:root")
    foreign = node.client("sts", key="ASIAIOSFODNN7EXAMPLE", aws_session_token="from elsewhere")
    assert foreign.get_caller_identity()["Account"] == ACCOUNT


def test_a_known_key_is_verified_even_by_an_open_node(node: RunningNode) -> None:
    known = ann(node)
    assert node.client("sts", **known).get_caller_identity()["Arn"].endswith(":user/ann")
    forged = {**known, "secret": "wrong"}
    assert refusal(node.client("sts", **forged).get_caller_identity)[0] == "SignatureDoesNotMatch"
    assert refusal(node.client("sqs", **forged).list_queues)[0] == "InvalidSignatureException"
    assert refusal(node.client("s3", **forged).list_buckets)[0] == "SignatureDoesNotMatch"


def test_a_switched_off_or_deleted_key_is_not_taken_for_an_unknown_one_of_an_open_node(node: RunningNode) -> None:
    known = ann(node)
    iam = node.client("iam")
    sts = node.client("sts", **known)
    sts.get_caller_identity()
    iam.update_access_key(UserName="ann", AccessKeyId=known["key"], Status="Inactive")
    assert refusal(sts.get_caller_identity) == (
        "InvalidClientTokenId",
        "The security token included in the request is invalid.",
        403,
    )
    iam.update_access_key(UserName="ann", AccessKeyId=known["key"], Status="Active")
    assert sts.get_caller_identity()["Arn"].endswith(":user/ann")
    iam.update_user(UserName="ann", NewUserName="anna")
    assert sts.get_caller_identity()["Arn"].endswith(":user/anna")


def test_whoever_signs_nothing_is_nobody(node: RunningNode) -> None:
    form = b"Action=ListUsers&Version=2010-05-08"
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(node.endpoint, form, timeout=10)
    with refused.value as error:
        assert (error.code, b"MissingAuthenticationToken" in error.read()) == (403, True)


def test_a_presigned_url_ends_even_where_its_key_is_unknown(node: RunningNode) -> None:
    s3 = node.client("s3")
    s3.create_bucket(Bucket="bucket")
    s3.put_object(Bucket="bucket", Key="k", Body=b"hello")
    good = s3.generate_presigned_url("get_object", Params={"Bucket": "bucket", "Key": "k"}, ExpiresIn=60)
    with urllib.request.urlopen(good, timeout=10) as answer:
        assert answer.read() == b"hello"
    old = (
        f"{node.endpoint}/bucket/k?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Date=20200101T000000Z&X-Amz-Expires=60"
        "&X-Amz-Credential=test%2F20200101%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-SignedHeaders=host&X-Amz-Signature=0"
    )
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(old, timeout=10)
    with refused.value as error:
        assert (error.code, b"Request has expired" in error.read()) == (403, True)


# --- closed nodes ---


def test_a_root_key_closes_the_node_to_keys_it_does_not_know(node: RunningNode) -> None:
    key = root_key(node)
    assert node.client("sts", **key).get_caller_identity()["Arn"] == f"arn:aws:iam::{ACCOUNT}:root"
    for service, operation, code in (
        ("sts", "get_caller_identity", "InvalidClientTokenId"),
        ("sqs", "list_queues", "UnrecognizedClientException"),
        ("lambda", "list_functions", "UnrecognizedClientException"),
        ("s3", "list_buckets", "InvalidAccessKeyId"),
    ):
        for unknown in ("test", OTHER):
            assert refusal(getattr(node.client(service, key=unknown), operation))[0] == code
    foreign = node.client("sts", key="ASIAIOSFODNN7EXAMPLE", aws_session_token="from elsewhere")
    assert refusal(foreign.get_caller_identity)[0] == "InvalidClientTokenId"


def test_bodies_are_verified_with_the_signature(node: RunningNode) -> None:
    key = root_key(node)
    s3 = node.client("s3", **key)
    s3.create_bucket(Bucket="bucket")
    large = b"x" * 1_000_000
    s3.put_object(Bucket="bucket", Key="k", Body=large)
    assert s3.get_object(Bucket="bucket", Key="k")["Body"].read() == large
    sqs = node.client("sqs", **key)
    url = sqs.create_queue(QueueName="q")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="x" * 500_000)

    request = AWSRequest(
        "POST",
        node.endpoint,
        {"X-Amz-Target": "AmazonSQS.ListQueues", "Content-Type": "application/x-amz-json-1.0"},
        data=b"{}",
    )
    SigV4Auth(Credentials(key["key"], key["secret"]), "sqs", "us-east-1").add_auth(request)
    for body, status in ((b"{}", 200), (b'{"QueueNamePrefix": "x"}', 400)):
        sent = urllib.request.Request(node.endpoint, body, dict(request.headers.items()))
        try:
            with urllib.request.urlopen(sent, timeout=10) as answer:
                assert answer.status == status
        except urllib.error.HTTPError as error:
            with error:
                assert error.code == status
                assert b"InvalidSignatureException" in error.read()


def test_older_signatures_of_s3_are_verified_wherever_the_bucket_stands(node: RunningNode) -> None:
    key = root_key(node)
    node.client("s3", **key).create_bucket(Bucket="bucket")
    older = {"signature_version": "s3", "s3": {"addressing_style": "path"}}
    s3 = node.client("s3", **key, config=older)
    s3.put_object(Bucket="bucket", Key="k", Body=b"x")
    link = s3.generate_presigned_url("get_object", Params={"Bucket": "bucket", "Key": "k"})
    assert "AWSAccessKeyId=" in link
    port = node.endpoint.rsplit(":", 1)[1]
    virtual = link.replace("/bucket/k", "/k")
    for address, host in ((link, f"127.0.0.1:{port}"), (virtual, f"bucket.localhost:{port}")):
        with urllib.request.urlopen(urllib.request.Request(address, headers={"Host": host}), timeout=10) as answer:
            assert answer.read() == b"x"
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(link.replace("Expires=", "Expires=1"), timeout=10)
    with refused.value as error:
        assert (error.code, b"SignatureDoesNotMatch" in error.read()) == (403, True)


def test_a_key_made_for_one_service_does_not_open_another(node: RunningNode) -> None:
    """A signature says which service it is for."""
    key = root_key(node)
    request = AWSRequest(
        "POST",
        node.endpoint,
        {"X-Amz-Target": "AmazonSQS.ListQueues", "Content-Type": "application/x-amz-json-1.0"},
        data=b"{}",
    )
    SigV4Auth(Credentials(key["key"], key["secret"]), "lambda", "us-east-1").add_auth(request)
    sent = urllib.request.Request(node.endpoint, b"{}", dict(request.headers.items()))
    with pytest.raises(urllib.error.HTTPError) as refused, urllib.request.urlopen(sent, timeout=10):
        pass
    with refused.value as error:
        assert error.code == 400
        assert b"InvalidSignatureException" in error.read()


def test_a_node_that_others_can_reach_does_not_start_without_a_root_key(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match="wakeful keys create"), running_node(tmp_path, host="0.0.0.0"):
        pass


@pytest.fixture
def reachable(tmp_path: Path) -> Iterator[tuple[RunningNode, dict[str, str]]]:
    with running_node(tmp_path) as node:
        key = root_key(node)
    with running_node(tmp_path, host="0.0.0.0") as node:
        node.endpoint = node.endpoint.replace("0.0.0.0", "127.0.0.1")
        yield node, key


def test_a_node_that_others_can_reach_enforces_and_is_administered_by_roots_only(
    reachable: tuple[RunningNode, dict[str, str]],
) -> None:
    node, key = reachable
    assert refusal(node.client("sts").get_caller_identity)[0] == "InvalidClientTokenId"
    user = ann(node, **key)
    code, message, _ = refusal(node.client("iam", **user).list_users)
    assert code == "AccessDenied"
    assert message == (
        f"User: arn:aws:iam::{ACCOUNT}:user/ann is not authorized to perform: iam:ListUsers on resource:"
        f" arn:aws:iam::{ACCOUNT}:user/ because no identity-based policy allows the iam:ListUsers action"
    )
    address = f"{node.endpoint}/_wakeful/health"
    for who, status in ((None, 403), (user, 403), ({**key, "secret": "wrong"}, 403), (key, 200)):
        headers: dict[str, str] = {}
        if who is not None:
            request = AWSRequest("GET", address)
            SigV4Auth(Credentials(who["key"], who["secret"]), "wakeful", "us-east-1").add_auth(request)
            headers = dict(request.headers.items())
        try:
            with urllib.request.urlopen(urllib.request.Request(address, headers=headers), timeout=10) as answer:
                assert answer.status == status
        except urllib.error.HTTPError as error:
            with error:
                assert error.code == status


# --- out of a sandbox ---


@dataclass
class Inside:
    """A function that sends requests."""

    principal: Principal


FUNCTION = Inside(
    Principal("role", f"arn:aws:sts::{ACCOUNT}:assumed-role/r/f", ACCOUNT, "AROAX:f", f"arn:aws:iam::{ACCOUNT}:role/r")
)


def asked(node: RunningNode, key: str, *, service: str = "sqs", authorization: bool = True) -> Any:
    """Who the node thinks asks, when this comes out of a sandbox."""
    scope = f"Credential={key}/20260101/eu-west-1/{service}/aws4_request, SignedHeaders=host, Signature=0"
    headers = {"host": "x", "x-amz-date": "20260101T000000Z"}
    if authorization:
        headers["authorization"] = f"AWS4-HMAC-SHA256 {scope}"
    if service == "sqs":
        headers |= {"x-amz-target": "AmazonSQS.ListQueues", "content-type": "application/x-amz-json-1.0"}
    http = HttpRequest(*(("POST", "/") if service == "sqs" else ("GET", "/bucket/k")), "", headers, b"{}")
    target = Catalogue(("sqs", "s3")).identify(http)
    assert target.operation is not None
    return node.run(Authenticator(node.node).admit(http, None, target, FUNCTION))


def test_out_of_a_sandbox_an_unknown_key_is_the_function_and_never_more(node: RunningNode) -> None:
    for key in ("test", OTHER, "AKIAIOSFODNN7EXAMPLE"):
        identity = asked(node, key)
        assert (identity.principal, identity.region) == (FUNCTION.principal, "eu-west-1")
    root_key(node)
    assert asked(node, "test").principal == FUNCTION.principal, "a closed node, too"


def test_out_of_a_sandbox_known_keys_are_verified_and_nobody_is_nobody(node: RunningNode) -> None:
    known = ann(node)
    with pytest.raises(AwsError) as refused:
        asked(node, known["key"])
    assert refused.value.shape_name in ("SignatureDoesNotMatch", "SignatureExpired")
    with pytest.raises(AwsError) as refused:
        asked(node, "", authorization=False)
    assert refused.value.shape_name == "MissingAuthenticationToken"
    assert asked(node, "", service="s3", authorization=False).principal.kind == "anonymous"
