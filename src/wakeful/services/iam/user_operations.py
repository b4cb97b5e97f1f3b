"""IAM's API of users, groups and access keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wakeful.fabric.service import Call
from wakeful.services.iam import entities, keys, pages, policies, tags
from wakeful.services.iam.api import api
from wakeful.services.iam.entities import Entity
from wakeful.services.iam.errors import NoSuchEntityException, ValidationError
from wakeful.services.iam.keys import Key
from wakeful.store.tx import Tx

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wakeful.shapes import iam as shapes


# --- users -----------------------------------------------------------------------------------------------------------


@api.writes
def create_user(call: Call, tx: Tx, request: shapes.CreateUserRequest) -> shapes.CreateUserResponse:
    boundary = request.get("PermissionsBoundary")
    if boundary is not None:
        policies.find_attachable(tx, call.account, boundary)
    user = entities.create(
        tx,
        call.account,
        "user",
        request["UserName"],
        request.get("Path", "/"),
        boundary=boundary,
        tags=tags.merged({}, request.get("Tags", [])),
    )
    return {"User": _described_user(user)}


@api.reads
def get_user(call: Call, tx: Tx, request: shapes.GetUserRequest) -> shapes.GetUserResponse:
    """The user of that name; without one, whoever asks."""
    if "UserName" not in request and call.principal.kind == "root":
        root = {"UserId": call.account, "Arn": call.principal.arn}  # AWS shows no more of it either
        return {"User": root}  # type: ignore[typeddict-item]
    return {"User": _described_user(_user(call, tx, request))}


@api.reads
def list_users(call: Call, tx: Tx, request: shapes.ListUsersRequest) -> shapes.ListUsersResponse:
    found = _listed(call, tx, request, "user")
    return {"Users": [_brief_user(user) for user in found.items], **found.rest}  # type: ignore[typeddict-item]


@api.writes
def update_user(call: Call, tx: Tx, request: shapes.UpdateUserRequest) -> None:
    """The user has another name or path, and with them another ARN."""
    user = _user(call, tx, request)
    entities.rename(tx, user, request.get("NewUserName", user.name), request.get("NewPath", user.path))


@api.writes
def delete_user(call: Call, tx: Tx, request: shapes.DeleteUserRequest) -> None:
    entities.delete(tx, _user(call, tx, request))


@api.reads
def list_user_tags(call: Call, tx: Tx, request: shapes.ListUserTagsRequest) -> shapes.ListUserTagsResponse:
    found = pages.page_of_all(request, tags.listed(_user(call, tx, request).tags), lambda tag: tag["Key"])
    return {"Tags": found.items, **found.rest}  # type: ignore[typeddict-item]


@api.writes
def tag_user(call: Call, tx: Tx, request: shapes.TagUserRequest) -> None:
    user = _user(call, tx, request)
    entities.set_tags(tx, user, tags.merged(user.tags, request["Tags"]))


@api.writes
def untag_user(call: Call, tx: Tx, request: shapes.UntagUserRequest) -> None:
    user = _user(call, tx, request)
    entities.set_tags(tx, user, tags.without(user.tags, request["TagKeys"]))


@api.writes
def put_user_permissions_boundary(call: Call, tx: Tx, request: shapes.PutUserPermissionsBoundaryRequest) -> None:
    user = _user(call, tx, request)
    policies.find_attachable(tx, call.account, request["PermissionsBoundary"])
    entities.set_boundary(tx, user, request["PermissionsBoundary"])


@api.writes
def delete_user_permissions_boundary(call: Call, tx: Tx, request: shapes.DeleteUserPermissionsBoundaryRequest) -> None:
    user = _user(call, tx, request)
    if user.boundary is None:
        raise NoSuchEntityException(f"The user with name {user.name} has no permissions boundary.")
    entities.set_boundary(tx, user, None)


def _user(call: Call, tx: Tx, request: Mapping[str, object]) -> Entity:
    """The user that the request names; without a name, the caller."""
    if "UserName" in request:
        return entities.find(tx, call.account, "user", str(request["UserName"]))
    user = entities.get_by_id(tx, call.principal.id) if call.principal.kind == "user" else None
    if user is None:
        raise ValidationError("Must specify userName when calling with non-User credentials")
    return user


def _brief_user(user: Entity) -> shapes.User:
    return {
        "Path": user.path,
        "UserName": user.name,
        "UserId": user.id,
        "Arn": user.arn,
        "CreateDate": user.created,
    }


def _described_user(user: Entity) -> shapes.User:
    described = _brief_user(user)
    if user.boundary is not None:
        described["PermissionsBoundary"] = {
            "PermissionsBoundaryType": "Policy",
            "PermissionsBoundaryArn": user.boundary,
        }
    if user.tags:
        described["Tags"] = tags.listed(user.tags)
    return described


def _listed(call: Call, tx: Tx, request: Mapping[str, object], kind: entities.Kind) -> pages.Page[Entity]:
    prefix = str(request.get("PathPrefix", "/"))
    found = entities.listed(tx, call.account, kind, pages.after(request), pages.count(request) + 1, prefix)
    return pages.page(request, found, entities.key)


# --- groups ----------------------------------------------------------------------------------------------------------


@api.writes
def create_group(call: Call, tx: Tx, request: shapes.CreateGroupRequest) -> shapes.CreateGroupResponse:
    group = entities.create(tx, call.account, "group", request["GroupName"], request.get("Path", "/"))
    return {"Group": _described_group(group)}


@api.reads
def get_group(call: Call, tx: Tx, request: shapes.GetGroupRequest) -> shapes.GetGroupResponse:
    """The group, and who is in it."""
    group = _group(call, tx, request)
    found = pages.page_of_all(request, entities.members_of(tx, group), entities.key)
    return {
        "Group": _described_group(group),
        "Users": [_brief_user(user) for user in found.items],
        **found.rest,  # type: ignore[typeddict-item]
    }


@api.reads
def list_groups(call: Call, tx: Tx, request: shapes.ListGroupsRequest) -> shapes.ListGroupsResponse:
    found = _listed(call, tx, request, "group")
    return {"Groups": [_described_group(group) for group in found.items], **found.rest}  # type: ignore[typeddict-item]


@api.writes
def update_group(call: Call, tx: Tx, request: shapes.UpdateGroupRequest) -> None:
    group = _group(call, tx, request)
    entities.rename(tx, group, request.get("NewGroupName", group.name), request.get("NewPath", group.path))


@api.writes
def delete_group(call: Call, tx: Tx, request: shapes.DeleteGroupRequest) -> None:
    entities.delete(tx, _group(call, tx, request))


@api.writes
def add_user_to_group(call: Call, tx: Tx, request: shapes.AddUserToGroupRequest) -> None:
    entities.join(tx, _group(call, tx, request), _user(call, tx, request))


@api.writes
def remove_user_from_group(call: Call, tx: Tx, request: shapes.RemoveUserFromGroupRequest) -> None:
    entities.leave(tx, _group(call, tx, request), _user(call, tx, request))


@api.reads
def list_groups_for_user(
    call: Call, tx: Tx, request: shapes.ListGroupsForUserRequest
) -> shapes.ListGroupsForUserResponse:
    groups = entities.groups_of(tx, _user(call, tx, request))
    found = pages.page_of_all(request, groups, entities.key)
    return {"Groups": [_described_group(group) for group in found.items], **found.rest}  # type: ignore[typeddict-item]


def _group(call: Call, tx: Tx, request: Mapping[str, object]) -> Entity:
    return entities.find(tx, call.account, "group", str(request["GroupName"]))


def _described_group(group: Entity) -> shapes.Group:
    return {
        "Path": group.path,
        "GroupName": group.name,
        "GroupId": group.id,
        "Arn": group.arn,
        "CreateDate": group.created,
    }


# --- access keys -----------------------------------------------------------------------------------------------------


@api.writes
def create_access_key(call: Call, tx: Tx, request: shapes.CreateAccessKeyRequest) -> shapes.CreateAccessKeyResponse:
    """A new key; its secret is shown this once."""
    user = _holder(call, tx, request)
    key = keys.create(tx, call.account, user)
    return {
        "AccessKey": {
            "UserName": _name(user),
            "AccessKeyId": key.id,
            "Status": "Active",
            "SecretAccessKey": key.secret,
            "CreateDate": key.created,
        }
    }


@api.reads
def list_access_keys(call: Call, tx: Tx, request: shapes.ListAccessKeysRequest) -> shapes.ListAccessKeysResponse:
    user = _holder(call, tx, request)
    found = pages.page_of_all(request, keys.keys_of(tx, call.account, user), lambda key: key.id)
    described = [_described_key(user, key) for key in found.items]
    return {"AccessKeyMetadata": described, **found.rest}  # type: ignore[typeddict-item]


@api.writes
def update_access_key(call: Call, tx: Tx, request: shapes.UpdateAccessKeyRequest) -> None:
    """The key is switched on or off."""
    if request["Status"] not in ("Active", "Inactive"):
        raise ValidationError(f"The status of an access key cannot be set to {request['Status']}")
    key = keys.find(tx, call.account, _holder(call, tx, request), request["AccessKeyId"])
    keys.switch(tx, key, is_active=request["Status"] == "Active")


@api.writes
def delete_access_key(call: Call, tx: Tx, request: shapes.DeleteAccessKeyRequest) -> None:
    keys.delete(tx, keys.find(tx, call.account, _holder(call, tx, request), request["AccessKeyId"]))


@api.reads
def get_access_key_last_used(
    call: Call, tx: Tx, request: shapes.GetAccessKeyLastUsedRequest
) -> shapes.GetAccessKeyLastUsedResponse:
    """When and for what the key was used last, to about a quarter of an hour."""
    key = keys.get(tx, request["AccessKeyId"])
    if key is None or key.account != call.account:
        raise NoSuchEntityException(f"The Access Key with id {request['AccessKeyId']} cannot be found.")
    user = entities.get_by_id(tx, key.user_id) if key.user_id is not None else None
    used: shapes.AccessKeyLastUsed = {
        "ServiceName": key.used_service or "N/A",
        "Region": key.used_region or "N/A",
    }
    if key.used is not None:
        used["LastUsedDate"] = key.used
    return {"UserName": _name(user), "AccessKeyLastUsed": used}


def _holder(call: Call, tx: Tx, request: Mapping[str, object]) -> Entity | None:
    """The user whose keys are meant; None for the root, when the root asks for its own."""
    if "UserName" not in request and call.principal.kind == "root":
        return None
    return _user(call, tx, request)


def _name(user: Entity | None) -> str:
    return user.name if user is not None else "root"


def _described_key(user: Entity | None, key: Key) -> shapes.AccessKeyMetadata:
    return {
        "UserName": _name(user),
        "AccessKeyId": key.id,
        "Status": key.status,
        "CreateDate": key.created,
    }
