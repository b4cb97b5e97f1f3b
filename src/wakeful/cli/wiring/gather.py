"""Reads a wiring from an endpoint, by public operations alone: whole lists, page by page, several at a time.

What the caller may not see, or what an endpoint does not have, is noted as unread, and the checks that would need it
keep silent.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, TypeVar

from wakeful.cli import client
from wakeful.cli.wiring.model import (
    SETTINGS,
    Bucket,
    Bus,
    DataStream,
    EventConfig,
    Function,
    LogGroup,
    Notification,
    Queue,
    Rule,
    SourceMapping,
    Subscription,
    Table,
    Target,
    Topic,
    Wiring,
    unqualified,
)

T = TypeVar("T")
R = TypeVar("R")
Document = Mapping[str, Any]

_AT_A_TIME = 8
_PENDING = "PendingConfirmation"
_GONE = frozenset(
    (
        *("ResourceNotFoundException", "NoSuchBucket", "NoSuchEntity", "NotFound", "NotFoundException"),
        *("PolicyNotFoundException", "QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue"),
    )
)
_NOTIFICATIONS = (
    ("LambdaFunctionConfigurations", "LambdaFunctionArn"),
    ("QueueConfigurations", "QueueArn"),
    ("TopicConfigurations", "TopicArn"),
)


def gather(endpoint: str | None) -> Wiring:
    """The wiring of the caller's account in its region. What AWS's client raises of the connection is not caught."""
    services = ("sts", "lambda", "sqs", "sns", "events", "s3", "dynamodb", "kinesis", "iam", "logs")
    clients = client.readers(services, endpoint, _AT_A_TIME)
    account = clients["sts"].get_caller_identity()["Account"]
    with ThreadPoolExecutor(_AT_A_TIME) as pool:
        return _Reading(clients, account, pool).wiring()


class _Reading:
    """One reading, and what could not be read."""

    def __init__(self, clients: Mapping[str, Any], account: str, pool: ThreadPoolExecutor) -> None:
        self._clients = clients
        self._account = account
        self._region: str = clients["lambda"].meta.region_name
        self._pool = pool
        self._unread: dict[str, str] = {}

    def wiring(self) -> Wiring:
        functions = {each.arn: each for each in self._functions()}
        subscriptions = self._subscriptions()
        rules, buses = self._buses()
        buckets = {each.name: each for each in self._buckets()}
        wired = [each.endpoint for each in subscriptions]
        wired += [target.arn for rule in rules for target in rule.targets]
        wired += [told.target for bucket in buckets.values() for told in bucket.notifications]
        return Wiring(
            account=self._account,
            region=self._region,
            functions=functions,
            queues={each.arn: each for each in self._queues()},
            topics={each.arn: each for each in self._topics()},
            subscriptions=subscriptions,
            buses={each.arn: each for each in buses},
            rules=rules,
            buckets=buckets,
            tables={each.arn: each for each in self._tables()},
            streams={each.arn: each for each in self._streams()},
            mappings=tuple(map(_mapping, self._pages("mappings", "lambda", "list_event_source_mappings"))),
            log_groups=tuple(map(_log_group, self._pages("log groups", "logs", "describe_log_groups"))),
            roles=self._roles(each.role for each in functions.values()),
            permissions=self._permissions(each for each in wired if unqualified(each) in functions),
            unread=self._unread,
        )

    # --- asking ---

    def _ask(self, kind: str, service: str, operation: str, **parameters: Any) -> Any:
        """The answer; None where the thing is gone, or cannot be read: then its kind is noted as unread."""
        return self._tried(kind, lambda: getattr(self._clients[service], operation)(**parameters))

    def _pages(self, kind: str, service: str, operation: str, **parameters: Any) -> list[Any]:
        """Everything in the list, whatever number of pages it has; nothing where it cannot be read."""
        return self._all(kind, service, operation, **parameters) or []

    def _all(self, kind: str, service: str, operation: str, **parameters: Any) -> list[Any] | None:
        """As `_pages`, but None where it is gone or cannot be read."""
        return self._tried(kind, lambda: _listed(self._clients[service], operation, parameters))

    def _tried(self, kind: str, ask: Callable[[], T]) -> T | None:
        from botocore.exceptions import ClientError

        try:
            return ask()
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code.rpartition(":")[2] not in _GONE:
                self._unread.setdefault(kind, f"{error.operation_name}: {code}")
            return None

    def _each(self, things: Iterable[T], read: Callable[[T], R | None]) -> list[R]:
        return [found for found in self._pool.map(read, list(things)) if found is not None]

    # --- functions ---

    def _functions(self) -> list[Function]:
        return self._each(self._pages("functions", "lambda", "list_functions"), self._function)

    def _function(self, told: Document) -> Function:
        name = {"FunctionName": told["FunctionName"]}
        concurrency = self._ask(SETTINGS, "lambda", "get_function_concurrency", **name) or {}
        recursion = self._ask(SETTINGS, "lambda", "get_function_recursion_config", **name) or {}
        configs = self._pages(SETTINGS, "lambda", "list_function_event_invoke_configs", **name)
        return Function(
            arn=unqualified(told["FunctionArn"]),
            role=told.get("Role", ""),
            runtime=told.get("Runtime", ""),
            timeout_s=told.get("Timeout", 3),
            state=told.get("State", "Active"),
            update=told.get("LastUpdateStatus", "Successful"),
            reason=told.get("StateReason") or told.get("LastUpdateStatusReason") or "",
            dead_letter=told.get("DeadLetterConfig", {}).get("TargetArn"),
            reserved=concurrency.get("ReservedConcurrentExecutions"),
            allows_loops=recursion.get("RecursiveLoop") == "Allow",
            events=tuple(map(_event_config, configs)),
            log_group=told.get("LoggingConfig", {}).get("LogGroup") or f"/aws/lambda/{told['FunctionName']}",
        )

    def _permissions(self, targets: Iterable[str]) -> dict[str, str]:
        def read(arn: str) -> tuple[str, str] | None:
            qualifier = arn[len(unqualified(arn)) + 1 :]
            more = {"Qualifier": qualifier} if qualifier else {}
            told = self._ask("permissions", "lambda", "get_policy", FunctionName=unqualified(arn), **more)
            return (arn, told["Policy"]) if told else None

        return dict(self._each(sorted(set(targets)), read))

    def _roles(self, roles: Iterable[str]) -> dict[str, tuple[str, ...]]:
        return dict(self._each(sorted({each for each in roles if each}), self._role))

    def _role(self, arn: str) -> tuple[str, tuple[str, ...]] | None:
        """The role and its policies; None where it, or any of them, cannot be read."""
        name = {"RoleName": arn.rsplit("/", 1)[-1]}
        inline = self._all("roles", "iam", "list_role_policies", **name)
        if inline is None:
            return None
        attached = self._pages("roles", "iam", "list_attached_role_policies", **name)
        told = [self._ask("roles", "iam", "get_role_policy", **name, PolicyName=each) for each in inline]
        told += [self._managed(each["PolicyArn"]) for each in attached]
        if "roles" in self._unread or None in told:
            return None
        return arn, tuple(json.dumps(each["PolicyDocument"]) for each in told)

    def _managed(self, arn: str) -> Any:
        policy = self._ask("roles", "iam", "get_policy", PolicyArn=arn)
        if policy is None:
            return None
        version = policy["Policy"]["DefaultVersionId"]
        told = self._ask("roles", "iam", "get_policy_version", PolicyArn=arn, VersionId=version)
        return told and {"PolicyDocument": told["PolicyVersion"]["Document"]}

    # --- queues and topics ---

    def _queues(self) -> list[Queue]:
        return self._each(self._pages("queues", "sqs", "list_queues", MaxResults=1000), self._queue)

    def _queue(self, url: str) -> Queue | None:
        told = self._ask("queues", "sqs", "get_queue_attributes", QueueUrl=url, AttributeNames=["All"])
        return told and _queue(url, told["Attributes"])

    def _topics(self) -> list[Topic]:
        def read(listed: Document) -> Topic | None:
            told = self._ask("topics", "sns", "get_topic_attributes", TopicArn=listed["TopicArn"])
            return told and Topic(arn=listed["TopicArn"], policy=told["Attributes"].get("Policy"))

        return self._each(self._pages("topics", "sns", "list_topics"), read)

    def _subscriptions(self) -> tuple[Subscription, ...]:
        return tuple(self._each(self._pages("subscriptions", "sns", "list_subscriptions"), self._subscription))

    def _subscription(self, listed: Document) -> Subscription | None:
        arn = listed["SubscriptionArn"]
        known = {"arn": arn, "topic": listed["TopicArn"], "protocol": listed["Protocol"]}
        known["endpoint"] = listed.get("Endpoint", "")
        if arn == _PENDING:
            return Subscription(**known, is_pending=True)
        told = self._ask("subscriptions", "sns", "get_subscription_attributes", SubscriptionArn=arn)
        if told is None:
            return None
        attributes = told["Attributes"]
        return Subscription(
            **known,
            is_raw=attributes.get("RawMessageDelivery") == "true",
            is_pending=attributes.get("PendingConfirmation") == "true",
            filter_policy=attributes.get("FilterPolicy"),
            filter_scope=attributes.get("FilterPolicyScope", "MessageAttributes"),
            dead_letter=_object(attributes.get("RedrivePolicy")).get("deadLetterTargetArn"),
        )

    # --- buses and buckets ---

    def _buses(self) -> tuple[tuple[Rule, ...], list[Bus]]:
        told = self._pages("buses", "events", "list_event_buses")
        buses = [Bus(arn=each["Arn"], policy=each.get("Policy")) for each in told]
        found = [
            (rule, bus) for bus in buses for rule in self._pages("rules", "events", "list_rules", EventBusName=bus.name)
        ]
        return tuple(self._each(found, lambda each: self._rule(*each))), buses

    def _rule(self, told: Document, bus: Bus) -> Rule:
        named = {"Rule": told["Name"], "EventBusName": bus.name}
        return Rule(
            arn=told["Arn"],
            name=told["Name"],
            bus=bus.arn,
            pattern=told.get("EventPattern"),
            is_enabled=told.get("State") != "DISABLED",
            targets=tuple(map(_target, self._pages("rules", "events", "list_targets_by_rule", **named))),
        )

    def _buckets(self) -> list[Bucket]:
        def read(listed: Document) -> Bucket | None:
            told = self._ask("buckets", "s3", "get_bucket_notification_configuration", Bucket=listed["Name"])
            return None if told is None else _bucket(listed["Name"], told)

        told = self._ask("buckets", "s3", "list_buckets")
        return self._each(told["Buckets"] if told else [], read)

    # --- tables and streams ---

    def _tables(self) -> list[Table]:
        return self._each(self._pages("tables", "dynamodb", "list_tables"), self._table)

    def _table(self, name: str) -> Table | None:
        told = self._ask("tables", "dynamodb", "describe_table", TableName=name)
        goes = self._ask("tables", "dynamodb", "describe_kinesis_streaming_destination", TableName=name) or {}
        if told is None:
            return None
        table = _table(told["Table"], goes.get("KinesisDataStreamDestinations", ()))
        policy = (
            self._ask("tables", "dynamodb", "get_resource_policy", ResourceArn=table.stream) if table.stream else None
        )
        return replace(table, policy=policy and policy["Policy"])

    def _streams(self) -> list[DataStream]:
        def read(name: str) -> DataStream | None:
            told = self._ask("streams", "kinesis", "describe_stream_summary", StreamName=name)
            if told is None:
                return None
            stream = _stream(told["StreamDescriptionSummary"])
            policy = self._ask("streams", "kinesis", "get_resource_policy", ResourceARN=stream.arn) or {}
            return replace(stream, policy=policy.get("Policy"))

        return self._each(self._pages("streams", "kinesis", "list_streams"), read)


def _listed(source: Any, operation: str, parameters: dict[str, Any]) -> list[Any]:
    """The members of the whole list: by botocore's paginator where there is one, else by the token of each page."""
    if source.can_paginate(operation):
        pages = source.get_paginator(operation)
        # SQS gives the token of a next page only to those who say how long a page shall be.
        size = {"PaginationConfig": {"PageSize": 1000}} if operation == "list_queues" else {}
        key = pages.result_keys[0].expression
        return [each for page in pages.paginate(**parameters, **size) for each in page.get(key) or ()]
    found: list[Any] = []
    while True:
        page = getattr(source, operation)(**parameters)
        found += next((value for value in page.values() if isinstance(value, list)), [])
        if not page.get("NextToken"):
            return found
        parameters = {**parameters, "NextToken": page["NextToken"]}


