"""IAM's API of managed policies and of their attachments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from wakeful import limits
from wakeful.fabric.service import Call
from wakeful.services.iam import documents, entities, keys, pages, policies, tags
from wakeful.services.iam.api import api
from wakeful.services.iam.entities import Entity
from wakeful.services.iam.policies import Policy, Version
from wakeful.store.tx import Tx

if TYPE_CHECKING:
    from wakeful.shapes import iam as shapes


# --- policies --------------------------------------------------------------------------------------------------------


@api.writes
def create_policy(call: Call, tx: Tx, request: shapes.CreatePolicyRequest) -> shapes.CreatePolicyResponse:
    policy = policies.create(
        tx,
        call.account,
        request["PolicyName"],
        request.get("Path", "/"),
        request["PolicyDocument"],
        request.get("Description", ""),
        tags.merged({}, request.get("Tags", [])),
    )
    described = _described(tx, call, policy)
    described.pop("Description", None)  # this answer is without it, and GetPolicy's is with it
    return {"Policy": described}


@api.reads
def get_policy(call: Call, tx: Tx, request: shapes.GetPolicyRequest) -> shapes.GetPolicyResponse:
    return {"Policy": _described(tx, call, policies.find(tx, call.account, request["PolicyArn"]))}


@api.reads
def list_policies(call: Call, tx: Tx, request: shapes.ListPoliciesRequest) -> shapes.ListPoliciesResponse:
    """The account's policies and AWS's own, in the order of their ARNs."""
    scope = request.get("Scope", "All")
    known = [] if scope == "AWS" else policies.own(tx, call.account)
    if scope != "Local":
        known += [policy for policy, _ in policies.aws_policies().values()]
    wanted = [policy for policy in known if _is_wanted(tx, call, request, policy)]
    found = pages.page_of_all(request, wanted, lambda policy: policy.arn)
    described = [_described(tx, call, policy) for policy in found.items]
    for each in described:
        each.pop("Description", None)
        each.pop("Tags", None)
    return {"Policies": described, **found.rest}  # type: ignore[typeddict-item]


def _is_wanted(tx: Tx, call: Call, request: shapes.ListPoliciesRequest, policy: Policy) -> bool:
    if not policy.path.startswith(request.get("PathPrefix", "/")):
        return False
    if request.get("PolicyUsageFilter") == "PermissionsBoundary":
        return policies.boundary_count(tx, call.account, policy) > 0
    if request.get("PolicyUsageFilter") == "PermissionsPolicy" or request.get("OnlyAttached"):
        return policies.attachment_count(tx, call.account, policy) > 0
    return True


@api.writes
def delete_policy(call: Call, tx: Tx, request: shapes.DeletePolicyRequest) -> None:
    policies.delete(tx, policies.find_own(tx, call.account, request["PolicyArn"]))


@api.reads
def list_policy_tags(call: Call, tx: Tx, request: shapes.ListPolicyTagsRequest) -> shapes.ListPolicyTagsResponse:
    policy = policies.find(tx, call.account, request["PolicyArn"])
    found = pages.page_of_all(request, tags.listed(policy.tags), lambda tag: tag["Key"])
    return {"Tags": found.items, **found.rest}  # type: ignore[typeddict-item]


@api.writes
def tag_policy(call: Call, tx: Tx, request: shapes.TagPolicyRequest) -> None:
    policy = policies.find_own(tx, call.account, request["PolicyArn"])
    policies.set_tags(tx, policy, tags.merged(policy.tags, request["Tags"]))


@api.writes
def untag_policy(call: Call, tx: Tx, request: shapes.UntagPolicyRequest) -> None:
    policy = policies.find_own(tx, call.account, request["PolicyArn"])
    policies.set_tags(tx, policy, tags.without(policy.tags, request["TagKeys"]))


def _described(tx: Tx, call: Call, policy: Policy) -> shapes.Policy:
    described: shapes.Policy = {
        "PolicyName": policy.name,
        "PolicyId": policy.id,
        "Arn": policy.arn,
        "Path": policy.path,
        "DefaultVersionId": f"v{policy.default_version}",
        "AttachmentCount": policies.attachment_count(tx, call.account, policy),
        "PermissionsBoundaryUsageCount": policies.boundary_count(tx, call.account, policy),
        "IsAttachable": True,
        "CreateDate": policy.created,
        "UpdateDate": policy.updated,
    }
    if policy.description:
        described["Description"] = policy.description
    if policy.tags:
        described["Tags"] = tags.listed(policy.tags)
    return described


_LATEST = 9_999_999_999


# --- versions --------------------------------------------------------------------------------------------------------


@api.writes
def create_policy_version(
    call: Call, tx: Tx, request: shapes.CreatePolicyVersionRequest
) -> shapes.CreatePolicyVersionResponse:
    policy = policies.find_own(tx, call.account, request["PolicyArn"])
    is_default = request.get("SetAsDefault", False)
    version = policies.add_version(tx, policy, request["PolicyDocument"], is_default=is_default)
    described = _described_version(version, is_default=is_default)
    del described["Document"]
    return {"PolicyVersion": described}


@api.reads
def get_policy_version(call: Call, tx: Tx, request: shapes.GetPolicyVersionRequest) -> shapes.GetPolicyVersionResponse:
    policy = policies.find(tx, call.account, request["PolicyArn"])
    version = policies.find_version(tx, policy, request["VersionId"])
    return {"PolicyVersion": _described_version(version, is_default=version.number == policy.default_version)}


@api.reads
def list_policy_versions(
    call: Call, tx: Tx, request: shapes.ListPolicyVersionsRequest
) -> shapes.ListPolicyVersionsResponse:
    policy = policies.find(tx, call.account, request["PolicyArn"])
    # Newest first, which is not the order of their numbers as texts.
    found = pages.page_of_all(
        request, policies.versions(tx, policy), lambda version: f"{_LATEST - version.number:010d}"
    )
    described = [_described_version(each, is_default=each.number == policy.default_version) for each in found.items]
    for each in described:
        del each["Document"]
    return {"Versions": described, **found.rest}  # type: ignore[typeddict-item]


@api.writes
def delete_policy_version(call: Call, tx: Tx, request: shapes.DeletePolicyVersionRequest) -> None:
    policy = policies.find_own(tx, call.account, request["PolicyArn"])
    policies.remove_version(tx, policy, policies.find_version(tx, policy, request["VersionId"]))


@api.writes
def set_default_policy_version(call: Call, tx: Tx, request: shapes.SetDefaultPolicyVersionRequest) -> None:
    policy = policies.find_own(tx, call.account, request["PolicyArn"])
    policies.set_default(tx, policy, policies.find_version(tx, policy, request["VersionId"]))


def _described_version(version: Version, *, is_default: bool) -> shapes.PolicyVersion:
    return {
        "Document": documents.shown(version.document),
        "VersionId": f"v{version.number}",
        "IsDefaultVersion": is_default,
        "CreateDate": version.created,
    }


# --- attachments -----------------------------------------------------------------------------------------------------


@api.writes
def attach_user_policy(call: Call, tx: Tx, request: shapes.AttachUserPolicyRequest) -> None:
    _attach(call, tx, entities.find(tx, call.account, "user", request["UserName"]), request["PolicyArn"])


@api.writes
def attach_group_policy(call: Call, tx: Tx, request: shapes.AttachGroupPolicyRequest) -> None:
    _attach(call, tx, entities.find(tx, call.account, "group", request["GroupName"]), request["PolicyArn"])


@api.writes
def attach_role_policy(call: Call, tx: Tx, request: shapes.AttachRolePolicyRequest) -> None:
    _attach(call, tx, entities.find(tx, call.account, "role", request["RoleName"]), request["PolicyArn"])


def _attach(call: Call, tx: Tx, entity: Entity, arn: str) -> None:
    policies.attach(tx, entity, policies.find_attachable(tx, call.account, arn))


@api.writes
def detach_user_policy(call: Call, tx: Tx, request: shapes.DetachUserPolicyRequest) -> None:
    policies.detach(tx, entities.find(tx, call.account, "user", request["UserName"]), request["PolicyArn"])


@api.writes
def detach_group_policy(call: Call, tx: Tx, request: shapes.DetachGroupPolicyRequest) -> None:
    policies.detach(tx, entities.find(tx, call.account, "group", request["GroupName"]), request["PolicyArn"])


@api.writes
def detach_role_policy(call: Call, tx: Tx, request: shapes.DetachRolePolicyRequest) -> None:
    policies.detach(tx, entities.find(tx, call.account, "role", request["RoleName"]), request["PolicyArn"])


@api.reads
def list_attached_user_policies(
    call: Call, tx: Tx, request: shapes.ListAttachedUserPoliciesRequest
) -> shapes.ListAttachedUserPoliciesResponse:
    found = _attached(call, tx, entities.find(tx, call.account, "user", request["UserName"]), request)
    return {"AttachedPolicies": found.items, **found.rest}  # type: ignore[typeddict-item]


@api.reads
def list_attached_group_policies(
    call: Call, tx: Tx, request: shapes.ListAttachedGroupPoliciesRequest
) -> shapes.ListAttachedGroupPoliciesResponse:
    found = _attached(call, tx, entities.find(tx, call.account, "group", request["GroupName"]), request)
    return {"AttachedPolicies": found.items, **found.rest}  # type: ignore[typeddict-item]


@api.reads
def list_attached_role_policies(
    call: Call, tx: Tx, request: shapes.ListAttachedRolePoliciesRequest
) -> shapes.ListAttachedRolePoliciesResponse:
    found = _attached(call, tx, entities.find(tx, call.account, "role", request["RoleName"]), request)
    return {"AttachedPolicies": found.items, **found.rest}  # type: ignore[typeddict-item]


def _attached(call: Call, tx: Tx, entity: Entity, request: Mapping[str, object]) -> pages.Page[shapes.AttachedPolicy]:
    prefix = str(request.get("PathPrefix", "/"))
    attached = [policies.find(tx, call.account, arn) for arn in policies.attached_to(tx, entity)]
    found = pages.page_of_all(
        request, [policy for policy in attached if policy.path.startswith(prefix)], lambda policy: policy.arn
    )
    return pages.Page([{"PolicyName": policy.name, "PolicyArn": policy.arn} for policy in found.items], found.rest)


@api.reads
def list_entities_for_policy(
    call: Call, tx: Tx, request: shapes.ListEntitiesForPolicyRequest
) -> shapes.ListEntitiesForPolicyResponse:
    """Who has the policy attached, or, where that is asked for, as permissions boundary."""
    policy = policies.find(tx, call.account, request["PolicyArn"])
    if request.get("PolicyUsageFilter") == "PermissionsBoundary":
        having = entities.with_boundary(tx, call.account, policy.arn)
    else:
        having = entities.with_policy(tx, call.account, policy.arn)
    kind = request.get("EntityFilter", "").lower()
    prefix = request.get("PathPrefix", "/")
    wanted = [each for each in having if each.path.startswith(prefix) and kind in ("", each.kind)]
    found = pages.page_of_all(request, wanted, lambda entity: entity.id)
    return {
        "PolicyGroups": [{"GroupName": e.name, "GroupId": e.id} for e in found.items if e.kind == "group"],
        "PolicyUsers": [{"UserName": e.name, "UserId": e.id} for e in found.items if e.kind == "user"],
        "PolicyRoles": [{"RoleName": e.name, "RoleId": e.id} for e in found.items if e.kind == "role"],
        **found.rest,  # type: ignore[typeddict-item]
    }


# --- the account -----------------------------------------------------------------------------------------------------


@api.reads
def get_account_summary(call: Call, tx: Tx, request: Mapping[str, object]) -> shapes.GetAccountSummaryResponse:
    """How many of each thing there are, and how many there may be."""
    return {
        "SummaryMap": {
            "Users": entities.count(tx, call.account, "user"),
            "UsersQuota": limits.IAM_USERS_MAX,
            "Groups": entities.count(tx, call.account, "group"),
            "GroupsQuota": limits.IAM_GROUPS_MAX,
            "Roles": entities.count(tx, call.account, "role"),
            "RolesQuota": limits.IAM_ROLES_MAX,
            "Policies": len(policies.own(tx, call.account)),
            "PoliciesQuota": limits.IAM_POLICIES_MAX,
            "PolicySizeQuota": limits.IAM_MANAGED_POLICY_CHARS_MAX,
            "UserPolicySizeQuota": limits.IAM_USER_INLINE_CHARS_MAX,
            "GroupPolicySizeQuota": limits.IAM_GROUP_INLINE_CHARS_MAX,
            "RolePolicySizeQuota": limits.IAM_ROLE_INLINE_CHARS_MAX,
            "AssumeRolePolicySizeQuota": limits.IAM_TRUST_POLICY_CHARS_MAX,
            "GroupsPerUserQuota": limits.IAM_GROUPS_PER_USER_MAX,
            "AccessKeysPerUserQuota": limits.IAM_ACCESS_KEYS_MAX,
            "VersionsPerPolicyQuota": limits.IAM_POLICY_VERSIONS_MAX,
            "AttachedPoliciesPerUserQuota": limits.IAM_ATTACHED_POLICIES_MAX,
            "AttachedPoliciesPerGroupQuota": limits.IAM_ATTACHED_POLICIES_MAX,
            "AttachedPoliciesPerRoleQuota": limits.IAM_ATTACHED_POLICIES_MAX,
            "AccountAccessKeysPresent": len(keys.keys_of(tx, call.account, None)),
        }
    }
