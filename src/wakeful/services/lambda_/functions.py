"""Functions and their versions: rows, states, and what invocations get of them."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

import orjson

from wakeful import limits, names
from wakeful.services.lambda_ import managed, networks, snapshots
from wakeful.services.lambda_.billing import standing
from wakeful.services.lambda_.errors import (
    InvalidParameterValueException,
    PreconditionFailedException,
    ResourceConflictException,
    ResourceNotFoundException,
)
from wakeful.services.lambda_.references import LATEST, LATEST_PUBLISHED, Reference
from wakeful.store import blobs, work
from wakeful.store.tx import Row, Tx

if TYPE_CHECKING:
    from wakeful.shapes import lambda_ as shapes

CHANGED = "lambda.functions"
"""Woken when anything changed that an invocation depends on."""

PREPARE = "lambda.prepare"
"""The kind of work row that makes a version ready to serve."""


@dataclass(frozen=True, slots=True)
class Package:
    """A deployment package: its blob, its hash as Lambda shows it, its size zipped and unzipped.

    `layers` are the blobs of the layers it runs with, in their order: they stay as long as a version has them.
    """

    blob: str
    sha256: str
    size: int
    unzipped_bytes: int
    layers: tuple[str, ...] = ()
    layers_bytes: int = 0
    """Their size, unzipped."""
    seal: Mapping[str, Any] = field(default_factory=dict)
    """What is known of its signature, while it is being deployed."""

    @property
    def blobs(self) -> tuple[str, ...]:
        return (self.blob, *self.layers)


@dataclass(frozen=True, slots=True)
class Version:
    """One version's row. `serving` is what invocations get; None as long as it was never ready."""

    function: str
    version: str
    number: int
    revision: str
    config: Mapping[str, Any]
    package: Package
    modified: float
    state: str
    state_code: str | None
    state_reason: str | None
    update_status: str
    update_code: str | None
    update_reason: str | None
    serving: Mapping[str, Any] | None


# --- finding ---------------------------------------------------------------------------------------------------------


def exists(tx: Tx, arn: str) -> bool:
    return tx.one("SELECT 1 FROM lambda_functions WHERE arn = ?", arn) is not None


def find(tx: Tx, reference: Reference) -> Version:
    """The version a reference means, $LATEST where it names none; through an alias, its main version."""
    return find_version(tx, reference, main_version(tx, reference))


def main_version(tx: Tx, reference: Reference) -> str:
    """The version's name: the qualifier itself, or what an alias points to. Raises ResourceNotFoundException."""
    qualifier = reference.qualifier or LATEST
    if qualifier in (LATEST, LATEST_PUBLISHED) or qualifier.isdigit():
        return qualifier
    row = tx.one("SELECT version FROM lambda_aliases WHERE function = ? AND name = ?", reference.arn, qualifier)
    if row is None:
        raise not_found(reference)
    return str(row["version"])


def find_version(tx: Tx, reference: Reference, version: str) -> Version:
    found = get_version(tx, reference.arn, version)
    if found is None:
        raise not_found(
            reference if reference.qualifier or version == LATEST else replace(reference, qualifier=version)
        )
    return found


def get_version(tx: Tx, function: str, version: str) -> Version | None:
    row = tx.one("SELECT * FROM lambda_versions WHERE function = ? AND version = ?", function, version)
    return None if row is None else of_row(row)


def not_found(reference: Reference) -> ResourceNotFoundException:
    return ResourceNotFoundException(f"Function not found: {reference.qualified}")


def versions_of(tx: Tx, function: str, after: int, limit: int) -> list[Version]:
    """$LATEST.PUBLISHED and $LATEST, then by number, from the one after number `after` (-2: from the beginning)."""
    rows = tx.all(
        "SELECT * FROM lambda_versions WHERE function = ? AND number > ? ORDER BY number LIMIT ?",
        function,
        after,
        limit,
    )
    return [of_row(row) for row in rows]


def listed(tx: Tx, account: str, region: str, after: tuple[str, int], limit: int, *, every: bool) -> list[Version]:
    """The account's functions by name; `every` version of them, or $LATEST alone."""
    rows = tx.all(
        "SELECT v.* FROM lambda_versions v JOIN lambda_functions f ON f.arn = v.function WHERE f.account = ? AND"
        " f.region = ? AND (v.number = 0 OR ? = 1) AND (f.name > ? OR (f.name = ? AND v.number > ?))"
        " ORDER BY f.name, v.number LIMIT ?",
        *(account, region, int(every), after[0], after[0], after[1], limit),
    )
    return [of_row(row) for row in rows]


def tags_of(tx: Tx, function: str) -> dict[str, str]:
    row = tx.one("SELECT tags FROM lambda_functions WHERE arn = ?", function)
    return {} if row is None else dict(orjson.loads(row["tags"]))


