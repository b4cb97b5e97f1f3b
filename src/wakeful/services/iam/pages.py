"""Long answers come in pages: Marker, MaxItems, IsTruncated."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from wakeful import limits
from wakeful.services.iam.errors import ValidationError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some of the things that were asked for; `rest` are the members that say whether there are more."""

    items: list[T]
    rest: dict[str, Any]


def after(request: Mapping[str, Any]) -> str:
    """The key of the last thing that the caller has got; "" where it is the first page."""
    marker = request.get("Marker")
    if marker is None:
        return ""
    try:
        return base64.b64decode(str(marker).encode(), altchars=b"-_", validate=True).decode()
    except (ValueError, binascii.Error) as error:
        raise ValidationError("Invalid Marker.") from error


def count(request: Mapping[str, Any]) -> int:
    """How many things a page may have."""
    return int(request.get("MaxItems", limits.IAM_PAGE_DEFAULT))


def page(request: Mapping[str, Any], found: Sequence[T], key: Callable[[T], str]) -> Page[T]:
    """The page of things, of which `found` are those after the marker, in the order of their keys."""
    size = count(request)
    if len(found) <= size:
        return Page(list(found), {"IsTruncated": False})
    marker = base64.urlsafe_b64encode(key(found[size - 1]).encode()).decode()
    return Page(list(found[:size]), {"IsTruncated": True, "Marker": marker})


def page_of_all(request: Mapping[str, Any], every: Sequence[T], key: Callable[[T], str]) -> Page[T]:
    """The same where all things are at hand, in any order."""
    beyond = after(request)
    return page(request, sorted((each for each in every if key(each) > beyond), key=key), key)
