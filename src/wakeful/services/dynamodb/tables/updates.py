"""UpdateTable: what may be changed together, and what becomes of each change.

DynamoDB changes one thing at a time; what it takes together stands in `check`. What a change needs of the table as it
is stands beside the change: its capacity in `capacity_updates.py`, its indexes in `index_updates.py`, the rest here.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from wakeful import limits
from wakeful.services.dynamodb import table
from wakeful.services.dynamodb.errors import LimitExceededException, ResourceInUseException, ValidationException
from wakeful.services.dynamodb.regions import group
from wakeful.services.dynamodb.streams import stream
from wakeful.services.dynamodb.table import Table
from wakeful.services.dynamodb.tables import (
    capacity_updates,
    description,
    encryption,
    index_updates,
    making,
    states,
    throughput,
)
from wakeful.services.dynamodb.tables.change import Change
from wakeful.services.dynamodb.tables.definition import INVALID
from wakeful.store.tx import Tx
from wakeful.wire.errors import NotImplementedHere

if TYPE_CHECKING:
    from wakeful.shapes import dynamodb as shapes

Request = Mapping[str, Any]

_MEMBERS = (
    *("ProvisionedThroughput", "BillingMode", "StreamSpecification", "GlobalSecondaryIndexUpdates"),
    *("SSESpecification", "DeletionProtectionEnabled", "OnDemandThroughput", "WarmThroughput", "TableClass"),
    group.PROTECTION,
)
_LATER = (
    *("MultiRegionConsistency", "GlobalTableWitnessUpdates", "GlobalTableSettingsReplicationMode"),
    "VectorIndexUpdates",
)
_ALONE = (
    ("SSESpecification", "Server-Side Encryption modification"),
    ("TableClass", "TableClass modification"),
    ("DeletionProtectionEnabled", "DeletionProtection modification"),
    ("WarmThroughput", "WarmThroughput"),
    (group.PROTECTION, "DisassociationProtection modification"),
)
"""What goes with nothing else; of several, the first is complained of."""
_WHILE_UPDATING = frozenset({"DeletionProtectionEnabled", "WarmThroughput", "SSESpecification"})
"""What may be changed while something else is."""


def check(request: Request) -> None:
    """Raises ValidationException for what no table could be asked."""
    for member in _LATER:
        if request.get(member) is not None:
            raise NotImplementedHere(f"Wakeful does not have {member} of UpdateTable yet.")
    wanted = _wanted(request)
    if not wanted:
        raise ValidationException(
            "At least one of ProvisionedThroughput, BillingMode, UpdateStreamEnabled, GlobalSecondaryIndexUpdates,"
            " SSESpecification, ReplicaUpdates, MultiAccountReplicaReady, ReplicaTransitRoleArn,"
            " MultiRegionConsistency, DeletionProtectionEnabled, OnDemandThroughput, WarmThroughput or TableClass is"
            " required"
        )
    if request.get("GlobalSecondaryIndexUpdates") == []:
        raise ValidationException(f"{INVALID}List of GlobalSecondaryIndexUpdates is empty")
    index_updates.check(request)
    _check_together(request, wanted)
    capacity_updates.check(request)
    _check_stream(request.get("StreamSpecification"))


def update(tx: Tx, found: Table, request: Request) -> shapes.TableDescription:
    """The change is under way, or has been made; the table as the answer shows it. Whoever calls has locked it."""
    wanted = _wanted(request)
    _check_admits(found, wanted)
    change = Change(found)
    capacity_updates.apply(tx, change, request)
    index_updates.apply(tx, change, request)
    _apply_stream(tx, change, request.get("StreamSpecification"))
    if "SSESpecification" in wanted:
        _apply_encryption(change, request["SSESpecification"])
    if "TableClass" in wanted:
        _apply_class(tx, change, request["TableClass"])
    if "DeletionProtectionEnabled" in wanted:
        change.set("DeletionProtectionEnabled", request["DeletionProtectionEnabled"])
    if group.PROTECTION in wanted:
        group.check_is_one(found)
        change.set(group.PROTECTION, request[group.PROTECTION])
    saved = table.save(tx, found, definition=change.definition, status=change.status)
    _tell_stream(tx, found, saved)
    answer = description.described(tx, saved)
    answer.update(change.shown)  # type: ignore[typeddict-item] # members of the same shape
    if change.then:
        states.later(tx, saved, change.then)
    return answer


def update_everywhere(tx: Tx, found: Table, request: Request) -> shapes.TableDescription:
    """The same; what every region of a global table has alike is changed in all of them."""
    rest = group.others(tx, found)
    answer = update(tx, found, request)
    for each in rest:
        told = group.shared(request, each)
        if told:
            table.lock(tx, each.arn)
            update(tx, each, told)
    return answer


def check_is_idle(found: Table) -> None:
    """Raises ResourceInUseException unless the table is ACTIVE."""
    _check_is_there(found)
    if found.status == table.UPDATING:
        raise in_use(f"Table: {found.name} is in the process of being updated.")


def check_is_unprotected(found: Table) -> None:
    """Raises ValidationException where the table may not be deleted."""
    if found.definition.get("DeletionProtectionEnabled"):
        raise ValidationException(
            "Resource cannot be deleted as it is currently protected against deletion. Disable deletion protection"
            " first."
        )


def in_use(what: str) -> ResourceInUseException:
    return ResourceInUseException(f"Attempt to change a resource which is still in use: {what}")


def _check_is_there(found: Table) -> None:
    if found.status == table.CREATING:
        raise in_use(f"Table is being created: {found.name}")
    if found.status == table.DELETING:
        raise in_use(f"Table is being deleted: {found.name}")


def _check_admits(found: Table, wanted: set[str]) -> None:
    _check_is_there(found)
    if not wanted <= _WHILE_UPDATING and not capacity_updates.is_no_change(found, wanted):
        check_is_idle(found)


# --- what goes together ----------------------------------------------------------------------------------------------


def _wanted(request: Request) -> set[str]:
    """The members that say something; an empty one of throughput says nothing, nor does an empty list."""
    empty = ("OnDemandThroughput", "WarmThroughput", "GlobalSecondaryIndexUpdates")
    return {
        member
        for member in _MEMBERS
        if request.get(member) is not None and not (member in empty and not request[member])
    }


def _check_together(request: Request, wanted: set[str]) -> None:
    if "WarmThroughput" in wanted and index_updates.creates_or_deletes(request, "Create"):
        raise ValidationException(
            f"{INVALID}Create global secondary index cannot be specified when updating WarmThroughput"
        )
    for member, what in _ALONE:
        if member in wanted and len(wanted) > 1:
            raise ValidationException(f"{INVALID}{what} must be the only operation in the request")
    if "OnDemandThroughput" in wanted and not wanted <= {"OnDemandThroughput", "BillingMode"}:
        raise ValidationException(
            f"{INVALID}OnDemandThroughput can only be combined with BillingMode in an UpdateTable request"
        )
    changes_units = "ProvisionedThroughput" in wanted or request.get("BillingMode") == throughput.PROVISIONED
    if "StreamSpecification" in wanted and changes_units:
        raise ValidationException(f"{INVALID}You cannot modify stream status while updating table IOPS")
    if index_updates.creates_or_deletes(request):
        if "ProvisionedThroughput" in wanted:
            raise ValidationException(f"{INVALID}You cannot create or delete index while updating table IOPS")
        if "StreamSpecification" in wanted:
            raise ValidationException(f"{INVALID}You cannot create or delete index while changing stream status")


# --- the stream ------------------------------------------------------------------------------------------------------


def _check_stream(wanted: Request | None) -> None:
    if wanted is None:
        return
    if wanted["StreamEnabled"] and wanted.get("StreamViewType") is None:
        raise ValidationException(f"{INVALID}If stream is being enabled then UpdateViewType is required")
    if not wanted["StreamEnabled"] and wanted.get("StreamViewType") is not None:
        raise ValidationException(f"{INVALID}If stream is being disabled, then UpdateViewType must not be specified")


def _apply_stream(tx: Tx, change: Change, wanted: Request | None) -> None:
    if wanted is None:
        return
    found = change.found
    before = found.definition.get("Stream")
    if wanted["StreamEnabled"]:
        if found.stream_arn is not None:
            raise ValidationException(f"Table already has an enabled stream: TableName: {found.name}")
        change.set("Stream", making.streamed(wanted, before, tx.now))
    else:
        group.check_stream_stays(found)
        if found.stream_arn is None or before is None:
            raise ValidationException(f"Table has no stream to disable: TableName: {found.name}")
        change.set("Stream", {"StreamEnabled": False, "Label": before["Label"]})
    change.busy()


def _tell_stream(tx: Tx, before: Table, after: Table) -> None:
    if before.stream_arn is not None and after.stream_arn is None:
        stream.disabled(tx, before)
    if before.stream_arn is None and after.stream_arn is not None:
        stream.enabled(tx, after)


# --- the rest --------------------------------------------------------------------------------------------------------


def _apply_encryption(change: Change, wanted: Request) -> None:
    before = change.found.definition.get("SSE")
    after = encryption.changed(change.found.arn, before, wanted)
    change.set("SSE", {**(before or after or {}), "Status": "UPDATING"})
    change.later("SSE", after)


def _apply_class(tx: Tx, change: Change, wanted: str) -> None:
    """A class may be changed twice in thirty days ("Considerations when choosing a table class")."""
    before = change.found.definition.get("TableClass", {"TableClass": "STANDARD"})
    change.busy()
    if wanted == before["TableClass"]:
        return
    since = tx.now - timedelta(days=limits.DYNAMODB_CLASS_CHANGES_DAYS).total_seconds()
    changes = [at for at in change.found.definition.get("ClassChanges", ()) if at > since]
    if len(changes) >= limits.DYNAMODB_CLASS_CHANGES_MAX:
        raise LimitExceededException(
            "Subscriber limit exceeded: Updates to TableClass are limited to"
            f" {limits.DYNAMODB_CLASS_CHANGES_MAX} times in {limits.DYNAMODB_CLASS_CHANGES_DAYS} day(s)."
        )
    change.set("ClassChanges", [*changes, tx.now])
    change.later("TableClass", {"TableClass": wanted, "LastUpdateDateTime": tx.now})
