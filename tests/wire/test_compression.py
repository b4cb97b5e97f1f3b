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


@pytest.mark.parametrize(
    "body", [b"", b"no gzip", gzip.compress(b"cut off")[:-3], gzip.compress(bytes(limits.UNPACKED_BYTES_MAX + 1))]
)
def test_what_is_no_gzip_or_too_much_of_it_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedInput):
        compression.unpacked(request(body))
