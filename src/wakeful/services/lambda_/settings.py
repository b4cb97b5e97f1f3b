"""What may be configured about a function: defaults, rules the model does not know, and what is not here yet."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from wakeful import limits
from wakeful.services.lambda_ import managed, networks, snapshots
from wakeful.services.lambda_.api import api
from wakeful.services.lambda_.durable import config as durable_config
from wakeful.services.lambda_.errors import InvalidParameterValueException, ValidationException

DEFAULTS: dict[str, Any] = {
    "Description": "",
    "Timeout": 3,
    "MemorySize": 128,
    "PackageType": "Zip",
    "Architectures": ["x86_64"],
    "EphemeralStorage": {"Size": 512},
    "TracingConfig": {"Mode": "PassThrough"},
}

_NOT_YET = {
    "FileSystemConfigs": "file systems: a function has /tmp (EphemeralStorage), and S3",
    "ImageConfig": "container images: make the function of a zip package, with Runtime and Handler",
    "RuntimeConfig": "runtime configurations: leave it out",
    "AcceleratorConfig": "accelerators: leave it out, and the function runs on this machine's processors",
}
"""What is refused by its name where it asks for something, and what to do instead."""

# "Lambda quotas" bounds these lower for ordinary functions than the model, which speaks for managed instances too.
_RANGES = {"Timeout": (1, limits.LAMBDA_TIMEOUT_MAX_S), "MemorySize": (128, limits.LAMBDA_MEMORY_MAX_MB)}
_MANAGED_RANGES = {
    "Timeout": (1, limits.LAMBDA_MANAGED_TIMEOUT_MAX_S),
    "MemorySize": (limits.LAMBDA_MANAGED_MEMORY_MIN_MB, limits.LAMBDA_MANAGED_MEMORY_MAX_MB),
}

_RESERVED = frozenset(
    (
        "_HANDLER",
        "_X_AMZN_TRACE_ID",
        "AWS_DEFAULT_REGION",
        "AWS_REGION",
        "AWS_EXECUTION_ENV",
        "AWS_LAMBDA_FUNCTION_NAME",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
        "AWS_LAMBDA_FUNCTION_VERSION",
        "AWS_LAMBDA_INITIALIZATION_TYPE",
        "AWS_LAMBDA_LOG_GROUP_NAME",
        "AWS_LAMBDA_LOG_STREAM_NAME",
        "AWS_ACCESS_KEY",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_LAMBDA_RUNTIME_API",
        "LAMBDA_TASK_ROOT",
        "LAMBDA_RUNTIME_DIR",
        "AWS_LAMBDA_MAX_CONCURRENCY",
        "AWS_LAMBDA_METADATA_API",
        "AWS_LAMBDA_METADATA_TOKEN",
    )
)
_DELIVERABLE = ("sqs", "sns")
_LEVELS = frozenset(("ApplicationLogLevel", "SystemLogLevel"))

_RETIRED = {
    "nodejs24.x": (
        *("nodejs", "nodejs4.3", "nodejs4.3-edge", "nodejs6.10", "nodejs8.10"),
        *("nodejs10.x", "nodejs12.x", "nodejs14.x", "nodejs16.x"),
    ),
    "python3.14": ("python2.7", "python3.6", "python3.7", "python3.8"),
    "java25": ("java8",),
    "dotnet10": ("dotnetcore1.0", "dotnetcore2.0", "dotnetcore2.1", "dotnetcore3.1"),
    "ruby3.4": ("ruby2.5", "ruby2.7"),
    "provided.al2023": ("provided", "go1.x"),
}
"""Runtimes of the model with which nobody can make a function any more, by what Lambda recommends for them."""


class NotSupported(InvalidParameterValueException):
    """Something that AWS has and Wakeful does not have yet."""

    code = "InvalidParameterValueException"
    status = 400


def of_creation(request: Mapping[str, Any]) -> dict[str, Any]:
    """A new function's configuration: what was asked for, with AWS's defaults for the rest."""
    _check_package_type(request)
    given = {**_given(request), "DurableConfig": durable_config.of_creation(request)}
    defaults = {**DEFAULTS, **managed.defaults(request), **durable_config.defaults(request)}
    return _checked({**defaults, **given, **_logged(defaults.get("LoggingConfig"), request)}, request)


def of_update(config: Mapping[str, Any], request: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration with what an update names replaced. An empty value takes an optional member away."""
    given = _given(request)
    managed.check_change(config, request)
    given["DurableConfig"] = durable_config.of_update(config, request)
    return _checked({**config, **given, **_logged(config.get("LoggingConfig"), request)}, request)


_CONFIGURED = (
    "Runtime",
    "Role",
    "Handler",
    "Description",
    "Timeout",
    "MemorySize",
    "PackageType",
    "DeadLetterConfig",
    "Environment",
    "KMSKeyArn",
    "TracingConfig",
    "Architectures",
    "EphemeralStorage",
    "LoggingConfig",
    "VpcConfig",
    "SnapStart",
    "TenancyConfig",
    "CapacityProviderConfig",
)


def _given(request: Mapping[str, Any]) -> dict[str, Any]:
    """What the request says; an empty VpcConfig says nothing."""
    return {name: request[name] for name in _CONFIGURED if name in request and (name != "VpcConfig" or request[name])}


