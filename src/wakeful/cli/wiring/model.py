"""What is wired to what: values only, as the public operations of the services tell them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from wakeful import names

SETTINGS = "settings of functions"
"""The kind, where something is unread, of all that a list of functions does not tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventConfig:
    """What becomes of asynchronous events of one version or alias. No qualifier is $LATEST."""

    qualifier: str = ""
    attempts: int = 2
    age_s: int = 21_600
    on_success: str | None = None
    on_failure: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    arn: str
    role: str = ""
    runtime: str = ""
    timeout_s: int = 3
    state: str = "Active"
    update: str = "Successful"
    reason: str = ""
    dead_letter: str | None = None
    reserved: int | None = None
    allows_loops: bool = False
    events: tuple[EventConfig, ...] = ()
    log_group: str = ""

    @property
    def name(self) -> str:
        return self.arn.rsplit(":", 1)[-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """`waiting` is of the moment at which it was read."""

    arn: str
    url: str
    visibility_s: int = 30
    retention_s: int = 345_600
    dead_letter: str | None = None
    receives_max: int = 0
    waiting: int = 0
    policy: str | None = None
    redrive_allow: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_fifo(self) -> bool:
        return self.arn.endswith(".fifo")


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    arn: str
    policy: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    arn: str
    topic: str
    protocol: str
    endpoint: str
    is_raw: bool = False
    is_pending: bool = False
    filter_policy: str | None = None
    filter_scope: str = "MessageAttributes"
    dead_letter: str | None = None

    @property
    def is_to_arn(self) -> bool:
        return self.protocol in ("sqs", "lambda") and names.is_arn(self.endpoint)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    id: str
    arn: str
    role: str | None = None
    dead_letter: str | None = None
    attempts: int = 185
    age_s: int = 86_400
    document: Mapping[str, Any] = field(default_factory=dict)
    """All of it, as the service tells it."""

    @property
    def is_whole(self) -> bool:
        """It gets the event as it is: nothing is put in its place or taken out of it."""
        return not {"Input", "InputPath", "InputTransformer"} & set(self.document)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """`bus` is the ARN of its bus. One without a pattern has a schedule."""

    arn: str
    name: str
    bus: str
    pattern: str | None = None
    is_enabled: bool = True
    targets: tuple[Target, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Bus:
    arn: str
    policy: str | None = None

    @property
    def name(self) -> str:
        return self.arn.partition("event-bus/")[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    id: str
    target: str
    events: tuple[str, ...] = ()
    prefix: str = ""
    suffix: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    name: str
    notifications: tuple[Notification, ...] = ()
    has_eventbridge: bool = False
    document: Mapping[str, Any] = field(default_factory=dict)
    """Its whole configuration of notifications, as the service tells it."""

    @property
    def arn(self) -> str:
        return f"arn:aws:s3:::{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table of DynamoDB. `stream` is the one that it writes to; what was before it ends with it."""

    arn: str
    name: str
    stream: str | None = None
    view: str = "NEW_AND_OLD_IMAGES"
    policy: str | None = None
    """The resource policy of its stream."""

    has_replicas: bool = False
    destinations: tuple[str, ...] = ()
    """The data streams to which its changes go."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DataStream:
    arn: str
    name: str
    retention_s: int = 86_400
    policy: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceMapping:
    """An event source mapping. `target` is the function as it was named, with its qualifier."""

    arn: str
    uuid: str
    source: str
    target: str
    is_enabled: bool = True
    batch: int = 10
    window_s: int = 0
    reports_items: bool = False
    concurrency_max: int | None = None
    has_pollers: bool = False
    """It has pollers of its own, provisioned, and no maximum concurrency with them."""
    filters: tuple[str, ...] = ()
    tries_max: int | None = None
    """How often it tries again what fails of a stream, and `age_s` until when: None is without such a bound."""

    age_s: int | None = None
    halves: bool = False
    tumbling_s: int = 0
    on_failure: str | None = None

    @property
    def function(self) -> str:
        return unqualified(self.target)

    @property
    def is_of_stream(self) -> bool:
        return ":dynamodb:" in self.source or ":kinesis:" in self.source

    @property
    def origin(self) -> str:
        """What stands behind its source: of a table's stream the table, of a consumer its stream; else the source."""
        return _whole(self.source) if self.is_of_stream else self.source


@dataclass(frozen=True, slots=True, kw_only=True)
class LogGroup:
    arn: str
    name: str
    is_kept_for_ever: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Wiring:
    """Everything of one account in one region. `unread` says which kinds of things are not all here, and why."""

    account: str
    region: str
    functions: Mapping[str, Function] = field(default_factory=dict)
    queues: Mapping[str, Queue] = field(default_factory=dict)
    topics: Mapping[str, Topic] = field(default_factory=dict)
    subscriptions: tuple[Subscription, ...] = ()
    buses: Mapping[str, Bus] = field(default_factory=dict)
    rules: tuple[Rule, ...] = ()
    buckets: Mapping[str, Bucket] = field(default_factory=dict)
    tables: Mapping[str, Table] = field(default_factory=dict)
    streams: Mapping[str, DataStream] = field(default_factory=dict)
    mappings: tuple[SourceMapping, ...] = ()
    log_groups: tuple[LogGroup, ...] = ()
    roles: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The policies of the functions' roles, by the role's ARN."""
    permissions: Mapping[str, str] = field(default_factory=dict)
    """The resource policies of functions that something is wired to, by the ARN that it is wired to."""
    unread: Mapping[str, str] = field(default_factory=dict)

    def is_missing(self, arn: str) -> bool:
        """Whether there is certainly nothing of that name: it would be among what was read, and is not."""
        try:
            parts = names.parse_arn(arn)
        except ValueError:
            return False
        kind, there = self._listed(parts.service, parts.resource)
        is_ours = (parts.account, parts.region) == (self.account, self.region)
        return is_ours and there is not None and kind not in self.unread and _whole(arn) not in there

    def _listed(self, service: str, resource: str) -> tuple[str, Mapping[str, object] | None]:
        match service:
            case "lambda" if resource.startswith("function:"):
                return "functions", self.functions
            case "sqs":
                return "queues", self.queues
            case "sns":
                return "topics", self.topics
            case "events" if resource.startswith("event-bus/"):
                return "buses", self.buses
            case "dynamodb":
                return "tables", self.tables
            case "kinesis":
                return "streams", self.streams
        return "", None


def unqualified(arn: str) -> str:
    """A function's ARN without version or alias; any other as it is."""
    return ":".join(arn.split(":")[:7]) if ":function:" in arn else arn


def _whole(arn: str) -> str:
    """The ARN of the thing that this one is a part of."""
    return re.split("/stream/|/consumer/", unqualified(arn))[0]


def short(arn: str) -> str:
    """For sentences: what it is, and its name."""
    parts = arn.split(":", 5)
    if not names.is_arn(arn) or len(parts) < 6:
        return arn
    match parts[2]:
        case "lambda":
            return f"function {parts[5].removeprefix('function:')}"
        case "sqs":
            return f"queue {parts[5]}"
        case "sns":
            return f"topic {parts[5].partition(':')[0]}"
        case "s3":
            return f"bucket {parts[5]}"
        case "dynamodb":
            return f"table {parts[5].partition('/')[2].partition('/')[0]}"
        case "kinesis":
            return f"data stream {parts[5].partition('/')[2].partition('/')[0]}"
        case "events":
            return f"{'bus' if parts[5].startswith('event-bus/') else 'rule'} {parts[5].partition('/')[2]}"
    return arn
