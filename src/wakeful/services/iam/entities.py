"""Users, groups and roles: what has a name, a path, an ARN that never comes back, and policies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import orjson

from wakeful import limits, names
from wakeful.fabric.service import CREDENTIALS_CHANGED, RIGHTS_CHANGED
from wakeful.services.iam.errors import (
    DeleteConflictException,
    EntityAlreadyExistsException,
    LimitExceededException,
    NoSuchEntityException,
)
from wakeful.store.tx import Row, Tx

Kind = Literal["user", "group", "role"]

_PREFIXES: Mapping[Kind, str] = {"user": "AIDA", "group": "AGPA", "role": "AROA"}
_QUOTAS: Mapping[Kind, tuple[str, int]] = {
    "user": ("UsersPerAccount", limits.IAM_USERS_MAX),
    "group": ("GroupsPerAccount", limits.IAM_GROUPS_MAX),
    "role": ("RolesPerAccount", limits.IAM_ROLES_MAX),
}


@dataclass(frozen=True, slots=True)
class Entity:
    """A user, a group or a role as it stands in the store; the last three are a role's."""

    id: str
    kind: Kind
    account: str
    name: str
    path: str
    arn: str
    created: float
    boundary: str | None
    tags: Mapping[str, str]
    trust: str | None
    description: str | None
    max_session_s: int | None


def find(tx: Tx, account: str, kind: Kind, name: str) -> Entity:
    """Raises NoSuchEntityException."""
    entity = get(tx, account, kind, name)
    if entity is None:
        raise NoSuchEntityException(f"The {kind} with name {name} cannot be found.")
    return entity


def get(tx: Tx, account: str, kind: Kind, name: str) -> Entity | None:
    row = tx.one(
        "SELECT * FROM iam_entities WHERE account = ? AND kind = ? AND name_key = ?", account, kind, name.lower()
    )
    return None if row is None else _entity(row)


def get_by_id(tx: Tx, entity_id: str) -> Entity | None:
    row = tx.one("SELECT * FROM iam_entities WHERE id = ?", entity_id)
    return None if row is None else _entity(row)


def get_by_arn(tx: Tx, arn: str) -> Entity | None:
    row = tx.one("SELECT * FROM iam_entities WHERE arn = ?", arn)
    return None if row is None else _entity(row)


def create(
    tx: Tx,
    account: str,
    kind: Kind,
    name: str,
    path: str,
    *,
    boundary: str | None = None,
    tags: Mapping[str, str] | None = None,
    trust: str | None = None,
    description: str | None = None,
    max_session_s: int | None = None,
) -> Entity:
    """Raises EntityAlreadyExistsException where the name is taken, whatever its case."""
    tx.lock("iam", account)
    _check_free(tx, account, kind, name)
    quota, most = _QUOTAS[kind]
    if count(tx, account, kind) >= most:
        raise LimitExceededException(f"Cannot exceed quota for {quota}: {most}")
    entity_id = names.new_unique_id(_PREFIXES[kind])
    tx.run(
        "INSERT INTO iam_entities(id, kind, account, name_key, name, path, arn, created, boundary, tags, trust,"
        " description, max_session_s) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        *(entity_id, kind, account, name.lower(), name, path, arn_of(account, kind, path, name), tx.now, boundary),
        *(orjson.dumps(dict(tags or {})), trust, description, max_session_s),
    )
    tx.wake(RIGHTS_CHANGED)  # somebody may have asked for a role of this name before
    return find(tx, account, kind, name)


def rename(tx: Tx, entity: Entity, name: str, path: str) -> None:
    """The entity has this name and path; its ARN follows, its id and all that hangs on it stay."""
    tx.lock("iam", entity.account)
    if name.lower() != entity.name.lower():
        _check_free(tx, entity.account, entity.kind, name)
    tx.run(
        "UPDATE iam_entities SET name_key = ?, name = ?, path = ?, arn = ? WHERE id = ?",
        *(name.lower(), name, path, arn_of(entity.account, entity.kind, path, name), entity.id),
    )
    tx.wake(RIGHTS_CHANGED)
    tx.wake(CREDENTIALS_CHANGED)


def delete(tx: Tx, entity: Entity) -> None:
    """The entity is gone. Raises DeleteConflictException while something hangs on it."""
    tx.lock("iam", entity.account)
    for what, sql in _DEPENDENTS[entity.kind]:
        if tx.one(sql, entity.id) is not None:
            raise DeleteConflictException(f"Cannot delete entity, must {what} first.")
    tx.run("DELETE FROM iam_entities WHERE id = ?", entity.id)
    tx.wake(RIGHTS_CHANGED)
    tx.wake(CREDENTIALS_CHANGED)


_ATTACHED = ("detach all policies", "SELECT 1 FROM iam_attachments WHERE entity = ? LIMIT 1")
_INLINE = ("delete policies", "SELECT 1 FROM iam_inline WHERE entity = ? LIMIT 1")
_DEPENDENTS: Mapping[Kind, tuple[tuple[str, str], ...]] = {
    "user": (
        ("remove users from group", "SELECT 1 FROM iam_members WHERE user_id = ? LIMIT 1"),
        _ATTACHED,
        _INLINE,
        ("delete access keys", "SELECT 1 FROM iam_access_keys WHERE user_id = ? LIMIT 1"),
    ),
    "group": (
        ("remove users from group", "SELECT 1 FROM iam_members WHERE group_id = ? LIMIT 1"),
        _ATTACHED,
        _INLINE,
    ),
    "role": (_ATTACHED, _INLINE),
}


