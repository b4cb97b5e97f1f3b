"""The rights IAM's operations need, and the ARNs of what they are about."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from wakeful.fabric.service import Call, Need, Request, Resource
from wakeful.services.iam import entities
from wakeful.store.tx import Tx

_NAMES = (("RoleName", "role"), ("GroupName", "group"), ("UserName", "user"))
_ON_EVERYTHING = ("GetAccessKeyLastUsed", "GetAccountSummary", "ListPolicies", "SimulateCustomPolicy")


def needs(call: Call, operation: str, request: Request) -> Iterable[Need]:
    """What IAM asks for ("Actions, resources, and condition keys for AWS Identity and Access Management")."""
    yield Need(f"iam:{operation}", _subject(call, operation, request), _context(request))


def _subject(call: Call, operation: str, request: Request) -> str:
    account = call.account
    if operation in _ON_EVERYTHING:
        return "*"
    if operation in ("ListUsers", "ListRoles", "ListGroups"):
        return f"arn:aws:iam::{account}:{operation[4:-1].lower()}/"
    if operation == "CreatePolicy":
        return f"arn:aws:iam::{account}:policy{request.get('Path', '/')}{request['PolicyName']}"
    if operation == "SimulatePrincipalPolicy":
        return str(request["PolicySourceArn"])
    for member, kind in _NAMES:
        if member in request:
            return f"arn:aws:iam::{account}:{kind}{request.get('Path', '/')}{request[member]}"
    if "PolicyArn" in request:
        return str(request["PolicyArn"])
    return call.principal.arn  # a user who asks for itself


def _context(request: Request) -> dict[str, str | Sequence[str]]:
    context: dict[str, Any] = {}
    if "PolicyArn" in request and any(member in request for member, _ in _NAMES):
        context["iam:PolicyARN"] = request["PolicyArn"]
    if "PermissionsBoundary" in request:
        context["iam:PermissionsBoundary"] = request["PermissionsBoundary"]
    if request.get("Tags"):
        context["aws:TagKeys"] = [tag["Key"] for tag in request["Tags"]]
        context |= {f"aws:RequestTag/{tag['Key']}": tag["Value"] for tag in request["Tags"]}
    return context


def resource(tx: Tx, arn: str) -> Resource:
    """The whole ARN of what a request names by its name: a path is known to its row only."""
    account, _, rest = arn.removeprefix("arn:aws:iam::").partition(":")
    kind, slash, name = rest.partition("/")
    if slash and name and "/" not in name and kind in ("user", "role", "group"):
        entity = entities.get(tx, account, kind, name)  # type: ignore[arg-type]
        if entity is not None:
            return Resource(entity.arn)
    return Resource(arn)
