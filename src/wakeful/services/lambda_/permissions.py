"""Resource policies of functions: who else may invoke them. A statement speaks of a function, version or alias.

A policy has no revision of its own, but that of what it is put on, which is in a new one whenever its policy changes.
"""

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
from wakeful.store.tx import Row, Tx


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
    _check_size({**_envelope(tx, reference), "Statement": [*statements, statement]})
    _insert(tx, reference, sid, len(statements), statement)
    _revise(tx, reference)
    return statement


def remove(tx: Tx, reference: Reference, sid: str, revision: str | None) -> None:
    """The policy has no statement of that name any more."""
    tx.lock("lambda", reference.arn)
    aliases.target(tx, reference)
    _check_revision(tx, reference, revision)
    rows = _rows(tx, reference)
    if not rows:
        raise ResourceNotFoundException("No policy is associated with the given resource.")
    key = next((row["sid"] for row in rows if json.loads(row["statement"]).get("Sid") == sid), None)
    if key is None:
        raise ResourceNotFoundException(f"Statement {sid} is not found in resource policy.")
    tx.run(
        "DELETE FROM lambda_permissions WHERE function = ? AND qualifier = ? AND sid = ?",
        *(reference.arn, reference.qualifier, key),
    )
    if len(rows) == 1:
        _forget(tx, reference)
    _revise(tx, reference)


def replace(tx: Tx, reference: Reference, document: Mapping[str, Any], revision: str | None) -> tuple[str, str]:
    """The policy is this one, whatever it was before; as text, and its revision."""
    tx.lock("lambda", reference.arn)
    aliases.target(tx, reference)
    _check_revision(tx, reference, revision)
    _check_size(document)
    _forget(tx, reference)
    envelope = {name: value for name, value in document.items() if name != "Statement"}
    tx.run(
        "INSERT INTO lambda_policies(function, qualifier, envelope) VALUES (?, ?, ?)",
        *(reference.arn, reference.qualifier, text_of(envelope).encode()),
    )
    for place, statement in enumerate(document["Statement"]):
        _insert(tx, reference, f"#{place}", place, statement)  # a statement may have no name, and none begins so
    _revise(tx, reference)
    return find(tx, reference)


def delete(tx: Tx, reference: Reference, revision: str | None) -> None:
    """There is no policy any more. Raises ResourceNotFoundException where there was none."""
    tx.lock("lambda", reference.arn)
    find(tx, reference)
    _check_revision(tx, reference, revision)
    _forget(tx, reference)
    _revise(tx, reference)


def find(tx: Tx, reference: Reference) -> tuple[str, str]:
    """The policy as text, and its revision. Raises ResourceNotFoundException where there is none."""
    revision = _revision(tx, reference)
    document = _document(tx, reference)
    if document is None:
        raise ResourceNotFoundException("The resource you requested does not exist.")
    return text_of(document), revision


def policy(tx: Tx, arn: str) -> str | None:
    """The policy of a function, version or alias, as authorisation asks for it."""
    try:
        reference = of_arn(arn)
    except ValueError:
        return None
    document = _document(tx, reference)
    return None if document is None else text_of(document)


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


def _document(tx: Tx, reference: Reference) -> dict[str, Any] | None:
    statements = _statements(tx, reference)
    return {**_envelope(tx, reference), "Statement": statements} if statements else None


def _envelope(tx: Tx, reference: Reference) -> dict[str, Any]:
    """What a policy has beside its statements: as it was put, or as AddPermission makes it."""
    row = tx.one(
        "SELECT envelope FROM lambda_policies WHERE function = ? AND qualifier = ?", reference.arn, reference.qualifier
    )
    return {"Version": "2012-10-17", "Id": "default"} if row is None else dict(json.loads(row["envelope"]))


def _statements(tx: Tx, reference: Reference) -> list[dict[str, Any]]:
    return [json.loads(row["statement"]) for row in _rows(tx, reference)]


def _rows(tx: Tx, reference: Reference) -> list[Row]:
    return tx.all(
        "SELECT sid, statement FROM lambda_permissions WHERE function = ? AND qualifier = ? ORDER BY place, sid",
        *(reference.arn, reference.qualifier),
    )


def _has(tx: Tx, reference: Reference, sid: str) -> bool:
    return any(statement.get("Sid") == sid for statement in _statements(tx, reference))


def _insert(tx: Tx, reference: Reference, key: str, place: int, statement: Mapping[str, Any]) -> None:
    tx.run(
        "INSERT INTO lambda_permissions(function, qualifier, sid, place, statement) VALUES (?, ?, ?, ?, ?)",
        *(reference.arn, reference.qualifier, key, place, text_of(statement)),
    )


def _forget(tx: Tx, reference: Reference) -> None:
    for table in ("lambda_permissions", "lambda_policies"):
        tx.run(
            f"DELETE FROM {table} WHERE function = ? AND qualifier = ?",  # noqa: S608 - our own two names
            *(reference.arn, reference.qualifier),
        )


def _check_size(document: Mapping[str, Any]) -> None:
    if len(text_of(document).encode()) > limits.LAMBDA_POLICY_BYTES_MAX:
        raise PolicyLengthExceededException(
            f"The final policy size is bigger than the limit ({limits.LAMBDA_POLICY_BYTES_MAX})."
        )


def _check_revision(tx: Tx, reference: Reference, revision: str | None) -> None:
    if revision is not None and revision != _revision(tx, reference):
        raise PreconditionFailedException(
            "The RevisionId provided does not match the latest RevisionId. Call the GetPolicy API to retrieve the"
            " latest Policy"
        )


def _revision(tx: Tx, reference: Reference) -> str:
    alias = aliases.get(tx, reference.arn, reference.qualifier)
    return functions.find(tx, reference).revision if alias is None else alias.revision


def _revise(tx: Tx, reference: Reference) -> None:
    alias = aliases.get(tx, reference.arn, reference.qualifier)
    if alias is None:
        functions.revise(tx, functions.find(tx, reference))
    else:
        aliases.revise(tx, alias)


def revision_of(policy: Any) -> str:
    """The same policy has the same revision, and any other another."""
    return names.uuid_of(text_of(policy))


def text_of(value: Any) -> str:
    """JSON as Lambda writes policies."""
    return json.dumps(value, separators=(",", ":"))
