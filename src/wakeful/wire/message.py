"""HTTP messages as values: what the gateway hands down to the codecs, and what they hand back."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol


class BrokenOff(Exception):
    """A body that has begun and cannot be sent to its end: the connection is closed, so that the client knows."""


class BodyStream(Protocol):
    """A body that is not held in memory. Iterating it raises AwsError, in the place of its end, if it is not what the
    request promised. `checksums` are those that were verified, by S3's names for them, once the end was reached.
    """

    @property
    def checksums(self) -> Mapping[str, str]: ...

    def __aiter__(self) -> AsyncIterator[bytes]: ...


@dataclass(slots=True)
class HttpRequest:
    """One request. `path` and `query` are as they came (percent-encoded); header names are lower case, values Latin-1,
    and several headers of one name are joined by ",".

    `body` is complete, except for operations whose input has a streaming blob: there `stream` yields it and `body`
    is empty. A handler of those is given the stream as a BodyStream (see `chunked`).
    """

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes = b""
    stream: AsyncIterable[bytes] | None = None


@dataclass(slots=True)
class HttpResponse:
    """One answer. Header names are lower case. A `stream` is sent chunk by chunk after `body`.

    `more_headers` are sent after the others; a name may come up in them again and again, as Set-Cookie does.
    """

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    stream: AsyncIterator[bytes] | None = None
    more_headers: tuple[tuple[str, str], ...] = ()


Headers = Mapping[str, str]
