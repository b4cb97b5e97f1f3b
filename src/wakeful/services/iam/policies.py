"""Managed policies, AWS's own among them, with their versions; and who they are attached to."""

from __future__ import annotations

import hashlib
from base64 import b32encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path

import orjson

from wakeful import limits, names
from wakeful.fabric.service import RIGHTS_CHANGED
from wakeful.services.iam import documents
from wakeful.services.iam.entities import Entity
from wakeful.services.iam.errors import (
    DeleteConflictException,
    EntityAlreadyExistsException,
    InvalidInputException,
    LimitExceededException,
    NoSuchEntityException,
)
from wakeful.store.tx import Row, Tx
from wakeful.wire.errors import AccessDenied

_OF_AWS = "arn:aws:iam::aws:policy"
_QUOTAS = {"user": "PoliciesPerUser", "group": "PoliciesPerGroup", "role": "PoliciesPerRole"}


@dataclass(frozen=True, slots=True)
class Policy:
    """A managed policy; AWS's own belong to the account "aws"."""

    arn: str
    id: str
    account: str
    name: str
    path: str
    description: str
    created: float
    updated: float
    default_version: int
    tags: Mapping[str, str]

    @property
    def is_of_aws(self) -> bool:
        return self.account == "aws"


@dataclass(frozen=True, slots=True)
class Version:
    number: int
    document: str
    created: float


# --- policies --------------------------------------------------------------------------------------------------------


def find(tx: Tx, account: str, arn: str) -> Policy:
    """A policy of the account, or of AWS. Raises NoSuchEntityException."""
    policy = get(tx, account, arn)
    if policy is None:
        raise NoSuchEntityException(f"Policy {arn} was not found.")
    return policy


def find_attachable(tx: Tx, account: str, arn: str) -> Policy:
    """The same in the words of those who want to attach it."""
    policy = get(tx, account, arn)
    if policy is None:
        raise NoSuchEntityException(f"Policy {arn} does not exist or is not attachable.")
    return policy


def get(tx: Tx, account: str, arn: str) -> Policy | None:
    try:
        parsed = names.parse_arn(arn)
    except ValueError as error:
        raise InvalidInputException(f"ARN {arn} is not valid.") from error
    if parsed.service != "iam" or not parsed.resource.startswith("policy/"):
        raise InvalidInputException(f"ARN {arn} is not valid.")
    if parsed.account == "aws":
        of_aws = aws_policies().get(arn)
        return None if of_aws is None else of_aws[0]
    row = tx.one("SELECT * FROM iam_policies WHERE arn = ? AND account = ?", arn, account)
    return None if row is None else _policy(row)


def find_own(tx: Tx, account: str, arn: str) -> Policy:
    """A policy that the account may change. Raises AccessDenied for AWS's."""
    policy = find(tx, account, arn)
    if policy.is_of_aws:
        raise AccessDenied(f"Policy {arn} is managed by AWS and cannot be changed.")
    return policy


def create(
    tx: Tx, account: str, name: str, path: str, document: str, description: str, tags: Mapping[str, str]
) -> Policy:
    _check_document(document)
    tx.lock("iam", account)
    arn = f"arn:aws:iam::{account}:policy{path}{name}"
    row = tx.one("SELECT 1 FROM iam_policies WHERE account = ? AND name_key = ?", account, name.lower())
    if row is not None:
        raise EntityAlreadyExistsException(f"A policy called {name} already exists. Duplicate names are not allowed.")
    if len(own(tx, account)) >= limits.IAM_POLICIES_MAX:
        raise LimitExceededException(f"Cannot exceed quota for PoliciesPerAccount: {limits.IAM_POLICIES_MAX}")
    tx.run(
        "INSERT INTO iam_policies(arn, id, account, name_key, name, path, description, created, updated,"
        " default_version, next_version, tags) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 1, 2, ?)",
        *(arn, names.new_unique_id("ANPA"), account, name.lower(), name, path, description, tx.now, tx.now),
        orjson.dumps(dict(tags)),
    )
    _put_version(tx, arn, 1, document)
    return find(tx, account, arn)


