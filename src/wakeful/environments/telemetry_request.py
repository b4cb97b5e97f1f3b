"""What an extension asks for when it subscribes to telemetry: the body of the request, read and checked.

As "Lambda Telemetry API reference" and "Lambda Logs API" of the Lambda guide have it.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from wakeful import limits

TYPES = ("platform", "function", "extension")
HOSTS = ("sandbox.localdomain", "sandbox")
"""Names of the environment itself; the second is the older one, which extensions still use."""

RESERVED_PORT = 9001

_METHODS = ("POST", "PUT")
_OF_TELEMETRY_ONLY_WITHOUT = frozenset(("platform.end", "platform.fault", "platform.logsSubscription"))
_OF_LOGS = frozenset(
    f"platform.{name}" for name in ("start", "end", "report", "fault", "extension", "logsSubscription", "logsDropped")
)


@dataclass(frozen=True, slots=True)
class Api:
    """One of the two ways to subscribe. `versions` are its schemas, the first is the one that is meant without any."""

    name: str
    path: bytes
    versions: tuple[str, ...]
    needs_version: bool
    error_prefix: str
    subscription_event: str
    log_word: str
    """With which the line in the function's log begins."""


TELEMETRY = Api(
    name="Telemetry",
    path=b"/2022-07-01/telemetry",
    versions=("2022-07-01", "2022-12-13", "2025-01-29"),
    needs_version=True,
    error_prefix="",
    subscription_event="platform.telemetrySubscription",
    log_word="TELEMETRY",
)
LOGS = Api(
    name="Logs",
    path=b"/2020-08-15/logs",
    versions=("2020-08-15", "2021-03-18"),
    needs_version=False,
    error_prefix="Logs.",
    subscription_event="platform.logsSubscription",
    log_word="LOGS",
)
APIS = (TELEMETRY, LOGS)


class Invalid(ValueError):
    """The subscription cannot be had; the message says everything that is wrong with it."""


@dataclass(frozen=True, slots=True)
class Destination:
    """A listener inside the sandbox. HTTP has a method, a path and the host that was named."""

    is_http: bool
    port: int
    method: str = "POST"
    host: str = HOSTS[0]
    path: str = "/"


@dataclass(frozen=True, slots=True)
class Subscription:
    """What is wanted, how much of it at a time, and where."""

    api: Api
    version: str
    types: tuple[str, ...]
    destination: Destination
    max_items: int
    max_bytes: int
    timeout_s: float

    @property
    def has_objects(self) -> bool:
        """What a function logs as JSON is an object, and no string that holds one."""
        return self.version >= "2022-12-13"

    def wants(self, kind: str) -> bool:
        """Whether records of this type, such as platform.start, are for it."""
        if kind.partition(".")[0] not in self.types:
            return False
        if self.api is TELEMETRY:
            return kind not in _OF_TELEMETRY_ONLY_WITHOUT
        return not kind.startswith("platform.") or kind in _OF_LOGS or self._has_runtime_done(kind)

    def _has_runtime_done(self, kind: str) -> bool:
        return kind == "platform.runtimeDone" and self.version >= "2021-03-18"


