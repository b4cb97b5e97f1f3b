"""DurableConfig: what makes a function durable, and what follows from that ("Configure Lambda durable functions")."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wakeful import limits
from wakeful.services.lambda_.errors import InvalidParameterValueException

MEMBER = "DurableConfig"

_TEXT_LOGS = "You cannot use plain text logs with a durable function. Only JSON format logs are supported"
_JSON_LOGS = {"LogFormat": "JSON", "ApplicationLogLevel": "INFO", "SystemLogLevel": "INFO"}


def defaults(request: Mapping[str, Any]) -> dict[str, Any]:
    """What a new function has where it says nothing, because it is durable."""
    asked = request.get(MEMBER)
    if not asked or "ExecutionTimeout" not in asked:
        return {}
    return {"Timeout": min(limits.LAMBDA_TIMEOUT_MAX_S, asked["ExecutionTimeout"]), "LoggingConfig": _JSON_LOGS}


def of_creation(request: Mapping[str, Any]) -> dict[str, Any] | None:
    """A new function's whole DurableConfig; None for one that is not durable."""
    asked = request.get(MEMBER)
    if asked is None:
        return None
    if "ExecutionTimeout" not in asked:
        raise InvalidParameterValueException(
            "You cannot create a function with a durable configuration without an executionTimeout"
        )
    return _checked({"RetentionPeriodInDays": limits.LAMBDA_DURABLE_RETENTION_DAYS, **asked})


def of_update(config: Mapping[str, Any], request: Mapping[str, Any]) -> dict[str, Any] | None:
    """DurableConfig with what an update names replaced; a function stays what it was created as."""
    asked = request.get(MEMBER)
    before = config.get(MEMBER)
    if asked is None:
        return None if before is None else dict(before)
    if before is None:
        raise InvalidParameterValueException(
            "You cannot add a durable configuration to a function that was originally created with no durable"
            " configuration"
        )
    return _checked({**before, **asked})


def _checked(config: dict[str, Any]) -> dict[str, Any]:
    if config.get("KMSKeyArn"):
        raise InvalidParameterValueException("Wakeful does not have KMS keys yet (DurableConfig.KMSKeyArn).")
    return {name: value for name, value in config.items() if name != "KMSKeyArn"}


def check_logs(config: Mapping[str, Any]) -> None:
    """Raises what Lambda answers to a durable function that would log in plain text."""
    if config.get(MEMBER) and (config.get("LoggingConfig") or {}).get("LogFormat") != "JSON":
        raise InvalidParameterValueException(_TEXT_LOGS)
