"""Transactions: up to a hundred writes of as many items that become true together or not at all ("Amazon DynamoDB
Transactions: How it works"), and the tokens that keep one from being carried out twice.

Every transaction is one of the store's, so none ever meets another: what is locked is waited for, and nobody is told
of a TransactionConflict.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from wakeful import limits
from wakeful.fabric.service import Again, Call, Done, Node, Worker
from wakeful.services.dynamodb import changes, table, throttling, writes
from wakeful.services.dynamodb.capacity import Meter
from wakeful.services.dynamodb.changes import Cause
from wakeful.services.dynamodb.errors import (
    ConditionalCheckFailedException,
    IdempotentParameterMismatchException,
    ProvisionedThroughputExceededException,
    ThrottlingException,
    TransactionCanceledException,
    ValidationException,
)
from wakeful.services.dynamodb.item_rules import EMPTY_KEY
from wakeful.services.dynamodb.table import Table
from wakeful.services.dynamodb.writes import Outcome, Write
from wakeful.store import work
from wakeful.store.tx import Tx
from wakeful.wire.errors import AwsError

if TYPE_CHECKING:
    from wakeful.shapes import dynamodb as shapes

Reason: TypeAlias = dict[str, Any]
"""A CancellationReason, by its members."""

_NONE: Reason = {"Code": "None"}
_SWEEP = "dynamodb.tokens"
_TWICE = "Transaction request cannot include multiple operations on one item"


def carry_out(
    tx: Tx, several: Sequence[Write], cause: Cause, meters: Meters, faults: Mapping[int, AwsError] | None = None
) -> list[Outcome]:
    """All of it is true. Raises TransactionCanceledException, which says of each in order why not, or what is wrong
    with the request as a whole; nothing has changed then. `faults` are those that are known before, by their place.
    """
    tables = [table.find(tx, write.table.arn) for write in several]
    keys, reasons = _keys(several, tables)
    there = [(found, key) for found, key in zip(tables, keys, strict=True) if key is not None]
    held = changes.hold(tx, there)
    for at, fault in (faults or {}).items():
        reasons[at] = reason(fault)
    outcomes: list[Outcome] = []
    for at, (write, found, key) in enumerate(zip(several, tables, keys, strict=True)):
        if key is None:
            continue
        try:
            outcomes.append(writes.foresee(tx, write, held[found.arn], key))
        except (ConditionalCheckFailedException, ValidationException) as error:
            if EMPTY_KEY in error.message:
                raise
            reasons[at] = reason(error)
    refuse(reasons)
    # In the order of their keys, which is that of the shards of streams: two transactions never wait for each other.
    foreseen = sorted(zip(several, outcomes, strict=True), key=lambda pair: changes.place(pair[1].table, pair[1].key))
    for write, outcome in foreseen:
        writes.come_true(tx, write, outcome, cause, meters.of(outcome.table))
    return outcomes


async def admit(node: Node, tables: Sequence[Table], *, reads: bool) -> None:
    """Raises TransactionCanceledException where one of the tables is throttled."""
    reasons = []
    for found in tables:
        try:
            await throttling.admit(node, found, reads=reads)
            reasons.append(_NONE)
        except (ProvisionedThroughputExceededException, ThrottlingException) as error:
            reasons.append(reason(error))
    refuse(reasons)


def reason(error: AwsError) -> Reason:
    """Why one of them would not become true."""
    if isinstance(error, ProvisionedThroughputExceededException):
        return {"Code": "ProvisionedThroughputExceeded", "Message": error.message}
    if isinstance(error, ThrottlingException):
        return {"Code": "ThrottlingError", "Message": error.message}
    if isinstance(error, ConditionalCheckFailedException):
        found: Reason = {"Code": "ConditionalCheckFailed", "Message": error.message}
        if "Item" in error.members:
            found["Item"] = error.members["Item"]
        return found
    return {"Code": "ValidationError", "Message": error.message}


def refuse(reasons: Sequence[Reason]) -> None:
    """Raises TransactionCanceledException where there is a reason to."""
    codes = [each["Code"] for each in reasons]
    if any(code != "None" for code in codes):
        raise TransactionCanceledException(
            f"Transaction cancelled, please refer cancellation reasons for specific reasons [{', '.join(codes)}]",
            CancellationReasons=list(reasons),
        )


def refuse_twice(places: Sequence[tuple[int, bytes]]) -> None:
    """Raises ValidationException where two of them are one item's: each is a space and a key in it."""
    if len(set(places)) != len(places):
        raise ValidationException(_TWICE)


