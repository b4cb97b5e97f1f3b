"""Exports and imports: what was asked for, how far it is, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from wakeful import limits, names
from wakeful.fabric.service import Call
from wakeful.store.tx import Row, Tx
from wakeful.wire.errors import AwsError

IN_PROGRESS, COMPLETED, FAILED = "IN_PROGRESS", "COMPLETED", "FAILED"


@dataclass(frozen=True, slots=True)
class Transfer:
    """An export or an import. `result` has what the description has beside the request, by AWS's names."""

    arn: str
    kind: str
    account: str
    region: str
    table_arn: str
    status: str
    started: float
    ended: float | None
    token: str
    request: Mapping[str, Any]
    result: Mapping[str, Any]


class Failure(Exception):
    """Why a transfer has come to its end before it was done."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message


def of_s3(error: AwsError) -> Failure:
    """What DynamoDB calls what S3 answered. Raised again is what is worth another try."""
    if (error.status or 400) >= 500:
        raise error
    code = {"AccessDenied": "S3AccessDenied", "NoSuchBucket": "S3NoSuchBucket"}.get(error.shape_name, "S3Error")
    return Failure(code, f"{error.message or error.shape_name} (Service: Amazon S3; Error Code: {error.shape_name})")


def begin(
    tx: Tx, kind: str, table_arn: str, region: str, token: str, request: Mapping[str, Any], result: Any
) -> Transfer:
    """A transfer of the table is under way."""
    arn = f"{table_arn}/{kind}/{int(tx.now * 1000):014d}-{names.new_token(4)}"
    account = names.parse_arn(table_arn).account
    tx.run(
        "INSERT INTO dynamodb_transfers(arn, kind, account, region, table_arn, status, started, token, request, result)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        *(arn, kind, account, region, table_arn, IN_PROGRESS, tx.now, token, orjson.dumps(request)),
        orjson.dumps(result),
    )
    begun = get(tx, arn)
    assert begun is not None, "it was just put there"
    return begun


def get(tx: Tx, arn: str) -> Transfer | None:
    row = tx.one("SELECT * FROM dynamodb_transfers WHERE arn = ?", arn)
    return None if row is None else _transfer(row)


def get_here(tx: Tx, call: Call, kind: str, arn: str) -> Transfer | None:
    """That of the caller's region, if it is of that kind."""
    found = get(tx, arn)
    return found if found is not None and (found.kind, found.region) == (kind, call.region) else None


def with_token(tx: Tx, kind: str, account: str, region: str, token: str) -> Transfer | None:
    """The one that was asked for with the client's token in the last eight hours."""
    row = tx.one(
        "SELECT * FROM dynamodb_transfers WHERE kind = ? AND account = ? AND region = ? AND token = ? AND started > ?",
        *(kind, account, region, token, tx.now - limits.DYNAMODB_TOKEN_S),
    )
    return None if row is None else _transfer(row)


def every(tx: Tx, kind: str, account: str, region: str, table_arn: str | None) -> list[Transfer]:
    """Those of the last ninety days, the newest first."""
    rows = tx.all(
        "SELECT * FROM dynamodb_transfers WHERE kind = ? AND account = ? AND region = ? AND started > ?"
        " ORDER BY started DESC, arn DESC",
        *(kind, account, region, tx.now - limits.DYNAMODB_TRANSFERS_LISTED_S),
    )
    return [each for each in map(_transfer, rows) if table_arn in (None, each.table_arn)]


def under_way(tx: Tx, kind: str, account: str, region: str) -> int:
    row = tx.one(
        "SELECT count(*) AS count FROM dynamodb_transfers WHERE kind = ? AND account = ? AND region = ? AND status = ?",
        *(kind, account, region, IN_PROGRESS),
    )
    return 0 if row is None else int(row["count"])


def note(tx: Tx, arn: str, **result: Any) -> None:
    """The description has these members too."""
    tx.lock("dynamodb", arn)
    found = get(tx, arn)
    if found is not None:
        told = orjson.dumps({**found.result, **result})
        tx.run("UPDATE dynamodb_transfers SET result = ? WHERE arn = ?", told, arn)


def end(tx: Tx, arn: str, failure: Failure | None = None, **result: Any) -> None:
    """It is over, done or failed."""
    if failure is not None:
        result |= {"FailureCode": failure.code, "FailureMessage": failure.message}
    note(tx, arn, **result)
    status = COMPLETED if failure is None else FAILED
    tx.run("UPDATE dynamodb_transfers SET status = ?, ended = ? WHERE arn = ?", status, tx.now, arn)


def _transfer(row: Row) -> Transfer:
    told = {name: row[name] for name in Transfer.__slots__ if name not in ("request", "result")}
    return Transfer(**told, request=orjson.loads(row["request"]), result=orjson.loads(row["result"]))
