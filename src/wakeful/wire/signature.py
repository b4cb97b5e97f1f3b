"""Whether a request was signed with the secret that its access key stands for: versions 4 and, for S3, 2.

`verify` is for the request's head and a body that is complete. What the head only promises of a body that follows
(a hash, signed chunks) is kept or broken in `chunked`.
"""

from __future__ import annotations

import asyncio
import hmac
import re
import time
from base64 import b64encode
from calendar import timegm
from collections.abc import Callable, Iterator
from functools import lru_cache
from hashlib import sha256
from urllib.parse import quote, unquote

from wakeful import limits
from wakeful.wire import timestamps
from wakeful.wire.credential import V4, Credential
from wakeful.wire.errors import (
    AccessDenied,
    AwsError,
    IncompleteSignature,
    InvalidArgument,
    InvalidRequest,
    RequestTimeTooSkewed,
    SignatureDoesNotMatch,
    SignatureExpired,
    XAmzContentSHA256Mismatch,
)
from wakeful.wire.message import HttpRequest

UNSIGNED = "UNSIGNED-PAYLOAD"
EMPTY_SHA256 = sha256(b"").hexdigest()

# Parameters that are part of a version 2 signature ("Signing and Authenticating REST Requests", older S3 guides).
# fmt: off
_SIGNED_PARAMETERS = frozenset(
    (
        "accelerate", "acl", "analytics", "cors", "defaultObjectAcl", "delete", "inventory", "lifecycle", "location",
        "logging", "metrics", "notification", "object-lock", "partNumber", "policy", "replication", "requestPayment",
        "response-cache-control", "response-content-disposition", "response-content-encoding",
        "response-content-language",
        "response-content-type", "response-expires", "restore", "select", "select-type", "storageClass",
        "tagging", "torrent", "uploadId", "uploads", "versionId", "versioning", "versions", "website",
    )
)
# fmt: on

_HEX_SHA256 = re.compile(r"[0-9a-f]{64}")
_SPACES = re.compile(r" {2,}")
_UNRESERVED = "-_.~"


def verify(
    http: HttpRequest,
    credential: Credential,
    secret_key: str,
    now: float,
    *,
    service: str | None = None,
    body_sha256: str | None = None,
    path: str | None = None,
) -> None:
    """Raises AwsError unless the claim is true and timely. `now` is the world's time, not the node's.

    `service` is the signing name of the one that was asked: services differ in what a signature must cover, so the
    client may not choose. `body_sha256` spares hashing a large body on the loop (see `hash_body`). `path` is the
    address with the bucket in it where that differs from the request's own, for version 2.
    """
    if service is not None and service != credential.scope.service:
        raise _misdirected(credential, service)
    check_time(http, credential, now)
    if credential.version == "2":
        _verify_older(http, credential, secret_key, path or http.path)
        return
    is_s3 = credential.scope.service == "s3"
    _check_signed_headers(http, credential, is_s3=is_s3)
    payload = _payload_hash(http, credential, body_sha256, is_s3=is_s3)
    key = signing_key(secret_key, credential.scope.date, credential.scope.region, credential.scope.service)
    shown = ""
    for uri, query in _canonical_addresses(http, credential, is_s3=is_s3):
        canonical = _canonical_request(http, credential, uri, query, payload)
        shown = shown or canonical
        to_sign = string_to_sign(V4, credential, sha256(_as_sent(canonical)).hexdigest())
        if hmac.compare_digest(hmac.digest(key, to_sign.encode(), "sha256").hex(), credential.signature):
            return
    raise _mismatch(credential, shown, string_to_sign(V4, credential, sha256(_as_sent(shown)).hexdigest()), is_s3=is_s3)


async def hash_body(body: bytes) -> str:
    """The SHA-256 of a body; while a large one is hashed, others have their turns."""
    piece_bytes = limits.HASHED_AT_ONCE_BYTES_MAX
    if len(body) <= piece_bytes:
        return sha256(body).hexdigest()
    digest = sha256()
    view = memoryview(body)
    for at in range(0, len(body), piece_bytes):
        digest.update(view[at : at + piece_bytes])
        await asyncio.sleep(0)
    return digest.hexdigest()


