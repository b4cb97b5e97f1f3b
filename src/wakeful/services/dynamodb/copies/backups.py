"""Backups: a table's items as they were at one moment, in a space of their own, with all that is needed to make the
table again ("Backup and restore for DynamoDB").

The items are copied in portions, and others change the table between them: what they change is found in its history.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from wakeful import limits, names
from wakeful.fabric.service import Again, Call, Done, Node, Worker
from wakeful.services.dynamodb import items
from wakeful.services.dynamodb.copies import history
from wakeful.services.dynamodb.errors import BackupInUseException, BackupNotFoundException
from wakeful.services.dynamodb.table import Table
from wakeful.services.dynamodb.tables import spaces
from wakeful.store import work
from wakeful.store.tx import Row, Tx

KIND = "dynamodb.backup"
"""The kind of work row that copies a table into its backup."""

CREATING, AVAILABLE, DELETED = "CREATING", "AVAILABLE", "DELETED"
USER, SYSTEM = "USER", "SYSTEM"


@dataclass(frozen=True, slots=True)
class Backup:
    """As it stands in the store. `source` is the table as it was: its details by AWS's names, and its definition."""

    arn: str
    account: str
    region: str
    name: str
    type: str
    status: str
    created: float
    expires: float | None
    table_arn: str
    source: Mapping[str, Any]
    items: int
    bytes: int
    space: int

    @property
    def details(self) -> dict[str, Any]:
        """The members of BackupDetails; those of BackupSummary are the same."""
        told = {
            "BackupArn": self.arn,
            "BackupName": self.name,
            "BackupSizeBytes": self.bytes,
            "BackupStatus": self.status,
            "BackupType": self.type,
            "BackupCreationDateTime": self.created,
        }
        return told if self.expires is None else {**told, "BackupExpiryDateTime": self.expires}

    @property
    def summary(self) -> dict[str, Any]:
        about = self.source["SourceTableDetails"]
        return {
            **self.details,
            "TableName": about["TableName"],
            "TableId": about["TableId"],
            "TableArn": self.table_arn,
        }


def create(tx: Tx, found: Table, name: str) -> Backup:
    """A backup of the table as it is now will be there soon. Whoever calls has locked the table."""
    history.begin(tx, found)
    backup = _put(tx, found, name, USER, CREATING, spaces.new(tx, found.id, f"backup {name}"))
    body = {"arn": backup.arn, "table": found.arn, "space": found.space, "low": ""}
    work.put(tx, KIND, body, due=history.settled(tx, backup.created), name=f"{KIND} {backup.arn}")
    return backup


def of_deleted(tx: Tx, found: Table) -> Backup:
    """A table of which every moment could be had back is deleted: for as long as that it stays as a backup of the
    system's, which has its items from now on ("Restoring a DynamoDB table to a point in time").
    """
    backup = _put(tx, found, f"{found.name}$DeletedTableBackup", SYSTEM, AVAILABLE, found.space)
    spaces.hold(tx, found.space)
    work.put(tx, _OUTLIVED, {"arn": backup.arn}, due=backup.expires, name=f"{_OUTLIVED} {backup.arn}")
    return backup


def find(tx: Tx, arn: str) -> Backup:
    """Raises BackupNotFoundException."""
    row = tx.one("SELECT * FROM dynamodb_backups WHERE arn = ?", arn)
    if row is None:
        raise BackupNotFoundException(f"Backup not found: {arn}")
    return _backup(row)


def find_here(tx: Tx, call: Call, arn: str) -> Backup:
    """The same; that of another region is not there either."""
    backup = find(tx, arn)
    if backup.region != call.region:
        raise BackupNotFoundException(f"Backup not found: {arn}")
    return backup


def every(tx: Tx, account: str, region: str) -> list[Backup]:
    """Those of an account and region, the oldest first."""
    rows = tx.all(
        "SELECT * FROM dynamodb_backups WHERE account = ? AND region = ? ORDER BY created, arn", account, region
    )
    return list(map(_backup, rows))


def delete(tx: Tx, arn: str) -> Backup:
    """The backup is gone. Raises BackupInUseException while it is being made."""
    tx.lock("dynamodb", arn)
    backup = find(tx, arn)
    if backup.status == CREATING:
        raise BackupInUseException(f"Backup is being created: {arn}")
    if spaces.readers(tx, backup.space) > (backup.type == SYSTEM):
        raise BackupInUseException(f"Backup is being used by a restore: {arn}")
    tx.run("DELETE FROM dynamodb_backups WHERE arn = ?", arn)
    work.drop(tx, f"{_OUTLIVED} {arn}")
    if backup.type == SYSTEM:
        spaces.release(tx, backup.space)  # the table left it
    else:
        spaces.leave(tx, backup.space)
    return backup


