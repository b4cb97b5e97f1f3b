"""The API of objects, through an unmodified client and, where a client is too careful, through plain HTTP."""

from __future__ import annotations

import base64
import hashlib
import http.client
import zlib
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, urlsplit

import pytest

from tests.running_node import RunningNode
from tests.services.s3.conftest import BUCKET, body, refused


def plain(
    node: RunningNode, method: str, path: str, content: bytes = b"", **headers: str
) -> tuple[int, dict[str, str], bytes]:
    """A request as it is, without a client's help."""
    address = urlsplit(node.endpoint)
    connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=30)
    try:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, content, sent)
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    finally:
        connection.close()


# --- putting and getting ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "key", ["a", "a/b", "/a", "a//b/", "a b+c", "ü/日本", "a?b#c&d=e", "..", "a/../b", "%2F", "'\"<>&", "x" * 1024]
)
def test_an_object_comes_back_by_any_key(s3: Any, key: str) -> None:
    s3.put_object(Bucket=BUCKET, Key=key, Body=b"content of " + key.encode())
    assert body(s3.get_object(Bucket=BUCKET, Key=key)) == b"content of " + key.encode()
    assert [each["Key"] for each in s3.list_objects_v2(Bucket=BUCKET)["Contents"]] == [key]


def test_an_object_of_some_megabytes_passes_through_unchanged(s3: Any) -> None:
    content = hashlib.shake_128(b"seed").digest(6_000_000)
    s3.put_object(Bucket=BUCKET, Key="k", Body=content)
    answer = s3.get_object(Bucket=BUCKET, Key="k")
    assert body(answer) == content
    assert answer["ETag"] == f'"{hashlib.md5(content).hexdigest()}"'


def test_what_was_said_of_an_object_is_said_again(s3: Any) -> None:
    said = {
        "CacheControl": "max-age=60",
        "ContentDisposition": 'attachment; filename="a.txt"',
        "ContentEncoding": "gzip",
        "ContentLanguage": "de",
        "ContentType": "text/plain",
        "Metadata": {"one": "1", "two-2": "zwei"},
        "WebsiteRedirectLocation": "/other",
    }
    s3.put_object(Bucket=BUCKET, Key="k", Body=b"x", StorageClass="STANDARD_IA", **said)
    for answer in (s3.head_object(Bucket=BUCKET, Key="k"), s3.get_object(Bucket=BUCKET, Key="k")):
        assert {name: answer[name] for name in said} == said
        assert answer["StorageClass"] == "STANDARD_IA"
        assert answer["ServerSideEncryption"] == "AES256"
        assert answer["ContentLength"] == 1
    (listed,) = s3.list_objects_v2(Bucket=BUCKET)["Contents"]
    assert listed["StorageClass"] == "STANDARD_IA"


def test_an_object_of_nothing_said_is_binary_and_standard(node: RunningNode, s3: Any) -> None:
    s3.put_object(Bucket=BUCKET, Key="k", Body=b"")
    answer = s3.head_object(Bucket=BUCKET, Key="k")
    assert (answer["ContentType"], answer["ContentLength"], answer["Metadata"]) == ("binary/octet-stream", 0, {})
    assert "StorageClass" not in answer
    status, headers, content = plain(node, "HEAD", f"/{BUCKET}/k")
    assert (status, headers["content-length"], headers["accept-ranges"], content) == (200, "0", "bytes", b"")


def test_the_time_of_an_object_is_the_nodes_to_the_second(node: RunningNode, s3: Any) -> None:
    node.advance(86_400)
    s3.put_object(Bucket=BUCKET, Key="k", Body=b"")
    head = s3.head_object(Bucket=BUCKET, Key="k")["LastModified"]
    (listed,) = s3.list_objects_v2(Bucket=BUCKET)["Contents"]
    assert head == listed["LastModified"]
    assert head > datetime.now(UTC) + timedelta(hours=23)


