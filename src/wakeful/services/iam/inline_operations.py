"""IAM's API of inline policies: the same four operations for users, groups and roles."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from wakeful.fabric.service import Call
from wakeful.services.iam import documents, entities, inline, pages
from wakeful.services.iam.api import api
from wakeful.services.iam.entities import Entity
from wakeful.store.tx import Tx

if TYPE_CHECKING:
    from wakeful.shapes import iam as shapes


@api.writes
def put_user_policy(call: Call, tx: Tx, request: shapes.PutUserPolicyRequest) -> None:
    inline.put(tx, _user(call, tx, request), request["PolicyName"], request["PolicyDocument"])


@api.writes
def put_group_policy(call: Call, tx: Tx, request: shapes.PutGroupPolicyRequest) -> None:
    inline.put(tx, _group(call, tx, request), request["PolicyName"], request["PolicyDocument"])


@api.writes
def put_role_policy(call: Call, tx: Tx, request: shapes.PutRolePolicyRequest) -> None:
    inline.put(tx, _role(call, tx, request), request["PolicyName"], request["PolicyDocument"])


@api.reads
def get_user_policy(call: Call, tx: Tx, request: shapes.GetUserPolicyRequest) -> shapes.GetUserPolicyResponse:
    user, name = _user(call, tx, request), request["PolicyName"]
    return {"UserName": user.name, "PolicyName": name, "PolicyDocument": documents.shown(inline.find(tx, user, name))}


@api.reads
def get_group_policy(call: Call, tx: Tx, request: shapes.GetGroupPolicyRequest) -> shapes.GetGroupPolicyResponse:
    group, name = _group(call, tx, request), request["PolicyName"]
    return {
        "GroupName": group.name,
        "PolicyName": name,
        "PolicyDocument": documents.shown(inline.find(tx, group, name)),
    }


@api.reads
def get_role_policy(call: Call, tx: Tx, request: shapes.GetRolePolicyRequest) -> shapes.GetRolePolicyResponse:
    role, name = _role(call, tx, request), request["PolicyName"]
    return {"RoleName": role.name, "PolicyName": name, "PolicyDocument": documents.shown(inline.find(tx, role, name))}


@api.writes
def delete_user_policy(call: Call, tx: Tx, request: shapes.DeleteUserPolicyRequest) -> None:
    inline.delete(tx, _user(call, tx, request), request["PolicyName"])


@api.writes
def delete_group_policy(call: Call, tx: Tx, request: shapes.DeleteGroupPolicyRequest) -> None:
    inline.delete(tx, _group(call, tx, request), request["PolicyName"])


@api.writes
def delete_role_policy(call: Call, tx: Tx, request: shapes.DeleteRolePolicyRequest) -> None:
    inline.delete(tx, _role(call, tx, request), request["PolicyName"])


@api.reads
def list_user_policies(call: Call, tx: Tx, request: shapes.ListUserPoliciesRequest) -> shapes.ListUserPoliciesResponse:
    found = _listed(tx, _user(call, tx, request), request)
    return {"PolicyNames": found.items, **found.rest}  # type: ignore[typeddict-item]


@api.reads
def list_group_policies(
    call: Call, tx: Tx, request: shapes.ListGroupPoliciesRequest
) -> shapes.ListGroupPoliciesResponse:
    found = _listed(tx, _group(call, tx, request), request)
    return {"PolicyNames": found.items, **found.rest}  # type: ignore[typeddict-item]


@api.reads
def list_role_policies(call: Call, tx: Tx, request: shapes.ListRolePoliciesRequest) -> shapes.ListRolePoliciesResponse:
    found = _listed(tx, _role(call, tx, request), request)
    return {"PolicyNames": found.items, **found.rest}  # type: ignore[typeddict-item]


def _listed(tx: Tx, entity: Entity, request: Mapping[str, object]) -> pages.Page[str]:
    return pages.page_of_all(request, list(inline.every(tx, entity)), str)


def _user(call: Call, tx: Tx, request: Mapping[str, object]) -> Entity:
    return entities.find(tx, call.account, "user", str(request["UserName"]))


def _group(call: Call, tx: Tx, request: Mapping[str, object]) -> Entity:
    return entities.find(tx, call.account, "group", str(request["GroupName"]))


def _role(call: Call, tx: Tx, request: Mapping[str, object]) -> Entity:
    return entities.find(tx, call.account, "role", str(request["RoleName"]))
