"""Which tables are one global table: every region's definition names all of them ("Replicas")."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from wakeful.services.dynamodb import table
from wakeful.services.dynamodb.definition import INVALID
from wakeful.services.dynamodb.errors import ValidationException
from wakeful.services.dynamodb.table import Table
from wakeful.store.tx import Tx

VERSION = "2019.11.21"

_SHARED = (
    *("AttributeDefinitions", "BillingMode", "GlobalSecondaryIndexUpdates", "ProvisionedThroughput"),
    "OnDemandThroughput",
)
"""Members of UpdateTable that hold in every region."""


def regions(found: Table) -> list[str]:
    return [each["RegionName"] for each in found.definition.get("Replicas", ())]


def others(tx: Tx, found: Table) -> list[Table]:
    """The same global table in other regions."""
    return [each for each in (table.get(tx, arn) for arn in found.replicas) if each is not None]


def shared(request: Mapping[str, Any]) -> dict[str, Any]:
    """What of an UpdateTable the other regions are told too."""
    return {member: request[member] for member in _SHARED if request.get(member) is not None}


def save(tx: Tx, found: Table, group: Sequence[Mapping[str, Any]], *, status: str | None = None) -> None:
    """The table is one of that group. Whoever calls has locked it."""
    made = {name: value for name, value in found.definition.items() if name not in ("Replicas", "GlobalTableVersion")}
    if group:
        made |= {"Replicas": list(group), "GlobalTableVersion": VERSION}
    table.save(tx, found, definition=made, status=status)


def leave(tx: Tx, found: Table) -> None:
    """The others know nothing of it any more; where only one is left, that is a table as any other."""
    rest = [each for each in found.definition.get("Replicas", ()) if each["RegionName"] != found.region]
    for each in others(tx, found):
        table.lock(tx, each.arn)
        save(tx, each, rest if len(rest) > 1 else [])


def check_stream_stays(found: Table) -> None:
    """Raises ValidationException: the stream of a global table is there for good."""
    if found.replicas:
        raise ValidationException(f"{INVALID}Disabling Stream is not allowed for a Global Table replica.")
