"""Layers: packages with versions of their own, that functions have under /opt. A version never changes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from wakeful import limits
from wakeful.services.lambda_ import permissions
from wakeful.services.lambda_.errors import (
    InvalidParameterValueException,
    PolicyLengthExceededException,
    PreconditionFailedException,
    ResourceConflictException,
    ResourceNotFoundException,
)
from wakeful.services.lambda_.functions import Package
from wakeful.store import blobs
from wakeful.store.tx import Row, Tx

_ARN = re.compile(
    r"(?P<layer>arn:aws[a-zA-Z-]*:lambda:(?P<region>[a-z0-9-]+):(?P<account>\d{12}):layer:(?P<name>[a-zA-Z0-9_-]+))"
    r"(?::(?P<version>\d+))?"
)

_SEAL = "Seal"
"""The member of a version's row that has what is known of its signature."""


@dataclass(frozen=True, slots=True)
class Name:
    """Which layer."""

    account: str
    region: str
    name: str

    @property
    def arn(self) -> str:
        return f"arn:aws:lambda:{self.region}:{self.account}:layer:{self.name}"


@dataclass(frozen=True, slots=True)
class LayerVersion:
    """One version of a layer. `config` is what was said of it, in the names of GetLayerVersionResponse."""

    layer: str
    number: int
    config: Mapping[str, Any]
    package: Package
    created: float

    @property
    def arn(self) -> str:
        return f"{self.layer}:{self.number}"

    @property
    def seal(self) -> Mapping[str, Any]:
        """What is known of its package's signature."""
        return self.package.seal


def name_of(account: str, region: str, given: str) -> Name:
    """The layer that a request names, by its name or its ARN."""
    parts = _ARN.fullmatch(given)
    return Name(parts["account"], parts["region"], parts["name"]) if parts else Name(account, region, given)


def split(arn: str) -> tuple[str, int]:
    """The layer's ARN and the version of a layer version's ARN. Raises InvalidParameterValueException for others."""
    parts = _ARN.fullmatch(arn)
    if parts is None or parts["version"] is None:
        raise InvalidParameterValueException(f"Invalid Layer name: {arn}")
    return parts["layer"], int(parts["version"])


# --- finding ---------------------------------------------------------------------------------------------------------


def get(tx: Tx, layer: str, number: int) -> LayerVersion | None:
    if number > limits.LAMBDA_LAYER_VERSION_MAX:
        return None
    row = tx.one("SELECT * FROM lambda_layer_versions WHERE layer = ? AND version = ?", layer, number)
    return None if row is None else _version(row)


def check_number(number: int) -> None:
    if number < 1:
        raise InvalidParameterValueException("Layer Version Cannot be less than 1.")


def find(tx: Tx, layer: str, number: int) -> LayerVersion:
    check_number(number)
    found = get(tx, layer, number)
    if found is None:
        raise ResourceNotFoundException("The resource you requested does not exist.")
    return found


def versions(tx: Tx, layer: str, before: int) -> list[LayerVersion]:
    """Newest first, from below a number."""
    rows = tx.all(
        "SELECT * FROM lambda_layer_versions WHERE layer = ? AND version < ? ORDER BY version DESC", layer, before
    )
    return [_version(row) for row in rows]


def named(tx: Tx, account: str, region: str, after: str) -> list[str]:
    """The ARNs of the account's layers that have a version, by name, from behind a name."""
    rows = tx.all(
        "SELECT arn FROM lambda_layers WHERE account = ? AND region = ? AND name > ? AND EXISTS"
        " (SELECT 1 FROM lambda_layer_versions WHERE layer = arn) ORDER BY name",
        *(account, region, after),
    )
    return [row["arn"] for row in rows]


