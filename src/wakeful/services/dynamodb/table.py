"""One table: its keys, its indexes, its settings, and where it is found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import orjson

from wakeful import limits, names
from wakeful.fabric.service import Call
from wakeful.services.dynamodb import keys
from wakeful.services.dynamodb.errors import ResourceNotFoundException
from wakeful.services.dynamodb.keys import KeySchema
from wakeful.store.tx import Row, Tx

CHANGED = "dynamodb.tables"
"""Woken when a table comes, goes, or is changed."""

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

    @property
    def stream_arn(self) -> str | None:
        """Of the stream that its changes go to; None where they go to none."""
        stream: Mapping[str, Any] = self.definition.get("Stream") or {}
        return f"{self.arn}/stream/{stream['Label']}" if stream.get("StreamEnabled") else None

    def index(self, name: str) -> Index | None:
        return next((each for each in self.indexes if each.name == name), None)


def arn_of(call: Call, name: str) -> str:
    """The ARN of the table that a request names, which may be an ARN already."""
    return name if names.is_arn(name) else call.arn("dynamodb", f"table/{name}")


def find(tx: Tx, arn: str) -> Table:
    """Raises ResourceNotFoundException."""
    table = get(tx, arn)
    if table is None:
        raise ResourceNotFoundException()
    return table


def get(tx: Tx, arn: str) -> Table | None:
    return tx.known("dynamodb_tables", _stored, arn)


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
