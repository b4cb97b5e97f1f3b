"""What environments ask of Lambda while they live: credentials of the function's role, and a place for its log.

A function's log group and stream are made as its role, when it first says something: a role that may not write logs
leaves none, as on AWS ("Sending Lambda function logs to CloudWatch Logs").
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from wakeful import limits, names
from wakeful.environments.version import Credentials, Version
from wakeful.fabric.service import Call, Node, Principal
from wakeful.fabric.trace import new_trace
from wakeful.store.telemetry import LogEvent
from wakeful.wire.errors import AwsError

SERVICE = "lambda.amazonaws.com"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Session:
    """A session of a function's role: its credentials, and who that is."""

    credentials: Credentials
    principal: Principal


@dataclass(slots=True)
class _Stream:
    """What a log stream got before it is known whether it may be there."""

    version: Version
    name: str
    is_open: bool | None = None
    waiting: deque[LogEvent] = field(default_factory=lambda: deque(maxlen=limits.LAMBDA_LOG_WAITING_MAX))


class Attendant:
    """One for each node; the node hands its methods to the environments."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._sessions: dict[tuple[str, str], Session] = {}
        self._streams: dict[tuple[str, str], _Stream] = {}
        self._to_open: deque[_Stream] = deque()
        self._something_to_open = asyncio.Event()

    # --- credentials ---

    async def credentials(self, version: Version) -> Credentials:
        """Credentials of the function's role that are good for at least half as long as they are issued for."""
        return (await self.session(version)).credentials

    def principal(self, version: Version) -> Principal:
        """Who the function is, as it was told by its credentials."""
        return self._sessions[version.role_arn, version.name].principal

    async def session(self, version: Version) -> Session:
        """The session of the role, named after the function, as Lambda names it; STS wants two letters at least."""
        key = (version.role_arn, version.name)
        held = self._sessions.get(key)
        half_s = limits.LAMBDA_CREDENTIALS_S / 2
        now = self._node.clock.now()
        if held is None or held.credentials.expires_at - now < half_s:
            self._sessions = {each: kept for each, kept in self._sessions.items() if kept.credentials.expires_at > now}
            held = self._sessions[key] = await self._assume(version)
        return held

    async def _assume(self, version: Version) -> Session:
        request = {
            "RoleArn": version.role_arn,
            "RoleSessionName": version.name if len(version.name) > 1 else f"{version.name}-function",
            "DurationSeconds": int(limits.LAMBDA_CREDENTIALS_S),
        }
        ourselves = Principal("service", SERVICE, version.account)
        answer = await self._node.call(self._call(version, ourselves), "sts", "AssumeRole", request)
        issued, user = answer["Credentials"], answer["AssumedRoleUser"]
        credentials = Credentials(
            issued["AccessKeyId"], issued["SecretAccessKey"], issued["SessionToken"], issued["Expiration"]
        )
        account = names.parse_arn(version.role_arn).account
        return Session(credentials, Principal("role", user["Arn"], account, user["AssumedRoleId"], version.role_arn))

    def _call(self, version: Version, principal: Principal) -> Call:
        return Call(
            account=version.account,
            region=version.region,
            principal=principal,
            request_id=names.new_uuid(),
            trace=new_trace(self._node.clock.now()),
            endpoint=self._node.endpoint,
        )

    # --- logs ---

    def log(self, version: Version, stream: str, events: Iterable[tuple[int, str]]) -> None:
        """The events will be in the function's log, if its role may write there."""
        group = group_arn(version)
        held = self._streams.get((group, stream))
        if held is None:
            held = self._streams[group, stream] = _Stream(version, stream)
            self._to_open.append(held)
            self._something_to_open.set()
        told = [LogEvent(*event) for event in events]
        if held.is_open is None:
            held.waiting += told
        elif held.is_open:
            self._node.telemetry.log(group, stream, told)

    def forget(self, version: Version, stream: str) -> None:
        """Nothing more comes for this stream: its environment is gone."""
        self._streams.pop((group_arn(version), stream), None)

    async def run(self) -> None:
        """Opens log streams as they are first written to, until cancelled. One that cannot be opened now, is later."""
        while True:
            await self._something_to_open.wait()
            self._something_to_open.clear()
            while self._to_open:
                stream = self._to_open.popleft()
                try:
                    with self._node.wakes.busy():
                        await self._open(stream)
                except Exception:
                    log.exception("the log of %s cannot be opened now", stream.version.arn)
                    self._to_open.append(stream)
                    await asyncio.sleep(limits.WORK_BACKOFF_S)

    async def _open(self, stream: _Stream) -> None:
        version = stream.version
        try:
            await self._make(stream)
            stream.is_open = True
        except AwsError as refusal:
            log.warning("%s may not write its log: %s", version.arn, refusal.message)
            stream.is_open = False
        else:
            self._node.telemetry.log(group_arn(version), stream.name, stream.waiting)
        stream.waiting.clear()

    async def _make(self, stream: _Stream) -> None:
        version = stream.version
        role = (await self.session(version)).principal
        group = {"logGroupName": version.logs_to}
        wanted: tuple[tuple[str, Mapping[str, Any]], ...] = (
            ("CreateLogGroup", group),
            ("CreateLogStream", {**group, "logStreamName": stream.name}),
        )
        for operation, request in wanted:
            try:
                await self._node.call(self._call(version, role), "logs", operation, dict(request))
            except AwsError as error:
                if error.shape_name != "ResourceAlreadyExistsException":
                    raise


def group_arn(version: Version) -> str:
    """The log group as telemetry knows it."""
    return f"arn:aws:logs:{version.region}:{version.account}:log-group:{version.logs_to}"
