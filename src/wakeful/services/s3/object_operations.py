"""S3's API of objects: putting, getting, copying, deleting, tagging."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from wakeful import limits
from wakeful.fabric.service import Call, Need, Node
from wakeful.services.s3 import (
    buckets,
    conditions,
    content,
    events,
    keys,
    objects,
    ranges,
    receiving,
    settings,
    tags,
    uploads,
)
from wakeful.services.s3.api import api
from wakeful.services.s3.content import Content
from wakeful.services.s3.errors import (
    InvalidArgument,
    InvalidPartNumber,
    InvalidRequest,
    MalformedXML,
    NoSuchKey,
    NoSuchVersion,
)
from wakeful.services.s3.objects import Object
from wakeful.services.s3.ranges import Extent, Span
from wakeful.services.s3.receiving import Received
from wakeful.services.s3.settings import ENCRYPTION, Settings
from wakeful.store.tx import Tx
from wakeful.wire.errors import AccessDenied, AwsError, NotImplementedHere

if TYPE_CHECKING:
    from wakeful.shapes import s3 as shapes

T = TypeVar("T")


# --- putting ---------------------------------------------------------------------------------------------------------


@api.waits
async def put_object(call: Call, node: Node, request: shapes.PutObjectRequest) -> shapes.PutObjectOutput:
    """The key is this object. Bytes first, on disk; then the row and everybody's notice, in one transaction."""
    keys.to_bytes(request["Key"])
    wanted = settings.of_request(request)
    await node.store.read(buckets.of_request, request)
    received = await receiving.receive(node, request)
    found = await kept(node, received, node.store.write(_put, call, request, received, wanted))
    answer: dict[str, Any] = {"ETag": f'"{found.etag}"', "ServerSideEncryption": ENCRYPTION}
    answer |= found.content.checksum.members
    return answer  # type: ignore[return-value]


def _put(tx: Tx, call: Call, request: Mapping[str, Any], received: Received, wanted: Settings) -> Object:
    """The object and every notification it causes become true together."""
    bucket = buckets.of_request(tx, request)
    objects.lock(tx, bucket, request["Key"])
    conditions.check_write(request, request["Key"], objects.get(tx, bucket, request["Key"]))
    return objects.put(tx, call, bucket, request["Key"], _whole(received), wanted, events.PUT)


async def kept(node: Node, received: Received, writing: Awaitable[T]) -> T:
    """What `writing` answers, which names the blob. If it is refused, the blob goes."""
    try:
        return await writing
    except AwsError:
        await node.store.write(receiving.forget, received.blob.key)
        raise


def _whole(received: Received) -> Content:
    blob = received.blob
    return Content(blob.size, blob.md5, received.checksum, blob=blob.key)


# --- getting ---------------------------------------------------------------------------------------------------------


class _View(NamedTuple):
    """What of an object is to be shown: all of it, a range, or a part."""

    found: Object
    span: Span
    where: list[Extent]
    is_partial: bool
    part_checksum: str | None = None
    """Of the part that was asked for, where parts have checksums of their own."""


@api.waits
async def get_object(call: Call, node: Node, request: shapes.GetObjectRequest) -> shapes.GetObjectOutput:
    """The object or a part of it, on the request's conditions. Its bytes follow piece by piece."""
    view = await _view(call, node, request)
    answer = _shown(call, request, view)
    answer["Body"] = content.stream(node, view.where)
    return answer  # type: ignore[return-value]


@api.waits
async def head_object(call: Call, node: Node, request: shapes.HeadObjectRequest) -> shapes.HeadObjectOutput:
    """What GetObject would say of the object, without the object."""
    return _shown(call, request, await _view(call, node, request))  # type: ignore[return-value]


@api.reads
def get_object_attributes(
    call: Call, tx: Tx, request: shapes.GetObjectAttributesRequest
) -> shapes.GetObjectAttributesOutput:
    """Those attributes of the object that were asked for."""
    wanted = set(request["ObjectAttributes"])
    if wanted - set(api.model.shape_for("ObjectAttributes").enum):
        raise InvalidArgument(
            "Invalid attribute name specified.",
            ArgumentName="x-amz-object-attributes",
            ArgumentValue=",".join(request["ObjectAttributes"]),
        )
    found = _find(tx, request)
    everything: dict[str, Any] = {
        "ETag": found.etag,
        "Checksum": found.content.checksum.members,
        "StorageClass": found.settings.storage_class,
        "ObjectSize": found.size,
    }
    if found.content.parts is not None and "ObjectParts" in wanted:
        everything["ObjectParts"] = _parts_shown(tx, found.content, request)
    answer: dict[str, Any] = {name: value for name, value in everything.items() if name in wanted}
    answer["LastModified"] = int(found.modified)
    return answer  # type: ignore[return-value]


