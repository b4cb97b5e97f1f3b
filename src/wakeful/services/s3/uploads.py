"""Multipart uploads that are not finished: begun, filled part by part, and completed or dropped."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wakeful import limits, names
from wakeful.services.s3 import checksums, content, keys
from wakeful.services.s3.content import Content
from wakeful.services.s3.errors import (
    EntityTooSmall,
    InvalidArgument,
    InvalidPart,
    InvalidPartOrder,
    InvalidRequest,
    NoSuchUpload,
)
from wakeful.services.s3.receiving import Received
from wakeful.services.s3.settings import Settings, settings_of
from wakeful.store import blobs
from wakeful.store.tx import Row, Tx


@dataclass(frozen=True, slots=True)
class Upload:
    """`algorithm` is None where the client named none: then parts get S3's default."""

    id: str
    bucket: str
    key: str
    initiated: float
    initiator: str
    algorithm: str | None
    kind: str | None
    settings: Settings
    is_overtaken: bool

    @property
    def part_algorithm(self) -> str:
        return self.algorithm or checksums.DEFAULT


def begin(
    tx: Tx, bucket: str, key: str, settings: Settings, initiator: str, algorithm: str | None, kind: str | None
) -> str:
    """The id of a new upload. Ids of one node are in the order in which uploads were begun."""
    upload = f"{int(tx.now * 1_000_000):014x}{names.new_token(25)}"
    tx.run(
        "INSERT INTO s3_uploads(id, bucket, key, initiated, initiator, algorithm, checksum_type, storage_class,"
        " headers, metadata, tags) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        *(upload, bucket, keys.to_bytes(key), tx.now, initiator, algorithm, kind, *settings.columns),
    )
    return upload


def check_number(number: int) -> None:
    """Raises InvalidArgument for a number that no part can have."""
    if not 1 <= number <= limits.S3_PART_NUMBER_MAX:
        raise InvalidArgument(
            f"Part number must be an integer between 1 and {limits.S3_PART_NUMBER_MAX}, inclusive",
            ArgumentName="partNumber",
            ArgumentValue=number,
        )


def find(tx: Tx, bucket: str, key: str, upload: str) -> Upload:
    """Raises NoSuchUpload, also for one of another key."""
    row = tx.one("SELECT * FROM s3_uploads WHERE id = ? AND bucket = ? AND key = ?", upload, bucket, keys.to_bytes(key))
    if row is None:
        raise NoSuchUpload(UploadId=upload)
    return of_row(row)


def put_part(tx: Tx, upload: Upload, number: int, received: Received) -> float:
    """The time at which the part was there. One that had its number before is let go. Raises NoSuchUpload."""
    tx.lock("s3", "upload", upload.id)
    find(tx, upload.bucket, upload.key, upload.id)
    before = tx.one("SELECT blob FROM s3_parts WHERE upload = ? AND number = ?", upload.id, number)
    blob = received.blob
    blobs.keep(tx, blob.key)
    if before is not None:
        blobs.release(tx, before["blob"])
    tx.run(
        "INSERT INTO s3_parts(upload, number, size, blob, etag, checksum, modified) VALUES (?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT(upload, number) DO UPDATE SET size = excluded.size, blob = excluded.blob, etag = excluded.etag,"
        " checksum = excluded.checksum, modified = excluded.modified",
        *(upload.id, number, blob.size, blob.key, blob.md5, received.checksum.value, tx.now),
    )
    return tx.now


def drop(tx: Tx, upload: Upload) -> None:
    """The upload is no more, and its parts will be let go."""
    tx.lock("s3", "upload", upload.id)
    tx.run("DELETE FROM s3_uploads WHERE id = ?", upload.id)
    content.discard(tx, upload.id)


def drop_all(tx: Tx, bucket: str) -> None:
    """No upload is left in the bucket."""
    tx.lock("s3", bucket)
    for row in tx.all("DELETE FROM s3_uploads WHERE bucket = ? RETURNING id", bucket):
        content.discard(tx, row["id"])


