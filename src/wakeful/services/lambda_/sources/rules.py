"""What a mapping may say of itself: which parameters its kind of source has, and within which bounds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wakeful import limits, names
from wakeful.fabric.batches import wants_json
from wakeful.fabric.pattern import InvalidEventPatternException, compile_pattern
from wakeful.services.lambda_.errors import InvalidParameterValueException
from wakeful.services.lambda_.sources.kinds import Config, Kind
from wakeful.services.lambda_.sources.streams import rules as stream_rules

_LATER = {
    "kafka": "Amazon MSK and Apache Kafka",
    "mq": "Amazon MQ",
    "rds": "Amazon DocumentDB",
}
_OF_MAPPINGS = frozenset(("EventSourceArn", "FunctionName", "Enabled", "Tags", "UUID"))
_NOTHING: Mapping[str, tuple[Any, ...]] = {
    "BisectBatchOnFunctionError": (False,),
    "TumblingWindowInSeconds": (0,),
}
"""With which values, beside empty ones, a parameter asks for nothing, so that nobody need complain of it."""


def kind_of(request: Mapping[str, Any]) -> Kind:
    """The kind of source that a new mapping draws from. Raises what it is that is not drawn from here."""
    if request.get("SelfManagedEventSource"):
        raise not_drawn("self-managed Apache Kafka")
    source = request.get("EventSourceArn", "")
    if not names.is_arn(source):
        raise InvalidParameterValueException("Unrecognized event source.")
    return kind_of_source(source)


def kind_of_source(source: str) -> Kind:
    service = names.parse_arn(source).service
    if service not in KINDS:
        raise not_drawn(_LATER.get(service, service))
    return KINDS[service]


def not_drawn(what: str) -> InvalidParameterValueException:
    """What is answered where nothing can be drawn from such a source."""
    return InvalidParameterValueException(
        f"Unrecognized event source, must be one of {', '.join(KINDS)}: Wakeful cannot draw from {what} yet."
    )


def config_of(kind: Kind, source: str, before: Config, request: Mapping[str, Any]) -> Config:
    """What a mapping says once the request has been heard: what it names replaces what was said before.

    Raises what Lambda answers where its kind has no such parameter, or where values do not go together.
    """
    for member, value in request.items():
        asks = not _is_empty(value) and value not in _NOTHING.get(member, ())
        if asks and member not in _OF_MAPPINGS and member not in kind.members:
            raise _unsupported(kind, member)
    if request.get("KMSKeyArn"):
        raise InvalidParameterValueException("Wakeful does not have KMSKeyArn of event source mappings yet.")
    said = {member: request[member] for member in kind.members if member in request and member != "KMSKeyArn"}
    config = {**kind.defaults, **before, **said}
    _check_filters(kind, config)
    _check_metrics(config)
    kind.check(source, config)
    return {member: value for member, value in config.items() if not _is_empty(value) or member in kind.defaults}


def _is_empty(value: Any) -> bool:
    """Whether it is a text, list or structure with nothing in it, at whatever depth. A number never is."""
    if isinstance(value, dict):
        return all(map(_is_empty, value.values()))
    return value in ("", []) if isinstance(value, str | list) else value is None


def _unsupported(kind: Kind, member: str) -> InvalidParameterValueException:
    if member in ("StartingPosition", "StartingPositionTimestamp") and kind.name == "sqs":
        return InvalidParameterValueException("StartingPosition is not valid for SQS event sources.")
    return InvalidParameterValueException(f"Unsupported {member} parameter for given event source mapping type.")


# --- filters ---------------------------------------------------------------------------------------------------------


def patterns_of(config: Mapping[str, Any]) -> list[str]:
    return [each.get("Pattern", "") for each in (config.get("FilterCriteria") or {}).get("Filters") or []]


def _check_filters(kind: Kind, config: Config) -> None:
    """ "Control which events Lambda sends to your function" and, for data of streams, the pages on each source."""
    patterns = patterns_of(config)
    if len(patterns) > limits.LAMBDA_MAPPING_FILTERS_MAX:
        raise InvalidParameterValueException(
            f"Too many filters: an event source mapping may have {limits.LAMBDA_MAPPING_FILTERS_MAX}."
        )
    for pattern in patterns:
        try:
            ways = compile_pattern(pattern).alternatives
        except InvalidEventPatternException as error:
            raise InvalidParameterValueException("Invalid filter pattern definition.") from error
        if any(wants_json(way, kind.json_only) is False for way in ways):
            raise InvalidParameterValueException("Invalid filter pattern definition.")


def _check_metrics(config: Config) -> None:
    for metric in (config.get("MetricsConfig") or {}).get("Metrics") or ():
        if metric != "EventCount":
            raise InvalidParameterValueException(
                f"Unsupported metric {metric} for given event source mapping type. Only EventCount is supported."
            )


# --- queues ----------------------------------------------------------------------------------------------------------


def _check_queue(source: str, config: Config) -> None:
    """ "Lambda parameters for Amazon SQS event source mappings"."""
    size, window_s = config["BatchSize"], config["MaximumBatchingWindowInSeconds"]
    if source.endswith(".fifo") and window_s > 0:
        raise InvalidParameterValueException("Batching window is not supported for FIFO queues")
    if size > limits.LAMBDA_BATCH_WITHOUT_WINDOW_MAX and window_s == 0:
        raise InvalidParameterValueException(
            "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10"
        )
    if config.get("ProvisionedPollerConfig"):
        config["ProvisionedPollerConfig"] = _pollers(config["ProvisionedPollerConfig"])
        if config.get("ScalingConfig"):
            raise InvalidParameterValueException("ScalingConfig and ProvisionedPollerConfig exclude each other.")


def _pollers(wanted: Mapping[str, Any]) -> Config:
    """Both bounds. Raises where they are none."""
    if "PollerGroupName" in wanted:
        raise InvalidParameterValueException(
            "Unsupported PollerGroupName parameter for given event source mapping type."
        )
    fewest = wanted.get("MinimumPollers", limits.LAMBDA_POLLERS_MIN)
    most = wanted.get("MaximumPollers", max(limits.LAMBDA_POLLERS_DEFAULT_MAX, fewest))
    if min(fewest, most) < limits.LAMBDA_POLLERS_MIN:
        raise InvalidParameterValueException(
            f"MinimumPollers and MaximumPollers must be at least {limits.LAMBDA_POLLERS_MIN} for SQS event sources."
        )
    if fewest > most:
        raise InvalidParameterValueException("MinimumPollers must be less than or equal to MaximumPollers.")
    return {"MinimumPollers": fewest, "MaximumPollers": most}


KINDS: Mapping[str, Kind] = {
    "sqs": Kind(
        name="sqs",
        members=(
            "BatchSize",
            "MaximumBatchingWindowInSeconds",
            "FilterCriteria",
            "FunctionResponseTypes",
            "KMSKeyArn",
            "MetricsConfig",
            "ProvisionedPollerConfig",
            "ScalingConfig",
        ),
        defaults={"BatchSize": 10, "MaximumBatchingWindowInSeconds": 0, "FunctionResponseTypes": []},
        check=_check_queue,
        rights=("ReceiveMessage", "DeleteMessage", "GetQueueAttributes"),
    ),
    **{kind.name: kind for kind in (stream_rules.DYNAMODB, stream_rules.KINESIS)},
}
