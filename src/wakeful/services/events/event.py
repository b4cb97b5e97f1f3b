"""One event, as EventBridge builds it ("AWS service event structure") and as rules and targets look at it."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from wakeful import limits, names
from wakeful.fabric.service import Call
from wakeful.services.events.errors import ValidationException


@dataclass(frozen=True, slots=True)
class Event:
    """An event: its document, and the text that a target gets who wants it as it is."""

    document: dict[str, Any]
    text: str

    @property
    def label(self) -> str:
        """For people."""
        return str(self.document.get("detail-type", ""))

    def copied(self) -> Event:
        """The same event under an id of its own, as another bus gets it."""
        return of({**self.document, "id": names.new_uuid()})


class Unreadable(Exception):
    """The text is no event."""


class Rejected(Exception):
    """An entry of PutEvents that is not put, and why, in AWS's words."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def of(document: dict[str, Any]) -> Event:
    return Event(document, _text(document))


def parse(text: str) -> Event:
    """The event with that text. Raises Unreadable."""
    document = _object(text)
    return Event(document, text)


def made(
    *,
    detail_type: str,
    source: str,
    account: str,
    region: str,
    time: float,
    resources: Sequence[str],
    detail: Mapping[str, Any],
) -> Event:
    """A new event, its members in AWS's order."""
    return of(
        {
            "version": "0",
            "id": names.new_uuid(),
            "detail-type": detail_type,
            "source": source,
            "account": account,
            "time": timestamp(time),
            "region": region,
            "resources": list(resources),
            "detail": detail,
        }
    )


def read(call: Call, entry: Mapping[str, Any], now: float) -> Event:
    """The event that an entry of PutEvents asks for. Raises Rejected."""
    for member in ("Source", "DetailType", "Detail"):
        if not entry.get(member):
            raise Rejected(
                "InvalidArgument", f"Parameter {member} is not valid. Reason: {member} is a required argument."
            )
    if entry["Source"].startswith("aws."):
        raise Rejected("NotAuthorizedForSourceException", "Not authorized for the source.")
    if len(entry["DetailType"]) > limits.EVENTS_DETAIL_TYPE_CHARS_MAX:
        raise Rejected(
            "InvalidArgument",
            "Parameter DetailType is not valid. Reason: DetailType must have length less than or equal to"
            f" {limits.EVENTS_DETAIL_TYPE_CHARS_MAX}.",
        )
    try:
        timestamp(entry.get("Time", now))
    except (ValueError, OverflowError, OSError):
        raise Rejected("InvalidArgument", "Parameter Time is not valid.") from None
    try:
        return made(
            detail_type=entry["DetailType"],
            source=entry["Source"],
            account=call.account,
            region=call.region,
            time=entry.get("Time", now),
            resources=entry.get("Resources", ()),
            detail=_object(entry["Detail"]),
        )
    except (Unreadable, RecursionError):
        raise Rejected("MalformedDetail", "Detail is malformed.") from None


def check_size(entries: Sequence[Mapping[str, Any]]) -> None:
    """Raises ValidationException where a request has too much ("Calculating Amazon EventBridge PutEvents event entry
    size")."""
    if sum(map(_size, entries)) > limits.EVENTS_REQUEST_BYTES_MAX:
        raise ValidationException("Total size of the entries in the request is over the limit.")


def timestamp(at: float) -> str:
    return datetime.fromtimestamp(int(at), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


_TIME_BYTES = 14
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


def _size(entry: Mapping[str, Any]) -> int:
    texts = [entry.get(member, "") for member in ("Source", "DetailType", "Detail")] + list(entry.get("Resources", ()))
    return sum(len(text.encode()) for text in texts) + (_TIME_BYTES if "Time" in entry else 0)


def _object(text: str) -> dict[str, Any]:
    try:
        document = json.loads(text, parse_constant=_refuse, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise Unreadable(str(error)) from None
    if not isinstance(document, dict):
        raise Unreadable("not a JSON object")
    if _SURROGATE.search(text):
        _check_characters(document)
    return document


def _check_characters(document: dict[str, Any]) -> None:
    """Half a character can be written in JSON, but nobody can be sent it."""
    try:
        _text(document).encode()
    except UnicodeEncodeError as error:
        raise Unreadable(str(error)) from None


def _refuse(constant: str) -> Any:
    """Python reads NaN and Infinity, which are no JSON."""
    raise ValueError(constant)


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} is too large a number")
    return value


def _text(document: Mapping[str, Any]) -> str:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))
