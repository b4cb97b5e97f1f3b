"""IAM's API of roles."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from wakeful import limits
from wakeful.fabric.service import Call
from wakeful.services.iam import documents, entities, pages, policies, tags
from wakeful.services.iam.api import api
from wakeful.services.iam.entities import Entity
from wakeful.services.iam.errors import LimitExceededException, NoSuchEntityException
from wakeful.store.tx import Tx

if TYPE_CHECKING:
    from wakeful.shapes import iam as shapes


@api.writes
def create_role(call: Call, tx: Tx, request: shapes.CreateRoleRequest) -> shapes.CreateRoleResponse:
    boundary = request.get("PermissionsBoundary")
    if boundary is not None:
        policies.find_attachable(tx, call.account, boundary)
    _check_trust(request["AssumeRolePolicyDocument"])
    role = entities.create(
        tx,
        call.account,
        "role",
        request["RoleName"],
        request.get("Path", "/"),
        boundary=boundary,
        tags=tags.merged({}, request.get("Tags", [])),
        trust=request["AssumeRolePolicyDocument"],
        description=request.get("Description"),
        max_session_s=request.get("MaxSessionDuration", limits.IAM_SESSION_MAX_S),
    )
    return {"Role": _described(role)}


@api.reads
def get_role(call: Call, tx: Tx, request: shapes.GetRoleRequest) -> shapes.GetRoleResponse:
    return {"Role": _described(_role(call, tx, request))}


@api.reads
def list_roles(call: Call, tx: Tx, request: shapes.ListRolesRequest) -> shapes.ListRolesResponse:
    prefix = request.get("PathPrefix", "/")
    listed = entities.listed(tx, call.account, "role", pages.after(request), pages.count(request) + 1, prefix)
    found = pages.page(request, listed, entities.key)
    return {"Roles": [_brief(role) for role in found.items], **found.rest}  # type: ignore[typeddict-item]


@api.writes
def update_role(call: Call, tx: Tx, request: shapes.UpdateRoleRequest) -> shapes.UpdateRoleResponse:
    role = _role(call, tx, request)
    entities.describe(
        tx,
        role,
        request.get("Description", role.description),
        request.get("MaxSessionDuration", role.max_session_s),
    )
    return {}


@api.writes
def update_role_description(
    call: Call, tx: Tx, request: shapes.UpdateRoleDescriptionRequest
) -> shapes.UpdateRoleDescriptionResponse:
    role = _role(call, tx, request)
    entities.describe(tx, role, request["Description"], role.max_session_s)
    return {"Role": _described(_role(call, tx, request))}


@api.writes
def delete_role(call: Call, tx: Tx, request: shapes.DeleteRoleRequest) -> None:
    entities.delete(tx, _role(call, tx, request))


@api.writes
def update_assume_role_policy(call: Call, tx: Tx, request: shapes.UpdateAssumeRolePolicyRequest) -> None:
    """From now on this policy says who may assume the role."""
    role = _role(call, tx, request)
    _check_trust(request["PolicyDocument"])
    entities.set_trust(tx, role, request["PolicyDocument"])


@api.reads
def list_role_tags(call: Call, tx: Tx, request: shapes.ListRoleTagsRequest) -> shapes.ListRoleTagsResponse:
    found = pages.page_of_all(request, tags.listed(_role(call, tx, request).tags), lambda tag: tag["Key"])
    return {"Tags": found.items, **found.rest}  # type: ignore[typeddict-item]


@api.writes
def tag_role(call: Call, tx: Tx, request: shapes.TagRoleRequest) -> None:
    role = _role(call, tx, request)
    entities.set_tags(tx, role, tags.merged(role.tags, request["Tags"]))


@api.writes
def untag_role(call: Call, tx: Tx, request: shapes.UntagRoleRequest) -> None:
    role = _role(call, tx, request)
    entities.set_tags(tx, role, tags.without(role.tags, request["TagKeys"]))


@api.writes
def put_role_permissions_boundary(call: Call, tx: Tx, request: shapes.PutRolePermissionsBoundaryRequest) -> None:
    role = _role(call, tx, request)
    policies.find_attachable(tx, call.account, request["PermissionsBoundary"])
    entities.set_boundary(tx, role, request["PermissionsBoundary"])


@api.writes
def delete_role_permissions_boundary(call: Call, tx: Tx, request: shapes.DeleteRolePermissionsBoundaryRequest) -> None:
    role = _role(call, tx, request)
    if role.boundary is None:
        raise NoSuchEntityException(f"The role with name {role.name} has no permissions boundary.")
    entities.set_boundary(tx, role, None)


@api.reads
def list_instance_profiles_for_role(
    call: Call, tx: Tx, request: shapes.ListInstanceProfilesForRoleRequest
) -> shapes.ListInstanceProfilesForRoleResponse:
    """None: there are no instances here for which profiles could be. Terraform asks before it deletes a role."""
    _role(call, tx, request)
    return {"InstanceProfiles": [], "IsTruncated": False}


def _role(call: Call, tx: Tx, request: Mapping[str, object]) -> Entity:
    return entities.find(tx, call.account, "role", str(request["RoleName"]))


def _check_trust(document: str) -> None:
    documents.check(document, "trust")
    if documents.size_of(document) > limits.IAM_TRUST_POLICY_CHARS_MAX:
        raise LimitExceededException(f"Cannot exceed quota for ACLSizePerRole: {limits.IAM_TRUST_POLICY_CHARS_MAX}")


def _brief(role: Entity) -> shapes.Role:
    assert role.trust is not None
    return {
        "Path": role.path,
        "RoleName": role.name,
        "RoleId": role.id,
        "Arn": role.arn,
        "CreateDate": role.created,
        "AssumeRolePolicyDocument": documents.shown(role.trust),
        "Description": role.description,
        "MaxSessionDuration": role.max_session_s,
    }


def _described(role: Entity) -> shapes.Role:
    described = _brief(role)
    if role.boundary is not None:
        described["PermissionsBoundary"] = {
            "PermissionsBoundaryType": "Policy",
            "PermissionsBoundaryArn": role.boundary,
        }
    if role.tags:
        described["Tags"] = tags.listed(role.tags)
    return described
