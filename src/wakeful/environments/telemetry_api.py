"""The Telemetry API and the older Logs API: how an extension subscribes to what there is to hear of its environment.

Served on the same socket as the Runtime API. Statuses and errors are those of "Lambda Telemetry API reference" and
"Lambda Logs API" of the Lambda guide and, where those are silent, of AWS's own emulator.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from wakeful.environments import telemetry_request
from wakeful.environments.extensions_api import Extension, ExtensionsApi
from wakeful.environments.runtime_connection import Connection
from wakeful.environments.telemetry import Telemetry
from wakeful.environments.telemetry_request import APIS, Api, Invalid, Subscription

Told = Callable[[Api, str, tuple[str, ...], bool], None]
"""Hears of every subscription: by which API, of which extension, to which types, and whether it is a new one."""


class TelemetryApi:
    """Of one runtime process. `reserved` are ports on its loopback that are no extension's."""

    def __init__(
        self,
        telemetry: Telemetry,
        extensions: ExtensionsApi,
        reserved: Callable[[], Collection[int]],
        subscribed: Told,
        *,
        can_listen: bool,
    ) -> None:
        self._telemetry = telemetry
        self._extensions = extensions
        self._reserved = reserved
        self._subscribed = subscribed
        self._can_listen = can_listen

    def answer(self, connection: Connection, method: bytes) -> bool:
        """Whether the connection's request is for one of these; it has been answered."""
        path = connection.url.rstrip(b"/")
        for api in APIS:
            if path == api.path:
                self._answer(connection, method, api)
                return True
        return False

    def _answer(self, connection: Connection, method: bytes, api: Api) -> None:
        if method != b"PUT":
            connection.plain(405, b"")
            return
        member = self._extensions.identified(connection)
        if member is None:
            return
        if not self._telemetry.is_open:
            message = f"{api.name} API subscription is closed already"
            connection.error(403, f"{api.name}.SubscriptionClosed", message)
        elif not self._can_listen:
            message = f"Wakeful has no {api.name} API where this host's sandboxes let no extension listen (tier C)."
            connection.error(400, "NotImplemented", message)
        else:
            self._subscribe(connection, api, member)

    def _subscribe(self, connection: Connection, api: Api, member: Extension) -> None:
        try:
            wanted = telemetry_request.read(api, connection.body or b"", self._reserved())
        except Invalid as error:
            connection.error(400, f"{api.error_prefix}ValidationError", str(error))
            return
        before = self._telemetry.subscription_of(member.name)
        if before is not None and before.api is not api:
            message = (
                f"The extension {member.name} is already subscribed to the {before.api.name}API. "
                "You must either subscribe to the LogsAPI or the TelemetryAPI"
            )
            connection.error(400, f"{api.name}.AccessDenied", message)
            return
        is_new = before != wanted
        if is_new:
            self._telemetry.subscribe(member.name, wanted)
        self._tell(api, member, wanted, is_new=is_new)
        connection.json(b'"OK"' if is_new else b'"AlreadySubscribed"')

    def _tell(self, api: Api, member: Extension, wanted: Subscription, *, is_new: bool) -> None:
        self._telemetry.subscription_told(api, member.name, wanted.types, is_new=is_new)
        self._subscribed(api, member.name, wanted.types, is_new)
