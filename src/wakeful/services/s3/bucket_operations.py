"""S3's API of buckets: making, finding and removing them, and what may be said about one."""

from __future__ import annotations

import base64
import binascii
import json
from typing import TYPE_CHECKING, Any

from wakeful import limits, names
from wakeful.fabric.service import Call
from wakeful.services.s3 import buckets, notifications, tags, uploads
from wakeful.services.s3.api import api
from wakeful.services.s3.buckets import Bucket
from wakeful.services.s3.errors import (
    IllegalLocationConstraintException,
    InvalidArgument,
    InvalidBucketAclWithObjectOwnership,
    InvalidLocationConstraint,
    NoSuchTagSet,
)
from wakeful.store.tx import Tx
from wakeful.wire.errors import NotImplementedHere

if TYPE_CHECKING:
    from wakeful.shapes import s3 as shapes

_CLASSIC = names.DEFAULT_REGION
"""us-east-1, whose endpoint makes buckets in any region, and which is the only region without a constraint."""


# --- buckets ---------------------------------------------------------------------------------------------------------


@api.writes
def create_bucket(call: Call, tx: Tx, request: shapes.CreateBucketRequest) -> shapes.CreateBucketOutput:
    """The bucket is the caller's, in the region that the request was sent to or names."""
    _check_creation(request)
    configuration = request.get("CreateBucketConfiguration", {})
    region = _region_of(call, configuration.get("LocationConstraint"))
    found = buckets.create(tx, call, request["Bucket"], region, tags.of_bucket(configuration.get("Tags", [])))
    location = f"/{found.name}" if region == _CLASSIC else f"{call.endpoint}/{found.name}"
    return {"Location": location, "BucketArn": found.arn}


@api.writes
def delete_bucket(call: Call, tx: Tx, request: shapes.DeleteBucketRequest) -> None:
    """An empty bucket is gone, with the uploads that were begun in it."""
    bucket = buckets.of_request(tx, request)
    uploads.drop_all(tx, bucket.name)
    buckets.delete(tx, bucket)


@api.reads
def head_bucket(call: Call, tx: Tx, request: shapes.HeadBucketRequest) -> shapes.HeadBucketOutput:
    bucket = buckets.of_request(tx, request)
    return {"BucketRegion": bucket.region, "BucketArn": bucket.arn, "AccessPointAlias": False}


@api.reads
def get_bucket_location(call: Call, tx: Tx, request: shapes.GetBucketLocationRequest) -> shapes.GetBucketLocationOutput:
    """The region; of us-east-1, nothing."""
    region = buckets.of_request(tx, request).region
    return {} if region == _CLASSIC else {"LocationConstraint": region}


@api.reads
def list_buckets(call: Call, tx: Tx, request: shapes.ListBucketsRequest) -> shapes.ListBucketsOutput:
    """The caller's buckets by name. Regions are shown to those who ask for a page."""
    limit = request.get("MaxBuckets", limits.S3_BUCKETS_LIST_MAX)
    if not 1 <= limit <= limits.S3_BUCKETS_LIST_MAX:
        raise InvalidArgument(
            f"Argument max-buckets must be an integer between 1 and {limits.S3_BUCKETS_LIST_MAX}",
            ArgumentName="max-buckets",
            ArgumentValue=limit,
        )
    prefix, region = request.get("Prefix", ""), request.get("BucketRegion")
    after = _read_token(request.get("ContinuationToken"))
    found = buckets.listed(tx, call.account, prefix, after, region, limit + 1)
    is_paged = bool(request.keys() & {"MaxBuckets", "Prefix", "BucketRegion", "ContinuationToken"})
    answer: shapes.ListBucketsOutput = {
        "Buckets": [_listed(each, with_region=is_paged) for each in found[:limit]],
        "Owner": {"ID": buckets.canonical_id(call.account)},
    }
    if prefix:
        answer["Prefix"] = prefix
    if len(found) > limit:
        answer["ContinuationToken"] = base64.urlsafe_b64encode(found[limit - 1].name.encode()).decode("ascii")
    return answer


# --- tags ------------------------------------------------------------------------------------------------------------


