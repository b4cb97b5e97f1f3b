"""What is run and what becomes of it: a function version, one invocation of it, and its outcome."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from wakeful.fabric.trace import Trace


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

    log_group: str = ""
    log_format: Literal["Text", "JSON"] = "Text"
    application_log_level: str = "INFO"
    """Only the JSON format has levels."""

    system_log_level: str = "INFO"

    @property
    def logs_to(self) -> str:
        """The log group; AWS's default where none was chosen."""
        return self.log_group or f"/aws/lambda/{self.name}"


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
    final: asyncio.Future[Outcome] | None = None
    """Where extensions are still at work on the invocation: what it has been when they are done, to be billed."""


class Throttled(Exception):
    """An invocation that may not run now. Lambda answers TooManyRequestsException with this reason."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class BadPackage(Exception):
    """What Lambda says against a deployment package that cannot be unpacked."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """Temporary credentials of a function's role. `expires_at` is the node's time, epoch seconds."""

    access_key_id: str
    secret_access_key: str
    session_token: str
    expires_at: float