def reservations(tx: Tx, account: str, region: str) -> dict[str, int]:
    """The reserved concurrency of the functions that have one, by ARN."""
    rows = tx.all(
        "SELECT arn, reserved FROM lambda_functions WHERE account = ? AND region = ? AND reserved IS NOT NULL",
        *(account, region),
    )
    return {row["arn"]: row["reserved"] for row in rows}


def usage(tx: Tx, account: str, region: str) -> tuple[int, int]:
    """How many functions the account has, and the bytes of all packages of their versions, zipped."""
    row = tx.one(
        "SELECT count(DISTINCT f.arn) AS functions, coalesce(sum(v.code_bytes), 0) AS bytes FROM lambda_functions f"
        " JOIN lambda_versions v ON v.function = f.arn WHERE f.account = ? AND f.region = ?",
        *(account, region),
    )
    assert row is not None
    return row["functions"], int(row["bytes"])


# --- changing --------------------------------------------------------------------------------------------------------


def create(
    tx: Tx, reference: Reference, config: Mapping[str, Any], package: Package, tags: Mapping[str, str]
) -> Version:
    """The function is there, Pending until it has been made ready."""
    tx.lock("lambda", reference.arn)
    if exists(tx, reference.arn):
        raise ResourceConflictException(f"Function already exist: {reference.name}")
    tx.run(
        "INSERT INTO lambda_functions(arn, account, region, name, tags) VALUES (?, ?, ?, ?, ?)",
        *(reference.arn, reference.account, reference.region, reference.name, orjson.dumps(dict(tags))),
    )
    return insert(tx, reference.arn, LATEST, 0, config, package)


def update(
    tx: Tx, reference: Reference, *, config: Mapping[str, Any] | None = None, package: Package | None = None
) -> Version:
    """$LATEST has the new configuration or code; invocations get the old until the new has been made ready."""
    tx.lock("lambda", reference.arn)
    latest = find_version(tx, reference, LATEST)
    check_idle(latest)
    return replace_with(tx, latest, config if config is not None else latest.config, package or latest.package)


def replace_with(tx: Tx, version: Version, config: Mapping[str, Any], code: Package) -> Version:
    """The version is being updated; it has a new revision."""
    _keep(tx, code)
    release(tx, version.package)
    revision = names.new_uuid()
    tx.run(
        "UPDATE lambda_versions SET revision = ?, config = ?, code = ?, code_sha256 = ?, code_bytes = ?,"
        " unzipped_bytes = ?, layers = ?, layers_bytes = ?, modified = ?, update_status = 'InProgress',"
        " update_code = 'Creating', update_reason = 'The function is being created.'"
        " WHERE function = ? AND version = ?",
        *(revision, orjson.dumps(dict(config))),
        *(code.blob, code.sha256, code.size, code.unzipped_bytes, orjson.dumps(code.layers)),
        *(code.layers_bytes, tx.now, version.function, version.version),
    )
    _prepare(tx, version.function, version.version, revision)
    replaced = get_version(tx, version.function, version.version)
    assert replaced is not None
    return replaced


def reserve(tx: Tx, reference: Reference, count: int | None) -> None:
    """So much of the account's concurrency is the function's, and no more; None: it shares what nobody has."""
    tx.lock("lambda", f"concurrency {reference.account} {reference.region}", reference.arn)
    if not exists(tx, reference.arn):
        raise not_found(reference)
    others = reservations(tx, reference.account, reference.region)
    others.pop(reference.arn, None)
    rest = limits.CONCURRENT_EXECUTIONS_MAX - sum(others.values()) - (count or 0)
    if count and rest < limits.LAMBDA_UNRESERVED_CONCURRENCY_MIN:
        raise InvalidParameterValueException(
            "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution"
            f" below its minimum value of [{limits.LAMBDA_UNRESERVED_CONCURRENCY_MIN}]."
        )
    provisioned = tx.one(
        "SELECT coalesce(sum(requested), 0) AS sum FROM lambda_provisioned WHERE function = ?", reference.arn
    )
    assert provisioned is not None
    if count is not None and count < provisioned["sum"]:
        raise InvalidParameterValueException(
            f" ReservedConcurrentExecutions  {count} should not be lower than function's total provisioned concurrency"
            f" [{provisioned['sum']}]."
        )
    tx.run("UPDATE lambda_functions SET reserved = ? WHERE arn = ?", count, reference.arn)
    tx.wake(CHANGED)


def revise(tx: Tx, version: Version) -> None:
    """It is in a new revision to clients; one that is being made ready will be once it is."""
    tx.run(
        "UPDATE lambda_versions SET revision = ? WHERE function = ? AND version = ? AND state <> 'Pending'"
        " AND update_status <> 'InProgress'",
        *(names.new_uuid(), version.function, version.version),
    )


