"""One bucket: its name, whose it is, and what was said about it.

A name belongs to one account in the whole partition, and ARNs do not tell which. The region is where the bucket's
events come from; requests are answered whatever region they are signed for (a redirect helps nobody on one machine).
"""

from __future__ import annotations

import re
from base64 import b32encode
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import orjson

from wakeful import limits
from wakeful.fabric.service import Call, Resource
from wakeful.services.s3 import public_access
from wakeful.services.s3.errors import (
    AccessDenied,
    BucketAlreadyExists,
    BucketAlreadyOwnedByYou,
    BucketNotEmpty,
    InvalidBucketName,
    InvalidBucketOwnerAWSAccountID,
    NoSuchBucket,
    TooManyBuckets,
)
from wakeful.store.tx import Row, Tx

_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", re.ASCII)
_ADDRESS = re.compile(r"\d+\.\d+\.\d+\.\d+", re.ASCII)
_RESERVED_PREFIXES = ("xn--", "sthree-", "amzn-s3-demo-")
_RESERVED_SUFFIXES = ("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3")
_CLASSIC_REGION = "us-east-1"

POLICIES_CHANGED = "s3.policies"
"""Woken when a bucket's policy, or whose it is, may be another."""


@dataclass(frozen=True, slots=True)
class Bucket:
    name: str
    account: str
    region: str
    created: float
    policy: str | None
    tags: Mapping[str, str] | None
    public_access: Mapping[str, bool] | None
    notification: bytes | None

    @property
    def arn(self) -> str:
        return f"arn:aws:s3:::{self.name}"

    def blocks(self, setting: str) -> bool:
        """Whether it blocks this of the public."""
        return self.public_access is not None and self.public_access[setting]


def find(tx: Tx, name: str, expected_owner: str | None = None) -> Bucket:
    """Raises NoSuchBucket, or AccessDenied where the bucket is not the expected account's."""
    if expected_owner is not None and not re.fullmatch(r"\d{12}", expected_owner, re.ASCII):
        raise InvalidBucketOwnerAWSAccountID(
            f"The value of the expected bucket owner parameter must be an AWS Account ID... [{expected_owner}]"
        )
    bucket = get(tx, name)
    if bucket is None:
        raise NoSuchBucket(BucketName=name)
    if expected_owner not in (None, bucket.account):
        raise AccessDenied
    return bucket


def of_request(tx: Tx, request: Mapping[str, Any]) -> Bucket:
    """The bucket that a request is about, if it is the expected owner's."""
    return find(tx, request["Bucket"], request.get("ExpectedBucketOwner"))


def get(tx: Tx, name: str) -> Bucket | None:
    row = tx.one("SELECT * FROM s3_buckets WHERE name = ?", name)
    return None if row is None else _bucket(row)


def create(tx: Tx, call: Call, name: str, region: str, tags: Mapping[str, str]) -> Bucket:
    """The bucket is the caller's. In us-east-1 one that it owned before is as good, as it was when S3 began."""
    check_name(name)
    tx.lock("s3", name)
    existing = get(tx, name)
    if existing is not None:
        if existing.account != call.account:
            raise BucketAlreadyExists(BucketName=name)
        if call.region != _CLASSIC_REGION or existing.region != _CLASSIC_REGION:
            raise BucketAlreadyOwnedByYou(BucketName=name)
        return existing
    count = tx.one("SELECT count(*) AS n FROM s3_buckets WHERE account = ?", call.account)
    if count is not None and count["n"] >= limits.S3_BUCKETS_MAX:
        raise TooManyBuckets
    tx.run(
        "INSERT INTO s3_buckets(name, account, region, created, tags, public_access) VALUES (?, ?, ?, ?, ?, ?)",
        *(name, call.account, region, tx.now, _json(tags) if tags else None, _json(public_access.EVERYTHING)),
    )
    tx.wake(POLICIES_CHANGED)
    return find(tx, name)


def check_name(name: str) -> None:
    """Raises InvalidBucketName for what "General purpose bucket naming rules" forbid."""
    if (
        not _NAME.fullmatch(name)
        or ".." in name
        or _ADDRESS.fullmatch(name)
        or name.startswith(_RESERVED_PREFIXES)
        or name.endswith(_RESERVED_SUFFIXES)
    ):
        raise InvalidBucketName(BucketName=name)


