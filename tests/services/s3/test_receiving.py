"""Bodies from inside, which nobody has checked on the way."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.running_node import RunningNode
from tests.services.s3.nouns import references
from wakeful import limits
from wakeful.services.s3 import receiving
from wakeful.services.s3.errors import BadDigest, EntityTooLarge
from wakeful.services.s3.receiving import Received


async def stream(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


def receive(node: RunningNode, **request: Any) -> Received:
    wanted = request.pop("wanted", None)
    found: Received = node.run(receiving.receive(node.node, request, wanted=wanted))
    return found


def sha256(content: bytes) -> str:
    return base64.b64encode(hashlib.sha256(content).digest()).decode()


def test_a_stream_and_bytes_are_the_same_blob(node: RunningNode) -> None:
    one, two = receive(node, Body=stream(b"ab", b"", b"c")), receive(node, Body=b"abc")
    assert one == two
    assert (one.blob.size, one.blob.md5, one.told) == (3, hashlib.md5(b"abc").hexdigest(), None)
    assert one.checksum.algorithm == "CRC64NVME"
    assert receive(node).blob.size == 0


def test_the_checksum_is_the_wanted_one_or_the_named_one_or_s3s_own(node: RunningNode) -> None:
    named = receive(node, Body=b"abc", ChecksumAlgorithm="SHA256")
    assert (named.checksum.value, named.told) == (sha256(b"abc"), "SHA256")
    wanted = receive(node, Body=b"abc", ChecksumSHA1="qZk+NkcGgWq6PiVxeFDCbJzQ2J0=", wanted="SHA256")
    assert (wanted.checksum.value, wanted.told) == (sha256(b"abc"), "SHA1")


@pytest.mark.parametrize("promise", [{"ContentMD5": "AAAAAAAAAAAAAAAAAAAAAA=="}, {"ChecksumCRC32": "AAAAAA=="}])
def test_a_body_that_is_not_what_was_promised_is_refused_and_swept(node: RunningNode, promise: dict[str, str]) -> None:
    with pytest.raises(BadDigest):
        receive(node, Body=b"abc", **promise)
    assert node.run(node.node.store.read(references)) == {}


def test_a_body_is_refused_as_soon_as_it_is_too_long(node: RunningNode, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "S3_PUT_BYTES_MAX", 5)
    with pytest.raises(EntityTooLarge) as refused:
        receive(node, Body=stream(b"abc", b"def", b"never read"))
    assert refused.value.members == {"ProposedSize": 6, "MaxSizeAllowed": 5}
    with pytest.raises(EntityTooLarge):
        receive(node, Body=b"", ContentLength=6)