def read(api: Api, body: bytes, reserved: Collection[int]) -> Subscription:
    """The subscription. Raises Invalid. `reserved` are ports inside that are no extension's."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        raise Invalid("request body is not valid JSON") from None
    if not isinstance(document, dict):
        raise Invalid("request body should be a JSON object")
    wrong: list[str] = []
    version = _version(api, document, wrong)
    destination = _destination(document.get("destination"), reserved, wrong)
    types = _types(document.get("types"), wrong)
    buffering = document.get("buffering", {})
    if not isinstance(buffering, dict):
        wrong.append("buffering should be an object")
        buffering = {}
    least_bytes, most_items = limits.TELEMETRY_BYTES_RANGE[0], limits.TELEMETRY_ITEMS_RANGE[1]
    max_items = _number(buffering, "maxItems", most_items, limits.TELEMETRY_ITEMS_RANGE, wrong)
    max_bytes = _number(buffering, "maxBytes", least_bytes, limits.TELEMETRY_BYTES_RANGE, wrong)
    timeout_ms = _number(buffering, "timeoutMs", limits.TELEMETRY_TIMEOUT_MS, limits.TELEMETRY_TIMEOUT_MS_RANGE, wrong)
    if wrong or destination is None:
        raise Invalid("; ".join(wrong))
    return Subscription(api, version, types, destination, max_items, max_bytes, timeout_ms / 1000)


def _version(api: Api, document: dict[str, Any], wrong: list[str]) -> str:
    version = document.get("schemaVersion")
    if version is None and not api.needs_version:
        return api.versions[0]
    if not isinstance(version, str) or version not in api.versions:
        wrong.append(f"schemaVersion should be one of {', '.join(api.versions)}")
        return api.versions[0]
    return version


def _types(types: Any, wrong: list[str]) -> tuple[str, ...]:
    if types is None or types == []:
        wrong.append("types should not be empty")
        return ()
    if not isinstance(types, list) or not all(isinstance(each, str) and each in TYPES for each in types):
        wrong.append(f"types should be of {', '.join(TYPES)}")
        return ()
    if len(set(types)) < len(types):
        wrong.append("types should be unique")
    return tuple(types)


def _number(buffering: dict[str, Any], name: str, usual: int, within: tuple[int, int], wrong: list[str]) -> int:
    value = buffering.get(name, usual)
    if type(value) is not int or not within[0] <= value <= within[1]:
        wrong.append(f"{name} should be an integer between {within[0]} and {within[1]}")
        return usual
    return value


def _destination(given: Any, reserved: Collection[int], wrong: list[str]) -> Destination | None:
    if not isinstance(given, dict):
        wrong.append("destination is not provided")
        return None
    protocol = given.get("protocol")
    if protocol not in ("HTTP", "TCP"):
        wrong.append("destination protocol should be HTTP or TCP")
        return None
    if given.get("encoding", "JSON") != "JSON":
        wrong.append("destination encoding should be JSON")
    method = given.get("method", "POST")
    if method not in _METHODS:
        wrong.append("destination method should be POST or PUT")
        method = "POST"
    if protocol == "TCP" and "URI" not in given:
        port = _port(given.get("port"), reserved, wrong, "port")
        return Destination(False, port) if port is not None else None
    return _at(given.get("URI"), protocol, method, reserved, wrong)


def _at(uri: Any, protocol: str, method: str, reserved: Collection[int], wrong: list[str]) -> Destination | None:
    """The listener that a URI names: only the environment itself can be one."""
    if not isinstance(uri, str) or not uri:
        wrong.append("URI is not provided")
        return None
    if not uri.isascii() or not uri.isprintable() or " " in uri:
        wrong.append("URI is not valid")
        return None
    try:
        parts = urlsplit(uri)
        port = parts.port
    except ValueError:
        wrong.append("URI is not valid")
        return None
    if parts.scheme != protocol.lower():
        wrong.append(f"URI scheme should be {protocol.lower()}")
        return None
    if parts.hostname not in HOSTS or parts.username is not None or parts.password is not None:
        wrong.append(f"URI host should be {HOSTS[0]}")
        return None
    port = _port(port, reserved, wrong, "URI port")
    if port is None:
        return None
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Destination(protocol == "HTTP", port, method, parts.hostname, path)


def _port(port: Any, reserved: Collection[int], wrong: list[str], what: str) -> int | None:
    if port is None:
        wrong.append(f"{what} is not provided")
    elif type(port) is not int or not 1 <= port <= 65_535:
        wrong.append(f"{what} should be between 1 and 65535")
    elif port == RESERVED_PORT or port in reserved:
        wrong.append(f"{what} {port} is reserved")
    else:
        return port
    return None
