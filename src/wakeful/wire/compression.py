"""Bodies that a client has compressed. Signatures and checksums are of what was sent: unpacking comes after those."""

from __future__ import annotations

import zlib

from wakeful import limits
from wakeful.wire.errors import MalformedInput
from wakeful.wire.message import HttpRequest

_GZIP = zlib.MAX_WBITS + 16


def unpacked(http: HttpRequest) -> bytes:
    """The body as it was meant. Raises MalformedInput where it is not what its header says, or unpacks to too much."""
    if http.headers.get("content-encoding") != "gzip":
        return http.body
    unpacking = zlib.decompressobj(_GZIP)
    try:
        body = unpacking.decompress(http.body, limits.UNPACKED_BYTES_MAX)
    except zlib.error as error:
        raise MalformedInput("The body is not compressed with gzip, as its Content-Encoding says.") from error
    if unpacking.unconsumed_tail:
        raise MalformedInput(f"The body unpacks to more than {limits.UNPACKED_BYTES_MAX} bytes.")
    if not unpacking.eof:
        raise MalformedInput("The compressed body ends too early.")
    return body
