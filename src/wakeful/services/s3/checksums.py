"""Checksums of objects: which one an object has, and how the parts' become the whole's
("Checking object integrity in Amazon S3").
"""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from wakeful.services.s3.errors import InvalidRequest
from wakeful.wire import checksums

DEFAULT: Final = "CRC64NVME"
"""What an object gets whose client said nothing of checksums."""

FULL: Final = "FULL_OBJECT"
COMPOSITE: Final = "COMPOSITE"


@dataclass(frozen=True, slots=True)
class Checksum:
    """`value` is base64, of a composite one with "-" and the number of parts."""

    algorithm: str
    value: str
    kind: str = FULL

    @property
    def members(self) -> dict[str, str]:
        """As the API's results show it."""
        return {f"Checksum{self.algorithm}": self.value, "ChecksumType": self.kind}


def claimed(members: Mapping[str, Any]) -> tuple[str, str] | None:
    """The one checksum that a request states, with its algorithm. Raises InvalidRequest for more than one."""
    found = [(name, members[f"Checksum{name}"]) for name in checksums.ALGORITHMS if f"Checksum{name}" in members]
    if len(found) > 1:
        raise InvalidRequest("Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.")
    for name, value in found:
        if not _is_digest(value, checksums.SIZES[name]):
            raise InvalidRequest(f"Value for {checksums.header_of(name)} header is invalid.")
    return found[0] if found else None


def algorithm_of(members: Mapping[str, Any]) -> str | None:
    """The algorithm that a request names. Raises InvalidRequest for one that there is not."""
    name: str | None = members.get("ChecksumAlgorithm")
    if name is not None and name.upper() not in checksums.ALGORITHMS:
        raise InvalidRequest(
            "Checksum algorithm provided is unsupported. Please try again with any of the valid types:"
            f" [{', '.join(checksums.ALGORITHMS)}]"
        )
    return None if name is None else name.upper()


def kind_of_upload(algorithm: str, kind: str | None) -> str:
    """What the checksums of a multipart upload's parts are to become. Raises InvalidRequest where they cannot."""
    if kind is None:
        return FULL if algorithm == DEFAULT else COMPOSITE
    if kind not in (FULL, COMPOSITE):
        raise InvalidRequest("Value for x-amz-checksum-type header is invalid.")
    if (kind == FULL and algorithm not in checksums.CYCLIC) or (kind == COMPOSITE and algorithm == DEFAULT):
        raise InvalidRequest(
            f"The {kind} checksum type cannot be used with the {algorithm.lower()} checksum algorithm."
        )
    return kind


def of_parts(algorithm: str, kind: str, parts: Sequence[tuple[str, int]]) -> Checksum:
    """The checksum of an object made of parts with these checksums and sizes."""
    digests = [(b64decode(value), size) for value, size in parts]
    if kind == COMPOSITE:
        whole = checksums.start(algorithm)
        for digest, _ in digests:
            whole.update(digest)
        return Checksum(algorithm, f"{checksums.text(whole.digest())}-{len(parts)}", COMPOSITE)
    combined, _ = digests[0]
    for digest, size in digests[1:]:
        combined = checksums.combine(algorithm, combined, digest, size)
    return Checksum(algorithm, checksums.text(combined), FULL)


def _is_digest(text: str, size: int) -> bool:
    try:
        return len(b64decode(text, validate=True)) == size
    except (binascii.Error, ValueError):
        return False
