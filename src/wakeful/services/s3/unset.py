"""Parts of a bucket that Wakeful does not have yet, as S3 answers for a bucket that never had them.

Tools read a dozen of these before they do anything, and go by the answers. To set one is not implemented, which the
kernel says by the operation's name. To remove one leaves the bucket as it is: without.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from wakeful.fabric.service import Call
from wakeful.services.s3 import buckets, objects
from wakeful.services.s3.api import api
from wakeful.services.s3.errors import (
    InvalidRequest,
    MetadataConfigurationNotFound,
    NoSuchConfiguration,
    NoSuchCORSConfiguration,
    NoSuchLifecycleConfiguration,
    NoSuchWebsiteConfiguration,
    ObjectLockConfigurationNotFoundError,
    ReplicationConfigurationNotFoundError,
)
from wakeful.services.s3.settings import ENCRYPTION
from wakeful.store.tx import Tx
from wakeful.wire.errors import AwsError, NotImplementedHere

if TYPE_CHECKING:
    from wakeful.shapes import s3 as shapes


# --- defaults --------------------------------------------------------------------------------------------------------


@api.reads
def get_bucket_versioning(
    call: Call, tx: Tx, request: shapes.GetBucketVersioningRequest
) -> shapes.GetBucketVersioningOutput:
    buckets.of_request(tx, request)
    return {}


@api.reads
def get_bucket_encryption(
    call: Call, tx: Tx, request: shapes.GetBucketEncryptionRequest
) -> shapes.GetBucketEncryptionOutput:
    """S3's own keys, the default of every bucket since 2023."""
    buckets.of_request(tx, request)
    rule: Any = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": ENCRYPTION}, "BucketKeyEnabled": False}
    return {"ServerSideEncryptionConfiguration": {"Rules": [rule]}}


@api.reads
def put_bucket_encryption(call: Call, tx: Tx, request: shapes.PutBucketEncryptionRequest) -> None:
    """What is so anyway may be said; there is no other key."""
    buckets.of_request(tx, request)
    for rule in request["ServerSideEncryptionConfiguration"]["Rules"]:
        wanted = rule.get("ApplyServerSideEncryptionByDefault", {}).get("SSEAlgorithm", ENCRYPTION)
        if wanted != ENCRYPTION or rule.get("BucketKeyEnabled") or "BlockedEncryptionTypes" in rule:
            raise NotImplementedHere(f"Wakeful has no KMS: a bucket cannot be encrypted with a key of it ({wanted}).")


@api.reads
def get_bucket_logging(call: Call, tx: Tx, request: shapes.GetBucketLoggingRequest) -> shapes.GetBucketLoggingOutput:
    buckets.of_request(tx, request)
    return {}


@api.reads
def get_bucket_request_payment(
    call: Call, tx: Tx, request: shapes.GetBucketRequestPaymentRequest
) -> shapes.GetBucketRequestPaymentOutput:
    buckets.of_request(tx, request)
    return {"Payer": "BucketOwner"}


@api.reads
def get_bucket_accelerate_configuration(
    call: Call, tx: Tx, request: shapes.GetBucketAccelerateConfigurationRequest
) -> shapes.GetBucketAccelerateConfigurationOutput:
    buckets.of_request(tx, request)
    return {}


@api.reads
def get_bucket_abac(call: Call, tx: Tx, request: shapes.GetBucketAbacRequest) -> shapes.GetBucketAbacOutput:
    buckets.of_request(tx, request)
    return {"AbacStatus": {"Status": "Disabled"}}


# --- lists that are empty --------------------------------------------------------------------------------------------


@api.reads
def list_bucket_analytics_configurations(
    call: Call, tx: Tx, request: shapes.ListBucketAnalyticsConfigurationsRequest
) -> shapes.ListBucketAnalyticsConfigurationsOutput:
    buckets.of_request(tx, request)
    return {"IsTruncated": False}


@api.reads
def list_bucket_intelligent_tiering_configurations(
    call: Call, tx: Tx, request: shapes.ListBucketIntelligentTieringConfigurationsRequest
) -> shapes.ListBucketIntelligentTieringConfigurationsOutput:
    buckets.of_request(tx, request)
    return {"IsTruncated": False}


@api.reads
def list_bucket_inventory_configurations(
    call: Call, tx: Tx, request: shapes.ListBucketInventoryConfigurationsRequest
) -> shapes.ListBucketInventoryConfigurationsOutput:
    buckets.of_request(tx, request)
    return {"IsTruncated": False}


@api.reads
def list_bucket_metrics_configurations(
    call: Call, tx: Tx, request: shapes.ListBucketMetricsConfigurationsRequest
) -> shapes.ListBucketMetricsConfigurationsOutput:
    buckets.of_request(tx, request)
    return {"IsTruncated": False}


# --- things that are not there ---------------------------------------------------------------------------------------


@api.reads
def get_bucket_cors(call: Call, tx: Tx, request: shapes.GetBucketCorsRequest) -> shapes.GetBucketCorsOutput:
    _missing(tx, request, NoSuchCORSConfiguration)


