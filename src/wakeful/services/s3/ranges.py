"""Byte ranges: which part of an object a request asks for, and where its bytes lie."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from wakeful.services.s3.errors import InvalidArgument, InvalidRange, InvalidRequest

_RANGE = re.compile(r"bytes=(\d*)-(\d*)", re.IGNORECASE | re.ASCII)
_DIGITS_MAX = 19


class Span(NamedTuple):
    """From the byte `start` up to, not including, `end`."""

    start: int
    end: int

    @property
    def size(self) -> int:
        return self.end - self.start

    def header(self, total: int) -> str:
        """As Content-Range has it."""
        return f"bytes {self.start}-{self.end - 1}/{total}"


class Extent(NamedTuple):
    """A piece of a blob: its bytes from `start` up to, not including, `end`."""

    blob: str
    start: int
    end: int


def of_header(header: str | None, size: int) -> Span | None:
    """What a Range header asks for; None where it is to be ignored: no range, several of them, or none that one can
    make sense of. Raises InvalidRange where the object does not reach so far.
    """
    found = _RANGE.fullmatch(header.strip()) if header is not None else None
    if found is None or not (found[1] or found[2]) or max(map(len, found.groups())) > _DIGITS_MAX:
        return None
    if not found[1]:
        wanted = min(int(found[2]), size)
        span = Span(size - wanted, size)
    else:
        first, last = int(found[1]), int(found[2] or size)
        if last < first and found[2]:
            return None
        span = Span(first, min(last + 1, size))
    if span.size <= 0:
        raise InvalidRange(ActualObjectSize=size, RangeRequested=header)
    return span


def of_copy(header: str, size: int) -> Span:
    """What `x-amz-copy-source-range` asks for: both ends must be given, and exist."""
    found = _RANGE.fullmatch(header)
    if found is None or not found[1] or not found[2] or int(found[2]) < int(found[1]):
        raise InvalidArgument(
            "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the"
            " zero-based offsets of the first and last bytes to copy",
            ArgumentName="x-amz-copy-source-range",
            ArgumentValue=header,
        )
    span = Span(int(found[1]), int(found[2]) + 1)
    if span.start >= size:
        raise InvalidRequest("The specified copy range is invalid for the source object size")
    if span.end > size:
        raise InvalidArgument(
            f"Range specified is not valid for source object of size: {size}",
            ArgumentName="x-amz-copy-source-range",
            ArgumentValue=header,
        )
    return span


def extents(pieces: Iterable[tuple[str, int]], span: Span) -> Iterator[Extent]:
    """Where the bytes of `span` lie in `pieces`: blobs with their sizes, one after the other."""
    at = 0
    for blob, size in pieces:
        start, end = max(span.start - at, 0), min(span.end - at, size)
        if start < end:
            yield Extent(blob, start, end)
        at += size