def deactivate(tx: Tx, version: Version) -> None:
    """It runs no more until it is reactivated."""
    tx.run(
        "UPDATE lambda_versions SET state = 'Deactivated' WHERE function = ? AND version = ?",
        *(version.function, version.version),
    )


def reactivate(tx: Tx, version: Version) -> None:
    """It is Pending until its environments stand ready again."""
    tx.run(
        "UPDATE lambda_versions SET state = 'Pending' WHERE function = ? AND version = ?",
        *(version.function, version.version),
    )
    _prepare(tx, version.function, version.version, version.revision)


def delete(tx: Tx, reference: Reference) -> None:
    """The function is gone, with all it had."""
    tx.lock("lambda", reference.arn)
    if not exists(tx, reference.arn):
        raise not_found(reference)
    for version in versions_of(tx, reference.arn, -2, 1 << 31):
        release(tx, version.package)
        work.drop(tx, _prepare_name(reference.arn, version.version))
    for table in (
        *("lambda_versions", "lambda_aliases", "lambda_permissions", "lambda_provisioned", "lambda_urls"),
        *("lambda_snapshots", "lambda_capacity_uses", "lambda_event_configs", "lambda_recursion", "lambda_policies"),
        *("lambda_runtime_management", "lambda_code_signing_uses"),
    ):
        tx.run(f"DELETE FROM {table} WHERE function = ?", reference.arn)  # noqa: S608 - our own names
    tx.run("DELETE FROM lambda_functions WHERE arn = ?", reference.arn)
    standing.reckon(tx, reference.arn)
    tx.wake(CHANGED)


def made_ready(tx: Tx, function: str, version: str, revision: str, *, runtime: str | None) -> None:
    """Invocations get this revision from now on; nothing happens where it was replaced meanwhile.

    What its state is now is a new revision to clients, as on AWS. `runtime` is the ARN of the runtime version that the
    host has for it.
    """
    tx.lock("lambda", function)
    row = get_version(tx, function, version)
    if row is None or row.revision != revision:
        return
    is_invocable = row.number != 0 or not managed.is_asked_for(row.config)
    state = "Active" if is_invocable else "ActiveNonInvocable"
    tx.run(
        "UPDATE lambda_versions SET serving = ?, state = ?, state_code = NULL, state_reason = NULL, revision = ?,"
        " update_status = 'Successful', update_code = NULL, update_reason = NULL WHERE function = ? AND version = ?",
        *(orjson.dumps({**serving(row), "runtime": runtime}), state, names.new_uuid(), function, version),
    )
    tx.wake(CHANGED)


def serving(version: Version) -> dict[str, Any]:
    """What invocations of this version get once it has been made ready."""
    code = {"code": version.package.blob, "layers": version.package.layers}
    return {"config": dict(version.config), **code, "revision": version.revision}


def failed(tx: Tx, function: str, version: str, revision: str, code: str, reason: str) -> None:
    """This revision cannot be made ready: a new function has Failed; an updated one goes on serving what it had."""
    tx.lock("lambda", function)
    row = get_version(tx, function, version)
    if row is None or row.revision != revision:
        return
    if row.serving is None:
        tx.run(
            "UPDATE lambda_versions SET state = 'Failed', state_code = ?, state_reason = ?, update_status = 'Failed',"
            " update_code = ?, update_reason = ?, revision = ? WHERE function = ? AND version = ?",
            *(code, reason, code, reason, names.new_uuid(), function, version),
        )
    else:
        tx.run(
            "UPDATE lambda_versions SET update_status = 'Failed', update_code = ?, update_reason = ?, revision = ?"
            " WHERE function = ? AND version = ?",
            *(code, reason, names.new_uuid(), function, version),
        )
    tx.wake(CHANGED)


# --- rules -----------------------------------------------------------------------------------------------------------


def check_idle(version: Version) -> None:
    """Raises ResourceConflictException while the version is being made or changed."""
    if version.state == "Pending":
        raise ResourceConflictException(
            "The operation cannot be performed at this time. The function is currently in the following state: Pending"
        )
    if version.update_status == "InProgress":
        raise ResourceConflictException(
            f"The operation cannot be performed at this time. An update is in progress for resource: {version.function}"
        )


def check_revision(version: Version, revision: str | None) -> None:
    if revision is not None and revision != version.revision:
        raise PreconditionFailedException(
            "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to"
            " retrieve the latest Revision Id"
        )


# --- showing ---------------------------------------------------------------------------------------------------------


