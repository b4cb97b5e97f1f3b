"""Framed, signed and checksummed bodies."""

from __future__ import annotations

import asyncio
import hmac
import io
from base64 import b64encode
from collections.abc import AsyncIterator, Iterable
from hashlib import md5, sha256
from typing import Any

import pytest
from botocore.httpchecksum import AwsChunkedWrapper, CrtCrc32cChecksum
from hypothesis import given
from hypothesis import strategies as st

from wakeful import limits
from wakeful.wire import checksums, chunked
from wakeful.wire.credential import Credential, Scope
from wakeful.wire.errors import AwsError
from wakeful.wire.message import HttpRequest
from wakeful.wire.signature import signing_key

SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
SCOPE = Scope("AKIAIOSFODNN7EXAMPLE", "20130524", "us-east-1", "s3")


async def pieces(body: bytes, cuts: Iterable[int] = ()) -> AsyncIterator[bytes]:
    """The body cut at these places, as a network might."""
    at = 0
    for cut in sorted(cuts):
        yield body[at:cut]
        at = max(at, cut)
    yield body[at:]


def taken(
    sent: bytes,
    headers: dict[str, str],
    cuts: Iterable[int] = (),
    seed: str = "0" * 64,
    secret: str | None = SECRET,
    **more: Any,
) -> tuple[bytes, dict[str, str]]:
    """What a handler gets of a body, and which checksums it may rely on."""
    claim = Credential("4", SCOPE, ("host",), seed, "20130524T000000Z")
    http = HttpRequest("PUT", "/b/k", "", headers)

    async def read() -> tuple[bytes, dict[str, str]]:
        body = chunked.Body(http, pieces(sent, cuts), claim, secret, **more)
        whole = await chunked.read_all(body, 1 << 30)
        return whole, body.checksums

    return asyncio.run(read())


def refusal(sent: bytes, headers: dict[str, str], **more: Any) -> str:
    with pytest.raises(AwsError) as caught:
        taken(sent, headers, **more)
    return caught.value.shape_name


def framed(body: bytes, chunk_bytes: int, seed: str, trailers: str = "", *, is_signed: bool = True) -> bytes:
    """An aws-chunked body, signed by the rules."""
    key = signing_key(SECRET, SCOPE.date, SCOPE.region, SCOPE.service)
    previous = seed
    out = b""

    def sign(algorithm: str, *hashes: str) -> str:
        text = "\n".join((algorithm, "20130524T000000Z", str(SCOPE), previous, *hashes))
        return hmac.digest(key, text.encode(), "sha256").hex()

    for at in [*range(0, len(body), chunk_bytes), len(body)]:
        data = body[at : at + chunk_bytes]
        previous = sign("AWS4-HMAC-SHA256-PAYLOAD", sha256(b"").hexdigest(), sha256(data).hexdigest())
        extension = f";chunk-signature={previous}" if is_signed else ""
        out += f"{len(data):x}{extension}\r\n".encode() + data + (b"\r\n" if data else b"")
    if trailers and is_signed:
        previous = sign("AWS4-HMAC-SHA256-TRAILER", sha256(trailers.encode()).hexdigest())
        trailers += f"x-amz-trailer-signature:{previous}\n"
    return out + trailers.replace("\n", "\r\n").encode() + b"\r\n"


def test_the_example_of_the_signed_chunks_page_is_verified() -> None:
    """Signature Calculations for the Authorization Header: Transferring Payload in Multiple Chunks."""
    seed = "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9"
    signatures = (
        "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
        "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
        "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9",
    )
    sent = b"".join(
        f"{size:x};chunk-signature={signature}\r\n".encode() + b"a" * size + b"\r\n"
        for size, signature in zip((65536, 1024, 0), signatures, strict=True)
    )
    headers = {"x-amz-content-sha256": chunked.SIGNED, "x-amz-decoded-content-length": "66560"}
    assert taken(sent, headers, seed=seed) == (b"a" * 66560, {})
    assert refusal(sent.replace(b"a\r\n", b"b\r\n"), headers, seed=seed) == "SignatureDoesNotMatch"


