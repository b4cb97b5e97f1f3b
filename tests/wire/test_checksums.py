"""Checksums against their published check values and against botocore's."""

from __future__ import annotations

import pytest
from botocore import httpchecksum
from hypothesis import given
from hypothesis import strategies as st

from wakeful.wire import checksums

CHECK = b"123456789"

BOTOCORE = {
    "CRC32": httpchecksum.CrtCrc32Checksum,
    "CRC32C": httpchecksum.CrtCrc32cChecksum,
    "CRC64NVME": httpchecksum.CrtCrc64NvmeChecksum,
    "SHA1": httpchecksum.Sha1Checksum,
    "SHA256": httpchecksum.Sha256Checksum,
    "SHA512": httpchecksum.Sha512Checksum,
    "XXHASH64": httpchecksum.CrtXxhash64Checksum,
    "XXHASH3": httpchecksum.CrtXxhash3Checksum,
    "XXHASH128": httpchecksum.CrtXxhash128Checksum,
}


@pytest.mark.parametrize(
    ("algorithm", "value"),
    [
        ("CRC32", "cbf43926"),
        ("CRC32C", "e3069283"),
        ("CRC64NVME", "ae8b14860a799888"),
        ("SHA1", "f7c3bc1d808e04732adf679965ccc34ca7ae3441"),
        ("MD5", "25f9e794323b453885f5181f1b624d0b"),
    ],
)
def test_the_published_check_values_come_out(algorithm: str, value: str) -> None:
    checksum = checksums.start(algorithm)
    checksum.update(CHECK)
    assert checksum.digest().hex() == value


@given(st.lists(st.binary(max_size=100), max_size=5), st.sampled_from(sorted(BOTOCORE)))
def test_pieces_make_the_same_checksum_as_botocores_whole(pieces: list[bytes], algorithm: str) -> None:
    checksum, theirs = checksums.start(algorithm), BOTOCORE[algorithm]()
    for piece in pieces:
        checksum.update(piece)
    theirs.update(b"".join(pieces))
    assert checksum.digest() == theirs.digest()
    assert checksum.digest() == checksum.digest()
    assert len(checksum.digest()) == checksums.SIZES[algorithm]


def test_every_algorithm_has_a_size_and_a_header() -> None:
    assert set(checksums.SIZES) == set(checksums.ALGORITHMS) == set(checksums.ALGORITHM_OF_HEADER.values())
    assert checksums.header_of("CRC64NVME") == "x-amz-checksum-crc64nvme"