def described(version: Version, *, qualifier: str = "") -> shapes.FunctionConfiguration:
    """FunctionConfiguration. The ARN carries the qualifier, where the request had one: a version, or an alias."""
    config = dict(version.config)
    log_group = f"/aws/lambda/{version.function.rsplit(':', 1)[1]}"
    logging = {"LogFormat": "Text", "LogGroup": log_group, **(config.pop("LoggingConfig", None) or {})}
    name = version.function.rsplit(":", 1)[1]
    shown = {
        "FunctionName": name,
        "FunctionArn": f"{version.function}:{qualifier}" if qualifier else version.function,
        **config,
        "CodeSize": version.package.size,
        "CodeSha256": version.package.sha256,
        "LastModified": time_shown(version.modified),
        "Version": version.version,
        "RevisionId": version.revision,
        "State": version.state,
        "LoggingConfig": logging,
    }
    if networks.MEMBER in config:
        shown[networks.MEMBER] = networks.described(config, version.function)
    if version.state != "Pending":
        shown["LastUpdateStatus"] = version.update_status
    if not managed.is_asked_for(version.config):
        is_on = version.number > 0 and version.state != "Failed"
        shown["SnapStart"] = snapshots.described(version.config, is_on=is_on)
    optional = {
        "StateReasonCode": version.state_code,
        "StateReason": version.state_reason,
        "LastUpdateStatusReasonCode": version.update_code,
        "LastUpdateStatusReason": version.update_reason,
    }
    given = {member: value for member, value in optional.items() if value is not None}
    return cast("shapes.FunctionConfiguration", {**shown, **given})


_NOT_LISTED = ("State", "StateReason", "StateReasonCode", "RuntimeVersionConfig")


def listed_as(version: Version, *, qualifier: str = "") -> shapes.FunctionConfiguration:
    """FunctionConfiguration as lists have it: without states ("ListFunctions" in the API reference)."""
    shown = described(version, qualifier=qualifier)
    rest = {
        name: value
        for name, value in shown.items()
        if name not in _NOT_LISTED and not name.startswith("LastUpdateStatus")
    }
    return cast("shapes.FunctionConfiguration", rest)


def time_shown(epoch_s: float) -> str:
    """As Lambda writes points in time."""
    moment = datetime.fromtimestamp(epoch_s, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03}+0000"


def sha256_shown(key: str) -> str:
    """A blob's key as CodeSha256 has it: base64 of the same digest."""
    return base64.b64encode(bytes.fromhex(key)).decode()


def insert(
    tx: Tx,
    function: str,
    version: str,
    number: int,
    config: Mapping[str, Any],
    package: Package,
    *,
    is_prepared: bool = False,
) -> Version:
    """The version is there, Pending until it has been made ready; nothing needs to be done for one `is_prepared`."""
    revision = names.new_uuid()
    _keep(tx, package)
    if number != 0:
        managed.use(tx, function, version, config)
    tx.run(
        "INSERT INTO lambda_versions(function, version, number, revision, config, code, code_sha256, code_bytes,"
        " unzipped_bytes, layers, layers_bytes, modified, state, state_code, state_reason, update_status) VALUES"
        " (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'Pending', 'Creating', 'The function is being created.', 'Successful')",
        *(function, version, number, revision, orjson.dumps(dict(config)), package.blob, package.sha256, package.size),
        *(package.unzipped_bytes, orjson.dumps(package.layers), package.layers_bytes, tx.now),
    )
    if not is_prepared:
        _prepare(tx, function, version, revision)
    inserted = get_version(tx, function, version)
    assert inserted is not None
    return inserted


def _keep(tx: Tx, package: Package) -> None:
    for blob in package.blobs:
        blobs.keep(tx, blob)


def release(tx: Tx, package: Package) -> None:
    for blob in package.blobs:
        blobs.release(tx, blob)


def _prepare(tx: Tx, function: str, version: str, revision: str) -> None:
    body = {"function": function, "version": version, "revision": revision}
    work.put(tx, PREPARE, body, name=_prepare_name(function, version))


def _prepare_name(function: str, version: str) -> str:
    return f"{PREPARE} {function}:{version}"


def of_row(row: Row) -> Version:
    return Version(
        function=row["function"],
        version=row["version"],
        number=row["number"],
        revision=row["revision"],
        config=orjson.loads(row["config"]),
        package=Package(
            row["code"],
            row["code_sha256"],
            row["code_bytes"],
            row["unzipped_bytes"],
            tuple(orjson.loads(row["layers"])),
            row["layers_bytes"],
        ),
        modified=row["modified"],
        state=row["state"],
        state_code=row["state_code"],
        state_reason=row["state_reason"],
        update_status=row["update_status"],
        update_code=row["update_code"],
        update_reason=row["update_reason"],
        serving=None if row["serving"] is None else orjson.loads(row["serving"]),
    )
