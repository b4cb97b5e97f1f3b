"""S3's API of multipart uploads: begin, fill, complete or abort; and what is there so far."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from wakeful.fabric.service import Call, Node
from wakeful.services.s3 import (
    buckets,
    checksums,
    conditions,
    content,
    events,
    keys,
    listing,
    objects,
    receiving,
    settings,
    uploads,
)
from wakeful.services.s3.api import api
from wakeful.services.s3.buckets import Bucket
from wakeful.services.s3.errors import BadDigest, InvalidArgument, InvalidRequest
from wakeful.services.s3.listing import Entry, Position
from wakeful.services.s3.listing_operations import page_size, prefixes_of, shower
from wakeful.services.s3.object_operations import kept
from wakeful.services.s3.objects import Object
from wakeful.services.s3.settings import ENCRYPTION
from wakeful.services.s3.uploads import Upload
from wakeful.store.tx import Row, Tx
from wakeful.wire.errors import NotImplementedHere

if TYPE_CHECKING:
    from wakeful.shapes import s3 as shapes


# --- from the beginning to the end -----------------------------------------------------------------------------------


@api.writes
def create_multipart_upload(
    call: Call, tx: Tx, request: shapes.CreateMultipartUploadRequest
) -> shapes.CreateMultipartUploadOutput:
    """An upload has begun. What the object is to be like is said now; its bytes come as parts."""
    keys.to_bytes(request["Key"])
    wanted = settings.of_request(request)
    algorithm, kind = checksums.algorithm_of(request), request.get("ChecksumType")
    if algorithm is not None:
        kind = checksums.kind_of_upload(algorithm, kind)
    elif kind is not None:
        raise InvalidRequest(
            "The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header."
        )
    bucket = buckets.of_request(tx, request)
    upload = uploads.begin(tx, bucket.name, request["Key"], wanted, call.principal.arn, algorithm, kind)
    answer: dict[str, Any] = {
        "Bucket": bucket.name,
        "Key": request["Key"],
        "UploadId": upload,
        "ServerSideEncryption": ENCRYPTION,
    }
    if algorithm is not None:
        answer |= {"ChecksumAlgorithm": algorithm, "ChecksumType": kind}
    return answer  # type: ignore[return-value]


@api.waits
async def upload_part(call: Call, node: Node, request: shapes.UploadPartRequest) -> shapes.UploadPartOutput:
    """The part is there, in the place of one that had its number before."""
    uploads.check_number(request["PartNumber"])
    upload = await node.store.read(_find, request)
    received = await receiving.receive(node, request, wanted=upload.part_algorithm)
    await kept(node, received, node.store.write(_put_part, upload, request["PartNumber"], received))
    answer: dict[str, Any] = {"ETag": f'"{received.blob.md5}"', "ServerSideEncryption": ENCRYPTION}
    if upload.algorithm is not None:
        answer[f"Checksum{upload.algorithm}"] = received.checksum.value
    return answer  # type: ignore[return-value]


def _put_part(tx: Tx, upload: Upload, number: int, received: receiving.Received) -> None:
    needs_one = upload.kind == checksums.COMPOSITE
    if upload.algorithm is not None and received.told != upload.algorithm and (needs_one or received.told):
        raise InvalidRequest(
            f"Checksum Type mismatch occurred, expected checksum Type: {upload.algorithm.lower()}, actual checksum"
            f" Type: {(received.told or 'null').lower()}"
        )
    uploads.put_part(tx, upload, number, received)


@api.writes
def complete_multipart_upload(
    call: Call, tx: Tx, request: shapes.CompleteMultipartUploadRequest
) -> shapes.CompleteMultipartUploadOutput:
    """The listed parts are the object. Nothing is copied. Asked again, it answers the same again."""
    listed = request.get("MultipartUpload", {}).get("Parts", [])
    if not listed:
        raise InvalidRequest("You must specify at least one part")
    bucket, key = buckets.of_request(tx, request), request["Key"]
    objects.lock(tx, bucket, key)
    before = objects.get(tx, bucket, key)
    if before is not None and before.content.upload == request["UploadId"]:
        return _completed(call, before)  # the client did not hear that it had been completed
    upload = uploads.find(tx, bucket.name, key, request["UploadId"])
    conditions.check_write(request, key, before, is_overtaken=upload.is_overtaken)
    whole = uploads.complete(tx, upload, listed)
    _check_whole(request, whole)
    found = objects.put(tx, call, bucket, key, whole, upload.settings, events.COMPLETED)
    return _completed(call, found)


@api.writes
def abort_multipart_upload(
    call: Call, tx: Tx, request: shapes.AbortMultipartUploadRequest
) -> shapes.AbortMultipartUploadOutput:
    """The upload is no more; its parts go."""
    if "IfMatchInitiatedTime" in request:
        raise NotImplementedHere(
            "Only directory buckets know this condition, and Wakeful has none (x-amz-if-match-initiated-time)."
        )
    uploads.drop(tx, _find(tx, request))
    return {}


# --- what is there ---------------------------------------------------------------------------------------------------


@api.reads
def list_parts(call: Call, tx: Tx, request: shapes.ListPartsRequest) -> shapes.ListPartsOutput:
    """A page of the parts that were uploaded so far, by number."""
    bucket = buckets.of_request(tx, request)
    upload = _find(tx, request)
    limit, marker = page_size(request, "MaxParts", "max-parts"), request.get("PartNumberMarker", 0)
    rows = content.parts_after(tx, upload.id, marker, limit + 1)
    owner = {"ID": buckets.canonical_id(bucket.account)}
    answer: dict[str, Any] = {
        "Bucket": bucket.name,
        "Key": upload.key,
        "UploadId": upload.id,
        "PartNumberMarker": marker,
        "NextPartNumberMarker": rows[:limit][-1]["number"] if rows[:limit] else 0,
        "MaxParts": limit,
        "IsTruncated": len(rows) > limit and limit > 0,
        "Parts": [_part(upload, row) for row in rows[:limit]],
        "Initiator": _initiator(upload.initiator, owner),
        "Owner": owner,
        "StorageClass": upload.settings.storage_class,
    }
    if upload.algorithm is not None:
        answer |= {"ChecksumAlgorithm": upload.algorithm, "ChecksumType": upload.kind}
    return answer  # type: ignore[return-value]


@api.reads
def list_multipart_uploads(
    call: Call, tx: Tx, request: shapes.ListMultipartUploadsRequest
) -> shapes.ListMultipartUploadsOutput:
    """A page of uploads that are not finished, by key, and for one key in the order in which they were begun."""
    bucket = buckets.of_request(tx, request)
    show, limit = shower(request), page_size(request, "MaxUploads", "max-uploads")
    prefix, delimiter = request.get("Prefix", "").encode(), request.get("Delimiter", "").encode()
    marker, upload_marker = request.get("KeyMarker", ""), request.get("UploadIdMarker", "")
    start: Position = (b"", "")
    if marker and upload_marker:
        start = (marker.encode(), _behind(upload_marker))
    elif marker:
        start = listing.after_marker(marker.encode(), prefix, delimiter)
    page = listing.walk(_fetch(tx, bucket), prefix=prefix, delimiter=delimiter, start=start, limit=limit)
    owner = {"ID": buckets.canonical_id(bucket.account)}
    answer: dict[str, Any] = {
        "Bucket": bucket.name,
        "KeyMarker": show(marker),
        "UploadIdMarker": upload_marker if marker else "",
        "Prefix": show(request.get("Prefix", "")),
        "MaxUploads": limit,
        "IsTruncated": page.last is not None,
        "Uploads": [_upload(entry.row, show(entry.row.key), owner) for entry in page.entries],
        **prefixes_of(page, show),
    }
    if request.get("Delimiter"):
        answer["Delimiter"] = show(request["Delimiter"])
    if "EncodingType" in request:
        answer["EncodingType"] = request["EncodingType"]
    if page.last is not None:
        answer["NextKeyMarker"] = show(page.last.decode())
        is_upload = bool(page.entries) and page.entries[-1].key == page.last
        answer["NextUploadIdMarker"] = page.entries[-1].row.id if is_upload else ""
    return answer  # type: ignore[return-value]


# --- below -----------------------------------------------------------------------------------------------------------


def _find(tx: Tx, request: Mapping[str, Any]) -> Upload:
    bucket = buckets.of_request(tx, request)
    return uploads.find(tx, bucket.name, request["Key"], request["UploadId"])


def _check_whole(request: Mapping[str, Any], whole: content.Content) -> None:
    """Raises unless the object is what the client thinks it has uploaded."""
    if request.get("MpuObjectSize", whole.size) != whole.size:
        raise InvalidRequest(
            f"The provided 'x-amz-mp-object-size' header value {request['MpuObjectSize']} does not match what was"
            f" computed: {whole.size}"
        )
    if request.get("ChecksumType", whole.checksum.kind) != whole.checksum.kind:
        raise InvalidRequest(
            f"The upload was created using the {whole.checksum.kind} checksum mode. The complete request must use the"
            " same checksum mode."
        )
    for name in (member for member in request if member.startswith("Checksum") and member != "ChecksumType"):
        if name == f"Checksum{whole.checksum.algorithm}" and request[name] != whole.checksum.value:
            raise BadDigest(f"The {whole.checksum.algorithm} you specified did not match the calculated checksum.")
        if name != f"Checksum{whole.checksum.algorithm}":
            raise InvalidArgument(
                f"The object has a {whole.checksum.algorithm} checksum.",
                ArgumentName=f"x-amz-checksum-{name.removeprefix('Checksum').lower()}",
                ArgumentValue=request[name],
            )


def _completed(call: Call, found: Object) -> shapes.CompleteMultipartUploadOutput:
    answer: dict[str, Any] = {
        "Location": f"{call.endpoint}/{found.bucket}/{keys.encoded(found.key)}",
        "Bucket": found.bucket,
        "Key": found.key,
        "ETag": f'"{found.etag}"',
        "ServerSideEncryption": ENCRYPTION,
    }
    answer |= found.content.checksum.members
    return answer  # type: ignore[return-value]


def _part(upload: Upload, row: Row) -> dict[str, Any]:
    shown = {
        "PartNumber": row["number"],
        "LastModified": int(row["modified"]),
        "ETag": f'"{row["etag"]}"',
        "Size": row["size"],
    }
    return shown if upload.algorithm is None else {**shown, f"Checksum{upload.algorithm}": row["checksum"]}


def _upload(upload: Upload, shown_key: str, owner: Mapping[str, str]) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "UploadId": upload.id,
        "Key": shown_key,
        "Initiated": int(upload.initiated),
        "StorageClass": upload.settings.storage_class,
        "Owner": owner,
        "Initiator": _initiator(upload.initiator, owner),
    }
    if upload.algorithm is not None:
        shown |= {"ChecksumAlgorithm": upload.algorithm, "ChecksumType": upload.kind}
    return shown


def _initiator(arn: str, owner: Mapping[str, str]) -> Mapping[str, str]:
    """Who began it: by its ARN, but the account itself by its canonical id."""
    return owner if arn.endswith(":root") else {"ID": arn, "DisplayName": arn.rpartition("/")[2]}


def _behind(upload: str) -> str:
    """The least text greater than an id; ids are hexadecimal and of one length."""
    return f"{upload}0"


def _fetch(tx: Tx, bucket: Bucket) -> listing.Fetch[Upload]:
    def fetch(start: Position, end: bytes | None, count: int) -> Sequence[Entry[Upload]]:
        found = "SELECT * FROM s3_uploads WHERE bucket = ? AND key >= ? AND (key > ? OR id >= ?)"
        if end is None:
            rows = tx.all(f"{found} ORDER BY key, id LIMIT ?", bucket.name, start[0], start[0], start[1], count)
        else:
            rows = tx.all(
                f"{found} AND key < ? ORDER BY key, id LIMIT ?",
                *(bucket.name, start[0], start[0], start[1], end, count),
            )
        return [Entry((row["key"], row["id"]), (row["key"], _behind(row["id"])), uploads.of_row(row)) for row in rows]

    return fetch