def promised_sha256(http: HttpRequest, credential: Credential | None) -> str | None:
    """The hash that a signed request promises for its body, where it promises one."""
    value = http.headers.get("x-amz-content-sha256", "")
    return value if credential is not None and _HEX_SHA256.fullmatch(value) else None


@lru_cache(limits.SIGNING_KEYS_CACHED_MAX)
def signing_key(secret_key: str, date: str, region: str, service: str) -> bytes:
    key = hmac.digest(f"AWS4{secret_key}".encode(), date.encode(), "sha256")
    for part in (region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


def string_to_sign(algorithm: str, credential: Credential, *rest: str) -> str:
    return "\n".join((algorithm, credential.timestamp, str(credential.scope), *rest))


# --- time ---


def check_time(http: HttpRequest, credential: Credential, now: float) -> None:
    """Raises AwsError unless the claim, true or not, is timely."""
    if credential.version == "2":
        _check_older_time(http, credential, now)
    else:
        _check_time(credential, now, is_s3=credential.scope.service == "s3")


def _check_time(credential: Credential, now: float, *, is_s3: bool) -> None:
    signed_at = _signed_at(credential.timestamp)
    if signed_at is None:
        raise IncompleteSignature(
            "Date must be in ISO-8601 'basic format'. "
            f"Got '{credential.timestamp}'. See http://en.wikipedia.org/wiki/ISO_8601"
        )
    if not credential.timestamp.startswith(credential.scope.date):
        raise SignatureDoesNotMatch(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "
            f"'{credential.scope.date}' != '{credential.timestamp[:8]}', from '{credential.timestamp}'."
        )
    skew = limits.SIGNATURE_SKEW_S_MAX
    if is_s3 and credential.is_presigned:
        _check_presigned(credential, signed_at, now)
    elif is_s3 and abs(now - signed_at) > skew:
        raise _skewed(credential.timestamp, now)
    elif now - signed_at > max(credential.expires or 0, skew):
        # A presigned request of another service than S3 may say for how long it is good.
        raise SignatureExpired(
            f"Signature expired: {_basic(signed_at)} is now earlier than {_basic(now - skew)} "
            f"({_basic(now)} - {skew // 60} min.)"
        )
    elif signed_at - now > skew:
        raise SignatureExpired(
            f"Signature not yet current: {_basic(signed_at)} is still later than {_basic(now + skew)} "
            f"({_basic(now)} + {skew // 60} min.)"
        )


def _check_presigned(credential: Credential, signed_at: float, now: float) -> None:
    assert credential.expires is not None
    if signed_at - now > limits.SIGNATURE_SKEW_S_MAX:
        raise AccessDenied("Request is not valid yet", ServerTime=timestamps.format_iso8601(now))
    if now >= signed_at + credential.expires:
        raise AccessDenied(
            "Request has expired",
            **{"X-Amz-Expires": str(credential.expires)},
            Expires=timestamps.format_iso8601(signed_at + credential.expires),
            ServerTime=timestamps.format_iso8601(now),
        )


def _check_older_time(http: HttpRequest, credential: Credential, now: float) -> None:
    if credential.expires is not None:
        if now >= credential.expires:
            raise AccessDenied(
                "Request has expired",
                Expires=timestamps.format_iso8601(min(credential.expires, timestamps.LATEST_S)),
                ServerTime=timestamps.format_iso8601(now),
            )
        return
    signed_at = _dated_at(credential.timestamp)
    if signed_at is None:
        raise AccessDenied("AWS authentication requires a valid Date or x-amz-date header")
    if abs(now - signed_at) > limits.SIGNATURE_SKEW_S_MAX:
        raise _skewed(credential.timestamp, now)


@lru_cache(64)
def _signed_at(timestamp: str) -> float | None:
    """20250101T120000Z as seconds."""
    try:
        return timegm(time.strptime(timestamp, "%Y%m%dT%H%M%SZ"))
    except ValueError:
        return None


def _dated_at(date: str) -> float | None:
    """A date as HTTP has it, or as version 4 has it, which some clients of version 2 send."""
    try:
        return timestamps.parse_rfc822(date)
    except ValueError:
        return _signed_at(date)


def _basic(seconds: float) -> str:
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(seconds))