def set_trust(tx: Tx, role: Entity, document: str) -> None:
    tx.lock("iam", role.account)
    tx.run("UPDATE iam_entities SET trust = ? WHERE id = ?", document, role.id)
    tx.wake(RIGHTS_CHANGED)


def describe(tx: Tx, role: Entity, description: str | None, max_session_s: int | None) -> None:
    tx.lock("iam", role.account)
    tx.run(
        "UPDATE iam_entities SET description = ?, max_session_s = ? WHERE id = ?", description, max_session_s, role.id
    )


def set_tags(tx: Tx, entity: Entity, tags: Mapping[str, str]) -> None:
    tx.lock("iam", entity.account)
    tx.run("UPDATE iam_entities SET tags = ? WHERE id = ?", orjson.dumps(dict(tags)), entity.id)
    tx.wake(RIGHTS_CHANGED)


def set_boundary(tx: Tx, entity: Entity, policy_arn: str | None) -> None:
    tx.lock("iam", entity.account)
    tx.run("UPDATE iam_entities SET boundary = ? WHERE id = ?", policy_arn, entity.id)
    tx.wake(RIGHTS_CHANGED)


def listed(tx: Tx, account: str, kind: Kind, after: str, limit: int, path_prefix: str = "/") -> list[Entity]:
    """The account's entities of this kind by name, from the one after `after`."""
    rows = tx.all(
        "SELECT * FROM iam_entities WHERE account = ? AND kind = ? AND name_key > ? AND substr(path, 1, ?) = ?"
        " ORDER BY name_key LIMIT ?",
        *(account, kind, after, len(path_prefix), path_prefix, limit),
    )
    return [_entity(row) for row in rows]


def key(entity: Entity) -> str:
    """By what entities of a kind are ordered."""
    return entity.name.lower()


def count(tx: Tx, account: str, kind: Kind) -> int:
    row = tx.one("SELECT count(*) AS number FROM iam_entities WHERE account = ? AND kind = ?", account, kind)
    return int(row["number"]) if row is not None else 0


def with_policy(tx: Tx, account: str, policy_arn: str) -> list[Entity]:
    """The account's entities that the policy is attached to."""
    rows = tx.all(
        "SELECT e.* FROM iam_attachments a JOIN iam_entities e ON e.id = a.entity WHERE a.account = ? AND a.policy = ?",
        *(account, policy_arn),
    )
    return [_entity(row) for row in rows]


def with_boundary(tx: Tx, account: str, policy_arn: str) -> list[Entity]:
    """The account's entities whose permissions boundary the policy is."""
    rows = tx.all("SELECT * FROM iam_entities WHERE account = ? AND boundary = ?", account, policy_arn)
    return [_entity(row) for row in rows]


# --- groups ----------------------------------------------------------------------------------------------------------


def join(tx: Tx, group: Entity, user: Entity) -> None:
    """The user is in the group, once."""
    tx.lock("iam", group.account)
    if len(groups_of(tx, user)) >= limits.IAM_GROUPS_PER_USER_MAX and user.id not in _ids(members_of(tx, group)):
        raise LimitExceededException(f"Cannot exceed quota for GroupsPerUser: {limits.IAM_GROUPS_PER_USER_MAX}")
    tx.run(
        "INSERT INTO iam_members(group_id, user_id) VALUES (?, ?) ON CONFLICT(group_id, user_id) DO NOTHING",
        *(group.id, user.id),
    )
    tx.wake(RIGHTS_CHANGED)


def leave(tx: Tx, group: Entity, user: Entity) -> None:
    """The user is not in the group. Raises NoSuchEntityException where it was not before."""
    tx.lock("iam", group.account)
    if not tx.run("DELETE FROM iam_members WHERE group_id = ? AND user_id = ?", group.id, user.id):
        raise NoSuchEntityException(f"User {user.name} is not in group {group.name}.")
    tx.wake(RIGHTS_CHANGED)


def members_of(tx: Tx, group: Entity) -> list[Entity]:
    rows = tx.all(
        "SELECT e.* FROM iam_members m JOIN iam_entities e ON e.id = m.user_id WHERE m.group_id = ?", group.id
    )
    return [_entity(row) for row in rows]


def groups_of(tx: Tx, user: Entity) -> list[Entity]:
    rows = tx.all("SELECT e.* FROM iam_members m JOIN iam_entities e ON e.id = m.group_id WHERE m.user_id = ?", user.id)
    return [_entity(row) for row in rows]


def arn_of(account: str, kind: Kind, path: str, name: str) -> str:
    return f"arn:aws:iam::{account}:{kind}{path}{name}"


def _ids(entities: list[Entity]) -> set[str]:
    return {entity.id for entity in entities}


def _check_free(tx: Tx, account: str, kind: Kind, name: str) -> None:
    if get(tx, account, kind, name) is not None:
        raise EntityAlreadyExistsException(f"{kind.capitalize()} with name {name} already exists.")


def _entity(row: Row) -> Entity:
    columns: dict[str, Any] = {name: row[name] for name in row.keys() if name != "name_key"}  # noqa: SIM118
    return Entity(**{**columns, "tags": orjson.loads(row["tags"])})
