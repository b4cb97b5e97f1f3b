"""Access keys: of users, and of the roots of accounts."""

from __future__ import annotations

from dataclasses import dataclass

from wakeful import limits, names
from wakeful.fabric.service import CREDENTIALS_CHANGED
from wakeful.services.iam.entities import Entity
from wakeful.services.iam.errors import LimitExceededException, NoSuchEntityException
from wakeful.store.tx import Row, Tx


@dataclass(frozen=True, slots=True)
class Key:
    """An access key as it stands in the store. Without a `user_id` it is the account's root's."""

    id: str
    account: str
    user_id: str | None
    secret: str
    is_active: bool
    created: float
    used: float | None
    used_service: str | None
    used_region: str | None

    @property
    def status(self) -> str:
        return "Active" if self.is_active else "Inactive"


def make_root_key(tx: Tx, account: str) -> Key:
    """An access key of the account's root. A node that has any no longer takes keys that it does not know."""
    return create(tx, account, None)


def has_root_key(tx: Tx) -> bool:
    return tx.one("SELECT 1 FROM iam_access_keys WHERE user_id IS NULL LIMIT 1") is not None


def create(tx: Tx, account: str, user: Entity | None) -> Key:
    """Raises LimitExceededException where the user has two."""
    tx.lock("iam", account)
    if len(keys_of(tx, account, user)) >= limits.IAM_ACCESS_KEYS_MAX:
        raise LimitExceededException(f"Cannot exceed quota for AccessKeysPerUser: {limits.IAM_ACCESS_KEYS_MAX}")
    key_id = names.new_access_key_id(account)
    tx.run(
        "INSERT INTO iam_access_keys(id, account, user_id, secret, is_active, created) VALUES (?, ?, ?, ?, 1, ?)",
        *(key_id, account, user.id if user is not None else None, names.new_secret_key(), tx.now),
    )
    tx.wake(CREDENTIALS_CHANGED)
    key = get(tx, key_id)
    assert key is not None
    return key


def get(tx: Tx, key_id: str) -> Key | None:
    row = tx.one("SELECT * FROM iam_access_keys WHERE id = ?", key_id)
    return None if row is None else _key(row)


def find(tx: Tx, account: str, user: Entity | None, key_id: str) -> Key:
    """Raises NoSuchEntityException."""
    key = get(tx, key_id)
    if key is None or key.account != account or key.user_id != (user.id if user is not None else None):
        raise NoSuchEntityException(f"The Access Key with id {key_id} cannot be found.")
    return key


def keys_of(tx: Tx, account: str, user: Entity | None) -> list[Key]:
    """The keys of the user, or of the account's root."""
    rows = tx.all(
        "SELECT * FROM iam_access_keys WHERE account = ? AND coalesce(user_id, '') = ? ORDER BY id",
        *(account, user.id if user is not None else ""),
    )
    return [_key(row) for row in rows]


def switch(tx: Tx, key: Key, *, is_active: bool) -> None:
    tx.lock("iam", key.account)
    tx.run("UPDATE iam_access_keys SET is_active = ? WHERE id = ?", int(is_active), key.id)
    tx.wake(CREDENTIALS_CHANGED)


def delete(tx: Tx, key: Key) -> None:
    tx.lock("iam", key.account)
    tx.run("DELETE FROM iam_access_keys WHERE id = ?", key.id)
    tx.wake(CREDENTIALS_CHANGED)


def note_use(tx: Tx, key_id: str, service: str, region: str) -> None:
    """GetAccessKeyLastUsed tells of this use."""
    tx.lock("iam", "use", key_id)
    tx.run(
        "UPDATE iam_access_keys SET used = ?, used_service = ?, used_region = ? WHERE id = ?",
        *(tx.now, service, region, key_id),
    )


def _key(row: Row) -> Key:
    columns = {name: row[name] for name in row.keys()}  # noqa: SIM118 - a row is not a dict
    return Key(**{**columns, "is_active": bool(row["is_active"])})
