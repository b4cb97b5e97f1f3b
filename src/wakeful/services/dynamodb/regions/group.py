"""Which tables are one global table: every region's definition names all of them ("Replicas")."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from wakeful.services.dynamodb import table
from wakeful.services.dynamodb.errors import ValidationException
from wakeful.services.dynamodb.table import Table
from wakeful.services.dynamodb.tables.definition import INVALID
from wakeful.store.tx import Tx

VERSION = "2019.11.21"
PROTECTION = "DisassociationProtectionEnabled"
"""The member that says whether a table may not leave the group; it may not unless it says so."""

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


def shared(request: Mapping[str, Any], there: Table) -> dict[str, Any]:
    """What of an UpdateTable that other region is told too: nothing that it has of its own, or has already."""
    told = {member: request[member] for member in _SHARED if request.get(member) is not None}
    own = next(each for each in there.definition["Replicas"] if each["RegionName"] == there.region)
    mode = there.definition["BillingMode"]
    is_switch = told.get("BillingMode", mode) != mode
    told = _with_overrides(told, there.definition, own, is_switch=is_switch)
    if "GlobalSecondaryIndexUpdates" in told:
        overrides = _by_name(own.get("GlobalSecondaryIndexes", ()))
        has = _by_name(there.definition.get("GlobalSecondaryIndexes", ()))
        updates = []
        for each in told.pop("GlobalSecondaryIndexUpdates"):
            name = each.get("Update", {}).get("IndexName")
            if name in has:
                update = _with_overrides(each["Update"], has[name], overrides.get(name, {}), is_switch=is_switch)
                updates += [{"Update": update}] if set(update) > {"IndexName"} else []
            else:
                updates.append(each)
        told |= {"GlobalSecondaryIndexUpdates": updates} if updates else {}
    return told


def save(tx: Tx, found: Table, group: Sequence[Mapping[str, Any]], *, status: str | None = None) -> None:
    """The table is one of that group. Whoever calls has locked it."""
    made = {name: value for name, value in found.definition.items() if name not in ("Replicas", "GlobalTableVersion")}
    if group:
        made |= {"Replicas": list(group), "GlobalTableVersion": VERSION, PROTECTION: made.get(PROTECTION, True)}
    else:
        made.pop(PROTECTION, None)
    table.save(tx, found, definition=made, status=status)


def leave(tx: Tx, found: Table) -> None:
    """The others know nothing of it any more; where only one is left, that is a table as any other."""
    rest = [each for each in found.definition.get("Replicas", ()) if each["RegionName"] != found.region]
    for each in others(tx, found):
        table.lock(tx, each.arn)
        save(tx, each, rest if len(rest) > 1 else [])


def check_is_one(found: Table) -> None:
    """Raises ValidationException where the table is no global one."""
    if not found.replicas:
        raise ValidationException(
            "Update global table operation failed because one or more replicas were not part of the global table."
        )


def check_may_leave(found: Table) -> None:
    """Raises ValidationException where it is protected, as it is unless somebody has said otherwise."""
    check_is_one(found)
    if found.definition.get(PROTECTION, True):
        raise ValidationException(
            "Replica cannot be disassociated as it is currently protected against disassociation. Disable"
            " disassociation protection first."
        )


def check_stream_stays(found: Table) -> None:
    """Raises ValidationException: the stream of a global table is there for good."""
    if found.replicas:
        raise ValidationException(f"{INVALID}Disabling Stream is not allowed for a Global Table replica.")


def _by_name(indexes: Sequence[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    return {each["IndexName"]: each for each in indexes}


def _with_overrides(
    told: Mapping[str, Any], has: Mapping[str, Any], own: Mapping[str, Any], *, is_switch: bool
) -> dict[str, Any]:
    """What the table, or an index of it, is told of its capacity. (To be told what it has would be refused.)"""
    made = dict(told)
    for member in ("ProvisionedThroughput", "OnDemandThroughput"):
        if made.get(member):
            made[member] = {**made[member], **own.get(f"{member}Override", {})}
    units: Mapping[str, Any] = made.get("ProvisionedThroughput") or {}
    if units and not is_switch and units.items() <= has["ProvisionedThroughput"].items():
        del made["ProvisionedThroughput"]
        made.pop("BillingMode", None)
    return made
