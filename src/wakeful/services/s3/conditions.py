"""Conditional requests: what a client wants to be true of an object before it reads or replaces it
("Conditional requests" in the Amazon S3 User Guide, RFC 9110 section 13).
"""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import formatdate
from typing import Any, Protocol

from wakeful.services.s3.errors import (
    ConditionalRequestConflict,
    HeaderNotImplemented,
    NoSuchKey,
    NotModified,
    PreconditionFailed,
)


class Tagged(Protocol):
    """What conditions ask of an object."""

    @property
    def etag(self) -> str: ...

    @property
    def modified(self) -> float: ...


def check_read(request: Mapping[str, Any], found: Tagged) -> None:
    """Raises PreconditionFailed or NotModified unless the object may be read on the request's conditions."""
    failed, is_unchanged = _judge(request, found, "")
    if failed:
        raise PreconditionFailed(Condition=failed)
    if is_unchanged:
        answer = NotModified()
        answer.headers = {
            "etag": f'"{found.etag}"',
            "last-modified": formatdate(int(found.modified), usegmt=True),
        }
        raise answer


def check_source(request: Mapping[str, Any], found: Tagged) -> None:
    """Raises PreconditionFailed unless the object may be copied on the request's conditions."""
    failed, is_unchanged = _judge(request, found, "CopySource")
    if failed or is_unchanged:
        raise PreconditionFailed(Condition=failed or is_unchanged)


def check_write(request: Mapping[str, Any], key: str, found: Tagged | None, *, is_overtaken: bool = False) -> None:
    """Raises unless the key may be written on the request's conditions. `found` is what is there now.

    `is_overtaken` says that the key was written or deleted since the upload that is being completed was begun.
    """
    etag, other = request.get("IfMatch"), request.get("IfNoneMatch")
    if etag is not None and other is not None:
        raise _not_implemented("If-Match,If-None-Match", "Multiple conditional request headers present in the request")
    if other is not None:
        if other.strip() != "*":
            raise _refused_value("If-None-Match")
        if found is not None:
            raise PreconditionFailed(Condition="If-None-Match")
        if is_overtaken:
            raise ConditionalRequestConflict(Condition="If-None-Match", Key=key)
    if etag is not None:
        if etag.strip() == "*":
            raise _refused_value("If-Match")
        if found is None:
            raise NoSuchKey(Key=key)
        if not _names(etag, found.etag):
            raise PreconditionFailed(Condition="If-Match")
        if is_overtaken:
            raise ConditionalRequestConflict(Condition="If-Match", Key=key)


def check_delete(etag: str | None, key: str, found: Tagged | None) -> None:
    """Raises unless the key may be deleted on the condition that it has this entity tag, or that it exists ("*")."""
    if etag is None:
        return
    if found is None:
        raise NoSuchKey(Key=key)
    if etag.strip() != "*" and not _names(etag, found.etag):
        raise PreconditionFailed(Condition="If-Match")


def _judge(request: Mapping[str, Any], found: Tagged, prefix: str) -> tuple[str, str]:
    """The condition that fails, and the one by which nothing is new; "" for none.

    An entity tag outweighs the date beside it: If-Match If-Unmodified-Since, If-None-Match If-Modified-Since.
    """
    modified = int(found.modified)
    title = "x-amz-copy-source-" if prefix else ""
    match, unmodified = request.get(f"{prefix}IfMatch"), request.get(f"{prefix}IfUnmodifiedSince")
    if match is not None:
        if match.strip() != "*" and not _names(match, found.etag):
            return f"{title}If-Match", ""
    elif unmodified is not None and modified > unmodified:
        return f"{title}If-Unmodified-Since", ""
    other, since = request.get(f"{prefix}IfNoneMatch"), request.get(f"{prefix}IfModifiedSince")
    if other is not None:
        return "", f"{title}If-None-Match" if other.strip() == "*" or _names(other, found.etag) else ""
    return "", f"{title}If-Modified-Since" if since is not None and modified <= since else ""


def _names(condition: str, etag: str) -> bool:
    """Whether the condition's list of entity tags, quoted or not, weak or not, has this one."""
    return any(each.strip().removeprefix("W/").strip('"') == etag for each in condition.split(","))


def _refused_value(header: str) -> HeaderNotImplemented:
    return _not_implemented(header, f"We don't accept the provided value of {header} header for this API")


def _not_implemented(header: str, why: str) -> HeaderNotImplemented:
    return HeaderNotImplemented(Header=header, additionalMessage=why)