async def _view(call: Call, node: Node, request: Mapping[str, Any]) -> _View:
    """Who may not list the bucket does not learn that there is no such key, either ("GetObject", permissions)."""
    try:
        return await node.store.read(_look, request)
    except NoSuchKey:
        await node.authorizer.check_call(call, (Need("s3:ListBucket", f"arn:aws:s3:::{request['Bucket']}"),))
        raise


def _look(tx: Tx, request: Mapping[str, Any]) -> _View:
    found = _find(tx, request)
    settings.check_read(request)
    conditions.check_read(request, found)
    number, header = request.get("PartNumber"), request.get("Range")
    if number is not None and header is not None:
        raise InvalidRequest("Cannot specify both Range header and partNumber query parameter")
    if number is not None:
        return _part(tx, found, number)
    span = ranges.of_header(header, found.size)
    whole = Span(0, found.size)
    return _View(found, span or whole, content.places(tx, found.content, span or whole), span is not None)


def _part(tx: Tx, found: Object, number: int) -> _View:
    count = found.content.parts or 1
    uploads.check_number(number)
    if number > count:
        raise InvalidPartNumber(PartNumberRequested=number, ActualPartCount=count)
    if found.content.parts is None:
        whole = Span(0, found.size)
        return _View(found, whole, content.places(tx, found.content, whole), True)
    row = content.part(tx, found.content, number)
    span = Span(row["start"], row["start"] + row["size"])
    of_its_own = row["checksum"] if found.content.checksum.kind == "COMPOSITE" else None
    return _View(found, span, [Extent(row["blob"], 0, row["size"])], True, of_its_own)


def _find(tx: Tx, request: Mapping[str, Any]) -> Object:
    bucket = buckets.of_request(tx, request)
    settings.check_version(request)
    return objects.find(tx, bucket, request["Key"])


_OVERRIDES = ("CacheControl", "ContentDisposition", "ContentEncoding", "ContentLanguage", "ContentType", "Expires")


def _shown(call: Call, request: Mapping[str, Any], view: _View) -> dict[str, Any]:
    found, span = view.found, view.span
    overrides = {name: request[f"Response{name}"] for name in _OVERRIDES if f"Response{name}" in request}
    if overrides and call.principal.kind == "anonymous":
        raise InvalidRequest("Request specific response headers cannot be used for anonymous GET requests.")
    shown: dict[str, Any] = {
        "AcceptRanges": "bytes",
        "LastModified": int(found.modified),
        "ContentLength": span.size,
        "ETag": f'"{found.etag}"',
        **found.settings.shown,
        **overrides,
    }
    if view.is_partial and span.size:
        shown["ContentRange"] = span.header(found.size)
    if "PartNumber" in request and found.content.parts is not None:
        shown["PartsCount"] = found.content.parts
    if request.get("ChecksumMode", "").upper() == "ENABLED":
        shown |= _checksums_shown(view)
    return shown


def _checksums_shown(view: _View) -> dict[str, str]:
    """Of what is sent: of the whole object, or of a part that has one; of an arbitrary range there is none."""
    checksum = view.found.content.checksum
    if view.span.size == view.found.size:
        return checksum.members
    if view.part_checksum is not None:
        return {f"Checksum{checksum.algorithm}": view.part_checksum, "ChecksumType": checksum.kind}
    return {}


def _parts_shown(tx: Tx, found: Content, request: Mapping[str, Any]) -> dict[str, Any]:
    """How many parts; and where they have checksums of their own, a page of them."""
    shown: dict[str, Any] = {"TotalPartsCount": found.parts}
    if found.checksum.kind != "COMPOSITE":
        return shown
    limit = min(request.get("MaxParts", limits.S3_LIST_MAX), limits.S3_LIST_MAX)
    marker = request.get("PartNumberMarker", 0)
    rows = content.parts_after(tx, found.upload or "", marker, limit + 1)
    parts = [
        {"PartNumber": row["number"], "Size": row["size"], f"Checksum{found.checksum.algorithm}": row["checksum"]}
        for row in rows[:limit]
    ]
    return {
        **shown,
        "PartNumberMarker": marker,
        "NextPartNumberMarker": parts[-1]["PartNumber"] if parts else marker,
        "MaxParts": limit,
        "IsTruncated": len(rows) > limit,
        "Parts": parts,
    }


# --- deleting --------------------------------------------------------------------------------------------------------


@api.writes
def delete_object(call: Call, tx: Tx, request: shapes.DeleteObjectRequest) -> shapes.DeleteObjectOutput:
    """Nothing is at the key, whether or not there was before."""
    bucket = buckets.of_request(tx, request)
    settings.check_version(request)
    _check_bypass(request)
    for member in ("IfMatchLastModifiedTime", "IfMatchSize"):
        if member in request:
            raise NotImplementedHere(f"Only directory buckets know this condition, and Wakeful has none ({member}).")
    objects.lock(tx, bucket, request["Key"])
    conditions.check_delete(request.get("IfMatch"), request["Key"], objects.get(tx, bucket, request["Key"]))
    objects.remove(tx, call, bucket, request["Key"])
    return {}


