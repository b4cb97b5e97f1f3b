"""Compressed bodies are unpacked, or refused as what they are."""

from __future__ import annotations

import gzip

import pytest

from wakeful import limits
from wakeful.wire import compression
from wakeful.wire.errors import MalformedInput
from wakeful.wire.message import HttpRequest


def request(body: bytes, encoding: str = "gzip") -> HttpRequest:
    return HttpRequest("POST", "/", "", {"content-encoding": encoding}, body)


def test_a_compressed_body_is_unpacked_and_any_other_left_alone() -> None:
    assert compression.unpacked(request(gzip.compress(b"said"))) == b"said"
    assert compression.unpacked(request(b"said", "aws-chunked")) == b"said"


def test_a_body_that_was_compressed_in_pieces_is_all_of_them() -> None:
    whole = bytes(limits.UNPACKED_BYTES_MAX - 4)
    assert compression.unpacked(request(gzip.compress(b"said") + gzip.compress(whole))) == b"said" + whole


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"no gzip", gzip.compress(b"cut off")[:-3], gzip.compress(b"said") + b"and more"),
        gzip.compress(bytes(limits.UNPACKED_BYTES_MAX + 1)),
        gzip.compress(bytes(limits.UNPACKED_BYTES_MAX)) + gzip.compress(b"1"),
        gzip.compress(b"") * (limits.GZIP_MEMBERS_MAX + 1),
    ],
    ids=["empty", "other", "cut off", "with a tail", "large", "large in pieces", "in too many pieces"],
)
def test_what_is_no_gzip_or_too_much_of_it_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedInput):
        compression.unpacked(request(body))