def test_what_is_not_there_is_named(s3: Any) -> None:
    with refused("NoSuchKey", status=404, Key="k"):
        s3.get_object(Bucket=BUCKET, Key="k")
    with refused("404", status=404):
        s3.head_object(Bucket=BUCKET, Key="k")
    with refused("NoSuchBucket", status=404, BucketName="nowhere"):
        s3.get_object(Bucket="nowhere", Key="k")
    with refused("NoSuchBucket", status=404, BucketName="nowhere"):
        s3.put_object(Bucket="nowhere", Key="k")
    with refused("KeyTooLongError", status=400, Size="1025"):
        s3.put_object(Bucket=BUCKET, Key="x" * 1025)


def test_the_only_version_is_called_null(s3: Any) -> None:
    s3.put_object(Bucket=BUCKET, Key="k", Body=b"x")
    assert body(s3.get_object(Bucket=BUCKET, Key="k", VersionId="null")) == b"x"
    with refused("InvalidArgument", status=400, ArgumentName="versionId", ArgumentValue="abc"):
        s3.get_object(Bucket=BUCKET, Key="k", VersionId="abc")


def test_answers_have_s3s_two_ids(node: RunningNode, s3: Any) -> None:
    status, headers, content = plain(node, "GET", f"/{BUCKET}/nothing")
    assert status == 404
    assert headers["x-amz-request-id"]
    assert f"<HostId>{headers['x-amz-id-2']}</HostId>".encode() in content
    assert b"<Key>nothing</Key>" in content


# --- ranges, parts and conditions ------------------------------------------------------------------------------------


def test_a_range_is_answered_with_what_it_is_of(s3: Any) -> None:
    s3.put_object(Bucket=BUCKET, Key="k", Body=b"0123456789")
    answer = s3.get_object(Bucket=BUCKET, Key="k", Range="bytes=-4")
    assert body(answer) == b"6789"
    assert answer["ContentRange"] == "bytes 6-9/10"
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 206
    assert "ChecksumCRC32" not in answer
    whole = s3.get_object(Bucket=BUCKET, Key="k", Range="bytes=0-100")
    assert (body(whole), whole["ContentRange"]) == (b"0123456789", "bytes 0-9/10")
    assert whole["ChecksumCRC32"], "a range that is all of it has all of its checksum"
    head = s3.head_object(Bucket=BUCKET, Key="k", Range="bytes=2-3")
    assert (head["ContentLength"], head["ResponseMetadata"]["HTTPStatusCode"]) == (2, 206)
    with refused("InvalidRange", status=416, ActualObjectSize="10", RangeRequested="bytes=10-"):
        s3.get_object(Bucket=BUCKET, Key="k", Range="bytes=10-")


def test_an_object_in_one_piece_has_one_part(s3: Any) -> None:
    s3.put_object(Bucket=BUCKET, Key="k", Body=b"0123456789")
    answer = s3.get_object(Bucket=BUCKET, Key="k", PartNumber=1)
    assert (body(answer), answer["ContentRange"]) == (b"0123456789", "bytes 0-9/10")
    with refused("InvalidPartNumber", status=416, PartNumberRequested="2", ActualPartCount="1"):
        s3.get_object(Bucket=BUCKET, Key="k", PartNumber=2)
    with refused("InvalidRequest", message="Cannot specify both Range header and partNumber"):
        s3.get_object(Bucket=BUCKET, Key="k", PartNumber=1, Range="bytes=0-1")


def test_a_read_on_conditions(node: RunningNode, s3: Any) -> None:
    etag = s3.put_object(Bucket=BUCKET, Key="k", Body=b"x")["ETag"]
    modified = s3.head_object(Bucket=BUCKET, Key="k")["LastModified"]
    with refused("304", status=304):
        s3.get_object(Bucket=BUCKET, Key="k", IfNoneMatch=etag)
    with refused("304", status=304):
        s3.head_object(Bucket=BUCKET, Key="k", IfModifiedSince=modified)
    with refused("PreconditionFailed", status=412, Condition="If-Match"):
        s3.get_object(Bucket=BUCKET, Key="k", IfMatch='"other"')
    with refused("412", status=412):
        s3.head_object(Bucket=BUCKET, Key="k", IfUnmodifiedSince=modified - timedelta(seconds=1))
    assert body(s3.get_object(Bucket=BUCKET, Key="k", IfMatch=etag, IfUnmodifiedSince=modified)) == b"x"
    status, headers, content = plain(node, "GET", f"/{BUCKET}/k", If_None_Match=etag)
    assert (status, headers["etag"], content) == (304, etag, b"")
    assert "last-modified" in headers