@api.waits
async def delete_objects(call: Call, node: Node, request: shapes.DeleteObjectsRequest) -> shapes.DeleteObjectsOutput:
    """Each key is deleted or answered with its own error; the others do not suffer. A hundred go at a time."""
    wanted = request["Delete"]["Objects"]
    if not 1 <= len(wanted) <= limits.S3_DELETE_MAX:
        raise MalformedXML
    await node.store.read(buckets.of_request, request)
    _check_bypass(request)
    deleted: list[dict[str, Any]] = []
    failed: list[dict[str, Any]] = []
    for first in range(0, len(wanted), limits.S3_DELETES_PER_TRANSACTION):
        some = wanted[first : first + limits.S3_DELETES_PER_TRANSACTION]
        denied = {each["Key"]: await _denial(call, node, request["Bucket"], each["Key"]) for each in some}
        for each, error in zip(some, await node.store.write(_delete_some, call, request, some, denied), strict=True):
            named: dict[str, Any] = {"Key": each["Key"]}
            if "VersionId" in each:
                named["VersionId"] = each["VersionId"]
            if error is None:
                deleted.append(named)
            else:
                failed.append({**named, "Code": error.code or error.shape_name, "Message": error.message})
    answer: dict[str, Any] = {}
    if deleted and not request["Delete"].get("Quiet"):
        answer["Deleted"] = deleted
    if failed:
        answer["Errors"] = failed
    return answer  # type: ignore[return-value]


async def _denial(call: Call, node: Node, bucket: str, key: str) -> AwsError | None:
    try:
        await node.authorizer.check_call(call, (Need("s3:DeleteObject", f"arn:aws:s3:::{bucket}/{key}"),))
    except AccessDenied as error:
        return error
    return None


def _delete_some(
    tx: Tx, call: Call, request: Mapping[str, Any], some: list[Any], denied: Mapping[str, AwsError | None]
) -> list[AwsError | None]:
    """What went wrong with each, in their order."""
    bucket = buckets.of_request(tx, request)
    for key in sorted(each["Key"] for each in some):  # always in the same order: two such requests never wait crosswise
        objects.lock(tx, bucket, key)
    outcomes: list[AwsError | None] = []
    for each in some:
        try:
            with tx.savepoint():
                _delete_one(tx, call, bucket, each, denied[each["Key"]])
            outcomes.append(None)
        except AwsError as error:
            outcomes.append(error)
    return outcomes


def _delete_one(tx: Tx, call: Call, bucket: buckets.Bucket, wanted: Mapping[str, Any], denial: AwsError | None) -> None:
    if denial is not None:
        raise denial
    if wanted.get("VersionId", "null") != "null":
        raise NoSuchVersion
    for member in ("LastModifiedTime", "Size"):
        if member in wanted:
            raise NotImplementedHere(f"Only directory buckets know this condition, and Wakeful has none ({member}).")
    conditions.check_delete(wanted.get("ETag"), wanted["Key"], objects.get(tx, bucket, wanted["Key"]))
    objects.remove(tx, call, bucket, wanted["Key"])


def _check_bypass(request: Mapping[str, Any]) -> None:
    if "BypassGovernanceRetention" in request:
        raise InvalidArgument(
            "x-amz-bypass-governance-retention is only applicable to Object Lock enabled buckets.",
            ArgumentName="x-amz-bypass-governance-retention",
        )


# --- tagging ---------------------------------------------------------------------------------------------------------


@api.writes
def put_object_tagging(call: Call, tx: Tx, request: shapes.PutObjectTaggingRequest) -> shapes.PutObjectTaggingOutput:
    """The object has these tags, and no others."""
    bucket = buckets.of_request(tx, request)
    settings.check_version(request)
    wanted = tags.of_object(request["Tagging"]["TagSet"])
    objects.set_tags(tx, call, bucket, request["Key"], wanted, events.TAGGED)
    return {}


@api.reads
def get_object_tagging(call: Call, tx: Tx, request: shapes.GetObjectTaggingRequest) -> shapes.GetObjectTaggingOutput:
    return {"TagSet": tags.shown(_find(tx, request).settings.tags)}


@api.writes
def delete_object_tagging(
    call: Call, tx: Tx, request: shapes.DeleteObjectTaggingRequest
) -> shapes.DeleteObjectTaggingOutput:
    bucket = buckets.of_request(tx, request)
    settings.check_version(request)
    objects.set_tags(tx, call, bucket, request["Key"], {}, events.UNTAGGED)
    return {}
