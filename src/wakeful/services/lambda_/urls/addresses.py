"""Function URLs: one address for a function and one for each of its aliases, and what is configured of it."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast
from urllib.parse import urlsplit

import orjson

from wakeful import names
from wakeful.fabric.front import Place
from wakeful.services.lambda_ import aliases, functions
from wakeful.services.lambda_.errors import (
    InvalidParameterValueException,
    ResourceConflictException,
    ResourceNotFoundException,
)
from wakeful.services.lambda_.references import Reference, of_arn
from wakeful.store.tx import Row, Tx

PATH = "/_wakeful/urls/"
"""Before the id, for clients that cannot resolve the host."""

_HOST = re.compile(r"(?P<id>[a-z0-9]{32})\.lambda-url\.[a-z0-9-]+\..+")
_ID = re.compile(r"[a-z0-9]{32}")


@dataclass(frozen=True, slots=True)
class Url:
    """A function's address. `config` has AuthType, and Cors and InvokeMode where they were said."""

    id: str
    reference: Reference
    config: Mapping[str, Any]
    created: float
    modified: float

    @property
    def is_signed(self) -> bool:
        """Whether requests must be signed."""
        return bool(self.config["AuthType"] == "AWS_IAM")

    @property
    def is_streamed(self) -> bool:
        """Whether what the function writes goes to the client as it comes."""
        return bool(self.config.get("InvokeMode") == "RESPONSE_STREAM")

    @property
    def cors(self) -> Mapping[str, Any] | None:
        return cast("Mapping[str, Any] | None", self.config.get("Cors"))

    @property
    def host(self) -> str:
        """Its host on this machine: names below localhost are loopback (RFC 6761)."""
        return f"{self.id}.lambda-url.{self.reference.region}.localhost"


# --- where it is -----------------------------------------------------------------------------------------------------


def place_of(host: str, path: str) -> Place | None:
    """Which URL a request to this host (with its port) and path is for; None: none, whether or not there is one."""
    if ".lambda-url." in host:
        found = _HOST.fullmatch(host.partition(":")[0].lower())
        if found is not None:
            return Place(found["id"], path or "/", is_by_host=True)
    if path.startswith(PATH):
        name, slash, rest = path[len(PATH) :].partition("/")
        if _ID.fullmatch(name):
            return Place(name, slash + rest or "/", is_by_host=False)
    return None


def address(url: Url, endpoint: str) -> str:
    """FunctionUrl, for a client that reached us at `endpoint`: by host on the same machine, by path from elsewhere."""
    parts = urlsplit(endpoint)
    if not _is_loopback(parts.hostname or ""):
        return f"{endpoint}{PATH}{url.id}/"
    port = f":{parts.port}" if parts.port is not None else ""
    return f"{parts.scheme}://{url.host}{port}/"


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


# --- rows ------------------------------------------------------------------------------------------------------------


def get(tx: Tx, url_id: str) -> Url | None:
    row = tx.one("SELECT * FROM lambda_urls WHERE id = ?", url_id)
    return None if row is None else _url(row)


def find(tx: Tx, reference: Reference) -> Url:
    row = tx.one("SELECT * FROM lambda_urls WHERE function = ? AND qualifier = ?", reference.arn, reference.qualifier)
    if row is None:
        raise ResourceNotFoundException("The resource you requested does not exist.")
    return _url(row)


def listed(tx: Tx, reference: Reference, after: str | None, limit: int) -> list[Url]:
    """Those of a function, by qualifier; $LATEST's first."""
    _check_exists(tx, reference)
    rows = tx.all(
        "SELECT * FROM lambda_urls WHERE function = ? AND (? = 1 OR qualifier > ?) ORDER BY qualifier LIMIT ?",
        *(reference.arn, int(after is None), after or "", limit),
    )
    return [_url(row) for row in rows]


def create(tx: Tx, reference: Reference, config: Mapping[str, Any]) -> Url:
    """The function, or the alias that the reference names, has an address that no other ever had."""
    tx.lock("lambda", reference.arn)
    _check_exists(tx, reference)
    if reference.qualifier and aliases.get(tx, reference.arn, reference.qualifier) is None:
        raise _no_function()
    if "TenancyConfig" in functions.find(tx, reference).config:
        raise InvalidParameterValueException("Function URLs cannot be used with tenant isolation.")
    made = tx.run(
        "INSERT INTO lambda_urls(id, function, qualifier, config, created, modified) VALUES (?, ?, ?, ?, ?, ?)"
        " ON CONFLICT DO NOTHING",
        *(names.new_url_id(), reference.arn, reference.qualifier, orjson.dumps(dict(config)), tx.now, tx.now),
    )
    if not made:
        raise ResourceConflictException(
            f"Failed to create function url config for [functionArn = {reference.qualified}]. Error message:  "
            "FunctionUrlConfig exists for this Lambda function"
        )
    tx.wake(functions.CHANGED)
    return find(tx, reference)


def update(tx: Tx, reference: Reference, changes: Mapping[str, Any]) -> Url:
    """What `changes` name is replaced; None takes it away."""
    tx.lock("lambda", reference.arn)
    _check_exists(tx, reference)
    config = {**find(tx, reference).config, **changes}
    tx.run(
        "UPDATE lambda_urls SET config = ?, modified = ? WHERE function = ? AND qualifier = ?",
        *(orjson.dumps({name: value for name, value in config.items() if value is not None}), tx.now),
        *(reference.arn, reference.qualifier),
    )
    tx.wake(functions.CHANGED)
    return find(tx, reference)


def delete(tx: Tx, reference: Reference) -> None:
    tx.lock("lambda", reference.arn)
    url = find(tx, reference)
    tx.run("DELETE FROM lambda_urls WHERE id = ?", url.id)
    tx.wake(functions.CHANGED)


# --- showing ---------------------------------------------------------------------------------------------------------


def described(url: Url, endpoint: str) -> dict[str, Any]:
    """FunctionUrlConfig."""
    return {
        "FunctionUrl": address(url, endpoint),
        "FunctionArn": url.reference.qualified,
        "InvokeMode": "BUFFERED",
        **url.config,
        "CreationTime": _time_shown(url.created),
        "LastModifiedTime": _time_shown(url.modified),
    }


def _time_shown(epoch_s: float) -> str:
    return datetime.fromtimestamp(epoch_s, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _check_exists(tx: Tx, reference: Reference) -> None:
    if not functions.exists(tx, reference.arn):
        raise _no_function()


def _no_function() -> ResourceNotFoundException:
    return ResourceNotFoundException("Function does not exist")


def _url(row: Row) -> Url:
    function = of_arn(row["function"])
    return Url(
        row["id"],
        Reference(function.account, function.region, function.name, row["qualifier"]),
        orjson.loads(row["config"]),
        row["created"],
        row["modified"],
    )