def delete(tx: Tx, policy: Policy) -> None:
    """The policy is gone. Raises DeleteConflictException while it is attached or has versions besides its default."""
    tx.lock("iam", policy.account)
    if attachment_count(tx, policy.account, policy) or boundary_count(tx, policy.account, policy):
        raise DeleteConflictException("Cannot delete a policy attached to entities.")
    if len(versions(tx, policy)) > 1:
        raise DeleteConflictException(
            "This policy has more than one version. Before you delete a policy, you must delete the policy's versions."
            " The default version is deleted with the policy."
        )
    tx.run("DELETE FROM iam_policy_versions WHERE policy = ?", policy.arn)
    tx.run("DELETE FROM iam_policies WHERE arn = ?", policy.arn)


def own(tx: Tx, account: str) -> list[Policy]:
    """Every policy of the account."""
    return [_policy(row) for row in tx.all("SELECT * FROM iam_policies WHERE account = ? ORDER BY arn", account)]


def set_tags(tx: Tx, policy: Policy, tags: Mapping[str, str]) -> None:
    tx.lock("iam", policy.account)
    tx.run("UPDATE iam_policies SET tags = ? WHERE arn = ?", orjson.dumps(dict(tags)), policy.arn)


# --- versions --------------------------------------------------------------------------------------------------------


def versions(tx: Tx, policy: Policy) -> list[Version]:
    """The newest first."""
    if policy.is_of_aws:
        return [aws_policies()[policy.arn][1]]
    rows = tx.all(
        "SELECT number, document, created FROM iam_policy_versions WHERE policy = ? ORDER BY number DESC", policy.arn
    )
    return [Version(row["number"], row["document"], row["created"]) for row in rows]


def find_version(tx: Tx, policy: Policy, version_id: str) -> Version:
    """Raises NoSuchEntityException."""
    for version in versions(tx, policy):
        if f"v{version.number}" == version_id:
            return version
    raise NoSuchEntityException(f"Policy {policy.arn} version {version_id} does not exist or is not attachable.")


def document_of(tx: Tx, account: str, arn: str) -> str | None:
    """What the policy says, in its default version; None where there is no such policy any more."""
    policy = get(tx, account, arn)
    return None if policy is None else find_version(tx, policy, f"v{policy.default_version}").document


def add_version(tx: Tx, policy: Policy, document: str, *, is_default: bool) -> Version:
    _check_document(document)
    tx.lock("iam", policy.account)
    if len(versions(tx, policy)) >= limits.IAM_POLICY_VERSIONS_MAX:
        raise LimitExceededException(
            f"A managed policy can have up to {limits.IAM_POLICY_VERSIONS_MAX} versions. Before you create a new"
            " version, you must delete an existing version."
        )
    row = tx.one(
        "UPDATE iam_policies SET next_version = next_version + 1, updated = ? WHERE arn = ?"
        " RETURNING next_version - 1 AS number",
        *(tx.now, policy.arn),
    )
    assert row is not None
    version = _put_version(tx, policy.arn, row["number"], document)
    if is_default:
        set_default(tx, policy, version)
    return version


def remove_version(tx: Tx, policy: Policy, version: Version) -> None:
    tx.lock("iam", policy.account)
    if version.number == policy.default_version:
        raise DeleteConflictException("Cannot delete the default version of a policy.")
    tx.run("DELETE FROM iam_policy_versions WHERE policy = ? AND number = ?", policy.arn, version.number)
    tx.run("UPDATE iam_policies SET updated = ? WHERE arn = ?", tx.now, policy.arn)


def set_default(tx: Tx, policy: Policy, version: Version) -> None:
    """From now on this version is what the policy says."""
    tx.lock("iam", policy.account)
    tx.run("UPDATE iam_policies SET default_version = ?, updated = ? WHERE arn = ?", version.number, tx.now, policy.arn)
    tx.wake(RIGHTS_CHANGED)


def _put_version(tx: Tx, arn: str, number: int, document: str) -> Version:
    tx.run(
        "INSERT INTO iam_policy_versions(policy, number, document, created) VALUES (?, ?, ?, ?)",
        *(arn, number, document, tx.now),
    )
    return Version(number, document, tx.now)