def test_the_answers_headers_may_be_asked_for(s3: Any) -> None:
    s3.put_object(Bucket=BUCKET, Key="k", Body=b"x", ContentType="text/plain")
    answer = s3.get_object(
        Bucket=BUCKET, Key="k", ResponseContentType="image/jpeg", ResponseContentDisposition="inline"
    )
    assert (answer["ContentType"], answer["ContentDisposition"]) == ("image/jpeg", "inline")


def test_a_presigned_url_puts_and_gets(node: RunningNode, s3: Any) -> None:
    put = s3.generate_presigned_url("put_object", Params={"Bucket": BUCKET, "Key": "a b"})
    path = put.removeprefix(node.endpoint)
    assert plain(node, "PUT", path, b"signed")[0] == 200
    get = s3.generate_presigned_url(
        "get_object", Params={"Bucket": BUCKET, "Key": "a b", "ResponseContentType": "text/x"}
    )
    status, headers, content = plain(node, "GET", get.removeprefix(node.endpoint))
    assert (status, headers["content-type"], content) == (200, "text/x", b"signed")


# --- promises --------------------------------------------------------------------------------------------------------


def test_the_digest_of_a_body_is_held_against_it(node: RunningNode, s3: Any) -> None:
    wrong = base64.b64encode(hashlib.md5(b"other").digest()).decode()
    with refused("BadDigest", status=400):
        s3.put_object(Bucket=BUCKET, Key="k", Body=b"x", ContentMD5=wrong)
    with refused("InvalidDigest", status=400):
        s3.put_object(Bucket=BUCKET, Key="k", Body=b"x", ContentMD5="nonsense")
    with refused("NoSuchKey"):
        s3.get_object(Bucket=BUCKET, Key="k")
    right = base64.b64encode(hashlib.md5(b"x").digest()).decode()
    s3.put_object(Bucket=BUCKET, Key="k", Body=b"x", ContentMD5=right)


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"])
def test_a_checksum_is_verified_kept_and_shown_to_those_who_ask(s3: Any, algorithm: str) -> None:
    put = s3.put_object(Bucket=BUCKET, Key="k", Body=b"some bytes", ChecksumAlgorithm=algorithm)
    value = put[f"Checksum{algorithm}"]
    assert put["ChecksumType"] == "FULL_OBJECT"
    assert f"Checksum{algorithm}" not in s3.head_object(Bucket=BUCKET, Key="k")
    assert s3.head_object(Bucket=BUCKET, Key="k", ChecksumMode="ENABLED")[f"Checksum{algorithm}"] == value
    assert body(s3.get_object(Bucket=BUCKET, Key="k", ChecksumMode="ENABLED")) == b"some bytes"
    attributes = s3.get_object_attributes(Bucket=BUCKET, Key="k", ObjectAttributes=["Checksum"])
    assert attributes["Checksum"] == {f"Checksum{algorithm}": value, "ChecksumType": "FULL_OBJECT"}
    (listed,) = s3.list_objects_v2(Bucket=BUCKET)["Contents"]
    assert (listed["ChecksumAlgorithm"], listed["ChecksumType"]) == ([algorithm], "FULL_OBJECT")
    again = s3.put_object(Bucket=BUCKET, Key="again", Body=b"some bytes", **{f"Checksum{algorithm}": value})
    assert again[f"Checksum{algorithm}"] == value
    with refused("BadDigest", status=400, message=algorithm):
        s3.put_object(Bucket=BUCKET, Key="k", Body=b"other", **{f"Checksum{algorithm}": value})
    with refused("InvalidRequest", message=f"Value for x-amz-checksum-{algorithm.lower()} header is invalid"):
        s3.put_object(Bucket=BUCKET, Key="k", Body=b"x", **{f"Checksum{algorithm}": "nonsense"})
    assert body(s3.get_object(Bucket=BUCKET, Key="k")) == b"some bytes", "what was refused has changed nothing"


