"""A body on its way into a blob: counted, hashed and held against what the request says of it.

Nothing of a body is kept in memory but the piece that is being written.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

from wakeful import limits
from wakeful.fabric.service import Node
from wakeful.services.s3.checksums import DEFAULT, Checksum, algorithm_of, claimed
from wakeful.services.s3.errors import BadDigest, EntityTooLarge, InvalidRequest
from wakeful.store import blobs
from wakeful.store.blobs import Blob
from wakeful.store.tx import Tx
from wakeful.wire import checksums
from wakeful.wire.errors import AwsError


@dataclass(frozen=True, slots=True)
class Received:
    """Bytes that are on disk and named by no row yet. `told` is the algorithm that the client spoke of, if it did."""

    blob: Blob
    checksum: Checksum
    told: str | None


async def receive(node: Node, request: Mapping[str, Any], *, wanted: str | None = None) -> Received:
    """The request's body is a blob, and is what the request promised.

    Its checksum is of the `wanted` algorithm, else of the one that the client speaks of, else of S3's default. A body
    that came over HTTP was checked on the way, trailers included; one from inside is checked here.
    """
    stated = claimed(request)
    named = stated[0] if stated else algorithm_of(request)
    _check_size(request.get("ContentLength", 0))
    body = request.get("Body", b"")
    hashers = {name: checksums.start(name) for name in {wanted or named or DEFAULT, named or DEFAULT}}
    blob = await node.blobs.save(body if isinstance(body, bytes) else _bounded(body), also=hashers.values())
    computed = {name: checksums.text(hasher.digest()) for name, hasher in hashers.items()}
    verified: Mapping[str, str] | None = getattr(body, "checksums", None)
    try:
        _check(request, blob, computed, stated, verified)
    except AwsError:
        await node.store.write(forget, blob.key)
        raise
    told = named or next(iter(verified or ()), None)  # a trailer says it, where no header did
    algorithm = wanted or told or DEFAULT
    value = computed[algorithm] if algorithm in computed else (verified or {})[algorithm]
    return Received(blob, Checksum(algorithm, value), told)


def forget(tx: Tx, key: str) -> None:
    """A blob that nobody is going to name is due for removal, unless somebody else names it."""
    blobs.keep(tx, key)
    blobs.release(tx, key)


async def _bounded(body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    size = 0
    async for piece in body:
        size += len(piece)
        _check_size(size)
        yield piece


def _check_size(size: int) -> None:
    if size > limits.S3_PUT_BYTES_MAX:
        raise EntityTooLarge(ProposedSize=size, MaxSizeAllowed=limits.S3_PUT_BYTES_MAX)


def _check(
    request: Mapping[str, Any],
    blob: Blob,
    computed: Mapping[str, str],
    stated: tuple[str, str] | None,
    verified: Mapping[str, str] | None,
) -> None:
    md5 = b64encode(bytes.fromhex(blob.md5)).decode()
    if request.get("ContentMD5", md5) != md5:
        raise BadDigest(
            "The Content-MD5 you specified did not match what we received.",
            ExpectedDigest=request["ContentMD5"],
            CalculatedDigest=md5,
        )
    if stated is not None and stated[1] != computed[stated[0]]:
        raise BadDigest(f"The {stated[0]} you specified did not match the calculated checksum.")
    if "ChecksumAlgorithm" in request and verified is not None and algorithm_of(request) not in verified:
        raise InvalidRequest(
            "x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers"
            " were found."
        )
