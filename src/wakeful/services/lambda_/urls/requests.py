"""The event that a function gets of an HTTP request: payload format 2.0 ("Invoking Lambda function URLs")."""

from __future__ import annotations

import base64
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

import orjson

from wakeful.fabric.front import Arrival, Signer
from wakeful.services.lambda_.urls.addresses import Url

_DEFAULT = "$default"
_TEXTS = frozenset(("application/json", "application/xml", "application/javascript"))
"""The content types besides text/… whose bodies arrive as they are. A form is not among them."""


def event_of(url: Url, arrival: Arrival, signer: Signer | None, now: float) -> bytes:
    """The event as JSON. What the request does not have is missing and not null."""
    http = arrival.http
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": _DEFAULT,
        "rawPath": arrival.place.path,
        "rawQueryString": http.query,
    }
    cookies = cookies_in(http.headers.get("cookie", ""))
    if cookies:
        event["cookies"] = cookies
    event["headers"] = _headers(arrival)
    parameters = parameters_in(http.query)
    if parameters:
        event["queryStringParameters"] = parameters
    event["requestContext"] = _context(url, arrival, signer, now)
    body, is_encoded = body_shown(http.body, http.headers.get("content-type", ""))
    if body is not None:
        event["body"] = body
    event["isBase64Encoded"] = is_encoded
    return orjson.dumps(event)


def cookies_in(header: str) -> list[str]:
    """Each cookie as it was sent."""
    return [cookie for cookie in (part.strip() for part in header.split(";")) if cookie]


def parameters_in(query: str) -> dict[str, str]:
    """Names and values decoded; several values of one name are joined by commas."""
    parameters: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True, errors="replace"):
        parameters[name] = f"{parameters[name]},{value}" if name in parameters else value
    return parameters


def body_shown(body: bytes, content_type: str) -> tuple[str | None, bool]:
    """The body as a JSON string can have it, and whether it is in base64; None for none."""
    if not body:
        return None, False
    kind = content_type.partition(";")[0].strip().lower()
    if kind.startswith("text/") or kind in _TEXTS:
        try:
            return body.decode(), False
        except UnicodeDecodeError:
            pass  # says that it is text, and is none that JSON could carry
    return base64.b64encode(body).decode(), True


def _headers(arrival: Arrival) -> Mapping[str, str]:
    """Those of the request but its cookies, and what a proxy says of where it came from."""
    own = arrival.http.headers
    headers = {name: value for name, value in own.items() if name != "cookie"}
    _, port = _host_and_port(arrival)
    before = own.get("x-forwarded-for")
    return headers | {
        "x-amzn-trace-id": own.get("x-amzn-trace-id", f"Root={arrival.trace.id}"),
        "x-forwarded-for": f"{before},{arrival.source_ip}" if before else arrival.source_ip,
        "x-forwarded-port": port,
        "x-forwarded-proto": arrival.scheme,
    }


def _host_and_port(arrival: Arrival) -> tuple[str, str]:
    """As the client addressed us."""
    given = arrival.http.headers.get("host", "")
    host, colon, port = given.rpartition(":")
    if colon and port.isdecimal():
        return host, port
    return given, "443" if arrival.scheme == "https" else "80"


def _context(url: Url, arrival: Arrival, signer: Signer | None, now: float) -> dict[str, Any]:
    http = arrival.http
    host, _ = _host_and_port(arrival)
    context: dict[str, Any] = {
        "accountId": "anonymous" if signer is None else signer.principal.account,
        "apiId": url.id,
        "domainName": host if arrival.place.is_by_host else url.host,
        "domainPrefix": url.id,
        "http": {
            "method": http.method,
            "path": arrival.place.path,
            "protocol": "HTTP/1.1",
            "sourceIp": arrival.source_ip,
            "userAgent": http.headers.get("user-agent", ""),
        },
        "requestId": arrival.request_id,
        "routeKey": _DEFAULT,
        "stage": _DEFAULT,
        "time": time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(now)),
        "timeEpoch": int(now * 1000),
    }
    if signer is not None:
        context["authorizer"] = {"iam": _caller(signer)}
    return context


def _caller(signer: Signer) -> dict[str, str | None]:
    principal = signer.principal
    return {
        "accessKey": signer.access_key_id,
        "accountId": principal.account,
        "callerId": principal.id,
        "cognitoIdentity": None,
        "principalOrgId": None,
        "userArn": principal.arn,
        "userId": principal.id,
    }
