"""Inline policies: documents that live and die with one user, group or role."""

from __future__ import annotations

from wakeful import limits
from wakeful.fabric.service import RIGHTS_CHANGED
from wakeful.services.iam import documents
from wakeful.services.iam.entities import Entity
from wakeful.services.iam.errors import LimitExceededException, NoSuchEntityException
from wakeful.store.tx import Tx

_CHARS_MAX = {
    "user": limits.IAM_USER_INLINE_CHARS_MAX,
    "group": limits.IAM_GROUP_INLINE_CHARS_MAX,
    "role": limits.IAM_ROLE_INLINE_CHARS_MAX,
}


def put(tx: Tx, entity: Entity, name: str, document: str) -> None:
    """The policy of that name says this. All of an entity's together have a limit."""
    documents.check(document, "identity")
    tx.lock("iam", entity.account)
    others = sum(documents.size_of(text) for other, text in every(tx, entity).items() if other != name)
    if others + documents.size_of(document) > _CHARS_MAX[entity.kind]:
        raise LimitExceededException(
            f"Maximum policy size of {_CHARS_MAX[entity.kind]} bytes exceeded for {entity.kind} {entity.name}"
        )
    tx.run(
        "INSERT INTO iam_inline(entity, name, document) VALUES (?, ?, ?)"
        " ON CONFLICT(entity, name) DO UPDATE SET document = excluded.document",
        *(entity.id, name, document),
    )
    tx.wake(RIGHTS_CHANGED)


def find(tx: Tx, entity: Entity, name: str) -> str:
    """Raises NoSuchEntityException."""
    row = tx.one("SELECT document FROM iam_inline WHERE entity = ? AND name = ?", entity.id, name)
    if row is None:
        raise _missing(entity, name)
    return str(row["document"])


def delete(tx: Tx, entity: Entity, name: str) -> None:
    tx.lock("iam", entity.account)
    if not tx.run("DELETE FROM iam_inline WHERE entity = ? AND name = ?", entity.id, name):
        raise _missing(entity, name)
    tx.wake(RIGHTS_CHANGED)


def every(tx: Tx, entity: Entity) -> dict[str, str]:
    """The documents by name, in the order of names."""
    rows = tx.all("SELECT name, document FROM iam_inline WHERE entity = ? ORDER BY name", entity.id)
    return {row["name"]: row["document"] for row in rows}


def _missing(entity: Entity, name: str) -> NoSuchEntityException:
    return NoSuchEntityException(f"The {entity.kind} policy with name {name} cannot be found.")