def _check_document(document: str) -> None:
    documents.check(document, "managed")
    if documents.size_of(document) > limits.IAM_MANAGED_POLICY_CHARS_MAX:
        raise LimitExceededException(f"Cannot exceed quota for PolicySize: {limits.IAM_MANAGED_POLICY_CHARS_MAX}")


# --- attachments -----------------------------------------------------------------------------------------------------


def attach(tx: Tx, entity: Entity, policy: Policy) -> None:
    """The policy is attached, once."""
    tx.lock("iam", entity.account)
    attached = attached_to(tx, entity)
    if policy.arn in attached:
        return
    if len(attached) >= limits.IAM_ATTACHED_POLICIES_MAX:
        raise LimitExceededException(
            f"Cannot exceed quota for {_QUOTAS[entity.kind]}: {limits.IAM_ATTACHED_POLICIES_MAX}"
        )
    tx.run(
        "INSERT INTO iam_attachments(entity, policy, account) VALUES (?, ?, ?)",
        *(entity.id, policy.arn, entity.account),
    )
    tx.wake(RIGHTS_CHANGED)


def detach(tx: Tx, entity: Entity, arn: str) -> None:
    """Raises NoSuchEntityException where it was not attached."""
    tx.lock("iam", entity.account)
    if not tx.run("DELETE FROM iam_attachments WHERE entity = ? AND policy = ?", entity.id, arn):
        raise NoSuchEntityException(f"Policy {arn} was not found.")
    tx.wake(RIGHTS_CHANGED)


def attached_to(tx: Tx, entity: Entity) -> list[str]:
    """The ARNs of the entity's managed policies, in their order."""
    rows = tx.all("SELECT policy FROM iam_attachments WHERE entity = ? ORDER BY policy", entity.id)
    return [row["policy"] for row in rows]


def attachment_count(tx: Tx, account: str, policy: Policy) -> int:
    """To how many of the account's entities it is attached."""
    row = tx.one("SELECT count(*) AS number FROM iam_attachments WHERE account = ? AND policy = ?", account, policy.arn)
    return int(row["number"]) if row is not None else 0


def boundary_count(tx: Tx, account: str, policy: Policy) -> int:
    """Of how many of the account's entities it is the permissions boundary."""
    row = tx.one("SELECT count(*) AS number FROM iam_entities WHERE account = ? AND boundary = ?", account, policy.arn)
    return int(row["number"]) if row is not None else 0


# --- AWS's own -------------------------------------------------------------------------------------------------------


@lru_cache(1)
def aws_policies() -> Mapping[str, tuple[Policy, Version]]:
    """The policies that AWS manages, as far as they are known here, by ARN."""
    return {policy.arn: (policy, version) for policy, version in _read_aws_policies()}


def _read_aws_policies() -> Iterator[tuple[Policy, Version]]:
    known = orjson.loads((Path(__file__).parent / "managed_policies.json").read_bytes())
    for each in known:
        created = datetime.fromisoformat(each["VersionCreateDate"]).timestamp()
        number = int(each["DefaultVersionId"].removeprefix("v"))
        yield (
            Policy(
                arn=each["Arn"],
                id=derived_id("ANPA", each["Arn"]),
                account="aws",
                name=each["PolicyName"],
                path=each["Path"],
                description="",
                created=created,
                updated=created,
                default_version=number,
                tags={},
            ),
            Version(number, orjson.dumps(each["Document"], option=orjson.OPT_INDENT_2).decode(), created),
        )


def derived_id(prefix: str, text: str) -> str:
    """A unique id that the same text always has: for what nobody here has made."""
    return prefix + b32encode(hashlib.sha256(text.encode()).digest()).decode()[:17]


def _policy(row: Row) -> Policy:
    kept = set(Policy.__dataclass_fields__)
    columns = {name: row[name] for name in row.keys() if name in kept}  # noqa: SIM118 - a row is not a dict
    return Policy(**{**columns, "tags": orjson.loads(row["tags"])})
