"""S3's API of copies: of objects to objects, and of objects to parts of an upload.

An object in one piece is copied by naming its blob twice; no byte is read. One that was uploaded in parts becomes an
object in one piece, as on AWS; and the copy may be asked for with another checksum. Those bytes are read and written.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qs, unquote_plus

from wakeful import limits
from wakeful.fabric.service import Call, Node
from wakeful.services.s3 import (
    buckets,
    checksums,
    conditions,
    content,
    events,
    objects,
    ranges,
    receiving,
    settings,
    uploads,
)
from wakeful.services.s3 import tags as tag_rules
from wakeful.services.s3.api import api
from wakeful.services.s3.checksums import Checksum
from wakeful.services.s3.content import Content
from wakeful.services.s3.errors import InvalidArgument, InvalidRequest
from wakeful.services.s3.object_operations import kept
from wakeful.services.s3.objects import Object
from wakeful.services.s3.ranges import Extent, Span
from wakeful.services.s3.receiving import Received
from wakeful.services.s3.settings import ENCRYPTION, Settings
from wakeful.services.s3.uploads import Upload
from wakeful.store.tx import Tx
from wakeful.wire.errors import NotImplementedHere

if TYPE_CHECKING:
    from wakeful.shapes import s3 as shapes


class Source(NamedTuple):
    """What `x-amz-copy-source` names."""

    bucket: str
    key: str


def source_of(text: str) -> Source:
    """Raises InvalidArgument for what names no object, and for a version, of which a bucket here has none but null."""
    path, _, query = text.partition("?versionId=") if "?versionId=" in text else (text, "", "")
    # The path is URL-encoded, and some clients write a space as "+".
    bucket, _, key = unquote_plus(path).removeprefix("/").partition("/")
    if bucket.startswith("arn:"):
        raise NotImplementedHere("Wakeful does not have access points yet (x-amz-copy-source).")
    if not bucket or not key:
        raise InvalidArgument(
            "Copy Source must mention the source bucket and key: sourcebucket/sourcekey",
            ArgumentName="x-amz-copy-source",
            ArgumentValue=text,
        )
    if query:
        settings.check_version({"VersionId": parse_qs(f"versionId={query}").get("versionId", [""])[0]})
    return Source(bucket, key)


# --- objects ---------------------------------------------------------------------------------------------------------


@api.waits
async def copy_object(call: Call, node: Node, request: shapes.CopyObjectRequest) -> shapes.CopyObjectOutput:
    """The key is what the source is, with the source's settings or with others."""
    source = source_of(request["CopySource"])
    settings.check({name: value for name, value in request.items() if not name.startswith("CopySource")})
    _check_directive(request, "MetadataDirective", "x-amz-metadata-directive", "metadata")
    _check_directive(request, "TaggingDirective", "x-amz-tagging-directive", "tagging")
    if "AnnotationDirective" in request:
        raise NotImplementedHere("Wakeful does not have annotations yet (x-amz-object-annotation-directive).")
    _check_changes(request, source)
    algorithm = checksums.algorithm_of(request)
    look = await node.store.read(_look, request, source, algorithm)
    if look is None:
        found = await node.store.write(_copy, call, request, source, None)
    else:
        received = await _read_again(node, look, algorithm)
        found = await kept(node, received, node.store.write(_copy, call, request, source, received))
    result: Any = {"ETag": f'"{found.etag}"', "LastModified": int(found.modified), **found.content.checksum.members}
    return {"CopyObjectResult": result, "ServerSideEncryption": ENCRYPTION}


class _Bytes(NamedTuple):
    """Bytes that have to be read to be copied, and the checksum that the source has of them."""

    where: list[Extent]
    checksum: Checksum


def _look(tx: Tx, request: Mapping[str, Any], source: Source, algorithm: str | None) -> _Bytes | None:
    """What has to be read to make the copy; None where the blob can be named again."""
    buckets.of_request(tx, request)
    found = _find(tx, request, source)
    checksum = found.content.checksum
    if found.content.blob is not None and algorithm in (None, checksum.algorithm):
        return None
    return _Bytes(content.places(tx, found.content, Span(0, found.size)), checksum)


async def _read_again(node: Node, source: _Bytes, algorithm: str | None) -> Received:
    wanted = algorithm or source.checksum.algorithm
    return await receiving.receive(node, {"Body": content.stream(node, source.where)}, wanted=wanted)


