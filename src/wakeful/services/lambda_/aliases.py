"""Aliases: names that point to a version, or divide invocations between two."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import orjson

from wakeful import names
from wakeful.services.lambda_ import functions
from wakeful.services.lambda_.billing import standing
from wakeful.services.lambda_.errors import (
    InvalidParameterValueException,
    PreconditionFailedException,
    ResourceConflictException,
    ResourceNotFoundException,
)
from wakeful.services.lambda_.references import LATEST, Reference
from wakeful.store.tx import Row, Tx

if TYPE_CHECKING:
    from wakeful.shapes import lambda_ as shapes


@dataclass(frozen=True, slots=True)
class Alias:
    function: str
    name: str
    version: str
    description: str
    routing: Mapping[str, float]
    revision: str

    @property
    def arn(self) -> str:
        return f"{self.function}:{self.name}"


def get(tx: Tx, function: str, name: str) -> Alias | None:
    row = tx.one("SELECT * FROM lambda_aliases WHERE function = ? AND name = ?", function, name)
    return None if row is None else _alias(row)


def find(tx: Tx, function: str, name: str) -> Alias:
    alias = get(tx, function, name)
    if alias is None:
        raise ResourceNotFoundException(f"Cannot find alias arn: {function}:{name}")
    return alias


def target(tx: Tx, reference: Reference) -> functions.Version:
    """The version that a reference means, for operations whose error names the alias that there is not."""
    qualifier = reference.qualifier
    if qualifier and qualifier[0] != "$" and not qualifier.isdigit() and functions.exists(tx, reference.arn):
        find(tx, reference.arn, qualifier)
    return functions.find(tx, reference)


def listed(tx: Tx, function: str, version: str | None, after: str, limit: int) -> list[Alias]:
    rows = tx.all(
        "SELECT * FROM lambda_aliases WHERE function = ? AND name > ? AND (? = '' OR version = ?)"
        " ORDER BY name LIMIT ?",
        *(function, after, version or "", version or "", limit),
    )
    return [_alias(row) for row in rows]


def create(
    tx: Tx, reference: Reference, name: str, version: str, description: str, routing: Mapping[str, float]
) -> Alias:
    tx.lock("lambda", reference.arn)
    _check_target(tx, reference, version, routing)
    if get(tx, reference.arn, name) is not None:
        raise ResourceConflictException(f"Alias already exists: {reference.arn}:{name}")
    tx.run(
        "INSERT INTO lambda_aliases(function, name, version, description, routing, revision) VALUES (?, ?, ?, ?, ?, ?)",
        *(reference.arn, name, version, description, orjson.dumps(dict(routing)), names.new_uuid()),
    )
    tx.wake(functions.CHANGED)
    return find(tx, reference.arn, name)


def update(tx: Tx, reference: Reference, name: str, request: Mapping[str, Any]) -> Alias:
    """What the request names is replaced."""
    tx.lock("lambda", reference.arn)
    alias = find(tx, reference.arn, name)
    if request.get("RevisionId", alias.revision) != alias.revision:
        raise PreconditionFailedException(
            "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to"
            " retrieve the latest Revision Id"
        )
    version = request.get("FunctionVersion", alias.version)
    routing = alias.routing
    if "RoutingConfig" in request:
        routing = request["RoutingConfig"].get("AdditionalVersionWeights") or {}
    _check_target(tx, reference, version, routing)
    tx.run(
        "UPDATE lambda_aliases SET version = ?, description = ?, routing = ?, revision = ?"
        " WHERE function = ? AND name = ?",
        *(version, request.get("Description", alias.description), orjson.dumps(dict(routing)), names.new_uuid()),
        *(reference.arn, name),
    )
    standing.reckon(tx, reference.arn)
    tx.wake(functions.CHANGED)
    return find(tx, reference.arn, name)


def revise(tx: Tx, alias: Alias) -> None:
    """It is in a new revision to clients."""
    tx.run(
        "UPDATE lambda_aliases SET revision = ? WHERE function = ? AND name = ?",
        *(names.new_uuid(), alias.function, alias.name),
    )


def delete(tx: Tx, reference: Reference, name: str) -> None:
    """The alias is gone, with its URL and all that spoke of it. That there was none is no error on AWS."""
    tx.lock("lambda", reference.arn)
    tx.run("DELETE FROM lambda_aliases WHERE function = ? AND name = ?", reference.arn, name)
    for table in ("lambda_permissions", "lambda_policies"):
        tx.run(f"DELETE FROM {table} WHERE function = ? AND qualifier = ?", reference.arn, name)  # noqa: S608 - ours
    tx.run("DELETE FROM lambda_provisioned WHERE function = ? AND qualifier = ?", reference.arn, name)
    tx.run("DELETE FROM lambda_urls WHERE function = ? AND qualifier = ?", reference.arn, name)
    tx.run("DELETE FROM lambda_event_configs WHERE function = ? AND qualifier = ?", reference.arn, name)
    standing.reckon(tx, reference.arn)
    tx.wake(functions.CHANGED)


def described(alias: Alias) -> shapes.AliasConfiguration:
    """AliasConfiguration."""
    shown: shapes.AliasConfiguration = {
        "AliasArn": alias.arn,
        "Name": alias.name,
        "FunctionVersion": alias.version,
        "Description": alias.description,
        "RevisionId": alias.revision,
    }
    if alias.routing:
        shown["RoutingConfig"] = {"AdditionalVersionWeights": dict(alias.routing)}
    return shown


def _check_target(tx: Tx, reference: Reference, version: str, routing: Mapping[str, float]) -> None:
    if len(routing) > 1:
        raise InvalidParameterValueException("Number of items in AdditionalVersionWeights cannot be greater than 1")
    functions.find_version(tx, replace(reference, qualifier=version), version)
    for other in routing:
        if LATEST in (version, other):
            raise InvalidParameterValueException(
                "$LATEST is not supported for an alias pointing to more than 1 version"
            )
        if other == version:
            raise InvalidParameterValueException(
                f"Invalid function version {version}. Function version {version} is already included in routing"
                " configuration."
            )
        functions.find_version(tx, replace(reference, qualifier=other), other)


def _alias(row: Row) -> Alias:
    return Alias(
        row["function"], row["name"], row["version"], row["description"], orjson.loads(row["routing"]), row["revision"]
    )
