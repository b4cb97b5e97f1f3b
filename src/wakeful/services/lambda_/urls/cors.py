"""CORS of function URLs, as configured: what browsers may read, and what they ask before ("Cross-origin resource
sharing (CORS)" under "Creating and managing Lambda function URLs").
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Headers = tuple[tuple[str, str], ...]


def is_preflight(method: str, headers: Mapping[str, str]) -> bool:
    """Whether a browser asks what it may, on behalf of a page, before it does it."""
    return method == "OPTIONS" and "origin" in headers and "access-control-request-method" in headers


def preflight(cors: Mapping[str, Any], headers: Mapping[str, str]) -> Headers:
    """What the page may. Nothing is said to pages of origins that may nothing."""
    allowed = _allowed(cors, headers)
    if not allowed:
        return ()
    # A "*" in an answer is no wildcard where credentials are sent: what was asked for is said instead.
    methods = _listed(cors.get("AllowMethods"), headers["access-control-request-method"])
    names = _listed(cors.get("AllowHeaders"), headers.get("access-control-request-headers", ""))
    age = cors.get("MaxAge")
    return (
        *allowed,
        *((("access-control-allow-methods", methods),) if methods else ()),
        *((("access-control-allow-headers", names),) if names else ()),
        *((("access-control-max-age", str(age)),) if age is not None else ()),
    )


def added(cors: Mapping[str, Any] | None, headers: Mapping[str, str]) -> Headers:
    """What an answer gets besides what the function says: the function's own headers of these names stay, too."""
    allowed = _allowed(cors or {}, headers)
    exposed = ",".join((cors or {}).get("ExposeHeaders") or ())
    return (*allowed, ("access-control-expose-headers", exposed)) if allowed and exposed else allowed


def _allowed(cors: Mapping[str, Any], headers: Mapping[str, str]) -> Headers:
    origin = headers.get("origin")
    origins = cors.get("AllowOrigins") or ()
    if origin is None or not ("*" in origins or origin in origins):
        return ()
    said: Headers = (("access-control-allow-origin", origin), ("vary", "Origin"))
    return (*said, ("access-control-allow-credentials", "true")) if cors.get("AllowCredentials") else said


def _listed(configured: list[str] | None, asked: str) -> str:
    return asked if "*" in (configured or ()) else ",".join(configured or ())
