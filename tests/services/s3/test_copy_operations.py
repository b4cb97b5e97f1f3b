"""Copies: by naming again, by reading again, with other settings, on conditions."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import Any

import pytest

from tests.running_node import RunningNode
from tests.services.s3.conftest import BUCKET, body, in_parts, refused
from tests.services.s3.nouns import references
from wakeful.services.s3.copy_operations import source_of
from wakeful.wire.errors import AwsError


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("bucket/key", ("bucket", "key")),
        ("/bucket/a/b", ("bucket", "a/b")),
        ("bucket/a%20b+c%2Bd/%C3%BC", ("bucket", "a b c+d/ü")),
        ("bucket/key?versionId=null", ("bucket", "key")),
    ],
)
def test_a_source_is_a_bucket_and_a_key_encoded_as_in_a_url(text: str, source: tuple[str, str]) -> None:
    assert source_of(text) == source


@pytest.mark.parametrize(
    "text", ["bucket", "bucket/", "/", "", "arn:aws:s3:us-east-1:1:accesspoint/a/object/k", "b/k?versionId=1"]
)
def test_what_names_no_object_is_no_source(text: str) -> None:
    with pytest.raises(AwsError):
        source_of(text)


def test_a_copy_names_the_same_bytes_once_more(node: RunningNode, s3: Any) -> None:
    s3.create_bucket(Bucket="other")
    etag = s3.put_object(Bucket=BUCKET, Key="a b", Body=b"x", ContentType="text/x", Metadata={"m": "1"}, Tagging="t=1")[
        "ETag"
    ]
    result = s3.copy_object(Bucket="other", Key="c", CopySource={"Bucket": BUCKET, "Key": "a b"})["CopyObjectResult"]
    assert result["ETag"] == etag
    copy = s3.get_object(Bucket="other", Key="c")
    assert (body(copy), copy["ContentType"], copy["Metadata"]) == (b"x", "text/x", {"m": "1"})
    assert s3.get_object_tagging(Bucket="other", Key="c")["TagSet"] == [{"Key": "t", "Value": "1"}]
    assert list(node.run(node.node.store.read(references)).values()) == [2]
    s3.delete_object(Bucket=BUCKET, Key="a b")
    assert body(s3.get_object(Bucket="other", Key="c")) == b"x"


def test_metadata_and_tags_are_replaced_where_that_is_asked(s3: Any) -> None:
    s3.put_object(Bucket=BUCKET, Key="a", Body=b"x", ContentType="text/x", Metadata={"m": "1"}, Tagging="t=1")
    s3.copy_object(
        Bucket=BUCKET,
        Key="b",
        CopySource=f"{BUCKET}/a",
        MetadataDirective="REPLACE",
        TaggingDirective="REPLACE",
        Metadata={"n": "2"},
        StorageClass="ONEZONE_IA",
    )
    copy = s3.head_object(Bucket=BUCKET, Key="b")
    assert (copy["ContentType"], copy["Metadata"]) == ("binary/octet-stream", {"n": "2"})
    assert copy["StorageClass"] == "ONEZONE_IA"
    assert s3.get_object_tagging(Bucket=BUCKET, Key="b")["TagSet"] == []
    s3.copy_object(Bucket=BUCKET, Key="c", CopySource=f"{BUCKET}/b")
    assert "StorageClass" not in s3.head_object(Bucket=BUCKET, Key="c"), "a class is never copied"


def test_an_object_is_copied_to_itself_only_to_change_it(s3: Any) -> None:
    s3.put_object(Bucket=BUCKET, Key="a", Body=b"x")
    with refused("InvalidRequest", status=400, message="to copy an object to itself without changing"):
        s3.copy_object(Bucket=BUCKET, Key="a", CopySource=f"{BUCKET}/a")
    s3.copy_object(Bucket=BUCKET, Key="a", CopySource=f"{BUCKET}/a", MetadataDirective="REPLACE", Metadata={"m": "1"})
    found = s3.get_object(Bucket=BUCKET, Key="a")
    assert (body(found), found["Metadata"]) == (b"x", {"m": "1"})


def test_a_copy_of_parts_is_in_one_piece_with_a_digest_of_its_own(node: RunningNode, s3: Any) -> None:
    content = in_parts(s3, "parts", [5 * 1024 * 1024, 100])
    result = s3.copy_object(Bucket=BUCKET, Key="whole", CopySource=f"{BUCKET}/parts")["CopyObjectResult"]
    assert result["ETag"] == f'"{hashlib.md5(content).hexdigest()}"'
    assert body(s3.get_object(Bucket=BUCKET, Key="whole")) == content
    s3.copy_object(Bucket=BUCKET, Key="parts", CopySource=f"{BUCKET}/parts", StorageClass="STANDARD_IA")
    node.settle()
    assert body(s3.get_object(Bucket=BUCKET, Key="parts")) == content
    assert list(node.run(node.node.store.read(references)).values()) == [2]


def test_a_copy_may_have_another_checksum(s3: Any) -> None:
    s3.put_object(Bucket=BUCKET, Key="a", Body=b"x", ChecksumAlgorithm="CRC32")
    expected = s3.put_object(Bucket=BUCKET, Key="b", Body=b"x", ChecksumAlgorithm="SHA256")["ChecksumSHA256"]
    copied = s3.copy_object(Bucket=BUCKET, Key="c", CopySource=f"{BUCKET}/a", ChecksumAlgorithm="SHA256")
    assert copied["CopyObjectResult"]["ChecksumSHA256"] == expected
    kept = s3.copy_object(Bucket=BUCKET, Key="d", CopySource=f"{BUCKET}/a")
    assert "ChecksumCRC32" in kept["CopyObjectResult"]


def test_a_copy_on_conditions_of_both_ends(s3: Any) -> None:
    etag = s3.put_object(Bucket=BUCKET, Key="a", Body=b"x")["ETag"]
    modified = s3.head_object(Bucket=BUCKET, Key="a")["LastModified"]
    there: dict[str, Any] = {"Bucket": BUCKET, "Key": "b", "CopySource": f"{BUCKET}/a"}
    with refused("PreconditionFailed", status=412, Condition="x-amz-copy-source-If-Match"):
        s3.copy_object(**there, CopySourceIfMatch='"other"')
    with refused("PreconditionFailed", Condition="x-amz-copy-source-If-None-Match"):
        s3.copy_object(**there, CopySourceIfNoneMatch=etag)
    with refused("PreconditionFailed", Condition="x-amz-copy-source-If-Modified-Since"):
        s3.copy_object(**there, CopySourceIfModifiedSince=modified)
    with refused("PreconditionFailed", Condition="x-amz-copy-source-If-Unmodified-Since"):
        s3.copy_object(**there, CopySourceIfUnmodifiedSince=modified - timedelta(seconds=1))
    s3.copy_object(**there, CopySourceIfMatch=etag, IfNoneMatch="*")
    with refused("PreconditionFailed", Condition="If-None-Match"):
        s3.copy_object(**there, IfNoneMatch="*")


def test_a_source_that_is_not_there_is_named(s3: Any) -> None:
    with refused("NoSuchKey", status=404, Key="nothing"):
        s3.copy_object(Bucket=BUCKET, Key="b", CopySource=f"{BUCKET}/nothing")
    with refused("NoSuchBucket", status=404, BucketName="nowhere"):
        s3.copy_object(Bucket=BUCKET, Key="b", CopySource="nowhere/a")
    s3.put_object(Bucket=BUCKET, Key="a", Body=b"x")
    with refused("AccessDenied"):
        s3.copy_object(Bucket=BUCKET, Key="b", CopySource=f"{BUCKET}/a", ExpectedSourceBucketOwner="111122223333")
    with refused("NoSuchBucket", BucketName="nowhere"):
        s3.copy_object(Bucket="nowhere", Key="b", CopySource=f"{BUCKET}/a")


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ({"MetadataDirective": "KEEP"}, "InvalidArgument"),
        ({"TaggingDirective": "KEEP"}, "InvalidArgument"),
        ({"AnnotationDirective": "COPY"}, "NotImplemented"),
        ({"ServerSideEncryption": "aws:kms"}, "NotImplemented"),
        ({"StorageClass": "DEEP_ARCHIVE"}, "NotImplemented"),
        ({"ACL": "public-read"}, "AccessControlListNotSupported"),
        ({"CopySourceSSECustomerAlgorithm": "AES256", "CopySourceSSECustomerKey": "k" * 32}, "InvalidRequest"),
    ],
)
def test_a_copy_that_would_be_something_else_is_refused(s3: Any, settings: dict[str, Any], code: str) -> None:
    s3.put_object(Bucket=BUCKET, Key="a", Body=b"x")
    with refused(code):
        s3.copy_object(Bucket=BUCKET, Key="b", CopySource=f"{BUCKET}/a", **settings)


def test_parts_are_copied_from_ranges_of_objects_in_one_piece_and_in_many(s3: Any) -> None:
    source = in_parts(s3, "source", [5 * 1024 * 1024, 5 * 1024 * 1024 + 7])
    upload = s3.create_multipart_upload(Bucket=BUCKET, Key="k")["UploadId"]
    there: dict[str, Any] = {"Bucket": BUCKET, "Key": "k", "UploadId": upload, "CopySource": f"{BUCKET}/source"}
    edge = 5 * 1024 * 1024
    first = s3.upload_part_copy(**there, PartNumber=1, CopySourceRange=f"bytes=3-{edge + 9}")["CopyPartResult"]
    second = s3.upload_part_copy(**there, PartNumber=2)["CopyPartResult"]
    assert first["ETag"] == f'"{hashlib.md5(source[3 : edge + 10]).hexdigest()}"'
    parts = [{"PartNumber": number, "ETag": part["ETag"]} for number, part in ((1, first), (2, second))]
    s3.complete_multipart_upload(Bucket=BUCKET, Key="k", UploadId=upload, MultipartUpload={"Parts": parts})
    assert body(s3.get_object(Bucket=BUCKET, Key="k")) == source[3 : edge + 10] + source


def test_a_part_is_not_copied_from_where_nothing_is(s3: Any) -> None:
    s3.put_object(Bucket=BUCKET, Key="a", Body=b"0123456789")
    upload = s3.create_multipart_upload(Bucket=BUCKET, Key="k")["UploadId"]
    there: dict[str, Any] = {"Bucket": BUCKET, "Key": "k", "UploadId": upload, "PartNumber": 1}
    with refused("InvalidArgument", ArgumentName="x-amz-copy-source-range", ArgumentValue="bytes=0-100"):
        s3.upload_part_copy(**there, CopySource=f"{BUCKET}/a", CopySourceRange="bytes=0-100")
    with refused("InvalidRequest"):
        s3.upload_part_copy(**there, CopySource=f"{BUCKET}/a", CopySourceRange="bytes=100-200")
    with refused("NoSuchKey"):
        s3.upload_part_copy(**there, CopySource=f"{BUCKET}/b")
    with refused("NoSuchUpload"):
        s3.upload_part_copy(**{**there, "UploadId": "none"}, CopySource=f"{BUCKET}/a")
    with refused("PreconditionFailed"):
        s3.upload_part_copy(**there, CopySource=f"{BUCKET}/a", CopySourceIfMatch='"x"')
