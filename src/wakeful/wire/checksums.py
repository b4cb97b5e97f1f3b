"""Checksums that clients send with a body and ask for with an object, by S3's names for them."""

from __future__ import annotations

import hashlib
import zlib
from base64 import b64encode
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Protocol


class Checksum(Protocol):
    """Takes in bytes piece by piece."""

    def update(self, data: bytes, /) -> None: ...

    def digest(self) -> bytes: ...


class _Crc:
    """A cyclic redundancy check; the function goes on from the value so far."""

    __slots__ = ("_function", "_size", "_value")

    def __init__(self, function: Callable[[bytes, int], int], size: int) -> None:
        self._function = function
        self._size = size
        self._value = 0

    def update(self, data: bytes, /) -> None:
        self._value = self._function(data, self._value)

    def digest(self) -> bytes:
        return self._value.to_bytes(self._size, "big")


class _Xx:
    """XXHash, whose digest may be asked for more than once."""

    __slots__ = ("_digest", "_hash")

    def __init__(self, xxhash: Any) -> None:
        self._hash = xxhash
        self._digest: bytes | None = None

    def update(self, data: bytes, /) -> None:
        self._hash.update(data)

    def digest(self) -> bytes:
        if self._digest is None:
            self._digest = bytes(self._hash.finalize())
        return self._digest


def start(algorithm: str) -> Checksum:
    """A checksum of nothing yet. Raises KeyError for a name that is none of ALGORITHMS."""
    return _MAKERS[algorithm]()


def combine(algorithm: str, first: bytes, second: bytes, second_size: int) -> bytes:
    """The checksum of what `first` and `second` are checksums of, put together. Raises KeyError unless it is cyclic."""
    of_both = _COMBINERS[algorithm]()(int.from_bytes(first, "big"), int.from_bytes(second, "big"), second_size)
    return of_both.to_bytes(SIZES[algorithm], "big")


def text(digest: bytes) -> str:
    """A digest as headers have it."""
    return b64encode(digest).decode("ascii")


def header_of(algorithm: str) -> str:
    return f"x-amz-checksum-{algorithm.lower()}"


def _crt() -> Any:
    # A native library of some megabytes: loaded when a client first uses what only it can compute quickly.
    from awscrt import checksums

    return checksums


_MAKERS: Mapping[str, Callable[[], Checksum]] = MappingProxyType(
    {
        "CRC32": lambda: _Crc(zlib.crc32, 4),
        "CRC32C": lambda: _Crc(_crt().crc32c, 4),
        "CRC64NVME": lambda: _Crc(_crt().crc64nvme, 8),
        "SHA1": lambda: hashlib.sha1(usedforsecurity=False),
        "SHA256": hashlib.sha256,
        "SHA512": hashlib.sha512,
        "MD5": lambda: hashlib.md5(usedforsecurity=False),
        "XXHASH64": lambda: _Xx(_crt().XXHash.new_xxhash64()),
        "XXHASH3": lambda: _Xx(_crt().XXHash.new_xxhash3_64()),
        "XXHASH128": lambda: _Xx(_crt().XXHash.new_xxhash3_128()),
    }
)

_COMBINERS: Mapping[str, Callable[[], Callable[[int, int, int], int]]] = MappingProxyType(
    {
        "CRC32": lambda: _crt().combine_crc32,
        "CRC32C": lambda: _crt().combine_crc32c,
        "CRC64NVME": lambda: _crt().combine_crc64nvme,
    }
)

ALGORITHMS = tuple(_MAKERS)
CYCLIC = frozenset(_COMBINERS)
SIZES: Mapping[str, int] = MappingProxyType(
    {
        "CRC32": 4,
        "CRC32C": 4,
        "CRC64NVME": 8,
        "SHA1": 20,
        "SHA256": 32,
        "SHA512": 64,
        "MD5": 16,
        "XXHASH64": 8,
        "XXHASH3": 8,
        "XXHASH128": 16,
    }
)
ALGORITHM_OF_HEADER: Mapping[str, str] = MappingProxyType({header_of(name): name for name in ALGORITHMS})
