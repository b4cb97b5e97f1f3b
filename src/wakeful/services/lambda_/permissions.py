"""Resource policies of functions: who else may invoke them. A statement speaks of a function, version or alias."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from wakeful import limits, names
from wakeful.services.lambda_ import aliases, functions
from wakeful.services.lambda_.errors import (
    InvalidParameterValueException,
    PolicyLengthExceededException,
    PreconditionFailedException,
    ResourceConflictException,
    ResourceNotFoundException,
)
from wakeful.services.lambda_.references import LATEST, Reference, of_arn
from wakeful.store.tx import Tx


def add(tx: Tx, reference: Reference, request: Mapping[str, Any]) -> dict[str, Any]:
    """The statement, which the policy now has."""
    if reference.qualifier == LATEST:
        raise InvalidParameterValueException("We currently do not support adding policies for $LATEST.")
    tx.lock("lambda", reference.arn)
    aliases.target(tx, reference)
    _check_revision(tx, reference, request.get("RevisionId"))
    statement = _statement(reference, request)
    sid = request["StatementId"]
    if _has(tx, reference, sid):
        raise ResourceConflictException(
            f"The statement id ({sid}) provided already exists. Please provide a new statement id, or remove the"
            " existing statement."
        )
    statements = _statements(tx, reference)
    if len(json.dumps([*statements, statement])) > limits.LAMBDA_POLICY_BYTES_MAX:
        raise PolicyLengthExceededException(
            f"The final policy size is bigger than the limit ({limits.LAMBDA_POLICY_BYTES_MAX})."
        )
    tx.run(
        "INSERT INTO lambda_permissions(function, qualifier, sid, place, statement) VALUES (?, ?, ?, ?, ?)",
        *(reference.arn, reference.qualifier, sid, len(statements), text_of(statement)),
    )
    return statement


def remove(tx: Tx, reference: Reference, sid: str, revision: str | None) -> None:
    tx.lock("lambda", reference.arn)
    aliases.target(tx, reference)
    _check_revision(tx, reference, revision)
    gone = tx.run(
        "DELETE FROM lambda_permissions WHERE function = ? AND qualifier = ? AND sid = ?",
        *(reference.arn, reference.qualifier, sid),
    )
    if not gone:
        raise ResourceNotFoundException(f"Statement {sid} is not found in resource policy.")


def find(tx: Tx, reference: Reference) -> tuple[str, str]:
    """The policy as text, and its revision. Raises ResourceNotFoundException where there is none."""
    functions.find(tx, reference)
    statements = _statements(tx, reference)
    if not statements:
        raise ResourceNotFoundException("The resource you requested does not exist.")
    policy = {"Version": "2012-10-17", "Id": "default", "Statement": statements}
    return text_of(policy), revision_of(statements)


def policy(tx: Tx, arn: str) -> str | None:
    """The policy of a function, version or alias, as authorisation asks for it."""
    try:
        reference = of_arn(arn)
    except ValueError:
        return None
    statements = _statements(tx, reference)
    return text_of({"Version": "2012-10-17", "Id": "default", "Statement": statements}) if statements else None


def _statement(reference: Reference, request: Mapping[str, Any]) -> dict[str, Any]:
    principal = request["Principal"]
    condition: dict[str, dict[str, str]] = {}
    if "SourceArn" in request:
        condition["ArnLike"] = {"AWS:SourceArn": request["SourceArn"]}
    equals = {
        "AWS:SourceAccount": request.get("SourceAccount"),
        "aws:PrincipalOrgID": request.get("PrincipalOrgID"),
        "lambda:FunctionUrlAuthType": request.get("FunctionUrlAuthType"),
        "lambda:EventSourceToken": request.get("EventSourceToken"),
    }
    given = {key: value for key, value in equals.items() if value is not None}
    if given:
        condition["StringEquals"] = given
    if "InvokedViaFunctionUrl" in request:
        condition["Bool"] = {"lambda:InvokedViaFunctionUrl": str(request["InvokedViaFunctionUrl"]).lower()}
    return {
        "Sid": request["StatementId"],
        "Effect": "Allow",
        "Principal": principal_of(principal),
        "Action": request["Action"],
        "Resource": reference.qualified,
        **({"Condition": condition} if condition else {}),
    }


def principal_of(principal: str) -> Any:
    """As a statement names it."""
    if principal == "*":
        return "*"
    if names.is_arn(principal):
        return {"AWS": principal}
    if re.fullmatch(r"[0-9]{12}", principal):
        return {"AWS": f"arn:aws:iam::{principal}:root"}
    if "." in principal:
        return {"Service": principal}
    raise InvalidParameterValueException(
        "The provided principal was invalid. Please check the principal and try again."
    )


def _statements(tx: Tx, reference: Reference) -> list[dict[str, Any]]:
    rows = tx.all(
        "SELECT statement FROM lambda_permissions WHERE function = ? AND qualifier = ? ORDER BY place, sid",
        *(reference.arn, reference.qualifier),
    )
    return [json.loads(row["statement"]) for row in rows]


def _has(tx: Tx, reference: Reference, sid: str) -> bool:
    return (
        tx.one(
            "SELECT 1 FROM lambda_permissions WHERE function = ? AND qualifier = ? AND sid = ?",
            *(reference.arn, reference.qualifier, sid),
        )
        is not None
    )


def _check_revision(tx: Tx, reference: Reference, revision: str | None) -> None:
    if revision is not None and revision != revision_of(_statements(tx, reference)):
        raise PreconditionFailedException(
            "The RevisionId provided does not match the latest RevisionId. Call the GetPolicy API to retrieve the"
            " latest Policy"
        )


def revision_of(statements: list[dict[str, Any]]) -> str:
    """The same policy has the same revision, and any other another."""
    return names.uuid_of(text_of(statements))


def text_of(value: Any) -> str:
    """JSON as Lambda writes policies."""
    return json.dumps(value, separators=(",", ":"))
