"""NextToken: how far each part of a SELECT has been read. It is good for the same statement with the same parameters,
for an hour.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

import orjson

from wakeful import limits
from wakeful.services.dynamodb.errors import ValidationException

_VERSION = 1


def token(of: bytes, now: float, read: Mapping[int, bytes]) -> str:
    """`read` are the last keys of the parts that were begun."""
    parts = {str(part): key.hex() for part, key in read.items()}
    return b64encode(orjson.dumps({"v": _VERSION, "of": of.hex(), "at": now, "read": parts})).decode()


def read(token: str, of: bytes, now: float) -> dict[int, bytes]:
    """The same again. Raises ValidationException."""
    try:
        found = orjson.loads(b64decode(token, validate=True))
        parts = {int(part): bytes.fromhex(key) for part, key in found["read"].items()}
        is_good = found["v"] == _VERSION and now - found["at"] <= limits.DYNAMODB_STATEMENT_TOKEN_S
        is_same = found["of"] == of.hex()
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ValidationException("Invalid NextToken") from None
    if not is_good:
        raise ValidationException("Invalid NextToken")
    if not is_same:
        raise ValidationException("NextToken does not match request")
    return parts


def fingerprint(*of: Any) -> bytes:
    """Of the table, the statement and its parameters."""
    return blake2b(orjson.dumps(of), digest_size=16).digest()