def test_a_client_that_says_nothing_of_checksums_gets_s3s_own(node: RunningNode, s3: Any) -> None:
    status, headers, _ = plain(node, "PUT", f"/{BUCKET}/k", b"plain")
    assert (status, headers["x-amz-checksum-type"]) == (200, "FULL_OBJECT")
    shown = s3.head_object(Bucket=BUCKET, Key="k", ChecksumMode="ENABLED")
    assert shown["ChecksumCRC64NVME"] == headers["x-amz-checksum-crc64nvme"]


def test_an_algorithm_that_is_announced_and_then_not_used_is_refused(node: RunningNode, s3: Any) -> None:
    status, _, content = plain(node, "PUT", f"/{BUCKET}/k", b"x", x_amz_sdk_checksum_algorithm="SHA256")
    assert status == 400
    assert b"no corresponding x-amz-checksum-* or x-amz-trailer headers" in content


def test_a_trailer_is_believed_without_an_announcement(node: RunningNode, s3: Any) -> None:
    crc = base64.b64encode(zlib.crc32(b"hello").to_bytes(4, "big")).decode()
    framed = f"5\r\nhello\r\n0\r\nx-amz-checksum-crc32:{crc}\r\n\r\n".encode()
    status, headers, _ = plain(
        node,
        "PUT",
        f"/{BUCKET}/k",
        framed,
        content_encoding="aws-chunked",
        x_amz_trailer="x-amz-checksum-crc32",
        x_amz_content_sha256="STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        x_amz_decoded_content_length="5",
    )
    assert (status, headers["x-amz-checksum-crc32"]) == (200, crc)
    answer = s3.get_object(Bucket=BUCKET, Key="k")
    assert (body(answer), "ContentEncoding" in answer) == (b"hello", False)


def test_more_than_five_gigabytes_are_refused_before_they_come(node: RunningNode, s3: Any) -> None:
    size = str(5 * 1024**3 + 1)
    address = urlsplit(node.endpoint)
    connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=30)
    connection.putrequest("PUT", f"/{BUCKET}/k")
    connection.putheader("content-length", size)
    connection.endheaders()
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    assert answer.status == 400
    assert b"<Code>EntityTooLarge</Code>" in content
    assert f"<ProposedSize>{size}</ProposedSize>".encode() in content


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ({"Metadata": {"k": "v" * 2048}}, "MetadataTooLarge"),
        ({"StorageClass": "FROZEN"}, "InvalidStorageClass"),
        ({"StorageClass": "GLACIER"}, "NotImplemented"),
        ({"ACL": "public-read"}, "AccessControlListNotSupported"),
        ({"GrantRead": "id=1"}, "AccessControlListNotSupported"),
        ({"ServerSideEncryption": "aws:kms"}, "NotImplemented"),
        ({"ServerSideEncryption": "ROT13"}, "InvalidArgument"),
        ({"SSECustomerAlgorithm": "AES256", "SSECustomerKey": "k" * 32}, "NotImplemented"),
        ({"ObjectLockLegalHoldStatus": "ON"}, "InvalidRequest"),
        ({"WriteOffsetBytes": 0}, "NotImplemented"),
        ({"WebsiteRedirectLocation": "other"}, "InvalidRedirectLocation"),
        ({"Tagging": "a=1&a=2"}, "InvalidArgument"),
        ({"IfNoneMatch": '"etag"'}, "NotImplemented"),
    ],
)
def test_what_an_object_cannot_be_is_refused_and_nothing_is_put(s3: Any, settings: dict[str, Any], code: str) -> None:
    with refused(code):
        s3.put_object(Bucket=BUCKET, Key="k", Body=b"x", **settings)
    assert "Contents" not in s3.list_objects_v2(Bucket=BUCKET)


