"""What is run and what becomes of it: a function version, one invocation of it, and its outcome."""

from __future__ import annotations

import asyncio
import hashlib
import socket
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from wakeful import limits
from wakeful.fabric.trace import Trace

Key = tuple[str, str, str, str, str | None]
"""Function, version, revision, the version or alias whose provisioned concurrency it has, and the tenant."""


CAPACITY, ROOM = "capacity", "room"
"""What an environment of a version on managed instances may lack, besides what its function does."""


@dataclass(frozen=True, slots=True)
class Sharing:
    """How the environments of a version on managed instances are shared, and how many of them there are."""

    slots: int
    """How many invocations one takes at a time."""

    vcpus: float = 1.0
    least: int = 1
    most: int | None = None
    """None is as many as there is room for."""

    capacity: str = ""
    """Whose vCPUs they use, and how many of those there are."""

    capacity_vcpus: float = float("inf")


class Debugger(Protocol):
    """The way from a client on this machine to the debugger of a function. There is one environment at a time."""

    port: int
    """Where it listens, on the loopback inside."""

    waits: bool
    """INIT goes on when a client is there."""

    is_over: bool
    """Nobody debugs any more."""

    turn: asyncio.Lock
    """Whoever has it may use the environment."""

    def enters(self, connector: Callable[[], Awaitable[socket.socket]]) -> None:
        """From now on clients reach this sandbox."""

    def leaves(self, connector: Callable[[], Awaitable[socket.socket]]) -> None:
        """That one has ended."""


@dataclass(frozen=True, slots=True)
class Version:
    """Everything an environment needs to know of one function version.

    `arn` is the function's, without a qualifier. `revision` changes whenever code or configuration does: environments
    of an older revision are not used any more. `code` is the unpacked package, `layers` the merged layers.
    """

    arn: str
    name: str
    version: str
    account: str
    region: str
    revision: str
    runtime: str
    handler: str
    code: Path
    role_arn: str
    layers: Path | None = None
    memory_mb: int = 128
    timeout_s: float = 3.0
    tmp_mb: int = 512
    variables: Mapping[str, str] = field(default_factory=dict)
    architecture: str = "x86_64"
    reservations: Mapping[str, int] = field(default_factory=dict)
    """Reserved concurrency of the functions of this account and region, by ARN; 0 refuses every invocation."""

    claimed: int = 0
    """How much of the account's concurrency in this region is reserved or provisioned for somebody."""

    provisioned: str = ""
    """The version or alias for which concurrency is provisioned, where the caller asked for that; "" on demand."""

    is_snap_start: bool = False
    """Its environments are initialised ahead and restored for their first event; only published versions."""

    is_per_tenant: bool = False
    tenant: str | None = None
    """Whose events its environments see, where every tenant has environments of its own."""

    sharing: Sharing | None = None
    """Where its environments take several invocations at a time."""

    tags: str = "{}"
    """The function's, as JSON sorted by name: for the bill."""
    durable: Mapping[str, Any] | None = None
    """DurableConfig, where invoking it begins a durable execution."""
    debugger: Debugger | None = None
    """Where its process is started to be debugged. Its time is not limited then."""

    log_group: str = ""
    log_format: Literal["Text", "JSON"] = "Text"
    application_log_level: str = "INFO"
    """Only the JSON format has levels."""

    system_log_level: str = "INFO"

    @property
    def key(self) -> Key:
        """Environments of the same key can stand in for each other."""
        return (self.arn, self.version, self.revision, self.provisioned, self.tenant)

    @property
    def cores(self) -> float | None:
        """Processors, where they do not follow from memory."""
        if self.debugger is not None:
            return 1.0
        return None if self.sharing is None else self.sharing.vcpus

    @property
    def init_timeout_s(self) -> float:
        """How long INIT may take when nobody has called yet."""
        return limits.INIT_TIMEOUT_S if self.debugger is None else limits.DEBUG_S

    @property
    def logs_to(self) -> str:
        """The log group; AWS's default where none was chosen."""
        return self.log_group or f"/aws/lambda/{self.name}"


