"""Global tables: the same table in several regions of the node ("Global tables: multi-active, multi-Region
replication").

A change in one region is made in the others in the same transaction (`changes.py`), so that no two regions ever differ
and no write is ever the earlier of two: the last writer is the one that wrote last. What is here makes the regions one
table and parts them again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from wakeful import limits
from wakeful.fabric.service import Again, Call, Done, Node, Worker
from wakeful.fabric.trace import Trace
from wakeful.services.dynamodb import changes, items, table
from wakeful.services.dynamodb.changes import Cause
from wakeful.services.dynamodb.copies import history
from wakeful.services.dynamodb.errors import ValidationException
from wakeful.services.dynamodb.regions import group
from wakeful.services.dynamodb.streams import stream
from wakeful.services.dynamodb.table import Table
from wakeful.services.dynamodb.tables import description, making, states, ttl, updates
from wakeful.services.dynamodb.tables.definition import INVALID
from wakeful.services.dynamodb.values import parsed
from wakeful.store import work
from wakeful.store.tx import Tx
from wakeful.wire.errors import NotImplementedHere

if TYPE_CHECKING:
    from wakeful.shapes import dynamodb as shapes

KIND = "dynamodb.replica"
"""The kind of work row that fills a new replica."""

_REGION = re.compile("[a-z]{2}(-[a-z]+)+-[0-9]")
_VIEW = "NEW_AND_OLD_IMAGES"
_BEYOND = b"\xff" * 64


def update(tx: Tx, call: Call, found: Table, request: Mapping[str, Any]) -> shapes.TableDescription:
    """Replicas come, change and go as UpdateTable's ReplicaUpdates say; the table as the answer shows it. Whoever calls
    has locked it.
    """
    if not set(request) <= {"TableName", "ReplicaUpdates"}:
        raise ValidationException(f"{INVALID}ReplicaUpdates must be the only operation in the request")
    updates.check_is_idle(found)
    for each in request["ReplicaUpdates"]:
        if len(each) != 1:
            raise ValidationException(f"{INVALID}One action for each replica update")
        (action, wanted) = next(iter(each.items()))
        region = wanted["RegionName"]
        if action == "Disassociate":
            found = _leave(tx, found, request["ReplicaUpdates"], region)
        elif region == found.region:
            raise ValidationException(
                "Cannot add or delete the local region through ReplicaUpdates. Use CreateTable, DeleteTable, or"
                " UpdateTable as required."
            )
        elif action == "Create":
            found = _add(tx, call, found, wanted)
        elif region not in group.regions(found):
            raise ValidationException(
                "Update global table operation failed because one or more replicas were not part of the global table."
            )
        elif action == "Update":
            found = _change(tx, found, wanted)
        else:
            found = _delete(tx, found, region)
    return description.described(tx, found)


# --- below -----------------------------------------------------------------------------------------------------------


def _add(tx: Tx, call: Call, found: Table, wanted: Mapping[str, Any]) -> Table:
    region = wanted["RegionName"]
    if "KMSMasterKeyId" in wanted:
        raise NotImplementedHere("Wakeful does not have keys of KMS for replicas (KMSMasterKeyId) yet.")
    if not _REGION.fullmatch(region):
        raise ValidationException(f"{INVALID}Unsupported Region: {region}")
    arn = found.arn.replace(f":{found.region}:", f":{region}:", 1)
    table.lock(tx, arn)
    if table.get(tx, arn) is not None:
        raise ValidationException(
            f"Failed to create a the new replica of table with name: '{found.name}' because one or more replicas"
            " already existed as tables."
        )
    found = _with_stream(tx, found)
    listed = found.definition.get("Replicas") or [{"RegionName": found.region, "ReplicaStatus": table.ACTIVE}]
    entry = {**_overrides(found, wanted), "RegionName": region, "ReplicaStatus": table.CREATING}
    listed = [*listed, entry]
    made = making.insert(tx, arn, _definition(found, wanted, listed, tx.now))
    for each in (found, *group.others(tx, found)):
        table.lock(tx, each.arn)
        group.save(tx, each, listed, status=table.UPDATING if each.arn == found.arn else None)
    expiry = found.definition.get("TimeToLive")
    if expiry is not None:
        ttl.enable(tx, made, expiry["AttributeName"])
    body = {"from": found.arn, "to": arn, "id": made.id, "low": "", "trace": [call.effects.id, call.effects.cause]}
    due = history.settled(tx, tx.now)  # whoever changes the table and has not heard of the replica has ended by then
    work.put(tx, KIND, body, due=due, name=f"{KIND} {arn}")
    return table.find_any(tx, found.arn)


def _with_stream(tx: Tx, found: Table) -> Table:
    """A global table has a stream; whoever has one already keeps it as it is."""
    if found.stream_arn is not None:
        return found
    streamed = making.streamed({"StreamViewType": _VIEW}, found.definition.get("Stream"), tx.now)
    saved = table.save(tx, found, definition={**found.definition, "Stream": streamed})
    stream.enabled(tx, saved)
    return saved


_OWN = (
    *("Stream", "RestoreSummary", "DeletionProtectionEnabled", "TimeToLive", "AutoScaling", "SSE", "ClassChanges"),
    *("KinesisDestinations", "Insights", group.PROTECTION),
)
"""What of a table's definition its replicas do not have from it, or have another one of."""