@pytest.mark.parametrize("acl", ["private", "bucket-owner-full-control"])
def test_the_lists_that_say_what_is_so_anyway_are_taken(s3: Any, acl: str) -> None:
    s3.put_object(Bucket=BUCKET, Key="k", Body=b"x", ACL=acl, ServerSideEncryption="AES256")
    assert body(s3.get_object(Bucket=BUCKET, Key="k")) == b"x"


def test_a_write_on_conditions(s3: Any) -> None:
    with refused("NoSuchKey", status=404):
        s3.put_object(Bucket=BUCKET, Key="k", Body=b"0", IfMatch='"x"')
    etag = s3.put_object(Bucket=BUCKET, Key="k", Body=b"1", IfNoneMatch="*")["ETag"]
    with refused("PreconditionFailed", status=412, Condition="If-None-Match"):
        s3.put_object(Bucket=BUCKET, Key="k", Body=b"2", IfNoneMatch="*")
    s3.put_object(Bucket=BUCKET, Key="k", Body=b"3", IfMatch=etag)
    with refused("PreconditionFailed", status=412, Condition="If-Match"):
        s3.put_object(Bucket=BUCKET, Key="k", Body=b"4", IfMatch=etag)
    assert body(s3.get_object(Bucket=BUCKET, Key="k")) == b"3"


# --- attributes and tags ---------------------------------------------------------------------------------------------


def test_only_the_attributes_asked_for_are_told(s3: Any) -> None:
    s3.put_object(Bucket=BUCKET, Key="k", Body=b"12345")
    wanted = ["ETag", "ObjectSize", "StorageClass", "ObjectParts"]
    found = s3.get_object_attributes(Bucket=BUCKET, Key="k", ObjectAttributes=wanted)
    assert found["ETag"] == hashlib.md5(b"12345").hexdigest()
    assert (found["ObjectSize"], found["StorageClass"]) == (5, "STANDARD")
    assert not {"Checksum", "ObjectParts"} & found.keys()
    with refused("InvalidArgument", message="Invalid attribute name"):
        s3.get_object_attributes(Bucket=BUCKET, Key="k", ObjectAttributes=["Colour"])


def test_tags_of_an_object_are_put_counted_replaced_and_deleted(s3: Any) -> None:
    s3.put_object(Bucket=BUCKET, Key="k", Body=b"", Tagging="a=1&b=%20")
    assert s3.get_object_tagging(Bucket=BUCKET, Key="k")["TagSet"] == [
        {"Key": "a", "Value": "1"},
        {"Key": "b", "Value": " "},
    ]
    assert s3.get_object(Bucket=BUCKET, Key="k")["TagCount"] == 2
    s3.put_object_tagging(Bucket=BUCKET, Key="k", Tagging={"TagSet": [{"Key": "c", "Value": ""}]})
    assert s3.get_object_tagging(Bucket=BUCKET, Key="k")["TagSet"] == [{"Key": "c", "Value": ""}]
    s3.delete_object_tagging(Bucket=BUCKET, Key="k")
    assert s3.get_object_tagging(Bucket=BUCKET, Key="k")["TagSet"] == []
    assert "TagCount" not in s3.get_object(Bucket=BUCKET, Key="k")
    with refused("NoSuchKey"):
        s3.put_object_tagging(Bucket=BUCKET, Key="other", Tagging={"TagSet": []})


# --- deleting --------------------------------------------------------------------------------------------------------


def test_a_deletion_is_answered_alike_whether_there_was_something_or_not(s3: Any) -> None:
    s3.put_object(Bucket=BUCKET, Key="k", Body=b"x")
    for _ in range(2):
        answer = s3.delete_object(Bucket=BUCKET, Key="k")
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == 204
    with refused("NoSuchKey"):
        s3.get_object(Bucket=BUCKET, Key="k")