# --- as values ------------------------------------------------------------------------------------------------------


def _event_config(told: Document) -> EventConfig:
    qualifier = told["FunctionArn"][len(unqualified(told["FunctionArn"])) + 1 :]
    goes = told.get("DestinationConfig") or {}
    return EventConfig(
        qualifier="" if qualifier == "$LATEST" else qualifier,
        attempts=told.get("MaximumRetryAttempts", 2),
        age_s=told.get("MaximumEventAgeInSeconds", 21_600),
        on_success=goes.get("OnSuccess", {}).get("Destination"),
        on_failure=goes.get("OnFailure", {}).get("Destination"),
    )


def _queue(url: str, told: Document) -> Queue:
    redrive = _object(told.get("RedrivePolicy"))
    return Queue(
        arn=told["QueueArn"],
        url=url,
        visibility_s=int(told.get("VisibilityTimeout", 30)),
        retention_s=int(told.get("MessageRetentionPeriod", 345_600)),
        dead_letter=redrive.get("deadLetterTargetArn"),
        receives_max=int(redrive.get("maxReceiveCount", 0)),
        waiting=int(told.get("ApproximateNumberOfMessages", 0)),
        policy=told.get("Policy") or None,
        redrive_allow=_object(told.get("RedriveAllowPolicy")),
    )