def _checked(config: dict[str, Any], request: Mapping[str, Any]) -> dict[str, Any]:
    for member, what in _NOT_YET.items():
        if request.get(member):
            raise not_yet(member, what)
    is_managed = bool(config.get(managed.MEMBER))
    for member, (low, high) in (_MANAGED_RANGES if is_managed else _RANGES).items():
        _check_range(member, config[member], low, high, is_managed=is_managed)
    _check_runtime(config)
    managed.check(config, request)
    networks.check(config)
    snapshots.check(config)
    config["Environment"] = _environment(config.get("Environment"))
    config["DeadLetterConfig"] = _dead_letter(config.get("DeadLetterConfig"))
    config["KMSKeyArn"] = config.get("KMSKeyArn") or None  # kept and shown; nothing is encrypted with it
    durable_config.check_logs(config)
    return {name: value for name, value in config.items() if value not in (None, {})}


def not_yet(member: str, what: str) -> NotSupported:
    """What is refused by its name; `what` may go on after a colon with what to do instead."""
    thing, _, advice = what.partition(": ")
    return NotSupported(f"Wakeful does not have {thing} yet ({member}){f': {advice}' if advice else ''}.")


def _check_package_type(request: Mapping[str, Any]) -> None:
    for member, is_asked_for in (
        ("PackageType Image", request.get("PackageType", "Zip") != "Zip"),
        ("ImageUri", bool(request["Code"].get("ImageUri"))),
    ):
        if is_asked_for:
            raise not_yet(member, _NOT_YET["ImageConfig"])
    for member in ("Runtime", "Handler"):
        if not request.get(member):
            raise InvalidParameterValueException(
                "Runtime and Handler are mandatory parameters for functions created with deployment packages."
            )


def _check_range(member: str, value: int, low: int, high: int, *, is_managed: bool) -> None:
    if is_managed and member == "MemorySize" and value < low:
        raise ValidationException(
            f"Lambda Managed Instance functions must have memory size greater than or equal to {low}"
        )
    if not low <= value <= high:
        name = member[0].lower() + member[1:]
        bound = f"less than or equal to {high}" if value > high else f"greater than or equal to {low}"
        raise ValidationException(
            f"1 validation error detected: Value '{value}' at '{name}' failed to satisfy constraint: Member must have"
            f" value {bound}"
        )


def _check_runtime(config: Mapping[str, Any]) -> None:
    known = api.enum("Runtime")
    if config.get("Runtime") not in known:
        raise InvalidParameterValueException(
            f"Value {config.get('Runtime')} at 'runtime' failed to satisfy constraint: Member must satisfy enum value"
            f" set: [{', '.join(known)}] or be a valid ARN"
        )
    for successor, retired in _RETIRED.items():
        if config["Runtime"] in retired:
            raise InvalidParameterValueException(
                f"The runtime parameter of {config['Runtime']} is no longer supported for creating or updating AWS"
                f" Lambda functions. We recommend you use the new runtime ({successor}) while creating or updating"
                " functions."
            )


def _environment(environment: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if environment is None or "Variables" not in environment:
        return None
    variables: dict[str, str] = dict(environment["Variables"])
    reserved = sorted(variables.keys() & _RESERVED)
    if reserved:
        raise InvalidParameterValueException(
            "Lambda was unable to configure your environment variables because the environment variables you have"
            " provided contains reserved keys that are currently not supported for modification. Reserved keys used in"
            f" this request: {', '.join(reserved)}"
        )
    measured = json.dumps(variables, separators=(",", ":"), ensure_ascii=False)
    if len(measured.encode()) > limits.LAMBDA_VARIABLES_BYTES_MAX:
        raise InvalidParameterValueException(
            "Lambda was unable to configure your environment variables because the environment variables you have"
            f" provided exceeded the {limits.LAMBDA_VARIABLES_BYTES_MAX // 1024}KB limit. String measured: {measured}"
        )
    return {"Variables": variables}


def _dead_letter(config: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """An empty ARN takes the target away."""
    arn = (config or {}).get("TargetArn")
    if not arn:
        return None
    if arn.split(":")[2:3] not in ([service] for service in _DELIVERABLE):
        raise InvalidParameterValueException(
            f"The provided dead letter configuration is invalid: {arn} is neither a queue nor a topic."
        )
    if arn.endswith(".fifo"):
        kind = "SQS queue" if ":sqs:" in arn else "SNS topic"
        raise InvalidParameterValueException(
            f"Invalid dead letter queue ARN: FIFO {kind} is not supported for dead letter configuration"
        )
    return {"TargetArn": arn}


def _logged(before: Mapping[str, Any] | None, request: Mapping[str, Any]) -> dict[str, Any]:
    """The LoggingConfig that a request asks for, on top of what there was; empty where it does not speak of it.

    Text has no levels; JSON has INFO where nothing was said ("Configuring JSON and plain text log formats").
    """
    given = request.get("LoggingConfig")
    if given is None:
        return {}
    config = {**(before or {}), **given}
    if config.get("LogFormat", "Text") == "JSON":
        return {"LoggingConfig": {"ApplicationLogLevel": "INFO", "SystemLogLevel": "INFO", **config}}
    if _LEVELS & given.keys():
        raise InvalidParameterValueException(
            "Log levels are not supported when LogFormat is set to 'Text'. Remove LogLevel from your request or change"
            " the LogFormat to 'JSON' and try again."
        )
    return {"LoggingConfig": {name: value for name, value in config.items() if name not in _LEVELS}}