def overtake(tx: Tx, bucket: str, key: bytes) -> None:
    """The key, which the caller has locked, was written or deleted: a condition that an upload to it will be completed
    under cannot be kept any more.
    """
    tx.run("UPDATE s3_uploads SET is_overtaken = 1 WHERE bucket = ? AND key = ?", bucket, key)


def complete(tx: Tx, upload: Upload, listed: Sequence[Mapping[str, Any]]) -> Content:
    """The upload is no more; the listed parts, in their order, are the content of an object to be. Others are let go.

    Raises InvalidPartOrder, InvalidPart, EntityTooSmall or InvalidRequest.
    """
    tx.lock("s3", "upload", upload.id)
    uploaded = {row["number"]: row for row in tx.all("SELECT * FROM s3_parts WHERE upload = ?", upload.id)}
    chosen = _chosen(upload, uploaded, listed)
    for number in uploaded.keys() - {row["number"] for row in chosen}:
        blobs.release(tx, uploaded[number]["blob"])
        tx.run("DELETE FROM s3_parts WHERE upload = ? AND number = ?", upload.id, number)
    tx.run(
        "UPDATE s3_parts SET start = placed.start FROM"
        " (SELECT number, sum(size) OVER (ORDER BY number) - size AS start FROM s3_parts WHERE upload = ?) AS placed"
        " WHERE s3_parts.upload = ? AND s3_parts.number = placed.number",
        *(upload.id, upload.id),
    )
    tx.run("DELETE FROM s3_uploads WHERE id = ?", upload.id)
    checksum = checksums.of_parts(
        upload.part_algorithm, upload.kind or checksums.FULL, [(row["checksum"], row["size"]) for row in chosen]
    )
    return Content(
        size=sum(row["size"] for row in chosen),
        etag=etag_of([row["etag"] for row in chosen]),
        checksum=checksum,
        upload=upload.id,
        parts=len(chosen),
    )


def etag_of(etags: Sequence[str]) -> str:
    """The entity tag of an object that was uploaded in parts with these tags."""
    digest = hashlib.md5(b"".join(map(bytes.fromhex, etags)), usedforsecurity=False).hexdigest()
    return f"{digest}-{len(etags)}"


def of_row(row: Row) -> Upload:
    return Upload(
        id=row["id"],
        bucket=row["bucket"],
        key=bytes(row["key"]).decode(),
        initiated=row["initiated"],
        initiator=row["initiator"],
        algorithm=row["algorithm"],
        kind=row["checksum_type"],
        settings=settings_of(row),
        is_overtaken=bool(row["is_overtaken"]),
    )


def _chosen(upload: Upload, uploaded: Mapping[int, Row], listed: Sequence[Mapping[str, Any]]) -> list[Row]:
    chosen: list[Row] = []
    previous = 0
    for part in listed:
        number, etag = part.get("PartNumber", 0), part.get("ETag", "").strip('"')
        if number <= previous:
            raise InvalidPartOrder(UploadId=upload.id)
        previous = number
        row = uploaded.get(number)
        if row is None or row["etag"] != etag:
            raise InvalidPart(UploadId=upload.id, PartNumber=number, ETag=etag)
        _check_checksum(upload, part, row)
        chosen.append(row)
    for row in chosen[:-1]:
        if row["size"] < limits.S3_PART_BYTES_MIN:
            raise EntityTooSmall(
                ProposedSize=row["size"],
                MinSizeAllowed=limits.S3_PART_BYTES_MIN,
                PartNumber=row["number"],
                ETag=row["etag"],
            )
    return chosen


def _check_checksum(upload: Upload, part: Mapping[str, Any], row: Row) -> None:
    stated = checksums.claimed(part)
    if stated is None and upload.kind == checksums.COMPOSITE:
        raise InvalidRequest(
            f"The upload was created using a {upload.part_algorithm.lower()} checksum. The complete request must"
            f" include the checksum for each part. It was missing for part {row['number']} in the request."
        )
    if stated is not None and stated != (upload.algorithm, row["checksum"]):
        raise InvalidPart(UploadId=upload.id, PartNumber=row["number"], ETag=row["etag"])
