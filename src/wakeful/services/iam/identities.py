"""What authentication and authorisation ask IAM: whose key this is, and which policies speak about somebody."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from wakeful.fabric.service import Credential, IdentityPolicies, Principal
from wakeful.services.iam import entities, inline, keys, policies
from wakeful.services.iam.entities import Entity
from wakeful.services.iam.sessions import SealedSessions, sealing_key
from wakeful.store.tx import Tx


class IamIdentities:
    """Implements `fabric.service.Identities` on IAM's rows."""

    def credential(self, tx: Tx, access_key_id: str) -> Credential | None:
        key = keys.get(tx, access_key_id)
        if key is None:
            return None
        user = entities.get_by_id(tx, key.user_id) if key.user_id is not None else None
        assert user is not None or key.user_id is None, "a user with keys cannot be deleted"
        principal = root_of(key.account) if user is None else principal_of(user)
        return Credential(key.id, key.secret, None, None, principal, key.is_active, key.used)

    def sessions(self, tx: Tx) -> SealedSessions:
        return SealedSessions(sealing_key(tx))

    def has_root_key(self, tx: Tx) -> bool:
        return keys.has_root_key(tx)

    def note_use(self, tx: Tx, access_key_id: str, service: str, region: str) -> None:
        keys.note_use(tx, access_key_id, service, region)

    def policies(self, tx: Tx, principal: Principal) -> IdentityPolicies:
        """The user's and its groups' policies, or the role's; with the boundary and the session's limits."""
        entity = _entity_of(tx, principal)
        session = principal.session
        limits = None if session is None or session.policies is None else tuple(_session_policies(tx, principal))
        if entity is None:
            return IdentityPolicies(session=limits, tags=_tags(None, principal))
        boundary = None
        if entity.boundary is not None:
            # A boundary that is gone allows nothing.
            boundary = policies.document_of(tx, entity.account, entity.boundary) or _NOTHING
        return IdentityPolicies(
            identity=tuple(documents_of(tx, entity)),
            boundary=boundary,
            session=limits,
            tags=_tags(entity, principal),
        )


_NOTHING = '{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"*","Resource":"*"}}'


def root_of(account: str) -> Principal:
    return Principal("root", f"arn:aws:iam::{account}:root", account, account)


def principal_of(user: Entity) -> Principal:
    return Principal("user", user.arn, user.account, user.id)


def documents_of(tx: Tx, entity: Entity) -> Iterator[str]:
    """Every document that gives or denies the entity something: its own and, for a user, its groups'."""
    groups = entities.groups_of(tx, entity) if entity.kind == "user" else []
    for each in (entity, *groups):
        yield from inline.every(tx, each).values()
        for arn in policies.attached_to(tx, each):
            document = policies.document_of(tx, each.account, arn)
            if document is not None:
                yield document


def _entity_of(tx: Tx, principal: Principal) -> Entity | None:
    """The user or the role. A namesake that was made after a session of a role began is not the session's role,
    unless the session was begun before there was any role of that name.
    """
    if principal.kind == "user":
        return entities.get_by_id(tx, principal.id)
    if principal.kind != "role" or principal.role_arn is None:
        return None
    role = entities.get_by_arn(tx, principal.role_arn)
    role_id = principal.id.partition(":")[0]
    return role if role is not None and role_id in ("", role.id, policies.derived_id("AROA", role.arn)) else None


def _session_policies(tx: Tx, principal: Principal) -> Iterator[str]:
    assert principal.session is not None
    for policy in principal.session.policies or ():
        document = policies.document_of(tx, principal.account, policy) if policy.startswith("arn:") else policy
        if document is not None:
            yield document


def _tags(entity: Entity | None, principal: Principal) -> Mapping[str, str]:
    """A session's tags stand before its role's."""
    own = dict(entity.tags) if entity is not None else {}
    return own if principal.session is None else own | dict(principal.session.tags)
