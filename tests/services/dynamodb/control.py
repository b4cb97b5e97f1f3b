"""What tests of tables begin with: requests for them, a client that was refused, and a store in memory."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError

from wakeful.fabric.parts import Parts
from wakeful.fabric.service import Call, Principal
from wakeful.fabric.trace import Trace
from wakeful.services import dynamodb
from wakeful.services.dynamodb import table
from wakeful.services.dynamodb.table import Table
from wakeful.services.dynamodb.tables import making, states
from wakeful.store import schema, work
from wakeful.store.sqlite import SqliteTx
from wakeful.store.tx import Outbox

NOW = 1_700_000_000.0
UNITS = {"ReadCapacityUnits": 5, "WriteCapacityUnits": 5}
PROVISIONED = {"BillingMode": "PROVISIONED", "ProvisionedThroughput": UNITS}
ROOT = Principal("root", "arn:aws:iam::000000000000:root", "000000000000")
CALL = Call("000000000000", "us-east-1", ROOT, "r", Trace("t"), "http://localhost")
SCHEMA = (Path(dynamodb.__file__).parent / "schema.sql").read_text()


def defined(**types: str) -> list[dict[str, str]]:
    return [{"AttributeName": name, "AttributeType": kind} for name, kind in types.items()]


def keys(*names: str, sort: tuple[str, ...] = ()) -> list[dict[str, str]]:
    kinds = [*((name, "HASH") for name in names), *((name, "RANGE") for name in sort)]
    return [{"AttributeName": name, "KeyType": kind} for name, kind in kinds]


def index(name: str, schema_: list[dict[str, str]], **more: Any) -> dict[str, Any]:
    return {"IndexName": name, "KeySchema": schema_, "Projection": {"ProjectionType": "ALL"}, **more}


def asked(name: str, **more: Any) -> dict[str, Any]:
    """CreateTable of a table with the partition key `p`; None takes a member away."""
    wanted = {"AttributeDefinitions": defined(p="S"), "KeySchema": keys("p"), "BillingMode": "PAY_PER_REQUEST", **more}
    return {"TableName": name, **{member: value for member, value in wanted.items() if value is not None}}


def refused(call: Any, **request: Any) -> tuple[str, str]:
    """With which code and message."""
    with pytest.raises(ClientError) as raised:
        call(**request)
    return raised.value.response["Error"]["Code"], raised.value.response["Error"]["Message"]


class MovableTx(SqliteTx):
    """One transaction after another, each at a time of the test's choice."""

    def at(self, now: float) -> MovableTx:
        self.now = now
        return self


def opened() -> MovableTx:
    """A transaction on an empty store in memory."""
    db = sqlite3.connect(":memory:", isolation_level=None)
    db.row_factory = sqlite3.Row
    tx = MovableTx(db, NOW, Parts(cast(Any, None)), Outbox())
    schema.apply(tx, {"work": work.SCHEMA, "dynamodb": SCHEMA})
    return tx


def made(tx: MovableTx, **more: Any) -> Table:
    """A table that is ACTIVE."""
    arn = table.arn_of(CALL, "events")
    found = making.insert(tx, arn, making.definition_of(arn, asked("events", **more), tx.now))
    states.later(tx, found, {"settled": True})
    return table.find(tx, arn)
