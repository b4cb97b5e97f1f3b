"""Log streams: the rows that name them, and tokens for places in them."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable
from dataclasses import dataclass

import orjson

from wakeful.services.logs.errors import (
    InvalidParameterException,
    ResourceAlreadyExistsException,
    ResourceNotFoundException,
)
from wakeful.services.logs.groups import Group
from wakeful.store.log_chunks import Place
from wakeful.store.tx import Row, Tx

_STREAM_TOKEN = re.compile(r"([fb])/([0-9]{56})/s")
_WIDTHS = (16, 20, 20)
"""Digits of a place's parts; 56 in all, as AWS's tokens and event ids have them."""

START = Place(0, 0, 0)
"""Before every event."""


@dataclass(frozen=True, slots=True)
class Stream:
    name: str
    created: float


def create(tx: Tx, group: Group, name: str) -> None:
    tx.lock("logs", group.arn, name)
    if tx.one("SELECT 1 FROM logs_streams WHERE group_arn = ? AND name = ?", group.arn, name) is not None:
        raise ResourceAlreadyExistsException("The specified log stream already exists")
    tx.run("INSERT INTO logs_streams(group_arn, name, created) VALUES (?, ?, ?)", group.arn, name, tx.now)


def ensure(tx: Tx, group: Group, name: str) -> None:
    """The stream is there, whether or not it was before."""
    tx.lock("logs", group.arn, name)
    tx.run(
        "INSERT INTO logs_streams(group_arn, name, created) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
        *(group.arn, name, tx.now),
    )


def find(tx: Tx, group: Group, name: str) -> Stream:
    """Raises ResourceNotFoundException."""
    row = tx.one("SELECT name, created FROM logs_streams WHERE group_arn = ? AND name = ?", group.arn, name)
    if row is None:
        raise ResourceNotFoundException("The specified log stream does not exist.")
    return _stream(row)


def delete(tx: Tx, group: Group, name: str) -> None:
    """The stream is gone; not yet its events."""
    find(tx, group, name)
    tx.lock("logs", group.arn, name)
    tx.run("DELETE FROM logs_streams WHERE group_arn = ? AND name = ?", group.arn, name)


def listed(
    tx: Tx, group: Group, beyond: str | None, limit: int, *, prefix: str = "", descending: bool = False
) -> list[Stream]:
    """The group's streams by name, beyond one of them in that direction."""
    where = "group_arn = ? AND substr(name, 1, ?) = ?"
    scope = (group.arn, len(prefix), prefix)
    if descending:
        rows = tx.all(
            f"SELECT name, created FROM logs_streams WHERE {where} AND (? = 1 OR name < ?)"  # noqa: S608 - a constant
            " ORDER BY name DESC LIMIT ?",
            *(*scope, int(beyond is None), beyond or "", limit),
        )
    else:
        rows = tx.all(
            f"SELECT name, created FROM logs_streams WHERE {where} AND name > ? ORDER BY name LIMIT ?",  # noqa: S608
            *(*scope, beyond or "", limit),
        )
    return [_stream(row) for row in rows]


def every(tx: Tx, group: Group) -> list[Stream]:
    return [_stream(row) for row in tx.all("SELECT name, created FROM logs_streams WHERE group_arn = ?", group.arn)]


def names_with(tx: Tx, group: Group, prefix: str) -> frozenset[str]:
    rows = tx.all(
        "SELECT name FROM logs_streams WHERE group_arn = ? AND substr(name, 1, ?) = ?",
        *(group.arn, len(prefix), prefix),
    )
    return frozenset(row["name"] for row in rows)


# --- tokens ----------------------------------------------------------------------------------------------------------


def event_id(place: Place) -> str:
    """56 digits, in the order of reading."""
    return "".join(f"{part:0{width}d}" for part, width in zip(place, _WIDTHS, strict=True))


def forward_token(place: Place) -> str:
    return f"f/{event_id(place)}/s"


def backward_token(place: Place) -> str:
    return f"b/{event_id(place)}/s"


def read_stream_token(token: str) -> tuple[Place, bool]:
    """The place, and whether it goes backward from there. Raises InvalidParameterException."""
    hit = _STREAM_TOKEN.fullmatch(token)
    if hit is None:
        raise invalid_token()
    digits = hit[2]
    parts = []
    for width in _WIDTHS:
        parts.append(int(digits[:width]))
        digits = digits[width:]
    return Place(*parts), hit[1] == "b"


def page_token(*parts: str | int) -> str:
    """A token for the next page of anything that is listed."""
    return base64.urlsafe_b64encode(orjson.dumps(parts)).decode()


def read_page_token(token: str, *kinds: type) -> list[str | int]:
    """The parts of a token, which are of these kinds. Raises InvalidParameterException."""
    try:
        parts = orjson.loads(base64.b64decode(token.encode(), altchars=b"-_", validate=True))
    except (ValueError, binascii.Error) as error:
        raise invalid_token() from error
    if not isinstance(parts, list) or [type(part) for part in parts] != list(kinds):
        raise invalid_token()
    return parts


def invalid_token() -> InvalidParameterException:
    return InvalidParameterException("The specified nextToken is invalid.")


def check_all_there(tx: Tx, group: Group, names: Iterable[str]) -> None:
    """Raises ResourceNotFoundException unless every one of these streams is there."""
    for name in names:
        find(tx, group, name)


def _stream(row: Row) -> Stream:
    return Stream(row["name"], row["created"])
