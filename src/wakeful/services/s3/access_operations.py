"""S3's API of who may reach a bucket: its policy, what it blocks of the public, and lists that it does not have."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from wakeful import limits
from wakeful.fabric.policy import PolicyError, parse_policy
from wakeful.fabric.service import Call
from wakeful.services.s3 import buckets, objects, public_access
from wakeful.services.s3.api import api
from wakeful.services.s3.buckets import Bucket
from wakeful.services.s3.errors import (
    AccessControlListNotSupported,
    AccessDenied,
    MalformedPolicy,
    NoSuchBucketPolicy,
    NoSuchPublicAccessBlockConfiguration,
)
from wakeful.services.s3.settings import check_version
from wakeful.store.tx import Tx
from wakeful.wire.errors import NotImplementedHere

if TYPE_CHECKING:
    from wakeful.shapes import s3 as shapes

_ENFORCED = "BucketOwnerEnforced"


# --- policy ----------------------------------------------------------------------------------------------------------


@api.writes
def put_bucket_policy(call: Call, tx: Tx, request: shapes.PutBucketPolicyRequest) -> None:
    """The bucket has this policy, kept as it was sent; but a public one only where the bucket does not block that."""
    bucket = buckets.of_request(tx, request)
    policy = request["Policy"]
    _check_policy(bucket, policy)
    if bucket.blocks("BlockPublicPolicy") and public_access.is_public(policy):
        raise AccessDenied(
            f'User: {call.principal.arn} is not authorized to perform: s3:PutBucketPolicy on resource: "{bucket.arn}"'
            " because public policies are blocked by the BlockPublicPolicy block public access setting."
        )
    buckets.set_policy(tx, bucket, policy)


@api.reads
def get_bucket_policy(call: Call, tx: Tx, request: shapes.GetBucketPolicyRequest) -> shapes.GetBucketPolicyOutput:
    return {"Policy": _policy_of(buckets.of_request(tx, request))}


@api.reads
def get_bucket_policy_status(
    call: Call, tx: Tx, request: shapes.GetBucketPolicyStatusRequest
) -> shapes.GetBucketPolicyStatusOutput:
    policy = _policy_of(buckets.of_request(tx, request))
    return {"PolicyStatus": {"IsPublic": public_access.is_public(policy)}}


@api.writes
def delete_bucket_policy(call: Call, tx: Tx, request: shapes.DeleteBucketPolicyRequest) -> None:
    buckets.set_policy(tx, buckets.of_request(tx, request), None)


# --- the public ------------------------------------------------------------------------------------------------------


@api.writes
def put_public_access_block(call: Call, tx: Tx, request: shapes.PutPublicAccessBlockRequest) -> None:
    """The bucket blocks this of the public, and nothing else."""
    wanted = request["PublicAccessBlockConfiguration"]
    blocked = {name: bool(wanted.get(name)) for name in public_access.EVERYTHING}
    buckets.set_public_access(tx, buckets.of_request(tx, request), blocked)


@api.reads
def get_public_access_block(
    call: Call, tx: Tx, request: shapes.GetPublicAccessBlockRequest
) -> shapes.GetPublicAccessBlockOutput:
    bucket = buckets.of_request(tx, request)
    if bucket.public_access is None:
        raise NoSuchPublicAccessBlockConfiguration(BucketName=bucket.name)
    found: Any = dict(bucket.public_access)
    return {"PublicAccessBlockConfiguration": found}


@api.writes
def delete_public_access_block(call: Call, tx: Tx, request: shapes.DeletePublicAccessBlockRequest) -> None:
    """Nothing is blocked any more."""
    buckets.set_public_access(tx, buckets.of_request(tx, request), None)


# --- access control lists, which are off -----------------------------------------------------------------------------


@api.reads
def get_bucket_ownership_controls(
    call: Call, tx: Tx, request: shapes.GetBucketOwnershipControlsRequest
) -> shapes.GetBucketOwnershipControlsOutput:
    buckets.of_request(tx, request)
    return {"OwnershipControls": {"Rules": [{"ObjectOwnership": _ENFORCED}]}}


@api.reads
def put_bucket_ownership_controls(call: Call, tx: Tx, request: shapes.PutBucketOwnershipControlsRequest) -> None:
    """The owner of the bucket owns what is in it, as always here. Anything else would need lists."""
    buckets.of_request(tx, request)
    for rule in request["OwnershipControls"]["Rules"]:
        if rule["ObjectOwnership"] != _ENFORCED:
            raise NotImplementedHere(f"Wakeful does not have access control lists ({rule['ObjectOwnership']}).")


@api.reads
def get_bucket_acl(call: Call, tx: Tx, request: shapes.GetBucketAclRequest) -> shapes.GetBucketAclOutput:
    """The owner's full control, and nobody else's anything."""
    return _owners_only(buckets.of_request(tx, request).account)  # type: ignore[return-value]


@api.reads
def get_object_acl(call: Call, tx: Tx, request: shapes.GetObjectAclRequest) -> shapes.GetObjectAclOutput:
    bucket = buckets.of_request(tx, request)
    check_version(request)
    objects.find(tx, bucket, request["Key"])
    return _owners_only(bucket.account)  # type: ignore[return-value]


@api.reads
def put_bucket_acl(call: Call, tx: Tx, request: shapes.PutBucketAclRequest) -> None:
    """S3 refuses every list of a bucket whose owner owns everything in it."""
    buckets.of_request(tx, request)
    raise AccessControlListNotSupported


@api.reads
def put_object_acl(call: Call, tx: Tx, request: shapes.PutObjectAclRequest) -> shapes.PutObjectAclOutput:
    """As for buckets; but what is so anyway may be said ("Controlling ownership of objects and disabling ACLs")."""
    bucket = buckets.of_request(tx, request)
    check_version(request)
    objects.find(tx, bucket, request["Key"])
    if request.get("ACL") != "bucket-owner-full-control":
        raise AccessControlListNotSupported
    return {}


# --- below -----------------------------------------------------------------------------------------------------------


def _owners_only(account: str) -> dict[str, Any]:
    owner = buckets.canonical_id(account)
    grant = {"Grantee": {"ID": owner, "Type": "CanonicalUser"}, "Permission": "FULL_CONTROL"}
    return {"Owner": {"ID": owner}, "Grants": [grant]}


def _policy_of(bucket: Bucket) -> str:
    if bucket.policy is None:
        raise NoSuchBucketPolicy(BucketName=bucket.name)
    return bucket.policy


def _check_policy(bucket: Bucket, policy: str) -> None:
    """Raises MalformedPolicy for what is no policy, or one that speaks of anything but the bucket."""
    if len(policy.encode()) > limits.S3_POLICY_BYTES_MAX:
        raise MalformedPolicy(f"Policies must not be larger than {limits.S3_POLICY_BYTES_MAX} bytes")
    try:
        parsed = json.loads(policy)
    except ValueError:
        parsed = None
    if not isinstance(parsed, dict):
        raise MalformedPolicy
    try:
        parse_policy(parsed, "resource")
    except PolicyError as error:
        raise MalformedPolicy(str(error)) from error
    statements = parsed["Statement"]
    for statement in statements if isinstance(statements, list) else [statements]:
        found = statement.get("Resource", statement.get("NotResource"))
        for resource in found if isinstance(found, list) else [found]:
            if not str(resource).startswith("arn:aws:s3:::") or buckets.name_in(str(resource)) != bucket.name:
                raise MalformedPolicy("Policy has invalid resource", PolicyResource=resource)