def _target(told: Document) -> Target:
    retries = told.get("RetryPolicy") or {}
    return Target(
        id=told["Id"],
        arn=told["Arn"],
        role=told.get("RoleArn"),
        dead_letter=(told.get("DeadLetterConfig") or {}).get("Arn"),
        attempts=retries.get("MaximumRetryAttempts", 185),
        age_s=retries.get("MaximumEventAgeInSeconds", 86_400),
        document=told,
    )


def _bucket(name: str, told: Document) -> Bucket:
    return Bucket(
        name=name,
        notifications=tuple(
            Notification(
                id=each.get("Id", ""),
                target=each[member],
                events=tuple(each.get("Events", ())),
                **_affixes(each.get("Filter", {}).get("Key", {}).get("FilterRules", ())),
            )
            for configurations, member in _NOTIFICATIONS
            for each in told.get(configurations, ())
        ),
        has_eventbridge="EventBridgeConfiguration" in told,
        document={member: each for member, each in told.items() if member != "ResponseMetadata"},
    )


def _affixes(rules: Iterable[Document]) -> dict[str, str]:
    return {rule["Name"].lower(): rule["Value"] for rule in rules if rule["Name"].lower() in ("prefix", "suffix")}


def _table(told: Document, destinations: Iterable[Document]) -> Table:
    specification = told.get("StreamSpecification") or {}
    return Table(
        arn=told["TableArn"],
        name=told["TableName"],
        stream=told.get("LatestStreamArn") if specification.get("StreamEnabled") else None,
        view=specification.get("StreamViewType", "NEW_AND_OLD_IMAGES"),
        has_replicas=bool(told.get("Replicas")),
        destinations=tuple(
            each["StreamArn"] for each in destinations if each.get("DestinationStatus") in ("ACTIVE", "ENABLING")
        ),
    )


