"""Policies, the public, and lists that are off, through an unmodified client."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.running_node import RunningNode
from tests.services.s3.conftest import BUCKET, refused
from wakeful.services.s3 import buckets

NAMED = {"AWS": "arn:aws:iam::111122223333:root"}


def policy_of(resource: str = f"arn:aws:s3:::{BUCKET}/*", **more: Any) -> str:
    statement = {"Effect": "Allow", "Principal": NAMED, "Action": "s3:GetObject", "Resource": resource, **more}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]}, indent=3)


def test_a_policy_is_given_back_byte_for_byte(s3: Any) -> None:
    for ask in (s3.get_bucket_policy, s3.get_bucket_policy_status):
        with refused("NoSuchBucketPolicy", status=404, BucketName=BUCKET):
            ask(Bucket=BUCKET)
    s3.put_bucket_policy(Bucket=BUCKET, Policy=policy_of())
    assert s3.get_bucket_policy(Bucket=BUCKET)["Policy"] == policy_of()
    assert s3.get_bucket_policy_status(Bucket=BUCKET)["PolicyStatus"] == {"IsPublic": False}
    s3.delete_bucket_policy(Bucket=BUCKET)
    with refused("NoSuchBucketPolicy"):
        s3.get_bucket_policy(Bucket=BUCKET)


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        ("no json", "Policies must be valid JSON"),
        ("[]", "Policies must be valid JSON"),
        ('{"Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}', "Missing required field Principal"),
        (policy_of(Principal={"AWS": "nonsense"}), "Invalid principal in policy"),
        (policy_of("arn:aws:s3:::other/*"), "Policy has invalid resource"),
        (policy_of("*"), "Policy has invalid resource"),
        (policy_of(Sid="x" * 21_000), "must not be larger"),
    ],
)
def test_what_is_no_policy_of_the_bucket_is_refused(s3: Any, policy: str, message: str) -> None:
    with refused("MalformedPolicy", status=400, message=message):
        s3.put_bucket_policy(Bucket=BUCKET, Policy=policy)


def test_a_public_policy_is_taken_only_where_the_bucket_lets_the_public_in(node: RunningNode, s3: Any) -> None:
    public = policy_of(Principal="*")
    blocked = s3.get_public_access_block(Bucket=BUCKET)["PublicAccessBlockConfiguration"]
    assert set(blocked.values()) == {True}
    with refused("AccessDenied", status=403, message="blocked by the BlockPublicPolicy block public access setting"):
        s3.put_bucket_policy(Bucket=BUCKET, Policy=public)
    s3.put_public_access_block(Bucket=BUCKET, PublicAccessBlockConfiguration={**blocked, "BlockPublicPolicy": False})
    s3.put_bucket_policy(Bucket=BUCKET, Policy=public)
    assert s3.get_bucket_policy_status(Bucket=BUCKET)["PolicyStatus"] == {"IsPublic": True}
    restricted = node.run(node.node.store.read(buckets.policy, f"arn:aws:s3:::{BUCKET}/k"))
    assert restricted != public
    assert "aws:PrincipalAccount" in restricted
    s3.delete_public_access_block(Bucket=BUCKET)
    with refused("NoSuchPublicAccessBlockConfiguration", status=404, BucketName=BUCKET):
        s3.get_public_access_block(Bucket=BUCKET)
    assert node.run(node.node.store.read(buckets.policy, f"arn:aws:s3:::{BUCKET}")) == public


def test_what_is_not_said_to_be_blocked_is_not(s3: Any) -> None:
    s3.put_public_access_block(Bucket=BUCKET, PublicAccessBlockConfiguration={"BlockPublicAcls": True})
    assert s3.get_public_access_block(Bucket=BUCKET)["PublicAccessBlockConfiguration"] == {
        "BlockPublicAcls": True,
        "IgnorePublicAcls": False,
        "BlockPublicPolicy": False,
        "RestrictPublicBuckets": False,
    }


def test_the_owner_has_full_control_of_the_bucket_and_of_what_is_in_it(s3: Any) -> None:
    s3.put_object(Bucket=BUCKET, Key="k")
    for acl in (s3.get_bucket_acl(Bucket=BUCKET), s3.get_object_acl(Bucket=BUCKET, Key="k")):
        (grant,) = acl["Grants"]
        assert grant["Permission"] == "FULL_CONTROL"
        assert grant["Grantee"] == {"ID": acl["Owner"]["ID"], "Type": "CanonicalUser"}
    with refused("NoSuchKey"):
        s3.get_object_acl(Bucket=BUCKET, Key="other")


def test_lists_are_refused_as_in_every_new_bucket(s3: Any) -> None:
    s3.put_object(Bucket=BUCKET, Key="k")
    with refused("AccessControlListNotSupported", status=400):
        s3.put_bucket_acl(Bucket=BUCKET, ACL="private")
    with refused("AccessControlListNotSupported", status=400):
        s3.put_object_acl(Bucket=BUCKET, Key="k", ACL="public-read")
    s3.put_object_acl(Bucket=BUCKET, Key="k", ACL="bucket-owner-full-control")
    with refused("NoSuchKey"):
        s3.put_object_acl(Bucket=BUCKET, Key="other", ACL="bucket-owner-full-control")


def test_the_owner_of_the_bucket_owns_what_is_in_it(s3: Any) -> None:
    enforced = {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    s3.put_bucket_ownership_controls(Bucket=BUCKET, OwnershipControls=enforced)
    assert s3.get_bucket_ownership_controls(Bucket=BUCKET)["OwnershipControls"] == enforced
    with refused("NotImplemented", message="ObjectWriter"):
        s3.put_bucket_ownership_controls(
            Bucket=BUCKET, OwnershipControls={"Rules": [{"ObjectOwnership": "ObjectWriter"}]}
        )
