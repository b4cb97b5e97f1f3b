"""What a function did to the world: objects in a bucket, which nothing undoes.

Plain HTTP: a client of S3 would take longer to make than everything else of a process that is soon killed.
"""

from __future__ import annotations

import os
import urllib.request
import uuid


def _ask(method: str, path: str, body: bytes | None = None) -> bytes:
    url = f"{os.environ['AWS_ENDPOINT_URL']}/{os.environ['EFFECTS']}{path}"
    with urllib.request.urlopen(urllib.request.Request(url, body, method=method), timeout=30) as answer:
        return bytes(answer.read())


def did(run: str, what: str, body: str = "") -> None:
    """It is known to have happened, once more."""
    _ask("PUT", f"/{run}/{what}/{uuid.uuid4().hex}", body.encode())


def count(run: str, what: str = "") -> int:
    """How often it happened."""
    return _ask("GET", f"?list-type=2&prefix={run}/{what}").count(b"<Key>")
