"""Multipart uploads through an unmodified client, against a model of what must come out."""

from __future__ import annotations

import hashlib
import io
import zlib
from base64 import b64encode
from typing import Any

import pytest
from boto3.s3.transfer import TransferConfig
from hypothesis import given
from hypothesis import strategies as st

from tests.examples import examples
from tests.running_node import RunningNode
from tests.services.s3.conftest import BUCKET, body, in_parts, refused
from tests.services.s3.nouns import references
from wakeful import limits

LARGE = limits.S3_PART_BYTES_MIN


def begin(s3: Any, key: str = "k", **settings_: Any) -> dict[str, Any]:
    upload = s3.create_multipart_upload(Bucket=BUCKET, Key=key, **settings_)["UploadId"]
    return {"Bucket": BUCKET, "Key": key, "UploadId": upload}


def complete(s3: Any, there: dict[str, Any], *parts: dict[str, Any], **more: Any) -> Any:
    return s3.complete_multipart_upload(**there, MultipartUpload={"Parts": list(parts)}, **more)


def part(s3: Any, there: dict[str, Any], number: int, content: bytes, **more: Any) -> dict[str, Any]:
    answer = s3.upload_part(**there, PartNumber=number, Body=content, **more)
    checksums = {name: value for name, value in answer.items() if name.startswith("Checksum")}
    return {"PartNumber": number, "ETag": answer["ETag"], **checksums}


def test_an_object_in_parts_is_what_was_said_when_it_was_begun(s3: Any) -> None:
    there = begin(s3, ContentType="text/x", Metadata={"m": "1"}, Tagging="t=1", StorageClass="STANDARD_IA")
    first, second = b"a" * LARGE, b"b" * 10
    parts = [part(s3, there, 1, first), part(s3, there, 2, second)]
    done = complete(s3, there, *({"PartNumber": each["PartNumber"], "ETag": each["ETag"]} for each in parts))
    digest = hashlib.md5(hashlib.md5(first).digest() + hashlib.md5(second).digest()).hexdigest()
    assert done["ETag"] == f'"{digest}-2"'
    assert done["Location"].endswith(f"/{BUCKET}/k")
    assert (done["ChecksumType"], "ChecksumCRC64NVME" in done) == ("FULL_OBJECT", True)
    found = s3.get_object(Bucket=BUCKET, Key="k")
    assert body(found) == first + second
    assert (found["ContentType"], found["Metadata"], found["TagCount"]) == ("text/x", {"m": "1"}, 1)
    assert found["StorageClass"] == "STANDARD_IA"
    ranged = s3.get_object(Bucket=BUCKET, Key="k", Range=f"bytes={LARGE - 3}-{LARGE + 2}")
    assert body(ranged) == b"aaabbb"
    one = s3.get_object(Bucket=BUCKET, Key="k", PartNumber=2)
    assert (body(one), one["PartsCount"]) == (second, 2)
    assert one["ContentRange"] == f"bytes {LARGE}-{LARGE + 9}/{LARGE + 10}"
    with refused("InvalidPartNumber", status=416, ActualPartCount="2"):
        s3.get_object(Bucket=BUCKET, Key="k", PartNumber=3)


def test_the_clients_own_transfers_pass_both_ways(s3: Any) -> None:
    content = hashlib.shake_128(b"transfer").digest(17 * 1024 * 1024)
    config = TransferConfig(multipart_threshold=8 * 1024 * 1024, multipart_chunksize=8 * 1024 * 1024)
    s3.upload_fileobj(io.BytesIO(content), BUCKET, "k", Config=config)
    assert s3.head_object(Bucket=BUCKET, Key="k")["ETag"].endswith('-3"')
    target = io.BytesIO()
    s3.download_fileobj(BUCKET, "k", target, Config=config)
    assert target.getvalue() == content
    s3.copy({"Bucket": BUCKET, "Key": "k"}, BUCKET, "copy", Config=config)
    assert body(s3.get_object(Bucket=BUCKET, Key="copy")) == content


