"""What tools read before they do anything: every part of a bucket that has none of it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.services.s3.conftest import BUCKET, refused


@pytest.mark.parametrize(
    ("operation", "answer"),
    [
        ("get_bucket_versioning", {}),
        ("get_bucket_logging", {}),
        ("get_bucket_accelerate_configuration", {}),
        ("get_bucket_request_payment", {"Payer": "BucketOwner"}),
        ("get_bucket_abac", {"AbacStatus": {"Status": "Disabled"}}),
        ("get_bucket_notification_configuration", {}),
        ("list_bucket_analytics_configurations", {"IsTruncated": False}),
        ("list_bucket_intelligent_tiering_configurations", {"IsTruncated": False}),
        ("list_bucket_inventory_configurations", {"IsTruncated": False}),
        ("list_bucket_metrics_configurations", {"IsTruncated": False}),
    ],
)
def test_a_new_bucket_answers_with_s3s_defaults(s3: Any, operation: str, answer: dict[str, Any]) -> None:
    found = getattr(s3, operation)(Bucket=BUCKET)
    found.pop("ResponseMetadata")
    assert found == answer


def test_a_new_bucket_is_encrypted_with_s3s_keys_and_may_be_told_so(s3: Any) -> None:
    (rule,) = s3.get_bucket_encryption(Bucket=BUCKET)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rule["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
    same = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    s3.put_bucket_encryption(Bucket=BUCKET, ServerSideEncryptionConfiguration={"Rules": [same]})
    other = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}}
    with refused("NotImplemented", message="aws:kms"):
        s3.put_bucket_encryption(Bucket=BUCKET, ServerSideEncryptionConfiguration={"Rules": [other]})


@pytest.mark.parametrize(
    ("operation", "code", "more"),
    [
        ("get_bucket_cors", "NoSuchCORSConfiguration", {}),
        ("get_bucket_lifecycle", "NoSuchLifecycleConfiguration", {}),
        ("get_bucket_lifecycle_configuration", "NoSuchLifecycleConfiguration", {}),
        ("get_bucket_website", "NoSuchWebsiteConfiguration", {}),
        ("get_bucket_replication", "ReplicationConfigurationNotFoundError", {}),
        ("get_object_lock_configuration", "ObjectLockConfigurationNotFoundError", {}),
        ("get_bucket_policy", "NoSuchBucketPolicy", {}),
        ("get_bucket_tagging", "NoSuchTagSet", {}),
        ("get_bucket_metadata_configuration", "MetadataConfigurationNotFound", {}),
        ("get_bucket_metadata_table_configuration", "MetadataConfigurationNotFound", {}),
        ("get_bucket_analytics_configuration", "NoSuchConfiguration", {"Id": "x"}),
        ("get_bucket_intelligent_tiering_configuration", "NoSuchConfiguration", {"Id": "x"}),
        ("get_bucket_inventory_configuration", "NoSuchConfiguration", {"Id": "x"}),
        ("get_bucket_metrics_configuration", "NoSuchConfiguration", {"Id": "x"}),
    ],
)
def test_what_a_bucket_never_had_is_not_found_by_its_own_name(
    s3: Any, operation: str, code: str, more: dict[str, str]
) -> None:
    with refused(code, status=404, BucketName=BUCKET):
        getattr(s3, operation)(Bucket=BUCKET, **more)
    with refused("NoSuchBucket", status=404):
        getattr(s3, operation)(Bucket="nowhere", **more)


@pytest.mark.parametrize("operation", ["get_object_retention", "get_object_legal_hold"])
def test_an_object_has_no_lock_where_its_bucket_has_none(s3: Any, operation: str) -> None:
    s3.put_object(Bucket=BUCKET, Key="k")
    with refused("InvalidRequest", message="missing Object Lock Configuration"):
        getattr(s3, operation)(Bucket=BUCKET, Key="k")
    with refused("NoSuchKey"):
        getattr(s3, operation)(Bucket=BUCKET, Key="other")


@pytest.mark.parametrize(
    "operation",
    [
        "delete_bucket_cors",
        "delete_bucket_lifecycle",
        "delete_bucket_website",
        "delete_bucket_replication",
        "delete_bucket_encryption",
    ],
)
def test_removing_what_was_never_there_is_no_error(s3: Any, operation: str) -> None:
    answer = getattr(s3, operation)(Bucket=BUCKET)
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 204
    with refused("NoSuchBucket"):
        getattr(s3, operation)(Bucket="nowhere")


def test_setting_what_is_not_implemented_says_so_by_name(s3: Any) -> None:
    with refused("NotImplemented", message="s3:PutBucketVersioning"):
        s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
