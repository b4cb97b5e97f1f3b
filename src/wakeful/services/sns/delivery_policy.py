"""How HTTP endpoints are tried again, how fast they may get messages, and under which content type: delivery policies.

A policy is set at a topic or at a subscription ("Creating an HTTP/S delivery policy"); rules of this module are pure.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wakeful import limits
from wakeful.fabric.json_tokens import JsonFault, check_json
from wakeful.services.sns.errors import InvalidParameterException
from wakeful.wire.errors import NotImplementedHere

CONTENT_TYPE = "text/plain; charset=UTF-8"

_BACKOFFS = ("arithmetic", "exponential", "geometric", "linear")
_CONTENT_TYPES = frozenset(
    (
        *("application/atom+xml", "application/json", "application/octet-stream", "application/soap+xml"),
        *("application/x-www-form-urlencoded", "application/xhtml+xml", "application/xml"),
        *("text/css", "text/csv", "text/html", "text/plain", "text/xml"),
    )
)
_DEFAULT_RETRIES: Mapping[str, Any] = {
    "minDelayTarget": 20,
    "maxDelayTarget": 20,
    "numRetries": 3,
    "numMaxDelayRetries": 0,
    "numNoDelayRetries": 0,
    "numMinDelayRetries": 0,
    "backoffFunction": "linear",
}
_BOUNDS: Mapping[str, tuple[int, int | None]] = {
    "minDelayTarget": (1, None),
    "maxDelayTarget": (1, limits.SNS_RETRY_DELAY_MAX_S),
    "numRetries": (0, limits.SNS_RETRIES_MAX),
    "numNoDelayRetries": (0, None),
    "numMinDelayRetries": (0, None),
    "numMaxDelayRetries": (0, None),
}
_REQUIRED = ("minDelayTarget", "maxDelayTarget", "numRetries")


@dataclass(frozen=True, slots=True)
class Retries:
    """When a delivery that failed is tried again: at once, then after the shortest delay, then after ever longer ones,
    then after the longest ("Delivery policy stages")."""

    min_delay_s: float
    max_delay_s: float
    count: int
    at_once: int
    at_min_delay: int
    at_max_delay: int
    backoff: str

    def delays(self) -> tuple[float, ...]:
        """The seconds before each retry, counted from the end of the attempt before it."""
        backing_off = self.count - self.at_once - self.at_min_delay - self.at_max_delay
        return (
            *(0.0 for _ in range(self.at_once)),
            *(self.min_delay_s for _ in range(self.at_min_delay)),
            *(self._backoff_s(index, backing_off) for index in range(backing_off)),
            *(self.max_delay_s for _ in range(self.at_max_delay)),
        )

    def _backoff_s(self, index: int, count: int) -> float:
        """Of `count` delays, which rise from the shortest to the longest, the one at `index`."""
        if count == 1 or index == 0:
            return self.min_delay_s
        if index == count - 1:
            return self.max_delay_s
        steps = count - 1
        match self.backoff:
            case "linear":
                share = index / steps
            case "arithmetic":  # each step is longer than the one before by the same amount
                share = index * (index + 1) / (steps * count)
            case "geometric":  # each delay is the one before, times the same factor
                return float(self.min_delay_s * (self.max_delay_s / self.min_delay_s) ** (index / steps))
            case _:  # each step is twice the one before
                share = (2.0**index - 1) / (2.0**steps - 1)
        return self.min_delay_s + share * (self.max_delay_s - self.min_delay_s)


@dataclass(frozen=True, slots=True)
class Policy:
    """What holds for one subscription."""

    retries: Retries
    per_second_max: int | None
    content_type: str


def check_of_topic(text: str, prefix: str = "Invalid parameter: ") -> None:
    """Raises InvalidParameterException unless a topic may have it. `prefix` begins the complaint."""
    document = _document(text, prefix)
    _check_members(document, ("http",), "", prefix)
    http = document.get("http")
    if not isinstance(http, dict):
        raise _invalid(prefix, "http must be specified" if http is None else "http must be an object")
    _check_members(
        http,
        (
            *("defaultHealthyRetryPolicy", "defaultSicklyRetryPolicy", "defaultThrottlePolicy", "defaultRequestPolicy"),
            "disableSubscriptionOverrides",
        ),
        "http.",
        prefix,
    )
    overrides = http.get("disableSubscriptionOverrides")
    if overrides is not None and not isinstance(overrides, bool):
        raise _invalid(prefix, "http.disableSubscriptionOverrides must be a boolean")
    _check_parts(http, lambda name: f"default{name[0].upper()}{name[1:]}", "http.", prefix)


def check_of_subscription(text: str, prefix: str) -> None:
    """Raises InvalidParameterException unless a subscription may have it. `prefix` begins the complaint."""
    document = _document(text, prefix)
    members = ("healthyRetryPolicy", "sicklyRetryPolicy", "throttlePolicy", "requestPolicy", "guaranteed")
    _check_members(document, members, "", prefix)
    if document.get("guaranteed"):
        raise NotImplementedHere("SNS does not offer guaranteed deliveries any more (DeliveryPolicy.guaranteed).")
    _check_parts(document, lambda name: name, "", prefix)


def effective(of_topic: str | None, of_subscription: str | None) -> Policy:
    """What holds for a subscription, from the policies that were set."""
    document = effective_of_subscription(of_topic, of_subscription)
    retries = document["healthyRetryPolicy"]
    return Policy(
        retries=Retries(
            min_delay_s=retries["minDelayTarget"],
            max_delay_s=retries["maxDelayTarget"],
            count=retries["numRetries"],
            at_once=retries["numNoDelayRetries"],
            at_min_delay=retries["numMinDelayRetries"],
            at_max_delay=retries["numMaxDelayRetries"],
            backoff=retries["backoffFunction"],
        ),
        per_second_max=(document["throttlePolicy"] or {}).get("maxReceivesPerSecond"),
        content_type=document["requestPolicy"]["headerContentType"],
    )


def effective_of_topic(text: str | None) -> dict[str, Any]:
    """As GetTopicAttributes shows it."""
    http = json.loads(text)["http"] if text else {}
    throttle = http.get("defaultThrottlePolicy")
    return {
        "http": {
            "defaultHealthyRetryPolicy": {**_DEFAULT_RETRIES, **(http.get("defaultHealthyRetryPolicy") or {})},
            "disableSubscriptionOverrides": bool(http.get("disableSubscriptionOverrides")),
            **({"defaultThrottlePolicy": throttle} if throttle else {}),
            "defaultRequestPolicy": {"headerContentType": CONTENT_TYPE, **(http.get("defaultRequestPolicy") or {})},
        }
    }


def effective_of_subscription(of_topic: str | None, of_subscription: str | None) -> dict[str, Any]:
    """As GetSubscriptionAttributes shows it: each part is the subscription's own where it has one and may."""
    topic = effective_of_topic(of_topic)["http"]
    own = {} if topic["disableSubscriptionOverrides"] or not of_subscription else json.loads(of_subscription)
    retries = own.get("healthyRetryPolicy")
    return {
        "healthyRetryPolicy": {**_DEFAULT_RETRIES, **retries} if retries else topic["defaultHealthyRetryPolicy"],
        "sicklyRetryPolicy": None,
        "throttlePolicy": own.get("throttlePolicy") or topic.get("defaultThrottlePolicy"),
        "requestPolicy": {**topic["defaultRequestPolicy"], **(own.get("requestPolicy") or {})},
        "guaranteed": False,
    }