def test_parts_are_listed_page_by_page_as_they_come(s3: Any) -> None:
    there = begin(s3)
    assert "Parts" not in s3.list_parts(**there)
    for number in (3, 1, 2):
        part(s3, there, number, b"x" * number)
    page = s3.list_parts(**there, MaxParts=2)
    assert [(each["PartNumber"], each["Size"]) for each in page["Parts"]] == [(1, 1), (2, 2)]
    assert (page["IsTruncated"], page["NextPartNumberMarker"], page["StorageClass"]) == (True, 2, "STANDARD")
    assert page["Owner"] == page["Initiator"]
    rest = s3.list_parts(**there, PartNumberMarker=2)
    assert ([each["PartNumber"] for each in rest["Parts"]], rest["IsTruncated"]) == ([3], False)


def test_uploads_are_listed_by_key_and_time_page_by_page_and_rolled_up(s3: Any) -> None:
    first, second = begin(s3, "a/1"), begin(s3, "a/1")
    third, fourth = begin(s3, "a b/2"), begin(s3, "c")
    order = [third, first, second, fourth]
    found = s3.list_multipart_uploads(Bucket=BUCKET)
    assert [each["UploadId"] for each in found["Uploads"]] == [each["UploadId"] for each in order]
    paged = [
        upload["UploadId"]
        for page in s3.get_paginator("list_multipart_uploads").paginate(Bucket=BUCKET, PaginationConfig={"PageSize": 1})
        for upload in page["Uploads"]
    ]
    assert paged == [each["UploadId"] for each in order]
    rolled = s3.list_multipart_uploads(Bucket=BUCKET, Delimiter="/")
    assert [each["Prefix"] for each in rolled["CommonPrefixes"]] == ["a b/", "a/"]
    assert [each["Key"] for each in rolled["Uploads"]] == ["c"]
    below = s3.list_multipart_uploads(Bucket=BUCKET, Prefix="a/", KeyMarker="a/1", UploadIdMarker=first["UploadId"])
    assert [each["UploadId"] for each in below["Uploads"]] == [second["UploadId"]]
    after = s3.list_multipart_uploads(Bucket=BUCKET, KeyMarker="a/1")
    assert [each["Key"] for each in after["Uploads"]] == ["c"]


def test_an_aborted_upload_is_gone_with_its_bytes(node: RunningNode, s3: Any) -> None:
    there = begin(s3)
    part(s3, there, 1, b"x")
    s3.abort_multipart_upload(**there)
    for call in (s3.abort_multipart_upload, s3.list_parts):
        with refused("NoSuchUpload", status=404, UploadId=there["UploadId"]):
            call(**there)
    with refused("NoSuchUpload"):
        part(s3, there, 2, b"y")
    with refused("NoSuchUpload"):
        complete(s3, there, {"PartNumber": 1, "ETag": "x"})
    node.settle()
    assert node.run(node.node.store.read(references)) == {}


def test_a_completion_that_was_not_heard_of_may_be_asked_for_again(s3: Any) -> None:
    there = begin(s3)
    one = part(s3, there, 1, b"x")
    told = {"PartNumber": 1, "ETag": one["ETag"]}
    first, again = complete(s3, there, told), complete(s3, there, told)
    assert first["ETag"] == again["ETag"]
    s3.put_object(Bucket=BUCKET, Key="k", Body=b"y")
    with refused("NoSuchUpload"):
        complete(s3, there, told)


