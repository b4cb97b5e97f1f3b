"""What a request says about who signed it: parsed, not believed. `signature` verifies it."""

from __future__ import annotations

import re
import time
from base64 import b64encode
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from typing import Literal
from urllib.parse import unquote

from wakeful import limits
from wakeful.wire import timestamps
from wakeful.wire.errors import (
    AuthorizationQueryParametersError,
    IncompleteSignature,
    InvalidArgument,
    MalformedInput,
    SignatureDoesNotMatch,
)
from wakeful.wire.forms import Query, read_query
from wakeful.wire.message import HttpRequest

V4 = "AWS4-HMAC-SHA256"

_FIELD = re.compile(r"\b(Credential|SignedHeaders|Signature)=([^,\s]*)")
_NEEDS_DATE = "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header."
_NEEDED_IN_QUERY = ("X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Signature", "X-Amz-Date", "X-Amz-SignedHeaders")


@dataclass(frozen=True, slots=True)
class Scope:
    """For what a signing key is good: one day, one region, one service."""

    access_key_id: str
    date: str
    region: str
    service: str

    def __str__(self) -> str:
        return f"{self.date}/{self.region}/{self.service}/aws4_request"


@dataclass(frozen=True, slots=True)
class Credential:
    """A claim to have signed a request. Version 2 signatures are S3's only, and say no region.

    `timestamp` is the time that was signed, as its version signs it; `expires` is a number of seconds in
    version 4 and a point in time in version 2, and only in presigned requests.
    """

    version: Literal["4", "2"]
    scope: Scope
    signed_headers: tuple[str, ...]
    signature: str
    timestamp: str
    is_presigned: bool = False
    expires: int | None = None
    token: str | None = None
    payload: str | None = None  # what a presigned request says of the body: a hash or a word for none

    @property
    def access_key_id(self) -> str:
        return self.scope.access_key_id


def parse(http: HttpRequest) -> Credential | None:
    """The claim in a request; None for an anonymous one. Raises AwsError for a claim that is incomplete."""
    authorization = http.headers.get("authorization")
    query = http.query
    if authorization is not None:
        if "X-Amz-Algorithm" in query:
            raise _two_ways(http)
        return _of_header(http, authorization)
    if "X-Amz-" in query and "X-Amz-Algorithm" in (parameters := _query(http)):
        return _of_query(parameters)
    if "AWSAccessKeyId=" in query:
        parameters = _query(http)
        if "Signature" in parameters and "Expires" in parameters:
            return _older_of_query(parameters)
    return None


def scope_of(http: HttpRequest) -> Scope | None:
    """The credential scope that a request claims, if it has one that can be read. Never raises."""
    authorization = http.headers.get("authorization")
    if authorization is not None:
        # All but the signature is the same in every request of a client on one day.
        return _scope_in(authorization.partition("Signature=")[0])
    if "X-Amz-Credential=" in http.query:
        value = http.query.partition("X-Amz-Credential=")[2].partition("&")[0]
        return read_scope(unquote(value))
    return None


@lru_cache(limits.SCOPES_CACHED_MAX)
def read_scope(text: str) -> Scope | None:
    """AKID/20250101/us-east-1/sqs/aws4_request. An access key id may itself have slashes in it."""
    parts = text.rsplit("/", 4)
    if len(parts) != 5 or parts[4] != "aws4_request" or not all(parts):
        return None
    return Scope(*parts[:4])


@lru_cache(limits.SCOPES_CACHED_MAX)
def _scope_in(authorization: str) -> Scope | None:
    start = authorization.find("Credential=")
    if start < 0:
        return None
    value = authorization[start + len("Credential=") :]
    return read_scope(value.partition(",")[0].strip())


# --- in the Authorization header ---


def _of_header(http: HttpRequest, authorization: str) -> Credential:
    if authorization.startswith("AWS "):
        return _older_of_header(http, authorization)
    head, separator, signature = authorization.rpartition("Signature=")
    claims = _claims_in(head) if separator and "," not in signature else None
    if claims is None:
        claims, signature = _claims_in_any_order(http, authorization)
    scope, signed_headers = claims
    headers = http.headers
    timestamp = headers.get("x-amz-date") or _basic_form(headers.get("date", ""))
    if not timestamp:
        raise _incomplete(authorization, [_NEEDS_DATE])
    return Credential("4", scope, signed_headers, signature, timestamp, token=headers.get("x-amz-security-token"))


@lru_cache(limits.SCOPES_CACHED_MAX)
def _claims_in(head: str) -> tuple[Scope, tuple[str, ...]] | None:
    """The usual form, without its end: "AWS4-HMAC-SHA256 Credential=…, SignedHeaders=…, "."""
    fields = dict(_FIELD.findall(head))
    scope = read_scope(fields.get("Credential", ""))
    if not head.startswith(V4 + " ") or scope is None or not fields.get("SignedHeaders"):
        return None
    return scope, tuple(fields["SignedHeaders"].split(";"))


