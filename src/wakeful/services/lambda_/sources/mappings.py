"""Event source mappings: what they are, how they are changed, what is refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import orjson

from wakeful import limits, names
from wakeful.fabric.pattern import InvalidEventPatternException, compile_pattern
from wakeful.services.lambda_ import tags
from wakeful.services.lambda_.errors import InvalidParameterValueException, ResourceNotFoundException
from wakeful.store.tx import Row, Tx

if TYPE_CHECKING:
    from wakeful.shapes import lambda_ as shapes

CHANGED = "lambda.mappings"
"""Woken when a mapping comes, goes, or is changed."""

SOURCES = ("sqs",)
"""Services we can draw from."""

_KEPT = (
    "BatchSize",
    "MaximumBatchingWindowInSeconds",
    "FilterCriteria",
    "ScalingConfig",
    "FunctionResponseTypes",
    "MetricsConfig",
)
_DEFAULTS: dict[str, Any] = {"BatchSize": 10, "MaximumBatchingWindowInSeconds": 0, "FunctionResponseTypes": []}
_OF_STREAMS: dict[str, Any] = {
    "ParallelizationFactor": None,
    "StartingPosition": None,
    "StartingPositionTimestamp": None,
    "MaximumRecordAgeInSeconds": None,
    "BisectBatchOnFunctionError": False,
    "MaximumRetryAttempts": None,
    "TumblingWindowInSeconds": 0,
    "DestinationConfig": {},
}
"""What only mappings of streams have, and with which value it asks for nothing."""

_NOT_YET = (
    "KMSKeyArn",
    "LoggingConfig",
    "Topics",
    "Queues",
    "SourceAccessConfigurations",
    "SelfManagedEventSource",
    "AmazonManagedKafkaEventSourceConfig",
    "SelfManagedKafkaEventSourceConfig",
    "DocumentDBEventSourceConfig",
    "ProvisionedPollerConfig",
)


@dataclass(frozen=True, slots=True, eq=False)
class SourceMapping:
    """One mapping's row. Two are equal when they draw alike: what became of the last batch does not count."""

    uuid: str
    account: str
    region: str
    function: str
    source: str
    config: dict[str, Any]
    state: str
    result: str
    modified: float

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SourceMapping) and self._rules == other._rules

    def __hash__(self) -> int:
        return hash(self._rules)

    @property
    def _rules(self) -> tuple[str, str, str, bytes]:
        return self.uuid, self.function, self.state, orjson.dumps(self.config, option=orjson.OPT_SORT_KEYS)

    @property
    def arn(self) -> str:
        return f"arn:aws:lambda:{self.region}:{self.account}:event-source-mapping:{self.uuid}"

    @property
    def batch_size(self) -> int:
        return int(self.config["BatchSize"])

    @property
    def window_s(self) -> int:
        return int(self.config["MaximumBatchingWindowInSeconds"])

    @property
    def reports_items(self) -> bool:
        """Whether the function says which items of a batch failed."""
        return "ReportBatchItemFailures" in self.config["FunctionResponseTypes"]

    @property
    def concurrency(self) -> int:
        scaling = self.config.get("ScalingConfig") or {}
        return int(scaling.get("MaximumConcurrency") or limits.LAMBDA_MAPPING_CONCURRENCY)

    @property
    def counts_events(self) -> bool:
        """Whether CloudWatch shall hear what becomes of its events."""
        return "EventCount" in ((self.config.get("MetricsConfig") or {}).get("Metrics") or ())

    @property
    def patterns(self) -> list[str]:
        return [each["Pattern"] for each in (self.config.get("FilterCriteria") or {}).get("Filters") or []]


def find(tx: Tx, uuid: str) -> SourceMapping:
    row = tx.one("SELECT * FROM lambda_mappings WHERE uuid = ?", uuid)
    if row is None:
        raise ResourceNotFoundException("The resource you requested does not exist.")
    return _mapping(row)


def find_of(tx: Tx, account: str, region: str, uuid: str) -> SourceMapping:
    """Nobody finds those of others."""
    mapping = find(tx, uuid)
    if (mapping.account, mapping.region) != (account, region):
        raise ResourceNotFoundException("The resource you requested does not exist.")
    return mapping


def find_by_arn(tx: Tx, arn: str) -> SourceMapping:
    parts = names.parse_arn(arn)
    return find_of(tx, parts.account, parts.region, arn.rsplit(":", 1)[1])


def every(tx: Tx) -> list[SourceMapping]:
    return [_mapping(row) for row in tx.all("SELECT * FROM lambda_mappings ORDER BY uuid")]


def listed(
    tx: Tx, account: str, region: str, source: str | None, function: str | None, after: str, limit: int
) -> list[SourceMapping]:
    rows = tx.all(
        "SELECT * FROM lambda_mappings WHERE account = ? AND region = ? AND uuid > ? AND (? = '' OR source = ?)"
        " AND (? = '' OR function = ?) ORDER BY uuid LIMIT ?",
        *(account, region, after, source or "", source or "", function or "", function or "", limit),
    )
    return [_mapping(row) for row in rows]