def bytes_of(tx: Tx, account: str, region: str) -> int:
    """The bytes of all versions of the account's layers, zipped."""
    row = tx.one(
        "SELECT coalesce(sum(v.code_bytes), 0) AS bytes FROM lambda_layer_versions v JOIN lambda_layers l"
        " ON l.arn = v.layer WHERE l.account = ? AND l.region = ?",
        *(account, region),
    )
    assert row is not None
    return int(row["bytes"])


def suits(version: LayerVersion, runtime: str | None, architecture: str | None) -> bool:
    """Whether it says that it works there; one that says nothing of architectures works on x86_64."""
    runtimes = version.config.get("CompatibleRuntimes") or []
    architectures = version.config.get("CompatibleArchitectures") or ["x86_64"]
    return (runtime is None or runtime in runtimes) and (architecture is None or architecture in architectures)


# --- changing --------------------------------------------------------------------------------------------------------


def publish(tx: Tx, layer: Name, config: Mapping[str, Any], package: Package) -> LayerVersion:
    """The layer has one more version, with the next number; numbers are never given twice."""
    config = {**config, _SEAL: dict(package.seal)} if package.seal else config
    tx.lock("lambda", layer.arn)
    row = tx.one(
        "INSERT INTO lambda_layers(arn, account, region, name, next_version) VALUES (?, ?, ?, ?, 2)"
        " ON CONFLICT(arn) DO UPDATE SET next_version = lambda_layers.next_version + 1 RETURNING next_version",
        *(layer.arn, layer.account, layer.region, layer.name),
    )
    assert row is not None
    number = row["next_version"] - 1
    blobs.keep(tx, package.blob)
    tx.run(
        "INSERT INTO lambda_layer_versions(layer, version, config, code, code_sha256, code_bytes, unzipped_bytes,"
        " created) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        *(layer.arn, number, orjson.dumps(dict(config)), package.blob, package.sha256, package.size),
        *(package.unzipped_bytes, tx.now),
    )
    return find(tx, layer.arn, number)


def delete(tx: Tx, layer: str, number: int) -> None:
    """It cannot be shown or added any more; functions that have it keep it."""
    tx.lock("lambda", layer)
    version = get(tx, layer, number)
    if version is None:
        return
    blobs.release(tx, version.package.blob)
    for table in ("lambda_layer_versions", "lambda_layer_permissions"):
        tx.run(f"DELETE FROM {table} WHERE layer = ? AND version = ?", layer, number)  # noqa: S608 - our own two names


# --- in functions ----------------------------------------------------------------------------------------------------


def chosen(tx: Tx, region: str, arns: Sequence[str]) -> list[LayerVersion]:
    """The layer versions a function shall have, in their order. Raises what Lambda answers where it cannot."""
    if len(arns) > limits.LAMBDA_LAYERS_MAX:
        raise InvalidParameterValueException(f"Cannot reference more than {limits.LAMBDA_LAYERS_MAX} layers.")
    places = [split(arn) for arn in arns]
    for arn in arns:
        if arn.split(":")[3] != region:
            raise InvalidParameterValueException(
                f"Layers are not in the same region as the function. Layers are expected to be in region {region}."
            )
    first: dict[str, str] = {}
    for arn, (layer, _) in zip(arns, places, strict=True):
        if layer in first:
            raise InvalidParameterValueException(
                "Two different versions of the same layer are not allowed to be referenced in the same function."
                f" {first[layer]} and {arn} are versions of the same layer."
            )
        first[layer] = arn
    found = []
    for layer, number in places:
        version = get(tx, layer, number)
        if version is None:
            raise InvalidParameterValueException(f"Layer version {layer}:{number} does not exist.")
        found.append(version)
    return found


def check_size(code_bytes: int, layer_bytes: int) -> None:
    """The function's code and its layers, unzipped, are together no larger than code alone may be."""
    if code_bytes + layer_bytes > limits.LAMBDA_UNZIPPED_BYTES_MAX:
        raise InvalidParameterValueException(
            "Function code combined with layers exceeds the maximum allowed size of"
            f" {limits.LAMBDA_UNZIPPED_BYTES_MAX} bytes. The actual size is {code_bytes + layer_bytes} bytes."
        )