def test_the_example_of_the_trailers_page_is_verified() -> None:
    """Signature Calculations for Trailing Headers."""
    seed = "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e"
    signatures = (
        "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2",
        "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7",
        "2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992",
    )
    sent = b"".join(
        f"{size:x};chunk-signature={signature}\r\n".encode() + b"a" * size + (b"\r\n" if size else b"")
        for size, signature in zip((65536, 1024, 0), signatures, strict=True)
    )
    sent += (
        b"x-amz-checksum-crc32c:sOO8/Q==\r\n"
        b"x-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n\r\n"
    )
    headers = {
        "x-amz-content-sha256": chunked.SIGNED_TRAILER,
        "x-amz-decoded-content-length": "66560",
        "x-amz-trailer": "x-amz-checksum-crc32c",
    }
    assert taken(sent, headers, seed=seed) == (b"a" * 66560, {"CRC32C": "sOO8/Q=="})
    assert refusal(sent.replace(b"sOO8/Q==", b"sOO8/A=="), headers, seed=seed) == "SignatureDoesNotMatch"


@given(st.binary(max_size=300), st.integers(1, 120), st.lists(st.integers(0, 900), max_size=8))
def test_framing_is_taken_off_wherever_the_network_cuts(body: bytes, chunk_bytes: int, cuts: list[int]) -> None:
    value = checksums.start("SHA256")
    value.update(body)
    trailers = f"x-amz-checksum-sha256:{checksums.text(value.digest())}\n"
    for is_signed, kind in ((True, chunked.SIGNED_TRAILER), (False, chunked.UNSIGNED_TRAILER)):
        sent = framed(body, chunk_bytes, "0" * 64, trailers, is_signed=is_signed)
        headers = {
            "x-amz-content-sha256": kind,
            "x-amz-trailer": "x-amz-checksum-sha256",
            "x-amz-decoded-content-length": str(len(body)),
        }
        assert taken(sent, headers, cuts) == (body, {"SHA256": checksums.text(value.digest())})


@given(st.binary(min_size=1, max_size=200), st.data())
def test_a_signed_body_may_not_change_anywhere(body: bytes, data: st.DataObject) -> None:
    sent = bytearray(framed(body, 64, "0" * 64))
    place = data.draw(st.integers(0, len(sent) - 3))
    before = bytes(sent)
    sent[place] ^= 1
    headers = {"x-amz-content-sha256": chunked.SIGNED, "x-amz-decoded-content-length": str(len(body))}
    assert taken(before, headers)[0] == body
    with pytest.raises(AwsError):
        # Some bits say nothing: the case of a hexadecimal digit, the name before a signature.
        if taken(bytes(sent), headers)[0] == body:
            raise AwsError


def test_botocores_own_framing_is_understood() -> None:
    body = bytes(range(256)) * 1000
    wrapper = AwsChunkedWrapper(io.BytesIO(body), CrtCrc32cChecksum, "x-amz-checksum-crc32c", chunk_size=64 * 1024)
    headers = {
        "content-encoding": "aws-chunked",
        "x-amz-content-sha256": chunked.UNSIGNED_TRAILER,
        "x-amz-trailer": "x-amz-checksum-crc32c",
        "x-amz-decoded-content-length": str(len(body)),
    }
    sent = wrapper.read()
    whole, verified = taken(sent, headers, range(0, len(sent), 60_000))
    assert whole == body
    assert list(verified) == ["CRC32C"]


def test_a_piece_within_a_chunk_is_not_copied() -> None:
    head, data = b"20000\r\n", b"x" * 0x20000
    http = HttpRequest("PUT", "/b/k", "", {"content-encoding": "aws-chunked"})

    async def parts() -> AsyncIterator[bytes]:
        yield head
        yield data
        yield b"\r\n0\r\n\r\n"

    async def read() -> list[bytes]:
        return [piece async for piece in chunked.Body(http, parts())]

    assert asyncio.run(read())[0] is data


@pytest.mark.parametrize("algorithm", checksums.ALGORITHMS)
def test_a_checksum_in_the_head_is_verified(algorithm: str) -> None:
    value = checksums.start(algorithm)
    value.update(b"hello")
    text = checksums.text(value.digest())
    header = checksums.header_of(algorithm)
    assert taken(b"hello", {header: text}) == (b"hello", {algorithm: text})
    assert refusal(b"hellO", {header: text}) == "BadDigest"
    assert refusal(b"hello", {header: "nonsense"}) == "InvalidRequest"
    assert taken(b"hello", {header: "of something else"}, has_checksum=False) == (b"hello", {})


