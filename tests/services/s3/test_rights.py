"""The rights that requests need, as the Service Authorization Reference has them."""

from __future__ import annotations

from typing import Any

import pytest

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


def test_every_operation_that_is_renamed_is_one_we_have() -> None:
    assert set(rights._ACTIONS) <= set(api)
    assert service.needs is rights.needs
