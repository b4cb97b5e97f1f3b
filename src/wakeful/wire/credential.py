"""What a request says about who signed it: parsed, not believed. `signature` verifies it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from wakeful.wire.message import HttpRequest


@dataclass(frozen=True, slots=True)
class Scope:
    """For what a signing key is good: one day, one region, one service."""

    access_key_id: str
    date: str
    region: str
    service: str


def scope_of(http: HttpRequest) -> Scope | None:
    """The credential scope that a request claims, if it has one that can be read. Never raises."""
    authorization = http.headers.get("authorization")
    if authorization is not None:
        # All but the signature is the same in every request of a client on one day.
        return _scope_in(authorization.partition("Signature=")[0])
    if "X-Amz-Credential=" in http.query:
        value = http.query.partition("X-Amz-Credential=")[2].partition("&")[0]
        return read_scope(value.replace("%2F", "/").replace("%2f", "/"))
    return None


@lru_cache(1024)
def read_scope(text: str) -> Scope | None:
    """AKID/20250101/us-east-1/sqs/aws4_request. An access key id may itself have slashes in it."""
    parts = text.rsplit("/", 4)
    if len(parts) != 5 or parts[4] != "aws4_request":
        return None
    return Scope(*parts[:4])


@lru_cache(1024)
def _scope_in(authorization: str) -> Scope | None:
    start = authorization.find("Credential=")
    if start < 0:
        return None
    value = authorization[start + len("Credential=") :]
    return read_scope(value.partition(",")[0].strip())
