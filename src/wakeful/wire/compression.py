"""Bodies that a client has compressed. Signatures and checksums are of what was sent: unpacking comes after those."""

from __future__ import annotations

import zlib

from wakeful import limits
from wakeful.wire.errors import MalformedInput
from wakeful.wire.message import HttpRequest

_GZIP = zlib.MAX_WBITS + 16


def unpacked(http: HttpRequest, bytes_max: int = limits.UNPACKED_BYTES_MAX) -> bytes:
    """The body as it was meant. Raises MalformedInput where it is not what its header says, or unpacks to too much."""
    if http.headers.get("content-encoding") != "gzip":
        return http.body
    members, left = [], http.body
    room = bytes_max
    while True:  # a body may be several compressed ones after one another ("GZIP file format specification", 2.2)
        unpacking = zlib.decompressobj(_GZIP)
        try:
            # One byte more than there may be, lest "no more than 0" mean "as much as there is".
            member = unpacking.decompress(left, room + 1)
        except zlib.error as error:
            raise MalformedInput("The body is not compressed with gzip, as its Content-Encoding says.") from error
        room -= len(member)
        if room < 0:
            raise MalformedInput(f"The body unpacks to more than {bytes_max} bytes.")
        if not unpacking.eof:
            raise MalformedInput("The compressed body ends too early.")
        members.append(member)
        left = unpacking.unused_data
        if not left:
            return members[0] if len(members) == 1 else b"".join(members)
        if len(members) >= limits.GZIP_MEMBERS_MAX:
            raise MalformedInput(f"The body is compressed in more than {limits.GZIP_MEMBERS_MAX} members.")
