"""The rights that requests need, as the Service Authorization Reference has them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.running_node import RunningNode, running_node
from tests.services.s3.conftest import body, refused
from tests.services.s3.nouns import CALL
from wakeful.services.s3 import rights, service
from wakeful.services.s3.api import api

OBJECT = {"Bucket": "b", "Key": "k/1"}


def needed(operation: str, request: dict[str, Any]) -> list[tuple[str, str]]:
    return [(need.action, need.resource) for need in rights.needs(CALL, operation, request)]


@pytest.mark.parametrize(
    ("operation", "request_", "expected"),
    [
        ("ListBuckets", {}, [("s3:ListAllMyBuckets", "*")]),
        ("HeadBucket", {"Bucket": "b"}, [("s3:ListBucket", "arn:aws:s3:::b")]),
        ("ListObjectsV2", {"Bucket": "b"}, [("s3:ListBucket", "arn:aws:s3:::b")]),
        ("ListObjectVersions", {"Bucket": "b"}, [("s3:ListBucketVersions", "arn:aws:s3:::b")]),
        ("GetBucketCors", {"Bucket": "b"}, [("s3:GetBucketCORS", "arn:aws:s3:::b")]),
        ("GetObject", OBJECT, [("s3:GetObject", "arn:aws:s3:::b/k/1")]),
        ("GetObject", {**OBJECT, "VersionId": "1"}, [("s3:GetObjectVersion", "arn:aws:s3:::b/k/1")]),
        ("GetObjectTagging", {**OBJECT, "VersionId": "1"}, [("s3:GetObjectVersionTagging", "arn:aws:s3:::b/k/1")]),
        ("HeadObject", OBJECT, [("s3:GetObject", "arn:aws:s3:::b/k/1")]),
        ("PutObject", OBJECT, [("s3:PutObject", "arn:aws:s3:::b/k/1")]),
        (
            "PutObject",
            {**OBJECT, "Tagging": "a=1"},
            [("s3:PutObject", "arn:aws:s3:::b/k/1"), ("s3:PutObjectTagging", "arn:aws:s3:::b/k/1")],
        ),
        (
            "CopyObject",
            {**OBJECT, "CopySource": "other/a%20b"},
            [("s3:PutObject", "arn:aws:s3:::b/k/1"), ("s3:GetObject", "arn:aws:s3:::other/a b")],
        ),
        ("CopyObject", {**OBJECT, "CopySource": "nonsense"}, [("s3:PutObject", "arn:aws:s3:::b/k/1")]),
        ("UploadPart", OBJECT, [("s3:PutObject", "arn:aws:s3:::b/k/1")]),
        ("ListParts", OBJECT, [("s3:ListMultipartUploadParts", "arn:aws:s3:::b/k/1")]),
        ("PutObjectTagging", {**OBJECT, "Tagging": {}}, [("s3:PutObjectTagging", "arn:aws:s3:::b/k/1")]),
        ("PutBucketTagging", {"Bucket": "b", "Tagging": {}}, [("s3:PutBucketTagging", "arn:aws:s3:::b")]),
        (
            "GetObjectAttributes",
            OBJECT,
            [("s3:GetObjectAttributes", "arn:aws:s3:::b/k/1"), ("s3:GetObject", "arn:aws:s3:::b/k/1")],
        ),
        ("DeleteObjects", {"Bucket": "b", "Delete": {}}, []),
    ],
)
def test_a_request_needs_these_rights(
    operation: str, request_: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    assert needed(operation, request_) == expected


def test_the_conditions_of_a_listing_are_told() -> None:
    (need,) = rights.needs(CALL, "ListObjectsV2", {"Bucket": "b", "Prefix": "a/", "Delimiter": "/", "MaxKeys": 5})
    assert need.context == {"s3:prefix": "a/", "s3:delimiter": "/", "s3:max-keys": "5"}


# --- enforced --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def strict_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningNode]:
    with running_node(tmp_path_factory.mktemp("strict"), iam="enforce") as started:
        yield started


def user(node: RunningNode, name: str, *statements: dict[str, Any]) -> Any:
    """A client of a new user that may do this and nothing else."""
    iam = node.client("iam")
    iam.create_user(UserName=name)
    document = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **each} for each in statements]})
    iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=document)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return node.client("s3", key=key["AccessKeyId"], secret=key["SecretAccessKey"])


def test_who_may_not_list_does_not_learn_what_is_missing(strict_node: RunningNode) -> None:
    root = strict_node.client("s3")
    root.create_bucket(Bucket="vault")
    root.put_object(Bucket="vault", Key="open/k", Body=b"x")
    reading = {"Action": "s3:GetObject", "Resource": "arn:aws:s3:::vault/open/*"}
    reader = user(strict_node, "reader", reading)
    assert body(reader.get_object(Bucket="vault", Key="open/k")) == b"x"
    for key in ("open/missing", "closed/k"):
        with refused("AccessDenied", status=403):
            reader.get_object(Bucket="vault", Key=key)
    with refused("AccessDenied"):
        reader.put_object(Bucket="vault", Key="open/k", Body=b"y")
    lister = user(strict_node, "lister", reading, {"Action": "s3:ListBucket", "Resource": "arn:aws:s3:::vault"})
    with refused("NoSuchKey", status=404):
        lister.get_object(Bucket="vault", Key="open/missing")


def test_a_copy_needs_both_ends_and_a_deletion_of_many_is_judged_one_by_one(strict_node: RunningNode) -> None:
    root = strict_node.client("s3")
    root.create_bucket(Bucket="shop")
    for key in ("mine/a", "theirs/a"):
        root.put_object(Bucket="shop", Key=key, Body=b"x")
    own = user(strict_node, "own", {"Action": "s3:*Object", "Resource": "arn:aws:s3:::shop/mine/*"})
    own.copy_object(Bucket="shop", Key="mine/b", CopySource="shop/mine/a")
    with refused("AccessDenied", message="s3:GetObject"):
        own.copy_object(Bucket="shop", Key="mine/b", CopySource="shop/theirs/a")
    answer = own.delete_objects(Bucket="shop", Delete={"Objects": [{"Key": "mine/b"}, {"Key": "theirs/a"}]})
    assert answer["Deleted"] == [{"Key": "mine/b"}]
    assert [(error["Key"], error["Code"]) for error in answer["Errors"]] == [("theirs/a", "AccessDenied")]
    assert root.head_object(Bucket="shop", Key="theirs/a")["ContentLength"] == 1


def test_another_account_comes_in_only_where_the_buckets_policy_lets_it(strict_node: RunningNode) -> None:
    root = strict_node.client("s3")
    root.create_bucket(Bucket="market")
    root.put_object(Bucket="market", Key="k", Body=b"x")
    stranger = strict_node.client("s3", key="111122223333")
    with refused("AccessDenied"):
        stranger.get_object(Bucket="market", Key="k")
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": "arn:aws:iam::111122223333:root"},
        "Action": "s3:GetObject",
        "Resource": "arn:aws:s3:::market/*",
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    root.put_bucket_policy(Bucket="market", Policy=policy)
    assert body(stranger.get_object(Bucket="market", Key="k")) == b"x"
    root.delete_bucket_policy(Bucket="market")
    with refused("AccessDenied"):
        stranger.get_object(Bucket="market", Key="k")


def test_a_destination_must_let_the_bucket_in(strict_node: RunningNode) -> None:
    root, sqs = strict_node.client("s3"), strict_node.client("sqs")
    root.create_bucket(Bucket="bell")
    url = sqs.create_queue(QueueName="closed")["QueueUrl"]
    arn = "arn:aws:sqs:us-east-1:000000000000:closed"
    wanted = {"QueueConfigurations": [{"QueueArn": arn, "Events": ["s3:ObjectCreated:*"]}]}
    with refused(
        "InvalidArgument",
        ArgumentName1=arn,
        ArgumentValue1=(
            "Permissions on the destination queue do not allow S3 to publish notifications from this bucket"
        ),
    ):
        root.put_bucket_notification_configuration(Bucket="bell", NotificationConfiguration=wanted)
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "s3.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
        "Condition": {"ArnLike": {"aws:SourceArn": "arn:aws:s3:::bell"}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    root.put_bucket_notification_configuration(Bucket="bell", NotificationConfiguration=wanted)
    root.put_object(Bucket="bell", Key="k", Body=b"x")
    messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    assert len(messages) == 2, "the test message, and the object's"


def test_every_operation_that_is_renamed_is_one_we_have() -> None:
    assert set(rights._ACTIONS) <= set(api)
    assert service.needs is rights.needs
