"""Capacity providers: where Lambda Managed Instances come from. Here every one of them is this machine.

What speaks of networks, instance types and scaling by load is kept and shown as it was given, and means nothing here;
the architecture and the number of vCPUs do ("Capacity providers" in the Lambda guide).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import orjson

from wakeful import limits
from wakeful.fabric.service import Call, Done, Node
from wakeful.services.lambda_ import functions, tags
from wakeful.services.lambda_.errors import (
    CapacityProviderLimitExceededException,
    InvalidParameterValueException,
    ResourceConflictException,
    ResourceNotFoundException,
)
from wakeful.store import work
from wakeful.store.tx import Row, Tx

if TYPE_CHECKING:
    from wakeful.shapes import lambda_ as shapes

KIND = "lambda.capacity"
"""The kind of work row that makes a capacity provider ready, or takes it away."""

_FORM = re.compile(
    r"arn:aws[a-zA-Z-]*:lambda:(?P<region>[a-z0-9-]+):(?P<account>\d{12}):capacity-provider:(?P<name>.+)"
)
_CONFIGURED = ("VpcConfig", "PermissionsConfig", "InstanceRequirements", "CapacityProviderScalingConfig")


@dataclass(frozen=True, slots=True)
class CapacityProvider:
    arn: str
    config: Mapping[str, Any]
    state: str
    modified: float

    @property
    def name(self) -> str:
        return self.arn.rsplit(":", 1)[1]

    @property
    def vcpus_max(self) -> int:
        """How many vCPUs all environments of its functions may have together."""
        scaling = self.config.get("CapacityProviderScalingConfig") or {}
        return int(scaling.get("MaxVCpuCount", limits.LAMBDA_CAPACITY_VCPUS))


def arn_of(call: Call, name: str) -> str:
    """What a name or an ARN in a request means."""
    parts = _FORM.fullmatch(name)
    if parts is None:
        return call.arn("lambda", f"capacity-provider:{name}")
    if parts["region"] != call.region:
        raise ResourceNotFoundException(f"Capacity provider not found: {name}")
    return name


def get(tx: Tx, arn: str) -> CapacityProvider | None:
    row = tx.one("SELECT * FROM lambda_capacity_providers WHERE arn = ?", arn)
    return None if row is None else _provider(row)


def find(tx: Tx, arn: str) -> CapacityProvider:
    provider = get(tx, arn)
    if provider is None:
        raise ResourceNotFoundException(f"Capacity provider not found: {arn}")
    return provider


def listed(tx: Tx, account: str, region: str, state: str | None, after: str, limit: int) -> list[CapacityProvider]:
    rows = tx.all(
        "SELECT * FROM lambda_capacity_providers WHERE account = ? AND region = ? AND (? = '' OR state = ?)"
        " AND arn > ? ORDER BY arn LIMIT ?",
        *(account, region, state or "", state or "", after, limit),
    )
    return [_provider(row) for row in rows]


def create(tx: Tx, call: Call, arn: str, request: Mapping[str, Any]) -> CapacityProvider:
    """It is there and Pending; a moment later it is Active."""
    tx.lock("lambda", arn, f"capacity {call.account} {call.region}")
    if get(tx, arn) is not None:
        raise ResourceConflictException(f"Capacity provider already exist: {arn.rsplit(':', 1)[1]}")
    count = tx.one(
        "SELECT count(*) AS n FROM lambda_capacity_providers WHERE account = ? AND region = ?",
        *(call.account, call.region),
    )
    assert count is not None
    if count["n"] >= limits.LAMBDA_CAPACITY_PROVIDERS_MAX:
        raise CapacityProviderLimitExceededException
    tags.check(request.get("Tags", {}))
    config = {name: request[name] for name in _CONFIGURED if name in request}
    config.setdefault("InstanceRequirements", {"Architectures": ["x86_64"]})
    config["CapacityProviderScalingConfig"] = _scaling(config.get("CapacityProviderScalingConfig") or {})
    _check_instances(config["InstanceRequirements"])
    tx.run(
        "INSERT INTO lambda_capacity_providers(arn, account, region, config, state, modified, tags)"
        " VALUES (?, ?, ?, ?, 'Pending', ?, ?)",
        *(arn, call.account, call.region, orjson.dumps(config), tx.now, orjson.dumps(dict(request.get("Tags", {})))),
    )
    work.put(tx, KIND, {"arn": arn}, name=f"{KIND} {arn}")
    return find(tx, arn)


def update(tx: Tx, arn: str, scaling: Mapping[str, Any] | None) -> CapacityProvider:
    """What the request names is replaced."""
    tx.lock("lambda", arn)
    provider = find(tx, arn)
    _check_idle(provider)
    if scaling is not None:
        config = {**provider.config, "CapacityProviderScalingConfig": _scaling(scaling)}
        tx.run(
            "UPDATE lambda_capacity_providers SET config = ?, modified = ? WHERE arn = ?",
            *(orjson.dumps(config), tx.now, arn),
        )
        tx.wake(functions.CHANGED)
    return find(tx, arn)


def delete(tx: Tx, arn: str) -> CapacityProvider:
    """It is Deleting, and gone a moment later. Raises ResourceConflictException where a function runs on it."""
    tx.lock("lambda", arn)
    _check_idle(find(tx, arn))
    if versions_on(tx, arn, "", -2, 1):
        raise ResourceConflictException(
            "The capacity provider cannot be deleted because function versions are associated with it:"
            f" {arn.rsplit(':', 1)[1]}"
        )
    tx.run("UPDATE lambda_capacity_providers SET state = 'Deleting', modified = ? WHERE arn = ?", tx.now, arn)
    work.put(tx, KIND, {"arn": arn}, name=f"{KIND} {arn}")
    return find(tx, arn)


async def settle(node: Node, item: work.Item) -> Done:
    """The worker that carries out what a new or an unwanted capacity provider waits for: there are no instances."""
    arn: str = item.body["arn"]

    def settled(tx: Tx) -> None:
        tx.lock("lambda", arn)
        tx.run("DELETE FROM lambda_capacity_providers WHERE arn = ? AND state = 'Deleting'", arn)
        tx.run("UPDATE lambda_capacity_providers SET state = 'Active' WHERE arn = ? AND state = 'Pending'", arn)

    return Done(settled)


def versions_on(tx: Tx, arn: str, function: str, number: int, limit: int) -> list[tuple[str, str, str, int]]:
    """(function, version, state, number) of what runs on it, after a function's number. $LATEST never runs."""
    rows = tx.all(
        "SELECT c.function, v.version, v.state, v.number FROM lambda_capacity_uses c JOIN lambda_versions v"
        " ON v.function = c.function AND v.version = c.version WHERE c.provider = ?"
        " AND (c.function > ? OR (c.function = ? AND v.number > ?)) ORDER BY c.function, v.number LIMIT ?",
        *(arn, function, function, number, limit),
    )
    return [(row["function"], row["version"], row["state"], row["number"]) for row in rows]


