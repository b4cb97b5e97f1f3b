"""Provisioned concurrency: environments of a version or an alias that stand ready before anybody calls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from wakeful import limits
from wakeful.services.lambda_ import aliases, functions, managed, snapshots
from wakeful.services.lambda_.billing import standing
from wakeful.services.lambda_.errors import InvalidParameterValueException
from wakeful.services.lambda_.references import Reference, of_arn
from wakeful.store.tx import Row, Tx


@dataclass(frozen=True, slots=True)
class Config:
    """How many environments shall stand ready for a version or an alias."""

    function: str
    qualifier: str
    requested: int
    modified: float

    @property
    def reference(self) -> Reference:
        return of_arn(f"{self.function}:{self.qualifier}")


def get(tx: Tx, reference: Reference) -> Config | None:
    row = tx.one(
        "SELECT * FROM lambda_provisioned WHERE function = ? AND qualifier = ?", reference.arn, reference.qualifier
    )
    return None if row is None else _config(row)


def listed(tx: Tx, function: str, after: str, limit: int) -> list[Config]:
    rows = tx.all(
        "SELECT * FROM lambda_provisioned WHERE function = ? AND qualifier > ? ORDER BY qualifier LIMIT ?",
        *(function, after, limit),
    )
    return [_config(row) for row in rows]


def every(tx: Tx) -> list[Config]:
    return [_config(row) for row in tx.all("SELECT * FROM lambda_provisioned ORDER BY function, qualifier")]


def beside(tx: Tx, reference: Reference, reservations: Mapping[str, int]) -> int:
    """How many are asked for in this account and region, for functions that have nothing reserved."""
    place = Reference(reference.account, reference.region, "").arn
    rows = tx.all(
        "SELECT function, sum(requested) AS sum FROM lambda_provisioned WHERE function >= ? AND function < ?"
        " GROUP BY function",
        *(place, place[:-1] + ";"),  # the character after the colon
    )
    return int(sum(row["sum"] for row in rows if row["function"] not in reservations))


def put(tx: Tx, reference: Reference, requested: int) -> Config:
    """So many are asked for. Raises what Lambda answers where the account or the function does not have as many."""
    tx.lock("lambda", f"concurrency {reference.account} {reference.region}", reference.arn)
    target = aliases.target(tx, reference)
    if "TenancyConfig" in target.config:
        raise InvalidParameterValueException(
            "Provisioned Concurrency cannot be configured for a function with tenant isolation."
        )
    if managed.is_asked_for(target.config):
        raise InvalidParameterValueException(
            "Provisioned Concurrency is not supported for Lambda Managed Instance functions."
        )
    if snapshots.is_asked_for(target.config):
        raise InvalidParameterValueException(
            "Provisioned Concurrency is not supported for SnapStart enabled functions."
        )
    _check_only(tx, reference, target)
    rest = tx.one(
        "SELECT coalesce(sum(requested), 0) AS sum FROM lambda_provisioned WHERE function = ? AND qualifier <> ?",
        *(reference.arn, reference.qualifier),
    )
    assert rest is not None
    _check_share(tx, reference, rest["sum"] + requested)
    tx.run(
        "INSERT INTO lambda_provisioned(function, qualifier, requested, modified) VALUES (?, ?, ?, ?)"
        " ON CONFLICT(function, qualifier) DO UPDATE SET requested = excluded.requested, modified = excluded.modified",
        *(reference.arn, reference.qualifier, requested, tx.now),
    )
    standing.reckon(tx, reference.arn)
    tx.wake(functions.CHANGED)
    return Config(reference.arn, reference.qualifier, requested, tx.now)


def delete(tx: Tx, reference: Reference) -> None:
    tx.lock("lambda", reference.arn)
    aliases.target(tx, reference)
    tx.run("DELETE FROM lambda_provisioned WHERE function = ? AND qualifier = ?", reference.arn, reference.qualifier)
    standing.reckon(tx, reference.arn)
    tx.wake(functions.CHANGED)


def _check_only(tx: Tx, reference: Reference, target: functions.Version) -> None:
    """A version has provisioned concurrency by its number or through an alias, not both."""
    others = tx.all(
        "SELECT p.qualifier FROM lambda_provisioned p LEFT JOIN lambda_aliases a ON a.function = p.function"
        " AND a.name = p.qualifier WHERE p.function = ? AND p.qualifier <> ? AND coalesce(a.version, p.qualifier) = ?",
        *(reference.arn, reference.qualifier, target.version),
    )
    if others and reference.qualifier != target.version:
        raise InvalidParameterValueException(
            "Alias can't be used for Provisioned Concurrency configuration on an already Provisioned version"
        )
    if others:
        raise InvalidParameterValueException(
            "Version is pointed by a Provisioned Concurrency alias and cannot be provisioned by its number"
        )


def _check_share(tx: Tx, reference: Reference, total: int) -> None:
    reservations = functions.reservations(tx, reference.account, reference.region)
    reserved = reservations.pop(reference.arn, None)
    if reserved is not None and total > reserved:
        raise InvalidParameterValueException(
            "Requested Provisioned Concurrency should not be greater than the reservedConcurrentExecution for function"
        )
    left = limits.CONCURRENT_EXECUTIONS_MAX - sum(reservations.values()) - total
    if reserved is None and left < limits.LAMBDA_UNRESERVED_CONCURRENCY_MIN:
        raise InvalidParameterValueException(
            "Specified ConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its"
            f" minimum value of [{limits.LAMBDA_UNRESERVED_CONCURRENCY_MIN}]."
        )


def _config(row: Row) -> Config:
    return Config(row["function"], row["qualifier"], row["requested"], row["modified"])
