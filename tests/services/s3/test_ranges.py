"""Byte ranges: what is asked for, and where it lies."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wakeful.services.s3 import ranges
from wakeful.services.s3.errors import InvalidArgument, InvalidRange, InvalidRequest
from wakeful.services.s3.ranges import Span


@pytest.mark.parametrize(
    ("header", "span"),
    [
        ("bytes=0-8", (0, 9)),
        ("bytes=1-1", (1, 2)),
        ("bytes=8-", (8, 10)),
        ("bytes=0-100", (0, 10)),
        ("bytes=-9", (1, 10)),
        ("bytes=-15", (0, 10)),
        ("BYTES=2-3", (2, 4)),
    ],
)
def test_a_range_is_cut_at_the_end_of_the_object(header: str, span: tuple[int, int]) -> None:
    assert ranges.of_header(header, 10) == span


@pytest.mark.parametrize(
    "header", [None, "bytes=", "bytes=-", "bytes=1-0", "bytes=0--1", "bytes=0-1,3-4", "0-8", "bytes=a-b", "lines=1-2"]
)
def test_what_is_no_single_range_is_ignored(header: str | None) -> None:
    assert ranges.of_header(header, 10) is None


@pytest.mark.parametrize(
    ("header", "size"), [("bytes=10-", 10), ("bytes=100-200", 10), ("bytes=-0", 10), ("bytes=0-", 0)]
)
def test_a_range_outside_of_the_object_is_refused(header: str, size: int) -> None:
    with pytest.raises(InvalidRange) as refused:
        ranges.of_header(header, size)
    assert refused.value.members == {"ActualObjectSize": size, "RangeRequested": header}


@pytest.mark.parametrize(
    "header", ["0-8", "bytes=1-0", "bytes=-1-", "bytes=0-1,3-4", "bytes=-", "bytes=1-", "bytes=-2"]
)
def test_a_range_of_a_copy_needs_both_ends(header: str) -> None:
    with pytest.raises(InvalidArgument, match="must be of the form bytes=first-last"):
        ranges.of_copy(header, 10)


def test_a_range_of_a_copy_must_exist() -> None:
    assert ranges.of_copy("bytes=0-9", 10) == (0, 10)
    with pytest.raises(InvalidArgument, match="not valid for source object of size: 10"):
        ranges.of_copy("bytes=0-100", 10)
    with pytest.raises(InvalidRequest, match="copy range is invalid"):
        ranges.of_copy("bytes=100-200", 10)


@given(st.binary(max_size=20), st.integers(0, 25), st.integers(0, 25))
def test_any_range_is_the_slice_that_python_would_take(content: bytes, first: int, last: int) -> None:
    expected = content[first : last + 1]
    if last < first:
        assert ranges.of_header(f"bytes={first}-{last}", len(content)) is None
    elif not expected:
        with pytest.raises(InvalidRange):
            ranges.of_header(f"bytes={first}-{last}", len(content))
    else:
        span = ranges.of_header(f"bytes={first}-{last}", len(content))
        assert span is not None
        assert content[span.start : span.end] == expected
        assert span.header(len(content)) == f"bytes {first}-{first + len(expected) - 1}/{len(content)}"


@given(st.lists(st.binary(max_size=5), max_size=6), st.data())
def test_the_extents_of_a_span_are_its_bytes_in_order(pieces: list[bytes], data: st.DataObject) -> None:
    whole = b"".join(pieces)
    start = data.draw(st.integers(0, len(whole)))
    end = data.draw(st.integers(start, len(whole)))
    named = {str(number): piece for number, piece in enumerate(pieces)}
    found = list(ranges.extents([(name, len(piece)) for name, piece in named.items()], Span(start, end)))
    assert b"".join(named[extent.blob][extent.start : extent.end] for extent in found) == whole[start:end]
    assert all(extent.start < extent.end for extent in found)