def test_a_completion_that_cannot_be_is_refused_and_the_upload_stays(s3: Any) -> None:
    there = begin(s3)
    small, last = part(s3, there, 1, b"small"), part(s3, there, 2, b"last")
    ones = [{"PartNumber": each["PartNumber"], "ETag": each["ETag"]} for each in (small, last)]
    with refused("InvalidRequest", message="at least one part"):
        s3.complete_multipart_upload(**there)
    with refused("InvalidPartOrder", status=400, UploadId=there["UploadId"]):
        complete(s3, there, ones[1], ones[0])
    with refused("EntityTooSmall", ProposedSize="5", MinSizeAllowed="5242880", PartNumber="1"):
        complete(s3, there, *ones)
    with refused("InvalidPart", PartNumber="2", ETag="other", UploadId=there["UploadId"]):
        complete(s3, there, {"PartNumber": 2, "ETag": '"other"'})
    with refused("InvalidRequest", message="x-amz-mp-object-size"):
        complete(s3, there, ones[1], MpuObjectSize=5)
    with refused("InvalidArgument", ArgumentName="partNumber"):
        part(s3, there, 10_001, b"x")
    complete(s3, there, ones[1], MpuObjectSize=4)
    assert body(s3.get_object(Bucket=BUCKET, Key="k")) == b"last"


def test_a_completion_on_conditions(s3: Any) -> None:
    there = begin(s3)
    one = {"PartNumber": 1, "ETag": part(s3, there, 1, b"x")["ETag"]}
    with refused("NoSuchKey", status=404):
        complete(s3, there, one, IfMatch='"x"')
    etag = s3.put_object(Bucket=BUCKET, Key="k", Body=b"y")["ETag"]
    with refused("PreconditionFailed", status=412, Condition="If-None-Match"):
        complete(s3, there, one, IfNoneMatch="*")
    with refused("ConditionalRequestConflict", status=409, Condition="If-Match"):
        complete(s3, there, one, IfMatch=etag)
    s3.delete_object(Bucket=BUCKET, Key="k")
    with refused("ConditionalRequestConflict", status=409, Condition="If-None-Match"):
        complete(s3, there, one, IfNoneMatch="*")
    complete(s3, there, one)


# --- checksums -------------------------------------------------------------------------------------------------------


def test_a_composite_checksum_is_that_of_the_parts_and_each_part_shows_its_own(s3: Any) -> None:
    there = begin(s3, ChecksumAlgorithm="SHA256")
    contents = [b"a" * LARGE, b"b"]
    parts = [part(s3, there, number, each, ChecksumAlgorithm="SHA256") for number, each in enumerate(contents, start=1)]
    done = complete(s3, there, *parts)
    digests = b"".join(hashlib.sha256(each).digest() for each in contents)
    assert done["ChecksumSHA256"] == f"{b64encode(hashlib.sha256(digests).digest()).decode()}-2"
    assert done["ChecksumType"] == "COMPOSITE"
    one = s3.get_object(Bucket=BUCKET, Key="k", PartNumber=2, ChecksumMode="ENABLED")
    assert (body(one), one["ChecksumSHA256"]) == (b"b", parts[1]["ChecksumSHA256"])
    wanted = ["Checksum", "ObjectParts"]
    told = s3.get_object_attributes(Bucket=BUCKET, Key="k", ObjectAttributes=wanted, MaxParts=1)
    assert told["ObjectParts"]["TotalPartsCount"] == 2
    assert (told["ObjectParts"]["IsTruncated"], told["ObjectParts"]["NextPartNumberMarker"]) == (True, 1)
    assert told["ObjectParts"]["Parts"][0]["ChecksumSHA256"] == parts[0]["ChecksumSHA256"]


