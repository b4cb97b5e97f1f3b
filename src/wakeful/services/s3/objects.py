"""One object: where it is found, how it comes, is replaced and goes; and everybody who hears of that.

The object, the counting of its bytes and every notification become true in one transaction. A crash before it leaves
the old object and, at most, a blob without a name; a crash after it leaves all of the new.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import orjson

from wakeful.fabric.service import Call
from wakeful.services.s3 import content as contents
from wakeful.services.s3 import keys, notifications, uploads
from wakeful.services.s3.buckets import Bucket
from wakeful.services.s3.checksums import Checksum
from wakeful.services.s3.content import Content
from wakeful.services.s3.errors import NoSuchKey
from wakeful.services.s3.events import DELETED, Happening
from wakeful.services.s3.settings import Settings, settings_of
from wakeful.store.tx import Row, Tx


@dataclass(frozen=True, slots=True)
class Object:
    bucket: str
    key: str
    modified: float
    content: Content
    settings: Settings

    @property
    def etag(self) -> str:
        return self.content.etag

    @property
    def size(self) -> int:
        return self.content.size


def find(tx: Tx, bucket: Bucket, key: str) -> Object:
    """Raises NoSuchKey."""
    found = get(tx, bucket, key)
    if found is None:
        raise NoSuchKey(Key=key)
    return found


def get(tx: Tx, bucket: Bucket, key: str) -> Object | None:
    row = tx.one("SELECT * FROM s3_objects WHERE bucket = ? AND key = ?", bucket.name, keys.to_bytes(key))
    return None if row is None else of_row(row)


def lock(tx: Tx, bucket: Bucket, key: str) -> None:
    """What is at the key stays as it is until the transaction ends, unless the transaction changes it."""
    tx.lock("s3", bucket.name, keys.lock_name(keys.to_bytes(key)))


def put(
    tx: Tx, call: Call, bucket: Bucket, key: str, content: Content, settings: Settings, happening: Happening
) -> Object:
    """The key is this object now; what was there before is let go, and whoever wants to know is told."""
    lock(tx, bucket, key)
    before = get(tx, bucket, key)
    contents.hold(tx, content)
    if before is not None:
        contents.let_go(tx, before.content)
    _write(tx, bucket, keys.to_bytes(key), content, settings)
    uploads.overtake(tx, bucket.name, keys.to_bytes(key))
    notifications.tell(tx, call, bucket, happening.of(key, size=content.size, etag=content.etag))
    return Object(bucket.name, key, tx.now, content, settings)


def remove(tx: Tx, call: Call, bucket: Bucket, key: str) -> None:
    """Nothing is at the key. If something was, whoever wants to know is told."""
    lock(tx, bucket, key)
    before = get(tx, bucket, key)
    if before is None:
        return
    contents.let_go(tx, before.content)
    tx.run("DELETE FROM s3_objects WHERE bucket = ? AND key = ?", bucket.name, keys.to_bytes(key))
    uploads.overtake(tx, bucket.name, keys.to_bytes(key))
    notifications.tell(tx, call, bucket, DELETED.of(key))


def set_tags(tx: Tx, call: Call, bucket: Bucket, key: str, tags: Mapping[str, str], happening: Happening) -> None:
    """The object has these tags, and no others. Raises NoSuchKey."""
    lock(tx, bucket, key)
    found = find(tx, bucket, key)
    tx.run(
        "UPDATE s3_objects SET tags = ? WHERE bucket = ? AND key = ?",
        *(orjson.dumps(dict(tags)), bucket.name, keys.to_bytes(key)),
    )
    notifications.tell(tx, call, bucket, happening.of(key, etag=found.etag))


def of_row(row: Row) -> Object:
    return Object(
        bucket=row["bucket"],
        key=bytes(row["key"]).decode(),
        modified=row["modified"],
        content=Content(
            size=row["size"],
            etag=row["etag"],
            checksum=Checksum(row["algorithm"], row["checksum"], row["checksum_type"]),
            blob=row["blob"],
            upload=row["upload"],
            parts=row["parts"],
        ),
        settings=settings_of(row),
    )


def _write(tx: Tx, bucket: Bucket, key: bytes, content: Content, settings: Settings) -> None:
    checksum = content.checksum
    tx.run(
        "INSERT INTO s3_objects(bucket, key, size, etag, modified, blob, upload, parts, algorithm, checksum,"
        " checksum_type, storage_class, headers, metadata, tags) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT(bucket, key) DO UPDATE SET size = excluded.size, etag = excluded.etag,"
        " modified = excluded.modified, blob = excluded.blob, upload = excluded.upload, parts = excluded.parts,"
        " algorithm = excluded.algorithm, checksum = excluded.checksum, checksum_type = excluded.checksum_type,"
        " storage_class = excluded.storage_class, headers = excluded.headers, metadata = excluded.metadata,"
        " tags = excluded.tags",
        *(bucket.name, key, content.size, content.etag, tx.now, content.blob, content.upload, content.parts),
        *(checksum.algorithm, checksum.value, checksum.kind, *settings.columns),
    )