@api.writes
def put_bucket_tagging(call: Call, tx: Tx, request: shapes.PutBucketTaggingRequest) -> None:
    """The bucket has these tags, and no others."""
    buckets.set_tags(tx, buckets.of_request(tx, request), tags.of_bucket(request["Tagging"]["TagSet"]))


@api.reads
def get_bucket_tagging(call: Call, tx: Tx, request: shapes.GetBucketTaggingRequest) -> shapes.GetBucketTaggingOutput:
    bucket = buckets.of_request(tx, request)
    if not bucket.tags:
        raise NoSuchTagSet(BucketName=bucket.name)
    return {"TagSet": tags.shown(bucket.tags)}


@api.writes
def delete_bucket_tagging(call: Call, tx: Tx, request: shapes.DeleteBucketTaggingRequest) -> None:
    buckets.set_tags(tx, buckets.of_request(tx, request), None)


# --- notifications ---------------------------------------------------------------------------------------------------


@api.writes
def put_bucket_notification_configuration(
    call: Call, tx: Tx, request: shapes.PutBucketNotificationConfigurationRequest
) -> None:
    """The bucket tells these destinations, and no others, what happens in it. An empty configuration tells nobody."""
    bucket = buckets.of_request(tx, request)
    configuration = notifications.checked(bucket, request["NotificationConfiguration"])
    if not request.get("SkipDestinationValidation"):
        notifications.introduce(tx, call, bucket, configuration)
    buckets.set_notification(tx, bucket, configuration)


@api.reads
def get_bucket_notification_configuration(
    call: Call, tx: Tx, request: shapes.GetBucketNotificationConfigurationRequest
) -> shapes.NotificationConfiguration:
    """As it was put, with the ids that entries without one were given."""
    bucket = buckets.of_request(tx, request)
    found: shapes.NotificationConfiguration = json.loads(bucket.notification) if bucket.notification else {}
    return found


# --- below -----------------------------------------------------------------------------------------------------------


def _check_creation(request: Any) -> None:
    """Raises for what a bucket of ours cannot be."""
    configuration = request.get("CreateBucketConfiguration", {})
    if request.get("ObjectLockEnabledForBucket"):
        raise NotImplementedHere("Wakeful does not have Object Lock yet (x-amz-bucket-object-lock-enabled).")
    if "Bucket" in configuration or "Location" in configuration:
        raise NotImplementedHere("Wakeful does not have directory buckets (CreateBucketConfiguration).")
    if request.get("BucketNamespace", "global") != "global":
        raise NotImplementedHere("Wakeful does not have account-regional namespaces yet (x-amz-bucket-namespace).")
    if request.get("ObjectOwnership", "BucketOwnerEnforced") != "BucketOwnerEnforced":
        raise NotImplementedHere("Wakeful does not have access control lists (x-amz-object-ownership).")
    grants = ("GrantFullControl", "GrantRead", "GrantReadACP", "GrantWrite", "GrantWriteACP")
    if request.get("ACL", "private") != "private" or any(grant in request for grant in grants):
        raise InvalidBucketAclWithObjectOwnership


def _region_of(call: Call, constraint: str | None) -> str:
    if constraint is None:
        if call.region != _CLASSIC:
            raise IllegalLocationConstraintException(
                "The unspecified location constraint is incompatible for the region specific endpoint this request was"
                " sent to."
            )
        return _CLASSIC
    region = "eu-west-1" if constraint == "EU" else constraint
    if constraint not in api.model.shape_for("BucketLocationConstraint").enum:
        raise InvalidLocationConstraint(LocationConstraint=constraint)
    if call.region not in (region, _CLASSIC):
        raise IllegalLocationConstraintException(
            f"The {constraint} location constraint is incompatible for the region specific endpoint this request was"
            " sent to."
        )
    return region


def _listed(bucket: Bucket, *, with_region: bool) -> shapes.Bucket:
    found: shapes.Bucket = {"Name": bucket.name, "CreationDate": int(bucket.created)}
    if with_region:
        found |= {"BucketRegion": bucket.region, "BucketArn": bucket.arn}
    return found


def _read_token(token: str | None) -> str:
    try:
        return base64.urlsafe_b64decode(token or "").decode()
    except (binascii.Error, ValueError) as error:
        raise InvalidArgument(
            "The continuation token provided is incorrect",
            ArgumentName="continuation-token",
            ArgumentValue=token,
        ) from error
