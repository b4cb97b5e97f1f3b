"""What a function's result says to an HTTP client ("Response payload format" under "Invoking Lambda function URLs")."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from typing import Any

from wakeful.wire.message import HttpResponse

_TYPE = "application/json"

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")

_REMAPPED = frozenset(("connection", "content-length", "date", "server", "www-authenticate"))
"""The front says these itself; the function's are told under another name."""

_DROPPED = frozenset(("keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"))
"""These speak of a connection, and the function has none."""


class Malformed(Exception):
    """The result is no answer to an HTTP client; the text says why."""


def answer_of(payload: bytes) -> HttpResponse:
    """A result with a statusCode is an answer in format 2.0; any other is the body of a 200. Raises Malformed."""
    try:
        result = json.loads(payload)
    except (ValueError, RecursionError) as error:
        raise Malformed("the result is not JSON, or too deep") from error
    if isinstance(result, str):
        return HttpResponse(200, {"content-type": _TYPE}, _encoded(result))
    if not isinstance(result, dict) or result.get("statusCode") is None:
        return HttpResponse(200, {"content-type": _TYPE}, payload)
    headers = _headers(result.get("headers"))
    headers.setdefault("content-type", _TYPE)
    body = _body(result.get("body"), is_encoded=bool(result.get("isBase64Encoded")))
    cookies = tuple(("set-cookie", cookie) for cookie in _cookies(result.get("cookies")))
    return HttpResponse(_status(result["statusCode"]), headers, body, more_headers=cookies)


def head_of(metadata: bytes) -> HttpResponse:
    """Status, headers and cookies of an answer whose body is streamed. Raises Malformed."""
    try:
        said = json.loads(metadata)
    except (ValueError, RecursionError) as error:
        raise Malformed("the metadata is not JSON") from error
    if not isinstance(said, dict):
        raise Malformed("the metadata is no object")
    headers = _headers(said.get("headers"))
    headers.setdefault("content-type", "application/octet-stream")
    cookies = tuple(("set-cookie", cookie) for cookie in _cookies(said.get("cookies")))
    return HttpResponse(_status(said.get("statusCode", 200)), headers, more_headers=cookies)


def refusal() -> HttpResponse:
    """The answer where the function failed, or where what it answers is none."""
    return HttpResponse(502, {"content-type": _TYPE}, b"Internal Server Error")


def _status(value: Any) -> int:
    """A number, or a string of one."""
    text = str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""
    if not re.fullmatch(r"[2-5][0-9]{2}", text):
        raise Malformed(f"{value!r} is no status of an answer")
    return int(text)


def _headers(value: Any) -> dict[str, str]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise Malformed("the headers are no object")
    headers: dict[str, str] = {}
    for name, given in value.items():
        lower = name.lower()
        if not _NAME.fullmatch(name):
            raise Malformed(f"{name!r} is no name of a header")
        if lower not in _DROPPED:
            headers[f"x-amzn-remapped-{lower}" if lower in _REMAPPED else lower] = _header_text(given)
    return headers


def _header_text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return json.dumps(value)
    if not isinstance(value, str) or not _VALUE.fullmatch(value):
        raise Malformed(f"{value!r} is no value of a header")
    return value.strip()


def _cookies(value: Any) -> list[str]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise Malformed("the cookies are no list")
    return [_header_text(cookie) for cookie in value]


def _body(value: Any, *, is_encoded: bool) -> bytes:
    if value is None:
        return b""
    if not isinstance(value, str):
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode(errors="replace")
    if not is_encoded:
        return _encoded(value)
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Malformed("the body is not the base64 that it is said to be") from error


def _encoded(text: str) -> bytes:
    """UTF-8. Halves of surrogate pairs, which JSON can carry and UTF-8 cannot, become question marks."""
    return text.encode(errors="replace")