class Meters:
    """One for each table of a request with several, in the order in which it names them."""

    def __init__(self, told: str, *, transactional: bool = False) -> None:
        self._told = told
        self._transactional = transactional
        self._names: dict[str, str] = {}
        self._meters: dict[str, tuple[Table, Meter]] = {}

    def name(self, arn: str, name: str) -> None:
        """The request calls that table so."""
        self._names.setdefault(arn, name)

    def begin(self) -> None:
        """Nothing is consumed yet: a transaction may run again."""
        self._meters.clear()

    def name_of(self, found: Table) -> str:
        return self._names.get(found.arn, found.name)

    def of(self, found: Table) -> Meter:
        known = self._meters.get(found.arn)
        if known is None:
            meter = Meter(found, self._told, self._names.get(found.arn), transactional=self._transactional)
            known = self._meters[found.arn] = (found, meter)
        return known[1]

    def all(self) -> list[tuple[Table, Meter]]:
        return list(self._meters.values())

    def told(self) -> list[shapes.ConsumedCapacity] | None:
        """The member ConsumedCapacity; None where it was not asked for."""
        told = [meter.told() for _, meter in self._meters.values()]
        return None if self._told == "NONE" else [each for each in told if each is not None]


# --- tokens -----------------------------------------------------------------------------------------------------------


def was_done(tx: Tx, call: Call, token: str, asked: bytes) -> bool:
    """Whether a transaction with that token has gone well within ten minutes; else it now has, as of the commit.

    `asked` is a hash of what is asked for. Raises IdempotentParameterMismatchException where it was something else.
    """
    place = (call.account, call.region, token)
    tx.lock("dynamodb", "token", *place)
    row = tx.one("SELECT asked, at FROM dynamodb_tokens WHERE account = ? AND region = ? AND token = ?", *place)
    if row is not None and row["at"] > tx.now - limits.DYNAMODB_CLIENT_TOKEN_S:
        if bytes(row["asked"]) != asked:
            raise IdempotentParameterMismatchException()
        return True
    tx.run(
        "INSERT INTO dynamodb_tokens(account, region, token, asked, at) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT(account, region, token) DO UPDATE SET asked = excluded.asked, at = excluded.at",
        *(*place, asked, tx.now),
    )
    return False


def first(tx: Tx) -> None:
    work.ensure(tx, _SWEEP, _SWEEP, {}, due=tx.now + limits.DYNAMODB_CLIENT_TOKEN_S)


async def _sweep(node: Node, item: work.Item) -> Done | Again:
    """Tokens that say nothing any more are gone."""
    while await node.store.write(_forget) == limits.DYNAMODB_TOKENS_SWEPT_AT_ONCE:
        pass  # others get their turn between any two
    return Again(node.clock.now() + limits.DYNAMODB_CLIENT_TOKEN_S)


def _forget(tx: Tx) -> int:
    tx.lock("dynamodb", "tokens")
    before = tx.now - limits.DYNAMODB_CLIENT_TOKEN_S
    rows = tx.all(
        "SELECT account, region, token FROM dynamodb_tokens WHERE at <= ? ORDER BY at LIMIT ?",
        *(before, limits.DYNAMODB_TOKENS_SWEPT_AT_ONCE),
    )
    for row in rows:
        tx.run(
            "DELETE FROM dynamodb_tokens WHERE account = ? AND region = ? AND token = ? AND at <= ?",
            *(row["account"], row["region"], row["token"], before),
        )
    return len(rows)


worker = Worker(_SWEEP, _sweep, slots=1, is_lazy=True)


def _keys(several: Sequence[Write], tables: Sequence[Table]) -> tuple[list[bytes | None], list[Reason]]:
    """Where each of them is, and what is wrong with those that can be nowhere.

    A key that is empty is the whole request's fault, as is an item that is named twice.
    """
    found: list[bytes | None] = []
    reasons: list[Reason] = []
    for write, of in zip(several, tables, strict=True):
        try:
            found.append(writes.key_of(of, write))
            reasons.append(_NONE)
        except ValidationException as error:
            if EMPTY_KEY in error.message:
                raise
            found.append(None)
            reasons.append(reason(error))
    refuse_twice([(of.space, key) for of, key in zip(tables, found, strict=True) if key is not None])
    return found, reasons
