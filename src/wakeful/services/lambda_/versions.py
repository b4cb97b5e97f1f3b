"""Versions: what $LATEST had when it was published, under a number, for good; $LATEST.PUBLISHED is replaced."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from wakeful.services.lambda_ import functions, managed, snapshots, storage
from wakeful.services.lambda_.billing import standing
from wakeful.services.lambda_.errors import InvalidParameterValueException, ResourceConflictException
from wakeful.services.lambda_.functions import Version
from wakeful.services.lambda_.references import LATEST, LATEST_PUBLISHED, Reference
from wakeful.store.tx import Tx


def publish(tx: Tx, reference: Reference, description: str | None) -> Version:
    """A new version with what $LATEST has now; the newest one, where nothing has changed since it was published."""
    tx.lock("lambda", reference.arn)
    latest = functions.find_version(tx, reference, LATEST)
    newest = tx.one(
        "SELECT * FROM lambda_versions WHERE function = ? AND number > 0 ORDER BY number DESC LIMIT 1", reference.arn
    )
    if newest is not None and _is_same(functions.of_row(newest), latest):
        return functions.of_row(newest)
    storage.check(tx, reference.account, reference.region, latest.package.size)
    row = tx.one(
        "UPDATE lambda_functions SET next_version = next_version + 1 WHERE arn = ?"
        " RETURNING next_version - 1 AS number",
        reference.arn,
    )
    assert row is not None
    config = _described_by(latest, description)
    number, is_prepared = row["number"], _serves(latest)
    made = functions.insert(tx, reference.arn, str(number), number, config, latest.package, is_prepared=is_prepared)
    return _ready_at_once(tx, latest, made) if is_prepared else made


def publish_latest(tx: Tx, reference: Reference, description: str | None) -> Version:
    """$LATEST.PUBLISHED has what $LATEST has now, in place of what it had."""
    tx.lock("lambda", reference.arn)
    latest = functions.find_version(tx, reference, LATEST)
    if not managed.is_asked_for(latest.config):
        raise InvalidParameterValueException("PublishTo isn't supported for Lambda Default functions.")
    config = _described_by(latest, description)
    before = functions.get_version(tx, reference.arn, LATEST_PUBLISHED)
    if before is None:
        return functions.insert(tx, reference.arn, LATEST_PUBLISHED, -1, config, latest.package)
    if before.state != "Failed" and _is_same(before, latest):
        return before
    functions.check_idle(before)
    managed.use(tx, reference.arn, LATEST_PUBLISHED, config)
    return functions.replace_with(tx, before, config, latest.package)


def delete(tx: Tx, reference: Reference) -> None:
    """The version that the reference names is gone. That there was none of this number is no error on AWS."""
    tx.lock("lambda", reference.arn)
    functions.find_version(tx, Reference(reference.account, reference.region, reference.name), LATEST)
    version = functions.get_version(tx, reference.arn, reference.qualifier)
    if version is None:
        return
    for alias in tx.all("SELECT name, version, routing FROM lambda_aliases WHERE function = ?", version.function):
        if version.version == alias["version"] or version.version in orjson.loads(alias["routing"]):
            raise ResourceConflictException(
                f"Version is currently referenced by alias {alias['name']}. Please remove the reference before"
                " deleting."
            )
    for table in ("lambda_versions", "lambda_snapshots", "lambda_capacity_uses", "lambda_runtime_management"):
        tx.run(
            f"DELETE FROM {table} WHERE function = ? AND version = ?",  # noqa: S608 - our own four names
            *(version.function, version.version),
        )
    for table in ("lambda_provisioned", "lambda_permissions", "lambda_event_configs", "lambda_policies"):
        tx.run(
            f"DELETE FROM {table} WHERE function = ? AND qualifier = ?",  # noqa: S608 - our own three names
            *(version.function, version.version),
        )
    standing.reckon(tx, version.function)
    functions.release(tx, version.package)
    tx.wake(functions.CHANGED)


def _described_by(latest: Version, description: str | None) -> dict[str, Any]:
    return dict(latest.config) if description is None else {**latest.config, "Description": description}


def _is_same(published: Version, latest: Version) -> bool:
    """A version may be described otherwise than $LATEST, unless that was done to $LATEST since."""

    def without_description(config: Mapping[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in config.items() if name != "Description"}

    return (
        published.package.sha256 == latest.package.sha256
        and without_description(published.config) == without_description(latest.config)
        and (latest.modified <= published.modified or published.config["Description"] == latest.config["Description"])
    )


def _serves(latest: Version) -> bool:
    """Whether all that could be made ready for its code has been."""
    return (
        latest.state == "Active"
        and latest.update_status == "Successful"
        and not snapshots.is_asked_for(latest.config)
        and not managed.is_asked_for(latest.config)
    )


def _ready_at_once(tx: Tx, latest: Version, made: Version) -> Version:
    """What $LATEST runs already can be run; $LATEST is in a new revision, as on AWS."""
    runtime = (latest.serving or {}).get("runtime")
    functions.made_ready(tx, made.function, made.version, made.revision, runtime=runtime)
    functions.revise(tx, latest)
    ready = functions.get_version(tx, made.function, made.version)
    assert ready is not None
    return ready