def test_content_md5_is_verified() -> None:
    text = b64encode(md5(b"hello").digest()).decode()
    assert taken(b"hello", {"content-md5": text})[0] == b"hello"
    assert refusal(b"hellO", {"content-md5": text}) == "BadDigest"
    assert refusal(b"hello", {"content-md5": "nonsense"}) == "InvalidDigest"


def test_a_promised_sha256_is_verified() -> None:
    headers = {"x-amz-content-sha256": sha256(b"hello").hexdigest()}
    assert taken(b"hello", headers, [2, 3])[0] == b"hello"
    assert refusal(b"hellO", headers) == "XAmzContentSHA256Mismatch"


@pytest.mark.parametrize(
    ("sent", "shape"),
    [
        (b"", "IncompleteBody"),
        (b"5\r\nhel", "IncompleteBody"),
        (b"5\r\nhello", "IncompleteBody"),
        (b"5\r\nhello\r\n", "IncompleteBody"),
        (b"5\r\nhello world\r\n0\r\n\r\n", "InvalidRequest"),
        (b"x\r\nhello\r\n0\r\n\r\n", "InvalidRequest"),
        (b"-5\r\nhello\r\n0\r\n\r\n", "InvalidRequest"),
        (b"\r\nhello\r\n0\r\n\r\n", "InvalidRequest"),
        (b"f" * 17 + b"\r\n", "InvalidRequest"),
        (b"f" * (limits.CHUNK_LINE_BYTES_MAX + 10), "InvalidRequest"),
        (b"5\r\nhello\r\n0\r\n\r\nmore\r\n", "InvalidRequest"),
        (b"5\r\nhello\r\n0\r\nnonsense\r\n\r\n", "MalformedTrailerError"),
        (b"5\r\nhello\r\n0\r\na:b\r\na:b\r\n\r\n", "MalformedTrailerError"),
        (b"5\r\nhello\r\n0\r\n" + b"".join(b"a%d:b\r\n" % n for n in range(20)) + b"\r\n", "MalformedTrailerError"),
        (b"4\r\nhell\r\n0\r\n\r\n", "IncompleteBody"),
        (b"5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n", "MalformedTrailerError"),
    ],
)
def test_a_broken_framing_is_refused(sent: bytes, shape: str) -> None:
    headers = {"x-amz-content-sha256": chunked.UNSIGNED_TRAILER, "x-amz-decoded-content-length": "5"}
    assert refusal(sent, headers) == shape
    assert refusal(sent, headers, cuts=range(len(sent))) == shape


def test_an_announced_checksum_must_come() -> None:
    headers = {"x-amz-content-sha256": chunked.UNSIGNED_TRAILER, "x-amz-trailer": "x-amz-checksum-crc32"}
    assert refusal(b"5\r\nhello\r\n0\r\n\r\n", headers) == "MalformedTrailerError"
    assert taken(b"5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n", headers)[1] == {"CRC32": "NhCmhg=="}
    assert refusal(b"5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhw==\r\n\r\n", headers) == "BadDigest"


@pytest.mark.parametrize(
    "headers",
    [
        {"x-amz-content-sha256": "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD"},
        {"x-amz-content-sha256": chunked.UNSIGNED_TRAILER, "x-amz-trailer": "x-amz-checksum-adler"},
        {"x-amz-content-sha256": chunked.UNSIGNED_TRAILER, "x-amz-decoded-content-length": "many"},
    ],
)
def test_what_is_not_known_is_refused_before_anything_is_read(headers: dict[str, str]) -> None:
    assert refusal(b"", headers) == "InvalidRequest"


def test_without_a_secret_signatures_of_chunks_are_not_looked_at() -> None:
    headers = {"x-amz-content-sha256": chunked.SIGNED}
    sent = framed(b"hello", 3, "1" * 64)
    assert refusal(sent, headers) == "SignatureDoesNotMatch"
    assert taken(sent, headers, secret=None)[0] == b"hello"


def test_a_last_empty_line_may_be_missing() -> None:
    headers = {"x-amz-content-sha256": chunked.SIGNED}
    assert taken(framed(b"hello", 5, "0" * 64).removesuffix(b"\r\n"), headers)[0] == b"hello"


def test_a_body_that_is_too_long_to_be_held_is_refused() -> None:
    with pytest.raises(AwsError, match="longer than 4 bytes"):
        asyncio.run(chunked.read_all(pieces(b"hello", [1, 2, 3, 4]), 4))