def _copy(tx: Tx, call: Call, request: Mapping[str, Any], source: Source, received: Received | None) -> Object:
    """The copy and every notification it causes become true together.

    What was `received` is the source as it was a moment ago; else the source's blob is named once more, as it is now.
    """
    bucket, key = buckets.of_request(tx, request), request["Key"]
    objects.lock(tx, bucket, key)
    conditions.check_write(request, key, objects.get(tx, bucket, key))
    found = _find(tx, request, source)
    if received is not None:
        blob = received.blob
        copied = Content(blob.size, blob.md5, received.checksum, blob=blob.key)
    else:
        copied = found.content
    assert copied.blob is not None, "what has several pieces was read"
    return objects.put(tx, call, bucket, key, copied, _settings(request, found), events.COPIED)


def _find(tx: Tx, request: Mapping[str, Any], source: Source) -> Object:
    """The source, if it may be copied on the request's conditions."""
    found = objects.find(tx, buckets.find(tx, source.bucket, request.get("ExpectedSourceBucketOwner")), source.key)
    settings.check_read({name: value for name, value in request.items() if name.startswith("CopySourceSSE")})
    conditions.check_source(request, found)
    if found.size > limits.S3_PUT_BYTES_MAX:
        raise InvalidRequest(
            "The specified copy source is larger than the maximum allowable size for a copy source:"
            f" {limits.S3_PUT_BYTES_MAX}"
        )
    return found


def _settings(request: Mapping[str, Any], source: Object) -> Settings:
    """Metadata and tags are the source's unless they are replaced. Class and redirection are never the source's."""
    given = settings.of_request({name: value for name, value in request.items() if not name.startswith("CopySource")})
    headers, metadata = given.headers, given.metadata
    if request.get("MetadataDirective", "COPY") == "COPY":
        redirect = "WebsiteRedirectLocation"
        headers = {
            **{name: value for name, value in source.settings.headers.items() if name != redirect},
            **({redirect: request[redirect]} if redirect in request else {}),
        }
        metadata = source.settings.metadata
    is_replaced = request.get("TaggingDirective", "COPY") == "REPLACE"
    tags = tag_rules.of_header(request.get("Tagging", "")) if is_replaced else source.settings.tags
    return Settings(headers, metadata, given.storage_class, tags)


def _check_directive(request: Mapping[str, Any], member: str, header: str, what: str) -> None:
    if request.get(member, "COPY") not in ("COPY", "REPLACE"):
        raise InvalidArgument(f"Unknown {what} directive.", ArgumentName=header, ArgumentValue=request[member])


_CHANGES = ("StorageClass", "WebsiteRedirectLocation", "ServerSideEncryption")


def _check_changes(request: Mapping[str, Any], source: Source) -> None:
    is_itself = source == (request["Bucket"], request["Key"])
    is_changed = request.get("MetadataDirective") == "REPLACE" or any(member in request for member in _CHANGES)
    if is_itself and not is_changed:
        raise InvalidRequest(
            "This copy request is illegal because it is trying to copy an object to itself without changing the"
            " object's metadata, storage class, website redirect location or encryption attributes."
        )


# --- parts -----------------------------------------------------------------------------------------------------------


@api.waits
async def upload_part_copy(
    call: Call, node: Node, request: shapes.UploadPartCopyRequest
) -> shapes.UploadPartCopyOutput:
    """The part is a range of the source, or all of it."""
    source = source_of(request["CopySource"])
    uploads.check_number(request["PartNumber"])
    upload, where = await node.store.read(_look_for_part, request, source)
    body = {"Body": content.stream(node, where)}
    received = await receiving.receive(node, body, wanted=upload.part_algorithm)
    modified = await kept(node, received, node.store.write(uploads.put_part, upload, request["PartNumber"], received))
    result: Any = {"ETag": f'"{received.blob.md5}"', "LastModified": int(modified)}
    if upload.algorithm is not None:
        result[f"Checksum{upload.algorithm}"] = received.checksum.value
    return {"CopyPartResult": result, "ServerSideEncryption": ENCRYPTION}


def _look_for_part(tx: Tx, request: Mapping[str, Any], source: Source) -> tuple[Upload, list[Extent]]:
    bucket = buckets.of_request(tx, request)
    upload = uploads.find(tx, bucket.name, request["Key"], request["UploadId"])
    bucket_of_source = buckets.find(tx, source.bucket, request.get("ExpectedSourceBucketOwner"))
    found = objects.find(tx, bucket_of_source, source.key)
    settings.check_read(request)
    conditions.check_source(request, found)
    wanted = request.get("CopySourceRange")
    span = Span(0, found.size) if wanted is None else ranges.of_copy(wanted, found.size)
    if span.size > limits.S3_PUT_BYTES_MAX:
        raise InvalidRequest(
            "The specified copy source is larger than the maximum allowable size for a copy source:"
            f" {limits.S3_PUT_BYTES_MAX}"
        )
    return upload, content.places(tx, found.content, span)