def _skewed(timestamp: str, now: float) -> AwsError:
    return RequestTimeTooSkewed(
        RequestTime=timestamp,
        ServerTime=timestamps.format_iso8601(now),
        MaxAllowedSkewMilliseconds=str(limits.SIGNATURE_SKEW_S_MAX * 1000),
    )


# --- version 4 ---


def _check_signed_headers(http: HttpRequest, credential: Credential, *, is_s3: bool) -> None:
    signed = credential.signed_headers
    if "host" not in signed and ":authority" not in signed:
        raise SignatureDoesNotMatch("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")
    if is_s3:
        unsigned = [name for name in http.headers if name.startswith("x-amz-") and name not in signed]
        if unsigned:
            raise AccessDenied(
                "There were headers present in the request which were not signed", HeadersNotSigned=", ".join(unsigned)
            )


def _payload_hash(http: HttpRequest, credential: Credential, body_sha256: str | None, *, is_s3: bool) -> str:
    """What the signature says of the body: a hash, or that it says nothing. A hash of a complete body is checked."""
    declared = http.headers.get("x-amz-content-sha256")
    if declared is None:
        if is_s3 and credential.is_presigned:
            return credential.payload or UNSIGNED
        if is_s3:
            raise InvalidRequest("Missing required header for this request: x-amz-content-sha256")
        return body_sha256 or sha256(http.body).hexdigest()
    if not _HEX_SHA256.fullmatch(declared):
        if declared == UNSIGNED or declared.startswith("STREAMING-"):
            return declared
        raise InvalidArgument(
            "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, "
            "STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER or a valid sha256 value.",
            ArgumentName="x-amz-content-sha256",
            ArgumentValue=declared,
        )
    if http.stream is None:
        computed = body_sha256 or sha256(http.body).hexdigest()
        if computed != declared:
            raise sha256_mismatch(declared, computed) if is_s3 else SignatureDoesNotMatch()
    return declared


def sha256_mismatch(declared: str, computed: str) -> AwsError:
    return XAmzContentSHA256Mismatch(ClientComputedContentSHA256=declared, S3ComputedContentSHA256=computed)


def _canonical_request(http: HttpRequest, credential: Credential, uri: str, query: str, payload: str) -> str:
    given = http.headers
    lines = [http.method, uri, query]
    for name in credential.signed_headers:
        value = given.get(name if name != ":authority" else "host", "").strip()
        lines.append(f"{name}:{_SPACES.sub(' ', value) if '  ' in value else value}")
    lines += ("", ";".join(credential.signed_headers), payload)
    return "\n".join(lines)


def _as_sent(text: str) -> bytes:
    """Headers are Latin-1 above HTTP, whatever their client meant: these are the bytes that it sent and signed."""
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode()


def _canonical_addresses(http: HttpRequest, credential: Credential, *, is_s3: bool) -> Iterator[tuple[str, str]]:
    """Path and query as the client may have signed them.

    Clients sign what they send, encoded once more except for S3. Where they send it less encoded than the rules want,
    they may have signed it as the rules want it; both mean the same.
    """
    path, query = http.path or "/", http.query
    sent = path if is_s3 or path == "/" else quote(_normal(path), safe="/~")
    sorted_query = _sorted_query(query, str, credential.is_presigned) if query else ""
    yield sent, sorted_query
    ruled = _encode(path) if is_s3 else quote(_normal(_encode(path)), safe="/~")
    encoded_query = _sorted_query(query, _encode_parameter, credential.is_presigned) if query else ""
    if (ruled, encoded_query) != (sent, sorted_query):
        yield ruled, encoded_query