# --- what may be asked for -------------------------------------------------------------------------------------------


def _document(text: str, prefix: str) -> dict[str, Any]:
    try:
        check_json(text)
        document = json.loads(text)
    except JsonFault as fault:
        raise InvalidParameterException(f"{prefix}DeliveryPolicy: failed to parse JSON. {fault}") from None
    except (ValueError, RecursionError):
        raise _invalid(prefix, "failed to parse JSON.") from None
    if not isinstance(document, dict):
        raise _invalid(prefix, "JSON must be an object")
    return document


def _check_parts(document: Mapping[str, Any], called: Any, path: str, prefix: str) -> None:
    if document.get(called("sicklyRetryPolicy")) is not None:
        raise NotImplementedHere(
            f"SNS does not tell sick endpoints from healthy ones any more ({path}{called('sicklyRetryPolicy')})."
        )
    checks = {
        "healthyRetryPolicy": _check_retries,
        "throttlePolicy": _check_throttle,
        "requestPolicy": _check_request,
    }
    for name, check in checks.items():
        part = document.get(called(name))
        if part is None:
            continue
        if not isinstance(part, dict):
            raise _invalid(prefix, f"{path}{called(name)} must be an object")
        check(part, f"{path}{called(name)}.", prefix)


def _check_retries(part: Mapping[str, Any], path: str, prefix: str) -> None:
    _check_members(part, (*_BOUNDS, "backoffFunction"), path, prefix)
    for name in _REQUIRED:
        if part.get(name) is None:
            raise _invalid(prefix, f"{path}{name} must be specified")
    for name, (low, high) in _BOUNDS.items():
        value = part.get(name, low)
        if not isinstance(value, int) or isinstance(value, bool):
            raise _invalid(prefix, f"{path}{name} must be an integer")
        if value < low:
            raise _invalid(prefix, f"{path}{name} must be greater than or equal to {low}")
        if high is not None and value > high:
            raise _invalid(prefix, f"{path}{name} must be less than or equal to {high}")
    if part["maxDelayTarget"] < part["minDelayTarget"]:
        raise _invalid(prefix, f"{path}maxDelayTarget must be greater than or equal to minDelayTarget")
    phases = sum(part.get(name, 0) for name in ("numNoDelayRetries", "numMinDelayRetries", "numMaxDelayRetries"))
    if part["numRetries"] < phases:
        raise _invalid(
            prefix,
            f"{path}numRetries must be greater than or equal to total of numMinDelayRetries, numNoDelayRetries and"
            " numMaxDelayRetries",
        )
    backoff = part.get("backoffFunction", "linear")
    if backoff not in _BACKOFFS:
        raise _invalid(prefix, f"{path}backoffFunction: the value [{backoff}] is not a valid backoff function")


