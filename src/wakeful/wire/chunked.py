"""Bodies as they come in: freed of the aws-chunked framing, and checked against all that the request promises of them.

A promise (signed chunks, checksums in the head or the trailer, Content-MD5, a SHA-256, a length) can only be judged at
its end. So the bytes are handed on as they come, and iterating raises AwsError in the place of the end where a promise
was broken: nobody must act on a body before the last piece.
"""

from __future__ import annotations

import hmac
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import AsyncIterable, AsyncIterator, Iterator, Mapping
from hashlib import sha256
from typing import Final

from wakeful import limits
from wakeful.wire import checksums
from wakeful.wire.checksums import ALGORITHM_OF_HEADER, Checksum
from wakeful.wire.credential import Credential
from wakeful.wire.errors import (
    BadDigest,
    IncompleteBody,
    InvalidDigest,
    InvalidRequest,
    MalformedTrailerError,
    SignatureDoesNotMatch,
)
from wakeful.wire.message import HttpRequest
from wakeful.wire.signature import EMPTY_SHA256, promised_sha256, sha256_mismatch, signing_key, string_to_sign

SIGNED: Final = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
SIGNED_TRAILER: Final = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
UNSIGNED_TRAILER: Final = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"


class Body:
    """The bytes of one request, to be iterated once. `checksums` are those that were verified, as headers have them;
    they are complete when the iteration is.
    """

    def __init__(
        self,
        http: HttpRequest,
        pieces: AsyncIterable[bytes],
        credential: Credential | None = None,
        secret_key: str | None = None,
        *,
        has_checksum: bool = True,
    ) -> None:
        self.checksums: dict[str, str] = {}
        self._frames = _Frames(http, credential, secret_key) if is_chunked(http) else None
        self._promises = _Promises(http, credential, has_checksum=has_checksum)
        self._iterator = self._checked(pieces)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._iterator

    async def __anext__(self) -> bytes:
        return await anext(self._iterator)

    async def _checked(self, pieces: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
        update = self._promises.update
        if self._frames is None:
            async for piece in pieces:
                if piece:
                    update(piece)
                    yield piece
            self.checksums = self._promises.keep({})
            return
        async for piece in pieces:
            for data in self._frames.feed(piece):
                update(data)
                yield data
        self.checksums = self._promises.keep(self._frames.finish())


async def read_all(body: AsyncIterable[bytes], bytes_max: int) -> bytes:
    """A body that must be complete before anything can be done. Raises InvalidRequest if it is too large."""
    parts = []
    size = 0
    async for piece in body:
        size += len(piece)
        if size > bytes_max:
            raise InvalidRequest(f"The request body is longer than {bytes_max} bytes.")
        parts.append(piece)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def is_chunked(http: HttpRequest) -> bool:
    """Whether the body is framed in chunks, beneath those that HTTP may have of its own."""
    encodings = http.headers.get("content-encoding", "")
    return http.headers.get("x-amz-content-sha256", "").startswith("STREAMING-") or "aws-chunked" in encodings


# --- what a request promises of its body ---


class _Promises:
    """Everything about the bytes that can be compared at their end."""

    def __init__(self, http: HttpRequest, credential: Credential | None, *, has_checksum: bool) -> None:
        headers = http.headers
        self._sha256_promised = promised_sha256(http, credential)
        self._sha256 = sha256() if self._sha256_promised is not None else None
        self._md5_promised = headers.get("content-md5")
        if self._md5_promised is not None and not _is_digest(self._md5_promised, 16):
            raise InvalidDigest
        self._md5 = checksums.start("MD5") if self._md5_promised is not None else None
        self._length_promised = _length(headers.get("x-amz-decoded-content-length"))
        self._length = 0
        self._promised = _checksums_in(headers) if has_checksum else {}
        self._announced = _announced(headers)
        self._running = {name: checksums.start(name) for name in (*self._promised, *self._announced)}
        digests: list[Checksum] = list(self._running.values())
        if self._sha256 is not None:
            digests.append(self._sha256)
        if self._md5 is not None:
            digests.append(self._md5)
        self._digests = digests

    def update(self, data: bytes) -> None:
        self._length += len(data)
        for digest in self._digests:
            digest.update(data)

    def keep(self, trailers: Mapping[str, str]) -> dict[str, str]:
        """The checksums that were verified. Raises AwsError for the first promise that was not kept."""
        if self._length_promised is not None and self._length != self._length_promised:
            raise IncompleteBody(
                "You did not provide the number of bytes specified by the x-amz-decoded-content-length HTTP header"
            )
        if self._sha256 is not None and self._sha256_promised is not None:
            computed = self._sha256.hexdigest()
            if computed != self._sha256_promised:
                raise sha256_mismatch(self._sha256_promised, computed)
        if self._md5 is not None and self._md5_promised is not None:
            computed = checksums.text(self._md5.digest())
            if computed != self._md5_promised:
                raise BadDigest(
                    "The Content-MD5 you specified did not match what we received.",
                    ExpectedDigest=self._md5_promised,
                    CalculatedDigest=computed,
                )
        promised = self._promised | _checksums_in(trailers)
        for name in self._announced:
            if name not in promised:
                raise MalformedTrailerError
        verified = {}
        for name, value in promised.items():
            if name not in self._running:
                raise MalformedTrailerError  # in the trailer, but not announced
            computed = checksums.text(self._running[name].digest())
            if computed != value:
                raise BadDigest(f"The {name} you specified did not match the calculated checksum.")
            verified[name] = value
        return verified


def _checksums_in(fields: Mapping[str, str]) -> dict[str, str]:
    found = {}
    for header, value in fields.items():
        name = ALGORITHM_OF_HEADER.get(header)
        if name is not None:
            if not _is_digest(value, checksums.SIZES[name]):
                raise InvalidRequest(f"Value for {header} header is invalid.")
            found[name] = value
    return found


def _announced(headers: Mapping[str, str]) -> list[str]:
    """The checksums that come after the body."""
    names = [name.strip().lower() for name in headers.get("x-amz-trailer", "").split(",") if name.strip()]
    for name in names:
        if name.startswith("x-amz-checksum-") and name not in ALGORITHM_OF_HEADER:
            raise InvalidRequest("The value specified in the x-amz-trailer header is not supported")
    return [ALGORITHM_OF_HEADER[name] for name in names if name in ALGORITHM_OF_HEADER]


def _is_digest(text: str, size: int) -> bool:
    try:
        return len(b64decode(text, validate=True)) == size
    except (Base64Error, ValueError):
        return False


def _length(text: str | None) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise InvalidRequest("The value of x-amz-decoded-content-length is not a number.")
    return int(text)


# --- the framing ---


class _Frames:
    """Takes the framing off, and checks the chunks' signatures where there are any and the secret is known."""

    def __init__(self, http: HttpRequest, credential: Credential | None, secret_key: str | None) -> None:
        self._buffer = b""  # the beginning of a line whose end has not come yet
        self._left = 0  # bytes of the current chunk that have not come yet
        self._state = _Line.SIZE
        self._trailers: dict[str, str] = {}
        self._has_trailer = "x-amz-trailer" in http.headers
        kind = http.headers.get("x-amz-content-sha256", "")
        is_signed = kind in (SIGNED, SIGNED_TRAILER) and credential is not None and secret_key is not None
        self._chain = _Chain(credential, secret_key) if is_signed and credential and secret_key else None
        if kind.startswith("STREAMING-") and kind not in (SIGNED, SIGNED_TRAILER, UNSIGNED_TRAILER):
            raise InvalidRequest(f"The body is signed as {kind}, which is not supported.")

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """The payload in what came next. A piece that lies within a chunk is handed on as it is."""
        at = 0
        end = len(piece)
        while at < end:
            if self._left:
                taken = min(self._left, end - at)
                data = piece if taken == end else piece[at : at + taken]
                self._left -= taken
                at += taken
                if self._chain is not None:
                    self._chain.update(data)
                yield data
                continue
            newline = piece.find(b"\n", at)
            if newline < 0 or len(self._buffer) + newline - at > limits.CHUNK_LINE_BYTES_MAX:
                self._buffer += piece[at : at + limits.CHUNK_LINE_BYTES_MAX + 1]
                if len(self._buffer) > limits.CHUNK_LINE_BYTES_MAX:
                    raise InvalidRequest("A line of the chunked encoding is too long.")
                return
            line = (self._buffer + piece[at:newline]).rstrip(b"\r")
            self._buffer = b""
            at = newline + 1
            self._line(line)

    def finish(self) -> Mapping[str, str]:
        """The trailers, when nothing more comes. Raises AwsError if the body ended too early."""
        if self._state in (_Line.SIZE, _Line.AFTER_CHUNK):
            raise IncompleteBody
        if self._buffer:
            self._line(self._buffer.rstrip(b"\r"))
        if self._chain is not None and self._has_trailer:
            self._chain.close(self._trailers)
        return self._trailers

    def _line(self, line: bytes) -> None:
        if self._state == _Line.SIZE:
            self._chunk(line)
        elif self._state == _Line.AFTER_CHUNK:
            if line:
                raise InvalidRequest("A chunk is longer than its size says.")
            self._state = _Line.SIZE
        elif self._state == _Line.TRAILER:
            self._trailer(line)
        elif line:
            raise InvalidRequest("There is more after the last chunk.")

    def _chunk(self, line: bytes) -> None:
        size, _, extension = line.partition(b";")
        signature = extension.partition(b"chunk-signature=")[2].strip().decode("ascii", "replace")
        if not size or len(size) > 16 or size.strip(b"0123456789abcdefABCDEF"):
            raise InvalidRequest("The size of a chunk is not a hexadecimal number.")
        if self._chain is not None:
            self._chain.next(signature)
        self._left = int(size, 16)
        self._state = _Line.AFTER_CHUNK if self._left else _Line.TRAILER
        if not self._left and self._chain is not None:
            self._chain.next(None)

    def _trailer(self, line: bytes) -> None:
        if not line:
            self._state = _Line.END
            return
        name, separator, value = line.decode("latin-1").partition(":")
        name = name.strip().lower()
        if not separator or name in self._trailers or len(self._trailers) >= limits.TRAILERS_MAX:
            raise MalformedTrailerError
        self._trailers[name] = value.strip()


class _Line:
    """What the next line of the framing is."""

    SIZE: Final = 0
    AFTER_CHUNK: Final = 1
    TRAILER: Final = 2
    END: Final = 3


class _Chain:
    """Signatures of chunks: each covers its data and the signature before it, the first one that of the head."""

    def __init__(self, credential: Credential, secret_key: str) -> None:
        scope = credential.scope
        self._credential = credential
        self._key = signing_key(secret_key, scope.date, scope.region, scope.service)
        self._previous = credential.signature
        self._given: str | None = None
        self._hash = sha256()

    def update(self, data: bytes) -> None:
        self._hash.update(data)

    def next(self, signature: str | None) -> None:
        """The chunk so far is complete, and another one begins, or none."""
        if self._given is not None:
            self._expect(self._given, "AWS4-HMAC-SHA256-PAYLOAD", EMPTY_SHA256, self._hash.hexdigest())
        self._given = signature
        self._hash = sha256()

    def close(self, trailers: dict[str, str]) -> None:
        """The trailers are signed like a last chunk; their signature is one of them, and is taken out."""
        given = trailers.pop("x-amz-trailer-signature", "")
        signed = "".join(f"{name}:{value}\n" for name, value in trailers.items())
        self._expect(given, "AWS4-HMAC-SHA256-TRAILER", sha256(signed.encode("latin-1")).hexdigest())

    def _expect(self, given: str, algorithm: str, *hashes: str) -> None:
        to_sign = string_to_sign(algorithm, self._credential, self._previous, *hashes)
        if not hmac.compare_digest(hmac.digest(self._key, to_sign.encode(), "sha256").hex(), given):
            raise SignatureDoesNotMatch(
                "The request signature we calculated does not match the signature you provided. "
                "Check your key and signing method.",
                AWSAccessKeyId=self._credential.access_key_id,
                StringToSign=to_sign,
                SignatureProvided=given,
            )
        self._previous = given
