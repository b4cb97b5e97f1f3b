"""Lambda's API of whole resource policies: the same policies whose statements AddPermission adds one by one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from wakeful.fabric.policy import PolicyError, parse_policy
from wakeful.fabric.service import Call
from wakeful.services.lambda_ import permissions
from wakeful.services.lambda_.api import api
from wakeful.services.lambda_.errors import InvalidParameterValueException, PublicPolicyException
from wakeful.services.lambda_.references import LATEST, Reference, reference
from wakeful.services.lambda_.settings import NotSupported
from wakeful.store.tx import Tx

if TYPE_CHECKING:
    from wakeful.shapes import lambda_ as shapes


@api.writes
def put_resource_policy(
    call: Call, tx: Tx, request: shapes.PutResourcePolicyRequest
) -> shapes.PutResourcePolicyResponse:
    """The function, version or alias has this policy and no other."""
    wanted = _resource(call, request["ResourceArn"])
    document = _document(request["Policy"], wanted)
    if any(is_public(statement) for statement in document["Statement"]):
        raise PublicPolicyException
    policy, revision = permissions.replace(tx, wanted, document, request.get("RevisionId"))
    return {"Policy": policy, "RevisionId": revision}


@api.reads
def get_resource_policy(
    call: Call, tx: Tx, request: shapes.GetResourcePolicyRequest
) -> shapes.GetResourcePolicyResponse:
    policy, revision = permissions.find(tx, _resource(call, request["ResourceArn"]))
    return {"Policy": policy, "RevisionId": revision}


@api.writes
def delete_resource_policy(call: Call, tx: Tx, request: shapes.DeleteResourcePolicyRequest) -> None:
    permissions.delete(tx, _resource(call, request["ResourceArn"]), request.get("RevisionId"))


def is_public(statement: Mapping[str, Any]) -> bool:
    """Whether it allows anything to whom it does not name, under no condition that names them, or a function URL."""
    if statement["Effect"] != "Allow":
        return False
    principal = statement.get("Principal")
    if principal is None:  # NotPrincipal: everybody else
        return True
    named = principal.values() if isinstance(principal, dict) else [principal]
    if not any("*" in str(value) for values in named for value in _listed(values)):
        return False
    return not any(
        operator.lower().removeprefix("foranyvalue:") in _NARROWING and key.lower() in _NAMING and _are_fixed(values)
        for operator, keys in statement.get("Condition", {}).items()
        for key, values in keys.items()
    )


_NARROWING = frozenset(
    {"stringequals", "stringequalsignorecase", "stringlike", "arnequals", "arnlike", "ipaddress", "bool"}
)
_NAMING = frozenset(
    {
        *("aws:principalaccount", "aws:principalarn", "aws:principalorgid", "aws:principalorgpaths"),
        *("aws:sourceaccount", "aws:sourcearn", "aws:sourceip", "aws:sourceorgid", "aws:sourceowner"),
        *("aws:sourcevpc", "aws:sourcevpce", "aws:userid", "lambda:eventsourcetoken"),
        *("lambda:functionurlauthtype", "lambda:invokedviafunctionurl"),
    }
)


def _are_fixed(values: Any) -> bool:
    texts = [str(value) for value in _listed(values)]
    return bool(texts) and not any(sign in text for text in texts for sign in ("*", "?", "${", "0.0.0.0/0", "::/0"))


def _resource(call: Call, arn: str) -> Reference:
    if ":runtime/" in arn:
        raise NotSupported(f"Wakeful does not have runtimes of one's own yet ({arn}).")
    wanted = reference(call, arn)
    if wanted.qualifier == LATEST:
        raise InvalidParameterValueException("We currently do not support adding policies for $LATEST.")
    return wanted


def _document(text: str, resource: Reference) -> dict[str, Any]:
    """The policy, with its statements in a list. Raises InvalidParameterValueException for what is none of this
    resource's."""
    try:
        parse_policy(text, "resource")
    except PolicyError as fault:
        raise InvalidParameterValueException(f"The resource policy is invalid: {fault}") from fault
    document: dict[str, Any] = json.loads(text)
    statements = _listed(document["Statement"])
    for statement in statements:
        if "Resource" not in statement or any(arn != resource.qualified for arn in _listed(statement["Resource"])):
            raise InvalidParameterValueException(
                f"The resource policy is invalid: the Resource of every statement must be {resource.qualified}."
            )
        actions = _listed(statement.get("Action", statement.get("NotAction")))
        if not all(action == "*" or action.lower().startswith("lambda:") for action in actions):
            raise InvalidParameterValueException(
                "The resource policy is invalid: it may only speak of Lambda's actions."
            )
    return {**document, "Statement": statements}


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