def test_a_deletion_on_a_condition(s3: Any) -> None:
    etag = s3.put_object(Bucket=BUCKET, Key="k", Body=b"x")["ETag"]
    with refused("PreconditionFailed", status=412):
        s3.delete_object(Bucket=BUCKET, Key="k", IfMatch='"other"')
    s3.delete_object(Bucket=BUCKET, Key="k", IfMatch=etag)
    with refused("NoSuchKey", status=404):
        s3.delete_object(Bucket=BUCKET, Key="k", IfMatch="*")
    with refused("InvalidArgument", ArgumentName="x-amz-bypass-governance-retention"):
        s3.delete_object(Bucket=BUCKET, Key="k", BypassGovernanceRetention=True)


def test_many_are_deleted_at_once_each_with_its_own_outcome(s3: Any) -> None:
    etag = s3.put_object(Bucket=BUCKET, Key="b", Body=b"x")["ETag"]
    s3.put_object(Bucket=BUCKET, Key="c", Body=b"x")
    wanted = [
        {"Key": "a"},
        {"Key": "b", "ETag": etag},
        {"Key": "c", "ETag": '"other"'},
        {"Key": "d", "VersionId": "some"},
        {"Key": "e", "VersionId": "null"},
    ]
    answer = s3.delete_objects(Bucket=BUCKET, Delete={"Objects": wanted})
    assert answer["Deleted"] == [{"Key": "a"}, {"Key": "b"}, {"Key": "e", "VersionId": "null"}]
    failed = [(error["Key"], error["Code"], error.get("VersionId")) for error in answer["Errors"]]
    assert failed == [("c", "PreconditionFailed", None), ("d", "NoSuchVersion", "some")]
    assert [each["Key"] for each in s3.list_objects_v2(Bucket=BUCKET)["Contents"]] == ["c"]


def test_a_quiet_deletion_tells_only_of_errors(s3: Any) -> None:
    answer = s3.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": "a"}], "Quiet": True})
    assert not {"Deleted", "Errors"} & answer.keys()


def test_a_thousand_are_deleted_and_one_more_is_refused(s3: Any) -> None:
    keys = [{"Key": f"{number:04}"} for number in range(1000)]
    s3.put_object(Bucket=BUCKET, Key="0999", Body=b"x")
    assert len(s3.delete_objects(Bucket=BUCKET, Delete={"Objects": keys})["Deleted"]) == 1000
    assert "Contents" not in s3.list_objects_v2(Bucket=BUCKET)
    with refused("MalformedXML"):
        s3.delete_objects(Bucket=BUCKET, Delete={"Objects": [*keys, {"Key": "x"}]})
    with refused("NoSuchBucket"):
        s3.delete_objects(Bucket="nowhere", Delete={"Objects": [{"Key": "x"}]})


# --- addresses -------------------------------------------------------------------------------------------------------


def test_a_virtual_host_is_a_bucket(node: RunningNode, s3: Any) -> None:
    s3.put_object(Bucket=BUCKET, Key="a/b", Body=b"x")
    port = urlsplit(node.endpoint).port
    for host in (f"{BUCKET}.s3.localhost:{port}", f"{BUCKET}.localhost:{port}", f"{BUCKET}.s3.amazonaws.com"):
        status, _, content = plain(node, "GET", "/a/b", Host=host)
        assert (status, content) == (200, b"x"), host


def test_a_request_from_inside_is_the_same_operation(node: RunningNode, s3: Any) -> None:
    """Other services call by name, with bytes or with a stream, and without HTTP's headers."""
    from tests.services.s3.nouns import CALL

    async def put_and_get() -> bytes:
        await node.node.call(CALL, "s3", "PutObject", {"Bucket": BUCKET, "Key": "in", "Body": b"inside"})
        answer = await node.node.call(CALL, "s3", "GetObject", {"Bucket": BUCKET, "Key": "in"})
        return b"".join([piece async for piece in answer["Body"]])

    assert node.run(put_and_get()) == b"inside"
    assert body(s3.get_object(Bucket=BUCKET, Key=quote("in"))) == b"inside"