def _claims_in_any_order(http: HttpRequest, authorization: str) -> tuple[tuple[Scope, tuple[str, ...]], str]:
    fields = dict(_FIELD.findall(authorization))
    complaints = [
        f"Authorization header requires '{name}' parameter."
        for name in ("Credential", "Signature", "SignedHeaders")
        if not fields.get(name)
    ]
    if "x-amz-date" not in http.headers and "date" not in http.headers:
        complaints.append(_NEEDS_DATE)
    if complaints:
        raise _incomplete(authorization, complaints)
    algorithm = authorization.partition(" ")[0]
    if algorithm != V4:
        raise IncompleteSignature(f"Unsupported AWS 'algorithm': '{algorithm}'. Supported AWS 'algorithms': {V4}.")
    return (_scope(fields["Credential"]), tuple(fields["SignedHeaders"].split(";"))), fields["Signature"]


def _basic_form(date: str) -> str:
    """A Date header as it is signed: 20250101T120000Z. What is no date stays as it is, to be complained about."""
    try:
        return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(timestamps.parse_rfc822(date)))
    except ValueError:
        return date


def _scope(text: str) -> Scope:
    scope = read_scope(text)
    if scope is None:
        raise IncompleteSignature(
            f"Credential must have exactly 5 slash-delimited elements, "
            f"e.g. keyid/date/region/service/term, got '{text}'"
        )
    return scope


def _incomplete(authorization: str, complaints: list[str]) -> IncompleteSignature:
    hashed = b64encode(sha256(authorization.encode()).digest()).decode("ascii")
    told = " ".join(complaints)
    return IncompleteSignature(f"{told} (Hashed with SHA-256 and encoded with Base64) Authorization={hashed}")


# --- in the query string ---


def _of_query(query: Query) -> Credential:
    missing = [name for name in _NEEDED_IN_QUERY if not query.get(name, [""])[0]]
    is_s3 = "/s3/" in query.get("X-Amz-Credential", [""])[0]
    if missing and is_s3:
        raise AuthorizationQueryParametersError
    if missing:
        raise IncompleteSignature(" ".join(f"AWS query-string parameters must include '{name}'." for name in missing))
    algorithm = query["X-Amz-Algorithm"][0]
    if algorithm != V4:
        raise AuthorizationQueryParametersError(f'X-Amz-Algorithm only supports "{V4}"')
    return Credential(
        "4",
        _scope(query["X-Amz-Credential"][0]),
        tuple(query["X-Amz-SignedHeaders"][0].split(";")),
        query["X-Amz-Signature"][0],
        query["X-Amz-Date"][0],
        is_presigned=True,
        expires=_seconds(query.get("X-Amz-Expires", [""])[0], is_s3=is_s3),
        token=query.get("X-Amz-Security-Token", [""])[0] or None,
        payload=query.get("X-Amz-Content-Sha256", query.get("X-Amz-Content-SHA256", [""]))[0] or None,
    )


def _seconds(text: str, *, is_s3: bool) -> int | None:
    if not text and not is_s3:
        return None
    if not text:
        raise AuthorizationQueryParametersError
    if not re.fullmatch(r"-?[0-9]{1,18}", text):
        raise AuthorizationQueryParametersError("X-Amz-Expires should be a number")
    value = int(text)
    if value < 0:
        raise AuthorizationQueryParametersError("X-Amz-Expires must be non-negative")
    if value > limits.PRESIGNED_S_MAX:
        raise AuthorizationQueryParametersError(
            "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than "
            f"{limits.PRESIGNED_S_MAX} seconds"
        )
    return value


def _query(http: HttpRequest) -> Query:
    try:
        return read_query(http.query)
    except UnicodeDecodeError as error:
        raise MalformedInput("The query string is not percent-encoded UTF-8.") from error


def _two_ways(http: HttpRequest) -> Exception:
    scope = scope_of(http)
    if scope is not None and scope.service == "s3":
        return InvalidArgument(
            "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string "
            "parameter or the Authorization header should be specified",
            ArgumentName="Authorization",
            ArgumentValue=http.headers["authorization"],
        )
    return SignatureDoesNotMatch(
        "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header."
    )


# --- S3's older version ---


def _older_of_header(http: HttpRequest, authorization: str) -> Credential:
    access_key_id, separator, signature = authorization.removeprefix("AWS ").partition(":")
    if not separator:
        raise InvalidArgument(
            "AWS authorization header is invalid.  Expected AwsAccessKeyId:signature",
            ArgumentName="Authorization",
            ArgumentValue=authorization,
        )
    timestamp = http.headers.get("x-amz-date") or http.headers.get("date") or ""
    token = http.headers.get("x-amz-security-token")
    return Credential("2", Scope(access_key_id, "", "", "s3"), (), signature.strip(), timestamp, token=token)


def _older_of_query(query: Query) -> Credential:
    expires = query["Expires"][0]
    if not re.fullmatch(r"[0-9]{1,18}", expires):
        raise InvalidArgument(f"Invalid date (should be seconds since epoch): {expires}")
    return Credential(
        "2",
        Scope(query["AWSAccessKeyId"][0], "", "", "s3"),
        (),
        query["Signature"][0],
        expires,
        is_presigned=True,
        expires=int(expires),
        token=query.get("x-amz-security-token", [""])[0] or None,
    )