def source_of(tx: Tx, found: Table) -> dict[str, Any]:
    """What a backup has to say of its table: SourceTableDetails, SourceTableFeatureDetails and the definition."""
    count, size = items.counted(tx, found.space)
    definition = found.definition
    details = {
        "TableName": found.name,
        "TableId": found.id,
        "TableArn": found.arn,
        "TableSizeBytes": size,
        "KeySchema": definition["KeySchema"],
        "TableCreationDateTime": found.created,
        "ProvisionedThroughput": _units(definition["ProvisionedThroughput"]),
        "ItemCount": count,
        "BillingMode": definition.get("BillingMode", "PROVISIONED"),
    }
    if "OnDemandThroughput" in definition:
        details["OnDemandThroughput"] = definition["OnDemandThroughput"]
    return {
        "SourceTableDetails": details,
        "SourceTableFeatureDetails": _features(definition),
        "Definition": dict(definition),
    }


# --- below -----------------------------------------------------------------------------------------------------------

_OUTLIVED = "dynamodb.outlived"
_INDEX_MEMBERS = ("IndexName", "KeySchema", "Projection", "OnDemandThroughput")


def _units(provisioned: Mapping[str, Any]) -> dict[str, Any]:
    return {name: provisioned[name] for name in ("ReadCapacityUnits", "WriteCapacityUnits")}


def _put(tx: Tx, found: Table, name: str, kind: str, status: str, space: int) -> Backup:
    source = source_of(tx, found)
    about = source["SourceTableDetails"]
    now = history.moment(tx)
    arn = f"{found.arn}/backup/{int(now * 1000):014d}-{names.new_token(4)}"
    expires = now + limits.DYNAMODB_RECOVERY_DAYS * 86400 if kind == SYSTEM else None
    tx.run(
        "INSERT INTO dynamodb_backups(arn, account, region, name, type, status, created, expires, table_arn, source,"
        " items, bytes, space) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        *(arn, found.account, found.region, name, kind, status, now, expires, found.arn, orjson.dumps(source)),
        *(about["ItemCount"], about["TableSizeBytes"], space),
    )
    return find(tx, arn)


def _features(definition: Mapping[str, Any]) -> dict[str, Any]:
    features: dict[str, Any] = {}
    for kind in ("LocalSecondaryIndexes", "GlobalSecondaryIndexes"):
        if definition.get(kind):
            features[kind] = [_index(each) for each in definition[kind]]
    stream = definition.get("Stream")
    if stream and stream["StreamEnabled"]:
        features["StreamDescription"] = {"StreamEnabled": True, "StreamViewType": stream["StreamViewType"]}
    expiry = definition.get("TimeToLive")
    if expiry:
        features["TimeToLiveDescription"] = {
            "TimeToLiveStatus": "ENABLED",
            "AttributeName": expiry["AttributeName"],
        }
    if "SSE" in definition:
        features["SSEDescription"] = definition["SSE"]
    return features


def _index(found: Mapping[str, Any]) -> dict[str, Any]:
    told = {name: found[name] for name in _INDEX_MEMBERS if name in found}
    if "ProvisionedThroughput" in found:
        told["ProvisionedThroughput"] = _units(found["ProvisionedThroughput"])
    return told


async def _copy(node: Node, item: work.Item) -> Done | Again:
    """One portion, in a transaction of its own. Done twice it is as good."""
    body: dict[str, Any] = item.body
    low = await node.store.write(_copy_some, body)
    if low is not None:
        return Again(node.clock.now(), {**body, "low": low.hex()})
    return Done(lambda tx: _available(tx, body))


def _copy_some(tx: Tx, body: dict[str, Any]) -> bytes | None:
    backup = find(tx, body["arn"])
    low = bytes.fromhex(body["low"])
    some = history.portion(tx, body["space"], low, backup.created, limits.DYNAMODB_COPIED_AT_ONCE)
    for each in some.items:
        items.put(tx, backup.space, each.key, each.raw, each.size, grown=(0, 0))
    return some.next


def _available(tx: Tx, body: dict[str, Any]) -> None:
    tx.lock("dynamodb", body["arn"])
    tx.run("UPDATE dynamodb_backups SET status = ? WHERE arn = ?", AVAILABLE, body["arn"])
    history.end(tx, body["table"], body["space"])


async def _expire(node: Node, item: work.Item) -> Done | Again:
    """What the system keeps of a deleted table is gone after 35 days; later, where it is just being restored from."""
    try:
        await node.store.write(delete, item.body["arn"])
    except BackupNotFoundException:
        return Done()
    except BackupInUseException:
        return Again(node.clock.now() + limits.SWEEP_S)
    return Done()


def _backup(row: Row) -> Backup:
    fields = ("arn", "account", "region", "name", "type", "status", "created", "expires", "table_arn")
    told = {name: row[name] for name in fields}
    return Backup(
        **told, source=orjson.loads(row["source"]), items=row["items"], bytes=row["bytes"], space=row["space"]
    )


workers = (
    Worker(KIND, _copy, slots=limits.DYNAMODB_COPY_SLOTS),
    Worker(_OUTLIVED, _expire, slots=1, is_lazy=True),
)
