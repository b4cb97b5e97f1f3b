"""Lambda Managed Instances: what a function with a capacity provider may be, and which of its versions run on it.

Their environments take several invocations at a time ("Lambda Managed Instances" in the Lambda guide).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

import orjson

from wakeful import limits
from wakeful.services.lambda_.errors import (
    FunctionVersionsPerCapacityProviderLimitExceededException,
    InvalidParameterValueException,
    ResourceConflictException,
    ResourceNotFoundException,
)
from wakeful.store.tx import Tx

MEMBER = "CapacityProviderConfig"
_INSTANCES = "LambdaManagedInstancesCapacityProviderConfig"
_PER_VCPU = {"python": 16, "nodejs": 64, "java": 32, "dotnet": 32, "provided": 8}
"""Invocations at a time where a function does not say, as the guide's page on each runtime has it."""

_OLDEST = {"python": (3, 13), "nodejs": (22,), "java": (21,), "dotnet": (8,), "provided.al": (2023,)}
_NAME = re.compile(r"(?P<family>provided\.al|[a-z]+)(?P<version>[\d.]*)")


def is_asked_for(config: Mapping[str, Any]) -> bool:
    return MEMBER in config


def provider_of(config: Mapping[str, Any]) -> str:
    return str(config[MEMBER][_INSTANCES]["CapacityProviderArn"])


def slots_of(config: Mapping[str, Any]) -> int:
    """How many invocations an environment takes at a time."""
    return int(config[MEMBER][_INSTANCES]["PerExecutionEnvironmentMaxConcurrency"])


def vcpus_of(config: Mapping[str, Any]) -> float:
    return float(config["MemorySize"] / 1024 / config[MEMBER][_INSTANCES]["ExecutionEnvironmentMemoryGiBPerVCpu"])


def defaults(request: Mapping[str, Any]) -> dict[str, Any]:
    """What a new function with a capacity provider has unless it says otherwise."""
    if not request.get(MEMBER):
        return {}
    logging = {"LogFormat": "JSON", "ApplicationLogLevel": "INFO", "SystemLogLevel": "INFO"}
    return {"MemorySize": limits.LAMBDA_MANAGED_MEMORY_MIN_MB, "LoggingConfig": logging}


def check_change(before: Mapping[str, Any], request: Mapping[str, Any]) -> None:
    """A function that was made without a capacity provider stays without one."""
    if request.get(MEMBER) and MEMBER not in before:
        raise InvalidParameterValueException("CapacityProviderConfig isn't supported for Lambda Default functions.")


def check(config: dict[str, Any], request: Mapping[str, Any]) -> None:
    """Raises what Lambda answers where a function may not be so."""
    if not config.get(MEMBER):
        config.pop(MEMBER, None)
        return
    _check_runtime(config["Runtime"])
    if any((request.get("VpcConfig") or {}).values()):
        raise InvalidParameterValueException("You can't use Lambda Managed Instance functions with VPC configurations.")
    for member, what in (("SnapStart", "SnapStart"), ("TenancyConfig", "tenant isolation")):
        if config.get(member) and config[member] != {"ApplyOn": "None"}:
            raise InvalidParameterValueException(f"You can't use Lambda Managed Instance functions with {what}.")
    if (config.get("LoggingConfig") or {}).get("LogFormat", "JSON") != "JSON":
        raise InvalidParameterValueException(
            'LogLevel is not supported when LogFormat is set to "Text". Remove LogLevel from your request or change the'
            ' LogFormat to "JSON" and try again.'
        )
    config[MEMBER] = _completed(config)


def _check_runtime(name: str) -> None:
    parts = _NAME.fullmatch(name.removesuffix(".x"))
    assert parts is not None, name
    oldest = _OLDEST.get(parts["family"])
    version = tuple(int(part) for part in parts["version"].split(".") if part)
    if oldest is None or version < oldest:
        raise InvalidParameterValueException(f"Runtime {name} is not supported for Lambda Managed Instance functions.")


def _completed(config: Mapping[str, Any]) -> dict[str, Any]:
    given = {"ExecutionEnvironmentMemoryGiBPerVCpu": 2.0, **config[MEMBER][_INSTANCES]}
    vcpus = config["MemorySize"] / 1024 / given["ExecutionEnvironmentMemoryGiBPerVCpu"]
    if vcpus < 1:
        raise InvalidParameterValueException(
            "Lambda Managed Instance functions must have at least 1 vCPU: MemorySize must not be less than"
            f" {math.ceil(given['ExecutionEnvironmentMemoryGiBPerVCpu'] * 1024)} with"
            f" ExecutionEnvironmentMemoryGiBPerVCpu {given['ExecutionEnvironmentMemoryGiBPerVCpu']}."
        )
    family = next(family for family in _PER_VCPU if config["Runtime"].startswith(family))
    given.setdefault("PerExecutionEnvironmentMaxConcurrency", int(_PER_VCPU[family] * vcpus))
    return {_INSTANCES: given}


# --- rows ------------------------------------------------------------------------------------------------------------


def check_provider(tx: Tx, config: Mapping[str, Any]) -> None:
    """The capacity provider is there and Active, and has the function's architecture."""
    if not is_asked_for(config):
        return
    arn = provider_of(config)
    row = tx.one("SELECT state, config FROM lambda_capacity_providers WHERE arn = ?", arn)
    if row is None:
        raise ResourceNotFoundException(f"Capacity provider not found: {arn}")
    if row["state"] != "Active":
        raise ResourceConflictException(
            "The operation cannot be performed at this time. The capacity provider is currently in the following"
            f" state: {row['state']}"
        )
    architectures = orjson.loads(row["config"])["InstanceRequirements"]["Architectures"]
    if architectures != config["Architectures"]:
        raise InvalidParameterValueException(
            f"The function's architecture {config['Architectures'][0]} does not match that of its capacity provider"
            f" ({architectures[0]})."
        )


def use(tx: Tx, function: str, version: str, config: Mapping[str, Any]) -> None:
    """This published version runs on its capacity provider."""
    if not is_asked_for(config):
        return
    provider = provider_of(config)
    tx.lock("lambda", provider)
    check_provider(tx, config)
    count = tx.one("SELECT count(*) AS n FROM lambda_capacity_uses WHERE provider = ?", provider)
    assert count is not None
    if count["n"] >= limits.LAMBDA_CAPACITY_PROVIDER_VERSIONS_MAX:
        raise FunctionVersionsPerCapacityProviderLimitExceededException
    tx.run(
        "INSERT INTO lambda_capacity_uses(function, version, provider) VALUES (?, ?, ?)"
        " ON CONFLICT(function, version) DO UPDATE SET provider = excluded.provider",
        *(function, version, provider),
    )