def _encode(path: str) -> str:
    return quote(unquote(path, errors="surrogateescape"), safe="/~", errors="surrogateescape")


def _encode_parameter(text: str) -> str:
    return quote(unquote(text.replace("+", " "), errors="surrogateescape"), safe=_UNRESERVED, errors="surrogateescape")


def _sorted_query(query: str, write: Callable[[str], str], is_presigned: bool) -> str:
    pairs = []
    for parameter in query.split("&"):
        name, _, value = parameter.partition("=")
        if parameter and not (is_presigned and name == "X-Amz-Signature"):
            pairs.append((write(name), write(value)))
    return "&".join(f"{name}={value}" for name, value in sorted(pairs))


def _normal(path: str) -> str:
    """A path without empty segments, "." and "..", as RFC 3986 removes them."""
    if "//" not in path and "/." not in path:
        return path
    segments: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            if segments:
                segments.pop()
        elif segment and segment != ".":
            segments.append(segment)
    normal = "/" + "/".join(segments)
    return normal + "/" if path.endswith("/") and segments else normal


def _misdirected(credential: Credential, service: str) -> AwsError:
    if service == "s3":
        return IncompleteSignature(
            f'The authorization header is malformed; incorrect service "{credential.scope.service}". '
            f'This endpoint belongs to "s3".'
        )
    return SignatureDoesNotMatch(f"Credential should be scoped to correct service: '{service}'.")


def _mismatch(credential: Credential, canonical: str, to_sign: str, *, is_s3: bool) -> AwsError:
    if is_s3:
        return SignatureDoesNotMatch(
            "The request signature we calculated does not match the signature you provided. "
            "Check your key and signing method.",
            AWSAccessKeyId=credential.access_key_id,
            StringToSign=to_sign,
            SignatureProvided=credential.signature,
            StringToSignBytes=to_sign.encode().hex(" "),
            CanonicalRequest=canonical or None,
            CanonicalRequestBytes=canonical.encode().hex(" ") or None,
        )
    return SignatureDoesNotMatch(
        f"{SignatureDoesNotMatch().message}\n\nThe Canonical String for this request should have been\n'{canonical}'"
        f"\n\nThe String-to-Sign should have been\n'{to_sign}'\n"
    )


# --- version 2 ---


def _verify_older(http: HttpRequest, credential: Credential, secret_key: str, path: str) -> None:
    # A bucket is "/bucket/" to some clients even where they send "/bucket".
    paths = (path, path + "/") if path.count("/") == 1 and len(path) > 1 else (path,)
    for each in paths:
        to_sign = _older_string_to_sign(http, credential, each)
        digest = hmac.digest(secret_key.encode(), _as_sent(to_sign), "sha1")
        if hmac.compare_digest(b64encode(digest), credential.signature.encode("ascii", "replace")):
            return
    raise _mismatch(credential, "", _older_string_to_sign(http, credential, path), is_s3=True)


def _older_string_to_sign(http: HttpRequest, credential: Credential, path: str) -> str:
    given = dict(http.headers)
    parameters = [parameter.partition("=") for parameter in http.query.split("&")] if http.query else []
    if credential.is_presigned:
        # What had to be signed as a header travels as a parameter.
        for name, _, value in parameters:
            if name.lower().startswith("x-amz-") or name.lower() in ("content-md5", "content-type"):
                given.setdefault(name.lower(), unquote(value))
        date = credential.timestamp
    else:
        date = "" if "x-amz-date" in given else given.get("date", "")
    amz = [f"{name}:{value.strip()}" for name, value in sorted(given.items()) if name.startswith("x-amz-")]
    signed = sorted(
        f"{name}={unquote(value)}" if separator else name
        for name, separator, value in parameters
        if name in _SIGNED_PARAMETERS
    )
    resource = path + ("?" + "&".join(signed) if signed else "")
    standard = [given.get("content-md5", "").strip(), given.get("content-type", "").strip(), date.strip()]
    return "\n".join([http.method, *standard, *amz, resource])
