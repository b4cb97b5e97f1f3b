"""Request bodies that are read whole before anything is done with them."""

from __future__ import annotations

from collections.abc import AsyncIterable

from wakeful import limits


class ClientGone(Exception):
    """The client went away in the middle of its request."""


class BodyTooLarge(Exception):
    """The body of a request that is read whole is larger than any of them may be."""


async def whole(pieces: AsyncIterable[bytes], bytes_max: int = limits.HTTP_BODY_BYTES_MAX) -> bytes:
    """All pieces together. Raises BodyTooLarge."""
    parts: list[bytes] = []
    size = 0
    async for piece in pieces:
        size += len(piece)
        if size > bytes_max:
            raise BodyTooLarge(f"more than {bytes_max} bytes")
        parts.append(piece)
    return parts[0] if len(parts) == 1 else b"".join(parts)
