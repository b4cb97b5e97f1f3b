"""S3's API of listings: objects in both versions, and versions, of which every object here has one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from wakeful import limits
from wakeful.fabric.service import Call
from wakeful.services.s3 import buckets, keys, listing
from wakeful.services.s3.api import api
from wakeful.services.s3.buckets import Bucket
from wakeful.services.s3.errors import InvalidArgument
from wakeful.services.s3.listing import Entry, Page, Position
from wakeful.store.tx import Row, Tx

if TYPE_CHECKING:
    from wakeful.shapes import s3 as shapes

_URL = "url"


@api.reads
def list_objects(call: Call, tx: Tx, request: shapes.ListObjectsRequest) -> shapes.ListObjectsOutput:
    """A page of keys in the order of their bytes. Where to go on is said only if there is a delimiter, as on AWS."""
    bucket = buckets.of_request(tx, request)
    show, limit = shower(request), page_size(request, "MaxKeys", "max-keys")
    page = _page(tx, bucket, request, request.get("Marker", "").encode(), limit)
    answer: dict[str, Any] = {
        **_heading(bucket, request, show, page, limit),
        "Marker": show(request.get("Marker", "")),
        "Contents": [_object(entry.row, show, buckets.canonical_id(bucket.account)) for entry in page.entries],
    }
    if page.last is not None and request.get("Delimiter"):
        answer["NextMarker"] = show(page.last.decode())
    return answer  # type: ignore[return-value]


@api.reads
def list_objects_v2(call: Call, tx: Tx, request: shapes.ListObjectsV2Request) -> shapes.ListObjectsV2Output:
    """A page of keys in the order of their bytes, with a token to go on."""
    bucket = buckets.of_request(tx, request)
    show, limit = shower(request), page_size(request, "MaxKeys", "max-keys")
    after = request.get("StartAfter", "").encode()
    if "ContinuationToken" in request:
        after = _read_token(request["ContinuationToken"])
    page = _page(tx, bucket, request, after, limit)
    owner = buckets.canonical_id(bucket.account) if request.get("FetchOwner") else None
    answer: dict[str, Any] = {
        **_heading(bucket, request, show, page, limit),
        "Contents": [_object(entry.row, show, owner) for entry in page.entries],
        "KeyCount": len(page.entries) + len(page.prefixes),
    }
    if "ContinuationToken" in request:
        answer["ContinuationToken"] = request["ContinuationToken"]
    if "StartAfter" in request:
        answer["StartAfter"] = show(request["StartAfter"])
    if page.last is not None:
        answer["NextContinuationToken"] = listing.token_of(page.last)
    return answer  # type: ignore[return-value]


@api.reads
def list_object_versions(
    call: Call, tx: Tx, request: shapes.ListObjectVersionsRequest
) -> shapes.ListObjectVersionsOutput:
    """A page of versions: of a bucket that never had any, each object is the latest of its key and is called null."""
    bucket = buckets.of_request(tx, request)
    show, limit = shower(request), page_size(request, "MaxKeys", "max-keys")
    if request.get("VersionIdMarker") and "KeyMarker" not in request:
        raise InvalidArgument(
            "A version-id marker cannot be specified without a key marker.",
            ArgumentName="version-id-marker",
            ArgumentValue=request["VersionIdMarker"],
        )
    page = _page(tx, bucket, request, request.get("KeyMarker", "").encode(), limit)
    owner = buckets.canonical_id(bucket.account)
    versions = [{**_object(entry.row, show, owner), "VersionId": "null", "IsLatest": True} for entry in page.entries]
    answer: dict[str, Any] = {
        **_heading(bucket, request, show, page, limit),
        "KeyMarker": show(request.get("KeyMarker", "")),
        "VersionIdMarker": request.get("VersionIdMarker", ""),
        "Versions": versions,
    }
    if page.last is not None:
        answer |= {"NextKeyMarker": show(page.last.decode()), "NextVersionIdMarker": "null"}
    return answer  # type: ignore[return-value]


# --- also for uploads ------------------------------------------------------------------------------------------------


def shower(request: Mapping[str, Any]) -> Callable[[str], str]:
    """How keys are written in the answer. Raises InvalidArgument for an encoding that there is not."""
    wanted = request.get("EncodingType")
    if wanted not in (None, _URL):
        raise InvalidArgument(
            "Invalid Encoding Method specified in Request", ArgumentName="encoding-type", ArgumentValue=wanted
        )
    return keys.encoded if wanted == _URL else str


def page_size(request: Mapping[str, Any], member: str, name: str) -> int:
    """How many the client wants, which is never more than S3 gives."""
    wanted: int = request.get(member, limits.S3_LIST_MAX)
    if not 0 <= wanted < 1 << 31:
        raise InvalidArgument(
            f"Argument {name} must be an integer between 0 and {(1 << 31) - 1}",
            ArgumentName=name,
            ArgumentValue=wanted,
        )
    return min(wanted, limits.S3_LIST_MAX)


def prefixes_of(page: Page[Any], show: Callable[[str], str]) -> dict[str, Any]:
    """The common prefixes, where there are any."""
    return {"CommonPrefixes": [{"Prefix": show(each.decode())} for each in page.prefixes]} if page.prefixes else {}


# --- below -----------------------------------------------------------------------------------------------------------


def _page(tx: Tx, bucket: Bucket, request: Mapping[str, Any], after: bytes, limit: int) -> Page[Row]:
    prefix, delimiter = request.get("Prefix", "").encode(), request.get("Delimiter", "").encode()

    def fetch(start: Position, end: bytes | None, count: int) -> Sequence[Entry[Row]]:
        found = "SELECT key, size, etag, modified, algorithm, checksum_type, storage_class FROM s3_objects"
        if end is None:
            rows = tx.all(f"{found} WHERE bucket = ? AND key >= ? ORDER BY key LIMIT ?", bucket.name, start[0], count)
        else:
            rows = tx.all(
                f"{found} WHERE bucket = ? AND key >= ? AND key < ? ORDER BY key LIMIT ?",
                *(bucket.name, start[0], end, count),
            )
        return [Entry((row["key"], ""), (row["key"] + b"\0", ""), row) for row in rows]

    start = listing.after_marker(after, prefix, delimiter) if after else (b"", "")
    return listing.walk(fetch, prefix=prefix, delimiter=delimiter, start=start, limit=limit)


def _heading(
    bucket: Bucket, request: Mapping[str, Any], show: Callable[[str], str], page: Page[Row], limit: int
) -> dict[str, Any]:
    """What all listings of objects say before the objects."""
    heading = {
        "Name": bucket.name,
        "Prefix": show(request.get("Prefix", "")),
        "MaxKeys": limit,
        "IsTruncated": page.last is not None,
        **prefixes_of(page, show),
    }
    if request.get("Delimiter"):
        heading["Delimiter"] = show(request["Delimiter"])
    if "EncodingType" in request:
        heading["EncodingType"] = request["EncodingType"]
    return heading


def _object(row: Row, show: Callable[[str], str], owner: str | None) -> dict[str, Any]:
    return {
        "Key": show(row["key"].decode()),
        "LastModified": int(row["modified"]),
        "ETag": f'"{row["etag"]}"',
        "ChecksumAlgorithm": [row["algorithm"]],
        "ChecksumType": row["checksum_type"],
        "Size": row["size"],
        "StorageClass": row["storage_class"],
        **({} if owner is None else {"Owner": {"ID": owner}}),
    }


def _read_token(token: str) -> bytes:
    try:
        return listing.read_token(token)
    except ValueError as error:
        raise InvalidArgument(
            "The continuation token provided is incorrect",
            ArgumentName="continuation-token",
            ArgumentValue=token,
        ) from error