def test_a_full_checksum_is_that_of_the_object_and_may_be_stated_at_the_end(s3: Any) -> None:
    there = begin(s3, ChecksumAlgorithm="CRC32", ChecksumType="FULL_OBJECT")
    contents = [b"a" * LARGE, b"bc"]
    parts = [part(s3, there, number, each) for number, each in enumerate(contents, start=1)]
    whole = b64encode(zlib.crc32(b"".join(contents)).to_bytes(4, "big")).decode()
    with refused("BadDigest", status=400):
        complete(s3, there, *parts, ChecksumCRC32="AAAAAA==")
    with refused("InvalidRequest", message="checksum mode"):
        complete(s3, there, *parts, ChecksumType="COMPOSITE")
    done = complete(s3, there, *parts, ChecksumCRC32=whole)
    assert (done["ChecksumCRC32"], done["ChecksumType"]) == (whole, "FULL_OBJECT")
    assert body(s3.get_object(Bucket=BUCKET, Key="k", ChecksumMode="ENABLED")) == b"".join(contents)
    told = s3.get_object_attributes(Bucket=BUCKET, Key="k", ObjectAttributes=["ObjectParts"])
    assert told["ObjectParts"] == {"TotalPartsCount": 2}


def test_the_parts_of_an_upload_have_its_algorithm(node: RunningNode, s3: Any) -> None:
    there = begin(s3, ChecksumAlgorithm="SHA1")
    with refused("InvalidRequest", message="expected checksum Type: sha1, actual checksum Type: crc32"):
        part(s3, there, 1, b"x", ChecksumAlgorithm="CRC32")
    silent = node.client("s3", config={"request_checksum_calculation": "when_required"})
    with refused("InvalidRequest", message="expected checksum Type: sha1, actual checksum Type: null"):
        part(silent, there, 1, b"x")
    with refused("InvalidRequest", message="cannot be used with the sha1"):
        begin(s3, ChecksumAlgorithm="SHA1", ChecksumType="FULL_OBJECT")
    with refused("InvalidRequest", message="x-amz-checksum-algorithm"):
        begin(s3, ChecksumType="FULL_OBJECT")
    assert "Parts" not in s3.list_parts(**there)
    listed = s3.list_parts(**there)
    assert (listed["ChecksumAlgorithm"], listed["ChecksumType"]) == ("SHA1", "COMPOSITE")


# --- against a model -------------------------------------------------------------------------------------------------

puts = st.lists(st.tuples(st.integers(1, 4), st.integers(0, 3)), min_size=1, max_size=7)


@pytest.mark.slow
@examples(12, keeps_fixtures=True)
@given(script=puts, data=st.data())
def test_whatever_is_uploaded_in_whatever_order_the_listed_parts_are_the_object(
    node: RunningNode, script: list[tuple[int, int]], data: st.DataObject
) -> None:
    node.empty()
    s3 = node.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    there = begin(s3)
    uploaded: dict[int, tuple[bytes, dict[str, Any]]] = {}
    for number, flavour in script:
        content = bytes([65 + flavour]) * LARGE
        told = part(s3, there, number, content)
        uploaded[number] = (content, {"PartNumber": number, "ETag": told["ETag"]})
    chosen = sorted(data.draw(st.sets(st.sampled_from(sorted(uploaded)), min_size=1)))
    complete(s3, there, *(uploaded[number][1] for number in chosen))
    expected = b"".join(uploaded[number][0] for number in chosen)
    start = data.draw(st.integers(0, len(expected) - 1))
    end = data.draw(st.integers(start, min(start + 2 * LARGE, len(expected) - 1)))
    assert body(s3.get_object(Bucket=BUCKET, Key="k", Range=f"bytes={start}-{end}")) == expected[start : end + 1]
    node.settle()
    counted = sum(node.run(node.node.store.read(references)).values())
    assert counted == len(chosen), "what was not listed, or came twice, is not named any more"


def test_bytes_of_parts_outlive_the_object_as_long_as_somebody_reads_them(node: RunningNode, s3: Any) -> None:
    content = in_parts(s3, "k", [LARGE, 10])
    answer = s3.get_object(Bucket=BUCKET, Key="k")
    s3.delete_object(Bucket=BUCKET, Key="k")
    node.settle()
    assert body(answer) == content
    assert node.run(node.node.store.read(references)) == {}