def delete(tx: Tx, bucket: Bucket) -> None:
    """The bucket is gone. Raises BucketNotEmpty while there is an object in it."""
    tx.lock("s3", bucket.name)
    if tx.one("SELECT 1 FROM s3_objects WHERE bucket = ? LIMIT 1", bucket.name) is not None:
        raise BucketNotEmpty(BucketName=bucket.name)
    tx.run("DELETE FROM s3_sequences WHERE bucket = ?", bucket.name)
    tx.run("DELETE FROM s3_buckets WHERE name = ?", bucket.name)
    tx.wake(POLICIES_CHANGED)


def listed(tx: Tx, account: str, prefix: str, after: str, region: str | None, count: int) -> list[Bucket]:
    """The account's buckets by name, from the one after `after`."""
    rows = tx.all(
        "SELECT * FROM s3_buckets WHERE account = ? AND name > ? AND substr(name, 1, ?) = ?"
        " AND (? = '' OR region = ?) ORDER BY name LIMIT ?",
        *(account, after, len(prefix), prefix, region or "", region or "", count),
    )
    return [_bucket(row) for row in rows]


def set_policy(tx: Tx, bucket: Bucket, policy: str | None) -> None:
    tx.lock("s3", bucket.name)
    tx.run("UPDATE s3_buckets SET policy = ? WHERE name = ?", policy, bucket.name)
    tx.wake(POLICIES_CHANGED)


def set_tags(tx: Tx, bucket: Bucket, tags: Mapping[str, str] | None) -> None:
    tx.lock("s3", bucket.name)
    tx.run("UPDATE s3_buckets SET tags = ? WHERE name = ?", None if tags is None else _json(tags), bucket.name)


def set_public_access(tx: Tx, bucket: Bucket, blocked: Mapping[str, bool] | None) -> None:
    tx.lock("s3", bucket.name)
    kept = None if blocked is None else _json(blocked)
    tx.run("UPDATE s3_buckets SET public_access = ? WHERE name = ?", kept, bucket.name)
    tx.wake(POLICIES_CHANGED)


def set_notification(tx: Tx, bucket: Bucket, configuration: Mapping[str, Any]) -> None:
    tx.lock("s3", bucket.name)
    kept = _json(configuration) if configuration else None
    tx.run("UPDATE s3_buckets SET notification = ? WHERE name = ?", kept, bucket.name)


def policy(tx: Tx, arn: str) -> str | None:
    """The policy of the bucket that an ARN names or lies in, as authorisation asks for it.

    Of a public one in a bucket that restricts those, what is left for the bucket's account and for AWS's services.
    """
    bucket = get(tx, name_in(arn))
    if bucket is None or bucket.policy is None:
        return None
    if bucket.blocks("RestrictPublicBuckets") and public_access.is_public(bucket.policy):
        return public_access.restricted(bucket.policy, bucket.account)
    return bucket.policy


def resource(tx: Tx, arn: str) -> Resource:
    """Whose the bucket is that an ARN names or lies in: the ARN itself does not tell."""
    bucket = get(tx, name_in(arn))
    return Resource(arn, "" if bucket is None else bucket.account)


def name_in(arn: str) -> str:
    """The bucket in the ARN of a bucket or an object."""
    return arn.split(":", 5)[-1].partition("/")[0]


def canonical_id(account: str) -> str:
    """How S3 names an account where it speaks of owners: 64 hexadecimal digits that tell nothing."""
    return sha256(f"canonical user {account}".encode()).hexdigest()


def customer_id(account: str) -> str:
    """How events name the account that owns the bucket."""
    return "A" + b32encode(sha256(f"customer {account}".encode()).digest())[:13].decode("ascii")


def _json(value: Mapping[str, Any]) -> bytes:
    return orjson.dumps(dict(value))


def _bucket(row: Row) -> Bucket:
    tags, blocked = row["tags"], row["public_access"]
    return Bucket(
        name=row["name"],
        account=row["account"],
        region=row["region"],
        created=row["created"],
        policy=row["policy"],
        tags=None if tags is None else orjson.loads(tags),
        public_access=None if blocked is None else orjson.loads(blocked),
        notification=row["notification"],
    )
