"""HTTP messages as values: what the gateway hands down to the codecs, and what they hand back."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field


@dataclass(slots=True)
class HttpRequest:
    """One request. `path` and `query` are as they came (percent-encoded); header names are lower case.

    `body` is complete, except for operations whose input has a streaming blob: there `stream` yields it and `body`
    is empty.
    """

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes = b""
    stream: AsyncIterator[bytes] | None = None


@dataclass(slots=True)
class HttpResponse:
    """One answer. Header names are lower case. A `stream` is sent chunk by chunk after `body`."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    stream: AsyncIterator[bytes] | None = None


Headers = Mapping[str, str]
