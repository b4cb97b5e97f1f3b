"""Object keys: how long they may be, how they are ordered, and how they look where not every character may stand."""

from __future__ import annotations

from urllib.parse import quote_plus

from wakeful import limits
from wakeful.services.s3.errors import KeyTooLongError


def to_bytes(key: str) -> bytes:
    """The key as rows have it. Raises KeyTooLongError."""
    found = key.encode()
    if len(found) > limits.S3_KEY_BYTES_MAX:
        raise KeyTooLongError(Size=len(found), MaxSizeAllowed=limits.S3_KEY_BYTES_MAX)
    return found


def after(prefix: bytes) -> bytes | None:
    """The least bytes that are greater than everything that begins with `prefix`; None where nothing is."""
    stem = prefix.rstrip(b"\xff")
    return stem[:-1] + bytes([stem[-1] + 1]) if stem else None


def encoded(key: str) -> str:
    """URL-encoded as events and listings show it: a space is "+", a slash stays."""
    return quote_plus(key, safe="/*")


def lock_name(key: bytes) -> str:
    """A key may hold bytes that no lock's name may."""
    return key.hex()
