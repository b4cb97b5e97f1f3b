"""One table: its keys, its indexes, its settings, and where it is found."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import orjson

from wakeful import limits, names
from wakeful.fabric.service import Call
from wakeful.services.dynamodb import keys
from wakeful.services.dynamodb.errors import ResourceNotFoundException, ValidationException
from wakeful.services.dynamodb.keys import KeySchema
from wakeful.store.tx import Row, Tx

CHANGED = "dynamodb.tables"
"""Woken when a table comes, goes, or is changed."""

_NAME = re.compile("[a-zA-Z0-9_.-]+")

ACTIVE, CREATING, UPDATING, DELETING = "ACTIVE", "CREATING", "UPDATING", "DELETING"


@dataclass(frozen=True, slots=True)
class Index:
    """A secondary index. `attributes` are the projected ones beside all keys; None: every attribute."""

    space: int
    name: str
    is_global: bool
    keys: KeySchema
    attributes: frozenset[str] | None
    status: str


@dataclass(frozen=True, slots=True)
class Table:
    """As it stands in the store. `definition` has AWS's names, as CreateTable and UpdateTable take them."""

    arn: str
    id: str
    account: str
    region: str
    name: str
    created: float
    status: str
    space: int
    definition: Mapping[str, Any]
    tags: Mapping[str, str]
    keys: KeySchema
    indexes: tuple[Index, ...]
    history: int = 0
    """How many need to know what its items were before a change."""
    replicas: tuple[str, ...] = ()
    """The ARNs of the same global table in other regions."""

    @property
    def stream_arn(self) -> str | None:
        """Of the stream that its changes go to; None where they go to none."""
        stream: Mapping[str, Any] = self.definition.get("Stream") or {}
        return f"{self.arn}/stream/{stream['Label']}" if stream.get("StreamEnabled") else None

    def index(self, name: str) -> Index | None:
        return next((each for each in self.indexes if each.name == name), None)


def arn_of(call: Call, name: str) -> str:
    """The ARN of the table that a request names, which may be an ARN already. Raises ValidationException for what can
    be neither.
    """
    return _arn(call.region, call.account, name)


def name_complaints(name: str) -> list[str]:
    """What is wrong with the name of a table, in the framework's words."""
    wrong = [] if _NAME.fullmatch(name) or not name else [f"satisfy regular expression pattern: {_NAME.pattern}"]
    if len(name) < limits.DYNAMODB_NAME_MIN:
        wrong.append(f"have length greater than or equal to {limits.DYNAMODB_NAME_MIN}")
    if len(name) > limits.DYNAMODB_NAME_MAX:
        wrong.append(f"have length less than or equal to {limits.DYNAMODB_NAME_MAX}")
    return [f"Value '{name}' at 'tableName' failed to satisfy constraint: Member must {each}" for each in wrong]


def complain(complaints: Sequence[str]) -> None:
    """Raises ValidationException where there are any, told as AWS's framework tells them."""
    if complaints:
        many = "s" if len(complaints) > 1 else ""
        raise ValidationException(f"{len(complaints)} validation error{many} detected: {'; '.join(complaints)}")


def find(tx: Tx, arn: str) -> Table:
    """For reading and writing items. Raises ResourceNotFoundException, also where it is still being made."""
    table = get(tx, arn)
    if table is None or table.status == CREATING:
        raise ResourceNotFoundException()
    return table


def find_any(tx: Tx, arn: str) -> Table:
    """Whatever its status. Raises ResourceNotFoundException, which names the table."""
    table = get(tx, arn)
    if table is None:
        raise ResourceNotFoundException(f"Requested resource not found: Table: {arn.rpartition('/')[2]} not found")
    return table


def get(tx: Tx, arn: str) -> Table | None:
    return tx.known("dynamodb_tables", _stored, arn)


def save(
    tx: Tx,
    table: Table,
    *,
    status: str | None = None,
    definition: Mapping[str, Any] | None = None,
    tags: Mapping[str, str] | None = None,
) -> Table:
    """The table is as it was but for what is said here. Whoever calls has locked it (`locked`)."""
    tx.run(
        "UPDATE dynamodb_tables SET status = ?, definition = ?, tags = ? WHERE arn = ?",
        table.status if status is None else status,
        orjson.dumps(table.definition if definition is None else definition),
        orjson.dumps(dict(table.tags if tags is None else tags)),
        table.arn,
    )
    tx.wake(CHANGED)
    saved = get(tx, table.arn)
    assert saved is not None, "it was read in this transaction"
    return saved


def lock(tx: Tx, arn: str) -> None:
    """Nobody else changes the table until the transaction ends; its items are locked one by one."""
    tx.lock("dynamodb", arn)


@lru_cache(limits.DYNAMODB_PARSED_TABLES)
def _arn(region: str, account: str, name: str) -> str:
    if not names.is_arn(name):
        complain(name_complaints(name))
        return f"arn:aws:dynamodb:{region}:{account}:table/{name}"
    arn = names.parse_arn(name)
    kind, _, rest = arn.resource.partition("/")
    for wrong, what in (
        (arn.partition != "aws", "AWS partition"),
        (arn.service != "dynamodb", "AWS service"),
        (arn.region != region, "AWS region"),
        (kind != "table" or bool(name_complaints(rest)), "resource type"),
    ):
        if wrong:
            raise ValidationException(f"1 validation error detected: Invalid {what} in '{name}'")
    return name


def _stored(tx: Tx, arn: str) -> Table | None:
    row = tx.one("SELECT * FROM dynamodb_tables WHERE arn = ?", arn)
    return None if row is None else _table(row)


def _table(row: Row) -> Table:
    definition, schema, indexes = _parsed(bytes(row["definition"]))
    return Table(
        arn=row["arn"],
        id=row["id"],
        account=row["account"],
        region=row["region"],
        name=row["name"],
        created=row["created"],
        status=row["status"],
        space=row["space"],
        definition=definition,
        tags=orjson.loads(row["tags"]),
        keys=schema,
        indexes=indexes,
        history=row["history"],
        replicas=tuple(
            row["arn"].replace(f":{row['region']}:", f":{each['RegionName']}:", 1)
            for each in definition.get("Replicas", ())
            if each["RegionName"] != row["region"]
        ),
    )


@lru_cache(limits.DYNAMODB_PARSED_TABLES)
def _parsed(definition: bytes) -> tuple[Mapping[str, Any], KeySchema, tuple[Index, ...]]:
    """The same bytes are the same definition: it is read once."""
    found: dict[str, Any] = orjson.loads(definition)
    types: Sequence[Mapping[str, str]] = found["AttributeDefinitions"]
    schema = keys.schema_of(found["KeySchema"], types)
    indexes = [
        *(_index(each, schema, types, is_global=True) for each in found.get("GlobalSecondaryIndexes", ())),
        *(_index(each, schema, types, is_global=False) for each in found.get("LocalSecondaryIndexes", ())),
    ]
    return found, schema, tuple(indexes)


def _index(found: Mapping[str, Any], table: KeySchema, types: Sequence[Mapping[str, str]], *, is_global: bool) -> Index:
    schema = keys.schema_of(found["KeySchema"], types)
    projection = found["Projection"]
    attributes: frozenset[str] | None = None
    if projection.get("ProjectionType") != "ALL":
        own = (each.name for each in (*table.attributes, *schema.attributes))
        attributes = frozenset((*own, *projection.get("NonKeyAttributes", ())))
    return Index(found["Space"], found["IndexName"], is_global, schema, attributes, found["IndexStatus"])
