"""What a request says of an object beside its bytes: headers, metadata, class, tags; and what S3, or we, refuse.

Storage classes that S3 serves at once are kept and shown: they differ in price and in durability, which a machine of
one's own has only one of. Those whose objects must be restored first are refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from wakeful import limits
from wakeful.services.s3 import tags as tag_rules
from wakeful.services.s3.errors import (
    AccessControlListNotSupported,
    InvalidArgument,
    InvalidRedirectLocation,
    InvalidRequest,
    InvalidStorageClass,
    MetadataTooLarge,
)
from wakeful.store.tx import Row
from wakeful.wire.errors import NotImplementedHere

STANDARD = "STANDARD"
ENCRYPTION = "AES256"
"""What S3 answers of every object that names no key. Here the disk's encryption, or none, is what there is."""

_HEADERS = ("CacheControl", "ContentDisposition", "ContentEncoding", "ContentLanguage", "ContentType", "Expires")
_REDIRECT = "WebsiteRedirectLocation"
_DEFAULT_TYPE = "binary/octet-stream"

_CLASSES = {STANDARD, "REDUCED_REDUNDANCY", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER_IR"}
_ARCHIVES = {"GLACIER", "DEEP_ARCHIVE"}

_CUSTOMER_KEY = ("SSECustomerAlgorithm", "SSECustomerKey", "SSECustomerKeyMD5")
_SOURCE_CUSTOMER_KEY = tuple(f"CopySource{member}" for member in _CUSTOMER_KEY)
_KMS = ("SSEKMSKeyId", "SSEKMSEncryptionContext")
_LOCK = (
    "ObjectLockMode",
    "ObjectLockRetainUntilDate",
    "ObjectLockLegalHoldStatus",
    "ObjectLockEventHold",
    "ObjectLockEventHoldDurationDays",
    "ObjectLockEventHoldDurationYears",
)
_GRANTS = ("GrantFullControl", "GrantRead", "GrantReadACP", "GrantWriteACP")
_OWNER_ONLY = ("private", "bucket-owner-full-control")


@dataclass(frozen=True, slots=True)
class Settings:
    """`headers` are by the names of the API's members."""

    headers: Mapping[str, Any] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)
    storage_class: str = STANDARD
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def shown(self) -> dict[str, Any]:
        """As the results of GetObject and HeadObject have them."""
        return {
            **self.headers,
            "Metadata": dict(self.metadata),
            "ServerSideEncryption": ENCRYPTION,
            **({"StorageClass": self.storage_class} if self.storage_class != STANDARD else {}),
            **({"TagCount": len(self.tags)} if self.tags else {}),
        }

    @property
    def columns(self) -> tuple[str, bytes, bytes, bytes]:
        """Storage class, headers, metadata and tags, as rows have them."""
        headers, metadata, tags = (orjson.dumps(dict(part)) for part in (self.headers, self.metadata, self.tags))
        return self.storage_class, headers, metadata, tags


def settings_of(row: Row) -> Settings:
    """The settings in a row of objects or of uploads."""
    return Settings(
        headers=orjson.loads(row["headers"]),
        metadata=orjson.loads(row["metadata"]),
        storage_class=row["storage_class"],
        tags=orjson.loads(row["tags"]),
    )


def of_request(request: Mapping[str, Any]) -> Settings:
    """What the object is to be like. Raises what S3 answers to settings it refuses, and names what we do not have."""
    check(request)
    headers = {name: request[name] for name in (*_HEADERS, _REDIRECT) if request.get(name)}
    headers.setdefault("ContentType", _DEFAULT_TYPE)
    metadata = dict(request.get("Metadata", {}))
    size = sum(len(name.encode()) + len(value.encode()) for name, value in metadata.items())
    if size > limits.S3_METADATA_BYTES_MAX:
        raise MetadataTooLarge(Size=size, MaxSizeAllowed=limits.S3_METADATA_BYTES_MAX)
    tags = tag_rules.of_header(request.get("Tagging", ""))
    return Settings(headers, metadata, request.get("StorageClass") or STANDARD, tags)


def check(request: Mapping[str, Any]) -> None:
    """Raises for a storage class, an encryption, an access list, a lock or a redirection that cannot be."""
    _check_class(request.get("StorageClass") or STANDARD)
    _check_encryption(request)
    _check_acl(request)
    if any(member in request for member in _LOCK):
        raise InvalidRequest("Bucket is missing Object Lock Configuration")
    if "WriteOffsetBytes" in request:
        raise NotImplementedHere("Wakeful does not have appending to objects yet (x-amz-write-offset-bytes).")
    if not request.get(_REDIRECT, "/").startswith(("http://", "https://", "/")):
        raise InvalidRedirectLocation


def check_read(request: Mapping[str, Any]) -> None:
    """Raises InvalidRequest where a key is given for an object that is not encrypted with one."""
    if any(member in request for member in (*_CUSTOMER_KEY, *_SOURCE_CUSTOMER_KEY)):
        raise InvalidRequest("The encryption parameters are not applicable to this object.")


def check_version(request: Mapping[str, Any]) -> None:
    """Raises InvalidArgument for a version: a bucket that never had versions has only the one called null."""
    if request.get("VersionId", "null") != "null":
        raise InvalidArgument(
            "Invalid version id specified", ArgumentName="versionId", ArgumentValue=request["VersionId"]
        )


def _check_class(name: str) -> None:
    if name in _ARCHIVES:
        raise NotImplementedHere(f"Wakeful does not have archives yet (x-amz-storage-class {name}).")
    if name not in _CLASSES:
        raise InvalidStorageClass(StorageClassRequested=name)


def _check_encryption(request: Mapping[str, Any]) -> None:
    for member in (*_CUSTOMER_KEY, *_SOURCE_CUSTOMER_KEY):
        if member in request:
            raise NotImplementedHere(f"Wakeful does not have encryption with a customer's key yet ({member}).")
    wanted = request.get("ServerSideEncryption", ENCRYPTION)
    if wanted.startswith("aws:") or any(member in request for member in _KMS) or request.get("BucketKeyEnabled"):
        raise NotImplementedHere("Wakeful has no KMS: an object cannot be encrypted with a key of it (aws:kms).")
    if wanted != ENCRYPTION:
        raise InvalidArgument(
            "The encryption method specified is not supported",
            ArgumentName="x-amz-server-side-encryption",
            ArgumentValue=wanted,
        )


def _check_acl(request: Mapping[str, Any]) -> None:
    # "Controlling ownership of objects and disabling ACLs": since 2023 a new bucket takes no lists but the owner's.
    if request.get("ACL", "private") not in _OWNER_ONLY or any(member in request for member in _GRANTS):
        raise AccessControlListNotSupported
