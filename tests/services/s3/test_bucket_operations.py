"""The API of buckets, through an unmodified client."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.running_node import RunningNode, running_node
from tests.services.s3.conftest import BUCKET, refused


def test_a_bucket_is_made_found_listed_and_deleted(s3: Any) -> None:
    assert s3.create_bucket(Bucket="another")["Location"] == "/another"
    head = s3.head_bucket(Bucket="another")
    assert (head["BucketRegion"], head["BucketArn"]) == ("us-east-1", "arn:aws:s3:::another")
    listed = s3.list_buckets()
    assert [bucket["Name"] for bucket in listed["Buckets"]] == ["another", BUCKET]
    assert len(listed["Owner"]["ID"]) == 64
    s3.delete_bucket(Bucket="another")
    with refused("404", status=404):
        s3.head_bucket(Bucket="another")
    with refused("NoSuchBucket", status=404, BucketName="another"):
        s3.delete_bucket(Bucket="another")


def test_a_bucket_survives_a_restart(tmp_path: Path) -> None:
    with running_node(tmp_path) as node:
        node.client("s3").create_bucket(Bucket=BUCKET)
        node.client("s3").put_object(Bucket=BUCKET, Key="k", Body=b"kept")
    with running_node(tmp_path) as node:
        assert node.client("s3").get_object(Bucket=BUCKET, Key="k")["Body"].read() == b"kept"


def test_a_bucket_of_another_region_must_name_it(node: RunningNode) -> None:
    there, classic = node.client("s3", region="eu-west-1"), node.client("s3")
    with refused("IllegalLocationConstraintException", message="unspecified location constraint"):
        there.create_bucket(Bucket="a-bucket")
    with refused("IllegalLocationConstraintException", message="The eu-central-1 location constraint"):
        there.create_bucket(Bucket="a-bucket", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    with refused("InvalidLocationConstraint", LocationConstraint="us-east-1"):
        classic.create_bucket(Bucket="a-bucket", CreateBucketConfiguration={"LocationConstraint": "us-east-1"})
    there.create_bucket(Bucket="a-bucket", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    classic.create_bucket(Bucket="b-bucket", CreateBucketConfiguration={"LocationConstraint": "EU"})
    for bucket in ("a-bucket", "b-bucket"):
        assert classic.get_bucket_location(Bucket=bucket)["LocationConstraint"] == "eu-west-1"


def test_a_request_signed_for_another_region_is_answered_all_the_same(node: RunningNode, s3: Any) -> None:
    there = node.client("s3", region="ap-south-1")
    there.put_object(Bucket=BUCKET, Key="k", Body=b"x")
    assert there.head_bucket(Bucket=BUCKET)["BucketRegion"] == "us-east-1"
    assert there.get_bucket_location(Bucket=BUCKET)["LocationConstraint"] is None


def test_a_name_is_taken_once_and_its_owner_may_ask_again_in_the_classic_region_only(
    node: RunningNode, s3: Any
) -> None:
    s3.create_bucket(Bucket=BUCKET)
    with refused("BucketAlreadyExists", status=409, BucketName=BUCKET):
        node.client("s3", key="111122223333").create_bucket(Bucket=BUCKET)
    there = node.client("s3", region="eu-west-1")
    there.create_bucket(Bucket="mine", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    with refused("BucketAlreadyOwnedByYou", status=409, BucketName="mine"):
        there.create_bucket(Bucket="mine", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ({"ObjectLockEnabledForBucket": True}, "NotImplemented"),
        ({"ObjectOwnership": "ObjectWriter"}, "NotImplemented"),
        ({"ACL": "public-read"}, "InvalidBucketAclWithObjectOwnership"),
        ({"GrantRead": "id=1"}, "InvalidBucketAclWithObjectOwnership"),
        ({"CreateBucketConfiguration": {"Bucket": {"Type": "Directory"}}}, "NotImplemented"),
    ],
)
def test_a_bucket_that_would_be_something_else_is_refused(s3: Any, settings: dict[str, Any], code: str) -> None:
    with refused(code):
        s3.create_bucket(Bucket="special", **settings)
    s3.create_bucket(Bucket="special", ACL="private", ObjectOwnership="BucketOwnerEnforced")


def test_a_bad_name_is_refused(s3: Any) -> None:
    with refused("InvalidBucketName", status=400, BucketName="a..b"):
        s3.create_bucket(Bucket="a..b")


def test_buckets_are_listed_page_by_page_with_their_regions(node: RunningNode, s3: Any) -> None:
    for name in ("a-1", "a-2", "a-3", "b-1"):
        s3.create_bucket(Bucket=name)
    pages = s3.get_paginator("list_buckets").paginate(Prefix="a-", PaginationConfig={"PageSize": 2})
    found = [[bucket["Name"] for bucket in page["Buckets"]] for page in pages]
    assert found == [["a-1", "a-2"], ["a-3"]]
    (first, *_) = s3.list_buckets(MaxBuckets=1)["Buckets"]
    assert first["BucketRegion"] == "us-east-1"
    assert node.client("s3", key="111122223333").list_buckets()["Buckets"] == []
    with refused("InvalidArgument", ArgumentName="max-buckets"):
        s3.list_buckets(MaxBuckets=10_001)


def test_a_bucket_that_is_not_the_expected_accounts_is_denied(s3: Any) -> None:
    s3.get_bucket_location(Bucket=BUCKET, ExpectedBucketOwner="000000000000")
    with refused("AccessDenied", status=403):
        s3.get_bucket_location(Bucket=BUCKET, ExpectedBucketOwner="111122223333")


def test_a_bucket_with_an_object_is_not_deleted_but_one_with_an_upload_is(node: RunningNode, s3: Any) -> None:
    s3.put_object(Bucket=BUCKET, Key="k", Body=b"")
    with refused("BucketNotEmpty", status=409, BucketName=BUCKET):
        s3.delete_bucket(Bucket=BUCKET)
    s3.delete_object(Bucket=BUCKET, Key="k")
    s3.create_multipart_upload(Bucket=BUCKET, Key="k")
    s3.delete_bucket(Bucket=BUCKET)
    s3.create_bucket(Bucket=BUCKET)
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=BUCKET)


def test_tags_of_a_bucket_are_put_shown_and_deleted(s3: Any) -> None:
    with refused("NoSuchTagSet", status=404, BucketName=BUCKET):
        s3.get_bucket_tagging(Bucket=BUCKET)
    tags = [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": ""}]
    s3.put_bucket_tagging(Bucket=BUCKET, Tagging={"TagSet": tags})
    assert s3.get_bucket_tagging(Bucket=BUCKET)["TagSet"] == tags
    s3.delete_bucket_tagging(Bucket=BUCKET)
    with refused("NoSuchTagSet"):
        s3.get_bucket_tagging(Bucket=BUCKET)
    s3.create_bucket(Bucket="tagged", CreateBucketConfiguration={"Tags": tags})
    assert s3.get_bucket_tagging(Bucket="tagged")["TagSet"] == tags