def _stream(told: Document) -> DataStream:
    return DataStream(
        arn=told["StreamARN"], name=told["StreamName"], retention_s=3600 * told.get("RetentionPeriodHours", 24)
    )


def _mapping(told: Document) -> SourceMapping:
    return SourceMapping(
        arn=told.get("EventSourceMappingArn") or told["UUID"],
        uuid=told["UUID"],
        source=told.get("EventSourceArn", ""),
        target=told["FunctionArn"],
        is_enabled=told.get("State") not in ("Disabled", "Disabling"),
        batch=told.get("BatchSize", 10),
        window_s=told.get("MaximumBatchingWindowInSeconds", 0),
        reports_items="ReportBatchItemFailures" in told.get("FunctionResponseTypes", ()),
        concurrency_max=told.get("ScalingConfig", {}).get("MaximumConcurrency"),
        has_pollers=bool(told.get("ProvisionedPollerConfig")),
        filters=tuple(
            each["Pattern"] for each in told.get("FilterCriteria", {}).get("Filters", ()) if "Pattern" in each
        ),
        tries_max=_bound(told.get("MaximumRetryAttempts")),
        age_s=_bound(told.get("MaximumRecordAgeInSeconds")),
        halves=told.get("BisectBatchOnFunctionError", False),
        tumbling_s=told.get("TumblingWindowInSeconds", 0),
        on_failure=told.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination"),
    )


def _bound(told: int | None) -> int | None:
    return None if told == -1 else told


def _log_group(told: Document) -> LogGroup:
    return LogGroup(arn=told["arn"], name=told["logGroupName"], is_kept_for_ever="retentionInDays" not in told)


def _object(text: str | None) -> dict[str, Any]:
    found = json.loads(text) if text else {}
    return found if isinstance(found, dict) else {}
