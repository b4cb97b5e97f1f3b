"""What a request is for: the operation, the protocol it is spoken in, and what the address already said."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from wakeful.wire.errors import AwsError
from wakeful.wire.forms import Form, Query
from wakeful.wire.message import HttpRequest, HttpResponse
from wakeful.wire.model import OperationModel, ServiceModel

Protocol = Literal["json", "query", "rest-json", "rest-xml"]

Read = Callable[["Target", HttpRequest], dict[str, Any]]
Write = Callable[[Mapping[str, Any], str, HttpRequest], HttpResponse]
Check = Callable[[dict[str, Any]], None]


@dataclass(slots=True, eq=False)
class Operation:
    """One operation in one protocol. `read`, `write` and `check` compile themselves when first called.

    `streams_in` says that the handler takes the body piece by piece; `has_checksum`, that checksums in the request's
    headers are those of its body, and not of something that the request is about.
    """

    service: str
    name: str
    protocol: Protocol
    model: OperationModel
    streams_in: bool
    has_checksum: bool
    read: Read
    write: Write
    check: Check


@dataclass(slots=True, frozen=True, eq=False)
class Target:
    """Where a request goes. Without an `operation` there is an `error`, to be answered in this protocol's manner.

    `name` is then what was asked for, and may be empty; so may `service`, and then there is no `model`.
    """

    service: str
    protocol: Protocol
    name: str
    model: ServiceModel | None = None
    operation: Operation | None = None
    error: AwsError | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    query: Query = field(default_factory=dict)
    form: Form = field(default_factory=dict)