@api.reads
def get_bucket_lifecycle(
    call: Call, tx: Tx, request: shapes.GetBucketLifecycleRequest
) -> shapes.GetBucketLifecycleOutput:
    _missing(tx, request, NoSuchLifecycleConfiguration)


@api.reads
def get_bucket_lifecycle_configuration(
    call: Call, tx: Tx, request: shapes.GetBucketLifecycleConfigurationRequest
) -> shapes.GetBucketLifecycleConfigurationOutput:
    _missing(tx, request, NoSuchLifecycleConfiguration)


@api.reads
def get_bucket_website(call: Call, tx: Tx, request: shapes.GetBucketWebsiteRequest) -> shapes.GetBucketWebsiteOutput:
    _missing(tx, request, NoSuchWebsiteConfiguration)


@api.reads
def get_bucket_replication(
    call: Call, tx: Tx, request: shapes.GetBucketReplicationRequest
) -> shapes.GetBucketReplicationOutput:
    _missing(tx, request, ReplicationConfigurationNotFoundError)


@api.reads
def get_object_lock_configuration(
    call: Call, tx: Tx, request: shapes.GetObjectLockConfigurationRequest
) -> shapes.GetObjectLockConfigurationOutput:
    _missing(tx, request, ObjectLockConfigurationNotFoundError)


@api.reads
def get_bucket_metadata_configuration(
    call: Call, tx: Tx, request: shapes.GetBucketMetadataConfigurationRequest
) -> shapes.GetBucketMetadataConfigurationOutput:
    _missing(tx, request, MetadataConfigurationNotFound)


@api.reads
def get_bucket_metadata_table_configuration(
    call: Call, tx: Tx, request: shapes.GetBucketMetadataTableConfigurationRequest
) -> shapes.GetBucketMetadataTableConfigurationOutput:
    _missing(tx, request, MetadataConfigurationNotFound)


@api.reads
def get_bucket_analytics_configuration(
    call: Call, tx: Tx, request: shapes.GetBucketAnalyticsConfigurationRequest
) -> shapes.GetBucketAnalyticsConfigurationOutput:
    _missing(tx, request, NoSuchConfiguration)


@api.reads
def get_bucket_intelligent_tiering_configuration(
    call: Call, tx: Tx, request: shapes.GetBucketIntelligentTieringConfigurationRequest
) -> shapes.GetBucketIntelligentTieringConfigurationOutput:
    _missing(tx, request, NoSuchConfiguration)


@api.reads
def get_bucket_inventory_configuration(
    call: Call, tx: Tx, request: shapes.GetBucketInventoryConfigurationRequest
) -> shapes.GetBucketInventoryConfigurationOutput:
    _missing(tx, request, NoSuchConfiguration)


@api.reads
def get_bucket_metrics_configuration(
    call: Call, tx: Tx, request: shapes.GetBucketMetricsConfigurationRequest
) -> shapes.GetBucketMetricsConfigurationOutput:
    _missing(tx, request, NoSuchConfiguration)


@api.reads
def get_object_retention(
    call: Call, tx: Tx, request: shapes.GetObjectRetentionRequest
) -> shapes.GetObjectRetentionOutput:
    _unlocked(tx, request)


@api.reads
def get_object_legal_hold(
    call: Call, tx: Tx, request: shapes.GetObjectLegalHoldRequest
) -> shapes.GetObjectLegalHoldOutput:
    _unlocked(tx, request)


# --- removing what is not there --------------------------------------------------------------------------------------


@api.reads
def delete_bucket_cors(call: Call, tx: Tx, request: shapes.DeleteBucketCorsRequest) -> None:
    buckets.of_request(tx, request)


@api.reads
def delete_bucket_lifecycle(call: Call, tx: Tx, request: shapes.DeleteBucketLifecycleRequest) -> None:
    buckets.of_request(tx, request)


@api.reads
def delete_bucket_website(call: Call, tx: Tx, request: shapes.DeleteBucketWebsiteRequest) -> None:
    buckets.of_request(tx, request)


@api.reads
def delete_bucket_replication(call: Call, tx: Tx, request: shapes.DeleteBucketReplicationRequest) -> None:
    buckets.of_request(tx, request)


@api.reads
def delete_bucket_encryption(call: Call, tx: Tx, request: shapes.DeleteBucketEncryptionRequest) -> None:
    """The default encryption is what the bucket has anyway."""
    buckets.of_request(tx, request)


# --- below -----------------------------------------------------------------------------------------------------------


def _missing(tx: Tx, request: Any, error: type[AwsError]) -> NoReturn:
    raise error(BucketName=buckets.of_request(tx, request).name)


def _unlocked(tx: Tx, request: Any) -> NoReturn:
    objects.find(tx, buckets.of_request(tx, request), request["Key"])
    raise InvalidRequest("Bucket is missing Object Lock Configuration")