def _check_throttle(part: Mapping[str, Any], path: str, prefix: str) -> None:
    _check_members(part, ("maxReceivesPerSecond",), path, prefix)
    rate = part.get("maxReceivesPerSecond")
    if rate is None:
        return
    if not isinstance(rate, int) or isinstance(rate, bool):
        raise _invalid(prefix, f"{path}maxReceivesPerSecond must be an integer")
    if rate < 1:
        raise _invalid(prefix, f"{path}maxReceivesPerSecond must be >= 1")


def _check_request(part: Mapping[str, Any], path: str, prefix: str) -> None:
    _check_members(part, ("headerContentType",), path, prefix)
    kind = part.get("headerContentType")
    if not isinstance(kind, str) or not _is_content_type(kind):
        raise _invalid(prefix, f"{path}headerContentType: the value [{kind}] is not a supported content type")


def _is_content_type(text: str) -> bool:
    media, separator, parameter = text.partition(";")
    is_parameter_known = not separator or parameter.strip().lower() in ("charset=utf-8", "charset=iso-8859-1")
    return text.isprintable() and media.strip().lower() in _CONTENT_TYPES and is_parameter_known


def _check_members(part: Mapping[str, Any], known: tuple[str, ...], path: str, prefix: str) -> None:
    for name in part:
        if name not in known:
            raise _invalid(prefix, f"Unexpected JSON member: {path}{name}")


def _invalid(prefix: str, fault: str) -> InvalidParameterException:
    return InvalidParameterException(f"{prefix}DeliveryPolicy: {fault}")
