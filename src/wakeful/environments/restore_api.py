"""What the Runtime API has besides for runtimes with SnapStart: restore/next, restore/error, and credentials.

A runtime that has finished INIT asks `restore/next` and is answered when its environment is restored for its first
event. Credentials are had by an address of their own, as in containers, so that none lie in memory from INIT on
("Activating and managing Lambda SnapStart": Using SnapStart with AWS SDKs).
"""

from __future__ import annotations

import asyncio
import datetime
import hmac
import json
import logging
from collections.abc import Coroutine
from typing import Any, Protocol

from wakeful.environments.runtime_api import Phase, RuntimeApi
from wakeful.environments.runtime_connection import Connection
from wakeful.environments.version import Credentials

RESTORE_NEXT = b"/2018-06-01/runtime/restore/next"
RESTORE_ERROR = b"/2018-06-01/runtime/restore/error"
CREDENTIALS = b"/2021-04-23/credentials"

FORK = b'{"fork":true}'

_ERROR_TYPE = b"lambda-runtime-function-error-type"

log = logging.getLogger(__name__)


class RestoreHost(Protocol):
    """Who is told what the runtime says."""

    def runtime_is_ready(self) -> None:
        """INIT is over."""

    def runtime_failed_to_restore(self, payload: bytes, error_type: str | None) -> None: ...

    async def credentials(self) -> tuple[Credentials, float]:
        """The function's, and when they expire in the machine's time."""

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]: ...


class RestoreApi:
    """One for each runtime process, beside its Runtime API."""

    def __init__(self, api: RuntimeApi, host: RestoreHost, token: str) -> None:
        """`token` is what the runtime shows to get credentials."""
        self._api = api
        self._host = host
        self._token = token
        self._parked: list[Connection] = []

    def resume(self) -> bool:
        """The runtime goes on after restore/next. False where it never asked: it waits for an event already."""
        if self._api.phase is Phase.READY:
            return False
        self._api.phase = Phase.RESTORING
        parked, self._parked = self._parked, []
        for connection in parked:
            connection.answer(_message(b"{}"))
        return True

    def fork(self) -> None:
        """The runtime goes on to a fork of its own; where it returns from that as the parent, it asks again."""
        parked, self._parked = self._parked, []
        for connection in parked:
            connection.answer(_message(FORK))

    def is_restored(self) -> None:
        """The runtime is the child of one that asked restore/next."""
        self._api.phase = Phase.RESTORING

    def answer(self, connection: Connection, method: bytes) -> bool:
        url = connection.url
        if url == RESTORE_NEXT and method == b"GET":
            self._restore_next(connection)
        elif url == RESTORE_ERROR and method == b"POST":
            self._restore_error(connection)
        elif url == CREDENTIALS and method == b"GET":
            self._credentials(connection)
        else:
            return False
        return True

    def _restore_next(self, connection: Connection) -> None:
        if self._api.phase is Phase.RESTORING:  # asked again, on a new connection for instance
            connection.answer(_message(b"{}"))
        elif self._api.phase in (Phase.STARTED, Phase.RESTORE_READY):
            connection.is_parked = True
            self._parked.append(connection)
            if self._api.phase is Phase.STARTED:
                self._api.phase = Phase.RESTORE_READY
                self._host.runtime_is_ready()
        else:
            self._api.refuse_transition(connection, Phase.RESTORE_READY.value)

    def _restore_error(self, connection: Connection) -> None:
        if self._api.phase is not Phase.RESTORING:
            self._api.refuse_transition(connection, Phase.RESTORE_ERROR.value)
            return
        self._api.phase = Phase.RESTORE_ERROR
        connection.accept()
        self._host.runtime_failed_to_restore(connection.body or b"", connection.text_of(_ERROR_TYPE))

    def _credentials(self, connection: Connection) -> None:
        shown = connection.text_of(b"authorization") or ""
        if not hmac.compare_digest(shown.encode(), self._token.encode()):
            connection.error(403, "InvalidAuthorizationToken", "The authorization token is not this environment's.")
            return
        connection.is_parked = True
        self._host.spawn(self._give_credentials(connection))

    async def _give_credentials(self, connection: Connection) -> None:
        try:
            credentials, expires_at = await self._host.credentials()
        except Exception:
            log.exception("no credentials could be had for a function")
            connection.error(500, "InternalServerError", "No credentials can be had for the function's role.")
            return
        moment = datetime.datetime.fromtimestamp(expires_at, datetime.UTC)
        document = {
            "AccessKeyId": credentials.access_key_id,
            "SecretAccessKey": credentials.secret_access_key,
            "Token": credentials.session_token,
            "Expiration": f"{moment:%Y-%m-%dT%H:%M:%SZ}",
        }
        connection.answer(_message(json.dumps(document, separators=(",", ":")).encode()))


def _message(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