def _definition(
    found: Table, wanted: Mapping[str, Any], listed: Sequence[Mapping[str, Any]], now: float
) -> dict[str, Any]:
    made = {name: value for name, value in found.definition.items() if name not in _OWN}
    made["Stream"] = making.streamed(found.definition["Stream"], None, now)
    made["Replicas"], made["GlobalTableVersion"], made[group.PROTECTION] = list(listed), group.VERSION, True
    for kind in ("GlobalSecondaryIndexes", "LocalSecondaryIndexes"):
        if kind in made:
            made[kind] = [{**each, "IndexStatus": table.CREATING} for each in made[kind]]
    return _overridden(made, wanted, now)


def _overridden(made: dict[str, Any], wanted: Mapping[str, Any], now: float) -> dict[str, Any]:
    """With what one region has of its own: read capacity, and the table's class."""
    for member, override in (
        ("ProvisionedThroughput", "ProvisionedThroughputOverride"),
        ("OnDemandThroughput", "OnDemandThroughputOverride"),
    ):
        if override in wanted:
            made[member] = {**made.get(member, {}), **wanted[override]}
    if "TableClassOverride" in wanted:
        made["TableClass"] = {"TableClass": wanted["TableClassOverride"], "LastUpdateDateTime": now}
    changed = {each["IndexName"]: each for each in wanted.get("GlobalSecondaryIndexes", ())}
    if changed:
        made["GlobalSecondaryIndexes"] = [
            _index_overridden(each, changed.get(each["IndexName"], {})) for each in made["GlobalSecondaryIndexes"]
        ]
    return made


