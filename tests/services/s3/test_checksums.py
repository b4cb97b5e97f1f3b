"""Checksums: which is stated, and how the parts' become the whole's."""

from __future__ import annotations

from base64 import b64decode, b64encode
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wakeful.services.s3 import checksums
from wakeful.services.s3.errors import InvalidRequest
from wakeful.wire import checksums as algorithms


def of(algorithm: str, content: bytes) -> str:
    running = algorithms.start(algorithm)
    running.update(content)
    return algorithms.text(running.digest())


@given(st.sampled_from(sorted(algorithms.CYCLIC)), st.lists(st.binary(max_size=40), min_size=1, max_size=6))
def test_the_full_checksum_of_parts_is_that_of_their_bytes_together(algorithm: str, parts: list[bytes]) -> None:
    found = checksums.of_parts(algorithm, checksums.FULL, [(of(algorithm, part), len(part)) for part in parts])
    assert found.value == of(algorithm, b"".join(parts))


def test_a_composite_checksum_is_one_of_the_digests_and_says_how_many_there_were() -> None:
    parts = [b"one", b"two"]
    found = checksums.of_parts("SHA256", checksums.COMPOSITE, [(of("SHA256", part), 3) for part in parts])
    digests = b"".join(b64decode(of("SHA256", part)) for part in parts)
    assert found.value == f"{b64encode(sha256(digests).digest()).decode()}-2"
    assert found.members == {"ChecksumSHA256": found.value, "ChecksumType": "COMPOSITE"}


@pytest.mark.parametrize(
    ("algorithm", "asked", "kind"),
    [
        ("CRC32", None, "COMPOSITE"),
        ("CRC32", "FULL_OBJECT", "FULL_OBJECT"),
        ("CRC64NVME", None, "FULL_OBJECT"),
        ("SHA256", None, "COMPOSITE"),
        ("SHA256", "COMPOSITE", "COMPOSITE"),
    ],
)
def test_an_uploads_checksum_is_of_the_kind_that_its_algorithm_has(
    algorithm: str, asked: str | None, kind: str
) -> None:
    assert checksums.kind_of_upload(algorithm, asked) == kind


@pytest.mark.parametrize(
    ("algorithm", "asked"), [("SHA256", "FULL_OBJECT"), ("CRC64NVME", "COMPOSITE"), ("CRC32", "X")]
)
def test_a_kind_that_an_algorithm_has_not_is_refused(algorithm: str, asked: str) -> None:
    with pytest.raises(InvalidRequest):
        checksums.kind_of_upload(algorithm, asked)


def test_a_request_states_one_checksum_at_most_and_it_must_be_one() -> None:
    assert checksums.claimed({"ChecksumCRC32": "AAAAAA==", "ChecksumType": "FULL_OBJECT"}) == ("CRC32", "AAAAAA==")
    assert checksums.claimed({}) is None
    with pytest.raises(InvalidRequest, match="single"):
        checksums.claimed({"ChecksumCRC32": "AAAAAA==", "ChecksumSHA1": "AAAA"})
    with pytest.raises(InvalidRequest, match="Value for x-amz-checksum-crc32 header is invalid"):
        checksums.claimed({"ChecksumCRC32": "not base64"})


def test_an_algorithm_that_there_is_not_is_refused() -> None:
    assert checksums.algorithm_of({"ChecksumAlgorithm": "crc32"}) == "CRC32"
    with pytest.raises(InvalidRequest, match="unsupported"):
        checksums.algorithm_of({"ChecksumAlgorithm": "CRC7"})