def create(tx: Tx, account: str, region: str, function: str, source: str, request: Mapping[str, Any]) -> SourceMapping:
    """The mapping is there and begins to draw, unless it was made disabled."""
    config = _checked(source, {**_DEFAULTS, **{name: request[name] for name in _KEPT if name in request}}, request)
    uuid = names.new_uuid()
    state = "Enabled" if request.get("Enabled", True) else "Disabled"
    tx.run(
        "INSERT INTO lambda_mappings(uuid, account, region, function, source, config, state, result, modified)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        *(uuid, account, region, function, source, orjson.dumps(config), state, "No records processed", tx.now),
    )
    tx.wake(CHANGED)
    return find(tx, uuid)


def update(tx: Tx, uuid: str, function: str | None, request: Mapping[str, Any]) -> SourceMapping:
    """What the request names is replaced; a batch that is in work ends under the old rules."""
    tx.lock("lambda", uuid)
    mapping = find(tx, uuid)
    config = _checked(
        mapping.source, {**mapping.config, **{name: request[name] for name in _KEPT if name in request}}, request
    )
    state = mapping.state
    if "Enabled" in request:
        state = "Enabled" if request["Enabled"] else "Disabled"
    tx.run(
        "UPDATE lambda_mappings SET function = ?, config = ?, state = ?, modified = ? WHERE uuid = ?",
        *(function or mapping.function, orjson.dumps(config), state, tx.now, uuid),
    )
    tx.wake(CHANGED)
    return find(tx, uuid)


def delete(tx: Tx, uuid: str) -> SourceMapping:
    """The mapping is gone; the answer shows it as it was."""
    tx.lock("lambda", uuid)
    mapping = find(tx, uuid)
    tx.run("DELETE FROM lambda_mappings WHERE uuid = ?", uuid)
    tags.forget_mapping(tx, mapping.arn)
    tx.wake(CHANGED)
    return mapping


def processed(tx: Tx, uuid: str, result: str) -> None:
    """What `LastProcessingResult` shows; written only when it changes."""
    row = tx.one("SELECT result FROM lambda_mappings WHERE uuid = ?", uuid)
    if row is not None and row["result"] != result:
        tx.lock("lambda", uuid)
        tx.run("UPDATE lambda_mappings SET result = ? WHERE uuid = ?", result, uuid)


def described(mapping: SourceMapping, *, state: str | None = None) -> shapes.EventSourceMappingConfiguration:
    """EventSourceMappingConfiguration."""
    shown = {
        "UUID": mapping.uuid,
        "EventSourceMappingArn": mapping.arn,
        "EventSourceArn": mapping.source,
        "FunctionArn": mapping.function,
        **mapping.config,
        "State": state or mapping.state,
        "StateTransitionReason": "USER_INITIATED",
        "LastProcessingResult": mapping.result,
        "LastModified": mapping.modified,
    }
    return cast("shapes.EventSourceMappingConfiguration", shown)


def _checked(source: str, config: dict[str, Any], request: Mapping[str, Any]) -> dict[str, Any]:
    for member in _NOT_YET:
        if request.get(member):
            raise InvalidParameterValueException(f"Wakeful does not have {member} of event source mappings yet.")
    for member, nothing in _OF_STREAMS.items():
        if member in request and request[member] != nothing:
            raise InvalidParameterValueException(f"Unsupported {member} parameter for given event source mapping type.")
    size, window_s = config["BatchSize"], config["MaximumBatchingWindowInSeconds"]
    if not 1 <= size <= limits.LAMBDA_BATCH_MAX:
        raise InvalidParameterValueException(f"BatchSize must be between 1 and {limits.LAMBDA_BATCH_MAX}")
    if not 0 <= window_s <= limits.LAMBDA_WINDOW_MAX_S:
        raise InvalidParameterValueException(
            f"MaximumBatchingWindowInSeconds must be between 0 and {limits.LAMBDA_WINDOW_MAX_S}"
        )
    if source.endswith(".fifo") and window_s > 0:
        raise InvalidParameterValueException("Batching window is not supported for FIFO queues")
    if size > limits.LAMBDA_BATCH_WITHOUT_WINDOW_MAX and window_s == 0:
        raise InvalidParameterValueException(
            "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10"
        )
    for metric in (config.get("MetricsConfig") or {}).get("Metrics") or ():
        if metric != "EventCount":
            raise InvalidParameterValueException(
                f"Unsupported metric {metric} for given event source mapping type. Only EventCount is supported."
            )
    for each in (config.get("FilterCriteria") or {}).get("Filters") or []:
        _check_pattern(each.get("Pattern", ""))
    return {member: value for member, value in config.items() if value or member in _DEFAULTS}


def _check_pattern(pattern: str) -> None:
    try:
        compile_pattern(pattern)
    except InvalidEventPatternException as error:
        raise InvalidParameterValueException(
            f"Invalid filter pattern definition. (Pattern: {pattern}, {error.reason})"
        ) from error


def _mapping(row: Row) -> SourceMapping:
    return SourceMapping(
        uuid=row["uuid"],
        account=row["account"],
        region=row["region"],
        function=row["function"],
        source=row["source"],
        config=orjson.loads(row["config"]),
        state=row["state"],
        result=row["result"],
        modified=row["modified"],
    )
