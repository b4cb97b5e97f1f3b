"""What environments need of the node around them."""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from wakeful.clock import Clock
from wakeful.environments.runtimes import Runtimes
from wakeful.environments.sandbox import Sandboxes
from wakeful.environments.version import Credentials, Version
from wakeful.fabric.shares import Shares

if TYPE_CHECKING:
    from wakeful.environments.environment import Environment


class Closeable(Protocol):
    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What environments need of the node.

    `log` takes events as (timestamp in ms, text). `serve_endpoint` serves the node's API on an environment's own
    socket, so that a call is known to come from this environment and, by `current`, from which invocation.
    `endpoint_url` is that socket's address as functions see it. `log_ended` hears when nothing more comes for a log
    stream; `log_has_room` says whether there may come more. `shares` are those of the loop that all run on.
    """

    sandboxes: Sandboxes
    runtimes: Runtimes
    clock: Clock
    credentials: Callable[[Version], Awaitable[Credentials]]
    log: Callable[[Version, str, list[tuple[int, str]]], None]
    serve_endpoint: Callable[[socket.socket, Environment], Awaitable[Closeable]]
    endpoint_url: str = "http://127.0.0.1:4566"
    log_ended: Callable[[Version, str], None] = lambda version, stream: None
    log_has_room: Callable[[], bool] = lambda: True
    shares: Shares = field(default_factory=Shares)
