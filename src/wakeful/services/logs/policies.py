"""Resource policies of an account's logs: which services may put events into which groups."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wakeful import limits, names
from wakeful.fabric.policy import PolicyError, parse_policy
from wakeful.fabric.service import Call
from wakeful.services.logs.errors import (
    InvalidParameterException,
    LimitExceededException,
    ResourceNotFoundException,
)
from wakeful.store.tx import Row, Tx

CHANGED = "logs.policies"
"""Woken when a policy comes, goes or is changed."""


@dataclass(frozen=True, slots=True)
class ResourcePolicy:
    name: str
    document: str
    updated: float


def put(tx: Tx, call: Call, name: str, document: str) -> ResourcePolicy:
    """The policy is there, in place of the one of its name."""
    if len(document) > limits.LOGS_POLICY_CHARS_MAX:
        raise InvalidParameterException(
            f"Policy document cannot be longer than {limits.LOGS_POLICY_CHARS_MAX} characters."
        )
    try:
        parse_policy(document, "resource")
    except PolicyError as error:
        raise InvalidParameterException(f"Invalid policy document. {error}") from None
    tx.lock("logs", call.account, call.region)
    others = [policy for policy in listed(tx, call) if policy.name != name]
    if len(others) >= limits.LOGS_POLICIES_MAX:
        raise LimitExceededException("Resource limit exceeded.")
    tx.run(
        "INSERT INTO logs_policies(account, region, name, document, updated) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT(account, region, name) DO UPDATE SET document = excluded.document, updated = excluded.updated",
        *(call.account, call.region, name, document, tx.now),
    )
    tx.wake(CHANGED)
    return ResourcePolicy(name, document, tx.now)


def delete(tx: Tx, call: Call, name: str) -> None:
    tx.lock("logs", call.account, call.region)
    if not tx.run(
        "DELETE FROM logs_policies WHERE account = ? AND region = ? AND name = ?", call.account, call.region, name
    ):
        raise ResourceNotFoundException(f"Policy with name [{name}] does not exist.")
    tx.wake(CHANGED)


def listed(tx: Tx, call: Call, after: str = "") -> list[ResourcePolicy]:
    """The caller's policies in this region by name, from the one after `after`."""
    return [_policy(row) for row in _rows(tx, call.account, call.region) if row["name"] > after]


def policy(tx: Tx, arn: str) -> str | None:
    """What all policies of the account say together, as authorisation asks for it.

    They speak of services alone: what they say of anybody else is not followed ("PutResourcePolicy").
    """
    if not names.is_arn(arn):
        return None
    parts = names.parse_arn(arn)
    documents = [json.loads(row["document"]) for row in _rows(tx, parts.account, parts.region)]
    statements = [_of_services(statement) for document in documents for statement in _statements(document)]
    return json.dumps({"Version": "2012-10-17", "Statement": statements}) if statements else None


def _of_services(statement: Mapping[str, Any]) -> dict[str, Any]:
    """The statement, without a name that another policy may have as well."""
    condition = statement.get("Condition", {})
    services_only = {**condition, "Bool": {**condition.get("Bool", {}), "aws:PrincipalIsAWSService": "true"}}
    return {**{name: value for name, value in statement.items() if name != "Sid"}, "Condition": services_only}


def _statements(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    found = document["Statement"]
    return [found] if isinstance(found, dict) else list(found)


def _rows(tx: Tx, account: str, region: str) -> list[Row]:
    return tx.all("SELECT * FROM logs_policies WHERE account = ? AND region = ? ORDER BY name", account, region)


def _policy(row: Row) -> ResourcePolicy:
    return ResourcePolicy(row["name"], row["document"], row["updated"])
