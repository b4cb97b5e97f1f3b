"""What a push notification service would be given: its payload and its headers. Rules alone, no state.

"Publishing Amazon SNS notifications with platform-specific payloads" and "Mobile push message attributes".
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from wakeful.services.sns.errors import InvalidParameterException
from wakeful.services.sns.message import Attributes, Message
from wakeful.services.sns.reserved_attributes import MOBILE, value_of

Wrap = Literal["aps", "data", ""]


@dataclass(frozen=True, slots=True)
class Platform:
    """A push notification service. `wrap` is where a plain text goes in its payload; without it, it is the payload."""

    keys: tuple[str, ...]
    """Those of a message for several protocols, and those of message attributes."""
    wrap: Wrap
    bytes_max: int | None
    has_principal: bool = True
    is_apple: bool = False


def _apple(name: str, bytes_max: int = 4096) -> Platform:
    return Platform((name,), "aps", bytes_max, is_apple=True)


PLATFORMS: Mapping[str, Platform] = {
    "ADM": Platform(("ADM",), "data", 6144),
    "APNS": _apple("APNS"),
    "APNS_SANDBOX": _apple("APNS_SANDBOX"),
    "APNS_VOIP": _apple("APNS_VOIP", 5120),
    "APNS_VOIP_SANDBOX": _apple("APNS_VOIP_SANDBOX", 5120),
    "BAIDU": Platform(("BAIDU",), "", None),
    "GCM": Platform(("GCM", "FCM"), "data", 4096, has_principal=False),
    "MACOS": _apple("MACOS"),
    "MACOS_SANDBOX": _apple("MACOS_SANDBOX"),
    "MPNS": Platform(("MPNS",), "", None),
    "WNS": Platform(("WNS",), "", 5120),
}

_TOO_LONG = {"GCM": "Notification data is larger than allowed limit"}


@dataclass(frozen=True, slots=True)
class Push:
    """A notification as its service would get it."""

    payload: str
    headers: Mapping[str, str]
    ttl_s: int | None


def push_of(platform: str, message: Message, now: float, bundle_id: str | None = None) -> Push:
    """Raises InvalidParameterException where there can be no such notification."""
    kind = PLATFORMS[platform]
    own = next((message.texts[key] for key in kind.keys if key in message.texts), None)
    if own is None and not message.default:
        raise InvalidParameterException(f"Invalid parameter: JSON must contain an entry for 'default' or '{platform}'.")
    payload = _wrapped(kind, message.default) if own is None else own
    if own is not None and kind.wrap and not _is_object(own):
        raise _invalid(platform, "Notification is malformed")
    if kind.bytes_max is not None and len(payload.encode()) > kind.bytes_max:
        raise _invalid(platform, _TOO_LONG.get(platform, "Notification is too long"))
    ttl_s = _ttl(kind, message.attributes)
    headers = _apple_headers(platform, message.attributes, bundle_id) if kind.is_apple else {}
    if kind.is_apple and ttl_s is not None:
        headers["apns-expiration"] = str(int(now) + ttl_s if ttl_s else 0)
    if not kind.is_apple:
        headers = _others(kind, message.attributes)
    return Push(payload, headers, ttl_s)


def _invalid(platform: str, reason: str) -> InvalidParameterException:
    return InvalidParameterException(
        f"Invalid parameter: Message Reason: Invalid notification for protocol {platform}: {reason}"
    )


def _wrapped(kind: Platform, text: str) -> str:
    document: Any = {"aps": {"aps": {"alert": text}}, "data": {"data": {"default": text}}}.get(kind.wrap)
    return text if document is None else json.dumps(document, ensure_ascii=False, separators=(",", ":"))


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


def _ttl(kind: Platform, attributes: Attributes) -> int | None:
    found = (value_of(attributes, f"{MOBILE}{key}.TTL") for key in kind.keys)
    text = next((each for each in found if each is not None), None)
    return None if text is None else int(text)


def _apple_headers(platform: str, attributes: Attributes, bundle_id: str | None) -> dict[str, str]:
    """Those of Apple's request, from the attributes, which are the same for all of Apple's services."""

    def of(name: str) -> str | None:
        return value_of(attributes, f"{MOBILE}APNS.{name}")

    is_voip = platform.startswith("APNS_VOIP")
    headers = {
        "apns-topic": of("TOPIC") or bundle_id,
        "apns-push-type": of("PUSH_TYPE") or ("voip" if is_voip else "alert"),
        "apns-priority": of("PRIORITY"),
        "apns-collapse-id": of("COLLAPSE_ID"),
    }
    return {name: value for name, value in headers.items() if value is not None}


def _others(kind: Platform, attributes: Attributes) -> dict[str, str]:
    """What the attributes of that service say, by their own names."""
    prefixes = tuple(f"{MOBILE}{key}." for key in kind.keys)
    return {
        name: value.get("StringValue", "")
        for name, value in attributes.items()
        if name.startswith(prefixes) and not name.endswith(".TTL")
    }