# --- who may have it -------------------------------------------------------------------------------------------------


def permit(tx: Tx, version: LayerVersion, request: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
    """The statement that the version's policy now has, and the policy's revision."""
    tx.lock("lambda", version.layer)
    statements = _statements(tx, version)
    _check_revision(statements, request.get("RevisionId"))
    sid = request["StatementId"]
    if any(statement["Sid"] == sid for statement in statements):
        raise ResourceConflictException(
            f"The statement id ({sid}) provided already exists. Please provide a new statement id, or remove the"
            " existing statement."
        )
    statement = {
        "Sid": sid,
        "Effect": "Allow",
        "Principal": permissions.principal_of(request["Principal"]),
        "Action": request["Action"],
        "Resource": version.arn,
    }
    if "OrganizationId" in request:
        if request["Principal"] != "*":
            raise InvalidParameterValueException("OrganizationId can only be given with the principal *.")
        statement["Condition"] = {"StringEquals": {"aws:PrincipalOrgID": request["OrganizationId"]}}
    if len(permissions.text_of([*statements, statement])) > limits.LAMBDA_POLICY_BYTES_MAX:
        raise PolicyLengthExceededException(
            f"The final policy size is bigger than the limit ({limits.LAMBDA_POLICY_BYTES_MAX})."
        )
    tx.run(
        "INSERT INTO lambda_layer_permissions(layer, version, sid, place, statement) VALUES (?, ?, ?, ?, ?)",
        *(version.layer, version.number, sid, len(statements), permissions.text_of(statement)),
    )
    return statement, permissions.revision_of([*statements, statement])


def forbid(tx: Tx, version: LayerVersion, sid: str, revision: str | None) -> None:
    tx.lock("lambda", version.layer)
    _check_revision(_statements(tx, version), revision)
    gone = tx.run(
        "DELETE FROM lambda_layer_permissions WHERE layer = ? AND version = ? AND sid = ?",
        *(version.layer, version.number, sid),
    )
    if not gone:
        raise ResourceNotFoundException(f"Statement {sid} is not found in resource policy.")


def policy_of(tx: Tx, version: LayerVersion) -> tuple[str, str] | None:
    """The policy and its revision; None where there is none."""
    statements = _statements(tx, version)
    if not statements:
        return None
    document = {"Version": "2012-10-17", "Id": "default", "Statement": statements}
    return permissions.text_of(document), permissions.revision_of(statements)


def policy(tx: Tx, arn: str) -> str | None:
    """The policy of a layer version, as authorisation asks for it; None for any other ARN."""
    parts = _ARN.fullmatch(arn)
    version = get(tx, parts["layer"], int(parts["version"])) if parts and parts["version"] else None
    found = policy_of(tx, version) if version is not None else None
    return found[0] if found is not None else None


def _statements(tx: Tx, version: LayerVersion) -> list[dict[str, Any]]:
    rows = tx.all(
        "SELECT statement FROM lambda_layer_permissions WHERE layer = ? AND version = ? ORDER BY place, sid",
        *(version.layer, version.number),
    )
    return [orjson.loads(row["statement"]) for row in rows]


def _check_revision(statements: list[dict[str, Any]], revision: str | None) -> None:
    if revision is not None and revision != permissions.revision_of(statements):
        raise PreconditionFailedException(
            "The Revision Id provided does not match the latest Revision Id. Call the GetLayerPolicy API to retrieve"
            " the latest Revision Id"
        )


def _version(row: Row) -> LayerVersion:
    config = orjson.loads(row["config"])
    seal = config.pop(_SEAL, {})
    package = Package(row["code"], row["code_sha256"], row["code_bytes"], row["unzipped_bytes"], seal=seal)
    return LayerVersion(row["layer"], row["version"], config, package, row["created"])