def described(provider: CapacityProvider) -> shapes.CapacityProvider:
    shown = {
        "CapacityProviderArn": provider.arn,
        "State": provider.state,
        **provider.config,
        "LastModified": functions.time_shown(provider.modified),
    }
    return cast("shapes.CapacityProvider", shown)


def _check_idle(provider: CapacityProvider) -> None:
    if provider.state != "Active":
        raise ResourceConflictException(
            "The operation cannot be performed at this time. The capacity provider is currently in the following"
            f" state: {provider.state}"
        )


def _scaling(config: Mapping[str, Any]) -> dict[str, Any]:
    scaling = {"MaxVCpuCount": limits.LAMBDA_CAPACITY_VCPUS, "ScalingMode": "Auto", **config}
    if scaling["ScalingMode"] == "Auto" and scaling.get("ScalingPolicies"):
        raise InvalidParameterValueException("A scaling policy can't be specified when the scalingMode is set to Auto")
    if scaling["ScalingMode"] == "Manual" and not scaling.get("ScalingPolicies"):
        raise InvalidParameterValueException("A scaling policy must be specified when the scalingMode is set to Manual")
    return scaling


def _check_instances(requirements: dict[str, Any]) -> None:
    if requirements.get("AllowedInstanceTypes") and requirements.get("ExcludedInstanceTypes"):
        raise InvalidParameterValueException(
            "AllowedInstanceTypes and ExcludedInstanceTypes can't be specified together."
        )
    requirements.setdefault("Architectures", ["x86_64"])


def _provider(row: Row) -> CapacityProvider:
    return CapacityProvider(row["arn"], orjson.loads(row["config"]), row["state"], row["modified"])
