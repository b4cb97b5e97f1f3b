"""SnapStart: which versions have it, and which of them keep environments that wait to be restored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wakeful import limits
from wakeful.services.lambda_.billing import standing
from wakeful.services.lambda_.errors import InvalidParameterValueException
from wakeful.store.tx import Tx

KIND = "lambda.snapshot"
"""The kind of work row that runs INIT of a published version."""

INIT_FAILED = "An error occurred during function initialization."


def is_asked_for(config: Mapping[str, Any]) -> bool:
    """Whether versions that are published with this configuration are initialised ahead."""
    return bool((config.get("SnapStart") or {}).get("ApplyOn") == "PublishedVersions")


def check(config: dict[str, Any]) -> None:
    """Raises what Lambda answers where SnapStart cannot be had; a configuration without it does not speak of it.

    Lambda's API takes every runtime, whatever its guide says.
    """
    if not is_asked_for(config):
        config.pop("SnapStart", None)
        return
    if config["EphemeralStorage"]["Size"] > limits.SNAP_START_TMP_MB_MAX:
        raise InvalidParameterValueException(
            f"Ephemeral storage greater than {limits.SNAP_START_TMP_MB_MAX} MB is not supported for SnapStart enabled"
            " functions."
        )
    if "TenancyConfig" in config:
        raise InvalidParameterValueException("Tenant isolation is not supported for SnapStart enabled functions.")


def described(config: Mapping[str, Any], *, is_on: bool) -> dict[str, str]:
    """SnapStartResponse. `is_on` speaks of a published version that has not failed."""
    if not is_asked_for(config):
        return {"ApplyOn": "None", "OptimizationStatus": "Off"}
    return {"ApplyOn": "PublishedVersions", "OptimizationStatus": "On" if is_on else "Off"}


def put(tx: Tx, function: str, version: str) -> None:
    """INIT of this version has succeeded."""
    tx.lock("lambda", function)
    if tx.one("SELECT 1 FROM lambda_versions WHERE function = ? AND version = ?", function, version) is not None:
        tx.run(
            "INSERT INTO lambda_snapshots(function, version) VALUES (?, ?) ON CONFLICT DO NOTHING", function, version
        )
        standing.reckon(tx, function)


def in_use(tx: Tx) -> list[str]:
    """Qualified ARNs of the versions that keep environments parked: the newest of a function, and what aliases name.

    Any other is initialised when it is called.
    """
    rows = tx.all(
        "SELECT s.function, s.version, v.number FROM lambda_snapshots s JOIN lambda_versions v"
        " ON v.function = s.function AND v.version = s.version ORDER BY s.function, v.number"
    )
    aliased = {
        (row["function"], row["version"])
        for row in tx.all(
            "SELECT a.function, a.version FROM lambda_aliases a JOIN lambda_snapshots s"
            " ON s.function = a.function AND s.version = a.version"
        )
    }
    newest = {row["function"]: row["version"] for row in rows}
    return [
        f"{row['function']}:{row['version']}"
        for row in rows
        if newest[row["function"]] == row["version"] or (row["function"], row["version"]) in aliased
    ]