def _index_overridden(index: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    made = dict(index)
    for member in ("ProvisionedThroughput", "OnDemandThroughput"):
        if f"{member}Override" in wanted:
            made[member] = {**made.get(member, {}), **wanted[f"{member}Override"]}
    return made


def _overrides(found: Table, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """As the description of a replica shows them."""
    known = {index.name for index in found.indexes if index.is_global}
    for each in wanted.get("GlobalSecondaryIndexes", ()):
        if each["IndexName"] not in known:
            raise ValidationException(f"{INVALID}The table does not have the specified index: {each['IndexName']}")
    told = ("ProvisionedThroughputOverride", "OnDemandThroughputOverride", "GlobalSecondaryIndexes")
    entry = {name: wanted[name] for name in told if name in wanted}
    if "TableClassOverride" in wanted:
        entry["ReplicaTableClassSummary"] = {"TableClass": wanted["TableClassOverride"]}
    return entry


def _change(tx: Tx, found: Table, wanted: Mapping[str, Any]) -> Table:
    """One region has other settings of its own."""
    region = wanted["RegionName"]
    if "KMSMasterKeyId" in wanted:
        raise NotImplementedHere("Wakeful does not have keys of KMS for replicas (KMSMasterKeyId) yet.")
    more = _overrides(found, wanted)
    listed = [
        {**each, **more} if each["RegionName"] == region else each for each in found.definition.get("Replicas", ())
    ]
    for each in (found, *group.others(tx, found)):
        table.lock(tx, each.arn)
        made = {**each.definition, "Replicas": listed}
        table.save(tx, each, definition=_overridden(made, wanted, tx.now) if each.region == region else made)
    return table.find_any(tx, found.arn)


def _leave(tx: Tx, found: Table, several: Sequence[Any], region: str) -> Table:
    """The table goes on as one of its own ("Disassociating a global table replica")."""
    if len(several) > 1:
        raise ValidationException(f"{INVALID}Disassociate must be the only replica update in the request")
    if region != found.region:
        raise ValidationException(f"{INVALID}A replica can only be disassociated in its own Region: {region}")
    group.check_may_leave(found)
    group.leave(tx, found)
    group.save(tx, found, [])
    return table.find_any(tx, found.arn)


def _delete(tx: Tx, found: Table, region: str) -> Table:
    """The table of that region is gone."""
    there = table.get(tx, found.arn.replace(f":{found.region}:", f":{region}:", 1))
    if there is not None:
        table.lock(tx, there.arn)
        updates.check_is_idle(there)
        updates.check_is_unprotected(there)
        saved = table.save(tx, there, status=table.DELETING)
        states.remove(tx, saved)
    return table.find_any(tx, found.arn)


async def _carry_out(node: Node, item: work.Item) -> Done | Again:
    """One portion of what was there before the replica was; what has come since is there already."""
    body: dict[str, Any] = item.body
    low = await node.store.write(_fill_some, body)
    if low is not None:
        return Again(node.clock.now(), {**body, "low": low.hex()})
    return Done(lambda tx: _filled(tx, body))


def _fill_some(tx: Tx, body: Mapping[str, Any]) -> bytes | None:
    source, target = table.get(tx, body["from"]), table.get(tx, body["to"])
    if source is None or target is None or target.id != body["id"]:
        return None
    trace_id, cause = body["trace"]
    why = Cause(Trace(trace_id, cause), is_replicated=True)
    found = items.between(tx, source.space, bytes.fromhex(body["low"]), _BEYOND, limits.DYNAMODB_COPIED_AT_ONCE)
    for each in found:
        changes.lock(tx, source, each.key)  # all of them, before the first shard of a stream is held
    for each in found:
        now_there = changes.locked(tx, source, each.key)
        before = changes.locked(tx, target, each.key)
        if now_there is not None:
            was = parsed(before) if before is not None else None
            changes.apply(tx, target, each.key, was, parsed(now_there), why)
    return found[-1].key + b"\x00" if len(found) == limits.DYNAMODB_COPIED_AT_ONCE else None


def _filled(tx: Tx, body: Mapping[str, Any]) -> None:
    """The replica is as good as the others."""
    for arn in (body["from"], body["to"]):
        table.lock(tx, arn)
    made = table.get(tx, body["to"])
    if made is not None and made.id == body["id"]:
        listed = [
            {**each, "ReplicaStatus": table.ACTIVE} if each["RegionName"] == made.region else each
            for each in made.definition.get("Replicas", ())
        ]
        for each in (made, *group.others(tx, made)):
            table.lock(tx, each.arn)
            group.save(tx, each, listed)
    for arn in (body["from"], body["to"]):
        found = table.get(tx, arn)
        if found is not None:
            states.later(tx, found, {"settled": True})


worker = Worker(KIND, _carry_out, slots=limits.DYNAMODB_COPY_SLOTS)
