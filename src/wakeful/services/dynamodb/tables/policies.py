"""Resource policies of tables and of streams ("Using resource-based policies for DynamoDB").

Indexes have none of their own: what a table's policy says of them counts. A policy is answered in the one spelling that
DynamoDB has for it, and sending it once more in another changes nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from wakeful import limits, names
from wakeful.fabric import policy as evaluator
from wakeful.fabric.policy import PolicyError, parse_policy
from wakeful.fabric.service import Call
from wakeful.services.dynamodb.errors import PolicyNotFoundException, ValidationException
from wakeful.services.dynamodb.tables.definition import INVALID
from wakeful.store.tx import Row, Tx
from wakeful.wire.errors import AccessDenied

CHANGED = "dynamodb.policies"
"""Woken when a policy comes, goes or is another."""

_NO_POLICY = "NO_POLICY"
_STREAM_ACTIONS = ("dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator")
_ORDER = ("Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition")


def of(tx: Tx, arn: str) -> str | None:
    """The policy that counts for a table, an index or a stream, as authorisation asks for it."""
    row = _row(tx, arn.partition("/index/")[0])
    return None if row is None else row["policy"]


def put(tx: Tx, call: Call, arn: str, text: str, *, expected: str | None, is_lockout_meant: bool) -> str:
    """The resource has this policy; its revision. Raises ValidationException for what is none, and
    PolicyNotFoundException where the one it has is not the expected one.
    """
    sent = _checked(arn, text)
    policy = _dump(_spelled(sent))
    tx.lock("dynamodb", "policy", arn)
    row = _row(tx, arn)
    _check_expected(arn, row, expected)
    if not is_lockout_meant:
        _check_lockout(call, arn, policy)
    if row is not None and row["sent"] == _dump(sent):
        return str(row["revision"])
    revision = _next_revision(tx, row)
    tx.run(
        "INSERT INTO dynamodb_policies(resource, policy, sent, revision) VALUES (?, ?, ?, ?) ON CONFLICT(resource)"
        " DO UPDATE SET policy = excluded.policy, sent = excluded.sent, revision = excluded.revision",
        *(arn, policy, _dump(sent), revision),
    )
    tx.wake(CHANGED)
    return revision


def find(tx: Tx, arn: str) -> tuple[str, str]:
    """The policy and its revision. Raises PolicyNotFoundException."""
    row = _row(tx, arn)
    if row is None:
        raise PolicyNotFoundException(f"Resource-based policy not found for the provided ResourceArn: {arn}")
    return row["policy"], row["revision"]


def delete(tx: Tx, arn: str, *, expected: str | None) -> str | None:
    """The resource has none; the revision of the one it had. Raises PolicyNotFoundException as `put` does."""
    tx.lock("dynamodb", "policy", arn)
    row = _row(tx, arn)
    _check_expected(arn, row, expected)
    if row is None:
        return None
    tx.run("DELETE FROM dynamodb_policies WHERE resource = ?", arn)
    tx.wake(CHANGED)
    return str(row["revision"])


def forget(tx: Tx, arn: str) -> None:
    """The resource is gone, and its policy with it."""
    tx.lock("dynamodb", "policy", arn)
    if tx.run("DELETE FROM dynamodb_policies WHERE resource = ?", arn):
        tx.wake(CHANGED)


def _row(tx: Tx, arn: str) -> Row | None:
    return tx.one("SELECT * FROM dynamodb_policies WHERE resource = ?", arn)


def _next_revision(tx: Tx, row: Row | None) -> str:
    """Milliseconds of the change, and never one that was."""
    return str(max(int(tx.now * 1000), int(row["revision"]) + 1 if row is not None else 0))


def _check_expected(arn: str, row: Row | None, expected: str | None) -> None:
    if expected is None or (row is None and expected == _NO_POLICY):
        return
    asked = (
        "Resource-based policy not found for the provided ResourceArn: Requested update for policy with revision id"
        f" {expected}, but "
    )
    name = names.parse_arn(arn).resource.partition("/")[2]
    if row is None:
        raise PolicyNotFoundException(f"{asked}table {name} has no associated policy")
    if row["revision"] != expected:
        raise PolicyNotFoundException(f"{asked}the policy associated to target table {name} did not match")


# --- what a policy may say -------------------------------------------------------------------------------------------


def _checked(arn: str, text: str) -> dict[str, Any]:
    """The document, its statements in a list. Raises ValidationException."""
    if len(text.encode()) > limits.DYNAMODB_POLICY_BYTES_MAX:
        raise ValidationException(f"{INVALID}Maximum policy size of {limits.DYNAMODB_POLICY_BYTES_MAX} bytes exceeded")
    try:
        document = json.loads(text)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise _wrong("This policy contains invalid Json")
    if document.get("Statement") == []:
        raise _wrong("Could not parse the policy: Statement is empty!")
    for statement in _listed(document.get("Statement", ())):
        for member in ("Effect", "Resource") if isinstance(statement, dict) else ():
            if member not in statement and f"Not{member}" not in statement:
                raise _wrong(f"Missing required field {member}")
    try:
        parse_policy(text, "resource")
    except PolicyError as fault:
        raise _wrong(str(fault)) from fault
    statements = _listed(document["Statement"])
    for statement in statements:
        _check_actions(arn, statement)
        if _is_unbounded(statement):
            raise ValidationException(
                "Resource-based policy grants unbounded access in one or more elements. Please revise the policy to"
                " ensure least-privilege form of access"
            )
    return {**document, "Statement": [_same(statement) for statement in statements]}


def _wrong(what: str) -> ValidationException:
    return ValidationException(f"{INVALID}Invalid policy document: {what}")


def _check_actions(arn: str, statement: Mapping[str, Any]) -> None:
    """A table's policy speaks of DynamoDB's actions but those of streams, a stream's of those alone."""
    actions = _listed(statement.get("Action", statement.get("NotAction")))
    is_stream = "/stream/" in arn
    stream_actions = [each.lower() for each in _STREAM_ACTIONS]
    wrong = [
        action
        for action in actions
        if action != "*"
        and (
            not action.lower().startswith("dynamodb:")
            or ("*" not in action and "?" not in action and (action.lower() in stream_actions) != is_stream)
        )
    ]
    if wrong:
        told = ", ".join(f'"{action}"' for action in wrong)
        raise _wrong(f"The following action names are invalid: {told}")


