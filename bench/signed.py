"""Signature Version 4 of many requests to one service, as cheaply as it goes: a load must not be what is measured."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime

REGION = "us-east-1"


@dataclass(frozen=True, slots=True)
class Access:
    """Whom a system believes."""

    key: str = "test"
    secret: str = "test"


class Signer:
    """Requests of a service's JSON protocol, signed at the moment at which this was made."""

    def __init__(self, host: str, service: str, target: str, access: Access) -> None:
        at = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        scope = f"{at[:8]}/{REGION}/{service}/aws4_request"
        names = "host;x-amz-date;x-amz-target"
        self._canonical = f"POST\n/\n\nhost:{host}\nx-amz-date:{at}\nx-amz-target:{target}\n\n{names}\n"
        self._to_sign = f"AWS4-HMAC-SHA256\n{at}\n{scope}\n"
        key = f"AWS4{access.secret}".encode()
        for part in scope.split("/"):
            key = hmac.digest(key, part.encode(), "sha256")
        self._key = key
        self._head = (
            f"POST / HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/x-amz-json-1.0\r\nX-Amz-Date: {at}\r\n"
            f"X-Amz-Target: {target}\r\nAuthorization: AWS4-HMAC-SHA256 Credential={access.key}/{scope},"
            f" SignedHeaders={names}, Signature="
        )

    def request(self, body: bytes) -> bytes:
        canonical = self._canonical + hashlib.sha256(body).hexdigest()
        to_sign = self._to_sign + hashlib.sha256(canonical.encode()).hexdigest()
        signature = hmac.new(self._key, to_sign.encode(), "sha256").hexdigest()
        return f"{self._head}{signature}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
