"""The rights S3 asks for ("Actions, resources, and condition keys for Amazon S3")."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from wakeful.fabric.service import Call, Need, Request
from wakeful.services.s3.copy_operations import source_of
from wakeful.wire.errors import AwsError

# Where the action is not called like the operation.
_ACTIONS: Mapping[str, str] = MappingProxyType(
    {
        "AbortMultipartUpload": "AbortMultipartUpload",
        "CompleteMultipartUpload": "PutObject",
        "CopyObject": "PutObject",
        "CreateMultipartUpload": "PutObject",
        "DeleteBucketCors": "PutBucketCORS",
        "DeleteBucketEncryption": "PutEncryptionConfiguration",
        "DeleteBucketLifecycle": "PutLifecycleConfiguration",
        "DeleteBucketReplication": "PutReplicationConfiguration",
        "DeleteBucketTagging": "PutBucketTagging",
        "DeletePublicAccessBlock": "PutBucketPublicAccessBlock",
        "GetBucketAccelerateConfiguration": "GetAccelerateConfiguration",
        "GetBucketAnalyticsConfiguration": "GetAnalyticsConfiguration",
        "GetBucketCors": "GetBucketCORS",
        "GetBucketEncryption": "GetEncryptionConfiguration",
        "GetBucketIntelligentTieringConfiguration": "GetIntelligentTieringConfiguration",
        "GetBucketInventoryConfiguration": "GetInventoryConfiguration",
        "GetBucketLifecycle": "GetLifecycleConfiguration",
        "GetBucketLifecycleConfiguration": "GetLifecycleConfiguration",
        "GetBucketMetadataConfiguration": "GetBucketMetadataTableConfiguration",
        "GetBucketMetricsConfiguration": "GetMetricsConfiguration",
        "GetBucketNotificationConfiguration": "GetBucketNotification",
        "GetBucketReplication": "GetReplicationConfiguration",
        "GetObjectLockConfiguration": "GetBucketObjectLockConfiguration",
        "GetPublicAccessBlock": "GetBucketPublicAccessBlock",
        "HeadBucket": "ListBucket",
        "HeadObject": "GetObject",
        "ListBucketAnalyticsConfigurations": "GetAnalyticsConfiguration",
        "ListBucketIntelligentTieringConfigurations": "GetIntelligentTieringConfiguration",
        "ListBucketInventoryConfigurations": "GetInventoryConfiguration",
        "ListBucketMetricsConfigurations": "GetMetricsConfiguration",
        "ListBuckets": "ListAllMyBuckets",
        "ListMultipartUploads": "ListBucketMultipartUploads",
        "ListObjectVersions": "ListBucketVersions",
        "ListObjects": "ListBucket",
        "ListObjectsV2": "ListBucket",
        "ListParts": "ListMultipartUploadParts",
        "PutBucketEncryption": "PutEncryptionConfiguration",
        "PutBucketNotificationConfiguration": "PutBucketNotification",
        "PutPublicAccessBlock": "PutBucketPublicAccessBlock",
        "UploadPart": "PutObject",
        "UploadPartCopy": "PutObject",
    }
)

_OF_VERSIONS = frozenset(
    {
        "DeleteObject",
        "DeleteObjectTagging",
        "GetObject",
        "GetObjectAcl",
        "GetObjectAttributes",
        "GetObjectTagging",
        "PutObjectAcl",
        "PutObjectTagging",
    }
)
"""Actions that have a sister for one version: s3:GetObject and s3:GetObjectVersion."""

_CONDITIONS: Mapping[str, str] = MappingProxyType(
    {
        "ACL": "s3:x-amz-acl",
        "Delimiter": "s3:delimiter",
        "MaxKeys": "s3:max-keys",
        "MetadataDirective": "s3:x-amz-metadata-directive",
        "Prefix": "s3:prefix",
        "ServerSideEncryption": "s3:x-amz-server-side-encryption",
        "StorageClass": "s3:x-amz-storage-class",
        "VersionId": "s3:VersionId",
        "CopySource": "s3:x-amz-copy-source",
    }
)


def needs(call: Call, operation: str, request: Request) -> Iterable[Need]:
    """DeleteObjects asks for each key when it comes to it, since each key has its own answer."""
    if operation == "DeleteObjects":
        return
    context = {key: str(request[member]) for member, key in _CONDITIONS.items() if member in request}
    action = _ACTIONS.get(operation, operation)
    if "Bucket" not in request:
        yield Need(f"s3:{action}", "*", context)
        return
    resource = f"arn:aws:s3:::{request['Bucket']}"
    if "Key" in request:
        resource = f"{resource}/{request['Key']}"
    yield Need(f"s3:{_of_version(action, request)}", resource, context)
    if operation == "GetObjectAttributes":
        yield Need("s3:GetObject", resource, context)
    if request.get("Tagging") and "Key" in request and operation != "PutObjectTagging":
        yield Need("s3:PutObjectTagging", resource, context)
    if "CopySource" in request:
        yield from _of_source(request["CopySource"])


def _of_version(action: str, request: Request) -> str:
    if "VersionId" not in request or action not in _OF_VERSIONS:
        return action
    stem = next(stem for stem in ("GetObject", "PutObject", "DeleteObject") if action.startswith(stem))
    return f"{stem}Version{action.removeprefix(stem)}"


def _of_source(text: str) -> Iterable[Need]:
    try:
        source = source_of(text)
    except AwsError:
        return  # the handler says what is wrong with it
    yield Need("s3:GetObject", f"arn:aws:s3:::{source.bucket}/{source.key}")