class Sink(Protocol):
    """Where the pieces of a streamed response go as they come. Called from callbacks: quick, and never raising."""

    def begin(self, content_type: str, resume: Callable[[], None]) -> None:
        """The function has begun to answer. `resume` is to be called when more may come after `write` said no."""

    def write(self, piece: bytes) -> bool:
        """Takes the piece. Whether more may come at once."""


@dataclass(frozen=True, slots=True)
class Invocation:
    """One event for a function. `invoked_arn` is what the caller named, with its qualifier."""

    request_id: str
    payload: bytes
    invoked_arn: str
    trace: Trace | None = None
    """Where the invocation stands in its story; calls that the function makes go on from here."""

    client_context: str | None = None
    """JSON, already out of its base64."""

    cognito_identity: str | None = None
    tenant_id: str | None = None
    log_tail: bool = False
    """Whether the outcome shall carry the end of the log (LogType=Tail)."""
    sink: Sink | None = None
    """Takes a streamed response as it comes; without one it is kept, and is the outcome's payload."""
    kind: str = "RequestResponse"
    """How it came: that, Event, ResponseStream, FunctionUrl, FunctionUrlStream, EventSourceMapping or
    DurableExecution."""
    source: str = ""
    """Who or what sent it, as far as that is known."""
    replay_of: str | None = None
    """The request id of the invocation whose event this is once more."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an invocation. With an `error`, `payload` is the error document, as for X-Amz-Function-Error.

    `error_type` is the fault as the log reports it (Runtime.ExitError …), None for exceptions that the function's own
    code raised. `started_at` is the node's time, epoch seconds.
    """

    payload: bytes
    error: Literal["Unhandled"] | None
    error_type: str | None
    status: Literal["success", "error", "timeout"]
    cold: bool
    init_ms: float | None
    duration_ms: float
    billed_ms: int
    memory_mb: int
    memory_used_mb: int
    log_tail: bytes
    started_at: float
    environment_id: str
    log_stream: str
    is_provisioned: bool = False
    """It ran in an environment that stood ready before anybody called."""
    is_shared: bool = False
    """It ran on managed instances, beside others in one environment; what those cost is not in a run's price."""
    streamed_bytes: int = 0
    """How much of the response went to a sink."""
    broken_by: str | None = None
    """What ended a streamed response that had begun, where that was an error; `payload` is then its document."""
    final: asyncio.Future[Outcome] | None = None
    """Where extensions are still at work on the invocation: what it has been when they are done, to be billed."""

    restore_ms: float | None = None
    """How long its environment took to be restored for it, with SnapStart."""


class Throttled(Exception):
    """An invocation that may not run now. Lambda answers TooManyRequestsException with this reason."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class RestoreFailed(Exception):
    """An environment could not be restored for an invocation; the function has not seen the event."""

    def __init__(self, status: Literal["error", "timeout"]) -> None:
        super().__init__(status)
        self.status = status


def runtime_version_arn(region: str, release: str) -> str:
    """An ARN in the form of a runtime version's. Its hash is that of the release's name, such as "python:3.12.v4"."""
    return f"arn:aws:lambda:{region}::runtime:{hashlib.sha256(release.encode()).hexdigest()}"


@dataclass(frozen=True, slots=True)
class File:
    """A file of a function as it is now; or a link that leads `to` somewhere."""

    content: bytes = b""
    is_executable: bool = False
    to: str | None = None


Changes = Mapping[str, File | None]
"""What somebody has changed in a function's code, by path below its folder; None is gone."""


class BadPackage(Exception):
    """What Lambda says against a deployment package that cannot be unpacked."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """Temporary credentials of a function's role. `expires_at` is the node's time, epoch seconds."""

    access_key_id: str
    secret_access_key: str
    session_token: str
    expires_at: float
