"""Small wirings, made of what they consist of."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from wakeful.cli.wiring.model import (
    Bucket,
    Bus,
    DataStream,
    Function,
    LogGroup,
    Queue,
    Rule,
    SourceMapping,
    Subscription,
    Table,
    Topic,
    Wiring,
)

ACCOUNT = "000000000000"
REGION = "us-east-1"

Thing = Function | Queue | Topic | Subscription | Bus | Rule | Bucket | Table | DataStream | SourceMapping | LogGroup


def arn(service: str, resource: str) -> str:
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{resource}"


def role(name: str) -> str:
    return f"arn:aws:iam::{ACCOUNT}:role/{name}"


def role_that(*rights: tuple[str, str]) -> tuple[str, ...]:
    """The policies of a role that may do each of these with that."""
    statements = [{"Effect": "Allow", "Action": action, "Resource": resource} for action, resource in rights]
    return (json.dumps({"Version": "2012-10-17", "Statement": statements}),)


def open_to(service: str, resource: str) -> str:
    """The policy of a resource that lets a service in."""
    statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "*", "Resource": resource}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def function(name: str, **settings: Any) -> Function:
    return Function(**{"arn": arn("lambda", f"function:{name}"), "role": role(name), **settings})


def queue(name: str, **settings: Any) -> Queue:
    return Queue(arn=arn("sqs", name), url=f"http://localhost/{ACCOUNT}/{name}", **settings)


def topic(name: str, **settings: Any) -> Topic:
    return Topic(arn=arn("sns", name), **settings)


def subscription(of: str, protocol: str, endpoint: str, **settings: Any) -> Subscription:
    return Subscription(
        arn=arn("sns", f"{of}:1"), topic=arn("sns", of), protocol=protocol, endpoint=endpoint, **settings
    )


def mapping(source: str, target: str, **settings: Any) -> SourceMapping:
    return SourceMapping(
        arn=arn("lambda", "event-source-mapping:1"),
        uuid="1",
        source=arn("sqs", source),
        target=arn("lambda", f"function:{target}"),
        **settings,
    )


def follows(source: str, target: str, **settings: Any) -> SourceMapping:
    """A mapping of a stream whose records are tried once, and sent somewhere if they fail."""
    settings = {"tries_max": 0, "halves": True, "on_failure": arn("sqs", "dead"), **settings}
    return replace(mapping("", target, **settings), source=source)


def wiring(*things: Thing, unread: dict[str, str] | None = None, **roles: tuple[str, ...]) -> Wiring:
    """These things, and the policies of the roles of that name."""

    def those(kind: type) -> dict[str, Any]:
        return {each.arn: each for each in things if isinstance(each, kind)}

    def listed(kind: type) -> tuple[Any, ...]:
        return tuple(each for each in things if isinstance(each, kind))

    return Wiring(
        account=ACCOUNT,
        region=REGION,
        functions=those(Function),
        queues=those(Queue),
        topics=those(Topic),
        buses=those(Bus),
        buckets={each.name: each for each in things if isinstance(each, Bucket)},
        tables=those(Table),
        streams=those(DataStream),
        subscriptions=listed(Subscription),
        rules=listed(Rule),
        mappings=listed(SourceMapping),
        log_groups=listed(LogGroup),
        roles={role(name): policies for name, policies in roles.items()},
        unread=unread or {},
    )