def _is_unbounded(statement: Mapping[str, Any]) -> bool:
    """Whether it gives something to everybody, under no condition."""
    if statement["Effect"] != "Allow" or statement.get("Condition"):
        return False
    principal = statement.get("Principal")
    if principal is None:  # NotPrincipal: everybody else
        return True
    return any("*" in _listed(each) for each in (principal.values() if isinstance(principal, dict) else [principal]))


def _check_lockout(call: Call, arn: str, policy: str) -> None:
    """Raises AccessDenied where the caller could not change the policy any more."""
    principal = call.principal
    asks = evaluator.Principal(
        "AssumedRole" if principal.role_arn else ("User" if principal.kind == "user" else "Account"),
        principal.arn,
        principal.account,
        role_arn=principal.role_arn or "",
    )
    request = evaluator.Request(asks, "dynamodb:PutResourcePolicy", arn)
    if evaluator.evaluate(request, resource=parse_policy(policy, "resource")).effect == "explicitDeny":
        raise AccessDenied("The new resource policy will not allow you to update the resource policy in the future.")


# --- its one spelling ------------------------------------------------------------------------------------------------


def _same(statement: Mapping[str, Any]) -> dict[str, Any]:
    """The statement as it is compared and answered: one name is no list, an account is its root."""
    made = {name: statement[name] for name in _ORDER if name in statement}
    for name in ("Action", "NotAction", "Resource", "NotResource"):
        if name in made:
            made[name] = _single(_listed(made[name]))
    for name in ("Principal", "NotPrincipal"):
        if isinstance(made.get(name), dict):
            made[name] = {
                kind: _single(list(dict.fromkeys(map(_root, _listed(each))))) for kind, each in made[name].items()
            }
    made["Effect"] = str(made["Effect"]).capitalize()
    return made


def _spelled(sent: Mapping[str, Any]) -> dict[str, Any]:
    rest = {name: value for name, value in sent.items() if name not in ("Version", "Statement")}
    return {"Version": sent.get("Version", "2008-10-17"), **rest, "Statement": sent["Statement"]}


def _root(principal: str) -> str:
    return f"arn:aws:iam::{principal}:root" if re.fullmatch("[0-9]{12}", principal) else principal


def _single(values: list[Any]) -> Any:
    return values[0] if len(values) == 1 else values


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _dump(document: Mapping[str, Any]) -> str:
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False)
